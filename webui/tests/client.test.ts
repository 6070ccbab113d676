import { describe, expect, it, vi } from "vitest";

import { Client, expand, Failure } from "@/jmap/client";
import { pause } from "@/jmap/push";

import { clientOf } from "./support";

it("sends the calls of a batch in one request, with back-references (RFC 8620 section 3.7)", async () => {
  const { client, requests } = await clientOf(() => ({ ids: [], list: [] }));
  const batch = client.batch();
  const query = batch.add("Email/query", { filter: { inMailbox: "M1" } });
  batch.add("Email/get", { "#ids": query.ref("/ids") });
  await client.read(batch);
  expect(requests).toEqual([
    [
      ["Email/query", { accountId: "A1", filter: { inMailbox: "M1" } }, "0"],
      ["Email/get", { accountId: "A1", "#ids": { resultOf: "0", name: "Email/query", path: "/ids" } }, "1"],
    ],
  ]);
});

it("tells a refused call from the ones that went well", async () => {
  const { client } = await clientOf((method) => (method === "Email/get" ? { type: "invalidArguments", description: "no" } : { ids: ["E1"] }));
  const batch = client.batch();
  const query = batch.add("Email/query", {});
  const get = batch.add("Email/get", {});
  const answers = await client.read(batch);
  expect(answers.of(query).ids).toEqual(["E1"]);
  expect(answers.maybe(get)).toBeUndefined();
  expect(() => answers.of(get)).toThrow(new Failure("method", "invalidArguments", "no"));
});

it("finds its own answer where the server adds one under the same id (RFC 8621 section 7.5)", async () => {
  const client = new Client({
    fetch: async (url) =>
      String(url) === "/jmap/session"
        ? Response.json({ apiUrl: "/api", primaryAccounts: { "urn:ietf:params:jmap:mail": "A" } })
        : Response.json({
            methodResponses: [
              ["EmailSubmission/set", { created: { s: { id: "S1" } } }, "0"],
              ["Email/set", { updated: { E1: null } }, "0"],
            ],
          }),
    wait: async () => undefined,
  });
  await client.open();
  const batch = client.batch();
  const submit = batch.add("EmailSubmission/set", {});
  expect((await client.write(batch)).of(submit).created).toEqual({ s: { id: "S1" } });
});

describe("failures", () => {
  const failing = async (...responses: (Response | Error)[]) => {
    const wait = vi.fn(async () => undefined);
    const queue: (Response | Error)[] = [
      Response.json({ apiUrl: "/api", primaryAccounts: { "urn:ietf:params:jmap:mail": "A" } }),
      ...responses,
    ];
    const client = new Client({
      fetch: async () => {
        const next = queue.shift();
        if (next instanceof Response) return next;
        throw next ?? new Error("asked too often");
      },
      wait,
    });
    await client.open();
    return { client, wait };
  };

  it("knows that the session is over", async () => {
    const { client } = await failing(new Response("", { status: 401 }));
    const ended = vi.fn();
    client.onSessionEnded = ended;
    await expect(client.read(client.batch())).rejects.toMatchObject({ kind: "session" });
    expect(ended).toHaveBeenCalledOnce();
  });

  it("knows that nobody answers", async () => {
    const { client } = await failing(new TypeError("refused"));
    const reachable = vi.fn();
    client.onReachable = reachable;
    await expect(client.read(client.batch())).rejects.toMatchObject({ kind: "network" });
    expect(reachable).toHaveBeenLastCalledWith(false);
  });

  it("waits and asks again when the server is at a limit (RFC 8620 section 3.6.1)", async () => {
    const busy = Response.json({ type: "urn:ietf:params:jmap:error:limit", limit: "maxConcurrentRequests" }, { status: 429 });
    const { client, wait } = await failing(busy, Response.json({ methodResponses: [] }));
    await client.read(client.batch());
    expect(wait).toHaveBeenCalledOnce();
  });

  it("says what another refusal was about", async () => {
    const { client, wait } = await failing(
      Response.json({ type: "urn:ietf:params:jmap:error:notRequest", detail: "not a request" }, { status: 400 }),
    );
    await expect(client.read(client.batch())).rejects.toMatchObject({ kind: "request", message: "not a request" });
    expect(wait).not.toHaveBeenCalled();
  });

  it("keeps writing in order after a failure", async () => {
    const { client } = await failing(new TypeError("refused"), Response.json({ methodResponses: [["Email/set", { updated: {} }, "0"]] }));
    const one = client.batch();
    const other = client.batch();
    const set = other.add("Email/set", {});
    const first = client.write(one);
    const second = client.write(other);
    await expect(first).rejects.toMatchObject({ kind: "network" });
    expect((await second).of(set).updated).toEqual({});
  });
});

it("fills URI templates, encoding what would break out (RFC 6570 section 3.2.2)", () => {
  expect(expand("/d/{blobId}/{name}?type={type}", { blobId: "B1", name: "a/b?.pdf", type: "text/html" })).toBe(
    "/d/B1/a%2Fb%3F.pdf?type=text%2Fhtml",
  );
});

it("waits longer after each loss, up to a minute", () => {
  expect([1, 2, 3, 10].map((losses) => pause(losses, 1))).toEqual([1000, 2000, 4000, 60_000]);
  expect(pause(1, 0)).toBe(750);
});
