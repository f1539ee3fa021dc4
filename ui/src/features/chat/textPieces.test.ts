import { expect, it } from "vitest";
import { pieces } from "./textPieces";

function page(start: number) {
  return { kind: "page", number: 1, name: null, start };
}

it("pieces, put together, are the text, and each begins where it says", () => {
  const lines = Array.from({ length: 3000 }, (_, line) => `${line}: ${"word ".repeat(line % 17)}`).join("\n");
  for (const text of ["", "x", lines, "😀".repeat(20_000), "\n".repeat(30_000)]) {
    for (const pages of [[], [0, 500, 500, 1e9, -4].map(page)]) {
      const cut = pieces(text, pages);
      expect(cut.map((piece) => piece.text).join("")).toBe(text);
      for (const piece of cut) {
        expect(text.startsWith(piece.text, piece.start)).toBe(true);
        expect(piece.text.length).toBeLessThanOrEqual(6000);
      }
    }
  }
});

it("pages are named where they begin", () => {
  const cut = pieces("one\ntwo\nthree", [
    page(0),
    { ...page(4), kind: "sheet", name: "Sheet2" },
  ]);
  expect(cut).toEqual([
    { start: 0, text: "one\n", place: page(0) },
    { start: 4, text: "two\nthree", place: { ...page(4), kind: "sheet", name: "Sheet2" } },
  ]);
});
