import type { Span } from "./spans";

/**
 * Which numbers, dates, times, amounts, percentages, account numbers and paragraphs of an answer stand in none of its sources. German and
 * English notations mean the same; nothing is computed, so a right sum that nobody wrote down stands in no source either.
 */

export type Kind = "number" | "percent" | "amount" | "date" | "time" | "iban" | "reference";

/** A figure of a text, in UTF-16 units of it. */
export interface Figure extends Span {
  kind: Kind;
  text: string;
}

export interface Check {
  /** How many figures the answer has. */
  checked: number;
  /** Those that stand in no source, in order. */
  unfounded: Figure[];
}

/** What a figure means; what may be read in several ways has several values. */
interface Meaning extends Figure {
  /** Numbers in one notation, dates as `2026-12-24` with what is not said left out, times, account numbers. */
  values: string[];
  unit: Unit;
  reference?: Reference;
  /** What it is as a number: `28.12.` may end a sentence. */
  also?: string[];
}

type Unit = "" | "%" | "‰" | "EUR" | "USD" | "GBP" | "CHF" | "JPY";

interface Reference {
  /** `§12a` or `art5`. */
  main: string;
  /** Paragraph, sentence, number and letter, as far as they are said. */
  parts: Readonly<Record<string, string>>;
  law: string | undefined;
}

/** Everything that one text says, to look figures up in. */
export class Source {
  readonly #text: string;
  readonly #numbers = new Map<string, Set<Unit>>();
  readonly #words = new Set<string>();
  readonly #references = new Map<string, Reference[]>();

  constructor(text: string) {
    this.#text = text;
    const scales = scalesOf(text);
    for (const meaning of meaningsIn(text)) {
      const { kind, values, unit, reference, also = [] } = meaning;
      if (reference) {
        this.#references.set(reference.main, [...(this.#references.get(reference.main) ?? []), reference]);
        this.#addNumber(reference.main.replaceAll(/\D/gu, ""), "");
      } else if (kind === "date") {
        for (const value of values) this.#addDate(value);
        for (const value of also) this.#addNumber(value, "");
      } else if (kind === "time" || kind === "iban") {
        for (const value of values) this.#words.add(value);
      } else {
        for (const value of values) {
          this.#addNumber(value, unit);
          // A table whose head says that everything in it counts thousands.
          if (unit === "" || isCurrency(unit)) for (const scale of scales) this.#addNumber(shifted(value, scale), unit);
        }
      }
      // `12 345` may be two numbers as well.
      if (kind === "number" && /\d \d/u.test(meaning.text)) for (const part of meaning.text.split(" ")) this.#addNumber(canonical(part, ""), "");
    }
  }

  has({ kind, values, unit, reference, text, also = [] }: Meaning): boolean {
    if (reference) {
      const known = this.#references.get(reference.main) ?? [];
      return known.some((other) => isWithin(reference, other));
    }
    if (kind === "iban") return values.some((value) => this.#words.has(value));
    if (kind === "date" || kind === "time") return values.some((value) => this.#words.has(value)) || also.some((value) => this.#hasNumber(value, "")) || this.#saysAs(text);
    return values.some((value) => this.#hasNumber(value, unit)) || this.#saysAs(text);
  }

  #addNumber(value: string, unit: Unit) {
    const units = this.#numbers.get(value);
    if (units) units.add(unit);
    else this.#numbers.set(value, new Set([unit]));
  }

  #addDate(value: string) {
    const [year = "", month = "", day = ""] = value.split("-");
    this.#words.add(value);
    if (year !== "") this.#addNumber(canonical(year, ""), "");
    if (year !== "" && month !== "") this.#words.add(`${year}-${month}-`);
    if (day !== "") this.#words.add(`-${month}-${day}`);
  }

  /** A number without a unit is founded by any; one with a unit by the same, or by none, as in a table. */
  #hasNumber(value: string, unit: Unit): boolean {
    const units = this.#numbers.get(value);
    return units !== undefined && (unit === "" || units.has(unit) || units.has(""));
  }

  /** Whether it stands there letter for letter. */
  #saysAs(text: string): boolean {
    for (let at = this.#text.indexOf(text); at >= 0; at = this.#text.indexOf(text, at + 1)) {
      const [before = "", after = ""] = [this.#text[at - 1], this.#text.slice(at + text.length, at + text.length + 2)];
      if (!/[\p{L}\p{N}.,]/u.test(before) && !/^(?:[\p{L}\p{N}]|[.,]\d)/u.test(after)) return true;
    }
    return false;
  }
}

