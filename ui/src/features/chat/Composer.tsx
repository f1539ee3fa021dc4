import { type KeyboardEvent, type ReactNode, type RefObject, useId } from "react";
import { Button } from "../../components/Button";
import { Icon } from "../../components/icons";
import { LABELS, type Label } from "../../lib/labels";
import { useLanguage } from "../../lib/language";

interface Props {
  field: RefObject<HTMLTextAreaElement | null>;
  draft: string;
  onDraft: (draft: string) => void;
  models: string[];
  demonstrationModel: string | undefined;
  model: string;
  onModel: (model: string) => void;
  label: Label;
  lowestLabel: Label;
  onLabel: (label: Label) => void;
  busy: boolean;
  onSend: () => void;
  onStop: () => void;
}

/** The question field with model, label, send and stop. */
export function Composer(props: Props) {
  const { words } = useLanguage();
  const { field, draft, models, busy, lowestLabel, demonstrationModel } = props;
  const id = useId();
  const ready = models.length > 0 && draft.trim() !== "" && !busy;

  function sendOnEnter(event: KeyboardEvent) {
    // While a composition (accents, Asian scripts) is open, Enter belongs to it.
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    if (ready) props.onSend();
  }

  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (ready) props.onSend();
      }}
      className="rounded-2xl border border-edge bg-panel shadow-card focus-within:border-accent focus-within:ring-1 focus-within:ring-accent"
    >
      <label htmlFor={`${id}-question`} className="sr-only">
        {words.ask.field}
      </label>
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
        className="grows block max-h-48 min-h-12 w-full sm:min-h-16 resize-none bg-transparent px-4 pt-3 pb-1 outline-none placeholder:text-soft disabled:cursor-not-allowed"
      />
      <p id={`${id}-keys`} className="sr-only">
        {words.ask.keys}
      </p>
      <div className="flex items-end gap-2 px-2.5 pb-2.5 sm:gap-3 sm:px-3 sm:pb-3">
        <Choice className="shrink-0 max-w-32 sm:max-w-none" name={words.ask.label} value={props.label} onChange={(value) => props.onLabel(value as Label)}>
          {LABELS.map((label) => (
            <option key={label} value={label} disabled={LABELS.indexOf(label) < LABELS.indexOf(lowestLabel)}>
              {words.labels[label]}
            </option>
          ))}
        </Choice>
        <Choice className="min-w-0 sm:max-w-[21rem]" name={words.ask.model} value={props.model} onChange={props.onModel} disabled={models.length === 0}>
          {models.map((model) => (
            <option key={model} value={model}>
              {model === demonstrationModel ? `${model} (${words.ask.demonstrationMark})` : model}
            </option>
          ))}
        </Choice>
        <div className="ml-auto shrink-0">
          {busy ? (
            <Button look="outline" onClick={props.onStop} data-stop>
              <Icon name="stop" />
              <span className="max-sm:sr-only">{words.ask.stop}</span>
            </Button>
          ) : (
            <Button look="primary" type="submit" disabled={!ready} data-send>
              <Icon name="send" />
              <span className="max-sm:sr-only">{words.ask.send}</span>
            </Button>
          )}
        </div>
      </div>
    </form>
  );
}

interface ChoiceProps {
  name: string;
  className: string;
  value: string;
  disabled?: boolean;
  onChange: (value: string) => void;
  children: ReactNode;
}

function Choice({ name, className, value, disabled = false, onChange, children }: ChoiceProps) {
  const id = useId();
  return (
    <div className={className}>
      <label htmlFor={id} className="block px-1 text-xs text-soft">
        {name}
      </label>
      <select
        id={id}
        value={value}
        disabled={disabled}
        onChange={(event) => onChange(event.target.value)}
        className="min-h-10 w-full truncate rounded-lg border border-line bg-panel px-2 text-sm text-ink hover:border-edge"
      >
        {children}
      </select>
    </div>
  );
}
