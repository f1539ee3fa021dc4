import { useLanguage } from "../lib/language";
import { CopyButton } from "./CopyButton";

/** A block of text that is set as it is, with its name and a button that copies it. */
export function Code({ code, name = "", copyName, wrap = false }: { code: string; name?: string; copyName?: string; wrap?: boolean }) {
  const { words } = useLanguage();
  return (
    <div className="min-w-0 overflow-hidden rounded-xl border border-line bg-sunken" data-code>
      <div className="flex min-h-9 items-center justify-between gap-3 border-b border-line pr-2 pl-3.5 text-xs text-soft">
        <span className="truncate font-mono">{name}</span>
        <CopyButton text={code} name={copyName ?? words.copyCode} labelled />
      </div>
      {/* A wide block scrolls, so the keyboard must reach it. */}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <pre tabIndex={0} className={`overflow-x-auto px-3.5 py-3 text-[0.84rem] leading-normal -outline-offset-2 ${wrap ? "break-all whitespace-pre-wrap" : ""}`}>
        <code className="font-mono">{code}</code>
      </pre>
    </div>
  );
}