/** Looks every figure of an answer up in its sources. */
export function checkFigures(answer: string, sources: readonly Source[]): Check {
  const all = meaningsIn(withoutTrifles(answer));
  const unfounded = all
    .filter((meaning) => !sources.some((source) => source.has(meaning)))
    .map(({ kind, start, end }): Figure => ({ kind, start, end, text: answer.slice(start, end) }));
  return { checked: all.length, unfounded };
}

/** The figures of an answer, for those who only want to see them. */
export function figuresIn(answer: string): Figure[] {
  return meaningsIn(withoutTrifles(answer)).map(({ kind, start, end }) => ({ kind, start, end, text: answer.slice(start, end) }));
}

const STEPS = "Schritt|Step|Punkt|Point|Option|Variante|Variant|Frage|Question|Teil|Part|Phase|Tipp?|Beispiel|Example|Vorschlag|Suggestion";
const MONTHS = "Jan(?:uar|uary)?|Jänner|Feb(?:ruar|ruary)?|März|Maerz|March|Mär|Mrz|Mar|Apr(?:il)?|Mai|May|Jun[ie]?|Jul[iy]?|Aug(?:ust)?|Sept?(?:ember)?|Okt(?:ober)?|Oct(?:ober)?|Nov(?:ember)?|Dez(?:ember)?|Dec(?:ember)?";

