import { expect, it } from "vitest";
import { highlighted, type Node } from "./highlight";

function textOf(nodes: Node[]): string {
  return nodes.map((node) => (typeof node === "string" ? node : textOf(node.children))).join("");
}

function scopesOf(nodes: Node[]): string[] {
  return nodes.flatMap((node) => (typeof node === "string" ? [] : [node.scope ?? "", ...scopesOf(node.children)]));
}

it("tells keywords from strings and loses nothing", () => {
  const code = 'def f(x: int = 1):\n    """Doc."""\n    return f"<b>{x}</b> & more"  # end\n';
  const nodes = highlighted(code, "python") ?? [];
  expect(textOf(nodes)).toBe(code);
  expect(scopesOf(nodes)).toEqual(expect.arrayContaining(["keyword", "string", "number", "comment"]));
});

it("knows the languages that people ask for, by their other names, too", () => {
  for (const name of ["sh", "js", "ts", "tsx", "py", "yml", "toml", "html", "rs", "c++", "cs", "kt", "ps1"]) expect(highlighted("x", name), name).toBeDefined();
  expect(highlighted("x", "mermaid")).toBeUndefined();
});
