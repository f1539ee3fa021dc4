//! From a `Reply` to an HTTP response.

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY, SET_COOKIE,
};
use http::{Response, StatusCode};
use http_body::Body as _;
use schleuse_wire::{Reply, ReplyBody};

/// The answer to `HEAD`: what the body would have been is not sent, and nothing goes on producing it.
pub(crate) fn withhold(response: Response<ReplyBody>) -> Response<ReplyBody> {
    let (mut head, body) = response.into_parts();
    let length = body.size_hint().exact().filter(|length| *length > 0);
    if let Some(length) = length {
        head.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    Response::from_parts(head, ReplyBody::Whole(Bytes::new()))
}

/// Writes status, headers and body. `set-cookie` is the one header that may occur several times.
pub(crate) fn into_http(reply: Reply) -> Response<ReplyBody> {
    let content_type = match &reply.body {
        ReplyBody::Whole(_) => "application/json",
        ReplyBody::Events(_) => "text/event-stream; charset=utf-8",
    };
    let mut response = Response::new(reply.body);
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
