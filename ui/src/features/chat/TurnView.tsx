import { memo } from "react";
import { Button } from "../../components/Button";
import { CopyButton } from "../../components/CopyButton";
import { Markdown } from "../../components/Markdown";
import { MarkedText } from "../../components/MarkedText";
import { RefusalCard } from "../../components/RefusalCard";
import { useLanguage } from "../../lib/language";
import type { Finding } from "../../lib/refusal";
import { requestOf, type Turn } from "./conversation";
import type { Message } from "./message";
import { PassageStrip } from "./PassageStrip";

interface Props {
  turns: Turn[];
  index: number;
  onEdit: (question: string) => void;
}

/** A question in the person's own words and what became of it. */
export const TurnView = memo(
  function TurnView({ turns, index, onEdit }: Props) {
    const { words } = useLanguage();
    const turn = turns[index];
    if (!turn) return null;
    const { question, answer } = turn;
    const refusal = answer?.refusal;
    const request = refusal ? requestOf(turns, index) : undefined;
    const findings = refusal?.findings ?? [];
    const place = (request?.messages.length ?? 1) - 1;
    const own = findings.filter((finding) => (finding.message === undefined ? isOwn(finding.path, place) : finding.message === question.id));
    return (
      <article data-turn={stateOf(answer)} className="space-y-5">
        <div className="ml-auto w-fit max-w-[92%] rounded-3xl rounded-br-lg bg-tint px-4.5 py-2.5 sm:max-w-[80%]">
          <h2 className="sr-only">{words.turn.you}</h2>
          <p data-question className="wrap-anywhere whitespace-pre-wrap">
            <MarkedText text={question.content} findings={own} />
          </p>
        </div>
        {answer && (!refusal || answer.content !== "") ? <Answer answer={answer} /> : null}
        {refusal ? (
          <RefusalCard refusal={refusal} request={request} ownPaths={own.map(({ path }) => path)}>
            <Button onClick={() => onEdit(question.content)}>{words.refusal.edit}</Button>
            <p className="self-center text-sm text-soft">{words.refusal.notCarried}</p>
          </RefusalCard>
        ) : null}
      </article>
    );
  },
  // Turns further up never change; only what belongs to this one decides.
  (before, after) =>
    before.index === after.index &&
    before.onEdit === after.onEdit &&
    before.turns[before.index]?.question === after.turns[after.index]?.question &&
    before.turns[before.index]?.answer === after.turns[after.index]?.answer,
);

/** Where the house does not say which message it means: it may put sentences of its own before ours, so everything from our place on is ours. */
function isOwn(path: Finding["path"], place: number): boolean {
  const [, number] = /^\/messages\/(\d+)\/content/u.exec(path) ?? [];
  return number !== undefined && Number(number) >= place;
}

function stateOf(answer: Message | undefined): string {
  if (answer?.refusal) return "refused";
  if (answer?.state === "running") return answer.content === "" ? "waiting" : "streaming";
  return answer?.state === "complete" ? "finished" : (answer?.state ?? "waiting");
}

function Answer({ answer }: { answer: Message }) {
  const { words } = useLanguage();
  const waiting = answer.state === "running" && answer.content === "";
  return (
    <div>
      <h2 className="sr-only">{words.turn.answer}</h2>
      {waiting ? <p className="caret-waits text-soft">{answer.passage ? words.turn.waitingForModel : words.turn.waiting}</p> : null}
      {answer.state === "complete" && answer.content === "" ? <p className="text-soft">{words.turn.empty}</p> : null}
      <div data-answer>{answer.content === "" ? null : <Markdown text={answer.content} />}</div>
      {answer.omitted ? <p className="mt-3 text-sm text-soft">{words.turn.omitted(answer.omitted)}</p> : null}
      {answer.cut ? <p className="mt-3 text-sm text-soft">{words.turn.cut}</p> : null}
      {answer.state === "stopped" ? <p className="mt-3 text-sm text-soft">{words.turn.stopped}</p> : null}
      {answer.state === "failed" && !answer.refusal ? <p className="mt-3 text-sm text-soft">{words.turn.interrupted}</p> : null}
      {answer.refusal ? null : <PassageStrip answer={answer} />}
      {answer.state === "running" || answer.content === "" || answer.refusal ? null : (
        <div className="mt-1 -ml-1.5 text-xs">
          <CopyButton text={answer.content} name={words.turn.copyAnswer} labelled />
        </div>
      )}
    </div>
  );
}
