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

/** The passages that contain every word of the query, word for word as they stand in the handbook. */
export function search(sections: Section[], query: string): Hit[] {
  const words = wordsOf(query);
  if (words.length === 0) return [];
  return sections.flatMap((section) =>
    section.passages.flatMap((passage) => {
      const inside = passage.normalize().toLowerCase();
      return words.every((word) => inside.includes(word)) ? { section, passage } : [];
    }),
  );
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
