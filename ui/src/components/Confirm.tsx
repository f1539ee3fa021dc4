import { type ReactNode, useRef } from "react";
import { useAct } from "../lib/load";
import { useLanguage } from "../lib/language";
import { Button } from "./Button";
import { Modal } from "./Modal";
import { RefusalCard } from "./RefusalCard";

interface Props {
  heading: string;
  /** What follows from it, in full sentences. */
  children: ReactNode;
  /** The verb on the button. */
  act: string;
  danger?: boolean;
  /** Whether the button that asked goes when it is done. */
  orphans?: boolean;
  onAct: () => Promise<void>;
  onClose: () => void;
}

/** Asks before something is done, and says what follows from it. */
export function Confirm({ heading, children, act: verb, danger = false, orphans = false, onAct, onClose }: Props) {
  const { words } = useLanguage();
  const { busy, refusal, act } = useAct();
  const orphaned = useRef(false);

  async function go() {
    if (!(await act(onAct))) return;
    orphaned.current = orphans;
    onClose();
  }

  return (
    <Modal look="box" heading={heading} onClose={onClose} orphaned={orphaned}>
      <div className="space-y-4 text-pretty text-soft">{children}</div>
      {refusal ? (
        <div className="mt-4">
          <RefusalCard refusal={refusal} />
        </div>
      ) : null}
      <div className="mt-6 flex flex-wrap justify-end gap-2 pb-1">
        <Button onClick={onClose}>{words.cancel}</Button>
        <Button look={danger ? "danger" : "primary"} disabled={busy} onClick={() => void go()} data-confirm>
          {verb}
        </Button>
      </div>
    </Modal>
  );
}
