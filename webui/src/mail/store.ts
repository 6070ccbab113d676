/**
 * The mail of one account as the page knows it: Mailboxes, the list, the open conversation. Loads by window, follows
 * changes by push, shows edits before the server has confirmed them and takes them back when it refuses.
 */

import { computed, ref, shallowReactive, shallowRef, triggerRef } from "vue";

import { type Answers, type Batch, type Call, type Client, Failure } from "@/jmap/client";
import { Push } from "@/jmap/push";
import type { Email, EmailDetail, EmailText, Id, Identity, Mailbox, SetResponse } from "@/jmap/types";
import type { Toasts } from "@/ui/toasts";

import { counterChanges, type EmailPatch, inverse, moveTo, patched, recounted, wirePatch } from "./edits";
import { type Row, rowOf } from "./rows";
import { PAGE, Window } from "./window";

const ROW_PROPERTIES = [
  "id",
  "threadId",
  "mailboxIds",
  "keywords",
  "from",
  "to",
  "subject",
  "receivedAt",
  "preview",
  "hasAttachment",
];

const DETAIL_PROPERTIES = [
  "blobId",
  "messageId",
  "inReplyTo",
  "references",
  "cc",
  "bcc",
  "replyTo",
  "sentAt",
  "size",
  "attachments",
];

const PART_PROPERTIES = ["partId", "blobId", "size", "name", "type", "disposition", "cid"];

/** The most changes taken over one by one; beyond them everything is read again. */
const MAX_CHANGES = 256;

/** Rows asked for above and below those in sight when the list is read again. */
const MARGIN = 10;

/** Begins the key of a list that is a search; the others are ids of Mailboxes. */
const SEARCH = "search:";

export type Phase = "loading" | "ready" | "failed";
export type Connection = "online" | "offline" | "ended";

interface ListCalls {
  query: Call<"Email/query">;
  threads: Call<"Thread/get">;
  emails: Call<"Email/get">;
}

