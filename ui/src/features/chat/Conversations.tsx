import { type FormEvent, useEffect, useId, useRef, useState } from "react";
import { Button } from "../../components/Button";
import { Confirm } from "../../components/Confirm";
import { Field } from "../../components/Field";
import { Icon } from "../../components/icons";
import { Modal } from "../../components/Modal";
import { RefusalCard } from "../../components/RefusalCard";
import { confirmDone } from "../../lib/announce";
import { walkWithArrows } from "../../lib/keys";
import { useLanguage } from "../../lib/language";
import { useAct } from "../../lib/load";
import { go, Link } from "../../lib/router";
import { useStore } from "../../lib/store";
import type { Words } from "../../lib/text/en";
import type { Summary } from "./message";
import { conversations, loadList, remove, rename } from "./store";

type Asking = { kind: "rename" | "delete"; row: Summary } | undefined;

/** The list of conversations beside every page of somebody who may chat. */
export function Conversations({ current, level, onGo }: { current: string | undefined; level: 2 | 3; onGo: () => void }) {
  const { words } = useLanguage();
  const { list } = useStore(conversations);
  const [asking, setAsking] = useState<Asking>();
  const known = list !== undefined;
  const [Heading, Part] = level === 2 ? (["h2", "h3"] as const) : (["h3", "h4"] as const);
  const id = useId();

  useEffect(() => {
    if (!known) void loadList();
  }, [known]);

  return (
    <section aria-labelledby={id} className="px-2 pb-2">
      <Heading id={id} className="sr-only">
        {words.conversations.heading}
      </Heading>
      {list?.length === 0 ? <p className="px-3 py-2 text-sm text-soft">{words.conversations.none}</p> : null}
      {/* oxlint-disable-next-line jsx-a11y/no-static-element-interactions */}
      <div onKeyDown={walkWithArrows}>
        {grouped(list ?? [], words).map(([name, rows]) => (
          <div key={name} className="mt-3 first:mt-1">
            <Part className="px-3 pb-1 text-xs font-medium text-soft">{name}</Part>
            <ul className="space-y-px">
              {rows.map((row) => (
                <Row key={row.id} row={row} current={row.id === current} onGo={onGo} onAsk={(kind) => setAsking({ kind, row })} />
              ))}
            </ul>
          </div>
        ))}
      </div>
      {asking?.kind === "rename" ? <Rename row={asking.row} onClose={() => setAsking(undefined)} /> : null}
      {asking?.kind === "delete" ? (
        <Confirm
          heading={words.conversations.deleteHeading}
          act={words.conversations.delete}
          danger
          orphans
          onAct={async () => {
            await remove(asking.row.id);
            if (asking.row.id === current) go("/chat");
            confirmDone(words.conversations.deleted);
          }}
          onClose={() => setAsking(undefined)}
        >
          <p className="wrap-anywhere">{words.conversations.deleteText(asking.row.title || words.conversations.untitled)}</p>
        </Confirm>
      ) : null}
    </section>
  );
}

interface RowProps {
  row: Summary;
  current: boolean;
  onGo: () => void;
  onAsk: (kind: "rename" | "delete") => void;
}

function Row({ row, current, onGo, onAsk }: RowProps) {
  const { words } = useLanguage();
  const title = row.title || words.conversations.untitled;
  return (
    <li data-conversation={row.id} className={`group relative flex items-center rounded-lg ${current ? "bg-sunken" : "hover:bg-sunken"}`}>
      <Link
        to={`/chat/${encodeURIComponent(row.id)}`}
        onClick={onGo}
        data-step
        title={title}
        aria-current={current ? "page" : undefined}
        className={`flex min-h-9 min-w-0 flex-1 items-center gap-2 rounded-lg py-1.5 pl-3 text-sm -outline-offset-2 ${current ? "pr-8 font-medium" : "pr-2 group-focus-within:pr-8 group-hover:pr-8 pointer-coarse:pr-8"}`}
      >
        <span className="truncate">{title}</span>
        {row.running ? (
          <>
            <span className="size-2 shrink-0 animate-pulse rounded-full bg-accent forced-colors:border" />
            <span className="sr-only">({words.conversations.running})</span>
          </>
        ) : null}
      </Link>
      <Options title={title} current={current} onAsk={onAsk} />
    </li>
  );
}

