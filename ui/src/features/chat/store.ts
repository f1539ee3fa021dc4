import { read, send, withQuery } from "../../lib/api";
import { joinWritten } from "../../lib/labels";
import { follow } from "../../lib/live";
import { ownRefusal, readRefusal, record, type Refusal, refusalIn } from "../../lib/refusal";
import type { ServerEvent } from "../../lib/sse";
import { Store } from "../../lib/store";
import type { Attached } from "./attachments";
import { readMessage } from "./conversation";
import type { Mask } from "./examined";
import type { Conversation, Feedback, Folder, Message, Run, SentMessage, Summary } from "./message";
import { Painter } from "./painter";
import { isCarriedAnswer, wayTo } from "./tree";

interface State {
  /** Newest first; `undefined` until it was read. */
  list: Summary[] | undefined;
  folders: Folder[];
  /** The conversations that were opened since the page was. */
  open: Record<string, Conversation>;
  /** Why a conversation could not be opened. */
  refused: Record<string, Refusal>;
}

export type News = { kind: "streaming" | "finished" | "stopped" } | { kind: "refused"; refusal: Refusal };

const EMPTY: State = { list: undefined, folders: [], open: {}, refused: {} };
const ROOT = "/api/chat/conversations";

/** All conversations of this person, kept outside of the pages so that an answer goes on while another page is looked at. */
export const conversations = new Store<State>(EMPTY);

/** What was typed and not sent, by conversation; in memory only. */
export const drafts = new Store<Record<string, string>>({});

/** Long texts that were pasted beside what was typed, by conversation; in memory only. */
export const pasted = new Store<Record<string, string[]>>({});

/** What was typed goes along to another conversation. */
export function moveDraft(from: string, to: string) {
  drafts.change(({ [from]: draft = "", ...others }) => ({ ...others, [to]: draft }));
  pasted.change(({ [from]: texts = [], ...others }) => ({ ...others, [to]: texts }));
}

/** The runs that this page listens to, with the conversation of each. */
const running = new Map<string, { conversation: string; controller: AbortController }>();
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
  hush();
  conversations.change(() => EMPTY);
  drafts.change(() => ({}));
  pasted.change(() => ({}));
}

/** Stops listening, because the session ended; what was typed and read stays for the same person. */
export function rest() {
  hush();
  conversations.change((state) => ({ ...state, open: {}, refused: {}, list: undefined }));
}

function hush() {
  for (const { controller } of running.values()) controller.abort();
  running.clear();
}

function isBusy(id: string): boolean {
  return asking.has(id) || [...running.values()].some(({ conversation }) => conversation === id);
}

export async function loadList() {
  const began = era;
  const folders = read<{ folders: Folder[] }>("/api/chat/folders").catch(() => undefined);
  try {
    const { conversations: list } = await read<{ conversations: Summary[] }>(ROOT);
    const known = await folders;
    if (began !== era) return;
    conversations.change((state) => {
      const opened = { ...state.open };
      // The house knows best what a label has become.
      for (const { id, label } of list) if (opened[id] && !isBusy(id)) opened[id] = { ...opened[id], label };
      return { ...state, list, folders: known?.folders ?? state.folders, open: opened };
    });
  } catch {
    // The page itself says why nothing works; the list beside it stays as it was.
  }
}

type SentConversation = Omit<Conversation, "messages" | "runs"> & { messages: SentMessage[]; run: Run | null; runs?: Run[] };

export async function open(id: string) {
  // What this page is doing right now is newer than what the house would say.
  if (isBusy(id)) return;
  const began = era;
  try {
    const body = await read<SentConversation>(pathOf(id));
    if (began !== era || isBusy(id)) return;
    const runs = body.runs ?? (body.run ? [body.run] : []);
    conversations.change((state) => {
      const { [id]: _gone, ...refused } = state.refused;
      const conversation: Conversation = {
        id,
        title: body.title,
        label: body.label,
        temporary: body.temporary === true,
        assistant: body.assistant ?? null,
        messages: keptOf(state.open[id]?.messages ?? [], body.messages.map(readMessage)),
        runs,
        chosen: state.open[id]?.chosen ?? {},
      };
      return { ...state, refused, open: { ...state.open, [id]: conversation } };
    });
    for (const run of runs) void listen(id, run, () => undefined);
  } catch (error) {
    if (began === era) conversations.change((state) => ({ ...state, refused: { ...state.refused, [id]: refusalIn(error) } }));
  }
}

