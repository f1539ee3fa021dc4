//! A reply as an HTTP/2 response.

use bytes::{Bytes, BytesMut};
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use schleuse_wire::{Reply, ReplyBody};
use tokio::sync::mpsc;

/// Which of the two bodies a response has.
const KIND: HeaderName = HeaderName::from_static("x-schleuse-reply");
const WHOLE: &str = "whole";
const EVENTS: &str = "events";

/// Of a whole document. Room for an export of the log.
const WHOLE_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Of one event that came in pieces.
const EVENT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Pieces that wait for a slow visitor; behind them the window of the stream holds back the gate.
const EVENTS_WAITING_MAX: usize = 4;

/// Every header that a room of the house gives to a visitor. Others end on the way.
const HEADERS: &[&str] = &[
    "allow",
    "cache-control",
    "clear-site-data",
    "content-disposition",
    "content-language",
    "content-security-policy",
    "content-type",
    "cross-origin-resource-policy",
    "etag",
    "last-modified",
    "link",
    "location",
    "pragma",
    "referrer-policy",
    "request-id",
    "retry-after",
    "set-cookie",
    "vary",
    "www-authenticate",
    "x-content-type-options",
    "x-ratelimit-limit-requests",
    "x-ratelimit-limit-tokens",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-remaining-tokens",
    "x-ratelimit-reset-requests",
    "x-ratelimit-reset-tokens",
    "x-schleuse-action",
    "x-schleuse-label",
    "x-schleuse-limit",
    "x-schleuse-model",
    "x-schleuse-request-id",
    "x-schleuse-route",
    "x-schleuse-sensitivity",
    "x-should-retry",
];

/// Writes a reply down. A header that is not in the table is a defect of the house: it is left out and named in the log.
pub(crate) fn to_http(reply: Reply) -> Response<ReplyBody> {
    let kind = match &reply.body {
        ReplyBody::Whole(_) => WHOLE,
        ReplyBody::Events(_) => EVENTS,
    };
    let mut response = Response::new(reply.body);
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    for (name, value) in reply.headers {
        match (HEADERS.contains(&name), HeaderValue::try_from(value)) {
            (true, Ok(value)) => {
                headers.append(HeaderName::from_static(name), value);
            }
            _ => tracing::warn!(name, "a header of a reply does not travel to the edge"),
        }
    }
    headers.insert(KIND, HeaderValue::from_static(kind));
    response
}

/// A response whose head has arrived.
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) is_events: bool,
}

impl Head {
    /// Keeps what stands in the table.
    pub(crate) fn read(status: StatusCode, headers: &HeaderMap) -> Result<Self, &'static str> {
        let is_events = match headers.get(KIND).map(HeaderValue::as_bytes) {
            Some(kind) if kind == WHOLE.as_bytes() => false,
            Some(kind) if kind == EVENTS.as_bytes() => true,
            _ => return Err("the gate's answer is none"),
        };
        let mut kept = Vec::with_capacity(headers.len());
        for (name, value) in headers {
            let known = HEADERS.iter().find(|known| name == **known);
            if let (Some(known), Ok(value)) = (known, value.to_str()) {
                kept.push((*known, value.to_owned()));
            }
        }
        Ok(Self { status: status.as_u16(), headers: kept, is_events })
    }
}

/// The whole document.
pub(crate) async fn whole(body: Incoming) -> Result<Bytes, String> {
    match Limited::new(body, WHOLE_BYTES_MAX).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) => Err(error.to_string()),
    }
}

/// The channel of a stream of events, and what fills it.
pub(crate) fn events() -> (mpsc::Sender<Bytes>, mpsc::Receiver<Bytes>) {
    mpsc::channel(EVENTS_WAITING_MAX)
}

/// Hands events on as they come, each item one or more whole frames, until the stream's end or until nobody listens any
/// more, which resets it. `broken` is said when the stream broke off.
pub(crate) async fn pump(mut body: Incoming, events: mpsc::Sender<Bytes>, broken: Option<Bytes>) {
    let mut begun = BytesMut::new();
    loop {
        let frame = tokio::select! {
            () = events.closed() => return,
            frame = body.frame() => frame,
        };
        let data = match frame.map(|frame| frame.map(Frame::into_data)) {
            None => return,
            Some(Ok(Ok(data))) if begun.len().saturating_add(data.len()) <= EVENT_BYTES_MAX => data,
            Some(Ok(Err(_trailers))) => continue,
            Some(_) => {
                if let Some(broken) = broken {
                    let _ = events.send(broken).await;
                }
                return;
            }
        };
        if let Some(frames) = whole_frames(&mut begun, data)
            && events.send(frames).await.is_err()
        {
            return;
        }
    }
}

/// HTTP/2 may cut anywhere. Frames end with an empty line; what stands behind the last one waits.
fn whole_frames(begun: &mut BytesMut, data: Bytes) -> Option<Bytes> {
    if begun.is_empty() && data.ends_with(b"\n\n") {
        return Some(data);
    }
    // The empty line may have been cut in its middle.
    let from = begun.len().saturating_sub(1);
    begun.extend_from_slice(&data);
    let end = begun
        .iter()
        .skip(from)
        .zip(begun.iter().skip(from + 1))
        .rposition(|pair| pair == (&b'\n', &b'\n'))?;
    Some(begun.split_to(from + end + 2).freeze())
}

#[cfg(test)]
mod tests {
    use super::{HEADERS, whole_frames};
    use bytes::{Bytes, BytesMut};
    use proptest::prelude::*;

    #[test]
    fn the_table_is_sorted_and_in_lower_case() {
        assert!(HEADERS.is_sorted());
        assert!(HEADERS.iter().all(|name| !name.bytes().any(|byte| byte.is_ascii_uppercase())));
    }

    proptest! {
        #[test]
        fn cut_anywhere_only_whole_frames_come_out(
            frames in prop::collection::vec("data: [a-z]{0,9}\n(id: [0-9]\n)?", 0..8),
            cuts in prop::collection::vec(0_usize..200, 0..12),
        ) {
            let text: String = frames.iter().map(|frame| format!("{frame}\n")).collect();
            let mut places: Vec<usize> = cuts.into_iter().filter(|cut| *cut < text.len()).collect();
            places.extend([0, text.len()]);
            places.sort_unstable();
            let mut begun = BytesMut::new();
            let mut seen = String::new();
            for pair in places.windows(2) {
                let data = Bytes::copy_from_slice(&text.as_bytes()[pair[0]..pair[1]]);
                if let Some(frames) = whole_frames(&mut begun, data) {
                    prop_assert!(frames.ends_with(b"\n\n"));
                    seen.push_str(std::str::from_utf8(&frames).unwrap());
                }
            }
            prop_assert_eq!(seen, text);
            prop_assert!(begun.is_empty());
        }
    }
}
