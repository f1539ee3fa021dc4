import { type ReactNode, useState } from "react";
import { Badge, LabelBadge } from "../../components/Badge";
import { Button, buttonLook } from "../../components/Button";
import { Confirm } from "../../components/Confirm";
import { Icon } from "../../components/icons";
import { Page, Reading, Refused } from "../../components/Page";
import { readerName } from "../../components/Readers";
import { confirmDone } from "../../lib/announce";
import { send } from "../../lib/api";
import { type Assistant, said } from "../../lib/assistant";
import { useLoad } from "../../lib/load";
import { useLanguage } from "../../lib/language";
import { Link } from "../../lib/router";
import { AssistantForm } from "./AssistantForm";
import { AssistantReview } from "./AssistantReview";
import { AssistantSubmit } from "./AssistantSubmit";

type Asking = { kind: "create" } | { kind: "edit" | "submit" | "review" | "withdraw" | "delete"; assistant: Assistant } | undefined;

/** Helpers with instructions of their own: the house's first, then what colleagues published, one's own, and what waits for a review. */
export default function Assistants() {
  const { words } = useLanguage();
  const { data, refusal, reload } = useLoad<{ assistants: Assistant[] }>("/api/chat/assistants");
  const [asking, setAsking] = useState<Asking>();
  const all = data?.assistants ?? [];
  const groups: [string, string, Assistant[]][] = [
    ["ready", words.assistants.ready, all.filter(({ state }) => state === "ready")],
    ["published", words.assistants.published, all.filter(({ state, mine }) => state === "published" && !mine)],
    ["review", words.assistants.waiting, all.filter(({ state, mine }) => state === "in_review" && !mine)],
    ["mine", words.assistants.mine, all.filter(({ mine }) => mine)],
  ];
  const close = () => setAsking(undefined);
  const done = () => {
    reload();
    close();
  };

  return (
    <Page
      heading={words.assistants.heading}
      intro={words.assistants.intro}
      actions={
        <Button look="primary" disabled={!data} data-create onClick={() => setAsking({ kind: "create" })}>
          <Icon name="plus" />
          {words.assistants.create}
        </Button>
      }
    >
      {refusal ? <Refused refusal={refusal} onRetry={reload} /> : null}
      {!data && !refusal ? <Reading /> : null}
      {data
        ? groups
            .filter(([kind, , rows]) => rows.length > 0 || kind === "mine")
            .map(([kind, heading, rows]) => (
              <section key={kind} data-assistants={kind}>
                <h2 className="mb-3 font-semibold">{heading}</h2>
                {rows.length === 0 ? <p className="text-pretty text-soft">{words.assistants.none}</p> : null}
                <ul className="grid grid-cols-[repeat(auto-fill,minmax(min(100%,18rem),1fr))] gap-4">
                  {rows.map((assistant) => (
                    <Card key={assistant.id} assistant={assistant} onAsk={setAsking} />
                  ))}
                </ul>
              </section>
            ))
        : null}
      {asking?.kind === "create" ? <AssistantForm assistant={undefined} onDone={done} onClose={close} /> : null}
      {asking?.kind === "edit" ? <AssistantForm assistant={asking.assistant} onDone={done} onClose={close} /> : null}
      {asking?.kind === "submit" ? <AssistantSubmit assistant={asking.assistant} onDone={done} onClose={close} /> : null}
      {asking?.kind === "review" ? <AssistantReview assistant={asking.assistant} onDone={done} onClose={close} /> : null}
      {asking?.kind === "withdraw" || asking?.kind === "delete" ? <Ending kind={asking.kind} assistant={asking.assistant} onDone={reload} onClose={close} /> : null}
    </Page>
  );
}

const LOOKS = { ready: "good", published: "good", draft: "plain", in_review: "accent", returned: "care" } as const;

