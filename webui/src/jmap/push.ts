/** Push by Server-Sent Events (RFC 8620 section 7.3): says that something changed, and comes back after losses. */

import { expand } from "./client";
import type { StateChange } from "./types";

const PING_SECONDS = 30;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;

/** How long to wait before the attempt after `losses` losses in a row: doubling, with a spread of a quarter. */
export function pause(losses: number, random: number): number {
  const whole = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.max(0, losses - 1));
  return whole * (0.75 + random * 0.25);
}

export interface PushHandlers {
  /** Something of the account changed. */
  changed: (types: Record<string, string>) => void;
  /** The line is up again after a loss: anything may have changed meanwhile. */
  restored: () => void;
  /** The line went down; why, an EventSource does not say. */
  lost: () => void;
}

export class Push {
  #source: EventSource | null = null;
  #losses = 0;
  #everOpen = false;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #watch: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly template: string,
    private readonly accountId: string,
    private readonly handlers: PushHandlers,
  ) {}

  start(): void {
    this.stop();
    const source = new EventSource(
      expand(this.template, { types: "*", closeafter: "no", ping: String(PING_SECONDS) }),
    );
    this.#source = source;
    source.onopen = () => {
      this.#losses = 0;
      this.#listen();
      if (this.#everOpen) this.handlers.restored();
      this.#everOpen = true;
    };
    source.addEventListener("state", (event: MessageEvent<string>) => {
      this.#listen();
      const types = (JSON.parse(event.data) as StateChange).changed[this.accountId];
      if (types !== undefined) this.handlers.changed(types);
    });
    source.addEventListener("ping", () => this.#listen());
    source.onerror = () => this.#lost();
    this.#listen();
  }

  stop(): void {
    clearTimeout(this.#retry);
    clearTimeout(this.#watch);
    this.#source?.close();
    this.#source = null;
  }

  /** A line that is silent for three pings is dead, whatever the socket says. */
  #listen(): void {
    clearTimeout(this.#watch);
    this.#watch = setTimeout(() => this.#lost(), PING_SECONDS * 3000);
  }

  #lost(): void {
    this.stop();
    this.#losses += 1;
    this.handlers.lost();
    this.#retry = setTimeout(() => this.start(), pause(this.#losses, Math.random()));
  }
}
