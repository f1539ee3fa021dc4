import core from "highlight.js/lib/core";
import bash from "highlight.js/lib/languages/bash";
import c from "highlight.js/lib/languages/c";
import cpp from "highlight.js/lib/languages/cpp";
import csharp from "highlight.js/lib/languages/csharp";
import css from "highlight.js/lib/languages/css";
import diff from "highlight.js/lib/languages/diff";
import dockerfile from "highlight.js/lib/languages/dockerfile";
import go from "highlight.js/lib/languages/go";
import ini from "highlight.js/lib/languages/ini";
import java from "highlight.js/lib/languages/java";
import javascript from "highlight.js/lib/languages/javascript";
import json from "highlight.js/lib/languages/json";
import kotlin from "highlight.js/lib/languages/kotlin";
import php from "highlight.js/lib/languages/php";
import powershell from "highlight.js/lib/languages/powershell";
import python from "highlight.js/lib/languages/python";
import r from "highlight.js/lib/languages/r";
import ruby from "highlight.js/lib/languages/ruby";
import rust from "highlight.js/lib/languages/rust";
import sql from "highlight.js/lib/languages/sql";
import typescript from "highlight.js/lib/languages/typescript";
import xml from "highlight.js/lib/languages/xml";
import yaml from "highlight.js/lib/languages/yaml";

const LANGUAGES = { bash, c, cpp, csharp, css, diff, dockerfile, go, ini, java, javascript, json, kotlin, php, powershell, python, r, ruby, rust, sql, typescript, xml, yaml };
for (const [name, language] of Object.entries(LANGUAGES)) core.registerLanguage(name, language);

/** A stretch of code of one kind (`keyword`, `string` …), or plain text. */
export type Node = string | { scope: string | undefined; children: Node[] };

interface Emitted {
  scope?: string;
  children: (string | Emitted)[];
}

/** Code in stretches by what they are; nothing for a language that is not known here. No HTML is made. */
export function highlighted(code: string, language: string): Node[] | undefined {
  if (!core.getLanguage(language)) return undefined;
  const result = core.highlight(code, { language, ignoreIllegals: true });
  // The tree that the library keeps, from which it would write its HTML.
  // oxlint-disable-next-line no-underscore-dangle
  return (result._emitter as unknown as { rootNode: Emitted }).rootNode.children.map(read);
}

function read(node: string | Emitted): Node {
  return typeof node === "string" ? node : { scope: node.scope?.split(".")[0]?.replace("language:", ""), children: node.children.map(read) };
}
