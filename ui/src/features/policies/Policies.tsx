import { Badge } from "../../components/Badge";
import { Code } from "../../components/Code";
import { CopyButton } from "../../components/CopyButton";
import { Page, Panel, Reading, Refused } from "../../components/Page";
import { Sentence } from "../../components/Sentence";
import type { Policies as Data } from "../../lib/contract";
import { useLanguage } from "../../lib/language";
import { useLoad } from "../../lib/load";

/** The rules in force, to be read. */
export default function Policies() {
  const { words, language } = useLanguage();
  const { data, refusal, reload } = useLoad<Data>("/api/policies");
  return (
    <Page heading={words.pages.policies} intro={words.policies.intro}>
      {refusal ? <Refused refusal={refusal} onRetry={reload} /> : null}
      {!data && !refusal ? <Reading /> : null}
      {data ? (
        <>
          <p className="text-sm text-soft">
            {words.policies.digest}{" "}
            <span className="inline-flex items-center gap-1 font-mono text-[0.8125rem] break-all text-ink">
              {data.digest}
              <CopyButton text={data.digest} name={words.copy} />
            </span>
          </p>
          <Panel heading={words.policies.rules} flush>
            <ul>
              {data.rules.map((rule) => (
                <li key={rule.id} data-rule={rule.id} className="flex flex-wrap items-baseline gap-x-4 gap-y-1 border-t border-line px-4 py-3 sm:px-5">
                  <span className="w-20 shrink-0">
                    <Badge look={rule.effect === "forbid" ? "stop" : "good"}>{words.policies.effects[rule.effect] ?? rule.effect}</Badge>
                  </span>
                  <span className="min-w-0 flex-1 basis-64">
                    <span className="font-mono text-sm break-all">{rule.id}</span>
                    {rule.note ? (
                      <span className="block text-sm text-soft">
                        <Sentence text={rule.note[language]} />
                      </span>
                    ) : null}
                  </span>
                </li>
              ))}
            </ul>
          </Panel>
          <section>
            <h2 className="mb-3 font-semibold">{words.policies.files}</h2>
            <div className="space-y-4">
              {data.files.map(({ name, text }) => (
                <Code key={name} name={name} code={text} />
              ))}
            </div>
          </section>
        </>
      ) : null}
    </Page>
  );
}
