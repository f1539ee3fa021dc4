import { useState } from "react";
import { Badge } from "../../components/Badge";
import { Button } from "../../components/Button";
import { Facts } from "../../components/Facts";
import { Icon } from "../../components/icons";
import { Page, Panel, Reading, Refused } from "../../components/Page";
import { RefusalCard } from "../../components/RefusalCard";
import { confirmDone } from "../../lib/announce";
import type { BothTexts } from "../../lib/contract";
import { takeFile } from "../../lib/download";
import { count, dateTime, size } from "../../lib/format";
import { useLanguage } from "../../lib/language";
import { useAct, useLoad } from "../../lib/load";
import { EraseDialog, type Erased } from "./EraseDialog";

interface Kept {
  id: string;
  what: BothTexts;
  where: BothTexts;
  kept: BothTexts;
  seen_by: BothTexts;
  /** Under a key of the person's own. */
  sealed: boolean;
  count: number | null;
  bytes: number | null;
  export: string | null;
  erasable: boolean;
  /** Why it is not deleted with the rest. */
  stays?: BothTexts | null;
}

/** What the house stores about me, where, for how long and who can see it; taken along and deleted from here. */
export default function Data({ onErased }: { onErased: () => void }) {
  const { words, language } = useLanguage();
  const { data, refusal, reload } = useLoad<{ generated: string; stores: Kept[] }>("/api/chat/data");
  const [erasing, setErasing] = useState(false);
  const [erased, setErased] = useState<Erased>();
  const taking = useAct();

  return (
    <Page
      heading={words.data.heading}
      intro={words.data.intro}
      actions={
        data ? (
          <>
            <Button disabled={taking.busy} data-take-all onClick={() => void taking.act(() => takeFile("/api/chat/export", "schleuse-chats.json"))}>
              <Icon name="download" />
              {words.data.takeAll}
            </Button>
            <Button onClick={() => setErasing(true)} data-erase>
              {words.data.erase}
            </Button>
          </>
        ) : null
      }
    >
      {refusal && !data ? <Refused refusal={refusal} onRetry={reload} /> : null}
      {!data && !refusal ? <Reading /> : null}
      {taking.refusal ? <RefusalCard refusal={taking.refusal} level={2} /> : null}
      {erased ? (
        <Panel heading={words.data.erasedHeading}>
          <div data-erased className="space-y-2 text-sm">
            <p>{words.data.erased(count(erased.erased.reduce((sum, row) => sum + row.count, 0), language))}</p>
            {erased.stays.length > 0 ? (
              <>
                <p>{words.data.stays}</p>
                <ul className="list-disc space-y-1 pl-5">
                  {erased.stays.map(({ id, what, why }) => (
                    <li key={id}>
                      {what[language]} {why[language]}
                    </li>
                  ))}
                </ul>
              </>
            ) : null}
          </div>
        </Panel>
      ) : null}
      {data ? (
        <>
          <ul className="grid gap-4 lg:grid-cols-2">
            {data.stores.map((store) => (
              <Store key={store.id} store={store} />
            ))}
          </ul>
          <p className="text-sm text-soft">{words.data.generated(dateTime(data.generated, language))}</p>
        </>
      ) : null}
      {erasing ? (
        <EraseDialog
          onErased={(what) => {
            setErased(what);
            onErased();
            reload();
            confirmDone(words.data.done);
          }}
          onClose={() => setErasing(false)}
        />
      ) : null}
    </Page>
  );
}

function Store({ store }: { store: Kept }) {
  const { words, language } = useLanguage();
  const { busy, refusal, act } = useAct();
  const { export: path } = store;
  const amount = [store.count === null ? "" : words.data.pieces(count(store.count, language), store.count === 1), store.bytes === null ? "" : size(store.bytes, language)].filter(Boolean).join(", ");
  return (
    <li data-store={store.id} className="flex flex-col rounded-2xl border border-line bg-panel p-5 shadow-card">
      <h2 className="font-semibold text-pretty">{store.what[language]}</h2>
      <p className="mt-1.5 mb-3 flex flex-wrap gap-2">
        <Badge look={store.sealed ? "good" : "plain"}>{store.sealed ? words.data.sealed : words.data.notSealed}</Badge>
        {store.erasable ? null : <Badge look="frame">{words.data.notErasable}</Badge>}
      </p>
      <Facts
        facts={[
          [words.data.where, store.where[language]],
          [words.data.kept, store.kept[language]],
          [words.data.seenBy, store.seen_by[language]],
          [words.data.amount, amount],
          [words.data.why, store.stays?.[language]],
        ]}
      />
      {path === null ? null : (
        <div className="mt-auto pt-3">
          <Button small disabled={busy} onClick={() => void act(() => takeFile(path, `${store.id}.json`))} data-take={store.id} aria-label={words.data.takeOf(store.what[language])}>
            <Icon name="download" className="size-3.5" />
            {words.data.take}
          </Button>
        </div>
      )}
      {refusal ? <RefusalCard refusal={refusal} /> : null}
    </li>
  );
}
