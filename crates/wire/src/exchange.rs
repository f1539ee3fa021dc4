//! One request and its answer, as the edge hands it inward.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use schleuse_types::{Language, Presented, Secret};
use tokio::sync::mpsc;

/// Takes an arrival through the house. The gate is one; a tunnel to a gate is another.
pub trait Exchange: Send + Sync + 'static {
    /// Dropping the returned future, or the events of its reply, means that the asker left.
    fn exchange(self: Arc<Self>, arrival: Arrival) -> Exchanged;
}

/// The coming reply.
pub type Exchanged = Pin<Box<dyn Future<Output = Reply> + Send>>;

/// The body of a request, read only after its sender is known.
pub type ArrivalBody = Pin<Box<dyn http_body::Body<Data = Bytes, Error = BodyError> + Send>>;

/// The body could not be read to its end.
#[derive(Debug)]
pub struct BodyError(pub String);

impl std::fmt::Display for BodyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BodyError {}

/// A request as it came in. Holds only the headers that mean something inside; all others end at the edge.
pub struct Arrival {
    pub method: Method,
    /// Path without query.
    pub path: String,
    /// What stood behind the `?`, still encoded.
    pub query: Option<String>,
    pub credential: Option<Credential>,
    /// Binds a browser to the sign-in that it began; from a cookie that only the sign-in reads.
    pub sign_in: Option<Secret<String>>,
    /// The value of `last-event-id`: where a reader of events left off.
    pub last_event_id: Option<String>,
    /// What the sender's program calls itself; only on the way to a sign-in, for the list of one's own sessions.
    pub agent: Option<String>,
    /// Raw bytes of `x-schleuse-label`.
    pub label: Option<Vec<u8>>,
    pub language: Language,
    pub peer: Peer,
    pub body: ArrivalBody,
}

impl Arrival {
    /// What the sender wants to be taken for, in the form in which `identity` checks it.
    pub fn presented(&self) -> Option<Presented<'_>> {
        self.credential.as_ref().map(Credential::presented)
    }
}

/// The methods that mean something inside. `HEAD` comes in as [`Self::Get`]; the edge drops the body of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
    Put,
    Delete,
    Other,
}

/// What a sender wants to be taken for, by the way in which it came.
#[derive(Debug, Clone)]
pub enum Credential {
    /// From `Authorization: Bearer` or `x-api-key`: an API key of this house, or a token of an issuer that it trusts.
    Bearer(Secret<String>),
    /// From the session cookie of a browser.
    Session(Secret<String>),
}

impl Credential {
    pub fn presented(&self) -> Presented<'_> {
        match self {
            Self::Bearer(secret) => Presented::Bearer(secret.expose()),
            Self::Session(secret) => Presented::Session(secret.expose()),
        }
    }
}

/// Where a request came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    pub address: IpAddr,
}

impl Peer {
    pub fn is_loopback(self) -> bool {
        self.address.to_canonical().is_loopback()
    }
}

/// An answer on its way out.
pub struct Reply {
    pub status: u16,
    /// Lower-case names; values are visible ASCII.
    pub headers: Vec<(&'static str, String)>,
    pub body: ReplyBody,
}

pub enum ReplyBody {
    /// A document; JSON unless a `content-type` among the headers says otherwise.
    Whole(Bytes),
    /// Server-sent events, each item one or more whole frames. Dropping the receiver means that the asker left.
    Events(mpsc::Receiver<Bytes>),
}
