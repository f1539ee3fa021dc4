import { type FormEvent, type ReactNode, useState } from "react";
import { useLanguage } from "../lib/language";
import { LABELS } from "../lib/labels";
import { Button } from "./Button";
import { Choice, Field } from "./Field";
import { Icon } from "./icons";

/** What decisions and entries can be narrowed to; the names are those of the house's parameters. */
export const FILTERS = ["action", "label", "event", "user", "rule", "route", "model", "request_id"] as const;
export type FilterName = (typeof FILTERS)[number];
export type Chosen = Partial<Record<FilterName, string>>;

/** The filters in an address. */
export function filtersIn(query: string): Chosen {
  const parameters = new URLSearchParams(query);
  return Object.fromEntries(FILTERS.flatMap((name) => (parameters.get(name) ? [[name, parameters.get(name)]] : [])));
}

interface Props {
  chosen: Chosen;
  events: readonly string[];
  onChoose: (chosen: Chosen) => void;
  /** At the other end of the row. */
  children?: ReactNode;
}

/** A row of filters that folds away where there is no room. */
export function Filters({ chosen, events, onChoose, children }: Props) {
  const { words } = useLanguage();
  const { columns } = words;
  const count = Object.keys(chosen).length;
  const [open, setOpen] = useState(count > 0);
  const [draft, setDraft] = useState<Chosen>(chosen);

  function choose(name: FilterName, value: string) {
    const { [name]: _old, ...rest } = draft;
    const next = value.trim() === "" ? rest : { ...rest, [name]: value.trim() };
    setDraft(next);
    return next;
  }

  function submit(event: FormEvent) {
    event.preventDefault();
    onChoose(draft);
  }

  const texts: [FilterName, string][] = [
    ["user", words.decisions.user],
    ["model", columns.model],
    ["route", columns.route],
    ["rule", columns.rule],
    ["request_id", columns.requestId],
  ];
  return (
    <div>
      <div className="flex flex-wrap items-center gap-2">
        <Button aria-expanded={open} onClick={() => setOpen(!open)} data-filters>
          <Icon name="filter" />
          {words.decisions.filters}
          {count > 0 ? <span className="rounded-full bg-accent px-1.5 text-xs font-semibold text-on-accent">{count}</span> : null}
        </Button>
        {count > 0 ? (
          <Button
            look="quiet"
            data-clear
            onClick={() => {
              setDraft({});
              onChoose({});
            }}
          >
            {words.decisions.clear}
          </Button>
        ) : null}
        {children}
      </div>
      {open ? (
        <form onSubmit={submit} className="mt-3 grid grid-cols-1 gap-3 rounded-2xl border border-line bg-panel p-4 sm:grid-cols-2 lg:grid-cols-4">
          <Choice name={columns.action} value={draft.action ?? ""} data-filter="action" onChange={(event) => onChoose(choose("action", event.target.value))}>
            <option value="">{words.all}</option>
            {Object.entries(words.actions).map(([name, [text]]) => (
              <option key={name} value={name}>
                {text}
              </option>
            ))}
          </Choice>
          <Choice name={columns.label} value={draft.label ?? ""} data-filter="label" onChange={(event) => onChoose(choose("label", event.target.value))}>
            <option value="">{words.all}</option>
            {LABELS.map((label) => (
              <option key={label} value={label}>
                {words.labels[label]}
              </option>
            ))}
          </Choice>
          <Choice name={columns.event} value={draft.event ?? ""} data-filter="event" onChange={(event) => onChoose(choose("event", event.target.value))}>
            <option value="">{words.all}</option>
            {events.map((name) => (
              <option key={name} value={name}>
                {words.decisions.events[name] ?? name}
              </option>
            ))}
          </Choice>
          {texts.map(([name, text]) => (
            <Field
              key={name}
              name={text}
              value={draft[name] ?? ""}
              data-filter={name}
              autoComplete="off"
              spellCheck={false}
              onChange={(event) => choose(name, event.target.value)}
              onBlur={() => draft[name] !== chosen[name] && onChoose(draft)}
            />
          ))}
          <button type="submit" className="sr-only">
            {words.decisions.filters}
          </button>
        </form>
      ) : null}
    </div>
  );
}
