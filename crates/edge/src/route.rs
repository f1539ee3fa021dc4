//! Where a path leads: an exact table, no patterns, nothing decoded before the choice is made.
//!
//! A path that any other reader could take for a different one (escaped slashes, dot segments, empty segments,
//! backslashes, parameters) leads nowhere at all, so what the rooms inside get is the path that was judged here.

/// What answers a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// Goes inward.
    Inner(Area),
    /// `/house.json`.
    House,
    /// A page: one document, whose script reads the path.
    Page,
    /// A file below `/assets/`, or one of the two that stand at the root.
    Asset,
    Nowhere,
}

/// The first segment of a path that goes inward.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Area {
    /// `/v1`, and the older paths of three of its questions.
    Models,
    /// `/api`
    Api,
    /// `/auth`
    SignIn,
}

/// The pages without a path of their own below them.
const PAGES: [&str; 20] = [
    "sign-in",
    "chat",
    "decisions",
    "now",
    "audit",
    "people",
    "keys",
    "upstreams",
    "policies",
    "posture",
    "access",
    "sessions",
    "limits",
    "help",
    "shared",
    "assistants",
    "data",
    "approvals",
    "accessibility",
    "",
];

/// Longest path in bytes.
const PATH_BYTES_MAX: usize = 2048;

/// What answers `path`, which is a path without query, as it was sent.
pub(crate) fn find(path: &str) -> Route {
    let Some(below) = path.strip_prefix('/').filter(|_| is_plain(path)) else {
        return Route::Nowhere;
    };
    let (first, rest) = match below.split_once('/') {
        Some((first, rest)) => (first, Some(rest)),
        None => (below, None),
    };
    match (first, rest) {
        ("v1", _) | ("v2", Some("rerank")) | ("rerank" | "score", None) => Route::Inner(Area::Models),
        ("api", _) => Route::Inner(Area::Api),
        ("auth", _) => Route::Inner(Area::SignIn),
        ("house.json", None) => Route::House,
        ("assets", Some(_)) | ("service-worker.js" | "frame.html", None) => Route::Asset,
        ("chat" | "shared", Some(shown)) if is_one_segment(shown) => Route::Page,
        (page, None) if PAGES.contains(&page) => Route::Page,
        _ => Route::Nowhere,
    }
}

/// Whether the path is that of a back-channel logout, which a provider sends and no browser.
pub(crate) fn is_back_channel_logout(path: &str) -> bool {
    oidc_step(path) == Some("back-channel-logout")
}

/// Whether a browser may come here from another site: to begin a sign-in, or back from the provider.
pub(crate) fn is_sign_in_landing(path: &str) -> bool {
    matches!(oidc_step(path), Some("start" | "callback"))
}

/// The last segment of `/auth/oidc/{id}/{step}`.
fn oidc_step(path: &str) -> Option<&str> {
    let (provider, step) = path.strip_prefix("/auth/oidc/")?.split_once('/')?;
    (!provider.is_empty() && !step.contains('/')).then_some(step)
}

fn is_one_segment(text: &str) -> bool {
    !text.is_empty() && !text.contains('/')
}

/// Whether every reader of this path reads the same one.
fn is_plain(path: &str) -> bool {
    if path.len() > PATH_BYTES_MAX || !path.starts_with('/') {
        return false;
    }
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        // A slash may end a path, nothing more.
        let is_last = segments.peek().is_none();
        if (segment.is_empty() && !is_last) || !is_plain_segment(segment) {
            return false;
        }
    }
    true
}

fn is_plain_segment(segment: &str) -> bool {
    let Some(decoded) = decode(segment) else { return false };
    let Ok(decoded) = String::from_utf8(decoded) else { return false };
    decoded != "." && decoded != ".." && !decoded.chars().any(|c| c.is_control() || "/\\%;#?".contains(c))
}

