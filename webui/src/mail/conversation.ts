/** The conversation in the reading pane. */

import { ref } from "vue";

import { type Client, Failure } from "@/jmap/client";
import type { EmailText, Id } from "@/jmap/types";

import type { Known } from "./known";
import { textCall, threadCalls } from "./queries";

export type Phase = "loading" | "ready" | "failed";

export class Conversation {
  readonly threadId = ref<Id | null>(null);
  readonly phase = ref<Phase>("ready");

  constructor(
    private readonly client: Client,
    private readonly known: Known,
  ) {}

  /** Opens a Thread, or closes the one that is open: at once with what is known, then with what the server says. */
  async open(threadId: Id | null): Promise<void> {
    if (this.threadId.value === threadId) return;
    this.threadId.value = threadId;
    if (threadId === null) return;
    const ids = this.known.threads.get(threadId);
    const complete = ids?.every((id) => this.known.emails.has(id) && this.known.details.has(id)) ?? false;
    this.phase.value = complete ? "ready" : "loading";
    await this.reload();
  }

  async retry(): Promise<void> {
    this.phase.value = "loading";
    await this.reload();
  }

  /** Reads the open Thread again. */
  async reload(): Promise<void> {
    const threadId = this.threadId.value;
    if (threadId === null) return;
    try {
      const batch = this.client.batch();
      const calls = threadCalls(batch, threadId);
      const answers = await this.client.read(batch);
      const thread = answers.of(calls.thread).list[0];
      if (thread !== undefined) this.known.threads.set(threadId, thread.emailIds);
      const emails = answers.of(calls.emails).list;
      for (const email of emails) this.known.details.set(email.id, email);
      this.known.takeEmails(emails);
      if (this.threadId.value === threadId) this.phase.value = thread === undefined ? "failed" : "ready";
    } catch {
      if (this.threadId.value === threadId && this.phase.value === "loading") this.phase.value = "failed";
    }
  }

  /** The text of a message, for quoting. */
  async text(id: Id): Promise<EmailText> {
    const batch = this.client.batch();
    const call = textCall(batch, id);
    const [email] = (await this.client.read(batch)).of(call).list;
    if (email === undefined) throw new Failure("object", "notFound", "The message is gone");
    return email;
  }
}
