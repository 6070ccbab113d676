import { beforeEach, describe, expect, it, vi } from "vitest";

import type { Email } from "@/jmap/types";
import { MailStore } from "@/mail/store";
import { Toasts } from "@/ui/toasts";

import { clientOf, email, type Handler, identity, mailbox } from "./support";

/** A server with one Mailbox of Emails, newest first, each a Thread of its own. */
class Server {
  emails: Email[] = [];
  state = 1;
  news: Email[] = [];
  forgetful = false;
  refuse: object | "network" | null = null;
  /** What an edit does to the server. */
  edited: () => void = () => undefined;

  readonly handle: Handler = (method, args, calls) => {
    const inbox = this.emails.filter(({ mailboxIds }) => mailboxIds.inbox);
    switch (method) {
      case "Mailbox/get":
        return { state: String(this.state), list: ["inbox", "archive", "trash", "junk", "drafts", "sent"].map((role) => mailbox(role)) };
      case "Identity/get":
        return { state: "1", list: [identity("I1", "me@example.test")] };
      case "Mailbox/changes":
        return { newState: String(this.state), created: [], updated: [], destroyed: [], hasMoreChanges: false };
      case "Email/changes":
        return this.forgetful
          ? { type: "cannotCalculateChanges" }
          : { newState: String(this.state), created: this.news.map(({ id }) => id), updated: [], destroyed: [], hasMoreChanges: false };
      case "Email/query": {
        const position = Number(args.position);
        return { queryState: String(this.state), position, total: inbox.length, ids: inbox.slice(position, position + Number(args.limit)).map(({ id }) => id) };
      }
      case "Thread/get":
        return { state: "1", list: this.emails.map(({ id, threadId }) => ({ id: threadId, emailIds: [id] })) };
      case "Email/get": {
        const source = (args["#ids"] as { resultOf: string; path: string } | undefined) ?? null;
        const from = source === null ? "" : (calls[Number(source.resultOf)]?.[0] ?? "");
        const list = from === "Email/changes" ? (source?.path === "/created" ? this.news : []) : from === "" ? [] : this.emails;
        return { state: String(this.state), list };
      }
      case "Email/set":
        if (this.refuse !== null) return this.refuse;
        this.edited();
        return { newState: String(this.state), updated: {}, created: null, destroyed: null };
      default:
        throw new Error(method);
    }
  };

  fill(count: number): void {
    this.emails = Array.from({ length: count }, (_, n) => email({ id: `E${n}`, threadId: `T${n}`, keywords: n === 0 ? {} : { $seen: true } }));
  }

  arrive(id: string): void {
    const one = email({ id, threadId: `T-${id}` });
    this.emails.unshift(one);
    this.news.push(one);
    this.state += 1;
  }
}

beforeEach(() => {
  vi.stubGlobal(
    "EventSource",
    class {
      addEventListener(): void {}
      close(): void {}
    },
  );
  vi.useFakeTimers();
  return () => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  };
});

async function started(server: Server, memory = new Map<string, string>()) {
  const { client, requests } = await clientOf(server.handle);
  const toasts = new Toasts();
  const store = new MailStore(client, toasts, { get: (key) => memory.get(key) ?? null, set: (key, value) => memory.set(key, value) });
  await store.start("inbox");
  return { store, toasts, requests, memory };
}

function shown(store: MailStore): (string | undefined)[] {
  return [...(store.list.window.value?.ids ?? [])];
}

describe("the start", () => {
  it("needs one request once it knows which Mailbox is the inbox", async () => {
    const server = new Server();
    server.fill(3);
    const { memory, store, requests } = await started(server);
    expect(store.phase.value).toBe("ready");
    expect(requests).toHaveLength(2);
    const again = await started(server, memory);
    expect(again.requests).toHaveLength(1);
    expect(shown(again.store)).toEqual(["E0", "E1", "E2"]);
    expect(again.store.list.row(0)).toMatchObject({ people: "Anna", unread: true, subject: "Hello" });
  });

  it("does not trust a memory of a Mailbox that is gone", async () => {
    const server = new Server();
    server.fill(1);
    const { store } = await started(server, new Map([["mailboxes:A1", JSON.stringify({ inbox: "old" })]]));
    expect(store.list.key.value).toBe("inbox");
    expect(shown(store)).toEqual(["E0"]);
  });
});

describe("changes", () => {
  it("bring new mail to the top without a reload", async () => {
    const server = new Server();
    server.fill(2);
    const { store } = await started(server);
    server.arrive("E9");
    await store.sync();
    expect(shown(store)).toEqual(["E9", "E0", "E1"]);
    expect(store.arrived.value.map(({ id }) => id)).toEqual(["E9"]);
  });

  it("start over where the server cannot tell them one by one (RFC 8620 section 5.2)", async () => {
    const server = new Server();
    server.fill(2);
    const { store } = await started(server);
    server.arrive("E9");
    server.forgetful = true;
    await store.sync();
    expect(shown(store)).toEqual(["E9", "E0", "E1"]);
  });

  it("load the pages that come in sight, each once", async () => {
    const server = new Server();
    server.fill(200);
    const { store, requests } = await started(server);
    const before = requests.length;
    await store.list.look(120, 140);
    expect(store.list.window.value?.ids[120]).toBe("E120");
    expect(store.list.window.value?.ids[90]).toBeUndefined();
    expect(requests.length - before).toBeLessThanOrEqual(2);
    const after = requests.length;
    await store.list.look(120, 140);
    expect(requests.length).toBe(after);
  });
});

