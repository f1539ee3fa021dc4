import { ActionBadge, Findings, LabelBadge } from "../../components/Badge";
import { buttonLook } from "../../components/Button";
import { Facts } from "../../components/Facts";
import { Modal } from "../../components/Modal";
import { Reading, Refused } from "../../components/Page";
import { RequestId } from "../../components/RequestId";
import { Sentence } from "../../components/Sentence";
import type { Coverage, Decision, DecisionStory } from "../../lib/contract";
import { count, dateTime } from "../../lib/format";
import { useLanguage } from "../../lib/language";
import { useLoad } from "../../lib/load";
import { Link } from "../../lib/router";
import { useHasPage } from "../../lib/session";

/** Everything about one request, and what it means. */
export function DecisionDrawer({ id, onClose }: { id: string; onClose: () => void }) {
  const { words, language } = useLanguage();
  const { data, refusal, reload } = useLoad<DecisionStory>(`/api/decisions/${encodeURIComponent(id)}`);
  const mayAskWhy = useHasPage("access");
  return (
    <Modal heading={words.decisions.detail} onClose={onClose} top={<RequestId id={id} />}>
      {refusal ? <Refused refusal={refusal} onRetry={reload} /> : null}
      {!data && !refusal ? <Reading /> : null}
      {data ? (
        <div className="space-y-6" data-story>
          <section>
            <h3 className="font-semibold">{words.decisions.happened}</h3>
            <p className="mt-1">
              <Sentence text={data.explanation.happened[language]} />
            </p>
            <h3 className="mt-4 font-semibold">{words.decisions.next}</h3>
            <p className="mt-1">
              <Sentence text={data.explanation.next[language]} />
            </p>
            {mayAskWhy && data.entries.some(({ event }) => event === "llm.refuse") ? (
              <Link to={`/access?request_id=${encodeURIComponent(id)}`} className={`${buttonLook()} mt-4`}>
                {words.decisions.why}
              </Link>
            ) : null}
          </section>
          <section>
            <h3 className="mb-3 font-semibold">{words.decisions.entries}</h3>
            <ol className="space-y-4">
              {data.entries.map((entry) => (
                <li key={entry.index} className="rounded-xl border border-line p-4">
                  <EntryFacts entry={entry} />
                </li>
              ))}
            </ol>
          </section>
        </div>
      ) : null}
    </Modal>
  );
}

/** How much of the text inspection could read. */
function Read({ coverage: { scanned, decoded, opaque } }: { coverage: Coverage }) {
  const { words, language } = useLanguage();
  const { read } = words.decisions;
  return (
    <>
      <span className="block">{read.scanned(count(scanned, language))}</span>
      {decoded > 0 ? <span className="block">{read.decoded(count(decoded, language))}</span> : null}
      {opaque > 0 ? <span className="block font-semibold text-care">{read.opaque(count(opaque, language))}</span> : null}
    </>
  );
}

export function EntryFacts({ entry }: { entry: Decision }) {
  const { words, language } = useLanguage();
  const { columns } = words;
  const tokens = entry.tokens_in === null ? null : words.turn.tokensValue(count(entry.tokens_in, language), count(entry.tokens_out ?? 0, language));
  return (
    <Facts
      facts={[
        [columns.event, words.decisions.events[entry.event] ?? entry.event],
        [columns.time, dateTime(entry.timestamp, language)],
        [columns.action, entry.action === "" ? null : <ActionBadge action={entry.action} />],
        [columns.label, entry.label ? <LabelBadge label={entry.label} /> : null],
        [columns.findings, Object.keys(entry.findings).length === 0 ? null : <Findings findings={entry.findings} />],
        [columns.evasive, entry.evasive === null ? null : words.decisions.evasive(count(entry.evasive, language))],
        [columns.excepted, Object.keys(entry.excepted).length === 0 ? null : <Findings findings={entry.excepted} />],
        [columns.shadow, Object.keys(entry.shadow).length === 0 ? null : <Findings findings={entry.shadow} />],
        [columns.coverage, entry.coverage === null ? null : <Read coverage={entry.coverage} />],
        [columns.rules, entry.rules.length === 0 ? null : <span className="font-mono text-[0.8125rem]">{entry.rules.join(", ")}</span>],
        [columns.code, entry.code ? <span className="font-mono text-[0.8125rem]">{entry.code}</span> : null],
        [columns.person, entry.user === "" ? null : <span className="font-mono text-[0.8125rem]">{entry.user}</span>],
        [columns.model, entry.model === "" ? null : <span translate="no">{entry.model}</span>],
        [columns.route, entry.route ? <span translate="no">{entry.route}</span> : null],
        [columns.surface, entry.surface ? <span className="font-mono text-[0.8125rem]">{entry.surface}</span> : null],
        [columns.status, entry.status],
        [columns.tokens, tokens],
        [columns.duration, entry.ms === null ? null : `${count(entry.ms, language)} ms`],
        [columns.index, entry.index],
      ]}
    />
  );
}
