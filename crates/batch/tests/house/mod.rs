//! The room with a real store and real keys around it, in front of a gate that answers as each question says.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use schleuse_batch::{Batches, Deed, Denial, House, Limits, Parts, Recorded, Standing, What};
use schleuse_identity::{ApiKey, Authenticator, KeyRecord, Pepper, Verified};
use schleuse_store::Store;
use schleuse_types::{
    Clock, Label, Language, OsRandom, Principal, Refusal, RefusalCode, Role, Secret, SystemClock, Text,
    Timestamp,
};
use schleuse_wire::multipart::{self, Part};
use schleuse_wire::{
    Arrival, BodyError, Credential, Exchange, Exchanged, Method, Peer, Reply, ReplyBody, invalid_request,
};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Longer than anything here takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct Home {
    pub room: Arc<Batches>,
    pub gate: Arc<ScriptedGate>,
    pub rules: Arc<Rules>,
    pub identity: Arc<Authenticator>,
    pub clock: Arc<SetClock>,
    pub store: Arc<Store>,
    tasks: TaskTracker,
    pub stop: CancellationToken,
    cut: CancellationToken,
    limits: Limits,
    folder: Folder,
}

/// Removed when dropped, unless it was taken.
pub struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.0.as_os_str().is_empty() {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

/// The system's clock, and how far it was set forward.
pub struct SetClock {
    system: SystemClock,
    ahead_s: AtomicU64,
}

impl SetClock {
    pub fn forward(&self, hours: u64) {
        self.ahead_s.fetch_add(hours * 3600, Ordering::Relaxed);
    }
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        self.system.now().plus(Duration::from_secs(self.ahead_s.load(Ordering::Relaxed)))
    }

    fn monotonic(&self) -> Duration {
        self.system.monotonic()
    }
}

/// What the rest of the house says.
pub struct Rules {
    pub clearance: Mutex<Label>,
    pub deeds: Mutex<Vec<Deed>>,
    pub denials: Mutex<Vec<Denial>>,
    pub expiries: Mutex<Vec<(u64, u64)>>,
    pub strangers: AtomicU64,
}

impl House for Rules {
    fn permit(&self, principal: &Principal, _peer: Peer) -> Result<(), Refusal> {
        if principal.role != Role::Auditor {
            return Ok(());
        }
        let text = || Text::fixed("no", "nein");
        Err(Refusal::new(RefusalCode::AccessDenied, text(), text(), "an auditor keeps no files"))
    }

    fn standing(&self, _verified: &Verified) -> Standing {
        Standing { clearance: self.clearance.lock().unwrap().clone(), default: Label::INTERNAL }
    }

    fn read_label(&self, text: &[u8]) -> Result<Label, Refusal> {
        Label::parse(text)
            .map_err(|_| invalid_request("label", "Einstufung", "label", Some("x-schleuse-label")))
    }

    fn record(&self, deed: Deed) -> Recorded {
        self.deeds.lock().unwrap().push(deed);
        Box::pin(std::future::ready(Ok(())))
    }

    fn record_denial(&self, denial: Denial) -> Recorded {
        self.denials.lock().unwrap().push(denial);
        Box::pin(std::future::ready(Ok(())))
    }

    fn record_expiry(&self, files: u64, batches: u64) -> Recorded {
        self.expiries.lock().unwrap().push((files, batches));
        Box::pin(std::future::ready(Ok(())))
    }

    fn refused_stranger(&self, _address: IpAddr) {
        self.strangers.fetch_add(1, Ordering::Relaxed);
    }
}

impl Rules {
    /// What was recorded, as `what subject`.
    pub fn told(&self) -> Vec<(What, String)> {
        self.deeds.lock().unwrap().iter().map(|deed| (deed.what, deed.subject.clone())).collect()
    }
}

impl Home {
    pub async fn open() -> Self {
        Self::open_limited(Limits::default()).await
    }

    pub async fn open_limited(limits: Limits) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("schleuse-batch-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self::open_on(Folder(folder), limits, 0).await
    }

