import { useId, useRef, useState } from "react";
import { Icon, type IconName } from "../components/icons";
import { openOver } from "../features/chat/opened";
import type { PageName } from "../lib/contract";
import { ADDRESSES, chooseAddress, LANGUAGES, useAddress, useLanguage } from "../lib/language";
import { go } from "../lib/router";
import { useSession } from "../lib/session";
import { chooseTheme, THEMES, useTheme } from "../lib/theme";

/** Who is here, and behind it the own pages, language, light, handbook and the way out. */
export function Account({ page, onGo }: { page: PageName | undefined; onGo: () => void }) {
  const { words, language, speak } = useLanguage();
  const { session, house, signOut, openHelp } = useSession();
  const theme = useTheme();
  const address = useAddress();
  const [open, setOpen] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const id = useId();
  const role = words.roles[session.role]?.[0] ?? session.role;

  function visit(name: PageName) {
    setOpen(false);
    onGo();
    go(`/${name}`);
  }

  return (
    // Escape closes what is open; the keys themselves belong to the buttons inside.
    // oxlint-disable-next-line jsx-a11y/no-static-element-interactions
    <div
      className="relative border-t border-line p-2 pb-[max(0.5rem,env(safe-area-inset-bottom))]"
      onBlur={(event) => event.relatedTarget !== null && !event.currentTarget.contains(event.relatedTarget) && setOpen(false)}
      onKeyDown={(event) => {
        if (event.key !== "Escape" || !open) return;
        event.preventDefault();
        event.stopPropagation();
        setOpen(false);
        button.current?.focus();
      }}
    >
      <div id={id} hidden={!open} className="absolute inset-x-2 bottom-full z-30 mb-2 max-h-[70dvh] overflow-y-auto rounded-2xl border border-line bg-panel p-2 shadow-card">
        {(["sessions", "limits"] as const)
          .filter((name) => session.pages.includes(name))
          .map((name) => (
            <Item key={name} icon={name} page={name} current={name === page} onClick={() => visit(name)}>
              {words.pages[name]}
            </Item>
          ))}
        <Item
          icon="help"
          onClick={() => {
            setOpen(false);
            // What opens next gives the focus back to where it was.
            button.current?.focus();
            onGo();
            openHelp("");
          }}
        >
          {words.help}
        </Item>
        <Item
          icon="person"
          onClick={() => {
            setOpen(false);
            onGo();
            go("/accessibility");
          }}
        >
          {words.accessibility.heading}
        </Item>
        {session.pages.includes("chat") ? (
          <Item
            icon="download"
            onClick={() => {
              setOpen(false);
              button.current?.focus();
              onGo();
              openOver("transfer");
            }}
          >
            {words.transfer.heading}
          </Item>
        ) : null}
        {session.pages.includes("chat") ? (
          <Item
            icon="person"
            onClick={() => {
              setOpen(false);
              onGo();
              go("/data");
            }}
          >
            {words.data.heading}
          </Item>
        ) : null}
        {session.pages.includes("chat") ? (
          <Item
            icon="unlock"
            onClick={() => {
              setOpen(false);
              onGo();
              go("/approvals");
            }}
          >
            {words.approvals.heading}
          </Item>
        ) : null}
        <Segments name={words.language} choices={LANGUAGES.map((tag) => [tag, tag === "de" ? "Deutsch" : "English"])} chosen={language} kind="language" onChoose={(tag) => speak(tag)} />
        {language === "de" ? <Segments name={words.address.heading} choices={ADDRESSES.map((one) => [one, words.address[one]])} chosen={address} kind="address" onChoose={chooseAddress} /> : null}
        <Segments name={words.theme} choices={THEMES.map((name) => [name, words.themes[name]])} chosen={theme} kind="theme" onChoose={chooseTheme} />
        <div className="mt-2 border-t border-line pt-2">
          <Item
            icon="signOut"
            out
            onClick={() => {
              onGo();
              signOut();
            }}
          >
            {words.signOut}
          </Item>
        </div>
        {house.demo ? <p className="px-2.5 pt-1 pb-1.5 text-xs text-soft">{words.demoNote}</p> : null}
      </div>
      <button
        ref={button}
        type="button"
        data-account
        aria-expanded={open}
        aria-controls={id}
        onClick={() => setOpen(!open)}
        className="flex min-h-13 w-full items-center gap-3 rounded-xl px-2.5 text-left hover:bg-sunken"
      >
        <span aria-hidden="true" className="flex size-8 shrink-0 items-center justify-center rounded-full bg-tint text-sm font-semibold text-accent-strong">
          {[...session.name.trim()][0]?.toUpperCase() ?? "·"}
        </span>
        <span className="min-w-0 flex-1">
          <span translate="no" className="block truncate text-sm font-medium">{session.name}</span>
          <span className="block truncate text-xs text-soft">{role}</span>
        </span>
        <span className="sr-only">{words.account}</span>
        <Icon name={open ? "down" : "up"} className="size-4 text-soft" />
      </button>
    </div>
  );
}

interface ItemProps {
  icon: IconName;
  page?: PageName;
  current?: boolean;
  out?: boolean;
  onClick: () => void;
  children: string;
}

function Item({ icon, page, current = false, out = false, onClick, children }: ItemProps) {
  return (
    <button
      type="button"
      data-page={page}
      data-help={icon === "help" ? "" : undefined}
      data-leave={out ? "" : undefined}
      aria-current={current ? "page" : undefined}
      onClick={onClick}
      className={`flex min-h-9 w-full items-center gap-3 rounded-lg px-2.5 text-left text-sm hover:bg-sunken ${current ? "bg-tint font-medium text-accent-strong" : ""}`}
    >
      <Icon name={icon} className="size-[1.15rem]" />
      {children}
    </button>
  );
}

interface SegmentsProps<T extends string> {
  name: string;
  kind: string;
  choices: (readonly [T, string])[];
  chosen: T;
  onChoose: (value: T) => void;
}

/** One of a few, as radio buttons that look like one switch. */
function Segments<T extends string>({ name, kind, choices, chosen, onChoose }: SegmentsProps<T>) {
  const id = useId();
  return (
    <fieldset className="px-2.5 pt-2.5">
      <legend className="pb-1 text-xs text-soft">{name}</legend>
      <div className="mb-1 flex flex-wrap gap-1 rounded-lg bg-sunken p-1">
        {choices.map(([value, label]) => (
          <label
            key={value}
            className="flex-auto cursor-pointer rounded-md px-2 py-1 text-center text-[0.8125rem] text-soft outline-offset-2 outline-accent has-checked:bg-panel has-checked:font-medium has-checked:text-ink has-checked:shadow-card has-focus-visible:outline-2 forced-colors:has-checked:bg-[Highlight] forced-colors:has-checked:text-[HighlightText]"
          >
            <input type="radio" className="sr-only" name={id} value={value} checked={value === chosen} data-choose={`${kind}-${value}`} onChange={() => onChoose(value)} />
            <span lang={kind === "language" ? value : undefined}>{label}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
