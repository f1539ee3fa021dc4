//! Health and metrics, on the admin listener.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use schleuse_audit::{ForwardStanding, Log};
use schleuse_edge::SimpleReply;
use schleuse_inference::{Engine, EngineStatus};
use schleuse_upstream::{Status, Upstreams};

const TEXT: &str = "text/plain; charset=utf-8";

/// What the admin listener knows of the house.
pub struct Operations {
    pub registry: Registry,
    pub log: Log,
    /// Who is given its entries.
    pub forwards: Vec<Arc<ForwardStanding>>,
    pub upstreams: Upstreams,
    pub engine: Option<Arc<Engine>>,
    pub is_draining: AtomicBool,
}

impl Operations {
    pub fn answer(&self, path: &str) -> SimpleReply {
        match path {
            // Alive means that this answer comes; everything else is readiness.
            "/livez" => plain(200, "ok\n"),
            "/startupz" => plain(200, "started\n"),
            "/readyz" => self.readiness(),
            "/metrics" => self.metrics(),
            _ => plain(404, "there is /livez, /readyz, /startupz and /metrics\n"),
        }
    }

    fn readiness(&self) -> SimpleReply {
        if self.is_draining.load(Ordering::Relaxed) {
            return plain(503, "not ready: shutting down\n");
        }
        match self.log.readiness() {
            Ok(()) => plain(200, "ready\n"),
            Err(reason) => plain(503, &format!("not ready: audit log: {reason}\n")),
        }
    }

    fn metrics(&self) -> SimpleReply {
        let mut body = String::new();
        if encode(&mut body, &self.registry).is_err() {
            return plain(500, "metrics cannot be written\n");
        }
        let end = "# EOF\n";
        body.truncate(body.len().saturating_sub(if body.ends_with(end) { end.len() } else { 0 }));
        self.log_metrics(&mut body);
        self.forward_metrics(&mut body);
        self.upstream_metrics(&mut body);
        body.push_str(end);
        SimpleReply {
            status: 200,
            content_type: "application/openmetrics-text; version=1.0.0; charset=utf-8",
            body,
        }
    }

    fn log_metrics(&self, body: &mut String) {
        let metrics = self.log.metrics();
        body.push_str(
            "# HELP schleuse_audit_entries Entries made durable.\n# TYPE schleuse_audit_entries counter\n",
        );
        body.push_str(&format!("schleuse_audit_entries_total {}\n", metrics.appended));
        body.push_str("# HELP schleuse_audit_refused Entries that could not be taken.\n# TYPE schleuse_audit_refused counter\n");
        body.push_str(&format!("schleuse_audit_refused_total {}\n", metrics.refused));
        let ready = u8::from(self.log.is_ready());
        body.push_str(
            "# HELP schleuse_audit_ready Whether the log takes entries.\n# TYPE schleuse_audit_ready gauge\n",
        );
        body.push_str(&format!("schleuse_audit_ready {ready}\n"));
        let checkpointed = "Entries under the last signed checkpoint.";
        let cosigned =
            "Entries under the last checkpoint that enough witnesses have cosigned; 0 without witnesses.";
        for (name, help, value) in
            [("sealed", checkpointed, metrics.tree_size), ("cosigned", cosigned, metrics.cosigned)]
        {
            body.push_str(&format!(
                "# HELP schleuse_audit_{name}_entries {help}\n# TYPE schleuse_audit_{name}_entries gauge\nschleuse_audit_{name}_entries {value}\n"
            ));
        }
    }

    fn forward_metrics(&self, body: &mut String) {
        let size = self.log.metrics().size;
        let lag = "Durable entries that a target was not given yet.";
        body.push_str(&format!(
            "# HELP schleuse_audit_forward_lag_entries {lag}\n# TYPE schleuse_audit_forward_lag_entries gauge\n"
        ));
        for forward in &self.forwards {
            // Names of targets hold small letters, digits and hyphens only.
            let (name, lag) = (forward.name(), size.saturating_sub(forward.next()));
            body.push_str(&format!("schleuse_audit_forward_lag_entries{{target=\"{name}\"}} {lag}\n"));
        }
        let fails = "Whether the last attempt to give entries to a target failed.";
        body.push_str(&format!(
            "# HELP schleuse_audit_forward_fails {fails}\n# TYPE schleuse_audit_forward_fails gauge\n"
        ));
        for forward in &self.forwards {
            let (name, fails) = (forward.name(), u8::from(forward.fails()));
            body.push_str(&format!("schleuse_audit_forward_fails{{target=\"{name}\"}} {fails}\n"));
        }
    }

    fn upstream_metrics(&self, body: &mut String) {
        body.push_str("# HELP schleuse_upstream_healthy Whether an upstream answers.\n# TYPE schleuse_upstream_healthy gauge\n");
        for status in self.upstreams.status() {
            // Names of upstreams hold letters, digits, dots, underscores and hyphens only.
            body.push_str(&format!(
                "schleuse_upstream_healthy{{upstream=\"{}\"}} {}\n",
                status.name,
                u8::from(status.healthy)
            ));
        }
        routing_metrics(&self.upstreams, body);
        if let Some(engine) = &self.engine {
            let ready = u8::from(matches!(engine.status(), EngineStatus::Ready));
            body.push_str("# HELP schleuse_engine_ready Whether the embedded engine answers.\n# TYPE schleuse_engine_ready gauge\n");
            body.push_str(&format!("schleuse_engine_ready {ready}\n"));
        }
    }
}

/// Where questions went and why, and what the servers were expected to remember of them.
fn routing_metrics(upstreams: &Upstreams, body: &mut String) {
    let all = upstreams.status();
    let mut family = |name: &str, kind: &str, help: &str, rows: &dyn Fn(&Status) -> Vec<(&str, u64)>| {
        body.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
        let suffix = if kind == "counter" { "_total" } else { "" };
        for status in &all {
            for (label, value) in rows(status) {
                body.push_str(&format!("{name}{suffix}{{upstream=\"{}\"{label}}} {value}\n", status.name));
            }
        }
    };
    family("schleuse_upstream_draining", "gauge", "Whether an upstream gets no new questions.", &|status| {
        vec![("", u64::from(status.draining))]
    });
    family("schleuse_upstream_outstanding", "gauge", "Questions under way at an upstream.", &|status| {
        vec![("", u64::try_from(status.outstanding).unwrap_or(u64::MAX))]
    });
    family(
        "schleuse_upstream_ejections",
        "counter",
        "Times that an upstream was set back or aside.",
        &|status| vec![("", status.counters.ejections)],
    );
    family("schleuse_upstream_picks", "counter", "Questions by why they went to this upstream.", &|status| {
        let picks = &status.counters.picks;
        vec![
            (",reason=\"only\"", picks.only),
            (",reason=\"prefix\"", picks.prefix),
            (",reason=\"load\"", picks.load),
            (",reason=\"relief\"", picks.relief),
            (",reason=\"last_resort\"", picks.last_resort),
        ]
    });
    family(
        "schleuse_upstream_prompt_tokens",
        "counter",
        "LLM tokens of prompts sent, estimated.",
        &|status| vec![("", status.counters.prompt_tokens)],
    );
    family(
        "schleuse_upstream_prompt_tokens_remembered",
        "counter",
        "Those of them that the upstream was expected to have in its prefix cache.",
        &|status| vec![("", status.counters.prompt_tokens_remembered)],
    );
}

fn plain(status: u16, body: &str) -> SimpleReply {
    SimpleReply { status, content_type: TEXT, body: body.to_owned() }
}