    async fn open_on(folder: Folder, limits: Limits, ahead_s: u64) -> Self {
        let clock = Arc::new(SetClock { system: SystemClock::new(), ahead_s: AtomicU64::new(ahead_s) });
        let store = Arc::new(Store::open(&folder.0.join("store.db"), clock.now()).await.unwrap());
        for person in ["anna", "bert", "auditor"] {
            store.ensure_person(person, role(person), clock.now()).await.unwrap();
        }
        let identity = Arc::new(Authenticator::new(pepper()));
        identity.replace(PEOPLE.map(|person| record(person, None)));
        let gate = Arc::new(ScriptedGate::default());
        let rules = Arc::new(Rules {
            clearance: Mutex::new(Label::CONFIDENTIAL),
            deeds: Mutex::default(),
            denials: Mutex::default(),
            expiries: Mutex::default(),
            strangers: AtomicU64::new(0),
        });
        let (tasks, stop, cut) = (TaskTracker::new(), CancellationToken::new(), CancellationToken::new());
        let room = Arc::new(Batches::new(Parts {
            models: gate.clone(),
            identity: Arc::clone(&identity),
            house: rules.clone(),
            store: Arc::clone(&store),
            house_secret: Secret::new([5; 32]),
            limits,
            clock: clock.clone(),
            random: Arc::new(OsRandom),
            tasks: tasks.clone(),
            stop: stop.clone(),
            cut: cut.clone(),
        }));
        Self { room, gate, rules, identity, clock, store, tasks, stop, cut, limits, folder }
    }

    /// Ends everything at once, as a crash would, and opens the folder again.
    pub async fn reopen(self) -> Self {
        self.stop.cancel();
        self.cut.cancel();
        self.wait().await;
        self.store.close().await.unwrap();
        let Self { mut folder, limits, clock, room, .. } = self;
        drop(room);
        let folder = Folder(std::mem::take(&mut folder.0));
        Self::open_on(folder, limits, clock.ahead_s.load(Ordering::Relaxed)).await
    }

    /// Until nothing is worked at any more.
    pub async fn wait(&self) {
        self.tasks.close();
        timeout(PATIENCE, self.tasks.wait()).await.unwrap();
        self.tasks.reopen();
    }

    pub fn revoke(&self, person: &str) {
        let now = self.clock.now();
        self.identity.replace(PEOPLE.map(|known| record(known, (known == person).then_some(now))));
    }

    pub async fn send(&self, person: &str, method: Method, path: &str, body: &str) -> Answer {
        self.send_labelled(person, method, path, Bytes::from(body.to_owned()), None).await
    }

    pub async fn send_labelled(
        &self,
        person: &str,
        method: Method,
        path: &str,
        body: Bytes,
        label: Option<&str>,
    ) -> Answer {
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        let arrival = Arrival {
            method,
            path: path.to_owned(),
            query: query.map(str::to_owned),
            credential: (person != "-")
                .then(|| Credential::Bearer(Secret::new(key(person).expose_printed().to_owned()))),
            sign_in: None,
            last_event_id: None,
            agent: None,
            label: label.map(|label| label.as_bytes().to_vec()),
            language: Language::German,
            peer: Peer { address: IpAddr::V4(Ipv4Addr::LOCALHOST) },
            body: Box::pin(Full::new(body).map_err(|never| BodyError(format!("{never}")))),
        };
        let reply = timeout(PATIENCE, Arc::clone(&self.room).exchange(arrival)).await.unwrap();
        let ReplyBody::Whole(body) = reply.body else { panic!("events instead of a document") };
        Answer { status: reply.status, headers: reply.headers, body }
    }

    pub async fn get(&self, person: &str, path: &str) -> Value {
        self.send(person, Method::Get, path, "").await.expect(200)
    }

    pub async fn upload_form(&self, person: &str, parts: &[Part], label: Option<&str>) -> Answer {
        let (_, body) = multipart::render(parts);
        self.send_labelled(person, Method::Post, "/v1/files", body.into(), label).await
    }

    /// The id of a new file.
    pub async fn upload_labelled(&self, person: &str, content: &str, label: Option<&str>) -> String {
        let file = self.upload_form(person, &[purpose("batch"), file(content)], label).await.expect(200);
        file["id"].as_str().unwrap().to_owned()
    }

    pub async fn upload(&self, person: &str, content: &str) -> String {
        self.upload_labelled(person, content, None).await
    }

    /// The id of a new batch over chat.
    pub async fn begin(&self, person: &str, file: &str) -> String {
        let begun = self.send(person, Method::Post, "/v1/batches", &creation(file)).await.expect(200);
        begun["id"].as_str().unwrap().to_owned()
    }

    /// Asks for a batch until it is in this state.
    pub async fn until(&self, person: &str, batch: &str, state: &str) -> Value {
        self.until_is(person, batch, |batch| batch["status"] == state).await
    }

