import { createContext, type ReactNode, use, useMemo } from "react";
import { reveal } from "../../components/hidden";
import type { Draw } from "../../components/Markdown";
import type { Figure } from "../../lib/figures";
import { useLanguage } from "../../lib/language";
import { NO_STAND_INS, type StandIn, StandIns } from "../../lib/standIns";
import type { Message } from "./message";

const Context = createContext(NO_STAND_INS);
export const StandInsProvider = Context.Provider;

const Place = createContext("");
/** Gives what is drawn the id of its conversation. */
export const PlaceProvider = Place.Provider;

export function usePlaceOf(): string {
  return use(Place);
}

/** What stands for which words in the conversation that is open. */
export function useStandIns(): StandIns {
  return use(Context);
}

/** All that the messages of a conversation say about stand-ins; the same object while it says the same. */
export function useStandInsOf(messages: Message[]): StandIns {
  const written = JSON.stringify([...new Map(messages.flatMap(({ masks = [] }) => masks.map((one) => [one.stands, one]))).values()]);
  return useMemo(() => (written === "[]" ? NO_STAND_INS : new StandIns(JSON.parse(written) as StandIn[])), [written]);
}

/** How texts of a model are drawn: with the person's own words in the place of what stands for them, and with figures marked that stand in no source. */
export function useDrawn(standIns: StandIns, unfounded: readonly Figure[]): Draw | undefined {
  const { words } = useLanguage();
  return useMemo(() => {
    if (standIns.all.length === 0 && unfounded.length === 0) return undefined;
    const pattern = figurePattern(unfounded);
    const marked = (text: string) => (pattern ? markedFigures(text, pattern, words.figures.unfounded) : reveal(text));
    return {
      text: (text: string) => drawn(standIns.inAnswer(text), (stands) => words.masks.neverSent(stands), false, marked),
      code: (text: string) => standIns.real(text),
    };
  }, [standIns, unfounded, words]);
}

/** More different ones are not marked. */
const MARKED_MOST = 400;

function figurePattern(unfounded: readonly Figure[]): RegExp | undefined {
  const texts = [...new Set(unfounded.map(({ text }) => text))].slice(0, MARKED_MOST).toSorted((a, b) => b.length - a.length);
  if (texts.length === 0) return undefined;
  const each = texts.map((text) => text.replaceAll(/[\\^$.*+?()[\]{}|/-]/gu, String.raw`\$&`));
  return new RegExp(`(?<![\\p{L}\\p{N}]|[\\p{N}][.,])(?:${each.join("|")})(?![\\p{L}\\p{N}]|[.,]\\d)`, "gu");
}

function markedFigures(text: string, pattern: RegExp, note: string): ReactNode {
  const parts: ReactNode[] = [];
  let at = 0;
  for (const { index, 0: figure } of text.matchAll(pattern)) {
    parts.push(
      <span key={at}>{reveal(text.slice(at, index))}</span>,
      <span key={`${index} figure`} data-figure title={note} className="border-b-2 border-dotted border-care">
        {figure}
        <span className="sr-only select-none"> ({note}) </span>
      </span>,
    );
    at = index + figure.length;
  }
  return at === 0 ? reveal(text) : [...parts, <span key={at}>{reveal(text.slice(at))}</span>];
}

/** A person's own text, in which is marked what went out as something else. */
export function useOwn(standIns: StandIns): ((text: string) => ReactNode) | undefined {
  const { words } = useLanguage();
  return useMemo(() => (standIns.all.length === 0 ? undefined : (text: string) => drawn(standIns.inQuestion(text), (stands) => words.masks.wentOutAs(stands), true)), [standIns, words]);
}

function drawn(pieces: (string | StandIn)[], note: (stands: string) => string, isNamed: boolean, plain: (text: string) => ReactNode = reveal): ReactNode {
  return pieces.map((piece, index) =>
    typeof piece === "string" ? (
      <span key={index}>{plain(piece)}</span>
    ) : (
      <span key={index} data-own-words={piece.stands} title={note(piece.stands)} className="underline decoration-good decoration-dashed decoration-2 underline-offset-4">
        {reveal(piece.for)}
        {/* Whoever copies a stretch copies the real words alone. */}
        <span className="sr-only select-none"> ({note(piece.stands)}) </span>
        {isNamed ? (
          <span aria-hidden="true" translate="no" className="ml-1 inline-block rounded bg-good-tint px-1.5 text-xs font-semibold text-good select-none forced-colors:border">
            → {piece.stands}
          </span>
        ) : null}
      </span>
    ),
  );
}
