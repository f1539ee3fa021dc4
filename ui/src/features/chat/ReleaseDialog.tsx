import { type FormEvent, useState } from "react";
import { Button } from "../../components/Button";
import { Modal } from "../../components/Modal";
import { RefusalCard } from "../../components/RefusalCard";
import { confirmDone } from "../../lib/announce";
import { useAct } from "../../lib/load";
import { useLanguage } from "../../lib/language";
import { countsOf, type Found } from "./examined";
import { type Asked, askRelease } from "./releases";

interface Props {
  wanted: Asked;
  /** What would stop it, as far as it is known. */
  found: Found[];
  onClose: () => void;
}

/** Asks somebody else to let exactly this text pass once, with a reason. */
export default function ReleaseDialog({ wanted, found, onClose }: Props) {
  const { words } = useLanguage();
  const { busy, refusal, act } = useAct();
  const [reason, setReason] = useState("");
  const counts = countsOf(found);

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (reason.trim() === "" || !(await act(() => askRelease(wanted, reason.trim())))) return;
    confirmDone(words.release.asked);
    onClose();
  }

  return (
    <Modal look="box" heading={words.release.heading} onClose={onClose}>
      <form onSubmit={(event) => void submit(event)} className="space-y-4 text-sm">
        <p className="text-pretty">{words.release.text}</p>
        {counts.length > 0 ? (
          <p className="text-pretty">
            {words.release.sees} <span className="font-medium">{counts.map(([type, count]) => `${count} × ${words.findings[type] ?? type}`).join(", ")}</span>
          </p>
        ) : null}
        <label className="block">
          <span className="mb-1 block font-medium">{words.release.reason}</span>
          <textarea
            value={reason}
            maxLength={1000}
            rows={3}
            data-reason
            onChange={(event) => setReason(event.target.value)}
            className="grows block max-h-60 min-h-20 w-full rounded-lg border border-edge bg-panel px-3 py-2"
          />
          <span className="mt-1 block text-xs text-soft">{words.release.reasonHint}</span>
        </label>
        {refusal ? <RefusalCard refusal={refusal} /> : null}
        <div className="flex flex-wrap justify-end gap-2 pb-1">
          <Button onClick={onClose}>{words.cancel}</Button>
          <Button look="primary" type="submit" disabled={busy || reason.trim() === ""} data-confirm>
            {words.release.act}
          </Button>
        </div>
      </form>
    </Modal>
  );
}
