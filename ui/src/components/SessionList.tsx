import type { SessionRow } from "../lib/contract";
import { dateTime } from "../lib/format";
import { useLanguage } from "../lib/language";
import { Badge } from "./Badge";
import { Button } from "./Button";

/** Sessions, one card each, with a button that ends it. */
export function SessionList({ sessions, onEnd }: { sessions: SessionRow[]; onEnd: (session: SessionRow) => void }) {
  const { words, language } = useLanguage();
  return (
    <ul>
      {sessions.map((session) => (
        <li key={session.id} data-session={session.id} className="flex flex-wrap items-center gap-x-4 gap-y-2 border-b border-line px-4 py-3.5 last:border-b-0 sm:px-5">
          <div className="min-w-0 flex-1 basis-60">
            <p className="flex flex-wrap items-center gap-2 font-medium">
              <span className="wrap-anywhere">{deviceOf(session.agent) || session.id}</span>
              {session.current ? (
                <Badge look="good" data-state="current">
                  {words.sessions.current}
                </Badge>
              ) : null}
            </p>
            <dl className="mt-1 flex flex-wrap gap-x-4 gap-y-0.5 text-sm text-soft">
              <Fact name={words.columns.method}>{words.sessions.methods[session.method] ?? session.method}</Fact>
              <Fact name={words.columns.lastSeen}>{session.last_seen ? dateTime(session.last_seen, language) : words.never}</Fact>
              <Fact name={words.columns.expires}>{dateTime(session.expires, language)}</Fact>
            </dl>
          </div>
          <Button small data-end onClick={() => onEnd(session)} aria-label={`${words.sessions.end}: ${deviceOf(session.agent) || session.id}`}>
            {words.sessions.end}
          </Button>
        </li>
      ))}
    </ul>
  );
}

function Fact({ name, children }: { name: string; children: string }) {
  return (
    <div className="flex flex-wrap gap-x-1.5">
      <dt>{name}</dt>
      <dd className="text-ink">{children}</dd>
    </div>
  );
}

/** Browser and system as people call them, from what the browser says of itself; its own words where it is no browser. */
export function deviceOf(agent: string): string {
  const browsers: [string, RegExp][] = [
    ["Edge", /\bEdg\//u],
    ["Firefox", /\bFirefox\//u],
    ["Chrome", /\b(?:Headless)?Chrome\//u],
    ["Safari", /\bVersion\/.*Safari\//u],
  ];
  const systems: [string, RegExp][] = [
    ["iPhone", /iPhone/u],
    ["iPad", /iPad/u],
    ["Android", /Android/u],
    ["Windows", /Windows/u],
    ["macOS", /Mac OS X/u],
    ["Linux", /Linux/u],
  ];
  const browser = browsers.find(([, pattern]) => pattern.test(agent))?.[0];
  const system = systems.find(([, pattern]) => pattern.test(agent))?.[0];
  return browser && system ? `${browser}, ${system}` : agent.slice(0, 80);
}
