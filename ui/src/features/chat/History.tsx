import { type KeyboardEvent, useEffect, useId, useState } from "react";
import { Icon } from "../../components/icons";
import { headingOf } from "../../components/RefusalCard";
import { announce } from "../../lib/announce";
import { dateOnly } from "../../lib/format";
import { walkWithArrows } from "../../lib/keys";
import { useLanguage } from "../../lib/language";
import { Link } from "../../lib/router";
import { Conversations } from "./Conversations";
import { HitText } from "./HitText";
import { addressOf, type Found, useSearch } from "./useSearch";

interface Props {
  current: string | undefined;
  level: 2 | 3;
  onGo: () => void;
}

/** A field that looks through everything one wrote and was answered, above the list of conversations that it replaces while it is used. */
export function History({ current, level, onGo }: Props) {
  const { words } = useLanguage();
  const [written, setWritten] = useState("");
  const { found, busy } = useSearch(written);
  const id = useId();

  useEffect(() => {
    if (found && !busy) announce(words.search.found(found.hits.length, found.more));
  }, [found, busy, words]);

  function walkDown(event: KeyboardEvent<HTMLInputElement>) {
    if (event.key === "Escape" && written !== "") {
      // Inside a menu the same key would close the menu.
      event.preventDefault();
      event.stopPropagation();
      setWritten("");
    }
    if (event.key !== "ArrowDown") return;
    event.preventDefault();
    document.querySelector<HTMLElement>(`[id="${id}-hits"] [data-step]`)?.focus();
  }

  return (
    <>
      <div className="relative mx-2 mb-3">
        <Icon name="search" className="pointer-events-none absolute top-2.5 left-3 size-4 text-soft" />
        <input
          type="search"
          data-history-search
          aria-label={words.search.field}
          placeholder={words.search.placeholder}
          value={written}
          onChange={(event) => setWritten(event.target.value)}
          onKeyDown={walkDown}
          className="block min-h-9 w-full rounded-lg border border-edge bg-panel pr-2 pl-9 text-sm placeholder:text-soft"
        />
      </div>
      {found ? <Hits id={`${id}-hits`} found={found} level={level} onGo={onGo} /> : <Conversations current={current} level={level} onGo={onGo} />}
    </>
  );
}

function Hits({ id, found, level, onGo }: { id: string; found: Found; level: 2 | 3; onGo: () => void }) {
  const { words, language } = useLanguage();
  const Heading = `h${level}` as const;
  const { hits, more, refusal } = found;
  return (
    <section aria-label={words.search.heading} className="px-2 pb-2">
      <Heading className="px-3 pt-2 pb-1 text-xs font-medium text-soft">{refusal ? headingOf(refusal, words) : words.search.found(hits.length, more)}</Heading>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions */}
      <ul id={id} onKeyDown={walkWithArrows} className="space-y-px">
        {hits.map((hit) => (
          <li key={`${hit.conversation} ${hit.message}`} data-hit={hit.message ?? ""}>
            <Link to={addressOf(hit)} onClick={onGo} data-step translate="no" title={hit.title || words.conversations.untitled} className="block rounded-lg px-3 py-2 text-sm -outline-offset-2 hover:bg-sunken">
              <span className="flex items-baseline justify-between gap-2">
                <span className="min-w-0 truncate font-medium">{hit.title || words.conversations.untitled}</span>
                <span className="shrink-0 text-xs text-soft">{dateOnly(hit.created, language)}</span>
              </span>
              <span className="mt-0.5 line-clamp-3 text-xs wrap-anywhere text-soft">
                {hit.role === null ? null : <span translate="yes">{hit.role === "user" ? words.turn.you : words.turn.answer}: </span>}
                <HitText hit={hit} />
              </span>
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
}
