/** A small JMAP client (RFC 8620): one Session, requests of several calls with back-references, and uploads. */

import type { Id, Methods, Session } from "./types";

const USING = [
  "urn:ietf:params:jmap:core",
  "urn:ietf:params:jmap:mail",
  "urn:ietf:params:jmap:submission",
];

const MAIL = "urn:ietf:params:jmap:mail";

/** How often a request that the server was too busy for is sent again, and after how many milliseconds. */
const PATIENCE_MS = [500, 1500, 4000];

/**
 * Why a call failed:
 * - `network`: no answer, nothing is known about its effect
 * - `session`: not signed in any more
 * - `request`: the server refused the request as a whole (RFC 8620 section 3.6.1)
 * - `method`: the server refused this call (RFC 8620 section 3.6.2)
 * - `object`: the server refused this object of a /set call (RFC 8620 section 5.3)
 */
export type FailureKind = "network" | "session" | "request" | "method" | "object";

export class Failure extends Error {
  constructor(
    readonly kind: FailureKind,
    readonly type: string,
    description = "",
  ) {
    super(description || type);
    this.name = "Failure";
  }
}

/** A value taken from the answer of an earlier call in the same request (RFC 8620 section 3.7). */
export interface ResultReference {
  resultOf: string;
  name: string;
  path: string;
}

/** One call of a request: its name and arguments, and a handle on what it answers. */
export class Call<M extends keyof Methods> {
  constructor(
    readonly method: M,
    readonly args: Record<string, unknown>,
    readonly id: string,
  ) {}

  /** Refers to a part of this call's answer, for an argument whose name begins with `#`. */
  ref(path: string): ResultReference {
    return { resultOf: this.id, name: this.method, path };
  }
}

type Invocation = [string, Record<string, unknown>, string];

/** The answers of one request. */
export class Answers {
  constructor(private readonly invocations: Invocation[]) {}

  /** What `call` answered; throws the Failure the server named instead. */
  of<M extends keyof Methods>(call: Call<M>): Methods[M] {
    for (const [name, args, id] of this.invocations) {
      if (id !== call.id) continue;
      if (name === "error") throw new Failure("method", String(args.type), String(args.description ?? ""));
      if (name === call.method) return args as unknown as Methods[M];
    }
    throw new Failure("method", "noAnswer", `The server did not answer ${call.method}`);
  }

  /** The same, or undefined where the server refused. */
  maybe<M extends keyof Methods>(call: Call<M>): Methods[M] | undefined {
    try {
      return this.of(call);
    } catch {
      return undefined;
    }
  }
}

/** Collects the calls of one request. */
export class Batch {
  readonly calls: Call<keyof Methods>[] = [];

  constructor(private readonly accountId: Id) {}

  add<M extends keyof Methods>(method: M, args: Record<string, unknown>): Call<M> {
    const call = new Call(method, { accountId: this.accountId, ...args }, String(this.calls.length));
    this.calls.push(call);
    return call;
  }
}

/** Fills a URI template of the Session (RFC 6570 level 1). */
export function expand(template: string, values: Record<string, string>): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(values[name] ?? ""));
}

export interface Upload {
  blobId: Id;
  type: string;
  size: number;
}

/** What the client needs of the world; a test gives its own. */
export interface World {
  fetch: typeof fetch;
  wait: (milliseconds: number) => Promise<void>;
}

const browser: World = {
  fetch: (input, init) => fetch(input, init),
  wait: (milliseconds) => new Promise((done) => setTimeout(done, milliseconds)),
};

export class Client {
  /** Called when the server says that nobody is signed in. */
  onSessionEnded: () => void = () => undefined;
  /** Called after each exchange: did the server answer at all? */
  onReachable: (reachable: boolean) => void = () => undefined;

  #session: Session | null = null;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(private readonly world: World = browser) {}

