//! A console with real rooms around it, and somebody of every role who talks to it.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use schleuse_audit::{Event, Log, Options, Pseudonyms, Record};
use schleuse_console::{
    Approvals, Console, EngineState, Level, Limit, LiveLimits, Now, Operations, PostureLine, Readings,
};
use schleuse_identity::{ApiKey, Authenticator, KeyHash, KeyRecord, Pepper, SessionRecord, SessionToken};
use schleuse_policy::{Policy, SHIPPED_POLICIES, SHIPPED_SCHEMA};
use schleuse_store::{ApprovalRow, ApprovalState, NewKey, SessionRow, Store};
use schleuse_types::{
    Clock, Label, Language, OsRandom, Outcome, Refusal, RequestId, Role, Secret, SystemClock, Tenant, Text,
};
use schleuse_upstream::{UpstreamConfig, Upstreams};
use schleuse_wire::{Arrival, BodyError, Credential, Exchange as _, Method, Peer, ReplyBody};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub struct House {
    pub console: Arc<Console>,
    pub told: Arc<Told>,
    folder: PathBuf,
}

/// What the console said to the root.
#[derive(Default)]
pub struct Told {
    pub strangers: AtomicU64,
    pub changes: AtomicU64,
    /// Keys whose change has its entry.
    pub recorded: Mutex<Vec<String>>,
    /// What was decided about lower labels: which, by whom, how.
    pub decided: Mutex<Vec<(String, String, ApprovalState)>>,
}

impl Approvals for Told {
    fn reason<'a>(&'a self, _: &'a ApprovalRow) -> Pin<Box<dyn Future<Output = Option<String>> + Send + 'a>> {
        Box::pin(std::future::ready(Some("why".to_owned())))
    }

    fn release_reason<'a>(
        &'a self,
        _: &'a schleuse_store::ReleaseRow,
    ) -> Pin<Box<dyn Future<Output = Option<String>> + Send + 'a>> {
        Box::pin(std::future::ready(Some("why it must pass".to_owned())))
    }

    fn decide<'a>(
        &'a self,
        row: &'a ApprovalRow,
        decider: &'a str,
        state: ApprovalState,
    ) -> Pin<Box<dyn Future<Output = Result<(), Refusal>> + Send + 'a>> {
        self.decided.lock().unwrap().push((row.id.clone(), decider.to_owned(), state));
        Box::pin(std::future::ready(Ok(())))
    }
}

impl Operations for Told {
    fn now(&self) -> Now {
        let engine = EngineState { state: "ready".into(), model: "small".into() };
        Now { uptime_s: 7, window_s: 300, engine: Some(engine), ..Now::default() }
    }

    fn forget_answers(&self, is_theirs: &dyn Fn(&Tenant, &str) -> bool) -> usize {
        let kept = [("anna", "house"), ("bert", "retail"), ("anna", "house")];
        let tenant = |name: &str| Tenant::parse(name).unwrap();
        kept.into_iter().filter(|(person, of)| is_theirs(&tenant(of), person)).count()
    }

    fn posture(&self) -> Vec<PostureLine> {
        let text = Text::fixed("plain HTTP on loopback", "unverschlüsselt auf Loopback");
        vec![PostureLine { level: Level::Note, text, next: None }]
    }

    fn limits(&self, verified: &schleuse_identity::Verified) -> Vec<Limit> {
        let who = format!("role:{}", verified.principal().role);
        vec![Limit { who, kind: "requests_per_minute", limit: 10, used: 3, resets: None }]
    }

    fn refused_stranger(&self, _: IpAddr) {
        self.strangers.fetch_add(1, Ordering::Relaxed);
    }

    fn key_recorded(&self, key: &str) {
        self.recorded.lock().unwrap().push(key.to_owned());
    }

    fn store_changed(&self) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
        self.changes.fetch_add(1, Ordering::Relaxed);
        Box::pin(std::future::ready(()))
    }
}

pub fn pepper() -> Pepper {
    Secret::new([1; 32])
}

/// The key of the person who has this role and its name.
pub fn key(role: Role) -> ApiKey {
    ApiKey::derive(b"test", role.as_str())
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }
}

impl House {
    pub async fn open() -> Self {
        Self::with(Policy::shipped().unwrap()).await
    }

    /// A house with its own rules instead of the shipped ones.
    pub async fn with_policy(text: &str) -> Self {
        Self::with(Policy::load(SHIPPED_SCHEMA, &[("test.cedar", text)]).unwrap()).await
    }

