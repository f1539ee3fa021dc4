import { useState } from "react";
import { Button } from "../../components/Button";
import { Confirm } from "../../components/Confirm";
import { Empty, Page, Panel, Reading, Refused } from "../../components/Page";
import { UpstreamTable } from "../../components/UpstreamTable";
import { confirmDone } from "../../lib/announce";
import { send } from "../../lib/api";
import type { Upstream } from "../../lib/contract";
import { useLanguage } from "../../lib/language";
import { useLoad } from "../../lib/load";
import { useSession } from "../../lib/session";

/** Which model servers this house may ask. */
export default function Upstreams() {
  const { words } = useLanguage();
  const { openHelp } = useSession();
  const { data, refusal, reload } = useLoad<{ upstreams: Upstream[] }>("/api/upstreams");
  const [changing, setChanging] = useState<Upstream>();

  async function change({ name, draining }: Upstream) {
    await send("POST", `/api/upstreams/${encodeURIComponent(name)}/${draining ? "undrain" : "drain"}`);
    confirmDone(draining ? words.upstreams.undrained : words.upstreams.drained);
    reload();
  }

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
            <UpstreamTable upstreams={data.upstreams} onDrain={setChanging} />
          )}
        </Panel>
      ) : null}
      {changing ? (
        <Confirm
          heading={changing.draining ? words.upstreams.undrainHeading : words.upstreams.drainHeading}
          act={changing.draining ? words.upstreams.undrain : words.upstreams.drain}
          onAct={() => change(changing)}
          onClose={() => setChanging(undefined)}
        >
          <p translate="no">{changing.name}</p>
          <p>{changing.draining ? words.upstreams.undrainText : words.upstreams.drainText}</p>
        </Confirm>
      ) : null}
    </Page>
  );
}
