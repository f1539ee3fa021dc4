import { afterEach, describe, expect, it, vi } from "vitest";
import { follow } from "./live";

afterEach(() => vi.unstubAllGlobals());

/** A house whose stream is cut into these pieces, one per connection; gives what was read and what was asked. */
async function followed(connections: (() => Response)[]) {
  const asked: (string | undefined)[] = [];
  const left = [...connections];
  vi.stubGlobal("fetch", async (_path: string, { headers }: { headers: Record<string, string> }) => {
    asked.push(headers["last-event-id"]);
    const next = left.shift();
    if (!next) throw new TypeError("gone");
    return next();
  });
  const events: string[] = [];
  let refused: unknown;
  try {
    for await (const { event, data } of follow("/events", { signal: new AbortController().signal, until: "done", patience: 2 })) {
      events.push(`${event} ${data}`);
    }
  } catch (error) {
    refused = error;
  }
  return { events, asked, refused };
}

const stream = (body: string) => () => new Response(body, { headers: { "content-type": "text/event-stream" } });

describe("a followed stream", () => {
  it("ends with its last event", async () => {
    const { events, asked, refused } = await followed([stream("id: 1\nevent: text\ndata: a\n\nid: 2\nevent: done\ndata: {}\n\nid: 3\ndata: b\n\n")]);
    expect(events).toEqual(["text a", "done {}"]);
    expect(asked).toEqual([undefined]);
    expect(refused).toBeUndefined();
  });

  it("goes on where it was cut, however often", async () => {
    const { events, asked } = await followed([
      stream("id: 1\nevent: text\ndata: a\n\nid: 2\nevent: text\ndata: half"),
      stream("id: 2\nevent: text\ndata: b\n\n"),
      () => new Response("{}", { status: 503 }),
      stream("id: 3\nevent: done\ndata: {}\n\n"),
    ]);
    expect(events).toEqual(["text a", "text b", "done {}"]);
    expect(asked).toEqual([undefined, "1", "2", "2"]);
  });

  it("gives up on a refusal at once, and on silence after a while", async () => {
    const refusal = () => Response.json({ error: { code: "invalid_api_key" } }, { status: 401 });
    expect((await followed([refusal])).refused).toMatchObject({ refusal: { code: "invalid_api_key", status: 401 } });
    expect((await followed([])).refused).toMatchObject({ refusal: { code: "answer_broken" } });
  });

  it("ends when nobody listens any more", async () => {
    const controller = new AbortController();
    vi.stubGlobal("fetch", async () => {
      controller.abort();
      throw new DOMException("aborted", "AbortError");
    });
    const next = follow("/events", { signal: controller.signal }).next();
    await expect(next).rejects.toMatchObject({ name: "AbortError" });
  });
});
