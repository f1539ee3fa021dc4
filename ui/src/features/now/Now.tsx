import { Badge } from "../../components/Badge";
import { Page, Panel, Reading, Refused } from "../../components/Page";
import { UpstreamTable } from "../../components/UpstreamTable";
import type { Now as Data, Point } from "../../lib/contract";
import { count, span } from "../../lib/format";
import { useLanguage } from "../../lib/language";
import { useLoad, usePolling } from "../../lib/load";
import { Chart } from "./Chart";

/** How the house is doing right now. */
export default function Now() {
  const { words, language } = useLanguage();
  const { data, refusal, busy, reload } = useLoad<Data>("/api/now");
  usePolling(() => {
    if (!busy) reload();
  }, 2000);

  if (!data) {
    return (
      <Page heading={words.pages.now} intro={words.now.intro}>
        {refusal ? <Refused refusal={refusal} onRetry={reload} /> : <Reading />}
      </Page>
    );
  }
  const { points, totals, audit, engine } = data;
  const times = points.map(({ t }) => t);
  const of = (name: Exclude<keyof Point, "t">) => points.map((point) => point[name]);
  const sum = (name: "requests" | "refused" | "errors") => points.reduce((all, point) => all + point[name], 0);
  const numbers: [string, number, number | undefined, boolean][] = [
    [words.now.running, totals.running, undefined, false],
    [words.now.queue, totals.queue, undefined, false],
    [words.now.requests, sum("requests"), totals.requests, false],
    [words.now.refused, sum("refused"), totals.refused, true],
    [words.now.errors, sum("errors"), totals.errors, true],
  ];
  return (
    <Page
      heading={words.pages.now}
      intro={words.now.intro}
      actions={
        <div className="flex flex-wrap items-center gap-2 text-sm text-soft">
          <span>{words.now.up(span(data.uptime_s, language))}</span>
          {engine ? (
            <Badge look={engine.state === "ready" ? "good" : "care"}>
              {words.now.engine}: {words.now.engineStates[engine.state] ?? engine.state}
            </Badge>
          ) : null}
          <Badge look={audit.ready ? "good" : "stop"}>
            {words.now.audit}: {audit.ready ? words.now.auditEntries(count(audit.entries, language)) : words.now.auditBlocked}
          </Badge>
        </div>
      }
    >
      <dl className="grid grid-cols-2 gap-3 sm:grid-cols-3 lg:grid-cols-5">
        {numbers.map(([name, value, all, care]) => (
          <div key={name} className="rounded-2xl max-sm:last:col-span-2 border border-line bg-panel px-4 py-3.5 shadow-card">
            <dt className="text-sm text-soft">{name}</dt>
            <dd className={`mt-0.5 text-2xl font-semibold tracking-tight tabular-nums ${care && value > 0 ? "text-care" : ""}`}>{count(value, language)}</dd>
            {all === undefined ? null : <dd className="text-xs text-soft tabular-nums">{words.now.since(count(all, language))}</dd>}
          </div>
        ))}
      </dl>
      <div className="grid items-start gap-4 xl:grid-cols-2">
        <Chart heading={words.now.requests} unit={words.now.perFive} times={times} series={[{ name: words.now.requests, values: of("requests"), look: "accent", filled: true }]} />
        <Chart
          heading={words.now.problems}
          unit={words.now.perFive}
          times={times}
          series={[
            { name: words.now.refused, values: of("refused"), look: "care", filled: true },
            { name: words.now.errors, values: of("errors"), look: "stop", dashed: true },
          ]}
        />
        <Chart
          heading={words.now.tokens}
          unit={words.now.perFive}
          times={times}
          series={[
            { name: words.now.tokensIn, values: of("tokens_in"), look: "soft", dashed: true },
            { name: words.now.tokensOut, values: of("tokens_out"), look: "accent", filled: true },
          ]}
        />
        <Chart
          heading={words.now.ttft}
          unit="ms"
          times={times}
          series={[
            { name: words.now.median, values: of("ttft_p50_ms"), look: "accent" },
            { name: words.now.slow, values: of("ttft_p95_ms"), look: "care", dashed: true },
          ]}
        />
      </div>
      <Panel heading={words.now.upstreams} flush>
        <UpstreamTable upstreams={data.upstreams} />
      </Panel>
    </Page>
  );
}
