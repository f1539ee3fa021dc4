import { type FormEvent, useState } from "react";
import { Button } from "../../components/Button";
import { Modal } from "../../components/Modal";
import { Readers } from "../../components/Readers";
import { RefusalCard } from "../../components/RefusalCard";
import { confirmDone } from "../../lib/announce";
import { send } from "../../lib/api";
import type { Assistant } from "../../lib/assistant";
import { useAct } from "../../lib/load";
import { useLanguage } from "../../lib/language";

/** Hands a draft in: for whom it is meant, and that somebody else reads it first. */
export function AssistantSubmit({ assistant, onDone, onClose }: { assistant: Assistant; onDone: () => void; onClose: () => void }) {
  const { words } = useLanguage();
  const { busy, refusal, act } = useAct();
  const [readers, setReaders] = useState(assistant.with);

  async function submit(event: FormEvent) {
    event.preventDefault();
    const done = await act(async () => {
      await send("POST", `/api/chat/assistants/${encodeURIComponent(assistant.id)}/submit`, { with: readers });
    });
    if (!done) return;
    confirmDone(words.assistants.submitted);
    onDone();
  }

  return (
    <Modal look="box" heading={words.assistants.submitHeading} onClose={onClose}>
      <form onSubmit={(event) => void submit(event)} className="space-y-4">
        <p className="text-sm text-pretty text-soft">{words.assistants.submitText}</p>
        <Readers name={words.assistants.forWhom} chosen={readers} onChange={setReaders} />
        {refusal ? <RefusalCard refusal={refusal} /> : null}
        <div className="flex flex-wrap justify-end gap-2 pb-1">
          <Button onClick={onClose}>{words.cancel}</Button>
          <Button look="primary" type="submit" disabled={busy || readers.length === 0} data-confirm>
            {words.assistants.submit}
          </Button>
        </div>
      </form>
    </Modal>
  );
}
