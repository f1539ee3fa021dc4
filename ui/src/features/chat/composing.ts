import { Store } from "../../lib/store";
import { carried, everywhere, type Found, type Mask, without, withMask, withoutMask } from "./examined";

/** What is masked of what was typed, and of each long text that lies beside it. */
export interface Veils {
  draft: Mask[];
  pasted: ReadonlyMap<string, Mask[]>;
}

export const NO_VEILS: Veils = { draft: [], pasted: new Map() };

/** What goes out as stand-ins of the question that is being written, by conversation; in memory only. */
export const veils = new Store<Record<string, Veils>>({});

function change(key: string, next: (own: Veils) => Veils) {
  veils.change((all) => {
    const own = all[key] ?? NO_VEILS;
    const changed = next(own);
    return changed === own ? all : { ...all, [key]: changed };
  });
}

/** The typed text was changed; masks go with their words. */
export function carryVeils(key: string, before: string, after: string) {
  change(key, (own) => (own.draft.length === 0 ? own : { ...own, draft: carried(own.draft, before, after) }));
}

/** One place that a writer is shown. */
export interface PlaceFound {
  /** Nothing for the typed text, else the long text beside it. */
  text: string | undefined;
  found: Found;
  masked: boolean;
  /** Masked in this conversation before, and so for good. */
  kept: boolean;
  excerpt: string;
}

interface Desk {
  key: string;
  draft: string;
  write: (text: string) => void;
  texts: string[];
  lay: (texts: string[]) => void;
}

/** What can be done about a place in the question that is being written. */
export function actionsOn({ key, draft, write, texts, lay }: Desk) {
  const turn = (next: (masks: Mask[], mask: Mask) => Mask[]) => (place: PlaceFound) => {
    const { text } = place;
    // What is masked once is masked wherever it stands.
    const all = everywhere(text ?? draft, maskOf(place));
    if (text === undefined) change(key, (own) => ({ ...own, draft: all.reduce(next, own.draft) }));
    else change(key, (own) => ({ ...own, pasted: new Map(own.pasted).set(text, all.reduce(next, own.pasted.get(text) ?? [])) }));
  };
  return {
    mask: turn(withMask),
    unmask: turn(withoutMask),
    remove: ({ text, found }: PlaceFound) => {
      if (text === undefined) write(without(draft, found));
      else lay(texts.map((one) => (one === text ? shortened(key, text, found) : one)));
    },
  };
}

function maskOf({ found: { start, end, type } }: PlaceFound): Mask {
  return { start, end, type };
}

/** A long text without a stretch of it, its masks gone along. */
function shortened(key: string, text: string, stretch: Found): string {
  const left = without(text, stretch);
  change(key, (own) => {
    const pasted = new Map(own.pasted);
    const kept = carried(pasted.get(text) ?? [], text, left);
    pasted.delete(text);
    return { ...own, pasted: pasted.set(left, kept) };
  });
  return left;
}

/** The question has been sent. */
export function dropVeils(key: string) {
  veils.change((all) => {
    const { [key]: _gone, ...others } = all;
    return others;
  });
}

/** Nothing of one person is left for the next. */
export function forgetComposing() {
  veils.change(() => ({}));
}
