/** What a person chose about the look and the keys. Kept on this device only. */

import { computed, reactive, watchEffect } from "vue";

export type Theme = "system" | "light" | "dark";
export type Density = "comfortable" | "regular" | "compact";

/** Row heights in px; each step shows a line less. */
export const ROW_HEIGHT: Record<Density, number> = { comfortable: 72, regular: 56, compact: 36 };

const KEY = "settings";

export class Settings {
  readonly chosen = reactive<{ theme: Theme; density: Density; keys: boolean }>({
    theme: "system",
    density: "comfortable",
    keys: true,
  });
  readonly dark = computed(() => (this.chosen.theme === "system" ? this.#system.dark : this.chosen.theme === "dark"));
  readonly #system = reactive({ dark: false });

  constructor(storage: Storage) {
    try {
      Object.assign(this.chosen, JSON.parse(storage.getItem(KEY) ?? "{}"));
    } catch {
      // What cannot be read is as good as nothing chosen.
    }
    const query = matchMedia("(prefers-color-scheme: dark)");
    this.#system.dark = query.matches;
    query.addEventListener("change", ({ matches }) => {
      this.#system.dark = matches;
    });
    watchEffect(() => storage.setItem(KEY, JSON.stringify(this.chosen)));
    watchEffect(() => {
      document.documentElement.dataset.theme = this.dark.value ? "dark" : "light";
    });
  }
}
