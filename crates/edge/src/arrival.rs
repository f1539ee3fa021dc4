//! From an HTTP request to an `Arrival`.

use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT_LANGUAGE, HeaderMap, USER_AGENT};
use http::request::Parts;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use schleuse_types::Language;
use schleuse_wire::{Arrival, BodyError, Method, Peer};
use tokio::time::{Sleep, sleep};

use crate::credential::Brought;

/// Longest `last-event-id`, in bytes.
const EVENT_ID_BYTES_MAX: usize = 128;
/// Longest `user-agent`, in bytes.
const AGENT_BYTES_MAX: usize = 512;

/// Keeps what means something inside and lets everything else end here.
pub(crate) fn from_http(head: &Parts, body: Incoming, brought: Brought, peer: IpAddr, pace: Pace) -> Arrival {
    Arrival {
        method: method(&head.method),
        path: head.uri.path().to_owned(),
        query: head.uri.query().map(str::to_owned),
        credential: brought.credential,
        sign_in: brought.sign_in,
        last_event_id: last_event_id(&head.headers),
        agent: None,
        label: head.headers.get("x-schleuse-label").map(|value| value.as_bytes().to_vec()),
        language: language(&head.headers),
        peer: Peer { address: peer },
        body: Box::pin(PacedBody { body, pace, pause: None, deadline: None }),
    }
}

fn method(method: &http::Method) -> Method {
    match *method {
        http::Method::GET | http::Method::HEAD => Method::Get,
        http::Method::POST => Method::Post,
        http::Method::PUT => Method::Put,
        http::Method::DELETE => Method::Delete,
        _ => Method::Other,
    }
}

pub(crate) fn language(headers: &HeaderMap) -> Language {
    let header = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    Language::from_accept_language(header.unwrap_or_default())
}

/// `User-Agent`, where it is plain text of a sensible length.
pub(crate) fn agent(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(USER_AGENT).filter(|value| value.len() <= AGENT_BYTES_MAX)?;
    value.to_str().ok().map(str::to_owned)
}

/// Where a reader of events left off. Of several, or of one that is no id, nothing: the reader begins anew.
fn last_event_id(headers: &HeaderMap) -> Option<String> {
    let mut values = headers.get_all("last-event-id").iter();
    let value = values.next().filter(|value| value.len() <= EVENT_ID_BYTES_MAX)?.to_str().ok()?;
    (values.next().is_none() && !value.is_empty()).then(|| value.to_owned())
}

/// How long a sender may take for a body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// Between two pieces.
    pub(crate) idle: Duration,
    /// For all of it.
    pub(crate) whole: Duration,
}

/// A body whose sender may pause, but not for ever, and not again and again.
struct PacedBody {
    body: Incoming,
    pace: Pace,
    pause: Option<Pin<Box<Sleep>>>,
    /// From the first pause on.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl Body for PacedBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        match Pin::new(&mut this.body).poll_frame(context) {
            Poll::Ready(frame) => {
                this.pause = None;
                Poll::Ready(frame.map(|frame| frame.map_err(|error| BodyError(error.to_string()))))
            }
            Poll::Pending => {
                // Timers exist only once the sender pauses: most bodies are there at once and never need them.
                let Pace { idle, whole } = this.pace;
                let late = |reason: String| Poll::Ready(Some(Err(BodyError(reason))));
                let pause = this.pause.get_or_insert_with(|| Box::pin(sleep(idle)));
                if pause.as_mut().poll(context).is_ready() {
                    return late(format!("no byte of the body came for {} s", idle.as_secs()));
                }
                let deadline = this.deadline.get_or_insert_with(|| Box::pin(sleep(whole)));
                if deadline.as_mut().poll(context).is_ready() {
                    return late(format!("the body was not complete after {} s", whole.as_secs()));
                }
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
