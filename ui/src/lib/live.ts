import { reach } from "./api";
import { ownRefusal, RefusedError } from "./refusal";
import { readEvents, type ServerEvent } from "./sse";

export interface Following {
  signal: AbortSignal;
  /** The id of the last event that is already known. */
  after?: string;
  /** The event that ends the stream; without one it goes on until the signal. */
  until?: string;
  /** How often in a row a connection may fail before giving up. */
  patience?: number;
  /** Told whether the stream is connected. */
  onConnected?: (connected: boolean) => void;
}

/**
 * Follows a stream of events over reconnections: each one names the last event that arrived, so that nothing is lost or
 * doubled. Throws `RefusedError` when the house refuses, or when it cannot be reached for too long; an abort throws the
 * signal's own error.
 */
export async function* follow(path: string, { signal, after = "", until, patience = 8, onConnected }: Following): AsyncGenerator<ServerEvent> {
  let last = after;
  let failures = 0;
  for (;;) {
    try {
      const headers = { accept: "text/event-stream", ...(last === "" ? {} : { "last-event-id": last }) };
      const { body } = await reach(path, { headers, signal });
      onConnected?.(true);
      if (body) {
        for await (const event of readEvents(body)) {
          if (event.id !== "") last = event.id;
          failures = 0;
          yield event;
          if (event.event === until) return;
        }
      }
    } catch (error) {
      if (signal.aborted) throw error;
      if (error instanceof RefusedError && error.refusal.status >= 400 && error.refusal.status < 500) throw error;
    }
    signal.throwIfAborted();
    onConnected?.(false);
    failures += 1;
    if (failures > patience) throw new RefusedError(ownRefusal("answer_broken"));
    // At once after the first cut: most often only the connection broke, or the session ended and the person should know. And at once when
    // the machine is back from sleep or has a network again.
    await pause(Math.min(5000, 100 * (2 ** failures - 2)), signal);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(done, ms);
    function forget() {
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
      globalThis.removeEventListener("online", done);
    }
    function done() {
      forget();
      resolve();
    }
    function stop() {
      forget();
      reject(signal.reason as Error);
    }
    signal.addEventListener("abort", stop, { once: true });
    globalThis.addEventListener("online", done, { once: true });
  });
}
