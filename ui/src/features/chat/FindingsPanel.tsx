import { useEffect, useId, useRef } from "react";
import { Badge, LabelBadge } from "../../components/Badge";
import { Button } from "../../components/Button";
import { Icon } from "../../components/icons";
import { announce } from "../../lib/announce";
import { LABELS, type Label } from "../../lib/labels";
import { useLanguage } from "../../lib/language";
import type { Words } from "../../lib/text/en";
import type { PlaceFound } from "./composing";
import { countsOf } from "./examined";
import type { Preview } from "./usePreview";

/** More places are not listed one by one. */
const LISTED = 50;

export interface FindingActions {
  mask: (place: PlaceFound) => void;
  unmask: (place: PlaceFound) => void;
  remove: (place: PlaceFound) => void;
  /** Shows where it stands; nothing for texts that lie beside the field. */
  show: (place: PlaceFound) => void;
  raise: (label: Label) => void;
  /** Nothing where the house lets nobody release. */
  askRelease: (() => void) | undefined;
}

interface Props {
  preview: Preview;
  label: Label;
  open: boolean;
  onOpen: (open: boolean) => void;
  /** Whether sending was held because of what was found. */
  held: boolean;
  actions: FindingActions;
}

/** What the house would find in this question, said while there is still time, and what can be done about each place. */
export function FindingsPanel({ preview, label, open, onOpen, held, actions }: Props) {
  const { words } = useLanguage();
  const id = useId();
  const { places, blocked, raises } = preview;
  const higher = raises !== undefined && LABELS.indexOf(raises) > LABELS.indexOf(label) ? raises : undefined;
  const said = summaryOf(preview, higher, words);
  useAnnounced(said, words);
  if (said === "") return null;

  return (
    <div data-preview={blocked ?? "found"} className={`mx-3 mb-2 rounded-2xl border text-sm ${blocked ? "border-stop-line bg-stop-tint" : "border-care-line bg-care-tint"}`}>
      <button
        type="button"
        data-preview-summary
        aria-expanded={open}
        aria-controls={id}
        onClick={() => onOpen(!open)}
        className="flex min-h-9 w-full items-start gap-2 rounded-2xl px-3 py-1.5 text-left"
      >
        <Icon name="shield" className={`mt-0.5 size-4 ${blocked ? "text-stop" : "text-care"}`} />
        <span className="min-w-0 flex-1 wrap-anywhere">{said}</span>
        <Icon name={open ? "up" : "down"} className="mt-0.5 size-4 text-soft" />
      </button>
      <div id={id} hidden={!open} className="max-h-64 overflow-y-auto px-3 pb-3 low:max-h-none">
        {blocked ? (
          <div className="mb-2 space-y-1" data-preview-help>
            <p>{blocked === "findings" ? (preview.offersMasks && preview.inFiles.length === 0 ? words.preview.stopped : words.preview.stoppedPlain) : words.preview.stoppedByLabel}</p>
            {preview.inFiles.length > 0 ? (
              <p>
                {words.preview.inFiles} <span translate="no">{preview.inFiles.join(", ")}</span>
              </p>
            ) : null}
            {held ? <p className="font-medium">{words.preview.held}</p> : null}
          </div>
        ) : null}
        {higher ? (
          <div className="mb-2 flex flex-wrap items-center gap-2">
            <p className="min-w-0 flex-1 basis-52">
              {words.preview.raises} <LabelBadge label={higher} />
            </p>
            <Button small onClick={() => actions.raise(higher)} data-raise={higher}>
              {words.preview.raise(words.labels[higher])}
            </Button>
          </div>
        ) : null}
        {places.length > 0 ? (
          <ul aria-label={words.preview.list} className="space-y-1">
            {places.slice(0, LISTED).map((place) => (
              <Row key={`${place.text === undefined ? "" : place.text.length} ${place.found.start} ${place.found.type}`} place={place} masks={preview.offersMasks} actions={actions} />
            ))}
          </ul>
        ) : null}
        {preview.offersMasks && places.filter(({ masked }) => !masked).length > 1 ? (
          <Button small className="mt-2" data-mask-all onClick={() => places.filter(({ masked }) => !masked).forEach(actions.mask)}>
            {words.preview.maskAll}
          </Button>
        ) : null}
        {places.length > LISTED ? <p className="mt-1 text-xs text-soft">{words.preview.more(places.length - LISTED)}</p> : null}
        {preview.offersMasks && places.some(({ masked }) => masked) ? <p className="mt-2 text-xs text-soft">{words.preview.maskHint}</p> : null}
        {blocked && actions.askRelease ? (
          <Button small className="mt-2" onClick={actions.askRelease} data-ask-release>
            {words.preview.askRelease}
          </Button>
        ) : null}
      </div>
    </div>
  );
}

