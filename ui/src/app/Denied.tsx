import { buttonLook } from "../components/Button";
import { Page, Reading } from "../components/Page";
import { RefusalCard } from "../components/RefusalCard";
import type { PageName } from "../lib/contract";
import { useLanguage } from "../lib/language";
import { useLoad } from "../lib/load";
import { Link } from "../lib/router";
import { useSession } from "../lib/session";
import { ROUTES } from "./routes";

/** A page of another role: the house itself says why, and nothing of the page is there. */
export function Denied({ page }: { page: PageName }) {
  const { words } = useLanguage();
  const { session } = useSession();
  // Only the refusal is of interest; an answer would not be shown.
  const { refusal, busy } = useLoad<unknown>(ROUTES[page].probe);
  const [first] = session.pages;
  return (
    <Page heading={words.denied.heading} intro={words.denied.text(words.roles[session.role]?.[0] ?? session.role)}>
      <div data-denied={page} className="max-w-2xl space-y-6">
        {refusal ? <RefusalCard refusal={refusal} level={2} /> : busy ? <Reading /> : null}
        {first ? (
          <Link to={`/${first}`} className={buttonLook()}>
            {words.denied.home}
          </Link>
        ) : null}
      </div>
    </Page>
  );
}
