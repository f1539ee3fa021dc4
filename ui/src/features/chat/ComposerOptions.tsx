import type { ReactNode } from "react";
import { Button } from "../../components/Button";
import { useLanguage } from "../../lib/language";
import { MOST_COMPARED } from "./choices";

export interface OptionProps {
  models: string[];
  /** The models that answer side by side; empty for one alone. */
  compared: string[];
  onCompared: (models: string[]) => void;
  /** The compartments that this person may choose among. */
  offered: string[];
  compartments: string[];
  onCompartments: (names: string[]) => void;
  /** Opens the dialog that lowers the label; nothing where there is no label to lower. */
  onLower: (() => void) | undefined;
}

/** What is rarely needed for a question: compartments, several models, a lower label. */
export function ComposerOptions({ models, compared, onCompared, offered, compartments, onCompartments, onLower }: OptionProps) {
  const { words } = useLanguage();
  return (
    <div data-options-panel className="mx-3 mb-3 max-h-[45dvh] space-y-3 overflow-y-auto rounded-2xl bg-sunken p-3">
      {offered.length > 0 ? (
        <Checks
          name={words.ask.compartments}
          hint={words.ask.compartmentsHint}
          kind="compartment"
          all={offered}
          chosen={compartments}
          onChange={onCompartments}
        />
      ) : null}
      {models.length > 1 ? (
        <Checks name={words.compare.heading} hint={words.compare.choose(MOST_COMPARED)} kind="compare" all={models} chosen={compared} most={MOST_COMPARED} onChange={onCompared} />
      ) : (
        <p className="text-sm text-soft">{words.compare.onlyOne}</p>
      )}
      {onLower ? (
        <Button small onClick={onLower} data-lower>
          {words.lower.open}
        </Button>
      ) : null}
    </div>
  );
}

interface ChecksProps {
  name: string;
  hint: string;
  kind: string;
  all: string[];
  chosen: string[];
  most?: number;
  onChange: (chosen: string[]) => void;
}

function Checks({ name, hint, kind, all, chosen, most = all.length, onChange }: ChecksProps): ReactNode {
  return (
    <fieldset>
      <legend className="text-sm font-medium">{name}</legend>
      <p className="text-xs text-soft">{hint}</p>
      <div className="mt-1.5 flex flex-wrap gap-x-4 gap-y-1">
        {all.map((one) => {
          const isChosen = chosen.includes(one);
          return (
            <label key={one} className="flex min-h-8 min-w-0 cursor-pointer items-center gap-2 text-sm has-disabled:cursor-not-allowed has-disabled:text-soft">
              <input
                type="checkbox"
                className="size-4 shrink-0 accent-accent"
                checked={isChosen}
                disabled={!isChosen && chosen.length >= most}
                {...{ [`data-${kind}`]: one }}
                onChange={() => onChange(isChosen ? chosen.filter((other) => other !== one) : [...chosen, one])}
              />
              <span translate="no" className="wrap-anywhere">
                {one}
              </span>
            </label>
          );
        })}
      </div>
    </fieldset>
  );
}
