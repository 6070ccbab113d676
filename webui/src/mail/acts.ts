/** What can be done to a conversation. */

import type { Email, Id } from "@/jmap/types";
import type { Toasts } from "@/ui/toasts";

import { type EmailPatch, moveTo } from "./edits";
import type { Editor } from "./editor";
import type { Known } from "./known";
import type { List } from "./list";

export type Act = "archive" | "remove" | "junk" | "flag" | "unread";

export class Acts {
  constructor(
    private readonly known: Known,
    private readonly list: List,
    private readonly editor: Editor,
    private readonly toasts: Toasts,
  ) {}

  get #role(): string | null {
    return this.list.mailbox.value?.role ?? null;
  }

  async #move(threadId: Id, role: string, label: string, keywords: EmailPatch = {}): Promise<void> {
    const target = this.known.byRole(role);
    if (target === null) {
      this.toasts.error(`This account has no Mailbox for that (${role}).`);
      return;
    }
    const emails = this.list.targets(threadId);
    await this.editor.edit(new Map(emails.map((email) => [email.id, { ...moveTo(email, target.id), ...keywords }])), label);
  }

  async archive(threadId: Id): Promise<void> {
    if (this.#role !== "archive") await this.#move(threadId, "archive", "Archived");
  }

  /** To Junk, and from there back to the inbox; the keywords tell a filter what it should learn (IANA "IMAP and JMAP Keywords"). */
  async junk(threadId: Id): Promise<void> {
    if (this.#role === "junk") {
      await this.#move(threadId, "inbox", "Moved to the inbox", { "keywords/$junk": null, "keywords/$notjunk": true });
    } else {
      await this.#move(threadId, "junk", "Moved to Junk", { "keywords/$junk": true, "keywords/$notjunk": null });
    }
  }

  /** To the Trash; from there, for good. `confirm` is asked first, since that cannot be undone. */
  async remove(threadId: Id, confirm: (question: string) => Promise<boolean>): Promise<void> {
    if (this.#role !== "trash") return this.#move(threadId, "trash", "Moved to Trash");
    const emails = this.list.targets(threadId);
    const many = emails.length > 1 ? `these ${emails.length} messages` : "this message";
    if (await confirm(`Delete ${many} for good? This cannot be undone.`)) {
      await this.editor.destroy(emails.map(({ id }) => id));
    }
  }

  /** Flags the newest message; takes the flags off all where there are some. */
  async flag(threadId: Id): Promise<void> {
    const flagged = this.list.inThread(threadId).filter(({ keywords }) => keywords.$flagged === true);
    if (flagged.length > 0) await this.#keyword(flagged, "keywords/$flagged", null);
    else await this.#keyword(this.list.targets(threadId).slice(-1), "keywords/$flagged", true);
  }

  async markRead(threadId: Id): Promise<void> {
    const unread = this.list.inThread(threadId).filter(({ keywords }) => keywords.$seen !== true && keywords.$draft !== true);
    await this.#keyword(unread, "keywords/$seen", true);
  }

  async markUnread(threadId: Id): Promise<void> {
    await this.#keyword(this.list.targets(threadId).slice(-1), "keywords/$seen", null, "Marked as unread");
  }

  async #keyword(emails: Email[], path: string, value: true | null, label: string | null = null): Promise<void> {
    await this.editor.edit(new Map(emails.map(({ id }) => [id, { [path]: value }])), label);
  }
}
