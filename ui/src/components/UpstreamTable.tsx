import type { Upstream } from "../lib/contract";
import { useLanguage } from "../lib/language";
import { Badge, LabelBadge } from "./Badge";
import { Table } from "./Table";

/** Model servers with what they may get and how they are. */
export function UpstreamTable({ upstreams }: { upstreams: Upstream[] }) {
  const { words } = useLanguage();
  const { now, columns } = words;
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
              <span className="font-medium">{name}</span>
              <span className="block font-mono text-xs break-all text-soft">{url}</span>
            </>
          ),
        },
        {
          id: "state",
          name: columns.state,
          tight: true,
          cell: ({ healthy, reason }) => (
            <>
              <Badge look={healthy ? "good" : "stop"} data-state={healthy ? "healthy" : "unhealthy"}>
                {healthy ? now.healthy : now.unhealthy}
              </Badge>
              {!healthy && reason ? <span className="block max-w-64 text-xs wrap-anywhere whitespace-normal text-soft">{reason}</span> : null}
            </>
          ),
        },
        { id: "models", name: now.models, cell: ({ models }) => models.join(", ") },
        { id: "label", name: now.maxLabel, tight: true, cell: ({ max_label: label }) => <LabelBadge label={label} /> },
        { id: "zone", name: now.zone, tight: true, cell: ({ zone, region }) => [zone, region].filter(Boolean).join(", ") },
        {
          id: "load",
          name: now.running,
          cell: ({ in_flight: running, queue }) => (
            <span className="tabular-nums">
              {running}
              {queue ? <span className="text-soft"> + {queue} {now.waiting}</span> : null}
            </span>
          ),
        },
      ]}
    />
  );
}
