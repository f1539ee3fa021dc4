import { Badge } from "../../components/Badge";
import { Page, Reading, Refused } from "../../components/Page";
import type { Limit } from "../../lib/contract";
import { clock, count } from "../../lib/format";
import { useLanguage } from "../../lib/language";
import { useLoad, usePolling } from "../../lib/load";
import type { Words } from "../../lib/text/en";

/** What I may use, and how much of it is used. */
export default function Limits() {
  const { words } = useLanguage();
  const { data, refusal, busy, reload } = useLoad<{ limits: Limit[] }>("/api/limits");
  usePolling(() => {
    if (!busy) reload();
  }, 5000);
  return (
    <Page heading={words.pages.limits} intro={words.limits.intro}>
      {refusal && !data ? <Refused refusal={refusal} onRetry={reload} /> : null}
      {!data && !refusal ? <Reading /> : null}
      {data?.limits.length === 0 ? (
        <div className="rounded-2xl border border-line bg-panel p-6 shadow-card">
          <p className="font-semibold">{words.limits.none}</p>
          <p className="mt-1 text-soft">{words.limits.noneText}</p>
        </div>
      ) : null}
      <ul className="grid gap-4 lg:grid-cols-3">
        {data?.limits.map((limit) => (
          <Bar key={`${limit.who} ${limit.kind}`} limit={limit} />
        ))}
      </ul>
    </Page>
  );
}

function Bar({ limit }: { limit: Limit }) {
  const { words, language } = useLanguage();
  const { kind, used, resets, who } = limit;
  const part = limit.limit === 0 ? 1 : Math.min(1, used / limit.limit);
  const state = part >= 1 ? "full" : part >= 0.8 ? "almost" : "free";
  const fill = { free: "fill-accent", almost: "fill-care", full: "fill-stop" }[state];
  const amount = words.limits.of(count(used, language), count(limit.limit, language));
  return (
    <li data-limit={kind} className="rounded-2xl border border-line bg-panel p-5 shadow-card">
      <h2 className="font-semibold">{words.limits.kinds[kind] ?? kind}</h2>
      <p className="text-xs text-soft">{whom(who, words)}</p>
      <p className="mt-4 flex flex-wrap items-center gap-2 text-lg font-medium tabular-nums">
        {amount}
        {state === "free" ? null : <Badge look={state === "full" ? "stop" : "care"}>{state === "full" ? words.limits.full : words.limits.almost}</Badge>}
      </p>
      <svg viewBox="0 0 100 4" preserveAspectRatio="none" role="img" aria-label={amount} className="mt-2 h-2 w-full overflow-hidden rounded-full forced-colors:border">
        <rect width="100" height="4" className="fill-sunken forced-colors:fill-[Canvas]" />
        <rect width={100 * part} height="4" className={`${fill} forced-colors:fill-[CanvasText]`} />
      </svg>
      <p className="mt-2 min-h-5 text-sm text-soft">{resets ? words.limits.resets(clock(resets, language)) : ""}</p>
    </li>
  );
}

/** `role:employee` in words; groups and keys keep their names, and a person is oneself. */
function whom(who: string, { roles, limits }: Words): string {
  const [kind = "", name = ""] = who.split(/:(.*)/su);
  const shown = kind === "role" ? (roles[name as keyof Words["roles"]]?.[0] ?? name) : name;
  return limits.forWhom[kind]?.(shown) ?? who;
}
