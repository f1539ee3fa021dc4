import { useState } from "react";
import { Badge } from "../../components/Badge";
import { Button } from "../../components/Button";
import { Confirm } from "../../components/Confirm";
import { Field } from "../../components/Field";
import { Icon } from "../../components/icons";
import { Modal } from "../../components/Modal";
import { Empty, Reading } from "../../components/Page";
import { readerName } from "../../components/Readers";
import { RefusalCard } from "../../components/RefusalCard";
import { confirmDone } from "../../lib/announce";
import { send } from "../../lib/api";
import { useLoad } from "../../lib/load";
import { useLanguage } from "../../lib/language";
import { fitting, placesIn, type Prompt } from "../../lib/prompt";
import { go, usePlace } from "../../lib/router";
import { PromptForm, PromptPlaces, PromptVersions } from "./PromptForms";
import { drafts } from "./store";

type View = { kind: "list" } | { kind: "new" } | { kind: "edit" | "fill" | "versions"; prompt: Prompt };

/** What one asks again and again: found, filled in, put into the field for the next question; one's own can be changed and shared. */
export default function PromptLibrary({ onClose }: { onClose: () => void }) {
  const { words } = useLanguage();
  const { path } = usePlace();
  const { data, refusal, reload } = useLoad<{ prompts: Prompt[] }>("/api/chat/prompts");
  const [view, setView] = useState<View>({ kind: "list" });
  const back = () => setView({ kind: "list" });
  const changed = () => {
    reload();
    back();
  };

  /** Behind what is written there already, and with the field ready for changes. */
  function insert(text: string) {
    const [, part, id] = path.split("/");
    const inChat = part === "chat";
    const key = inChat && id ? decodeURIComponent(id) : "new";
    drafts.change((all) => ({ ...all, [key]: [all[key] ?? "", text].filter(Boolean).join("\n\n") }));
    onClose();
    if (!inChat) go("/chat");
    // The drawer gives the focus back first.
    setTimeout(() => document.querySelector<HTMLElement>("main textarea:enabled")?.focus(), 60);
    confirmDone(words.prompts.inserted);
  }

  const headings = { list: words.prompts.heading, new: words.prompts.create, edit: words.prompts.edit, fill: words.prompts.fill, versions: words.prompts.versions };
  return (
    <Modal heading={headings[view.kind]} onClose={onClose}>
      {view.kind === "list" ? null : (
        <Button look="quiet" small className="mb-3 -ml-2.5" data-back onClick={back}>
          <Icon name="left" />
          {words.prompts.heading}
        </Button>
      )}
      {view.kind === "list" ? (
        <>
          {refusal ? <RefusalCard refusal={refusal} /> : null}
          {data ? <List prompts={data.prompts} onView={setView} onInsert={insert} onChanged={reload} /> : refusal ? null : <Reading />}
        </>
      ) : null}
      {view.kind === "new" ? <PromptForm prompt={undefined} onDone={changed} onCancel={back} /> : null}
      {view.kind === "edit" ? <PromptForm prompt={view.prompt} onDone={changed} onCancel={back} /> : null}
      {view.kind === "fill" ? <PromptPlaces prompt={view.prompt} onInsert={insert} onCancel={back} /> : null}
      {view.kind === "versions" ? <PromptVersions prompt={view.prompt} onDone={changed} /> : null}
    </Modal>
  );
}

interface ListProps {
  prompts: Prompt[];
  onView: (view: View) => void;
  onInsert: (text: string) => void;
  onChanged: () => void;
}

function List({ prompts, onView, onInsert, onChanged }: ListProps) {
  const { words } = useLanguage();
  const [written, setWritten] = useState("");
  const [going, setGoing] = useState<Prompt>();
  const shown = fitting(prompts, written);
  return (
    <>
      <div className="mb-4 flex flex-wrap items-end gap-2">
        <Field className="min-w-0 flex-1 basis-40" name={words.prompts.search} type="search" value={written} autoComplete="off" data-prompt-search onChange={(event) => setWritten(event.target.value)} />
        <Button look="primary" data-new-prompt onClick={() => onView({ kind: "new" })}>
          <Icon name="plus" />
          {words.prompts.create}
        </Button>
      </div>
      {shown.length === 0 ? <Empty>{prompts.length === 0 ? words.prompts.none : words.prompts.noneFound}</Empty> : null}
      <ul className="space-y-3">
        {shown.map((prompt) => (
          <li key={prompt.id} data-prompt={prompt.id} className="rounded-xl border border-line p-3.5">
            <h3 translate="no" className="font-semibold wrap-anywhere">
              {prompt.name}
            </h3>
            <p className="mt-1 flex flex-wrap items-center gap-1.5 text-xs text-soft">
              {prompt.mine ? null : <span className="wrap-anywhere">{words.prompts.from(prompt.owner)}</span>}
              {prompt.mine && prompt.with.length > 0 ? <span className="wrap-anywhere">{words.prompts.sharedWith(prompt.with.map((reader) => readerName(reader, words)).join(", "))}</span> : null}
              {prompt.tags.map((tag) => (
                <Badge key={tag} wrap translate="no">
                  {tag}
                </Badge>
              ))}
            </p>
            <p translate="no" title={prompt.text} className="mt-2 line-clamp-3 text-sm whitespace-pre-line wrap-anywhere text-soft">
              {prompt.text}
            </p>
            <div className="mt-3 flex flex-wrap gap-1.5">
              <Button
                small
                look="primary"
                data-insert
                aria-label={`${words.prompts.insert}: ${prompt.name}`}
                onClick={() => (placesIn(prompt.text).length > 0 ? onView({ kind: "fill", prompt }) : onInsert(prompt.text))}
              >
                {words.prompts.insert}
              </Button>
              {prompt.mine ? (
                <>
                  <Button small data-edit-prompt aria-label={`${words.prompts.edit}: ${prompt.name}`} onClick={() => onView({ kind: "edit", prompt })}>
                    {words.prompts.edit}
                  </Button>
                  <Button small look="quiet" data-versions aria-label={`${words.prompts.versions}: ${prompt.name}`} onClick={() => onView({ kind: "versions", prompt })}>
                    {words.prompts.versions}
                  </Button>
                  <Button small look="quiet" data-delete-prompt className="text-stop hover:text-stop" aria-label={`${words.prompts.delete}: ${prompt.name}`} onClick={() => setGoing(prompt)}>
                    {words.prompts.delete}
                  </Button>
                </>
              ) : null}
            </div>
          </li>
        ))}
      </ul>
      {going ? (
        <Confirm
          heading={words.prompts.deleteHeading}
          act={words.prompts.delete}
          danger
          onAct={async () => {
            await send("DELETE", `/api/chat/prompts/${encodeURIComponent(going.id)}`);
            onChanged();
            confirmDone(words.prompts.deleted);
          }}
          onClose={() => setGoing(undefined)}
        >
          <p className="wrap-anywhere">{words.prompts.deleteText(going.name)}</p>
        </Confirm>
      ) : null}
    </>
  );
}
