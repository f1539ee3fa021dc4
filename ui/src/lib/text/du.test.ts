import { expect, it } from "vitest";
import { de } from "./de";
import { duOf, OTHERS, PAIRS, withDu } from "./du";

const FORMAL = /(?<![\p{L}])(?:Sie|Ihnen|Ihr(?:e[mnrs]?)?)(?![\p{L}])/gu;

function sentences(value: unknown, path: string): [string, string][] {
  if (typeof value === "string") return [[path, value]];
  if (typeof value === "function") return [1, 2].map((count) => [`${path}/${count}`, String((value as (...words: unknown[]) => string)(count, count, count))]);
  return Object.entries(value as object).flatMap(([name, inner]) => sentences(inner, `${path}.${name}`));
}

it("every German sentence that says Sie has a form with du, and says nobody else's Sie", () => {
  const left = sentences(withDu(de), "").flatMap(([path, text]) => {
    const rest = OTHERS.reduce((all, other) => all.replaceAll(other, ""), text);
    return rest.match(FORMAL) ? [`${path}: ${text}`] : [];
  });
  expect(left, "write a pair for these into du.ts").toEqual([]);
});

it("every pair is needed, and changes nothing but the address", () => {
  const all = sentences(de, "").map(([, text]) => text).join("\n");
  expect([...PAIRS.map(([sie]) => sie), ...OTHERS].filter((phrase) => !all.includes(phrase))).toEqual([]);
  expect(PAIRS.filter(([, du]) => du.match(FORMAL) !== null)).toEqual([]);
});

it("says du as people say it", () => {
  const check = (sie: string, du: string) => expect(duOf(sie)).toBe(du);
  check("Ihre Sitzung ist zu Ende", "Deine Sitzung ist zu Ende");
  check("In Ihren Gesprächen gefunden", "In deinen Gesprächen gefunden");
  check("Fragen Sie die Verwaltung nach dem Grund.", "Frag die Verwaltung nach dem Grund.");
  check("Sie", "Du");
  check("Ihre Einstufung steht darin; bewahren Sie die Datei entsprechend auf.", "Ihre Einstufung steht darin; bewahre die Datei entsprechend auf.");
  check("Siegel und Ihringen", "Siegel und Ihringen");
});

it("leaves alone what somebody else wrote", () => {
  expect(withDu(de).conversations.options("Fragen Sie Ihren Arzt")).toBe("Möglichkeiten für „Fragen Sie Ihren Arzt“");
  expect(withDu(de).shared.partly(1)).toContain("weil du ihn nicht lesen darfst");
});
