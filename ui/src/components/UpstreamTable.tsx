import type { Upstream } from "../lib/contract";
import { count } from "../lib/format";
import { useLanguage } from "../lib/language";
import { Badge, LabelBadge } from "./Badge";
import { Button } from "./Button";
import { Sentence } from "./Sentence";
import { type Column, Table } from "./Table";

interface Props {
  upstreams: Upstream[];
  /** Somebody wants one out of use, or back. Without it there are no buttons. */
  onDrain?: (upstream: Upstream) => void;
}

/** Model servers with what they may get and how they are. */
export function UpstreamTable({ upstreams, onDrain }: Props) {
  const { words, language } = useLanguage();
  const { now, columns } = words;
  const acts: Column<Upstream>[] = onDrain
    ? [
        {
          id: "act",
          name: words.details,
          bare: true,
          tight: true,
          cell: (upstream) => {
            const verb = upstream.draining ? words.upstreams.undrain : words.upstreams.drain;
            return (
              <Button small look="quiet" data-drain data-step onClick={() => onDrain(upstream)} aria-label={words.upstreams.verbOf(verb, upstream.name)}>
                {verb}
              </Button>
            );
          },
        },
      ]
    : [];
  return (
    <Table
      name={now.upstreams}
      rows={upstreams}
      keyOf={({ name, url }) => `${name} ${url}`}
      columns={[
        {
          id: "name",
          name: columns.name,
          cell: ({ name, url }) => (
            <>
              <span translate="no" className="font-medium">{name}</span>
              <span className="block font-mono text-xs break-all text-soft">{url}</span>
            </>
          ),
        },
        {
          id: "state",
          name: columns.state,
          tight: true,
          cell: ({ healthy, reason, draining }) => (
            <>
              {draining ? <Badge data-state="draining">{now.draining}</Badge> : null}
              <Badge look={healthy ? "good" : "stop"} data-state={healthy ? "healthy" : "unhealthy"}>
                {healthy ? now.healthy : now.unhealthy}
              </Badge>
              {!healthy && reason ? <span className="block max-w-64 text-xs wrap-anywhere whitespace-normal text-soft"><Sentence text={reason[language]} /></span> : null}
            </>
          ),
        },
        { id: "models", name: now.models, cell: ({ models }) => <span translate="no">{models.join(", ")}</span> },
        { id: "label", name: now.maxLabel, tight: true, cell: ({ max_label: label }) => <LabelBadge label={label} /> },
        { id: "zone", name: now.zone, tight: true, cell: ({ zone, region }) => [now.zones[zone] ?? zone, region].filter(Boolean).join(", ") },
        {
          id: "load",
          name: now.running,
          cell: ({ in_flight: running, queue }) => (
            <span className="tabular-nums">
              {count(running, language)}
              {queue ? <span className="text-soft"> + {count(queue, language)} {now.waiting}</span> : null}
            </span>
          ),
        },
        ...acts,
      ]}
    />
  );
}
