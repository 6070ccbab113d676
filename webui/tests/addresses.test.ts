import { describe, expect, it } from "vitest";

import { formatAddress, isAddress, parseAddresses, sameAddress, unique } from "@/compose/addresses";

describe("parseAddresses", () => {
  it.each([
    ["anna@example.org", [{ name: null, email: "anna@example.org" }]],
    ["Anna <anna@example.org>", [{ name: "Anna", email: "anna@example.org" }]],
    ['"Lindqvist, Anna" <anna@example.org>', [{ name: "Lindqvist, Anna", email: "anna@example.org" }]],
    ['"say \\"hi\\"" <a@example.org>', [{ name: 'say "hi"', email: "a@example.org" }]],
    ["mailto:anna@example.org", [{ name: null, email: "anna@example.org" }]],
    ["jörg@bücher.example", [{ name: null, email: "jörg@bücher.example" }]],
    [
      "a@example.org, B <b@example.org>; c@example.org\nd@example.org",
      [
        { name: null, email: "a@example.org" },
        { name: "B", email: "b@example.org" },
        { name: null, email: "c@example.org" },
        { name: null, email: "d@example.org" },
      ],
    ],
    [
      "a@example.org b@example.org",
      [
        { name: null, email: "a@example.org" },
        { name: null, email: "b@example.org" },
      ],
    ],
  ])("reads %j", (text, addresses) => {
    expect(parseAddresses(text)).toEqual({ addresses, rest: "" });
  });

  it("leaves what is no address where it was typed", () => {
    const { addresses, rest } = parseAddresses("anna@example.org, nobody, @, <a@b@c>");
    expect(addresses.map(({ email }) => email)).toEqual(["anna@example.org"]);
    expect(rest).toBe("nobody, @, <a@b@c>");
  });

  it("reads back what formatAddress wrote", () => {
    for (const name of [null, "Anna", "Lindqvist, Anna", 'Anna "A" \\ Lindqvist', "Ærø; <Å>"]) {
      const address = { name, email: "anna@example.org" };
      expect(parseAddresses(formatAddress(address)).addresses).toEqual([address]);
    }
  });
});

it("knows an address by its form", () => {
  expect(["a@b", "a+b@c.example"].every(isAddress)).toBe(true);
  expect(["", "a", "a@", "@b", "a b@c", "a@b,c"].some(isAddress)).toBe(false);
});

it("keeps the first of the same addresses", () => {
  const list = [
    { name: "A", email: "a@example.org" },
    { name: null, email: "A@EXAMPLE.org" },
    { name: null, email: "me@example.org" },
  ];
  expect(unique(list, ["ME@example.org"])).toEqual([{ name: "A", email: "a@example.org" }]);
  expect(sameAddress("a@Example.ORG", "A@example.org")).toBe(true);
});
