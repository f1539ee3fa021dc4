import { useState } from "react";
import { Button } from "../../components/Button";
import { Icon } from "../../components/icons";
import { Modal } from "../../components/Modal";
import { RefusalCard } from "../../components/RefusalCard";
import { takeFile } from "../../lib/download";
import { confirmDone } from "../../lib/announce";
import { useAct } from "../../lib/load";
import { useLanguage } from "../../lib/language";

/** Offers the receipt of an answer, and says what it proves and how somebody who does not trust this house checks it. */
export function Receipt({ conversation, answer, requestId }: { conversation: string; answer: string; requestId: string }) {
  const { words } = useLanguage();
  const { busy, refusal, act } = useAct();
  const [open, setOpen] = useState(false);
  const path = `/api/chat/conversations/${encodeURIComponent(conversation)}/messages/${encodeURIComponent(answer)}/receipt`;

  async function take() {
    if (await act(() => takeFile(path, `receipt-${requestId}.tlog-proof`))) confirmDone(words.receipt.done);
  }

  return (
    <>
      <button type="button" data-receipt onClick={() => setOpen(true)} className="inline-flex min-h-7 items-center gap-1.5 rounded-md px-1.5 hover:bg-sunken hover:text-ink">
        <Icon name="audit" className="size-3.5" />
        {words.receipt.act}
      </button>
      {open ? (
        <Modal look="box" heading={words.receipt.heading} onClose={() => setOpen(false)}>
          <div className="space-y-3 text-sm text-pretty">
            <p>{words.receipt.proves}</p>
            <p className="text-soft">{words.receipt.provesNot}</p>
            <h3 className="font-semibold">{words.receipt.check}</h3>
            <ol className="list-decimal space-y-1 pl-5">
              {words.receipt.steps.map((step) => (
                <li key={step}>{step}</li>
              ))}
            </ol>
            {refusal ? <RefusalCard refusal={refusal} /> : null}
            <div className="flex flex-wrap justify-end gap-2 pt-2 pb-1">
              <Button onClick={() => setOpen(false)}>{words.close}</Button>
              <Button look="primary" disabled={busy} onClick={() => void take()} data-take-receipt>
                <Icon name="download" />
                {words.receipt.take}
              </Button>
            </div>
          </div>
        </Modal>
      ) : null}
    </>
  );
}
