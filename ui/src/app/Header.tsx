import { Button } from "../components/Button";
import { HouseMark, Icon } from "../components/icons";
import type { House } from "../lib/house";
import { useLanguage } from "../lib/language";
import type { Session } from "../lib/session";

interface Props {
  house: House | undefined;
  session: Session | undefined;
  onLeave: () => void;
  onHelp: () => void;
}

export function Header({ house, session, onLeave, onHelp }: Props) {
  const { words, language, speak } = useLanguage();
  const other = language === "de" ? "en" : "de";
  return (
    <header className="border-b border-line bg-panel">
      {session ? (
        <button
          type="button"
          onClick={() => document.querySelector<HTMLElement>("main textarea, main button")?.focus()}
          className="sr-only focus:not-sr-only focus:absolute focus:top-2 focus:left-2 focus:z-20 focus:rounded-lg focus:bg-accent focus:px-4 focus:py-2 focus:text-on-accent"
        >
          {words.skip}
        </button>
      ) : null}
      <div className="flex min-h-14 items-center gap-1 px-3 sm:gap-2 sm:px-6">
        <HouseMark className="size-8" />
        <h1 className="ml-1.5 min-w-0 truncate text-lg font-semibold tracking-tight max-[23rem]:sr-only">{house?.name ?? "Schleuse"}</h1>
        <div className="ml-auto flex shrink-0 items-center gap-0.5 sm:gap-1">
          {session ? (
            <Button look="quiet" onClick={onLeave} data-leave>
              <Icon name="person" />
              {session.role ? (
                <>
                  <span className="max-w-28 truncate font-semibold text-ink">{words.roles[session.role][0]}</span>
                  <span className="max-sm:sr-only">· {words.signOut}</span>
                </>
              ) : (
                words.signOutKey
              )}
            </Button>
          ) : null}
          <Button look="quiet" onClick={onHelp} data-help>
            <Icon name="help" />
            <span className="max-sm:sr-only">{words.help}</span>
          </Button>
          <Button look="quiet" onClick={() => speak(other)} data-language lang={other}>
            <span aria-hidden="true">{other.toUpperCase()}</span>
            <span className="sr-only">
              {other.toUpperCase()}: {words.switchLanguage}
            </span>
          </Button>
        </div>
      </div>
    </header>
  );
}
