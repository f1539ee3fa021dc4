import { expect, it } from "vitest";
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
  check("see [the docs](https://exa", "see the docs");
  check("see [the do", "see the do");
});
