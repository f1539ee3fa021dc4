import { createElement, type ReactNode, useEffect, useState } from "react";

/** What a formula may consist of (MathML Core). Nothing in it can load, lead anywhere or be styled. */
const ELEMENTS = new Set(
  "math menclose merror mfrac mi mmultiscripts mn mo mover mpadded mphantom mprescripts mroot mrow ms mspace msqrt mstyle msub msubsup msup mtable mtd mtext mtr munder munderover".split(" "),
);
const ATTRIBUTES = new Set(
  "accent accentunder columnalign columnlines columnspacing depth display displaystyle fence height largeop linethickness lspace mathcolor mathvariant maxsize minsize movablelimits notation rowlines rowspacing rspace scriptlevel separator stretchy symmetric voffset width".split(" "),
);

type Write = (tex: string, display: boolean) => string;
let write: Write | undefined;

/** A formula in the browser's own mathematics; its TeX until that has come, and where it cannot be read. */
export function Formula({ tex, display }: { tex: string; display: boolean }) {
  const [, setCount] = useState(0);

  useEffect(() => {
    if (write) return undefined;
    let gone = false;
    void import("katex").then(
      ({ default: katex }) => {
        // No macros that outlive a formula, no commands that make links or HTML, and an end to what expands for ever.
        write = (source, isDisplay) => katex.renderToString(source, { output: "mathml", displayMode: isDisplay, throwOnError: true, trust: false, strict: "ignore", maxExpand: 500, maxSize: 20 });
        if (!gone) setCount((count) => count + 1);
      },
      () => undefined,
    );
    return () => {
      gone = true;
    };
  }, []);

  const drawn = write === undefined ? undefined : formulaOf(tex, display, write);
  if (drawn === undefined) return <code data-tex>{display ? `$$${tex}$$` : `$${tex}$`}</code>;
  return display ? (
    // A wide formula scrolls, so the keyboard must reach it.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div data-formula tabIndex={0} className="overflow-x-auto overflow-y-hidden py-1 -outline-offset-2">
      {drawn}
    </div>
  ) : (
    <span data-formula>{drawn}</span>
  );
}

function formulaOf(tex: string, display: boolean, writer: Write): ReactNode {
  try {
    const markup = /<math[^]*<\/math>/u.exec(writer(tex, display))?.[0] ?? "";
    const { documentElement } = new DOMParser().parseFromString(markup, "application/xml");
    return documentElement.localName === "math" ? element(documentElement, 0, 0) : undefined;
  } catch {
    return undefined;
  }
}

function element(node: Element, key: number, depth: number): ReactNode {
  const name = node.localName;
  if (depth > 60 || name === "annotation") return null;
  const children = [...node.childNodes].map((child, index) => (child instanceof Element ? element(child, index, depth + 1) : child.textContent));
  // `semantics` only holds the source beside the formula.
  if (!ELEMENTS.has(name)) return children;
  const attributes = Object.fromEntries([...node.attributes].filter((one) => ATTRIBUTES.has(one.name)).map((one) => [one.name, one.value]));
  return createElement(name, { key, ...attributes }, ...children);
}
