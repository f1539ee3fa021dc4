import { type FormEvent, useState } from "react";
import { Button } from "../../components/Button";
import { Code } from "../../components/Code";
import { Choice, Field } from "../../components/Field";
import { Modal } from "../../components/Modal";
import { RefusalCard } from "../../components/RefusalCard";
import { send } from "../../lib/api";
import { type Person, ROLES } from "../../lib/contract";
import { useLanguage } from "../../lib/language";
import { useAct } from "../../lib/load";
import { useSession } from "../../lib/session";

const DAYS = { day: 1, month: 30, quarter: 90, year: 365, never: undefined } as const;
type Expiry = keyof typeof DAYS;

/** Creates a key and shows it once. */
export function KeyForm({ people, onDone, onClose }: { people: Person[]; onDone: () => void; onClose: () => void }) {
  const { words } = useLanguage();
  const { session } = useSession();
  const [person, setPerson] = useState(session.person);
  const [role, setRole] = useState("");
  const [scopes, setScopes] = useState("");
  const [expiry, setExpiry] = useState<Expiry>("quarter");
  const [made, setMade] = useState<string>();
  const { busy, refusal, act } = useAct();

  async function submit(event: FormEvent) {
    event.preventDefault();
    await act(async () => {
      const days = DAYS[expiry];
      const listed = scopes.split(",").map((scope) => scope.trim()).filter((scope) => scope !== "");
      const { key } = await send<{ key: string }>("POST", "/api/keys", {
        person,
        ...(role === "" ? {} : { role }),
        ...(listed.length === 0 ? {} : { scopes: listed }),
        ...(days === undefined ? {} : { expires_s: days * 86_400 }),
      });
      setMade(key);
      onDone();
    });
  }

  if (made !== undefined) {
    return (
      <Modal key="made" look="box" heading={words.keys.shown} onClose={onClose} fixed>
        <p className="text-pretty">{words.keys.shownText}</p>
        <div className="mt-4" data-new-key>
          <Code code={made} copyName={words.keys.copyKey} wrap />
        </div>
        <div className="mt-6 flex justify-end pb-1">
          <Button look="primary" onClick={onClose} data-confirm>
            {words.keys.shownDone}
          </Button>
        </div>
      </Modal>
    );
  }
  const own = people.some(({ id }) => id === session.person);
  return (
    <Modal look="box" heading={words.keys.createHeading} onClose={onClose}>
      <form onSubmit={(event) => void submit(event)} className="space-y-4">
        <Choice name={words.keys.person} value={person} onChange={(event) => setPerson(event.target.value)}>
          {own ? null : <option value={session.person} translate="no">{session.name}</option>}
          {people.map(({ id, name }) => (
            <option key={id} value={id} translate="no">
              {name}
            </option>
          ))}
        </Choice>
        <Choice name={words.keys.role} value={role} onChange={(event) => setRole(event.target.value)}>
          <option value="">{words.keys.roleOf}</option>
          {ROLES.map((one) => (
            <option key={one} value={one}>
              {words.roles[one][0]}
            </option>
          ))}
        </Choice>
        <Field name={words.keys.scopes} hint={words.keys.scopesHint} value={scopes} autoComplete="off" spellCheck={false} onChange={(event) => setScopes(event.target.value)} />
        <Choice name={words.keys.expiry} value={expiry} onChange={(event) => setExpiry(event.target.value as Expiry)}>
          {Object.entries(words.keys.expiries).map(([name, text]) => (
            <option key={name} value={name}>
              {text}
            </option>
          ))}
        </Choice>
        {refusal ? <RefusalCard refusal={refusal} /> : null}
        <div className="flex flex-wrap justify-end gap-2 pt-2 pb-1">
          <Button onClick={onClose}>{words.cancel}</Button>
          <Button look="primary" type="submit" disabled={busy} data-confirm>
            {words.keys.create}
          </Button>
        </div>
      </form>
    </Modal>
  );
}
