import { useState } from "react";
import { Badge, LabelBadge } from "../../components/Badge";
import { Button } from "../../components/Button";
import { Confirm } from "../../components/Confirm";
import { Facts } from "../../components/Facts";
import { Empty, Page, Panel, Reading, Refused } from "../../components/Page";
import { send } from "../../lib/api";
import { confirmDone } from "../../lib/announce";
import { dateTime } from "../../lib/format";
import { useLanguage } from "../../lib/language";
import { useLoad, usePolling } from "../../lib/load";

interface Approval {
  id: string;
  /** `release` for a text that would be blocked; a lower label without it. */
  kind?: string;
  conversation: string | null;
  owner: string;
  asker: string;
  from: string;
  to: string;
  model?: string;
  routes?: string[];
  types?: Record<string, number>;
  reason: string | null;
  created: string;
  expires: string;
  state: string;
  decider: string | null;
  decided: string | null;
  may_decide: boolean;
}

/** What people ask a second person for: lower labels, and texts that may pass once. Own wishes, and those that one may decide about. */
export default function Approvals() {
  const { words } = useLanguage();
  const { data, refusal, busy, reload } = useLoad<{ approvals: Approval[] }>("/api/approvals");
  const [deciding, setDeciding] = useState<{ row: Approval; verb: "approve" | "refuse" }>();
  usePolling(() => {
    if (!busy && !deciding) reload();
  }, 15_000);

  async function decide(row: Approval, verb: "approve" | "refuse") {
    await send("POST", `/api/approvals/${encodeURIComponent(row.id)}/${verb}`, {});
    confirmDone(words.approvals.done[verb]);
    reload();
  }

  const rows = data?.approvals ?? [];
  const open = rows.filter(({ may_decide: may }) => may);
  const others = rows.filter(({ may_decide: may }) => !may);
  return (
    <Page heading={words.approvals.heading} intro={words.approvals.intro}>
      {refusal && !data ? <Refused refusal={refusal} onRetry={reload} /> : null}
      {!data && !refusal ? <Reading /> : null}
      {data ? (
        <>
          <Panel heading={words.approvals.open} flush>
            {open.length === 0 ? <Empty>{words.approvals.none}</Empty> : <List rows={open} onDecide={(row, verb) => setDeciding({ row, verb })} />}
          </Panel>
          {others.length > 0 ? (
            <Panel heading={words.approvals.others} flush>
              <List rows={others} onDecide={undefined} />
            </Panel>
          ) : null}
        </>
      ) : null}
      {deciding ? (
        <Confirm
          heading={words.approvals.headings[deciding.verb]}
          act={words.approvals[deciding.verb]}
          danger={deciding.verb === "refuse"}
          orphans
          onAct={() => decide(deciding.row, deciding.verb)}
          onClose={() => setDeciding(undefined)}
        >
          <p>{deciding.verb === "refuse" ? words.approvals.refuseText : deciding.row.kind === "release" ? words.approvals.releaseText : words.approvals.lowerText}</p>
        </Confirm>
      ) : null}
    </Page>
  );
}

function List({ rows, onDecide }: { rows: Approval[]; onDecide: ((row: Approval, verb: "approve" | "refuse") => void) | undefined }) {
  const { words, language } = useLanguage();
  return (
    <ul className="divide-y divide-line border-t border-line">
      {rows.map((row) => {
        const isRelease = row.kind === "release";
        return (
          <li key={row.id} data-approval={row.state} className="flex flex-wrap items-start justify-between gap-4 px-4 py-4 sm:px-5">
            <div className="min-w-0 flex-1 basis-72">
              <h3 className="flex flex-wrap items-center gap-2 font-medium">
                {isRelease ? words.approvals.release : words.approvals.lower}
                <Badge look={row.state === "approved" ? "good" : "plain"}>{words.approvals.states[row.state] ?? row.state}</Badge>
              </h3>
              <div className="mt-2">
                <Facts
                  facts={[
                    [words.approvals.asker, <span key="asker" translate="no" className="font-mono text-xs">{row.asker}</span>],
                    [words.approvals.reason, row.reason === null ? null : <span key="reason" translate="no">{row.reason}</span>],
                    [words.approvals.found, isRelease ? Object.entries(row.types ?? {}).map(([type, count]) => `${count} × ${words.findings[type] ?? type}`).join(", ") : null],
                    [words.turn.model, isRelease && row.model ? <span key="model" translate="no">{row.model}</span> : null],
                    [words.turn.route, isRelease && row.routes ? <span key="routes" translate="no">{row.routes.join(", ")}</span> : null],
                    [words.turn.label, isRelease ? <LabelBadge key="label" label={row.from} /> : <span key="labels"><LabelBadge label={row.from} /> → <LabelBadge label={row.to} /></span>],
                    [words.approvals.asked, dateTime(row.created, language)],
                    [words.approvals.expires, row.decided === null ? dateTime(row.expires, language) : null],
                  ]}
                />
              </div>
            </div>
            {onDecide ? (
              <div className="flex flex-wrap gap-2">
                <Button small look="primary" data-approve={row.id} onClick={() => onDecide(row, "approve")}>
                  {words.approvals.approve}
                </Button>
                <Button small data-refuse={row.id} onClick={() => onDecide(row, "refuse")}>
                  {words.approvals.refuse}
                </Button>
              </div>
            ) : null}
          </li>
        );
      })}
    </ul>
  );
}
