/** What a search found in an Email, as pieces of text: nothing of it is ever taken for HTML by the page. */

export interface Piece {
  text: string;
  marked: boolean;
}

const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'", "#x27": "'" };

/** Takes a snippet apart: escaped text with `<mark>` around what was found (RFC 8621 section 5). */
export function pieces(snippet: string): Piece[] {
  let marked = false;
  const found: Piece[] = [];
  for (const part of snippet.split(/(<\/?mark>)/u)) {
    if (part === "<mark>" || part === "</mark>") marked = part === "<mark>";
    else if (part !== "") found.push({ text: plain(part), marked });
  }
  return found;
}

function plain(escaped: string): string {
  return escaped.replace(/&(#?\w+);/gu, (whole, name: string) => ENTITIES[name.toLowerCase()] ?? whole);
}
