/** Dates, sizes and counts as people read them, in the browser's language. */

const languages = typeof navigator === "undefined" ? ["en"] : [...navigator.languages];
const time = new Intl.DateTimeFormat(languages, { hour: "numeric", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat(languages, { weekday: "short" });
const day = new Intl.DateTimeFormat(languages, { day: "numeric", month: "short" });
const dayOfYear = new Intl.DateTimeFormat(languages, { day: "numeric", month: "short", year: "numeric" });
const whole = new Intl.DateTimeFormat(languages, { dateStyle: "full", timeStyle: "short" });
const medium = new Intl.DateTimeFormat(languages, { dateStyle: "medium", timeStyle: "short" });
const number = new Intl.NumberFormat(languages);

const DAY_MS = 86_400_000;

function midnight(date: Date): number {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}

/** For a row: the time today, the weekday this week, the day this year, else the whole date. */
export function shortDate(iso: string, now = new Date()): string {
  const date = new Date(iso);
  const days = Math.round((midnight(now) - midnight(date)) / DAY_MS);
  if (days === 0) return time.format(date);
  if (days > 0 && days < 7) return weekday.format(date);
  if (date.getFullYear() === now.getFullYear()) return day.format(date);
  return dayOfYear.format(date);
}

/** For the head of a message. */
export function mediumDate(iso: string): string {
  return medium.format(new Date(iso));
}

/** For a tooltip. */
export function wholeDate(iso: string): string {
  return whole.format(new Date(iso));
}

export function count(value: number): string {
  return number.format(value);
}

/** `12 kB`, of 1000 octets. */
export function size(octets: number): string {
  if (octets < 1000) return `${octets} B`;
  const units = ["kB", "MB", "GB"];
  let value = octets / 1000;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value < 9.95 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/** One or two letters for a face. */
export function initials(name: string): string {
  const words = name.replace(/@.*$/u, "").split(/[\s._-]+/u).filter((word) => /^[\p{L}\p{N}]/u.test(word));
  const letters = [words[0], words.length > 1 ? words[words.length - 1] : undefined].map((word) => [...(word ?? "")][0] ?? "");
  return letters.join("").toUpperCase() || "?";
}

/** A hue that stays the same for one address. */
export function hue(email: string): number {
  let hash = 0;
  for (const character of email.toLowerCase()) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) % 360;
  return hash;
}
