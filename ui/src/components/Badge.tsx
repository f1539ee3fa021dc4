import type { ReactNode } from "react";
import { count } from "../lib/format";
import { compartmentsOf, levelOf } from "../lib/labels";
import { useLanguage } from "../lib/language";

const LOOKS = {
  good: "bg-good-tint text-good",
  plain: "bg-sunken text-ink",
  accent: "bg-tint text-accent-strong",
  care: "bg-care-tint text-care",
  stop: "bg-stop-tint text-stop",
  frame: "border border-line text-ink",
} as const;

interface Props {
  look?: keyof typeof LOOKS;
  /** For names of any length. */
  wrap?: boolean;
  children: ReactNode;
  "data-state"?: string;
  /** `no` for a name. */
  translate?: "no";
}

export function Badge({ look = "plain", wrap = false, children, ...rest }: Props) {
  return (
    <span {...rest} className={`inline-block rounded-md px-2 py-0.5 text-xs font-semibold forced-colors:border ${wrap ? "wrap-anywhere" : "sm:whitespace-nowrap"} ${LOOKS[look]}`}>
      {children}
    </span>
  );
}

const ACTION_LOOKS: Record<string, keyof typeof LOOKS> = {
  ALLOWED: "good",
  BLOCKED: "stop",
  DENIED: "stop",
  ERROR: "stop",
};

/** What was decided. */
export function ActionBadge({ action }: { action: string }) {
  const { words } = useLanguage();
  if (action === "") return null;
  return (
    <span data-action={action}>
      <Badge look={ACTION_LOOKS[action] ?? "care"}>{words.actions[action]?.[0] ?? action}</Badge>
    </span>
  );
}

export function LabelBadge({ label }: { label: string | null }) {
  const { words } = useLanguage();
  if (label === null || label === "") return null;
  const level = levelOf(label);
  return (
    <span data-label={label}>
      <Badge look="frame" wrap={level !== label}>
        {level ? words.labels[level] + compartmentsOf(label) : label}
      </Badge>
    </span>
  );
}

/** How many of what was found. */
export function Findings({ findings }: { findings: Record<string, number> }) {
  const { words, language } = useLanguage();
  return (
    <>
      {Object.entries(findings).map(([type, found]) => (
        <span key={type} className="block">
          {count(found, language)} × {words.findings[type] ?? type}
        </span>
      ))}
    </>
  );
}
