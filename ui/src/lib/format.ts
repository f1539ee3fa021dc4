import type { Language } from "./language";

const cache = new Map<string, Intl.DateTimeFormat>();

/** German dates for German, British ones for English: day before month, 24 hours. */
function localeOf(language: Language): string {
  return language === "de" ? "de-DE" : "en-GB";
}

function dates(language: Language, name: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${language} ${name}`;
  const known = cache.get(key);
  if (known) return known;
  const made = new Intl.DateTimeFormat(localeOf(language), options);
  cache.set(key, made);
  return made;
}

/** `21.11.2026, 09:14`, in the reader's own time zone. */
export function dateTime(written: string, language: Language): string {
  return format(written, dates(language, "date", { dateStyle: "medium", timeStyle: "short" }));
}

export function dateOnly(written: string, language: Language): string {
  return format(written, dates(language, "date only", { dateStyle: "medium" }));
}

export function timeOnly(written: string, language: Language): string {
  return format(written, dates(language, "time only", { timeStyle: "short" }));
}

/** `09:14:03` today, with the date before it on other days. */
export function clock(written: string, language: Language): string {
  const today = new Date(written).toDateString() === new Date().toDateString();
  const options: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit", second: "2-digit" };
  return format(
    written,
    today ? dates(language, "clock", options) : dates(language, "day", { ...options, day: "2-digit", month: "2-digit" }),
  );
}

/** What cannot be read as a time is shown as it is. */
function format(written: string, formatter: Intl.DateTimeFormat): string {
  const moment = new Date(written);
  return Number.isNaN(moment.getTime()) ? written : formatter.format(moment);
}

/** `12 345,6` in German, with the narrow space of DIN 5008, and `12,345.6` in English. */
export function count(value: number, language: Language): string {
  const written = new Intl.NumberFormat(localeOf(language), { maximumFractionDigits: 1 }).format(value);
  return language === "de" ? written.replaceAll(".", "\u202f") : written;
}

/** `340 KB`, `2,4 MB`: a file's size in powers of 1024. */
export function size(bytes: number, language: Language): string {
  if (bytes < 1024) return `${count(bytes, language)} B`;
  const isSmall = bytes < 1024 * 1024;
  return `${count(bytes / (isSmall ? 1024 : 1024 * 1024), language)} ${isSmall ? "KB" : "MB"}`;
}

/** A short form for axes: `12k`, `3.4M`. */
export function short(value: number, language: Language): string {
  if (Math.abs(value) < 10_000) return count(Math.abs(value) < 10 ? value : Math.round(value), language);
  const million = Math.abs(value) >= 1_000_000;
  return `${count(value / (million ? 1_000_000 : 1000), language)} ${million ? (language === "de" ? "Mio." : "m") : language === "de" ? "Tsd." : "k"}`;
}

/** `2 Tage 4 Stunden`, `3 hours 5 minutes`, `12 seconds`: the two largest parts. */
export function span(seconds: number, language: Language): string {
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), "day"],
    [Math.floor(seconds / 3600) % 24, "hour"],
    [Math.floor(seconds / 60) % 60, "minute"],
    [Math.floor(seconds) % 60, "second"],
  ];
  const say = ([value, unit]: [number, string]) => new Intl.NumberFormat(localeOf(language), { style: "unit", unit, unitDisplay: "long" }).format(value);
  const first = parts.findIndex(([value]) => value > 0);
  if (first < 0) return say([0, "second"]);
  return parts
    .slice(first, first + 2)
    .filter(([value]) => value > 0)
    .map(say)
    .join(" ");
}
