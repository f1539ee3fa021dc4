import { useState } from "react";
import { useLanguage } from "../lib/language";
import { titleOf } from "../lib/artifacts";
import { Frame } from "./Frame";

/** A diagram above its source. What cannot be drawn is said to be so; its source is there in any case. */
export default function Drawn({ source }: { source: string }) {
  const { words } = useLanguage();
  const [failed, setFailed] = useState<{ source: string; reason: string }>();
  if (failed?.source === source) {
    return (
      <p data-not-drawn className="px-3.5 py-2.5 text-sm text-soft">
        {words.artifact.notDrawn}
        {failed.reason === "" ? null : <span translate="no" className="mt-1 block font-mono text-xs wrap-anywhere whitespace-pre-wrap">{failed.reason}</span>}
      </p>
    );
  }
  return (
    <div className="overflow-x-auto bg-panel p-3">
      <Frame kind="diagram" source={source} name={words.artifact.diagram(titleOf("diagram", source))} onFailed={(reason) => setFailed({ source, reason })} />
    </div>
  );
}
