/** The mail of one account: starts, follows changes by push, and knows whether the server is there. */

import { ref, shallowRef } from "vue";

import { type Client, Failure } from "@/jmap/client";
import { Push } from "@/jmap/push";
import type { Email, Id } from "@/jmap/types";
import type { Toasts } from "@/ui/toasts";

import { Acts } from "./acts";
import { Conversation, type Phase } from "./conversation";
import { Editor } from "./editor";
import { Known } from "./known";
import { List } from "./list";
import { listCalls, ROW_PROPERTIES } from "./queries";
import { PAGE } from "./window";

/** The most changes taken over in one step. */
const MAX_CHANGES = 256;

export type Connection = "online" | "offline" | "ended";

/** What is kept on this device: only which Mailbox has which role, so that the first request can name them. */
export interface Memory {
  get(key: string): string | null;
  set(key: string, value: string): void;
}

export class MailStore {
  readonly phase = ref<Phase>("loading");
  readonly failure = ref("");
  readonly connection = ref<Connection>("online");
  readonly syncedAt = ref(0);

  /** Emails that came while this page was open, newest last: what the live region and the pill speak of. */
  readonly arrived = shallowRef<Email[]>([]);

  readonly known = new Known();
  readonly list: List;
  readonly conversation: Conversation;
  readonly editor: Editor;
  readonly acts: Acts;

  #states = { Mailbox: "", Email: "" };
  #syncing = false;
  #syncAgain = false;
  #push: Push | null = null;

  constructor(
    readonly client: Client,
    readonly toasts: Toasts,
    private readonly memory: Memory,
  ) {
    this.list = new List(client, this.known);
    this.conversation = new Conversation(client, this.known);
    this.editor = new Editor(client, this.known, this.list, toasts);
    this.acts = new Acts(this.known, this.list, this.editor, toasts);
    client.onSessionEnded = () => {
      this.connection.value = "ended";
      this.#push?.stop();
    };
    client.onReachable = (reachable) => {
      if (this.connection.value !== "ended") this.connection.value = reachable ? "online" : "offline";
    };
  }

  /** Reads the Session, then all that the first screen shows in one request. */
  async start(slug: string): Promise<void> {
    this.phase.value = "loading";
    try {
      const session = await this.client.open();
      this.known.username.value = session.username;
      await this.#begin(slug);
      this.phase.value = "ready";
      this.syncedAt.value = Date.now();
      this.#follow(session.eventSourceUrl);
    } catch (failure) {
      this.failure.value = failure instanceof Error ? failure.message : String(failure);
      this.phase.value = "failed";
    }
  }

  async #begin(slug: string): Promise<void> {
    const key = `mailboxes:${this.client.accountId}`;
    const guess = (JSON.parse(this.memory.get(key) ?? "{}") as Record<string, Id>)[slug];
    const batch = this.client.batch();
    const boxes = batch.add("Mailbox/get", { ids: null });
    const identities = batch.add("Identity/get", { ids: null });
    const state = batch.add("Email/get", { ids: [] });
    const calls = guess === undefined ? null : listCalls(batch, this.list.filter(guess), 0, PAGE);
    const answers = await this.client.read(batch);

    const mailboxes = answers.of(boxes);
    this.known.replaceMailboxes(mailboxes.list);
    this.known.identities.value = answers.maybe(identities)?.list ?? [];
    this.#states = { Mailbox: mailboxes.state, Email: answers.of(state).state };
    const roles = mailboxes.list.flatMap(({ role, id }) => (role === null ? [] : [[role, id]]));
    this.memory.set(key, JSON.stringify(Object.fromEntries(roles)));

