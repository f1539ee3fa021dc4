import { type ReactNode, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { Button } from "../../components/Button";
import { Reading } from "../../components/Page";
import { headingOf, RefusalCard } from "../../components/RefusalCard";
import { announce } from "../../lib/announce";
import { readModels } from "../../lib/house";
import { isLabel, join, type Label } from "../../lib/labels";
import { useLanguage } from "../../lib/language";
import { type Refusal, refusalIn } from "../../lib/refusal";
import { go } from "../../lib/router";
import { useSession } from "../../lib/session";
import { useStore } from "../../lib/store";
import { Composer } from "./Composer";
import { lowestLabelOf, nextParent, turnsOf } from "./conversation";
import { FollowEnd } from "./FollowEnd";
import type { Starter } from "./starters";
import { Starters } from "./Starters";
import { ask, conversations, create, drafts, type News, open, stop } from "./store";
import { TurnView } from "./TurnView";

/** Ask, watch it stream, see how it passed. Without an id, a conversation that begins with its first question. */
export function Chat({ id }: { id: string | undefined }) {
  const { words, language } = useLanguage();
  const { house, openHelp } = useSession();
  const [models, setModels] = useState<string[]>();
  const [refusal, setRefusal] = useState<Refusal>();
  const [chosenModel, setChosenModel] = useState<string>();
  const [chosen, setChosen] = useState<{ id: string | undefined; label: Label }>();
  const [creating, setCreating] = useState(false);
  const field = useRef<HTMLTextAreaElement>(null);
  const key = id ?? "new";
  const draft = useStore(drafts)[key] ?? "";
  const state = useStore(conversations);
  const conversation = id === undefined ? undefined : state.open[id];
  const openRefusal = id === undefined ? undefined : state.refused[id];

  useEffect(() => {
    if (id !== undefined) void open(id);
  }, [id]);

  const list = useCallback(() => {
    readModels().then(
      (names) => {
        setModels(names);
        setRefusal(undefined);
      },
      (error: unknown) => setRefusal(refusalIn(error)),
    );
  }, []);
  // A refusal's sentences come in the language of the request.
  useEffect(list, [list, language]);

  const news = useCallback(
    (item: News) => {
      const { status } = words;
      announce(item.kind === "refused" ? status.refused(headingOf(item.refusal, words)) : status[item.kind]);
    },
    [words],
  );

  const turns = useMemo(() => turnsOf(conversation?.messages ?? []), [conversation?.messages]);
  const lowestLabel = lowestLabelOf(turns);
  // A choice holds for the conversation in which it was made.
  const label = join([chosen?.id === id ? (chosen?.label ?? "INTERNAL") : "INTERNAL", lowestLabel]);
  const said = chosen && chosen.id === id ? label : null;
  const model = chosenModel ?? lastModelOf(turns, models) ?? models?.[0] ?? "";
  const started = turns.length > 0;
  const busy = creating || turns.some(({ answer }) => answer?.state === "running");
  const demonstrationModel = house.engine?.demonstration ? house.engine.model : undefined;
  const ready = model !== "" && !busy;

  const write = useCallback((text: string) => drafts.change((all) => ({ ...all, [key]: text })), [key]);

  /** Without a label of their own, the question has the one that the house gives its person. */
  async function put(content: string, asked: Label | null) {
    if (!ready) return;
    announce("");
    setRefusal(undefined);
    field.current?.focus();
    let target = id;
    if (target === undefined) {
      setCreating(true);
      try {
        target = await create();
      } catch (error) {
        setRefusal(refusalIn(error));
        write(content);
        return;
      } finally {
        setCreating(false);
      }
      if (asked) setChosen({ id: target, label: asked });
      void ask(target, { content, model, label: asked, parent: null }, news);
      go(`/chat/${encodeURIComponent(target)}`, { replace: true });
    } else void ask(target, { content, model, label: asked, parent: nextParent(turns) }, news);
  }

  const edit = useCallback(
    (question: string) => {
      write(question);
      field.current?.focus();
    },
    [write],
  );

  const choose = (starter: Starter) => void put(starter.text, starter.label ?? said);
  const opening = id !== undefined && !conversation && !openRefusal;
  const blocked = openRefusal ?? (started ? undefined : refusal);

  return (
    <div className="mx-auto flex w-full max-w-3xl flex-1 flex-col px-4 sm:px-6">
      <section aria-label={words.ask.region} className={`flex-1 pt-6 pb-10 sm:pt-8 ${started || blocked ? "" : "flex flex-col justify-center"}`}>
        {started || blocked || opening ? (
          <h1 tabIndex={-1} className="sr-only">
            {conversation?.title || words.ask.region}
          </h1>
        ) : (
          <div className="mb-7">
            <h1 tabIndex={-1} className="text-2xl font-semibold tracking-tight outline-none sm:text-3xl">
              {words.ask.heading}
            </h1>
            <p className="mt-2 text-pretty text-soft">{words.ask.intro}</p>
          </div>
        )}
        {opening ? <Reading /> : null}
        {blocked ? (
          <RefusalCard refusal={blocked} level={2}>
            {blocked.status === 0 || blocked.status >= 500 ? (
              <Button
                onClick={() => {
                  list();
                  if (id !== undefined) void open(id);
                }}
              >
                {words.retry}
              </Button>
            ) : null}
          </RefusalCard>
        ) : null}
        {models?.length === 0 ? (
          <Hint more={words.ask.noModelMore} onMore={() => openHelp("model")}>
            {words.ask.noModel}
          </Hint>
        ) : null}
        {started ? (
          <div className="space-y-10">
            {turns.map((_, index) => (
              <TurnView key={index} turns={turns} index={index} onEdit={edit} />
            ))}
          </div>
        ) : blocked || opening || models?.length === 0 ? null : (
          <Starters compact={false} disabled={!ready} onChoose={choose} />
        )}
        <FollowEnd watch={turns} />
      </section>

      {blocked ? null : (
        <div className="sticky bottom-0 z-10 -mx-4 low:static bg-paper px-4 pb-2 sm:-mx-6 sm:px-6">
          {started ? (
            <div className="py-2">
              <Starters compact disabled={!ready} onChoose={choose} />
            </div>
          ) : null}
          <Composer
            field={field}
            draft={draft}
            onDraft={write}
            models={models ?? []}
            demonstrationModel={demonstrationModel}
            model={model}
            onModel={setChosenModel}
            label={label}
            lowestLabel={lowestLabel}
            onLabel={(next) => setChosen({ id, label: next })}
            busy={busy}
            onStop={() => id !== undefined && void stop(id).catch(() => undefined)}
            onSend={() => {
              write("");
              void put(draft.trim(), said);
            }}
          />
          <Notes
            label={started && (lowestLabel === "CONFIDENTIAL" || lowestLabel === "SECRET") ? lowestLabel : undefined}
            demonstration={demonstrationModel !== undefined && demonstrationModel === model}
          />
        </div>
      )}
    </div>
  );
}

/** The model of the last answer, if it may still be asked. */
function lastModelOf(turns: { answer: { model: string | null } | undefined }[], models: string[] | undefined): string | undefined {
  const last = turns.findLast(({ answer }) => answer?.model)?.answer?.model;
  return models?.find((name) => name === last);
}

function Notes({ label, demonstration }: { label: Label | undefined; demonstration: boolean }) {
  const { words } = useLanguage();
  const { openHelp } = useSession();
  return (
    <div className="mt-1.5 min-h-5 px-2 text-center text-xs text-pretty text-soft">
      {isLabel(label) ? <p>{words.ask.labelStays(words.labels[label])}</p> : null}
      {demonstration ? (
        <p>
          {words.ask.demonstration}{" "}
          <button type="button" onClick={() => openHelp("model")} className="text-accent underline underline-offset-2">
            {words.ask.demonstrationMore}
          </button>
        </p>
      ) : null}
    </div>
  );
}

function Hint({ more, onMore, children }: { more: string; onMore: () => void; children: ReactNode }) {
  return (
    <div className="rounded-xl border border-care-line bg-care-tint p-4">
      <p>{children}</p>
      <Button className="mt-3" onClick={onMore} data-hint>
        {more}
      </Button>
    </div>
  );
}
