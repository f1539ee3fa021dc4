import { expect, it } from "vitest";
import { difference } from "./difference";

const SIGNS = { same: " ", gone: "-", new: "+" };

function check(before: string, after: string, expected: string) {
  expect(difference(before.replaceAll(" ", "\n"), after.replaceAll(" ", "\n")).map(({ kind, text }) => SIGNS[kind] + text).join("|")).toBe(expected);
}

it("tells what went and what came, by lines", () => {
  check("a b c", "a b c", " a| b| c");
  check("a b c", "a x c", " a|-b|+x| c");
  check("a", "a b", " a|+b");
  check("a b", "b", "-a| b");
});

it("gives both texts back, however they differ", () => {
  for (let round = 0; round < 200; round += 1) {
    const text = (seed: number) => Array.from({ length: (seed * 7) % 9 }, (_, index) => "abc"[(seed * (index + 3)) % 3]).join("\n");
    const [before, after] = [text(round), text(round * 5 + 1)];
    const lines = difference(before, after);
    const without = (kind: string) => lines.filter((line) => line.kind !== kind).map((line) => line.text).join("\n");
    expect([without("new"), without("gone")]).toEqual([before, after]);
  }
});

it("does not compare each line of long texts with each", () => {
  const long = "line\n".repeat(5000);
  expect(difference(long, `${long}x`).some(({ kind }) => kind === "same")).toBe(false);
});
