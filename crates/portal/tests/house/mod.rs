//! A portal with a real store and real keys around it, in front of a gate that answers as the test says.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use schleuse_identity::{ApiKey, Authenticator, KeyRecord, Pepper, SessionRecord, SessionToken};
use schleuse_portal::{
    Attaching, Blocked, Deed, DeedKind, Duty, Examined, Limits, Lowering, Parts, Permitted, Portal, Receipt,
    Sight, Standing,
};
use schleuse_store::Store;
use schleuse_types::{
    Clock as _, Finding, FindingAction, Label, Language, Level, OsRandom, Principal, Refusal, RefusalCode,
    Role, Secret, SystemClock, Text, Timestamp,
};
use schleuse_wire::sse::{DONE, named_frame};
use schleuse_wire::{Arrival, BodyError, Credential, Exchange, Exchanged, Method, Peer, Reply, ReplyBody};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Longer than anything here takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct House {
    pub portal: Arc<Portal>,
    pub gate: Arc<ScriptedGate>,
    /// What was asked of whoever decides about lower labels.
    pub lowered: Arc<Mutex<Vec<Lowering>>>,
    /// What everybody may read; CONFIDENTIAL who is not named.
    pub clearances: Arc<Mutex<BTreeMap<String, Label>>>,
    /// Compartments that were noted as seen: `person compartment`. Between `buy` and `sell` stands a wall.
    pub seen: Arc<Mutex<BTreeSet<String>>>,
    /// What was written in the log; nothing is, while the log is closed.
    pub noted: Arc<Mutex<Vec<Deed>>>,
    pub is_log_closed: Arc<AtomicBool>,
    /// Of whom everything in memory was to be forgotten.
    pub forgotten: Arc<Mutex<Vec<String>>>,
    pub store: Arc<Store>,
    pub identity: Arc<Authenticator>,
    pub tasks: TaskTracker,
    pub cut: CancellationToken,
    pub folder: Folder,
}

