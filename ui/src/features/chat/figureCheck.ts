import { useCallback, useEffect, useSyncExternalStore } from "react";
import type { Check } from "../../lib/figures";
import type { Order, Told } from "../../lib/figures.worker";
import { Store, useStore } from "../../lib/store";
import type { Message } from "./message";
import { conversations } from "./store";

const KEPT_AS = "schleuse.figures";
/** So much somebody must have written for it to be a source that an answer is about. */
const SOURCE_LEAST = 400;

export type Checked = { state: "busy" } | { state: "failed" } | { state: "done"; check: Check };

/** What became of the figures of answers, by the answer's id. */
const checks = new Store<Record<string, Checked>>({});

/** Whether answers that have sources are checked by themselves. */
export const checksFigures = new Store<boolean>(kept());

export function checkFiguresAlways(wanted: boolean) {
  checksFigures.change(() => wanted);
  try {
    localStorage.setItem(KEPT_AS, wanted ? "on" : "off");
  } catch {
    // Storage may be forbidden; the choice then lasts as long as the page.
  }
}

function kept(): boolean {
  try {
    return localStorage.getItem(KEPT_AS) !== "off";
  } catch {
    return true;
  }
}

let worker: Worker | undefined;
let ordered = 0;
const waiting = new Map<number, string>();

/** Nothing of one person is left for the next. */
export function forgetFigures() {
  worker?.terminate();
  worker = undefined;
  waiting.clear();
  checks.change(() => ({}));
}

/** Has the figures of an answer looked up in everything that was asked and attached before it, beside the page's own work. */
export function checkFiguresOf(conversation: string, answer: Message, content: string) {
  if (!("Worker" in globalThis)) return;
  const { texts, files } = sourcesOf(conversation, answer);
  worker ??= start();
  ordered += 1;
  waiting.set(ordered, answer.id);
  note(answer.id, { state: "busy" });
  worker.postMessage({ id: ordered, answer: content, texts, files } satisfies Order);
}

function start(): Worker {
  const made = new Worker(new URL("../../lib/figures.worker.ts", import.meta.url), { type: "module" });
  made.addEventListener("message", ({ data }: MessageEvent<Told>) => {
    const answer = waiting.get(data.id);
    waiting.delete(data.id);
    if (answer !== undefined) note(answer, "check" in data ? { state: "done", check: data.check } : { state: "failed" });
  });
  made.addEventListener("error", () => {
    for (const answer of waiting.values()) note(answer, { state: "failed" });
    waiting.clear();
    worker = undefined;
  });
  return made;
}

function note(answer: string, checked: Checked) {
  checks.change((before) => ({ ...before, [answer]: checked }));
}

/** What an answer can be founded in: all that was asked on the way to it, and the files that went along. */
export function sourcesOf(conversation: string, answer: Message): { texts: string[]; files: string[] } {
  const known = new Map(conversations.value().open[conversation]?.messages.map((message) => [message.id, message]));
  const [texts, files]: [string[], string[]] = [[], []];
  for (let at = known.get(answer.parent ?? ""); at; at = known.get(at.parent ?? "")) {
    if (at.role !== "user") continue;
    texts.push(at.content);
    files.push(...(at.attachments ?? []).map(({ id }) => id));
    known.delete(at.id);
  }
  return { texts, files };
}

/** What became of the figures of an answer; those that have sources are checked when they are complete. */
export function useFigureCheck(conversation: string, answer: Message, content: string): Checked | undefined {
  const wanted = useStore(checksFigures);
  const checked = useSyncExternalStore(checks.watch, useCallback(() => checks.value()[answer.id], [answer.id]));
  const isWhole = answer.state === "complete" || answer.state === "stopped";
  const due = wanted && isWhole && checked === undefined && conversation !== "" && /\d/u.test(content);

  useEffect(() => {
    if (!due) return;
    const { texts, files } = sourcesOf(conversation, answer);
    if (files.length > 0 || texts.some((text) => text.length >= SOURCE_LEAST)) checkFiguresOf(conversation, answer, content);
  }, [due, conversation, answer, content]);

  return checked;
}
