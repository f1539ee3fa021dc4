import { type FormEvent, useState } from "react";
import { LabelBadge } from "../../components/Badge";
import { Button } from "../../components/Button";
import { CopyButton } from "../../components/CopyButton";
import { Choice, Field } from "../../components/Field";
import { Modal } from "../../components/Modal";
import { RefusalCard } from "../../components/RefusalCard";
import { sendFor } from "../../lib/api";
import { announce, confirmDone } from "../../lib/announce";
import { dateTime } from "../../lib/format";
import { type Label, LABELS, levelOf, namesOf, written } from "../../lib/labels";
import { useAct } from "../../lib/load";
import { useLanguage } from "../../lib/language";
import { loadList, relabel } from "./store";

interface Answer {
  label?: string | null;
  expires?: string | null;
}

interface Props {
  /** Left out where somebody was told the id of another person's conversation. */
  id?: string;
  label?: string;
  onClose: () => void;
}

/**
 * Lowers the label of a conversation, with a reason. Policy decides who may; where a second person has to agree, nothing falls before they
 * do, and this says so.
 */
export default function LowerDialog({ id: known, label, onClose }: Props) {
  const { words, language } = useLanguage();
  const { busy, refusal, act } = useAct();
  const [typed, setTyped] = useState("");
  const id = known ?? typed.trim();
  const names = namesOf(label);
  const level = levelOf(label) ?? "SECRET";
  const levels = LABELS.slice(0, LABELS.indexOf(level) + 1);
  const [to, setTo] = useState<Label>(names.length > 0 ? level : (levels.at(-2) ?? level));
  const [kept, setKept] = useState<string[]>([]);
  const [reason, setReason] = useState("");
  const [waiting, setWaiting] = useState<Answer>();
  const target = written(to, kept);
  const isLower = label === undefined || target !== written(level, names);

  async function submit(event: FormEvent) {
    event.preventDefault();
    let answer: { status: number; body: Answer | undefined } | undefined;
    const done = await act(async () => {
      answer = await sendFor<Answer>("POST", `/api/chat/conversations/${encodeURIComponent(id)}/declassify`, { to: target, reason: reason.trim() });
    });
    if (!done || !answer) return;
    if (answer.status === 202) {
      setWaiting(answer.body ?? {});
      announce(words.lower.waiting);
      return;
    }
    relabel(id, answer.body?.label ?? target);
    void loadList();
    confirmDone(words.lower.done);
    onClose();
  }

  return (
    <Modal look="box" heading={words.lower.heading} onClose={onClose}>
      {waiting ? (
        <div data-waiting className="space-y-3 pb-1">
          <p className="font-semibold">{words.lower.waiting}</p>
          <p className="text-sm text-pretty text-soft">{words.lower.waitingText}</p>
          {waiting.expires ? <p className="text-sm text-soft">{words.lower.waitsUntil(dateTime(waiting.expires, language))}</p> : null}
          <div className="flex justify-end">
            <Button look="primary" onClick={onClose} data-confirm>
              {words.close}
            </Button>
          </div>
        </div>
      ) : (
        <form onSubmit={(event) => void submit(event)} className="space-y-4">
          <p className="text-sm text-pretty text-soft">{words.lower.text}</p>
          {label === undefined ? (
            <Field name={words.lower.id} hint={words.lower.idHint} value={typed} mono autoComplete="off" data-lower-id onChange={(event) => setTyped(event.target.value)} />
          ) : (
            <p className="flex flex-wrap items-center gap-2 text-sm">
              {words.lower.now} <LabelBadge label={label} />
            </p>
          )}
          <Choice name={words.lower.to} value={to} data-to onChange={(event) => setTo(event.target.value as Label)}>
            {levels.map((one) => (
              <option key={one} value={one}>
                {words.labels[one]}
              </option>
            ))}
          </Choice>
          {names.length > 0 ? (
            <fieldset>
              <legend className="text-sm font-medium">{words.lower.keep}</legend>
              <div className="mt-1 flex flex-wrap gap-x-4">
                {names.map((name) => (
                  <label key={name} className="flex min-h-8 cursor-pointer items-center gap-2 text-sm">
                    <input type="checkbox" className="size-4 accent-accent" checked={kept.includes(name)} onChange={() => setKept((all) => (all.includes(name) ? all.filter((one) => one !== name) : [...all, name]))} />
                    <span translate="no">{name}</span>
                  </label>
                ))}
              </div>
            </fieldset>
          ) : null}
          <label className="block text-sm">
            <span className="mb-1 block font-medium">{words.lower.reason}</span>
            <textarea
              value={reason}
              maxLength={1800}
              rows={3}
              data-reason
              onChange={(event) => setReason(event.target.value)}
              className="grows block max-h-60 min-h-20 w-full rounded-lg border border-edge bg-panel px-3 py-2"
            />
            <span className="mt-1 block text-xs text-soft">{words.lower.reasonHint}</span>
          </label>
          {refusal ? (
            <>
              <RefusalCard refusal={refusal} />
              <p className="flex flex-wrap items-center gap-1 text-xs text-soft">
                {words.lower.pass} <code className="font-mono wrap-anywhere">{id}</code>
                <CopyButton text={id} name={words.lower.copyId} />
              </p>
            </>
          ) : null}
          <div className="flex flex-wrap justify-end gap-2 pb-1">
            <Button onClick={onClose}>{words.cancel}</Button>
            <Button look="primary" type="submit" disabled={busy || id === "" || !isLower || reason.trim() === ""} data-confirm>
              {words.lower.act}
            </Button>
          </div>
        </form>
      )}
    </Modal>
  );
}
