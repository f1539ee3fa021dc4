import { useMemo } from "react";
import { difference } from "../lib/difference";
import { useLanguage } from "../lib/language";

const LOOKS = { same: "", gone: "bg-stop-tint", new: "bg-good-tint" } as const;

/** What changed between two texts, line by line: by sign and colour, and said in words to whoever sees neither. */
export function Difference({ before, after }: { before: string; after: string }) {
  const { words } = useLanguage();
  const lines = useMemo(() => difference(before, after), [before, after]);
  return (
    <div data-difference translate="no" className="mt-1 overflow-hidden rounded-lg border border-line py-1 font-mono text-[0.8125rem]">
      {lines.map(({ kind, text }, index) => (
        <p key={index} className={`flex gap-2 px-3 ${LOOKS[kind]}`}>
          <span aria-hidden="true" className="w-3 shrink-0 text-soft">
            {kind === "gone" ? "−" : kind === "new" ? "+" : ""}
          </span>
          {kind === "same" ? null : (
            <span translate="yes" className="sr-only">
              {kind === "gone" ? words.prompts.gone : words.prompts.came}:{" "}
            </span>
          )}
          <span className="min-w-0 flex-1 whitespace-pre-wrap wrap-anywhere">{text === "" ? "\u00a0" : text}</span>
        </p>
      ))}
    </div>
  );
}
