import { Modal } from "../../components/Modal";
import { Empty, Reading, Refused } from "../../components/Page";
import { RefusalCard } from "../../components/RefusalCard";
import { SessionList } from "../../components/SessionList";
import { confirmDone } from "../../lib/announce";
import { send } from "../../lib/api";
import type { Person, SessionRow } from "../../lib/contract";
import { useLanguage } from "../../lib/language";
import { useAct, useLoad } from "../../lib/load";

/** Where a person is signed in. */
export function PersonSessions({ person, onDone, onClose }: { person: Person; onDone: () => void; onClose: () => void }) {
  const { words } = useLanguage();
  const { data, refusal, reload } = useLoad<{ sessions: SessionRow[] }>("/api/sessions");
  const ending = useAct();
  const sessions = data?.sessions.filter((session) => session.person === person.id);

  async function end({ id }: SessionRow) {
    const done = await ending.act(async () => {
      await send("DELETE", `/api/sessions/${encodeURIComponent(id)}`);
    });
    if (!done) return;
    confirmDone(words.sessions.ended);
    reload();
    onDone();
    // The button that ended it is about to go.
    document.querySelector<HTMLElement>("dialog[open] [tabindex='0']")?.focus();
  }

  return (
    <Modal heading={words.people.sessionsOf(person.name)} onClose={onClose}>
      {refusal ? <Refused refusal={refusal} onRetry={reload} /> : null}
      {ending.refusal ? <RefusalCard refusal={ending.refusal} /> : null}
      {!sessions && !refusal ? <Reading /> : null}
      {sessions?.length === 0 ? <Empty>{words.people.noSessions}</Empty> : null}
      {sessions && sessions.length > 0 ? (
        <div className="rounded-2xl border border-line">
          <SessionList sessions={sessions} onEnd={(session) => void end(session)} />
        </div>
      ) : null}
    </Modal>
  );
}
