//! The walk: the life of one request as one straight function.
//!
//! Audit is a bracket around it, not a stage of it: an entry is open before anything happens and closed whatever
//! happens. What must not be skipped is a value that only its step can make, so a walk that leaves out a step does not
//! compile (`tests/fail`).

mod answers;
mod entry;
mod failures;
mod labels;
mod metrics;
mod models;
mod releases;
pub mod steps;
mod turns;
mod window;

use std::sync::Arc;

use schleuse_audit::{Log, PromptMac, Pseudonyms};
use schleuse_identity::Authenticator;
use schleuse_inspect::LiveInspector;
use schleuse_limits::Limits as Budgets;
use schleuse_policy::Policy;
use schleuse_types::{Clock, Random, Refusal, RefusalCode, RequestId, Secret, Tenant, Text};
use schleuse_upstream::{Route, Upstreams};
use schleuse_wire::{Arrival, Exchange, Exchanged, Limits, Reply, Surface};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use answers::{ANSWER_BYTES_MAX, AnswerScope, Answers, AnswersConfig, Asker};
pub use entry::Entry;
pub use failures::Failures;
pub use labels::{
    Clearance, Entered, Entering, HouseCompartment, Labels, LabelsError, Standing, Table, Walls,
};
pub use metrics::Metrics;
pub use releases::{Asked, Granted, NoReleases, Releases};
pub use steps::{Preview, charged, preview};
pub use turns::Turns;
pub use window::{Point, Totals, WINDOW_POINTS, WINDOW_STEP, Window};

/// What is wrong with the upstream of this name, in words for the asker, if that is known.
pub type Ailment = Arc<dyn Fn(&str) -> Option<Text> + Send + Sync>;

/// What should be said about a model wherever it is listed.
pub type Remark = Arc<dyn Fn(&str) -> Option<&'static str> + Send + Sync>;

/// Everything that a walk passes.
pub struct Gate {
    pub identity: Arc<Authenticator>,
    pub policy: Arc<Policy>,
    /// The recognizers in force; a walk keeps those that it began with.
    pub inspector: Arc<LiveInspector>,
    pub upstreams: Upstreams,
    pub log: Log,
    pub pseudonyms: Pseudonyms,
    pub prompt_mac: PromptMac,
    /// From which the surrogates of pseudonymised text are made.
    pub surrogate_secret: Secret<[u8; 32]>,
    /// What one request may cost to read.
    pub limits: Limits,
    /// What everybody may use: requests, streams, LLM tokens.
    pub budgets: Arc<Budgets>,
    /// Compartments, and who may have which label.
    pub labels: Labels,
    /// Who has seen which compartment.
    pub walls: Arc<dyn Walls>,
    /// Texts that somebody else let pass once.
    pub releases: Arc<dyn Releases>,
    /// Answers that are given again to whoever asks the very same.
    pub answers: Arc<Answers>,
    /// The places at model servers that have only so many.
    pub turns: Turns,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    pub is_demo: bool,
    /// What is known about an upstream that cannot be reached, for the asker: the embedded engine's own words.
    pub ailment: Ailment,
    pub remark: Remark,
    pub failures: Failures,
    pub metrics: Metrics,
    /// Every running request; waited for at shutdown.
    pub tasks: TaskTracker,
    /// Ends what is still running when the time for draining is over.
    pub cut: CancellationToken,
}

impl Gate {
    /// The ways of a tenant to a model for a question of this surface.
    pub(crate) fn routes(&self, tenant: &Tenant, model: &str, surface: Surface) -> Vec<Route> {
        let mut routes = self.upstreams.routes(tenant, model);
        routes.retain(|route| route.audio || !surface.is_speech());
        routes
    }
}

impl Exchange for Gate {
    fn exchange(self: Arc<Self>, arrival: Arrival) -> Exchanged {
        Box::pin(async move { bracket(&self, arrival, None).await })
    }
}

/// A way into the gate by which a question names a release. It is an object of this process: nothing in a request, whatever
/// its sender writes, leads here, and no connection from outside is ever given one.
pub struct Releasing {
    pub gate: Arc<Gate>,
    /// The id of the release.
    pub release: String,
}

impl Exchange for Releasing {
    fn exchange(self: Arc<Self>, arrival: Arrival) -> Exchanged {
        Box::pin(async move { bracket(&self.gate, arrival, Some(self.release.clone())).await })
    }
}

/// The bracket: an entry is open before anything happens and closed after, whatever happens between.
async fn bracket(gate: &Arc<Gate>, arrival: Arrival, release: Option<String>) -> Reply {
    let Ok(id) = RequestId::new(&*gate.clock, &*gate.random) else {
        return steps::refuse_nameless();
    };
    let entry = Entry::open(gate, id, &arrival, release);
    let leaving = Leaving(Some(entry.clone()));
    let walked = tokio::select! {
        biased;
        walked = walk(gate, arrival, &entry) => walked,
        refusal = entry.credential_ended() => Err(refusal),
        () = gate.cut.cancelled() => Err(shutting_down()),
    };
    let reply = match walked {
        Ok(reply) => reply.into_wire(),
        Err(refusal) => entry.refuse(refusal).await,
    };
    leaving.disarm();
    reply
}

/// Whoever drops the exchange before its reply has left: the walk goes with it, and with the walk the connection to the
/// model. What remains is to close the entry, in a task of its own that the shutdown waits for.
struct Leaving(Option<Entry>);

impl Leaving {
    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        if let Some(entry) = self.0.take() {
            entry.close_in_background(client_left());
        }
    }
}

/// The walk: the life of one request. Nothing else in the product may reorder these lines.
async fn walk(gate: &Arc<Gate>, arrival: Arrival, entry: &Entry) -> Result<steps::Followed, Refusal> {
    let verified = steps::verify(gate, arrival.presented(), entry).await?; // who: a credential of this house
    if !is_question(&arrival) {
        return models::answer(gate, &arrival, verified, entry);
    }
    let parsed = steps::parse(gate, arrival, &verified, entry).await?; // what: strict, bounded, nothing unknown
    let asking = steps::decide(gate, &verified, &parsed, entry)?; // may they ask this?
    let cleared = steps::inspect(gate, parsed, asking, entry).await?; // findings and label         → Cleared
    let decided = steps::decide_again(gate, &verified, cleared, entry).await?; // with both          → Decided
    let routed = steps::select(gate, decided, entry)?; // where: the label decides                  → Routed
    let reserved = steps::reserve(gate, &verified, routed, entry)?; // how much: every limit grants  → Reserved
    let admitted = steps::admit(gate, verified, reserved, entry).await?; // durable before a byte leaves → Admitted
    let asked = steps::ask(gate, admitted, entry).await?; // the only outbound call, takes only Admitted
    steps::reply(gate, asked, entry).await // inspected window by window, then the entry is closed  → Followed
}

fn is_question(arrival: &Arrival) -> bool {
    Surface::from_path(&arrival.path).is_some()
}

pub(crate) fn client_left() -> Refusal {
    Refusal::new(
        RefusalCode::ClientLeft,
        Text::fixed("The asker left.", "Die fragende Seite ist gegangen."),
        Text::fixed("Ask again.", "Fragen Sie erneut."),
        "the asker left before the answer was complete",
    )
}

pub(crate) fn shutting_down() -> Refusal {
    Refusal::new(
        RefusalCode::ShuttingDown,
        Text::fixed("Schleuse is shutting down.", "Schleuse wird beendet."),
        Text::fixed("Try again in a moment.", "Versuchen Sie es gleich noch einmal."),
        "cut off at the end of draining",
    )
    .with_retry_after(5)
}
