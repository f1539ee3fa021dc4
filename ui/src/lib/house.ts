import { readEvents } from "./sse";
import { isLabel, type Label } from "./labels";

export const ROLES = ["employee", "engineer", "security", "admin", "auditor"] as const;
export type Role = (typeof ROLES)[number];

/** `GET /house.json`: what anybody may know about this house. */
export interface House {
  name: string;
  demo: boolean;
  roles: Role[];
  engine: { model: string; demonstration: boolean } | null;
}

export interface Message {
  role: "user" | "assistant";
  content: string;
}

export interface Finding {
  type: string;
  /** JSON pointer into the request, such as `/messages/0/content`. */
  path: string;
  /** UTF-8 bytes of the decoded string. */
  start: number;
  end: number;
  score: number;
}

/** Why a request ended without its answer, as the house said it or as this page found out. */
export interface Refusal {
  /** The house's code, or `house_unreachable`, `answer_broken`, `unreadable_answer` from this page. */
  code: string;
  message: string | undefined;
  next: string | undefined;
  requestId: string | undefined;
  findings: Finding[];
  /** 0 where no status came. */
  status: number;
}

export class RefusedError extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.message ?? refusal.code);
    this.refusal = refusal;
  }
}

/** What the house says about a request in its headers. */
export interface Passage {
  requestId: string | undefined;
  label: Label | undefined;
  sensitivity: string | undefined;
  action: string | undefined;
  route: string | undefined;
}

export interface Usage {
  prompt: number;
  completion: number;
}

export interface Question {
  key: string;
  /** `de` or `en`: the language in which a refusal should come. */
  language: string;
  model: string;
  label: Label;
  messages: Message[];
  /** Whether the model is the demonstration model, which is too small to know when it has said everything. */
  demonstration: boolean;
}

/** What the page learns while an answer streams, in this order. */
export type AnswerPart =
  | { kind: "passage"; passage: Passage }
  | { kind: "text"; text: string }
  | { kind: "model"; model: string }
  /** The model stopped at its length limit. */
  | { kind: "cut" }
  | { kind: "usage"; usage: Usage };

export async function readHouse(language: string): Promise<House> {
  const body = record(await json(await reach("/house.json", { headers: headersFor(language) })));
  const engine = record(body["engine"]);
  return {
    name: text(body["name"]) ?? "Schleuse",
    demo: body["demo"] === true,
    roles: ROLES.filter((role) => !Array.isArray(body["roles"]) || body["roles"].includes(role)),
    engine: text(engine["model"])
      ? { model: text(engine["model"]) ?? "", demonstration: engine["demonstration"] === true }
      : null,
  };
}

/** Asks a demo house for the key of one of its roles. */
export async function signIn(role: Role, language: string): Promise<string> {
  const response = await reach("/demo/sign-in", {
    method: "POST",
    headers: { ...headersFor(language), "content-type": "application/json" },
    body: JSON.stringify({ role }),
  });
  const key = text(record(await json(response))["key"]);
  if (key === undefined) throw new RefusedError(ownRefusal("unreadable_answer", response.status));
  return key;
}

/** The names of the models that this key may see; the first is the default. */
export async function readModels(key: string, language: string): Promise<string[]> {
  const body = record(await json(await reach("/v1/models", { headers: headersFor(language, key) })));
  const rows = Array.isArray(body["data"]) ? body["data"] : [];
  return rows.flatMap((row) => text(record(row)["id"]) ?? []);
}

/** The request body; the positions of findings point into it. */
export function requestBody(question: Question) {
  return {
    model: question.model,
    messages: question.messages,
    stream: true,
    stream_options: { include_usage: true },
    ...(question.demonstration ? { max_tokens: 400, repetition_penalty: 1.15 } : {}),
  };
}

