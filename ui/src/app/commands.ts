import { useMemo } from "react";
import type { IconName } from "../components/icons";
import { chooseLabel, chooseModel, models } from "../features/chat/choices";
import { openOver } from "../features/chat/opened";
import { conversations } from "../features/chat/store";
import { LABELS, levelOf } from "../lib/labels";
import { ADDRESSES, chooseAddress, LANGUAGES, useLanguage } from "../lib/language";
import { go, usePlace } from "../lib/router";
import { useSession } from "../lib/session";
import { keysOf } from "../lib/shortcuts";
import { useStore } from "../lib/store";
import { chooseTheme, THEMES } from "../lib/theme";
import { ROUTES, routeOf } from "./routes";

export interface Command {
  id: string;
  name: string;
  /** What sort of thing it is; one may look for that, too. */
  kind: string;
  icon: IconName;
  /** Whether it is offered before anything was typed. */
  often?: boolean;
  /** The keys that do the same. */
  keys?: string[];
  /** Whether its name is a name, which no language changes. */
  isName?: boolean;
  act: () => void;
}

/** Everything that can be done from where one is. */
export function useCommands(onKeys: () => void): Command[] {
  const { words, language, speak } = useLanguage();
  const { session, signOut, openHelp } = useSession();
  const known = useStore(models);
  const { list, open } = useStore(conversations);
  const { path } = usePlace();

  return useMemo(() => {
    const { palette } = words;
    const route = routeOf(path);
    const mayChat = session.pages.includes("chat");
    const inChat = mayChat && route?.page === "chat" && route.part === undefined;
    const current = inChat ? route.rest : undefined;
    const lowest = levelOf(current === undefined ? undefined : open[current]?.label) ?? "PUBLIC";
    const commands: (Command | false)[] = [
      mayChat && { id: "new", name: words.conversations.new, kind: palette.chat, icon: "compose", often: true, keys: keysOf("newChat", words.keyboard), act: () => go("/chat") },
      mayChat && { id: "temporary", name: words.temporary.on, kind: palette.chat, icon: "clock", often: true, act: () => go("/chat?temporary") },
      current !== undefined && { id: "find", name: words.find.heading, kind: palette.chat, icon: "search", often: true, keys: keysOf("find", words.keyboard), act: () => openOver("find") },
      current !== undefined && { id: "share", name: words.share.heading, kind: palette.chat, icon: "share", act: () => openOver("share") },
      current !== undefined && { id: "export", name: words.transfer.exportHeading, kind: palette.chat, icon: "download", act: () => openOver("export") },
      current !== undefined && open[current]?.label != null && { id: "lower", name: words.lower.heading, kind: palette.chat, icon: "unlock", act: () => openOver("lower") },
      mayChat && { id: "lower-other", name: words.lower.other, kind: palette.chat, icon: "unlock", act: () => openOver("lowerOther") },
      mayChat && { id: "shared", name: words.shared.heading, kind: palette.page, icon: "share", often: true, act: () => go("/shared") },
      mayChat && { id: "prompts", name: words.prompts.heading, kind: palette.chat, icon: "book", often: true, act: () => openOver("prompts") },
      mayChat && { id: "assistants", name: words.assistants.heading, kind: palette.page, icon: "assistant", often: true, act: () => go("/assistants") },
      mayChat && { id: "approvals", name: words.approvals.heading, kind: palette.page, icon: "unlock", often: true, act: () => go("/approvals") },
      mayChat && { id: "data", name: words.data.heading, kind: palette.page, icon: "person", often: true, act: () => go("/data") },
      mayChat && { id: "transfer", name: words.transfer.heading, kind: palette.chat, icon: "download", act: () => openOver("transfer") },
      ...(inChat ? (known ?? []) : []).map((model): Command => ({ id: `model-${model}`, name: `${words.ask.model}: ${model}`, kind: palette.chat, icon: "upstreams", often: true, act: () => chooseModel(model) })),
      ...(inChat ? LABELS.slice(LABELS.indexOf(lowest)) : []).map((label): Command => ({ id: `label-${label}`, name: `${words.ask.label}: ${words.labels[label]}`, kind: palette.chat, icon: "shield", act: () => chooseLabel(current, label) })),
      ...session.pages.map((name): Command => ({ id: `page-${name}`, name: words.pages[name], kind: palette.page, icon: ROUTES[name].icon, often: name !== "chat", act: () => go(`/${name}`) })),
      ...THEMES.map((theme): Command => ({ id: `theme-${theme}`, name: `${words.theme}: ${words.themes[theme]}`, kind: palette.setting, icon: "sliders", act: () => chooseTheme(theme) })),
      ...LANGUAGES.map((tag): Command => ({ id: `language-${tag}`, name: tag === "de" ? "Deutsch" : "English", kind: words.language, icon: "sliders", isName: true, act: () => speak(tag) })),
      ...(language === "de" ? ADDRESSES : []).map((one): Command => ({ id: `address-${one}`, name: `${words.address.heading}: ${words.address[one]}`, kind: palette.setting, icon: "sliders", act: () => chooseAddress(one) })),
      { id: "keys", name: words.keyboard.heading, kind: palette.setting, icon: "keys", often: true, keys: keysOf("keys", words.keyboard), act: onKeys },
      { id: "accessibility", name: words.accessibility.heading, kind: palette.page, icon: "person", act: () => go("/accessibility") },
      { id: "help", name: words.help, kind: palette.page, icon: "help", often: true, act: () => openHelp("") },
      { id: "leave", name: words.signOut, kind: palette.setting, icon: "signOut", act: signOut },
      ...(list ?? []).map((row): Command => ({ id: `conversation-${row.id}`, name: row.title || words.conversations.untitled, kind: words.conversations.heading, icon: "chat", isName: true, act: () => go(`/chat/${encodeURIComponent(row.id)}`) })),
    ];
    return commands.filter((command) => command !== false);
  }, [words, language, speak, session, signOut, openHelp, known, list, open, path, onKeys]);
}
