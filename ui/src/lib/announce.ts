import { Store } from "./store";

/** What was last said in the page's one live region; `shown` also for those who see. */
export const announcement = new Store<{ text: string; shown: boolean; count: number }>({ text: "", shown: false, count: 0 });

/** The open dialogs, the topmost last. Outside of it nothing is read aloud, so the live region goes with it. */
export const dialogs = new Store<readonly HTMLDialogElement[]>([]);

/** Says a sentence to those who do not see the page change. */
export function announce(text: string) {
  announcement.change(({ count }) => ({ text, shown: false, count: count + 1 }));
}

/** Says and shows that something was done. */
export function confirmDone(text: string) {
  announcement.change(({ count }) => ({ text, shown: true, count: count + 1 }));
}
