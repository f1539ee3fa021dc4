import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { ask, askAgain, choose, conversations, create, drafts, forget, type News, open, stop } from "./store";

const BLANK = { created: "2026-11-21T09:00:00.000Z", model: null, passage: null, usage: null, cut: false, refusal: null };
const QUESTION = { ...BLANK, id: "m1", parent: null, role: "user", content: "q", state: "complete" };
const ANSWER = { ...BLANK, id: "m2", parent: "m1", role: "assistant", content: "", model: "m", state: "running" };

type Answer = (path: string, init: RequestInit) => Response | undefined;
let answers: Answer[] = [];

beforeEach(() => {
  answers = [];
  vi.stubGlobal("fetch", async (path: string, init: RequestInit) => {
    for (const answer of answers) {
      const response = answer(path, init);
      if (response) return response;
    }
    return Response.json({ error: { code: "not_found" } }, { status: 404 });
  });
});
afterEach(() => {
  forget();
  vi.unstubAllGlobals();
});

const on = (method: string, path: string, respond: () => Response): void => {
  answers.push((wanted, { method: how = "GET" }) => (wanted === path && how === method ? respond() : undefined));
};
const events = (...rows: [string, object][]) =>
  new Response(rows.map(([event, data], index) => `id: ${index + 1}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`).join(""));

function house(list: object[], ...rows: [string, object][]) {
  on("POST", "/api/chat/conversations", () => Response.json({ id: "c1", title: "" }, { status: 201 }));
  on("GET", "/api/chat/conversations", () => Response.json({ conversations: list }));
  on("POST", "/api/chat/conversations/c1/messages", () => Response.json({ message: QUESTION, answer: ANSWER, run: { id: "r1" } }, { status: 202 }));
  on("GET", "/api/chat/runs/r1/events", () => events(...rows));
}

async function asked(): Promise<{ news: News["kind"][]; last: unknown }> {
  const news: News["kind"][] = [];
  const id = await create();
  await ask(id, { content: "q", models: ["m"], label: "INTERNAL", compartments: [], parent: null }, (item) => news.push(item.kind));
  return { news, last: conversations.value().open["c1"]?.messages.at(-1) };
}

it("an answer grows, keeps what is said about it, and ends", async () => {
  const passage = { request_id: "r", label: "INTERNAL", sensitivity: 0, action: "ALLOWED", route: "engine" };
  house(
    [{ id: "c1", title: "T", created: "", updated: "", label: null, running: false }],
    ["passage", passage],
    ["model", { model: "real" }],
    ["text", { text: "Hel" }],
    ["text", { text: "lo" }],
    ["usage", { prompt: 3, completion: 2 }],
    ["done", { state: "complete" }],
  );
  const { news, last } = await asked();
  expect(last).toMatchObject({ content: "Hello", state: "complete", passage, model: "real", usage: { prompt: 3, completion: 2 } });
  expect(news).toEqual(["streaming", "finished"]);
  expect(conversations.value().open["c1"]?.runs).toEqual([]);
  expect(conversations.value().list?.[0]?.title).toBe("T");
});

it("a refusal on the way is the answer", async () => {
  house([], ["refusal", { error: { code: "sensitive_data_detected", message: "m", findings: [] } }], ["done", { state: "failed" }]);
  const { news, last } = await asked();
  expect(last).toMatchObject({ state: "failed", refusal: { code: "sensitive_data_detected" } });
  expect(news).toEqual(["refused"]);
});

it("a question that the house does not take stands there with its refusal", async () => {
  on("POST", "/api/chat/conversations/c1/messages", () => Response.json({ error: { code: "rate_limit_exceeded", message: "m" } }, { status: 429 }));
  house([]);
  const { news, last } = await asked();
  expect(last).toMatchObject({ state: "failed", refusal: { code: "rate_limit_exceeded", status: 429 } });
  expect(news).toEqual(["refused"]);
});

it("a stopped answer keeps its text", async () => {
  house([], ["text", { text: "part" }], ["stopped", {}], ["done", { state: "stopped" }]);
  const { news, last } = await asked();
  expect(last).toMatchObject({ state: "stopped", content: "part" });
  expect(news.at(-1)).toBe("stopped");
});