/// Removed when dropped, unless it was taken.
pub struct Folder(pub PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.0.as_os_str().is_empty() {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

impl Folder {
    pub fn make() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("schleuse-portal-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    pub fn take(mut self) -> Self {
        Self(std::mem::take(&mut self.0))
    }
}

impl House {
    pub async fn open() -> Self {
        Self::open_with(Folder::make(), Limits::default(), [5; 32]).await
    }

    pub async fn open_limited(limits: Limits) -> Self {
        Self::open_with(Folder::make(), limits, [5; 32]).await
    }

    pub async fn open_with(folder: Folder, limits: Limits, secret: [u8; 32]) -> Self {
        let clock = Arc::new(SystemClock::new());
        let store = Arc::new(Store::open(&folder.0.join("store.db"), clock.now()).await.unwrap());
        for person in ["anna", "bert"] {
            store.ensure_person(person, Role::Employee, clock.now()).await.unwrap();
        }
        store.ensure_person("auditor", Role::Auditor, clock.now()).await.unwrap();
        store.ensure_person("sigrid", Role::Security, clock.now()).await.unwrap();
        let identity = Arc::new(Authenticator::new(pepper()));
        identity.replace(PEOPLE.map(|person| record(person, None)));
        let gate = Arc::new(ScriptedGate::default());
        let (tasks, cut) = (TaskTracker::new(), CancellationToken::new());
        let lowered: Arc<Mutex<Vec<Lowering>>> = Arc::default();
        let clearances: Arc<Mutex<BTreeMap<String, Label>>> = Arc::default();
        let seen: Arc<Mutex<BTreeSet<String>>> = Arc::default();
        let noted: Arc<Mutex<Vec<Deed>>> = Arc::default();
        let is_log_closed = Arc::new(AtomicBool::new(false));
        let forgotten: Arc<Mutex<Vec<String>>> = Arc::default();
        let portal = Arc::new(Portal::new(Parts {
            models: gate.clone(),
            identity: Arc::clone(&identity),
            permit: Arc::new(permit),
            permit_duty: Arc::new(|principal, _, _: Duty| {
                if principal.role == Role::Security {
                    return Ok(());
                }
                let text = || Text::fixed("no", "nein");
                Err(Refusal::new(RefusalCode::AccessDenied, text(), text(), "only security"))
            }),
            manner: Arc::new(|model| match model {
                "brief" => vec![("max_tokens", schleuse_wire::json::Value::Number(7.into()))],
                _ => Vec::new(),
            }),
            standing: {
                let clearances = Arc::clone(&clearances);
                Arc::new(move |asker| {
                    let clearance = clearances.lock().unwrap().get(&asker.principal().person).cloned();
                    Standing { clearance: clearance.unwrap_or(Label::CONFIDENTIAL), default: Label::INTERNAL }
                })
            },
            declassify: {
                let lowered = Arc::clone(&lowered);
                Arc::new(move |lowering| {
                    let decided = decide(&lowering);
                    lowered.lock().unwrap().push(lowering);
                    Box::pin(std::future::ready(decided))
                })
            },
            judge: {
                let (clearances, seen) = (Arc::clone(&clearances), Arc::clone(&seen));
                Arc::new(move |reader, label, sight| {
                    let person = reader.principal().person.as_str();
                    let barred =
                        judge(&clearances.lock().unwrap(), &mut seen.lock().unwrap(), person, label, sight);
                    Box::pin(std::future::ready(Ok(barred)))
                })
            },
            examine: Arc::new(|_, label, text| Box::pin(std::future::ready(Ok(examine(&label, &text))))),
            note: {
                let (noted, is_closed) = (Arc::clone(&noted), Arc::clone(&is_log_closed));
                Arc::new(move |deed| {
                    let text = || Text::fixed("closed", "zu");
                    let written = if is_closed.load(Ordering::Relaxed) {
                        Err(Refusal::new(RefusalCode::AuditUnavailable, text(), text(), "closed"))
                    } else {
                        noted.lock().unwrap().push(deed);
                        Ok(())
                    };
                    Box::pin(std::future::ready(written))
                })
            },
            holdings: {
                let store = Arc::clone(&store);
                Arc::new(move |asker, _| {
                    let store = Arc::clone(&store);
                    Box::pin(async move {
                        let held = store.held(&asker.person).await.unwrap();
                        Ok(held.into_iter().map(kept).collect())
                    })
                })
            },
            forget: {
                let forgotten = Arc::clone(&forgotten);
                Arc::new(move |person| forgotten.lock().unwrap().push(person.person.clone()))
            },
            releasable: Arc::new(|asker, wished| {
                let found = examine(&wished.label, &wished.content);
                let text = || Text::fixed("nothing", "nichts");
                let blocked = match found.is_blocked {
                    false => Err(Refusal::new(RefusalCode::InvalidRequest, text(), text(), "not blocked")),
                    true => Ok(Blocked {
                        content: format!(
                            "{} {} {}",
                            asker.principal().person,
                            wished.model,
                            wished.content.len()
                        ),
                        label: found.label,
                        routes: vec!["local".to_owned()],
                        kinds: BTreeMap::from([("IBAN".to_owned(), 1)]),
                    }),
                };
                Box::pin(std::future::ready(blocked))
            }),
            released: {
                let gate = Arc::clone(&gate);
                Arc::new(move |release| Arc::new(ReleasedWay { gate: Arc::clone(&gate), release }))
            },
            receipts: Arc::new(|principal, id| {
                let receipt = match id.as_str() {
                    "01GATE" if principal.person == "anna" => {
                        Receipt::File("c2sp.org/tlog-proof@v1\n".to_owned())
                    }
                    "01LATER" => Receipt::Uncovered,
                    _ => Receipt::Unknown,
                };
                Box::pin(std::future::ready(Ok(receipt)))
            }),
            attaching: Attaching {
                extract: Arc::new(|file, extension, _| schleuse_extract::read(file.to_vec(), extension)),
                digest: Arc::new(|file| format!("digest-of-{}", file.len())),
            },
            store: Arc::clone(&store),
            house_secret: Secret::new(secret),
            limits,
            clock,
            random: Arc::new(OsRandom),
            tasks: tasks.clone(),
            cut: cut.clone(),
        }));
        portal.end_interrupted().await.unwrap();
        Self {
            portal,
            gate,
            lowered,
            clearances,
            seen,
            noted,
            is_log_closed,
            forgotten,
            store,
            identity,
            tasks,
            cut,
            folder,
        }
    }

    pub fn clear(&self, person: &str, label: &str) {
        let label = Label::parse(label.as_bytes()).unwrap();
        self.clearances.lock().unwrap().insert(person.to_owned(), label);
    }

    /// What was noted of this kind.
    pub fn deeds(&self, kind: DeedKind) -> Vec<Deed> {
        self.noted.lock().unwrap().iter().filter(|deed| deed.kind == kind).cloned().collect()
    }

    /// Ends everything as a clean stop does, and opens the folder again.
    pub async fn reopen_with(self, secret: [u8; 32]) -> Self {
        self.close().await;
        let Self { folder, portal, store, .. } = self;
        drop((portal, store));
        Self::open_with(folder.take(), Limits::default(), secret).await
    }

    pub async fn reopen(self) -> Self {
        self.reopen_with([5; 32]).await
    }

    pub async fn close(&self) {
        self.cut.cancel();
        self.tasks.close();
        timeout(PATIENCE, self.tasks.wait()).await.unwrap();
        self.store.close().await.unwrap();
    }

    pub fn revoke(&self, person: &str) {
        let now = SystemClock::new().now();
        self.identity.replace(PEOPLE.map(|known| record(known, (known == person).then_some(now))));
    }

    pub async fn send(&self, person: &str, method: Method, path: &str, body: &str) -> Answer {
        self.send_with(Some(key(person).expose_printed()), method, path, body, None).await
    }

    /// Admits a session of this person and gives its printed form.
    pub fn sign_in(&self, person: &str) -> (String, String) {
        let token = SessionToken::generate(&OsRandom).unwrap();
        let now = SystemClock::new().now();
        let record = SessionRecord {
            id: token.id(&pepper()),
            hash: token.hash(&pepper()),
            person: person.to_owned(),
            role: Role::Employee,
            groups: Vec::new(),
            tenant: Default::default(),
            key: None,
            created: now,
            last_seen: now,
            idle_micros: 3_600_000_000,
            expires: now.plus(PATIENCE * 60),
            revoked: None,
        };
        self.identity.admit_session(record);
        (token.expose_printed().to_owned(), token.id(&pepper()))
    }

    pub async fn send_with(
        &self,
        key: Option<&str>,
        method: Method,
        path: &str,
        body: &str,
        last_event_id: Option<&str>,
    ) -> Answer {
        let body = Full::new(Bytes::from(body.to_owned())).map_err(|never| BodyError(format!("{never}")));
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let arrival = Arrival {
            method,
            path: path.to_owned(),
            query: (!query.is_empty()).then(|| query.to_owned()),
            credential: key.map(|key| {
                let secret = Secret::new(key.to_owned());
                if key.starts_with("ss-") { Credential::Session(secret) } else { Credential::Bearer(secret) }
            }),
            sign_in: None,
            last_event_id: last_event_id.map(str::to_owned),
            agent: None,
            label: None,
            language: Language::German,
            peer: Peer { address: IpAddr::V4(Ipv4Addr::LOCALHOST) },
            body: Box::pin(body),
        };
        let reply = timeout(PATIENCE, Arc::clone(&self.portal).exchange(arrival)).await.unwrap();
        Answer { status: reply.status, headers: reply.headers, body: reply.body }
    }

    /// Sends a file; `query` is what follows the `?`.
    pub async fn upload(&self, person: &str, query: &str, file: Vec<u8>) -> Answer {
        let arrival = Arrival {
            method: Method::Post,
            path: "/api/chat/attachments".to_owned(),
            query: Some(query.to_owned()),
            credential: Some(Credential::Bearer(Secret::new(key(person).expose_printed().to_owned()))),
            sign_in: None,
            last_event_id: None,
            agent: None,
            label: None,
            language: Language::German,
            peer: Peer { address: IpAddr::V4(Ipv4Addr::LOCALHOST) },
            body: Box::pin(Full::new(Bytes::from(file)).map_err(|never| BodyError(format!("{never}")))),
        };
        let reply = timeout(PATIENCE, Arc::clone(&self.portal).exchange(arrival)).await.unwrap();
        Answer { status: reply.status, headers: reply.headers, body: reply.body }
    }

    pub async fn get(&self, person: &str, path: &str) -> Value {
        self.send(person, Method::Get, path, "").await.expect(200)
    }

    pub async fn begin(&self, person: &str) -> String {
        let begun = self.send(person, Method::Post, "/api/chat/conversations", "{}").await.expect(201);
        begun["id"].as_str().unwrap().to_owned()
    }

    /// Puts a question behind the newest message.
    pub async fn ask(&self, person: &str, conversation: &str, content: &str) -> Asked {
        self.ask_with(person, conversation, &json!({"content": content, "model": "tiny"})).await
    }

    pub async fn ask_with(&self, person: &str, conversation: &str, body: &Value) -> Asked {
        let path = format!("/api/chat/conversations/{conversation}/messages");
        let asked = self.send(person, Method::Post, &path, &body.to_string()).await.expect(202);
        Asked {
            question: asked["message"]["id"].as_str().unwrap().to_owned(),
            answer: asked["answer"]["id"].as_str().unwrap().to_owned(),
            run: asked["run"]["id"].as_str().unwrap().to_owned(),
        }
    }

    pub async fn read(&self, person: &str, run: &str, from: Option<&str>) -> Events {
        let path = format!("/api/chat/runs/{run}/events");
        let answer = self.send_with(Some(key(person).expose_printed()), Method::Get, &path, "", from).await;
        assert_eq!(answer.status, 200);
        match answer.body {
            ReplyBody::Events(receiver) => Events(receiver),
            ReplyBody::Whole(body) => panic!("{body:?}"),
        }
    }

    /// Reads a run to its end.
    pub async fn finish(&self, person: &str, run: &str) -> Vec<Told> {
        self.read(person, run, None).await.all().await
    }

    pub async fn messages(&self, person: &str, conversation: &str) -> Vec<Value> {
        let shown = self.get(person, &format!("/api/chat/conversations/{conversation}")).await;
        shown["messages"].as_array().unwrap().clone()
    }
}

pub struct Asked {
    pub question: String,
    pub answer: String,
    pub run: String,
}

pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: ReplyBody,
}

impl Answer {
    pub fn expect(self, status: u16) -> Value {
        let ReplyBody::Whole(body) = self.body else { panic!("events instead of a document") };
        assert_eq!(self.status, status, "{body:?}");
        if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() }
    }

    pub fn expect_refusal(self, status: u16, code: &str) -> Value {
        let id = self.headers.iter().find(|(name, _)| *name == "x-schleuse-request-id").cloned();
        let error = self.expect(status)["error"].clone();
        assert_eq!(error["code"], code, "{error}");
        assert_eq!(error["request_id"].as_str().unwrap(), id.unwrap().1);
        assert!(!error["next"].as_str().unwrap().is_empty());
        error
    }
}

