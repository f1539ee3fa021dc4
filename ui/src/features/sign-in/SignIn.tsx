import { type FormEvent, useId, useState } from "react";
import { Button } from "../../components/Button";
import { RefusalCard } from "../../components/RefusalCard";
import { type House, type Refusal, RefusedError, type Role, signIn } from "../../lib/house";
import { useLanguage } from "../../lib/language";
import type { Session } from "../../lib/session";

interface Props {
  house: House;
  /** Why the last session ended, if the house ended it. */
  refusal: Refusal | undefined;
  onSession: (session: Session) => void;
}

/** In a demo house a role is chosen; in every other a key is entered. */
export function SignIn({ house, refusal: earlier, onSession }: Props) {
  const { words, language } = useLanguage();
  const [refusal, setRefusal] = useState(earlier);
  const [busy, setBusy] = useState<Role>();

  async function choose(role: Role) {
    setBusy(role);
    try {
      onSession({ role, key: await signIn(role, language) });
    } catch (error) {
      setBusy(undefined);
      if (error instanceof RefusedError) setRefusal(error.refusal);
    }
  }

  return (
    <div className="mx-auto grid w-full max-w-5xl flex-1 content-center gap-8 px-4 pt-8 pb-12 lg:pb-28 sm:px-6 lg:grid-cols-[1fr_1.15fr] lg:gap-16">
      <div className="lg:pt-2">
        <h2 className="text-3xl font-semibold tracking-tight sm:text-4xl">
          {house.demo ? words.signIn.heading : words.signIn.keyHeading}
        </h2>
        <p className="mt-3 max-w-prose text-soft">{house.demo ? words.signIn.intro : words.signIn.keyIntro}</p>
        <dl className="mt-8 hidden space-y-4 border-l-2 border-line pl-5 sm:block">
          {words.signIn.promises.map(([name, sentence]) => (
            <div key={name}>
              <dt className="font-semibold">{name}</dt>
              <dd className="text-sm text-soft">{sentence}</dd>
            </div>
          ))}
        </dl>
      </div>
      <div className="space-y-4">
        {refusal ? <RefusalCard refusal={refusal} /> : null}
        {house.demo ? (
          <ul className="overflow-hidden rounded-2xl border border-line bg-panel shadow-card">
            {house.roles.map((role) => (
              <li key={role} className="border-b border-line last:border-b-0">
                <button
                  type="button"
                  data-role={role}
                  disabled={busy !== undefined}
                  onClick={() => void choose(role)}
                  className="group flex min-h-16 w-full items-center gap-4 px-5 py-3 text-left transition-colors -outline-offset-2 hover:bg-tint"
                >
                  <span className="flex-1">
                    <span className="block font-semibold">{words.roles[role][0]}</span>
                    <span className="block text-sm text-soft">{words.roles[role][1]}</span>
                  </span>
                  <span aria-hidden="true" className="text-soft transition-transform group-hover:translate-x-1 group-hover:text-accent">
                    →
                  </span>
                </button>
              </li>
            ))}
          </ul>
        ) : (
          <KeyForm onKey={(key) => onSession({ role: undefined, key })} />
        )}
      </div>
    </div>
  );
}

function KeyForm({ onKey }: { onKey: (key: string) => void }) {
  const { words } = useLanguage();
  const [key, setKey] = useState("");
  const id = useId();

  function submit(event: FormEvent) {
    event.preventDefault();
    if (key.trim() !== "") onKey(key.trim());
  }

  return (
    <form onSubmit={submit} className="rounded-2xl border border-line bg-panel p-5 shadow-card">
      <label htmlFor={id} className="text-sm font-semibold">
        {words.signIn.keyField}
      </label>
      <input
        id={id}
        type="password"
        autoComplete="off"
        spellCheck={false}
        placeholder="sk-…"
        value={key}
        onChange={(event) => setKey(event.target.value)}
        className="mt-1.5 block min-h-11 w-full rounded-lg border border-edge bg-paper px-3 font-mono text-sm placeholder:text-soft"
      />
      <Button look="primary" type="submit" className="mt-4 w-full" disabled={key.trim() === ""}>
        {words.signIn.keySubmit}
      </Button>
    </form>
  );
}
