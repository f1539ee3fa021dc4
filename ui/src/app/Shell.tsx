import { lazy, Suspense, useEffect, useRef, useState } from "react";
import { Boundary } from "../components/Boundary";
import { Button } from "../components/Button";
import { HouseMark, Icon } from "../components/icons";
import { Modal } from "../components/Modal";
import { Page, Reading } from "../components/Page";
import { Chat } from "../features/chat/Chat";
import { forgetAttached } from "../features/chat/attachments";
import { opened, openOver } from "../features/chat/opened";
import { forget, loadList } from "../features/chat/store";
import { useLanguage } from "../lib/language";
import { go, type Place } from "../lib/router";
import { useSession } from "../lib/session";
import { useStore } from "../lib/store";
import { Denied } from "./Denied";
import { Lost } from "./Lost";
import { ROUTES, routeOf } from "./routes";
import { Side } from "./Side";
import { useShortcuts } from "./useShortcuts";

const Palette = lazy(() => import("./Palette"));
const Keys = lazy(() => import("./Keys"));
const Approvals = lazy(() => import("../features/approvals/Approvals"));
const Data = lazy(() => import("../features/data/Data"));
const Shared = lazy(() => import("../features/chat/Shared"));
const LowerDialog = lazy(() => import("../features/chat/LowerDialog"));
const PromptLibrary = lazy(() => import("../features/chat/PromptLibrary"));
const Assistants = lazy(() => import("../features/assistants/Assistants"));
const Accessibility = lazy(() => import("../features/accessibility/Accessibility"));
const Transfer = lazy(() => import("../features/chat/Transfer"));

/** Who is signed in sees this: the pages of their role at the left, or behind a button where it is narrow, and one page. */
export function Shell({ place }: { place: Place }) {
  const { words } = useLanguage();
  const { house, session } = useSession();
  const [menu, setMenu] = useState(false);
  const [over, setOver] = useState<"palette" | "keys">();
  const route = routeOf(place.path);
  const part = route?.part;
  const name = place.path === "/accessibility" ? words.accessibility.heading : part ? words[part].heading : route ? words.pages[route.page] : words.lost.heading;
  const conversation = route?.page === "chat" && !part ? route.rest : undefined;
  const overAll = useStore(opened);
  const mayChat = session.pages.includes("chat");

  useEffect(() => {
    document.title = `${name} · ${house.name}`;
  }, [name, house.name]);
  useFocusOnArrival(place.step);
  useShortcuts(mayChat, setOver);

  return (
    <div className="min-h-dvh lg:grid lg:grid-cols-[17rem_minmax(0,1fr)]">
      <a
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          document.getElementById("main")?.focus();
        }}
        className="sr-only focus:not-sr-only focus:fixed focus:top-2 focus:left-2 focus:z-50 focus:rounded-lg focus:bg-accent focus:px-4 focus:py-2 focus:text-on-accent"
      >
        {words.skip}
      </a>
      <header className="sticky top-0 hidden h-dvh border-r border-line bg-side lg:block">
        <Side page={route?.page} part={part} conversation={conversation} onGo={() => undefined} onPalette={() => setOver("palette")} />
      </header>
      <header className="sticky top-0 z-20 low:static flex min-h-14 items-center pt-[env(safe-area-inset-top)] gap-1 border-b border-line bg-panel px-2 lg:hidden">
        <Button look="quiet" aria-label={words.menu} aria-expanded={menu} data-menu onClick={() => setMenu(true)}>
          <Icon name="menu" className="size-5" />
        </Button>
        <HouseMark className="size-7" />
        <p className="ml-1 min-w-0 truncate font-semibold">{name}</p>
        <Button look="quiet" className="ml-auto" aria-label={words.palette.heading} onClick={() => setOver("palette")} data-open-palette>
          <Icon name="search" className="size-5" />
        </Button>
        {mayChat ? (
          <Button look="quiet" aria-label={words.conversations.new} onClick={() => go("/chat")} data-new>
            <Icon name="compose" className="size-5" />
          </Button>
        ) : null}
      </header>
      {menu ? (
        <Modal look="side" heading={house.name} onClose={() => setMenu(false)}>
          <div className="-mx-5 -my-4 flex h-[calc(100%+2rem)] flex-col sm:-mx-6">
            <Side bare page={route?.page} part={part} conversation={conversation} onGo={() => setMenu(false)} />
          </div>
        </Modal>
      ) : null}
      <Suspense>
        {over === "palette" ? <Palette onClose={() => setOver(undefined)} onKeys={() => setOver("keys")} /> : null}
        {overAll === "lowerOther" ? <LowerDialog onClose={() => openOver(undefined)} /> : null}
        {overAll === "transfer" ? <Transfer onClose={() => openOver(undefined)} /> : null}
        {overAll === "prompts" ? <PromptLibrary onClose={() => openOver(undefined)} /> : null}
        {over === "keys" ? <Keys onClose={() => setOver(undefined)} /> : null}
      </Suspense>
      <main id="main" tabIndex={-1} className="flex min-h-[calc(100dvh-3.5rem)] min-w-0 flex-col outline-none lg:min-h-dvh">
        <Boundary
          key={place.path}
          fallback={
            <Page heading={words.broken.heading} intro={words.broken.text}>
              <Button onClick={() => location.reload()}>{words.retry}</Button>
            </Page>
          }
        >
          <Suspense fallback={<Reading />}>
            <Inside place={place} />
          </Suspense>
        </Boundary>
      </main>
    </div>
  );
}

/** What was deleted is not shown any more either. */
function forgetConversations() {
  forget();
  forgetAttached();
  void loadList();
}

function Inside({ place }: { place: Place }) {
  const { session, house } = useSession();
  const route = routeOf(place.path);
  // It belongs to everybody, signed in or not.
  if (place.path === "/accessibility") return <Accessibility contact={house.accessibility_contact} inside />;
  if (!route) return <Lost />;
  if (!session.pages.includes(route.page)) return <Denied page={route.page} />;
  if (route.part === "assistants") return <Assistants />;
  if (route.part === "approvals") return <Approvals />;
  if (route.part === "data") return <Data onErased={forgetConversations} />;
  if (route.part === "shared") return <Shared key={route.rest ?? ""} id={route.rest} />;
  const View = ROUTES[route.page].view;
  return View ? <View query={place.query} /> : <Chat id={route.rest} query={place.query} />;
}

/** After a way to another page the focus goes to what is new there; the first page leaves it where the browser put it. */
function useFocusOnArrival(step: number) {
  const last = useRef(step);
  useEffect(() => {
    if (last.current === step) return undefined;
    last.current = step;
    const before = document.activeElement;
    let tries = 0;
    const timer = setInterval(() => {
      tries += 1;
      const target = document.querySelector<HTMLElement>("main textarea:enabled") ?? document.querySelector<HTMLElement>("main h1");
      // A page that is loaded for the first time has its heading a little later.
      if (!target && tries < 40) return;
      clearInterval(timer);
      // Whoever has gone on meanwhile stays where they are.
      const now = document.activeElement;
      if (document.querySelector("dialog[open]") || (now !== before && now !== document.body)) return;
      target?.focus({ preventScroll: true });
      if (target?.tagName === "H1") scrollTo({ top: 0 });
    }, 25);
    return () => clearInterval(timer);
  }, [step]);
}