/// One event as a page reads it.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    pub id: Option<String>,
    pub name: String,
    pub data: Value,
}

pub struct Events(pub mpsc::Receiver<Bytes>);

impl Events {
    /// The next event that is no comment; None at the end.
    pub async fn next(&mut self) -> Option<Told> {
        // Around all of it: comments come for ever.
        timeout(PATIENCE, self.next_event()).await.unwrap()
    }

    async fn next_event(&mut self) -> Option<Told> {
        loop {
            let text = String::from_utf8(self.0.recv().await?.to_vec()).unwrap();
            let field = |name: &str| {
                let value = text.lines().find_map(|line| line.strip_prefix(name));
                value.map(str::to_owned)
            };
            if let Some(name) = field("event: ") {
                let data = serde_json::from_str(&field("data: ").unwrap()).unwrap();
                return Some(Told { id: field("id: "), name, data });
            }
        }
    }

    pub async fn all(mut self) -> Vec<Told> {
        let mut all = Vec::new();
        while let Some(told) = self.next().await {
            all.push(told);
        }
        all
    }

    /// Reads until a piece of text ends so.
    pub async fn until_ends_with(&mut self, end: &str) {
        while !text_of(&[self.next().await.unwrap()]).ends_with(end) {}
    }

    /// Reads until the text so far is `text`.
    pub async fn until(&mut self, text: &str) -> Vec<Told> {
        let mut all = Vec::new();
        while text_of(&all) != text {
            all.push(self.next().await.unwrap());
        }
        all
    }
}

