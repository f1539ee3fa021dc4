import { useEffect, useMemo, useState } from "react";
import { send } from "../../lib/api";
import { join, type Label, levelOf } from "../../lib/labels";
import { refusalIn } from "../../lib/refusal";
import type { StandIns } from "../../lib/standIns";
import { Store, useStore } from "../../lib/store";
import type { Attached } from "./attachments";
import { NO_VEILS, type PlaceFound, type Veils, veils } from "./composing";
import { carried, type Examined, type Found, gathered, isMasked, type Mask, partsOf, toldOf } from "./examined";

/** So long nothing is typed before it is examined, in milliseconds. */
const REST_MS = 350;
/** So many examined pieces are remembered, so that what did not change is not sent again. */
const REMEMBERED = 64;

interface Offers {
  /** Whether the house examines texts before they are sent. */
  examines: boolean;
  /** Whether it takes masks and asks others for releases. */
  masks: boolean;
}

/** What this house can do for a text before it is sent, as far as it is known. */
export const offers = new Store<Offers>({ examines: true, masks: false });

const remembered = new Map<string, Examined>();

/** Nothing of one person is left for the next. */
export function forgetExamined() {
  remembered.clear();
  offers.change(() => ({ examines: true, masks: false }));
}

/** Has a text examined, piece by piece; nothing of it is kept by the house. Throws `RefusedError`. */
export async function examine(text: string, label: string | null, signal: AbortSignal): Promise<Examined> {
  const found: [ReturnType<typeof partsOf>[number], Found[]][] = [];
  let whole: Examined = { findings: [], label: null, blocked: false, raises: null };
  for (const part of partsOf(text)) {
    const key = `${label ?? ""}\n${part.text}`;
    // One after the other, so that a long text does not take all connections.
    // oxlint-disable-next-line no-await-in-loop
    const answer = remembered.get(key) ?? (await ask(part.text, label, signal));
    signal.throwIfAborted();
    remembered.delete(key);
    remembered.set(key, answer);
    const oldest = remembered.keys().next().value;
    if (remembered.size > REMEMBERED && oldest !== undefined) remembered.delete(oldest);
    found.push([part, answer.findings]);
    whole = { ...whole, blocked: whole.blocked || answer.blocked, label: higher(whole.label, answer.label), raises: higher(whole.raises, answer.raises) };
  }
  return { ...whole, findings: gathered(found) };
}

async function ask(content: string, label: string | null, signal: AbortSignal): Promise<Examined> {
  const body = await send<Partial<Examined>>("POST", "/api/chat/findings", { content, ...(label === null ? {} : { label }) }, signal);
  // Only a house that says to what a text raises its label knows masks and releases, too.
  if ("raises" in body && !offers.value().masks) offers.change((before) => ({ ...before, masks: true }));
  return { findings: body.findings ?? [], label: body.label ?? null, blocked: body.blocked === true, raises: body.raises ?? null };
}

function higher(one: string | null, other: string | null): string | null {
  const levels = [one, other].flatMap((label) => levelOf(label) ?? []);
  return levels.length === 0 ? null : join(levels);
}

export interface Preview {
  places: PlaceFound[];
  /** The files in which something is found that stops the question. */
  inFiles: string[];
  /** Why the house would not take it as it is. */
  blocked: "findings" | "label" | undefined;
  /** To what the text raises the label, where nothing masks what does. */
  raises: Label | undefined;
  /** Whether stretches can go out as stand-ins, and others asked. */
  offersMasks: boolean;
}

/** What was found in files beside it counts, too. */
function withFiles(preview: Preview, files: Attached[]): Preview {
  const inFiles = files.filter(({ attachment, masks }) => toldOf(attachment?.findings ?? []).some((found) => found.action === "BLOCK" && found.start < found.end && !isMasked(found, masks))).map(({ name }) => name);
  const raises = files.flatMap(({ attachment }) => levelOf(attachment?.label) ?? []);
  return {
    ...preview,
    inFiles,
    blocked: inFiles.length > 0 ? "findings" : preview.blocked,
    raises: raises.length === 0 ? preview.raises : join([...raises, preview.raises ?? "PUBLIC"]),
  };
}

