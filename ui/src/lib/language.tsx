import { createContext, type ReactNode, use, useCallback, useMemo, useState } from "react";
import { Store, useStore } from "./store";
import { de } from "./text/de";
import { withDu } from "./text/du";
import { en, type Words } from "./text/en";

export const LANGUAGES = ["de", "en"] as const;
export type Language = (typeof LANGUAGES)[number];

/** How German addresses one. */
export const ADDRESSES = ["sie", "du"] as const;
export type Address = (typeof ADDRESSES)[number];

const KEPT_AS = "schleuse.language";
const ADDRESS_KEPT_AS = "schleuse.address";
const address = new Store<Address>(keptAddress() ?? "sie");
let familiar: Words | undefined;

function familiarWords(): Words {
  familiar ??= withDu(de);
  return familiar;
}

export function useAddress(): Address {
  return useStore(address);
}

/** Chooses how German addresses one; the choice stays in this browser. */
export function chooseAddress(chosen: Address) {
  address.change(() => chosen);
  try {
    localStorage.setItem(ADDRESS_KEPT_AS, chosen);
  } catch {
    // Storage may be forbidden; the choice then lasts as long as the page.
  }
}

/** What the house says where nobody has chosen. */
export function suggestAddress(suggested: Address | undefined) {
  if (suggested && ADDRESSES.includes(suggested) && keptAddress() === undefined) address.change(() => suggested);
}

function keptAddress(): Address | undefined {
  try {
    return ADDRESSES.find((one) => one === localStorage.getItem(ADDRESS_KEPT_AS));
  } catch {
    return undefined;
  }
}

interface Spoken {
  language: Language;
  words: Words;
  speak: (language: Language) => void;
}

const Context = createContext<Spoken>({ language: "en", words: en, speak: () => undefined });

/** Gives the page its language: the one chosen last, else the browser's, else English. */
export function LanguageProvider({ children }: { children: ReactNode }) {
  const [language, setLanguage] = useState(() => {
    const first = firstLanguage();
    document.documentElement.lang = first;
    return first;
  });
  const addressed = useAddress();
  const words = language === "en" ? en : addressed === "du" ? familiarWords() : de;

  const speak = useCallback((chosen: Language) => {
    // Before the state, because requests that follow from it read the language there.
    document.documentElement.lang = chosen;
    setLanguage(chosen);
    try {
      localStorage.setItem(KEPT_AS, chosen);
    } catch {
      // Storage may be forbidden; the choice then lasts as long as the page.
    }
  }, []);

  const spoken = useMemo(() => ({ language, words, speak }), [language, words, speak]);
  return <Context value={spoken}>{children}</Context>;
}

export function useLanguage(): Spoken {
  return use(Context);
}

function firstLanguage(): Language {
  try {
    const kept = localStorage.getItem(KEPT_AS);
    if (kept === "de" || kept === "en") return kept;
  } catch {
    // See above.
  }
  return navigator.languages.map((tag) => tag.slice(0, 2).toLowerCase()).find(isLanguage) ?? "en";
}

function isLanguage(tag: string): tag is Language {
  return tag === "de" || tag === "en";
}
