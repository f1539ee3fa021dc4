import { type InputHTMLAttributes, type ReactNode, type SelectHTMLAttributes, useId } from "react";

const BOX = "block min-h-10 w-full min-w-0 rounded-lg border border-edge bg-panel px-3 text-sm text-ink placeholder:text-soft disabled:text-soft";

interface FieldProps extends InputHTMLAttributes<HTMLInputElement> {
  name: string;
  hint?: string | undefined;
  mono?: boolean;
}

/** A text field with its name above it. */
export function Field({ name, hint, mono = false, className = "", ...rest }: FieldProps) {
  const id = useId();
  return (
    <div className={className}>
      <label htmlFor={id} className="mb-1 block text-sm font-medium">
        {name}
      </label>
      <input {...rest} id={id} aria-describedby={hint ? `${id}-hint` : undefined} className={`${BOX} ${mono ? "font-mono" : ""}`} />
      {hint ? (
        <p id={`${id}-hint`} className="mt-1 text-xs text-soft">
          {hint}
        </p>
      ) : null}
    </div>
  );
}

interface ChoiceProps extends SelectHTMLAttributes<HTMLSelectElement> {
  name: string;
  children: ReactNode;
}

/** A native list of choices with its name above it. */
export function Choice({ name, className = "", children, ...rest }: ChoiceProps) {
  const id = useId();
  return (
    <div className={className}>
      <label htmlFor={id} className="mb-1 block text-sm font-medium">
        {name}
      </label>
      <select {...rest} id={id} className={`${BOX} truncate`}>
        {children}
      </select>
    </div>
  );
}
