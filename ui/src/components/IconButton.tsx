import type { ButtonHTMLAttributes, Ref } from "react";
import { Icon, type IconName } from "./icons";

interface Props extends ButtonHTMLAttributes<HTMLButtonElement> {
  icon: IconName;
  /** What it does, for those who do not see the icon. */
  name: string;
  ref?: Ref<HTMLButtonElement>;
}

/** A small quiet button that shows only an icon. */
export function IconButton({ icon, name, className = "", ...rest }: Props) {
  return (
    <button
      type="button"
      aria-label={name}
      title={name}
      {...rest}
      className={`inline-flex size-7 shrink-0 items-center justify-center rounded-md text-soft hover:bg-sunken hover:text-ink disabled:cursor-not-allowed disabled:opacity-50 pointer-coarse:size-9 ${className}`}
    >
      <Icon name={icon} className="size-4" />
    </button>
  );
}
