import type { ReactNode } from "react";

/**
 * Characters that show nothing but change what is read: directions turned round, letters without a width, a second alphabet for
 * machines only. Joiners between letters or emoji and the soft hyphen have honest uses and stay.
 */
// oxlint-disable-next-line no-control-regex
const HIDDEN = /[\u202A-\u202E\u2066-\u2069\u200B\u200E\u200F\u061C\u2060-\u2064\u206A-\u206F\uFEFF\u{E0000}-\u{E007F}\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F-\u009F]+/gu;

/** A text in which what cannot be seen is shown by its number, so that nobody is misled by it. */
export function reveal(text: string): ReactNode {
  if (text.search(HIDDEN) < 0) return text;
  const parts: ReactNode[] = [];
  let at = 0;
  for (const match of text.matchAll(HIDDEN)) {
    if (match.index > at) parts.push(text.slice(at, match.index));
    const codes = [...match[0]].slice(0, 4).map((character) => `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`);
    parts.push(
      <span key={match.index} data-hidden className="rounded bg-care-tint px-1 font-mono text-[0.75em] text-care">
        {codes.join(" ")}
        {[...match[0]].length > 4 ? " …" : ""}
      </span>,
    );
    at = match.index + match[0].length;
  }
  parts.push(text.slice(at));
  return parts;
}
