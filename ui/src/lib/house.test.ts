import { afterEach, describe, expect, it, vi } from "vitest";
import { type AnswerPart, ask, RefusedError, readModels, requestBody } from "./house";

const QUESTION = {
  key: "k",
  language: "de",
  model: "m",
  label: "INTERNAL" as const,
  messages: [{ role: "user" as const, content: "q" }],
  demonstration: false,
};
const HEADERS = {
  "content-type": "text/event-stream",
  "x-schleuse-request-id": "req_1",
  "x-schleuse-label": "CONFIDENTIAL",
  "x-schleuse-action": "REDACTED",
  "x-schleuse-route": "local",
};
const HELLO = 'data: {"model":"real","choices":[{"delta":{"role":"assistant","content":"Hel"}}]}\n\ndata: {"choices":[{"delta":{"content":"lo"}}]}\n\n';
const USAGE = 'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}\n\n';

afterEach(() => vi.unstubAllGlobals());

/** Asks a house that answers so; gives the parts and the code of the refusal, if any. */
async function answered(respond: () => Response | Promise<Response>) {
  const fetched = vi.fn(async (_path: string, _init: RequestInit) => respond());
  vi.stubGlobal("fetch", fetched);
  const parts: AnswerPart[] = [];
  let refused: RefusedError | undefined;
  try {
    for await (const part of ask(QUESTION, new AbortController().signal)) parts.push(part);
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    refused = error;
  }
  const text = parts.map((part) => (part.kind === "text" ? part.text : "")).join("");
  return { parts, text, refusal: refused?.refusal, init: fetched.mock.calls[0]?.[1] };
}

describe("an answer", () => {
  it("comes with its passage, model, text and tokens", async () => {
    const { parts, text, refusal, init } = await answered(
      () => new Response(`: wait\n\n${HELLO}${USAGE}data: [DONE]\n\n`, { headers: HEADERS }),
    );
    expect(refusal).toBeUndefined();
    expect(text).toBe("Hello");
    expect(parts[0]).toMatchObject({ passage: { requestId: "req_1", label: "CONFIDENTIAL", action: "REDACTED", route: "local" } });
    expect(parts).toContainEqual({ kind: "model", model: "real" });
    expect(parts.at(-1)).toEqual({ kind: "usage", usage: { prompt: 3, completion: 2 } });
    expect(init?.headers).toMatchObject({ authorization: "Bearer k", "accept-language": "de", "x-schleuse-label": "INTERNAL" });
    expect(JSON.parse(String(init?.body))).toMatchObject({ stream: true, stream_options: { include_usage: true } });
  });

  it("is kept short only where the model does not know when to stop", () => {
    expect(requestBody(QUESTION)).not.toHaveProperty("max_tokens");
    expect(requestBody({ ...QUESTION, demonstration: true })).toMatchObject({ max_tokens: 400 });
  });

  it("says when it ended at its length limit", async () => {
    const cut = 'data: {"choices":[{"delta":{},"finish_reason":"length"}]}\n\n';
    const { parts } = await answered(() => new Response(`${HELLO}${cut}data: [DONE]\n\n`, { headers: HEADERS }));
    expect(parts.at(-1)).toEqual({ kind: "cut" });
  });

  it("that stops without [DONE] broke off", async () => {
    const { text, refusal } = await answered(() => new Response(HELLO, { headers: HEADERS }));
    expect(text).toBe("Hello");
    expect(refusal).toMatchObject({ code: "answer_broken", requestId: "req_1" });
  });

  it("may turn into a refusal on its way", async () => {
    const error = 'data: {"error":{"code":"upstream_failed","message":"m","next":"n","request_id":"req_9"}}\n\n';
    for (const event of [error, `event: error\n${error}`]) {
      const { text, refusal } = await answered(() => new Response(HELLO + event, { headers: HEADERS }));
      expect(text).toBe("Hello");
      expect(refusal).toMatchObject({ code: "upstream_failed", message: "m", next: "n", requestId: "req_9" });
    }
  });
});

describe("a refusal", () => {
  async function check(respond: () => Response | Promise<Response>, expected: object) {
    expect((await answered(respond)).refusal).toMatchObject(expected);
  }

  it("keeps its findings and drops what is not one", async () => {
    const good = { type: "IBAN", path: "/messages/0/content", start: 1, end: 2, score: 0.5 };
    const body = { error: { code: "sensitive_data_detected", message: "m", findings: [good, { type: 1 }, null] } };
    await check(() => Response.json(body, { status: 403 }), { status: 403, findings: [good] });
  });

  it("is told from what is no house at all", async () => {
    await check(() => Promise.reject(new TypeError("failed to fetch")), { code: "house_unreachable", status: 0 });
    await check(() => new Response("<h1>Bad gateway</h1>", { status: 502 }), { code: "unreadable_answer", status: 502 });
    await check(() => Response.json(null, { status: 500 }), { code: "unreadable_answer", status: 500 });
  });

  it("of the model list is one too", async () => {
    vi.stubGlobal("fetch", async () => Response.json({ error: { code: "access_denied", message: "m" } }, { status: 403 }));
    await expect(readModels("k", "en")).rejects.toMatchObject({ refusal: { code: "access_denied", status: 403 } });
    vi.stubGlobal("fetch", async () => Response.json({ data: [{ id: "a" }, { id: 1 }, { id: "b" }] }));
    await expect(readModels("k", "en")).resolves.toEqual(["a", "b"]);
  });
});