const NOTHING: Preview = { inFiles: [], places: [], blocked: undefined, raises: undefined, offersMasks: false };

interface Seen {
  draft: string;
  drafted: Found[];
  pasted: ReadonlyMap<string, Found[]>;
  isBlocked: boolean;
  raises: string | null;
}

const UNSEEN: Seen = { draft: "", drafted: [], pasted: new Map(), isBlocked: false, raises: null };

/** What the house would find in the question as it stands; while it is being typed, what was found last, moved along. */
export function usePreview(key: string, draft: string, pasted: string[], label: string | null, known: StandIns, files: Attached[]): Preview {
  const { examines, masks } = useStore(offers);
  const own = useStore(veils)[key] ?? NO_VEILS;
  const [seen, setSeen] = useState<{ key: string; seen: Seen }>({ key, seen: UNSEEN });
  const isEmpty = draft.trim() === "" && pasted.length === 0;

  useEffect(() => {
    if (!examines || isEmpty) return undefined;
    const controller = new AbortController();
    const timer = setTimeout(() => {
      look(draft, pasted, label, controller.signal).then(
        (next) => setSeen({ key, seen: next }),
        (error: unknown) => {
          // A house without this says so once; of everything else the answer itself will tell.
          if (!controller.signal.aborted && refusalIn(error).status === 404) offers.change((before) => ({ ...before, examines: false }));
        },
      );
    }, REST_MS);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [examines, isEmpty, key, draft, pasted, label]);

  const typed = useMemo(
    () => (!examines || isEmpty || seen.key !== key ? { ...NOTHING, offersMasks: masks } : previewOf(seen.seen, draft, pasted, own, known, masks)),
    [examines, isEmpty, seen, key, draft, pasted, own, known, masks],
  );
  return useMemo(() => withFiles(typed, files), [typed, files]);
}

async function look(draft: string, pasted: string[], label: string | null, signal: AbortSignal): Promise<Seen> {
  const typed = draft.trim() === "" ? undefined : await examine(draft, label, signal);
  const beside = new Map<string, Found[]>();
  let { blocked: isBlocked, raises } = typed ?? { blocked: false, raises: null };
  for (const text of new Set(pasted)) {
    // oxlint-disable-next-line no-await-in-loop
    const examined = await examine(text, label, signal);
    beside.set(text, examined.findings);
    isBlocked ||= examined.blocked;
    raises = higher(raises, examined.raises);
  }
  return { draft, drafted: typed?.findings ?? [], pasted: beside, isBlocked, raises };
}

/** So many characters of a place are shown. */
const EXCERPT = 48;

export function previewOf(seen: Seen, draft: string, pasted: string[], own: Veils, known: StandIns, offersMasks: boolean): Preview {
  const places = [
    ...placesOf(draft, carried(seen.drafted, seen.draft, draft), undefined, own.draft, known),
    ...pasted.flatMap((text) => placesOf(text, seen.pasted.get(text) ?? [], text, own.pasted.get(text) ?? [], known)),
  ];
  const open = places.filter(({ masked }) => !masked);
  const stops = places.some(({ found }) => found.action === "BLOCK");
  const isStopped = open.some(({ found }) => found.action === "BLOCK");
  // What nothing in the text stops is stopped by its label.
  const isByLabel = seen.isBlocked && !stops && seen.draft === draft;
  const raisers = places.filter(({ found }) => found.action === "RAISE_LABEL");
  const isRaised = raisers.length === 0 || raisers.some(({ masked }) => !masked);
  return {
    places,
    inFiles: [],
    blocked: isStopped ? "findings" : isByLabel ? "label" : undefined,
    raises: isRaised ? levelOf(seen.raises) : undefined,
    offersMasks,
  };
}

function placesOf(text: string, findings: Found[], beside: string | undefined, masks: readonly Mask[], known: StandIns): PlaceFound[] {
  const before = known.spansIn(text);
  return toldOf(findings).map((found) => {
    const words = text.slice(found.start, found.end);
    return { text: beside, found, masked: isMasked(found, masks) || isMasked(found, before), kept: isMasked(found, before), excerpt: words.length > EXCERPT ? `${words.slice(0, EXCERPT)}…` : words };
  });
}
