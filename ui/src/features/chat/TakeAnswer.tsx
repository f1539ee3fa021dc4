import { Disclosure, Item } from "../../components/Disclosure";
import { Icon } from "../../components/icons";
import { Modal } from "../../components/Modal";
import { RefusalCard } from "../../components/RefusalCard";
import { confirmDone } from "../../lib/announce";
import { useAct } from "../../lib/load";
import { useLanguage } from "../../lib/language";
import { useState } from "react";
import type { Message } from "./message";

export const FORMATS = ["docx", "pdf", "markdown"] as const;
export type Format = (typeof FORMATS)[number];

/** Takes one answer along as a document, with its label, model and request id in it. */
export function TakeAnswer({ answer, onTake }: { answer: Message; onTake: (answer: Message, format: Format) => Promise<void> }) {
  const { words } = useLanguage();
  const { refusal, act } = useAct();
  const [shown, setShown] = useState(false);

  async function take(format: Format) {
    const done = await act(() => onTake(answer, format));
    if (done) confirmDone(words.take.done);
    else setShown(true);
  }

  return (
    <>
      <Disclosure
        kind="take"
        className="inline-flex min-h-7 items-center gap-1.5 rounded-md px-1.5 text-soft hover:bg-sunken hover:text-ink"
        panelClassName="bottom-full left-0 w-60 max-sm:w-[min(15rem,calc(100vw-3rem))]"
        panel={(close) => (
          <>
            {FORMATS.map((format) => (
              <Item
                key={format}
                kind={`take-${format}`}
                onClick={() => {
                  close();
                  void take(format);
                }}
              >
                {words.take.formats[format]}
              </Item>
            ))}
            <p className="px-3 py-1.5 text-xs text-pretty text-soft">{words.take.hint}</p>
          </>
        )}
      >
        <Icon name="download" className="size-3.5" />
        {words.take.act}
      </Disclosure>
      {shown && refusal ? (
        <Modal look="box" heading={words.take.act} onClose={() => setShown(false)}>
          <RefusalCard refusal={refusal} />
        </Modal>
      ) : null}
    </>
  );
}