/// RFC 3986 section 2.1, over the characters that a segment may hold (section 3.3) without `;`. `None`: not such a text.
fn decode(segment: &str) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(segment.len());
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => hex(bytes.next()?)? << 4 | hex(bytes.next()?)?,
            byte if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,=:@".contains(&byte) => byte,
            _ => return None,
        });
    }
    Some(decoded)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::{Area, Route, find, is_back_channel_logout, is_sign_in_landing};
    use proptest::prelude::*;

    fn check(path: &str, expected: Route) {
        assert_eq!(find(path), expected, "{path:?}");
    }

    #[test]
    fn each_path_has_one_answerer() {
        check("/", Route::Page);
        check("/house.json", Route::House);
        check("/v1", Route::Inner(Area::Models));
        check("/v1/chat/completions", Route::Inner(Area::Models));
        check("/v1/models/", Route::Inner(Area::Models));
        for path in ["/rerank", "/v2/rerank", "/score"] {
            check(path, Route::Inner(Area::Models));
            check(&format!("{path}/"), Route::Nowhere);
        }
        check("/v2", Route::Nowhere);
        check("/api/people/Anna%20Schmidt", Route::Inner(Area::Api));
        check("/api/people/J%C3%B6rg", Route::Inner(Area::Api));
        check("/auth/session", Route::Inner(Area::SignIn));
        check("/assets/index-3f9a21c0.js", Route::Asset);
        for page in super::PAGES {
            check(&format!("/{page}"), Route::Page);
        }
        check("/service-worker.js", Route::Asset);
        check("/frame.html", Route::Asset);
        check("/frame.html/x", Route::Nowhere);
        check("/chat/c-0123", Route::Page);
        check("/shared/s-0123", Route::Page);
        check("/assistants/x", Route::Nowhere);
        check("/chat/c-0123/more", Route::Nowhere);
        check("/chat/", Route::Nowhere);
        check("/people/1", Route::Nowhere);
        check("/index.html", Route::Nowhere);
        check("/V1/models", Route::Nowhere);
        check("/v1x", Route::Nowhere);
        check("/v2", Route::Nowhere);
        check("", Route::Nowhere);
        check("*", Route::Nowhere);
        check("v1/models", Route::Nowhere);
    }

    #[test]
    fn a_path_that_could_be_read_in_two_ways_leads_nowhere() {
        let strange = [
            "//v1/models",
            "/v1//models",
            "/v1/models//",
            "/./v1/models",
            "/assets/../v1/models",
            "/assets/%2e%2e/v1/models",
            "/assets/.%2E/v1/models",
            "/assets/..%2fv1/models",
            "/assets/..%5cv1",
            "/assets/..;/v1/models",
            "/v1;x=1/models",
            "/v1%3bx/models",
            "/v1%2fmodels",
            "/v1%2Fmodels",
            "/%761/models",
            "/%2576%31/models",
            "/v1/models%252f..",
            "/v1\\models",
            "/v1/..\\auth",
            "/v1/models%00",
            "/v1/models%0d%0aX:%20y",
            "/v1/models%7f",
            "/v1/models#/assets/x.js",
            "/v1/models%23x",
            "/v1/models%3fx",
            "/v1/models%",
            "/v1/models%2",
            "/v1/models%zz",
            "/v1/models%u002f",
            "/v1/models%ff",
            "/v1/models%c0%af",
            "/v1/mödels",
            "/v1/models\u{0}",
            "/v1/models\t",
            "/v1/ models",
            "/ v1",
            "/auth/oidc/x/../y/start",
        ];
        for path in strange {
            check(path, Route::Nowhere);
        }
        check(&format!("/v1/{}", "x".repeat(3000)), Route::Nowhere);
    }

    proptest! {
        /// Whatever goes inward begins with the exact segment of its area and has nothing in it to be read differently,
        /// not even after one more decoding by somebody else.
        #[test]
        fn what_goes_inward_can_be_read_in_one_way(
            path in "(/(v1|api|auth|assets|chat|\\.\\.|\\.|%2e|%2F|%5c|[a-z;\\\\%#?]{0,3})){0,5}",
        ) {
            if let Route::Inner(_) = find(&path) {
                let first = path.split('/').nth(1).unwrap_or_default();
                prop_assert!(["v1", "api", "auth"].contains(&first));
                prop_assert!(!path.contains("//") && !path.contains(['\\', ';', '#', '?']));
                let decoded = path.to_lowercase().replace("%2e", ".").replace("%2f", "/").replace("%5c", "\\");
                prop_assert_eq!(decoded.split('/').count(), path.split('/').count());
                prop_assert!(!decoded.split(['/', '\\']).any(|segment| segment == ".." || segment == "."));
            }
        }
    }

    #[test]
    fn the_exceptions_of_the_sign_in_are_exact() {
        assert!(is_back_channel_logout("/auth/oidc/main/back-channel-logout"));
        for path in [
            "/auth/oidc//back-channel-logout",
            "/auth/oidc/main/x/back-channel-logout",
            "/auth/oidc/main/back-channel-logout/",
            "/auth/sign-out",
            "/api/back-channel-logout",
        ] {
            assert!(!is_back_channel_logout(path), "{path}");
        }
        assert!(is_sign_in_landing("/auth/oidc/main/start"));
        assert!(is_sign_in_landing("/auth/oidc/main/callback"));
        assert!(!is_sign_in_landing("/auth/oidc/main/back-channel-logout"));
        assert!(!is_sign_in_landing("/auth/session"));
    }
}
