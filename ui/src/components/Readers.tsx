import { useId } from "react";
import { useLanguage } from "../lib/language";
import { useSession } from "../lib/session";
import type { Words } from "../lib/text/en";

interface Props {
  /** What the choice is about. */
  name: string;
  hint?: string;
  /** `everyone`, `group:NAME`, `person:NAME`. */
  chosen: string[];
  onChange: (chosen: string[]) => void;
}

/** Who in the house may have something: everybody, one's own groups, and whoever has it already. */
export function Readers({ name, hint, chosen, onChange }: Props) {
  const { words } = useLanguage();
  const { session } = useSession();
  const id = useId();
  const offered = [...new Set(["everyone", ...session.groups.map((group) => `group:${group}`), ...chosen])];
  return (
    <fieldset aria-describedby={hint ? id : undefined}>
      <legend className="text-sm font-medium">{name}</legend>
      {hint ? (
        <p id={id} className="text-xs text-pretty text-soft">
          {hint}
        </p>
      ) : null}
      <div className="mt-1 space-y-0.5">
        {offered.map((reader) => (
          <label key={reader} className="flex min-h-8 cursor-pointer items-center gap-2.5 text-sm">
            <input
              type="checkbox"
              data-reader={reader}
              className="size-4 shrink-0 accent-accent"
              checked={chosen.includes(reader)}
              onChange={() => onChange(chosen.includes(reader) ? chosen.filter((one) => one !== reader) : [...chosen, reader])}
            />
            <span className="wrap-anywhere">{readerName(reader, words)}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

export function readerName(reader: string, words: Words): string {
  if (reader === "everyone") return words.share.everyone;
  if (reader.startsWith("group:")) return words.share.group(reader.slice(6));
  return reader.startsWith("person:") ? words.share.onePerson(reader.slice(7)) : reader;
}
