import { type ClipboardEvent, type KeyboardEvent, type ReactNode, type RefObject, useId, useRef, useState } from "react";
import { Button } from "../../components/Button";
import { Icon } from "../../components/icons";
import { IconButton } from "../../components/IconButton";
import { announce } from "../../lib/announce";
import { LABELS, type Label } from "../../lib/labels";
import { useLanguage } from "../../lib/language";
import { AttachedList } from "./AttachedList";
import { type Attached, isUnderWay } from "./attachments";
import type { PlaceFound } from "./composing";
import { ComposerOptions, type OptionProps } from "./ComposerOptions";
import { type FindingActions, FindingsPanel } from "./FindingsPanel";
import { MarkLayer } from "./MarkLayer";
import { LONG, Pasted } from "./Pasted";
import { RouteNote } from "./RouteNote";
import type { Preview } from "./usePreview";

interface Props extends OptionProps {
  field: RefObject<HTMLTextAreaElement | null>;
  draft: string;
  onDraft: (draft: string) => void;
  /** Long texts that go with the question. */
  pasted: string[];
  onPasted: (texts: string[]) => void;
  demonstrationModel: string | undefined;
  model: string;
  onModel: (model: string) => void;
  label: Label;
  lowestLabel: Label;
  onLabel: (label: Label) => void;
  busy: boolean;
  /** What the house would find in it. */
  preview: Preview;
  findingActions: Omit<FindingActions, "show">;
  /** The conversation to which what is written belongs, and the files beside it. */
  place: string;
  files: Attached[];
  onFiles: (files: File[]) => void;
  /** The way that the last answer took here. */
  route: string | undefined;
  onSend: () => void;
  onStop: () => void;
}

