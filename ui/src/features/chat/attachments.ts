import { read, send } from "../../lib/api";
import type { BothTexts } from "../../lib/contract";
import { type Refusal, refusalIn } from "../../lib/refusal";
import { Store } from "../../lib/store";
import { upload } from "../../lib/upload";
import type { FilePlace, Found, Mask } from "./examined";

/** What the house made of a file. */
export interface Attachment {
  id: string;
  name: string;
  kind: string;
  bytes: number;
  created: string;
  state: "quarantined" | "extracting" | "ready" | "refused";
  reason: BothTexts | null;
  label: string | null;
  compartments?: string[];
  characters: number;
  pages: number | null;
  cut: boolean;
  omitted: { what: BothTexts }[];
  findings: Found[];
  blocked: boolean;
  /** Whether stretches of it can go out as stand-ins. */
  maskable?: boolean;
}

/** A file beside a question. */
export interface Attached {
  /** Of this page alone. */
  key: string;
  name: string;
  bytes: number;
  /** From 0 to 1; of its way to the house. */
  sent: number;
  state: "waiting" | "sending" | "failed" | Attachment["state"];
  attachment: Attachment | undefined;
  refusal: Refusal | undefined;
  masks: Mask[];
}

export const MOST_FILES = 50;
export const MOST_BYTES = 25 * 1024 * 1024;
/** So many are on their way at once; browsers have six connections to a house. */
const AT_ONCE = 2;
const ROOT = "/api/chat/attachments";
/** How long is waited before one asks again, where the house answers at once. */
const PAUSE_MS = 400;

/** The files beside what is being written, by conversation; in memory only. */
export const attached = new Store<Record<string, Attached[]>>({});

const waiting: { place: string; key: string; file: File; conversation: string | undefined }[] = [];
const stops = new Map<string, AbortController>();
let sending = 0;
let isWatching = false;
let numbered = 0;

/** Puts files beside the question that is being written; gives how many of them are too many. */
export function attach(place: string, files: Iterable<File>, conversation: string | undefined): number {
  const all = [...files];
  const room = Math.max(0, MOST_FILES - (attached.value()[place]?.length ?? 0));
  const taken = all.slice(0, room).map((file): Attached & { file: File } => {
    const isTooLarge = file.size > MOST_BYTES;
    return {
      key: `file-${(numbered += 1)}`,
      name: file.name,
      bytes: file.size,
      sent: 0,
      state: isTooLarge ? "failed" : "waiting",
      attachment: undefined,
      refusal: isTooLarge ? { code: "file_too_large", message: undefined, next: undefined, requestId: undefined, findings: [], status: 413 } : undefined,
      masks: [],
      file,
    };
  });
  attached.change((before) => ({ ...before, [place]: [...(before[place] ?? []), ...taken.map(({ file: _file, ...row }) => row)] }));
  waiting.push(...taken.filter(({ state }) => state === "waiting").map(({ key, file }) => ({ place, key, file, conversation })));
  // One after the other, so that fifty of them do not make one long task.
  for (let count = 0; count < AT_ONCE; count += 1) setTimeout(next, 0);
  return all.length - taken.length;
}

/** Takes a file away again, wherever it is on its way. */
export function detach(place: string, key: string) {
  const row = attached.value()[place]?.find((one) => one.key === key);
  stops.get(key)?.abort();
  const index = waiting.findIndex((one) => one.key === key);
  if (index >= 0) waiting.splice(index, 1);
  attached.change((before) => ({ ...before, [place]: (before[place] ?? []).filter((one) => one.key !== key) }));
  if (row?.attachment) void send("DELETE", pathOf(row.attachment.id)).catch(() => undefined);
}

/** The question took them along. */
export function handOver(place: string): Attached[] {
  const ready = (attached.value()[place] ?? []).filter(({ state }) => state === "ready");
  attached.change(({ [place]: _gone, ...others }) => others);
  return ready;
}

