/** Addresses as people type and read them. */

import type { EmailAddress } from "@/jmap/types";

const ADDRESS = /^[^\s@<>,;"]+@[^\s@<>,;"]+$/u;

/** Does this look like something a message can be sent to? The server has the last word. */
export function isAddress(text: string): boolean {
  return ADDRESS.test(text);
}

/** Cuts at commas, semicolons and line ends that stand outside quotes and angle brackets. */
function pieces(text: string): string[] {
  const found: string[] = [];
  let piece = "";
  let quoted = false;
  let angled = false;
  for (let index = 0; index < text.length; index += 1) {
    const character = text.charAt(index);
    if (quoted && character === "\\") {
      piece += character + text.charAt(index + 1);
      index += 1;
      continue;
    }
    if (character === '"') quoted = !quoted;
    else if (!quoted && character === "<") angled = true;
    else if (!quoted && character === ">") angled = false;
    if (!quoted && !angled && /[,;\n\r]/.test(character)) {
      found.push(piece);
      piece = "";
    } else piece += character;
  }
  found.push(piece);
  return found.map((one) => one.trim()).filter((one) => one !== "");
}

function parseOne(piece: string): EmailAddress | null {
  const angled = /^(.*)<([^<>]*)>$/su.exec(piece);
  const email = (angled?.[2] ?? piece).trim().replace(/^mailto:/iu, "");
  if (!isAddress(email)) return null;
  const name = (angled?.[1] ?? "").trim().replace(/^"(.*)"$/su, "$1").replace(/\\(.)/gsu, "$1");
  return { name: name === "" ? null : name, email };
}

/** What of `text` is an address, and what is not (to be left where it was typed). */
export function parseAddresses(text: string): { addresses: EmailAddress[]; rest: string } {
  const addresses: EmailAddress[] = [];
  const rest: string[] = [];
  for (const piece of pieces(text)) {
    const address = parseOne(piece);
    if (address !== null) {
      addresses.push(address);
      continue;
    }
    // A list that was pasted with spaces between its addresses.
    const words = piece.split(/\s+/u);
    if (words.length > 1 && words.every(isAddress)) addresses.push(...words.map((email) => ({ name: null, email })));
    else rest.push(piece);
  }
  return { addresses, rest: rest.join(", ") };
}

/** `Anna Example <anna@example.org>`, quoted where the name needs it (RFC 5322 section 3.2.4). */
export function formatAddress({ name, email }: EmailAddress): string {
  if (name === null || name === "") return email;
  const plain = /^[\p{L}\p{N}\p{M} !#$%&'*+\-/=?^_`{|}~]+$/u.test(name);
  return `${plain ? name : `"${name.replace(/["\\]/gu, "\\$&")}"`} <${email}>`;
}

/** The name to show for somebody. */
export function shortName({ name, email }: EmailAddress): string {
  return name?.trim() || email;
}

/** The same person? Domains are compared without case, and nearly all sites do so with the rest. */
export function sameAddress(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

/** Without those named before, in the first order. */
export function unique(addresses: EmailAddress[], except: string[] = []): EmailAddress[] {
  const seen = new Set(except.map((email) => email.toLowerCase()));
  return addresses.filter(({ email }) => {
    const key = email.toLowerCase();
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}