/** Asks, and gives the answer piece by piece. Throws `RefusedError`; an abort throws the signal's own error. */
export async function* ask(question: Question, signal: AbortSignal): AsyncGenerator<AnswerPart> {
  const response = await reach("/v1/chat/completions", {
    method: "POST",
    headers: {
      ...headersFor(question.language, question.key),
      "content-type": "application/json",
      "x-schleuse-label": question.label,
    },
    body: JSON.stringify(requestBody(question)),
    signal,
  });
  const passage = passageOf(response.headers);
  yield { kind: "passage", passage };
  if (!response.ok || !response.body) throw new RefusedError(await refusalOf(response));

  let done = false;
  try {
    for await (const event of readEvents(response.body)) {
      if (event.data === "[DONE]") {
        done = true;
        break;
      }
      const chunk = parse(event.data);
      if (event.event === "error" || "error" in chunk) {
        throw new RefusedError(readRefusal(chunk, response.status, passage.requestId));
      }
      yield* partsOf(chunk);
    }
  } catch (error) {
    if (signal.aborted || error instanceof RefusedError) throw error;
    throw new RefusedError(ownRefusal("answer_broken", response.status, passage.requestId));
  }
  // Only `[DONE]` ends an answer; a stream that merely stops was cut.
  if (!done) throw new RefusedError(ownRefusal("answer_broken", response.status, passage.requestId));
}

export function ownRefusal(code: string, status = 0, requestId?: string): Refusal {
  return { code, message: undefined, next: undefined, requestId, findings: [], status };
}

/** Reads an error object; what is missing or of another type is left out. */
export function readRefusal(body: Record<string, unknown>, status: number, requestId?: string): Refusal {
  const error = record(body["error"]);
  const findings = Array.isArray(error["findings"]) ? error["findings"] : [];
  return {
    code: text(error["code"]) ?? text(error["type"]) ?? "unreadable_answer",
    message: text(error["message"]),
    next: text(error["next"]),
    requestId: text(error["request_id"]) ?? requestId,
    findings: findings.flatMap((row) => readFinding(record(row)) ?? []),
    status,
  };
}

function readFinding(row: Record<string, unknown>): Finding | undefined {
  const { type, path, start, end, score } = row;
  if (typeof type !== "string" || typeof path !== "string") return undefined;
  if (typeof start !== "number" || typeof end !== "number") return undefined;
  return { type, path, start, end, score: typeof score === "number" ? score : 1 };
}

function* partsOf(chunk: Record<string, unknown>): Generator<AnswerPart> {
  const model = text(chunk["model"]);
  if (model) yield { kind: "model", model };
  const choices = Array.isArray(chunk["choices"]) ? chunk["choices"] : [];
  for (const choice of choices) {
    const content = text(record(record(choice)["delta"])["content"]);
    if (content) yield { kind: "text", text: content };
    if (record(choice)["finish_reason"] === "length") yield { kind: "cut" };
  }
  const usage = record(chunk["usage"]);
  const { prompt_tokens: prompt, completion_tokens: completion } = usage;
  if (typeof prompt === "number" && typeof completion === "number") {
    yield { kind: "usage", usage: { prompt, completion } };
  }
}

function passageOf(headers: Headers): Passage {
  const label = headers.get("x-schleuse-label");
  return {
    requestId: headers.get("x-schleuse-request-id") ?? undefined,
    label: isLabel(label) ? label : undefined,
    sensitivity: headers.get("x-schleuse-sensitivity") ?? undefined,
    action: headers.get("x-schleuse-action") ?? undefined,
    route: headers.get("x-schleuse-route") ?? undefined,
  };
}

function headersFor(language: string, key?: string): Record<string, string> {
  return { "accept-language": language, ...(key === undefined ? {} : { authorization: `Bearer ${key}` }) };
}

/** Fetches, and turns "no answer at all" into a refusal. */
async function reach(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(path, { ...init, cache: "no-store", credentials: "same-origin", redirect: "error" });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new RefusedError(ownRefusal("house_unreachable"));
  }
}

async function json(response: Response): Promise<unknown> {
  if (!response.ok) throw new RefusedError(await refusalOf(response));
  try {
    return await response.json();
  } catch {
    throw new RefusedError(ownRefusal("unreadable_answer", response.status));
  }
}

async function refusalOf(response: Response): Promise<Refusal> {
  const requestId = response.headers.get("x-schleuse-request-id") ?? undefined;
  try {
    return readRefusal(parse(await response.text()), response.status, requestId);
  } catch {
    return ownRefusal("unreadable_answer", response.status, requestId);
  }
}

function parse(data: string): Record<string, unknown> {
  return record(JSON.parse(data));
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
