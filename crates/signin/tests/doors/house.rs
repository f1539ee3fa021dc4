//! Everything behind the doors, and a browser in front of them.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use schleuse_audit::{Format, Log, Options, Pseudonyms, export};
use schleuse_identity::{
    ApiKey, Authenticator, DirectoryError, Identified, Issuers, KeyHash, KeyRecord, Pepper,
};
use schleuse_signin::{Authenticating, DirectoryDoor, Parts, Passwords, Settings, SignIn};
use schleuse_store::{NewKey, Store};
use schleuse_types::{Clock, Language, OsRandom, Role, Secret, Timestamp};
use schleuse_wire::{Arrival, BodyError, Credential, Exchange as _, Method, Peer, ReplyBody};
use serde_json::Value;
use tokio_util::task::TaskTracker;

use super::issuer::{Provider, Scripted};

pub(crate) const PASSWORD: &str = "correct horse";

pub(crate) struct House {
    pub(crate) store: Arc<Store>,
    pub(crate) clock: Arc<TestClock>,
    sign_in: Arc<SignIn>,
    identity: Arc<Authenticator>,
    providers: Vec<Arc<Provider>>,
    failures: Arc<AtomicUsize>,
    folder: PathBuf,
}

impl House {
    pub(crate) async fn open() -> Self {
        Self::build(false, true).await
    }

    pub(crate) async fn open_with(is_tls: bool) -> Self {
        Self::build(is_tls, true).await
    }

    pub(crate) async fn open_without_demo() -> Self {
        Self::build(false, false).await
    }

    async fn build(is_tls: bool, is_demo: bool) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("signin-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let test_clock = Arc::new(TestClock::default());
        let clock: Arc<dyn Clock> = test_clock.clone();
        let seed = Secret::new([7; 32]);
        let mut options = Options::new(
            folder.join("audit"),
            "test/audit".into(),
            seed,
            Arc::clone(&clock),
            Arc::new(OsRandom),
        );
        options.segment_bytes = 1 << 18;
        let (log, _) = Log::open(options).unwrap();
        let store = Arc::new(Store::open(&folder.join("store.db"), clock.now()).await.unwrap());
        let mut demo = Vec::new();
        for role in Role::ALL {
            let person = format!("demo-{role}");
            store.ensure_person(&person, role, clock.now()).await.unwrap();
            if is_demo {
                demo.push((role, person));
            }
        }
        let providers: Vec<_> =
            ["one", "two"].into_iter().map(|id| Arc::new(Provider::new(id, Arc::clone(&clock)))).collect();
        let configs = providers.iter().map(|provider| provider.config()).collect();
        let access = Arc::new(Scripted(providers.clone()));
        let issuers = Arc::new(Issuers::new(configs, access, Arc::clone(&clock)).unwrap());
        assert_eq!(issuers.refresh().await, []);
        let identity = Arc::new(Authenticator::new(pepper()));
        identity.set_issuers(Arc::clone(&issuers));
        let failures = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&failures);
        let sign_in = SignIn::new(Parts {
            settings: Settings {
                public_url: "https://house.test/".to_owned(),
                is_tls,
                idle: Duration::from_secs(8 * 3600),
                absolute: Duration::from_secs(12 * 3600),
            },
            identity: Arc::clone(&identity),
            issuers,
            directories: vec![DirectoryDoor {
                id: "directory".to_owned(),
                name: "Directory".to_owned(),
                directory: Arc::new(FakeDirectory),
            }],
            demo,
            store: Arc::clone(&store),
            log,
            pseudonyms: Pseudonyms::Keyed(Secret::new([2; 32])),
            pepper: pepper(),
            clock,
            random: Arc::new(OsRandom),
            count_failure: Arc::new(move |source| {
                assert!(source.is_loopback());
                counted.fetch_add(1, Ordering::SeqCst);
            }),
            pages: Arc::new(|verified, _peer| match verified.principal().role {
                Role::Engineer => vec!["chat", "now"],
                _ => vec!["chat"],
            }),
            tasks: TaskTracker::new(),
        });
        Self { store, clock: test_clock, sign_in: Arc::new(sign_in), identity, providers, failures, folder }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn provider(&self, id: &str) -> &Provider {
        self.providers.iter().find(|provider| provider.id == id).unwrap()
    }