interface Pending {
  patches: Map<Id, EmailPatch>;
}

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
  readonly username = ref("");

  readonly mailboxes = shallowRef<ReadonlyMap<Id, Mailbox>>(new Map());
  readonly identities = shallowRef<Identity[]>([]);
  readonly emails = shallowReactive(new Map<Id, Email>());
  readonly details = shallowReactive(new Map<Id, EmailDetail>());
  readonly threads = shallowReactive(new Map<Id, Id[]>());

  /** Which list is shown: the id of a Mailbox, or a search. */
  readonly mailboxId = ref<Id | null>(null);
  readonly search = computed(() => (this.mailboxId.value?.startsWith(SEARCH) ? this.mailboxId.value.slice(SEARCH.length) : null));
  readonly window = shallowRef<Window | null>(null);
  readonly listFailure = ref("");

  readonly threadId = ref<Id | null>(null);
  readonly conversationPhase = ref<Phase>("ready");

  /** Emails that came while this page was open, newest last: what the live region and the pill speak of. */
  readonly arrived = shallowRef<Email[]>([]);

  readonly own = computed(() => [this.username.value, ...this.identities.value.map(({ email }) => email)]);
  readonly mailbox = computed(() => this.mailboxes.value.get(this.mailboxId.value ?? "") ?? null);

  #windows = new Map<Id, Window>();
  #visible = { first: 0, last: PAGE - 1 };
  #loadingPage = false;
  #states = { Mailbox: "", Email: "" };
  #syncing = false;
  #syncAgain = false;
  #pending: Pending[] = [];
  #push: Push | null = null;

  constructor(
    readonly client: Client,
    readonly toasts: Toasts,
    private readonly memory: Memory,
  ) {
    client.onSessionEnded = () => {
      this.connection.value = "ended";
      this.#push?.stop();
    };
    client.onReachable = (reachable) => {
      if (this.connection.value !== "ended") this.connection.value = reachable ? "online" : "offline";
    };
  }

  // --- Mailboxes -----------------------------------------------------------------------------------------------

  /** The Mailbox a URL speaks of: by role, or by id. */
  resolve(slug: string): Mailbox | null {
    const found = this.byRole(slug) ?? this.mailboxes.value.get(slug);
    return found ?? null;
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

  #takeMailboxes(list: Mailbox[], gone: Id[] = []): void {
    const next = new Map(this.mailboxes.value);
    for (const mailbox of list) next.set(mailbox.id, mailbox);
    for (const id of gone) next.delete(id);
    this.mailboxes.value = next;
  }

  // --- Start ---------------------------------------------------------------------------------------------------

  /** Reads the Session, then all that the first screen shows in one request. */
  async start(slug: string): Promise<void> {
    this.phase.value = "loading";
    try {
      const session = await this.client.open();
      this.username.value = session.username;
      const key = `mailboxes:${this.client.accountId}`;
      const roles = JSON.parse(this.memory.get(key) ?? "{}") as Record<string, Id>;
      const guess = roles[slug] ?? null;

      const batch = this.client.batch();
      const boxes = batch.add("Mailbox/get", { ids: null });
      const identities = batch.add("Identity/get", { ids: null });
      const state = batch.add("Email/get", { ids: [] });
      const list = guess === null ? null : this.#listCalls(batch, guess, 0, PAGE);
      const answers = await this.client.read(batch);

      const mailboxes = answers.of(boxes);
      this.mailboxes.value = new Map(mailboxes.list.map((mailbox) => [mailbox.id, mailbox]));
      this.identities.value = answers.maybe(identities)?.list ?? [];
      this.#states = { Mailbox: mailboxes.state, Email: answers.of(state).state };
      this.memory.set(
        key,
        JSON.stringify(Object.fromEntries(mailboxes.list.flatMap(({ role, id }) => (role === null ? [] : [[role, id]])))),
      );

      const wanted = this.resolve(slug) ?? this.byRole("inbox");
      if (wanted !== null && list !== null && wanted.id === guess && answers.maybe(list.query) !== undefined) {
        this.mailboxId.value = guess;
        await this.#takeList(answers, list, guess);
      } else if (wanted !== null) await this.select(wanted.id);
      this.phase.value = "ready";
      this.syncedAt.value = Date.now();
      this.#follow(session.eventSourceUrl);
    } catch (failure) {
      this.failure.value = failure instanceof Error ? failure.message : String(failure);
      this.phase.value = "failed";
    }
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
      if (session.username !== this.username.value) return globalThis.location.reload();
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

  // --- The list ------------------------------------------------------------------------------------------------

  #filter(list: string): Record<string, unknown> {
    if (!list.startsWith(SEARCH)) return { inMailbox: list };
    const hidden = [this.byRole("trash"), this.byRole("junk")].flatMap((mailbox) => (mailbox === null ? [] : [mailbox.id]));
    return { text: list.slice(SEARCH.length), inMailboxOtherThan: hidden };
  }

  #listCalls(batch: Batch, mailboxId: Id, position: number, limit: number): ListCalls {
    // RFC 8621 section 4.10: the newest Email of each Thread, then all Emails of these Threads.
    const query = batch.add("Email/query", {
      filter: this.#filter(mailboxId),
      sort: [{ property: "receivedAt", isAscending: false }],
      collapseThreads: true,
      calculateTotal: true,
      position,
      limit,
    });
    const ids = batch.add("Email/get", { "#ids": query.ref("/ids"), properties: ["threadId"] });
    const threads = batch.add("Thread/get", { "#ids": ids.ref("/list/*/threadId") });
    const emails = batch.add("Email/get", { "#ids": threads.ref("/list/*/emailIds"), properties: ROW_PROPERTIES });
    return { query, threads, emails };
  }

  /** Makes what a list request answered the present list, and remembers it. */
  async #takeList(answers: Answers, calls: ListCalls, mailboxId: Id): Promise<void> {
    const found = answers.of(calls.query);
    for (const thread of answers.maybe(calls.threads)?.list ?? []) this.threads.set(thread.id, thread.emailIds);
    const emails = answers.maybe(calls.emails);
    if (emails !== undefined) this.#takeEmails(emails.list);
    else if (found.ids.length > 0) {
      // Long Threads can be more than one call may ask for: the newest Email of each is enough to show.
      const batch = this.client.batch();
      const call = batch.add("Email/get", { ids: found.ids, properties: ROW_PROPERTIES });
      this.#takeEmails((await this.client.read(batch)).of(call).list);
    }

    const last = this.#windows.get(mailboxId);
    const total = found.total ?? found.position + found.ids.length;
    const same = last !== undefined && last.queryState === found.queryState && last.total === total;
    const next = same ? last.copy() : new Window(total, found.queryState);
    next.fill(found.position, found.ids);
    if (this.#pending.length > 0) {
      next.remove(new Set(found.ids.filter((id) => !this.#stillIn(id, mailboxId))));
    }
    this.#windows.set(mailboxId, next);
    if (this.mailboxId.value === mailboxId) {
      this.window.value = next;
      this.listFailure.value = "";
    }
  }

  /** Shows another Mailbox: what is known of it at once, then what the server says. */
  async select(mailboxId: Id): Promise<void> {
    this.mailboxId.value = mailboxId;
    this.window.value = this.#windows.get(mailboxId) ?? null;
    this.listFailure.value = "";
    this.#visible = { first: 0, last: PAGE - 1 };
    await this.refresh();
  }

  /** Shows what holds these words, in all Mailboxes but Trash and Junk. */
  async find(words: string): Promise<void> {
    await this.select(SEARCH + words);
  }

  /** Reads the rows in sight again. */
  async refresh(): Promise<void> {
    const mailboxId = this.mailboxId.value;
    if (mailboxId === null) return;
    const position = Math.max(0, this.#visible.first - MARGIN);
    const batch = this.client.batch();
    const list = this.#listCalls(batch, mailboxId, position, this.#visible.last - position + 1 + MARGIN);
    try {
      await this.#takeList(await this.client.read(batch), list, mailboxId);
    } catch (failure) {
      if (this.mailboxId.value === mailboxId) {
        this.listFailure.value = failure instanceof Error ? failure.message : String(failure);
      }
    }
  }

  /** The list view tells which rows are in sight; what is missing there is loaded, one page at a time. */
  async look(first: number, last: number): Promise<void> {
    this.#visible = { first, last: Math.max(last, first + PAGE - 1) };
    if (this.#loadingPage) return;
    this.#loadingPage = true;
    try {
      for (;;) {
        const mailboxId = this.mailboxId.value;
        const gap = this.window.value?.gap(this.#visible.first, Math.min(this.#visible.last, this.#visible.first + PAGE));
        if (mailboxId === null || gap === null || gap === undefined) return;
        const batch = this.client.batch();
        const list = this.#listCalls(batch, mailboxId, gap, PAGE);
        await this.#takeList(await this.client.read(batch), list, mailboxId);
        // A server that says "there are more" and gives none must not be asked forever.
        const after = this.window.value?.gap(this.#visible.first, this.#visible.first + PAGE);
        if (this.mailboxId.value === mailboxId && after === gap) return;
      }
    } catch (failure) {
      this.listFailure.value = failure instanceof Error ? failure.message : String(failure);
    } finally {
      this.#loadingPage = false;
    }
  }

  /** The row at a place of the list, once it is known. */
  row(index: number): Row | null {
    const id = this.window.value?.ids[index];
    const newest = id === undefined ? undefined : this.emails.get(id);
    if (newest === undefined) return null;
    const role = this.mailbox.value?.role;
    return rowOf(newest, this.inThread(newest.threadId), this.own.value, role === "sent" || role === "drafts");
  }

  /** The Emails of a Thread that are shown together: all but what lies in Trash and Junk, unless one looks there. */
  inThread(threadId: Id): Email[] {
    const hidden = [this.byRole("trash"), this.byRole("junk")].flatMap((mailbox) =>
      mailbox === null || mailbox.id === this.mailboxId.value ? [] : [mailbox.id],
    );
    return (this.threads.get(threadId) ?? [])
      .map((id) => this.emails.get(id))
      .filter((email) => email !== undefined)
      .filter(({ mailboxIds }) => Object.keys(mailboxIds).some((id) => !hidden.includes(id)));
  }

  #stillIn(id: Id, mailboxId: Id): boolean {
    const mailboxIds = this.emails.get(id)?.mailboxIds;
    if (mailboxIds === undefined) return false;
    if (!mailboxId.startsWith(SEARCH)) return mailboxIds[mailboxId] === true;
    return Object.keys(mailboxIds).some((one) => !["trash", "junk"].includes(this.mailboxes.value.get(one)?.role ?? ""));
  }

  #takeEmails(list: Email[]): void {
    for (const email of list) {
      // What is not confirmed yet stays on top of what the server says.
      const overlaid = this.#pending.reduce((one, { patches }) => patched(one, patches.get(email.id) ?? {}), email);
      this.emails.set(email.id, overlaid);
      const thread = this.threads.get(email.threadId);
      if (thread === undefined) this.threads.set(email.threadId, [email.id]);
      else if (!thread.includes(email.id)) this.threads.set(email.threadId, [...thread, email.id]);
    }
  }

  // --- Changes -------------------------------------------------------------------------------------------------

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
      if (!(failure instanceof Failure) || failure.kind === "request") this.toasts.error("New mail could not be fetched. Trying again soon.");
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
    if (emailChanges === undefined || mailboxChanges === undefined) return this.#reload();

    this.#takeMailboxes(
      [...answers.of(newBoxes).list, ...answers.of(changedBoxes).list],
      mailboxChanges.destroyed,
    );
    this.#takeEmails(answers.of(updated).list.filter(({ id }) => this.emails.has(id)));
    const fresh = answers.of(created).list;
    this.#takeEmails(fresh);
    for (const id of emailChanges.destroyed) this.#forget(id);
    this.#states = { Mailbox: mailboxChanges.newState, Email: emailChanges.newState };
    if (emailChanges.hasMoreChanges || mailboxChanges.hasMoreChanges) this.#syncAgain = true;

    const touched = [...fresh, ...answers.of(updated).list];
    if (touched.length > 0 || emailChanges.destroyed.length > 0) {
      // The order of other Mailboxes is not known any more; the Emails in them are.
      for (const id of [...this.#windows.keys()]) if (id !== this.mailboxId.value) this.#windows.delete(id);
      await this.refresh();
    }
    const open = this.threadId.value;
    if (open !== null && fresh.some(({ threadId }) => threadId === open)) await this.#loadThread(open);

    const inbox = this.byRole("inbox");
    const news = fresh.filter(
      ({ keywords, mailboxIds }) => keywords.$seen !== true && inbox !== null && mailboxIds[inbox.id] === true,
    );
    if (news.length > 0) this.arrived.value = [...this.arrived.value, ...news];
  }

  /** Starts over where changes cannot be told one by one. */
  async #reload(): Promise<void> {
    const batch = this.client.batch();
    const boxes = batch.add("Mailbox/get", { ids: null });
    const state = batch.add("Email/get", { ids: [] });
    const answers = await this.client.read(batch);
    const mailboxes = answers.of(boxes);
    this.mailboxes.value = new Map(mailboxes.list.map((mailbox) => [mailbox.id, mailbox]));
    this.#states = { Mailbox: mailboxes.state, Email: answers.of(state).state };
    this.#windows.clear();
    await this.refresh();
    if (this.threadId.value !== null) await this.#loadThread(this.threadId.value);
  }

  #forget(id: Id): void {
    const email = this.emails.get(id);
    if (email === undefined) return;
    this.emails.delete(id);
    this.details.delete(id);
    const rest = (this.threads.get(email.threadId) ?? []).filter((other) => other !== id);
    if (rest.length > 0) this.threads.set(email.threadId, rest);
    else this.threads.delete(email.threadId);
  }

  // --- The open conversation -----------------------------------------------------------------------------------

  async open(threadId: Id | null): Promise<void> {
    if (this.threadId.value === threadId) return;
    this.threadId.value = threadId;
    if (threadId === null) return;
    const known = this.threads.get(threadId);
    const complete = known?.every((id) => this.emails.has(id) && this.details.has(id)) ?? false;
    this.conversationPhase.value = complete ? "ready" : "loading";
    await this.#loadThread(threadId);
  }

  async #loadThread(threadId: Id): Promise<void> {
    try {
      const batch = this.client.batch();
      const thread = batch.add("Thread/get", { ids: [threadId] });
      const emails = batch.add("Email/get", {
        "#ids": thread.ref("/list/*/emailIds"),
        properties: [...ROW_PROPERTIES, ...DETAIL_PROPERTIES],
        bodyProperties: PART_PROPERTIES,
      });
      const answers = await this.client.read(batch);
      const found = answers.of(thread).list[0];
      if (found !== undefined) this.threads.set(threadId, found.emailIds);
      const list = answers.of(emails).list;
      for (const email of list) this.details.set(email.id, email);
      this.#takeEmails(list);
      if (this.threadId.value === threadId) this.conversationPhase.value = found === undefined ? "failed" : "ready";
    } catch {
      if (this.threadId.value === threadId && this.conversationPhase.value === "loading") {
        this.conversationPhase.value = "failed";
      }
    }
  }

  async retryConversation(): Promise<void> {
    if (this.threadId.value === null) return;
    this.conversationPhase.value = "loading";
    await this.#loadThread(this.threadId.value);
  }

  /** The text of a message, for quoting. */
  async text(id: Id): Promise<EmailText> {
    const batch = this.client.batch();
    const call = batch.add("Email/get", {
      ids: [id],
      properties: ["id", "textBody", "bodyValues"],
      bodyProperties: PART_PROPERTIES,
      fetchTextBodyValues: true,
      maxBodyValueBytes: 256_000,
    });
    const [email] = (await this.client.read(batch)).of(call).list;
    if (email === undefined) throw new Failure("object", "notFound", "The message is gone");
    return email;
  }

  // --- Edits ---------------------------------------------------------------------------------------------------

  /**
   * Changes Emails: at once on the screen, then on the server. Offers to take it back when `label` says what was
   * done; puts everything as it was when the server refuses.
   */
  async edit(changes: Map<Id, EmailPatch>, label: string | null): Promise<boolean> {
    const pairs: { before: Email; after: Email }[] = [];
    for (const [id, patch] of changes) {
      const before = this.emails.get(id);
      if (before !== undefined && Object.keys(patch).length > 0) pairs.push({ before, after: patched(before, patch) });
    }
    if (pairs.length === 0) return true;
    const pending = { patches: new Map(pairs.map(({ before, after }) => [before.id, inverse(after, before)])) };
    this.#pending.push(pending);
    const list = { mailboxId: this.mailboxId.value, window: this.window.value };
    this.#show(pairs);
    const toast = label === null ? null : this.toasts.show(label, { undo: () => void this.#undo(pairs, list) });

    const batch = this.client.batch();
    const call = batch.add("Email/set", {
      update: Object.fromEntries([...pending.patches].map(([id, patch]) => [id, wirePatch(patch)])),
    });
    try {
      this.#refusals((await this.client.write(batch)).of(call));
      this.#drop(pending);
    } catch (failure) {
      this.#drop(pending);
      if (toast !== null) this.toasts.drop(toast);
      this.#show(
        pairs.flatMap(({ before, after }) => {
          const now = this.emails.get(before.id);
          return now === undefined ? [] : [{ before: now, after: patched(now, inverse(before, after)) }];
        }),
      );
      if (list.mailboxId === this.mailboxId.value && list.mailboxId !== null && list.window !== null) {
        this.#windows.set(list.mailboxId, list.window);
        this.window.value = list.window;
      }
      if (!(failure instanceof Failure && failure.kind === "session")) {
        this.toasts.error(`${label === null ? "The change" : `“${label}”`} was taken back. ${failure instanceof Error ? failure.message : ""}`);
      }
      return false;
    }
    return true;
  }

  /** Takes an edit back, whether the server has confirmed it yet or not: it gets both in their order. */
  async #undo(pairs: { before: Email; after: Email }[], list: { mailboxId: string | null; window: Window | null }): Promise<void> {
    if (list.mailboxId === this.mailboxId.value && list.window !== null) this.window.value = list.window;
    await this.edit(new Map(pairs.map(({ before, after }) => [before.id, inverse(before, after)])), null);
    await this.refresh();
  }

  #drop(pending: Pending): void {
    this.#pending = this.#pending.filter((one) => one !== pending);
  }

  #refusals(response: SetResponse): void {
    const refused = { ...response.notCreated, ...response.notUpdated, ...response.notDestroyed };
    for (const error of Object.values(refused)) {
      // Gone already: somebody else was faster, and the next sync says so.
      if (error.type !== "notFound") throw new Failure("object", error.type, error.description ?? "");
    }
  }

  /** Puts changed Emails, their counters and the rows that leave the list on the screen. */
  #show(pairs: { before: Email; after: Email | null }[]): void {
    for (const { before, after } of pairs) {
      if (after === null) this.emails.delete(before.id);
      else this.emails.set(after.id, after);
    }
    this.#takeMailboxes(
      [...counterChanges(pairs)].flatMap(([id, change]) => {
        const mailbox = this.mailboxes.value.get(id);
        return mailbox === undefined ? [] : [recounted(mailbox, change)];
      }),
    );
    const mailboxId = this.mailboxId.value;
    const window = this.window.value;
    if (mailboxId === null || window === null) return;
    const gone = new Set(pairs.map(({ before }) => before.id).filter((id) => !this.#stillIn(id, mailboxId)));
    if (!window.ids.some((id) => id !== undefined && gone.has(id))) {
      triggerRef(this.window);
      return;
    }
    const next = window.copy();
    next.remove(gone);
    this.#windows.set(mailboxId, next);
    this.window.value = next;
  }

  /** The Emails of a Thread that an act in the present Mailbox is about. */
  #targets(threadId: Id): Email[] {
    const mailboxId = this.mailboxId.value ?? "";
    const all = this.inThread(threadId);
    const here = all.filter(({ mailboxIds }) => mailboxIds[mailboxId] === true);
    if (here.length > 0) return here;
    // A search finds whole Threads; what one wrote oneself stays where it is, unless there is nothing else.
    const kept = new Set([this.byRole("sent")?.id, this.byRole("drafts")?.id]);
    const received = all.filter(({ mailboxIds }) => Object.keys(mailboxIds).some((id) => !kept.has(id)));
    return received.length > 0 ? received : all;
  }

  async #move(threadId: Id, role: string, label: string, extra: (email: Email) => EmailPatch = () => ({})): Promise<void> {
    const target = this.byRole(role);
    if (target === null) return this.toasts.error(`This account has no Mailbox for that (${role}).`);
    const changes = new Map<Id, EmailPatch>();
    for (const email of this.#targets(threadId)) changes.set(email.id, { ...moveTo(email, target.id), ...extra(email) });
    await this.edit(changes, label);
  }

  async archive(threadId: Id): Promise<void> {
    if (this.mailbox.value?.role === "archive") return;
    await this.#move(threadId, "archive", "Archived");
  }

  /** Junk and back again. */
  async junk(threadId: Id): Promise<void> {
    if (this.mailbox.value?.role === "junk") {
      await this.#move(threadId, "inbox", "Not junk: moved to the inbox", () => ({ "keywords/$junk": null, "keywords/$notjunk": true }));
    } else {
      await this.#move(threadId, "junk", "Moved to Junk", () => ({ "keywords/$junk": true, "keywords/$notjunk": null }));
    }
  }

  /** To the Trash; from there, for good. `confirm` is asked first, since that cannot be undone. */
  async remove(threadId: Id, confirm: (question: string) => Promise<boolean>): Promise<void> {
    if (this.mailbox.value?.role !== "trash") return this.#move(threadId, "trash", "Moved to Trash");
    const emails = this.#targets(threadId);
    const many = emails.length > 1 ? `these ${emails.length} messages` : "this message";
    if (await confirm(`Delete ${many} for good? This cannot be undone.`)) await this.destroy(emails.map(({ id }) => id));
  }

  async destroy(ids: Id[]): Promise<void> {
    const emails = ids.map((id) => this.emails.get(id)).filter((email) => email !== undefined);
    const batch = this.client.batch();
    const call = batch.add("Email/set", { destroy: ids });
    try {
      this.#refusals((await this.client.write(batch)).of(call));
      this.#show(emails.map((before) => ({ before, after: null })));
      for (const id of ids) this.#forget(id);
    } catch (failure) {
      this.toasts.error(`Nothing was deleted. ${failure instanceof Error ? failure.message : ""}`);
    }
  }

  async flag(threadId: Id): Promise<void> {
    const emails = this.inThread(threadId);
    const flagged = emails.filter(({ keywords }) => keywords.$flagged === true);
    const newest = this.#targets(threadId).at(-1);
    const chosen = flagged.length > 0 ? flagged : newest === undefined ? [] : [newest];
    await this.edit(new Map(chosen.map(({ id }) => [id, { "keywords/$flagged": flagged.length > 0 ? null : true }])), null);
  }

  async markRead(threadId: Id): Promise<void> {
    const unread = this.inThread(threadId).filter(({ keywords }) => keywords.$seen !== true && keywords.$draft !== true);
    await this.edit(new Map(unread.map(({ id }) => [id, { "keywords/$seen": true }])), null);
  }

  async markUnread(threadId: Id): Promise<void> {
    const newest = this.#targets(threadId).at(-1);
    if (newest !== undefined) await this.edit(new Map([[newest.id, { "keywords/$seen": null }]]), "Marked as unread");
  }
}
