import type { Token, Tokens } from "marked";
import { tokensOf } from "./markdown";

/** What can be shown in a frame beside its source. */
export type Kind = "diagram" | "html" | "svg" | "script";

export interface Artifact {
  kind: Kind;
  /** What it calls itself; empty for nothing. Artifacts of one kind and title are versions of each other. */
  title: string;
  source: string;
}

const KINDS: Record<string, Kind> = { mermaid: "diagram", html: "html", svg: "svg", javascript: "script", js: "script" };

/** Longer ones are no longer shown, only their source. */
export const SOURCE_MOST = 500_000;

/** What a block of code in a language could be shown as. */
export function kindOf(language: string, source: string): Kind | undefined {
  if (source.length > SOURCE_MOST) return undefined;
  if (language.toLowerCase() === "xml" && /^\s*(?:<\?xml[^>]*>\s*)?<svg[\s>]/u.test(source)) return "svg";
  return Object.hasOwn(KINDS, language.toLowerCase()) ? KINDS[language.toLowerCase()] : undefined;
}

/** The name that an artifact gives itself: its `<title>`, a file name in its first comment, or `title:` of a diagram. */
export function titleOf(kind: Kind, source: string): string {
  const patterns: Record<Kind, RegExp> = {
    html: /<title[^>]*>([^<]{1,200})<\/title>/iu,
    svg: /<title[^>]*>([^<]{1,200})<\/title>/iu,
    diagram: /^---\s*\n(?:[^\n]*\n)*?title:\s*([^\n]{1,200})\n/u,
    script: /^\s*(?:\/\/|\/\*)\s*([\w./ -]{1,80}\.m?js)\b/u,
  };
  return (patterns[kind].exec(source)?.[1] ?? "").trim();
}

/** All artifacts of one kind and title in some texts, in their order, each version once. */
export function versionsIn(texts: string[], kind: Kind, title: string): string[] {
  const found = texts.filter((text) => text.includes("```") || text.includes("~~~")).flatMap((text) => blocksIn(tokensOf(text)));
  const sources = found.flatMap(({ lang = "", text }) => {
    const language = /^[\w+#.-]{1,20}/u.exec(lang)?.[0] ?? "";
    return kindOf(language, text) === kind && titleOf(kind, text) === title ? [text] : [];
  });
  return [...new Set(sources)];
}

function blocksIn(tokens: Token[]): Tokens.Code[] {
  return tokens.flatMap((token) => {
    if (token.type === "code") return [token as Tokens.Code];
    if (token.type === "list") return (token as Tokens.List).items.flatMap((item) => blocksIn(item.tokens));
    return token.type === "blockquote" ? blocksIn(token.tokens ?? []) : [];
  });
}