it("an answer that is stopped before the house took the question ends as soon as it did", async () => {
  const stopped: string[] = [];
  on("POST", "/api/chat/runs/r1/stop", () => {
    stopped.push("r1");
    return Response.json({});
  });
  house([], ["stopped", {}], ["done", { state: "stopped" }]);
  const id = await create();
  const asking = ask(id, { content: "q", models: ["m"], label: "INTERNAL", compartments: [], parent: null }, () => undefined);
  await stop(id);
  expect(stopped).toEqual([]);
  await asking;
  expect(stopped).toEqual(["r1"]);
});

it("a run that is met again begins from its first event, so nothing is doubled", async () => {
  house([], ["text", { text: "one " }], ["text", { text: "two" }], ["done", { state: "complete" }]);
  const partly = { ...ANSWER, content: "one t" };
  on("GET", "/api/chat/conversations/c1", () => Response.json({ id: "c1", title: "T", label: "INTERNAL", messages: [QUESTION, partly], run: { id: "r1", message: "m2" } }));
  await open("c1");
  await vi.waitFor(() => expect(conversations.value().open["c1"]?.runs).toEqual([]));
  expect(conversations.value().open["c1"]?.messages.at(-1)).toMatchObject({ content: "one two", state: "complete" });
});

it("another person finds nothing of the last one", async () => {
  house([], ["text", { text: "secret" }], ["done", { state: "complete" }]);
  await asked();
  drafts.change(() => ({ new: "half a thought" }));
  forget();
  expect(conversations.value()).toEqual({ list: undefined, open: {}, refused: {}, folders: [] });
  expect(drafts.value()).toEqual({});
});

it("several models answer at once, and it is said once that they do", async () => {
  const replies = ["a", "b"].map((model) => ({ ...ANSWER, id: `m-${model}`, model }));
  const runs = replies.map(({ id }) => ({ id: `r-${id}`, message: id }));
  let sent: unknown;
  on("POST", "/api/chat/conversations", () => Response.json({ id: "c1", title: "" }, { status: 201 }));
  on("GET", "/api/chat/conversations", () => Response.json({ conversations: [] }));
  replies.forEach(({ model }, index) => on("GET", `/api/chat/runs/r-m-${model}/events`, () => events(["text", { text: `from ${model}` }], ["done", { state: index === 0 ? "complete" : "stopped" }])));
  vi.stubGlobal("fetch", ((before) => async (path: string, init: RequestInit) => {
    if (path !== "/api/chat/conversations/c1/messages") return before(path, init);
    sent = JSON.parse(String(init.body));
    return Response.json({ message: QUESTION, answer: replies[0], answers: replies, run: { id: runs[0]?.id }, runs }, { status: 202 });
  })(fetch as unknown as (path: string, init: RequestInit) => Promise<Response>));
  const news: string[] = [];
  const id = await create();
  await ask(id, { content: "q", models: ["a", "b"], label: null, compartments: ["hr"], parent: null }, (item) => news.push(item.kind));
  expect(sent).toEqual({ content: "q", models: ["a", "b"], compartments: ["hr"], parent: null });
  expect(conversations.value().open["c1"]?.messages.map(({ content, state }) => [content, state])).toEqual([["q", "complete"], ["from a", "complete"], ["from b", "stopped"]]);
  expect(news).toHaveLength(2);
  expect(news[0]).toBe("streaming");
  expect(conversations.value().open["c1"]?.runs).toEqual([]);
});

it("an answer that is written again stands beside the one before, and is the one that goes on", async () => {
  house([], ["text", { text: "first" }], ["done", { state: "complete" }]);
  on("POST", "/api/chat/conversations/c1/messages/m1/answers", () => Response.json({ answers: [{ ...ANSWER, id: "m3" }], runs: [{ id: "r2", message: "m3" }] }, { status: 202 }));
  on("GET", "/api/chat/runs/r2/events", () => events(["text", { text: "second" }], ["done", { state: "complete" }]));
  await asked();
  await askAgain("c1", "m1", ["n"], null, () => undefined);
  const { messages, chosen } = conversations.value().open["c1"] ?? { messages: [], chosen: {} };
  expect(messages.map(({ id, content }) => [id, content])).toEqual([["m1", "q"], ["m2", "first"], ["m3", "second"]]);
  expect(chosen).toMatchObject({ m1: "m3" });
  choose("c1", "m1", "m2");
  expect(conversations.value().open["c1"]?.chosen).toMatchObject({ m1: "m2" });
});
