import { memo, type ReactNode, useEffect, useMemo, useState } from "react";
import { Badge, LabelBadge } from "../../components/Badge";
import { Button } from "../../components/Button";
import { Facts } from "../../components/Facts";
import { reveal } from "../../components/hidden";
import { Modal } from "../../components/Modal";
import { Reading } from "../../components/Page";
import { RefusalCard } from "../../components/RefusalCard";
import { count, size } from "../../lib/format";
import { useLanguage } from "../../lib/language";
import { type Refusal, refusalIn } from "../../lib/refusal";
import { cutAtMarks } from "../../lib/spans";
import type { Words } from "../../lib/text/en";
import { type Attachment, type AttachmentText, readText } from "./attachments";
import { everywhere, type FilePlace, type Found, isMasked, type Mask, toldOf, withMask, withoutMask } from "./examined";
import { pieces, type TextPiece } from "./textPieces";

/** More places are not listed one by one. */
const LISTED = 100;

interface Props {
  id: string;
  name: string;
  /** What is known of it beside its text. */
  attachment?: Attachment | undefined;
  masks?: Mask[];
  /** Nothing where nothing can be masked any more. */
  onMasks?: ((next: (masks: Mask[]) => Mask[]) => void) | undefined;
  onClose: () => void;
}

const NONE: Mask[] = [];

/** What was read out of a file: its text as a model is shown it, what was found in it and where, and what was left out. */
export default function AttachmentDrawer({ id, name, attachment, masks = NONE, onMasks, onClose }: Props) {
  const { words, language } = useLanguage();
  const [read, setRead] = useState<AttachmentText>();
  const [refusal, setRefusal] = useState<Refusal>();

  useEffect(() => {
    const controller = new AbortController();
    readText(id, controller.signal).then(setRead, (error: unknown) => {
      if (!controller.signal.aborted) setRefusal(refusalIn(error));
    });
    return () => controller.abort();
  }, [id]);

  const found = useMemo(() => toldOf(attachment?.findings ?? []), [attachment]);
  const cut = useMemo(() => (read ? pieces(read.text, read.places ?? (read.pages ?? []).map(({ page, start }) => ({ kind: "page", number: page, name: null, start }))) : []), [read]);
  const kind = attachment ? (words.files.kinds[attachment.kind] ?? attachment.kind) : undefined;

  return (
    <Modal heading={<span translate="no">{name}</span>} onClose={onClose}>
      <div className="space-y-5" data-attachment={id}>
        {attachment ? (
          <Facts
            facts={[
              [words.files.kind, kind],
              [words.files.size, size(attachment.bytes, language)],
              [words.files.length, words.files.characters(count(attachment.characters, language), attachment.pages)],
              [words.turn.label, attachment.label ? <LabelBadge label={attachment.label} /> : null],
            ]}
          />
        ) : null}
        {attachment && (attachment.omitted.length > 0 || attachment.cut) ? (
          <section>
            <h3 className="text-sm font-semibold">{words.files.omitted}</h3>
            <ul className="mt-1 list-disc space-y-1 pl-5 text-sm" data-omitted>
              {attachment.cut ? <li>{words.files.cut}</li> : null}
              {attachment.omitted.map(({ what }) => (
                <li key={what.en}>{what[language]}</li>
              ))}
            </ul>
          </section>
        ) : null}
        {found.length > 0 ? (
          <section>
            <div className="flex flex-wrap items-center justify-between gap-2">
              <h3 className="text-sm font-semibold">{words.preview.list}</h3>
              {onMasks && found.some((one) => one.start < one.end && !isMasked(one, masks)) ? (
                <Button small data-mask-all onClick={() => onMasks((before) => found.reduce((all, { start, end, type }) => (start === end || isMasked({ start, end }, all) ? all : withMask(all, { start, end, type })), before))}>
                  {words.preview.maskAll}
                </Button>
              ) : null}
            </div>
            <ul className="mt-1 space-y-1 text-sm">
              {found.slice(0, LISTED).map((one) => (
                <Place key={`${one.start} ${one.type}`} found={one} text={read?.text ?? ""} masked={isMasked(one, masks)} onMasks={onMasks} />
              ))}
            </ul>
            {found.length > LISTED ? <p className="mt-1 text-xs text-soft">{words.preview.more(found.length - LISTED)}</p> : null}
          </section>
        ) : null}
        <section>
          <h3 className="text-sm font-semibold">{words.files.text}</h3>
          <p className="mt-1 text-xs text-soft">{words.files.textHint}</p>
          {refusal ? (
            <div className="mt-2">
              <RefusalCard refusal={refusal} />
            </div>
          ) : null}
          {!read && !refusal ? <Reading /> : null}
          <div translate="no" data-file-text className="mt-2 rounded-xl border border-line bg-sunken p-3 text-sm wrap-anywhere whitespace-pre-wrap">
            {cut.map((piece) => (
              <Piece key={piece.start} piece={piece} found={found.filter(({ start, end }) => start < piece.start + piece.text.length && end > piece.start)} masks={masks} words={words} />
            ))}
            {read?.text === "" ? <p className="text-soft">{words.files.empty}</p> : null}
          </div>
        </section>
      </div>
    </Modal>
  );
}

