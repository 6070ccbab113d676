import { beforeEach, expect, it, vi } from "vitest";

import { Push } from "@/jmap/push";

/** The browser's EventSource, in the hands of the test. */
class Source {
  static all: Source[] = [];
  onopen: () => void = () => undefined;
  onerror: () => void = () => undefined;
  closed = false;
  readonly #listeners = new Map<string, (event: { data: string }) => void>();

  constructor(readonly url: string) {
    Source.all.push(this);
  }

  addEventListener(type: string, listener: (event: { data: string }) => void): void {
    this.#listeners.set(type, listener);
  }

  say(type: string, data: object): void {
    this.#listeners.get(type)?.({ data: JSON.stringify(data) });
  }

  close(): void {
    this.closed = true;
  }

  static get last(): Source {
    const last = Source.all.at(-1);
    if (last === undefined) throw new Error("no EventSource was opened");
    return last;
  }
}

const handlers = { changed: vi.fn(), restored: vi.fn(), lost: vi.fn() };

beforeEach(() => {
  Source.all = [];
  vi.stubGlobal("EventSource", Source);
  vi.useFakeTimers();
  for (const handler of Object.values(handlers)) handler.mockReset();
  return () => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  };
});

function started(): Push {
  const push = new Push("/events?types={types}&closeafter={closeafter}&ping={ping}", "A1", handlers);
  push.start();
  Source.last.onopen();
  return push;
}

it("tells what changed in this account (RFC 8620 section 7.1)", () => {
  started();
  expect(Source.last.url).toBe("/events?types=*&closeafter=no&ping=30");
  Source.last.say("state", { "@type": "StateChange", changed: { A2: { Email: "9" } } });
  expect(handlers.changed).not.toHaveBeenCalled();
  Source.last.say("state", { "@type": "StateChange", changed: { A1: { Email: "2" } } });
  expect(handlers.changed).toHaveBeenCalledWith({ Email: "2" });
});

it("comes back after a loss and says that anything may have changed", () => {
  started();
  Source.last.onerror();
  expect(handlers.lost).toHaveBeenCalledOnce();
  expect(Source.last.closed).toBe(true);
  vi.advanceTimersByTime(1000);
  expect(Source.all).toHaveLength(2);
  expect(handlers.restored).not.toHaveBeenCalled();
  Source.last.onopen();
  expect(handlers.restored).toHaveBeenCalledOnce();
});

it("does not trust a line that is silent for three pings", () => {
  started();
  vi.advanceTimersByTime(60_000);
  Source.last.say("ping", { interval: 30 });
  vi.advanceTimersByTime(89_999);
  expect(Source.all).toHaveLength(1);
  vi.advanceTimersByTime(1001);
  expect(Source.all).toHaveLength(2);
});

it("stays away once it is stopped", () => {
  const push = started();
  Source.last.onerror();
  push.stop();
  vi.advanceTimersByTime(600_000);
  expect(Source.all).toHaveLength(1);
});
