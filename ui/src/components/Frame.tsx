import { useEffect, useRef, useState } from "react";
import type { Kind } from "../lib/artifacts";
import { useLanguage } from "../lib/language";
import { useIsDark } from "../lib/theme";

interface Props {
  kind: Kind;
  source: string;
  /** What it is, for those who do not see it. */
  name: string;
  /** Told what did not work. */
  onFailed?: (reason: string) => void;
}

const LEAST = 40;
const MOST = 4000;

/**
 * Shows what a model drew or programmed in a frame that has no origin: it reaches neither this page nor the house nor anything else, and is
 * told only its source. The policy of `/frame.html` forbids it every request; that of this page forbids it to go elsewhere.
 */
export function Frame({ kind, source, name, onFailed }: Props) {
  const frame = useRef<HTMLIFrameElement>(null);
  const [height, setHeight] = useState<number>();
  const dark = useIsDark();
  const failed = useRef(onFailed);
  const { words } = useLanguage();

  useEffect(() => {
    failed.current = onFailed;
  });

  useEffect(() => {
    let told = false;
    const listen = ({ source: from, data }: MessageEvent) => {
      const target = frame.current?.contentWindow;
      if (!target || from !== target || typeof data !== "object" || data?.frame !== "schleuse") return;
      if (data.ready === true && !told) {
        told = true;
        // A frame without an origin cannot be named; that it is this one, `contentWindow` says.
        void libraryOf(kind).then((library) => target.postMessage({ kind, source, library, dark }, "*"), () => failed.current?.(""));
      }
      if (typeof data.height === "number" && Number.isFinite(data.height)) setHeight(Math.min(MOST, Math.max(LEAST, Math.ceil(data.height))));
      if (typeof data.failed === "string") failed.current?.(data.failed.slice(0, 300));
    };
    addEventListener("message", listen);
    return () => removeEventListener("message", listen);
  }, [kind, source, dark]);

  return (
    <>
      {height === undefined ? <p className="px-3 py-2 text-sm text-soft">{words.reading}</p> : null}
      <iframe
        // What it showed before cannot be taken back: another text gets another frame.
        key={`${kind} ${String(dark)} ${source}`}
        ref={frame}
        title={name}
        src="/frame.html"
        sandbox="allow-scripts"
        referrerPolicy="no-referrer"
        data-frame={kind}
        data-shown={height === undefined ? undefined : ""}
        height={height ?? LEAST}
        className={`block w-full border-0 ${kind === "html" || kind === "script" ? "bg-white" : ""}`}
      />
    </>
  );
}

let mermaid: Promise<string> | undefined;

/** What a frame needs beside the source: for diagrams the program that draws them, read once from this house. */
async function libraryOf(kind: Kind): Promise<string | undefined> {
  if (kind !== "diagram") return undefined;
  mermaid ??= import("mermaid/dist/mermaid.min.js?url").then(async ({ default: address }) => {
    const answer = await fetch(address, { credentials: "omit" });
    if (!answer.ok) throw new Error(String(answer.status));
    return answer.text();
  });
  try {
    return await mermaid;
  } catch (error) {
    mermaid = undefined;
    throw error;
  }
}