    pub(crate) fn failures(&self) -> usize {
        self.failures.load(Ordering::SeqCst)
    }

    /// Begins a sign-in and says where the browser is sent.
    pub(crate) async fn start(&self, browser: &mut Browser, provider: &str, back: &str) -> String {
        let path = format!("/auth/oidc/{provider}/start?return={back}");
        let answer = self.send("GET", browser, &path, "").await;
        assert_eq!(answer.status, 303, "{answer:?}");
        answer.header("location").unwrap().to_owned()
    }

    /// The browser comes back with this query; says where it is sent.
    pub(crate) async fn come_back(&self, browser: &mut Browser, provider: &str, query: &str) -> String {
        // From another site, so `SameSite=Strict` holds the session back.
        let session = browser.cookies.remove("schleuse");
        let answer = self.send("GET", browser, &format!("/auth/oidc/{provider}/callback?{query}"), "").await;
        if let (Some(session), None) = (session, browser.get("schleuse")) {
            browser.set("schleuse", &session);
        }
        assert_eq!(answer.status, 303, "{answer:?}");
        answer.header("location").unwrap().to_owned()
    }

    pub(crate) async fn get(&self, browser: &Browser, path: &str) -> Answer {
        self.send("GET", &mut browser.clone(), path, "").await
    }

    pub(crate) async fn post(&self, browser: &mut Browser, path: &str, body: Value) -> Answer {
        self.send("POST", browser, path, &body.to_string()).await
    }

    pub(crate) async fn delete(&self, browser: &mut Browser, path: &str) -> Answer {
        self.send("DELETE", browser, path, "").await
    }

    /// What a provider sends by itself.
    pub(crate) async fn post_form(&self, path: &str, form: &str) -> Answer {
        self.send("POST", &mut Browser::new(), path, form).await
    }

    pub(crate) async fn get_with_key(&self, key: &str, path: &str) -> Answer {
        let mut browser = Browser { bearer: Some(key.to_owned()), ..Browser::new() };
        self.send("GET", &mut browser, path, "").await
    }

    pub(crate) async fn send(&self, method: &str, browser: &mut Browser, path: &str, body: &str) -> Answer {
        let body = Full::new(Bytes::from(body.to_owned())).map_err(|never| BodyError(format!("{never}")));
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        let secret = |text: &String| Secret::new(text.clone());
        let session = browser.cookies.get("schleuse").map(secret).map(Credential::Session);
        let arrival = Arrival {
            method: match method {
                "GET" => Method::Get,
                "POST" => Method::Post,
                "DELETE" => Method::Delete,
                other => panic!("{other}"),
            },
            path: path.to_owned(),
            query: query.map(str::to_owned),
            credential: browser.bearer.as_ref().map(secret).map(Credential::Bearer).or(session),
            sign_in: browser.cookies.get("schleuse-sign-in").map(secret),
            last_event_id: None,
            agent: None,
            label: None,
            language: browser.language,
            peer: Peer { address: IpAddr::V4(Ipv4Addr::LOCALHOST) },
            body: Box::pin(body),
        };
        let reply = Arc::clone(&self.sign_in).exchange(arrival).await;
        let ReplyBody::Whole(body) = reply.body else { panic!("a sign-in has no events") };
        for (name, value) in &reply.headers {
            if *name == "set-cookie" {
                browser.take(value);
            }
        }
        let headers = reply.headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Answer { status: reply.status, headers, body: String::from_utf8(body.to_vec()).unwrap() }
    }

