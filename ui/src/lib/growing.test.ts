import type { Token, Tokens } from "marked";
import { expect, it } from "vitest";
import { BlockReader } from "./blocks";
import { settled } from "./growing";

function check(text: string, expected: string) {
  expect(settled(text)).toBe(expected);
}

it("closes what is open", () => {
  check("a **bo", "a **bo**");
  check("a **bold** and *it", "a **bold** and *it*");
  check("a **bo*", "a **bo**");
  check("a **", "a ");
  check("`co", "`co`");
  check("a `", "a ");
  check("~~gone", "~~gone~~");
  check("- one\n- **tw", "- one\n- **tw**");
  check("## A **he", "## A **he**");
  check("***both", "***both***");
});

it("leaves alone what is not open", () => {
  check("2 * 3 = 6", "2 * 3 = 6");
  check("a_b_c and 5 * x", "a_b_c and 5 * x");
  check("all **done**.", "all **done**.");
  check("`**` is a mark", "`**` is a mark");
  check("* one\n* two", "* one\n* two");
  check("```\n**a", "```\n**a");
  check("costs **5 €** now", "costs **5 €** now");
});

it("waits until it is clear what a mark is", () => {
  check("text\n-", "text\n");
  check("text\n\n#", "text\n\n");
  check("text\n\n1.", "text\n\n");
  check("text\n\n``", "text\n\n");
  check("text\n\n| a | b |", "text\n\n");
  check("text\n\n| a | b |\n| -", "text\n\n");
  check("| a | b |\n| --- | --- |\n| 1", "| a | b |\n| --- | --- |\n| 1");
  check("```sh\nls\n``", "```sh\nls");
  check("see [the docs](https://exa", "see ");
  check("see [the do", "see ");
});

/** What a reader sees of some blocks, without what only sets it apart. */
function seen(tokens: Token[]): string {
  return tokens
    .map((token) => {
      if (token.type === "list") return (token as Tokens.List).items.map(({ tokens: inner }) => seen(inner)).join(" ");
      if (token.type === "table") return [(token as Tokens.Table).header, ...(token as Tokens.Table).rows].map((row) => row.map((cell) => seen(cell.tokens)).join(" ")).join(" ");
      if (token.type === "space" || token.type === "hr" || token.type === "def") return " ";
      const inner = (token as { tokens?: Token[] }).tokens;
      if (token.type === "link") return `${seen(inner ?? [])} (${(token as Tokens.Link).href})`;
      return inner ? seen(inner) : ((token as { text?: string }).text ?? token.raw);
    })
    .join(" ")
    .replaceAll(/\s+/gu, " ");
}

it("shows nothing that it would have to take back, wherever a text is cut", () => {
  const texts = [
    "# Locks\n\nA **canal lock** is a *chamber* with `two gates`. It costs 5 * 3 = 15.\n\n## How\n\n1. The **upper** gate opens.\n2. The boat goes in.\n   - slowly\n   - *very* slowly\n3. It shuts.\n\n---\n\nThe end.",
    "Some code:\n\n```python\ndef f(x):\n    return x * 2  # **no**\n```\n\nAnd `inline *code*` here, then ~~gone~~.",
    "| Ship | Tons |\n| --- | ---: |\n| *Anna* | 12 |\n| Berta | 7 |\n\nAfter the table.",
    "> Quoted **text**\n> goes on.\n\nSee [the docs](https://example.org/a) and more.\n\n- [ ] open\n- [x] done",
    "Text that goes on\nover two lines with **bold\nover both**.\n\n***both at once*** and __also bold__ and _it_.",
    "* one\n* two\n\n  more of two\n* three\n\nEnd.",
  ];
  for (const text of texts) {
    const whole = seen(new BlockReader().read(text).map(({ token }) => token)).trim();
    const reader = new BlockReader();
    for (let end = 1; end < text.length; end += 1) {
      const shown = seen(reader.read(text.slice(0, end), true).map(({ token }) => token)).trim();
      const plain = (one: string) => one.replaceAll(/[\s()]/gu, "");
      expect(plain(whole).startsWith(plain(shown)), `${JSON.stringify(text.slice(0, end).slice(-40))} shows ${JSON.stringify(shown.slice(-60))}`).toBe(true);
    }
  }
});
