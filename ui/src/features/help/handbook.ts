import de from "./handbook.de.md?raw";
import en from "./handbook.en.md?raw";
import type { Language } from "../../lib/language";

export interface Section {
  id: string;
  title: string;
  /** Markdown, one block each. */
  passages: string[];
}

export interface Hit {
  section: Section;
  passage: string;
}

/** The handbook in one language, with this house's own address filled in. */
export function handbook(language: Language, origin: string): Section[] {
  return readHandbook((language === "de" ? de : en).replaceAll("{{origin}}", origin));
}

/** Reads sections of the form `## Title {#id}`; what stands before the first is not shown. */
export function readHandbook(text: string): Section[] {
  return text
    .split(/^## /mu)
    .slice(1)
    .map((part) => {
      const [head = "", ...rest] = part.split("\n");
      const [, title = head, id = head] = /^(.*?)\s*\{#([a-z-]+)\}\s*$/u.exec(head) ?? [];
      return { id, title, passages: passagesOf(rest.join("\n")) };
    });
}

/**
 * The passages that contain every word of the query, word for word as they stand in the handbook. Where there are none, as
 * with most questions in whole sentences, those that hold the most of its rare words, the best ones first.
 */
export function search(sections: Section[], query: string): Hit[] {
  const words = wordsOf(query);
  if (words.length === 0) return [];
  const all = sections.flatMap((section) =>
    section.passages.map((passage) => ({ section, passage, inside: passage.normalize().toLowerCase() })),
  );
  const whole = all.filter(({ inside }) => words.every((word) => inside.includes(word)));
  return (whole.length > 0 ? whole : nearest(all, words)).map(({ section, passage }) => ({ section, passage }));
}

/** So many passages may answer a question. */
const NEAREST_MAX = 5;
/** What a question is made of, and not what it is about. */
const QUESTION_WORDS = new Set(
  ("aber alle also auch auf aus bei bin bitte bleibe das dass dem den denn der des die dies diese doch ein eine einem einen einer eines es etwas " +
    "für geht gibt habe haben hat hier ich ihr ihre ist jemand kann kein keine können lange machen mein meine meinem meinen meiner mich mir mit muss nach " +
    "nicht noch oder passiert sein sich sie sind soll und uns unser viele vom von vor wann war warum was welche welchem welchen welcher welches " +
    "wenn wer werde werden wie wieso wird wo wofür woher wohin zu zum zur " +
    "about and any are can could did does for from get has have how long many may much must not one our should that the their there these they " +
    "this those use was were what when where which who whom why will with would you your happen happens").split(" "),
);

function nearest(all: (Hit & { inside: string })[], words: string[]) {
  const weights = stemsOf(words).map((stem) => {
    const holding = all.filter(({ inside }) => inside.includes(stem)).length;
    return { stem, weight: Math.log((all.length + 1) / (holding + 1)) };
  });
  const weighed = all.map((hit) => {
    const title = hit.section.title.toLowerCase();
    const total = weights.reduce(
      (sum, { stem, weight }) => sum + weight * (Number(hit.inside.includes(stem)) + Number(title.includes(stem))),
      0,
    );
    return { hit, weight: total };
  });
  const best = Math.max(0, ...weighed.map(({ weight }) => weight));
  return weighed
    .filter(({ weight }) => best > 0 && weight >= best / 2)
    .toSorted((one, other) => other.weight - one.weight)
    .slice(0, NEAREST_MAX)
    .map(({ hit }) => hit);
}

/** What to mark in a passage that was found. */
export function soughtIn(passage: string, query: string): string[] {
  const words = wordsOf(query);
  const inside = passage.normalize().toLowerCase();
  return words.every((word) => inside.includes(word)) ? words : stemsOf(words);
}

function stemsOf(words: string[]): string[] {
  return words
    .map((word) => word.replace(/[^\p{L}\p{N}]/gu, ""))
    .filter((word) => word.length > 2 && !QUESTION_WORDS.has(word))
    .map(stemOf);
}

/** Without the endings that German and English words change most. */
function stemOf(word: string): string {
  return word.length > 5 ? word.replace(/(?:en|er|es|em|e|n|s)$/u, "") : word;
}

export function wordsOf(query: string): string[] {
  return query.normalize().toLowerCase().split(/\s+/u).filter((word) => word !== "");
}

/** Cuts at blank lines, but never inside a code block. */
function passagesOf(text: string): string[] {
  const passages: string[] = [];
  let lines: string[] = [];
  let fenced = false;
  for (const line of `${text}\n\n`.split("\n")) {
    if (line.startsWith("```")) fenced = !fenced;
    if (line.trim() === "" && !fenced) {
      if (lines.length > 0) passages.push(lines.join("\n"));
      lines = [];
    } else lines.push(line);
  }
  return passages;
}
