import type { ReactNode } from "react";
import { CopyButton } from "../../components/CopyButton";
import { useLanguage } from "../../lib/language";
import type { Turn } from "./conversation";

const ACTION_LOOK: Record<string, string> = {
  ALLOWED: "bg-tint text-accent-strong",
  BLOCKED: "bg-stop-tint text-stop",
  DENIED: "bg-stop-tint text-stop",
  ERROR: "bg-stop-tint text-stop",
};

/** What the house says about how an answer came to be: model, label, route, decision, request id. */
export function PassageStrip({ turn }: { turn: Turn }) {
  const { words } = useLanguage();
  const { passage, usage } = turn;
  if (!passage) return null;
  const action = passage.action;
  const [actionName, actionMeaning] = words.actions[action ?? ""] ?? [action, undefined];
  return (
    <div className="mt-3 border-t border-line pt-2.5">
      {action && action !== "ALLOWED" && actionMeaning ? (
        <p className="mb-2 text-sm text-care" data-meaning>
          {actionMeaning}
        </p>
      ) : null}
      <dl aria-label={words.turn.passage} className="flex flex-wrap items-center gap-x-4 gap-y-1 text-xs text-soft">
        {action ? (
          <Fact name={words.turn.action} hidden>
            <span
              data-action={action}
              className={`rounded-md px-2 py-0.5 font-semibold ${ACTION_LOOK[action] ?? "bg-care-tint text-care"}`}
            >
              {actionName}
            </span>
          </Fact>
        ) : null}
        {passage.label ? (
          <Fact name={words.turn.label} hidden>
            <span data-label={passage.label} className="rounded-md border border-line px-2 py-0.5 font-semibold text-ink">
              {words.labels[passage.label]}
            </span>
          </Fact>
        ) : null}
        <Fact name={words.turn.model}>{turn.answeredBy ?? turn.model}</Fact>
        {passage.route ? (
          <Fact name={words.turn.route}>
            <span data-route>{passage.route}</span>
          </Fact>
        ) : null}
        {usage ? (
          <Fact name={words.turn.tokens}>
            <span data-tokens>{words.turn.tokensValue(usage.prompt, usage.completion)}</span>
          </Fact>
        ) : null}
        {passage.sensitivity ? <Fact name={words.turn.sensitivity}>{passage.sensitivity}</Fact> : null}
        {passage.requestId ? (
          <Fact name={words.turn.requestId}>
            <span className="inline-flex items-center gap-1 font-mono break-all">
              <span data-request-id>{passage.requestId}</span>
              <CopyButton text={passage.requestId} name={words.copyRequestId} />
            </span>
          </Fact>
        ) : null}
      </dl>
    </div>
  );
}

function Fact({ name, hidden = false, children }: { name: string; hidden?: boolean; children: ReactNode }) {
  return (
    <div className="flex min-h-6 flex-wrap items-center gap-x-1.5">
      <dt className={hidden ? "sr-only" : ""}>{name}</dt>
      <dd className="text-ink">{children}</dd>
    </div>
  );
}
