//! An arrival as one HTTP/2 request, field by field: what is not in this file does not travel.

use std::net::IpAddr;

use http::header::{ACCEPT_LANGUAGE, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use http::uri::PathAndQuery;
use http::{Request, Uri};
use hyper::body::Incoming;
use schleuse_types::{Language, Refusal, RefusalCode, Secret, Text};
use schleuse_wire::{Arrival, ArrivalBody, Credential, Method, Pace, PacedBody, Peer, invalid_request};
use zeroize::Zeroizing;

const LABEL: HeaderName = HeaderName::from_static("x-schleuse-label");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const PEER: HeaderName = HeaderName::from_static("x-schleuse-peer");
const SIGN_IN: HeaderName = HeaderName::from_static("x-schleuse-sign-in");

/// Schemes of the one `authorization` field: which of the two credentials it is. One field, so that nobody can send both.
const BEARER: &str = "Bearer ";
const SESSION: &str = "Session ";

/// Of all fields together; less than a door accepts, so that no visitor's head is an error of the link.
const HEAD_BYTES_MAX: usize = 56 * 1024;

/// Stands for every method that means nothing inside.
const OTHER: http::Method = http::Method::PATCH;

/// Writes an arrival down; a field that HTTP cannot carry is the sender's fault and refused.
pub(crate) fn to_http(arrival: Arrival) -> Result<Request<ArrivalBody>, Refusal> {
    let mut target = arrival.path.clone();
    if let Some(query) = &arrival.query {
        target.push('?');
        target.push_str(query);
    }
    let target = PathAndQuery::try_from(target).map_err(|_| unsendable("path"))?;
    // A path that would be read differently over there, such as one with a `?` or `#` in it, is none.
    if !arrival.path.starts_with('/')
        || target.path() != arrival.path
        || target.query() != arrival.query.as_deref()
    {
        return Err(unsendable("path"));
    }
    let uri = Uri::builder()
        .scheme("https")
        .authority("gate")
        .path_and_query(target)
        .build()
        .map_err(|_| unsendable("path"))?;
    let mut request = Request::new(arrival.body);
    *request.uri_mut() = uri;
    *request.method_mut() = match arrival.method {
        Method::Get => http::Method::GET,
        Method::Post => http::Method::POST,
        Method::Put => http::Method::PUT,
        Method::Delete => http::Method::DELETE,
        Method::Other => OTHER,
    };
    let headers = request.headers_mut();
    if let Some(credential) = &arrival.credential {
        let (scheme, secret) = match credential {
            Credential::Bearer(secret) => (BEARER, secret),
            Credential::Session(secret) => (SESSION, secret),
        };
        let text = Zeroizing::new(format!("{scheme}{}", secret.expose()));
        headers.insert(AUTHORIZATION, secret_value(&text).ok_or_else(unsendable_credential)?);
    }
    if let Some(sign_in) = &arrival.sign_in {
        headers.insert(SIGN_IN, secret_value(sign_in.expose()).ok_or_else(unsendable_credential)?);
    }
    if let Some(id) = &arrival.last_event_id {
        let value = HeaderValue::from_str(id).map_err(|_| unsendable("last-event-id"))?;
        headers.insert(LAST_EVENT_ID, value);
    }
    if let Some(agent) = arrival.agent.as_deref().and_then(|agent| HeaderValue::from_str(agent).ok()) {
        headers.insert(USER_AGENT, agent);
    }
    if let Some(label) = &arrival.label {
        headers.insert(LABEL, HeaderValue::from_bytes(label).map_err(|_| unsendable("x-schleuse-label"))?);
    }
    headers.insert(
        ACCEPT_LANGUAGE,
        HeaderValue::from_static(match arrival.language {
            Language::English => "en",
            Language::German => "de",
        }),
    );
    let peer = HeaderValue::from_str(&arrival.peer.address.to_string()).map_err(|_| unsendable("address"))?;
    headers.insert(PEER, peer);
    // RFC 9113, section 6.5.2: 32 bytes for each field besides its own.
    let fields = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 32);
    if fields.sum::<usize>() + request.uri().path().len() + request.uri().query().map_or(0, str::len)
        > HEAD_BYTES_MAX
    {
        return Err(unsendable("head"));
    }
    Ok(request)
}

