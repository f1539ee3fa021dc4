import { type FormEvent, useState } from "react";
import { Button } from "../../components/Button";
import { Choice, Field } from "../../components/Field";
import { Modal } from "../../components/Modal";
import { RefusalCard } from "../../components/RefusalCard";
import { confirmDone } from "../../lib/announce";
import { send } from "../../lib/api";
import { type Person, type Role, ROLES } from "../../lib/contract";
import { useLanguage } from "../../lib/language";
import { useAct } from "../../lib/load";

interface Props {
  /** Nobody for a new person. */
  person: Person | undefined;
  onDone: () => void;
  onClose: () => void;
}

/** Adds a person, or changes role and groups of one. */
export function PersonForm({ person, onDone, onClose }: Props) {
  const { words } = useLanguage();
  const { people } = words;
  const [name, setName] = useState(person?.name ?? "");
  const [role, setRole] = useState<Role>(person?.role ?? "employee");
  const [groups, setGroups] = useState(person?.groups.join(", ") ?? "");
  const { busy, refusal, act } = useAct();

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (name.trim() === "") return;
    const listed = groups.split(",").map((group) => group.trim()).filter((group) => group !== "");
    const done = await act(async () => {
      if (person) await send("PUT", `/api/people/${encodeURIComponent(person.id)}`, { role, groups: listed });
      else await send("POST", "/api/people", { name: name.trim(), role, groups: listed });
    });
    if (!done) return;
    confirmDone(person ? people.changed(name) : people.created(name.trim()));
    onDone();
    onClose();
  }

  return (
    <Modal look="box" heading={person ? people.editHeading(person.name) : people.createHeading} onClose={onClose}>
      <form onSubmit={(event) => void submit(event)} className="space-y-4">
        {person ? null : <Field name={people.name} value={name} required autoComplete="off" data-name maxLength={200} onChange={(event) => setName(event.target.value)} />}
        <Choice name={people.role} value={role} data-person-role onChange={(event) => setRole(event.target.value as Role)}>
          {ROLES.map((one) => (
            <option key={one} value={one}>
              {words.roles[one][0]}
            </option>
          ))}
        </Choice>
        <Field name={people.groups} hint={people.groupsHint} value={groups} autoComplete="off" spellCheck={false} onChange={(event) => setGroups(event.target.value)} />
        {refusal ? <RefusalCard refusal={refusal} /> : null}
        <div className="flex flex-wrap justify-end gap-2 pt-2 pb-1">
          <Button onClick={onClose}>{words.cancel}</Button>
          <Button look="primary" type="submit" disabled={busy || name.trim() === ""} data-confirm>
            {person ? words.save : people.create}
          </Button>
        </div>
      </form>
    </Modal>
  );
}