/** What was handed over and not taken lies beside the field again. */
export function layBack(place: string, rows: Attached[]) {
  attached.change((before) => ({ ...before, [place]: [...rows, ...(before[place] ?? [])] }));
}

/** Changes what of a file goes out as stand-ins. */
export function changeMasks(place: string, key: string, change: (masks: Mask[]) => Mask[]) {
  amend(place, key, (row) => ({ masks: change(row.masks) }));
}

/** Nothing of one person is left for the next. */
export function forgetAttached() {
  for (const controller of stops.values()) controller.abort();
  stops.clear();
  waiting.length = 0;
  attached.change(() => ({}));
}

export function isUnderWay({ state }: Attached): boolean {
  return state === "waiting" || state === "sending" || state === "quarantined" || state === "extracting";
}

export interface AttachmentText {
  text: string;
  pages: { page: number; start: number }[] | null;
  places?: (FilePlace & { start: number })[];
}

export async function readText(id: string, signal?: AbortSignal): Promise<AttachmentText> {
  return read<AttachmentText>(`${pathOf(id)}/text`, signal);
}

function next() {
  if (sending >= AT_ONCE) return;
  const one = waiting.shift();
  if (!one) return;
  sending += 1;
  void put(one).finally(() => {
    sending -= 1;
    next();
  });
}

async function put({ place, key, file, conversation }: (typeof waiting)[number]) {
  const controller = new AbortController();
  stops.set(key, controller);
  amend(place, key, () => ({ state: "sending" }));
  let shown = 0;
  try {
    const query = new URLSearchParams({ name: file.name, ...(conversation === undefined ? {} : { conversation }) });
    const attachment = await upload<Attachment>(`${ROOT}?${query.toString()}`, file, {
      signal: controller.signal,
      onProgress: (part) => {
        // Not drawn more often than anybody sees.
        if (part < 1 && part - shown < 0.04) return;
        shown = part;
        amend(place, key, () => ({ sent: part }));
      },
    });
    if (controller.signal.aborted) return;
    learn(place, key, attachment);
    void watch();
  } catch (error) {
    if (!controller.signal.aborted) amend(place, key, () => ({ state: "failed", refusal: refusalIn(error) }));
  } finally {
    stops.delete(key);
  }
}

function learn(place: string, key: string, attachment: Attachment) {
  amend(place, key, () => ({ attachment, state: attachment.state, sent: 1 }));
}

function unread(): { place: string; row: Attached & { attachment: Attachment } }[] {
  return Object.entries(attached.value()).flatMap(([place, rows]) =>
    rows.flatMap((row) => (row.attachment && (row.state === "quarantined" || row.state === "extracting") ? [{ place, row: { ...row, attachment: row.attachment } }] : [])),
  );
}

/** Asks after files that are being read, one request at a time: the oldest until it has another state, then the others. */
async function watch() {
  if (isWatching) return;
  isWatching = true;
  try {
    for (let open = unread(); open.length > 0; open = unread()) {
      const began = performance.now();
      for (const [index, { place, row }] of open.entries()) {
        const { id, state } = row.attachment;
        try {
          // oxlint-disable-next-line no-await-in-loop
          learn(place, row.key, await read<Attachment>(index === 0 ? `${pathOf(id)}?after=${state}` : pathOf(id)));
        } catch (error) {
          const refusal = refusalIn(error);
          // No answer at all may be an answer in a while.
          if (refusal.status !== 0) amend(place, row.key, () => ({ state: "failed", refusal }));
        }
      }
      // oxlint-disable-next-line no-await-in-loop
      if (performance.now() - began < PAUSE_MS) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  } finally {
    isWatching = false;
  }
}

function amend(place: string, key: string, change: (row: Attached) => Partial<Attached>) {
  attached.change((before) => {
    const rows = before[place];
    if (!rows?.some((row) => row.key === key)) return before;
    return { ...before, [place]: rows.map((row) => (row.key === key ? { ...row, ...change(row) } : row)) };
  });
}

function pathOf(id: string): string {
  return `${ROOT}/${encodeURIComponent(id)}`;
}
