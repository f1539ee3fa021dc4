import { ROLES, type Role } from "./house";

/** Who is asking: a key, and in a demo house the role that it was given for. */
export interface Session {
  role: Role | undefined;
  key: string;
}

const KEPT_AS = "schleuse.session";

/** The session of this tab, which survives a reload and ends with the tab. */
export function keptSession(): Session | undefined {
  try {
    const kept: unknown = JSON.parse(sessionStorage.getItem(KEPT_AS) ?? "null");
    if (typeof kept !== "object" || kept === null || !("key" in kept) || typeof kept.key !== "string") return undefined;
    const named = "role" in kept ? kept.role : undefined;
    return { key: kept.key, role: ROLES.find((role) => role === named) };
  } catch {
    return undefined;
  }
}

export function keepSession(session: Session | undefined) {
  try {
    if (session) sessionStorage.setItem(KEPT_AS, JSON.stringify(session));
    else sessionStorage.removeItem(KEPT_AS);
  } catch {
    // Without storage the session lasts as long as the page.
  }
}
