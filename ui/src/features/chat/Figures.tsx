import { useId, useState } from "react";
import { Button } from "../../components/Button";
import { Icon } from "../../components/icons";
import { useLanguage } from "../../lib/language";
import { useStore } from "../../lib/store";
import { type Checked, checkFiguresAlways, checksFigures } from "./figureCheck";

/** Says how many figures of an answer stand in none of its sources, and which. */
export function Figures({ checked }: { checked: Checked }) {
  const { words } = useLanguage();
  const always = useStore(checksFigures);
  const [open, setOpen] = useState(false);
  const id = useId();
  if (checked.state === "busy") return <p className="mt-3 text-sm text-soft">{words.figures.busy}</p>;
  if (checked.state === "failed") return <p className="mt-3 text-sm text-soft">{words.figures.failed}</p>;
  const { checked: all, unfounded } = checked.check;
  const each = [...new Map(unfounded.map((figure) => [figure.text, figure])).values()];
  return (
    <div className="mt-3" data-figures={unfounded.length}>
      <button
        type="button"
        data-figures-of
        aria-expanded={open}
        aria-controls={id}
        onClick={() => setOpen(!open)}
        className="-ml-1.5 inline-flex min-h-8 items-center gap-2 rounded-md px-1.5 text-left text-sm text-soft hover:bg-sunken hover:text-ink"
      >
        <Icon name={unfounded.length > 0 ? "help" : "check"} className={`size-4 ${unfounded.length > 0 ? "text-care" : "text-good"}`} />
        {all === 0 ? words.figures.none : unfounded.length === 0 ? words.figures.allFounded(all) : words.figures.summary(unfounded.length, all)}
        <Icon name={open ? "up" : "down"} className="size-3.5" />
      </button>
      <div id={id} hidden={!open} className="mt-1 space-y-2 rounded-xl border border-line bg-panel p-3 text-sm text-pretty">
        {each.length > 0 ? (
          <ul aria-label={words.figures.list} className="flex flex-wrap gap-x-5 gap-y-1">
            {each.map(({ text, kind }) => (
              <li key={text}>
                <span translate="no" className="font-medium wrap-anywhere">
                  {text}
                </span>{" "}
                <span className="text-xs text-soft">{words.figures.kinds[kind]}</span>
              </li>
            ))}
          </ul>
        ) : null}
        <p className="text-soft">{words.figures.meaning}</p>
        <Button small data-figures-always={always} onClick={() => checkFiguresAlways(!always)}>
          {always ? words.figures.never : words.figures.always}
        </Button>
      </div>
    </div>
  );
}
