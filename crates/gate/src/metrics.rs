//! What the gate counts. Labels are fixed words, model and upstream names; never a person, never a text.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use schleuse_types::Outcome;

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
    running: Gauge,
    first_byte: Histogram,
    duration: Histogram,
}

impl Metrics {
    /// Makes the counters and registers them.
    pub fn register(registry: &mut Registry) -> Self {
        let seconds = || Histogram::new([0.001, 0.005, 0.02, 0.1, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0]);
        let metrics = Self {
            requests: Family::default(),
            tokens: Family::default(),
            findings: Family::default(),
            running: Gauge::default(),
            first_byte: seconds(),
            duration: seconds(),
        };
        registry.register(
            "schleuse_requests",
            "Requests by surface, action and status",
            metrics.requests.clone(),
        );
        registry.register("schleuse_llm_tokens", "LLM tokens by direction", metrics.tokens.clone());
        registry.register("schleuse_findings", "Findings by type and side", metrics.findings.clone());
        registry.register("schleuse_requests_running", "Requests being answered", metrics.running.clone());
        registry.register(
            "schleuse_first_byte_seconds",
            "From arrival to the first piece of an answer",
            metrics.first_byte.clone(),
        );
        registry.register("schleuse_request_seconds", "From arrival to the end", metrics.duration.clone());
        metrics
    }

    pub(crate) fn began(&self) {
        self.running.inc();
    }

    pub(crate) fn ended(&self, surface: &'static str, outcome: Outcome, status: u16, duration: Duration) {
        self.running.dec();
        let labels = RequestLabels { surface, action: outcome.as_str(), status };
        self.requests.get_or_create(&labels).inc();
        self.duration.observe(duration.as_secs_f64());
    }

    pub(crate) fn first_byte(&self, after: Duration) {
        self.first_byte.observe(after.as_secs_f64());
    }

    pub(crate) fn used(&self, prompt: u64, completion: u64) {
        self.tokens.get_or_create(&TokenLabels { direction: "in" }).inc_by(prompt);
        self.tokens.get_or_create(&TokenLabels { direction: "out" }).inc_by(completion);
    }

    pub(crate) fn found(&self, kind: &str, side: &'static str) {
        self.findings.get_or_create(&FindingLabels { kind: kind.to_owned(), side }).inc();
    }
}