/** Messages that are as they were stay the same objects, so that nothing of them is drawn again. */
function keptOf(before: Message[], now: Message[]): Message[] {
  const known = new Map(before.map((message) => [message.id, message]));
  return now.map((message) => {
    const old = known.get(message.id);
    const isSame =
      old !== undefined &&
      old.state === message.state &&
      old.content === message.content &&
      old.refusal === null &&
      message.refusal === null &&
      old.passage?.label === message.passage?.label &&
      old.feedback?.value === message.feedback?.value &&
      old.masks?.length === message.masks?.length &&
      old.parent === message.parent;
    return isSame ? old : message;
  });
}

export async function create({ temporary = false, assistant }: { temporary?: boolean; assistant?: string | undefined } = {}): Promise<string> {
  const created = await send<Partial<Summary> & { id: string; assistant?: Conversation["assistant"] }>("POST", ROOT, {
    ...(temporary ? { temporary } : {}),
    ...(assistant === undefined ? {} : { assistant }),
  });
  const now = new Date().toISOString();
  const summary: Summary = { title: "", created: now, updated: now, label: null, running: false, folder: null, pinned: false, temporary, shares: 0, ...created };
  conversations.change((state) => ({
    ...state,
    list: temporary ? state.list : [summary, ...(state.list ?? [])],
    open: { ...state.open, [created.id]: { id: created.id, title: summary.title, label: null, temporary, assistant: created.assistant ?? null, messages: [], runs: [], chosen: {} } },
  }));
  return created.id;
}

/** Changes what stands in the list about a conversation. */
export async function amend(id: string, what: Partial<Pick<Summary, "title" | "folder" | "pinned">>) {
  await send("PUT", pathOf(id), what);
  const { title } = what;
  conversations.change((state) => ({
    ...state,
    list: state.list?.map((row) => (row.id === id ? { ...row, ...what } : row)),
    open: state.open[id] && title !== undefined ? { ...state.open, [id]: { ...state.open[id], title } } : state.open,
  }));
}

export async function remove(id: string) {
  await send("DELETE", pathOf(id));
  for (const { conversation, controller } of running.values()) if (conversation === id) controller.abort();
  conversations.change((state) => {
    const { [id]: _gone, ...others } = state.open;
    return { ...state, list: state.list?.filter((row) => row.id !== id), open: others };
  });
}

export async function createFolder(name: string): Promise<string> {
  const folder = await send<Folder>("POST", "/api/chat/folders", { name });
  conversations.change((state) => ({ ...state, folders: [...state.folders, { ...folder, name, conversations: 0 }] }));
  return folder.id;
}

export async function renameFolder(id: string, name: string) {
  await send("PUT", `/api/chat/folders/${encodeURIComponent(id)}`, { name });
  conversations.change((state) => ({ ...state, folders: state.folders.map((folder) => (folder.id === id ? { ...folder, name } : folder)) }));
}

/** Its conversations stay, in no folder. */
export async function removeFolder(id: string) {
  await send("DELETE", `/api/chat/folders/${encodeURIComponent(id)}`);
  conversations.change((state) => ({
    ...state,
    folders: state.folders.filter((folder) => folder.id !== id),
    list: state.list?.map((row) => (row.folder === id ? { ...row, folder: null } : row)),
  }));
}

/** Goes on with one child of a message; `""` for a first question. */
export function choose(id: string, parent: string, child: string) {
  change(id, (conversation) => ({ ...conversation, chosen: { ...conversation.chosen, [parent]: child } }));
}

/** Shows the way on which a message lies. */
export function showMessage(id: string, message: string) {
  change(id, (conversation) => ({ ...conversation, chosen: { ...conversation.chosen, ...wayTo(conversation.messages, message) } }));
}

/** Says whether an answer helped, or takes that back. */
export async function rate(id: string, message: string, feedback: Feedback | null) {
  const path = `${pathOf(id)}/messages/${encodeURIComponent(message)}/feedback`;
  if (feedback === null) await send("DELETE", path);
  else await send("PUT", path, { value: feedback.value, reasons: feedback.reasons, ...(feedback.comment === null ? {} : { comment: feedback.comment }) });
  changeMessage(id, message, () => ({ feedback }));
}