/** The question field with model, label, send and stop. */
export function Composer(props: Props) {
  const { words } = useLanguage();
  const { field, draft, models, busy, lowestLabel, demonstrationModel, compared, compartments, pasted, preview, files } = props;
  const [options, setOptions] = useState(false);
  const [listed, setListed] = useState(false);
  // What was held once is sent when it is wanted again.
  const [heldText, setHeldText] = useState<string>();
  const held = preview.blocked !== undefined && heldText === draft;
  const marked = preview.places.filter(({ text }) => text === undefined);
  const id = useId();
  const ready = models.length > 0 && (draft.trim() !== "" || pasted.length > 0) && !busy;
  const underWay = files.filter(isUnderWay).length;
  const picker = useRef<HTMLInputElement>(null);

  function submit() {
    if (!ready) return;
    if (underWay > 0) {
      announce(words.files.wait(underWay));
      return;
    }
    if (preview.blocked !== undefined && !held) {
      setHeldText(draft);
      setListed(true);
      announce(`${words.preview.wouldStop} ${words.preview.held}`);
      return;
    }
    setHeldText(undefined);
    setListed(false);
    props.onSend();
  }

  function show({ found: { start, end } }: PlaceFound) {
    // The browser brings a selection into view only when the focus comes.
    field.current?.blur();
    field.current?.setSelectionRange(start, end);
    field.current?.focus();
  }

  function sendOnEnter(event: KeyboardEvent) {
    // While a composition (accents, Asian scripts) is open, Enter belongs to it.
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    submit();
  }

  function takeLong(event: ClipboardEvent) {
    const copied = [...event.clipboardData.files];
    if (copied.length > 0) {
      event.preventDefault();
      props.onFiles(copied);
      return;
    }
    const text = event.clipboardData.getData("text/plain");
    if (text.length <= LONG) return;
    event.preventDefault();
    props.onPasted([...pasted, text]);
    announce(words.pasted.taken);
  }

  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
      className="rounded-3xl border border-edge bg-panel shadow-card focus-within:border-accent focus-within:ring-1 focus-within:ring-accent"
    >
      <Pasted texts={pasted} onRemove={(index) => props.onPasted(pasted.filter((_, other) => other !== index))} />
      <AttachedList place={props.place} rows={files} />
      <label htmlFor={`${id}-question`} className="sr-only">
        {words.ask.field}
      </label>
      <div className="relative">
        {marked.length > 0 ? <MarkLayer field={field} text={draft} places={marked} /> : null}
        <textarea
          ref={field}
          id={`${id}-question`}
          rows={1}
          value={draft}
          disabled={models.length === 0}
          placeholder={words.ask.placeholder}
          aria-describedby={`${id}-keys`}
          onChange={(event) => props.onDraft(event.target.value)}
          onKeyDown={sendOnEnter}
          onPaste={takeLong}
          className="over-marks grows relative block max-h-52 min-h-13 w-full resize-none bg-transparent px-5 pt-3.5 pb-1 outline-none placeholder:text-soft disabled:cursor-not-allowed"
        />
      </div>
      <p id={`${id}-keys`} className="sr-only">
        {words.ask.keys}
      </p>
      <FindingsPanel preview={preview} label={props.label} open={listed} onOpen={setListed} held={held} actions={{ ...props.findingActions, show }} />
      {compared.length > 1 || compartments.length > 0 ? (
        <p className="px-5 pb-2 text-xs wrap-anywhere text-soft" data-summary>
          {compartments.length > 0 ? (
            <span>
              {words.ask.compartments}: <span translate="no">{compartments.join(", ")}</span>.{" "}
            </span>
          ) : null}
          {compared.length > 1 ? (
            <span>
              {words.compare.with}: <span translate="no">{compared.join(", ")}</span>.
            </span>
          ) : null}
        </p>
      ) : null}
      <div id={`${id}-options`} hidden={!options}>
        {options ? <ComposerOptions {...props} /> : null}
      </div>
      <div className="flex flex-wrap items-center gap-1 px-3 pb-3 sm:gap-2">
        <IconButton icon="sliders" name={words.ask.options} data-composer-options aria-expanded={options} aria-controls={`${id}-options`} onClick={() => setOptions(!options)} className="size-9!" />
        <IconButton icon="clip" name={words.files.attach} data-attach disabled={models.length === 0} onClick={() => picker.current?.click()} className="size-9!" />
        <input
          ref={picker}
          type="file"
          multiple
          hidden
          data-picker
          onChange={(event) => {
            props.onFiles([...(event.target.files ?? [])]);
            event.target.value = "";
          }}
        />
        <Choice
          className="max-w-36 shrink-0"
          name={words.ask.label}
          title={words.ask.chooseLabel}
          value={props.label}
          onChange={(value) => props.onLabel(value as Label)}
          kind="label"
        >
          {LABELS.map((label) => (
            <option key={label} value={label} disabled={LABELS.indexOf(label) < LABELS.indexOf(lowestLabel)}>
              {words.labels[label]}
            </option>
          ))}
        </Choice>
        <RouteNote label={props.label} lowestLabel={lowestLabel} raises={preview.raises} asked={compared.length > 1 ? compared : [props.model]} route={props.route} />
        <Choice
          className="min-w-28 max-sm:max-w-44 sm:max-w-[22rem]"
          name={words.ask.model}
          title={words.ask.chooseModel}
          value={props.model}
          onChange={props.onModel}
          disabled={models.length === 0 || compared.length > 1}
          kind="model"
        >
          {models.map((model) => (
            <option key={model} value={model}>
              {model === demonstrationModel ? `${model} (${words.ask.demonstrationMark})` : model}
            </option>
          ))}
        </Choice>
        <div className="ml-auto shrink-0">
          {busy ? (
            <Button look="outline" onClick={props.onStop} data-stop className="rounded-full!">
              <Icon name="stop" />
              <span className="max-sm:sr-only">{words.ask.stop}</span>
            </Button>
          ) : (
            <Button look="primary" type="submit" disabled={!ready} data-send className="size-10 rounded-full! px-0!">
              <Icon name="send" className="size-5" />
              <span className="sr-only">{words.ask.send}</span>
            </Button>
          )}
        </div>
      </div>
    </form>
  );
}

interface ChoiceProps {
  name: string;
  title: string;
  kind: string;
  className: string;
  value: string;
  disabled?: boolean;
  onChange: (value: string) => void;
  children: ReactNode;
}

/** A choice that looks like a quiet button until it is used. */
function Choice({ name, title, kind, className, value, disabled = false, onChange, children }: ChoiceProps) {
  return (
    <select
      aria-label={name}
      title={title}
      data-choice={kind}
      value={value}
      disabled={disabled}
      onChange={(event) => onChange(event.target.value)}
      className={`grows min-h-9 truncate rounded-full border border-line bg-panel px-2.5 text-[0.8125rem] text-soft hover:border-edge hover:text-ink ${className}`}
    >
      {children}
    </select>
  );
}
