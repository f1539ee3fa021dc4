import { type KeyboardEvent, useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from "react";
import { Icon } from "../components/icons";
import { HitText } from "../features/chat/HitText";
import { addressOf, useSearch } from "../features/chat/useSearch";
import { announce, dialogs } from "../lib/announce";
import { dateOnly } from "../lib/format";
import { useLanguage } from "../lib/language";
import { go } from "../lib/router";
import { type Command, useCommands } from "./commands";

interface Row extends Command {
  /** What the row says where it is more than its name. */
  hit?: Parameters<typeof HitText>[0]["hit"];
}

/** Everything the page can do, by its name: one types a part of it, walks with the arrow keys, and Enter does it. */
export default function Palette({ onClose, onKeys }: { onClose: () => void; onKeys: () => void }) {
  const { words, language } = useLanguage();
  const [written, setWritten] = useState("");
  const [at, setAt] = useState(0);
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  const commands = useCommands(onKeys);
  const { found } = useSearch(written);

  const rows = useMemo<Row[]>(() => {
    const wanted = plain(written);
    const fitting = wanted === "" ? commands.filter(({ often }) => often) : commands.filter(({ name, kind }) => wanted.split(" ").every((word) => plain(`${kind} ${name}`).includes(word)));
    const hits = wanted === "" ? [] : (found?.hits ?? []);
    return [
      ...fitting.slice(0, 40),
      ...hits.map((hit): Row => ({ id: `hit-${hit.conversation}-${hit.message}`, name: hit.title || words.conversations.untitled, kind: `${words.search.heading}, ${dateOnly(hit.created, language)}`, icon: "chat", isName: true, hit, act: () => go(addressOf(hit)) })),
    ];
  }, [commands, written, found, words, language]);
  const current = rows[Math.min(at, rows.length - 1)];

  useLayoutEffect(() => {
    const element = dialog.current;
    if (!element) return undefined;
    const before = document.activeElement;
    element.showModal();
    dialogs.change((open) => [...open, element]);
    return () => {
      dialogs.change((open) => open.filter((one) => one !== element));
      element.close();
      if (before instanceof HTMLElement) before.focus({ preventScroll: true });
    };
  }, []);

  useEffect(() => {
    announce(words.palette.count(rows.length));
  }, [rows.length, words]);

  useEffect(() => {
    document.getElementById(`${id}-${current?.id}`)?.scrollIntoView({ block: "nearest" });
  }, [id, current?.id]);

  function choose(row: Row | undefined) {
    if (!row) return;
    onClose();
    // What it opens must come after this has closed and given the focus back.
    setTimeout(row.act, 0);
  }

  function walk(event: KeyboardEvent) {
    const last = rows.length - 1;
    const targets: Record<string, number> = { ArrowDown: at >= last ? 0 : at + 1, ArrowUp: at <= 0 ? last : Math.min(at, last) - 1, PageDown: Math.min(last, at + 8), PageUp: Math.max(0, at - 8) };
    const target = targets[event.key];
    if (target !== undefined) {
      event.preventDefault();
      setAt(Math.max(0, target));
    }
    if (event.key === "Enter" && !event.nativeEvent.isComposing) {
      event.preventDefault();
      choose(current);
    }
  }

  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions, jsx-a11y/click-events-have-key-events
    <dialog
      ref={dialog}
      aria-label={words.palette.heading}
      data-palette
      onClose={() => dialog.current?.open === false && onClose()}
      onClick={(event) => event.target === dialog.current && dialog.current.close()}
      className="mx-auto mt-[8dvh] mb-auto max-h-[80dvh] w-[calc(100%-2rem)] max-w-xl overflow-hidden rounded-2xl border border-line bg-panel text-ink shadow-card"
    >
      <h2 className="sr-only">{words.palette.heading}</h2>
      <div className="flex max-h-[80dvh] flex-col">
        <div className="flex items-center gap-2 border-b border-line px-4">
          <Icon name="search" className="size-4 text-soft" />
          <input
            type="text"
            role="combobox"
            aria-expanded="true"
            aria-controls={`${id}-list`}
            aria-activedescendant={current ? `${id}-${current.id}` : undefined}
            aria-autocomplete="list"
            aria-label={words.palette.field}
            placeholder={words.palette.field}
            autoComplete="off"
            spellCheck={false}
            value={written}
            onChange={(event) => {
              setWritten(event.target.value);
              setAt(0);
            }}
            onKeyDown={walk}
            className="min-h-12 min-w-0 flex-1 bg-transparent outline-none placeholder:text-soft"
          />
        </div>
        <div role="listbox" id={`${id}-list`} aria-label={words.palette.heading} tabIndex={-1} className="min-h-0 flex-1 overflow-y-auto p-2">
          {rows.map((row) => (
            // The keys belong to the field, as with every combobox.
            // oxlint-disable-next-line jsx-a11y/click-events-have-key-events
            <div
              key={row.id}
              id={`${id}-${row.id}`}
              role="option"
              aria-selected={row === current}
              tabIndex={-1}
              data-command={row.id}
              onClick={() => choose(row)}
              onMouseMove={() => setAt(rows.indexOf(row))}
              className={`flex min-h-10 cursor-pointer items-center gap-3 rounded-lg px-3 py-1.5 text-sm forced-colors:border forced-colors:border-transparent ${row === current ? "bg-tint text-accent-strong forced-colors:border-[Highlight]" : ""}`}
            >
              <Icon name={row.icon} className="size-4 text-soft" />
              <span className="min-w-0 flex-1">
                <span className="block wrap-anywhere" {...(row.isName ? { translate: "no" } : {})}>{row.name}</span>
                {row.hit ? (
                  <span translate="no" className="line-clamp-2 text-xs wrap-anywhere text-soft">
                    <HitText hit={row.hit} />
                  </span>
                ) : null}
              </span>
              <span className="max-w-[40%] shrink-0 truncate text-xs text-soft max-sm:hidden" title={row.kind}>
                {row.keys ? row.keys.join(" ") : row.kind}
              </span>
            </div>
          ))}
        </div>
        {rows.length === 0 ? <p className="px-5 pb-5 text-sm text-soft">{words.palette.none}</p> : null}
      </div>
    </dialog>
  );
}

/** Small letters without their dots and accents. */
function plain(text: string): string {
  return text.toLowerCase().replaceAll("ß", "ss").normalize("NFD").replaceAll(/\p{M}/gu, "").replaceAll(/\s+/gu, " ").trim();
}
