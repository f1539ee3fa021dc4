import { read, send } from "../../lib/api";
import { follow } from "../../lib/live";
import { ownRefusal, readRefusal, record, type Refusal, refusalIn } from "../../lib/refusal";
import type { ServerEvent } from "../../lib/sse";
import { Store } from "../../lib/store";
import { readMessage } from "./conversation";
import type { Conversation, Message, SentMessage, Summary } from "./message";

/** Text is shown at most this often, in milliseconds, however fast it streams. */
const PAINT_EVERY_MS = 40;

interface State {
  /** Newest first; `undefined` until it was read. */
  list: Summary[] | undefined;
  /** The conversations that were opened since the page was. */
  open: Record<string, Conversation>;
  /** Why a conversation could not be opened. */
  refused: Record<string, Refusal>;
}

export type News = { kind: "streaming" | "finished" | "stopped" } | { kind: "refused"; refusal: Refusal };

const EMPTY: State = { list: undefined, open: {}, refused: {} };

/** All conversations of this person, kept outside of the pages so that an answer goes on while another page is looked at. */
export const conversations = new Store<State>(EMPTY);

/** What was typed and not sent, by conversation; in memory only. */
export const drafts = new Store<Record<string, string>>({});

const running = new Map<string, AbortController>();
/** Conversations whose question is on its way to the house. */
const asking = new Set<string>();
/** Conversations whose answer was stopped before the house had taken the question. */
const unwanted = new Set<string>();
let numbered = 0;
/** Counts the persons who used this page, so that what was asked for one does not arrive with the next. */
let era = 0;

/** Forgets everything, because somebody else may come now. */
export function forget() {
  era += 1;
  for (const controller of running.values()) controller.abort();
  running.clear();
  conversations.change(() => EMPTY);
  drafts.change(() => ({}));
}

/** Stops listening, because the session ended; what was typed and read stays for the same person. */
export function rest() {
  for (const controller of running.values()) controller.abort();
  running.clear();
  conversations.change((state) => ({ ...state, open: {}, refused: {}, list: undefined }));
}

function isBusy(id: string): boolean {
  return running.has(id) || asking.has(id);
}

export async function loadList() {
  const began = era;
  try {
    const { conversations: list } = await read<{ conversations: Summary[] }>("/api/chat/conversations");
    if (began === era) conversations.change((state) => ({ ...state, list }));
  } catch {
    // The page itself says why nothing works; the list beside it stays as it was.
  }
}

export async function open(id: string) {
  // What this page is doing right now is newer than what the house would say.
  if (isBusy(id)) return;
  const began = era;
  try {
    const body = await read<Omit<Conversation, "messages"> & { messages: SentMessage[] }>(`/api/chat/conversations/${encodeURIComponent(id)}`);
    if (began !== era || isBusy(id)) return;
    const conversation: Conversation = { id, title: body.title, run: body.run, messages: body.messages.map(readMessage) };
    conversations.change((state) => {
      const { [id]: _gone, ...refused } = state.refused;
      return { ...state, refused, open: { ...state.open, [id]: conversation } };
    });
    if (conversation.run) void listen(id, conversation.run, () => undefined);
  } catch (error) {
    if (began === era) conversations.change((state) => ({ ...state, refused: { ...state.refused, [id]: refusalIn(error) } }));
  }
}

export async function create(): Promise<string> {
  const created = await send<Partial<Summary> & { id: string }>("POST", "/api/chat/conversations", {});
  const now = new Date().toISOString();
  const summary: Summary = { title: "", created: now, updated: now, label: null, running: false, ...created };
  conversations.change((state) => ({
    ...state,
    list: [summary, ...(state.list ?? [])],
    open: { ...state.open, [created.id]: { id: created.id, title: summary.title, messages: [], run: null } },
  }));
  return created.id;
}

export async function rename(id: string, title: string) {
  await send("PUT", `/api/chat/conversations/${encodeURIComponent(id)}`, { title });
  conversations.change((state) => ({
    ...state,
    list: state.list?.map((row) => (row.id === id ? { ...row, title } : row)),
    open: state.open[id] ? { ...state.open, [id]: { ...state.open[id], title } } : state.open,
  }));
}

export async function remove(id: string) {
  await send("DELETE", `/api/chat/conversations/${encodeURIComponent(id)}`);
  running.get(id)?.abort();
  conversations.change((state) => {
    const { [id]: _gone, ...others } = state.open;
    return { ...state, list: state.list?.filter((row) => row.id !== id), open: others };
  });
}

export interface Question {
  content: string;
  model: string;
  label: string | null;
  parent: string | null;
}

/** Puts a question. It stands in the conversation at once; what the house refuses to take becomes its answer. */
export async function ask(id: string, question: Question, onNews: (news: News) => void) {
  numbered += 1;
  const own = `local-${numbered}`;
  const blank = { created: new Date().toISOString(), model: null, passage: null, usage: null, cut: false, refusal: null };
  const asked: Message = { ...blank, id: own, parent: question.parent, role: "user", content: question.content, state: "complete" };
  const waiting: Message = { ...blank, id: `${own}-answer`, parent: own, role: "assistant", content: "", model: question.model, state: "running" };
  change(id, (conversation) => ({ ...conversation, messages: [...conversation.messages, asked, waiting] }));
  mark(id, true);
  asking.add(id);
  try {
    const path = `/api/chat/conversations/${encodeURIComponent(id)}/messages`;
    const taken = await send<{ message: SentMessage; answer: SentMessage; run: { id: string } }>("POST", path, question);
    const run = { id: taken.run.id, message: taken.answer.id };
    const real = [readMessage(taken.message), readMessage(taken.answer)];
    change(id, (conversation) => ({
      ...conversation,
      run,
      messages: [...conversation.messages.filter((message) => message.id !== own && message.id !== waiting.id), ...real],
    }));
    asking.delete(id);
    if (unwanted.delete(id)) void stop(id).catch(() => undefined);
    await listen(id, run, onNews);
  } catch (error) {
    const refusal = refusalIn(error);
    changeMessage(id, waiting.id, () => ({ state: "failed", refusal }));
    mark(id, false);
    onNews({ kind: "refused", refusal });
  } finally {
    asking.delete(id);
    unwanted.delete(id);
  }
}