    async fn with(policy: Policy) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("schleuse-console-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let mut options = Options::new(
            folder.join("audit"),
            "test/audit".into(),
            Secret::new([7; 32]),
            Arc::clone(&clock),
            Arc::new(OsRandom),
        );
        options.segment_bytes = 1 << 20;
        let (log, _) = Log::open(options).unwrap();
        let store = Arc::new(Store::open(&folder.join("store.db"), clock.now()).await.unwrap());
        for role in Role::ALL {
            store.ensure_person(role.as_str(), role, clock.now()).await.unwrap();
            let hash = key(role).hash(&pepper());
            let new = NewKey {
                id: hash.id(),
                hash: hash.0,
                person: role.as_str().to_owned(),
                role,
                scopes: Vec::new(),
                created: clock.now(),
                expires: None,
            };
            store.insert_key(&new).await.unwrap();
        }
        let mut large = UpstreamConfig::new("local", "http://127.0.0.1:1");
        large.models = Some(vec!["large".to_owned()]);
        let mut private = UpstreamConfig::new("private", "http://127.0.0.1:1");
        private.models = Some(vec!["private".to_owned()]);
        private.tenants = vec![Tenant::parse("retail").unwrap()];
        let upstreams = Upstreams::new(vec![large, private], Arc::clone(&clock)).unwrap();
        let told = Arc::new(Told::default());
        let mut policy_files = vec![("schema.cedarschema".to_owned(), SHIPPED_SCHEMA.to_owned())];
        policy_files.extend(SHIPPED_POLICIES.map(|(name, text)| (name.to_owned(), text.to_owned())));
        let console = Console {
            identity: Arc::new(Authenticator::new(pepper())),
            policy: Arc::new(policy),
            policy_files,
            store,
            log,
            pseudonyms: Pseudonyms::Keyed(Secret::new([2; 32])),
            pepper: pepper(),
            upstreams,
            tenants: vec![Tenant::HOUSE, Tenant::parse("retail").unwrap()],
            clearance: Arc::new(|_| Label::SECRET),
            operations: told.clone(),
            approvals: told.clone(),
            clock,
            random: Arc::new(OsRandom),
            is_demo: false,
            readings: Readings::default(),
            live: LiveLimits::default(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        };
        let house = Self { console: Arc::new(console), told, folder };
        house.learn().await;
        house
    }

    /// What the keeper of a house does several times a second.
    pub async fn learn(&self) {
        let (store, identity) = (&self.console.store, &self.console.identity);
        let keys = store.keys().await.unwrap().into_iter().map(|row| KeyRecord {
            id: row.id,
            hash: KeyHash(row.hash),
            person: row.person,
            role: row.role,
            groups: row.groups,
            tenant: row.tenant,
            scopes: row.scopes,
            created: row.created,
            expires: row.expires,
            revoked: row.revoked,
        });
        identity.replace(keys);
        let people = store.people().await.unwrap();
        let blocked = people.into_iter().filter(|person| person.blocked.is_some()).map(|person| person.id);
        identity.replace_blocked(blocked.collect());
    }

    /// A session of the person with this role, as a sign-in would make it.
    pub async fn sign_in(&self, role: Role) -> (String, Credential) {
        let token = SessionToken::generate(&OsRandom).unwrap();
        let (hash, now) = (token.hash(&pepper()), self.console.clock.now());
        let expires = now.plus(Duration::from_secs(3600));
        let row = SessionRow {
            id: hash.session_id(),
            hash: hash.0,
            person: role.as_str().to_owned(),
            role,
            method: "demo".to_owned(),
            issuer: None,
            subject: None,
            sid: None,
            key: None,
            agent: "a browser".to_owned(),
            created: now,
            last_seen: now,
            idle_micros: 3_600_000_000,
            expires,
            revoked: None,
        };
        self.console.store.insert_session(&row).await.unwrap();
        self.console.identity.admit_session(SessionRecord {
            id: row.id.clone(),
            hash,
            person: row.person,
            role,
            groups: Vec::new(),
            tenant: Default::default(),
            key: None,
            created: now,
            last_seen: now,
            idle_micros: row.idle_micros,
            expires,
            revoked: None,
        });
        (row.id, Credential::Session(Secret::new(token.expose_printed().to_owned())))
    }

