import { useEffect, useState } from "react";
import { type Refusal, refusalIn } from "../../lib/refusal";
import { type Hit, search } from "./store";

export interface Found {
  words: string;
  hits: Hit[];
  more: boolean;
  refusal: Refusal | undefined;
}

/** Shorter words are in everything. */
export const LEAST = 2;

/** What one's own conversations say about some words, a moment after the last key; `undefined` while nothing is asked. */
export function useSearch(written: string): { found: Found | undefined; busy: boolean } {
  const words = written.trim();
  const asked = words.length >= LEAST;
  const [found, setFound] = useState<Found>();

  useEffect(() => {
    if (!asked) return undefined;
    const controller = new AbortController();
    const timer = setTimeout(() => {
      search(words, controller.signal).then(
        ({ results, more }) => setFound({ words, hits: results, more, refusal: undefined }),
        (error: unknown) => {
          if (!controller.signal.aborted) setFound({ words, hits: [], more: false, refusal: refusalIn(error) });
        },
      );
    }, 180);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [words, asked]);

  return { found: asked ? found : undefined, busy: asked && found?.words !== words };
}

/** Where a hit is shown. */
export function addressOf({ conversation, message }: Hit): string {
  const path = `/chat/${encodeURIComponent(conversation)}`;
  return message === null ? path : `${path}?message=${encodeURIComponent(message)}`;
}
