import { type FormEvent, useEffect, useState } from "react";
import { Area } from "../../components/Area";
import { Button } from "../../components/Button";
import { Choice, Field } from "../../components/Field";
import { Modal } from "../../components/Modal";
import { Reading } from "../../components/Page";
import { RefusalCard } from "../../components/RefusalCard";
import { confirmDone } from "../../lib/announce";
import { send } from "../../lib/api";
import { type Assistant, said } from "../../lib/assistant";
import { readModels } from "../../lib/house";
import { LABELS } from "../../lib/labels";
import { useAct, useLoad } from "../../lib/load";
import { useLanguage } from "../../lib/language";

interface Props {
  /** Nothing for a new one. */
  assistant: Assistant | undefined;
  onDone: () => void;
  onClose: () => void;
}

/** Writes an assistant as a draft. Of a published one a new draft stands beside it until that was reviewed. */
export function AssistantForm({ assistant, onDone, onClose }: Props) {
  const { words } = useLanguage();
  const { data, refusal } = useLoad<Assistant>(assistant && `/api/chat/assistants/${encodeURIComponent(assistant.id)}`);
  return (
    <Modal heading={assistant ? words.assistants.editHeading : words.assistants.createHeading} onClose={onClose}>
      {refusal ? <RefusalCard refusal={refusal} /> : null}
      {assistant && !data && !refusal ? <Reading /> : null}
      {!assistant || data ? <Form before={data} onDone={onDone} onClose={onClose} /> : null}
    </Modal>
  );
}

function Form({ before, onDone, onClose }: { before: Assistant | undefined; onDone: () => void; onClose: () => void }) {
  const { words, language } = useLanguage();
  const { busy, refusal, act } = useAct();
  const [name, setName] = useState(said(before?.name, language));
  const [purpose, setPurpose] = useState(said(before?.purpose, language));
  const [instructions, setInstructions] = useState(said(before?.instructions, language));
  const [starters, setStarters] = useState(before?.starters.map((starter) => said(starter, language)).join("\n") ?? "");
  const [model, setModel] = useState(before?.model ?? "");
  const [label, setLabel] = useState(before?.label ?? "");
  const [models, setModels] = useState<string[]>([]);
  const ready = [name, purpose, instructions].every((text) => text.trim() !== "");

  useEffect(() => {
    readModels().then(setModels, () => undefined);
  }, []);

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (!ready) return;
    const listed = starters.split("\n").map((line) => line.trim()).filter((line) => line !== "");
    const body = { name: name.trim(), purpose: purpose.trim(), instructions: instructions.trim(), starters: listed, ...(model === "" ? {} : { model }), ...(label === "" ? {} : { label }) };
    const done = await act(async () => {
      if (before) await send("PUT", `/api/chat/assistants/${encodeURIComponent(before.id)}`, body);
      else await send("POST", "/api/chat/assistants", body);
    });
    if (!done) return;
    confirmDone(words.assistants.saved);
    onDone();
  }

  return (
    <form onSubmit={(event) => void submit(event)} className="space-y-4" data-assistant-form>
      {before?.state === "published" ? <p className="text-sm text-pretty text-soft">{words.assistants.editPublished}</p> : null}
      <Field name={words.assistants.name} value={name} maxLength={120} required autoComplete="off" data-assistant-name onChange={(event) => setName(event.target.value)} />
      <Area name={words.assistants.purpose} hint={words.assistants.purposeHint} value={purpose} rows={2} maxLength={500} required data-purpose onChange={(event) => setPurpose(event.target.value)} />
      <Area name={words.assistants.instructions} hint={words.assistants.instructionsHint} value={instructions} rows={8} required data-instructions onChange={(event) => setInstructions(event.target.value)} />
      <Area name={words.assistants.starters} hint={words.assistants.startersHint} value={starters} rows={3} onChange={(event) => setStarters(event.target.value)} />
      <div className="grid gap-4 sm:grid-cols-2">
        <Choice name={words.ask.model} value={model} onChange={(event) => setModel(event.target.value)}>
          <option value="">{words.assistants.anyModel}</option>
          {[...new Set([...models, ...(model === "" ? [] : [model])])].map((one) => (
            <option key={one} value={one}>
              {one}
            </option>
          ))}
        </Choice>
        <Choice name={words.assistants.label} value={label} onChange={(event) => setLabel(event.target.value)}>
          <option value="">{words.assistants.noLabel}</option>
          {[...new Set<string>([...LABELS, ...(label === "" ? [] : [label])])].map((one) => (
            <option key={one} value={one}>
              {(words.labels as Record<string, string>)[one] ?? one}
            </option>
          ))}
        </Choice>
      </div>
      {refusal ? <RefusalCard refusal={refusal} /> : null}
      <div className="flex flex-wrap justify-end gap-2 pb-1">
        <Button onClick={onClose}>{words.cancel}</Button>
        <Button look="primary" type="submit" disabled={busy || !ready} data-confirm>
          {words.assistants.save}
        </Button>
      </div>
    </form>
  );
}