    pub async fn get(&self, role: Role, target: &str) -> Answer {
        self.send(Some(bearer(&key(role))), Method::Get, target, "").await
    }

    pub async fn post(&self, role: Role, target: &str, body: &str) -> Answer {
        self.send(Some(bearer(&key(role))), Method::Post, target, body).await
    }

    pub async fn put(&self, role: Role, target: &str, body: &str) -> Answer {
        self.send(Some(bearer(&key(role))), Method::Put, target, body).await
    }

    pub async fn delete(&self, role: Role, target: &str) -> Answer {
        self.send(Some(bearer(&key(role))), Method::Delete, target, "").await
    }

    /// Sends a request and reads the answer to its end.
    pub async fn send(
        &self,
        credential: Option<Credential>,
        method: Method,
        target: &str,
        body: &str,
    ) -> Answer {
        let (status, headers, body) = self.begin(credential, method, target, body, None).await;
        let body = match body {
            ReplyBody::Whole(bytes) => bytes.to_vec(),
            ReplyBody::Events(mut events) => {
                let mut all = Vec::new();
                while let Some(frame) = events.recv().await {
                    all.extend_from_slice(&frame);
                }
                all
            }
        };
        Answer { status, headers, body }
    }

    /// Opens a stream.
    pub async fn listen(
        &self,
        credential: Credential,
        target: &str,
        last_event_id: Option<&str>,
    ) -> mpsc::Receiver<Bytes> {
        let (status, _, body) = self.begin(Some(credential), Method::Get, target, "", last_event_id).await;
        assert_eq!(status, 200);
        match body {
            ReplyBody::Events(events) => events,
            ReplyBody::Whole(bytes) => panic!("no stream but {bytes:?}"),
        }
    }

    pub async fn begin(
        &self,
        credential: Option<Credential>,
        method: Method,
        target: &str,
        body: &str,
        last_event_id: Option<&str>,
    ) -> (u16, Vec<(&'static str, String)>, ReplyBody) {
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (target, None),
        };
        let body = Full::new(Bytes::from(body.to_owned())).map_err(|never| BodyError(format!("{never}")));
        let arrival = Arrival {
            method,
            path: path.to_owned(),
            query,
            credential,
            sign_in: None,
            last_event_id: last_event_id.map(str::to_owned),
            agent: None,
            label: None,
            language: Language::English,
            peer: Peer { address: IpAddr::V4(Ipv4Addr::LOCALHOST) },
            body: Box::pin(body),
        };
        let reply = Arc::clone(&self.console).exchange(arrival).await;
        (reply.status, reply.headers, reply.body)
    }

    /// Records what a gate would have recorded of one request; its id.
    pub async fn record(&self, role: Role, event: Event, outcome: Outcome, code: Option<&str>) -> String {
        let id = RequestId::new(&*self.console.clock, &OsRandom).unwrap().to_string();
        let mut record = Record::new(event);
        record.request_id.clone_from(&id);
        record.user = self.pseudonym(role);
        record.role = Some(role);
        record.model = "large".to_owned();
        record.action = Some(outcome);
        record.code = code.map(str::to_owned);
        record.rules = vec!["working-roles-ask".to_owned()];
        record.source = Some("k-secret".to_owned());
        self.console.log.append(record).await.unwrap();
        id
    }

    /// A file of the audit log.
    pub fn audit_file(&self, name: &str) -> PathBuf {
        self.folder.join("audit").join(name)
    }

    pub fn pseudonym(&self, role: Role) -> String {
        self.console.pseudonyms.name(role.as_str())
    }

    /// The newest entry of an event, as JSON.
    pub fn newest(&self, event: Event) -> Value {
        let filter = schleuse_audit::Filter { event: Some(event.as_str().to_owned()), ..Default::default() };
        let page = self.console.log.reader().newest(&filter, None, 1).unwrap();
        page.entries.first().map(|entry| Value::Object(entry.members())).unwrap_or_default()
    }

    /// How many entries of an event there are.
    pub fn count(&self, event: Event) -> usize {
        let filter = schleuse_audit::Filter { event: Some(event.as_str().to_owned()), ..Default::default() };
        self.console.log.reader().newest(&filter, None, 1000).unwrap().entries.len()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

pub fn bearer(key: &ApiKey) -> Credential {
    Credential::Bearer(Secret::new(key.expose_printed().to_owned()))
}
