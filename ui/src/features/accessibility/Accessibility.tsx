import { useMemo, useState } from "react";
import { Area } from "../../components/Area";
import { Button, buttonLook } from "../../components/Button";
import { CopyButton } from "../../components/CopyButton";
import { Field } from "../../components/Field";
import { Markdown } from "../../components/Markdown";
import { Page, Panel } from "../../components/Page";
import { confirmDone } from "../../lib/announce";
import { useLanguage } from "../../lib/language";
import { Link } from "../../lib/router";
import de from "./statement.de.md?raw";
import en from "./statement.en.md?raw";

interface Props {
  /** Where barriers are reported: an e-mail address or an `https:` address; nothing where nobody has said. */
  contact: string | undefined;
  /** Whether somebody is signed in, who has ways elsewhere. */
  inside: boolean;
}

/** The accessibility statement of BITV 2.0, section 7: what is met, what is not, whom to tell, and who decides in a dispute. */
export default function Accessibility({ contact, inside }: Props) {
  const { words, language } = useLanguage();
  return (
    <Page heading={words.accessibility.heading} intro={words.accessibility.intro}>
      <div data-statement className="max-w-3xl">
        <Markdown text={language === "de" ? de : en} headingLevel={2} />
      </div>
      <div className="max-w-3xl space-y-6">
        <Panel heading={words.accessibility.tell}>
          <Report contact={contact} />
        </Panel>
        <Panel heading={words.accessibility.dispute}>
          <p className="text-pretty">{words.accessibility.disputeText}</p>
          <address translate="no" className="mt-3 text-sm whitespace-pre-line not-italic" lang="de">
            {"Schlichtungsstelle nach § 16 BGG\nMauerstraße 53, 10117 Berlin\ninfo@schlichtungsstelle-bgg.de\nwww.schlichtungsstelle-bgg.de"}
          </address>
        </Panel>
        {inside ? null : (
          <Link to="/sign-in" className={buttonLook()}>
            {words.accessibility.back}
          </Link>
        )}
      </div>
    </Page>
  );
}

/** Writes down a barrier, and hands it to whoever runs the house: by mail where an address is known, else to be passed on. */
function Report({ contact }: { contact: string | undefined }) {
  const { words } = useLanguage();
  const [where, setWhere] = useState("");
  const [what, setWhat] = useState("");
  const ready = what.trim() !== "";
  const text = useMemo(() => [`${words.accessibility.where}: ${where.trim()}`, "", what.trim(), "", `${words.accessibility.browser}: ${navigator.userAgent}`].join("\n"), [words, where, what]);
  const isMail = contact !== undefined && /^[^\s@<>"?&]+@[^\s@<>"?&]+$/u.test(contact);
  const isPage = contact !== undefined && /^https:\/\/\S+$/u.test(contact);
  return (
    <div className="space-y-4">
      <p className="text-sm text-pretty text-soft">{isMail ? words.accessibility.byMail : isPage ? words.accessibility.byPage : words.accessibility.byHand}</p>
      <Field name={words.accessibility.where} hint={words.accessibility.whereHint} value={where} maxLength={300} autoComplete="off" data-barrier-place onChange={(event) => setWhere(event.target.value)} />
      <Area name={words.accessibility.what} hint={words.accessibility.whatHint} value={what} rows={5} maxLength={2000} data-barrier onChange={(event) => setWhat(event.target.value)} />
      <div className="flex flex-wrap items-center gap-3 text-sm">
        {isMail ? (
          <Button
            look="primary"
            disabled={!ready}
            data-report
            onClick={() => {
              location.href = `mailto:${encodeURIComponent(contact)}?subject=${encodeURIComponent(words.accessibility.subject)}&body=${encodeURIComponent(text)}`;
              confirmDone(words.accessibility.handed);
            }}
          >
            {words.accessibility.send}
          </Button>
        ) : null}
        {isPage ? (
          <a href={contact} rel="noreferrer" className={buttonLook("primary")} data-report>
            {words.accessibility.open}
          </a>
        ) : null}
        {ready ? <CopyButton text={text} name={words.accessibility.copy} labelled /> : null}
        {contact === undefined || isPage ? null : (
          <span translate="no" className="wrap-anywhere text-soft">
            {contact}
          </span>
        )}
      </div>
    </div>
  );
}