pub fn text_of(told: &[Told]) -> String {
    told.iter().filter(|told| told.name == "text").map(|told| told.data["text"].as_str().unwrap()).collect()
}

pub fn names(told: &[Told]) -> Vec<&str> {
    told.iter().map(|told| told.name.as_str()).collect()
}

/// Answers as the test says, one reaction a question, and remembers what it was asked.
#[derive(Default)]
pub struct ScriptedGate {
    /// Each for a question to this model, or to any.
    reactions: Mutex<VecDeque<(Option<&'static str>, Reply)>>,
    pub questions: Mutex<Vec<Question>>,
    /// The releases that questions named.
    pub released: Mutex<Vec<String>>,
}

/// What the gate was asked.
#[derive(Debug, Clone)]
pub struct Question {
    pub label: String,
    pub body: Value,
    pub key: String,
}

impl Question {
    pub fn messages(&self) -> Vec<String> {
        let messages = self.body["messages"].as_array().unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        messages
            .iter()
            .map(|message| format!("{}: {}", text(&message["role"]), text(&message["content"])))
            .collect()
    }
}

impl ScriptedGate {
    /// The next question is answered by what is sent here.
    pub fn will_stream(&self, label: &str) -> mpsc::Sender<Bytes> {
        self.will_stream_as(None, label)
    }

