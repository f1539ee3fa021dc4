//! Where a browser's request comes from: the defence against other sites' pages (cross-site request forgery).
//!
//! A browser adds the session cookie by itself, also to what another site's page made it send. What that page cannot
//! do is to choose `Sec-Fetch-Site` (Fetch Metadata) or `Origin` (RFC 6454 section 7): the browser writes both.

use http::header::{HOST, HeaderMap, ORIGIN};

use crate::route::{self, Area};

/// What the choice is made from.
pub(crate) struct Asked<'a> {
    pub(crate) area: Area,
    pub(crate) path: &'a str,
    /// `GET` or `HEAD`.
    pub(crate) is_reading: bool,
    /// The browser added a session by itself, and nothing else was presented.
    pub(crate) has_session: bool,
    pub(crate) is_tls: bool,
    pub(crate) headers: &'a HeaderMap,
}

/// Whether this may go on as far as its origin is concerned.
pub(crate) fn permits(asked: &Asked<'_>) -> bool {
    let is_guarded = asked.has_session || asked.area == Area::SignIn;
    if !is_guarded || route::is_back_channel_logout(asked.path) {
        return true;
    }
    if !asked.is_reading {
        return is_own_page(asked.headers, asked.is_tls);
    }
    // Reading changes nothing, but another site could still count, time or embed what it makes a browser fetch.
    !asked.has_session
        || route::is_sign_in_landing(asked.path)
        || is_no_other_site(asked.headers, asked.is_tls)
}

/// The browser says that a page of this very origin sends this.
fn is_own_page(headers: &HeaderMap, is_tls: bool) -> bool {
    match only(headers, "sec-fetch-site") {
        Only::One(site) => site == "same-origin" && only(headers, ORIGIN.as_str()) != Only::Several,
        Only::Several => false,
        Only::None => is_own_origin(headers, is_tls),
    }
}

/// Nothing says that another origin's page sends this. `none` is an address that was typed or a bookmark.
fn is_no_other_site(headers: &HeaderMap, is_tls: bool) -> bool {
    match only(headers, "sec-fetch-site") {
        Only::One(site) => site == "same-origin" || site == "none",
        Only::Several => false,
        // An older browser: a foreign script's request has its origin with it.
        Only::None => only(headers, ORIGIN.as_str()) == Only::None || is_own_origin(headers, is_tls),
    }
}

/// `Origin` is the one under which this house was called. A sandboxed page sends `null`, which is never equal.
fn is_own_origin(headers: &HeaderMap, is_tls: bool) -> bool {
    let (Only::One(origin), Only::One(host)) = (only(headers, ORIGIN.as_str()), only(headers, HOST.as_str()))
    else {
        return false;
    };
    let scheme = if is_tls { "https://" } else { "http://" };
    !host.is_empty() && origin.strip_prefix(scheme).is_some_and(|called| called.eq_ignore_ascii_case(host))
}

#[derive(Debug, PartialEq, Eq)]
enum Only<'a> {
    None,
    One(&'a str),
    /// Or one that is no text.
    Several,
}

fn only<'a>(headers: &'a HeaderMap, name: &str) -> Only<'a> {
    let mut values = headers.get_all(name).iter();
    match (values.next().map(|value| value.to_str()), values.next()) {
        (None, _) => Only::None,
        (Some(Ok(value)), None) => Only::One(value),
        (Some(_), _) => Only::Several,
    }
}

#[cfg(test)]
mod tests {
    use super::{Asked, permits};
    use crate::route::Area;
    use http::header::{HeaderMap, HeaderName, HeaderValue};

    fn ask(is_reading: bool, path: &str, has_session: bool, headers: &[(&str, &str)]) -> bool {
        let mut map = HeaderMap::new();
        map.insert("host", HeaderValue::from_static("house.example:8443"));
        for (name, value) in headers {
            map.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            );
        }
        let area = match crate::route::find(path) {
            crate::route::Route::Inner(area) => area,
            other => panic!("{other:?}"),
        };
        assert!(matches!(area, Area::Models | Area::Api | Area::SignIn));
        permits(&Asked { area, path, is_reading, has_session, is_tls: true, headers: &map })
    }

    fn check_change(headers: &[(&str, &str)], expected: bool) {
        for path in ["/api/keys", "/v1/chat/completions", "/auth/sign-out"] {
            assert_eq!(ask(false, path, true, headers), expected, "{path} {headers:?}");
        }
        assert_eq!(ask(false, "/auth/ldap/main", false, headers), expected, "{headers:?}");
        // A program brings its own credential, which no other site's page could have added.
        assert!(ask(false, "/api/keys", false, headers));
        assert!(ask(false, "/auth/oidc/main/back-channel-logout", true, headers));
    }

    #[test]
    fn only_an_own_page_changes_something() {
        check_change(&[("sec-fetch-site", "same-origin")], true);
        check_change(&[("sec-fetch-site", "same-origin"), ("origin", "https://house.example:8443")], true);
        check_change(&[("origin", "https://house.example:8443")], true);
        check_change(&[("origin", "https://HOUSE.example:8443")], true);
        check_change(&[], false);
        check_change(&[("sec-fetch-site", "same-site")], false);
        check_change(&[("sec-fetch-site", "cross-site")], false);
        check_change(&[("sec-fetch-site", "none")], false);
        check_change(&[("sec-fetch-site", "Same-Origin")], false);
        check_change(&[("sec-fetch-site", "cross-site"), ("origin", "https://house.example:8443")], false);
        check_change(&[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")], false);
        check_change(&[("origin", "null")], false);
        check_change(&[("origin", "http://house.example:8443")], false);
        check_change(&[("origin", "https://house.example")], false);
        check_change(&[("origin", "https://house.example:8443.evil.example")], false);
        check_change(&[("origin", "https://evil.example")], false);
        check_change(&[("origin", "https://house.example:8443"), ("origin", "https://evil.example")], false);
        check_change(&[("referer", "https://house.example:8443/")], false);
    }

    #[test]
    fn another_site_reads_nothing_with_a_session() {
        let check = |headers: &[(&str, &str)], expected: bool| {
            assert_eq!(ask(true, "/api/people", true, headers), expected, "{headers:?}");
            assert!(ask(true, "/api/people", false, headers));
            assert!(ask(true, "/auth/oidc/main/callback", true, headers));
        };
        check(&[], true);
        check(&[("sec-fetch-site", "same-origin")], true);
        check(&[("sec-fetch-site", "none")], true);
        check(&[("sec-fetch-site", "cross-site")], false);
        check(&[("sec-fetch-site", "same-site")], false);
        check(&[("origin", "https://evil.example")], false);
        check(&[("origin", "null")], false);
        check(&[("origin", "https://house.example:8443")], true);
    }
}
