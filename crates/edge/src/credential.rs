//! What a request brings to be known by: one bearer credential, or the session cookie of a browser.
//!
//! Nothing is checked here. But a request that brings two of a kind goes no further: two readers could take a different
//! one, and so could an attacker who was able to add the second.

use http::header::{AUTHORIZATION, COOKIE, HeaderMap};
use schleuse_types::Secret;
use schleuse_wire::Credential;

/// The names of the cookies of this house.
///
/// With TLS they have the prefix `__Host-`, with which a browser takes a cookie only from this very host, over TLS and
/// for every path (RFC 6265bis section 4.1.3). Without TLS, which is on loopback only, no browser would take such a one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CookieNames {
    session: &'static str,
    sign_in: &'static str,
}

impl CookieNames {
    const HOST: Self = Self { session: "__Host-schleuse", sign_in: "__Host-schleuse-sign-in" };
    const PLAIN: Self = Self { session: "schleuse", sign_in: "schleuse-sign-in" };

    pub(crate) fn new(is_tls: bool) -> Self {
        if is_tls { Self::HOST } else { Self::PLAIN }
    }

    /// Every name under which a session may lie in a browser, in this house or another one on the same machine.
    pub(crate) const SESSIONS: [&'static str; 2] = [Self::HOST.session, Self::PLAIN.session];
}

/// What one request brought.
#[derive(Debug, Default)]
pub(crate) struct Brought {
    /// The bearer credential, else the session of the cookie: what a sender put into a header on purpose counts before
    /// what a browser adds by itself.
    pub(crate) credential: Option<Credential>,
    pub(crate) sign_in: Option<Secret<String>>,
}

/// The request brings two credentials of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ambiguous {
    /// Two `Authorization` or `x-api-key` headers, or bytes that are no text.
    Bearer,
    /// Two cookies of one name, or the session under both names.
    Cookie,
}

/// Reads both kinds.
pub(crate) fn read(headers: &HeaderMap, names: CookieNames) -> Result<Brought, Ambiguous> {
    let bearer = bearer(headers)?;
    let session = cookie(headers, names.session)?;
    let other_name = CookieNames::SESSIONS.into_iter().find(|name| *name != names.session);
    if session.is_some() && other_name.map(|name| cookie(headers, name)).transpose()?.flatten().is_some() {
        return Err(Ambiguous::Cookie);
    }
    Ok(Brought {
        credential: bearer.map(Credential::Bearer).or(session.map(Credential::Session)),
        sign_in: cookie(headers, names.sign_in)?,
    })
}

/// The key of `Authorization: Bearer` (RFC 6750), else of `x-api-key`: SDKs send both when both are configured, and this is
/// the only reader of either. Other schemes are not ours and count as nothing.
fn bearer(headers: &HeaderMap) -> Result<Option<Secret<String>>, Ambiguous> {
    let authorization = single(headers, AUTHORIZATION.as_str())?;
    let authorization = authorization.and_then(|value| {
        let (scheme, key) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim()).filter(|key| !key.is_empty())
    });
    let api_key = single(headers, "x-api-key")?.map(str::trim).filter(|key| !key.is_empty());
    Ok(authorization.or(api_key).map(|key| Secret::new(key.to_owned())))
}

fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Ambiguous> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().map(|value| value.to_str().map_err(|_| Ambiguous::Bearer)).transpose()?;
    if values.next().is_some() { Err(Ambiguous::Bearer) } else { Ok(value) }
}

/// The value of the cookie with exactly this name (RFC 6265 section 5.4). Other cookies may hold whatever they like.
fn cookie(headers: &HeaderMap, name: &str) -> Result<Option<Secret<String>>, Ambiguous> {
    let mut found = None;
    for header in headers.get_all(COOKIE) {
        for pair in header.as_bytes().split(|byte| *byte == b';') {
            let pair = pair.trim_ascii();
            let Some(value) = pair.strip_prefix(name.as_bytes()).and_then(|rest| rest.strip_prefix(b"="))
            else {
                continue;
            };
            let value = std::str::from_utf8(value).map_err(|_| Ambiguous::Cookie)?;
            if found.replace(Secret::new(value.to_owned())).is_some() {
                return Err(Ambiguous::Cookie);
            }
        }
    }
    Ok(found.filter(|value| !value.expose().is_empty()))
}

#[cfg(test)]
mod tests {
    use super::{Ambiguous, CookieNames, cookie, read};
    use http::header::{COOKIE, HeaderMap, HeaderName, HeaderValue};
    use proptest::prelude::*;
    use schleuse_wire::Credential;

