import { type FormEvent, type ReactNode, useEffect, useState } from "react";
import { Button, buttonLook } from "../../components/Button";
import { Field } from "../../components/Field";
import { Icon } from "../../components/icons";
import { RefusalCard } from "../../components/RefusalCard";
import { send } from "../../lib/api";
import type { House, Method, Role, Session } from "../../lib/contract";
import { readMethods } from "../../lib/house";
import { useLanguage } from "../../lib/language";
import { useAct } from "../../lib/load";
import { ownRefusal, type Refusal, refusalIn } from "../../lib/refusal";
import { localAddress } from "../../lib/router";

interface Props {
  house: House;
  /** Why nobody is signed in: the session ended by itself, or the person ended it. */
  reason: "ended" | "left" | undefined;
  /** The query of this page: `return`, and after a failed sign-in `refused` and `request_id`. */
  query: string;
  onSession: (session: Session) => void;
}

/** Every way into this house, the most usual first. */
export function SignIn({ house, reason, query, onSession }: Props) {
  const { words } = useLanguage();
  const [methods, setMethods] = useState<Method[]>();
  const [unread, setUnread] = useState<Refusal>();
  const { busy, refusal, act } = useAct();
  const parameters = new URLSearchParams(query);
  const back = localAddress(parameters.get("return"));
  const refused = parameters.get("refused");
  const shown = refusal ?? unread ?? (refused ? ownRefusal(reasonOf(refused, parameters.get("reason")), 0, parameters.get("request_id") ?? undefined) : undefined);

  useEffect(() => {
    readMethods().then(setMethods, (error: unknown) => setUnread(refusalIn(error)));
  }, []);

  const enter = (path: string, body: unknown) => void act(async () => onSession(await send<Session>("POST", path, body)));
  const demo = methods?.find((method) => method.kind === "demo");
  const providers = methods?.filter((method) => method.kind === "oidc") ?? [];
  const directories = methods?.filter((method) => method.kind === "ldap") ?? [];
  const withKey = methods?.some((method) => method.kind === "key") ?? false;

  return (
    <div className="mx-auto grid w-full max-w-5xl flex-1 content-center gap-8 px-4 py-8 sm:px-6 lg:grid-cols-[1fr_1.15fr] lg:gap-16 lg:pb-24">
      <div className="lg:pt-2">
        <h1 tabIndex={-1} className="text-3xl font-semibold tracking-tight outline-none sm:text-4xl">
          {demo ? words.signIn.heading : words.signIn.otherHeading}
        </h1>
        <p className="mt-3 max-w-prose text-pretty text-soft">{demo ? words.signIn.intro : words.signIn.otherIntro}</p>
        <dl className="mt-8 hidden space-y-4 border-l-2 border-line pl-5 sm:block">
          {words.signIn.promises.map(([name, sentence]) => (
            <div key={name}>
              <dt className="font-semibold">{name}</dt>
              <dd className="text-sm text-soft">{sentence}</dd>
            </div>
          ))}
        </dl>
      </div>
      <div className="min-w-0 space-y-4">
        {reason === "ended" ? (
          <div data-ended className="flex gap-3 rounded-2xl border border-line bg-tint p-4">
            <Icon name="info" className="mt-0.5 size-5 text-accent" />
            <div>
              <h2 className="font-semibold">{words.signIn.ended}</h2>
              <p className="mt-0.5 text-sm text-pretty text-soft">{words.signIn.endedText}</p>
            </div>
          </div>
        ) : null}
        {reason === "left" ? <p className="text-sm text-soft">{words.signIn.signedOut}</p> : null}
        {shown ? <RefusalCard refusal={shown} level={2} /> : null}
        {methods?.length === 0 ? <p className="text-soft">{words.signIn.noMethods}</p> : null}
        {providers.length > 0 ? (
          <Card>
            <ul className="space-y-2.5">
              {providers.map((provider) => (
                <li key={provider.id}>
                  <a
                    href={`/auth/oidc/${encodeURIComponent(provider.id)}/start?return=${encodeURIComponent(back)}`}
                    data-provider={provider.id}
                    className={`${buttonLook("primary")} w-full py-2 text-center`}
                  >
                    {words.signIn.with(provider.name)}
                  </a>
                </li>
              ))}
            </ul>
          </Card>
        ) : null}
        {directories.map((directory) => (
          <Directory key={directory.id} name={directory.name} id={directory.id} busy={busy} onEnter={enter} />
        ))}
        {demo ? <Roles roles={house.roles.filter((role) => demo.roles.includes(role))} busy={busy} onEnter={enter} /> : null}
        {withKey ? <KeyForm folded={methods !== undefined && methods.length > 1} busy={busy} onEnter={enter} /> : null}
      </div>
    </div>
  );
}

