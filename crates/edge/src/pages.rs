//! The pages: static bytes, and the small document that they ask for before anybody has signed in.

use bytes::Bytes;
use http::Response;
use http::StatusCode;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue,
    IF_NONE_MATCH, VARY,
};
use schleuse_webui::Asset;
use schleuse_wire::ReplyBody;

use crate::refusal;

/// What the pages may know before a person has signed in.
pub trait FrontDesk: Send + Sync + 'static {
    /// The document behind `/house.json`.
    fn house(&self) -> String;
    /// Host names and addresses under which this house may be called by a browser; empty: any.
    fn hosts(&self) -> &[String];
    /// Whether browsers come over TLS although this listener speaks none, because a proxy in front of it does. Then the
    /// cookies have the names that they have with TLS.
    fn is_behind_tls(&self) -> bool {
        false
    }
}

/// A page of a stranger's that resolves its own name to this address (DNS rebinding) calls it by that name.
pub(crate) fn is_called_by_its_name(desk: &dyn FrontDesk, headers: &HeaderMap) -> bool {
    let hosts = desk.hosts();
    if hosts.is_empty() {
        return true;
    }
    called_host(headers).is_some_and(|called| hosts.iter().any(|known| known.eq_ignore_ascii_case(called)))
}

/// The name in `Host`, without the port.
pub(crate) fn called_host(headers: &HeaderMap) -> Option<&str> {
    let host = headers.get(http::header::HOST)?.to_str().ok()?;
    Some(match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    })
}

/// Whether the sender is a browser that goes somewhere: it asks for HTML by name, which no program does that wants data.
pub(crate) fn is_wanted(headers: &HeaderMap) -> bool {
    let accept = headers.get(http::header::ACCEPT).and_then(|accept| accept.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}

/// The document behind `/house.json`.
pub(crate) fn house(desk: &dyn FrontDesk) -> Response<ReplyBody> {
    refusal::json(StatusCode::OK, desk.house())
}

/// The one document of all pages.
pub(crate) fn index(headers: &HeaderMap) -> Response<ReplyBody> {
    serve(schleuse_webui::index(), headers)
}

/// A file below `/assets/`, the service worker or the document of frames, if there is one.
pub(crate) fn asset(path: &str, headers: &HeaderMap) -> Option<Response<ReplyBody>> {
    schleuse_webui::asset(path).map(|asset| serve(asset, headers))
}

/// Whether the asker takes gzip (RFC 9110 section 12.5.3): it is named, and not with the weight nothing.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let named = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    named.flat_map(|list| list.split(',')).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let is_gzip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let weight = parts.find_map(|part| part.strip_prefix("q="));
        is_gzip && weight.is_none_or(|weight| weight.parse().is_ok_and(|weight: f32| weight > 0.0))
    })
}

fn serve(mut asset: Asset, headers: &HeaderMap) -> Response<ReplyBody> {
    let has_gzip = asset.gzip.is_some();
    let gzip = asset.gzip.take().filter(|_| takes_gzip(headers));
    let is_gzip = gzip.is_some();
    if let Some(gzip) = gzip {
        asset.bytes = gzip;
        // Other bytes, so another strong tag.
        asset.etag = format!("{}-gzip\"", asset.etag.trim_end_matches('"'));
    }
    let known = headers.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let is_known = known.is_some_and(|known| known.split(',').any(|tag| tag.trim() == asset.etag));
    let body = if is_known {
        ReplyBody::Whole(Bytes::new())
    } else {
        ReplyBody::Whole(match asset.bytes {
            std::borrow::Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            std::borrow::Cow::Owned(bytes) => Bytes::from(bytes),
        })
    };
    let mut response = Response::new(body);
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let out = response.headers_mut();
    out.insert(CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    out.insert(CACHE_CONTROL, HeaderValue::from_static(asset.cache_control));
    if has_gzip {
        out.insert(VARY, HeaderValue::from_static("accept-encoding"));
    }
    if is_gzip {
        out.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    if let Ok(etag) = HeaderValue::try_from(asset.etag.as_str()) {
        out.insert(ETAG, etag);
    }
    for (name, value) in asset.headers {
        if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
            out.insert(name, HeaderValue::from_static(value));
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    fn check(accept_encoding: Option<&str>, expected: (&str, Option<&str>)) {
        let mut headers = HeaderMap::new();
        if let Some(accepted) = accept_encoding {
            headers.insert(ACCEPT_ENCODING, HeaderValue::try_from(accepted).unwrap());
        }
        let asset = Asset {
            bytes: Cow::Borrowed(b"plain"),
            gzip: Some(Cow::Borrowed(b"small")),
            content_type: "text/css",
            cache_control: "no-store",
            etag: "\"1\"".to_owned(),
            headers: schleuse_webui::security_headers(),
        };
        let response = serve(asset, &headers);
        let told = |name| response.headers().get(name).map(|value| value.to_str().unwrap());
        let ReplyBody::Whole(body) = response.body() else { panic!("a whole body") };
        assert_eq!(
            (std::str::from_utf8(body).unwrap(), told(CONTENT_ENCODING)),
            expected,
            "{accept_encoding:?}"
        );
        let tag = if expected.1.is_some() { "\"1-gzip\"" } else { "\"1\"" };
        assert_eq!((told(VARY), told(ETAG)), (Some("accept-encoding"), Some(tag)));
    }

    #[test]
    fn whoever_takes_gzip_gets_it() {
        for accepted in ["gzip", "br, GZIP;q=0.5", "deflate,gzip;q=1.0"] {
            check(Some(accepted), ("small", Some("gzip")));
        }
        for accepted in ["", "br", "gzip;q=0", "gzip; q=0.0", "xgzip", "identity"] {
            check(Some(accepted), ("plain", None));
        }
        check(None, ("plain", None));
    }
}
