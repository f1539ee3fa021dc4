import { useEffect, useState } from "react";
import { Button } from "../../components/Button";
import { Code } from "../../components/Code";
import { Icon } from "../../components/icons";
import { Modal } from "../../components/Modal";
import { Reading, Refused } from "../../components/Page";
import type { Proof } from "../../lib/contract";
import { offerFile } from "../../lib/download";
import { useLanguage } from "../../lib/language";
import { useLoad } from "../../lib/load";
import { checkpointOf, proofFileOf, rootOf } from "../../lib/merkle";

/** The inclusion proof of one entry, recomputed right here. */
export function ProofDrawer({ index, onClose }: { index: number; onClose: () => void }) {
  const { words } = useLanguage();
  const { data, refusal, reload } = useLoad<Proof>(`/api/audit/proofs/${index}`);
  return (
    <Modal heading={words.audit.proof(index)} onClose={onClose}>
      {refusal ? <Refused refusal={refusal} onRetry={reload} /> : null}
      {!data && !refusal ? <Reading /> : null}
      {data ? (
        <div className="space-y-5" data-proof>
          <p className="text-pretty text-soft">{words.audit.proofText}</p>
          <Recomputed proof={data} />
          <Button data-download-proof onClick={() => offerFile(`entry-${data.index}.tlog-proof`, "text/plain", proofFileOf(data))}>
            <Icon name="download" />
            {words.audit.downloadProof}
          </Button>
          <section>
            <h3 className="mb-1 text-sm font-semibold">{words.audit.leaf}</h3>
            <p className="font-mono text-[0.8125rem] break-all">{data.leaf_hash}</p>
          </section>
          <section>
            <h3 className="mb-1 text-sm font-semibold">{words.audit.path}</h3>
            <ol className="list-decimal space-y-1 pl-6 font-mono text-[0.8125rem] break-all">
              {data.proof.map((hash) => (
                <li key={hash}>{hash}</li>
              ))}
            </ol>
          </section>
          <section>
            <h3 className="mb-2 text-sm font-semibold">{words.audit.signed}</h3>
            <Code code={data.checkpoint} />
          </section>
        </div>
      ) : null}
    </Modal>
  );
}

function Recomputed({ proof }: { proof: Proof }) {
  const { words } = useLanguage();
  const [holds, setHolds] = useState<boolean>();

  useEffect(() => {
    let current = true;
    const signed = checkpointOf(proof.checkpoint);
    const size = signed?.size ?? proof.size;
    rootOf(proof.entry, proof.index, size, proof.proof).then(
      (root) => current && setHolds(root !== undefined && root === signed?.root),
      () => current && setHolds(false),
    );
    return () => {
      current = false;
    };
  }, [proof]);

  // Without TLS and away from this machine, browsers give pages no hash function; then nothing is claimed.
  if (!("subtle" in crypto)) return null;
  const look = holds === undefined ? "border-line" : holds ? "border-good-line bg-good-tint text-good" : "border-stop-line bg-stop-tint text-stop";
  return (
    <p data-recomputed={holds} className={`flex gap-2.5 rounded-xl border p-3.5 text-sm ${look}`}>
      <Icon name={holds === false ? "warning" : "posture"} className="mt-0.5 size-4" />
      {holds === undefined ? words.audit.checking : holds ? words.audit.checked : words.audit.unchecked}
    </p>
  );
}
