import { lazy, type ReactNode, Suspense, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { Button } from "../../components/Button";
import { Icon } from "../../components/icons";
import { Reading } from "../../components/Page";
import { RefusalCard } from "../../components/RefusalCard";
import { announce, confirmDone } from "../../lib/announce";
import { said as saidIn } from "../../lib/assistant";
import { takeFile } from "../../lib/download";
import { readModels } from "../../lib/house";
import { isLabel, join, type Label, levelOf, namesOf } from "../../lib/labels";
import { useLanguage } from "../../lib/language";
import { type Refusal, refusalIn } from "../../lib/refusal";
import { go } from "../../lib/router";
import { useSession } from "../../lib/session";
import { useStore } from "../../lib/store";
import { chooseCompared, chooseCompartments, chooseLabel, chooseModel, choices, models as knownModels, moveChoices } from "./choices";
import { ChatDialogs } from "./ChatDialogs";
import { Composer } from "./Composer";
import { attach, attached, type Attached, handOver, layBack, MOST_FILES } from "./attachments";
import { actionsOn, carryVeils, dropVeils, NO_VEILS, veils } from "./composing";
import { nextParent } from "./conversation";
import { composed, isMasked, type Mask, withMask } from "./examined";
import { Find } from "./Find";
import type { FindingActions } from "./FindingsPanel";
import { bringIntoView } from "./finding";
import { FollowEnd } from "./FollowEnd";
import type { Message } from "./message";
import { useOffered } from "./offered";
import { opened, openOver } from "./opened";
import { ReleaseNotes } from "./ReleaseNotes";
import { putAway, type Release, useReleases } from "./releases";
import type { Starter } from "./starters";
import { PlaceProvider, StandInsProvider, useStandInsOf } from "./OwnWords";
import { LONG } from "./Pasted";
import { Starters } from "./Starters";
import { ask, askAgain, choose, conversations, create, documentOf, drafts, moveDraft, open, pasted, rate, showMessage, stop } from "./store";
import { TemporaryNote } from "./TemporaryNote";
import { Thread } from "./Thread";
import { pathOf, type Turn } from "./tree";
import type { TurnActions } from "./TurnView";
import { useDrop } from "./useDrop";
import { useNews } from "./useNews";
import { usePreview } from "./usePreview";
import { AssistantMark, AssistantStarters, useAssistant } from "./WithAssistant";

const ReleaseDialog = lazy(() => import("./ReleaseDialog"));

const NOBODY: Message[] = [];
const NO_FILES: Attached[] = [];

/** What goes with a question beside its words. */
interface Besides {
  /** The answer that it follows; that of the way that is shown if left out. */
  parent?: string | null;
  masks?: Mask[];
  files?: Attached[];
  /** Lets exactly this text pass once: by one model, with its label, and with nothing in it masked. */
  release?: Release;
}

/** Ask, watch it stream, see how it passed. Without an id, a conversation that begins with its first question. */
export function Chat({ id, query }: { id: string | undefined; query: string }) {
  const { words, language } = useLanguage();
  const { house, openHelp } = useSession();
  const [refusal, setRefusal] = useState<Refusal>();
  const [creating, setCreating] = useState(false);
  const field = useRef<HTMLTextAreaElement>(null);
  const key = id ?? "new";
  const draft = useStore(drafts)[key] ?? "";
  const texts = useStore(pasted)[key] ?? NONE;
  const files = useStore(attached)[key] ?? NO_FILES;
  const models = useStore(knownModels);
  const chosen = useStore(choices);
  const offered = useOffered();
  const state = useStore(conversations);
  const conversation = id === undefined ? undefined : state.open[id];
  const openRefusal = id === undefined ? undefined : state.refused[id];
  const over = useStore(opened);
  const target = new URLSearchParams(query).get("message") ?? undefined;
  const [place, setPlace] = useState<string>();
  const wanted = id === undefined ? (new URLSearchParams(query).get("assistant") ?? undefined) : undefined;
  const { data: assistant, refusal: noAssistant } = useAssistant(wanted);
  const temporary = conversation?.temporary ?? new URLSearchParams(query).has("temporary");

  useEffect(() => {
    if (id !== undefined) void open(id);
  }, [id]);

  // Another device may have gone on with it meanwhile.
  useEffect(() => {
    if (id === undefined) return undefined;
    const look = () => {
      if (document.visibilityState === "visible") void open(id);
    };
    document.addEventListener("visibilitychange", look);
    return () => document.removeEventListener("visibilitychange", look);
  }, [id]);

  // What was opened over one conversation is not over the next.
  useEffect(() => () => openOver(undefined), []);

  // Whoever comes from a search sees the place they looked for.
  const isOpen = conversation !== undefined;
  useEffect(() => {
    if (!isOpen || id === undefined || target === undefined) return undefined;
    showMessage(id, target);
    // Once to have it drawn, and again when what is around it has got its height.
    const timers = [30, 250].map((ms) => setTimeout(() => bringIntoView(target, { focus: true }), ms));
    return () => {
      for (const timer of timers) clearTimeout(timer);
    };
  }, [isOpen, id, target]);

  const show = useCallback((message: string) => {
    setPlace(message);
    setTimeout(() => bringIntoView(message), 0);
  }, []);

  const list = useCallback(() => {
    readModels().then(
      (names) => {
        knownModels.change(() => names);
        setRefusal(undefined);
      },
      (error: unknown) => setRefusal(refusalIn(error)),
    );
  }, []);
  // A refusal's sentences come in the language of the request.
  useEffect(list, [list, language]);

  const news = useNews();
  const messages = conversation?.messages ?? NOBODY;
  const turns = useMemo(() => pathOf(messages, conversation?.chosen ?? {}), [messages, conversation?.chosen]);
  const lowestLabel = levelOf(conversation?.label ?? assistant?.label) ?? "PUBLIC";
  // A choice holds for the conversation in which it was made.
  const own = chosen.label?.id === id ? chosen.label?.label : undefined;
  const label = join([own ?? "INTERNAL", lowestLabel]);
  const said = own === undefined ? null : label;
  const kept = namesOf(conversation?.label);
  const compartments = [...new Set([...kept, ...(chosen.compartments.id === id ? chosen.compartments.names : [])])];
  const compared = chosen.compared.filter((name) => models?.includes(name));
  const model = models?.find((name) => name === chosen.model) ?? lastModelOf(turns, models) ?? models?.find((name) => name === assistant?.model) ?? models?.[0] ?? "";
  const asked = compared.length > 1 ? compared : [model];
  const started = turns.length > 0;
  const busy = creating || messages.some((message) => message.state === "running");
  const demonstrationModel = house.engine?.demonstration ? house.engine.model : undefined;
  const ready = model !== "" && !busy;

  const write = useCallback(
    (text: string) => {
      carryVeils(key, drafts.value()[key] ?? "", text);
      drafts.change((all) => ({ ...all, [key]: text }));
    },
    [key],
  );
  const lay = useCallback((all: string[]) => pasted.change((others) => ({ ...others, [key]: all })), [key]);
  /** Puts a text where it can be changed, or beside the field if it is too long for it. */
  const restore = useCallback((text: string) => (text.length > LONG ? lay([text]) : write(text)), [lay, write]);

  const standIns = useStandInsOf(messages);
  const preview = usePreview(key, draft, texts, said, standIns, files);
  const toSend = () => {
    const veiled = veils.value()[key] ?? NO_VEILS;
    return composed(draft, veiled.draft, texts, veiled.pasted);
  };
  const releasing = useReleases();
  const [releaseOf, setWanted] = useState<string>();
  /** Sends the very text for which the release was asked; the house knows whether it is. */
  function sendReleased(release: Release) {
    const { content } = releasing.asked[release.id] ?? toSend();
    if (content === "") return;
    if (content === toSend().content) {
      dropVeils(key);
      write("");
      lay(NONE);
    }
    putAway(release.id);
    void put(content, releasing.asked[release.id]?.label as Label | null ?? said, { release });
  }

  async function takeFiles(all: File[]) {
    let conversationId = id;
    if (conversationId === undefined && temporary) {
      // What must never lie on a disk belongs to its conversation from the start.
      try {
        conversationId = await create({ temporary });
      } catch (error) {
        setRefusal(refusalIn(error));
        return;
      }
      moveChoices(conversationId);
      moveDraft("new", conversationId);
      go(`/chat/${encodeURIComponent(conversationId)}`, { replace: true });
    }
    const left = attach(conversationId ?? "new", all, conversationId);
    if (left > 0) confirmDone(words.files.tooMany(MOST_FILES, left));
    else announce(words.files.taken(all.length));
    field.current?.focus();
  }
  const drop = useDrop((all) => void takeFiles(all));
  const findingActions: Omit<FindingActions, "show"> = {
    ...actionsOn({ key, draft, write, texts, lay }),
    raise: (level) => chooseLabel(id, level),
    // It holds for one model, and for the text as it is.
    askRelease: releasing.offered && preview.blocked === "findings" && preview.inFiles.length === 0 && files.length === 0 && compared.length < 2 ? () => setWanted(toSend().content) : undefined,
  };

  /** Without a label of their own, the question has the one that the house gives its person. */
  async function put(content: string, asks: Label | null, { parent = nextParent(turns), masks = [], files: along = [], release }: Besides = {}) {
    if (!ready) return;
    announce("");
    setRefusal(undefined);
    field.current?.focus();
    // What was masked once in this conversation stays so.
    const before = standIns.spansIn(content).filter((span) => !isMasked(span, masks));
    const question = { content, models: asked, label: asks, compartments, parent, masks: before.reduce(withMask, masks), files: along };
    if (release) Object.assign(question, { models: [release.model], masks: [], release: release.id });
    if (id !== undefined) {
      void ask(id, question, news);
      return;
    }
    setCreating(true);
    try {
      const made = await create({ temporary, assistant: wanted });
      moveChoices(made);
      if (asks) chooseLabel(made, asks);
      void ask(made, { ...question, parent: null }, news);
      go(`/chat/${encodeURIComponent(made)}`, { replace: true });
    } catch (error) {
      setRefusal(refusalIn(error));
      restore(content);
      layBack(key, along);
    } finally {
      setCreating(false);
    }
  }

  // The turns further up keep what they were given, so it must not change with every word that arrives.
  const latest = useRef({ put, said, ready });
  useEffect(() => {
    latest.current = { put, said, ready };
  });
  const actions = useMemo<TurnActions>(() => {
    const whenReady = (act: () => void) => (latest.current.ready ? act() : announce(words.turn.busy));
    return {
      edit: (question, text) => whenReady(() => void latest.current.put(text, latest.current.said, { parent: question.parent })),
      again: (question, name) => whenReady(() => id !== undefined && void askAgain(id, question.id, [name], latest.current.said, news)),
      choose: (parent, child) => id !== undefined && choose(id, parent ?? "", child),
      stop: (answer) => id !== undefined && void stop(id, answer.id).catch(() => undefined),
      mayRate: !temporary,
      rate: async (answer, feedback) => {
        if (id !== undefined) await rate(id, answer.id, feedback);
      },
      take: async (answer, format) => {
        if (id !== undefined) await takeFile(documentOf(id, answer.id, format), `answer.${format === "markdown" ? "md" : format}`);
      },
      askRelease: ({ content }) => setWanted(content),
      write: (text) => {
        restore(text);
        field.current?.focus();
      },
    };
  }, [id, restore, news, words, temporary]);

  const start = (starter: Starter) => void put(starter.text, starter.label ?? said);
  const opening = id !== undefined && !conversation && !openRefusal;
  const blocked = openRefusal ?? noAssistant ?? (started ? undefined : refusal);

  return (
    <div {...drop.handlers} data-dropping={drop.over} className="mx-auto flex w-full max-w-3xl flex-1 flex-col px-4 data-[dropping=true]:outline-2 data-[dropping=true]:-outline-offset-4 data-[dropping=true]:outline-accent data-[dropping=true]:outline-dashed sm:px-6">
      {conversation ? <ChatDialogs conversation={conversation} leaf={nextParent(turns) ?? undefined} /> : null}
      {releaseOf === undefined ? null : (
        <Suspense>
          <ReleaseDialog wanted={{ place: key, content: releaseOf, model: asked[0] ?? "", label: said }} found={preview.places.filter(({ found }) => found.action === "BLOCK").map(({ found }) => found)} onClose={() => setWanted(undefined)} />
        </Suspense>
      )}
      {over === "find" && started ? <Find turns={turns} onFound={show} /> : null}
      <section aria-label={words.ask.region} className={`flex-1 pt-6 pb-10 sm:pt-8 ${started || blocked ? "" : "flex flex-col justify-center"}`}>
        {started || blocked || opening ? (
          <h1 tabIndex={-1} className="sr-only" translate={conversation?.title ? "no" : undefined}>
            {conversation?.title || words.ask.region}
          </h1>
        ) : (
          <div className="mb-7">
            <h1 tabIndex={-1} className="text-2xl font-semibold tracking-tight outline-none sm:text-3xl">
              {assistant ? saidIn(assistant.name, language) : temporary ? words.temporary.heading : words.ask.heading}
            </h1>
            <p className="mt-2 text-pretty text-soft">{assistant ? saidIn(assistant.purpose, language) : temporary ? words.temporary.text : words.ask.intro}</p>
            <Button look="quiet" small className="mt-2 -ml-2.5" aria-pressed={temporary} data-temporary onClick={() => go(begin(wanted, !temporary), { replace: true })}>
              <Icon name="clock" />
              {temporary ? words.temporary.off : words.temporary.on}
            </Button>
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
          <>
            {temporary && id !== undefined ? <TemporaryNote id={id} /> : null}
            {conversation?.assistant ? <AssistantMark assistant={conversation.assistant} /> : null}
            <PlaceProvider value={key}>
              <StandInsProvider value={standIns}>
                <Thread turns={turns} models={models ?? NONE} actions={actions} target={place ?? target} />
              </StandInsProvider>
            </PlaceProvider>
          </>
        ) : blocked || opening || models?.length === 0 ? null : (
          wanted === undefined ? <Starters compact={false} disabled={!ready} onChoose={start} /> : assistant ? <AssistantStarters assistant={assistant} onChoose={actions.write} /> : null
        )}
        <FollowEnd watch={turns} messages={messages.length} still={target !== undefined} />
      </section>

      {blocked ? null : (
        <div className="sticky bottom-0 z-10 -mx-4 low:static bg-paper px-4 pb-[max(0.5rem,env(safe-area-inset-bottom))] sm:-mx-6 sm:px-6">
          {started && !conversation?.assistant ? (
            <div className="py-2">
              <Starters compact disabled={!ready} onChoose={start} />
            </div>
          ) : null}
          <ReleaseNotes rows={releasing.open} known={releasing.asked} ready={ready} onSend={sendReleased} />
          <Composer
            field={field}
            draft={draft}
            onDraft={write}
            pasted={texts}
            onPasted={lay}
            models={models ?? NONE}
            demonstrationModel={demonstrationModel}
            model={model}
            onModel={chooseModel}
            compared={compared}
            onCompared={chooseCompared}
            label={label}
            lowestLabel={lowestLabel}
            onLabel={(next) => chooseLabel(id, next)}
            offered={offered}
            compartments={compartments}
            onCompartments={(names) => chooseCompartments(id, names)}
            onLower={conversation && conversation.label !== null && conversation.label !== "PUBLIC" ? () => openOver("lower") : undefined}
            busy={busy}
            onStop={() => id !== undefined && void stop(id).catch(() => undefined)}
            place={key}
            files={files}
            onFiles={(all) => void takeFiles(all)}
            preview={preview}
            findingActions={findingActions}
            route={turns.findLast(({ answer }) => answer?.model === model && answer.passage?.route)?.answer?.passage?.route ?? undefined}
            onSend={() => {
              const { content, masks } = toSend();
              dropVeils(key);
              write("");
              lay(NONE);
              void put(content, said, { masks, files: handOver(key) });
            }}
          />
          <Notes
            label={started && (lowestLabel === "CONFIDENTIAL" || lowestLabel === "SECRET") ? lowestLabel : undefined}
            demonstration={demonstrationModel !== undefined && asked.includes(demonstrationModel)}
          />
        </div>
      )}
    </div>
  );
}

const NONE: string[] = [];

/** Where a conversation begins: with an assistant or without, kept or not. */
function begin(assistant: string | undefined, temporary: boolean): string {
  const query = [assistant === undefined ? "" : `assistant=${encodeURIComponent(assistant)}`, temporary ? "temporary" : ""].filter(Boolean).join("&");
  return query === "" ? "/chat" : `/chat?${query}`;
}

/** The model of the last answer, if it may still be asked. */
function lastModelOf(turns: Turn[], models: string[] | undefined): string | undefined {
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