/** Where the house keeps one answer as a document. */
export function documentOf(id: string, message: string, format: string): string {
  return withQuery(`${pathOf(id)}/messages/${encodeURIComponent(message)}/export`, { format });
}

/** What the house said a label has become, after somebody lowered it. */
export function relabel(id: string, label: string | null) {
  change(id, (conversation) => ({ ...conversation, label }));
}

export interface Question {
  content: string;
  /** One, or two to four of which each answers. */
  models: string[];
  label: string | null;
  compartments: string[];
  parent: string | null;
  /** Stretches of it that go out as stand-ins. */
  masks?: Mask[];
  /** Lets exactly this text pass once. */
  release?: string;
  /** Files that go with it, as the house knows them. */
  files?: Attached[];
}

interface Taken {
  message: SentMessage;
  answer: SentMessage;
  answers?: SentMessage[];
  run: { id: string };
  runs?: Run[];
}

/** Puts a question. It stands in the conversation at once; what the house refuses to take becomes its answer. */
export async function ask(id: string, { content, models, label, compartments, parent, masks = [], release, files = [] }: Question, onNews: (news: News) => void) {
  const own = `local-${(numbered += 1)}`;
  const asked: Message = { ...blank(), id: own, parent, role: "user", content, state: "complete", attachments: files.flatMap(({ attachment }) => attachment ?? []) };
  const body = {
    content,
    parent,
    ...namesOf(models),
    ...(label === null ? {} : { label }),
    ...(compartments.length === 0 ? {} : { compartments }),
    ...(masks.length === 0 ? {} : { masks }),
    ...(release === undefined ? {} : { release }),
    ...attachmentsOf(files),
  };
  await begin(id, waitingFor(models, own), [asked], { [parent ?? ""]: own }, onNews, async (waiting) => {
    const taken = await send<Taken>("POST", `${pathOf(id)}/messages`, body);
    const answers = (taken.answers ?? [taken.answer]).map(readMessage);
    replace(id, [own, ...waiting], [readMessage(taken.message), ...answers], { [parent ?? ""]: taken.message.id });
    return taken.runs ?? [{ id: taken.run.id, message: taken.answer.id }];
  });
}

/** Has a question answered once more, by one model or by several. */
export async function askAgain(id: string, question: string, models: string[], label: string | null, onNews: (news: News) => void) {
  const path = `${pathOf(id)}/messages/${encodeURIComponent(question)}/answers`;
  const waiting = waitingFor(models, question);
  const last = waiting.at(-1)?.id ?? "";
  await begin(id, waiting, [], { [question]: last }, onNews, async (ids) => {
    const taken = await send<{ answers: SentMessage[]; runs: Run[] }>("POST", path, { ...namesOf(models), ...(label === null ? {} : { label }) });
    replace(id, ids, taken.answers.map(readMessage), { [question]: taken.answers.at(-1)?.id ?? "" });
    return taken.runs;
  });
}

/** Shows what is asked for, has it taken by the house, and follows its runs to their ends. */
async function begin(
  id: string,
  waiting: Message[],
  before: Message[],
  chosen: Record<string, string>,
  onNews: (news: News) => void,
  take: (waiting: string[]) => Promise<Run[]>,
) {
  change(id, (conversation) => ({ ...conversation, messages: [...conversation.messages, ...before, ...waiting], chosen: { ...conversation.chosen, ...chosen } }));
  mark(id, true);
  asking.add(id);
  try {
    const runs = await take(waiting.map((message) => message.id));
    change(id, (conversation) => ({ ...conversation, runs }));
    asking.delete(id);
    if (unwanted.delete(id)) void stop(id).catch(() => undefined);
    const tell = together(runs.length, onNews);
    await Promise.all(runs.map(async (run) => listen(id, run, tell)));
  } catch (error) {
    const refusal = refusalIn(error);
    for (const message of waiting) changeMessage(id, message.id, () => ({ state: "failed", refusal }));
    mark(id, false);
    onNews({ kind: "refused", refusal });
  } finally {
    asking.delete(id);
    unwanted.delete(id);
  }
}

/** Of several answers at once it is said once that they come, and once that all are there. */
function together(count: number, onNews: (news: News) => void): (news: News) => void {
  let left = count;
  let streaming = false;
  return (news) => {
    if (news.kind === "streaming") {
      if (!streaming) onNews(news);
      streaming = true;
      return;
    }
    left -= 1;
    if (left === 0) onNews(news);
  };
}

