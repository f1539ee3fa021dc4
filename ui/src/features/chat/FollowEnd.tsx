import { useEffect, useRef } from "react";

/** Keeps the end in view while it grows, but only for a reader who is there already. */
export function FollowEnd({ watch }: { watch: unknown[] }) {
  const following = useRef(true);
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
    const asked = watch.length > count.current;
    count.current = watch.length;
    if (watch.length > 0 && (asked || following.current)) scrollTo({ top: document.documentElement.scrollHeight });
  }, [watch]);

  return null;
}
