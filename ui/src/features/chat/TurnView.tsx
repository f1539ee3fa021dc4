import { memo } from "react";
import { Button } from "../../components/Button";
import { RefusalCard } from "../../components/RefusalCard";
import { useLanguage } from "../../lib/language";
import type { Finding } from "../../lib/refusal";
import { AnswerView } from "./AnswerView";
import { AskRelease } from "./AskRelease";
import { Comparison } from "./Comparison";
import { requestOf } from "./conversation";
import type { Feedback, Message } from "./message";
import { QuestionView } from "./QuestionView";
import type { Format } from "./TakeAnswer";
import { isComparison, type Turn } from "./tree";

/** What one may do with a turn. */
export interface TurnActions {
  /** Asks something else in the place of a question; a branch of its own. */
  edit: (question: Message, text: string) => void;
  /** Has a question answered once more. */
  again: (question: Message, model: string) => void;
  /** Goes on with another child of a message. */
  choose: (parent: string | null, child: string) => void;
  stop: (answer: Message) => void;
  /** Whether the house keeps what one says of answers here; in a temporary chat it keeps nothing. */
  mayRate: boolean;
  /** Says whether an answer helped. */
  rate: (answer: Message, feedback: Feedback | null) => Promise<void>;
  /** Takes an answer along as a document. */
  take: (answer: Message, format: Format) => Promise<void>;
  /** Asks somebody else to let a refused question pass. */
  askRelease: (question: Message) => void;
  /** Puts a text into the field for the next question. */
  write: (text: string) => void;
}

interface Props {
  turns: Turn[];
  index: number;
  models: string[];
  actions: TurnActions;
}

/** A question in the person's own words and what became of it. */
export const TurnView = memo(
  function TurnView({ turns, index, models, actions }: Props) {
    const { words } = useLanguage();
    const turn = turns[index];
    if (!turn) return null;
    const { question, answer, answers } = turn;
    const refusal = answer?.refusal;
    const request = refusal ? requestOf(turns, index) : undefined;
    const findings = refusal?.findings ?? [];
    const place = (request?.messages.length ?? 1) - 1;
    const own = findings.filter((finding) => finding.attachment === undefined && (finding.message === undefined ? isOwn(finding.path, place) : finding.message === question.id));
    const side = isComparison(turn) && !answers.every((one) => one.refusal !== null);
    return (
      <article data-turn={side ? stateOfAll(answers) : stateOf(answer)} data-message={question.id} className="turn space-y-5">
        <QuestionView turn={turn} findings={own} actions={actions} />
        {side ? (
          <Comparison turn={turn} actions={actions} />
        ) : (
          <>
            {answer && (!refusal || answer.content !== "") ? <AnswerView turn={turn} answer={answer} models={models} actions={actions} /> : null}
            {refusal ? (
              <RefusalCard refusal={refusal} request={request} ownPaths={own.map(({ path }) => path)}>
                <Button onClick={() => actions.write(question.content)}>{words.refusal.edit}</Button>
                {refusal.code === "sensitive_data_detected" ? <AskRelease question={question} onAsk={actions.askRelease} /> : null}
                <p className="self-center text-sm text-soft">{words.refusal.notCarried}</p>
              </RefusalCard>
            ) : null}
          </>
        )}
      </article>
    );
  },
  // Turns further up never change; only what belongs to this one decides.
  (before, after) =>
    before.index === after.index && before.models === after.models && before.actions === after.actions && isSame(before.turns[before.index], after.turns[after.index]),
);

function isSame(before: Turn | undefined, after: Turn | undefined): boolean {
  return (
    before?.question === after?.question &&
    before?.answer === after?.answer &&
    before?.isDecided === after?.isDecided &&
    before?.branches?.at === after?.branches?.at &&
    before?.branches?.ids.length === after?.branches?.ids.length &&
    before?.answers.length === after?.answers.length &&
    (before?.answers.every((answer, index) => answer === after?.answers[index]) ?? true)
  );
}

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

function stateOfAll(answers: Message[]): string {
  if (answers.some(({ state }) => state === "running")) return "streaming";
  return answers.some(({ state }) => state === "complete") ? "finished" : "stopped";
}