/// Never indexed by HPACK, so that it stands in no table of either side (RFC 7541, section 7.1.3).
fn secret_value(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn unsendable(what: &'static str) -> Refusal {
    invalid_request(
        format!("The {what} of the request is too long or holds characters that it cannot have."),
        format!("Zu lang, oder mit Zeichen, die dort nicht stehen können: `{what}` der Anfrage."),
        "a field of the arrival cannot be carried",
        None,
    )
}

fn unsendable_credential() -> Refusal {
    Refusal::new(
        RefusalCode::InvalidApiKey,
        Text::fixed("The key is not valid.", "Der Schlüssel ist nicht gültig."),
        Text::fixed(
            "Check the key, or sign in again.",
            "Prüfen Sie den Schlüssel oder melden Sie sich neu an.",
        ),
        "the credential holds characters that no credential has",
    )
}

/// What an edge sent, read back. Unknown fields end here; a known one that is there twice, or that this side would not
/// have written so, makes the whole request a wrong one.
///
/// `edge` is where the edge itself stands. The address that it names for its visitor is a hint: nothing may be permitted
/// because of it, and one that claims to be this machine is replaced.
pub(crate) fn from_http(request: Request<Incoming>, edge: IpAddr, pace: Pace) -> Result<Arrival, Malformed> {
    let (head, body) = request.into_parts();
    let headers = &head.headers;
    if !head.uri.path().starts_with('/') || head.method == http::Method::CONNECT {
        return Err(Malformed("path"));
    }
    let method = match head.method {
        http::Method::GET => Method::Get,
        http::Method::POST => Method::Post,
        http::Method::PUT => Method::Put,
        http::Method::DELETE => Method::Delete,
        _ => Method::Other,
    };
    let credential = match only(headers, &AUTHORIZATION)?.map(HeaderValue::to_str) {
        None => None,
        Some(Err(_)) => return Err(Malformed(AUTHORIZATION.as_str_static())),
        Some(Ok(text)) => Some(match (text.strip_prefix(BEARER), text.strip_prefix(SESSION)) {
            (Some(secret), _) => Credential::Bearer(Secret::new(secret.to_owned())),
            (None, Some(secret)) => Credential::Session(Secret::new(secret.to_owned())),
            (None, None) => return Err(Malformed(AUTHORIZATION.as_str_static())),
        }),
    };
    let language = match only(headers, &ACCEPT_LANGUAGE)?.map(HeaderValue::as_bytes) {
        Some(b"de") => Language::German,
        Some(b"en") => Language::English,
        _ => return Err(Malformed("accept-language")),
    };
    let address = text(headers, &PEER)?
        .and_then(|address| address.parse::<IpAddr>().ok())
        .ok_or(Malformed("x-schleuse-peer"))?;
    let claimed = Peer { address };
    Ok(Arrival {
        method,
        path: head.uri.path().to_owned(),
        query: head.uri.query().map(str::to_owned),
        credential,
        sign_in: text(headers, &SIGN_IN)?.map(|text| Secret::new(text.to_owned())),
        last_event_id: text(headers, &LAST_EVENT_ID)?.map(str::to_owned),
        agent: text(headers, &USER_AGENT)?.map(str::to_owned),
        label: only(headers, &LABEL)?.map(|value| value.as_bytes().to_vec()),
        language,
        peer: if claimed.is_loopback() { Peer { address: edge } } else { claimed },
        // What its edge promises is not believed.
        body: Box::pin(PacedBody::new(body, pace)),
    })
}

/// The field of an edge's request that no edge of ours would have sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) &'static str);

fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a HeaderValue>, Malformed> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        (_, Some(_)) => Err(Malformed(name.as_str_static())),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Malformed> {
    only(headers, name)?
        .map(|value| std::str::from_utf8(value.as_bytes()).map_err(|_| Malformed(name.as_str_static())))
        .transpose()
}

/// For messages: names of fields that this file reads.
trait StaticName {
    fn as_str_static(&self) -> &'static str;
}

impl StaticName for HeaderName {
    fn as_str_static(&self) -> &'static str {
        [
            "authorization",
            "accept-language",
            "x-schleuse-label",
            "last-event-id",
            "x-schleuse-peer",
            "x-schleuse-sign-in",
        ]
        .into_iter()
        .find(|name| self == *name)
        .unwrap_or("field")
    }
}
