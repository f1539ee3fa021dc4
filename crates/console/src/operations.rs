//! What runs now, and how the house is set up. The root knows; this shows it.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;

use schleuse_audit::Event;
use schleuse_identity::Verified;
use schleuse_policy::Effect;
use schleuse_types::{Refusal, Tenant, Text, Timestamp};
use schleuse_upstream::{Status, Upstreams};
use schleuse_wire::Reply;
use serde_json::{Value, json};

use crate::answer::{both, nothing_there, ok, time};
use crate::body::Body;
use crate::call::Call;
use crate::complaint;

/// What only the house as a whole knows. The root implements it.
pub trait Operations: Send + Sync + 'static {
    /// The last minutes and this moment.
    fn now(&self) -> Now;
    /// Everything that `schleuse doctor` and the posture line say.
    fn posture(&self) -> Vec<PostureLine>;
    /// The limits that hold for this person, and how much of each is used.
    fn limits(&self, verified: &Verified) -> Vec<Limit>;
    /// Somebody without a valid credential was refused.
    fn refused_stranger(&self, address: IpAddr);
    /// A change of this key has its entry and is made next: whoever writes entries about keys that turn up changed in the
    /// store need not write another one.
    fn key_recorded(&self, _key: &str) {}
    /// Forgets the answers that are kept for these people, by tenant and id. Gives how many those were.
    fn forget_answers(&self, is_theirs: &dyn Fn(&Tenant, &str) -> bool) -> usize;
    /// People, keys or sessions in the store were changed: whoever holds them in memory looks now. Ready when they have, so
    /// that what an answer confirms is in force.
    fn store_changed(&self) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// The house's work. Upstreams and the audit log are added by the console.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Now {
    /// Seconds since the start.
    pub uptime_s: u64,
    /// Seconds that `points` cover.
    pub window_s: u64,
    /// Oldest first.
    pub points: Vec<Point>,
    /// Since the start; `running` and `queue` at this moment.
    pub totals: Totals,
    pub engine: Option<EngineState>,
}

/// Sums since the start; `running` and `queue` at this moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    pub requests: u64,
    /// Refused by a rule, a finding, a label or a limit.
    pub refused: u64,
    /// Ended by a fault of the house or of a model server.
    pub errors: u64,
    pub tokens_in: u64,
    pub tokens_out: u64,
    pub running: u64,
    /// Requests that wait for their turn.
    pub queue: u64,
}

/// A few seconds of work.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Their end.
    pub time: Timestamp,
    pub requests: u64,
    pub refused: u64,
    pub errors: u64,
    pub tokens_in: u64,
    pub tokens_out: u64,
    /// Milliseconds to the first piece of an answer; none when there was no answer.
    pub ttft_p50_ms: Option<f64>,
    pub ttft_p95_ms: Option<f64>,
    /// Requests that were being answered at the end.
    pub running: u64,
}

/// The embedded engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineState {
    /// One word: `ready`, `loading`, `restarting` or `failed`.
    pub state: String,
    pub model: String,
}

/// One statement about how safely the house is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostureLine {
    pub level: Level,
    pub text: Text,
    /// What can be done about it.
    pub next: Option<Text>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Ok,
    Note,
    Warning,
}

impl Level {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Warning => "warning",
        }
    }
}

/// One limit of somebody, and how much of it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// As the configuration names it: `role:engineer`, `person:ada` …
    pub who: String,
    /// `requests_per_minute`, `streams` or `tokens_per_day`.
    pub kind: &'static str,
    pub limit: u64,
    pub used: u64,
    /// When it is free again; none for what runs now.
    pub resets: Option<Timestamp>,
}

/// `GET /api/now`.
pub(crate) fn now(call: &Call) -> Result<Reply, Refusal> {
    let Now { uptime_s, window_s, points, totals, engine } = call.console.operations.now();
    let points: Vec<_> = points
        .iter()
        .map(|point| {
            json!({
                "t": time(point.time),
                "requests": point.requests,
                "refused": point.refused,
                "errors": point.errors,
                "tokens_in": point.tokens_in,
                "tokens_out": point.tokens_out,
                "ttft_p50_ms": point.ttft_p50_ms,
                "ttft_p95_ms": point.ttft_p95_ms,
                "running": point.running,
            })
        })
        .collect();
    let log = &call.console.log;
    Ok(ok(&json!({
        "uptime_s": uptime_s,
        "window_s": window_s,
        "points": points,
        "totals": {
            "requests": totals.requests,
            "refused": totals.refused,
            "errors": totals.errors,
            "tokens_in": totals.tokens_in,
            "tokens_out": totals.tokens_out,
            "running": totals.running,
            "queue": totals.queue,
        },
        "upstreams": upstream_documents(&call.console.upstreams),
        "engine": engine.map(|engine| json!({"state": engine.state, "model": engine.model})),
        "audit": {"ready": log.is_ready(), "entries": log.metrics().size},
    })))
}

/// `GET /api/upstreams`.
pub(crate) fn upstreams(call: &Call) -> Result<Reply, Refusal> {
    Ok(ok(&json!({"upstreams": upstream_documents(&call.console.upstreams), "next": null})))
}

