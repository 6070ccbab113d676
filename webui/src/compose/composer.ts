/** The message that is being written: saved as a draft while one types, sent in one request. */

import { computed, reactive, ref } from "vue";

import { type Batch, type Client, Failure } from "@/jmap/client";
import type { Email, EmailDetail, Id, Identity, SetResponse } from "@/jmap/types";
import type { MailStore } from "@/mail/store";
import type { Toasts } from "@/ui/toasts";
import { mediumDate } from "@/ui/format";

import { parseAddresses } from "./addresses";
import { type Attachment, blank, type Draft, emailOf, field, obstacle } from "./draft";
import { type AnswerKind, answeringIdentity, answerSubject, answerText, recipients, textOf, threadFields } from "./quote";

/** How long nobody types before the draft is saved. */
export const AUTOSAVE_MS = 2000;

export type Status = "clean" | "dirty" | "saving" | "saved" | "sending";

export class Composer {
  readonly draft = ref<Draft | null>(null);
  readonly status = ref<Status>("clean");
  readonly error = ref("");
  readonly title = computed(() => this.draft.value?.subject.trim() || "New message");
  /** Which field has the cursor when the composer opens. */
  readonly start = ref<"to" | "body">("to");

  #draftId: Id | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #saving: Promise<void> = Promise.resolve();
  #nextKey = 1;

  constructor(
    private readonly client: Client,
    private readonly mail: MailStore,
    private readonly toasts: Toasts,
  ) {}

  get identities(): Identity[] {
    return this.mail.known.identities.value;
  }

  get open(): boolean {
    return this.draft.value !== null;
  }

  // --- Beginning -----------------------------------------------------------------------------------------------

  async write(): Promise<void> {
    const identity = this.identities[0];
    if (identity === undefined) return this.toasts.error("This account has no address to send from.");
    if (!(await this.close())) return;
    const draft = blank(identity.id);
    if (identity.textSignature !== "") draft.body = `\n\n-- \n${identity.textSignature}`;
    this.#begin(draft, null, "to");
  }

