import { Modal } from "../components/Modal";
import { useLanguage } from "../lib/language";
import { useSession } from "../lib/session";
import { allowSingleKeys, KEYS, keysOf, type Shortcut, singleKeys } from "../lib/shortcuts";
import { useStore } from "../lib/store";

const OF_THE_CHAT: Shortcut[] = ["newChat", "find", "before", "after"];

/** The map of all keys, and the switch for those that are a single one. */
export default function Keys({ onClose }: { onClose: () => void }) {
  const { words } = useLanguage();
  const { session } = useSession();
  const allowed = useStore(singleKeys);
  const mayChat = session.pages.includes("chat");
  const shortcuts = (Object.keys(KEYS) as Shortcut[]).filter((name) => mayChat || !OF_THE_CHAT.includes(name));
  const rows: [string, string[]][] = [
    ...shortcuts.map((name): [string, string[]] => [words.keyboard.names[name], keysOf(name, words.keyboard)]),
    ...(mayChat ? words.keyboard.inField : []),
    [words.keyboard.closes, ["Esc"]],
  ];
  return (
    <Modal look="box" heading={words.keyboard.heading} onClose={onClose}>
      <dl data-keys className="space-y-1 text-sm">
        {rows.map(([name, keys]) => (
          <div key={name} className="flex items-center justify-between gap-4 border-b border-line py-1.5 last:border-0">
            <dt className="min-w-0">{name}</dt>
            <dd className="flex shrink-0 gap-1">
              {keys.map((key) => (
                <kbd key={key} className="min-w-7 rounded-md border border-line bg-sunken px-1.5 py-0.5 text-center text-xs">
                  {key}
                </kbd>
              ))}
            </dd>
          </div>
        ))}
      </dl>
      <label className="mt-4 flex cursor-pointer items-start gap-2.5 pb-2 text-sm">
        <input type="checkbox" data-single-keys className="mt-0.5 size-4 shrink-0 accent-accent" checked={allowed} onChange={() => allowSingleKeys(!allowed)} />
        <span>{words.keyboard.single}</span>
      </label>
    </Modal>
  );
}
