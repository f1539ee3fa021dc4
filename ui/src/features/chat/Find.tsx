import { type FormEvent, useEffect, useMemo, useRef, useState } from "react";
import { IconButton } from "../../components/IconButton";
import { announce } from "../../lib/announce";
import { useLanguage } from "../../lib/language";
import { markIn, unmark } from "./finding";
import { openOver } from "./opened";
import type { Turn } from "./tree";

interface Props {
  turns: Turn[];
  /** Brings a message into view; `undefined` when there is none. */
  onFound: (message: string) => void;
}

/** Looks for words in the conversation that is open: also in what the browser has not drawn yet. */
export function Find({ turns, onFound }: Props) {
  const { words } = useLanguage();
  const [written, setWritten] = useState("");
  const [at, setAt] = useState(0);
  const field = useRef<HTMLInputElement>(null);
  const wanted = written.trim().toLowerCase();
  const places = useMemo(() => placesOf(turns, wanted), [turns, wanted]);
  const place = places[Math.min(at, places.length - 1)];
  const index = place === undefined ? -1 : places.indexOf(place);

  useEffect(() => {
    field.current?.focus();
    return unmark;
  }, []);

  useEffect(() => {
    unmark();
    if (place === undefined) return undefined;
    onFound(place);
    // The message may have to be drawn first.
    const timers = [0, 120, 400].map((ms) => setTimeout(() => markIn(place, wanted), ms));
    return () => {
      for (const timer of timers) clearTimeout(timer);
    };
  }, [place, wanted, onFound]);

  function step(by: number) {
    if (places.length === 0) return;
    const next = (index + by + places.length) % places.length;
    setAt(next);
    announce(words.find.place(next + 1, places.length));
  }

  function submit(event: FormEvent) {
    event.preventDefault();
    step(1);
  }

  return (
    // The keys belong to the field inside; the search is where they are heard.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <form
      role="search"
      aria-label={words.find.heading}
      data-find
      onSubmit={submit}
      onKeyDown={(event) => {
        if (event.key === "Escape") openOver(undefined);
        if (event.key === "Enter" && event.shiftKey) {
          event.preventDefault();
          step(-1);
        }
      }}
      className="sticky top-16 z-10 low:static mx-auto mt-2 flex w-full max-w-md items-center gap-1 rounded-full border border-edge bg-panel py-1 pr-2 pl-4 shadow-card lg:top-2"
    >
      <input
        ref={field}
        type="text"
        enterKeyHint="search"
        aria-label={words.find.field}
        placeholder={words.find.field}
        value={written}
        onChange={(event) => {
          setWritten(event.target.value);
          setAt(0);
        }}
        className="min-w-0 flex-1 bg-transparent text-sm outline-none placeholder:text-soft"
      />
      <span data-find-count className="shrink-0 text-xs text-soft tabular-nums">
        {wanted.length < 2 ? "" : places.length === 0 ? words.find.none : `${index + 1}/${places.length}`}
      </span>
      <IconButton icon="up" name={words.find.before} onClick={() => step(-1)} />
      <IconButton icon="down" name={words.find.after} onClick={() => step(1)} />
      <IconButton icon="close" name={words.close} data-find-close onClick={() => openOver(undefined)} />
    </form>
  );
}

/** The ids of the messages that have the words, in order. Marks of Markdown between the letters do not count. */
function placesOf(turns: Turn[], wanted: string): string[] {
  if (wanted.length < 2) return [];
  const has = (text: string) => text.toLowerCase().includes(wanted) || text.replaceAll(/[*_`~]/gu, "").toLowerCase().includes(wanted);
  return turns.flatMap(({ question, answer }) => [question, ...(answer ? [answer] : [])]).flatMap(({ id, content }) => (has(content) ? [id] : []));
}
