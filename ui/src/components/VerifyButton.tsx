import { useState } from "react";
import { announce } from "../lib/announce";
import { send } from "../lib/api";
import type { Verification } from "../lib/contract";
import { count } from "../lib/format";
import { useLanguage } from "../lib/language";
import { useAct } from "../lib/load";
import { Button } from "./Button";
import { Icon } from "./icons";
import { RefusalCard } from "./RefusalCard";
import { Sentence } from "./Sentence";

/** Has the house recompute its whole log, and keeps the result. */
export function useVerification() {
  const { words } = useLanguage();
  const [result, setResult] = useState<Verification>();
  const { busy, refusal, act } = useAct();

  const verify = () =>
    void act(async () => {
      setResult(undefined);
      const answer = await send<Verification>("POST", "/api/audit/verify", {});
      setResult(answer);
      announce(answer.ok ? words.verify.ok : words.verify.bad);
    });
  return { result, busy, refusal, verify };
}

type State = ReturnType<typeof useVerification>;

export function VerifyButton({ state: { busy, verify } }: { state: State }) {
  const { words } = useLanguage();
  return (
    <Button look="primary" disabled={busy} onClick={verify} data-verify>
      <Icon name="posture" />
      {busy ? words.verify.busy : words.verify.button}
    </Button>
  );
}

export function VerifyResult({ state: { result, refusal } }: { state: State }) {
  const { words, language } = useLanguage();
  if (refusal) return <RefusalCard refusal={refusal} level={2} />;
  if (!result) return null;
  const entries = count(result.entries, language);
  const { ok, problem } = result;
  return (
    <section data-verified={ok} className={`flex gap-3 rounded-2xl border p-4 sm:p-5 ${ok ? "border-good-line bg-good-tint" : "border-stop-line bg-stop-tint"}`}>
      <Icon name={ok ? "posture" : "warning"} className={`mt-0.5 size-5 ${ok ? "text-good" : "text-stop"}`} />
      <div className="min-w-0">
        <h2 className={`font-semibold ${ok ? "text-good" : "text-stop"}`}>{ok ? words.verify.ok : words.verify.bad}</h2>
        <p className="mt-1 text-pretty">{ok ? words.verify.okText(entries, count(result.ms, language)) : words.verify.badText(entries)}</p>
        {ok ? null : (
          <>
            {problem ? <p className="mt-2 wrap-anywhere"><Sentence text={problem[language]} /></p> : null}
            <p className="mt-2">{words.verify.badNext}</p>
          </>
        )}
      </div>
    </section>
  );
}