  /** Begins an answer. The text of the original is fetched first, so that nothing moves under the cursor later. */
  async answer(kind: AnswerKind, original: Email & EmailDetail): Promise<void> {
    const identity = answeringIdentity(original, this.identities);
    if (identity === undefined) return this.toasts.error("This account has no address to send from.");
    let text: string;
    try {
      text = textOf(await this.mail.conversation.text(original.id));
    } catch (failure) {
      return this.toasts.error(`The message could not be quoted. ${failure instanceof Error ? failure.message : ""}`);
    }
    if (!(await this.close())) return;
    const draft = blank(identity.id);
    const { to, cc } = recipients(kind, original, this.mail.known.own.value);
    draft.to = field(to);
    draft.cc = field(cc);
    draft.subject = answerSubject(kind, original.subject);
    draft.body = answerText(kind, original, text, identity.textSignature, mediumDate);
    if (kind === "forward") {
      draft.attachments = original.attachments.flatMap(({ blobId, name, type, size }) =>
        blobId === null ? [] : [this.#attachment({ name: name ?? "attachment", type, size, blobId, progress: 1 })],
      );
    } else Object.assign(draft, threadFields(original));
    draft.answers = { id: original.id, keyword: kind === "forward" ? "$forwarded" : "$answered" };
    this.#begin(draft, null, kind === "forward" ? "to" : "body");
  }

  /** Goes on with a draft that was saved earlier. */
  async resume(email: Email & EmailDetail): Promise<void> {
    if (this.#draftId === email.id) return;
    let text: string;
    try {
      text = textOf(await this.mail.conversation.text(email.id));
    } catch (failure) {
      return this.toasts.error(`The draft could not be opened. ${failure instanceof Error ? failure.message : ""}`);
    }
    if (!(await this.close())) return;
    const identity = answeringIdentity({ ...email, to: email.from, cc: null }, this.identities);
    const draft = blank(identity?.id ?? "");
    draft.to = field(email.to ?? []);
    draft.cc = field(email.cc ?? []);
    draft.bcc = field(email.bcc ?? []);
    draft.subject = email.subject ?? "";
    draft.body = text;
    draft.references = email.references;
    draft.inReplyTo = email.inReplyTo;
    draft.attachments = email.attachments.flatMap(({ blobId, name, type, size }) =>
      blobId === null ? [] : [this.#attachment({ name: name ?? "attachment", type, size, blobId, progress: 1 })],
    );
    this.#begin(draft, email.id, "body");
  }

  #begin(draft: Draft, draftId: Id | null, start: "to" | "body"): void {
    this.#draftId = draftId;
    this.start.value = start;
    this.error.value = "";
    this.status.value = draftId === null ? "clean" : "saved";
    this.draft.value = draft;
  }

  // --- Attachments ---------------------------------------------------------------------------------------------

  #attachment(values: Partial<Attachment>): Attachment {
    const attachment = { key: this.#nextKey, name: "", type: "application/octet-stream", size: 0, blobId: null, progress: 0, error: "", stop: null, file: null };
    this.#nextKey += 1;
    return { ...attachment, ...values };
  }

  attach(files: Iterable<File>): void {
    for (const file of files) {
      const attachment = reactive(
        this.#attachment({ name: file.name, type: file.type || "application/octet-stream", size: file.size, file }),
      );
      this.draft.value?.attachments.push(attachment);
      void this.upload(attachment);
    }
  }

  async upload(attachment: Attachment): Promise<void> {
    const { file } = attachment;
    if (file === null) return;
    const stop = new AbortController();
    Object.assign(attachment, { error: "", progress: 0, stop });
    try {
      const limit = Number(this.client.session.capabilities["urn:ietf:params:jmap:core"]?.maxSizeUpload ?? Infinity);
      if (file.size > limit) throw new Failure("request", "tooLarge", `Larger than ${Math.floor(limit / 1e6)} MB`);
      const { blobId } = await this.client.upload(file, (share) => { attachment.progress = share; }, stop.signal);
      Object.assign(attachment, { blobId, progress: 1, stop: null });
      this.changed();
    } catch (failure) {
      Object.assign(attachment, { stop: null, error: failure instanceof Error ? failure.message : "The upload failed" });
    }
  }

  detach(key: number): void {
    const draft = this.draft.value;
    if (draft === null) return;
    draft.attachments.find((one) => one.key === key)?.stop?.abort();
    draft.attachments = draft.attachments.filter((one) => one.key !== key);
    this.changed();
  }

  // --- Saving --------------------------------------------------------------------------------------------------

  /** Something was typed: save it once the typing pauses. */
  changed(): void {
    if (this.draft.value === null || this.status.value === "sending") return;
    this.status.value = "dirty";
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.save(), AUTOSAVE_MS);
  }

  /** Saves what is written as a draft. An Email cannot change, so each state is a new one and the last goes. */
  async save(): Promise<void> {
    clearTimeout(this.#timer);
    if (this.status.value !== "dirty") return this.#saving;
    this.#saving = this.#saving.then(() => this.#save());
    return this.#saving;
  }

  async #save(): Promise<void> {
    const draft = this.draft.value;
    const mailbox = this.mail.known.byRole("drafts");
    if (draft === null || mailbox === null || this.status.value !== "dirty") return;
    this.status.value = "saving";
    const batch = this.client.batch();
    const call = batch.add("Email/set", {
      create: { draft: emailOf(draft, this.#identity(draft), mailbox.id) },
      ...(this.#draftId === null ? {} : { destroy: [this.#draftId] }),
    });
    try {
      const response = (await this.client.write(batch)).of(call);
      this.#draftId = this.#created(response, "draft");
      this.error.value = "";
      // What was typed while it was saved is not saved.
      if (this.#is("saving")) this.status.value = "saved";
    } catch (failure) {
      this.error.value = `Not saved: ${failure instanceof Error ? failure.message : "unknown"}. What you wrote is still here.`;
      if (this.#is("saving")) this.status.value = "dirty";
    }
  }

  #is(status: Status): boolean {
    return this.status.value === status;
  }

  #created(response: SetResponse, key: string): Id {
    const created = response.created?.[key];
    if (created !== undefined) return created.id;
    const error = response.notCreated?.[key];
    const about = error?.properties?.length ? ` (${error.properties.join(", ")})` : "";
    throw new Failure("object", error?.type ?? "notCreated", `${error?.description ?? error?.type ?? "the server refused it"}${about}`);
  }

  #identity(draft: Draft): Identity {
    const identity = this.identities.find(({ id }) => id === draft.identityId) ?? this.identities[0];
    if (identity === undefined) throw new Failure("object", "noIdentity", "This account has no address to send from");
    return identity;
  }

  /** Puts typed addresses among the others. */
  settle(): void {
    const draft = this.draft.value;
    if (draft === null) return;
    for (const one of [draft.to, draft.cc, draft.bcc]) {
      const { addresses, rest } = parseAddresses(one.typed);
      one.addresses.push(...addresses.filter(({ email }) => !one.addresses.some((other) => other.email === email)));
      one.typed = rest;
    }
  }

  // --- Ending --------------------------------------------------------------------------------------------------

  /** Creates the message and submits it in one request (RFC 8621 section 7.5). Says whether it is on its way. */
  async send(): Promise<boolean> {
    this.settle();
    const draft = this.draft.value;
    if (draft === null || this.status.value === "sending") return false;
    this.error.value = obstacle(draft);
    if (this.error.value !== "") return false;
    const drafts = this.mail.known.byRole("drafts");
    const sent = this.mail.known.byRole("sent");
    if (drafts === null) {
      this.error.value = "This account has no Mailbox for drafts.";
      return false;
    }
    clearTimeout(this.#timer);
    this.status.value = "sending";
    await this.#saving;
    try {
      const identity = this.#identity(draft);
      const batch = this.client.batch();
      const create = batch.add("Email/set", { create: { message: emailOf(draft, identity, drafts.id) } });
      const submit = batch.add("EmailSubmission/set", {
        create: { submission: { identityId: identity.id, emailId: "#message" } },
        onSuccessUpdateEmail: {
          "#submission": {
            "keywords/$draft": null,
            ...(sent === null ? {} : { [`mailboxIds/${drafts.id}`]: null, [`mailboxIds/${sent.id}`]: true }),
          },
        },
      });
      const answers = await this.client.write(batch);
      const messageId = this.#created(answers.of(create), "message");
      try {
        this.#created(answers.of(submit), "submission");
      } catch (failure) {
        // Made but not sent: it takes the place of the saved draft.
        await this.#discardStored();
        this.#draftId = messageId;
        throw failure;
      }
    } catch (failure) {
      const uncertain = failure instanceof Failure && failure.kind === "network";
      this.error.value = `Not sent: ${failure instanceof Error ? failure.message : "unknown"}. ${
        uncertain ? "Look into Sent before you try again." : "What you wrote is still here."
      }`;
      this.status.value = "dirty";
      return false;
    }
    await this.#finish(draft);
    return true;
  }

  async #finish(draft: Draft): Promise<void> {
    this.draft.value = null;
    this.status.value = "clean";
    this.toasts.show("Message sent");
    await this.#discardStored();
    if (draft.answers !== null) {
      await this.mail.editor.edit(new Map([[draft.answers.id, { [`keywords/${draft.answers.keyword}`]: true }]]), null);
    }
  }

  async #discardStored(): Promise<void> {
    const id = this.#draftId;
    this.#draftId = null;
    if (id === null) return;
    const batch: Batch = this.client.batch();
    batch.add("Email/set", { destroy: [id] });
    // A draft that stays behind is a nuisance, not a loss.
    await this.client.write(batch).catch(() => undefined);
  }

  /** Closes the composer and keeps what was written among the drafts. False when it could not be saved. */
  async close(): Promise<boolean> {
    if (this.draft.value === null) return true;
    this.settle();
    if (this.status.value === "sending") return false;
    await this.save();
    if (this.status.value === "dirty") return false;
    const kept = this.#draftId !== null;
    this.draft.value = null;
    this.#draftId = null;
    if (kept) this.toasts.show("Saved in Drafts");
    return true;
  }

  /** Throws away what was written, with a way back. */
  async discard(): Promise<void> {
    const draft = this.draft.value;
    if (draft === null) return;
    clearTimeout(this.#timer);
    for (const { stop } of draft.attachments) stop?.abort();
    this.draft.value = null;
    this.status.value = "clean";
    await this.#saving;
    await this.#discardStored();
    this.toasts.show("Draft discarded", {
      undo: () => {
        if (this.draft.value !== null) return;
        this.#begin(draft, null, "body");
        this.changed();
      },
    });
  }
}
