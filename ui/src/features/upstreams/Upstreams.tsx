import { Button } from "../../components/Button";
import { Empty, Page, Panel, Reading, Refused } from "../../components/Page";
import { UpstreamTable } from "../../components/UpstreamTable";
import type { Upstream } from "../../lib/contract";
import { useLanguage } from "../../lib/language";
import { useLoad } from "../../lib/load";
import { useSession } from "../../lib/session";

/** Which model servers this house may ask. */
export default function Upstreams() {
  const { words } = useLanguage();
  const { openHelp } = useSession();
  const { data, refusal, reload } = useLoad<{ upstreams: Upstream[] }>("/api/upstreams");
  return (
    <Page heading={words.pages.upstreams} intro={words.upstreams.intro} actions={<Button onClick={reload}>{words.reload}</Button>}>
      {refusal ? <Refused refusal={refusal} onRetry={reload} /> : null}
      {!data && !refusal ? <Reading /> : null}
      {data ? (
        <Panel flush>
          {data.upstreams.length === 0 ? (
            <Empty>
              <p className="mb-4">{words.upstreams.none}</p>
              <Button onClick={() => openHelp("model")}>{words.upstreams.noneMore}</Button>
            </Empty>
          ) : (
            <UpstreamTable upstreams={data.upstreams} />
          )}
        </Panel>
      ) : null}
    </Page>
  );
}
