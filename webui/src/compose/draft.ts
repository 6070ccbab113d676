/** A message that is being written, and the Email object it becomes. */

import type { EmailAddress, Id, Identity } from "@/jmap/types";

export interface Attachment {
  key: number;
  name: string;
  type: string;
  size: number;
  blobId: Id | null;
  /** 0 to 1 while it is on its way. */
  progress: number;
  error: string;
  stop: AbortController | null;
  file: File | null;
}

export interface Field {
  addresses: EmailAddress[];
  /** What was typed and is no address yet. */
  typed: string;
}

export interface Draft {
  identityId: Id;
  to: Field;
  cc: Field;
  bcc: Field;
  subject: string;
  body: string;
  attachments: Attachment[];
  inReplyTo: string[] | null;
  references: string[] | null;
  /** The Email that is answered or forwarded, and the keyword it gets for that. */
  answers: { id: Id; keyword: "$answered" | "$forwarded" } | null;
}

export function field(addresses: EmailAddress[] = []): Field {
  return { addresses: [...addresses], typed: "" };
}

export function blank(identityId: Id): Draft {
  return {
    identityId,
    to: field(),
    cc: field(),
    bcc: field(),
    subject: "",
    body: "",
    attachments: [],
    inReplyTo: null,
    references: null,
    answers: null,
  };
}

/** The Email object of a draft (RFC 8621 section 4.6). */
export function emailOf(draft: Draft, identity: Identity, mailboxId: Id): Record<string, unknown> {
  const list = ({ addresses }: Field) => (addresses.length > 0 ? addresses.map(({ name, email }) => ({ name, email })) : null);
  return {
    mailboxIds: { [mailboxId]: true },
    keywords: { $draft: true, $seen: true },
    from: [{ name: identity.name || null, email: identity.email }],
    to: list(draft.to),
    cc: list(draft.cc),
    bcc: list(draft.bcc),
    subject: draft.subject,
    inReplyTo: draft.inReplyTo,
    references: draft.references,
    textBody: [{ partId: "text", type: "text/plain" }],
    bodyValues: { text: { value: draft.body } },
    attachments: draft.attachments
      .filter(({ blobId }) => blobId !== null)
      .map(({ blobId, name, type }) => ({ blobId, name, type, disposition: "attachment" })),
  };
}

/** What keeps a draft from being sent, in words; empty when nothing does. */
export function obstacle(draft: Draft): string {
  for (const { typed } of [draft.to, draft.cc, draft.bcc]) {
    if (typed.trim() !== "") return `“${typed.trim()}” is not an address.`;
  }
  if (draft.to.addresses.length + draft.cc.addresses.length + draft.bcc.addresses.length === 0) {
    return "Add at least one recipient.";
  }
  if (draft.attachments.some(({ error }) => error !== "")) return "An attachment failed. Try it again or remove it.";
  if (draft.attachments.some(({ blobId }) => blobId === null)) return "Attachments are still on their way.";
  return "";
}
