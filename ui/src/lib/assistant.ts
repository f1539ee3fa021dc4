import type { BothTexts } from "./contract";
import type { Language } from "./language";

/** What the house says in both languages, or a person wrote in one. */
export type Written = BothTexts | string;

/** A system prompt with a name, a model and a label of its own, as the house lists it. */
export interface Assistant {
  id: string;
  name: Written;
  purpose: Written;
  starters: Written[];
  model: string | null;
  label: string | null;
  version: number;
  /** `ready` ones are the house's own. */
  state: "ready" | "draft" | "in_review" | "published" | "returned";
  owner: string | null;
  mine: boolean;
  with: string[];
  /** Whether this person may decide about it now. */
  review?: boolean;
  /** What a reviewer said. */
  note: string | null;
  /** Only where one assistant is read, and only for those who may. */
  instructions?: Written;
}

/** A text in the reader's language. */
export function said(text: Written | null | undefined, language: Language): string {
  return typeof text === "string" ? text : (text?.[language] ?? "");
}
