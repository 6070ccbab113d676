import { describe, expect, it } from "vitest";

import { counterChanges, inverse, moveTo, patched, wirePatch } from "@/mail/edits";
import { peopleOf, rowOf, spoken } from "@/mail/rows";
import { movedBy, PAGE, Window } from "@/mail/window";
import { initials, shortDate, size } from "@/ui/format";

import { email } from "./support";

describe("the window of a list", () => {
  it("knows where nobody has looked yet", () => {
    const window = new Window(3 * PAGE);
    window.fill(0, Array.from({ length: PAGE }, (_, n) => `E${n}`));
    expect(window.gap(0, PAGE - 1)).toBeNull();
    expect(window.gap(0, PAGE)).toBe(PAGE);
    expect(window.gap(2 * PAGE + 3, 9 * PAGE)).toBe(2 * PAGE);
    expect(new Window(0).gap(0, 10)).toBeNull();
  });

  it("does not grow past its end", () => {
    const window = new Window(2);
    window.fill(1, ["E1", "E2"]);
    expect(window.ids).toEqual([undefined, "E1"]);
  });

  it("closes up when rows leave, and keeps its gaps", () => {
    const window = new Window(5);
    window.fill(1, ["E1", "E2", "E3"]);
    const copy = window.copy();
    window.remove(new Set(["E2"]));
    expect(window.ids).toEqual([undefined, "E1", "E3", undefined]);
    expect(copy.total).toBe(5);
  });

  it("says how far the row at the top moved", () => {
    const last = new Window(3);
    last.fill(0, ["E1", "E2", "E3"]);
    const next = new Window(5);
    next.fill(0, ["E5", "E4", "E1", "E2", "E3"]);
    expect(movedBy(last, next, "E2")).toBe(2);
    expect(movedBy(last, next, "E9")).toBe(0);
    expect(movedBy(last, next, undefined)).toBe(0);
  });
});

describe("edits", () => {
  const before = email({ keywords: { $flagged: true }, mailboxIds: { inbox: true, work: true } });

  it("apply and can be taken back", () => {
    const after = patched(before, { "keywords/$seen": true, "keywords/$flagged": null, ...moveTo(before, "trash") });
    expect(after.keywords).toEqual({ $seen: true });
    expect(after.mailboxIds).toEqual({ trash: true });
    expect(before.mailboxIds).toEqual({ inbox: true, work: true });
    expect(patched(after, inverse(before, after))).toEqual(before);
  });

  it("escape what has a meaning in a path (RFC 6901 section 3)", () => {
    expect(wirePatch({ "keywords/a/b~c": true })).toEqual({ "keywords/a~1b~0c": true });
  });

  it("move the counters", () => {
    const after = patched(before, { "mailboxIds/inbox": null, "keywords/$seen": true });
    expect(Object.fromEntries(counterChanges([{ before, after }]))).toEqual({
      inbox: { total: -1, unread: -1 },
      work: { total: 0, unread: -1 },
    });
    expect(counterChanges([{ before, after: null }]).get("work")).toEqual({ total: -1, unread: -1 });
  });
});

describe("a row", () => {
  const bo = email({ id: "E2", from: [{ name: "Bo Ek", email: "bo@example.org" }], keywords: { $seen: true } });
  const mine = email({ id: "E3", from: [{ name: "Me", email: "ME@example.test" }] });

  it("names who took part", () => {
    expect(peopleOf([bo], [])).toBe("Bo Ek");
    expect(peopleOf([email(), bo, mine, bo], ["me@example.test"])).toBe("Anna, Bo, me");
    expect(peopleOf([email({ from: null })], [])).toBe("(no sender)");
    const crowd = ["a", "b", "c", "d"].map((name) => email({ from: [{ name: null, email: `${name}@example.org` }] }));
    expect(peopleOf(crowd, [])).toBe("a, b … d");
  });

  it("sums up its Thread", () => {
    const row = rowOf(bo, [email({ keywords: { $flagged: true }, hasAttachment: true }), bo], [], false);
    expect(row).toMatchObject({ id: "E2", count: 2, unread: true, flagged: true, attachment: true });
    expect(spoken(row)).toMatch(/^unread, flagged, Anna, Bo, 2 messages, Hello, .*, has attachment$/u);
  });

  it("shows the receivers of what was sent", () => {
    expect(rowOf(mine, [mine], [], true).people).toBe("To: me@example.test");
    expect(rowOf(email({ to: null }), [], [], true).people).toBe("(no recipient)");
  });
});

describe("format", () => {
  it.each([
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1.0 kB"],
    [9949, "9.9 kB"],
    [10_000, "10 kB"],
    [999_499, "999 kB"],
    [999_500, "1.0 MB"],
    [50_000_000, "50 MB"],
    [5e12, "5000 GB"],
  ])("%d octets are %s", (octets, text) => {
    expect(size(octets)).toBe(text);
  });

  it("shortens dates by how far away they are", () => {
    const now = new Date(2026, 10, 22, 12);
    const at = (...parts: [number, number, number, number]) => shortDate(new Date(...parts).toISOString(), now);
    expect(at(2026, 10, 22, 0)).toMatch(/12:00/u);
    expect(at(2026, 10, 21, 23)).toBe("Sat");
    expect(at(2026, 10, 16, 23)).toBe("Mon");
    expect(at(2026, 10, 15, 23)).toBe("Nov 15");
    expect(at(2025, 10, 22, 12)).toBe("Nov 22, 2025");
  });

  it("takes initials from names and addresses", () => {
    expect(["Anna Lindqvist", "Åsa", "marco.bellini@example.net", "", "李 小龙"].map(initials)).toEqual(["AL", "Å", "MB", "?", "李小"]);
  });
});
