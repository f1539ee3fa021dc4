import { type ReactNode, type RefObject, useId, useLayoutEffect, useRef } from "react";
import { dialogs } from "../lib/announce";
import { useLanguage } from "../lib/language";
import { Button } from "./Button";
import { Icon } from "./icons";

interface Props {
  heading: ReactNode;
  /** `drawer` at the right edge, `box` and `wide` in the middle, `side` at the left edge. */
  look?: "drawer" | "box" | "wide" | "side";
  onClose: () => void;
  /** Below the heading, above what scrolls. */
  top?: ReactNode;
  children: ReactNode;
  /** Whether a click beside it and Escape close it. */
  fixed?: boolean;
  /** Set to true when that from which this was opened is about to go, so that the focus moves to the page's heading. */
  orphaned?: RefObject<boolean>;
}

const LOOKS = {
  drawer: "fixed inset-y-0 right-0 left-auto m-0 h-dvh max-h-none w-full max-w-xl border-l border-line",
  side: "fixed inset-y-0 left-0 right-auto m-0 h-dvh max-h-none w-full max-w-80 border-r border-line",
  box: "m-auto max-h-[calc(100dvh-2rem)] w-[calc(100%-2rem)] max-w-lg rounded-2xl border border-line",
  wide: "m-auto max-h-[calc(100dvh-2rem)] w-[calc(100%-2rem)] max-w-5xl rounded-2xl border border-line",
};

/** Something over the page that keeps the focus until it closes; Escape and a click beside it close it. */
export function Modal({ heading, look = "drawer", onClose, top, children, fixed = false, orphaned }: Props) {
  const { words } = useLanguage();
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();

  // Before the element leaves the page: afterwards nobody knows any more where the focus had been.
  useLayoutEffect(() => {
    const element = dialog.current;
    if (!element) return undefined;
    const opener = document.activeElement;
    element.showModal();
    dialogs.change((open) => [...open, element]);
    return () => {
      dialogs.change((open) => open.filter((one) => one !== element));
      element.close();
      giveFocusBack(opener, orphaned);
    };
  }, [orphaned]);

  return (
    // The keyboard's way to close a dialog is Escape, which the browser brings.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions, jsx-a11y/click-events-have-key-events
    <dialog
      ref={dialog}
      aria-labelledby={id}
      onClose={() => dialog.current?.open === false && onClose()}
      onCancel={(event) => fixed && event.preventDefault()}
      onClick={(event) => !fixed && event.target === dialog.current && dialog.current.close()}
      className={`bg-panel text-ink shadow-card ${LOOKS[look]}`}
    >
      <div className={`flex flex-col ${look === "box" || look === "wide" ? "max-h-[calc(100dvh-2.5rem)]" : "h-full"}`}>
        <div className={`px-5 pt-4 sm:px-6 ${look === "box" || look === "wide" ? "pb-1 sm:pt-5" : "border-b border-line pb-4"}`}>
          <div className="flex items-start justify-between gap-4">
            <h2 id={id} className="min-w-0 pt-1 text-lg font-semibold tracking-tight wrap-anywhere">
              {heading}
            </h2>
            {fixed ? null : (
              <Button look="quiet" aria-label={words.close} data-close onClick={() => dialog.current?.close()} className="-mr-2 shrink-0">
                <Icon name="close" className="size-5" />
              </Button>
            )}
          </div>
          {top}
        </div>
        {/* What scrolls must be reachable by the keyboard. */}
        {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
        <div tabIndex={look === "drawer" ? 0 : undefined} className="min-h-0 flex-1 overflow-y-auto px-5 py-4 -outline-offset-2 sm:px-6">
          {children}
        </div>
      </div>
    </dialog>
  );
}

/** To where it had been; to the page's heading where that is gone. */
function giveFocusBack(opener: Element | null, orphaned: RefObject<boolean> | undefined) {
  const gone = orphaned?.current === true;
  if (!gone && opener instanceof HTMLElement && opener !== document.body) opener.focus({ preventScroll: true });
  if (gone || document.activeElement === document.body) document.querySelector<HTMLElement>("main h1")?.focus({ preventScroll: true });
}
