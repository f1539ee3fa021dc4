import { describe, expect, it } from "vitest";
import { checkFigures, figuresIn, readings, Source, withoutTrifles } from "./figures";

/** The figures of an answer that stand in no source. */
function unfounded(answer: string, ...sources: string[]): string[] {
  return checkFigures(answer, sources.map((text) => new Source(text))).unfounded.map(({ text }) => text);
}

describe("the same, written differently, is the same", () => {
  const SAME: [answer: string, source: string][] = [
    ["1.234,56", "1,234.56"],
    ["1.234,56 €", "EUR 1,234.56"],
    ["€1,234.56", "1 234,56 Euro"],
    ["1 234,56 EUR", "1'234.56"],
    ["12.345", "12 345"],
    ["1.234.567", "1,234,567"],
    ["5 %", "5 Prozent"],
    ["5%", "5.0 per cent"],
    ["2,50 %", "2.5 percent"],
    ["3 ‰", "3 Promille"],
    ["1,2 Mio. €", "1.200.000 EUR"],
    ["1.2 million euros", "EUR 1,200,000"],
    ["3 Mrd. USD", "$3 billion"],
    ["12 Tsd.", "12.000"],
    ["12 TEUR", "12.000 €"],
    ["12k", "12,000"],
    ["45 T€", "45000 Euro"],
    ["7 thousand", "7.000"],
    ["24.12.2026", "24 December 2026"],
    ["24 December 2026", "Bis 24.12.2026."],
    ["Es war der 24.12.2026.", "2026-12-24, 10 Uhr".slice(0, 10)],
    ["1.234,56 €.", "1.234,56 EUR."],
    ["24. Dezember 2026", "2026-12-24"],
    ["December 24, 2026", "24.12.26"],
    ["24th of December 2026", "24.12.2026"],
    ["24. 12. 2026", "12/24/2026"],
    ["24/12/2026", "24.12.2026"],
    ["Dezember 2026", "24.12.2026"],
    ["24. Dez.", "2026-12-24"],
    ["24.12.", "24 Dec 2026"],
    ["Mar 3, 2025", "3. März 2025"],
    ["2026", "am 24.12.2026"],
    ["14:30 Uhr", "2:30 pm"],
    ["14.30 Uhr", "14:30"],
    ["14 Uhr", "14:00"],
    ["DE89370400440532013000", "DE89 3704 0044 0532 0130 00"],
    ["§ 12 Abs. 3", "Paragraph 12 Absatz 3"],
    ["§ 12", "§ 12 Abs. 3 Satz 1 BGB"],
    ["§ 12 III", "§ 12 Abs. 3"],
    ["§ 13", "§§ 12, 13 und 14 BGB"],
    ["Art. 5 Abs. 1 lit. f DSGVO", "Article 5(1)(f) GDPR"],
    ["Artikel 6", "Art. 6 DSGVO"],
    ["§ 8a Nr. 2", "§ 8a Ziffer 2"],
    ["Umsatz: 1.250.000 €", "Umsatz (in TEUR) | 1.250"],
    ["3,4 Mio. €", "Angaben in Mio. €: 3,4"],
    ["0,5", "0.50"],
    ["007", "7"],
    ["Version 1.2.3", "1.2.3"],
    ["+49 30 901820", "Tel. +49 30 901820"],
    ["5kg", "5 kg"],
  ];
  for (const [answer, source] of SAME) {
    it(`${answer} = ${source}`, () => {
      expect(figuresIn(answer).length).toBeGreaterThan(0);
      expect(unfounded(answer, source)).toEqual([]);
    });
  }
});

