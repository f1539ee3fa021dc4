import { useEffect, useId, useMemo, useRef, useState } from "react";
import { Markdown } from "../../components/Markdown";
import { Modal } from "../../components/Modal";
import { announce } from "../../lib/announce";
import { useLanguage } from "../../lib/language";
import { handbook, type Hit, search, type Section, soughtIn, wordsOf } from "./handbook";

interface Props {
  /** The id of the section to open at; empty for the beginning. */
  section: string;
  onClose: () => void;
}

/** The handbook in a drawer. */
export default function Help({ section, onClose }: Props) {
  const { words, language } = useLanguage();
  const [query, setQuery] = useState("");
  const field = useRef<HTMLInputElement>(null);
  const id = useId();
  const sections = useMemo(() => handbook(language, location.origin), [language]);
  const hits = useMemo(() => search(sections, query), [sections, query]);
  const searching = wordsOf(query).length > 0;

  useEffect(() => {
    if (section === "") field.current?.focus();
    else goTo(section);
  }, [section]);

  const found = searching ? countOf(hits, query, words.handbook) : "";
  useEffect(() => {
    if (found === "") return undefined;
    // Said once the typing pauses, not with every letter.
    const timer = setTimeout(() => announce(found), 400);
    return () => clearTimeout(timer);
  }, [found]);

  return (
    <Modal
      heading={words.handbook.heading}
      onClose={onClose}
      top={
        <>
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
        </>
      }
    >
      <p className="text-sm text-soft">{found}</p>
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
    </Modal>
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
          <Markdown text={passage} highlight={soughtIn(passage, query)} />
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
