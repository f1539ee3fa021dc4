import { useMemo, useState } from "react";
import { ActionBadge } from "../../components/Badge";
import { Button, buttonLook } from "../../components/Button";
import { Code } from "../../components/Code";
import { Filters, filtersIn } from "../../components/Filters";
import { Icon } from "../../components/icons";
import { Empty, Page, Panel, Reading, Refused } from "../../components/Page";
import { useVerification, VerifyButton, VerifyResult } from "../../components/VerifyButton";
import { withQuery } from "../../lib/api";
import type { AuditEntry } from "../../lib/contract";
import { dateTime } from "../../lib/format";
import { walkWithArrows } from "../../lib/keys";
import { useLanguage } from "../../lib/language";
import { usePaged } from "../../lib/pages";
import { select } from "../../lib/router";
import { CheckpointPanel } from "./CheckpointPanel";
import { ProofDrawer } from "./ProofDrawer";

interface Body {
  entries: AuditEntry[];
  next: number | null;
}
const rowsOf = (body: Body) => body.entries;

/** The log itself: read it, prove it, take it along. */
export default function Audit({ query }: { query: string }) {
  const { words } = useLanguage();
  const chosen = useMemo(() => filtersIn(query), [query]);
  const { rows, refusal, busy, more, reload } = usePaged<AuditEntry, Body>(withQuery("/api/audit/entries", { limit: 50, ...chosen }), rowsOf);
  const verification = useVerification();
  const [proving, setProving] = useState<number>();

  return (
    <Page
      heading={words.pages.audit}
      intro={words.audit.intro}
      actions={
        <>
          <VerifyButton state={verification} />
          <a href="/api/audit/export?format=jsonl" download className={buttonLook()} data-export="jsonl">
            <Icon name="download" />
            {words.audit.exportJsonl}
          </a>
          <a href="/api/audit/export?format=ocsf" download className={buttonLook()} data-export="ocsf">
            <Icon name="download" />
            {words.audit.exportOcsf}
          </a>
        </>
      }
    >
      <VerifyResult state={verification} />
      <CheckpointPanel />
      <Filters key={JSON.stringify(chosen)} chosen={chosen} events={Object.keys(words.decisions.events)} onChoose={(next) => select(withQuery("", next))} />
      {refusal ? <Refused refusal={refusal} onRetry={reload} /> : null}
      {rows ? (
        <Panel flush>
          {rows.length === 0 && !busy ? <Empty>{words.audit.none}</Empty> : null}
          {/* Arrow keys are an addition; Tab reaches everything without them. */}
          {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions */}
          <ul onKeyDown={walkWithArrows}>
            {rows.map((entry) => (
              <Entry key={entry.index} entry={entry} onProve={() => setProving(entry.index)} />
            ))}
          </ul>
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
      {proving === undefined ? null : <ProofDrawer index={proving} onClose={() => setProving(undefined)} />}
    </Page>
  );
}

function Entry({ entry, onProve }: { entry: AuditEntry; onProve: () => void }) {
  const { words, language } = useLanguage();
  const [open, setOpen] = useState(false);
  const { record } = entry;
  const text = (name: string) => (typeof record[name] === "string" ? record[name] : "");
  return (
    <li className="border-b border-line last:border-b-0" data-entry={entry.index}>
      <div className="flex flex-wrap items-center gap-x-4 gap-y-1 px-3 py-2 text-sm sm:px-4">
        <button
          type="button"
          aria-expanded={open}
          data-step
          data-toggle
          onClick={() => setOpen(!open)}
          className="flex min-h-9 min-w-0 flex-1 basis-60 items-center gap-3 rounded-lg text-left"
        >
          <Icon name="right" className={`size-4 text-soft transition-transform ${open ? "rotate-90" : ""}`} />
          <span className="min-w-9 shrink-0 text-right text-soft tabular-nums sm:min-w-12">
            <span className="sr-only">{words.columns.index} </span>
            {entry.index}
          </span>
          <span className="min-w-0">
            <span className="block font-medium wrap-anywhere">{words.decisions.events[text("event")] ?? text("event")}</span>
            <span className="block text-xs wrap-anywhere text-soft">
              {dateTime(text("timestamp"), language)}
              {text("request_id") === "" ? "" : ` · ${text("request_id")}`}
            </span>
          </span>
        </button>
        <div className="ml-auto flex items-center gap-2">
          <ActionBadge action={text("action")} />
          <Button small look="quiet" onClick={onProve} data-prove aria-label={words.audit.proof(entry.index)}>
            {words.audit.prove}
          </Button>
        </div>
      </div>
      {open ? (
        <div className="px-3 pb-4 sm:px-4">
          <Code code={JSON.stringify(record, null, 2)} name={words.audit.raw} />
        </div>
      ) : null}
    </li>
  );
}
