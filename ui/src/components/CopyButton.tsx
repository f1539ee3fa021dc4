import { useEffect, useState } from "react";
import { announce } from "../lib/announce";
import { useLanguage } from "../lib/language";
import { Icon } from "./icons";

interface Props {
  text: string;
  name: string;
  /** Whether the word stands beside the icon. */
  labelled?: boolean;
}

/** Copies a text. Absent where the browser gives pages no clipboard. */
export function CopyButton({ text, name, labelled = false }: Props) {
  const { words } = useLanguage();
  const [copied, setCopied] = useState(false);

  useEffect(() => {
    if (!copied) return undefined;
    const timer = setTimeout(() => setCopied(false), 2000);
    return () => clearTimeout(timer);
  }, [copied]);

  function done() {
    setCopied(true);
    announce(words.copied);
  }

  if (!("clipboard" in navigator)) return null;
  return (
    <button
      type="button"
      aria-label={copied ? words.copied : name}
      title={copied ? words.copied : name}
      data-copy
      onClick={() => navigator.clipboard.writeText(text).then(done, () => setCopied(false))}
      className={`inline-flex shrink-0 items-center justify-center gap-1.5 rounded-md text-soft hover:bg-sunken hover:text-ink ${labelled ? "min-h-7 px-1.5" : "size-6"}`}
    >
      <Icon name={copied ? "check" : "copy"} className="size-3.5" />
      {labelled ? <span aria-hidden="true">{copied ? words.copied : words.copy}</span> : null}
    </button>
  );
}
