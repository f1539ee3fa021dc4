import type { Span } from "./spans";

/** A word of a person and what stands for it in what a model sees. */
export interface StandIn {
  stands: string;
  for: string;
  type: string;
}

/** A map between stand-ins and the words for which they stand. Longer ones go first, so that none is taken for the beginning of another. */
export class StandIns {
  readonly all: readonly StandIn[];
  readonly #byStand: ReadonlyMap<string, StandIn>;
  readonly #byReal: ReadonlyMap<string, StandIn>;
  readonly #stands: RegExp | undefined;
  readonly #reals: RegExp | undefined;
  readonly #longest: number;

  constructor(all: readonly StandIn[]) {
    this.all = all.filter(({ stands, for: real }) => stands !== "" && real !== "");
    this.#byStand = new Map(this.all.map((one) => [one.stands, one]));
    this.#byReal = new Map(this.all.map((one) => [one.for, one]));
    this.#stands = patternOf(this.all.map(({ stands }) => stands));
    this.#reals = patternOf(this.all.map(({ for: real }) => real));
    this.#longest = Math.max(0, ...this.all.map(({ stands }) => stands.length));
  }

  /**
   * A model's text in which each stand-in is one sign that nothing else means anything by: brackets around one could make a link of it, or a
   * line that is not shown.
   */
  coded(text: string): string {
    if (this.#stands === undefined) return text;
    const codes = new Map(this.all.map(({ stands }, index) => [stands, `${OPEN}${index}${CLOSE}`]));
    return text.replaceAll(SIGNS, "").replace(this.#stands, (stands) => codes.get(stands) ?? stands);
  }

  /** A model's text, coded or not, cut where stand-ins are. */
  inAnswer(text: string): (string | StandIn)[] {
    const pieces: (string | StandIn)[] = [];
    let at = 0;
    for (const { index, 0: sign, 1: number } of text.matchAll(CODE)) {
      const standIn = this.all[Number(number)];
      if (!standIn) continue;
      if (index > at) pieces.push(...cut(text.slice(at, index), this.#stands, this.#byStand));
      pieces.push(standIn);
      at = index + sign.length;
    }
    return at === text.length && at > 0 ? pieces : [...pieces, ...cut(text.slice(at), this.#stands, this.#byStand)];
  }

  /** A person's own text, cut where words are that went out as stand-ins. */
  inQuestion(text: string): (string | StandIn)[] {
    return cut(text, this.#reals, this.#byReal);
  }

  /** A model's text, coded or not, with the real words. */
  real(text: string): string {
    return this.#stands === undefined ? text : this.inAnswer(text).map((piece) => (typeof piece === "string" ? piece : piece.for)).join("");
  }

  /** Where words stand in a text that are stood in for. */
  spansIn(text: string): (Span & { type: string })[] {
    if (this.#reals === undefined) return [];
    return [...text.matchAll(this.#reals)].map(({ index, 0: real }) => ({ start: index, end: index + real.length, type: this.#byReal.get(real)?.type ?? "" }));
  }

  /**
   * A growing text without what may be the beginning of a stand-in, so that none is shown in half. A whole one at the end waits, too:
   * the next piece may make another one of it.
   */
  settled(text: string): string {
    for (let at = Math.max(0, text.length - this.#longest); at < text.length; at += 1) {
      const tail = text.slice(at);
      if (this.all.some(({ stands }) => stands.startsWith(tail) && isFree(text, at, stands))) return text.slice(0, at);
    }
    return text;
  }
}

/** Two signs of Unicode's area for private use, which no text means anything by. */
const [OPEN, CLOSE] = ["\uE0F0", "\uE0F1"];
const SIGNS = /[\uE0F0\uE0F1]/gu;
const CODE = /\uE0F0(\d{1,4})\uE0F1/gu;

export const NO_STAND_INS = new StandIns([]);

function cut(text: string, pattern: RegExp | undefined, known: ReadonlyMap<string, StandIn>): (string | StandIn)[] {
  if (pattern === undefined) return [text];
  const pieces: (string | StandIn)[] = [];
  let at = 0;
  for (const { index, 0: found } of text.matchAll(pattern)) {
    const standIn = known.get(found);
    if (!standIn) continue;
    if (index > at) pieces.push(text.slice(at, index));
    pieces.push(standIn);
    at = index + found.length;
  }
  if (at < text.length || pieces.length === 0) pieces.push(text.slice(at));
  return pieces;
}

/** Finds any of these words where it is no part of a longer one; an ending such as a genitive's may follow a letter's mark, but no digit a digit. */
function patternOf(words: string[]): RegExp | undefined {
  if (words.length === 0) return undefined;
  const each = words
    .toSorted((a, b) => b.length - a.length)
    .map((word) => `${/^[\p{L}\p{N}_]/u.test(word) ? String.raw`(?<![\p{L}\p{N}_])` : ""}${word.replaceAll(/[\\^$.*+?()[\]{}|/-]/gu, String.raw`\$&`)}${/\d$/u.test(word) ? String.raw`(?!\d)` : ""}`);
  return new RegExp(each.join("|"), "gu");
}

function isFree(text: string, at: number, stands: string): boolean {
  return at === 0 || !/^[\p{L}\p{N}_]/u.test(stands) || !/[\p{L}\p{N}_]$/u.test(text.slice(Math.max(0, at - 2), at));
}
