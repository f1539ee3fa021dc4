import { type FormEvent, useEffect, useState } from "react";
import { Button } from "../../components/Button";
import { Confirm } from "../../components/Confirm";
import { Choice, Field } from "../../components/Field";
import { Modal } from "../../components/Modal";
import { RefusalCard } from "../../components/RefusalCard";
import { confirmDone } from "../../lib/announce";
import { useAct } from "../../lib/load";
import { useLanguage } from "../../lib/language";
import { go } from "../../lib/router";
import { useStore } from "../../lib/store";
import { nextParent } from "./conversation";
import { ExportDialog } from "./ExportDialog";
import type { Folder, Summary } from "./message";
import { ShareDialog } from "./ShareDialog";
import { amend, conversations, createFolder, remove, removeFolder, renameFolder } from "./store";
import { pathOf } from "./tree";

export type Asking =
  | { kind: "rename" | "delete" | "pin" | "unpin" | "move" | "share" | "export"; row: Summary }
  | { kind: "renameFolder" | "deleteFolder"; folder: Folder }
  | undefined;

interface Props {
  asking: Asking;
  current: string | undefined;
  onClose: () => void;
}

/** What is asked before a conversation or a folder changes. */
export function ConversationDialogs({ asking, current, onClose }: Props) {
  const { words } = useLanguage();
  switch (asking?.kind) {
    case "rename":
      return (
        <Rename heading={words.conversations.renameHeading} name={words.conversations.title} value={asking.row.title} done={words.conversations.renamed} onRename={(title) => amend(asking.row.id, { title })} onClose={onClose} />
      );
    case "pin":
    case "unpin":
      return <Pin row={asking.row} pinned={asking.kind === "pin"} onClose={onClose} />;
    case "move":
      return <Move row={asking.row} onClose={onClose} />;
    case "share":
      return <ShareDialog id={asking.row.id} title={asking.row.title} leaf={shownLeaf(asking.row.id)} onClose={onClose} />;
    case "export":
      return <ExportDialog id={asking.row.id} title={asking.row.title} onClose={onClose} />;
    case "delete":
      return (
        <Confirm
          heading={words.conversations.deleteHeading}
          act={words.conversations.delete}
          danger
          orphans
          onAct={async () => {
            await remove(asking.row.id);
            if (asking.row.id === current) go("/chat");
            confirmDone(words.conversations.deleted);
          }}
          onClose={onClose}
        >
          <p className="wrap-anywhere">{words.conversations.deleteText(asking.row.title || words.conversations.untitled)}</p>
        </Confirm>
      );
    case "renameFolder":
      return (
        <Rename heading={words.folders.renameHeading} name={words.folders.name} value={asking.folder.name} done={words.folders.renamed} onRename={(name) => renameFolder(asking.folder.id, name)} onClose={onClose} />
      );
    case "deleteFolder":
      return (
        <Confirm
          heading={words.folders.deleteHeading}
          act={words.folders.delete}
          danger
          orphans
          onAct={async () => {
            await removeFolder(asking.folder.id);
            confirmDone(words.folders.deleted);
          }}
          onClose={onClose}
        >
          <p className="wrap-anywhere">{words.folders.deleteText(asking.folder.name)}</p>
        </Confirm>
      );
    default:
      return null;
  }
}

/** Where the way ends that is shown of a conversation, if it is open. */
function shownLeaf(id: string): string | undefined {
  const conversation = conversations.value().open[id];
  return conversation ? (nextParent(pathOf(conversation.messages, conversation.chosen)) ?? undefined) : undefined;
}

interface RenameProps {
  heading: string;
  name: string;
  value: string;
  done: string;
  onRename: (value: string) => Promise<void>;
  onClose: () => void;
}

function Rename({ heading, name, value, done, onRename, onClose }: RenameProps) {
  const { words } = useLanguage();
  const [written, setWritten] = useState(value);
  const { busy, refusal, act } = useAct();

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (written.trim() === "") return;
    if (await act(() => onRename(written.trim()))) {
      confirmDone(done);
      onClose();
    }
  }

  return (
    <Modal look="box" heading={heading} onClose={onClose}>
      <form onSubmit={(event) => void submit(event)}>
        <Field name={name} value={written} maxLength={200} autoComplete="off" onChange={(event) => setWritten(event.target.value)} />
        {refusal ? (
          <div className="mt-4">
            <RefusalCard refusal={refusal} />
          </div>
        ) : null}
        <div className="mt-6 flex justify-end gap-2 pb-1">
          <Button onClick={onClose}>{words.cancel}</Button>
          <Button look="primary" type="submit" disabled={busy || written.trim() === ""} data-confirm>
            {words.save}
          </Button>
        </div>
      </form>
    </Modal>
  );
}

/** Pins at once; a dialog comes only when the house refuses. */
function Pin({ row, pinned, onClose }: { row: Summary; pinned: boolean; onClose: () => void }) {
  const { words } = useLanguage();
  const { refusal, act } = useAct();

  useEffect(() => {
    void act(() => amend(row.id, { pinned })).then((done) => {
      if (!done) return;
      confirmDone(pinned ? words.conversations.pinnedDone : words.conversations.unpinnedDone);
      onClose();
    });
    // It is asked once, when it opens.
    // oxlint-disable-next-line react/exhaustive-deps
  }, []);

  if (!refusal) return null;
  return (
    <Modal look="box" heading={words.conversations.pin} onClose={onClose}>
      <RefusalCard refusal={refusal} />
    </Modal>
  );
}

const NEW = "new";

/** Puts a conversation into a folder, an old one or a new one, or takes it out. */
function Move({ row, onClose }: { row: Summary; onClose: () => void }) {
  const { words } = useLanguage();
  const { folders } = useStore(conversations);
  const [folder, setFolder] = useState(row.folder ?? (folders.length === 0 ? NEW : ""));
  const [name, setName] = useState("");
  const { busy, refusal, act } = useAct();

  async function submit(event: FormEvent) {
    event.preventDefault();
    const done = await act(async () => {
      const target = folder === NEW ? await createFolder(name.trim()) : folder;
      await amend(row.id, { folder: target === "" ? null : target });
    });
    if (!done) return;
    confirmDone(words.folders.moved);
    onClose();
  }

  return (
    <Modal look="box" heading={words.folders.moveHeading} onClose={onClose}>
      <form onSubmit={(event) => void submit(event)} className="space-y-4">
        <Choice name={words.folders.folder} value={folder} data-folder onChange={(event) => setFolder(event.target.value)}>
          <option value="">{words.folders.noFolder}</option>
          {folders.map((one) => (
            <option key={one.id} value={one.id}>
              {one.name}
            </option>
          ))}
          <option value={NEW}>{words.folders.create}</option>
        </Choice>
        {folder === NEW ? <Field name={words.folders.name} value={name} maxLength={100} autoComplete="off" data-folder-name onChange={(event) => setName(event.target.value)} /> : null}
        {refusal ? <RefusalCard refusal={refusal} /> : null}
        <div className="flex justify-end gap-2 pt-2 pb-1">
          <Button onClick={onClose}>{words.cancel}</Button>
          <Button look="primary" type="submit" disabled={busy || (folder === NEW && name.trim() === "")} data-confirm>
            {words.folders.move}
          </Button>
        </div>
      </form>
    </Modal>
  );
}
