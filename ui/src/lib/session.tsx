import { createContext, use } from "react";
import type { House, PageName, Session } from "./contract";

export interface SignedIn {
  session: Session;
  house: House;
  signOut: () => void;
  openHelp: (section: string) => void;
}

const Context = createContext<SignedIn | undefined>(undefined);
export const SessionProvider = Context.Provider;

/** Who is here. Only inside the shell, which nobody sees who is not signed in. */
export function useSession(): SignedIn {
  const signedIn = use(Context);
  if (!signedIn) throw new Error("outside of a session");
  return signedIn;
}

/** Whether this person has a page. */
export function useHasPage(page: PageName): boolean {
  return use(Context)?.session.pages.includes(page) ?? false;
}
