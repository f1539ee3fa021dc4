import { Button } from "../../components/Button";
import { confirmDone } from "../../lib/announce";
import { useAct } from "../../lib/load";
import { useLanguage } from "../../lib/language";
import { go } from "../../lib/router";
import { RefusalCard } from "../../components/RefusalCard";
import { remove } from "./store";

/** Says that this conversation will not be kept, and lets it go now. */
export function TemporaryNote({ id }: { id: string }) {
  const { words } = useLanguage();
  const { busy, refusal, act } = useAct();

  async function letGo() {
    const gone = await act(() => remove(id));
    if (!gone) return;
    go("/chat");
    confirmDone(words.conversations.deleted);
  }

  return (
    <div data-temporary-note className="mb-8 rounded-xl border border-line bg-sunken px-4 py-3 text-sm">
      <div className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2">
        <p className="min-w-0 flex-1 basis-60 text-pretty">{words.temporary.text}</p>
        <Button small disabled={busy} onClick={() => void letGo()}>
          {words.temporary.end}
        </Button>
      </div>
      {refusal ? <RefusalCard refusal={refusal} /> : null}
    </div>
  );
}
