import { CopyButton } from "../../components/CopyButton";
import { Disclosure, Item } from "../../components/Disclosure";
import { Icon } from "../../components/icons";
import { Markdown } from "../../components/Markdown";
import type { Figure } from "../../lib/figures";
import { useLanguage } from "../../lib/language";
import { Branches } from "./Branches";
import { checkFiguresOf, useFigureCheck } from "./figureCheck";
import { Figures } from "./Figures";
import type { Message } from "./message";
import { useDrawn, usePlaceOf, useStandIns } from "./OwnWords";
import { PassageStrip } from "./PassageStrip";
import { Receipt } from "./Receipt";
import { TakeAnswer } from "./TakeAnswer";
import { Thumbs } from "./Thumbs";
import type { Turn } from "./tree";
import type { TurnActions } from "./TurnView";

const NONE: Figure[] = [];

interface Props {
  turn: Turn;
  answer: Message;
  models: string[];
  actions: TurnActions;
}

/** One answer, what the house says about it, and what one may do with it. */
export function AnswerView({ turn, answer, models, actions }: Props) {
  const { words } = useLanguage();
  const { answers, question } = turn;
  const standIns = useStandIns();
  const place = usePlaceOf();
  return (
    <div data-message={answer.id}>
      <h2 className="sr-only">{words.turn.answer}</h2>
      <AnswerText answer={answer} />
      {answer.refusal ? null : <PassageStrip answer={answer} />}
      {answer.state === "running" ? null : (
        <div className="mt-1 -ml-1.5 flex flex-wrap items-center gap-x-1 text-xs text-soft">
          {answers.length > 1 ? (
            <Branches name={words.turn.answerOf} at={answers.indexOf(answer)} ids={answers.map(({ id }) => id)} onChoose={(id) => actions.choose(question.id, id)} />
          ) : null}
          {answer.content === "" ? null : <CopyButton text={standIns.real(answer.content)} name={words.turn.copyAnswer} labelled />}
          {/\d/u.test(answer.content) ? (
            <button type="button" data-check-figures onClick={() => checkFiguresOf(place, answer, standIns.real(answer.content))} className="inline-flex min-h-7 items-center gap-1.5 rounded-md px-1.5 hover:bg-sunken hover:text-ink">
              <Icon name="check" className="size-3.5" />
              {words.figures.act}
            </button>
          ) : null}
          {place !== "" && answer.passage?.request_id ? <Receipt conversation={place} answer={answer.id} requestId={answer.passage.request_id} /> : null}
          <Again question={question} models={models} actions={actions} />
          {answer.content === "" ? null : (
            <>
              <TakeAnswer answer={answer} onTake={actions.take} />
              {actions.mayRate ? <Thumbs answer={answer} onRate={actions.rate} /> : null}
            </>
          )}
        </div>
      )}
    </div>
  );
}

/** What a model wrote, and how it ended. */
export function AnswerText({ answer }: { answer: Message }) {
  const { words } = useLanguage();
  const standIns = useStandIns();
  const growing = answer.state === "running";
  const real = growing ? "" : standIns.real(answer.content);
  const checked = useFigureCheck(usePlaceOf(), answer, real);
  const unfounded = checked?.state === "done" ? checked.check.unfounded : NONE;
  const draw = useDrawn(standIns, unfounded);
  const content = growing ? standIns.settled(answer.content) : answer.content;
  const waiting = growing && content === "";
  return (
    <>
      {waiting ? <p className="caret-waits text-soft">{answer.passage ? words.turn.waitingForModel : words.turn.waiting}</p> : null}
      {answer.state === "complete" && answer.content === "" ? <p className="text-soft">{words.turn.empty}</p> : null}
      <div data-answer>{content === "" ? null : <Markdown text={standIns.coded(content)} growing={growing} draw={draw} />}</div>
      {!growing && real !== content ? <p className="mt-3 text-sm text-soft" data-own-words-note>{words.masks.note}</p> : null}
      {checked ? <Figures checked={checked} /> : null}
      {answer.omitted ? <p className="mt-3 text-sm text-soft">{words.turn.omitted(answer.omitted)}</p> : null}
      {answer.cut ? <p className="mt-3 text-sm text-soft">{words.turn.cut}</p> : null}
      {answer.state === "stopped" ? <p className="mt-3 text-sm text-soft">{words.turn.stopped}</p> : null}
      {answer.state === "failed" && !answer.refusal ? <p className="mt-3 text-sm text-soft">{words.turn.interrupted}</p> : null}
    </>
  );
}

/** Answers once more: by the same model at once, by another one from a list. */
function Again({ question, models, actions }: Pick<Props, "models" | "actions"> & { question: Message }) {
  const { words } = useLanguage();
  if (models.length === 0) return null;
  return (
    <Disclosure
      kind="again"
      className="inline-flex min-h-7 items-center gap-1.5 rounded-md px-1.5 text-soft hover:bg-sunken hover:text-ink"
      panelClassName="bottom-full left-0 w-64 max-h-60 overflow-y-auto max-sm:w-[min(16rem,calc(100vw-3rem))]"
      panel={(close) =>
        models.map((model) => (
          <Item
            key={model}
            kind="again-with"
            onClick={() => {
              close();
              actions.again(question, model);
            }}
          >
            {words.turn.againWith} <span translate="no">{model}</span>
          </Item>
        ))
      }
    >
      <Icon name="again" className="size-3.5" />
      {words.turn.again}
    </Disclosure>
  );
}
