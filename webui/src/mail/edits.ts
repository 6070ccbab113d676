/** Edits of Emails that show at once and can be taken back: patches (RFC 8620 section 5.3) and their inverses. */

import type { Email, Id, Mailbox, Patch } from "@/jmap/types";

export type EmailPatch = Record<string, true | null>;

/** The Email with a patch of its `keywords/…` and `mailboxIds/…` applied. */
export function patched(email: Email, patch: EmailPatch): Email {
  const next = { ...email, keywords: { ...email.keywords }, mailboxIds: { ...email.mailboxIds } };
  for (const [path, value] of Object.entries(patch)) {
    const slash = path.indexOf("/");
    const set = path.slice(0, slash) === "keywords" ? next.keywords : next.mailboxIds;
    const key = path.slice(slash + 1);
    if (value === null) Reflect.deleteProperty(set, key);
    else set[key] = true;
  }
  return next;
}

/** The patch that leads from `after` back to `before`. */
export function inverse(before: Email, after: Email): EmailPatch {
  const patch: EmailPatch = {};
  for (const property of ["keywords", "mailboxIds"] as const) {
    for (const key of new Set([...Object.keys(before[property]), ...Object.keys(after[property])])) {
      const was = before[property][key] === true;
      if (was !== (after[property][key] === true)) patch[`${property}/${key}`] = was ? true : null;
    }
  }
  return patch;
}

/** A patch as it goes over the wire: slashes and tildes in names are escaped (RFC 6901 section 3). */
export function wirePatch(patch: EmailPatch): Patch {
  return Object.fromEntries(
    Object.entries(patch).map(([path, value]) => {
      const slash = path.indexOf("/");
      const key = path.slice(slash + 1).replace(/~/gu, "~0").replace(/\//gu, "~1");
      return [`${path.slice(0, slash)}/${key}`, value];
    }),
  );
}

/** Takes an Email out of all its Mailboxes and puts it into one. */
export function moveTo(email: Email, target: Id): EmailPatch {
  const patch: EmailPatch = {};
  for (const id of Object.keys(email.mailboxIds)) if (id !== target) patch[`mailboxIds/${id}`] = null;
  if (email.mailboxIds[target] !== true) patch[`mailboxIds/${target}`] = true;
  return patch;
}

/** How the counters of the Mailboxes move when Emails change: added to `totalEmails` and `unreadEmails`. */
export function counterChanges(pairs: { before: Email; after: Email | null }[]): Map<Id, { total: number; unread: number }> {
  const changes = new Map<Id, { total: number; unread: number }>();
  const count = (email: Email, sign: 1 | -1) => {
    for (const id of Object.keys(email.mailboxIds)) {
      const change = changes.get(id) ?? { total: 0, unread: 0 };
      change.total += sign;
      // RFC 8621 section 2: neither read Emails nor drafts count as unread.
      if (email.keywords.$seen !== true && email.keywords.$draft !== true) change.unread += sign;
      changes.set(id, change);
    }
  };
  for (const { before, after } of pairs) {
    count(before, -1);
    if (after !== null) count(after, 1);
  }
  return changes;
}

/** The Mailbox with its counters moved, never below nothing. */
export function recounted(mailbox: Mailbox, change: { total: number; unread: number }): Mailbox {
  return {
    ...mailbox,
    totalEmails: Math.max(0, mailbox.totalEmails + change.total),
    unreadEmails: Math.max(0, mailbox.unreadEmails + change.unread),
  };
}
