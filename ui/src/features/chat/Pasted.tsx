import { Icon } from "../../components/icons";
import { IconButton } from "../../components/IconButton";
import { count } from "../../lib/format";
import { useLanguage } from "../../lib/language";

/** Longer texts lie beside the field when they are pasted: a field with twenty thousand lines would stop the page. */
export const LONG = 8000;

/** Long texts that were pasted and go with the question, each with what it begins with and a way to leave it out. */
export function Pasted({ texts, onRemove }: { texts: string[]; onRemove: (index: number) => void }) {
  const { words, language } = useLanguage();
  if (texts.length === 0) return null;
  return (
    <ul aria-label={words.pasted.heading} className="flex flex-wrap gap-2 px-3 pt-3">
      {texts.map((text, index) => (
        <li key={index} data-pasted className="flex max-w-full min-w-0 items-center gap-2 rounded-xl border border-line bg-sunken py-1 pr-1 pl-3 text-xs">
          <Icon name="copy" className="size-4 text-soft" />
          <span className="min-w-0">
            <span className="block font-medium">{words.pasted.size(count(linesOf(text), language), count(text.length, language))}</span>
            <span translate="no" className="block max-w-64 truncate text-soft" title={text.slice(0, 200)}>
              {text.trimStart().slice(0, 80)}
            </span>
          </span>
          <IconButton icon="close" name={words.pasted.remove} data-remove-pasted onClick={() => onRemove(index)} />
        </li>
      ))}
    </ul>
  );
}

function linesOf(text: string): number {
  let lines = 1;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) lines += 1;
  return lines;
}
