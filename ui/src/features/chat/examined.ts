import type { Span } from "../../lib/spans";

/** One thing that inspection would find in a text; in UTF-16 units of it. */
export interface Found extends Span {
  type: string;
  score: number;
  /** What the house would do with it: `BLOCK`, `REDACT`, `MASK`, `PSEUDONYMIZE`, `RAISE_LABEL`, `WARN` or `ALLOW`. */
  action: string;
  /** In a file: the page, sheet or slide. */
  place?: FilePlace | null;
}

/** A part of a file. `properties` are beside its text, and no model is shown them. */
export interface FilePlace {
  kind: string;
  number: number | null;
  name: string | null;
}

/** What the house says about a text before it is sent. */
export interface Examined {
  findings: Found[];
  /** Of the text with everything that was found in it. */
  label: string | null;
  blocked: boolean;
  /** To what the text raises the label by itself. */
  raises: string | null;
}

/** A stretch that goes out as a stand-in. */
export interface Mask extends Span {
  type: string;
}

/** So many UTF-16 units are examined at once. */
export const PIECE = 48_000;
/** So far does a piece reach into the next one, so that nothing is torn apart at an edge. */
export const OVERLAP = 600;

export interface Part extends Span {
  text: string;
  /** What begins before this belongs to the piece before. */
  from: number;
  /** What begins here or later belongs to the next piece. */
  to: number;
}

/** Cuts a text into pieces that overlap. Every place belongs to exactly one of them. */
export function partsOf(text: string): Part[] {
  const parts: Part[] = [];
  for (let start = 0; start === 0 || start < text.length - OVERLAP; start += PIECE - OVERLAP) {
    const end = Math.min(text.length, start + PIECE);
    const isLast = end === text.length;
    const [first, last] = [edge(text, start, -1), edge(text, end, 1)];
    parts.push({
      start: first,
      end: last,
      text: text.slice(first, last),
      from: start === 0 ? 0 : start + OVERLAP / 2,
      to: isLast ? text.length : end - OVERLAP / 2,
    });
    if (isLast) break;
  }
  return parts;
}

/** Not between the halves of one character. */
function edge(text: string, at: number, direction: 1 | -1): number {
  const unit = text.charCodeAt(at);
  return at > 0 && at < text.length && unit >= 0xdc00 && unit <= 0xdfff ? at + direction : at;
}

/** What was found in the pieces, in places of the whole. */
export function gathered(parts: [Part, Found[]][]): Found[] {
  return parts
    .flatMap(([part, findings]) =>
      findings
        .map((found) => ({ ...found, start: found.start + part.start, end: found.end + part.start }))
        .filter(({ start }) => start >= part.from && start < part.to),
    )
    .toSorted((a, b) => a.start - b.start || b.end - a.end);
}

/**
 * Takes marks along while a text is changed: what stands before the change stays, what stands behind it moves, and what the
 * change touches is gone.
 */
export function carried<T extends Span>(marks: readonly T[], before: string, after: string): T[] {
  if (before === after) return [...marks];
  const most = Math.min(before.length, after.length);
  let head = 0;
  while (head < most && before.charCodeAt(head) === after.charCodeAt(head)) head += 1;
  let tail = 0;
  while (tail < most - head && before.charCodeAt(before.length - 1 - tail) === after.charCodeAt(after.length - 1 - tail)) tail += 1;
  const moved = after.length - before.length;
  return marks.flatMap((mark) => {
    if (mark.end <= head) return mark;
    return mark.start >= before.length - tail ? { ...mark, start: mark.start + moved, end: mark.end + moved } : [];
  });
}

/** Findings of which the house would stop the text, replace something, or only raise its label; the rest says nothing to a writer. */
const TELLING = new Set(["BLOCK", "REDACT", "MASK", "PSEUDONYMIZE", "RAISE_LABEL", "WARN"]);
const WEIGHT = ["WARN", "RAISE_LABEL", "PSEUDONYMIZE", "MASK", "REDACT", "BLOCK"];

/** What a writer is shown: of findings at the very same place the one that weighs most. */
export function toldOf(findings: readonly Found[]): Found[] {
  const told: Found[] = [];
  for (const found of findings) {
    if (!TELLING.has(found.action)) continue;
    const same = found.start === found.end ? -1 : told.findIndex(({ start, end }) => start === found.start && end === found.end);
    const other = told[same];
    if (!other) told.push(found);
    else if (WEIGHT.indexOf(found.action) > WEIGHT.indexOf(other.action)) told[same] = found;
  }
  return told;
}

export function isMasked(found: Span, masks: readonly Mask[]): boolean {
  return found.start < found.end && masks.some(({ start, end }) => start <= found.start && end >= found.end);
}

/** Puts a mask over a stretch; those that it overlaps are gone. */
export function withMask(masks: readonly Mask[], { start, end, type }: Mask): Mask[] {
  return [...masks.filter((mask) => mask.end <= start || mask.start >= end), { start, end, type }].toSorted((a, b) => a.start - b.start);
}

/** The same words everywhere in a text, so that none of them is forgotten. */
export function everywhere(text: string, { start, end, type }: Mask): Mask[] {
  const words = text.slice(start, end);
  const found: Mask[] = [];
  for (let at = words === "" ? -1 : text.indexOf(words); at >= 0; at = text.indexOf(words, at + words.length)) found.push({ start: at, end: at + words.length, type });
  return found;
}

export function withoutMask(masks: readonly Mask[], span: Span): Mask[] {
  return masks.filter((mask) => mask.end <= span.start || mask.start >= span.end);
}

/** A text without a stretch, and without the blank that would stand there twice. */
export function without(text: string, { start, end }: Span): string {
  const [before, after] = [text.slice(0, start), text.slice(end)];
  return /(?:^|\s)$/u.test(before) ? before + after.replace(/^[ \t]/u, "") : before + after;
}

/** What is sent: what was typed without blanks around it, then each long text that lies beside it; with the masks of each in its places. */
export function composed(draft: string, drafted: readonly Mask[], pasted: readonly string[], veils: ReadonlyMap<string, Mask[]>): { content: string; masks: Mask[] } {
  const typed = draft.trim();
  const skipped = draft.length - draft.trimStart().length;
  const masks: Mask[] = [];
  let content = "";
  const add = (text: string, own: readonly Mask[], shift: number) => {
    if (text === "") return;
    if (content !== "") content += "\n\n";
    const at = content.length + shift;
    for (const { start, end, type } of own) {
      const place = { start: start + at, end: end + at, type };
      if (place.start >= content.length && place.end <= content.length + text.length) masks.push(place);
    }
    content += text;
  };
  add(typed, drafted, -skipped);
  for (const text of pasted) add(text, veils.get(text) ?? [], 0);
  return { content, masks };
}

/** How often each type was found. */
export function countsOf(findings: readonly Found[]): [type: string, count: number][] {
  const counts = new Map<string, number>();
  for (const { type } of findings) counts.set(type, (counts.get(type) ?? 0) + 1);
  return [...counts];
}
