import { useState } from "react";
import { Badge } from "../../components/Badge";
import { Button } from "../../components/Button";
import { Confirm } from "../../components/Confirm";
import { Icon } from "../../components/icons";
import { Empty, Page, Panel, Reading, Refused } from "../../components/Page";
import { Moment } from "../../components/Moment";
import { type Column, Table } from "../../components/Table";
import { confirmDone } from "../../lib/announce";
import { send } from "../../lib/api";
import type { Person } from "../../lib/contract";
import { useLanguage } from "../../lib/language";
import { useLoad } from "../../lib/load";
import { useSession } from "../../lib/session";
import { PersonForm } from "./PersonForm";
import { PersonSessions } from "./PersonSessions";

type Asking = { kind: "create" } | { kind: "edit" | "block" | "sessions"; person: Person } | undefined;

/** Who belongs to this house. */
export default function People() {
  const { words } = useLanguage();
  const { data, refusal, reload } = useLoad<{ people: Person[] }>("/api/people");
  const [asking, setAsking] = useState<Asking>();
  const columns = useColumns(setAsking);
  const close = () => setAsking(undefined);

  return (
    <Page
      heading={words.pages.people}
      intro={words.people.intro}
      actions={
        <Button look="primary" disabled={!data} data-create onClick={() => setAsking({ kind: "create" })}>
          <Icon name="plus" />
          {words.people.create}
        </Button>
      }
    >
      {refusal ? <Refused refusal={refusal} onRetry={reload} /> : null}
      {!data && !refusal ? <Reading /> : null}
      {data ? (
        <Panel flush>
          {data.people.length === 0 ? <Empty>{words.people.none}</Empty> : <Table name={words.pages.people} columns={columns} rows={data.people} keyOf={({ id }) => id} />}
        </Panel>
      ) : null}
      {asking?.kind === "create" ? <PersonForm person={undefined} onDone={reload} onClose={close} /> : null}
      {asking?.kind === "edit" ? <PersonForm person={asking.person} onDone={reload} onClose={close} /> : null}
      {asking?.kind === "block" ? <Block person={asking.person} onDone={reload} onClose={close} /> : null}
      {asking?.kind === "sessions" ? <PersonSessions person={asking.person} onDone={reload} onClose={close} /> : null}
    </Page>
  );
}

function Block({ person, onDone, onClose }: { person: Person; onDone: () => void; onClose: () => void }) {
  const { words } = useLanguage();
  const { people } = words;
  const blocked = Boolean(person.blocked);
  return (
    <Confirm
      heading={blocked ? people.unblockHeading(person.name) : people.blockHeading(person.name)}
      act={blocked ? people.unblock : people.block}
      danger={!blocked}
      onAct={async () => {
        await send("PUT", `/api/people/${encodeURIComponent(person.id)}`, { blocked: !blocked });
        confirmDone(blocked ? people.unblocked(person.name) : people.blocked(person.name));
        onDone();
      }}
      onClose={onClose}
    >
      <p>{blocked ? people.unblockText : people.blockText}</p>
    </Confirm>
  );
}

function useColumns(ask: (asking: Asking) => void): Column<Person>[] {
  const { words } = useLanguage();
  const { session } = useSession();
  const { columns, people } = words;
  return [
    {
      id: "name",
      name: columns.name,
      cell: ({ name, id }) => (
        <>
          <span translate="no" className="font-medium">{name}</span>
          {id === session.person ? <span className="text-soft"> ({people.self})</span> : null}
          {id === name ? null : <span className="block font-mono text-xs break-all text-soft">{id}</span>}
        </>
      ),
    },
    {
      id: "role",
      name: columns.role,
      cell: ({ role, source }) => (
        <>
          {words.roles[role]?.[0] ?? role}
          {source === "local" ? null : <span className="block text-xs text-soft">{people.from(source)}</span>}
        </>
      ),
    },
    {
      id: "groups",
      name: columns.groups,
      cell: ({ groups }) =>
        groups.length === 0 ? null : (
          <span className="flex flex-wrap gap-1">
            {groups.map((group) => (
              <Badge key={group} wrap translate="no">{group}</Badge>
            ))}
          </span>
        ),
    },
    { id: "seen", name: columns.lastSeen, cell: ({ last_seen: seen }) => (seen ? <Moment at={seen} /> : words.never) },
    {
      id: "state",
      name: columns.state,
      cell: ({ blocked }) => (
        <>
          <Badge look={blocked ? "stop" : "good"} data-state={blocked ? "blocked" : "active"}>
            {blocked ? people.isBlocked : people.active}
          </Badge>
          {typeof blocked === "string" ? (
            <span className="mt-0.5 block text-xs text-soft">
              <Moment at={blocked} />
            </span>
          ) : null}
        </>
      ),
    },
    {
      id: "act",
      name: words.details,
      bare: true,
      cell: (person) => (
        <span className="-mx-2.5 flex flex-wrap gap-x-1 xl:flex-nowrap">
          {/* Role and groups of others come from their provider; one's own are changed by somebody else. */}
          {person.source === "local" && person.id !== session.person ? (
            <Button small look="quiet" data-edit onClick={() => ask({ kind: "edit", person })} aria-label={`${people.edit}: ${person.name}`}>
              {people.edit}
            </Button>
          ) : null}
          <Button small look="quiet" data-sessions data-step onClick={() => ask({ kind: "sessions", person })} aria-label={`${people.sessions}: ${person.name}`}>
            {people.sessions}
          </Button>
          {person.id === session.person ? null : (
            <Button
              small
              look="quiet"
              data-block
              className={person.blocked ? "" : "text-stop hover:text-stop"}
              onClick={() => ask({ kind: "block", person })}
              aria-label={`${person.blocked ? people.unblock : people.block}: ${person.name}`}
            >
              {person.blocked ? people.unblock : people.block}
            </Button>
          )}
        </span>
      ),
    },
  ];
}
