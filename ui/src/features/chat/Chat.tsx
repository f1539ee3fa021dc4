import { type ReactNode, useCallback, useEffect, useRef, useState } from "react";
import { Button } from "../../components/Button";
import { Icon } from "../../components/icons";
import { headingOf, RefusalCard } from "../../components/RefusalCard";
import { type House, readModels, type Refusal, RefusedError } from "../../lib/house";
import { join, type Label } from "../../lib/labels";
import { useLanguage } from "../../lib/language";
import { Composer } from "./Composer";
import { labelOf } from "./conversation";
import type { Starter } from "./starters";
import { Starters } from "./Starters";
import { TurnView } from "./TurnView";
import { type News, useConversation } from "./useConversation";

interface Props {
  house: House;
  apiKey: string;
  onStatus: (sentence: string) => void;
  onHelp: (section: string) => void;
  /** The key is not, or no longer, valid. */
  onRejected: (refusal: Refusal) => void;
}

/** Ask, watch it stream, see how it passed. */
export function Chat({ house, apiKey, onStatus, onHelp, onRejected }: Props) {
  const { words, language } = useLanguage();
  const [models, setModels] = useState<string[]>();
  const [listRefusal, setListRefusal] = useState<Refusal>();
  const [chosenModel, setChosenModel] = useState<string>();
  const [chosenLabel, setChosenLabel] = useState<Label>("INTERNAL");
  const [draft, setDraft] = useState("");
  const field = useRef<HTMLTextAreaElement>(null);

  const onNews = useCallback(
    (news: News) => {
      const { status } = words;
      onStatus(news.kind === "refused" ? status.refused(headingOf(news.refusal, words)) : status[news.kind]);
    },
    [onStatus, words],
  );
  const { turns, busy, put, stop, clear } = useConversation({ apiKey, language, onNews });

  const list = useCallback(() => {
    readModels(apiKey, language).then(
      (names) => {
        setModels(names);
        setListRefusal(undefined);
      },
      (error: unknown) => {
        if (!(error instanceof RefusedError)) return;
        if (error.refusal.status === 401) onRejected(error.refusal);
        setListRefusal(error.refusal);
      },
    );
  }, [apiKey, language, onRejected]);
  useEffect(list, [list]);

  const model = chosenModel ?? models?.[0] ?? "";
  const lowestLabel = labelOf(turns);
  const label = join([chosenLabel, lowestLabel]);
  const started = turns.length > 0;
  const demonstrationModel = house.engine?.demonstration ? house.engine.model : undefined;

  function send(question: string, asked: Label) {
    onStatus("");
    void put(question, model, asked, model === demonstrationModel);
    field.current?.focus();
  }

  const edit = useCallback((question: string) => {
    setDraft(question);
    field.current?.focus();
  }, []);

  return (
    <div className="mx-auto flex w-full max-w-3xl flex-1 flex-col px-4 sm:px-6">
      <section aria-label={words.ask.region} className="flex-1 pt-6 pb-8 sm:pt-10">
        {started || listRefusal ? (
          <h2 className="sr-only">{words.ask.region}</h2>
        ) : (
          <div className="mb-6">
            <h2 className="text-2xl font-semibold tracking-tight sm:text-[1.75rem]">{words.ask.heading}</h2>
            <p className="mt-1.5 text-pretty text-soft">{words.ask.intro}</p>
          </div>
        )}
        {listRefusal ? (
          <RefusalCard refusal={listRefusal}>
            {listRefusal.status === 0 || listRefusal.status >= 500 ? <Button onClick={list}>{words.retry}</Button> : null}
          </RefusalCard>
        ) : null}
        {models?.length === 0 ? (
          <Hint more={words.ask.noModelMore} onMore={() => onHelp("model")}>
            {words.ask.noModel}
          </Hint>
        ) : null}
        {started ? (
          <div className="space-y-8">
            {turns.map((turn) => (
              <TurnView key={turn.id} turn={turn} onEdit={edit} />
            ))}
          </div>
        ) : listRefusal || models?.length === 0 ? null : (
          <Starters compact={false} disabled={model === ""} onChoose={(starter) => send(...asking(starter, label))} />
        )}
        <FollowEnd watch={turns} />
      </section>

      <div className="sticky bottom-0 z-10 -mx-4 bg-paper px-4 pb-3 sm:-mx-6 sm:px-6">
        {started ? (
          <div className="flex items-center justify-between gap-2 py-2">
            <Starters compact disabled={busy || model === ""} onChoose={(starter) => send(...asking(starter, label))} />
            <Button
              look="quiet"
              className="shrink-0"
              data-new
              onClick={() => {
                clear();
                setChosenLabel("INTERNAL");
                field.current?.focus();
              }}
            >
              <Icon name="plus" />
              <span className="max-sm:sr-only">{words.newConversation}</span>
            </Button>
          </div>
        ) : null}
        {listRefusal && !started ? null : (
          <Composer
            field={field}
            draft={draft}
            onDraft={setDraft}
            models={models ?? []}
            demonstrationModel={demonstrationModel}
            model={model}
            onModel={setChosenModel}
            label={label}
            lowestLabel={lowestLabel}
            onLabel={setChosenLabel}
            busy={busy}
            onStop={stop}
            onSend={() => {
              send(draft.trim(), label);
              setDraft("");
            }}
          />
        )}
        <div className="mt-1.5 min-h-5 px-1 text-xs text-soft">
          {started && (lowestLabel === "CONFIDENTIAL" || lowestLabel === "SECRET") ? (
            <p>{words.ask.labelStays(words.labels[lowestLabel])}</p>
          ) : null}
          {demonstrationModel !== undefined && demonstrationModel === model ? (
            <p>
              {words.ask.demonstration}{" "}
              <button type="button" onClick={() => onHelp("model")} className="text-accent underline underline-offset-2">
                {words.ask.demonstrationMore}
              </button>
            </p>
          ) : null}
        </div>
      </div>
    </div>
  );
}

function asking(starter: Starter, label: Label): [string, Label] {
  return [starter.text, starter.label ?? label];
}

function Hint({ more, onMore, children }: { more: string; onMore: () => void; children: ReactNode }) {
  return (
    <div className="rounded-xl border border-care-line bg-care-tint p-4">
      <p>{children}</p>
      <Button className="mt-3" onClick={onMore}>
        {more}
      </Button>
    </div>
  );
}

/** Keeps the end in view while it grows, but only for a reader who is there already. */
function FollowEnd({ watch }: { watch: { id: number }[] }) {
  const following = useRef(true);
  const count = useRef(0);

  useEffect(() => {
    const note = () => {
      const { scrollHeight, clientHeight, scrollTop } = document.documentElement;
      following.current = scrollHeight - clientHeight - scrollTop < 80;
    };
    addEventListener("scroll", note, { passive: true });
    return () => removeEventListener("scroll", note);
  }, []);

  useEffect(() => {
    const asked = watch.length > count.current;
    count.current = watch.length;
    if (watch.length > 0 && (asked || following.current)) scrollTo({ top: document.documentElement.scrollHeight });
  }, [watch]);

  return null;
}