interface PlaceProps {
  found: Found;
  text: string;
  masked: boolean;
  onMasks: Props["onMasks"];
}

function Place({ found, text, masked, onMasks }: PlaceProps) {
  const { words } = useLanguage();
  const name = words.findings[found.type] ?? found.type;
  const mask = { start: found.start, end: found.end, type: found.type };
  return (
    <li data-place={found.type} data-masked={masked} className="flex flex-wrap items-center gap-x-2 gap-y-1 rounded-lg border border-line px-2.5 py-1.5">
      <span className="min-w-0 flex-1 basis-48">
        <span className="font-medium">{name}</span>
        {found.place === null || found.place === undefined ? null : <span className="text-soft">, {placeOf(found.place, words)}</span>}{" "}
        <button
          type="button"
          translate="no"
          title={words.preview.show}
          disabled={found.start === found.end}
          onClick={() => document.getElementById(idOf(found))?.scrollIntoView({ block: "center" })}
          className="rounded font-mono text-xs wrap-anywhere text-soft underline underline-offset-2"
        >
          {text.slice(found.start, Math.min(found.end, found.start + 48))}
        </button>
        <span className="block text-xs text-soft">{masked ? words.preview.masked : (words.preview.actions[found.action] ?? "")}</span>
      </span>
      {masked ? <Badge look="good">{words.preview.maskedMark}</Badge> : null}
      {onMasks && found.start < found.end ? (
        <Button
          small
          look={masked ? "quiet" : "outline"}
          aria-label={words.preview.of(masked ? words.preview.unmask : words.preview.mask, name)}
          {...(masked ? { "data-unmask": "" } : { "data-mask": "" })}
          onClick={() => onMasks((masks) => everywhere(text, mask).reduce(masked ? withoutMask : withMask, masks))}
        >
          {masked ? words.preview.unmask : words.preview.mask}
        </Button>
      ) : null}
    </li>
  );
}

const Piece = memo(
  function Piece({ piece, found, masks, words }: { piece: TextPiece; found: Found[]; masks: Mask[]; words: Words }) {
    const marks = found.map((one) => ({ ...one, at: one.start, start: Math.max(0, one.start - piece.start), end: Math.min(piece.text.length, one.end - piece.start), masked: isMasked(one, masks) }));
    return (
      <>
        {piece.place === undefined ? null : <p className="mt-3 mb-1 border-t border-line pt-2 text-xs font-semibold text-soft first:mt-0 first:border-0 first:pt-0">{placeOf(piece.place, words)}</p>}
        <div className="piece">
          {marks.length === 0
            ? reveal(piece.text)
            : cutAtMarks(piece.text, marks).map(({ text, marks: [mark] }, index): ReactNode =>
                mark ? (
                  <mark
                    key={index}
                    id={mark.start > 0 || mark.at === piece.start ? idOf({ start: mark.at }) : undefined}
                    className={`rounded-sm px-0.5 text-ink underline decoration-2 underline-offset-4 ${mark.masked ? "bg-good-tint decoration-good decoration-dashed" : mark.action === "BLOCK" ? "bg-mark decoration-stop" : "bg-care-tint decoration-care decoration-dotted"}`}
                  >
                    {reveal(text)}
                    <span className="sr-only select-none"> ({words.findings[mark.type] ?? mark.type}) </span>
                  </mark>
                ) : (
                  <span key={index}>{reveal(text)}</span>
                ),
              )}
        </div>
      </>
    );
  },
  (before, after) => before.piece === after.piece && before.words === after.words && before.found.length === after.found.length && (after.found.length === 0 || before.masks === after.masks),
);

function placeOf({ kind, number, name }: FilePlace, words: Words): string {
  const written = [number === null ? "" : String(number), name === null ? "" : `„${name}“`].filter(Boolean).join(" ");
  return `${words.files.placeKinds[kind] ?? kind} ${written}`.trim();
}

function idOf({ start }: { start: number }): string {
  return `place-${start}`;
}
