import { Button } from "../../components/Button";
import { CopyButton } from "../../components/CopyButton";
import { RefusalCard } from "../../components/RefusalCard";
import { useLanguage } from "../../lib/language";
import { AnswerText } from "./AnswerView";
import { useStandIns } from "./OwnWords";
import { PassageStrip } from "./PassageStrip";
import { isCarriedAnswer, type Turn } from "./tree";
import type { TurnActions } from "./TurnView";

/** What several models answered, side by side; below each other where it is narrow. One of them can be chosen to go on with. */
export function Comparison({ turn, actions }: { turn: Turn; actions: TurnActions }) {
  const { words } = useLanguage();
  const { answers, question } = turn;
  const standIns = useStandIns();
  return (
    <div data-comparison className="wide-of-column">
      <p className="mb-3 text-sm text-soft">{words.compare.hint}</p>
      <div className="grid grid-cols-[repeat(auto-fit,minmax(min(100%,18rem),1fr))] gap-4">
        {answers.map((answer) => (
          <section key={answer.id} data-message={answer.id} data-compared={answer.state} aria-label={words.compare.answerOf(answer.model ?? "")} className="flex min-w-0 flex-col rounded-2xl border border-line bg-panel p-4">
            <h2 className="mb-3 text-sm font-semibold wrap-anywhere" translate="no">
              {answer.model}
            </h2>
            <div className="min-w-0 flex-1">
              {answer.refusal && answer.content === "" ? null : <AnswerText answer={answer} />}
              {answer.refusal ? <RefusalCard refusal={answer.refusal} /> : <PassageStrip answer={answer} />}
            </div>
            <div className="mt-3 flex flex-wrap items-center gap-2">
              {answer.state === "running" ? (
                <Button small onClick={() => actions.stop(answer)} data-stop-one>
                  {words.ask.stop}
                </Button>
              ) : (
                <>
                  {isCarriedAnswer(answer) ? (
                    <Button small onClick={() => actions.choose(question.id, answer.id)} data-go-on>
                      {words.compare.goOn}
                    </Button>
                  ) : null}
                  {answer.content === "" ? null : (
                    <span className="text-xs">
                      <CopyButton text={standIns.real(answer.content)} name={words.turn.copyAnswer} labelled />
                    </span>
                  )}
                </>
              )}
            </div>
          </section>
        ))}
      </div>
    </div>
  );
}
