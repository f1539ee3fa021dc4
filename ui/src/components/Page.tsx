import type { ReactNode } from "react";
import { useLanguage } from "../lib/language";
import type { Refusal } from "../lib/refusal";
import { Button } from "./Button";
import { RefusalCard } from "./RefusalCard";

interface Props {
  heading: string;
  intro?: string | undefined;
  /** Buttons beside the heading. */
  actions?: ReactNode;
  children: ReactNode;
}

/** A page with its heading, which takes the focus when one comes here. */
export function Page({ heading, intro, actions, children }: Props) {
  return (
    <div className="mx-auto w-full max-w-6xl px-4 pt-6 pb-16 sm:px-8 sm:pt-10">
      <div className="mb-6 flex flex-wrap items-end justify-between gap-x-6 gap-y-4 sm:mb-8">
        <div className="max-w-2xl min-w-0">
          <h1 tabIndex={-1} className="text-2xl font-semibold tracking-tight outline-none sm:text-[1.75rem]">
            {heading}
          </h1>
          {intro ? <p className="mt-1.5 text-pretty text-soft">{intro}</p> : null}
        </div>
        {actions ? <div className="flex flex-wrap gap-2">{actions}</div> : null}
      </div>
      <div className="page-width space-y-6">{children}</div>
    </div>
  );
}

/** A card on a page, with a heading of its own if it has one. */
export function Panel({ heading, actions, children, flush = false }: { heading?: ReactNode; actions?: ReactNode; children: ReactNode; flush?: boolean }) {
  return (
    <section className="overflow-hidden rounded-2xl border border-line bg-panel shadow-card">
      {heading ? (
        <div className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2 px-4 pt-4 sm:px-5">
          <h2 className="font-semibold">{heading}</h2>
          {actions ? <div className="flex flex-wrap gap-2">{actions}</div> : null}
        </div>
      ) : null}
      <div className={flush ? (heading ? "pt-3" : "") : "p-4 sm:p-5"}>{children}</div>
    </section>
  );
}

/** What stands where nothing is. */
export function Empty({ children }: { children: ReactNode }) {
  return <div className="px-4 py-12 text-center text-pretty text-soft">{children}</div>;
}

export function Reading() {
  const { words } = useLanguage();
  return <p className="caret-waits px-4 py-12 text-center text-soft">{words.reading}</p>;
}

/** A refusal in place of a page's content, with a second try where one may help. */
export function Refused({ refusal, onRetry }: { refusal: Refusal; onRetry: () => void }) {
  const { words } = useLanguage();
  const mayHelp = refusal.status === 0 || refusal.status === 429 || refusal.status >= 500;
  return <RefusalCard refusal={refusal} level={2}>{mayHelp ? <Button onClick={onRetry}>{words.retry}</Button> : null}</RefusalCard>;
}