function Row({ place, masks, actions }: { place: PlaceFound; masks: boolean; actions: FindingActions }) {
  const { words } = useLanguage();
  const { found, masked, kept, excerpt } = place;
  const name = words.findings[found.type] ?? found.type;
  return (
    <li data-place={found.type} data-masked={masked} className="flex flex-wrap items-center gap-x-2 gap-y-1 rounded-lg bg-panel px-2.5 py-1.5">
      <span className="min-w-0 flex-1 basis-48">
        <span className="font-medium">{name}</span>{" "}
        <button type="button" translate="no" disabled={place.text !== undefined} onClick={() => actions.show(place)} title={words.preview.show} className="max-w-full rounded font-mono text-xs wrap-anywhere text-soft enabled:underline enabled:underline-offset-2">
          {excerpt}
        </button>
        <span className="block text-xs text-soft">
          {place.text === undefined ? "" : `${words.preview.inPasted} `}
          {kept ? words.preview.kept : masked ? words.preview.masked : (words.preview.actions[found.action] ?? "")}
        </span>
      </span>
      <span className="flex flex-wrap items-center gap-1">
        {masked ? (
          <>
            <Badge look="good">{words.preview.maskedMark}</Badge>
            {kept ? null : (
              <Button small look="quiet" aria-label={words.preview.of(words.preview.unmask, name)} onClick={() => actions.unmask(place)} data-unmask>
                {words.preview.unmask}
              </Button>
            )}
          </>
        ) : (
          <>
            {masks ? (
              <Button small aria-label={words.preview.of(words.preview.mask, name)} onClick={() => actions.mask(place)} data-mask>
                {words.preview.mask}
              </Button>
            ) : null}
            <Button small look="quiet" aria-label={words.preview.of(words.preview.remove, name)} onClick={() => actions.remove(place)} data-remove>
              {words.preview.remove}
            </Button>
          </>
        )}
      </span>
    </li>
  );
}

/** `2 places: IBAN, name`, and whether the house would take it. */
function summaryOf({ places, blocked }: Preview, higher: Label | undefined, words: Words): string {
  const { preview } = words;
  const open = places.filter(({ masked }) => !masked);
  const names = countsOf(open.map(({ found }) => found)).map(([type, count]) => (count > 1 ? `${count} × ${words.findings[type] ?? type}` : (words.findings[type] ?? type)));
  const parts = [
    open.length > 0 ? preview.found(open.length, names.join(", ")) : "",
    places.length > open.length ? preview.maskedCount(places.length - open.length) : "",
    blocked ? preview.wouldStop : "",
    higher && open.length === 0 ? `${preview.raises} ${words.labels[higher]}.` : "",
  ];
  return parts.filter(Boolean).join(" ");
}

/** Says it once when it changes, and that nothing is left when nothing is. */
function useAnnounced(said: string, words: Words) {
  const last = useRef("");
  useEffect(() => {
    if (last.current === said) return;
    announce(said === "" ? words.preview.clear : said);
    last.current = said;
  }, [said, words]);
}
