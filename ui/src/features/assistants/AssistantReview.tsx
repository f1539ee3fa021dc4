import { useState } from "react";
import { Area } from "../../components/Area";
import { LabelBadge } from "../../components/Badge";
import { Button } from "../../components/Button";
import { Facts } from "../../components/Facts";
import { LongText } from "../../components/LongText";
import { Modal } from "../../components/Modal";
import { Reading } from "../../components/Page";
import { readerName } from "../../components/Readers";
import { RefusalCard } from "../../components/RefusalCard";
import { confirmDone } from "../../lib/announce";
import { send } from "../../lib/api";
import { type Assistant, said } from "../../lib/assistant";
import { useAct, useLoad } from "../../lib/load";
import { useLanguage } from "../../lib/language";

/** Shows a reviewer everything that would be published, and takes the decision: publish, or give back with a note. */
export function AssistantReview({ assistant, onDone, onClose }: { assistant: Assistant; onDone: () => void; onClose: () => void }) {
  const { words, language } = useLanguage();
  const { data, refusal } = useLoad<Assistant>(`/api/chat/assistants/${encodeURIComponent(assistant.id)}`);
  const deciding = useAct();
  const [note, setNote] = useState("");

  async function decide(publish: boolean) {
    const done = await deciding.act(async () => {
      await send("POST", `/api/chat/assistants/${encodeURIComponent(assistant.id)}/review`, {
        publish,
        note: note.trim(),
        // What was read is what is decided about.
        ...(data ? { version: data.version } : {}),
      });
    });
    if (!done) return;
    confirmDone(publish ? words.assistants.publishedDone : words.assistants.returnedDone);
    onDone();
  }

  return (
    <Modal heading={words.assistants.reviewHeading} onClose={onClose}>
      {refusal ? <RefusalCard refusal={refusal} /> : null}
      {data ? (
        <div className="space-y-5" data-review>
          <p className="text-sm text-pretty text-soft">{words.assistants.reviewText}</p>
          <Facts
            facts={[
              [words.assistants.name, <span key="name" translate="no">{said(data.name, language)}</span>],
              [words.assistants.owner, <span key="owner" translate="no">{data.owner}</span>],
              [words.assistants.purpose, said(data.purpose, language)],
              [words.assistants.forWhom, data.with.map((reader) => readerName(reader, words)).join(", ")],
              [words.ask.model, data.model ? <span key="model" translate="no">{data.model}</span> : words.assistants.anyModel],
              [words.assistants.label, data.label ? <LabelBadge key="label" label={data.label} /> : words.assistants.noLabel],
            ]}
          />
          <section>
            <h3 className="text-sm font-medium">{words.assistants.instructions}</h3>
            <div translate="no" data-instructions className="mt-1 rounded-lg bg-sunken p-3 text-sm whitespace-pre-wrap wrap-anywhere">
              <LongText text={said(data.instructions, language)} />
            </div>
          </section>
          <Area name={words.assistants.noteField} hint={words.assistants.noteHint} value={note} maxLength={2000} rows={3} data-note onChange={(event) => setNote(event.target.value)} />
          {deciding.refusal ? <RefusalCard refusal={deciding.refusal} /> : null}
          <div className="flex flex-wrap justify-end gap-2 pb-1">
            <Button disabled={deciding.busy || note.trim() === ""} data-return onClick={() => void decide(false)}>
              {words.assistants.giveBack}
            </Button>
            <Button look="primary" disabled={deciding.busy} data-publish onClick={() => void decide(true)}>
              {words.assistants.publish}
            </Button>
          </div>
        </div>
      ) : refusal ? null : (
        <Reading />
      )}
    </Modal>
  );
}
