import { expect, it } from "vitest";
import { kindOf, titleOf, versionsIn } from "./artifacts";

it("knows what can be shown", () => {
  const check = (language: string, source: string, expected: string | undefined) => expect(kindOf(language, source), language).toBe(expected);
  check("mermaid", "graph TD", "diagram");
  check("HTML", "<p>", "html");
  check("xml", '<?xml version="1.0"?>\n<svg viewBox="0 0 1 1"/>', "svg");
  check("xml", "<note/>", undefined);
  check("python", "1", undefined);
  check("constructor", "1", undefined);
  check("html", "x".repeat(600_000), undefined);
});

it("reads the name that an artifact gives itself", () => {
  const check = (kind: Parameters<typeof titleOf>[0], source: string, expected: string) => expect(titleOf(kind, source)).toBe(expected);
  check("html", "<html><head><title> Toll </title>", "Toll");
  check("svg", "<svg/>", "");
  check("diagram", "---\ntitle: Locks\n---\ngraph TD", "Locks");
  check("script", "// toll.js\nlet a", "toll.js");
});

it("finds the versions of one artifact through a conversation, each once", () => {
  const block = (body: string) => `Here:\n\n\`\`\`html\n<title>A</title>${body}\n\`\`\`\n`;
  const texts = [block("1"), "nothing", `1. first\n\n   ${block("2").replaceAll("\n", "\n   ")}`, block("1"), "```html\n<title>B</title>\n```"];
  expect(versionsIn(texts, "html", "A")).toEqual(["<title>A</title>1", "<title>A</title>2"]);
});
