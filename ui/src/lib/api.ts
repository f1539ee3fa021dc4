import { ownRefusal, readRefusal, RefusedError, type Refusal } from "./refusal";

type Listener = (refusal: Refusal) => void;
let onSignedOut: Listener | undefined;

/** Who is told that the house no longer knows this page's session. */
export function whenSignedOut(listener: Listener): () => void {
  onSignedOut = listener;
  return () => {
    if (onSignedOut === listener) onSignedOut = undefined;
  };
}

/** `GET`; throws `RefusedError`. */
export async function read<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await bodyOf(await reach(path, signal ? { signal } : {}))) as T;
}

/** `POST`, `PUT` or `DELETE` with a JSON body; gives `undefined` where the answer has none. Throws `RefusedError`. */
export async function send<T = unknown>(method: "POST" | "PUT" | "DELETE", path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const init: RequestInit = { method, ...(signal ? { signal } : {}) };
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers = { "content-type": "application/json" };
  }
  return (await bodyOf(await reach(path, init))) as T;
}

/** Like `send`, for what may be done at once or only taken note of: with the status of the answer. */
export async function sendFor<T>(method: "POST" | "PUT", path: string, body: unknown): Promise<{ status: number; body: T | undefined }> {
  const response = await reach(path, { method, body: JSON.stringify(body), headers: { "content-type": "application/json" } });
  return { status: response.status, body: (await bodyOf(response)) as T | undefined };
}

/**
 * Fetches in the page's language. "No answer at all" and every answer that is not 2xx become a `RefusedError`; a 401 is
 * also told to whoever listens, but for the sign-in's own requests, where it only means that something was mistyped.
 */
export async function reach(path: string, init: RequestInit = {}): Promise<Response> {
  const response = await answerTo(path, init);
  if (response.ok) return response;
  const refusal = await refusalOf(response);
  if (response.status === 401 && !path.startsWith("/auth/")) onSignedOut?.(refusal);
  throw new RefusedError(refusal);
}

async function answerTo(path: string, init: RequestInit): Promise<Response> {
  const headers = { "accept-language": document.documentElement.lang || "en", ...(init.headers as Record<string, string>) };
  try {
    return await fetch(path, { ...init, headers, cache: "no-store", credentials: "same-origin", redirect: "error" });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new RefusedError(ownRefusal("house_unreachable"));
  }
}

async function bodyOf(response: Response): Promise<unknown> {
  const text = await response.text();
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new RefusedError(ownRefusal("unreadable_answer", response.status));
  }
}

async function refusalOf(response: Response): Promise<Refusal> {
  const requestId = response.headers.get("x-schleuse-request-id") ?? undefined;
  try {
    return readRefusal(JSON.parse(await response.text()), response.status, requestId);
  } catch {
    return ownRefusal("unreadable_answer", response.status, requestId);
  }
}

/** A path with those parameters that say something. */
export function withQuery(path: string, parameters: Record<string, string | number | undefined>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== "") query.set(name, String(value));
  }
  const written = query.toString();
  return written === "" ? path : `${path}?${written}`;
}
