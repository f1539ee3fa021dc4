import { lazy, Suspense, useEffect, useRef, useState } from "react";
import { LabelBadge } from "../../components/Badge";
import { Icon } from "../../components/icons";
import { IconButton } from "../../components/IconButton";
import { announce } from "../../lib/announce";
import { size } from "../../lib/format";
import { useLanguage } from "../../lib/language";
import type { Words } from "../../lib/text/en";
import { type Attached, changeMasks, detach, isUnderWay } from "./attachments";
import { isMasked, toldOf } from "./examined";

const AttachmentDrawer = lazy(() => import("./AttachmentDrawer"));

/** The files beside the question, each with how far it is and a way to leave it out. */
export function AttachedList({ place, rows }: { place: string; rows: Attached[] }) {
  const { words } = useLanguage();
  const [opened, setOpened] = useState<string>();
  const shown = rows.find(({ key }) => key === opened);
  useToldWhenRead(rows, words);
  if (rows.length === 0) return null;
  return (
    <>
      <ul aria-label={words.files.heading} data-attached={rows.length} className="flex max-h-44 flex-wrap gap-2 overflow-y-auto px-3 pt-3 low:max-h-none">
        {rows.map((row) => (
          <Chip key={row.key} row={row} onOpen={() => setOpened(row.key)} onRemove={() => detach(place, row.key)} />
        ))}
      </ul>
      {shown?.attachment ? (
        <Suspense>
          <AttachmentDrawer
            id={shown.attachment.id}
            name={shown.name}
            attachment={shown.attachment}
            masks={shown.masks}
            onMasks={shown.attachment.maskable ? (next) => changeMasks(place, shown.key, next) : undefined}
            onClose={() => setOpened(undefined)}
          />
        </Suspense>
      ) : null}
    </>
  );
}

function Chip({ row, onOpen, onRemove }: { row: Attached; onOpen: () => void; onRemove: () => void }) {
  const { words, language } = useLanguage();
  const { attachment, state, refusal, name } = row;
  const open = toldOf(attachment?.findings ?? []).filter((found) => !isMasked(found, row.masks));
  const isBad = state === "failed" || state === "refused";
  const why = attachment?.reason?.[language] ?? (refusal ? (words.files.why[refusal.code] ?? refusal.message ?? words.files.why["other"]) : undefined);
  const isStopped = open.some(({ action }) => action === "BLOCK");
  return (
    <li data-file={state} className={`flex w-64 max-w-full min-w-0 items-start gap-2 rounded-xl border py-1.5 pr-1 pl-3 text-xs ${isBad || isStopped ? "border-stop-line bg-stop-tint" : "border-line bg-sunken"}`}>
      <Icon name={isBad ? "shield" : "file"} className={`mt-0.5 size-4 ${isBad ? "text-stop" : "text-soft"}`} />
      <div className="min-w-0 flex-1">
        <p translate="no" className="line-clamp-2 font-medium wrap-anywhere" title={name}>
          {name}
        </p>
        <p className="text-soft">
          {size(row.bytes, language)} · {words.files.states[state]}
          {why ? <span className="block text-ink wrap-anywhere">{why}</span> : null}
          {attachment?.cut ? ` · ${words.files.cutShort}` : null}
        </p>
        {state === "sending" || state === "waiting" ? <progress max={1} value={row.sent} aria-label={words.files.progress(name)} className="h-1.5 w-full accent-accent" /> : null}
        {state === "ready" ? (
          <p className="mt-0.5 flex flex-wrap items-center gap-1.5">
            {attachment?.label ? <LabelBadge label={attachment.label} /> : null}
            <button type="button" data-open-file onClick={onOpen} className={`min-h-6 underline underline-offset-2 ${isStopped ? "font-semibold text-stop" : "text-accent"}`}>
              {open.length > 0 ? words.files.places(open.length) : words.files.read}
              <span className="sr-only"> {name}</span>
            </button>
          </p>
        ) : null}
      </div>
      <IconButton icon="close" name={words.files.remove(name, isUnderWay(row))} data-detach onClick={onRemove} />
    </li>
  );
}

/** Says once that all files are read, and how many were not. */
function useToldWhenRead(rows: Attached[], words: Words) {
  const busy = rows.some(isUnderWay);
  const was = useRef(busy);
  const bad = rows.filter(({ state }) => state === "failed" || state === "refused").length;
  const ready = rows.filter(({ state }) => state === "ready").length;
  useEffect(() => {
    if (was.current && !busy && ready + bad > 0) announce(words.files.done(ready, bad));
    was.current = busy;
  }, [busy, ready, bad, words]);
}