  get session(): Session {
    if (this.#session === null) throw new Error("open() comes first");
    return this.#session;
  }

  get accountId(): Id {
    const id = this.session.primaryAccounts[MAIL];
    if (id === undefined) throw new Failure("request", "noMail", "This account has no mail");
    return id;
  }

  /** Fetches the Session (RFC 8620 section 2). */
  async open(): Promise<Session> {
    const response = await this.#exchange("/jmap/session", { headers: { Accept: "application/json" } });
    this.#session = (await response.json()) as Session;
    return this.#session;
  }

  batch(): Batch {
    return new Batch(this.accountId);
  }

  /** Sends a request whose calls only read. */
  async read(batch: Batch): Promise<Answers> {
    return this.#send(batch);
  }

  /** Sends a request whose calls change something: one at a time, in the order in which they were asked for. */
  async write(batch: Batch): Promise<Answers> {
    const turn = this.#writing.then(() => this.#send(batch));
    this.#writing = turn.catch(() => undefined);
    return turn;
  }

  async #send(batch: Batch): Promise<Answers> {
    const body = JSON.stringify({
      using: USING,
      methodCalls: batch.calls.map((call) => [call.method, call.args, call.id]),
    });
    const init = { method: "POST", headers: { "Content-Type": "application/json" }, body };
    for (const patience of [...PATIENCE_MS, undefined]) {
      try {
        const response = await this.#exchange(this.session.apiUrl, init);
        const { methodResponses } = (await response.json()) as { methodResponses: Invocation[] };
        return new Answers(methodResponses);
      } catch (failure) {
        // RFC 8620 section 3.6.1: a request refused for a limit had no effect, so it may be sent again.
        const busy = failure instanceof Failure && failure.kind === "request" && failure.type.endsWith(":limit");
        if (!busy || patience === undefined) throw failure;
        await this.world.wait(patience);
      }
    }
    throw new Error("unreachable");
  }

  async #exchange(url: string, init: RequestInit): Promise<Response> {
    let response: Response;
    try {
      response = await this.world.fetch(url, { credentials: "same-origin", redirect: "error", ...init });
    } catch {
      this.onReachable(false);
      throw new Failure("network", "unreachable", "The server cannot be reached");
    }
    this.onReachable(true);
    if (response.ok) return response;
    throw await this.#refused(response);
  }

  async #refused(response: Response): Promise<Failure> {
    if (response.status === 401) {
      this.onSessionEnded();
      return new Failure("session", "ended", "You are signed out");
    }
    let problem: { type?: string; detail?: string } = {};
    try {
      problem = (await response.json()) as typeof problem;
    } catch {
      // A proxy on the way may answer in its own words; the status says enough.
    }
    return new Failure("request", problem.type ?? `status:${response.status}`, problem.detail ?? `The server answered ${response.status}`);
  }

  /** Where a blob can be downloaded (RFC 8620 section 6.2). */
  downloadUrl(blobId: Id, name: string, type: string): string {
    return expand(this.session.downloadUrl, { accountId: this.accountId, blobId, name, type });
  }

  /** Uploads a file (RFC 8620 section 6.1); `progress` is told the share that is sent, 0 to 1. */
  upload(file: File, progress: (share: number) => void, signal: AbortSignal): Promise<Upload> {
    return new Promise((done, failed) => {
      // fetch() has no news of what is sent, so this is the older interface.
      const request = new XMLHttpRequest();
      request.open("POST", expand(this.session.uploadUrl, { accountId: this.accountId }));
      request.setRequestHeader("Content-Type", file.type || "application/octet-stream");
      request.responseType = "json";
      request.upload.onprogress = (event) => {
        if (event.lengthComputable) progress(event.loaded / event.total);
      };
      request.onload = () => {
        if (request.status === 201 || request.status === 200) done(request.response as Upload);
        else if (request.status === 401) {
          this.onSessionEnded();
          failed(new Failure("session", "ended", "You are signed out"));
        } else if (request.status === 413) failed(new Failure("request", "tooLarge", "The file is too large"));
        else failed(new Failure("request", `status:${request.status}`, `The server answered ${request.status}`));
      };
      request.onerror = () => failed(new Failure("network", "unreachable", "The server cannot be reached"));
      request.onabort = () => failed(new Failure("network", "aborted", "The upload was stopped"));
      signal.addEventListener("abort", () => request.abort());
      request.send(file);
    });
  }
}
