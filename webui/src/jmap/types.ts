/** The objects of RFC 8620 and RFC 8621 that the webmail uses, under the names the standards give them. */

export type Id = string;

/** RFC 8620 section 2. */
export interface Session {
  capabilities: Record<string, Record<string, unknown>>;
  accounts: Record<Id, { name: string; isPersonal: boolean; isReadOnly: boolean }>;
  primaryAccounts: Record<string, Id>;
  username: string;
  apiUrl: string;
  downloadUrl: string;
  uploadUrl: string;
  eventSourceUrl: string;
  state: string;
}

/** RFC 8621 section 2. */
export interface Mailbox {
  id: Id;
  name: string;
  parentId: Id | null;
  role: string | null;
  sortOrder: number;
  totalEmails: number;
  unreadEmails: number;
  totalThreads: number;
  unreadThreads: number;
}

/** RFC 8621 section 4.1.2.3. */
export interface EmailAddress {
  name: string | null;
  email: string;
}

/** RFC 8621 section 4.1.4. */
export interface EmailBodyPart {
  partId: string | null;
  blobId: Id | null;
  size: number;
  name: string | null;
  type: string;
  disposition: string | null;
  cid: string | null;
}

/** What a row of the list needs of an Email (RFC 8621 section 4.1). */
export interface Email {
  id: Id;
  threadId: Id;
  mailboxIds: Record<Id, true>;
  keywords: Record<string, true>;
  from: EmailAddress[] | null;
  to: EmailAddress[] | null;
  subject: string | null;
  receivedAt: string;
  preview: string;
  hasAttachment: boolean;
}

/** What reading and answering need besides; none of it ever changes (RFC 8621 section 4.1). */
export interface EmailDetail {
  id: Id;
  blobId: Id;
  messageId: string[] | null;
  inReplyTo: string[] | null;
  references: string[] | null;
  cc: EmailAddress[] | null;
  bcc: EmailAddress[] | null;
  replyTo: EmailAddress[] | null;
  sentAt: string | null;
  size: number;
  attachments: EmailBodyPart[];
}

/** The text of a message, as asked for when it is quoted. */
export interface EmailText {
  id: Id;
  textBody: EmailBodyPart[];
  bodyValues: Record<string, { value: string; isTruncated: boolean }>;
}

/** RFC 8621 section 3. */
export interface Thread {
  id: Id;
  emailIds: Id[];
}

/** RFC 8621 section 6. */
export interface Identity {
  id: Id;
  name: string;
  email: string;
  textSignature: string;
}

/** RFC 8620 section 5.3: paths into the object, and what they become. */
export type Patch = Record<string, unknown>;

/** RFC 8620 section 5.3. */
export interface SetError {
  type: string;
  description?: string | null;
  properties?: string[] | null;
}

export interface GetResponse<T> {
  accountId: Id;
  state: string;
  list: T[];
  notFound: Id[];
}

export interface ChangesResponse {
  oldState: string;
  newState: string;
  hasMoreChanges: boolean;
  created: Id[];
  updated: Id[];
  destroyed: Id[];
}

export interface QueryResponse {
  queryState: string;
  position: number;
  ids: Id[];
  total?: number;
}

/** RFC 8621 section 5: escaped text with `<mark>` around what was found; null where nothing was. */
export interface SearchSnippet {
  emailId: Id;
  subject: string | null;
  preview: string | null;
}

export interface SetResponse {
  oldState: string | null;
  newState: string;
  created: Record<string, { id: Id }> | null;
  updated: Record<Id, unknown> | null;
  destroyed: Id[] | null;
  notCreated: Record<string, SetError> | null;
  notUpdated: Record<Id, SetError> | null;
  notDestroyed: Record<Id, SetError> | null;
}

/** What each method answers, by name. */
export interface Methods {
  "Mailbox/get": GetResponse<Mailbox>;
  "Mailbox/changes": ChangesResponse;
  "Thread/get": GetResponse<Thread>;
  "Email/get": GetResponse<Email & EmailDetail & EmailText>;
  "Email/changes": ChangesResponse;
  "Email/query": QueryResponse;
  "Email/set": SetResponse;
  "SearchSnippet/get": { list: SearchSnippet[] };
  "Identity/get": GetResponse<Identity>;
  "EmailSubmission/set": SetResponse;
}

/** RFC 8620 section 7.1. */
export interface StateChange {
  "@type": "StateChange";
  changed: Record<Id, Record<string, string>>;
}
