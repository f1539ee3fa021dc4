import { useEffect, useRef } from "react";

interface Props {
  /** Changes with everything that grows. */
  watch: unknown[];
  /** How many messages there are; one more means that something was asked. */
  messages: number;
  /** Whether the first thing to be seen is not the end. */
  still: boolean;
}

/** Keeps the end in view while it grows, but only for a reader who is there already. */
export function FollowEnd({ watch, messages, still }: Props) {
  const following = useRef(!still);
  const count = useRef(0);
  /** Where the page was last, and how high it was: who is further up now went there, unless it became lower. */
  const last = useRef({ top: 0, height: 0 });

  useEffect(() => {
    const note = () => {
      const { scrollHeight, clientHeight, scrollTop } = document.documentElement;
      if (wentUp(last.current)) following.current = false;
      else if (scrollHeight - clientHeight - scrollTop < 80) following.current = true;
      last.current = { top: scrollTop, height: scrollHeight };
    };
    // Said before the page has scrolled, which it may do only after the next words have come.
    const leave = (event: WheelEvent) => {
      if (event.deltaY < 0) following.current = false;
    };
    addEventListener("scroll", note, { passive: true });
    addEventListener("wheel", leave, { passive: true });
    return () => {
      removeEventListener("scroll", note);
      removeEventListener("wheel", leave);
    };
  }, []);

  useEffect(() => {
    const root = document.documentElement;
    const asked = messages > count.current && !(still && count.current === 0);
    count.current = messages;
    if (wentUp(last.current)) following.current = false;
    if (watch.length > 0 && (asked || following.current)) {
      scrollTo({ top: root.scrollHeight });
      following.current = true;
    }
    last.current = { top: root.scrollTop, height: root.scrollHeight };
  }, [watch, messages, still]);

  return null;
}

function wentUp({ top, height }: { top: number; height: number }): boolean {
  const { scrollTop, scrollHeight } = document.documentElement;
  return scrollTop < top - 2 && scrollHeight >= height;
}
