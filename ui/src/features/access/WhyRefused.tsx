import { type FormEvent, useState } from "react";
import { Findings } from "../../components/Badge";
import { Button } from "../../components/Button";
import { Facts } from "../../components/Facts";
import { Field } from "../../components/Field";
import { Panel, Reading, Refused } from "../../components/Page";
import { RequestId } from "../../components/RequestId";
import { Sentence } from "../../components/Sentence";
import { withQuery } from "../../lib/api";
import type { RefusalStory } from "../../lib/contract";
import { useLanguage } from "../../lib/language";
import { useLoad } from "../../lib/load";
import { select } from "../../lib/router";

/** Explains a refusal by its request id, in plain sentences. */
export function WhyRefused({ requestId }: { requestId: string }) {
  const { words } = useLanguage();
  const [value, setValue] = useState(requestId);

  function submit(event: FormEvent) {
    event.preventDefault();
    if (value.trim() !== "") select(withQuery("", { request_id: value.trim() }));
  }

  return (
    <Panel heading={words.access.why} flush>
      <form onSubmit={submit} data-why className="flex flex-wrap items-end gap-3 px-4 pb-4 sm:px-5">
        <Field name={words.access.requestId} className="min-w-0 flex-1 basis-60" mono value={value} autoComplete="off" spellCheck={false} onChange={(event) => setValue(event.target.value)} />
        <Button look="primary" type="submit" disabled={value.trim() === ""}>
          {words.access.explain}
        </Button>
      </form>
      {requestId === "" ? null : <Story requestId={requestId} />}
    </Panel>
  );
}

function Story({ requestId }: { requestId: string }) {
  const { words, language } = useLanguage();
  const { data, refusal, reload } = useLoad<RefusalStory>(`/api/access/refusals/${encodeURIComponent(requestId)}`);
  if (refusal) {
    return (
      <div className="px-4 pb-4 sm:px-5">
        <Refused refusal={refusal} onRetry={reload} />
      </div>
    );
  }
  if (!data) return <Reading />;
  const parts: [string, string][] = [
    [words.access.happened, data.happened[language]],
    [words.access.because, data.why[language]],
    [words.access.next, data.next[language]],
  ];
  return (
    <div className="space-y-5 border-t border-line p-4 sm:p-5" data-story>
      {parts.map(([name, text]) => (
        <div key={name}>
          <h3 className="text-sm font-semibold">{name}</h3>
          <p className="mt-0.5 text-pretty wrap-anywhere">
            <Sentence text={text} />
          </p>
        </div>
      ))}
      <Facts
        facts={[
          [words.columns.code, <span key="code" className="font-mono text-[0.8125rem]">{data.code}</span>],
          [words.columns.rules, data.rules.length === 0 ? null : <span key="rules" className="font-mono text-[0.8125rem]">{data.rules.join(", ")}</span>],
          [words.columns.findings, Object.keys(data.findings).length === 0 ? null : <Findings findings={data.findings} />],
          [words.columns.requestId, <RequestId key="id" id={data.request_id} />],
        ]}
      />
    </div>
  );
}
