//! What the pages for security, operation, audit and administration read and change.
//!
//! [`Console`] is an [`Exchange`] for `/api`. It has no privilege of its own: every route stands in one table
//! ([`ROUTES`]) with the policy action that it needs, the credential is verified and the policy asked before anything
//! else, and no answer says more than that table permits. In what was recorded people stand under their pseudonyms.
//!
//! Changes are recorded before they are made, and go on when their asker leaves meanwhile; what only reads ends with its
//! asker. Reading the log is recorded too.

mod access;
mod answer;
mod approvals;
mod body;
mod call;
mod complaint;
mod decisions;
mod explanation;
mod export;
mod keys;
mod live;
mod log;
mod operations;
mod people;
mod privilege;
mod reading;
mod route;
mod sessions;
mod walls;

use std::sync::Arc;

use schleuse_audit::{Log, Pseudonyms};
use schleuse_identity::{Authenticator, Pepper};
use schleuse_policy::{Action, Circumstances, Effect, Policy, Question};
use schleuse_store::Store;
use schleuse_types::{Clock, Label, Principal, Random, Tenant};
use schleuse_upstream::Upstreams;
use schleuse_wire::{Arrival, Exchange, Exchanged};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use approvals::Approvals;
pub use explanation::{Explanation, explain};
pub use live::LiveLimits;
pub use operations::{EngineState, Level, Limit, Now, Operations, Point, PostureLine, Totals};
pub use reading::Readings;
pub use route::{Need, ROUTES, Route, pages};

/// Everything that the pages read and change.
pub struct Console {
    pub identity: Arc<Authenticator>,
    pub policy: Arc<Policy>,
    /// Name and text of each file that `policy` was read from, schema first.
    pub policy_files: Vec<(String, String)>,
    pub store: Arc<Store>,
    pub log: Log,
    pub pseudonyms: Pseudonyms,
    /// With which keys that are made here are hashed; the one of `identity`.
    pub pepper: Pepper,
    pub upstreams: Upstreams,
    /// Those to which somebody can belong, the house's own among them.
    pub tenants: Vec<Tenant>,
    /// What a principal may have, by the house's configuration.
    pub clearance: Clearance,
    pub operations: Arc<dyn Operations>,
    /// What becomes of lower labels that somebody asked for.
    pub approvals: Arc<dyn Approvals>,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    pub is_demo: bool,
    /// Which readings were recorded a moment ago.
    pub readings: Readings,
    /// How many may listen, export and verify at once.
    pub live: LiveLimits,
    /// Every running change and stream; waited for at shutdown.
    pub tasks: TaskTracker,
    /// Ends streams when the house stops taking requests.
    pub stop: CancellationToken,
}

/// The clearance of a principal.
pub type Clearance = Arc<dyn Fn(&Principal) -> Label + Send + Sync>;

impl Exchange for Console {
    fn exchange(self: Arc<Self>, arrival: Arrival) -> Exchanged {
        Box::pin(call::answer(self, arrival))
    }
}

impl Console {
    /// Whether the policy permits `action`; the decision's refusal otherwise.
    fn decide(
        &self,
        principal: &Principal,
        action: Action,
        circumstances: &Circumstances,
    ) -> schleuse_policy::Decision {
        self.policy.decide(&Question::new(principal, action, circumstances.clone()))
    }

    fn may(&self, principal: &Principal, action: Action, circumstances: &Circumstances) -> bool {
        self.decide(principal, action, circumstances).effect() == Effect::Allow
    }
}
