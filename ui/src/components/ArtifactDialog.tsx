import { use, useId, useState } from "react";
import { type Kind, titleOf, versionsIn } from "../lib/artifacts";
import { offerFile } from "../lib/download";
import { useLanguage } from "../lib/language";
import { ArtifactTexts } from "./ArtifactTexts";
import { Button } from "./Button";
import { CopyButton } from "./CopyButton";
import { Choice } from "./Field";
import { Frame } from "./Frame";
import { reveal } from "./hidden";
import { Icon } from "./icons";
import { Modal } from "./Modal";

interface Props {
  kind: Kind;
  source: string;
  onClose: () => void;
}

const FILES: Record<Kind, [string, string]> = { diagram: ["mmd", "text/plain"], html: ["html", "text/html"], svg: ["svg", "image/svg+xml"], script: ["js", "text/javascript"] };

/** What a model made, shown in a frame that reaches nothing, with its source and its earlier and later versions in this conversation. */
export default function ArtifactDialog({ kind, source, onClose }: Props) {
  const { words } = useLanguage();
  const texts = use(ArtifactTexts);
  const title = titleOf(kind, source);
  const [versions] = useState(() => {
    const found = versionsIn(texts(), kind, title);
    return found.includes(source) ? found : [source];
  });
  const [at, setAt] = useState(versions.indexOf(source));
  const [view, setView] = useState<"preview" | "source">("preview");
  const [failed, setFailed] = useState<string>();
  const shown = versions[at] ?? source;
  const id = useId();
  const [ending, type] = FILES[kind];

  return (
    <Modal look="wide" heading={title === "" ? words.artifact.kinds[kind] : <span translate="no">{title}</span>} onClose={onClose}>
      <div data-artifact={kind} className="flex flex-wrap items-end gap-x-4 gap-y-3">
        <fieldset className="min-w-0">
          <legend className="sr-only">{words.artifact.view}</legend>
          <div className="flex gap-1 rounded-lg bg-sunken p-1">
            {(["preview", "source"] as const).map((name) => (
              <label
                key={name}
                className="cursor-pointer rounded-md px-3 py-1.5 text-sm text-soft outline-offset-2 outline-accent has-checked:bg-panel has-checked:font-medium has-checked:text-ink has-checked:shadow-card has-focus-visible:outline-2 forced-colors:has-checked:bg-[Highlight] forced-colors:has-checked:text-[HighlightText]"
              >
                <input type="radio" className="sr-only" name={id} value={name} checked={view === name} data-view={name} onChange={() => setView(name)} />
                {words.artifact.views[name]}
              </label>
            ))}
          </div>
        </fieldset>
        {versions.length > 1 ? (
          <Choice
            name={words.prompts.version}
            value={at}
            data-artifact-version
            onChange={(event) => {
              setFailed(undefined);
              setAt(Number(event.target.value));
            }}
          >
            {versions.map((_, index) => (
              <option key={index} value={index}>
                {words.artifact.versionOf(index + 1, versions.length)}
              </option>
            ))}
          </Choice>
        ) : null}
        <div className="flex flex-wrap items-center gap-2 text-sm">
          <CopyButton text={shown} name={words.artifact.copy} labelled />
          <Button small data-download-artifact onClick={() => offerFile(`artifact.${ending}`, `${type};charset=utf-8`, shown)}>
            <Icon name="download" />
            {words.code.download}
          </Button>
        </div>
      </div>
      {view === "preview" ? (
        <>
          <p className="mt-3 text-xs text-pretty text-soft">{words.artifact.shutOff}</p>
          {failed === undefined ? null : (
            <p role="note" data-artifact-failed className="mt-2 text-sm text-care">
              {words.artifact.failed} <span translate="no" className="font-mono text-xs wrap-anywhere">{failed}</span>
            </p>
          )}
          <div className="mt-3 overflow-x-auto rounded-xl border border-line">
            <Frame key={at} kind={kind} source={shown} name={words.artifact.kinds[kind]} onFailed={setFailed} />
          </div>
        </>
      ) : (
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        <pre tabIndex={0} dir="ltr" translate="no" data-artifact-source className="mt-3 overflow-x-auto rounded-xl border border-line bg-sunken p-3.5 font-mono text-[0.84rem] leading-normal">
          {reveal(shown)}
        </pre>
      )}
    </Modal>
  );
}
