import { type FormEvent, useId, useState } from "react";
import { Button } from "../../components/Button";
import { CopyButton } from "../../components/CopyButton";
import { Choice, Field } from "../../components/Field";
import { Modal } from "../../components/Modal";
import { Reading } from "../../components/Page";
import { RefusalCard } from "../../components/RefusalCard";
import { send } from "../../lib/api";
import { confirmDone } from "../../lib/announce";
import { dateTime } from "../../lib/format";
import { useAct, useLoad } from "../../lib/load";
import { useLanguage } from "../../lib/language";
import { useSession } from "../../lib/session";
import type { Words } from "../../lib/text/en";
import { loadList } from "./store";

interface Share {
  id: string;
  path: string;
  with: string[];
  until: string | null;
  created: string;
  /** Whether it is over; nobody reads by it any more. */
  ended?: boolean;
}

interface Props {
  id: string;
  title: string;
  /** The message at which what is shared ends; without one, the newest way. */
  leaf?: string | undefined;
  onClose: () => void;
}

const DAYS = { day: 1, week: 7, month: 30, none: undefined } as const;

/** Lets others in the house read along: who, until when, and how it ends. What they may not read is left out for them. */
export function ShareDialog({ id, title, leaf, onClose }: Props) {
  const { words } = useLanguage();
  const path = `/api/chat/conversations/${encodeURIComponent(id)}/shares`;
  const { data, refusal, reload } = useLoad<{ shares: Share[] }>(path);
  const shares = data?.shares.filter(({ ended }) => ended !== true) ?? [];
  const changed = () => {
    reload();
    void loadList();
  };
  return (
    <Modal look="box" heading={words.share.heading} onClose={onClose}>
      <p className="mb-4 text-sm text-pretty text-soft">{words.share.intro(title || words.conversations.untitled)}</p>
      {refusal ? <RefusalCard refusal={refusal} /> : null}
      {data ? null : refusal ? null : <Reading />}
      {shares.length > 0 ? (
        <section className="mb-5">
          <h3 className="mb-1 text-sm font-semibold">{words.share.current}</h3>
          <ul className="divide-y divide-line rounded-xl border border-line">
            {shares.map((share) => (
              <Row key={share.id} share={share} onEnded={changed} />
            ))}
          </ul>
        </section>
      ) : null}
      <NewShare path={path} leaf={leaf} onShared={changed} />
    </Modal>
  );
}

function Row({ share, onEnded }: { share: Share; onEnded: () => void }) {
  const { words, language } = useLanguage();
  const { busy, refusal, act } = useAct();

  async function end() {
    if (!(await act(async () => send("DELETE", `/api/chat/shares/${encodeURIComponent(share.id)}`).then(() => undefined)))) return;
    onEnded();
    confirmDone(words.share.ended);
  }

  return (
    <li data-share={share.id} className="p-3 text-sm">
      <p className="wrap-anywhere">{share.with.map((reader) => readerName(reader, words)).join(", ")}</p>
      <p className="text-xs text-soft">{share.until === null ? words.share.noEnd : words.share.until(dateTime(share.until, language))}</p>
      <div className="mt-2 flex flex-wrap items-center gap-2 text-xs">
        <CopyButton text={location.origin + share.path} name={words.share.copyLink} labelled />
        <code className="min-w-0 flex-1 basis-32 font-mono wrap-anywhere text-soft">{share.path}</code>
        <Button small disabled={busy} onClick={() => void end()} data-end-share>
          {words.share.end}
        </Button>
      </div>
      {refusal ? <RefusalCard refusal={refusal} /> : null}
    </li>
  );
}

function NewShare({ path, leaf, onShared }: { path: string; leaf: string | undefined; onShared: () => void }) {
  const { words } = useLanguage();
  const { session } = useSession();
  const { busy, refusal, act } = useAct();
  const [readers, setReaders] = useState<string[]>([]);
  const [person, setPerson] = useState("");
  const [time, setTime] = useState<keyof typeof DAYS>("month");
  const hint = useId();
  const offered = ["everyone", ...session.groups.map((group) => `group:${group}`), ...readers.filter((reader) => reader.startsWith("person:"))];
  const written = person.trim() === "" ? [] : [`person:${person.trim()}`];
  const all = [...new Set([...readers, ...written])];

  async function submit(event: FormEvent) {
    event.preventDefault();
    const days = DAYS[time];
    const until = days === undefined ? {} : { until: new Date(Date.now() + days * 86_400_000).toISOString() };
    const done = await act(async () => {
      await send("POST", path, { with: all, ...until, ...(leaf === undefined ? {} : { messages: [leaf] }) });
    });
    if (!done) return;
    setReaders([]);
    setPerson("");
    onShared();
    confirmDone(words.share.done);
  }

  return (
    <form onSubmit={(event) => void submit(event)} className="space-y-4">
      <fieldset aria-describedby={hint}>
        <legend className="text-sm font-semibold">{words.share.who}</legend>
        <div className="mt-1 space-y-0.5">
          {[...new Set(offered)].map((reader) => (
            <label key={reader} className="flex min-h-8 cursor-pointer items-center gap-2.5 text-sm">
              <input
                type="checkbox"
                data-reader={reader}
                className="size-4 shrink-0 accent-accent"
                checked={readers.includes(reader)}
                onChange={() => setReaders((chosen) => (chosen.includes(reader) ? chosen.filter((one) => one !== reader) : [...chosen, reader]))}
              />
              <span className="wrap-anywhere">{readerName(reader, words)}</span>
            </label>
          ))}
        </div>
      </fieldset>
      <Field name={words.share.person} hint={words.share.personHint} value={person} autoComplete="off" data-reader-person onChange={(event) => setPerson(event.target.value)} />
      <Choice name={words.share.howLong} value={time} onChange={(event) => setTime(event.target.value as keyof typeof DAYS)}>
        {(Object.keys(DAYS) as (keyof typeof DAYS)[]).map((name) => (
          <option key={name} value={name}>
            {words.share.times[name]}
          </option>
        ))}
      </Choice>
      <p id={hint} className="text-xs text-pretty text-soft">
        {words.share.hint}
      </p>
      {refusal ? <RefusalCard refusal={refusal} /> : null}
      <div className="flex justify-end pb-1">
        <Button look="primary" type="submit" disabled={busy || all.length === 0} data-confirm>
          {words.share.act}
        </Button>
      </div>
    </form>
  );
}

function readerName(reader: string, words: Words): string {
  if (reader === "everyone") return words.share.everyone;
  if (reader.startsWith("group:")) return words.share.group(reader.slice(6));
  return reader.startsWith("person:") ? words.share.onePerson(reader.slice(7)) : reader;
}