/** Which of this page's own explanations fits what the house says about a sign-in that ended on its way. */
function reasonOf(code: string, reason: string | null): string {
  const known: Record<string, string> = {
    no_role: "access_denied",
    blocked: "blocked",
    declined: "declined",
    unreachable: "unreachable",
    not_begun: "sign_in_expired",
    other_browser: "sign_in_expired",
    not_confirmed: "sign_in_failed",
  };
  return known[reason ?? ""] ?? (code === "audit_unavailable" ? code : "sign_in_failed");
}

interface EntryProps {
  busy: boolean;
  onEnter: (path: string, body: unknown) => void;
}

function Card({ children }: { children: ReactNode }) {
  return <div className="rounded-2xl border border-line bg-panel p-5 shadow-card">{children}</div>;
}

function Roles({ roles, busy, onEnter }: EntryProps & { roles: Role[] }) {
  const { words } = useLanguage();
  return (
    <ul className="overflow-hidden rounded-2xl border border-line bg-panel shadow-card">
      {roles.map((role) => (
        <li key={role} className="border-b border-line last:border-b-0">
          <button
            type="button"
            data-role={role}
            disabled={busy}
            onClick={() => onEnter("/auth/demo", { role })}
            className="group flex min-h-16 w-full items-center gap-4 px-5 py-3 text-left transition-colors -outline-offset-2 hover:bg-tint"
          >
            <span className="min-w-0 flex-1">
              <span className="block font-semibold">{words.roles[role][0]}</span>
              <span className="block text-sm text-soft">{words.roles[role][1]}</span>
            </span>
            <Icon name="right" className="size-5 text-soft transition-transform group-hover:translate-x-1 group-hover:text-accent" />
          </button>
        </li>
      ))}
    </ul>
  );
}

function Directory({ name, id, busy, onEnter }: EntryProps & { name: string; id: string }) {
  const { words } = useLanguage();
  const [person, setPerson] = useState("");
  const [password, setPassword] = useState("");

  function submit(event: FormEvent) {
    event.preventDefault();
    if (person.trim() !== "" && password !== "") onEnter(`/auth/ldap/${encodeURIComponent(id)}`, { name: person.trim(), password });
    setPassword("");
  }

  return (
    <Card>
      <form data-directory={id} onSubmit={submit} className="space-y-4">
        <h2 className="font-semibold">{words.signIn.directory(name)}</h2>
        <Field name={words.signIn.name} autoComplete="username" spellCheck={false} autoCapitalize="none" value={person} onChange={(event) => setPerson(event.target.value)} />
        <Field name={words.signIn.password} type="password" autoComplete="current-password" value={password} onChange={(event) => setPassword(event.target.value)} />
        <Button look="primary" type="submit" className="w-full" disabled={busy || person.trim() === "" || password === ""}>
          {words.signIn.submit}
        </Button>
      </form>
    </Card>
  );
}

function KeyForm({ folded, busy, onEnter }: EntryProps & { folded: boolean }) {
  const { words } = useLanguage();
  const [key, setKey] = useState("");
  const [open, setOpen] = useState(!folded);

  function submit(event: FormEvent) {
    event.preventDefault();
    if (key.trim() !== "") onEnter("/auth/key", { key: key.trim() });
    // The page never holds a key longer than it takes to hand it over.
    setKey("");
  }

  if (!open) {
    return (
      <Button look="quiet" data-with-key onClick={() => setOpen(true)}>
        <Icon name="keys" />
        {words.signIn.keyHeading}
      </Button>
    );
  }
  return (
    <Card>
      <form data-key-form onSubmit={submit}>
        <h2 className="mb-3 font-semibold">{words.signIn.keyHeading}</h2>
        <Field
          name={words.signIn.keyField}
          hint={words.signIn.keyIntro}
          type="password"
          autoComplete="off"
          spellCheck={false}
          placeholder="sk-…"
          mono
          value={key}
          onChange={(event) => setKey(event.target.value)}
        />
        <Button look="primary" type="submit" className="mt-4 w-full" disabled={busy || key.trim() === ""}>
          {words.signIn.submit}
        </Button>
      </form>
    </Card>
  );
}