    /// The key of a role's person, stored and known.
    pub(crate) async fn key(&self, role: Role) -> String {
        let key = demo_key(role);
        let stored = NewKey {
            id: key.id(&pepper()),
            hash: key.hash(&pepper()).0,
            person: format!("demo-{role}"),
            role,
            scopes: Vec::new(),
            created: self.now(),
            expires: None,
        };
        self.store.ensure_key(&stored).await.unwrap();
        self.learn_keys().await;
        key.expose_printed().to_owned()
    }

    pub(crate) async fn revoke_key(&self, role: Role) {
        self.store.revoke_key(&demo_key(role).id(&pepper()), self.now()).await.unwrap();
        self.learn_keys().await;
    }

    async fn learn_keys(&self) {
        let keys = self.store.keys().await.unwrap();
        self.identity.replace(keys.into_iter().map(|row| KeyRecord {
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
        }));
    }

    /// Event and code of every entry about sessions, in order.
    pub(crate) async fn events(&self) -> Vec<(String, String)> {
        let mut out = Vec::new();
        export(&self.folder.join("audit"), Format::Jsonl, &mut out).unwrap();
        let lines = String::from_utf8(out).unwrap();
        let entries = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let of = |entry: &Value, name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        let events = entries.map(|entry| (of(&entry, "event"), of(&entry, "code")));
        events.filter(|(event, _)| event.starts_with("session.")).collect()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// What one browser holds.
#[derive(Debug, Clone)]
pub(crate) struct Browser {
    cookies: BTreeMap<String, String>,
    bearer: Option<String>,
    language: Language,
}

impl Browser {
    pub(crate) fn new() -> Self {
        Self { cookies: BTreeMap::new(), bearer: None, language: Language::English }
    }

    pub(crate) fn speaking(language: &str) -> Self {
        Self { language: Language::from_accept_language(language), ..Self::new() }
    }

    pub(crate) fn get(&self, name: &str) -> Option<String> {
        self.cookies.get(name).cloned()
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.cookies.insert(name.to_owned(), value.to_owned());
    }

    fn take(&mut self, set_cookie: &str) {
        let (pair, attributes) = set_cookie.split_once("; ").unwrap();
        let (name, value) = pair.split_once('=').unwrap();
        if attributes.contains("Max-Age=0") {
            self.cookies.remove(name);
        } else {
            self.set(name, value);
        }
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// A clock that stands still until it is told to go on.
#[derive(Debug, Default)]
pub(crate) struct TestClock(AtomicU64);

impl TestClock {
    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(u64::try_from(by.as_micros()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        // 2026-11-21T09:00:00Z.
        Timestamp(1_795_251_600_000_000).plus(self.monotonic())
    }

    fn monotonic(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::SeqCst))
    }
}

/// Knows everybody by one password.
struct FakeDirectory;

impl Passwords for FakeDirectory {
    fn authenticate<'a>(&'a self, name: &'a str, password: &'a Secret<String>) -> Authenticating<'a> {
        Box::pin(async move {
            match name {
                "down" => return Err(DirectoryError::TimedOut),
                "slow" => tokio::task::yield_now().await,
                _ => {}
            }
            match (name, password.expose().as_str()) {
                ("norole", PASSWORD) => Err(DirectoryError::NoRole),
                (_, PASSWORD) => Ok(Identified {
                    person: "p-anna".to_owned(),
                    name: "Anna".to_owned(),
                    issuer: "ldap:directory".to_owned(),
                    subject: "anna".to_owned(),
                    sid: None,
                    role: Role::Employee,
                    groups: Vec::new(),
                    tenant: Default::default(),
                    expires: Timestamp(u64::MAX),
                }),
                _ => Err(DirectoryError::Refused),
            }
        })
    }
}

fn demo_key(role: Role) -> ApiKey {
    ApiKey::derive(b"test", role.as_str())
}

fn pepper() -> Pepper {
    Secret::new([1; 32])
}
