/** Changes Emails: first on the screen, then on the server, and back again when it refuses. */

import { type Client, Failure } from "@/jmap/client";
import type { Email, Id, SetResponse } from "@/jmap/types";
import type { Toasts } from "@/ui/toasts";

import { type EmailPatch, inverse, patched, wirePatch } from "./edits";
import type { Known } from "./known";
import type { List, Snapshot } from "./list";

interface Change {
  before: Email;
  after: Email;
}

function reason(failure: unknown): string {
  return failure instanceof Error ? failure.message : "";
}

function refusals({ notUpdated, notDestroyed }: SetResponse): void {
  for (const error of Object.values({ ...notUpdated, ...notDestroyed })) {
    // Gone already: somebody else was faster, and the next sync says so.
    if (error.type !== "notFound") throw new Failure("object", error.type, error.description ?? "");
  }
}

export class Editor {
  constructor(
    private readonly client: Client,
    private readonly known: Known,
    private readonly list: List,
    private readonly toasts: Toasts,
  ) {}

  /** Applies a patch to each of these Emails. Offers to take it back when `label` says what was done. */
  async edit(patches: Map<Id, EmailPatch>, label: string | null): Promise<boolean> {
    const changes: Change[] = [];
    for (const [id, patch] of patches) {
      const before = this.known.emails.get(id);
      if (before !== undefined && Object.keys(patch).length > 0) changes.push({ before, after: patched(before, patch) });
    }
    if (changes.length === 0) return true;

    const pending = new Map(changes.map(({ before, after }) => [before.id, inverse(after, before)]));
    const list = this.list.snapshot();
    this.known.hold(pending);
    this.#show(changes);
    const toast = label === null ? null : this.toasts.show(label, { undo: () => void this.#undo(changes, list) });

    const batch = this.client.batch();
    const call = batch.add("Email/set", {
      update: Object.fromEntries([...pending].map(([id, patch]) => [id, wirePatch(patch)])),
    });
    try {
      refusals((await this.client.write(batch)).of(call));
      this.known.release(pending);
      void this.list.settle();
      return true;
    } catch (failure) {
      this.known.release(pending);
      if (toast !== null) this.toasts.drop(toast);
      this.#takeBack(changes, list);
      const isSignedOut = failure instanceof Failure && failure.kind === "session";
      const what = label === null ? "The change" : `“${label}”`;
      if (!isSignedOut) this.toasts.error(`${what} was taken back. ${reason(failure)}`);
      return false;
    }
  }

  #show(changes: Change[]): void {
    this.known.show(changes);
    this.list.show(changes);
  }

  /** What somebody changed besides, meanwhile, stays. */
  #takeBack(changes: Change[], list: Snapshot): void {
    this.#show(
      changes.flatMap(({ before, after }) => {
        const now = this.known.emails.get(before.id);
        return now === undefined ? [] : [{ before: now, after: patched(now, inverse(before, after)) }];
      }),
    );
    this.list.restore(list);
  }

  /** Takes an edit back, whether the server has confirmed it yet or not: it gets both in their order. */
  async #undo(changes: Change[], list: Snapshot): Promise<void> {
    this.list.restore(list);
    await this.edit(new Map(changes.map(({ before, after }) => [before.id, inverse(before, after)])), null);
    await this.list.refresh();
  }

  /** Deletes Emails for good: that is shown only once the server has done it. */
  async destroy(ids: Id[]): Promise<void> {
    const emails = ids.map((id) => this.known.emails.get(id)).filter((email) => email !== undefined);
    const batch = this.client.batch();
    const call = batch.add("Email/set", { destroy: ids });
    try {
      refusals((await this.client.write(batch)).of(call));
      const pairs = emails.map((before) => ({ before, after: null }));
      this.known.show(pairs);
      this.list.show(pairs);
    } catch (failure) {
      this.toasts.error(`Nothing was deleted. ${reason(failure)}`);
    }
  }
}
