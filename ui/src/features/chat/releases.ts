import { useEffect } from "react";
import { read, send } from "../../lib/api";
import { refusalIn } from "../../lib/refusal";
import { Store, useStore } from "../../lib/store";

/** What somebody else was asked to let pass once. */
export interface Release {
  id: string;
  state: "waiting" | "granted" | "denied" | "used" | "expired";
  reason: string | null;
  types: Record<string, number>;
  model: string;
  label: string | null;
  created: string;
  expires: string;
  note: string | null;
}

/** The very text for which a release was asked; in memory only, because the house does not give it back. */
export interface Asked {
  place: string;
  content: string;
  model: string;
  label: string | null;
}

interface Known {
  /** `undefined` until the house was asked; `null` where it lets nobody release. */
  rows: Release[] | undefined | null;
  asked: Readonly<Record<string, Asked>>;
  /** Those that somebody does not want to see any more. */
  put: readonly string[];
}

const EMPTY: Known = { rows: undefined, asked: {}, put: [] };
/** How often it is asked whether somebody has decided, in milliseconds. */
const EVERY_MS = 10_000;
const ROOT = "/api/chat/releases";

export const releases = new Store<Known>(EMPTY);

/** Nothing of one person is left for the next. */
export function forgetReleases() {
  releases.change(() => EMPTY);
}

async function load() {
  try {
    const { releases: rows } = await read<{ releases: Release[] }>(ROOT);
    releases.change((known) => ({ ...known, rows }));
  } catch (error) {
    if (refusalIn(error).status === 404) releases.change((known) => ({ ...known, rows: null }));
  }
}

/** Asks for a release of exactly this text. Throws `RefusedError`. */
export async function askRelease(asked: Asked, reason: string) {
  const { content, model, label } = asked;
  const { id } = await send<{ id: string }>("POST", ROOT, { content, model, ...(label === null ? {} : { label }), reason });
  releases.change((known) => ({ ...known, asked: { ...known.asked, [id]: asked } }));
  await load();
}

/** Is shown no more: it was used, or somebody has read that it was denied. */
export function putAway(id: string) {
  releases.change((known) => {
    const { [id]: _gone, ...asked } = known.asked;
    return { ...known, asked, put: [...known.put, id] };
  });
}

/** Those of one's releases that say something now; asked after while one waits. Nothing where the house has none. */
export function useReleases(): { offered: boolean; open: Release[]; asked: Known["asked"] } {
  const { rows, asked, put } = useStore(releases);
  const waits = rows?.some(({ state }) => state === "waiting") ?? false;

  useEffect(() => {
    if (rows === undefined) void load();
  }, [rows]);

  useEffect(() => {
    if (!waits) return undefined;
    const timer = setInterval(() => {
      if (document.visibilityState === "visible") void load();
    }, EVERY_MS);
    return () => clearInterval(timer);
  }, [waits]);

  const open = (rows ?? []).filter(({ id, state }) => !put.includes(id) && (state === "waiting" || state === "granted" || (state === "denied" && id in asked)));
  return { offered: rows !== undefined && rows !== null, open, asked };
}
