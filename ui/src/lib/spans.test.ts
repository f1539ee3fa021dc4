import { describe, expect, it } from "vitest";
import { cutAtMarks, spanOfBytes } from "./spans";

/** Marks `needle` by its UTF-8 bytes and expects to find it again in UTF-16. */
function check(text: string, needle: string) {
  const encoder = new TextEncoder();
  const before = text.slice(0, text.indexOf(needle));
  const start = encoder.encode(before).length;
  const span = spanOfBytes(text, start, start + encoder.encode(needle).length);
  expect(span && text.slice(span.start, span.end)).toBe(needle);
}

describe("byte offsets", () => {
  it("are found again behind characters of every UTF-8 length", () => {
    check("IBAN DE89 3704", "DE89 3704");
    check("Überweisung an DE89", "DE89");
    check("Größe: 5 €, Konto DE89.", "DE89");
    check("🏦🏦 DE89 🏦", "DE89");
    check("👩‍🔬 schließt die Schleuse 🏦", "Schleuse");
    check("äöü", "ö");
    check("𝔘𝔫𝔦", "𝔫");
    check("ends here", "here");
  });

  it("hold for every character of a mixed text", () => {
    const text = "aä€😀\u0000\n漢字é̀z";
    for (const character of text) check(text, character);
  });

  it("inside a character move to its edges", () => {
    expect(spanOfBytes("a€b", 2, 3)).toEqual({ start: 1, end: 2 });
    expect(spanOfBytes("😀", 1, 2)).toEqual({ start: 0, end: 2 });
  });

  it("that mark nothing give nothing", () => {
    for (const [start, end] of [[0, 0], [3, 2], [-1, 2], [9, 12], [Number.NaN, 2]] as const) {
      expect(spanOfBytes("abc", start, end)).toBeUndefined();
    }
    expect(spanOfBytes("", 0, 4)).toBeUndefined();
    expect(spanOfBytes("abc", 1, 99)).toEqual({ start: 1, end: 3 });
  });
});

describe("pieces", () => {
  it("put together are the text, and overlapping marks are both named", () => {
    const text = "0123456789";
    const pieces = cutAtMarks(text, [
      { start: 2, end: 6 },
      { start: 4, end: 8 },
    ]);
    expect(pieces.map((piece) => piece.text).join("")).toBe(text);
    expect(pieces.map((piece) => [piece.text, piece.marks.length])).toEqual([
      ["01", 0],
      ["23", 1],
      ["45", 2],
      ["67", 1],
      ["89", 0],
    ]);
  });

  it("of an unmarked text are the text", () => {
    expect(cutAtMarks("abc", [])).toEqual([{ text: "abc", marks: [] }]);
    expect(cutAtMarks("", [])).toEqual([]);
  });
});
