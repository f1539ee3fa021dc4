import { useEffect, useState } from "react";
import { useLanguage } from "../lib/language";
import { Icon } from "./icons";

/** Copies a text. Absent where the browser gives pages no clipboard. */
export function CopyButton({ text, name }: { text: string; name: string }) {
  const { words } = useLanguage();
  const [copied, setCopied] = useState(false);

  useEffect(() => {
    if (!copied) return undefined;
    const timer = setTimeout(() => setCopied(false), 2000);
    return () => clearTimeout(timer);
  }, [copied]);

  if (!("clipboard" in navigator)) return null;
  return (
    <button
      type="button"
      aria-label={copied ? words.copied : name}
      title={copied ? words.copied : name}
      onClick={() => navigator.clipboard.writeText(text).then(() => setCopied(true), () => setCopied(false))}
      className="inline-flex size-6 items-center justify-center rounded text-soft hover:bg-sunken hover:text-ink"
    >
      <Icon name={copied ? "check" : "copy"} className="size-3.5" />
    </button>
  );
}
