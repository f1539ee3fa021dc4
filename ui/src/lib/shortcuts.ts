import { Store } from "./store";

const KEPT_AS = "schleuse.single-keys";

/** Whether `?` and `/` do something by themselves. Who dictates or types with one finger may not want that (WCAG 2.1.4). */
export const singleKeys = new Store<boolean>(kept());

export function allowSingleKeys(allowed: boolean) {
  singleKeys.change(() => allowed);
  try {
    localStorage.setItem(KEPT_AS, allowed ? "on" : "off");
  } catch {
    // Storage may be forbidden; the choice then lasts as long as the page.
  }
}

function kept(): boolean {
  try {
    return localStorage.getItem(KEPT_AS) !== "off";
  } catch {
    return true;
  }
}

const IS_MAC = /mac|iphone|ipad/iu.test(navigator.platform);

/** All keys that do something everywhere, as they are told to people. `Mod` is the command key of a Mac, else Ctrl. */
export const KEYS = {
  palette: ["Mod", "K"],
  newChat: ["Mod", "Shift", "O"],
  find: ["Mod", "Shift", "F"],
  before: ["Alt", "↑"],
  after: ["Alt", "↓"],
  search: ["/"],
  keys: ["?"],
} as const;

export type Shortcut = keyof typeof KEYS;

/** The names of the keys of a shortcut on this device. */
export function keysOf(shortcut: Shortcut, words: { shift: string; control: string }): string[] {
  return KEYS[shortcut].map((key) => (key === "Mod" ? (IS_MAC ? "⌘" : words.control) : key === "Shift" ? words.shift : key));
}

/** Which shortcut a pressed key is; single keys are none while somebody writes. */
export function shortcutOf(event: KeyboardEvent): Shortcut | undefined {
  const key = event.key.toLowerCase();
  const mod = IS_MAC ? event.metaKey && !event.ctrlKey : event.ctrlKey && !event.metaKey;
  if (event.isComposing) return undefined;
  if (mod && !event.altKey) {
    if (!event.shiftKey && key === "k") return "palette";
    if (event.shiftKey && key === "o") return "newChat";
    if (event.shiftKey && key === "f") return "find";
    return undefined;
  }
  if (event.ctrlKey || event.metaKey) return undefined;
  if (event.altKey) {
    if (key === "arrowup") return "before";
    return key === "arrowdown" ? "after" : undefined;
  }
  if (!singleKeys.value() || isWriting(event.target)) return undefined;
  if (key === "/") return "search";
  return key === "?" ? "keys" : undefined;
}

function isWriting(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest("input, textarea, select, [contenteditable]") !== null;
}
