import { Store } from "../../lib/store";

/** What is open over or beside the conversation; outside of React because the palette and keys open it, too. */
export type Opened = "find" | "share" | "export" | "lower" | "lowerOther" | "transfer" | "prompts" | undefined;

export const opened = new Store<Opened>(undefined);

export function openOver(what: Opened) {
  opened.change(() => what);
}