    /// The next question to this model is answered by what is sent here.
    pub fn will_stream_as(&self, model: Option<&'static str>, label: &str) -> mpsc::Sender<Bytes> {
        let (sender, receiver) = mpsc::channel(64);
        self.push(model, 200, label, ReplyBody::Events(receiver));
        sender
    }

    /// The next question is answered so, at once.
    pub fn will_say(&self, label: &str, pieces: &[&str]) {
        self.will_say_as(None, label, pieces);
    }

    /// The next question to this model is answered so, at once.
    pub fn will_say_as(&self, model: Option<&'static str>, label: &str, pieces: &[&str]) {
        let sender = self.will_stream_as(model, label);
        for piece in pieces {
            sender.try_send(delta(piece)).unwrap();
        }
        sender.try_send(usage(3, 4)).unwrap();
        sender.try_send(DONE).unwrap();
    }

    pub fn will_refuse(&self, status: u16, label: &str, error: Value) {
        let body = json!({ "error": error }).to_string();
        self.push(None, status, label, ReplyBody::Whole(Bytes::from(body)));
    }

    pub fn last_question(&self) -> Question {
        self.questions.lock().unwrap().last().unwrap().clone()
    }

    fn push(&self, model: Option<&'static str>, status: u16, label: &str, body: ReplyBody) {
        let headers = vec![
            ("x-schleuse-request-id", "01GATE".to_owned()),
            ("x-schleuse-action", if status == 200 { "ALLOWED" } else { "BLOCKED" }.to_owned()),
            ("x-schleuse-sensitivity", "0.25".to_owned()),
            ("x-schleuse-label", label.to_owned()),
            ("x-schleuse-route", "local".to_owned()),
        ];
        self.reactions.lock().unwrap().push_back((model, Reply { status, headers, body }));
    }
}

/// The way by which a question names a release.
struct ReleasedWay {
    gate: Arc<ScriptedGate>,
    release: String,
}

impl Exchange for ReleasedWay {
    fn exchange(self: Arc<Self>, arrival: Arrival) -> Exchanged {
        self.gate.released.lock().unwrap().push(self.release.clone());
        Arc::clone(&self.gate).exchange(arrival)
    }
}

impl Exchange for ScriptedGate {
    fn exchange(self: Arc<Self>, arrival: Arrival) -> Exchanged {
        Box::pin(async move {
            assert_eq!((arrival.method, arrival.path.as_str()), (Method::Post, "/v1/chat/completions"));
            let Some(Credential::Bearer(key) | Credential::Session(key)) = &arrival.credential else {
                panic!("no credential")
            };
            let (key, label) = (key.expose().clone(), String::from_utf8(arrival.label.unwrap()).unwrap());
            let body = arrival.body.collect().await.unwrap().to_bytes();
            // What the gate would refuse, this refuses too.
            schleuse_wire::Request::parse(
                schleuse_wire::Surface::ChatCompletions,
                &body,
                &Default::default(),
            )
            .unwrap();
            let body: Value = serde_json::from_slice(&body).unwrap();
            assert_ne!(body["model"], "panic", "as the test wants it");
            let reaction = {
                let mut reactions = self.reactions.lock().unwrap();
                let fits = |model: &Option<&str>| model.is_none_or(|model| body["model"] == model);
                let place = reactions.iter().position(|(model, _)| fits(model));
                place.and_then(|place| reactions.remove(place))
            };
            self.questions.lock().unwrap().push(Question { label, body, key });
            match reaction {
                Some((_, reply)) => reply,
                None => std::future::pending().await,
            }
        })
    }
}

/// One chunk of a streamed answer.
pub fn delta(text: &str) -> Bytes {
    let chunk =
        json!({"id": "c", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}]});
    Bytes::from(format!("data: {chunk}\n\n"))
}

