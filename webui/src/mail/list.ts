/** The list of conversations: of a Mailbox, or what a search found. Loads what is in sight. */

import { computed, ref, shallowReactive, shallowRef, triggerRef } from "vue";

import type { Answers, Client } from "@/jmap/client";
import type { Email, Id, SearchSnippet } from "@/jmap/types";

import type { Known, Pair } from "./known";
import { type ListCalls, listCalls, ROW_PROPERTIES } from "./queries";
import { type Row, rowOf } from "./rows";
import { PAGE, Window } from "./window";

/** Rows asked for above and below those in sight when the list is read again. */
const MARGIN = 10;

/** Begins the key of a list that is a search; the others are ids of Mailboxes. */
const SEARCH = "search:";

/** The list as it was before an edit, so that it can be again. */
export interface Snapshot {
  key: string | null;
  window: Window | null;
}

export class List {
  /** Which list is shown: the id of a Mailbox, or a search. */
  readonly key = ref<string | null>(null);
  readonly window = shallowRef<Window | null>(null);
  readonly failure = ref("");

  readonly search = computed(() => (this.key.value?.startsWith(SEARCH) ? this.key.value.slice(SEARCH.length) : null));
  readonly mailbox = computed(() => this.known.mailboxes.value.get(this.key.value ?? "") ?? null);

  #windows = new Map<string, Window>();
  /** What the search on the screen found in each Email. */
  #snippets = shallowReactive(new Map<Id, SearchSnippet>());
  #visible = { first: 0, last: PAGE - 1 };
  #loadingPage = false;
  #outdated = false;

  constructor(
    private readonly client: Client,
    private readonly known: Known,
  ) {}

  filter(key: string): Record<string, unknown> {
    if (!key.startsWith(SEARCH)) return { inMailbox: key };
    return { text: key.slice(SEARCH.length), inMailboxOtherThan: this.known.hiddenMailboxes() };
  }

  /** Shows another list: what is known of it at once, then what the server says. */
  async select(key: string): Promise<void> {
    if (key !== this.key.value) this.#snippets.clear();
    this.key.value = key;
    this.window.value = this.#windows.get(key) ?? null;
    this.failure.value = "";
    this.#visible = { first: 0, last: PAGE - 1 };
    await this.refresh();
  }

  /** Shows what holds these words, in all Mailboxes but Trash and Junk. */
  async find(words: string): Promise<void> {
    await this.select(SEARCH + words);
  }

