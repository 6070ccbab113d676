/** Objects as the server would give them, and a server that answers from a table. */

import { Client } from "@/jmap/client";
import type { Email, EmailDetail, Id, Identity, Mailbox } from "@/jmap/types";

export function email(values: Partial<Email & EmailDetail> = {}): Email & EmailDetail {
  return {
    id: "E1",
    blobId: "B1",
    threadId: "T1",
    mailboxIds: { inbox: true },
    keywords: {},
    from: [{ name: "Anna", email: "anna@example.org" }],
    to: [{ name: null, email: "me@example.test" }],
    cc: null,
    bcc: null,
    replyTo: null,
    subject: "Hello",
    receivedAt: "2026-11-22T10:00:00Z",
    sentAt: null,
    preview: "",
    hasAttachment: false,
    messageId: ["e1@example.org"],
    inReplyTo: null,
    references: null,
    size: 100,
    attachments: [],
    ...values,
  };
}

export function identity(id: Id, address: string): Identity {
  return { id, name: "Me", email: address, textSignature: "" };
}

export function mailbox(role: string, values: Partial<Mailbox> = {}): Mailbox {
  return {
    id: role,
    name: role,
    parentId: null,
    role,
    sortOrder: 0,
    totalEmails: 10,
    unreadEmails: 1,
    totalThreads: 10,
    unreadThreads: 1,
    ...values,
  };
}

export type Invocation = [method: string, args: Record<string, unknown>, id: string];
export type Handler = (method: string, args: Record<string, unknown>, calls: Invocation[]) => object | "network";

const SESSION = {
  capabilities: { "urn:ietf:params:jmap:core": { maxSizeUpload: 50_000_000 } },
  accounts: { A1: { name: "me@example.test", isPersonal: true, isReadOnly: false } },
  primaryAccounts: { "urn:ietf:params:jmap:mail": "A1" },
  username: "me@example.test",
  apiUrl: "/jmap/api",
  downloadUrl: "/jmap/download/{accountId}/{blobId}/{name}?type={type}",
  uploadUrl: "/jmap/upload/{accountId}",
  eventSourceUrl: "/jmap/eventsource?types={types}&closeafter={closeafter}&ping={ping}",
  state: "0",
};

/** A client whose server answers each call with what `handler` says; every request is kept in `requests`. */
export async function clientOf(handler: Handler): Promise<{ client: Client; requests: Invocation[][] }> {
  const requests: Invocation[][] = [];
  const answer = (url: string, init?: RequestInit): Response => {
    if (url === "/jmap/session") return Response.json(SESSION);
    const { methodCalls } = JSON.parse(String(init?.body)) as { methodCalls: Invocation[] };
    requests.push(methodCalls);
    const methodResponses = methodCalls.map(([method, args, id]) => {
      const said = handler(method, args, methodCalls);
      if (said === "network") throw new TypeError("no network");
      return "type" in said ? ["error", said, id] : [method, said, id];
    });
    return Response.json({ methodResponses, sessionState: "0" });
  };
  const client = new Client({
    fetch: async (url, init) => answer(String(url), init),
    wait: async () => undefined,
  });
  await client.open();
  return { client, requests };
}
