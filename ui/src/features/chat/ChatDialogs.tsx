import { useStore } from "../../lib/store";
import { ExportDialog } from "./ExportDialog";
import LowerDialog from "./LowerDialog";
import type { Conversation } from "./message";
import { opened, openOver } from "./opened";
import { ShareDialog } from "./ShareDialog";

const close = () => openOver(undefined);

/** What opens over the conversation that is open. */
export function ChatDialogs({ conversation, leaf }: { conversation: Conversation; leaf: string | undefined }) {
  const over = useStore(opened);
  const { id, title, label } = conversation;
  if (over === "share") return <ShareDialog id={id} title={title} leaf={leaf} onClose={close} />;
  if (over === "export") return <ExportDialog id={id} title={title} onClose={close} />;
  return over === "lower" && label !== null ? <LowerDialog id={id} label={label} onClose={close} /> : null;
}
