/** Something to ask that is kept and used again. */
export interface Prompt {
  id: string;
  name: string;
  text: string;
  tags: string[];
  version: number;
  updated: string;
  owner: string;
  mine: boolean;
  with: string[];
}

export interface PromptVersion {
  version: number;
  name: string;
  text: string;
  created: string;
}

const PLACE = /\{\{\s*([\p{L}\p{N}_][\p{L}\p{N}_ .-]{0,59}?)\s*\}\}/gu;

/** The names of what a text leaves open (`{{customer}}`), each once, in their order. */
export function placesIn(text: string): string[] {
  return [...new Set([...text.matchAll(PLACE)].map(([, name]) => name ?? ""))];
}

/** The text with what was said for its places. What nobody said stays open; what was said is not looked through again. */
export function filled(text: string, values: Readonly<Record<string, string>>): string {
  return text.replaceAll(PLACE, (whole, name: string) => (Object.hasOwn(values, name) && values[name] !== "" ? (values[name] ?? whole) : whole));
}

/** Those that have every word in name, text or tags; all of them for none. */
export function fitting(prompts: Prompt[], written: string): Prompt[] {
  const words = plain(written).split(" ").filter(Boolean);
  return prompts.filter(({ name, text, tags }) => {
    const all = plain([name, text, ...tags].join(" "));
    return words.every((word) => all.includes(word));
  });
}

function plain(text: string): string {
  return text.toLowerCase().replaceAll("ß", "ss").normalize("NFD").replaceAll(/\p{M}/gu, "").replaceAll(/\s+/gu, " ").trim();
}
