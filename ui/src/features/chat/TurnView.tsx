import { memo } from "react";
import { Button } from "../../components/Button";
import { Markdown } from "../../components/Markdown";
import { MarkedText } from "../../components/MarkedText";
import { RefusalCard } from "../../components/RefusalCard";
import { useLanguage } from "../../lib/language";
import type { Turn } from "./conversation";
import { PassageStrip } from "./PassageStrip";

interface Props {
  turn: Turn;
  onEdit: (question: string) => void;
}

/** A question in the person's own words and what became of it. */
export const TurnView = memo(function TurnView({ turn, onEdit }: Props) {
  const { words } = useLanguage();
  const ownPath = `/messages/${turn.messages.length - 1}/content`;
  const ownFindings = turn.refusal?.findings.filter(({ path }) => path === ownPath) ?? [];
  return (
    <article data-turn={turn.state} className="space-y-4">
      <div className="ml-auto w-fit max-w-[92%] rounded-2xl rounded-br-md bg-tint px-4 py-2.5 sm:max-w-[85%]">
        <h3 className="sr-only">{words.turn.you}</h3>
        <p data-question className="wrap-anywhere whitespace-pre-wrap">
          <MarkedText text={turn.question} findings={ownFindings} />
        </p>
      </div>
      {turn.refusal ? (
        <>
          {turn.answer === "" ? null : <Answer turn={turn} />}
          <RefusalCard refusal={turn.refusal} request={{ model: turn.model, messages: turn.messages }} ownPath={ownPath}>
            <Button onClick={() => onEdit(turn.question)}>{words.refusal.edit}</Button>
            <p className="self-center text-sm text-soft">{words.refusal.notCarried}</p>
          </RefusalCard>
        </>
      ) : (
        <Answer turn={turn} />
      )}
    </article>
  );
});

function Answer({ turn }: { turn: Turn }) {
  const { words } = useLanguage();
  return (
    <div className="rounded-2xl rounded-bl-md border border-line bg-panel px-4 py-3.5 shadow-card sm:px-5">
      <h3 className="sr-only">{words.turn.answer}</h3>
      {turn.state === "waiting" ? <p className="caret-waits text-soft">{turn.passage ? words.turn.waitingForModel : words.turn.waiting}</p> : null}
      {turn.state === "finished" && turn.answer === "" ? <p className="text-soft">{words.turn.empty}</p> : null}
      <div data-answer>{turn.answer === "" ? null : <Markdown text={turn.answer} />}</div>
      {turn.cut ? <p className="mt-2 text-sm text-soft">{words.turn.cut}</p> : null}
      {turn.state === "stopped" ? <p className="mt-2 text-sm text-soft">{words.turn.stopped}</p> : null}
      {turn.refusal ? null : <PassageStrip turn={turn} />}
    </div>
  );
}