/** Ends the answer. While the house has not taken the question yet, it ends as soon as it has. */
export async function stop(id: string) {
  if (asking.has(id)) {
    unwanted.add(id);
    return;
  }
  const run = conversations.value().open[id]?.run;
  if (run) await send("POST", `/api/chat/runs/${encodeURIComponent(run.id)}/stop`);
}

/** Follows a run from its first event, so what the page had of its answer begins again. */
async function listen(id: string, run: { id: string; message: string }, onNews: (news: News) => void) {
  if (running.has(id)) return;
  const controller = new AbortController();
  running.set(id, controller);
  mark(id, true);
  const text = new Painter((content) => changeMessage(id, run.message, () => ({ content, state: "running" })));
  let streaming = false;
  let last: News = { kind: "finished" };
  try {
    const events = follow(`/api/chat/runs/${encodeURIComponent(run.id)}/events`, { signal: controller.signal, until: "done" });
    for await (const event of events) {
      if (event.event === "whole") {
        // The house lost the end of what it had said, and says all of it again.
        text.replace(String(record(JSON.parse(event.data))["text"] ?? ""));
        continue;
      }
      if (event.event === "text") {
        text.add(String(record(JSON.parse(event.data))["text"] ?? ""));
        if (!streaming) onNews({ kind: "streaming" });
        streaming = true;
        continue;
      }
      text.flush();
      const learned = learn(event);
      changeMessage(id, run.message, () => learned);
      if (learned.refusal) last = { kind: "refused", refusal: learned.refusal };
      else if (event.event === "stopped") last = { kind: "stopped" };
    }
  } catch (error) {
    if (controller.signal.aborted) return;
    text.flush();
    const refusal = refusalIn(error);
    // A run that the house no longer knows has ended; what became of it stands in the conversation.
    if (refusal.status === 404) {
      finish(id, controller);
      await open(id);
      return;
    }
    if (refusal.status === 401) return;
    last = { kind: "refused", refusal: refusal.status === 0 ? ownRefusal("answer_broken", 0, refusal.requestId) : refusal };
    changeMessage(id, run.message, () => ({ state: "failed", refusal: (last as { refusal: Refusal }).refusal }));
  } finally {
    text.flush();
    finish(id, controller);
  }
  onNews(last);
  await loadList();
  if (last.kind === "finished") await giveTitle(id);
}

/** A conversation that the house gave no title is called after its first question. */
async function giveTitle(id: string) {
  const { list, open: opened } = conversations.value();
  const question = opened[id]?.messages[0]?.content.trim().split("\n")[0] ?? "";
  if (question === "" || list?.find((row) => row.id === id)?.title !== "") return;
  const words = [...question];
  await rename(id, words.length > 60 ? `${words.slice(0, 60).join("").replace(/\s+\S*$/u, "")}…` : question).catch(() => undefined);
}

function finish(id: string, controller: AbortController) {
  if (running.get(id) !== controller) return;
  running.delete(id);
  change(id, (conversation) => ({ ...conversation, run: null }));
  mark(id, false);
}

/** What an event says about the answer. */
function learn({ event, data }: ServerEvent): Partial<Message> {
  const body = record(JSON.parse(data === "" ? "{}" : data));
  switch (event) {
    case "passage":
      return { passage: body as unknown as NonNullable<Message["passage"]> };
    case "model":
      return typeof body["model"] === "string" ? { model: body["model"] } : {};
    case "cut":
      return { cut: true };
    case "omitted":
      return { omitted: Number(body["messages"]) };
    case "usage":
      return { usage: body as unknown as NonNullable<Message["usage"]> };
    case "refusal":
      return { state: "failed", refusal: readRefusal(body, 0) };
    case "stopped":
      return { state: "stopped" };
    case "done": {
      const state = body["state"];
      return state === "complete" || state === "stopped" || state === "failed" ? { state } : {};
    }
    default:
      return {};
  }
}

function change(id: string, next: (conversation: Conversation) => Conversation) {
  conversations.change((state) => {
    const conversation = state.open[id];
    return conversation ? { ...state, open: { ...state.open, [id]: next(conversation) } } : state;
  });
}

function changeMessage(id: string, messageId: string, next: (message: Message) => Partial<Message>) {
  change(id, (conversation) => ({
    ...conversation,
    messages: conversation.messages.map((message) => (message.id === messageId ? { ...message, ...next(message) } : message)),
  }));
}

/** Notes in the list that a conversation is being answered. */
function mark(id: string, isRunning: boolean) {
  conversations.change((state) => ({ ...state, list: state.list?.map((row) => (row.id === id ? { ...row, running: isRunning } : row)) }));
}

/** Collects text and shows it now and then. */
class Painter {
  #text = "";
  #pending = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #show: (text: string) => void;

  constructor(show: (text: string) => void) {
    this.#show = show;
  }

  replace(text: string) {
    this.#text = "";
    this.add(text);
  }

  add(text: string) {
    this.#text += text;
    this.#pending = true;
    this.#timer ??= setTimeout(() => this.flush(), PAINT_EVERY_MS);
  }

  flush() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#pending) this.#show(this.#text);
    this.#pending = false;
  }
}
