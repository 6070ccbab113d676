import { describe, expect, it } from "vitest";

import {
  answeringIdentity,
  answerSubject,
  answerText,
  htmlToText,
  quoteLines,
  recipients,
  textOf,
  threadFields,
} from "@/compose/quote";
import type { EmailBodyPart } from "@/jmap/types";

import { email, identity } from "./support";

const anna = { name: "Anna", email: "anna@example.org" };
const bo = { name: "Bo", email: "bo@example.org" };
const me = { name: "Me", email: "me@example.test" };

describe("answerSubject", () => {
  it.each([
    ["reply", "Lunch", "Re: Lunch"],
    ["reply", "Re: Lunch", "Re: Lunch"],
    ["reply", "RE: AW: re[2]: Lunch", "Re: Lunch"],
    ["replyAll", null, "Re:"],
    ["forward", "Lunch", "Fwd: Lunch"],
    ["forward", "FW: Fwd: Lunch", "Fwd: Lunch"],
    ["reply", "Regarding: lunch", "Re: Regarding: lunch"],
  ] as const)("%s to %j", (kind, subject, expected) => {
    expect(answerSubject(kind, subject)).toBe(expected);
  });
});

describe("recipients", () => {
  const original = email({ from: [anna], to: [me, bo], cc: [{ name: null, email: "ANNA@example.org" }] });

  it("answers the sender", () => {
    expect(recipients("reply", original, [me.email])).toEqual({ to: [anna], cc: [] });
  });

  it("answers all others once, and not oneself", () => {
    expect(recipients("replyAll", original, ["ME@example.test"])).toEqual({ to: [anna], cc: [bo] });
  });

  it("obeys Reply-To (RFC 5322 section 3.6.2)", () => {
    expect(recipients("reply", email({ from: [anna], replyTo: [bo] }), [me.email]).to).toEqual([bo]);
  });

  it("writes again to the same people after one's own message", () => {
    const mine = email({ from: [me], to: [anna], cc: [bo] });
    expect(recipients("reply", mine, [me.email])).toEqual({ to: [anna], cc: [] });
    expect(recipients("replyAll", mine, [me.email])).toEqual({ to: [anna], cc: [bo] });
  });

  it("forwards to nobody yet", () => {
    expect(recipients("forward", original, [me.email])).toEqual({ to: [], cc: [] });
  });
});

it("answers with the identity that was written to", () => {
  const identities = [identity("I1", "me@example.test"), identity("I2", "sales@example.test")];
  const asked = email({ from: [anna], to: [{ name: null, email: "Sales@example.test" }] });
  expect(answeringIdentity(asked, identities)?.id).toBe("I2");
  expect(answeringIdentity(email({ to: [bo] }), identities)?.id).toBe("I1");
  expect(answeringIdentity(null, [])).toBeUndefined();
});

it("continues the References (RFC 5322 section 3.6.4)", () => {
  expect(threadFields(email({ messageId: ["b@x"], references: ["a@x"] }))).toEqual({
    inReplyTo: ["b@x"],
    references: ["a@x", "b@x"],
  });
  expect(threadFields(email({ messageId: null, references: null }))).toEqual({ inReplyTo: null, references: null });
});

it("quotes line by line, quotes of quotes without a space", () => {
  expect(quoteLines("one\r\n\n> two\nthree\n\n\n")).toBe("> one\n>\n>> two\n> three");
});

it("writes the head of an answer", () => {
  const original = email({ from: [anna], receivedAt: "2026-11-22T10:00:00Z" });
  expect(answerText("reply", original, "Hello", "Me", () => "today")).toBe("\n\n-- \nMe\n\nOn today, Anna wrote:\n> Hello\n");
});

it("writes the head of a forwarded message", () => {
  const original = email({ from: [anna], to: [me], cc: [bo], subject: "Plan" });
  const text = answerText("forward", original, "Hello", "", () => "today");
  expect(text).toContain("From: Anna <anna@example.org>\nDate: today\nSubject: Plan\nTo: Me <me@example.test>\nCc: Bo <bo@example.org>\n\nHello");
});

describe("htmlToText", () => {
  it.each([
    ["<p>One</p><p>Two &amp; three</p>", "One\n\nTwo & three"],
    ["a<br>b<br/>c", "a\nb\nc"],
    ["<style>p{color:red}</style><script>alert('</p>')</script>x", "x"],
    ["<div>a</div>\n  <div>b</div>", "a\n\nb"],
    ["1 &lt; 2 &#8364; &#x41; &unknown; &#0;", "1 < 2 € A &unknown; \ufffd"],
    ["<!-- hidden --><table><tr><td>a</td><td>b</td></tr></table>", "a b"],
    ["unclosed <b and &amp", "unclosed"],
    ["5 < 6", "5 < 6"],
  ])("%j", (html, text) => {
    expect(htmlToText(html)).toBe(text);
  });

  it("takes time in proportion to what it is given", () => {
    for (const piece of ["<", "<a", "<!--", "&", "&nbsp;", " \n", "<td>", "<style>"]) {
      const began = performance.now();
      htmlToText(piece.repeat(200_000));
      expect(performance.now() - began).toBeLessThan(2000);
    }
  });
});

it("takes the text of each part in its own form", () => {
  const part = (partId: string, type: string): EmailBodyPart => ({ partId, type, blobId: "B", size: 1, name: null, disposition: null, cid: null });
  const bodyValues = {
    1: { value: "plain <b>", isTruncated: false },
    2: { value: "<b>bold</b>", isTruncated: false },
  };
  expect(textOf({ id: "E", textBody: [part("1", "text/plain"), part("2", "text/html"), part("3", "image/png")], bodyValues })).toBe(
    "plain <b>\n\nbold",
  );
});