/// `POST /api/upstreams/{name}/drain` and `…/undrain`: from now on it gets no new questions, or gets them again; those under
/// way go on. Answers with the upstream as it is then, and the models that nobody else serves while it is drained.
pub(crate) async fn drain(call: &Call, is_draining: bool) -> Result<Reply, Refusal> {
    let upstreams = &call.console.upstreams;
    let unknown =
        || nothing_there(Text::fixed("There is no such model server.", "Diesen Modellserver gibt es nicht."));
    let find = || upstreams.status().into_iter().find(|status| status.name == call.id).ok_or_else(unknown);
    let before = find()?;
    if before.draining != is_draining {
        let mut record = call.entry(if is_draining { Event::UpstreamDrain } else { Event::UpstreamUndrain });
        record.subject = Some(before.name);
        record.change = Some(format!("outstanding={}", before.outstanding));
        let change = async {
            match is_draining {
                true => upstreams.drain(&call.id),
                false => upstreams.undrain(&call.id),
            }
            .map_err(|_| unknown())
        };
        call.change(record, change).await?;
    }
    let all = upstreams.status();
    let is_served = |model: &String| all.iter().any(|other| !other.draining && other.models.contains(model));
    let status = find()?;
    let unserved: Vec<_> = status.models.iter().filter(|model| !is_served(model)).cloned().collect();
    Ok(ok(&json!({"upstream": upstream_document(status), "unserved_models": unserved})))
}

/// `POST /api/answers/forget` `{"person", "tenant"}`: answers that are kept for this person, by id or pseudonym, or for this
/// tenant, or for this person there, are given to nobody again; with neither, all of them.
pub(crate) async fn forget_answers(call: &Call) -> Result<Reply, Refusal> {
    let console = &call.console;
    let mut body = Body::read(&call.body)?;
    let person = body.optional_text("person")?;
    let tenant = body.optional_tenant("tenant", &console.tenants)?;
    body.finish()?;
    let mut record = call.entry(Event::AnswersForget);
    record.change = tenant.as_ref().map(|tenant| format!("tenant={tenant}"));
    record.subject = person.as_ref().map(|person| match person.starts_with("p:") {
        true => person.clone(),
        false => console.pseudonyms.name(person),
    });
    let is_theirs = |of: &Tenant, id: &str| {
        tenant.as_ref().is_none_or(|tenant| tenant == of)
            && person.as_ref().is_none_or(|person| id == person || console.pseudonyms.name(id) == *person)
    };
    let forgetting = async { Ok(console.operations.forget_answers(&is_theirs)) };
    let count = call.change(record, forgetting).await?;
    Ok(ok(&json!({"forgotten": count})))
}

/// `GET /api/policies`.
pub(crate) fn policies(call: &Call) -> Result<Reply, Refusal> {
    let policy = &call.console.policy;
    let files: Vec<_> =
        call.console.policy_files.iter().map(|(name, text)| json!({"name": name, "text": text})).collect();
    let rules: Vec<_> = policy
        .describe_rules()
        .map(|rule| {
            let effect = match rule.effect {
                Effect::Allow => "permit",
                Effect::Deny => "forbid",
            };
            json!({
                "id": rule.id,
                "effect": effect,
                "file": rule.file,
                "line": rule.line,
                "note": rule.note.as_ref().map(both),
                "next": rule.advice.as_ref().map(both),
            })
        })
        .collect();
    Ok(ok(&json!({"digest": policy.digest(), "files": files, "rules": rules})))
}

/// `GET /api/posture`.
pub(crate) fn posture(call: &Call) -> Result<Reply, Refusal> {
    let lines: Vec<_> = call
        .console
        .operations
        .posture()
        .iter()
        .map(|line| {
            json!({
                "level": line.level.as_str(),
                "text": both(&line.text),
                "next": line.next.as_ref().map(both),
            })
        })
        .collect();
    Ok(ok(&json!({"lines": lines})))
}

/// `GET /api/limits`.
pub(crate) fn limits(call: &Call) -> Result<Reply, Refusal> {
    let limits: Vec<_> = call
        .console
        .operations
        .limits(&call.verified)
        .into_iter()
        .map(|limit| {
            json!({
                "who": limit.who,
                "kind": limit.kind,
                "limit": limit.limit,
                "used": limit.used,
                "resets": limit.resets.map(time),
            })
        })
        .collect();
    Ok(ok(&json!({"limits": limits})))
}

fn upstream_documents(upstreams: &Upstreams) -> Vec<Value> {
    upstreams.status().into_iter().map(upstream_document).collect()
}

fn upstream_document(status: Status) -> Value {
    json!({
        "name": status.name,
        "url": status.url,
        "zone": status.zone.as_str(),
        "region": status.region.unwrap_or_default(),
        "max_label": status.max_label.to_string(),
        // Those that it is there for; of everybody's there are none.
        "tenants": status.tenants.iter().map(Tenant::as_str).collect::<Vec<_>>(),
        "models": status.models,
        "healthy": status.healthy,
        "reason": status.reason.map(|reason| both(&complaint::of_server(&reason))),
        // No new questions, because somebody wants it so; it is over when nothing is in flight any more.
        "draining": status.draining,
        "in_flight": status.outstanding,
        // This house keeps no queue of its own before a model server; what waits, waits there, and its own page says so.
        "queue": status.waiting,
        "kv_usage_percent": status.kv_usage_percent,
        "prompt_tokens": status.counters.prompt_tokens,
        "prompt_tokens_remembered": status.counters.prompt_tokens_remembered,
    })
}
