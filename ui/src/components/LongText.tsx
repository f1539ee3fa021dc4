import { type ReactNode, useState } from "react";
import { reveal } from "./hidden";
import { count } from "../lib/format";
import { useLanguage } from "../lib/language";

/** More than this is shown in part first: characters and lines. */
const MOST = 3000;
const LINES = 40;
/** So many lines are one piece of a long text; the browser lays out only the pieces in view. */
const PIECE = 100;

/** A person's own text as they wrote it. A long one is folded, so that a pasted file does not stand between question and answer. */
export function LongText({ text, draw = reveal }: { text: string; draw?: ((text: string) => ReactNode) | undefined }) {
  const { words, language } = useLanguage();
  const [whole, setWhole] = useState(false);
  const start = firstPart(text);
  if (start.length === text.length) return draw(text);
  const lines = text.split("\n");
  return (
    <>
      {whole ? <div className="max-h-[70dvh] overflow-y-auto">{inPieces(lines).map((piece, index) => <div key={index} className="piece">{draw(piece)}</div>)}</div> : draw(`${start}…`)}
      <button type="button" data-unfold aria-expanded={whole} onClick={() => setWhole(!whole)} className="mt-2 block text-sm text-accent underline underline-offset-2">
        {whole ? words.turn.fold : words.turn.unfold(count(lines.length, language), count(text.length, language))}
      </button>
    </>
  );
}

function firstPart(text: string): string {
  let end = -1;
  for (let line = 0; line < LINES; line += 1) {
    const next = text.indexOf("\n", end + 1);
    if (next < 0) return text.length <= MOST ? text : text.slice(0, MOST);
    end = next;
  }
  return text.slice(0, Math.min(end, MOST));
}

function inPieces(lines: string[]): string[] {
  const pieces: string[] = [];
  for (let at = 0; at < lines.length; at += PIECE) pieces.push(`${lines.slice(at, at + PIECE).join("\n")}\n`);
  // One endless line is cut, too.
  return pieces.flatMap((piece) => piece.match(/[^]{1,20000}/gu) ?? []);
}
