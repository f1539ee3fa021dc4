//! What is wrong with the form of a request, before anybody asks who sent it.
//!
//! hyper refuses what breaks the framing itself (folded headers, white space before a colon, contradicting lengths, an
//! unknown transfer coding). What remains are requests that are well framed and yet mean different things to different
//! readers; a proxy in front of this house may be such a reader (request smuggling).

use http::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, EXPECT, HOST, HeaderMap, HeaderName, TRANSFER_ENCODING,
};
use http::request::Parts;
use http::{Method, StatusCode, Version};

/// Why a request is refused for its form. The connection ends with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// HTTP/1.1 wants exactly one `Host` (RFC 9112 section 3.2), and one that names what the target names.
    Host,
    /// A question for reading has no body.
    Body,
    /// `Expect` other than `100-continue` (RFC 9110 section 10.1.1).
    Expectation,
    /// A compressed body. Nobody inside unpacks one: what is inspected must be what was sent.
    Encoding,
    /// Two headers of a kind of which there is one.
    Twice,
    /// More bytes in target and headers than may be. hyper stops reading there only between two reads.
    TooLong,
}

impl Malformed {
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::Host | Self::Body | Self::Twice => StatusCode::BAD_REQUEST,
            Self::Expectation => StatusCode::EXPECTATION_FAILED,
            Self::Encoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLong => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        }
    }
}

pub(crate) fn check(head: &Parts, head_bytes_max: usize) -> Result<(), Malformed> {
    let fields = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len());
    let target = head.uri.path_and_query().map_or(0, |target| target.as_str().len());
    if fields.sum::<usize>() + target > head_bytes_max {
        return Err(Malformed::TooLong);
    }
    check_host(head)?;
    let is_reading = head.method == Method::GET || head.method == Method::HEAD;
    if is_reading && announces_body(&head.headers) {
        return Err(Malformed::Body);
    }
    check_single(&head.headers, &EXPECT, |value| value.eq_ignore_ascii_case("100-continue"))
        .map_err(|()| Malformed::Expectation)?;
    check_single(&head.headers, &CONTENT_ENCODING, |value| value.eq_ignore_ascii_case("identity"))
        .map_err(|()| Malformed::Encoding)?;
    // A label can raise what is asked to a higher level; of two, the lower one could be taken.
    let label = HeaderName::from_static("x-schleuse-label");
    if head.headers.get_all(label).iter().count() > 1 { Err(Malformed::Twice) } else { Ok(()) }
}

fn check_host(head: &Parts) -> Result<(), Malformed> {
    let mut hosts = head.headers.get_all(HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() || (host.is_none() && head.version >= Version::HTTP_11) {
        return Err(Malformed::Host);
    }
    // The absolute form, which is for proxies: its name counts before the header's, so they must agree.
    match (head.uri.authority(), host.and_then(|host| host.to_str().ok())) {
        (None, _) => Ok(()),
        (Some(named), Some(host)) if named.as_str().eq_ignore_ascii_case(host) => Ok(()),
        (Some(_), _) => Err(Malformed::Host),
    }
}

fn announces_body(headers: &HeaderMap) -> bool {
    headers.contains_key(TRANSFER_ENCODING)
        || headers.get(CONTENT_LENGTH).is_some_and(|length| length.as_bytes() != b"0")
}

/// The header is absent, or there once with a value that is `allowed`.
fn check_single(headers: &HeaderMap, name: &HeaderName, allowed: impl Fn(&str) -> bool) -> Result<(), ()> {
    let mut values = headers.get_all(name).iter();
    match (values.next().map(|value| value.to_str()), values.next()) {
        (None, _) => Ok(()),
        (Some(Ok(value)), None) if allowed(value) => Ok(()),
        (Some(_), _) => Err(()),
    }
}
