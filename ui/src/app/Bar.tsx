import { Button } from "../components/Button";
import { HouseMark, Icon } from "../components/icons";
import type { House } from "../lib/contract";
import { useLanguage } from "../lib/language";
import { ThemeButton } from "./ThemeButton";

/** The bar above the sign-in: whose house this is, language, light, handbook. */
export function Bar({ house, onHelp }: { house: House | undefined; onHelp: () => void }) {
  const { words } = useLanguage();
  return (
    <header className="flex min-h-16 items-center gap-2 px-4 sm:gap-2.5 sm:px-6">
      <HouseMark className="size-8" />
      <p className="line-clamp-2 min-w-0 leading-tight font-semibold tracking-tight wrap-anywhere sm:text-lg" title={house?.name ?? words.title}>{house?.name ?? words.title}</p>
      <div className="ml-auto flex shrink-0 items-center gap-0.5">
        <ThemeButton />
        <Button look="quiet" onClick={onHelp} data-help>
          <Icon name="help" />
          <span className="max-sm:sr-only">{words.help}</span>
        </Button>
        <LanguageButton />
      </div>
    </header>
  );
}

export function LanguageButton() {
  const { words, language, speak } = useLanguage();
  const other = language === "de" ? "en" : "de";
  return (
    <Button look="quiet" onClick={() => speak(other)} data-language lang={other}>
      <span aria-hidden="true">{other.toUpperCase()}</span>
      <span className="sr-only">
        {other.toUpperCase()}: {words.switchLanguage}
      </span>
    </Button>
  );
}