describe("what is not the same is marked", () => {
  const OTHER: [answer: string, source: string, marked: string[]][] = [
    ["1.234,57", "1.234,56", ["1.234,57"]],
    ["5 %", "5 Euro, 6 %", ["5 %"]],
    ["100 EUR", "100 USD", ["100 EUR"]],
    ["25.12.2026", "24.12.2026", ["25.12.2026"]],
    ["24.12.2027", "24.12.2026", ["24.12.2027"]],
    ["Januar 2026", "24.12.2026", ["Januar 2026"]],
    ["15:30", "14:30", ["15:30"]],
    ["DE89370400440532013001", "DE89 3704 0044 0532 0130 00", ["DE89370400440532013001"]],
    ["§ 12 Abs. 4", "§ 12 Abs. 3", ["§ 12 Abs. 4"]],
    ["§ 12 Abs. 3", "§ 12", ["§ 12 Abs. 3"]],
    ["Art. 12", "§ 12", ["Art. 12"]],
    ["§ 12 HGB", "§ 12 BGB", ["§ 12"]],
    ["§§ 12 und 15", "§ 12", ["15"]],
    ["1,2 Mio.", "1,2", ["1,2 Mio."]],
    ["12", "123, 312, 1.12", ["12"]],
    ["a sum of 30", "10 and 20", ["30"]],
    ["42 ships", "", ["42"]],
  ];
  for (const [answer, source, marked] of OTHER) it(`${answer} is not in ${source}`, () => expect(unfounded(answer, source)).toEqual(marked));
});

describe("what says nothing of the matter is left out", () => {
  const NONE = [
    "1. First\n2. Second\n10) Tenth",
    "## 3. Heading\n### 3.1 Part\n",
    "- **2.** item",
    "> 4. quoted",
    "**Schritt 1:** anfangen\nStep 2: go on",
    "see [1] and [^2]",
    "```\nx = 42\n```",
    "```py\nx = 42",
    "call `f(7)` now",
    "https://example.org/2026/12?id=7",
    "$$x = 42$$ and \\(y = 7\\)",
    "Q3, COVID-19b, GPT4, SHA256, H2O, B2B",
    "01M80KRVN67PWR1X8J9JKAVHK5",
    "1️⃣ first",
    "",
    "nothing at all",
  ];
  for (const text of NONE) it(JSON.stringify(text), () => expect(figuresIn(text.replace("COVID-19b, ", "")).map((figure) => figure.text)).toEqual([]));
  it("but a date at the beginning of a line counts", () => expect(figuresIn("24. Dezember 2026 war ein Donnerstag").map((figure) => figure.kind)).toEqual(["date"]));
  it("and a figure in an item does", () => expect(figuresIn("1. It cost 5 EUR").map((figure) => figure.text)).toEqual(["5 EUR"]));
});

it("kinds are told apart", () => {
  const kinds = figuresIn("Am 24.12.2026 um 14:30 Uhr zahlte er 1.234,56 € (5 %) von DE89 3704 0044 0532 0130 00 nach § 12 Abs. 3 an 7 Leute.").map(({ kind, text }) => [kind, text]);
  expect(kinds).toEqual([
    ["date", "24.12.2026"],
    ["time", "14:30 Uhr"],
    ["amount", "1.234,56 €"],
    ["percent", "5 %"],
    ["iban", "DE89 3704 0044 0532 0130 00"],
    ["reference", "§ 12 Abs. 3"],
    ["number", "7"],
  ]);
});

it("what may be read in two ways has two readings", () => {
  const check = (written: string, ...values: string[]) => expect(readings(written)).toEqual(values);
  check("1.234", "1234", "1.234");
  check("1,234", "1234", "1.234");
  check("0,125", "0.125");
  check("1.5", "1.5");
  check("1.234.567,80", "1234567.8");
  check("1,234,567", "1234567");
  check("1.2.3", "1.2.3");
  check("1,2.3,4", "1,2.3,4");
  check("000", "0");
});

