//! From an HTTP request to an `Arrival`.

use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT_LANGUAGE, AUTHORIZATION, HeaderMap};
use http::{Method, Request};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use schleuse_types::{Language, Secret};
use schleuse_wire::{Arrival, BodyError, Peer};
use tokio::time::{Sleep, sleep};

/// Keeps what means something inside and lets everything else end here.
pub(crate) fn from_http(request: Request<Incoming>, peer: IpAddr, body_idle: Duration) -> Arrival {
    let (head, body) = request.into_parts();
    Arrival {
        is_post: head.method == Method::POST,
        is_get: head.method == Method::GET || head.method == Method::HEAD,
        path: head.uri.path().to_owned(),
        credential: credential(&head.headers),
        label: head.headers.get("x-schleuse-label").map(|value| value.as_bytes().to_vec()),
        language: language(&head.headers),
        peer: Peer { address: peer },
        body: Box::pin(PacedBody { body, idle: body_idle, timer: None }),
    }
}

pub(crate) fn language(headers: &HeaderMap) -> Language {
    let header = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    Language::from_accept_language(header.unwrap_or_default())
}

/// The key of `Authorization: Bearer` (RFC 6750), else of `x-api-key`.
fn credential(headers: &HeaderMap) -> Option<Secret<String>> {
    let bearer = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|value| {
        let (scheme, key) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
    });
    let key =
        bearer.or_else(|| headers.get("x-api-key").and_then(|value| value.to_str().ok()).map(str::trim));
    key.filter(|key| !key.is_empty()).map(|key| Secret::new(key.to_owned()))
}

/// A body whose sender may pause, but not for ever.
struct PacedBody {
    body: Incoming,
    idle: Duration,
    timer: Option<Pin<Box<Sleep>>>,
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
                this.timer = None;
                Poll::Ready(frame.map(|frame| frame.map_err(|error| BodyError(error.to_string()))))
            }
            Poll::Pending => {
                // The timer exists only while the sender pauses: most bodies are there at once and never need it.
                let idle = this.idle;
                let timer = this.timer.get_or_insert_with(|| Box::pin(sleep(idle)));
                match timer.as_mut().poll(context) {
                    Poll::Ready(()) => Poll::Ready(Some(Err(BodyError(format!(
                        "no byte of the body came for {} s",
                        idle.as_secs()
                    ))))),
                    Poll::Pending => Poll::Pending,
                }
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

#[cfg(test)]
mod tests {
    use super::credential;
    use http::header::{HeaderMap, HeaderName, HeaderValue};

    fn check(headers: &[(&str, &str)], expected: Option<&str>) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        assert_eq!(credential(&map).as_ref().map(|key| key.expose().as_str()), expected, "{headers:?}");
    }

    #[test]
    fn a_key_is_found_in_either_header() {
        check(&[], None);
        check(&[("authorization", "Bearer sk-1")], Some("sk-1"));
        check(&[("authorization", "bearer  sk-1 ")], Some("sk-1"));
        check(&[("x-api-key", "sk-2")], Some("sk-2"));
        check(&[("authorization", "Bearer sk-1"), ("x-api-key", "sk-2")], Some("sk-1"));
        check(&[("authorization", "Basic eDp5"), ("x-api-key", "sk-2")], Some("sk-2"));
        check(&[("authorization", "Bearer ")], None);
    }
}
