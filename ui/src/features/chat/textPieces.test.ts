import { expect, it } from "vitest";
import { pieces } from "./textPieces";

it("pieces, put together, are the text, and each begins where it says", () => {
  const lines = Array.from({ length: 3000 }, (_, line) => `${line}: ${"word ".repeat(line % 17)}`).join("\n");
  for (const text of ["", "x", lines, "😀".repeat(20_000), "\n".repeat(30_000)]) {
    for (const pages of [null, [], [{ page: 1, start: 0 }, { page: 2, start: 500 }, { page: 3, start: 500 }, { page: 4, start: 1e9 }, { page: "Sheet", start: -4 }]]) {
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
    { page: 1, start: 0 },
    { page: "Sheet2", start: 4 },
  ]);
  expect(cut).toEqual([
    { start: 0, text: "one\n", page: 1 },
    { start: 4, text: "two\nthree", page: "Sheet2" },
  ]);
});