    pub async fn until_is(&self, person: &str, batch: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let path = format!("/v1/batches/{batch}");
        let looking = async {
            loop {
                let shown = self.get(person, &path).await;
                if fits(&shown) {
                    return shown;
                }
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, looking).await.unwrap()
    }

    /// The lines of a file.
    pub async fn lines(&self, person: &str, file: &Value) -> Vec<Value> {
        let path = format!("/v1/files/{}/content", file.as_str().unwrap());
        let answer = self.send(person, Method::Get, &path, "").await;
        assert_eq!(answer.status, 200);
        let text = std::str::from_utf8(&answer.body).unwrap();
        assert!(text.ends_with('\n'));
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Bytes,
}

impl Answer {
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{:?}", self.body);
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn expect_refusal(self, status: u16, code: &str) -> Value {
        let id = self.header("x-schleuse-request-id").unwrap().to_owned();
        let error = self.expect(status)["error"].clone();
        assert_eq!(error["code"], code, "{error}");
        assert_eq!(error["request_id"], id.as_str());
        assert!(!error["next"].as_str().unwrap().is_empty());
        error
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }
}

pub fn purpose(purpose: &str) -> Part {
    Part::field("purpose", purpose.to_owned()).unwrap()
}

pub fn file(content: &str) -> Part {
    Part::file("file", "fragen.jsonl", None, content.to_owned().into()).unwrap()
}

pub fn creation(file: &str) -> String {
    json!({"input_file_id": file, "endpoint": "/v1/chat/completions", "completion_window": "24h"}).to_string()
}

/// A file with a line for each of these questions; their ids are `q0`, `q1` ….
pub fn questions(contents: &[&str]) -> String {
    let line = |(number, content): (usize, &&str)| {
        let body = json!({"model": "m", "messages": [{"role": "user", "content": content}]});
        json!({"custom_id": format!("q{number}"), "method": "POST", "url": "/v1/chat/completions", "body": body})
            .to_string()
            + "\n"
    };
    contents.iter().enumerate().map(line).collect()
}

/// Answers a question by what it says: `say …`, `block …`, `busy …` (once), `tomorrow …`, `as LABEL …`, and `wait …` when it
/// is let.
pub struct ScriptedGate {
    pub questions: Mutex<Vec<Asked>>,
    /// One for each `wait` that is answered.
    pub waiting: Semaphore,
}

impl Default for ScriptedGate {
    fn default() -> Self {
        Self { questions: Mutex::default(), waiting: Semaphore::new(0) }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub content: String,
    pub label: String,
    pub key: String,
}

impl ScriptedGate {
    /// What was asked so far, in the order in which it came.
    pub fn contents(&self) -> Vec<String> {
        self.questions.lock().unwrap().iter().map(|asked| asked.content.clone()).collect()
    }

    pub async fn until_asked(&self, content: &str) {
        let looking = async {
            while !self.contents().iter().any(|asked| asked == content) {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, looking).await.unwrap();
    }
}

impl Exchange for ScriptedGate {
    fn exchange(self: Arc<Self>, arrival: Arrival) -> Exchanged {
        Box::pin(async move {
            assert_eq!((arrival.method, arrival.path.as_str()), (Method::Post, "/v1/chat/completions"));
            let Some(Credential::Bearer(key)) = &arrival.credential else { panic!("no credential") };
            let (key, label) = (key.expose().clone(), String::from_utf8(arrival.label.unwrap()).unwrap());
            let body = arrival.body.collect().await.unwrap().to_bytes();
            let body: Value = serde_json::from_slice(&body).unwrap();
            let content = body["messages"][0]["content"].as_str().unwrap().to_owned();
            let times = {
                let mut questions = self.questions.lock().unwrap();
                questions.push(Asked { content: content.clone(), label: label.clone(), key });
                questions.iter().filter(|asked| asked.content == content).count()
            };
            let (verb, rest) = content.split_once(' ').unwrap_or((&content, ""));
            let refusal = |code: &str| json!({"error": {"code": code, "message": "m", "findings": []}});
            let (status, label, document, retry_after) = match verb {
                "block" => (403, "SECRET".to_owned(), refusal("sensitive_data_detected"), None),
                "busy" if times == 1 => (429, label, refusal("rate_limit_exceeded"), Some("0")),
                "tomorrow" => (429, label, refusal("rate_limit_exceeded"), Some("40000")),
                "as" => (200, rest.to_owned(), json!({"say": rest}), None),
                _ => {
                    if verb == "wait" {
                        self.waiting.acquire().await.unwrap().forget();
                    }
                    (200, label, json!({"say": rest}), None)
                }
            };
            let mut headers =
                vec![("x-schleuse-request-id", "01GATE".to_owned()), ("x-schleuse-label", label)];
            headers.extend(retry_after.map(|seconds| ("retry-after", seconds.to_owned())));
            Reply { status, headers, body: ReplyBody::Whole(Bytes::from(document.to_string())) }
        })
    }
}

const PEOPLE: [&str; 4] = ["anna", "bert", "auditor", "nobody"];

fn role(person: &str) -> Role {
    if person == "auditor" { Role::Auditor } else { Role::Employee }
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
        role: role(person),
        groups: Vec::new(),
        tenant: Default::default(),
        scopes: Vec::new(),
        created: Timestamp(0),
        expires: None,
        revoked,
    }
}
