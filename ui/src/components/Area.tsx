import { type TextareaHTMLAttributes, useId } from "react";

interface Props extends TextareaHTMLAttributes<HTMLTextAreaElement> {
  name: string;
  hint?: string | undefined;
  mono?: boolean;
  /** Whether its name is a name, which no language changes. */
  isName?: boolean;
}

/** A field for several lines with its name above it. */
export function Area({ name, hint, mono = false, isName = false, ...rest }: Props) {
  const id = useId();
  return (
    <div>
      <label htmlFor={id} {...(isName ? { translate: "no" as const } : {})} className="mb-1 block text-sm font-medium">
        {name}
      </label>
      <textarea
        rows={4}
        {...rest}
        id={id}
        aria-describedby={hint ? `${id}-hint` : undefined}
        className={`grows block max-h-80 min-h-20 w-full min-w-0 rounded-lg border border-edge bg-panel px-3 py-2 text-sm ${mono ? "font-mono" : ""}`}
      />
      {hint ? (
        <p id={`${id}-hint`} className="mt-1 text-xs text-soft">
          {hint}
        </p>
      ) : null}
    </div>
  );
}
