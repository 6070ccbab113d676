import { beforeEach, describe, expect, it, vi } from "vitest";
import { shallowRef } from "vue";

import { AUTOSAVE_MS, Composer } from "@/compose/composer";
import { obstacle } from "@/compose/draft";
import type { MailStore } from "@/mail/store";
import { Toasts } from "@/ui/toasts";

import { clientOf, email, identity, mailbox } from "./support";

/** The server's answers to /set, in turn; then it says yes. */
async function writing(...answers: Record<string, object | "network">[]) {
  let made = 0;
  const { client, requests } = await clientOf((method, args) => {
    const said = answers[0]?.[method];
    if (said !== undefined) {
      answers.shift();
      return said;
    }
    made += 1;
    const created = Object.fromEntries(Object.keys((args.create as object | undefined) ?? {}).map((key) => [key, { id: `E${made}` }]));
    return { created, destroyed: args.destroy, updated: null };
  });
  const edit = vi.fn(async () => true);
  const mail = {
    known: {
      identities: shallowRef([identity("I1", "me@example.test")]),
      own: shallowRef(["me@example.test"]),
      byRole: (role: string) => mailbox(role),
    },
    conversation: { text: async () => ({ id: "E0", textBody: [{ partId: "1", type: "text/plain" }], bodyValues: { 1: { value: "Hello" } } }) },
    editor: { edit },
  } as unknown as MailStore;
  const toasts = new Toasts();
  const composer = new Composer(client, mail, toasts);
  return { composer, requests, toasts, edit };
}

beforeEach(() => {
  vi.useFakeTimers();
  return () => vi.useRealTimers();
});

function fill(composer: Composer): void {
  const draft = composer.draft.value;
  if (draft === null) throw new Error("nothing is being written");
  draft.to.typed = "Anna <anna@example.org>";
  draft.subject = "Lunch";
  draft.body = "At noon?";
}

describe("sending", () => {
  it("creates, submits and files the message in one request (RFC 8621 section 7.5)", async () => {
    const { composer, requests } = await writing();
    await composer.write();
    fill(composer);
    expect(await composer.send()).toBe(true);
    expect(requests).toHaveLength(1);
    const [create, submit] = requests[0] ?? [];
    expect(create?.[1].create).toMatchObject({
      message: {
        mailboxIds: { drafts: true },
        keywords: { $draft: true, $seen: true },
        from: [{ name: "Me", email: "me@example.test" }],
        to: [{ name: "Anna", email: "anna@example.org" }],
        cc: null,
        subject: "Lunch",
        bodyValues: { text: { value: "At noon?" } },
      },
    });
    expect(submit?.[1]).toMatchObject({
      create: { submission: { identityId: "I1", emailId: "#message" } },
      onSuccessUpdateEmail: { "#submission": { "keywords/$draft": null, "mailboxIds/drafts": null, "mailboxIds/sent": true } },
    });
    expect(composer.draft.value).toBeNull();
  });

  it("removes the saved draft and marks what was answered", async () => {
    const { composer, requests, edit } = await writing();
    await composer.answer("reply", email());
    expect(composer.draft.value?.body).toContain("> Hello");
    composer.changed();
    await vi.advanceTimersByTimeAsync(AUTOSAVE_MS);
    expect(composer.status.value).toBe("saved");
    await composer.send();
    expect(requests.at(-1)?.[0]?.[1]).toMatchObject({ destroy: ["E1"] });
    expect(edit).toHaveBeenCalledWith(new Map([["E1", { "keywords/$answered": true }]]), null);
  });

  it("keeps everything that was typed when the server refuses", async () => {
    const { composer } = await writing({ "Email/set": { notCreated: { message: { type: "overQuota", description: "Over quota" } } } });
    await composer.write();
    fill(composer);
    expect(await composer.send()).toBe(false);
    expect(composer.error.value).toContain("Over quota");
    expect(composer.draft.value).toMatchObject({ subject: "Lunch", body: "At noon?" });
    expect(await composer.send()).toBe(true);
  });

  it("takes over the message that was made but not sent", async () => {
    const { composer, requests } = await writing({ "EmailSubmission/set": { notCreated: { submission: { type: "forbiddenToSend" } } } });
    await composer.write();
    fill(composer);
    expect(await composer.send()).toBe(false);
    await composer.close();
    expect(requests.flat().filter(([, args]) => args.destroy !== undefined)).toMatchObject([["Email/set", { destroy: ["E1"] }, "0"]]);
  });

  it("warns that it does not know after a lost connection", async () => {
    const { composer } = await writing({ "Email/set": "network" });
    await composer.write();
    fill(composer);
    expect(await composer.send()).toBe(false);
    expect(composer.error.value).toContain("Look into Sent");
  });
});

describe("the draft", () => {
  it("is saved two seconds after the last key, each state in place of the one before", async () => {
    const { composer, requests } = await writing();
    await composer.write();
    fill(composer);
    composer.changed();
    await vi.advanceTimersByTimeAsync(AUTOSAVE_MS - 1);
    composer.changed();
    await vi.advanceTimersByTimeAsync(AUTOSAVE_MS - 1);
    expect(requests).toHaveLength(0);
    await vi.advanceTimersByTimeAsync(1);
    expect(requests).toHaveLength(1);
    composer.changed();
    await vi.advanceTimersByTimeAsync(AUTOSAVE_MS);
    expect(requests[1]?.[0]?.[1].destroy).toEqual(["E1"]);
  });

  it("is not closed while it cannot be saved", async () => {
    const { composer } = await writing({ "Email/set": "network" }, { "Email/set": "network" });
    await composer.write();
    fill(composer);
    composer.changed();
    expect(await composer.close()).toBe(false);
    await composer.write();
    expect(composer.draft.value?.subject).toBe("Lunch");
  });

  it("leaves nothing behind when nothing was written", async () => {
    const { composer, requests } = await writing();
    await composer.write();
    expect(await composer.close()).toBe(true);
    expect(requests).toHaveLength(0);
  });

  it("can be brought back after it was discarded", async () => {
    const { composer, toasts } = await writing();
    await composer.write();
    fill(composer);
    await composer.discard();
    expect(composer.draft.value).toBeNull();
    expect(toasts.undo()).toBe(true);
    expect(composer.draft.value).toMatchObject({ subject: "Lunch" });
  });
});

it("says what keeps a message from being sent", async () => {
  const { composer } = await writing();
  await composer.write();
  const draft = composer.draft.value;
  if (draft === null) throw new Error("nothing is being written");
  expect(obstacle(draft)).toContain("recipient");
  draft.to.typed = "nobody";
  expect(obstacle(draft)).toContain("nobody");
  draft.to = { addresses: [{ name: null, email: "a@example.org" }], typed: "" };
  expect(obstacle(draft)).toBe("");
  draft.attachments = [{ key: 1, name: "a", type: "", size: 1, blobId: null, progress: 0.5, error: "", stop: null, file: null }];
  expect(obstacle(draft)).toContain("on their way");
});
