//! An upstream's url, taken apart.

use std::path::PathBuf;

use http::{HeaderValue, Uri};
use rustls::pki_types::ServerName;

/// The longest path that fits a `sockaddr_un` on Linux, without its closing zero byte (unix(7)).
const UNIX_PATH_BYTES_MAX: usize = 107;

#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) dial: Dial,
    /// For the `host` header.
    pub(crate) host: HeaderValue,
    /// What stands before `/v1/…`: empty or `/prefix`.
    pub(crate) base_path: String,
}

#[derive(Debug, Clone)]
pub(crate) enum Dial {
    Tcp {
        host: String,
        port: u16,
        tls: Option<ServerName<'static>>,
    },
    Unix {
        path: PathBuf,
    },
    /// Nobody has said yet where it is; for an upstream that is closed.
    Nowhere,
    /// Over a connector that has dialled in under this name.
    Connector {
        name: String,
    },
}

impl Target {
    /// Reads a url, or says what is wrong with it. The reason never repeats a url that may hold a password.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        if let Some(path) = url.strip_prefix("unix:") {
            return Self::parse_unix(path);
        }
        if let Some(name) = url.strip_prefix("connector:") {
            return Self::parse_connector(name);
        }
        let (scheme, rest) = url.split_once("://").ok_or(
            "must begin with `http://`, `https://`, `unix:/` or `connector:`, as in `http://127.0.0.1:8000`",
        )?;
        let is_tls = match scheme {
            "http" => false,
            "https" => true,
            other => return Err(format!("scheme `{other}` is not one of http, https, unix and connector")),
        };
        if rest.split('/').next().is_some_and(|authority| authority.contains('@')) {
            return Err("must hold no user name or password; use api_key_file".to_owned());
        }
        let uri: Uri = url.parse().map_err(|error| format!("`{url}` is not a url: {error}"))?;
        if url.contains('#') || uri.query().is_some() {
            return Err(format!("`{url}` must end with its path, without `?` or `#`"));
        }
        let authority = uri.authority().ok_or_else(|| format!("`{url}` names no host"))?;
        let host = authority.host();
        let bare_host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        if bare_host.is_empty() {
            return Err(format!("`{url}` names no host"));
        }
        // `http` accepts an authority with an empty or overlong port and then reports none.
        let port = match authority.as_str().strip_prefix(host).unwrap_or_default().strip_prefix(':') {
            None => {
                if is_tls {
                    443
                } else {
                    80
                }
            }
            Some(digits) => match digits.parse() {
                Ok(port) if port > 0 => port,
                _ => return Err(format!("`{url}` has no valid port; a port is 1 to 65535")),
            },
        };
        let tls = match is_tls {
            false => None,
            true => Some(
                ServerName::try_from(bare_host.to_owned())
                    .map_err(|_| format!("`{bare_host}` cannot be the name in a certificate"))?,
            ),
        };
        Ok(Self {
            dial: Dial::Tcp { host: bare_host.to_owned(), port, tls },
            host: HeaderValue::from_str(authority.as_str())
                .map_err(|_| format!("`{url}` has a host that cannot be sent"))?,
            base_path: base_path(uri.path()),
        })
    }

    /// Of an upstream that is closed until an agreement names its address.
    pub(crate) fn nowhere() -> Self {
        Self {
            dial: Dial::Nowhere,
            host: HeaderValue::from_static("nowhere.invalid"),
            base_path: String::new(),
        }
    }

    fn parse_unix(path: &str) -> Result<Self, String> {
        // `unix:///run/x` is written by people who think of it as a url with an empty host.
        let path = path.strip_prefix("//").unwrap_or(path);
        if !path.starts_with('/') || path.len() < 2 {
            return Err("a Unix socket needs an absolute path, as in `unix:/run/vllm.sock`".to_owned());
        }
        if path.len() > UNIX_PATH_BYTES_MAX || path.contains('\0') {
            return Err(format!(
                "a Unix socket's path has at most {UNIX_PATH_BYTES_MAX} bytes and no zero byte"
            ));
        }
        Ok(Self {
            dial: Dial::Unix { path: PathBuf::from(path) },
            host: HeaderValue::from_static("localhost"),
            base_path: String::new(),
        })
    }

    fn parse_connector(name: &str) -> Result<Self, String> {
        let is_name = (1..=64).contains(&name.len())
            && name.bytes().all(|byte| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'_' | b'-')
            });
        if !is_name {
            return Err(format!(
                "`{name}` is not a connector's name; as in `connector:gpu-1`, a name is 1 to 64 lower-case letters, digits, dots, underscores or hyphens"
            ));
        }
        Ok(Self {
            dial: Dial::Connector { name: name.to_owned() },
            host: HeaderValue::from_static("connector"),
            base_path: String::new(),
        })
    }

    /// `path` behind the prefix. `path` begins with `/`.
    pub(crate) fn path(&self, path: &str) -> String {
        format!("{}{path}", self.base_path)
    }
}

