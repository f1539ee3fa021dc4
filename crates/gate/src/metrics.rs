//! What the gate counts. Labels are fixed words, model and upstream names; never a person, never a text.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use schleuse_types::{Clock, Outcome, Tenant};

use crate::window::{Recent, Window};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    surface: &'static str,
    action: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TokenLabels {
    direction: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FindingLabels {
    kind: String,
    side: &'static str,
}

/// The gate's counters; clones are one.
#[derive(Debug, Clone)]
pub struct Metrics {
    requests: Family<RequestLabels, Counter>,
    tokens: Family<TokenLabels, Counter>,
    findings: Family<FindingLabels, Counter>,
    shadow: Family<FindingLabels, Counter>,
    running: Gauge,
    first_byte: Histogram,
    duration: Histogram,
    recent: Arc<Mutex<Recent>>,
    /// By tenant and model: two tenants may call two models alike.
    prompt_overheads: Arc<Mutex<HashMap<(Tenant, String), u64>>>,
}

/// More than a template adds; a model server that says more is not believed.
const PROMPT_OVERHEAD_MAX: u64 = 4096;

impl Metrics {
    /// Makes the counters and registers them.
    pub fn register(registry: &mut Registry) -> Self {
        let seconds = || Histogram::new([0.001, 0.005, 0.02, 0.1, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0]);
        let metrics = Self {
            requests: Family::default(),
            tokens: Family::default(),
            findings: Family::default(),
            shadow: Family::default(),
            running: Gauge::default(),
            first_byte: seconds(),
            duration: seconds(),
            recent: Arc::default(),
            prompt_overheads: Arc::default(),
        };
        registry.register(
            "schleuse_requests",
            "Requests by surface, action and status",
            metrics.requests.clone(),
        );
        registry.register("schleuse_llm_tokens", "LLM tokens by direction", metrics.tokens.clone());
        registry.register("schleuse_findings", "Findings by type and side", metrics.findings.clone());
        registry.register(
            "schleuse_shadow_findings",
            "Findings of rules in shadow by type and side",
            metrics.shadow.clone(),
        );
        registry.register("schleuse_requests_running", "Requests being answered", metrics.running.clone());
        registry.register(
            "schleuse_first_byte_seconds",
            "From arrival to the first piece of an answer",
            metrics.first_byte.clone(),
        );
        registry.register("schleuse_request_seconds", "From arrival to the end", metrics.duration.clone());
        metrics
    }

    /// The last five minutes in points of five seconds, for a page. `clock` is the gate's.
    pub fn window(&self, clock: &dyn Clock) -> Window {
        self.recent(|recent| recent.window(clock.monotonic(), clock.now()))
    }

    fn recent<T>(&self, act: impl FnOnce(&mut Recent) -> T) -> T {
        // Numbers of a panicked writer are off by one at most.
        act(&mut self.recent.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn began(&self, now: Duration) {
        self.running.inc();
        self.recent(|recent| recent.began(now));
    }

    pub(crate) fn ended(
        &self,
        now: Duration,
        surface: &'static str,
        outcome: Outcome,
        status: u16,
        duration: Duration,
    ) {
        self.running.dec();
        self.recent(|recent| recent.ended(now, outcome, status));
        let labels = RequestLabels { surface, action: outcome.as_str(), status };
        self.requests.get_or_create(&labels).inc();
        self.duration.observe(duration.as_secs_f64());
    }

    pub(crate) fn first_byte(&self, now: Duration, after: Duration) {
        self.first_byte.observe(after.as_secs_f64());
        self.recent(|recent| recent.first_byte(now, after));
    }

    pub(crate) fn used(&self, now: Duration, prompt: u64, completion: u64) {
        if prompt == 0 && completion == 0 {
            return;
        }
        self.tokens.get_or_create(&TokenLabels { direction: "in" }).inc_by(prompt);
        self.tokens.get_or_create(&TokenLabels { direction: "out" }).inc_by(completion);
        self.recent(|recent| recent.used(now, prompt, completion));
    }

    /// How many LLM tokens this model's template added to a prompt beyond the bytes of its question, at most so far.
    pub(crate) fn prompt_overhead(&self, tenant: &Tenant, model: &str) -> u64 {
        let overheads = self.prompt_overheads.lock().unwrap_or_else(PoisonError::into_inner);
        overheads.get(&(tenant.clone(), model.to_owned())).copied().unwrap_or_default()
    }

    /// `model` must be one that is configured, so that there are few.
    pub(crate) fn learn_prompt_overhead(&self, tenant: &Tenant, model: &str, tokens: u64) {
        let mut overheads = self.prompt_overheads.lock().unwrap_or_else(PoisonError::into_inner);
        let known = overheads.entry((tenant.clone(), model.to_owned())).or_default();
        *known = tokens.min(PROMPT_OVERHEAD_MAX).max(*known);
    }

    pub(crate) fn found_in_shadow(&self, kind: &str, side: &'static str) {
        self.shadow.get_or_create(&FindingLabels { kind: kind.to_owned(), side }).inc();
    }

    pub(crate) fn found(&self, kind: &str, side: &'static str) {
        self.findings.get_or_create(&FindingLabels { kind: kind.to_owned(), side }).inc();
    }
}
