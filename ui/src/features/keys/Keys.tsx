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
import type { Key, Person } from "../../lib/contract";
import { useLanguage } from "../../lib/language";
import { useLoad } from "../../lib/load";
import { useHasPage } from "../../lib/session";
import { KeyForm } from "./KeyForm";

/** The keys with which programs ask. */
export default function Keys() {
  const { words } = useLanguage();
  const { data, refusal, reload } = useLoad<{ keys: Key[] }>("/api/keys");
  // Names for ids, where this person may see them.
  const { data: known } = useLoad<{ people: Person[] }>(useHasPage("people") ? "/api/people" : undefined);
  const [creating, setCreating] = useState(false);
  const [revoking, setRevoking] = useState<Key>();
  const columns = useColumns(known?.people ?? [], setRevoking);

  return (
    <Page
      heading={words.pages.keys}
      intro={words.keys.intro}
      actions={
        <Button look="primary" disabled={!data} data-create onClick={() => setCreating(true)}>
          <Icon name="plus" />
          {words.keys.create}
        </Button>
      }
    >
      {refusal ? <Refused refusal={refusal} onRetry={reload} /> : null}
      {!data && !refusal ? <Reading /> : null}
      {data ? (
        <Panel flush>{data.keys.length === 0 ? <Empty>{words.keys.none}</Empty> : <Table name={words.pages.keys} columns={columns} rows={data.keys} keyOf={({ id }) => id} />}</Panel>
      ) : null}
      {creating ? <KeyForm people={known?.people ?? []} onDone={reload} onClose={() => setCreating(false)} /> : null}
      {revoking ? (
        <Confirm
          heading={words.keys.revokeHeading}
          act={words.keys.revoke}
          danger
          orphans
          onAct={async () => {
            await send("DELETE", `/api/keys/${encodeURIComponent(revoking.id)}`);
            confirmDone(words.keys.revoked);
            reload();
          }}
          onClose={() => setRevoking(undefined)}
        >
          <p className="wrap-anywhere">{words.keys.revokeText(revoking.id)}</p>
        </Confirm>
      ) : null}
    </Page>
  );
}

function useColumns(people: Person[], revoke: (key: Key) => void): Column<Key>[] {
  const { words } = useLanguage();
  const { columns, keys } = words;
  // What is past when the page is drawn is past; nobody watches a key expire.
  const [now] = useState(() => Date.now());
  const names = new Map(people.map(({ id, name }) => [id, name]));
  return [
    { id: "id", name: columns.keys, cell: ({ id }) => <span className="inline-block min-w-[15ch] font-mono text-[0.8125rem] break-all">{id}</span> },
    { id: "person", name: columns.person, cell: ({ person }) => <span translate="no" className="wrap-anywhere">{names.get(person) ?? person}</span> },
    { id: "role", name: columns.role, tight: true, cell: ({ role }) => words.roles[role]?.[0] ?? role },
    { id: "scopes", name: columns.scopes, cell: ({ scopes }) => (scopes.length === 0 ? keys.allScopes : <span className="font-mono text-[0.8125rem] wrap-anywhere">{scopes.join(", ")}</span>) },
    { id: "created", name: columns.created, cell: ({ created }) => <Moment at={created} /> },
    { id: "expires", name: columns.expires, cell: ({ expires }) => (expires ? <Moment at={expires} /> : keys.never) },
    {
      id: "state",
      name: columns.state,
      tight: true,
      cell: ({ revoked, expires }) => {
        const expired = expires !== null && Date.parse(expires) < now;
        return (
          <Badge look={revoked ? "stop" : expired ? "care" : "good"} data-state={revoked ? "revoked" : expired ? "expired" : "active"}>
            {revoked ? keys.isRevoked : expired ? keys.expired : keys.active}
          </Badge>
        );
      },
    },
    {
      id: "act",
      name: words.details,
      bare: true,
      tight: true,
      cell: (key) =>
        key.revoked ? null : (
          <Button small look="quiet" data-revoke data-step className="text-stop hover:text-stop" onClick={() => revoke(key)} aria-label={`${keys.revoke}: ${key.id}`}>
            {keys.revoke}
          </Button>
        ),
    },
  ];
}
