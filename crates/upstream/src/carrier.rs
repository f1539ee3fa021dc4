//! A way to model servers that no address leads to.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;

/// Takes questions to connectors that have dialled in; the wiring of the house brings one.
pub trait Carrier: Send + Sync + 'static {
    /// Puts one request to a connector. Its path, body, `accept`, `content-type` and `x-request-id` are to travel; the
    /// answer is the model server's. Dropping the future or the answer's body has to end the question at the server.
    fn send<'a>(&'a self, connector: &'a str, request: Request<Full<Bytes>>) -> Carrying<'a>;
}

/// The coming head of an answer.
pub type Carrying<'a> = Pin<Box<dyn Future<Output = Result<Response<CarriedBody>, CarryError>> + Send + 'a>>;

/// The body of an answer; one that breaks off ends with an error.
pub type CarriedBody =
    Pin<Box<dyn Body<Data = Bytes, Error = Box<dyn std::error::Error + Send + Sync>> + Send>>;

/// Why there is no answer. Holds nothing that asker or model wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CarryError {
    /// No model server can have seen the question; it may be sent elsewhere.
    Unsent {
        reason: String,
    },
    /// The server did not answer in the time that its connector gives it.
    TimedOut,
    Sent {
        reason: String,
    },
}

impl fmt::Display for CarryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => f.write_str("no answer in time"),
            Self::Unsent { reason } | Self::Sent { reason } => f.write_str(reason),
        }
    }
}

impl std::error::Error for CarryError {}
