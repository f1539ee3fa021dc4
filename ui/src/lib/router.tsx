import type { AnchorHTMLAttributes, MouseEvent } from "react";
import { Store, useStore } from "./store";

export interface Place {
  path: string;
  query: string;
  /** Counts the ways here; the first one is the page's own opening. */
  step: number;
}

const place = new Store<Place>(here(0));
addEventListener("popstate", () => place.change(({ step }) => here(step + 1)));

/** Where the person is. */
export function usePlace(): Place {
  return useStore(place);
}

export function currentAddress(): string {
  const { path, query } = place.value();
  return path + query;
}

/** Goes to an address of this page without loading it again. */
export function go(address: string, { replace = false } = {}) {
  if (address === currentAddress()) return;
  if (replace) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
  place.change(({ step }) => here(step + 1));
}

/** Changes the query only: the same page with another selection, so neither history nor focus moves. */
export function select(query: string) {
  history.replaceState(null, "", location.pathname + query);
  place.change(({ step }) => here(step));
}

/** An address on this page that may be returned to; everything else, such as another house's, becomes `/`. */
export function localAddress(written: string | null): string {
  if (written === null || !/^\/(?![/\\])/u.test(written) || /[\p{Cc}\\]/u.test(written) || written.startsWith("/sign-in")) return "/";
  return written;
}

/** A link that stays on this page; with a modifier key the browser does what it always does. */
export function Link({ to, onClick, ...rest }: { to: string } & Omit<AnchorHTMLAttributes<HTMLAnchorElement>, "href">) {
  function follow(event: MouseEvent<HTMLAnchorElement>) {
    onClick?.(event);
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(to);
  }
  // oxlint-disable-next-line jsx-a11y/anchor-has-content, jsx-a11y/anchor-is-valid
  return <a {...rest} href={to} onClick={follow} />;
}

function here(step: number): Place {
  return { path: location.pathname, query: location.search, step };
}
