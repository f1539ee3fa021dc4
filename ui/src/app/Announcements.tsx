import { useEffect, useState } from "react";
import { createPortal } from "react-dom";
import { Icon } from "../components/icons";
import { announcement, dialogs } from "../lib/announce";
import { useStore } from "../lib/store";

/** The page's one live region, inside the topmost dialog if there is one; what was done is also shown for a while. */
export function Announcements() {
  const { text, shown, count } = useStore(announcement);
  const dialog = useStore(dialogs).at(-1);
  const [said, setSaid] = useState("");
  const [past, setPast] = useState(0);
  const visible = shown && said !== "" && past < count;

  useEffect(() => {
    // A region that has just come to its place is silent; what is written into it a moment later is heard.
    const timer = setTimeout(() => setSaid(text), 60);
    return () => clearTimeout(timer);
  }, [text]);

  useEffect(() => {
    const timer = setTimeout(() => setPast(count), 5000);
    return () => clearTimeout(timer);
  }, [count]);

  const region = (
    <div className="pointer-events-none fixed inset-x-0 top-16 z-40 lg:top-5 flex justify-center px-4">
      <div role="status" data-status className={visible ? "flex items-center gap-2 rounded-full border border-line bg-panel px-5 py-2.5 text-sm shadow-card" : "sr-only"}>
        {visible ? <Icon name="check" className="size-4 text-good" /> : null}
        {said}
      </div>
    </div>
  );
  return dialog ? createPortal(region, dialog) : region;
}
