import { useRef, useState } from "react";
import { Button } from "../../components/Button";
import { Icon } from "../../components/icons";
import { Modal } from "../../components/Modal";
import { RefusalCard } from "../../components/RefusalCard";
import { send } from "../../lib/api";
import { confirmDone } from "../../lib/announce";
import { takeFile } from "../../lib/download";
import { useAct } from "../../lib/load";
import { useLanguage } from "../../lib/language";
import { ownRefusal, RefusedError } from "../../lib/refusal";
import { go } from "../../lib/router";
import { loadList } from "./store";

/** Larger files the house would not take anyway. */
const MOST_BYTES = 64 * 1024 * 1024;

/** Brings a conversation back from its file, and takes everything along. */
export default function Transfer({ onClose }: { onClose: () => void }) {
  const { words } = useLanguage();
  const { busy, refusal, act } = useAct();
  const [left, setLeft] = useState<{ id: string; count: number }>();
  const field = useRef<HTMLInputElement>(null);

  async function bring(file: File) {
    setLeft(undefined);
    let made: { id: string; refused?: unknown[] } | undefined;
    const done = await act(async () => {
      if (file.size > MOST_BYTES) throw new RefusedError(ownRefusal("request_too_large", 413));
      made = await send("POST", "/api/chat/import", readJson(await file.text()));
    });
    if (field.current) field.current.value = "";
    if (!done || !made) return;
    void loadList();
    const count = made.refused?.length ?? 0;
    if (count > 0) setLeft({ id: made.id, count });
    else {
      onClose();
      go(`/chat/${encodeURIComponent(made.id)}`);
      confirmDone(words.transfer.imported);
    }
  }

  return (
    <Modal look="box" heading={words.transfer.heading} onClose={onClose}>
      <section>
        <h3 className="font-semibold">{words.transfer.import}</h3>
        <p className="mt-1 text-sm text-pretty text-soft">{words.transfer.importText}</p>
        <input
          ref={field}
          type="file"
          accept="application/json,.json"
          hidden
          data-import
          onChange={(event) => event.target.files?.[0] && void bring(event.target.files[0])}
        />
        {/* The browser's own field would speak the browser's language. */}
        <Button className="mt-3" disabled={busy} data-choose-file onClick={() => field.current?.click()}>
          <Icon name="folder" />
          {words.transfer.file}
        </Button>
      </section>
      {left ? (
        <div className="mt-4 rounded-xl border border-care-line bg-care-tint p-4 text-sm">
          <p>{words.transfer.partly(left.count)}</p>
          <Button
            className="mt-3"
            onClick={() => {
              onClose();
              go(`/chat/${encodeURIComponent(left.id)}`);
            }}
          >
            {words.transfer.open}
          </Button>
        </div>
      ) : null}
      <section className="mt-6 pb-1">
        <h3 className="font-semibold">{words.transfer.all}</h3>
        <p className="mt-1 text-sm text-pretty text-soft">{words.transfer.allText}</p>
        <Button className="mt-3" disabled={busy} data-export-all onClick={() => void act(() => takeFile("/api/chat/export", "chats.json"))}>
          <Icon name="download" />
          {words.transfer.allAct}
        </Button>
      </section>
      {refusal ? (
        <div className="mt-4">
          <RefusalCard refusal={refusal} />
        </div>
      ) : null}
    </Modal>
  );
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new RefusedError(ownRefusal("not_an_export"));
  }
}
