import { expect, it } from "vitest";
import { count, short, span } from "./format";
import type { Language } from "./language";

function check(write: (language: Language) => string, german: string, english: string) {
  expect([write("de"), write("en")]).toEqual([german, english]);
}

it("writes numbers as the reader's language does", () => {
  check((language) => count(1_234_567.89, language), "1\u202f234\u202f567,9", "1,234,567.9");
  check((language) => count(0, language), "0", "0");
  check((language) => short(3_400_000, language), "3,4 Mio.", "3.4 m");
  check((language) => short(12_000, language), "12 Tsd.", "12 k");
  check((language) => short(9_999, language), "9\u202f999", "9,999");
});

it("writes spans of time in words, the two largest parts", () => {
  check((language) => span(187_432, language), "2 Tage 4 Stunden", "2 days 4 hours");
  check((language) => span(86_400, language), "1 Tag", "1 day");
  check((language) => span(3_660, language), "1 Stunde 1 Minute", "1 hour 1 minute");
  check((language) => span(12.7, language), "12 Sekunden", "12 seconds");
  check((language) => span(0, language), "0 Sekunden", "0 seconds");
});
