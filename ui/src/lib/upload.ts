import { ownRefusal, readRefusal, RefusedError } from "./refusal";

interface Options {
  signal: AbortSignal;
  /** From 0 to 1, of what has left this browser. */
  onProgress: (part: number) => void;
}

/**
 * Sends a file's bytes on a request of their own and says how far it is, which `fetch` cannot. Throws `RefusedError`, and the
 * signal's reason when it is aborted.
 */
export async function upload<T>(path: string, file: Blob, { signal, onProgress }: Options): Promise<T> {
  signal.throwIfAborted();
  return new Promise<T>((resolve, reject) => {
    const request = new XMLHttpRequest();
    const abort = () => request.abort();
    const fail = (error: unknown) => {
      signal.removeEventListener("abort", abort);
      reject(error as Error);
    };
    request.open("POST", path);
    request.setRequestHeader("accept-language", document.documentElement.lang || "en");
    request.setRequestHeader("content-type", "application/octet-stream");
    request.upload.addEventListener("progress", ({ loaded, total }) => onProgress(total === 0 ? 1 : loaded / total));
    request.addEventListener("error", () => fail(new RefusedError(ownRefusal("house_unreachable"))));
    request.addEventListener("abort", () => fail(signal.reason));
    request.addEventListener("load", () => {
      signal.removeEventListener("abort", abort);
      const id = request.getResponseHeader("x-schleuse-request-id") ?? undefined;
      try {
        const body: unknown = JSON.parse(request.responseText);
        if (request.status >= 200 && request.status < 300) resolve(body as T);
        else reject(new RefusedError(readRefusal(body, request.status, id)));
      } catch {
        reject(new RefusedError(ownRefusal("unreadable_answer", request.status, id)));
      }
    });
    signal.addEventListener("abort", abort);
    request.send(file);
  });
}
