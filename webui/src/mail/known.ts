/** What the page knows of an account: Mailboxes, Emails, Threads, and the edits that are not confirmed yet. */

import { computed, ref, shallowReactive, shallowRef } from "vue";

import type { Email, EmailDetail, Id, Identity, Mailbox } from "@/jmap/types";

import { counterChanges, type EmailPatch, patched, recounted } from "./edits";

/** Edits that are on the screen and on their way to the server. */
export type Pending = ReadonlyMap<Id, EmailPatch>;

/** An Email as it was and as it is; null where it was deleted. */
export interface Pair {
  before: Email;
  after: Email | null;
}

export class Known {
  readonly username = ref("");
  readonly identities = shallowRef<Identity[]>([]);
  readonly mailboxes = shallowRef<ReadonlyMap<Id, Mailbox>>(new Map());
  readonly emails = shallowReactive(new Map<Id, Email>());
  readonly details = shallowReactive(new Map<Id, EmailDetail>());
  readonly threads = shallowReactive(new Map<Id, Id[]>());

  /** The addresses of the person at the screen. */
  readonly own = computed(() => [this.username.value, ...this.identities.value.map(({ email }) => email)]);

  #pending: Pending[] = [];

  /** The Mailbox a URL speaks of: by role, or by id. */
  resolve(slug: string): Mailbox | null {
    return this.byRole(slug) ?? this.mailboxes.value.get(slug) ?? null;
  }

  byRole(role: string): Mailbox | null {
    for (const mailbox of this.mailboxes.value.values()) if (mailbox.role === role) return mailbox;
    return null;
  }

  /** The Inbox has one name in IMAP (RFC 9051 section 5.1), which is not how people write it. */
  label(mailbox: Mailbox): string {
    return mailbox.role === "inbox" && mailbox.name === "INBOX" ? "Inbox" : mailbox.name;
  }

  slug(mailbox: Mailbox): string {
    return mailbox.role ?? mailbox.id;
  }

  /** Trash and Junk: what lies there is shown only to those who look there. */
  hiddenMailboxes(): Id[] {
    return [this.byRole("trash"), this.byRole("junk")].flatMap((mailbox) => (mailbox === null ? [] : [mailbox.id]));
  }

  replaceMailboxes(list: Mailbox[]): void {
    this.mailboxes.value = new Map(list.map((mailbox) => [mailbox.id, mailbox]));
  }

  takeMailboxes(list: Mailbox[], gone: Id[] = []): void {
    const next = new Map(this.mailboxes.value);
    for (const mailbox of list) next.set(mailbox.id, mailbox);
    for (const id of gone) next.delete(id);
    this.mailboxes.value = next;
  }

  takeEmails(list: Email[]): void {
    for (const email of list) {
      // What is not confirmed yet stays on top of what the server says.
      const overlaid = this.#pending.reduce((one, patches) => patched(one, patches.get(email.id) ?? {}), email);
      this.emails.set(email.id, overlaid);
      const thread = this.threads.get(email.threadId);
      if (thread === undefined) this.threads.set(email.threadId, [email.id]);
      else if (!thread.includes(email.id)) this.threads.set(email.threadId, [...thread, email.id]);
    }
  }

  forget(id: Id): void {
    const email = this.emails.get(id);
    if (email === undefined) return;
    this.emails.delete(id);
    this.details.delete(id);
    const rest = (this.threads.get(email.threadId) ?? []).filter((other) => other !== id);
    if (rest.length > 0) this.threads.set(email.threadId, rest);
    else this.threads.delete(email.threadId);
  }

  /** Puts changed Emails and the counters of their Mailboxes on the screen. */
  show(pairs: Pair[]): void {
    for (const { before, after } of pairs) {
      if (after === null) this.forget(before.id);
      else this.emails.set(after.id, after);
    }
    this.takeMailboxes(
      [...counterChanges(pairs)].flatMap(([id, change]) => {
        const mailbox = this.mailboxes.value.get(id);
        return mailbox === undefined ? [] : [recounted(mailbox, change)];
      }),
    );
  }

  hold(pending: Pending): void {
    this.#pending.push(pending);
  }

  release(pending: Pending): void {
    this.#pending = this.#pending.filter((one) => one !== pending);
  }

  /** Whether an edit of this Email is on its way. */
  holds(id: Id): boolean {
    return this.#pending.some((one) => one.has(id));
  }

  get isPending(): boolean {
    return this.#pending.length > 0;
  }
}
