import { useLanguage } from "../../lib/language";
import { type Starter, startersIn } from "./starters";

interface Props {
  /** Tiles before the first question, a row of small buttons after it. */
  compact: boolean;
  disabled: boolean;
  onChoose: (starter: Starter) => void;
}

const TAGS: Record<Starter["id"], string> = {
  allowed: "bg-good-tint text-good",
  refused: "bg-stop-tint text-stop",
  redacted: "bg-care-tint text-care",
  confidential: "bg-sunken text-ink",
};

export function Starters({ compact, disabled, onChoose }: Props) {
  const { words } = useLanguage();
  const starters = startersIn(words);
  if (compact) {
    return (
      <div role="group" aria-label={words.ask.examples} className="-m-1 hidden min-w-0 flex-wrap items-center gap-1.5 p-1 sm:flex">
        <span aria-hidden="true" className="mr-1 hidden text-xs text-soft sm:inline">
          {words.ask.examples}
        </span>
        {starters.map((starter) => (
          <button
            key={starter.id}
            type="button"
            data-starter={starter.id}
            aria-disabled={disabled}
            title={starter.title}
            onClick={() => disabled || onChoose(starter)}
            className="min-h-7 shrink-0 rounded-full border border-line bg-panel px-2.5 text-xs text-soft hover:border-edge hover:text-ink aria-disabled:cursor-not-allowed"
          >
            {starter.tag}
          </button>
        ))}
      </div>
    );
  }
  return (
    <ul className="grid gap-3 min-[22rem]:grid-cols-2">
      {starters.map((starter) => (
        <li key={starter.id} className="min-w-0">
          <button
            type="button"
            data-starter={starter.id}
            disabled={disabled}
            onClick={() => onChoose(starter)}
            className="flex h-full w-full flex-col items-start gap-2 rounded-2xl border border-line bg-panel p-4 text-left shadow-card transition-colors hover:border-accent"
          >
            <span className={`rounded-md px-2 py-0.5 text-xs font-semibold ${TAGS[starter.id]}`}>{starter.tag}</span>
            <span className="text-[0.9375rem] leading-snug font-semibold wrap-anywhere sm:text-base">{starter.title}</span>
            <span className="line-clamp-3 text-sm wrap-anywhere text-soft max-sm:hidden">{starter.text}</span>
          </button>
        </li>
      ))}
    </ul>
  );
}
