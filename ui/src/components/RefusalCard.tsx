import type { ReactNode } from "react";
import { useLanguage } from "../lib/language";
import { stringAt } from "../lib/pointer";
import type { Finding, Refusal } from "../lib/refusal";
import { Link } from "../lib/router";
import { useHasPage } from "../lib/session";
import type { Words } from "../lib/text/en";
import { CopyButton } from "./CopyButton";
import { Icon } from "./icons";
import { MarkedText } from "./MarkedText";
import { Sentence } from "./Sentence";

interface Props {
  refusal: Refusal;
  /** The refused request, into which the findings point. */
  request?: unknown;
  /** The paths whose text is already shown with its marks beside this card. */
  ownPaths?: string[];
  /** The level of its heading: 2 directly on a page, 3 below another heading. */
  level?: 2 | 3;
  children?: ReactNode;
}

/** Says that and why something was refused, where, and what to do next. */
export function RefusalCard({ refusal, request, ownPaths = [], level = 3, children }: Props) {
  const { words } = useLanguage();
  const Heading = level === 2 ? "h2" : "h3";
  const Part = level === 2 ? "h3" : "h4";
  const mayAskWhy = useHasPage("access");
  const [message, next] = sentences(refusal, words);
  const elsewhere = [...new Set(refusal.findings.filter(({ attachment }) => attachment === undefined).map(({ path }) => path))].filter((path) => !ownPaths.includes(path));
  return (
    <section data-refusal={refusal.code} className="rounded-xl border border-stop-line bg-stop-tint p-4 sm:p-5">
      <Heading className="flex items-start gap-2.5 font-semibold text-stop">
        <Icon name="shield" className="mt-0.5 size-5" />
        {headingOf(refusal, words)}
      </Heading>
      {message ? (
        <p className="mt-2 wrap-anywhere">
          <Sentence text={message} />
        </p>
      ) : null}
      {refusal.findings.length > 0 ? (
        <>
          <Part className="mt-4 text-sm font-semibold">{words.refusal.where}</Part>
          <ul className="mt-1 space-y-1 text-sm">
            {refusal.findings.map((finding) => (
              <FindingRow key={`${finding.attachment ?? ""} ${finding.path} ${finding.start} ${finding.type}`} finding={finding} />
            ))}
          </ul>
        </>
      ) : null}
      {elsewhere.map((path) => (
        <Elsewhere key={path} path={path} request={request} findings={refusal.findings.filter((f) => f.path === path && f.attachment === undefined)} />
      ))}
      {next ? (
        <>
          <Part className="mt-4 text-sm font-semibold">{words.refusal.next}</Part>
          <p className="mt-1 wrap-anywhere">
            <Sentence text={next} />
          </p>
        </>
      ) : null}
      {children ? <div className="mt-4 flex flex-wrap gap-2">{children}</div> : null}
      <dl className="mt-4 flex flex-wrap items-center gap-x-5 gap-y-1 border-t border-stop-line pt-3 text-xs text-soft">
        <div className="flex gap-1.5">
          <dt>{words.refusal.code}</dt>
          <dd className="font-mono">
            {refusal.code}
            {refusal.status > 0 ? ` (${refusal.status})` : ""}
          </dd>
        </div>
        {refusal.requestId ? (
          <div className="flex flex-wrap items-center gap-x-1.5">
            <dt>{words.turn.requestId}</dt>
            <dd className="flex items-center gap-1 font-mono break-all" data-request-id>
              {refusal.requestId}
              <CopyButton text={refusal.requestId} name={words.copyRequestId} />
            </dd>
          </div>
        ) : null}
        {refusal.requestId && mayAskWhy ? (
          <Link to={`/access?request_id=${encodeURIComponent(refusal.requestId)}`} className="text-accent underline underline-offset-2">
            {words.refusal.why}
          </Link>
        ) : null}
      </dl>
    </section>
  );
}

/** The one line that names a refusal, also for the status announcement. */
export function headingOf(refusal: Refusal, words: Words): string {
  const { headings } = words.refusal;
  return headings[refusal.code] ?? (refusal.code.startsWith("upstream_") ? headings["upstream_refused"] : undefined) ?? headings["other"] ?? "";
}

function sentences({ code, message, next }: Refusal, words: Words): [string | undefined, string | undefined] {
  const own = words.refusal.own[code];
  return [message ?? own?.[0], next ?? own?.[1]];
}

function FindingRow({ finding }: { finding: Finding }) {
  const { words } = useLanguage();
  return (
    <li className="flex flex-wrap gap-x-3">
      <span className="font-semibold">{words.findings[finding.type] ?? finding.type}</span>
      <span className="text-soft">{words.refusal.certainty(Math.round(finding.score * 100))}</span>
      {finding.attachment === undefined ? null : <span>{words.refusal.inFile}</span>}
      {finding.evasive ? <span className="font-semibold text-stop">{words.refusal.evasive}</span> : null}
      <span className="self-center font-mono text-xs text-soft">{finding.type}</span>
    </li>
  );
}

function Elsewhere({ path, request, findings }: { path: string; request: unknown; findings: Finding[] }) {
  const { words } = useLanguage();
  const text = stringAt(request, path);
  return (
    <div className="mt-3 text-sm">
      <p className="text-soft">{placeOf(path, text !== undefined, words)}</p>
      {text === undefined ? null : (
        <p className="mt-1 rounded-lg bg-panel p-3 wrap-anywhere whitespace-pre-wrap">
          <MarkedText text={text} findings={findings} around={60} />
        </p>
      )}
    </div>
  );
}

function placeOf(path: string, inRequest: boolean, { refusal }: Words): string {
  if (path.startsWith("/choices/")) return refusal.whereAnswer;
  return inRequest && path.startsWith("/messages/") ? refusal.whereEarlier : refusal.whereField(path);
}
