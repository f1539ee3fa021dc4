//! The short bridges between rooms that do not know each other.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use schleuse_console::{EngineState, Limit, Now, Operations, Point, PostureLine};
use schleuse_gate::{Gate, WINDOW_POINTS, WINDOW_STEP};
use schleuse_identity::Verified;
use schleuse_inference::{Engine, EngineStatus};
use schleuse_policy::{Action, Circumstances, Question};
use schleuse_types::{Principal, Refusal};
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

/// The pages that policy permits to this person.
pub(super) fn pages(gate: &Gate, verified: &Verified, peer: Peer) -> Vec<&'static str> {
    schleuse_console::pages(&gate.policy, verified.principal(), &circumstances(gate, peer))
}

fn circumstances(gate: &Gate, peer: Peer) -> Circumstances {
    Circumstances {
        loopback: peer.is_loopback(),
        address: Some(peer.address),
        device_known: false,
        demo: gate.is_demo,
    }
}
