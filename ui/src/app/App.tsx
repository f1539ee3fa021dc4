import { useCallback, useEffect, useState } from "react";
import { Button } from "../components/Button";
import { RefusalCard } from "../components/RefusalCard";
import { Chat } from "../features/chat/Chat";
import { Help } from "../features/help/Help";
import { SignIn } from "../features/sign-in/SignIn";
import { type House, readHouse, type Refusal, RefusedError } from "../lib/house";
import { useLanguage } from "../lib/language";
import { keepSession, keptSession, type Session } from "../lib/session";
import { Header } from "./Header";

/** The whole page: a header, one of two places (sign in, ask), the handbook over both. */
export function App() {
  const { words, language } = useLanguage();
  const [house, setHouse] = useState<House>();
  const [houseRefusal, setHouseRefusal] = useState<Refusal>();
  const [session, setSession] = useState(keptSession);
  const [rejection, setRejection] = useState<Refusal>();
  const [help, setHelp] = useState<string>();
  const [status, setStatus] = useState("");

  const open = useCallback(() => {
    readHouse(language).then(
      (answer) => {
        setHouse(answer);
        setHouseRefusal(undefined);
      },
      (error: unknown) => {
        if (error instanceof RefusedError) setHouseRefusal(error.refusal);
      },
    );
  }, [language]);
  useEffect(open, [open]);

  const enter = useCallback(
    (next: Session | undefined) => {
      keepSession(next);
      setSession(next);
      setRejection(undefined);
      setStatus(next?.role ? words.status.signedIn(words.roles[next.role][0]) : "");
    },
    [words],
  );

  const reject = useCallback((refusal: Refusal) => {
    keepSession(undefined);
    setSession(undefined);
    setRejection(refusal);
  }, []);

  return (
    <div className="flex min-h-dvh flex-col">
      <Header house={house} session={session} onLeave={() => enter(undefined)} onHelp={() => setHelp("")} />
      <main className="flex flex-1 flex-col">
        {house === undefined ? (
          <div className="mx-auto w-full max-w-xl px-4 py-16">
            {houseRefusal ? (
              <RefusalCard refusal={houseRefusal}>
                <Button onClick={open}>{words.retry}</Button>
              </RefusalCard>
            ) : (
              <p className="caret-waits text-center text-soft">{words.loading}</p>
            )}
          </div>
        ) : session ? (
          <Chat
            key={session.key}
            house={house}
            apiKey={session.key}
            onStatus={setStatus}
            onHelp={setHelp}
            onRejected={reject}
          />
        ) : (
          <SignIn house={house} refusal={rejection} onSession={enter} />
        )}
      </main>
      <footer className="border-t border-line px-4 py-2.5 text-center text-xs text-soft sm:px-6">
        {house?.demo ? words.footerDemo : words.footer}
      </footer>
      <p role="status" className="sr-only" data-status>
        {status}
      </p>
      {help === undefined ? null : <Help section={help} onClose={() => setHelp(undefined)} />}
    </div>
  );
}
