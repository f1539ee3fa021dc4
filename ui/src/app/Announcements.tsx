import { useEffect, useState } from "react";
import { Icon } from "../components/icons";
import { announcement } from "../lib/announce";
import { useStore } from "../lib/store";

/** The page's one live region; what was done is also shown for a while. */
export function Announcements() {
  const { text, shown, count } = useStore(announcement);
  const [past, setPast] = useState(0);
  const visible = shown && text !== "" && past < count;

  useEffect(() => {
    const timer = setTimeout(() => setPast(count), 5000);
    return () => clearTimeout(timer);
  }, [count]);

  return (
    <div className="pointer-events-none fixed inset-x-0 top-16 z-40 lg:top-5 flex justify-center px-4">
      <div role="status" data-status className={visible ? "flex items-center gap-2 rounded-full border border-line bg-panel px-5 py-2.5 text-sm shadow-card" : "sr-only"}>
        {visible ? <Icon name="check" className="size-4 text-good" /> : null}
        {text}
      </div>
    </div>
  );
}