    const wanted = this.known.resolve(slug) ?? this.known.byRole("inbox");
    if (wanted === null) return;
    if (calls !== null && wanted.id === guess && answers.maybe(calls.query) !== undefined) {
      this.list.key.value = guess;
      await this.list.take(answers, calls, guess);
    } else await this.list.select(wanted.id);
  }

  #follow(eventSourceUrl: string): void {
    this.#push?.stop();
    this.#push = new Push(eventSourceUrl, this.client.accountId, {
      changed: (types) => {
        if (types.Email !== this.#states.Email || types.Mailbox !== this.#states.Mailbox) void this.sync();
      },
      restored: () => void this.sync(),
      lost: () => void this.client.open().catch(() => undefined),
    });
    this.#push.start();
  }

  /** The network is back, or somebody signed in again. */
  async revive(): Promise<void> {
    if (this.phase.value !== "ready") return;
    try {
      const session = await this.client.open();
      // Somebody else signed in meanwhile: nothing of the first account may stay on the screen.
      if (session.username !== this.known.username.value) return globalThis.location.reload();
      this.connection.value = "online";
      this.#push?.start();
      await this.sync();
    } catch {
      // Still away: the strip or the dialog stays.
    }
  }

  stop(): void {
    this.#push?.stop();
  }

  /** Takes over what changed since the last time (RFC 8620 section 5.2), and reads the rows in sight again. */
  async sync(): Promise<void> {
    if (this.#syncing) {
      this.#syncAgain = true;
      return;
    }
    this.#syncing = true;
    try {
      do {
        this.#syncAgain = false;
        await this.#syncOnce();
      } while (this.#syncAgain);
      this.syncedAt.value = Date.now();
    } catch (failure) {
      // The strip and the dialog speak of the network and of the session.
      const isTold = failure instanceof Failure && (failure.kind === "network" || failure.kind === "session");
      if (!isTold) this.toasts.error("New mail could not be fetched. The next change tries again.");
    } finally {
      this.#syncing = false;
    }
  }

  async #syncOnce(): Promise<void> {
    const batch = this.client.batch();
    const boxChanges = batch.add("Mailbox/changes", { sinceState: this.#states.Mailbox });
    const newBoxes = batch.add("Mailbox/get", { "#ids": boxChanges.ref("/created") });
    const changedBoxes = batch.add("Mailbox/get", { "#ids": boxChanges.ref("/updated") });
    const changes = batch.add("Email/changes", { sinceState: this.#states.Email, maxChanges: MAX_CHANGES });
    const created = batch.add("Email/get", { "#ids": changes.ref("/created"), properties: ROW_PROPERTIES });
    const updated = batch.add("Email/get", { "#ids": changes.ref("/updated"), properties: ROW_PROPERTIES });
    const answers = await this.client.read(batch);

    const emailChanges = answers.maybe(changes);
    const mailboxChanges = answers.maybe(boxChanges);
    if (emailChanges === undefined || mailboxChanges === undefined) return this.#startOver();

    const fresh = answers.of(created).list;
    const touched = answers.of(updated).list;
    this.known.takeMailboxes([...answers.of(newBoxes).list, ...answers.of(changedBoxes).list], mailboxChanges.destroyed);
    this.known.takeEmails([...touched.filter(({ id }) => this.known.emails.has(id)), ...fresh]);
    for (const id of emailChanges.destroyed) this.known.forget(id);
    this.#states = { Mailbox: mailboxChanges.newState, Email: emailChanges.newState };
    if (emailChanges.hasMoreChanges || mailboxChanges.hasMoreChanges) this.#syncAgain = true;

    if (fresh.length + touched.length + emailChanges.destroyed.length > 0) {
      this.list.forgetOthers();
      await this.list.refresh();
    }
    if (fresh.some(({ threadId }) => threadId === this.conversation.threadId.value)) await this.conversation.reload();
    this.#announce(fresh);
  }

  #announce(fresh: Email[]): void {
    const inbox = this.known.byRole("inbox")?.id ?? "";
    const news = fresh.filter(({ keywords, mailboxIds }) => keywords.$seen !== true && mailboxIds[inbox] === true);
    if (news.length > 0) this.arrived.value = [...this.arrived.value, ...news];
  }

  /** Where changes cannot be told one by one, everything is read again. */
  async #startOver(): Promise<void> {
    const batch = this.client.batch();
    const boxes = batch.add("Mailbox/get", { ids: null });
    const state = batch.add("Email/get", { ids: [] });
    const answers = await this.client.read(batch);
    const mailboxes = answers.of(boxes);
    this.known.replaceMailboxes(mailboxes.list);
    this.#states = { Mailbox: mailboxes.state, Email: answers.of(state).state };
    this.list.forgetOthers();
    await this.list.refresh();
    await this.conversation.reload();
  }
}
