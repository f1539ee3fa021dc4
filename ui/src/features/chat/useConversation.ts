import { useCallback, useEffect, useReducer, useRef } from "react";
import { ask, ownRefusal, type Refusal, RefusedError } from "../../lib/house";
import { join, type Label } from "../../lib/labels";
import type { Language } from "../../lib/language";
import { history, labelOf, reduce, type Turn } from "./conversation";

/** Text is shown at most this often, in milliseconds, however fast it streams. */
const PAINT_EVERY_MS = 40;

export type News =
  | { kind: "streaming" | "finished" | "stopped" }
  | { kind: "refused"; refusal: Refusal };

interface Asker {
  apiKey: string;
  language: Language;
  onNews: (news: News) => void;
}

/** The conversation of this tab. It lives in memory only and is gone with the page. */
export function useConversation({ apiKey, language, onNews }: Asker) {
  const [turns, change] = useReducer(reduce, []);
  const running = useRef<AbortController | undefined>(undefined);
  const lastId = useRef(0);

  // A stream outlives a render, but not the page that shows it.
  useEffect(() => () => running.current?.abort(), []);

  const put = useCallback(
    async (question: string, model: string, chosen: Label, demonstration: boolean) => {
      if (running.current) return;
      const controller = new AbortController();
      running.current = controller;
      lastId.current += 1;
      const id = lastId.current;
      const turn: Turn = {
        id,
        question,
        model,
        label: join([chosen, labelOf(turns)]),
        messages: [...history(turns), { role: "user", content: question }],
        state: "waiting",
        answer: "",
        passage: undefined,
        answeredBy: undefined,
        usage: undefined,
        cut: false,
        refusal: undefined,
      };
      change({ kind: "asked", turn });

      let pending = "";
      let timer: ReturnType<typeof setTimeout> | undefined;
      const paint = () => {
        timer = undefined;
        if (pending !== "") change({ kind: "grown", id, text: pending });
        pending = "";
      };
      const flush = () => {
        clearTimeout(timer);
        paint();
      };

      let streaming = false;
      try {
        const asked = { key: apiKey, language, model, label: turn.label, messages: turn.messages, demonstration };
        const parts = ask(asked, controller.signal);
        for await (const part of parts) {
          if (part.kind === "text") {
            pending += part.text;
            timer ??= setTimeout(paint, PAINT_EVERY_MS);
            if (!streaming) onNews({ kind: "streaming" });
            streaming = true;
          } else if (part.kind === "passage") change({ kind: "changed", id, change: { passage: part.passage } });
          else if (part.kind === "cut") change({ kind: "changed", id, change: { cut: true } });
          else if (part.kind === "usage") change({ kind: "changed", id, change: { usage: part.usage } });
          else change({ kind: "changed", id, change: { answeredBy: part.model } });
        }
        flush();
        change({ kind: "changed", id, change: { state: "finished" } });
        onNews({ kind: "finished" });
      } catch (error) {
        flush();
        if (controller.signal.aborted) {
          change({ kind: "changed", id, change: { state: "stopped" } });
          onNews({ kind: "stopped" });
        } else {
          const refusal = error instanceof RefusedError ? error.refusal : ownRefusal("unreadable_answer");
          change({ kind: "changed", id, change: { state: "refused", refusal } });
          onNews({ kind: "refused", refusal });
        }
      } finally {
        running.current = undefined;
      }
    },
    [apiKey, language, onNews, turns],
  );

  const stop = useCallback(() => running.current?.abort(), []);
  const clear = useCallback(() => {
    running.current?.abort();
    change({ kind: "cleared" });
  }, []);

  const busy = turns.some(({ state }) => state === "waiting" || state === "streaming");
  return { turns, busy, put, stop, clear };
}
