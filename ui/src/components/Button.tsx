import type { ButtonHTMLAttributes } from "react";

const LOOKS = {
  primary: "bg-accent text-on-accent hover:bg-accent-strong disabled:bg-sunken disabled:text-soft px-4 font-semibold",
  danger: "bg-stop-strong text-on-stop hover:opacity-90 disabled:bg-sunken disabled:text-soft px-4 font-semibold",
  outline: "border border-line bg-panel text-ink hover:border-edge hover:bg-sunken px-3.5",
  quiet: "text-soft hover:text-ink hover:bg-sunken px-2.5",
} as const;

export type ButtonLook = keyof typeof LOOKS;

interface Props extends ButtonHTMLAttributes<HTMLButtonElement> {
  look?: ButtonLook;
  /** Lower, for rows of tables. */
  small?: boolean;
}

/** What a button looks like, also for links that act as one. */
export function buttonLook(look: ButtonLook = "outline", small = false): string {
  const height = small ? "min-h-8 text-[0.8125rem]" : "min-h-10 text-sm";
  return `inline-flex ${height} items-center justify-center gap-2 rounded-lg transition-colors disabled:cursor-not-allowed forced-colors:border ${LOOKS[look]}`;
}

/** A button at least 40 px high, so that a thumb hits it; 32 px in rows of tables. */
export function Button({ look = "outline", small = false, className = "", children, ...rest }: Props) {
  return (
    <button type="button" {...rest} className={`${buttonLook(look, small)} ${className}`}>
      {children}
    </button>
  );
}