/// Without the closing slashes and without a trailing `/v1`, which every path of the API brings along.
fn base_path(path: &str) -> String {
    let path = path.trim_end_matches('/');
    path.strip_suffix("/v1").unwrap_or(path).trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::{Dial, Target};

    fn describe(url: &str) -> Result<String, String> {
        let target = Target::parse(url)?;
        let host = target.host.to_str().unwrap().to_owned();
        let path = target.path("/v1/models");
        Ok(match target.dial {
            Dial::Tcp { host: name, port, tls } => {
                format!("{} {name} {port} {host} {path}", if tls.is_some() { "tls" } else { "tcp" })
            }
            Dial::Unix { path: socket } => format!("unix {} {host} {path}", socket.display()),
            Dial::Connector { name } => format!("connector {name} {host} {path}"),
            Dial::Nowhere => "nowhere".to_owned(),
        })
    }

    fn check(url: &str, expected: &str) {
        assert_eq!(describe(url).as_deref(), Ok(expected), "{url}");
    }

    fn check_refused(url: &str, reason: &str) {
        assert_eq!(describe(url).unwrap_err(), reason, "{url}");
    }

    #[test]
    fn urls_are_taken_apart() {
        check("http://127.0.0.1:8000", "tcp 127.0.0.1 8000 127.0.0.1:8000 /v1/models");
        check("http://127.0.0.1:8000/", "tcp 127.0.0.1 8000 127.0.0.1:8000 /v1/models");
        check("http://h", "tcp h 80 h /v1/models");
        check("https://h", "tls h 443 h /v1/models");
        check("http://[::1]:8000/v1", "tcp ::1 8000 [::1]:8000 /v1/models");
        check("https://api.example.com/v1/", "tls api.example.com 443 api.example.com /v1/models");
        check("http://h:8000/prefix", "tcp h 8000 h:8000 /prefix/v1/models");
        check("http://h:8000/prefix/v1", "tcp h 8000 h:8000 /prefix/v1/models");
        check("http://h:8000/a/b//", "tcp h 8000 h:8000 /a/b/v1/models");
        check("http://h:8000/api/v1beta", "tcp h 8000 h:8000 /api/v1beta/v1/models");
        check("unix:/run/vllm.sock", "unix /run/vllm.sock localhost /v1/models");
        check("unix:///run/vllm.sock", "unix /run/vllm.sock localhost /v1/models");
        check("connector:gpu-1", "connector gpu-1 connector /v1/models");
    }

    #[test]
    fn wrong_urls_are_refused_with_their_reason() {
        let scheme =
            "must begin with `http://`, `https://`, `unix:/` or `connector:`, as in `http://127.0.0.1:8000`";
        check_refused("", scheme);
        check_refused("127.0.0.1:8000", scheme);
        check_refused("ftp://h", "scheme `ftp` is not one of http, https, unix and connector");
        for name in ["", "//gpu", "GPU", "a b", "a/b"] {
            let reason = format!(
                "`{name}` is not a connector's name; as in `connector:gpu-1`, a name is 1 to 64 lower-case letters, digits, dots, underscores or hyphens"
            );
            check_refused(&format!("connector:{name}"), &reason);
        }
        check_refused("http://me:password@h", "must hold no user name or password; use api_key_file");
        check_refused("http://h?x=1", "`http://h?x=1` must end with its path, without `?` or `#`");
        check_refused("http://h/#x", "`http://h/#x` must end with its path, without `?` or `#`");
        check_refused("http://h:", "`http://h:` has no valid port; a port is 1 to 65535");
        check_refused("http://h:0", "`http://h:0` has no valid port; a port is 1 to 65535");
        check_refused("http://h:70000", "`http://h:70000` has no valid port; a port is 1 to 65535");
        check_refused("https://under_score!", "`under_score!` cannot be the name in a certificate");
        let unix = "a Unix socket needs an absolute path, as in `unix:/run/vllm.sock`";
        check_refused("unix:run/vllm.sock", unix);
        check_refused("unix:", unix);
        check_refused(
            &format!("unix:/{}", "a".repeat(107)),
            "a Unix socket's path has at most 107 bytes and no zero byte",
        );
    }

    #[test]
    fn a_password_in_a_url_is_not_repeated() {
        for url in ["http://me:hunter2@h", "http://me:hunter2@h:99999/ x", "https://hunter2@"] {
            assert!(!describe(url).unwrap_err().contains("hunter2"), "{url}");
        }
    }
}
