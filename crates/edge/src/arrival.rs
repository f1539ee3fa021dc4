//! From an HTTP request to an `Arrival`.

use std::net::IpAddr;

use http::header::{ACCEPT_LANGUAGE, HeaderMap, USER_AGENT};
use http::request::Parts;
use hyper::body::Incoming;
use schleuse_types::Language;
use schleuse_wire::{Arrival, Method, Pace, PacedBody, Peer};

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
        body: Box::pin(PacedBody::new(body, pace)),
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
