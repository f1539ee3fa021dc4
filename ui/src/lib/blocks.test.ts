import { lexer } from "marked";
import { expect, it } from "vitest";
import { BlockReader } from "./blocks";

const TEXTS = [
  "# Heading\n\nA paragraph\nthat goes on.\n\nAnother\n===\n\n- one\n\n- two\n  more\n\n  inside\n- three\n\nEnd.",
  "1. a\n2. b\n\n3. c\n\n```sh\nls\n\n\n# not a heading\n```\n\nafter `code` and **bold\nover lines**",
  "| a | b |\n|---|---|\n| 1 | 2 |\n\n> quoted\nlazy\n\n---\n\n    indented\n\n\n    code\n\ntext",
  "Grüße 😀\r\n\r\nzweiter\r\nAbsatz\n\n***\n* * *\n",
  "<div>\n\nhtml\n\n</div>\n\n~~~\nopen fence\n\nstill",
  "a\tb\n\n\tcode\n\n- x\n\t- y\n\nend\n\nof it",
];

function raws(blocks: { token: { type: string; raw: string } }[]): string[] {
  return blocks.map(({ token }) => `${token.type} ${token.raw.trimEnd()}`);
}

function whole(text: string): string[] {
  return raws(lexer(text).filter(({ type }) => type !== "space").map((token) => ({ token })));
}

it("reads a growing text to the same blocks as the whole one", () => {
  for (const text of TEXTS) {
    for (const step of [1, 2, 3, 7, 1000]) {
      const reader = new BlockReader();
      let blocks = reader.read("");
      for (let end = step; end < text.length; end += step) blocks = reader.read(text.slice(0, end));
      blocks = reader.read(text);
      expect(raws(blocks), `${step}: ${text}`).toEqual(whole(text));
    }
  }
});

it("keeps the blocks that cannot change any more", () => {
  const reader = new BlockReader();
  const before = reader.read("one\n\ntwo\n\nthree\n\nfo");
  const after = reader.read("one\n\ntwo\n\nthree\n\nfour\n\nfive");
  expect(after[0]).toBe(before[0]);
  expect(after[1]).toBe(before[1]);
  expect(after).toHaveLength(5);
});

it("begins again with another text", () => {
  const reader = new BlockReader();
  reader.read("one\n\ntwo");
  expect(raws(reader.read("three"))).toEqual(["paragraph three"]);
});

it("takes a long answer in small pieces without reading it again and again", () => {
  const paragraph = `${"Some words of a long answer, with **bold** ones. ".repeat(4)}\n\n`;
  const text = paragraph.repeat(200);
  const reader = new BlockReader();
  let last = reader.read("");
  const started = performance.now();
  for (let end = 24; end <= text.length; end += 24) last = reader.read(text.slice(0, end));
  const took = performance.now() - started;
  expect(last.length).toBeGreaterThan(190);
  // 1,650 updates of a 40 KB answer; reading all of it each time takes more than ten times as long.
  expect(took).toBeLessThan(5000);
});
