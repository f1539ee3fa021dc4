import { type FormEvent, useState } from "react";
import { Area } from "../../components/Area";
import { Button } from "../../components/Button";
import { Difference } from "../../components/Difference";
import { Choice, Field } from "../../components/Field";
import { Reading } from "../../components/Page";
import { Readers } from "../../components/Readers";
import { RefusalCard } from "../../components/RefusalCard";
import { confirmDone } from "../../lib/announce";
import { send } from "../../lib/api";
import { dateTime } from "../../lib/format";
import { useAct, useLoad } from "../../lib/load";
import { useLanguage } from "../../lib/language";
import { filled, placesIn, type Prompt, type PromptVersion } from "../../lib/prompt";

function pathOf(prompt: Prompt): string {
  return `/api/chat/prompts/${encodeURIComponent(prompt.id)}`;
}

/** Writes a new prompt, or a new version of one. */
export function PromptForm({ prompt, onDone, onCancel }: { prompt: Prompt | undefined; onDone: () => void; onCancel: () => void }) {
  const { words } = useLanguage();
  const { busy, refusal, act } = useAct();
  const [name, setName] = useState(prompt?.name ?? "");
  const [text, setText] = useState(prompt?.text ?? "");
  const [tags, setTags] = useState(prompt?.tags.join(", ") ?? "");
  const [readers, setReaders] = useState(prompt?.with ?? []);
  const ready = name.trim() !== "" && text.trim() !== "";

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (!ready) return;
    const listed = tags.split(",").map((tag) => tag.trim()).filter((tag) => tag !== "");
    const body = { name: name.trim(), text, tags: listed, with: readers };
    const done = await act(async () => {
      if (prompt) await send("PUT", pathOf(prompt), body);
      else await send("POST", "/api/chat/prompts", body);
    });
    if (!done) return;
    confirmDone(words.prompts.saved);
    onDone();
  }

  return (
    <form onSubmit={(event) => void submit(event)} className="space-y-4" data-prompt-form>
      <Field name={words.prompts.name} value={name} maxLength={120} required autoComplete="off" data-prompt-name onChange={(event) => setName(event.target.value)} />
      <Area name={words.prompts.text} hint={words.prompts.textHint} value={text} rows={8} required data-prompt-text onChange={(event) => setText(event.target.value)} />
      <Field name={words.prompts.tags} hint={words.prompts.tagsHint} value={tags} autoComplete="off" onChange={(event) => setTags(event.target.value)} />
      <Readers name={words.prompts.share} hint={words.prompts.shareHint} chosen={readers} onChange={setReaders} />
      {refusal ? <RefusalCard refusal={refusal} /> : null}
      <div className="flex flex-wrap justify-end gap-2 pb-1">
        <Button onClick={onCancel}>{words.cancel}</Button>
        <Button look="primary" type="submit" disabled={busy || !ready} data-save-prompt>
          {words.save}
        </Button>
      </div>
    </form>
  );
}

/** Asks for what a prompt leaves open, and shows what will be asked. */
export function PromptPlaces({ prompt, onInsert, onCancel }: { prompt: Prompt; onInsert: (text: string) => void; onCancel: () => void }) {
  const { words } = useLanguage();
  const [values, setValues] = useState<Record<string, string>>({});
  const text = filled(prompt.text, values);

  function submit(event: FormEvent) {
    event.preventDefault();
    onInsert(text);
  }

  return (
    <form onSubmit={submit} className="space-y-4" data-places>
      <p translate="no" className="font-semibold wrap-anywhere">
        {prompt.name}
      </p>
      {placesIn(prompt.text).map((place) => (
        <Area key={place} isName name={place} rows={1} value={values[place] ?? ""} data-place={place} onChange={(event) => setValues((all) => ({ ...all, [place]: event.target.value }))} />
      ))}
      <section>
        <h3 className="text-sm font-medium">{words.prompts.preview}</h3>
        <p translate="no" data-preview className="mt-1 max-h-60 overflow-y-auto rounded-lg bg-sunken p-3 text-sm whitespace-pre-wrap wrap-anywhere">
          {text}
        </p>
      </section>
      <div className="flex flex-wrap justify-end gap-2 pb-1">
        <Button onClick={onCancel}>{words.cancel}</Button>
        <Button look="primary" type="submit" data-insert-filled>
          {words.prompts.insert}
        </Button>
      </div>
    </form>
  );
}

/** What a prompt said before, what changed since, and the way back. */
export function PromptVersions({ prompt, onDone }: { prompt: Prompt; onDone: () => void }) {
  const { words, language } = useLanguage();
  const { data, refusal } = useLoad<{ versions: PromptVersion[] }>(`${pathOf(prompt)}/versions`);
  const restoring = useAct();
  const [chosen, setChosen] = useState<number>();
  const versions = data?.versions.toSorted((a, b) => b.version - a.version) ?? [];
  const old = versions.find(({ version }) => version === chosen) ?? versions[1] ?? versions[0];

  async function restore(version: number) {
    const done = await restoring.act(async () => {
      await send("POST", `${pathOf(prompt)}/restore`, { version });
    });
    if (!done) return;
    confirmDone(words.prompts.restored);
    onDone();
  }

  if (!data || !old) return refusal ? <RefusalCard refusal={refusal} /> : <Reading />;
  const isNow = old.version === prompt.version;
  return (
    <div className="space-y-4" data-prompt-versions>
      <Choice name={words.prompts.version} value={old.version} data-version onChange={(event) => setChosen(Number(event.target.value))}>
        {versions.map(({ version, created }) => (
          <option key={version} value={version}>
            {words.prompts.versionOf(version, dateTime(created, language))}
            {version === prompt.version ? ` · ${words.prompts.now}` : ""}
          </option>
        ))}
      </Choice>
      <section>
        <h3 className="text-sm font-medium">{isNow ? words.prompts.text : words.prompts.changes}</h3>
        {old.name === prompt.name ? null : (
          <p className="mt-1 text-sm wrap-anywhere text-soft">
            {words.prompts.name}: <del translate="no">{old.name}</del> <ins translate="no">{prompt.name}</ins>
          </p>
        )}
        <Difference before={old.text} after={prompt.text} />
      </section>
      {restoring.refusal ? <RefusalCard refusal={restoring.refusal} /> : null}
      {isNow ? null : (
        <div className="flex justify-end pb-1">
          <Button look="primary" disabled={restoring.busy} data-restore onClick={() => void restore(old.version)}>
            {words.prompts.restore}
          </Button>
        </div>
      )}
    </div>
  );
}
