//! A gate with real rooms around it: keys, the shipped policies, recognizers, a log on disk, a recorded model server.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use schleuse_audit::{Format, Log, Options, PromptMac, Pseudonyms, export};
use schleuse_gate::{Failures, Gate, Metrics};
use schleuse_identity::{ApiKey, Authenticator, KeyRecord, Pepper};
use schleuse_inspect::{Guardrails, Inspector};
use schleuse_policy::{Policy, SHIPPED_SCHEMA};
use schleuse_testkit::FakeUpstream;
use schleuse_types::{Clock, Language, OsRandom, Role, Secret, SystemClock};
use schleuse_upstream::{UpstreamConfig, Upstreams};
use schleuse_wire::{Arrival, BodyError, Exchange as _, Limits, Peer, ReplyBody};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub struct House {
    pub gate: Arc<Gate>,
    pub upstream: FakeUpstream,
    folder: PathBuf,
}

impl House {
    pub async fn open() -> Self {
        Self::with(Policy::shipped().unwrap()).await
    }

    pub async fn with_policy(text: &str) -> Self {
        Self::with(Policy::load(SHIPPED_SCHEMA, &[("test.cedar", text)]).unwrap()).await
    }

    async fn with(policy: Policy) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("schleuse-gate-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let upstream = FakeUpstream::start().await;
        let config = UpstreamConfig::new("model", upstream.url());
        let upstreams = Upstreams::new(vec![config], Arc::clone(&clock)).unwrap();
        upstreams.refresh().await;
        let seed = Secret::new([7; 32]);
        let mut options = Options::new(
            folder.join("audit"),
            "test/audit".into(),
            seed,
            Arc::clone(&clock),
            Arc::new(OsRandom),
        );
        options.segment_bytes = 1 << 20;
        let (log, _) = Log::open(options).unwrap();
        let identity = Authenticator::new(pepper());
        identity.replace(Role::ALL.map(record));
        let gate = Gate {
            identity: Arc::new(identity),
            policy: Arc::new(policy),
            inspector: Inspector::new(Guardrails::default()).unwrap(),
            upstreams,
            log,
            pseudonyms: Pseudonyms::Keyed(Secret::new([2; 32])),
            prompt_mac: PromptMac::new(&Secret::new([3; 32])),
            limits: Limits::default(),
            clock,
            random: Arc::new(OsRandom),
            is_demo: false,
            ailment: Arc::new(|_| None),
            remark: Arc::new(|_| None),
            failures: Failures::default(),
            metrics: Metrics::register(&mut Default::default()),
            tasks: TaskTracker::new(),
            cut: CancellationToken::new(),
        };
        Self { gate: Arc::new(gate), upstream, folder }
    }

    pub async fn ask(&self, role: &str, body: &str) -> Answer {
        self.send(key(Role::parse(role).unwrap()).expose_printed(), None, body).await
    }

    pub async fn ask_with(&self, key: &str, body: &str) -> Answer {
        self.send(key, None, body).await
    }

    pub async fn ask_labelled(&self, role: &str, label: &str, body: &str) -> Answer {
        self.send(key(Role::parse(role).unwrap()).expose_printed(), Some(label), body).await
    }

    async fn send(&self, key: &str, label: Option<&str>, body: &str) -> Answer {
        let body = Full::new(Bytes::from(body.to_owned())).map_err(|never| BodyError(format!("{never}")));
        let arrival = Arrival {
            is_post: true,
            is_get: false,
            path: "/v1/chat/completions".into(),
            credential: Some(Secret::new(key.to_owned())),
            label: label.map(|label| label.as_bytes().to_vec()),
            language: Language::English,
            peer: Peer { address: IpAddr::V4(Ipv4Addr::LOCALHOST) },
            body: Box::pin(body),
        };
        let reply = Arc::clone(&self.gate).exchange(arrival).await;
        let body = match reply.body {
            ReplyBody::Whole(bytes) => bytes.to_vec(),
            ReplyBody::Events(mut events) => {
                let mut all = Vec::new();
                while let Some(frame) = events.recv().await {
                    all.extend_from_slice(&frame);
                }
                all
            }
        };
        Answer { status: reply.status, headers: reply.headers, body: String::from_utf8(body).unwrap() }
    }