describe("an edit", () => {
  it("shows at once, counts, and offers to take it back", async () => {
    const server = new Server();
    server.fill(3);
    const { store, toasts, requests } = await started(server);
    const done = store.acts.archive("T0");
    expect(shown(store)).toEqual(["E1", "E2"]);
    expect(store.known.byRole("inbox")).toMatchObject({ totalEmails: 9, unreadEmails: 0 });
    expect(toasts.shown.map(({ text }) => text)).toEqual(["Archived"]);
    // Taken back at once, before the server has answered.
    toasts.undo();
    expect(shown(store)).toEqual(["E0", "E1", "E2"]);
    expect(store.known.byRole("inbox")).toMatchObject({ totalEmails: 10, unreadEmails: 1 });
    await done;
    await vi.advanceTimersByTimeAsync(0);
    expect(requests.flat().flatMap(([, { update }]) => (update === undefined ? [] : [update]))).toEqual([
      { E0: { "mailboxIds/inbox": null, "mailboxIds/archive": true } },
      { E0: { "mailboxIds/inbox": true, "mailboxIds/archive": null } },
    ]);
    expect(shown(store)).toEqual(["E0", "E1", "E2"]);
  });

  it("that was taken back stays so when the list is read before the server knows", async () => {
    const server = new Server();
    server.fill(3);
    const { store, toasts } = await started(server);
    await store.acts.archive("T0");
    const [first] = server.emails;
    server.emails = server.emails.slice(1);
    server.edited = () => void (first !== undefined && server.emails.unshift(first));
    // The push for the first edit has the list read while the second is on its way.
    const read = store.list.refresh();
    toasts.undo();
    expect(shown(store)).toEqual(["E0", "E1", "E2"]);
    await read;
    expect(shown(store)).toEqual(["E0", "E1", "E2"]);
    await vi.advanceTimersByTimeAsync(0);
    expect(shown(store)).toEqual(["E0", "E1", "E2"]);
  });

  it.each([
    ["refuses", { notUpdated: { E0: { type: "overQuota", description: "Over quota" } } }],
    ["refuses the call", { type: "serverFail" }],
    ["does not answer", "network"],
  ] as const)("is taken back when the server %s", async (_, refusal) => {
    const server = new Server();
    server.fill(2);
    const { store, toasts } = await started(server);
    server.refuse = refusal;
    await store.acts.remove("T0", async () => true);
    expect(shown(store)).toEqual(["E0", "E1"]);
    expect(store.known.emails.get("E0")?.mailboxIds).toEqual({ inbox: true });
    expect(store.known.byRole("trash")).toMatchObject({ totalEmails: 10 });
    expect(toasts.shown.map(({ kind }) => kind)).toEqual(["error"]);
  });

  it("stays on the screen while older news come in", async () => {
    const server = new Server();
    server.fill(2);
    const { store } = await started(server);
    const done = store.acts.archive("T1");
    await store.list.refresh();
    expect(shown(store)).toEqual(["E0"]);
    await done;
  });

  it("marks a conversation read and unread again", async () => {
    const server = new Server();
    server.fill(1);
    const { store } = await started(server);
    await store.acts.markRead("T0");
    expect(store.list.row(0)?.unread).toBe(false);
    await store.acts.markUnread("T0");
    expect(store.list.row(0)?.unread).toBe(true);
  });

  it("asks before it deletes for good", async () => {
    const server = new Server();
    server.emails = [email({ id: "E0", threadId: "T0", mailboxIds: { inbox: true, trash: true } })];
    const { store, requests } = await started(server);
    store.list.key.value = "trash";
    const count = requests.length;
    await store.acts.remove("T0", async () => false);
    expect(requests).toHaveLength(count);
    await store.acts.remove("T0", async () => true);
    expect(requests.at(-1)?.[0]?.[1]).toMatchObject({ destroy: ["E0"] });
  });
});

it("forgets a toast after ten seconds, unless somebody looks at it", () => {
  const toasts = new Toasts();
  toasts.show("one");
  vi.advanceTimersByTime(9_999);
  expect(toasts.shown).toHaveLength(1);
  toasts.hold(toasts.shown[0]?.id ?? 0);
  vi.advanceTimersByTime(60_000);
  expect(toasts.shown).toHaveLength(1);
  toasts.resume(toasts.shown[0]?.id ?? 0);
  vi.advanceTimersByTime(10_000);
  expect(toasts.shown).toHaveLength(0);
  expect(toasts.undo()).toBe(false);
});