  /** Reads the rows in sight again. */
  async refresh(): Promise<void> {
    const key = this.key.value;
    if (key === null) return;
    const position = Math.max(0, this.#visible.first - MARGIN);
    try {
      await this.#load(key, position, this.#visible.last - position + 1 + MARGIN);
    } catch (failure) {
      if (this.key.value === key) this.failure.value = failure instanceof Error ? failure.message : String(failure);
    }
  }

  /** The view tells which rows are in sight; what is missing there is loaded, one page at a time. */
  async look(first: number, last: number): Promise<void> {
    this.#visible = { first, last: Math.max(last, first + PAGE - 1) };
    if (this.#loadingPage) return;
    this.#loadingPage = true;
    try {
      for (;;) {
        const key = this.key.value;
        const gap = this.#gap();
        if (key === null || gap === null) return;
        await this.#load(key, gap, PAGE);
        // A server that says "there are more" and gives none must not be asked forever.
        if (this.key.value === key && this.#gap() === gap) return;
      }
    } catch (failure) {
      this.failure.value = failure instanceof Error ? failure.message : String(failure);
    } finally {
      this.#loadingPage = false;
    }
  }

  #gap(): number | null {
    return this.window.value?.gap(this.#visible.first, this.#visible.last) ?? null;
  }

  async #load(key: string, position: number, limit: number): Promise<void> {
    const batch = this.client.batch();
    const calls = listCalls(batch, this.filter(key), position, limit);
    await this.take(await this.client.read(batch), calls, key);
  }

  /** Takes over what a list request answered. */
  async take(answers: Answers, calls: ListCalls, key: string): Promise<void> {
    const found = answers.of(calls.query);
    for (const { id, emailIds } of answers.maybe(calls.threads)?.list ?? []) this.known.threads.set(id, emailIds);
    const snippets = calls.snippets === null || this.key.value !== key ? undefined : answers.maybe(calls.snippets);
    for (const snippet of snippets?.list ?? []) this.#snippets.set(snippet.emailId, snippet);
    const emails = answers.maybe(calls.emails);
    if (emails !== undefined) this.known.takeEmails(emails.list);
    else if (found.ids.length > 0) {
      // Long Threads can be more than one call may ask for: the newest Email of each is enough to show.
      const batch = this.client.batch();
      const call = batch.add("Email/get", { ids: found.ids, properties: ROW_PROPERTIES });
      this.known.takeEmails((await this.client.read(batch)).of(call).list);
    }

    const last = this.#windows.get(key);
    if (last !== undefined && this.#lacks(last, found.position, found.ids, key)) {
      this.#outdated = true;
      return;
    }
    const total = found.total ?? found.position + found.ids.length;
    const same = last !== undefined && last.queryState === found.queryState && last.total === total;
    const next = same ? last.copy() : new Window(total, found.queryState);
    next.fill(found.position, found.ids);
    if (this.known.isPending) next.remove(new Set(found.ids.filter((id) => !this.#belongs(id, key))));
    this.#windows.set(key, next);
    if (this.key.value === key) {
      this.window.value = next;
      this.failure.value = "";
    }
  }

  /** Whether the server does not know yet of an edit that put a row back here: what it says would hide the row. */
  #lacks(window: Window, position: number, ids: Id[], key: string): boolean {
    return window.ids
      .slice(position, position + ids.length + 1)
      .some((id) => id !== undefined && this.known.holds(id) && this.#belongs(id, key) && !ids.includes(id));
  }

  /** Reads the list again when an answer could not be used because an edit was on its way. */
  async settle(): Promise<void> {
    if (!this.#outdated || this.known.isPending) return;
    this.#outdated = false;
    await this.refresh();
  }

  /** Mail came, went or moved: the order of the lists that are not shown is not known any more. */
  forgetOthers(): void {
    for (const key of [...this.#windows.keys()]) if (key !== this.key.value) this.#windows.delete(key);
  }

  snapshot(): Snapshot {
    return { key: this.key.value, window: this.window.value };
  }

  restore({ key, window }: Snapshot): void {
    if (key === null || window === null || key !== this.key.value) return;
    this.#windows.set(key, window);
    this.window.value = window;
  }

  /** Takes out the rows that changed Emails do not belong to any more. */
  show(pairs: Pair[]): void {
    const { key, window } = this.snapshot();
    if (key === null || window === null) return;
    const gone = new Set(pairs.map(({ before }) => before.id).filter((id) => !this.#belongs(id, key)));
    if (!window.ids.some((id) => id !== undefined && gone.has(id))) {
      triggerRef(this.window);
      return;
    }
    const next = window.copy();
    next.remove(gone);
    this.#windows.set(key, next);
    this.window.value = next;
  }

  #belongs(id: Id, key: string): boolean {
    const mailboxIds = this.known.emails.get(id)?.mailboxIds;
    if (mailboxIds === undefined) return false;
    if (!key.startsWith(SEARCH)) return mailboxIds[key] === true;
    const hidden = this.known.hiddenMailboxes();
    return Object.keys(mailboxIds).some((one) => !hidden.includes(one));
  }

  /** The row at a place of the list, once it is known. */
  row(index: number): Row | null {
    const id = this.window.value?.ids[index];
    const newest = id === undefined ? undefined : this.known.emails.get(id);
    if (newest === undefined) return null;
    const role = this.mailbox.value?.role;
    const outgoing = role === "sent" || role === "drafts";
    return rowOf(newest, this.inThread(newest.threadId), this.known.own.value, outgoing, this.#snippets.get(newest.id));
  }

  /** The Emails of a Thread that are shown together: all but what lies in Trash and Junk, unless one looks there. */
  inThread(threadId: Id): Email[] {
    const hidden = this.known.hiddenMailboxes().filter((id) => id !== this.key.value);
    return (this.known.threads.get(threadId) ?? [])
      .map((id) => this.known.emails.get(id))
      .filter((email) => email !== undefined)
      .filter(({ mailboxIds }) => Object.keys(mailboxIds).some((id) => !hidden.includes(id)));
  }

  /** The Emails of a Thread that an act on its row is about. */
  targets(threadId: Id): Email[] {
    const key = this.key.value ?? "";
    const all = this.inThread(threadId);
    const here = all.filter(({ mailboxIds }) => mailboxIds[key] === true);
    if (here.length > 0) return here;
    // A search finds whole Threads; what one wrote oneself stays where it is, unless there is nothing else.
    const kept = new Set([this.known.byRole("sent")?.id, this.known.byRole("drafts")?.id]);
    const received = all.filter(({ mailboxIds }) => Object.keys(mailboxIds).some((id) => !kept.has(id)));
    return received.length > 0 ? received : all;
  }
}
