/** What of a message was not loaded, in words. */

export interface Blocked {
  pictures: number;
  /** Style sheets and fonts. */
  others: number;
}

/** The sentence over a message; empty when nothing was left out. */
export function blockedNotice({ pictures, others }: Blocked): string {
  const parts = [
    pictures === 0 ? "" : pictures === 1 ? "One remote picture" : `${pictures} remote pictures`,
    others === 0 ? "" : `${pictures === 0 ? (others === 1 ? "One" : others) : others} remote ${others === 1 ? "style or font" : "styles or fonts"}`,
  ].filter((part) => part !== "");
  if (parts.length === 0) return "";
  const verb = pictures + others === 1 ? "was" : "were";
  return `${parts.join(" and ")} ${verb} not loaded, so the sender does not learn that you read this.`;
}
