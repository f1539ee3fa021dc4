import type { ReactNode } from "react";
import { ActionBadge, LabelBadge } from "../../components/Badge";
import { CopyButton } from "../../components/CopyButton";
import { count } from "../../lib/format";
import { useLanguage } from "../../lib/language";
import type { Message } from "./message";

/** What the house says about how an answer came to be: decision, label, model, route, LLM tokens, request id. */
export function PassageStrip({ answer }: { answer: Message }) {
  const { words, language } = useLanguage();
  const { passage, usage } = answer;
  if (!passage) return null;
  const { action } = passage;
  const meaning = words.actions[action ?? ""]?.[1];
  return (
    <div className="mt-4">
      {action !== "ALLOWED" && meaning ? (
        <p className="mb-2.5 text-sm text-care" data-meaning>
          {meaning}
        </p>
      ) : null}
      <dl aria-label={words.turn.passage} className="flex flex-wrap items-center gap-x-3.5 gap-y-1 text-xs text-soft">
        {action ? (
          <Fact name={words.turn.action} hidden>
            <ActionBadge action={action} />
          </Fact>
        ) : null}
        {passage.label ? (
          <Fact name={words.turn.label} hidden>
            <LabelBadge label={passage.label} />
          </Fact>
        ) : null}
        {answer.model ? (
          <Fact name={words.turn.model}>
            <span data-model translate="no">{answer.model}</span>
          </Fact>
        ) : null}
        {passage.route ? (
          <Fact name={words.turn.route}>
            <span data-route translate="no">{passage.route}</span>
          </Fact>
        ) : null}
        {usage ? (
          <Fact name={words.turn.tokens}>
            <span data-tokens>{words.turn.tokensValue(count(usage.prompt, language), count(usage.completion, language))}</span>
          </Fact>
        ) : null}
        {/* What was imported has none. */}
        {passage.request_id ? (
          <Fact name={words.turn.requestId}>
            <span className="inline-flex items-center gap-0.5 font-mono break-all">
              <span data-request-id>{passage.request_id}</span>
              <CopyButton text={passage.request_id} name={words.copyRequestId} />
            </span>
          </Fact>
        ) : null}
      </dl>
    </div>
  );
}

function Fact({ name, hidden = false, children }: { name: string; hidden?: boolean; children: ReactNode }) {
  return (
    <div className="flex min-h-6 min-w-0 flex-wrap items-center gap-x-1.5">
      <dt className={hidden ? "sr-only" : ""}>{name}</dt>
      <dd className="min-w-0 wrap-anywhere text-ink">{children}</dd>
    </div>
  );
}
