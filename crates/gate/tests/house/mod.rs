//! A gate with real rooms around it: keys, the shipped policies, recognizers, a log on disk, a recorded model server.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use schleuse_audit::{Format, Log, Options, PromptMac, Pseudonyms, export};
use schleuse_gate::{
    AnswerScope, Answers, AnswersConfig, Clearance, Entered, Entering, Failures, Gate, HouseCompartment,
    Labels, Metrics, Turns, Walls,
};
use schleuse_identity::{ApiKey, Authenticator, KeyRecord, Pepper, SessionRecord, SessionToken};
use schleuse_inspect::{Guardrails, Inspector, LiveInspector};
use schleuse_limits::{Limits as Budgets, Rule, Who};
use schleuse_policy::{Policy, SHIPPED_SCHEMA};
use schleuse_testkit::FakeUpstream;
use schleuse_types::{
    Clock, Compartment, Label, Language, OsRandom, Principal, Role, Secret, SystemClock, Tenant, Text, Zone,
};
use schleuse_upstream::{UpstreamConfig, Upstreams};
use schleuse_wire::{
    Arrival, BodyError, Credential, Exchange as _, Exchanged, Limits, Method, Peer, Reply, ReplyBody, Surface,
};
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
        Self::with(Policy::shipped().unwrap(), Vec::new()).await
    }

    pub async fn with_limits(rules: Vec<Rule>) -> Self {
        Self::with(Policy::shipped().unwrap(), rules).await
    }

    /// A house whose model server answers only so many at the same time.
    pub async fn with_places(places: usize) -> Self {
        let mut house = Self::open().await;
        let gate = Arc::get_mut(&mut house.gate).unwrap();
        gate.turns = Turns::new([("model".to_owned(), places)]);
        house
    }

    pub async fn with_policy(text: &str) -> Self {
        Self::with(Policy::load(SHIPPED_SCHEMA, &[("test.cedar", text)]).unwrap(), Vec::new()).await
    }

    /// A house with guardrails of its own, as a configuration writes them.
    pub async fn with_guardrails(toml: &str) -> Self {
        let house = Self::open().await;
        let guardrails = Guardrails::parse_toml(toml).unwrap();
        house.gate.inspector.replace(|| Inspector::new(guardrails)).unwrap();
        house
    }

    /// The same house, where the one model also stands in these zones; nobody answers there.
    pub async fn and_in_zones(mut self, zones: &[Zone]) -> Self {
        let gate = Arc::get_mut(&mut self.gate).unwrap();
        let mut configs = Vec::new();
        for (number, zone) in zones.iter().enumerate() {
            let mut config = UpstreamConfig::new(format!("other{number}"), self.upstream.url());
            config.zone = *zone;
            config.models = Some(vec!["tiny".to_owned()]);
            configs.push(config);
        }
        configs.push(UpstreamConfig::new("model", self.upstream.url()));
        gate.upstreams = Upstreams::new(configs, Arc::clone(&gate.clock)).unwrap();
        gate.upstreams.refresh().await;
        self
    }

    /// The same house, where the only model stands in another zone.
    pub async fn in_zone(mut self, zone: Zone) -> Self {
        let gate = Arc::get_mut(&mut self.gate).unwrap();
        let mut config = UpstreamConfig::new("model", self.upstream.url());
        config.zone = zone;
        // Nobody asks a closed upstream what it serves.
        config.models = Some(vec!["tiny".to_owned()]);
        gate.upstreams = Upstreams::new(vec![config], Arc::clone(&gate.clock)).unwrap();
        gate.upstreams.refresh().await;
        self
    }

    /// The same house with the compartments `hr`, `patient`, and `buy` and `sell` with a wall between them; clearances are
    /// written `role:employee CONFIDENTIAL//hr`, with a default behind them where there is one.
    pub fn with_clearances(mut self, rows: &[&str]) -> Self {
        let name = |text: &str| text.parse::<Compartment>().unwrap();
        let compartment = |(own, conflict): (&str, &str)| HouseCompartment {
            name: name(own),
            title: if own == "hr" { Text::fixed("staff", "Personal") } else { Text::fixed("", "") },
            conflicts: if conflict.is_empty() { Vec::new() } else { vec![name(conflict)] },
        };
        let house = [("hr", ""), ("patient", ""), ("buy", "sell"), ("sell", "buy")].map(compartment);
        let clearance = |row: &&str| {
            let mut words = row.split(' ');
            let label = |word: &str| Label::parse(word.as_bytes()).unwrap();
            Clearance {
                who: Who::parse(words.next().unwrap()).unwrap(),
                most: label(words.next().unwrap()),
                default: words.next().map(label),
            }
        };
        let labels = Labels::new(house.to_vec(), rows.iter().map(clearance).collect()).unwrap();
        Arc::get_mut(&mut self.gate).unwrap().labels = labels;
        self
    }

    /// The same house, where the model stands on servers with these clearances.
    pub async fn and_may_have(mut self, clearances: &[(&str, &str)]) -> Self {
        let gate = Arc::get_mut(&mut self.gate).unwrap();
        let config = |(name, most): &(&str, &str)| {
            let mut config = UpstreamConfig::new(*name, self.upstream.url());
            config.max_label = Label::parse(most.as_bytes()).unwrap();
            config
        };
        gate.upstreams =
            Upstreams::new(clearances.iter().map(config).collect(), Arc::clone(&gate.clock)).unwrap();
        gate.upstreams.refresh().await;
        self
    }

    /// The same house with these model servers.
    pub async fn with_upstreams(mut self, configs: Vec<UpstreamConfig>) -> Self {
        let gate = Arc::get_mut(&mut self.gate).unwrap();
        gate.upstreams = Upstreams::new(configs, Arc::clone(&gate.clock)).unwrap();
        gate.upstreams.refresh().await;
        self
    }

    /// The same house, which keeps answers for whoever asks the same again.
    pub fn keeping_answers(mut self, scope: AnswerScope) -> Self {
        let gate = Arc::get_mut(&mut self.gate).unwrap();
        let config = AnswersConfig { count: 100, scope, ..AnswersConfig::default() };
        let mac = PromptMac::new(&Secret::new([5; 32]));
        gate.answers = Arc::new(Answers::new(config, mac, Arc::clone(&gate.clock)));
        self
    }

    /// The same house with another clock.
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        Arc::get_mut(&mut self.gate).unwrap().clock = clock;
        self
    }

    /// Puts the employee into groups.
    pub fn put_into_groups(&self, groups: &[&str]) {
        let mut records = Role::ALL.map(record);
        for record in &mut records {
            if record.role == Role::Employee {
                record.groups = groups.iter().map(|group| (*group).to_owned()).collect();
            }
        }
        self.gate.identity.replace(records);
    }

    /// Whoever has one of these roles belongs to that tenant, and everybody else to the house's own.
    pub fn put_into_tenants(&self, tenants: &[(Role, &str)]) {
        let mut records = Role::ALL.map(record);
        for record in &mut records {
            let tenant = tenants.iter().find(|(role, _)| *role == record.role);
            record.tenant = tenant.map(|(_, name)| Tenant::parse(name).unwrap()).unwrap_or_default();
        }
        self.gate.identity.replace(records);
    }

    async fn with(policy: Policy, rules: Vec<Rule>) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("schleuse-gate-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let upstream = FakeUpstream::start().await;
        let mut config = UpstreamConfig::new("model", upstream.url());
        config.audio = true;
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
            inspector: Arc::new(LiveInspector::new(Inspector::new(Guardrails::default()).unwrap())),
            upstreams,
            log,
            pseudonyms: Pseudonyms::Keyed(Secret::new([2; 32])),
            prompt_mac: PromptMac::new(&Secret::new([3; 32])),
            surrogate_secret: Secret::new([4; 32]),
            limits: Limits::default(),
            budgets: Arc::new(Budgets::new(rules, Arc::clone(&clock))),
            answers: Arc::new(Answers::new(
                AnswersConfig::default(),
                PromptMac::new(&Secret::new([5; 32])),
                Arc::clone(&clock),
            )),
            clock,
            labels: Labels::default(),
            walls: Arc::new(MemoryWalls::default()),
            releases: Arc::new(schleuse_gate::NoReleases),
            turns: Turns::default(),
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
        self.ask_at(Surface::ChatCompletions.path(), role, body).await
    }

    /// The same house with these releases.
    pub fn with_releases(mut self, releases: Arc<dyn schleuse_gate::Releases>) -> Self {
        Arc::get_mut(&mut self.gate).unwrap().releases = releases;
        self
    }

    /// Asks by the way that names a release.
    pub async fn ask_released(
        &self,
        release: &str,
        role: &str,
        label: &str,
        path: &str,
        body: &str,
    ) -> Answer {
        let key = key(Role::parse(role).unwrap());
        let arrival = Arrival { path: path.into(), ..arrival(key.expose_printed(), Some(label), body) };
        let way = schleuse_gate::Releasing { gate: Arc::clone(&self.gate), release: release.to_owned() };
        answer(Arc::new(way).exchange(arrival).await).await
    }

    /// What would be said about a question with this text.
    pub fn preview(&self, role: &str, label: &Label, text: &str) -> schleuse_gate::Preview {
        let asker = Principal {
            person: role.to_owned(),
            role: Role::parse(role).unwrap(),
            groups: Vec::new(),
            tenant: Tenant::HOUSE,
            credential: String::new(),
        };
        schleuse_gate::preview(&self.gate, &asker, None, label, text.to_owned()).unwrap()
    }

    pub async fn ask_with(&self, key: &str, body: &str) -> Answer {
        self.send(key, None, body).await
    }

    pub async fn ask_labelled(&self, role: &str, label: &str, body: &str) -> Answer {
        self.send(key(Role::parse(role).unwrap()).expose_printed(), Some(label), body).await
    }

    /// Asks on any surface.
    pub async fn ask_at(&self, path: &str, role: &str, body: &str) -> Answer {
        self.send_bytes(path, role, None, body.into()).await
    }

    /// Asks with a body of any bytes.
    pub async fn send_bytes(&self, path: &str, role: &str, label: Option<&str>, body: Vec<u8>) -> Answer {
        let key = key(Role::parse(role).unwrap());
        let body = Full::new(Bytes::from(body)).map_err(|never| BodyError(format!("{never}")));
        let empty = arrival(key.expose_printed(), label, "");
        let arrival = Arrival { path: path.into(), body: Box::pin(body), ..empty };
        answer(Arc::clone(&self.gate).exchange(arrival).await).await
    }

    /// Reads what is listed.
    pub async fn get(&self, path: &str, role: &str) -> Answer {
        let key = key(Role::parse(role).unwrap());
        let arrival =
            Arrival { path: path.into(), method: Method::Get, ..arrival(key.expose_printed(), None, "") };
        answer(Arc::clone(&self.gate).exchange(arrival).await).await
    }

    async fn send(&self, key: &str, label: Option<&str>, body: &str) -> Answer {
        answer(Arc::clone(&self.gate).exchange(arrival(key, label, body)).await).await
    }

    /// A session of the employee's, opened with their key.
    pub fn open_session(&self) -> SessionToken {
        let token = SessionToken::generate(&OsRandom).unwrap();
        let now = self.gate.clock.now();
        self.gate.identity.admit_session(SessionRecord {
            id: token.id(&pepper()),
            hash: token.hash(&pepper()),
            person: "employee".into(),
            role: Role::Employee,
            groups: Vec::new(),
            tenant: Default::default(),
            key: Some(self.key_id()),
            created: now,
            last_seen: now,
            idle_micros: 60_000_000,
            expires: now.plus(Duration::from_secs(60)),
            revoked: None,
        });
        token
    }

    /// The id of the employee's key.
    pub fn key_id(&self) -> String {
        key(Role::Employee).hash(&pepper()).id()
    }

    pub async fn ask_in(&self, session: &SessionToken, body: &str) -> Answer {
        let credential = Credential::Session(Secret::new(session.expose_printed().to_owned()));
        let arrival = Arrival { credential: Some(credential), ..arrival("", None, body) };
        answer(Arc::clone(&self.gate).exchange(arrival).await).await
    }

    /// The coming reply as the edge sees it; dropping it means that the asker left.
    pub fn exchange(&self, role: &str, body: &str) -> Exchanged {
        let key = key(Role::parse(role).unwrap());
        Arc::clone(&self.gate).exchange(arrival(key.expose_printed(), None, body))
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

/// Walls that last as long as their house.
#[derive(Default)]
pub struct MemoryWalls(Mutex<Vec<(String, Compartment)>>);

impl Walls for MemoryWalls {
    fn enter<'a>(&'a self, entering: Entering<'a>) -> Entered<'a> {
        let mut reached = self.0.lock().unwrap();
        let of_person = reached.iter().filter(|(person, _)| person == entering.person);
        let closed = of_person.map(|(_, name)| name).find(|name| entering.against.contains(name)).cloned();
        if closed.is_none() {
            let person = || entering.person.to_owned();
            reached.extend(entering.compartments.iter().map(|name| (person(), name.clone())));
        }
        Box::pin(std::future::ready(Ok(closed)))
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

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The content of the first choice, put together from the chunks of a stream.
    pub fn streamed_text(&self) -> String {
        let chunks = self.body.lines().filter_map(|line| line.strip_prefix("data: "));
        let contents = chunks.filter_map(|data| {
            let chunk: Value = serde_json::from_str(data).ok()?;
            Some(chunk["choices"][0]["delta"]["content"].as_str()?.to_owned())
        });
        contents.collect()
    }

    /// The content of the first choice, whole or streamed.
    pub fn content(&self) -> String {
        match serde_json::from_str::<Value>(&self.body) {
            Ok(whole) => whole["choices"][0]["message"]["content"].as_str().unwrap_or_default().to_owned(),
            Err(_) => self.streamed_text(),
        }
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

async fn answer(reply: Reply) -> Answer {
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

fn arrival(key: &str, label: Option<&str>, body: &str) -> Arrival {
    let body = Full::new(Bytes::from(body.to_owned())).map_err(|never| BodyError(format!("{never}")));
    Arrival {
        method: Method::Post,
        path: "/v1/chat/completions".into(),
        query: None,
        credential: Some(Credential::Bearer(Secret::new(key.to_owned()))),
        sign_in: None,
        last_event_id: None,
        agent: None,
        label: label.map(|label| label.as_bytes().to_vec()),
        language: Language::English,
        peer: Peer { address: IpAddr::V4(Ipv4Addr::LOCALHOST) },
        body: Box::pin(body),
    }
}

/// A question in one piece.
pub fn chat(text: &str) -> String {
    let text = Value::String(text.to_owned());
    format!("{{\"model\":\"tiny\",\"messages\":[{{\"role\":\"user\",\"content\":{text}}}]}}")
}

/// The same, answered in a stream.
pub fn stream(text: &str) -> String {
    chat(text).replacen('{', "{\"stream\":true,", 1)
}

/// One chunk of a streamed answer.
pub fn delta(text: &str) -> String {
    let text = Value::String(text.to_owned());
    format!(
        "data: {{\"id\":\"c\",\"created\":1,\"choices\":[{{\"index\":0,\"delta\":{{\"content\":{text}}},\"finish_reason\":null}}]}}\n\n"
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
        tenant: Default::default(),
        scopes: Vec::new(),
        created: SystemClock::new().now(),
        expires: None,
        revoked: None,
    }
}
