// @vitest-environment node
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { de } from "./de";
import { en } from "./en";

const crates = join(import.meta.dirname, "../../../../crates");

/** The words that a function of the house may give, read from its source. */
function wordsIn(file: string, after: string, before: string, pattern = /=> "(\w[\w.]*)"/gu): string[] {
  const source = readFileSync(join(crates, file), "utf8");
  const from = source.indexOf(after);
  expect(from, `${file} has no \`${after}\``).toBeGreaterThan(-1);
  const to = source.indexOf(before, from);
  return [...source.slice(from, to < 0 ? undefined : to).matchAll(pattern)].map(([, word]) => word ?? "");
}

/** Every word of the house has a name in both languages, and the German one is not the word itself. */
function check(house: string[], names: (language: typeof en) => Record<string, unknown>) {
  expect(house.length).toBeGreaterThan(2);
  for (const word of house) {
    expect(names(en)[word], `\`${word}\` in English`).toBeTruthy();
    expect(names(de)[word], `\`${word}\` in German`).toBeTruthy();
    expect(names(de)[word], `\`${word}\` in German`).not.toBe(word);
  }
}

const ARM_END = "\n    }\n";

it("zones", () => check(wordsIn("types/src/zone.rs", "fn as_str", ARM_END), ({ now }) => now.zones));
it("roles", () => check(wordsIn("types/src/principal.rs", "fn as_str", ARM_END), ({ roles }) => roles));
it("labels", () => check(wordsIn("types/src/label.rs", '=> "PUBLIC"', ARM_END, /"(\w+)"/gu), ({ labels }) => labels));
it("outcomes", () => check(wordsIn("types/src/refusal.rs", "impl Outcome", ARM_END), ({ actions }) => actions));
it("refusals", () => check(wordsIn("types/src/refusal.rs", "pub fn code(", ARM_END), ({ refusal }) => refusal.headings));
it("events", () => check(wordsIn("audit/src/record.rs", "fn as_str", ARM_END), ({ decisions }) => decisions.events));
it("events that only one room knows", () => {
  const rooms = ["signin/src/session.rs", "schleuse/src/command/restore.rs"];
  const events = rooms.flatMap((file) => wordsIn(file, "use ", "mod tests", /Event::Other\("([\w.]+)"\)/gu));
  expect(events).toContain("house.restore");
  for (const event of events) expect([en, de].map(({ decisions }) => decisions.events[event]), event).not.toContain(undefined);
});
it("actions", () => check(wordsIn("policy/src/question.rs", "pub fn name(", ARM_END), ({ access }) => access.actions));
it("findings", () => {
  const named = wordsIn("inspect/src/kind.rs", "const KINDS", "];", /(?:personal|credential|other)\("(\w+)"/gu);
  check(named, ({ findings }) => findings);
});
it("states of the engine", () => {
  check(wordsIn("schleuse/src/house/bridge.rs", "match engine.status()", "}\n                .to_owned()"), ({ now }) => now.engineStates);
});
it("kinds of limits", () => check(wordsIn("limits/src/exceeded.rs", "fn as_str", ARM_END, /"(\w+)"/gu), ({ limits }) => limits.kinds));