/** Rename and delete, behind one button. Escape, a click elsewhere and leaving it with Tab close it. */
function Options({ title, current, onAsk }: { title: string; current: boolean; onAsk: RowProps["onAsk"] }) {
  const { words } = useLanguage();
  const [open, setOpen] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const id = useId();

  function choose(kind: "rename" | "delete") {
    setOpen(false);
    button.current?.focus();
    onAsk(kind);
  }

  return (
    // oxlint-disable-next-line jsx-a11y/no-static-element-interactions
    <div
      className="absolute top-0.5 right-0"
      onBlur={(event) => !event.currentTarget.contains(event.relatedTarget) && setOpen(false)}
      onKeyDown={(event) => {
        if (event.key !== "Escape" || !open) return;
        event.preventDefault();
        event.stopPropagation();
        setOpen(false);
        button.current?.focus();
      }}
    >
      <button
        ref={button}
        type="button"
        data-options
        aria-expanded={open}
        aria-controls={id}
        aria-label={words.conversations.options(title)}
        onClick={() => setOpen(!open)}
        className={`flex size-8 items-center justify-center rounded-md text-soft hover:text-ink focus-visible:opacity-100 pointer-coarse:opacity-100 ${open || current ? "" : "opacity-0 group-hover:opacity-100"}`}
      >
        <Icon name="dots" className="size-5" />
      </button>
      <div id={id} hidden={!open} className="absolute top-full right-0 z-20 w-40 rounded-xl border border-line bg-panel p-1 shadow-card">
        <button type="button" data-rename onClick={() => choose("rename")} className="block w-full rounded-lg px-3 py-2 text-left text-sm hover:bg-sunken">
          {words.conversations.rename}
        </button>
        <button type="button" data-delete onClick={() => choose("delete")} className="block w-full rounded-lg px-3 py-2 text-left text-sm text-stop hover:bg-sunken">
          {words.conversations.delete}
        </button>
      </div>
    </div>
  );
}

function Rename({ row, onClose }: { row: Summary; onClose: () => void }) {
  const { words } = useLanguage();
  const [title, setTitle] = useState(row.title);
  const { busy, refusal, act } = useAct();

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (title.trim() === "") return;
    if (await act(() => rename(row.id, title.trim()))) {
      confirmDone(words.conversations.renamed);
      onClose();
    }
  }

  return (
    <Modal look="box" heading={words.conversations.renameHeading} onClose={onClose}>
      <form onSubmit={(event) => void submit(event)}>
        <Field name={words.conversations.title} value={title} maxLength={200} autoComplete="off" onChange={(event) => setTitle(event.target.value)} />
        {refusal ? (
          <div className="mt-4">
            <RefusalCard refusal={refusal} />
          </div>
        ) : null}
        <div className="mt-6 flex justify-end gap-2 pb-1">
          <Button onClick={onClose}>{words.cancel}</Button>
          <Button look="primary" type="submit" disabled={busy || title.trim() === ""} data-confirm>
            {words.save}
          </Button>
        </div>
      </form>
    </Modal>
  );
}

/** Rows by how long ago they were last used; groups without rows are left out. */
function grouped(list: Summary[], { conversations: names }: Words): [string, Summary[]][] {
  const midnight = new Date().setHours(0, 0, 0, 0);
  const day = 86_400_000;
  const groups: [string, number][] = [
    [names.today, midnight],
    [names.yesterday, midnight - day],
    [names.week, midnight - 7 * day],
    [names.older, Number.NEGATIVE_INFINITY],
  ];
  const left = [...list];
  return groups.flatMap(([name, since]): [string, Summary[]][] => {
    const rows = left.filter(({ updated }) => !(Date.parse(updated) < since));
    for (const row of rows) left.splice(left.indexOf(row), 1);
    return rows.length > 0 ? [[name, rows]] : [];
  });
}
