//! What the rest of the house says and does for files and batches.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use schleuse_audit::{Event, Record};
use schleuse_batch::{Batches, Deed, Denial, House, Recorded, Standing, What};
use schleuse_gate::Gate;
use schleuse_identity::Verified;
use schleuse_policy::{Action, Question};
use schleuse_types::{Label, Outcome, Principal, Refusal};
use schleuse_wire::{Peer, invalid_request};
use tokio_util::sync::CancellationToken;

use super::bridge::{audit_unavailable, circumstances};

/// How often is looked for what is too old.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// The door of files and batches into the house.
pub(super) struct FileRules(pub(super) Arc<Gate>);

impl House for FileRules {
    fn permit(&self, principal: &Principal, peer: Peer) -> Result<(), Refusal> {
        let question = Question::new(principal, Action::UseFiles, circumstances(&self.0, peer));
        self.0.policy.decide(&question).permit().map(drop)
    }

    fn standing(&self, verified: &Verified) -> Standing {
        let standing = self.0.labels.standing(&schleuse_gate::charged(verified));
        Standing { clearance: standing.clearance, default: standing.default }
    }

    fn read_label(&self, text: &[u8]) -> Result<Label, Refusal> {
        let wrong = |english: String| {
            let german = "Der Kopf `x-schleuse-label` ist keine Einstufung dieses Hauses.".to_owned();
            invalid_request(english, german, "unknown label in the header", Some("x-schleuse-label"))
        };
        let label = Label::parse(text)
            .map_err(|error| wrong(format!("The header `x-schleuse-label` is {error}.")))?;
        match self.0.labels.check(&label) {
            Ok(()) => Ok(label),
            Err(unknown) => {
                Err(wrong(format!("The header `x-schleuse-label` is not one of this house: {unknown}.")))
            }
        }
    }

    fn record(&self, deed: Deed) -> Recorded {
        let gate = Arc::clone(&self.0);
        Box::pin(async move {
            let (event, surface) = match deed.what {
                What::FileCreate => (Event::FileCreate, "/v1/files"),
                What::FileRead => (Event::FileRead, "/v1/files/{id}/content"),
                What::FileDelete => (Event::FileDelete, "/v1/files/{id}"),
                What::BatchCreate => (Event::BatchCreate, "/v1/batches"),
                What::BatchCancel => (Event::BatchCancel, "/v1/batches/{id}/cancel"),
            };
            let mut record = Record::new(event);
            record.request_id = deed.request_id;
            record.user = gate.pseudonyms.name(&deed.principal.person);
            record.role = Some(deed.principal.role);
            record.tenant = deed.principal.tenant;
            record.source = Some(deed.principal.credential);
            record.surface = Some(surface.to_owned());
            record.action = Some(Outcome::Allowed);
            record.policy = Some(gate.policy.digest().to_owned());
            record.label = Some(deed.label);
            record.subject = Some(deed.subject);
            record.change = (!deed.change.is_empty()).then_some(deed.change);
            gate.log.append(record).await.map(drop).map_err(|error| audit_unavailable(&error.to_string()))
        })
    }

    fn record_denial(&self, denial: Denial) -> Recorded {
        let gate = Arc::clone(&self.0);
        Box::pin(async move {
            let mut record = Record::new(Event::AccessDeny);
            record.request_id = denial.request_id;
            record.user = gate.pseudonyms.name(&denial.principal.person);
            record.role = Some(denial.principal.role);
            record.tenant = denial.principal.tenant;
            record.source = Some(denial.principal.credential);
            record.surface = Some(denial.surface.to_owned());
            record.action = Some(denial.refusal.code.outcome());
            record.code = Some(denial.refusal.code.recorded().to_owned());
            record.status = Some(denial.refusal.code.status());
            record.policy = Some(gate.policy.digest().to_owned());
            gate.log.append(record).await.map(drop).map_err(|error| audit_unavailable(&error.to_string()))
        })
    }

    fn record_expiry(&self, files: u64, batches: u64) -> Recorded {
        let gate = Arc::clone(&self.0);
        Box::pin(async move {
            let mut record = Record::new(Event::FileExpire);
            record.action = Some(Outcome::Allowed);
            record.count = Some(files.saturating_add(batches));
            record.change = Some(format!("files={files} batches={batches}"));
            gate.log.append(record).await.map(drop).map_err(|error| audit_unavailable(&error.to_string()))
        })
    }

    fn refused_stranger(&self, address: IpAddr) {
        self.0.failures.count(address);
    }
}

/// Deletes what is too old and ends what is not finished in time, until `stop`.
pub(super) async fn keep_clean(batches: Arc<Batches>, stop: CancellationToken) {
    loop {
        if let Err(refusal) = batches.sweep().await {
            tracing::error!(%refusal, "files and batches that are too old cannot be deleted");
        }
        if stop.run_until_cancelled(tokio::time::sleep(SWEEP_EVERY)).await.is_none() {
            return;
        }
    }
}
