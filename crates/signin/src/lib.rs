//! How people come in: identity providers, directories, keys; the sessions that the house mints for them.
//!
//! [`SignIn`] answers everything below `/auth`. It believes nobody but the issuer's signed token, the directory and the
//! house's own keys; what it gives a browser is a random session of this house, of which only a keyed hash is kept.
//! A sign-in by OpenID Connect is bound to the browser that began it, is used once, and ends in a page of this house.
//! Who was here before as somebody else is signed out first; nothing that a browser brings becomes a session.

mod address;
mod agent;
mod begun;
mod cookie;
mod direct;
mod oidc;
mod own;
mod refusal;
mod reply;
mod session;
mod source;
mod throttle;

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use schleuse_audit::{Log, Pseudonyms};
use schleuse_identity::{Authenticator, Directory, DirectoryError, Identified, Issuers, Pepper, Verified};
use schleuse_store::Store;
use schleuse_types::{Clock, Random, Refusal, RefusalCode, RequestId, Role, Secret};
use schleuse_wire::{Arrival, ArrivalBody, Credential, Exchange, Exchanged, Method, Peer, Reply};
use tokio_util::task::TaskTracker;

use crate::begun::BegunSignIns;
use crate::cookie::Cookies;
use crate::source::Source;
use crate::throttle::Throttle;

/// What the sign-in works with.
pub struct Parts {
    pub settings: Settings,
    pub identity: Arc<Authenticator>,
    pub issuers: Arc<Issuers>,
    pub directories: Vec<DirectoryDoor>,
    /// The person behind each role's button; empty in a house that is no demo.
    pub demo: Vec<(Role, String)>,
    pub store: Arc<Store>,
    pub log: Log,
    pub pseudonyms: Pseudonyms,
    pub pepper: Pepper,
    pub clock: Arc<dyn Clock>,
    /// Makes session tokens, so not one that keeps bytes in a buffer.
    pub random: Arc<dyn Random>,
    /// Counts a failed attempt of a stranger, for the audit log's entry per source and second.
    pub count_failure: Arc<dyn Fn(IpAddr) + Send + Sync>,
    /// The pages that policy permits, of those in [`PAGES`].
    pub pages: PagesOf,
    /// What was begun is brought to its end even when its asker leaves; waited for at shutdown.
    pub tasks: TaskTracker,
}

/// Says which of the [`PAGES`] somebody may see.
pub type PagesOf = Arc<dyn Fn(&Verified, Peer) -> Vec<&'static str> + Send + Sync>;

/// The pages that may or may not be permitted.
pub const PAGES: [&str; 12] = [
    "chat",
    "decisions",
    "now",
    "audit",
    "people",
    "keys",
    "upstreams",
    "policies",
    "posture",
    "access",
    "sessions",
    "limits",
];

/// How sessions are made.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where browsers find this house: `https://house.example`, without a slash at the end.
    pub public_url: String,
    /// Whether the edge speaks TLS. Decides the names of the cookies, which the edge reads.
    pub is_tls: bool,
    /// How long a session lasts without a request.
    pub idle: Duration,
    /// And how long in any case.
    pub absolute: Duration,
}

/// A directory in which people can be asked for name and password.
#[derive(Clone)]
pub struct DirectoryDoor {
    /// The name of its configuration in paths.
    pub id: String,
    /// What people read beside the fields.
    pub name: String,
    pub directory: Arc<dyn Passwords>,
}

/// Checks a name and a password.
pub trait Passwords: Send + Sync {
    fn authenticate<'a>(&'a self, name: &'a str, password: &'a Secret<String>) -> Authenticating<'a>;
}

/// The coming result of a check.
pub type Authenticating<'a> = Pin<Box<dyn Future<Output = Result<Identified, DirectoryError>> + Send + 'a>>;

impl Passwords for Directory {
    fn authenticate<'a>(&'a self, name: &'a str, password: &'a Secret<String>) -> Authenticating<'a> {
        Box::pin(Self::authenticate(self, name, password))
    }
}

/// Failed passwords of one name, and of one source, that are taken within [`FAILURES_WINDOW`].
const FAILURES_PER_NAME: usize = 10;
const FAILURES_PER_SOURCE: usize = 50;
const FAILURES_WINDOW: Duration = Duration::from_secs(900);

/// Everything below `/auth`.
pub struct SignIn {
    parts: Parts,
    cookies: Cookies,
    begun: BegunSignIns,
    /// By directory and name.
    names: Throttle<(String, String)>,
    sources: Throttle<Source>,
}

