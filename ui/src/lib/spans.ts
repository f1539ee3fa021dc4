/** A stretch of a string in UTF-16 code units, as JavaScript counts. */
export interface Span {
  start: number;
  end: number;
}

export interface Piece<T> {
  text: string;
  /** The marks that cover this piece; empty for plain text. */
  marks: T[];
}

/**
 * Turns a stretch of UTF-8 bytes into one of UTF-16 code units. An offset inside a character moves outwards to that
 * character's edge, an offset behind the end moves to the end; `undefined` where nothing is left to mark.
 */
export function spanOfBytes(text: string, startByte: number, endByte: number): Span | undefined {
  if (!(startByte >= 0) || !(endByte > startByte)) return undefined;
  let byte = 0;
  let unit = 0;
  let start: number | undefined;
  let end = text.length;
  for (const character of text) {
    const nextByte = byte + bytesOf(character);
    if (start === undefined && startByte < nextByte) start = unit;
    if (endByte <= byte) {
      end = unit;
      break;
    }
    byte = nextByte;
    unit += character.length;
  }
  return start === undefined || start >= end ? undefined : { start, end };
}

/** Cuts a text at the edges of its marks. The pieces, put together again, are the text; marks may overlap. */
export function cutAtMarks<T extends Span>(text: string, marks: T[]): Piece<T>[] {
  const edges = new Set([0, text.length]);
  for (const mark of marks) {
    edges.add(Math.min(mark.start, text.length));
    edges.add(Math.min(mark.end, text.length));
  }
  const sorted = [...edges].toSorted((a, b) => a - b);
  const pieces: Piece<T>[] = [];
  for (const [index, start] of sorted.entries()) {
    const end = sorted[index + 1];
    if (end === undefined || end === start) continue;
    pieces.push({
      text: text.slice(start, end),
      marks: marks.filter((mark) => mark.start <= start && mark.end >= end),
    });
  }
  return pieces;
}

/** Length in UTF-8. A lone surrogate counts as the three bytes of its replacement character, as `fetch` sends it. */
function bytesOf(character: string): number {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x80) return 1;
  if (code < 0x800) return 2;
  return code < 0x1_0000 ? 3 : 4;
}
