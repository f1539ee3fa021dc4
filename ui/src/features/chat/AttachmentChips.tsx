import { lazy, Suspense, useState } from "react";
import { LabelBadge } from "../../components/Badge";
import { Icon } from "../../components/icons";
import { useLanguage } from "../../lib/language";
import type { SentFile } from "./message";

const AttachmentDrawer = lazy(() => import("./AttachmentDrawer"));

/** The files that went with a question; what was read of each opens beside the conversation. */
export function AttachmentChips({ files }: { files: SentFile[] }) {
  const { words } = useLanguage();
  const [opened, setOpened] = useState<SentFile>();
  return (
    <>
      <ul aria-label={words.files.heading} className="mt-2 flex max-w-full flex-wrap justify-end gap-1.5">
        {files.map((file) => (
          <li key={file.id} className="min-w-0">
            <button type="button" data-sent-file={file.kind} onClick={() => setOpened(file)} className="flex max-w-64 min-h-8 items-center gap-2 rounded-lg border border-line bg-panel px-2.5 text-xs hover:border-edge">
              <Icon name="file" className="size-4 text-soft" />
              <span translate="no" className="line-clamp-2 text-left wrap-anywhere" title={file.name}>
                {file.name}
              </span>
              <LabelBadge label={file.label} />
            </button>
          </li>
        ))}
      </ul>
      {opened ? (
        <Suspense>
          <AttachmentDrawer id={opened.id} name={opened.name} onClose={() => setOpened(undefined)} />
        </Suspense>
      ) : null}
    </>
  );
}
