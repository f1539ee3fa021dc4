import { expect, it } from "vitest";
import { de } from "./de";
import { en } from "./en";

/** Every sentence with its path; sentences that take words are given some. */
function sentences(value: unknown, path: string): [string, string][] {
  if (typeof value === "string") return [[path, value]];
  if (typeof value === "function") return [[path, String((value as (...words: unknown[]) => string)("A", "B", "C"))]];
  return Object.entries(value as object).flatMap(([name, inner]) => sentences(inner, `${path}.${name}`));
}

const german = new Map(sentences(de, ""));
const english = new Map(sentences(en, ""));

it("both languages say the same things, also where a list may be open", () => {
  expect([...german.keys()].toSorted()).toEqual([...english.keys()].toSorted());
  for (const [path, text] of [...german, ...english]) expect(text.trim(), path).not.toBe("");
});

it("German addresses people with Sie and is not left in English", () => {
  for (const [path, text] of german) expect(text, path).not.toMatch(/\b(?:du|dich|dir|dein\w*)\b/u);
  const same = [...german].filter(([path, text]) => text.length > 24 && english.get(path) === text);
  expect(same).toEqual([]);
});