pub fn length_end() -> Bytes {
    let chunk = json!({"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]});
    Bytes::from(format!("data: {chunk}\n\n"))
}

pub fn usage(prompt: u64, completion: u64) -> Bytes {
    let usage = json!({"prompt_tokens": prompt, "completion_tokens": completion});
    Bytes::from(format!("data: {}\n\n", json!({"id": "c", "choices": [], "usage": usage})))
}

pub fn error_event(code: &str) -> Bytes {
    named_frame("error", &json!({"error": {"code": code, "message": "m", "findings": []}}).to_string())
}

fn permit(principal: &Principal, _peer: Peer) -> Result<(), Refusal> {
    if principal.role != Role::Auditor {
        return Ok(());
    }
    let text = || Text::fixed("no", "nein");
    Err(Refusal::new(RefusalCode::AccessDenied, text(), text(), "an auditor does not chat"))
}

const PEOPLE: [&str; 10] =
    ["anna", "bert", "auditor", "nobody", "sigrid", "rater1", "rater2", "rater3", "rater4", "rater5"];

/// Have keys; whoever wants them to be known to the house has to say so to its store.
pub const PEOPLE_WHO_RATE: [&str; 5] = ["rater1", "rater2", "rater3", "rater4", "rater5"];

/// As the shipped policy: only the security role lowers labels.
fn decide(lowering: &Lowering) -> Result<Permitted, Refusal> {
    if lowering.principal.role == Role::Security {
        // Secrets fall only when somebody else approves it.
        let needs_another = lowering.from.level() == Level::Secret;
        return Ok(if needs_another { Permitted::WithApproval } else { Permitted::AtOnce });
    }
    let text = || Text::fixed("no", "nein");
    Err(Refusal::new(RefusalCode::AccessDenied, text(), text(), "only security lowers labels"))
}

/// As the whole house does it, for clearances by person and one wall.
fn judge(
    clearances: &BTreeMap<String, Label>,
    seen: &mut BTreeSet<String>,
    person: &str,
    label: &Label,
    sight: Sight,
) -> Option<Text> {
    let clearance = clearances.get(person).cloned().unwrap_or(Label::CONFIDENTIAL);
    if !label.flows_to(&clearance) {
        return Some(Text::fixed("beyond", "zu hoch"));
    }
    let names: Vec<&str> = label.compartments().iter().map(|name| name.as_str()).collect();
    let against: Vec<&str> = names
        .iter()
        .filter_map(|name| match *name {
            "buy" => Some("sell"),
            "sell" => Some("buy"),
            _ => None,
        })
        .collect();
    let wall = || Some(Text::fixed("wall", "Wand"));
    match sight {
        _ if names.is_empty() => None,
        Sight::Glance | Sight::Beside { has_seen: false } if !against.is_empty() => wall(),
        Sight::Glance | Sight::Beside { .. } => None,
        Sight::Reading if against.iter().any(|other| seen.contains(&format!("{person} {other}"))) => wall(),
        Sight::Reading => {
            seen.extend(names.iter().map(|name| format!("{person} {name}")));
            None
        }
    }
}

/// What begins like an IBAN is blocked, and a stamp raises the label.
fn examine(label: &Label, text: &str) -> Examined {
    let find = |word: &str, kind: &str, action| {
        text.find(word).map(|start| Finding {
            kind: kind.to_owned(),
            recognizer: kind.to_lowercase(),
            path: String::new(),
            start,
            end: start + word.len(),
            score: 0.9,
            action,
            evasive: false,
            excepted: false,
        })
    };
    let (iban, stamp) = (
        find("DE02", "IBAN", FindingAction::Block),
        find("VS-NfD", "CLASSIFICATION_MARKING", FindingAction::RaiseLabel),
    );
    let label = if stamp.is_some() { label.join(&Label::CONFIDENTIAL) } else { label.clone() };
    Examined { label, is_blocked: iban.is_some(), findings: stamp.into_iter().chain(iban).collect() }
}

/// A line for a part of the store.
fn kept(row: schleuse_store::HeldRow) -> schleuse_portal::Kept {
    let text = || Text::fixed("line", "Zeile");
    schleuse_portal::Kept {
        id: row.id,
        what: text(),
        place: text(),
        kept: text(),
        seen_by: text(),
        is_sealed: true,
        count: Some(row.count),
        bytes: Some(row.bytes),
        export: None,
        stays: ["account", "keys", "data_keys"].contains(&row.id).then(text),
    }
}

fn pepper() -> Pepper {
    Secret::new([1; 32])
}

pub fn key(person: &str) -> ApiKey {
    ApiKey::derive(&[9; 32], person)
}

fn record(person: &str, revoked: Option<Timestamp>) -> KeyRecord {
    let hash = key(person).hash(&pepper());
    KeyRecord {
        id: hash.id(),
        hash,
        person: person.to_owned(),
        role: match person {
            "auditor" => Role::Auditor,
            "sigrid" => Role::Security,
            _ => Role::Employee,
        },
        groups: if person == "bert" { vec!["vertrieb".to_owned()] } else { Vec::new() },
        tenant: Default::default(),
        scopes: Vec::new(),
        created: Timestamp(0),
        expires: None,
        revoked,
    }
}
