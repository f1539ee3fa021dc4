import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { ActionBadge, Findings, LabelBadge } from "../../components/Badge";
import { Button } from "../../components/Button";
import { type Chosen, Filters, filtersIn } from "../../components/Filters";
import { Empty, Page, Panel, Reading, Refused } from "../../components/Page";
import { type Column, Table } from "../../components/Table";
import { useVerification, VerifyButton, VerifyResult } from "../../components/VerifyButton";
import { withQuery } from "../../lib/api";
import type { Decision } from "../../lib/contract";
import { clock, dateTime } from "../../lib/format";
import { useLanguage } from "../../lib/language";
import { usePaged } from "../../lib/pages";
import { select } from "../../lib/router";
import type { Words } from "../../lib/text/en";
import { DecisionDrawer } from "./DecisionDrawer";
import { useLiveDecisions } from "./useLiveDecisions";

/** What of the log is a decision about somebody's request. */
const EVENTS = ["llm.complete", "llm.refuse", "access.deny", "llm.admit", "auth.failures"];
const rowsOf = (body: { decisions: Decision[]; next: number | null }) => body.decisions;

/** What was decided, as it happens. */
export default function Decisions({ query }: { query: string }) {
  const { words, language } = useLanguage();
  const chosen = useMemo(() => filtersIn(query), [query]);
  const path = withQuery("/api/decisions", { limit: 50, ...chosen });
  const { rows, refusal, busy, more, reload, add } = usePaged<Decision, { decisions: Decision[]; next: number | null }>(path, rowsOf);
  const [follows, setFollows] = useState(true);
  const newest = useRef<number>(undefined);
  useEffect(() => {
    newest.current = rows?.[0]?.index;
  });
  const addNew = useCallback((row: Decision) => add(row, ({ index }) => index >= row.index), [add]);
  const connected = useLiveDecisions(follows && rows !== undefined, newest, chosen, addNew);
  const verification = useVerification();
  const opened = new URLSearchParams(query).get("id") ?? undefined;

  const show = (id: string | undefined) => select(withQuery("", { ...chosen, id }));
  const columns = useMemo(
    () => columnsIn(words, language, (id) => select(withQuery("", { ...chosen, id })), (one) => select(withQuery("", { ...chosen, ...one }))),
    [words, language, chosen],
  );
  return (
    <Page heading={words.pages.decisions} intro={words.decisions.intro} actions={<VerifyButton state={verification} />}>
      <VerifyResult state={verification} />
      <Filters key={JSON.stringify(chosen)} chosen={chosen} events={EVENTS} onChoose={(next: Chosen) => select(withQuery("", next))}>
        <Button look="quiet" className="ml-auto" aria-pressed={follows} data-live={follows ? (connected ? "on" : "connecting") : "off"} onClick={() => setFollows(!follows)}>
          <span className={`size-2 rounded-full forced-colors:border ${follows && connected ? "bg-good" : "bg-edge"}`} />
          {follows ? (connected ? words.decisions.live : words.decisions.connecting) : words.decisions.resume}
        </Button>
      </Filters>
      {refusal ? <Refused refusal={refusal} onRetry={reload} /> : null}
      {rows ? (
        <Panel flush>
          {rows.length === 0 && !busy ? <Empty>{words.decisions.none}</Empty> : null}
          {rows.length > 0 ? <Table name={words.pages.decisions} columns={columns} rows={rows} keyOf={({ index }) => String(index)} /> : null}
        </Panel>
      ) : refusal ? null : (
        <Reading />
      )}
      {more && rows ? (
        <div className="text-center">
          <Button onClick={more} disabled={busy} data-more>
            {words.more}
          </Button>
        </div>
      ) : null}
      {opened === undefined ? null : <DecisionDrawer id={opened} onClose={() => show(undefined)} />}
    </Page>
  );
}

/** Enough of a pseudonym to tell people apart on one page; the whole one stands in the details. */
function shortened(pseudonym: string): string {
  return pseudonym.length > 14 ? `${pseudonym.slice(0, 10)}…` : pseudonym;
}

function columnsIn(words: Words, language: "de" | "en", open: (id: string) => void, choose: (chosen: Chosen) => void): Column<Decision>[] {
  const { columns } = words;
  return [
    {
      id: "time",
      name: columns.time,
      tight: true,
      cell: (row) => (
        <time dateTime={row.timestamp} title={dateTime(row.timestamp, language)}>
          {clock(row.timestamp, language)}
        </time>
      ),
    },
    { id: "event", name: columns.event, cell: ({ event }) => words.decisions.events[event] ?? event },
    { id: "action", name: columns.action, tight: true, cell: ({ action }) => (action === "" ? null : <ActionBadge action={action} />) },
    {
      id: "person",
      name: columns.person,
      cell: ({ user, role }) =>
        user === "" ? null : (
          <>
            <button
              type="button"
              data-by-person
              title={user}
              onClick={() => choose({ user })}
              className="rounded font-mono text-[0.8125rem] whitespace-nowrap underline decoration-line underline-offset-3 hover:decoration-ink"
            >
              {shortened(user)}
              <span className="sr-only"> ({words.decisions.byPerson})</span>
            </button>
            {role ? <span className="block text-xs text-soft">{words.roles[role as keyof Words["roles"]]?.[0] ?? role}</span> : null}
          </>
        ),
    },
    {
      id: "model",
      name: columns.model,
      cell: ({ model, route }) =>
        model === "" ? null : (
          <>
            <span translate="no" className="break-words">{model}</span>
            {route ? <span translate="no" className="block text-xs text-soft">{route}</span> : null}
          </>
        ),
    },
    { id: "label", name: columns.label, tight: true, cell: ({ label }) => (label ? <LabelBadge label={label} /> : null) },
    {
      id: "findings",
      name: columns.findings,
      cell: ({ findings }) => (Object.keys(findings).length === 0 ? null : <Findings findings={findings} />),
    },
    {
      id: "open",
      name: words.details,
      bare: true,
      tight: true,
      cell: ({ request_id: id }) =>
        id === "" ? null : (
          <Button look="quiet" small data-open data-step aria-label={words.decisions.open(id)} onClick={() => open(id)}>
            {words.details}
          </Button>
        ),
    },
  ];
}
