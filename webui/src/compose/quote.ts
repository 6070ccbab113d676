/** What an answer takes over from the message it answers (RFC 5322 section 3.6.4). */

import type { Email, EmailAddress, EmailDetail, EmailText, Identity } from "@/jmap/types";

import { formatAddress, sameAddress, shortName, unique } from "./addresses";

export type AnswerKind = "reply" | "replyAll" | "forward";

type Original = Email & EmailDetail;

const REPLY_PREFIX = /^(?:(?:re|aw|sv|vs|antw|odp|ref)\s*(?:\[\d+\])?\s*:\s*)+/iu;
const FORWARD_PREFIX = /^(?:(?:fwd?|wg|tr|rv|doorst)\s*:\s*)+/iu;

/** `Re: subject`, with one prefix however many there were. */
export function answerSubject(kind: AnswerKind, subject: string | null): string {
  const plain = (subject ?? "").trim();
  return kind === "forward"
    ? `Fwd: ${plain.replace(FORWARD_PREFIX, "")}`.trim()
    : `Re: ${plain.replace(REPLY_PREFIX, "")}`.trim();
}

/** The identity to answer with: the one the message was sent to, else the first. */
export function answeringIdentity(original: Original | null, identities: Identity[]): Identity | undefined {
  const people = original === null ? [] : [original.to, original.cc, original.from].flatMap((list) => list ?? []);
  for (const { email } of people) {
    const found = identities.find((identity) => sameAddress(identity.email, email));
    if (found !== undefined) return found;
  }
  return identities[0];
}

/** Who gets the answer. Somebody who answers their own message writes to the same people again. */
export function recipients(
  kind: AnswerKind,
  original: Original,
  own: string[],
): { to: EmailAddress[]; cc: EmailAddress[] } {
  if (kind === "forward") return { to: [], cc: [] };
  const isOwn = ({ email }: EmailAddress) => own.some((address) => sameAddress(address, email));
  const from = original.from ?? [];
  const answerTo = original.replyTo?.length ? original.replyTo : from;
  const fromMe = from.length > 0 && from.every(isOwn);
  const to = unique(fromMe ? (original.to ?? []) : answerTo);
  if (kind === "reply") return { to, cc: [] };
  const others = unique([...(fromMe ? [] : (original.to ?? [])), ...(original.cc ?? [])], [
    ...own,
    ...to.map(({ email }) => email),
  ]);
  return { to, cc: others };
}

/** RFC 5322 section 3.6.4: the References of the original and its Message-ID. */
export function threadFields(original: Original): { inReplyTo: string[] | null; references: string[] | null } {
  const messageId = original.messageId ?? [];
  const references = [...(original.references ?? []), ...messageId];
  return {
    inReplyTo: messageId.length ? messageId : null,
    references: references.length ? references : null,
  };
}

/** Each line behind a `>`; lines that are quotes already get no space between the marks (RFC 3676 section 4.5). */
export function quoteLines(text: string): string {
  return text
    .replace(/\r\n?/gu, "\n")
    .replace(/\n+$/u, "")
    .split("\n")
    .map((line) => (line === "" ? ">" : line.startsWith(">") ? `>${line}` : `> ${line}`))
    .join("\n");
}

/** The text that stands in the composer when an answer is begun. */
export function answerText(
  kind: AnswerKind,
  original: Original,
  text: string,
  signature: string,
  date: (iso: string) => string,
): string {
  const sign = signature === "" ? "" : `\n\n-- \n${signature}`;
  const when = date(original.sentAt ?? original.receivedAt);
  const from = original.from?.[0];
  if (kind === "forward") {
    const people = (list: EmailAddress[] | null) => (list ?? []).map(formatAddress).join(", ");
    const head = [
      "---------- Forwarded message ----------",
      `From: ${people(original.from)}`,
      `Date: ${when}`,
      `Subject: ${original.subject ?? ""}`,
      `To: ${people(original.to)}`,
    ];
    if (original.cc?.length) head.push(`Cc: ${people(original.cc)}`);
    return `${sign}\n\n${head.join("\n")}\n\n${text.replace(/\r\n?/gu, "\n")}`;
  }
  return `${sign}\n\nOn ${when}, ${from === undefined ? "somebody" : shortName(from)} wrote:\n${quoteLines(text)}\n`;
}

const ENTITIES: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: " " };
const BLOCK = /^(?:address|article|blockquote|div|dl|dt|dd|figure|footer|form|h[1-6]|header|hr|li|main|nav|ol|p|pre|section|table|tr|ul)$/u;
const SILENT = /^(?:head|script|style|title|template)$/u;

/** The words of an HTML text, in one pass and without ever building a document of it. */
export function htmlToText(html: string): string {
  let text = "";
  let silent = "";
  const tokens = /<!--[\s\S]*?(?:-->|$)|<(\/?)([a-zA-Z][a-zA-Z0-9]*)[^>]*>?|[^<]+|</gu;
  for (const [token, closing, tag] of html.matchAll(tokens)) {
    if (tag === undefined) {
      if (silent === "" && !token.startsWith("<!--")) text += token.replace(/\s+/gu, " ");
      continue;
    }
    const name = tag.toLowerCase();
    if (silent !== "") {
      if (closing === "/" && name === silent) silent = "";
    } else if (SILENT.test(name)) {
      if (closing !== "/") silent = name;
    } else if (name === "br") text += "\n";
    else if (BLOCK.test(name)) text += name === "p" ? "\n\n" : "\n";
    else if ((name === "td" || name === "th") && closing !== "/") text += " ";
  }
  return text
    .replace(/&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([a-zA-Z]+));/gu, (whole, decimal?: string, hex?: string, name?: string) => {
      if (name !== undefined) return ENTITIES[name.toLowerCase()] ?? whole;
      const code = decimal === undefined ? Number.parseInt(hex ?? "", 16) : Number(decimal);
      return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : "\ufffd";
    })
    .replace(/\u00a0/gu, " ")
    .split("\n")
    .map((line) => line.trim())
    .join("\n")
    .replace(/\n{3,}/gu, "\n\n")
    .trim();
}

/** The text of a message, whichever form it came in. */
export function textOf({ textBody, bodyValues }: EmailText): string {
  return textBody
    .map((part) => {
      const value = bodyValues[part.partId ?? ""]?.value ?? "";
      return part.type === "text/html" ? htmlToText(value) : value;
    })
    .filter((value) => value !== "")
    .join("\n\n");
}
