/**
 * What can be shown of the end of a Markdown text that still grows, so that nothing shown has to be taken back: marks that only began are
 * left away until it is clear what they are, and emphasis that is still open is closed.
 */
export function settled(text: string): string {
  const { fence, after } = openFence(text);
  const lineStart = text.lastIndexOf("\n") + 1;
  const line = text.slice(lineStart);
  if (fence !== undefined) {
    // The end of a fence begins like a line of code.
    return isBeginningOf(line.trim(), fence) ? text.slice(0, Math.max(0, lineStart - 1)) : text;
  }
  const blockStart = Math.max(text.lastIndexOf("\n\n") + 2, 0);
  const start = text.includes("\n\n") ? blockStart : 0;
  const block = text.slice(start);
  if (/^\s*\|/u.test(block) && !/^[^\n]*\n[^\n]*\n/u.test(block)) return text.slice(0, start);
  // `-` may become a rule, a list or the underline of a heading; `1` a list; `|` a table.
  if (/^\s*(?:[-*_+=#>|~`:]+|\d{1,9}[.)]?|\[\^?[^\]]*)$/u.test(line)) return text.slice(0, lineStart);
  // Only the paragraph, the heading or the item at the end can have something open.
  const from = Math.max(after, lastStart(text, lineStart));
  return text.slice(0, from) + closed(text.slice(from));
}

/** The line with which a fence that is still open would be closed, and where the last one ended that is. */
function openFence(text: string): { fence: string | undefined; after: number } {
  let open: string | undefined;
  let after = 0;
  for (const { 0: line, 1: mark = "", index } of text.matchAll(/^ {0,3}(?:(?:>|[-+*]|\d{1,9}[.)])[ \t]+)*[ \t]*(`{3,}|~{3,})[^`\n]*$/gmu)) {
    if (open === undefined) open = mark;
    else if (mark.startsWith(open)) {
      open = undefined;
      after = index + line.length;
    }
  }
  return { fence: open, after };
}

function isBeginningOf(line: string, fence: string): boolean {
  return line !== "" && fence.startsWith(line);
}

/** Where the last line begins that is not the going on of another. */
function lastStart(text: string, lineStart: number): number {
  const before = text.slice(0, lineStart);
  if (before.endsWith("\n\n") || /^\s*(?:[-*+]|\d{1,9}[.)]|#{1,6}|\|)\s/u.test(text.slice(lineStart))) return lineStart;
  const previous = Math.max(before.lastIndexOf("\n\n") + 2, before.search(/\n\s*(?:[-*+]|\d{1,9}[.)])\s[^\n]*\n?$/u) + 1, 0);
  return before === "" ? 0 : Math.min(previous, lineStart);
}

/** Closes what is open in one stretch of text, innermost first. */
function closed(text: string): string {
  const [, bullet = "", rest = ""] = /^(\s*(?:(?:[-*+]|\d{1,9}[.)]|#{1,6}|>)\s+)*)([^]*)$/u.exec(text) ?? [];
  // A bracket may become a link; whoever never closes one does not hide everything after it.
  let body = rest.replace(/!?\[[^\]\n]{0,120}(?:\](?:\([^)\s]{0,2000})?)?$/u, "");
  const bare = body.replaceAll(/(`+)(?:(?!\1)[^])*\1/gu, (code) => "x".repeat(code.length));
  const tick = /`+[^`]*$/u.exec(bare);
  if (tick) {
    const mark = /^`+/u.exec(tick[0])?.[0] ?? "`";
    // A mark without anything behind it says nothing yet.
    return bullet + (tick[0] === mark ? body.slice(0, tick.index) : body + mark);
  }
  // A mark that only began may open or close something.
  const begun = /(?:(?<=^|\s)[*_~]+|(?<!~)~)$/u.exec(bare);
  if (begun) return bullet + closed(body.slice(0, begun.index));
  const open: string[] = [];
  for (const { 0: mark, index } of bare.matchAll(/\*{1,3}|~~|(?<![\p{L}\p{N}_])_{1,2}(?=[^\s_])|(?<=[^\s_])_{1,2}(?![\p{L}\p{N}_])/gu)) {
    const [before = " ", after = " "] = [bare[index - 1], bare[index + mark.length]];
    if (open.at(-1) === mark && !/\s/u.test(before)) open.pop();
    else if (open.includes(mark) && !/\s/u.test(before)) open.length = open.indexOf(mark);
    else if (!/\s/u.test(after) || index + mark.length === bare.length) open.push(mark);
  }
  for (const mark of open.toReversed()) body = body.endsWith(mark) ? body.slice(0, -mark.length) : body.trimEnd() + mark;
  return bullet + body;
}
