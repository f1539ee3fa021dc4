//! The short bridges between rooms that do not know each other.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use schleuse_audit::{Event, Record};
use schleuse_console::{Approvals, EngineState, Limit, Now, Operations, Point, PostureLine};
use schleuse_gate::{Entered, Entering, Gate, WINDOW_POINTS, WINDOW_STEP, Walls};
use schleuse_identity::Verified;
use schleuse_inference::{Engine, EngineStatus};
use schleuse_policy::{Action, Circumstances, Declassification, Obligation, Question};
use schleuse_portal::{Duty, Lowering, Permitted, Portal};
use schleuse_store::{ApprovalRow, ApprovalState, ReleaseRow, Store};
use schleuse_types::{Compartment, Outcome, Principal, Refusal, RefusalCode, Tenant, Text};
use schleuse_wire::Peer;

use super::keeper::Changes;

/// What the console wants to know of the whole house.
pub(super) struct Overview {
    pub(super) gate: Arc<Gate>,
    pub(super) engine: Option<(Arc<Engine>, String)>,
    pub(super) changes: Arc<Changes>,
    pub(super) posture: Vec<PostureLine>,
    /// On the monotonic clock.
    pub(super) began: Duration,
}

impl Operations for Overview {
    fn forget_answers(&self, is_theirs: &dyn Fn(&Tenant, &str) -> bool) -> usize {
        self.gate.answers.forget(|asker| is_theirs(&asker.tenant, &asker.person))
    }

    fn now(&self) -> Now {
        let window = self.gate.metrics.window(&*self.gate.clock);
        let points = window.points.iter().map(|point| Point {
            time: point.began.plus(WINDOW_STEP),
            requests: point.requests,
            refused: point.refused,
            errors: point.errors,
            tokens_in: point.tokens_in,
            tokens_out: point.tokens_out,
            ttft_p50_ms: point.ttft_p50_ms,
            ttft_p95_ms: point.ttft_p95_ms,
            running: point.running,
        });
        Now {
            uptime_s: self.gate.clock.monotonic().saturating_sub(self.began).as_secs(),
            window_s: WINDOW_STEP.as_secs().saturating_mul(WINDOW_POINTS as u64),
            points: points.collect(),
            totals: schleuse_console::Totals {
                requests: window.totals.requests,
                refused: window.totals.refused,
                errors: window.totals.errors,
                tokens_in: window.totals.tokens_in,
                tokens_out: window.totals.tokens_out,
                running: window.totals.running,
                queue: self.gate.turns.waiting() as u64,
            },
            engine: self.engine.as_ref().map(|(engine, model)| EngineState {
                state: match engine.status() {
                    EngineStatus::Ready => "ready",
                    EngineStatus::Starting => "loading",
                    EngineStatus::Restarting { .. } => "restarting",
                    EngineStatus::Refused { .. } | EngineStatus::Unconfined { .. } => "failed",
                }
                .to_owned(),
                model: model.clone(),
            }),
        }
    }

    fn posture(&self) -> Vec<PostureLine> {
        self.posture.clone()
    }

    fn limits(&self, verified: &Verified) -> Vec<Limit> {
        let standing = self.gate.budgets.standing(&schleuse_gate::charged(verified)).into_iter();
        standing
            .map(|standing| Limit {
                who: standing.who,
                kind: standing.kind.as_str(),
                limit: standing.limit,
                used: standing.used,
                resets: standing.resets,
            })
            .collect()
    }

    fn refused_stranger(&self, address: IpAddr) {
        self.gate.failures.count(address);
    }

    fn key_recorded(&self, key: &str) {
        self.changes.record(key);
    }

    fn store_changed(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let changes = Arc::clone(&self.changes);
        Box::pin(async move { changes.made().await })
    }
}

/// Whether policy lets this person use the chat.
pub(super) fn may_chat(gate: &Gate, principal: &Principal, peer: Peer) -> Result<(), Refusal> {
    let question = Question::new(principal, Action::UseChat, circumstances(gate, peer));
    gate.policy.decide(&question).permit().map(drop)
}

/// Whether policy lets this person do what not everybody who chats may.
pub(super) fn may_do(gate: &Gate, principal: &Principal, peer: Peer, duty: Duty) -> Result<(), Refusal> {
    let action = match duty {
        Duty::ReadFeedback => Action::ReadFeedback,
        Duty::ReviewAssistants => Action::ReviewAssistants,
    };
    gate.policy.decide(&Question::new(principal, action, circumstances(gate, peer))).permit().map(drop)
}

/// The pages that policy permits to this person.
pub(super) fn pages(gate: &Gate, verified: &Verified, peer: Peer) -> Vec<&'static str> {
    schleuse_console::pages(&gate.policy, verified.principal(), &circumstances(gate, peer))
}

/// The memory of walls, in the store.
pub(super) struct KeptWalls(pub(super) Arc<Store>);

impl Walls for KeptWalls {
    fn enter<'a>(&'a self, entering: Entering<'a>) -> Entered<'a> {
        Box::pin(async move {
            let names = |all: &'a [Compartment]| all.iter().map(Compartment::as_str).collect::<Vec<_>>();
            let (compartments, against) = (names(entering.compartments), names(entering.against));
            let reached =
                self.0.reach_compartments(entering.person, &compartments, &against, entering.now).await;
            match reached.map_err(|error| error.to_string())? {
                None => Ok(None),
                Some(name) => name.parse().map(Some).map_err(|error| format!("`{name}` is {error}")),
            }
        })
    }
}

