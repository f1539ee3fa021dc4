import { type FormEvent, useEffect, useRef, useState } from "react";
import { Button } from "../../components/Button";
import { CopyButton } from "../../components/CopyButton";
import { IconButton } from "../../components/IconButton";
import { LongText } from "../../components/LongText";
import { MarkedText } from "../../components/MarkedText";
import { useLanguage } from "../../lib/language";
import type { Finding } from "../../lib/refusal";
import { AttachmentChips } from "./AttachmentChips";
import { Branches } from "./Branches";
import { useOwn, useStandIns } from "./OwnWords";
import { LONG } from "./Pasted";
import type { Turn } from "./tree";
import type { TurnActions } from "./TurnView";

interface Props {
  turn: Turn;
  /** What was found in this question. */
  findings: Finding[];
  actions: TurnActions;
}

/** What was asked, with the ways to ask it differently. */
export function QuestionView({ turn, findings, actions }: Props) {
  const { words } = useLanguage();
  const { question, branches } = turn;
  const [editing, setEditing] = useState(false);
  const own = useOwn(useStandIns());
  const opener = useRef<HTMLButtonElement>(null);

  function close() {
    setEditing(false);
    // The button is there again only when the field has gone.
    setTimeout(() => opener.current?.focus(), 0);
  }

  if (editing) return <Editor text={question.content} hint={question.attachments?.length ? words.files.notAgain : words.turn.editHint} onClose={close} onSend={(text) => actions.edit(question, text)} />;
  return (
    <div className="group/question ml-auto flex w-fit max-w-[92%] flex-col items-end sm:max-w-[80%]">
      <div className="max-w-full rounded-3xl rounded-br-lg bg-tint px-4.5 py-2.5 forced-colors:border">
        <h2 className="sr-only">{words.turn.you}</h2>
        <div data-question className="wrap-anywhere whitespace-pre-wrap">
          {findings.length > 0 ? <MarkedText text={question.content} findings={findings} {...(question.content.length > 4000 ? { around: 200 } : {})} /> : <LongText text={question.content} draw={own} />}
        </div>
      </div>
      {question.attachments && question.attachments.length > 0 ? <AttachmentChips files={question.attachments} /> : null}
      <div className="mt-0.5 flex items-center gap-0.5 text-xs text-soft">
        {branches ? <Branches name={words.turn.branchOf} at={branches.at} ids={branches.ids} onChoose={(id) => actions.choose(question.parent, id)} /> : null}
        <div className="flex opacity-0 transition-opacity group-focus-within/question:opacity-100 group-hover/question:opacity-100 pointer-coarse:opacity-100">
          <CopyButton text={question.content} name={words.turn.copyQuestion} />
          <IconButton ref={opener} icon="compose" name={words.turn.edit} data-edit onClick={() => setEditing(true)} />
        </div>
      </div>
    </div>
  );
}

function Editor({ text, hint, onSend, onClose }: { text: string; hint: string; onSend: (text: string) => void; onClose: () => void }) {
  const { words } = useLanguage();
  const [written, setWritten] = useState(text);
  const field = useRef<HTMLTextAreaElement>(null);

  useEffect(() => {
    field.current?.focus();
    field.current?.setSelectionRange(text.length, text.length);
  }, [text]);

  function submit(event: FormEvent) {
    event.preventDefault();
    if (written.trim() === "") return;
    onSend(written.trim());
    onClose();
  }

  return (
    <form onSubmit={submit} className="rounded-3xl border border-edge bg-panel p-3 focus-within:border-accent">
      <textarea
        ref={field}
        aria-label={words.turn.edit}
        value={written}
        rows={3}
        data-edited
        onChange={(event) => setWritten(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Escape") {
            event.preventDefault();
            onClose();
          }
          if (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing) submit(event);
        }}
        className={`${text.length > LONG ? "h-80" : "grows"} block max-h-80 min-h-20 w-full resize-none bg-transparent px-2 py-1 outline-none`}
      />
      <p className="px-2 pb-2 text-xs text-soft">{hint}</p>
      <div className="flex flex-wrap justify-end gap-2">
        <Button onClick={onClose}>{words.cancel}</Button>
        <Button look="primary" type="submit" disabled={written.trim() === ""} data-send-edited>
          {words.ask.send}
        </Button>
      </div>
    </form>
  );
}
