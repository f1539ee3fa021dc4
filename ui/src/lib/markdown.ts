import { Lexer, Marked, type Token, type TokenizerAndRendererExtension } from "marked";

/** A formula: `display` on lines of its own, else within a text. */
export interface MathToken {
  type: "math";
  raw: string;
  text: string;
  display: boolean;
}

/** A longer text without a break is shown as it is: nobody writes one, and looking for marks in it takes time. */
const INLINE_MOST = 20_000;
const MARKS_MOST = 1500;
/** More marks for lists and quotations in front of one line are no nesting that somebody meant. */
const NESTED = /^(?:[ \t]*(?:>|[-+*]|\d{1,9}[.)])[ \t]*){20,}/mu;
/** So deep are lists by the indentation of their lines. */
const DEEP = /^[ \t]{120,}(?:[-+*]|\d{1,9}[.)])[ \t]/mu;

const displayMath: TokenizerAndRendererExtension = {
  name: "displayMath",
  level: "block",
  start: (text) => /^ {0,3}(?:\$\$|\\\[)/mu.exec(text)?.index,
  tokenizer(text) {
    const [raw, dollars, brackets] = /^ {0,3}(?:\$\$((?:(?!\n[ \t]*\n|\$\$)[^])+)\$\$|\\\[((?:(?!\n[ \t]*\n|\\\])[^])+)\\\])[ \t]*(?:\n+|$)/u.exec(text) ?? [];
    const written = (dollars ?? brackets ?? "").trim();
    return raw === undefined || written === "" ? undefined : { type: "math", raw, text: written, display: true };
  },
};

/** Not after a letter, a digit or a backslash, as in `US$5` and `\$5`. */
const OPENING = /(?<![\p{L}\p{N}\\$])\$(?=[^\s$])|\\\(/gu;

const inlineMath: TokenizerAndRendererExtension = {
  name: "inlineMath",
  level: "inline",
  start: (text) => {
    OPENING.lastIndex = 0;
    for (const match of text.matchAll(OPENING)) if (formulaAt(text.slice(match.index))) return match.index;
    return undefined;
  },
  tokenizer: (text) => {
    const found = formulaAt(text);
    return found ? { type: "math", ...found, display: false } : undefined;
  },
};

/**
 * The formula with which a text begins. A dollar is money more often than mathematics: the closing one must not stand after a blank nor
 * before a letter or digit, and what begins with a digit must have something of a formula in it.
 */
function formulaAt(text: string): { raw: string; text: string } | undefined {
  const [bracketed, inner] = /^\\\(((?:(?!\\\)|\n\n)[^]){1,2000}?)\\\)/u.exec(text) ?? [];
  if (bracketed !== undefined && inner !== undefined) return { raw: bracketed, text: inner.trim() };
  const [raw, written] = /^\$((?:\\[^\n]|[^\\$\n]){1,400})\$(?![\p{L}\p{N}$])/u.exec(text) ?? [];
  if (raw === undefined || written === undefined || /^\s|\s$/u.test(written)) return undefined;
  if (/^[\d.,\s]/u.test(written) && !/[\\^_=+<>{}]|[a-z]$/iu.test(written)) return undefined;
  return { raw, text: written };
}

const { defaults } = new Marked({ extensions: [displayMath, inlineMath] });

/** The blocks of a Markdown text with everything in them. What would take too long to read, or breaks the reader, is plain text. */
export function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  let rest = text;
  for (let rounds = 0; rest !== ""; rounds += 1) {
    const bad = Math.min(...[NESTED, DEEP].map((pattern) => rest.search(pattern)).map((at) => (at < 0 ? rest.length : at)));
    if (bad === rest.length) return [...tokens, ...read(rest)];
    if (rounds === 20) return [...tokens, ...plain(rest)];
    // Only the paragraph in which it stands is plain.
    const start = rest.lastIndexOf("\n\n", bad) + 1;
    const end = rest.indexOf("\n\n", bad);
    const stop = end < 0 ? rest.length : end + 2;
    tokens.push(...read(rest.slice(0, start)), ...plain(rest.slice(start, stop)));
    rest = rest.slice(stop);
  }
  return tokens;
}

function read(text: string): Token[] {
  try {
    const lexer = new Lexer(defaults);
    lexer.blockTokens(text, lexer.tokens);
    for (const { src, tokens } of lexer.inlineQueue) {
      if (src.length > INLINE_MOST || (src.match(/[*_`[~<]/gu)?.length ?? 0) > MARKS_MOST) tokens.push({ type: "text", raw: src, text: src, escaped: false });
      else tokens.push(...inlineOf(lexer, src));
    }
    return lexer.tokens;
  } catch {
    // A text can nest deeper than the reader's stack.
    return plain(text);
  }
}

/** What short texts consist of: the cells and items of a block that grows are read again with each of its lines. */
const known = new Map<string, Token[]>();
const KNOWN_MOST = 20_000;

/** Nothing that one person read is left for the next. */
export function forgetTexts() {
  known.clear();
}

function inlineOf(lexer: Lexer, text: string): Token[] {
  // What stands in brackets may depend on the rest of the text.
  if (text.length > 300 || text.includes("[")) return lexer.inlineTokens(text, []);
  const before = known.get(text);
  if (before) return before;
  const tokens = lexer.inlineTokens(text, []);
  if (known.size >= KNOWN_MOST) known.clear();
  known.set(text, tokens);
  return tokens;
}

function plain(text: string): Token[] {
  return text === "" ? [] : [{ type: "plain", raw: text, text }];
}