/** Ends what is being answered, or one of it. While the house has not taken the question yet, it ends as soon as it has. */
export async function stop(id: string, message?: string) {
  if (asking.has(id)) {
    unwanted.add(id);
    return;
  }
  const runs = conversations.value().open[id]?.runs ?? [];
  const wanted = message === undefined ? runs : runs.filter((run) => run.message === message);
  await Promise.all(wanted.map(async (run) => send("POST", `/api/chat/runs/${encodeURIComponent(run.id)}/stop`)));
}

export interface Hit {
  conversation: string;
  title: string;
  /** Nothing where only the title has the words. */
  message: string | null;
  role: Message["role"] | null;
  created: string;
  label: string | null;
  /** An excerpt, with what matched in UTF-16 units of it. */
  text: string;
  marks: { start: number; end: number }[];
}

/** Looks through everything this person wrote and was answered. */
export async function search(words: string, signal: AbortSignal): Promise<{ results: Hit[]; more: boolean }> {
  return read(withQuery("/api/chat/search", { q: words, limit: 20 }), signal);
}

/** Follows a run from its first event, so what the page had of its answer begins again. */
async function listen(id: string, run: Run, onNews: (news: News) => void) {
  if (running.has(run.id)) return;
  const controller = new AbortController();
  running.set(run.id, { conversation: id, controller });
  mark(id, true);
  const known = conversations.value().open[id]?.messages.find((message) => message.id === run.message)?.content ?? "";
  const text = new Painter(known, (content) => changeMessage(id, run.message, () => ({ content, state: "running" })));
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
      finish(id, run, controller);
      await open(id);
      return;
    }
    if (refusal.status === 401) return;
    last = { kind: "refused", refusal: refusal.status === 0 ? ownRefusal("answer_broken", 0, refusal.requestId) : refusal };
    changeMessage(id, run.message, () => ({ state: "failed", refusal: (last as { refusal: Refusal }).refusal }));
  } finally {
    text.end();
    finish(id, run, controller);
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
  const words = Array.from(question.slice(0, 400));
  await amend(id, { title: words.length > 60 ? `${words.slice(0, 60).join("").replace(/\s+\S*$/u, "")}…` : question }).catch(() => undefined);
}

function finish(id: string, { id: run, message }: Run, controller: AbortController) {
  if (running.get(run)?.controller !== controller) return;
  running.delete(run);
  change(id, (conversation) => {
    const answer = conversation.messages.find((one) => one.id === message);
    // What was refused was not seen, so it raises nothing.
    const label = answer && isCarriedAnswer(answer) ? joinWritten([conversation.label, answer.passage?.label]) : conversation.label;
    return { ...conversation, label, runs: conversation.runs.filter((other) => other.id !== run) };
  });
  mark(id, isBusy(id));
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

function pathOf(id: string): string {
  return `${ROOT}/${encodeURIComponent(id)}`;
}

/** The files of a question by their ids, with what of each goes out as stand-ins. */
function attachmentsOf(files: Attached[]) {
  if (files.length === 0) return {};
  const ids = files.flatMap(({ attachment }) => attachment?.id ?? []);
  const masks = Object.fromEntries(files.flatMap(({ attachment, masks: own }) => (attachment && own.length > 0 ? [[attachment.id, own]] : [])));
  return { attachments: ids, ...(Object.keys(masks).length === 0 ? {} : { attachment_masks: masks }) };
}

/** One model by its name, several in a list. */
function namesOf(models: string[]): { model: string } | { models: string[] } {
  return models.length > 1 ? { models } : { model: models[0] ?? "" };
}

function blank() {
  return { created: new Date().toISOString(), model: null, passage: null, usage: null, cut: false, refusal: null };
}

function waitingFor(models: string[], parent: string): Message[] {
  return models.map((model) => ({ ...blank(), id: `local-${(numbered += 1)}`, parent, role: "assistant", content: "", model, state: "running" }));
}

/** Puts what the house made of them in the place of messages that only this page had. */
function replace(id: string, gone: string[], messages: Message[], chosen: Record<string, string>) {
  change(id, (conversation) => ({
    ...conversation,
    chosen: { ...conversation.chosen, ...chosen },
    messages: [...conversation.messages.filter((message) => !gone.includes(message.id)), ...messages],
  }));
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
