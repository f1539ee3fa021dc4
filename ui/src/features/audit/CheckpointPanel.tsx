import { Button } from "../../components/Button";
import { CopyButton } from "../../components/CopyButton";
import { Facts } from "../../components/Facts";
import { Icon } from "../../components/icons";
import { Panel, Refused } from "../../components/Page";
import type { Checkpoint } from "../../lib/contract";
import { offerFile } from "../../lib/download";
import { count } from "../../lib/format";
import { useLanguage } from "../../lib/language";
import { useLoad } from "../../lib/load";

/** The newest signed checkpoint and the key that verifies it. */
export function CheckpointPanel() {
  const { words, language } = useLanguage();
  const { data, refusal, reload } = useLoad<Checkpoint>("/api/audit/checkpoint");
  if (refusal) return refusal.status === 403 ? null : <Refused refusal={refusal} onRetry={reload} />;
  return (
    <Panel
      heading={words.audit.checkpoint}
      actions={
        <Button small disabled={!data} data-checkpoint onClick={() => data && offerFile(`checkpoint-${data.size}.txt`, "text/plain", data.signed_note)}>
          <Icon name="download" />
          {words.audit.downloadNote}
        </Button>
      }
    >
      <p className="mb-4 max-w-3xl text-sm text-pretty text-soft">{words.audit.checkpointText}</p>
      {data ? (
        <Facts
          facts={[
            [words.audit.origin, data.origin],
            [words.audit.size, count(data.size, language)],
            [words.audit.root, <Hash key="root" text={data.root} />],
            [words.audit.vkey, <Hash key="vkey" text={data.vkey} />],
          ]}
        />
      ) : null}
    </Panel>
  );
}

function Hash({ text }: { text: string }) {
  const { words } = useLanguage();
  return (
    <span className="inline-flex items-center gap-1 font-mono text-[0.8125rem] break-all">
      {text}
      <CopyButton text={text} name={words.copy} />
    </span>
  );
}
