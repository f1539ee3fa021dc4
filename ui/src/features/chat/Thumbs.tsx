import { type FormEvent, useState } from "react";
import { Area } from "../../components/Area";
import { Button } from "../../components/Button";
import { IconButton } from "../../components/IconButton";
import { Modal } from "../../components/Modal";
import { RefusalCard } from "../../components/RefusalCard";
import { confirmDone } from "../../lib/announce";
import { useAct } from "../../lib/load";
import { useLanguage } from "../../lib/language";
import { type Feedback, type Message, REASONS } from "./message";

interface Props {
  answer: Message;
  onRate: (answer: Message, feedback: Feedback | null) => Promise<void>;
}

/** Says whether an answer helped; for one that did not, why. A thumb that is pressed can be taken back. */
export function Thumbs({ answer, onRate }: Props) {
  const { words } = useLanguage();
  const { busy, refusal, act } = useAct();
  const [asking, setAsking] = useState(false);
  const given = answer.feedback?.value;

  async function press(value: Feedback["value"]) {
    if (busy) return;
    const back = given === value;
    const done = await act(() => onRate(answer, back ? null : { value, reasons: [], comment: null }));
    if (!done) setAsking(true);
    else if (back) confirmDone(words.thumbs.takenBack);
    else if (value === "down") setAsking(true);
    else confirmDone(words.thumbs.thanks);
  }

  return (
    <div role="group" aria-label={words.thumbs.heading} className="flex items-center" data-thumbs={given ?? ""}>
      {(["up", "down"] as const).map((value) => (
        <IconButton
          key={value}
          icon={value === "up" ? "thumbUp" : "thumbDown"}
          name={words.thumbs[value]}
          aria-pressed={given === value}
          data-thumb={value}
          onClick={() => void press(value)}
          className="aria-pressed:bg-tint aria-pressed:text-accent-strong forced-colors:aria-pressed:border"
        />
      ))}
      {asking ? <Reasons answer={answer} failed={refusal !== undefined} onRate={onRate} onClose={() => setAsking(false)} /> : null}
    </div>
  );
}

/** Why an answer did not help. Nothing of it is needed: the thumb itself was noted already. */
function Reasons({ answer, failed, onRate, onClose }: Props & { failed: boolean; onClose: () => void }) {
  const { words } = useLanguage();
  const { busy, refusal, act } = useAct();
  const [reasons, setReasons] = useState<string[]>(answer.feedback?.reasons ?? []);
  const [comment, setComment] = useState(answer.feedback?.comment ?? "");

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (!(await act(() => onRate(answer, { value: "down", reasons, comment: comment.trim() === "" ? null : comment.trim() })))) return;
    onClose();
    confirmDone(words.thumbs.thanks);
  }

  return (
    <Modal look="box" heading={words.thumbs.why} onClose={onClose}>
      <form onSubmit={(event) => void submit(event)} className="space-y-4 text-base text-ink" data-reasons>
        <p className="text-sm text-pretty text-soft">{failed ? words.thumbs.failed : words.thumbs.whyText}</p>
        <fieldset>
          <legend className="sr-only">{words.thumbs.why}</legend>
          <div className="grid grid-cols-[repeat(auto-fill,minmax(min(100%,11rem),1fr))] gap-x-4">
            {REASONS.map((reason) => (
              <label key={reason} className="flex min-h-9 cursor-pointer items-center gap-2.5 text-sm">
                <input
                  type="checkbox"
                  data-why={reason}
                  className="size-4 shrink-0 accent-accent"
                  checked={reasons.includes(reason)}
                  onChange={() => setReasons((all) => (all.includes(reason) ? all.filter((one) => one !== reason) : [...all, reason]))}
                />
                {words.thumbs.reasons[reason]}
              </label>
            ))}
          </div>
        </fieldset>
        <Area name={words.thumbs.comment} hint={words.thumbs.commentHint} value={comment} maxLength={2000} rows={3} data-comment onChange={(event) => setComment(event.target.value)} />
        {refusal ? <RefusalCard refusal={refusal} /> : null}
        <div className="flex flex-wrap justify-end gap-2 pb-1">
          <Button onClick={onClose}>{words.thumbs.skip}</Button>
          <Button look="primary" type="submit" disabled={busy} data-confirm>
            {words.thumbs.send}
          </Button>
        </div>
      </form>
    </Modal>
  );
}
