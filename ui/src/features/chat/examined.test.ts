import { expect, it } from "vitest";
import { carried, composed, everywhere, type Found, gathered, OVERLAP, partsOf, PIECE, toldOf, withMask, without } from "./examined";

function found(start: number, end: number, action = "BLOCK", type = "IBAN"): Found {
  return { type, start, end, score: 1, action };
}

/** Numbers that are the same at each run. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state % below;
  };
}

it("every place of a text belongs to one piece, and the piece reaches around it", () => {
  for (const length of [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE - OVERLAP, 5 * PIECE + 17]) {
    const text = "a".repeat(length);
    const parts = partsOf(text);
    expect(parts[0]?.from).toBe(0);
    expect(parts.at(-1)?.to).toBe(length);
    for (const [index, part] of parts.entries()) {
      expect(part.text).toBe(text.slice(part.start, part.end));
      expect(part.text.length).toBeLessThanOrEqual(PIECE + 2);
      if (index > 0) expect(part.from).toBe(parts[index - 1]?.to);
      expect(part.start).toBeLessThanOrEqual(Math.max(0, part.from - OVERLAP / 2 + 1));
    }
  }
});

it("a character of two units is not cut", () => {
  for (const part of partsOf("😀".repeat(PIECE))) expect(part.text).not.toMatch(/\p{Surrogate}/u);
});

it("what is found in pieces is what would be found in the whole, once", () => {
  const next = random(7);
  for (let round = 0; round < 20; round += 1) {
    const letters = Array.from({ length: PIECE + next(2 * PIECE) }, () => "x");
    for (let count = 0; count < 60; count += 1) letters.splice(next(letters.length - 5), 4, ..."SECR");
    const text = letters.join("");
    const find = (part: string) => [...part.matchAll(/SECR/gu)].map(({ index }) => found(index, index + 4));
    expect(gathered(partsOf(text).map((part) => [part, find(part.text)]))).toEqual(find(text));
  }
});

it("marks go with their words while a text is changed", () => {
  const check = (before: string, after: string, words: string[]) => {
    const marks = [...before.matchAll(/\b[A-Z]+\b/gu)].map(({ index, 0: word }) => found(index, index + word.length));
    expect(carried(marks, before, after).map(({ start, end }) => after.slice(start, end))).toEqual(words);
  };
  check("say AAA and BBB", "say AAA and BBB", ["AAA", "BBB"]);
  check("say AAA and BBB", "please say AAA and BBB", ["AAA", "BBB"]);
  check("say AAA and BBB", "say AAA or BBB!", ["AAA"]);
  check("say AAA and BBB", "say AXA and BBB", ["BBB"]);
  check("say AAA and BBB", "", []);
  check("say AAA and BBB", "say AAA", ["AAA"]);
});

it("a carried mark always covers the same characters", () => {
  const next = random(3);
  for (let round = 0; round < 400; round += 1) {
    const before = Array.from({ length: 30 }, () => "abAB "[next(5)]).join("");
    const [from, to] = [next(30), next(30)].toSorted((a, b) => a - b) as [number, number];
    const after = before.slice(0, from) + "xyz".slice(next(3)) + before.slice(to);
    const marks = Array.from({ length: 3 }, () => found(next(15), 15 + next(15)));
    for (const mark of carried(marks.map((one, index) => ({ ...one, index })), before, after)) {
      const old = marks[mark.index];
      expect(after.slice(mark.start, mark.end)).toBe(before.slice(old?.start, old?.end));
    }
  }
});

it("of what was found at one place the heavier is told, and what is allowed is not", () => {
  expect(toldOf([found(0, 4, "WARN"), found(0, 4, "BLOCK"), found(6, 8, "ALLOW")]).map(({ action }) => action)).toEqual(["BLOCK"]);
});

it("a word is taken out with one of its blanks", () => {
  const check = (text: string, word: string, left: string) => expect(without(text, { start: text.indexOf(word), end: text.indexOf(word) + word.length })).toBe(left);
  check("to ERIKA, please", "ERIKA", "to , please");
  check("to ERIKA please", "ERIKA", "to please");
  check("ERIKA please", "ERIKA", "please");
  check("please ERIKA", "ERIKA", "please ");
});

it("what is masked is masked wherever it stands", () => {
  const text = "AAA, aaa, AAAA";
  expect(everywhere(text, { start: 0, end: 3, type: "X" }).map(({ start }) => start)).toEqual([0, 10]);
  expect(everywhere(text, { start: 0, end: 0, type: "X" })).toEqual([]);
});

it("masks never overlap", () => {
  let masks = withMask([], { start: 0, end: 4, type: "A" });
  masks = withMask(masks, { start: 6, end: 9, type: "B" });
  masks = withMask(masks, { start: 3, end: 7, type: "C" });
  expect(masks).toEqual([{ start: 3, end: 7, type: "C" }]);
});

it("what is sent has the masks at their words", () => {
  const veils = new Map([["two BBB", [{ start: 4, end: 7, type: "X" }]]]);
  const { content, masks } = composed("  one AAA \n", [{ start: 6, end: 9, type: "Y" }], ["two BBB", "three"], veils);
  expect(content).toBe("one AAA\n\ntwo BBB\n\nthree");
  expect(masks.map(({ start, end }) => content.slice(start, end))).toEqual(["AAA", "BBB"]);
  expect(composed("", [], ["two BBB"], veils)).toEqual({ content: "two BBB", masks: [{ start: 4, end: 7, type: "X" }] });
});
