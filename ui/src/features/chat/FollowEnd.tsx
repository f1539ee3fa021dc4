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

  useEffect(() => {
    const note = () => {
      const { scrollHeight, clientHeight, scrollTop } = document.documentElement;
      following.current = scrollHeight - clientHeight - scrollTop < 80;
    };
    addEventListener("scroll", note, { passive: true });
    return () => removeEventListener("scroll", note);
  }, []);

  useEffect(() => {
    const asked = messages > count.current && !(still && count.current === 0);
    count.current = messages;
    if (watch.length > 0 && (asked || following.current)) scrollTo({ top: document.documentElement.scrollHeight });
  }, [watch, messages, still]);

  return null;
}
