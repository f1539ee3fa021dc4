import { Disclosure } from "../../components/Disclosure";
import { Icon } from "../../components/icons";
import type { Label } from "../../lib/labels";
import { useLanguage } from "../../lib/language";

interface Props {
  label: Label;
  /** What is in the conversation already. */
  lowestLabel: Label;
  /** To what the text itself raises it. */
  raises: Label | undefined;
  asked: string[];
  /** The way that the last answer of this model took here. */
  route: string | undefined;
}

/** What the label of this question means, where it will go and why, and what would change it. */
export function RouteNote({ label, lowestLabel, raises, asked, route }: Props) {
  const { words } = useLanguage();
  const { way } = words;
  return (
    <Disclosure
      kind="way"
      name={way.name}
      className="inline-flex size-9 shrink-0 items-center justify-center rounded-md text-soft hover:bg-sunken hover:text-ink"
      panelClassName="max-h-[60dvh] overflow-y-auto max-sm:fixed! max-sm:inset-x-3 max-sm:bottom-20 sm:bottom-full sm:left-1/2 sm:mb-2 sm:w-80 sm:-translate-x-1/2"
      panel={() => (
        <div className="space-y-2 p-3 text-sm text-pretty">
          <p className="font-semibold">{words.labels[label]}</p>
          <p>{way.meanings[label]}</p>
          <p className="font-semibold">{way.where}</p>
          <p>
            {asked.length > 1 ? way.toSeveral(asked.join(", ")) : way.to(asked[0] ?? "")} {way.why(words.labels[label])} {route === undefined ? "" : way.lastRoute(route)}
          </p>
          <p className="font-semibold">{way.changes}</p>
          <ul className="list-disc space-y-1 pl-4">
            <li>{way.byChoice}</li>
            {raises === undefined ? null : <li>{way.byText(words.labels[raises])}</li>}
            {lowestLabel === "PUBLIC" ? null : <li>{way.byConversation(words.labels[lowestLabel])}</li>}
            <li>{way.byModel}</li>
          </ul>
        </div>
      )}
    >
      <Icon name="help" className="size-4.5" />
    </Disclosure>
  );
}