impl SignIn {
    pub fn new(parts: Parts) -> Self {
        Self {
            cookies: Cookies { is_tls: parts.settings.is_tls },
            begun: BegunSignIns::default(),
            names: Throttle::new(FAILURES_PER_NAME, FAILURES_WINDOW),
            sources: Throttle::new(FAILURES_PER_SOURCE, FAILURES_WINDOW),
            parts,
        }
    }
}

impl Exchange for SignIn {
    fn exchange(self: Arc<Self>, arrival: Arrival) -> Exchanged {
        let tasks = self.parts.tasks.clone();
        Box::pin(async move {
            let language = arrival.language;
            // A task of its own: an asker who leaves in the middle leaves no session half made and none half ended.
            let answered = tasks.spawn(async move { self.answer(arrival).await }).await;
            answered.unwrap_or_else(|_panicked| reply::nameless(language))
        })
    }
}

/// What is known of a request beside its body.
struct Asked {
    id: RequestId,
    path: String,
    query: String,
    credential: Option<Credential>,
    sign_in: Option<Secret<String>>,
    agent: Option<String>,
    peer: Peer,
}

impl SignIn {
    async fn answer(&self, arrival: Arrival) -> Reply {
        let language = arrival.language;
        let Ok(id) = RequestId::new(&*self.parts.clock, &*self.parts.random) else {
            return reply::nameless(language);
        };
        let asked = Asked {
            id,
            path: arrival.path,
            query: arrival.query.unwrap_or_default(),
            credential: arrival.credential,
            sign_in: arrival.sign_in,
            agent: arrival.agent,
            peer: arrival.peer,
        };
        let answered = self.find(&asked, arrival.method, arrival.body).await;
        let mut reply = answered.unwrap_or_else(|refusal| {
            // Every page asks who is there before anybody is, so this is no news.
            if refusal.code == RefusalCode::InvalidApiKey {
                tracing::debug!(request_id = %id, inside = refusal.inside, "refused");
            } else {
                let code = refusal.code.recorded();
                tracing::info!(request_id = %id, code, inside = refusal.inside, "refused");
            }
            reply::refusal(&refusal, &id, language)
        });
        reply.headers.push(("x-schleuse-request-id", id.to_string()));
        reply
    }

    /// The one answerer of a path and a method.
    async fn find(&self, asked: &Asked, method: Method, body: ArrivalBody) -> Result<Reply, Refusal> {
        let below = asked.path.strip_prefix("/auth/").unwrap_or_default();
        let segments: Vec<&str> = below.split('/').collect();
        match (segments.as_slice(), method) {
            (["methods"], Method::Get) => Ok(self.methods()),
            (["session"], Method::Get) => self.own_session(asked).await,
            (["sessions"], Method::Get) => self.own_sessions(asked).await,
            (["sessions", session], Method::Delete) => self.end_own(asked, session).await,
            (["sign-out"], Method::Post) => self.sign_out(asked).await,
            (["demo"], Method::Post) if self.is_demo() => self.by_demo(asked, body).await,
            (["key"], Method::Post) => self.by_key(asked, body).await,
            (["ldap", directory], Method::Post) => self.by_password(asked, directory, body).await,
            (["oidc", provider, "start"], Method::Get) => Ok(self.start(asked, provider).await),
            (["oidc", provider, "callback"], Method::Get) => Ok(self.callback(asked, provider).await),
            (["oidc", provider, "back-channel-logout"], Method::Post) => {
                self.back_channel_logout(asked, provider, body).await
            }
            (["demo"], _) if !self.is_demo() => Err(refusal::not_found()),
            (["methods" | "session" | "sessions"] | ["oidc", _, "start" | "callback"], _) => {
                Err(refusal::wrong_method("GET"))
            }
            (["sessions", _], _) => Err(refusal::wrong_method("DELETE")),
            (["sign-out" | "demo" | "key"] | ["ldap", _] | ["oidc", _, "back-channel-logout"], _) => {
                Err(refusal::wrong_method("POST"))
            }
            _ => Err(refusal::not_found()),
        }
    }

    fn is_demo(&self) -> bool {
        !self.parts.demo.is_empty()
    }

    /// Somebody failed to prove who they are.
    fn count_failure(&self, asked: &Asked) {
        (self.parts.count_failure)(asked.peer.address);
    }

    /// Random characters that nobody guesses: 256 bits in base64url.
    fn unguessable(&self) -> Result<String, Refusal> {
        use base64::Engine as _;
        let mut bytes = [0; 32];
        self.parts.random.fill(&mut bytes).map_err(|error| refusal::internal(&error))?;
        Ok(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes))
    }
}
