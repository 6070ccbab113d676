/** Short notes at the edge of the page, some with a way back. */

import { shallowReactive } from "vue";

/** How long an act can be undone. */
export const UNDO_MS = 10_000;

export interface Toast {
  id: number;
  text: string;
  kind: "note" | "error";
  undo: (() => void) | null;
}

export class Toasts {
  readonly shown: Toast[] = shallowReactive([]);
  #next = 1;
  #timers = new Map<number, ReturnType<typeof setTimeout>>();

  show(text: string, options: { kind?: Toast["kind"]; undo?: () => void } = {}): number {
    const toast: Toast = { id: this.#next, text, kind: options.kind ?? "note", undo: options.undo ?? null };
    this.#next += 1;
    // One act can be taken back at a time: a second offer would not say which.
    for (const old of [...this.shown]) if (old.kind === "note") this.drop(old.id);
    this.shown.push(toast);
    this.resume(toast.id);
    return toast.id;
  }

  error(text: string): void {
    this.show(text, { kind: "error" });
  }

  /** Somebody is looking at it: it stays. */
  hold(id: number): void {
    clearTimeout(this.#timers.get(id));
  }

  resume(id: number): void {
    this.hold(id);
    this.#timers.set(id, setTimeout(() => this.drop(id), UNDO_MS));
  }

  drop(id: number): void {
    this.hold(id);
    this.#timers.delete(id);
    const index = this.shown.findIndex((toast) => toast.id === id);
    if (index >= 0) this.shown.splice(index, 1);
  }

  /** Takes back the last act that can be. Says whether there was one. */
  undo(): boolean {
    const toast = [...this.shown].reverse().find((one) => one.undo !== null);
    if (toast === undefined) return false;
    this.drop(toast.id);
    toast.undo?.();
    return true;
  }
}
