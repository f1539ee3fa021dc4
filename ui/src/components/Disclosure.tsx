import { type ReactNode, useId, useState } from "react";

interface Props {
  /** What the button shows. */
  children: ReactNode;
  /** Its name, where what it shows is no text. */
  name?: string | undefined;
  className: string | ((open: boolean) => string);
  /** Of what opens. */
  panelClassName: string;
  /** What opens; `close` closes it and gives the focus back to the button. */
  panel: (close: () => void) => ReactNode;
  kind: string;
}

/** A button behind which a few more are. Escape, a click elsewhere and leaving it with Tab close it. */
export function Disclosure({ children, name, className, panelClassName, panel, kind }: Props) {
  const [open, setOpen] = useState(false);
  const id = useId();

  function close() {
    setOpen(false);
    document.getElementById(`${id}-button`)?.focus();
  }

  return (
    // oxlint-disable-next-line jsx-a11y/no-static-element-interactions
    <div
      className="relative"
      onBlur={(event) => !event.currentTarget.contains(event.relatedTarget) && setOpen(false)}
      onKeyDown={(event) => {
        if (event.key !== "Escape" || !open) return;
        event.preventDefault();
        event.stopPropagation();
        close();
      }}
    >
      <button
        id={`${id}-button`}
        type="button"
        {...{ [`data-${kind}`]: "" }}
        aria-expanded={open}
        aria-controls={id}
        aria-label={name}
        title={name}
        onClick={() => setOpen(!open)}
        className={typeof className === "string" ? className : className(open)}
      >
        {children}
      </button>
      {/* What is not open holds nothing, so that a thousand of them cost little. */}
      <div id={id} hidden={!open} className={`absolute z-20 rounded-xl border border-line bg-panel p-1 shadow-card ${panelClassName}`}>
        {open ? panel(close) : null}
      </div>
    </div>
  );
}

interface ItemProps {
  onClick: () => void;
  danger?: boolean;
  children: ReactNode;
  kind?: string;
}

/** One of the buttons behind a `Disclosure`. */
export function Item({ onClick, danger = false, children, kind }: ItemProps) {
  return (
    <button
      type="button"
      {...(kind === undefined ? {} : { [`data-${kind}`]: "" })}
      onClick={onClick}
      className={`block w-full rounded-lg px-3 py-2 text-left text-sm wrap-anywhere hover:bg-sunken ${danger ? "text-stop" : ""}`}
    >
      {children}
    </button>
  );
}