/// Decides whether the label of a conversation may fall. Either answer is in the audit log when this returns.
///
/// `two`: somebody else has to approve it, whatever the policies say.
pub(super) async fn declassify(gate: Arc<Gate>, lowering: Lowering, two: bool) -> Result<Permitted, Refusal> {
    let Lowering {
        principal,
        peer,
        request_id,
        owner,
        conversation,
        from,
        to,
        reason_characters,
        is_temporary,
    } = lowering;
    let own = owner == principal.person;
    let action = Action::Declassify(Declassification { from: from.clone(), to: to.clone(), own });
    let decision = gate.policy.decide(&Question::new(&principal, action, circumstances(&gate, peer)));
    let rules = decision.rules().to_vec();
    let needs_another = two || decision.obligations().contains(&Obligation::FourEyes);
    let mut permitted = decision.permit().map(|_| match needs_another {
        true => Permitted::WithApproval,
        false => Permitted::AtOnce,
    });
    if matches!(permitted, Ok(Permitted::WithApproval)) && is_temporary {
        permitted = Err(nobody_waits());
    }
    let mut record = Record::new(match permitted {
        Ok(Permitted::AtOnce) => Event::LabelLower,
        Ok(Permitted::WithApproval) => Event::LabelAsk,
        Err(_) => Event::AccessDeny,
    });
    record.request_id = request_id;
    record.user = gate.pseudonyms.name(&principal.person);
    record.role = Some(principal.role);
    record.tenant.clone_from(&principal.tenant);
    record.source = Some(principal.credential.clone());
    record.surface = Some("/api/chat/conversations/{id}/declassify".to_owned());
    record.action =
        Some(permitted.as_ref().map_or_else(|refusal| refusal.code.outcome(), |_| Outcome::Allowed));
    record.code = permitted.as_ref().err().map(|refusal| refusal.code.recorded().to_owned());
    record.rules = rules;
    record.policy = Some(gate.policy.digest().to_owned());
    let owner = gate.pseudonyms.name(&owner);
    record.change = Some(format!("from={from} to={to} owner={owner} reason_characters={reason_characters}"));
    record.label = Some(if matches!(permitted, Ok(Permitted::AtOnce)) { to } else { from });
    record.subject = Some(conversation);
    gate.log.append(record).await.map_err(|error| audit_unavailable(&error.to_string()))?;
    permitted
}

/// A conversation that is kept nowhere is gone before anybody has decided.
fn nobody_waits() -> Refusal {
    Refusal::new(
        RefusalCode::AccessDenied,
        Text::fixed(
            "In this house somebody else has to approve a lower label, and a temporary conversation is kept nowhere meanwhile.",
            "In diesem Haus muss eine zweite Person eine niedrigere Einstufung genehmigen, und eine temporäre Unterhaltung wird \
             solange nirgends aufbewahrt.",
        ),
        Text::fixed(
            "Begin a conversation that is kept, or take out what raised the label.",
            "Beginnen Sie eine Unterhaltung, die aufbewahrt wird, oder entfernen Sie, was die Einstufung angehoben hat.",
        ),
        "a temporary conversation waits for no approval",
    )
}

/// What the console does with lower labels that somebody asked for.
pub(super) struct Approving(pub(super) Arc<Portal>);

impl Approvals for Approving {
    fn reason<'a>(
        &'a self,
        row: &'a ApprovalRow,
    ) -> Pin<Box<dyn Future<Output = Option<String>> + Send + 'a>> {
        Box::pin(self.0.reason_of(row))
    }

    fn release_reason<'a>(
        &'a self,
        row: &'a ReleaseRow,
    ) -> Pin<Box<dyn Future<Output = Option<String>> + Send + 'a>> {
        Box::pin(self.0.reason_of_release(row))
    }

    fn decide<'a>(
        &'a self,
        row: &'a ApprovalRow,
        decider: &'a str,
        state: ApprovalState,
    ) -> Pin<Box<dyn Future<Output = Result<(), Refusal>> + Send + 'a>> {
        Box::pin(self.0.decide_approval(row, decider, state))
    }
}

pub(super) fn audit_unavailable(reason: &str) -> Refusal {
    Refusal::new(
        RefusalCode::AuditUnavailable,
        Text::fixed(
            "The audit log takes no entries at the moment, so nothing may be changed.",
            "Das Prüfprotokoll nimmt gerade keine Einträge an, deshalb darf nichts geändert werden.",
        ),
        Text::fixed(
            "Try again shortly and tell your operator.",
            "Versuchen Sie es gleich noch einmal und sagen Sie dem Betrieb Bescheid.",
        ),
        format!("audit append failed: {reason}"),
    )
    .with_retry_after(5)
}

pub(super) fn circumstances(gate: &Gate, peer: Peer) -> Circumstances {
    Circumstances {
        loopback: peer.is_loopback(),
        address: Some(peer.address),
        device_known: false,
        demo: gate.is_demo,
    }
}