function Card({ assistant, onAsk }: { assistant: Assistant; onAsk: (asking: Asking) => void }) {
  const { words, language } = useLanguage();
  const { id, state, mine, model, label, owner, version, note } = assistant;
  const name = said(assistant.name, language);
  const act = (kind: "edit" | "submit" | "review" | "withdraw" | "delete", text: string, quiet = true): ReactNode => (
    <Button key={kind} small look={quiet ? "quiet" : "outline"} {...{ [`data-${kind}`]: "" }} className={kind === "delete" ? "text-stop hover:text-stop" : ""} aria-label={`${text}: ${name}`} onClick={() => onAsk({ kind, assistant })}>
      {text}
    </Button>
  );
  return (
    <li data-assistant={id} data-state={state} className="flex min-w-0 flex-col rounded-2xl border border-line bg-panel p-4 shadow-card">
      <h3 {...(typeof assistant.name === "string" ? { translate: "no" as const } : {})} className="font-semibold wrap-anywhere">
        {name}
      </h3>
      <p className="mt-1 flex-1 text-sm text-pretty wrap-anywhere text-soft">{said(assistant.purpose, language)}</p>
      <p className="mt-3 flex flex-wrap items-center gap-1.5 text-xs text-soft">
        {state === "ready" ? null : <Badge look={LOOKS[state]}>{words.assistants.states[state]}</Badge>}
        <LabelBadge label={label} />
        {model ? (
          <Badge wrap translate="no">
            {model}
          </Badge>
        ) : null}
        {state === "ready" ? null : <span>{words.assistants.version(version)}</span>}
        {owner && !mine ? <span className="wrap-anywhere">{words.prompts.from(owner)}</span> : null}
      </p>
      {mine && state === "published" && assistant.with.length > 0 ? <p className="mt-1 text-xs wrap-anywhere text-soft">{words.prompts.sharedWith(assistant.with.map((reader) => readerName(reader, words)).join(", "))}</p> : null}
      {mine && note ? (
        <p data-note className="mt-2 rounded-lg bg-care-tint px-3 py-2 text-sm wrap-anywhere">
          <span className="font-semibold">{words.assistants.note}: </span>
          {note}
        </p>
      ) : null}
      <div className="mt-3 flex flex-wrap gap-1.5">
        {(assistant.review ?? (state === "in_review" && !mine)) ? (
          act("review", words.assistants.review, false)
        ) : (
          <Link to={`/chat?assistant=${encodeURIComponent(id)}`} data-begin aria-label={`${words.assistants.begin}: ${name}`} className={buttonLook("outline", true)}>
            {words.assistants.begin}
          </Link>
        )}
        {mine ? (
          <>
            {state === "in_review" ? null : act("edit", words.assistants.edit)}
            {state === "draft" || state === "returned" ? act("submit", words.assistants.submit) : null}
            {state === "in_review" || state === "published" ? act("withdraw", words.assistants.withdraw) : null}
            {state === "draft" || state === "returned" ? act("delete", words.assistants.delete) : null}
          </>
        ) : null}
      </div>
    </li>
  );
}

/** Withdraws what is offered to others, or deletes a draft. */
function Ending({ kind, assistant, onDone, onClose }: { kind: "withdraw" | "delete"; assistant: Assistant; onDone: () => void; onClose: () => void }) {
  const { words, language } = useLanguage();
  const path = `/api/chat/assistants/${encodeURIComponent(assistant.id)}`;
  const isDelete = kind === "delete";
  return (
    <Confirm
      heading={isDelete ? words.assistants.deleteHeading : words.assistants.withdrawHeading}
      act={isDelete ? words.assistants.delete : words.assistants.withdraw}
      danger={isDelete}
      orphans
      onAct={async () => {
        await (isDelete ? send("DELETE", path) : send("POST", `${path}/withdraw`, {}));
        confirmDone(isDelete ? words.assistants.deleted : words.assistants.withdrawn);
        onDone();
      }}
      onClose={onClose}
    >
      <p className="wrap-anywhere">{(isDelete ? words.assistants.deleteText : words.assistants.withdrawText)(said(assistant.name, language))}</p>
    </Confirm>
  );
}
