import { type Check, checkFigures, Source } from "./figures";

/** What is to be checked: an answer, the texts that its asker wrote, and files by their ids. */
export interface Order {
  id: number;
  answer: string;
  texts: string[];
  files: string[];
}

export type Told = { id: number; check: Check } | { id: number; failed: true };

/** Files do not change, so each is read once. */
const files = new Map<string, Promise<Source>>();

async function sourceOf(file: string): Promise<Source> {
  const known = files.get(file);
  if (known) return known;
  const made = (async () => {
    const response = await fetch(`/api/chat/attachments/${encodeURIComponent(file)}/text`, { credentials: "same-origin", cache: "no-store" });
    if (!response.ok) throw new Error(String(response.status));
    const body = (await response.json()) as { text: string };
    return new Source(body.text);
  })();
  files.set(file, made);
  made.catch(() => files.delete(file));
  return made;
}

addEventListener("message", ({ data }: MessageEvent<Order>) => {
  const { id, answer, texts } = data;
  Promise.all([...texts.map((text) => new Source(text)), ...data.files.map(sourceOf)]).then(
    (sources) => postMessage({ id, check: checkFigures(answer, sources) } satisfies Told),
    () => postMessage({ id, failed: true } satisfies Told),
  );
});
