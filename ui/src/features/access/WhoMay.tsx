import { type FormEvent, useState } from "react";
import { Badge } from "../../components/Badge";
import { Button } from "../../components/Button";
import { Choice, Field } from "../../components/Field";
import { Empty, Panel, Reading, Refused } from "../../components/Page";
import { Sentence } from "../../components/Sentence";
import { type Column, Table } from "../../components/Table";
import { withQuery } from "../../lib/api";
import type { Access, AccessRow } from "../../lib/contract";
import { compartmentsOf, levelOf } from "../../lib/labels";
import { useLanguage } from "../../lib/language";
import { useLoad } from "../../lib/load";
import { select } from "../../lib/router";
import type { Words } from "../../lib/text/en";

const KINDS = ["person", "model", "key"] as const;
type Kind = (typeof KINDS)[number];

/** Asks for a person, a model or a key. */
export function WhoMay({ parameters }: { parameters: URLSearchParams }) {
  const { words } = useLanguage();
  const asked = KINDS.find((name) => parameters.has(name));
  const wanted = asked === undefined ? "" : (parameters.get(asked) ?? "");
  const [kind, setKind] = useState<Kind>(asked ?? "person");
  const [value, setValue] = useState(wanted === "me" ? "" : wanted);

  function submit(event: FormEvent) {
    event.preventDefault();
    if (value.trim() !== "") select(withQuery("", { [kind]: value.trim() }));
  }

  return (
    <Panel heading={words.access.who} flush>
      <form onSubmit={submit} data-who className="flex flex-wrap items-end gap-3 px-4 pb-4 sm:px-5">
        <Choice
          name={words.access.kind}
          className="w-full sm:w-44"
          value={kind}
          data-kind
          onChange={(event) => {
            setKind(event.target.value as Kind);
            setValue("");
          }}
        >
          {KINDS.map((name) => (
            <option key={name} value={name}>
              {words.access.kinds[name]}
            </option>
          ))}
        </Choice>
        <Field name={words.access.values[kind]} className="min-w-0 flex-1 basis-52" value={value} autoComplete="off" spellCheck={false} data-value onChange={(event) => setValue(event.target.value)} />
        <div className="flex flex-wrap gap-2">
          <Button look="primary" type="submit" disabled={value.trim() === ""} data-ask>
            {words.access.ask}
          </Button>
          <Button onClick={() => select("?person=me")} data-me>
            {words.access.me}
          </Button>
        </div>
      </form>
      {asked === undefined ? null : <Answer path={withQuery("/api/access", { [asked]: wanted })} />}
    </Panel>
  );
}

function Answer({ path }: { path: string }) {
  const { words, language } = useLanguage();
  const { data, refusal, reload } = useLoad<Access>(path);
  const { columns, access } = words;
  if (refusal) {
    return (
      <div className="px-4 pb-4 sm:px-5">
        <Refused refusal={refusal} onRetry={reload} />
      </div>
    );
  }
  if (!data) return <Reading />;
  if (data.rows.length === 0) return <Empty>{access.none}</Empty>;
  const [first] = data.rows;
  const same = data.rows.every(({ person, role }) => person === first?.person && role === first.role);
  return (
    <div className="border-t border-line" data-answer>
      <p className="px-4 pt-3 text-sm text-soft sm:px-5">
        <span translate="no" className="font-semibold wrap-anywhere text-ink">{data.subject}</span>
        {same && first ? ` · ${words.roles[first.role as keyof typeof words.roles]?.[0] ?? first.role}` : ""} · {access.rows(data.rows.length)}
      </p>
      <Table
        name={access.who}
        rows={data.rows}
        keyOf={(row) => `${row.person ?? ""} ${row.role} ${row.model ?? ""} ${row.action}`}
        columns={[
          ...(same ? [] : [personColumn(words)]),
          {
            id: "allowed",
            name: columns.allowed,
            cell: ({ allowed, action }) => (
              <span className="flex flex-wrap items-center gap-x-2">
                <Badge look={allowed ? "good" : "stop"} data-state={allowed ? "allowed" : "refused"}>
                  {allowed ? access.allowed : access.refused}
                </Badge>
                <span>{access.actions[action] ?? action}</span>
              </span>
            ),
          },
          { id: "model", name: columns.model, cell: ({ model, up_to: upTo }) => (model ? <><span translate="no">{model}</span>{upTo ? <span className="block text-xs text-soft">{access.upTo(words.labels[levelOf(upTo) ?? "PUBLIC"] + compartmentsOf(upTo))}</span> : null}</> : "") },
          {
            id: "reason",
            name: columns.reason,
            cell: ({ reason, rule }) => (
              <>
                <Sentence text={reason[language]} />
                {rule && !reason[language].includes(rule) ? <span className="block font-mono text-xs break-all text-soft">{rule}</span> : null}
              </>
            ),
          },
        ]}
      />
      {data.truncated ? <p className="border-t border-line px-4 py-3 text-sm text-soft sm:px-5">{access.truncated}</p> : null}
    </div>
  );
}

function personColumn({ columns, access, roles }: Words): Column<AccessRow> {
  return {
    id: "person",
    name: columns.person,
    cell: ({ person, role }) => (
      <>
        <span translate={person === null ? "yes" : "no"} className="wrap-anywhere">{person ?? access.everybody}</span>
        <span className="block text-xs text-soft">{roles[role as keyof typeof roles]?.[0] ?? role}</span>
      </>
    ),
  };
}
