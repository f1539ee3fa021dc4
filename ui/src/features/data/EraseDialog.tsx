import { type FormEvent, useState } from "react";
import { Button } from "../../components/Button";
import { Field } from "../../components/Field";
import { Modal } from "../../components/Modal";
import { RefusalCard } from "../../components/RefusalCard";
import { send } from "../../lib/api";
import type { BothTexts } from "../../lib/contract";
import { useAct } from "../../lib/load";
import { useLanguage } from "../../lib/language";
import { useSession } from "../../lib/session";

export interface Erased {
  erased: { id: string; count: number }[];
  stays: { id: string; what: BothTexts; why: BothTexts }[];
}

/** Asks for one's own name before everything that may be deleted is deleted. */
export function EraseDialog({ onErased, onClose }: { onErased: (erased: Erased) => void; onClose: () => void }) {
  const { words } = useLanguage();
  const { session } = useSession();
  const { busy, refusal, act } = useAct();
  const [typed, setTyped] = useState("");
  const isRight = typed.trim() === session.name;

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (!isRight) return;
    let answer: Partial<Erased> | undefined;
    const done = await act(async () => {
      answer = await send<Partial<Erased> | undefined>("POST", "/api/chat/data/erase", { confirm: session.name });
    });
    if (!done) return;
    onErased({ erased: answer?.erased ?? [], stays: answer?.stays ?? [] });
    onClose();
  }

  return (
    <Modal look="box" heading={words.data.eraseHeading} onClose={onClose}>
      <form onSubmit={(event) => void submit(event)} className="space-y-4">
        <p className="text-sm text-pretty">{words.data.eraseText}</p>
        <p className="text-sm text-pretty text-soft">{words.data.eraseKeeps}</p>
        <Field name={words.data.confirm} hint={words.data.confirmHint(session.name)} value={typed} autoComplete="off" data-confirm-name onChange={(event) => setTyped(event.target.value)} />
        {refusal ? <RefusalCard refusal={refusal} /> : null}
        <div className="flex flex-wrap justify-end gap-2 pb-1">
          <Button onClick={onClose}>{words.cancel}</Button>
          <Button look="danger" type="submit" disabled={busy || !isRight} data-confirm>
            {words.data.eraseAct}
          </Button>
        </div>
      </form>
    </Modal>
  );
}
