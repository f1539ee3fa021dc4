import { useState } from "react";
import { Confirm } from "../../components/Confirm";
import { Empty, Page, Panel, Reading, Refused } from "../../components/Page";
import { SessionList } from "../../components/SessionList";
import { confirmDone } from "../../lib/announce";
import { send } from "../../lib/api";
import type { SessionRow } from "../../lib/contract";
import { useLanguage } from "../../lib/language";
import { useLoad } from "../../lib/load";
import { useSession } from "../../lib/session";

/** Where I am signed in. */
export default function Sessions() {
  const { words } = useLanguage();
  const { signOut } = useSession();
  const { data, refusal, reload } = useLoad<{ sessions: SessionRow[] }>("/auth/sessions");
  const [ending, setEnding] = useState<SessionRow>();

  async function end(session: SessionRow) {
    if (session.current) {
      signOut();
      return;
    }
    await send("DELETE", `/auth/sessions/${encodeURIComponent(session.id)}`);
    confirmDone(words.sessions.ended);
    reload();
  }

  return (
    <Page heading={words.pages.sessions} intro={words.sessions.intro}>
      {refusal ? <Refused refusal={refusal} onRetry={reload} /> : null}
      {!data && !refusal ? <Reading /> : null}
      {data ? (
        <Panel flush>{data.sessions.length === 0 ? <Empty>{words.sessions.none}</Empty> : <SessionList sessions={data.sessions} onEnd={setEnding} />}</Panel>
      ) : null}
      {ending ? (
        <Confirm heading={words.sessions.endHeading} act={words.sessions.end} danger orphans onAct={() => end(ending)} onClose={() => setEnding(undefined)}>
          <p>{ending.current ? words.sessions.endCurrent : words.sessions.endText}</p>
        </Confirm>
      ) : null}
    </Page>
  );
}