    /// `Ok("bearer x")`, `Ok("session x")`, `Ok("")` for nothing.
    fn check(is_tls: bool, headers: &[(&str, &str)], expected: Result<&str, Ambiguous>) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            );
        }
        let found = read(&map, CookieNames::new(is_tls)).map(|brought| match brought.credential {
            None => String::new(),
            Some(Credential::Bearer(key)) => format!("bearer {}", key.expose()),
            Some(Credential::Session(key)) => format!("session {}", key.expose()),
        });
        assert_eq!(found.as_deref(), expected.as_ref().map(|text| *text), "{headers:?}");
    }

    #[test]
    fn a_key_is_found_in_either_header() {
        let check = |headers, expected| check(false, headers, expected);
        check(&[], Ok(""));
        check(&[("authorization", "Bearer sk-1")], Ok("bearer sk-1"));
        check(&[("authorization", "bearer  sk-1 ")], Ok("bearer sk-1"));
        check(&[("x-api-key", "sk-2")], Ok("bearer sk-2"));
        check(&[("authorization", "Bearer sk-1"), ("x-api-key", "sk-2")], Ok("bearer sk-1"));
        check(&[("authorization", "Basic eDp5"), ("x-api-key", "sk-2")], Ok("bearer sk-2"));
        check(&[("authorization", "Bearer ")], Ok(""));
        check(&[("authorization", "Bearer "), ("cookie", "schleuse=a")], Ok("session a"));
    }

    #[test]
    fn two_keys_in_one_header_are_one_too_many() {
        let check = |headers| check(false, headers, Err(Ambiguous::Bearer));
        check(&[("authorization", "Bearer sk-1"), ("authorization", "Bearer sk-2")]);
        check(&[("authorization", "Bearer sk-1"), ("authorization", "Bearer sk-1")]);
        check(&[("authorization", "Basic eDp5"), ("authorization", "Bearer sk-1")]);
        check(&[("x-api-key", "sk-1"), ("x-api-key", "sk-2")]);
        check(&[("authorization", "Bearer ä")]);
    }

    #[test]
    fn the_session_has_one_name_and_occurs_once() {
        check(false, &[("cookie", "schleuse=a")], Ok("session a"));
        check(false, &[("cookie", "x=1; schleuse=a; y=\"ü\"")], Ok("session a"));
        check(false, &[("cookie", "x=1"), ("cookie", "schleuse=a=b")], Ok("session a=b"));
        check(true, &[("cookie", "__Host-schleuse=a")], Ok("session a"));
        check(true, &[("cookie", "schleuse=a")], Ok(""));
        check(false, &[("cookie", "__Host-schleuse=a")], Ok(""));
        check(false, &[("cookie", "SCHLEUSE=a; schleuse =b; xschleuse=c; schleuse")], Ok(""));
        check(false, &[("cookie", "schleuse=")], Ok(""));
        check(false, &[("cookie", "a=\"; schleuse=b\"")], Ok("session b\""));
        let twice = Err(Ambiguous::Cookie);
        check(false, &[("cookie", "schleuse=a; schleuse=b")], twice);
        check(false, &[("cookie", "schleuse=a; schleuse=a")], twice);
        check(false, &[("cookie", "schleuse=a"), ("cookie", "schleuse=b")], twice);
        check(false, &[("cookie", "schleuse=a; __Host-schleuse=b")], twice);
        check(true, &[("cookie", "schleuse=a; __Host-schleuse=b")], twice);
        check(false, &[("cookie", "schleuse-sign-in=a; schleuse-sign-in=b")], twice);
        check(false, &[("cookie", "schleuse=\u{e4}")], Ok("session ä"));
    }

    #[test]
    fn a_bearer_counts_before_a_cookie() {
        check(false, &[("authorization", "Bearer sk-1"), ("cookie", "schleuse=a")], Ok("bearer sk-1"));
        check(
            false,
            &[("authorization", "Bearer sk-1"), ("cookie", "schleuse=a; schleuse=b")],
            Err(Ambiguous::Cookie),
        );
    }

    proptest! {
        /// Cookies in one header or in several, among whatever others: the one with the name, or none, or two are too many.
        #[test]
        fn cookies_are_found_wherever_they_stand(
            pairs in proptest::collection::vec(("(schleuse|Schleuse|schleuse-x|a)", "[a-z\"=]{1,4}", any::<bool>()), 0..5),
        ) {
            let mut lines = vec![String::new()];
            for (name, value, begins_line) in &pairs {
                if *begins_line {
                    lines.push(String::new());
                }
                let line = lines.last_mut().unwrap();
                line.push_str(&format!("{}{name}={value}", if line.is_empty() { "" } else { "; " }));
            }
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(COOKIE, HeaderValue::try_from(line).unwrap());
            }
            let mut named = pairs.iter().filter(|(name, ..)| name == "schleuse").map(|(_, value, _)| value.as_str());
            let expected = match (named.next(), named.next()) {
                (value, None) => Ok(value),
                (_, Some(_)) => Err(Ambiguous::Cookie),
            };
            let found = cookie(&headers, "schleuse");
            prop_assert_eq!(found.as_ref().map(|value| value.as_ref().map(|value| value.expose().as_str())), expected.as_ref().map(|value| *value));
        }
    }
}
