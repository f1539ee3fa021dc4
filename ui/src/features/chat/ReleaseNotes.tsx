import { useEffect, useRef } from "react";
import { Button } from "../../components/Button";
import { Icon } from "../../components/icons";
import { IconButton } from "../../components/IconButton";
import { announce } from "../../lib/announce";
import { dateTime } from "../../lib/format";
import { useLanguage } from "../../lib/language";
import { putAway, type Release } from "./releases";

interface Props {
  rows: Release[];
  /** Those whose text this page still has. */
  known: Readonly<Record<string, { content: string }>>;
  ready: boolean;
  onSend: (release: Release) => void;
}

/** One's own wishes for a release, above the field: what waits, and what can be sent now. */
export function ReleaseNotes({ rows, known, ready, onSend }: Props) {
  const { words, language } = useLanguage();
  useToldWhenDecided(rows, words.release.states);
  if (rows.length === 0) return null;
  return (
    <ul aria-label={words.release.list} className="mb-2 max-h-48 space-y-1.5 overflow-y-auto low:max-h-none">
      {rows.map((row) => (
        <li key={row.id} data-release={row.state} className={`flex flex-wrap items-center gap-x-3 gap-y-1 rounded-2xl border px-3.5 py-2 text-sm ${row.state === "granted" ? "border-good-line bg-good-tint" : "border-line bg-sunken"}`}>
          <Icon name={row.state === "granted" ? "check" : row.state === "denied" ? "close" : "clock"} className="size-4 text-soft" />
          <p className="min-w-0 flex-1 basis-52">
            <span className="font-medium">{words.release.states[row.state]}</span>{" "}
            {Object.entries(row.types).map(([type, count]) => `${count} × ${words.findings[type] ?? type}`).join(", ")}
            {row.reason === null ? null : (
              <span translate="no" className="block text-xs wrap-anywhere text-soft">
                {row.reason}
              </span>
            )}
            <span className="block text-xs text-soft">
              {row.state === "denied" ? (row.note ?? "") : words.release.until(dateTime(row.expires, language))} {row.state === "granted" && !(row.id in known) ? words.release.again : ""}
            </span>
          </p>
          {row.state === "granted" ? (
            <Button small look="primary" disabled={!ready} onClick={() => onSend(row)} data-send-released>
              {words.ask.send}
            </Button>
          ) : null}
          <IconButton icon="close" name={words.release.putAway} onClick={() => putAway(row.id)} />
        </li>
      ))}
    </ul>
  );
}

/** Says it once when somebody has decided. */
function useToldWhenDecided(rows: Release[], states: Record<string, string>) {
  const last = useRef<ReadonlyMap<string, string>>(new Map());
  useEffect(() => {
    for (const { id, state } of rows) if (last.current.get(id) === "waiting" && state !== "waiting") announce(states[state] ?? "");
    last.current = new Map(rows.map(({ id, state }) => [id, state]));
  }, [rows, states]);
}
