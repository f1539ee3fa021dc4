//! URLs of identity providers.

use std::fmt;
use std::net::IpAddr;

use http::Uri;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    Https,
    /// Only to loopback.
    Http,
}

/// A URL that may be asked: `https`, or `http` to a loopback address or `localhost`; no user, no fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) scheme: Scheme,
    /// A name or an IP address, without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Host and port as they were written, for the header `Host`.
    pub(crate) authority: String,
    pub(crate) path_and_query: String,
}

impl Address {
    pub(crate) fn parse(text: &str) -> Result<Self, AddressError> {
        if text.len() > 2048 || text.contains('#') {
            return Err(AddressError::Malformed);
        }
        let uri: Uri = text.parse().map_err(|_invalid| AddressError::Malformed)?;
        let authority = uri.authority().ok_or(AddressError::Malformed)?;
        if authority.as_str().contains('@') {
            return Err(AddressError::Malformed);
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(AddressError::Malformed);
        }
        let (scheme, default_port) = match uri.scheme_str() {
            Some("https") => (Scheme::Https, 443),
            Some("http") if is_loopback(&host) => (Scheme::Http, 80),
            Some("http") => return Err(AddressError::Plaintext),
            _ => return Err(AddressError::Malformed),
        };
        let port = match authority.port_u16() {
            Some(port) => port,
            // A colon without a port, or with one that is none, is not the same as no port.
            None if authority.as_str().ends_with(authority.host()) => default_port,
            None => return Err(AddressError::Malformed),
        };
        let path_and_query = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Ok(Self { scheme, host, port, authority: authority.as_str().to_owned(), path_and_query })
    }
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

/// The text is no URL that may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AddressError {
    Malformed,
    Plaintext,
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "not an `https://` URL of a provider",
            Self::Plaintext => "`http://` is only for loopback; use `https://`",
        })
    }
}

impl std::error::Error for AddressError {}

#[cfg(test)]
mod tests {
    use super::{Address, AddressError, Scheme};

    fn check(text: &str, expected: Result<(Scheme, &str, u16, &str), AddressError>) {
        let parsed = Address::parse(text);
        let seen = parsed.as_ref().map(|a| (a.scheme, a.host.as_str(), a.port, a.path_and_query.as_str()));
        assert_eq!(seen.map_err(|error| *error), expected, "{text}");
    }

    #[test]
    fn plain_http_is_only_for_loopback() {
        check("https://id.example", Ok((Scheme::Https, "id.example", 443, "/")));
        check(
            "https://id.example:8443/realms/a?b=c",
            Ok((Scheme::Https, "id.example", 8443, "/realms/a?b=c")),
        );
        check("http://127.0.0.1:9000/x", Ok((Scheme::Http, "127.0.0.1", 9000, "/x")));
        check("http://localhost/x", Ok((Scheme::Http, "localhost", 80, "/x")));
        check("http://[::1]:9000/x", Ok((Scheme::Http, "::1", 9000, "/x")));
        check("http://id.example/x", Err(AddressError::Plaintext));
        check("http://127.0.0.1.id.example/x", Err(AddressError::Plaintext));
        check("http://127.0.0.1@id.example/x", Err(AddressError::Malformed));
        check("https://a:b@id.example/x", Err(AddressError::Malformed));
        check("https://id.example/x#y", Err(AddressError::Malformed));
        check("https://id.example:/x", Err(AddressError::Malformed));
        check("https://id.example:99999/x", Err(AddressError::Malformed));
        check("https://id.example/a b", Err(AddressError::Malformed));
        check("file:///etc/passwd", Err(AddressError::Malformed));
        check("//id.example", Err(AddressError::Malformed));
        check("", Err(AddressError::Malformed));
    }
}
