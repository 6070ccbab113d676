/** The list of one Mailbox as far as it is known: a long row of places, some of them filled. */

import type { Id } from "@/jmap/types";

/** How many rows one query asks for. */
export const PAGE = 50;

export class Window {
  /** One place for each row of the whole list; undefined where nobody has looked yet. */
  readonly ids: (Id | undefined)[];

  constructor(
    total: number,
    readonly queryState = "",
  ) {
    this.ids = new Array<Id | undefined>(total);
  }

  get total(): number {
    return this.ids.length;
  }

  fill(position: number, ids: Id[]): void {
    ids.forEach((id, offset) => {
      if (position + offset < this.ids.length) this.ids[position + offset] = id;
    });
  }

  /** First page between two rows that has a gap, as its first position; null when all are there. */
  gap(first: number, last: number): number | null {
    const end = Math.min(last, this.ids.length - 1);
    for (let index = Math.max(0, first); index <= end; index += 1) {
      if (this.ids[index] === undefined) return Math.floor(index / PAGE) * PAGE;
    }
    return null;
  }

  indexOf(id: Id): number {
    return this.ids.indexOf(id);
  }

  /** Takes rows out; the ones below move up. */
  remove(ids: ReadonlySet<Id>): void {
    for (let index = this.ids.length - 1; index >= 0; index -= 1) {
      const id = this.ids[index];
      if (id !== undefined && ids.has(id)) this.ids.splice(index, 1);
    }
  }

  copy(): Window {
    const copy = new Window(this.total, this.queryState);
    this.ids.forEach((id, index) => {
      copy.ids[index] = id;
    });
    return copy;
  }
}

/**
 * How many rows came in above `anchor`, the row at the top of the screen, when `next` replaced `last`;
 * 0 when it is not in sight of the new window.
 */
export function movedBy(last: Window, next: Window, anchor: Id | undefined): number {
  if (anchor === undefined) return 0;
  const before = last.indexOf(anchor);
  const after = next.indexOf(anchor);
  return before < 0 || after < 0 ? 0 : after - before;
}
