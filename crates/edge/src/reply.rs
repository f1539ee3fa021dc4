//! From a `Reply` to an HTTP response.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY, SET_COOKIE,
};
use http::{Response, StatusCode};
use hyper::body::{Body, Frame, SizeHint};
use schleuse_wire::{Reply, ReplyBody};
use tokio::sync::mpsc;

/// The one body type of the edge.
pub(crate) enum OutBody {
    Whole(Option<Bytes>),
    Events(mpsc::Receiver<Bytes>),
}

impl Body for OutBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut *self {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Events(events) => {
                events.poll_recv(context).map(|next| next.map(|bytes| Ok(Frame::data(bytes))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Self::Events(_) => SizeHint::default(),
        }
    }
}

impl OutBody {
    /// The answer to `HEAD`: what the body would have been is not sent, and nothing goes on producing it.
    pub(crate) fn withhold(response: Response<Self>) -> Response<Self> {
        let (mut head, body) = response.into_parts();
        let length = body.size_hint().exact().filter(|length| *length > 0);
        if let Some(length) = length {
            head.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        Response::from_parts(head, Self::Whole(None))
    }
}

/// Writes status, headers and body. `set-cookie` is the one header that may occur several times.
pub(crate) fn into_http(reply: Reply) -> Response<OutBody> {
    let (content_type, body) = match reply.body {
        ReplyBody::Whole(bytes) => ("application/json", OutBody::Whole(Some(bytes))),
        ReplyBody::Events(events) => ("text/event-stream; charset=utf-8", OutBody::Events(events)),
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // For reverse proxies in front that would collect a stream before they pass it on.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    headers.insert(http::header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // No other site's page may embed an answer, not even one that it cannot read.
    let own_origin = HeaderValue::from_static("same-origin");
    headers.insert(HeaderName::from_static("cross-origin-resource-policy"), own_origin);
    // The address of a sign-in's end holds a code that is nobody else's business.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    for (name, value) in reply.headers {
        let Ok(value) = HeaderValue::try_from(value) else { continue };
        match HeaderName::from_static(name) {
            name @ SET_COOKIE => drop(headers.append(name, value)),
            name => drop(headers.insert(name, value)),
        }
    }
    response
}
