/** How many panes fit beside each other, and whether there is a pointer that can hover. */

import { type Ref, ref } from "vue";

export type Panes = 1 | 2 | 3;

export function watchPanes(): Ref<Panes> {
  const two = matchMedia("(min-width: 40rem)");
  const three = matchMedia("(min-width: 64rem)");
  const now = (): Panes => (three.matches ? 3 : two.matches ? 2 : 1);
  const panes = ref<Panes>(now());
  for (const query of [two, three]) {
    query.addEventListener("change", () => {
      panes.value = now();
    });
  }
  return panes;
}
