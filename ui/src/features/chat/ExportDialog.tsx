import { Button } from "../../components/Button";
import { Icon } from "../../components/icons";
import { Modal } from "../../components/Modal";
import { RefusalCard } from "../../components/RefusalCard";
import { takeFile } from "../../lib/download";
import { useAct } from "../../lib/load";
import { useLanguage } from "../../lib/language";

/** Takes one conversation along as a file. */
export function ExportDialog({ id, title, onClose }: { id: string; title: string; onClose: () => void }) {
  const { words } = useLanguage();
  const { busy, refusal, act } = useAct();
  return (
    <Modal look="box" heading={words.transfer.exportHeading} onClose={onClose}>
      <p className="text-sm text-pretty wrap-anywhere text-soft">{words.transfer.exportText(title || words.conversations.untitled)}</p>
      <div className="mt-4 flex flex-wrap gap-2 pb-1">
        {(["markdown", "json"] as const).map((format) => (
          <Button
            key={format}
            disabled={busy}
            data-export-as={format}
            onClick={() => void act(() => takeFile(`/api/chat/conversations/${encodeURIComponent(id)}/export?format=${format}`, format === "json" ? "chat.json" : "chat.md"))}
          >
            <Icon name="download" />
            {words.transfer.formats[format]}
          </Button>
        ))}
      </div>
      {refusal ? (
        <div className="mt-4">
          <RefusalCard refusal={refusal} />
        </div>
      ) : null}
    </Modal>
  );
}
