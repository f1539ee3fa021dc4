import { expect, it } from "vitest";
import { allowSingleKeys, shortcutOf } from "./shortcuts";

function check(pressed: KeyboardEventInit, expected: string | undefined, target: HTMLElement = document.body) {
  const event = new KeyboardEvent("keydown", pressed);
  Object.defineProperty(event, "target", { value: target });
  expect(shortcutOf(event)).toBe(expected);
}

it("knows the keys that do something", () => {
  check({ key: "k", ctrlKey: true }, "palette");
  check({ key: "K", ctrlKey: true, shiftKey: true }, undefined);
  check({ key: "O", ctrlKey: true, shiftKey: true }, "newChat");
  check({ key: "F", ctrlKey: true, shiftKey: true }, "find");
  check({ key: "f", ctrlKey: true }, undefined);
  check({ key: "ArrowUp", altKey: true }, "before");
  check({ key: "?", shiftKey: true }, "keys");
  check({ key: "/" }, "search");
  check({ key: "k" }, undefined);
});

it("leaves single keys to whoever writes, and to whoever switched them off", () => {
  check({ key: "?" }, undefined, document.createElement("textarea"));
  check({ key: "/" }, undefined, document.createElement("input"));
  check({ key: "k", ctrlKey: true }, "palette", document.createElement("textarea"));
  allowSingleKeys(false);
  check({ key: "?" }, undefined);
  allowSingleKeys(true);
  check({ key: "?" }, "keys");
});
