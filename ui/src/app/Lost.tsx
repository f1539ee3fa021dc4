import { buttonLook } from "../components/Button";
import { Icon } from "../components/icons";
import { Page } from "../components/Page";
import { useLanguage } from "../lib/language";
import { Link } from "../lib/router";
import { useSession } from "../lib/session";
import { ROUTES } from "./routes";

/** An address that leads nowhere, with the ways that lead somewhere. */
export function Lost() {
  const { words } = useLanguage();
  const { session } = useSession();
  return (
    <Page heading={words.lost.heading} intro={words.lost.text}>
      <section aria-label={words.lost.pages} data-lost>
        <h2 className="mb-3 text-sm font-medium text-soft">{words.lost.pages}</h2>
        <ul className="flex flex-wrap gap-2">
          {session.pages.map((name) => (
            <li key={name}>
              <Link to={`/${name}`} className={buttonLook()}>
                <Icon name={ROUTES[name]?.icon ?? "right"} />
                {words.pages[name]}
              </Link>
            </li>
          ))}
        </ul>
      </section>
    </Page>
  );
}