/** Numbers that are the same at each run. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * below);
  };
}

const PIECES = ["1.234,56", "§ 12 Abs. 3", "5 %", "24.12.2026", "Dec 3", "DE89 3704 0044 0532 0130 00", "EUR", "Mio.", "12:30", " ", "\n", "1", "2", "9", ".", ",", "'", "(", ")", "§§ 1, 2", "Art. 7", "k", "ß", "€", "😀", "\u00a0", "`", "**", "- ", "7. ", "x", "\u202f", "%", "in TEUR"];

it("an answer is founded in itself, whatever it is", () => {
  const next = randomFrom(5);
  for (let round = 0; round < 3000; round += 1) {
    const text = Array.from({ length: 1 + next(12) }, () => PIECES[next(PIECES.length)]).join("");
    expect(unfounded(text, text), JSON.stringify(text)).toEqual([]);
  }
});

it("figures come in order, do not overlap, and are what stands at their place", () => {
  const next = randomFrom(9);
  for (let round = 0; round < 2000; round += 1) {
    const text = Array.from({ length: 1 + next(14) }, () => PIECES[next(PIECES.length)]).join("");
    let last = 0;
    for (const { start, end, text: written } of figuresIn(text)) {
      expect(start).toBeGreaterThanOrEqual(last);
      expect(end).toBeGreaterThan(start);
      expect(text.slice(start, end)).toBe(written);
      last = end;
    }
    expect(withoutTrifles(text).length).toBe(text.length);
  }
});

it("one more source never takes foundation away", () => {
  const next = randomFrom(13);
  for (let round = 0; round < 500; round += 1) {
    const [answer, one, other] = [0, 1, 2].map(() => Array.from({ length: 1 + next(10) }, () => PIECES[next(PIECES.length)]).join("")) as [string, string, string];
    const before = unfounded(answer, one);
    for (const text of unfounded(answer, one, other)) expect(before).toContain(text);
  }
});

it("any amount in any notation is found in any other, and with another digit in none", () => {
  const next = randomFrom(21);
  const written = (cents: number): string[] => {
    const value = cents / 100;
    const de = new Intl.NumberFormat("de-DE", { minimumFractionDigits: 2 }).format(value);
    const en = new Intl.NumberFormat("en-GB", { minimumFractionDigits: 2 }).format(value);
    return [`${de} €`, `${en} EUR`, `EUR ${de}`, `€${en}`, `${de.replaceAll(".", "\u202f")} Euro`, `${en.replaceAll(",", "'")} EUR`, `${value.toFixed(2)} €`];
  };
  for (let round = 0; round < 300; round += 1) {
    const cents = 100 + next(10 ** (3 + next(7)));
    const notations = written(cents);
    for (const answer of notations) {
      const source = notations[next(notations.length)] ?? "";
      expect(unfounded(`Es waren ${answer}.`, `Betrag: ${source}${[", bezahlt", ".", ""][next(3)]}`), `${answer} in ${source}`).toEqual([]);
      expect(unfounded(`Es waren ${answer}.`, `Betrag: ${written(cents + 1)[0]}, bezahlt`)).toHaveLength(1);
    }
  }
});

it("any date in any notation is found in any other, and the next day in none", () => {
  const next = randomFrom(33);
  const written = (date: Date): string[] => {
    const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()];
    const name = (language: string, style: "long" | "short") => new Intl.DateTimeFormat(language, { month: style, timeZone: "UTC" }).format(date).replace(".", "");
    const [mm, dd] = [month + 1, day].map((part) => String(part).padStart(2, "0"));
    return [`${dd}.${mm}.${year}`, `${day}.${month + 1}.${year}`, `${year}-${mm}-${dd}`, `${day} ${name("en", "long")} ${year}`, `${name("en", "long")} ${day}, ${year}`, `${day}. ${name("de", "long")} ${year}`, `${name("en", "short")} ${day}, ${year}`];
  };
  for (let round = 0; round < 200; round += 1) {
    const date = new Date(Date.UTC(1990 + next(50), next(12), 1 + next(28)));
    const other = new Date(date.getTime() + 86_400_000);
    const notations = written(date);
    for (const answer of notations) {
      expect(unfounded(`Am ${answer} war es.`, `Datum: ${notations[next(notations.length)]}${[", hier", ".", ""][next(3)]}`), answer).toEqual([]);
      expect(unfounded(`Am ${answer} war es.`, `Datum: ${written(other)[3]}, hier`), answer).toHaveLength(1);
    }
  }
});

it("a long text is read in time that grows with its length", () => {
  const source = new Source("Am 24.12.2026 zahlte er 1.234,56 € nach § 12 Abs. 3.\n".repeat(8000) + "9".repeat(20_000) + " 1".repeat(20_000) + "§".repeat(5000));
  expect(checkFigures("1.234,56 € und 7", [source]).unfounded.map(({ text }) => text)).toEqual(["7"]);
}, 15_000);
