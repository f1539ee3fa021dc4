import type { FilePlace } from "./examined";

/** A stretch of a long text that the browser lays out by itself. */
export interface TextPiece {
  start: number;
  text: string;
  /** The page, sheet or slide that begins with it. */
  place?: FilePlace;
}

/** So many UTF-16 units are one piece at most, where lines end near by. */
const PIECE = 6000;

/** Cuts a text at its pages and, within them, behind lines; put together again, the pieces are the text. */
export function pieces(text: string, places: readonly (FilePlace & { start: number })[]): TextPiece[] {
  const cuts = places.filter(({ start }) => start >= 0 && start < text.length).toSorted((a, b) => a.start - b.start);
  const edges = [...new Set([0, ...cuts.map(({ start }) => start), text.length])];
  const found: TextPiece[] = [];
  for (const [index, edge] of edges.entries()) {
    const end = edges[index + 1] ?? text.length;
    const place = cuts.findLast(({ start }) => start === edge);
    for (let at = edge; at < end; ) {
      const next = nextCut(text, at, end);
      found.push({ start: at, text: text.slice(at, next), ...(at === edge && place !== undefined ? { place } : {}) });
      at = next;
    }
  }
  return found;
}

function nextCut(text: string, at: number, end: number): number {
  if (end - at <= PIECE) return end;
  const line = text.lastIndexOf("\n", at + PIECE - 1);
  if (line >= at) return line + 1;
  // Not between the halves of one character.
  const unit = text.charCodeAt(at + PIECE);
  return unit >= 0xdc00 && unit <= 0xdfff ? at + PIECE - 1 : at + PIECE;
}
