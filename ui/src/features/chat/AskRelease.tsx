import { Button } from "../../components/Button";
import { useLanguage } from "../../lib/language";
import type { Message } from "./message";
import { useReleases } from "./releases";

/** After a refusal: asks somebody else to let the very same text pass once, where the house lets anybody. */
export function AskRelease({ question, onAsk }: { question: Message; onAsk: (question: Message) => void }) {
  const { words } = useLanguage();
  const { offered } = useReleases();
  if (!offered || (question.attachments?.length ?? 0) > 0) return null;
  return (
    <Button data-ask-release onClick={() => onAsk(question)}>
      {words.preview.askRelease}
    </Button>
  );
}
