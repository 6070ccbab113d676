/** The calls that ask for lists and conversations, and the properties they ask for. */

import type { Batch, Call } from "@/jmap/client";
import type { Id } from "@/jmap/types";

export const ROW_PROPERTIES = [
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

/** The most text of one message that is fetched to be quoted. */
const MAX_QUOTED_OCTETS = 256_000;

export interface ListCalls {
  query: Call<"Email/query">;
  threads: Call<"Thread/get">;
  emails: Call<"Email/get">;
  /** Of a search: where its words stand. */
  snippets: Call<"SearchSnippet/get"> | null;
}

/** The newest Email of each Thread, then all Emails of these Threads (RFC 8621 section 4.10). */
export function listCalls(batch: Batch, filter: Record<string, unknown>, position: number, limit: number): ListCalls {
  const isSearch = "text" in filter;
  const query = batch.add("Email/query", {
    filter,
    sort: [{ property: "receivedAt", isAscending: false }],
    collapseThreads: true,
    calculateTotal: true,
    position,
    limit,
  });
  const ids = batch.add("Email/get", { "#ids": query.ref("/ids"), properties: ["threadId"] });
  const threads = batch.add("Thread/get", { "#ids": ids.ref("/list/*/threadId") });
  const emails = batch.add("Email/get", { "#ids": threads.ref("/list/*/emailIds"), properties: ROW_PROPERTIES });
  const snippets = isSearch ? batch.add("SearchSnippet/get", { filter, "#emailIds": query.ref("/ids") }) : null;
  return { query, threads, emails, snippets };
}

/** A whole conversation, but for the texts. */
export function threadCalls(batch: Batch, threadId: Id): { thread: Call<"Thread/get">; emails: Call<"Email/get"> } {
  const thread = batch.add("Thread/get", { ids: [threadId] });
  const emails = batch.add("Email/get", {
    "#ids": thread.ref("/list/*/emailIds"),
    properties: [...ROW_PROPERTIES, ...DETAIL_PROPERTIES],
    bodyProperties: PART_PROPERTIES,
  });
  return { thread, emails };
}

/** The text of one message. */
export function textCall(batch: Batch, id: Id): Call<"Email/get"> {
  return batch.add("Email/get", {
    ids: [id],
    properties: ["id", "textBody", "bodyValues"],
    bodyProperties: PART_PROPERTIES,
    fetchTextBodyValues: true,
    maxBodyValueBytes: MAX_QUOTED_OCTETS,
  });
}
