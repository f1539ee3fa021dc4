import { useEffect, useId, useState } from "react";
import { Disclosure, Item } from "../../components/Disclosure";
import { Icon } from "../../components/icons";
import { walkWithArrows } from "../../lib/keys";
import { useLanguage } from "../../lib/language";
import { Link } from "../../lib/router";
import { useStore } from "../../lib/store";
import { type Asking, ConversationDialogs } from "./ConversationDialogs";
import { grouped } from "./groups";
import type { Folder, Summary } from "./message";
import { conversations, loadList } from "./store";

interface Props {
  current: string | undefined;
  level: 2 | 3;
  onGo: () => void;
}

/** The list of conversations beside every page of somebody who may chat. */
export function Conversations({ current, level, onGo }: Props) {
  const { words } = useLanguage();
  const { list, folders } = useStore(conversations);
  const [asking, setAsking] = useState<Asking>();
  const known = list !== undefined;
  const [Heading, Part] = level === 2 ? (["h2", "h3"] as const) : (["h3", "h4"] as const);
  const id = useId();

  useEffect(() => {
    if (!known) void loadList();
  }, [known]);

  return (
    <section aria-labelledby={id} className="px-2 pb-2">
      <Heading id={id} className="sr-only">
        {words.conversations.heading}
      </Heading>
      {list?.length === 0 ? <p className="px-3 py-2 text-sm text-soft">{words.conversations.none}</p> : null}
      {/* oxlint-disable-next-line jsx-a11y/no-static-element-interactions */}
      <div onKeyDown={walkWithArrows}>
        {grouped(list ?? [], folders, words).map(({ key, name, folder, rows }) => (
          <div key={key} className="mt-3 first:mt-1" data-group={key}>
            <div className="group relative flex items-center">
              <Part className="min-w-0 flex-1 px-3 pb-1 text-xs font-medium wrap-anywhere text-soft">
                {folder ? <Icon name="folder" className="mr-1.5 inline-block size-3.5 align-[-0.15em]" /> : null}
                {name}
              </Part>
              {folder ? <FolderOptions folder={folder} onAsk={setAsking} /> : null}
            </div>
            <ul className="space-y-px">
              {rows.map((row) => (
                <Row key={row.id} row={row} current={row.id === current} onGo={onGo} onAsk={setAsking} />
              ))}
            </ul>
            {rows.length === 0 ? <p className="px-3 py-1 text-xs text-soft">{words.folders.empty}</p> : null}
          </div>
        ))}
      </div>
      <ConversationDialogs asking={asking} current={current} onClose={() => setAsking(undefined)} />
    </section>
  );
}

interface RowProps {
  row: Summary;
  current: boolean;
  onGo: () => void;
  onAsk: (asking: Asking) => void;
}

function Row({ row, current, onGo, onAsk }: RowProps) {
  const { words } = useLanguage();
  const title = row.title || words.conversations.untitled;
  const kinds = ["rename", row.pinned ? "unpin" : "pin", "move", "share", "export", "delete"] as const;
  return (
    <li data-conversation={row.id} className={`group relative flex items-center rounded-lg ${current ? "bg-sunken" : "hover:bg-sunken"}`}>
      <Link
        to={`/chat/${encodeURIComponent(row.id)}`}
        onClick={onGo}
        data-step
        title={title}
        aria-current={current ? "page" : undefined}
        className={`forced-colors:aria-[current=page]:border flex min-h-9 min-w-0 flex-1 items-center gap-2 rounded-lg py-1.5 pl-3 text-sm -outline-offset-2 ${current ? "pr-8 font-medium" : "pr-2 group-focus-within:pr-8 group-hover:pr-8 pointer-coarse:pr-8"}`}
      >
        {row.pinned ? <Icon name="pin" className="size-3.5 text-soft" /> : null}
        <span className="truncate">{title}</span>
        {row.shares > 0 ? <Mark icon="share">{words.conversations.shared}</Mark> : null}
        {row.running ? (
          <>
            <span className="size-2 shrink-0 animate-pulse rounded-full bg-accent forced-colors:border" />
            <span className="sr-only">({words.conversations.running})</span>
          </>
        ) : null}
      </Link>
      <div className="absolute top-0.5 right-0">
        <Disclosure
          kind="options"
          name={words.conversations.options(title)}
          className={(open) => `flex size-8 items-center justify-center rounded-md text-soft hover:text-ink focus-visible:opacity-100 pointer-coarse:opacity-100 ${open || current ? "" : "opacity-0 group-hover:opacity-100"}`}
          panelClassName="top-full right-0 w-48"
          panel={(close) =>
            kinds.map((kind) => (
              <Item
                key={kind}
                kind={kind}
                danger={kind === "delete"}
                onClick={() => {
                  close();
                  onAsk({ kind, row });
                }}
              >
                {words.conversations[kind]}
              </Item>
            ))
          }
        >
          <Icon name="dots" className="size-5" />
        </Disclosure>
      </div>
    </li>
  );
}

function Mark({ icon, children }: { icon: "share"; children: string }) {
  return (
    <>
      <Icon name={icon} className="size-3.5 text-soft" />
      <span className="sr-only">({children})</span>
    </>
  );
}

function FolderOptions({ folder, onAsk }: { folder: Folder; onAsk: (asking: Asking) => void }) {
  const { words } = useLanguage();
  return (
    <Disclosure
      kind="folder-options"
      name={words.folders.options(folder.name)}
      className="flex size-7 items-center justify-center rounded-md text-soft hover:text-ink"
      panelClassName="top-full right-0 w-44"
      panel={(close) =>
        (["renameFolder", "deleteFolder"] as const).map((kind) => (
          <Item
            key={kind}
            kind={kind === "renameFolder" ? "rename-folder" : "delete-folder"}
            danger={kind === "deleteFolder"}
            onClick={() => {
              close();
              onAsk({ kind, folder });
            }}
          >
            {kind === "renameFolder" ? words.conversations.rename : words.folders.delete}
          </Item>
        ))
      }
    >
      <Icon name="dots" className="size-4" />
    </Disclosure>
  );
}
