import { renderToStaticMarkup } from "react-dom/server";
import { expect, it } from "vitest";
import { Markdown } from "./Markdown";

function check(text: string, expected: string) {
  expect(renderToStaticMarkup(<Markdown text={text} />)).toBe(`<div class="prose">${expected}</div>`);
}

it("renders what models write", () => {
  check("one\ntwo\n\nthree", "<p>one\ntwo</p><p>three</p>");
  check("**a** *b* `c`", "<p><strong>a</strong> <em>b</em> <code>c</code></p>");
  check("1. a\n2. b", "<ol start=\"1\"><li>a</li><li>b</li></ol>");
  check("- a\n- b", "<ul><li>a</li><li>b</li></ul>");
  check("# T", "<h3>T</h3>");
  check("## A\n\n#### B\n\n### C\n\n# D", "<h3>A</h3><h4>B</h4><h4>C</h4><h3>D</h3>");
});

it("makes no element, address or handler of what a model writes", () => {
  const hostile = [
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    "a <b onclick=x>b</b>",
    "![p](https://elsewhere.invalid/p.png)",
    "[text](javascript:alert(1))",
    "<https://elsewhere.invalid/>",
    "<svg><style>*{}</style></svg>",
  ].join("\n\n");
  const place = document.createElement("div");
  place.innerHTML = renderToStaticMarkup(<Markdown text={hostile} />);
  expect([...new Set([...place.querySelectorAll("*")].map(({ tagName }) => tagName.toLowerCase()))].toSorted()).toEqual(["div", "p"]);
  expect(place.querySelectorAll("[src],[href],[onclick],[onerror]").length).toBe(0);
  expect(place.textContent).toContain("javascript:alert(1)");
});

it("takes a fence that is still open, as it is while streaming", () => {
  const markup = renderToStaticMarkup(<Markdown text={"```sh\nls"} />);
  expect(markup).toMatch(/<code[^>]*>ls<\/code>/u);
  expect(markup).toContain(">sh<");
});
