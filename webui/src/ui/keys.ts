/** Single-key commands: only outside text fields, without modifiers, and only while they are switched on. */

const TYPING = /^(?:input|textarea|select)$/iu;

/** Is somebody typing here, or is a dialog open that wants the keys for itself? */
export function isTyping(target: EventTarget | null): boolean {
  const element = target as HTMLElement | null;
  if (element === null || typeof element.closest !== "function") return false;
  return TYPING.test(element.tagName) || element.isContentEditable || element.closest("dialog[open], [data-own-keys]") !== null;
}

/** The name of a key press in a table of commands; null when it is none of ours. */
export function command(event: KeyboardEvent, letters: boolean): string | null {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return null;
  if (isTyping(event.target)) return null;
  if (event.key.length === 1 && !letters) return null;
  return event.key;
}

export const HELP: { title: string; keys: [string, string][] }[] = [
  {
    title: "Move",
    keys: [
      ["j / ↓", "next conversation"],
      ["k / ↑", "previous conversation"],
      ["Enter / o", "open"],
      ["u / Esc", "back to the list"],
      ["g", "to the inbox"],
      ["/", "search"],
    ],
  },
  {
    title: "Act",
    keys: [
      ["e", "archive"],
      ["# / Del", "move to Trash"],
      ["!", "junk, or not junk"],
      ["s", "flag"],
      ["Shift U", "mark as unread"],
      ["z", "undo"],
    ],
  },
  {
    title: "Write",
    keys: [
      ["c", "new message"],
      ["r", "reply"],
      ["a", "reply to all"],
      ["f", "forward"],
      ["Ctrl Enter", "send"],
    ],
  },
];
