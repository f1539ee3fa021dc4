import { describe, expect, it } from "vitest";
import { readEvents, type ServerEvent, ServerEventReader } from "./sse";

const STREAM = [
  ": waiting\n\n",
  'data: {"choices":[{"delta":{"content":"Grüße 😀"}}]}\r\n\r\n',
  "event: error\rdata: first\rdata:second\r\r",
  "id: 7\nretry: 10\ndata\n\n",
  "event: nothing\n\n",
  "data: [DONE]\n\n",
  "data: never finished\n",
].join("");

const EVENTS: ServerEvent[] = [
  { event: "message", data: '{"choices":[{"delta":{"content":"Grüße 😀"}}]}', id: "" },
  { event: "error", data: "first\nsecond", id: "" },
  { event: "message", data: "", id: "7" },
  { event: "message", data: "[DONE]", id: "7" },
];

async function check(chunks: Uint8Array[], expected: ServerEvent[]) {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
  const events: ServerEvent[] = [];
  for await (const event of readEvents(body)) events.push(event);
  expect(events).toEqual(expected);
}

describe("server-sent events", () => {
  const bytes = new TextEncoder().encode(STREAM);

  it("are read whole", async () => {
    await check([bytes], EVENTS);
  });

  it("are the same wherever the bytes are split", async () => {
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      await check([bytes.subarray(0, cut), bytes.subarray(cut)], EVENTS);
    }
  });

  it("are the same byte by byte", async () => {
    await check(Array.from(bytes, (_, index) => bytes.subarray(index, index + 1)), EVENTS);
  });

  it("may begin with a byte order mark", () => {
    expect(new ServerEventReader().push("\uFEFFdata: x\n\n")).toEqual([{ event: "message", data: "x", id: "" }]);
  });
});
