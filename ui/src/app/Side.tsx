import { HouseMark, Icon } from "../components/icons";
import { History } from "../features/chat/History";
import { openOver } from "../features/chat/opened";
import type { PageName } from "../lib/contract";
import { walkWithArrows } from "../lib/keys";
import { useLanguage } from "../lib/language";
import { go, Link } from "../lib/router";
import { useSession } from "../lib/session";
import { keysOf } from "../lib/shortcuts";
import { Account } from "./Account";
import { type Part, ROUTES } from "./routes";

interface Props {
  page: PageName | undefined;
  conversation: string | undefined;
  /** Which of the chat's other pages is looked at. */
  part: Part | undefined;
  /** Called when one goes somewhere. */
  onGo: () => void;
  /** Without the house's name, where that stands above already. */
  bare?: boolean;
  /** Opens the list of everything one can do; left out where a button for it stands elsewhere. */
  onPalette?: () => void;
}

const GROUPS = ["watch", "manage", "understand"] as const;

/** Everything beside the page: new chat, the pages of the role, the conversations, the account. */
export function Side({ page, conversation, part, onGo, bare = false, onPalette }: Props) {
  const { words } = useLanguage();
  const { house, session } = useSession();
  const mayChat = session.pages.includes("chat");
  // In a menu the house's name is a heading above these.
  const Heading = bare ? "h3" : "h2";
  return (
    <div className="flex h-full min-h-0 flex-col">
      {bare ? null : (
        <div className="flex min-h-16 items-center gap-2.5 px-5">
          <HouseMark className="size-8" />
          <p translate="no" className="min-w-0 truncate font-semibold tracking-tight">{house.name}</p>
        </div>
      )}
      <div className="min-h-0 flex-1 overflow-y-auto pt-1 pb-3">
        {onPalette ? (
          <div className="px-3 pb-1">
            <button type="button" data-open-palette onClick={onPalette} className="flex min-h-10 w-full items-center gap-3 rounded-lg px-2.5 text-left text-sm hover:bg-sunken">
              <Icon name="sliders" className="size-[1.15rem] text-accent" />
              <span className="min-w-0 flex-1 truncate">{words.palette.open}</span>
              <kbd aria-hidden="true" className="rounded-md border border-line px-1.5 text-xs text-soft">
                {keysOf("palette", words.keyboard).join(" ")}
              </kbd>
            </button>
          </div>
        ) : null}
        {mayChat ? (
          <div className="px-3 pb-1">
            <button
              type="button"
              data-new
              onClick={() => {
                onGo();
                go("/chat");
              }}
              className="flex min-h-10 w-full items-center gap-3 rounded-lg px-2.5 text-left text-sm font-medium hover:bg-sunken"
            >
              <Icon name="compose" className="size-[1.15rem] text-accent" />
              {words.conversations.new}
            </button>
            <button
              type="button"
              data-prompts
              onClick={() => {
                onGo();
                openOver("prompts");
              }}
              className="flex min-h-9 w-full items-center gap-3 rounded-lg px-2.5 text-left text-sm hover:bg-sunken"
            >
              <Icon name="book" className="size-[1.15rem]" />
              {words.prompts.heading}
            </button>
            <Link
              to="/assistants"
              onClick={onGo}
              data-assistants-page
              aria-current={part === "assistants" ? "page" : undefined}
              className={`flex min-h-9 items-center gap-3 rounded-lg px-2.5 text-sm ${part === "assistants" ? "bg-tint font-medium text-accent-strong" : "hover:bg-sunken"}`}
            >
              <Icon name="assistant" className="size-[1.15rem]" />
              {words.assistants.heading}
            </Link>
            <Link
              to="/shared"
              onClick={onGo}
              data-shared-page
              aria-current={part === "shared" ? "page" : undefined}
              className={`flex min-h-9 items-center gap-3 rounded-lg px-2.5 text-sm ${part === "shared" ? "bg-tint font-medium text-accent-strong" : "hover:bg-sunken"}`}
            >
              <Icon name="share" className="size-[1.15rem]" />
              {words.shared.heading}
            </Link>
          </div>
        ) : null}
        <nav aria-label={words.navigation} className="px-3">
          {/* oxlint-disable-next-line jsx-a11y/no-static-element-interactions */}
          <div onKeyDown={walkWithArrows}>
            {GROUPS.map((group) => {
              const names = session.pages.filter((name) => ROUTES[name]?.group === group);
              return names.length === 0 ? null : (
                <div key={group} className="pt-3 first:pt-1">
                  <Heading className="px-2.5 pb-1 text-xs font-medium text-soft">{words.groups[group]}</Heading>
                  <ul className="space-y-px">
                    {names.map((name) => (
                      <li key={name}>
                        <Link
                          to={`/${name}`}
                          onClick={onGo}
                          data-page={name}
                          data-step
                          aria-current={name === page ? "page" : undefined}
                          className={`flex min-h-9 items-center gap-3 rounded-lg px-2.5 text-sm forced-colors:aria-[current=page]:border ${name === page ? "bg-tint font-medium text-accent-strong" : "hover:bg-sunken"}`}
                        >
                          <Icon name={ROUTES[name].icon} className="size-[1.15rem]" />
                          {words.pages[name]}
                        </Link>
                      </li>
                    ))}
                  </ul>
                </div>
              );
            })}
          </div>
        </nav>
        {mayChat ? (
          <div className="px-1 pt-2">
            <History current={conversation} level={bare ? 3 : 2} onGo={onGo} />
          </div>
        ) : null}
      </div>
      <Account page={page} onGo={onGo} />
    </div>
  );
}
