/** What a row of the list shows of a Thread. */

import { sameAddress, shortName } from "@/compose/addresses";
import type { Email, EmailAddress, Id, SearchSnippet } from "@/jmap/types";
import { wholeDate } from "@/ui/format";

import { type Piece, pieces } from "./snippets";

export interface Row {
  /** The newest Email of the Thread in this Mailbox: the one the query named. */
  id: Id;
  threadId: Id;
  people: string;
  face: EmailAddress;
  count: number;
  subject: string;
  /** The subject and the beginning of the text; of a search what was found in them, with marks. */
  found: { subject: Piece[]; preview: Piece[] };
  receivedAt: string;
  unread: boolean;
  flagged: boolean;
  answered: boolean;
  attachment: boolean;
  draft: boolean;
}

/** `Anna`, `Anna, Bo`, `Anna … Cem`: first names once there are several. */
export function peopleOf(emails: Email[], own: string[]): string {
  const seen = new Map<string, string>();
  for (const email of emails) {
    const from = email.from?.[0];
    if (from === undefined) continue;
    const key = from.email.toLowerCase();
    if (!seen.has(key)) seen.set(key, own.some((address) => sameAddress(address, from.email)) ? "me" : shortName(from));
  }
  const names = [...seen.values()];
  if (names.length <= 1) return names[0] ?? "(no sender)";
  const short = names.map((name) => (name.includes("@") ? name.replace(/@.*$/u, "") : (name.split(/\s+/u)[0] ?? name).replace(/,$/u, "")));
  return short.length <= 3 ? short.join(", ") : `${short[0] ?? ""}, ${short[1] ?? ""} … ${short[short.length - 1] ?? ""}`;
}

/** The row of a Thread, from the Emails of it that are known. */
export function rowOf(newest: Email, thread: Email[], own: string[], outgoing: boolean, snippet?: SearchSnippet): Row {
  const nobody = { name: null, email: "" };
  const receivers = newest.to ?? [];
  const subject = newest.subject?.trim() || "(no subject)";
  return {
    id: newest.id,
    threadId: newest.threadId,
    people: outgoing
      ? receivers.length
        ? `To: ${receivers.map(shortName).join(", ")}`
        : "(no recipient)"
      : peopleOf(thread, own),
    face: (outgoing ? receivers[0] : newest.from?.[0]) ?? nobody,
    count: thread.length,
    subject,
    found: {
      subject: snippet?.subject ? pieces(snippet.subject) : [{ text: subject, marked: false }],
      preview: snippet?.preview ? pieces(snippet.preview) : [{ text: newest.preview, marked: false }],
    },
    receivedAt: newest.receivedAt,
    unread: thread.some(({ keywords }) => keywords.$seen !== true && keywords.$draft !== true),
    flagged: thread.some(({ keywords }) => keywords.$flagged === true),
    answered: newest.keywords.$answered === true,
    attachment: thread.some(({ hasAttachment }) => hasAttachment),
    draft: thread.some(({ keywords }) => keywords.$draft === true),
  };
}

/** The row as it is read out. */
export function spoken(row: Row): string {
  return [
    row.unread ? "unread" : "",
    row.flagged ? "flagged" : "",
    row.people,
    row.count > 1 ? `${row.count} messages` : "",
    row.subject,
    wholeDate(row.receivedAt),
    row.attachment ? "has attachment" : "",
  ]
    .filter((part) => part !== "")
    .join(", ");
}
