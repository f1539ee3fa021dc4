import { lazy, type ReactNode, Suspense, useEffect, useState } from "react";
import { kindOf } from "../lib/artifacts";
import { offerFile } from "../lib/download";
import type { highlighted, Node } from "../lib/highlight";
import { useLanguage } from "../lib/language";
import { CopyButton } from "./CopyButton";
import { reveal } from "./hidden";
import { IconButton } from "./IconButton";
import { Icon } from "./icons";

const Drawn = lazy(() => import("./Drawn"));
const ArtifactDialog = lazy(() => import("./ArtifactDialog"));

/** Longer code stays without colours: making them would take longer than a blink. */
const COLOURED_MOST = 40_000;
const ENDINGS: Record<string, string> = {
  bash: "sh", csharp: "cs", "c++": "cpp", dockerfile: "Dockerfile", javascript: "js", kotlin: "kt", markdown: "md", powershell: "ps1", python: "py", ruby: "rb", rust: "rs", shell: "sh", typescript: "ts", yaml: "yml",
};

let colour: typeof highlighted | undefined;

/** Code that a model wrote: coloured when it is complete, to be copied, wrapped and taken along. A diagram is drawn above it; what can be shown is. */
export function CodeBlock({ code, name, growing }: { code: string; name: string; growing: boolean }) {
  const { words } = useLanguage();
  const [wrap, setWrap] = useState(false);
  const [open, setOpen] = useState(false);
  const nodes = useColours(code, name, growing);
  const kind = growing ? undefined : kindOf(name, code);
  return (
    <div className="min-w-0 overflow-hidden rounded-xl border border-line bg-sunken" data-code={nodes ? "coloured" : "plain"}>
      <div className="flex min-h-9 items-center gap-1 border-b border-line pr-2 pl-3.5 text-xs text-soft">
        <span translate="no" className="min-w-0 flex-1 truncate font-mono">{name}</span>
        {kind ? (
          <button type="button" data-show-artifact onClick={() => setOpen(true)} className="inline-flex min-h-7 items-center gap-1.5 rounded-md px-1.5 hover:bg-panel hover:text-ink pointer-coarse:min-h-9">
            <Icon name="access" className="size-3.5" />
            <span className="max-sm:sr-only">{kind === "diagram" ? words.artifact.enlarge : words.artifact.show}</span>
          </button>
        ) : null}
        <IconButton icon="wrap" name={words.code.wrap} aria-pressed={wrap} data-wrap onClick={() => setWrap(!wrap)} className="aria-pressed:bg-tint aria-pressed:text-accent-strong forced-colors:aria-pressed:border" />
        <IconButton icon="download" name={words.code.download} data-download-code onClick={() => offerFile(fileName(name), "text/plain;charset=utf-8", code)} />
        <CopyButton text={code} name={words.copyCode} labelled />
      </div>
      {kind === "diagram" ? (
        <Suspense>
          <Drawn source={code} />
        </Suspense>
      ) : null}
      {open && kind ? (
        <Suspense>
          <ArtifactDialog kind={kind} source={code} onClose={() => setOpen(false)} />
        </Suspense>
      ) : null}
      {/* A wide block scrolls, so the keyboard must reach it. */}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <pre tabIndex={0} dir="ltr" className={`overflow-x-auto px-3.5 py-3 ${kind === "diagram" ? "max-h-60 overflow-y-auto border-t border-line" : ""} text-[0.84rem] leading-normal -outline-offset-2 ${wrap ? "wrapped" : ""}`}>
        <code className="font-mono">{nodes ? drawn(nodes) : reveal(code)}</code>
      </pre>
    </div>
  );
}

/** The code in colours, once it is complete and the highlighter has come. */
function useColours(code: string, name: string, growing: boolean): Node[] | undefined {
  const wanted = !growing && name !== "" && code.length <= COLOURED_MOST;
  const [made, setMade] = useState<{ code: string; name: string; nodes: Node[] | undefined }>();

  useEffect(() => {
    if (!wanted) return undefined;
    let gone = false;
    const make = () => {
      // Not in the same breath as everything else that has just arrived.
      setTimeout(() => {
        if (!gone && colour) setMade({ code, name, nodes: colour(code, name) });
      }, 0);
    };
    if (colour) make();
    else {
      void import("../lib/highlight").then(
        (module) => {
          colour = module.highlighted;
          make();
        },
        () => undefined,
      );
    }
    return () => {
      gone = true;
    };
  }, [wanted, code, name]);

  return made?.code === code && made.name === name ? made.nodes : undefined;
}

function drawn(nodes: Node[]): ReactNode {
  return nodes.map((node, index) =>
    typeof node === "string" ? (
      <span key={index}>{reveal(node)}</span>
    ) : (
      <span key={index} className={node.scope === undefined ? undefined : `code-${node.scope}`}>
        {drawn(node.children)}
      </span>
    ),
  );
}

function fileName(language: string): string {
  const ending = ENDINGS[language.toLowerCase()] ?? (/^[a-z0-9]{1,8}$/iu.test(language) ? language.toLowerCase() : "txt");
  return ending === "Dockerfile" ? ending : `code.${ending}`;
}
