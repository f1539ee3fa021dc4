import { lazy, Suspense, useCallback, useEffect, useState } from "react";
import { Button } from "../components/Button";
import { RefusalCard } from "../components/RefusalCard";
import { forgetAttached } from "../features/chat/attachments";
import { forgetChoices } from "../features/chat/choices";
import { forgetComposing } from "../features/chat/composing";
import { forgetFigures } from "../features/chat/figureCheck";
import { forgetOffered } from "../features/chat/offered";
import { forgetReleases } from "../features/chat/releases";
import { forget, rest } from "../features/chat/store";
import { forgetExamined } from "../features/chat/usePreview";
import { SignIn } from "../features/sign-in/SignIn";
import { send, whenSignedOut } from "../lib/api";
import type { House, Session } from "../lib/contract";
import { readHouse, readSession } from "../lib/house";
import { suggestAddress, useLanguage } from "../lib/language";
import { forgetTexts } from "../lib/markdown";
import { type Refusal, refusalIn } from "../lib/refusal";
import { currentAddress, go, Link, localAddress, usePlace } from "../lib/router";
import { SessionProvider } from "../lib/session";
import { Announcements } from "./Announcements";
import { Bar } from "./Bar";
import { Shell } from "./Shell";

const Accessibility = lazy(() => import("../features/accessibility/Accessibility"));
const Help = lazy(() => import("../features/help/Help"));

/** Told to the other tabs of this browser when this one signs in or out. */
const tabs = "BroadcastChannel" in globalThis ? new BroadcastChannel("schleuse") : undefined;

/** The whole page: first who is here, then either the sign-in or the shell with its pages. */
export function App() {
  const { words } = useLanguage();
  const place = usePlace();
  const [house, setHouse] = useState<House>();
  const [session, setSession] = useState<Session>();
  const [reason, setReason] = useState<"ended" | "left">();
  const [lastPerson, setLastPerson] = useState<string>();
  const [refusal, setRefusal] = useState<Refusal>();
  const [help, setHelp] = useState<string>();

  const open = useCallback(() => {
    Promise.all([readHouse(), readSession()]).then(
      ([answer, known]) => {
        setSession(known);
        setLastPerson(known?.person);
        setHouse(answer);
        suggestAddress(answer.address);
        setRefusal(undefined);
      },
      (error: unknown) => setRefusal(refusalIn(error)),
    );
  }, []);
  useEffect(open, [open]);
  // Whoever was without a connection need not ask for it twice.
  useEffect(() => {
    if (house !== undefined) return undefined;
    addEventListener("online", open);
    return () => removeEventListener("online", open);
  }, [house, open]);

  const leave = useCallback((why: "ended" | "left") => {
    setSession(undefined);
    setReason(why);
    if (why === "left") {
      forgetAll();
      setLastPerson(undefined);
    } else rest();
  }, []);

  useEffect(() => whenSignedOut(() => leave("ended")), [leave]);

  useEffect(() => {
    const listen = ({ data }: MessageEvent) => {
      if (data === "left") leave("left");
      if (data === "entered") open();
    };
    tabs?.addEventListener("message", listen);
    return () => tabs?.removeEventListener("message", listen);
  }, [leave, open]);

  const enter = useCallback(
    (next: Session) => {
      // Somebody else must not find what the last person wrote.
      if (next.person !== lastPerson) forgetAll();
      setLastPerson(next.person);
      setSession(next);
      setReason(undefined);
      tabs?.postMessage("entered");
    },
    [lastPerson],
  );

  const signOut = useCallback(async () => {
    const answer = await send<{ next: string | null }>("POST", "/auth/sign-out", {}).catch(() => undefined);
    leave("left");
    tabs?.postMessage("left");
    if (answer?.next) location.assign(answer.next);
    else go("/sign-in");
  }, [leave]);

  // Whoever is not signed in stands at the sign-in, and comes back from there to where they wanted to be.
  const atSignIn = place.path === "/sign-in";
  const atStatement = place.path === "/accessibility";
  useEffect(() => {
    if (house === undefined) return;
    if (session === undefined && !atSignIn && !atStatement) {
      const back = currentAddress();
      go(back === "/" ? "/sign-in" : `/sign-in?return=${encodeURIComponent(back)}`, { replace: true });
    }
    if (session !== undefined && (atSignIn || place.path === "/")) {
      const wanted = localAddress(new URLSearchParams(place.query).get("return"));
      go(wanted === "/" ? `/${session.pages[0] ?? "sessions"}` : wanted, { replace: true });
    }
  }, [house, session, atSignIn, atStatement, place]);

  useEffect(() => {
    if (session === undefined) document.title = `${atStatement ? words.accessibility.heading : words.signIn.otherHeading} · ${house?.name ?? words.title}`;
  }, [session, house, atStatement, words]);

  return (
    <>
      {house && session ? (
        <SessionProvider value={{ house, session, signOut: () => void signOut(), openHelp: setHelp }}>
          <Shell key={session.session.id} place={place} />
        </SessionProvider>
      ) : (
        <div className="flex min-h-dvh flex-col">
          <Bar house={house} onHelp={() => setHelp("")} />
          <main id="main" className="flex flex-1 flex-col">
            {house && atStatement ? (
              <Suspense>
                <Accessibility contact={house.accessibility_contact} inside={false} />
              </Suspense>
            ) : house ? (
              <SignIn house={house} reason={reason} query={place.query} onSession={enter} />
            ) : (
              <div className="mx-auto w-full max-w-xl px-4 py-16">
                {refusal?.code === "house_unreachable" ? (
                  <div data-offline>
                    <h1 className="text-2xl font-semibold tracking-tight">{words.offline.heading}</h1>
                    <p className="mt-2 mb-6 text-pretty text-soft">{words.offline.text}</p>
                    <Button look="primary" onClick={open}>
                      {words.retry}
                    </Button>
                  </div>
                ) : refusal ? (
                  <>
                    <h1 className="sr-only">{words.title}</h1>
                    <RefusalCard refusal={refusal} level={2}>
                      <Button onClick={open}>{words.retry}</Button>
                    </RefusalCard>
                  </>
                ) : (
                  <p className="caret-waits text-center text-soft">{words.loading}</p>
                )}
              </div>
            )}
          </main>
          {house ? (
            <footer className="flex flex-wrap justify-center gap-x-4 gap-y-1 px-4 py-3 text-center text-xs text-soft">
              {house.demo ? <span>{words.demoNote}</span> : null}
              <Link to="/accessibility" data-accessibility aria-current={atStatement ? "page" : undefined} className="underline underline-offset-2">
                {words.accessibility.heading}
              </Link>
            </footer>
          ) : null}
        </div>
      )}
      <Announcements />
      {help === undefined ? null : (
        <Suspense>
          <Help section={help} onClose={() => setHelp(undefined)} />
        </Suspense>
      )}
    </>
  );
}

/** Nothing of one person is left for the next. */
function forgetAll() {
  forget();
  forgetAttached();
  forgetChoices();
  forgetComposing();
  forgetExamined();
  forgetFigures();
  forgetReleases();
  forgetOffered();
  forgetTexts();
}
