import { afterEach, describe, expect, it, vi } from "vitest";
import { read, send, whenSignedOut, withQuery } from "./api";
import { RefusedError } from "./refusal";

afterEach(() => vi.unstubAllGlobals());

function answering(respond: () => Response | Promise<Response>) {
  const fetched = vi.fn(async (_path: string, _init: RequestInit) => respond());
  vi.stubGlobal("fetch", fetched);
  return fetched;
}

describe("a refusal", () => {
  async function check(respond: () => Response | Promise<Response>, expected: object) {
    answering(respond);
    await expect(read("/api/now")).rejects.toMatchObject({ refusal: expected });
  }

  it("keeps its findings and drops what is not one", async () => {
    const good = { type: "IBAN", path: "/messages/0/content", start: 1, end: 2, score: 0.5 };
    const body = { error: { code: "sensitive_data_detected", message: "m", request_id: "r", findings: [good, { type: 1 }, null] } };
    await check(() => Response.json(body, { status: 403 }), { status: 403, requestId: "r", findings: [good] });
  });

  it("is told from what is no house at all", async () => {
    await check(() => Promise.reject(new TypeError("failed to fetch")), { code: "house_unreachable", status: 0 });
    await check(() => new Response("<h1>Bad gateway</h1>", { status: 502 }), { code: "unreadable_answer", status: 502 });
    await check(() => Response.json(null, { status: 500 }), { code: "unreadable_answer", status: 500 });
    await check(() => new Response("{", { status: 200 }), { code: "unreadable_answer", status: 200 });
  });
});

describe("a request", () => {
  it("goes to the own house only, in the page's language, without a key", async () => {
    document.documentElement.lang = "de";
    const fetched = answering(() => Response.json({ id: 1 }));
    await expect(send("POST", "/api/people", { name: "x" })).resolves.toEqual({ id: 1 });
    const [, init] = fetched.mock.calls[0] ?? [];
    expect(init).toMatchObject({ method: "POST", credentials: "same-origin", redirect: "error", cache: "no-store", body: '{"name":"x"}' });
    expect(init?.headers).toEqual({ "accept-language": "de", "content-type": "application/json" });
  });

  it("may have an answer without a body", async () => {
    answering(() => new Response(null, { status: 204 }));
    await expect(send("DELETE", "/api/keys/1")).resolves.toBeUndefined();
  });
});

it("an ended session is told once per request, but not by the sign-in itself", async () => {
  const told = vi.fn();
  const stop = whenSignedOut(told);
  answering(() => Response.json({ error: { code: "invalid_api_key" } }, { status: 401 }));
  await expect(read("/api/now")).rejects.toBeInstanceOf(RefusedError);
  expect(told).toHaveBeenCalledTimes(1);
  await expect(send("POST", "/auth/key", { key: "sk-x" })).rejects.toBeInstanceOf(RefusedError);
  expect(told).toHaveBeenCalledTimes(1);
  stop();
  await expect(read("/api/now")).rejects.toBeInstanceOf(RefusedError);
  expect(told).toHaveBeenCalledTimes(1);
});

it("parameters that say nothing are left out", () => {
  expect(withQuery("/a", { b: undefined, c: "" })).toBe("/a");
  expect(withQuery("/a", { b: "x y&z", c: 0 })).toBe("/a?b=x+y%26z&c=0");
});