/** What is code, an address, a formula or the number of an item says nothing of the matter. It becomes blanks, so that places stay. */
export function withoutTrifles(markdown: string): string {
  return markdown
    .replaceAll(/^ {0,3}(`{3,}|~{3,})[^\n]*(?:\n(?! {0,3}\1)[^\n]*)*(?:\n {0,3}\1[^\n]*)?/gmu, blank)
    .replaceAll(/(?<!`)(`+)(?!`)[^\n]*?[^`\n]\1(?!`)/gu, blank)
    .replaceAll(/\$\$[^$]{1,2000}\$\$|\\\([^\n]{1,2000}?\\\)|\\\[[^]{1,2000}?\\\]/gu, blank)
    .replaceAll(/\bhttps?:\/\/[^\s)>\]]+/gu, blank)
    .replaceAll(/\[\^?\d{1,3}\](?!\()/gu, blank)
    .replaceAll(/\d\u{FE0F}?\u{20E3}/gu, blank)
    .replaceAll(new RegExp(String.raw`^([ \t>]*(?:#{1,6}[ \t]+|[-*+][ \t]+)?(?:\*\*|__)?)(\d{1,3}(?:\.\d{1,3})*[.)])(?=[ \t*_])(?![ \t]*(?:${MONTHS})\b)`, "gmu"), (_all, before: string, number: string) => before + blank(number))
    .replaceAll(/^([ \t>]*#{1,6}[ \t]+(?:\*\*|__)?)(\d{1,3}(?:\.\d{1,3})*)(?=[ \t])/gmu, (_all, before: string, number: string) => before + blank(number))
    .replaceAll(new RegExp(String.raw`^([ \t>*#_+-]*(?:${STEPS})[ \t]+)(\d{1,2})(?=[ \t]*(?:[:)–—-]|\.(?!\d)|\*\*|__|$))`, "gmiu"), (_all, before: string, number: string) => before + blank(number));
}

function blank(text: string): string {
  return text.replaceAll(/[^\n]/gu, (character) => " ".repeat(character.length));
}

/** All figures of a text in order; none overlap. */
function meaningsIn(text: string): Meaning[] {
  const taken = new Taken();
  const found: Meaning[] = [];
  for (const read of [ibans, references, dates, times, numbers]) {
    for (const meaning of read(text)) if (taken.take(meaning)) found.push(meaning);
    taken.settle();
  }
  return found.toSorted((a, b) => a.start - b.start);
}

/** Which places of a text belong to a figure already. */
class Taken {
  #spans: Span[] = [];
  #fresh: Span[] = [];
  #at = 0;

  /** Spans of one kind come in order. */
  take({ start, end }: Span): boolean {
    while ((this.#spans[this.#at]?.end ?? Infinity) <= start) this.#at += 1;
    if ((this.#spans[this.#at]?.start ?? Infinity) < end || (this.#fresh.at(-1)?.end ?? 0) > start) return false;
    this.#fresh.push({ start, end });
    return true;
  }

  settle() {
    this.#spans = [...this.#spans, ...this.#fresh].toSorted((a, b) => a.start - b.start);
    this.#fresh = [];
    this.#at = 0;
  }
}

/** Lengths of account numbers by country (ISO 13616). */
const IBAN_LENGTHS = new Map(
  "AD24 AE23 AT20 BA20 BE16 BG22 CH21 CY28 CZ24 DE22 DK18 EE20 ES24 FI18 FR27 GB22 GR27 HR21 HU28 IE22 IL23 IS26 IT27 LI21 LT20 LU20 LV21 MC27 MT31 NL18 NO15 PL28 PT25 RO24 SE24 SI19 SK24 SM27 TR26 UA29"
    .split(" ")
    .map((row) => [row.slice(0, 2), Number(row.slice(2))]),
);

function* ibans(text: string): Generator<Meaning> {
  for (const { index, 0: head } of text.matchAll(/(?<![\p{L}\p{N}])[A-Z]{2}\d{2}(?=[ \u00a0]?[A-Z0-9])/gu)) {
    const length = IBAN_LENGTHS.get(head.slice(0, 2));
    if (length === undefined) continue;
    let [at, written] = [index, ""];
    while (written.length < length && /[A-Z0-9 \u00a0]/u.test(text[at] ?? "")) {
      if (/[A-Z0-9]/u.test(text[at] ?? "")) written += text[at];
      at += 1;
    }
    if (written.length === length && !/[\p{L}\p{N}]/u.test(text[at] ?? "")) yield { kind: "iban", start: index, end: at, text: text.slice(index, at), values: [written], unit: "" };
  }
}

const ROMAN = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X"];
const MAIN = /(?<![\p{L}\p{N}])(§§?|Paragra(?:ph|f)(?:en|s)?|Sections?|Sec\.|Articles?|Artikeln?|Artt?\.|Arts?\.)[ \u00a0\u202f]*(\d{1,4}[a-z]?)(?![\p{L}\p{N}])/gu;
const PARTS: [name: string, pattern: RegExp][] = [
  ["paragraph", /,?[ \u00a0\u202f]*(?:Abs(?:atz|ätze|\.)|para(?:graph|\.)?)[ \u00a0\u202f]*(\d{1,3}[a-z]?)(?![\p{L}\p{N}])/uy],
  ["paragraph", /[ \u00a0]?\((\d{1,3}[a-z]?)\)/uy],
  ["paragraph", /[ \u00a0\u202f](X|IX|IV|V?I{1,3}|V)(?![\p{L}\p{N}])/uy],
  ["sentence", /,?[ \u00a0\u202f]*(?:Satz|S\.|sentence)[ \u00a0\u202f]*(\d{1,2})(?![\p{L}\p{N}])/uy],
  ["number", /,?[ \u00a0\u202f]*(?:Nr\.|Nummer|No\.|number|Ziff(?:er|\.))[ \u00a0\u202f]*(\d{1,3}[a-z]?)(?![\p{L}\p{N}])/uy],
  ["letter", /,?[ \u00a0\u202f]*(?:lit\.|Buchst(?:abe|\.)|point|letter)[ \u00a0\u202f]*\(?([a-z])\)?(?![\p{L}\p{N}])/uy],
  ["letter", /[ \u00a0]?\(([a-z])\)/uy],
];
const NEXT = /[ \u00a0]*(?:,|und|and|bis|oder|or|to|[–/-])[ \u00a0]*(?=(\d{1,4}[a-z]?)(?![\p{L}\p{N}]))/uy;
const LAW = /[ \u00a0\u202f]+(?:(?:des|der|of the)[ \u00a0]+)?([A-ZÄÖÜ][\p{L}-]*[A-ZÄÖÜ]\p{L}*)/uy;

function* references(text: string): Generator<Meaning> {
  for (const { index, 0: whole, 1: sign = "", 2: first = "" } of text.matchAll(MAIN)) {
    const prefix = sign.startsWith("Art") ? "art" : "§";
    const found: { start: number; end: number; main: string; parts: Record<string, string> }[] = [];
    let at = index + whole.length;
    let [start, number] = [index, first];
    for (;;) {
      const parts: Record<string, string> = {};
      at = partsAt(text, at, parts);
      found.push({ start, end: at, main: `${prefix}${number.toLowerCase()}`, parts });
      NEXT.lastIndex = at;
      const next = /^(?:§§|Articles|Artikeln|Artt\.|Arts\.|Sections|Paragra(?:phen|fen))$/u.test(sign) ? NEXT.exec(text) : null;
      if (!next) break;
      number = next[1] ?? "";
      start = at + next[0].length;
      at = start + number.length;
    }
    LAW.lastIndex = at;
    const law = LAW.exec(text)?.[1];
    for (const { start: from, end, main, parts } of found) yield { kind: "reference", start: from, end, text: text.slice(from, end), values: [], unit: "", reference: { main, parts, law: law && lawOf(law) } };
  }
}

function partsAt(text: string, from: number, parts: Record<string, string>): number {
  let at = from;
  for (let found = true; found; ) {
    found = false;
    for (const [name, pattern] of PARTS) {
      pattern.lastIndex = at;
      const match = pattern.exec(text);
      if (!match || name in parts) continue;
      const value = match[1] ?? "";
      parts[name] = ROMAN.includes(value) ? String(ROMAN.indexOf(value) + 1) : value.toLowerCase();
      at += match[0].length;
      found = true;
      break;
    }
  }
  return at;
}

function lawOf(written: string): string {
  const law = written.replaceAll("-", "").toUpperCase();
  return law === "DSGVO" || law === "GDPR" ? "GDPR" : law;
}

/** Whether what one says is all said by the other. */
function isWithin(one: Reference, other: Reference): boolean {
  if (one.law !== undefined && other.law !== undefined && one.law !== other.law) return false;
  return Object.entries(one.parts).every(([name, value]) => other.parts[name] === value);
}

const NUMERIC_DATE = /(?<![\p{L}\p{N}.,/-])(?:(\d{4})([-/])(\d{2})\2(\d{2})(?!\d)|(\d{1,2})\.[ \u00a0]?(\d{1,2})\.(?:[ \u00a0]?(\d{4}|\d{2})(?!\d|[.,]\d))?|(\d{1,2})\/(\d{1,2})\/(\d{4}|\d{2})(?![\d/]))/gu;
const WRITTEN_DATE = new RegExp(
  String.raw`(?<![\p{L}\p{N}.,])(?:(\d{1,2})(?:\.|st|nd|rd|th)?[ \u00a0]+(?:of[ \u00a0]+)?(${MONTHS})\b\.?(?:,?[ \u00a0]+(\d{4})(?!\d))?|(${MONTHS})\b\.?[ \u00a0]+(?:(\d{1,2})(?:st|nd|rd|th)?(?![\p{L}\p{N}]|[.,:]\d)(?:,?[ \u00a0]+(\d{4})(?!\d))?|(\d{4})(?!\d)))`,
  "gu",
);

function* dates(text: string): Generator<Meaning> {
  const found: Meaning[] = [];
  const add = (start: number, whole: string, values: (string | undefined)[], also: string[] = []) => {
    const known = values.flatMap((value) => value ?? []);
    if (known.length > 0) found.push({ kind: "date", start, end: start + whole.length, text: whole, values: known, unit: "", also });
  };
  for (const match of text.matchAll(NUMERIC_DATE)) {
    const [whole, isoYear, , isoMonth, isoDay, day, month, year, first, second, slashed] = match;
    if (isoYear !== undefined) add(match.index, whole, [dateOf(isoYear, isoMonth, isoDay)]);
    else if (year === undefined && day !== undefined) {
      // With money before it, it is money at the end of a sentence.
      if (!/(?:[€$£]|\b[A-Z]{3})[ \u00a0]?$/u.test(text.slice(Math.max(0, match.index - 5), match.index))) add(match.index, whole, [dateOf(year, month, day)], readings(`${day}.${month}`));
    } else if (day !== undefined) add(match.index, whole, [dateOf(year, month, day)]);
    // Day before month, or month before day.
    else add(match.index, whole, [dateOf(slashed, second, first), dateOf(slashed, first, second)]);
  }
  for (const match of text.matchAll(WRITTEN_DATE)) {
    const [whole, day, month, year, monthFirst, dayAfter, yearAfter, yearAlone] = match;
    const named = String(monthOf(month ?? monthFirst ?? ""));
    if (day !== undefined) add(match.index, whole, [dateOf(year, named, day)]);
    else if (dayAfter !== undefined) add(match.index, whole, [dateOf(yearAfter, named, dayAfter)]);
    else add(match.index, whole, [`${yearAlone}-${named.padStart(2, "0")}-`]);
  }
  yield* found.toSorted((a, b) => a.start - b.start || b.end - a.end);
}

const DAYS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** `2026-12-24`, or `-12-24` without a year; nothing for a day that no month has. */
function dateOf(year: string | undefined, month: string | undefined, day: string | undefined): string | undefined {
  const [m, d] = [Number(month), Number(day)];
  if (!(m >= 1 && m <= 12 && d >= 1 && d <= (DAYS[m - 1] ?? 0))) return undefined;
  const full = year === undefined ? "" : year.length === 2 ? `${Number(year) < 70 ? "20" : "19"}${year}` : year;
  return `${full}-${String(m).padStart(2, "0")}-${String(d).padStart(2, "0")}`;
}

function monthOf(name: string): number {
  const short = name.slice(0, 3).toLowerCase();
  const names = [["jan", "jän"], ["feb"], ["mär", "mae", "mar", "mrz"], ["apr"], ["mai", "may"], ["jun"], ["jul"], ["aug"], ["sep"], ["okt", "oct"], ["nov"], ["dez", "dec"]];
  return 1 + names.findIndex((month) => month.includes(short));
}

const TIME = /(?<![\p{L}\p{N}.,:])(?:(\d{1,2}):(\d{2})(?::(\d{2}))?(?![\d:])|(\d{1,2})\.(\d{2})(?=[ \u00a0]?Uhr\b)|(\d{1,2})(?=[ \u00a0]?(?:Uhr\b|[ap]\.?m\b)))(?:[ \u00a0]?(Uhr|[ap]\.?m\b\.?|h\b))?/giu;

function* times(text: string): Generator<Meaning> {
  for (const { index, 0: whole, 1: hour, 2: minute, 3: second, 4: dotted, 5: dottedMinute, 6: alone, 7: half = "" } of text.matchAll(TIME)) {
    const isHalf = /^[ap]/iu.test(half);
    const written = Number(hour ?? dotted ?? alone);
    const hours = isHalf ? (written % 12) + (/^p/iu.test(half) ? 12 : 0) : written;
    const minutes = Number(minute ?? dottedMinute ?? 0);
    if (hours > 24 || minutes > 59) continue;
    const value = `${hours}:${String(minutes).padStart(2, "0")}${second === undefined || second === "00" ? "" : `:${second}`}`;
    yield { kind: "time", start: index, end: index + whole.length, text: whole, values: [value], unit: "" };
  }
}

const SCALES: [pattern: string, zeros: number[]][] = [
  ["Milliarden?|Mrd\\.?|bn|Mia\\.?", [9]],
  ["Billionen|Bio\\.", [12]],
  ["Billion", [9, 12]],
  ["[Bb]illions?", [9]],
  ["[Tt]rillions?", [12]],
  ["Millionen|Million|[Mm]illions?|Mio\\.?|mn|mio\\.?", [6]],
  ["[Tt]ausend|[Tt]housand|Tsd\\.?|tsd\\.?", [3]],
  ["T(?=€|EUR)|[kK](?=[ \\u00a0]?(?:€|EUR|USD|\\$)|(?![\\p{L}\\p{N}]))", [3]],
  ["M(?=€|EUR)|m(?=(?![\\p{L}\\p{N}²³]))(?<=[$€£][\\d.,]+m)", [6]],
];
const SCALE = SCALES.map(([pattern]) => pattern).join("|");
const CURRENCY = "€|EUR|Euros?|euros?|US-Dollar|US\\$|USD|\\$|[Dd]ollars?|£|GBP|Pfund|pounds?|CHF|Fr\\.|Franken|francs|¥|JPY|Yen|yen";
const PERCENT = "%|Prozent(?:punkte?n?)?|[Pp]ercent(?:age points?)?|per cent|v\\.[ ]?H\\.|‰|Promille";
const SPACES = "[ \\u00a0\\u202f\\u2009]";
const DIGITS = `\\d{1,3}(?:${SPACES}\\d{3}(?!\\d))+(?:[.,]\\d+)?(?!\\d)|\\d+(?:[.,'’]\\d+)*`;
const NUMBER = new RegExp(
  `(?<![\\p{L}\\p{N}_]|[\\p{N}][.,])(?:(${CURRENCY})${SPACES}?)?(?<![\\p{L}\\p{N}_])(${DIGITS})(?![\\d])(?:${SPACES}?(${SCALE})(?![\\p{L}\\p{N}]|(?<=[TkKM])(?=x)))?(?:${SPACES}?(?:(${PERCENT})|(${CURRENCY}))(?![\\p{L}\\p{N}]))?(?![A-Z](?![\\p{L}]*-))`,
  "gu",
);

function* numbers(text: string): Generator<Meaning> {
  for (const { index, 0: whole, 1: before, 2: digits = "", 3: scale, 4: percent, 5: after } of text.matchAll(NUMBER)) {
    const zeros = scale === undefined ? [0] : zerosOf(scale);
    const values = [...new Set(readings(digits).flatMap((value) => zeros.map((count) => shifted(value, count))))];
    const currency = before ?? after;
    const unit: Unit = percent === undefined ? (currency === undefined ? "" : currencyOf(currency)) : percent === "‰" || percent === "Promille" ? "‰" : "%";
    const kind = percent === undefined ? (currency === undefined ? "number" : "amount") : "percent";
    yield { kind, start: index, end: index + whole.length, text: whole, values, unit };
  }
}

function zerosOf(scale: string): number[] {
  const row = SCALES.find(([pattern]) => new RegExp(`^(?:${pattern.replaceAll(/\(\?<?[=!][^)]*\)+/gu, "")})$`, "u").test(scale));
  return row?.[1] ?? (/^[TkK]$/u.test(scale) ? [3] : [6]);
}

function currencyOf(written: string): Unit {
  if (/^(?:€|eur)/iu.test(written)) return "EUR";
  if (/^(?:£|GBP|Pfund|pound)/u.test(written)) return "GBP";
  if (/^(?:CHF|Fr|fr)/u.test(written)) return "CHF";
  return /^(?:¥|JPY|[Yy]en)/u.test(written) ? "JPY" : "USD";
}

function isCurrency(unit: Unit): boolean {
  return unit.length === 3;
}

/** By how many zeros a text says that its figures are shortened: `in TEUR`, `(in Mio. €)`. */
function scalesOf(text: string): number[] {
  const found = new Set<number>();
  for (const [, scale = ""] of text.matchAll(new RegExp(`\\bin${SPACES}+(?:€${SPACES}?)?(${SCALE}|€m|EUR m)(?![\\p{L}\\p{N}](?<!€|E))`, "gu"))) {
    for (const zeros of zerosOf(scale)) found.add(zeros);
  }
  return [...found];
}

/** How digits with their marks may be read: `1.234` is a thousand and more in German, and one and a bit in English. */
export function readings(written: string): string[] {
  const joined = written.replaceAll(/[ \u00a0\u202f\u2009'’]/gu, "");
  const marks = joined.replaceAll(/\d/gu, "");
  if (marks === "") return [canonical(joined, "")];
  const last = marks.at(-1) ?? "";
  const parts = joined.split(/[.,]/u);
  const [head = "", ...rest] = parts;
  const isGrouped = (groups: string[]) => head.length <= 3 && groups.every((group) => group.length === 3);
  if (marks.length === 1) {
    const [tail = ""] = rest;
    const decimal = canonical(head, tail);
    return tail.length === 3 && head.length <= 3 && !head.startsWith("0") ? [canonical(head + tail, ""), decimal] : [decimal];
  }
  const isOneKind = [...marks].every((mark) => mark === last);
  if (isOneKind) return isGrouped(rest) ? [canonical(parts.join(""), "")] : [joined];
  const isDecimal = marks.slice(0, -1).split("").every((mark) => mark !== last && mark === marks[0]);
  return isDecimal && isGrouped(rest.slice(0, -1)) ? [canonical(parts.slice(0, -1).join(""), parts.at(-1) ?? "")] : [joined];
}

/** One notation for each number: no zeros that say nothing, a point before the fraction. */
function canonical(whole: string, fraction: string): string {
  const [left, right] = [whole.replace(/^0+(?=\d)/u, ""), fraction.replace(/0+$/u, "")];
  return right === "" ? left : `${left}.${right}`;
}

/** With so many zeros more. */
function shifted(value: string, zeros: number): string {
  if (zeros === 0 || !/^\d+(?:\.\d+)?$/u.test(value)) return value;
  const [whole = "", fraction = ""] = value.split(".");
  const padded = fraction.padEnd(zeros, "0");
  return canonical(whole + padded.slice(0, zeros), padded.slice(zeros));
}
