import type { ButtonHTMLAttributes } from "react";

const LOOKS = {
  primary: "bg-accent text-on-accent hover:bg-accent-strong disabled:bg-sunken disabled:text-soft px-4 font-semibold",
  outline: "border border-edge bg-panel text-ink hover:bg-sunken px-3.5",
  quiet: "text-soft hover:text-ink hover:bg-sunken px-2.5",
} as const;

interface Props extends ButtonHTMLAttributes<HTMLButtonElement> {
  look?: keyof typeof LOOKS;
}

/** A button at least 40 px high, so that a thumb hits it. */
export function Button({ look = "outline", className = "", children, ...rest }: Props) {
  return (
    <button
      type="button"
      {...rest}
      className={`inline-flex min-h-10 items-center justify-center gap-2 rounded-lg text-sm transition-colors disabled:cursor-not-allowed forced-colors:border ${LOOKS[look]} ${className}`}
    >
      {children}
    </button>
  );
}
