import { useEffect, useRef } from "react";
import { openOver } from "../features/chat/opened";
import { go } from "../lib/router";
import { type Shortcut, shortcutOf } from "../lib/shortcuts";

/** Listens for the keys that do something everywhere. Over an open dialog they do nothing, because the dialog has the keyboard. */
export function useShortcuts(mayChat: boolean, open: (what: "palette" | "keys") => void) {
  const latest = useRef({ mayChat, open });
  useEffect(() => {
    latest.current = { mayChat, open };
  });

  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      const shortcut = shortcutOf(event);
      if (shortcut === undefined || event.defaultPrevented || document.querySelector("dialog[open]")) return;
      if (act(shortcut, latest.current.mayChat, latest.current.open)) event.preventDefault();
    };
    addEventListener("keydown", listen);
    return () => removeEventListener("keydown", listen);
  }, []);
}

/** Whether there was something to do. */
function act(shortcut: Shortcut, mayChat: boolean, open: (what: "palette" | "keys") => void): boolean {
  if (shortcut === "palette" || shortcut === "keys") {
    open(shortcut);
    return true;
  }
  if (shortcut === "search") {
    const field = [...document.querySelectorAll<HTMLElement>("[data-history-search]")].find((one) => one.checkVisibility());
    if (field) field.focus();
    else open("palette");
    return true;
  }
  if (!mayChat) return false;
  if (shortcut === "newChat") {
    go("/chat");
    return true;
  }
  const turns = [...document.querySelectorAll<HTMLElement>("[data-turn]")];
  if (turns.length === 0) return false;
  if (shortcut === "find") openOver("find");
  else walk(turns, shortcut === "after" ? 1 : -1);
  return true;
}

/** To the question before or after the one that is looked at. */
function walk(turns: HTMLElement[], by: 1 | -1) {
  const focused = turns.findIndex((turn) => turn.contains(document.activeElement));
  const seen = turns.findLastIndex((turn) => turn.getBoundingClientRect().top < innerHeight / 3);
  const at = focused >= 0 ? focused + by : by > 0 ? seen + 1 : seen;
  const turn = turns[Math.max(0, Math.min(turns.length - 1, at))];
  if (!turn) return;
  turn.tabIndex = -1;
  turn.focus({ preventScroll: true });
  turn.scrollIntoView({ block: "start" });
}
