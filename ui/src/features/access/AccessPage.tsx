import { Page } from "../../components/Page";
import { useLanguage } from "../../lib/language";
import { WhoMay } from "./WhoMay";
import { WhyRefused } from "./WhyRefused";

/** Who can use or see this, and why was this refused. The questions stand in the address, so that an answer can be passed on. */
export default function AccessPage({ query }: { query: string }) {
  const { words } = useLanguage();
  const parameters = new URLSearchParams(query);
  const requestId = parameters.get("request_id") ?? "";
  return (
    <Page heading={words.pages.access} intro={words.access.intro}>
      {requestId === "" ? (
        <>
          <WhoMay key={query} parameters={parameters} />
          <WhyRefused requestId="" />
        </>
      ) : (
        <>
          <WhyRefused key={requestId} requestId={requestId} />
          <WhoMay parameters={parameters} />
        </>
      )}
    </Page>
  );
}
