import type { Token } from "marked";
import { describe, expect, it } from "vitest";
import { BlockReader } from "./blocks";
import { tokensOf } from "./markdown";

/** The formulas of a text, in order. */
function formulas(text: string): string[] {
  const found: string[] = [];
  const walk = (tokens: Token[]) => {
    for (const token of tokens) {
      if (token.type === "math") found.push(token["text"] as string);
      walk((token as { tokens?: Token[] }).tokens ?? []);
      walk(((token as { items?: Token[] }).items ?? []) as Token[]);
    }
  };
  walk(tokensOf(text));
  return found;
}

function check(text: string, ...expected: string[]) {
  expect(formulas(text), text).toEqual(expected);
}

describe("mathematics", () => {
  it("is found within a text and on lines of its own", () => {
    check("The volume is $V = a \\cdot b$.", "V = a \\cdot b");
    check("So $x$ and $y_1$, too.", "x", "y_1");
    check(String.raw`Bracketed \(a^2\) and` + "\n\n\\[\nb^2\n\\]\n", "a^2", "b^2");
    check("$$\n\\int_0^1 x\\,dx\n$$", "\\int_0^1 x\\,dx");
    check("- in a list $n+1$", "n+1");
    check("$2x$ and $3 + 4$", "2x", "3 + 4");
  });

  it("is not what money is", () => {
    check("It costs $5 or $7.");
    check("$5-$10, US$5/US$7, 5$ und 10$");
    check("kostet $5 (5$), dann $6");
    check("$HOME/$USER and $PATH");
    check(String.raw`\$5 and \$6`);
    check("`$x$` is code");
    check("```\n$x$\n```");
    check("between $1,000 and $2,000.50");
    check("a $ b $ c");
    check("$$ nothing is closed\n\nhere $$");
  });
});

describe("a hostile text", () => {
  const DEEP = Array.from({ length: 400 }, (_, depth) => `${"  ".repeat(depth)}- x`).join("\n");
  const TEXTS: [string, string][] = [
    ["one line of a megabyte", "word ".repeat(200_000)],
    ["one word of a megabyte", "x".repeat(1_000_000)],
    ["a thousand quotations", `${">".repeat(1000)} x`],
    ["a thousand items in one line", `${"- ".repeat(1000)}x`],
    ["four hundred levels of a list", DEEP],
    ["brackets that never close", "[".repeat(20_000)],
    ["stars that never close", "*a ".repeat(6000)],
    ["backticks that never close", "`a``b```c".repeat(2000)],
    ["dollars that never close", "$a ".repeat(6000)],
    ["underscores", "_a__b".repeat(4000)],
    ["a table of two hundred columns", `${"|a".repeat(200)}|\n${"|-".repeat(200)}|\n${`${"|1".repeat(200)}|\n`.repeat(50)}`],
    ["links in links", "[a](".repeat(4000)],
    ["html", "<a ".repeat(6000)],
    ["entities", "&".repeat(20_000)],
    ["rules", "- - - - - -\n".repeat(4000)],
  ];

  for (const [name, text] of TEXTS) {
    it(`is read in time: ${name}`, () => {
      const began = performance.now();
      const reader = new BlockReader();
      reader.read(text, true);
      expect(reader.read(text).length).toBeGreaterThan(0);
      expect(performance.now() - began).toBeLessThan(2000);
    });
  }
});

it("takes only what is hostile for plain text", () => {
  const types = (text: string) => new BlockReader().read(text).map(({ token }) => token.type);
  expect(types(`# one\n\n${">".repeat(40)} x\n\n- two`)).toEqual(["heading", "plain", "list"]);
  expect(tokensOf(`a\n\n${">".repeat(40)} x\n\nb`).map(({ raw }) => raw).join("")).toBe(`a\n\n${">".repeat(40)} x\n\nb`);
});
