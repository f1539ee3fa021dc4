/** One event of a stream (WHATWG HTML, section 9.2.6). */
export interface ServerEvent {
  /** `message` unless the stream named another. */
  event: string;
  data: string;
  /** The last `id` that the stream named, at or before this event. */
  id: string;
}

/** Reads server-sent events from text that arrives in pieces of any size. Comments and `retry` are skipped. */
export class ServerEventReader {
  #rest = "";
  #event = "";
  #data: string[] = [];
  #id = "";
  #started = false;

  /** Takes the next piece and gives the events that it completed. */
  push(piece: string): ServerEvent[] {
    this.#rest += piece;
    if (!this.#started && this.#rest !== "") {
      this.#started = true;
      if (this.#rest.startsWith("\uFEFF")) this.#rest = this.#rest.slice(1);
    }
    const events: ServerEvent[] = [];
    let from = 0;
    for (;;) {
      const end = lineEnd(this.#rest, from);
      if (end === undefined) break;
      const event = this.#take(this.#rest.slice(from, end.line));
      if (event) events.push(event);
      from = end.next;
    }
    this.#rest = this.#rest.slice(from);
    return events;
  }

  #take(line: string): ServerEvent | undefined {
    if (line === "") {
      const complete = this.#data.length > 0 ? { event: this.#event || "message", data: this.#data.join("\n"), id: this.#id } : undefined;
      this.#event = "";
      this.#data = [];
      return complete;
    }
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (field === "data") this.#data.push(value);
    else if (field === "event") this.#event = value;
    else if (field === "id" && !value.includes("\0")) this.#id = value;
    return undefined;
  }
}

/** Lines end with CR LF, LF or CR; a CR at the very end waits, because its LF may come with the next piece. */
function lineEnd(text: string, from: number): { line: number; next: number } | undefined {
  for (let index = from; index < text.length; index += 1) {
    const character = text[index];
    if (character === "\n") return { line: index, next: index + 1 };
    if (character === "\r") {
      if (index + 1 === text.length) return undefined;
      return { line: index, next: text[index + 1] === "\n" ? index + 2 : index + 1 };
    }
  }
  return undefined;
}

/** The events of a response body. Ends when the body ends; an unfinished event is dropped, as the standard asks. */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  const decoder = new TextDecoder();
  const events = new ServerEventReader();
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield* events.push(decoder.decode(value, { stream: true }));
    }
  } finally {
    reader.releaseLock();
  }
}
