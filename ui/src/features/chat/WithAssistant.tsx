import { Icon } from "../../components/icons";
import { type Assistant, said } from "../../lib/assistant";
import { useLoad } from "../../lib/load";
import { useLanguage } from "../../lib/language";
import type { Conversation } from "./message";

/** The assistant with whom a conversation would begin; nothing without an id. */
export function useAssistant(id: string | undefined) {
  return useLoad<Assistant>(id === undefined ? undefined : `/api/chat/assistants/${encodeURIComponent(id)}`);
}

/** Ways to begin with an assistant; each is put into the field, so that it can be changed first. */
export function AssistantStarters({ assistant, onChoose }: { assistant: Assistant; onChoose: (text: string) => void }) {
  const { language } = useLanguage();
  return (
    <ul className="grid gap-3 sm:grid-cols-2">
      {assistant.starters.map((starter) => {
        const text = said(starter, language);
        return (
          <li key={text} className="min-w-0">
            <button type="button" data-assistant-starter onClick={() => onChoose(text)} className="h-full w-full rounded-2xl border border-line bg-panel p-4 text-left text-[0.9375rem] leading-snug wrap-anywhere shadow-card transition-colors hover:border-accent">
              {text}
            </button>
          </li>
        );
      })}
    </ul>
  );
}

/** Says in a conversation that its answers follow an assistant's instructions. */
export function AssistantMark({ assistant }: { assistant: NonNullable<Conversation["assistant"]> }) {
  const { words, language } = useLanguage();
  return (
    <p data-assistant-mark className="mb-6 flex flex-wrap items-center gap-x-2 gap-y-1 text-sm text-soft">
      <Icon name="assistant" className="size-4" />
      <span>
        {words.assistants.with}{" "}
        <strong {...(typeof assistant.name === "string" ? { translate: "no" as const } : {})} className="font-semibold text-ink">
          {said(assistant.name, language)}
        </strong>
      </span>
      <span>{words.assistants.version(assistant.version)}</span>
    </p>
  );
}