    /// Ends the model server; its port is closed from here on.
    pub async fn stop_upstream(&mut self) {
        let upstream = std::mem::replace(&mut self.upstream, FakeUpstream::start().await);
        upstream.stop().await;
    }

    /// All entries of the log, without the ones that the log writes about itself.
    pub fn entries(&self) -> Vec<Value> {
        let mut out = Vec::new();
        export(&self.folder.join("audit"), Format::Jsonl, &mut out).unwrap();
        let lines = String::from_utf8(out).unwrap();
        let entries = lines.lines().map(|line| serde_json::from_str(line).unwrap());
        entries.filter(|entry: &Value| entry["event"].as_str().unwrap().starts_with("llm.")).collect()
    }

    /// The only entry is a refusal with this action and code, and nothing was asked of a model.
    pub fn expect_refusal(&self, reply: &Answer, action: &str, code: &str) -> Value {
        let mut entries = self.entries();
        assert_eq!(events(&entries), [format!("llm.refuse {action}")]);
        let entry = entries.remove(0);
        assert_eq!(entry["code"], code);
        assert_eq!(entry["request_id"], reply.header("x-schleuse-request-id"));
        assert_eq!(reply.header("x-schleuse-action"), action);
        self.expect_nothing_asked();
        entry
    }

    pub fn expect_nothing_asked(&self) {
        assert!(self.upstream.questions().is_empty(), "something was asked of the model");
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

pub struct Answer {
    pub status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
    }

    pub fn text(&self) -> &str {
        &self.body
    }

    fn error(&self) -> Value {
        serde_json::from_str::<Value>(&self.body).unwrap()["error"].clone()
    }

    pub fn message(&self) -> String {
        self.error()["message"].as_str().unwrap().to_owned()
    }

    pub fn expect(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{}", self.body);
        let error = self.error();
        assert_eq!(error["code"], code);
        assert_eq!(error["request_id"], self.header("x-schleuse-request-id"));
        assert!(!error["next"].as_str().unwrap().is_empty());
    }
}

/// A question in one piece.
pub fn chat(text: &str) -> String {
    let text = Value::String(text.to_owned());
    format!("{{\"model\":\"tiny\",\"messages\":[{{\"role\":\"user\",\"content\":{text}}}]}}")
}

/// One chunk of a streamed answer.
pub fn delta(text: &str) -> String {
    let text = Value::String(text.to_owned());
    format!(
        "{{\"id\":\"c\",\"created\":1,\"choices\":[{{\"index\":0,\"delta\":{{\"content\":{text}}},\"finish_reason\":null}}]}}"
    )
}

pub fn events(entries: &[Value]) -> Vec<String> {
    let text = |entry: &Value, name: &str| entry[name].as_str().unwrap().to_owned();
    entries.iter().map(|entry| format!("{} {}", text(entry, "event"), text(entry, "action"))).collect()
}

pub fn finding_kinds(answer: &Answer) -> Vec<String> {
    let error = answer.error();
    let findings = error["findings"].as_array().unwrap();
    findings.iter().map(|finding| finding["type"].as_str().unwrap().to_owned()).collect()
}

fn pepper() -> Pepper {
    Secret::new([1; 32])
}

fn key(role: Role) -> ApiKey {
    ApiKey::derive(&[9; 32], role.as_str())
}

fn record(role: Role) -> KeyRecord {
    let hash = key(role).hash(&pepper());
    KeyRecord {
        id: hash.id(),
        hash,
        person: role.to_string(),
        role,
        groups: Vec::new(),
        scopes: Vec::new(),
        created: SystemClock::new().now(),
        expires: None,
        revoked: None,
    }
}
