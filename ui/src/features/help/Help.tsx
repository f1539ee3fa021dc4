import { useEffect, useId, useMemo, useRef, useState } from "react";
import { Button } from "../../components/Button";
import { Icon } from "../../components/icons";
import { Markdown } from "../../components/Markdown";
import { useLanguage } from "../../lib/language";
import { handbook, type Hit, search, type Section, wordsOf } from "./handbook";

interface Props {
  /** The id of the section to open at; empty for the beginning. */
  section: string;
  onClose: () => void;
}

/** The handbook in a drawer; Escape and a click beside it close it. */
export function Help({ section, onClose }: Props) {
  const { words, language } = useLanguage();
  const [query, setQuery] = useState("");
  const dialog = useRef<HTMLDialogElement>(null);
  const field = useRef<HTMLInputElement>(null);
  const id = useId();
  const sections = useMemo(() => handbook(language, location.origin), [language]);
  const hits = useMemo(() => search(sections, query), [sections, query]);
  const searching = wordsOf(query).length > 0;

  useEffect(() => {
    const element = dialog.current;
    element?.showModal();
    return () => element?.close();
  }, []);

  useEffect(() => {
    if (section === "") field.current?.focus();
    else goTo(section);
  }, [section]);

  return (
    // The keyboard's way to close a dialog is Escape, which the browser brings.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions, jsx-a11y/click-events-have-key-events
    <dialog
      ref={dialog}
      aria-labelledby={`${id}-heading`}
      onClose={onClose}
      onClick={(event) => event.target === dialog.current && dialog.current.close()}
      className="fixed inset-y-0 right-0 left-auto m-0 h-dvh max-h-none w-full max-w-xl border-l border-line bg-panel text-ink shadow-card"
    >
      <div className="flex h-full flex-col">
        <div className="border-b border-line px-5 pt-4 pb-4 sm:px-7">
          <div className="flex items-center justify-between gap-4">
            <h2 id={`${id}-heading`} className="text-xl font-semibold tracking-tight">
              {words.handbook.heading}
            </h2>
            <Button look="quiet" aria-label={words.close} onClick={() => dialog.current?.close()}>
              <Icon name="close" className="size-5" />
            </Button>
          </div>
          <label htmlFor={`${id}-search`} className="mt-2 block text-sm">
            {words.handbook.search} <span className="text-soft">· {words.handbook.searchHint}</span>
          </label>
          <input
            ref={field}
            id={`${id}-search`}
            type="search"
            value={query}
            onChange={(event) => setQuery(event.target.value)}
            className="mt-1 block min-h-10 w-full rounded-lg border border-edge bg-paper px-3 text-sm"
          />
        </div>
        {/* The text scrolls, so the keyboard must reach it. */}
        {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
        <div tabIndex={0} className="flex-1 overflow-y-auto px-5 py-5 -outline-offset-2 sm:px-7">
          <p role="status" className="text-sm text-soft">
            {searching ? countOf(hits, query, words.handbook) : ""}
          </p>
          {searching ? (
            <Hits
              hits={hits}
              query={query}
              onOpen={(target) => {
                setQuery("");
                requestAnimationFrame(() => goTo(target));
              }}
            />
          ) : (
            <Book sections={sections} />
          )}
        </div>
      </div>
    </dialog>
  );
}

function Book({ sections }: { sections: Section[] }) {
  const { words } = useLanguage();
  return (
    <>
      <nav aria-label={words.handbook.contents}>
        <ul className="grid gap-x-6 gap-y-1 text-sm sm:grid-cols-2">
          {sections.map(({ id, title }) => (
            <li key={id}>
              <button
                type="button"
                onClick={() => goTo(id)}
                className="py-1 text-left text-accent underline-offset-2 hover:underline"
              >
                {title}
              </button>
            </li>
          ))}
        </ul>
      </nav>
      {sections.map(({ id, title, passages }) => (
        <section key={id} className="mt-8">
          <h3 id={anchor(id)} tabIndex={-1} className="mb-2 scroll-mt-4 text-lg font-semibold">
            {title}
          </h3>
          <Markdown text={passages.join("\n\n")} />
        </section>
      ))}
    </>
  );
}

function Hits({ hits, query, onOpen }: { hits: Hit[]; query: string; onOpen: (section: string) => void }) {
  return (
    <ul className="mt-3 space-y-5">
      {hits.map(({ section, passage }) => (
        <li key={`${section.id} ${passage}`} className="border-l-2 border-line pl-4">
          <button
            type="button"
            onClick={() => onOpen(section.id)}
            className="mb-1 text-sm font-semibold text-accent underline-offset-2 hover:underline"
          >
            {section.title}
          </button>
          <Markdown text={passage} highlight={wordsOf(query)} />
        </li>
      ))}
    </ul>
  );
}

function countOf(hits: Hit[], query: string, words: { none: (query: string) => string; found: (n: number) => string }) {
  return hits.length === 0 ? words.none(query.trim()) : words.found(hits.length);
}

function anchor(section: string): string {
  return `handbook-${section}`;
}

function goTo(section: string) {
  const heading = document.getElementById(anchor(section));
  heading?.scrollIntoView({ block: "start" });
  heading?.focus({ preventScroll: true });
}
