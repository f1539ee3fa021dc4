//! Connections to others: witnesses, and programs that entries are forwarded to.

use std::fmt;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Where Linux systems keep their bundle of authorities: Debian and Alpine, Red Hat, SUSE. Fixed places, so that no
/// environment variable changes whom the house trusts.
const SYSTEM_BUNDLES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem"];

/// Why somebody gave no usable answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DialError {
    /// Not a URL that can be asked, or authorities or a certificate that cannot be read.
    Config(String),
    Unreachable(String),
    /// No answer within this time.
    TimedOut(Duration),
    /// There was an answer, but not what the protocol has.
    Answer(String),
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(problem) | Self::Answer(problem) => f.write_str(problem),
            Self::Unreachable(problem) => write!(f, "it cannot be reached: {problem}"),
            Self::TimedOut(patience) => write!(f, "it gave no answer within {} s", patience.as_secs()),
        }
    }
}

impl std::error::Error for DialError {}

/// Whom a connection trusts, and as whom it comes.
#[derive(Debug, Clone, Default)]
pub struct TlsTrust {
    /// The only certificate authorities to trust, as PEM; without it, the system's.
    pub ca_file: Option<PathBuf>,
    /// Certificates and private key of this side, as PEM, where the other side wants them.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// Bytes in both directions.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Where somebody takes connections.
pub(crate) struct Dial {
    host: String,
    port: u16,
    authority: String,
    /// Path and query.
    path: String,
    /// Name and trust for TLS; `None` for plain HTTP.
    tls: Option<(ServerName<'static>, Arc<ClientConfig>)>,
}

impl Dial {
    /// `https://…`, or `http://…` in a network of one's own.
    pub(crate) fn http(url: &str, trust: &TlsTrust) -> Result<Self, DialError> {
        Self::new(url, &[("https", true, 443), ("http", false, 80)], trust)
    }

    /// `syslog+tls://host:port` (RFC 5425, whose port is 6514).
    pub(crate) fn syslog(url: &str, trust: &TlsTrust) -> Result<Self, DialError> {
        let dial = Self::new(url, &[("syslog+tls", true, 6514)], trust)?;
        match dial.path.as_str() {
            "/" => Ok(dial),
            _ => Err(DialError::Config(
                "behind the port of a `syslog+tls://` address stands nothing".to_owned(),
            )),
        }
    }

    /// `schemes`: each with whether it is TLS, and its port.
    fn new(url: &str, schemes: &[(&str, bool, u16)], trust: &TlsTrust) -> Result<Self, DialError> {
        let wrong = || {
            let known: Vec<String> = schemes.iter().map(|(scheme, ..)| format!("`{scheme}://`")).collect();
            DialError::Config(format!(
                "must be a URL that begins with {}, without user or fragment",
                known.join(" or ")
            ))
        };
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'));
        let authority = authority.ok_or_else(wrong)?;
        if url.contains('#') {
            return Err(wrong());
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let scheme = schemes.iter().find(|(scheme, ..)| uri.scheme_str() == Some(*scheme));
        let &(_, is_tls, port) = scheme.ok_or_else(wrong)?;
        let tls = match is_tls {
            true => {
                let name = ServerName::try_from(host.clone()).map_err(|_| wrong())?;
                Some((name, client(trust).map_err(DialError::Config)?))
            }
            false => None,
        };
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Ok(Self {
            port: authority.port_u16().unwrap_or(port),
            authority: authority.as_str().to_owned(),
            path: path.to_owned(),
            host,
            tls,
        })
    }

    /// Path and query of the URL.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// A new connection, with TLS where the URL says so.
    pub(crate) async fn connect(&self) -> Result<Box<dyn Stream>, DialError> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await;
        let stream = stream.map_err(|error| DialError::Unreachable(error.kind().to_string()))?;
        // An entry is not to wait for the next one.
        stream.set_nodelay(true).map_err(|error| DialError::Unreachable(error.kind().to_string()))?;
        let Some((name, trust)) = &self.tls else { return Ok(Box::new(stream)) };
        let connected = TlsConnector::from(Arc::clone(trust)).connect(name.clone(), stream).await;
        Ok(Box::new(connected.map_err(|error| DialError::Unreachable(format!("TLS: {error}")))?))
    }

    /// Posts a body on a connection of its own; status and answer, of which at most `answer_bytes_max` are taken.
    pub(crate) async fn post(
        &self,
        path: &str,
        headers: &[(HeaderName, HeaderValue)],
        body: Bytes,
        answer_bytes_max: usize,
    ) -> Result<(StatusCode, Bytes), DialError> {
        let broken = |error: hyper::Error| DialError::Unreachable(error.to_string());
        let mut request = Request::post(path)
            .header(header::HOST, &self.authority)
            .header(header::USER_AGENT, "schleuse")
            .body(Full::new(body))
            .map_err(|_| DialError::Config("the URL cannot be sent".to_owned()))?;
        request.headers_mut().extend(headers.iter().cloned());
        let stream = self.connect().await?;
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(HEAD_BYTES_MAX)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(broken)?;
        let mut connection = pin!(connection);
        let mut answer = pin!(async {
            let answer = sender.send_request(request).await.map_err(broken)?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), answer_bytes_max).collect().await;
            let body =
                body.map_err(|_| DialError::Answer("its answer is too long or was cut off".to_owned()))?;
            Ok((status, body.to_bytes()))
        });
        let mut is_closed = false;
        // The connection has no task of its own: whoever waits for the answer drives it.
        loop {
            tokio::select! {
                biased;
                answer = &mut answer => return answer,
                _ = &mut connection, if !is_closed => is_closed = true,
            }
        }
    }
}

/// A client of TLS 1.3 only.
fn client(trust: &TlsTrust) -> Result<Arc<ClientConfig>, String> {
    let file = match &trust.ca_file {
        Some(file) => file,
        None => SYSTEM_BUNDLES
            .into_iter()
            .map(Path::new)
            .find(|file| file.exists())
            .ok_or("this system has no bundle of certificate authorities; name one with ca_file")?,
    };
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates(file)?);
    if roots.is_empty() {
        return Err(format!("`{}` holds no usable certificate", file.display()));
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots);
    let Some((chain, key)) = &trust.identity else { return Ok(Arc::new(config.with_no_client_auth())) };
    let chain = certificates(chain)?;
    let private = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| format!("cannot read `{}`: {error}", key.display()))?;
    let config = config.with_client_auth_cert(chain, private);
    config.map(Arc::new).map_err(|error| format!("certificate and key do not serve: {error}"))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(file).and_then(|certificates| certificates.collect());
    certificates.map_err(|error| format!("cannot read `{}`: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::{Dial, TlsTrust};

    #[track_caller]
    fn check(url: &str, expected: Option<(&str, u16, &str)>) {
        let dial = Dial::http(url, &TlsTrust::default()).or_else(|_| Dial::syslog(url, &TlsTrust::default()));
        let seen = dial.as_ref().ok().map(|dial| (dial.host.as_str(), dial.port, dial.path()));
        assert_eq!(seen, expected, "{url}");
    }

    #[test]
    fn a_url_has_a_scheme_that_is_known_and_no_user() {
        check("http://10.0.0.9:8099", Some(("10.0.0.9", 8099, "/")));
        check("http://w.example/house/", Some(("w.example", 80, "/house/")));
        check("http://[::1]:8099/?a=b", Some(("::1", 8099, "/?a=b")));
        check("https://w.example/x", Some(("w.example", 443, "/x")));
        check("syslog+tls://siem.example", Some(("siem.example", 6514, "/")));
        check("syslog+tls://siem.example:10514", Some(("siem.example", 10514, "/")));
        for bad in [
            "",
            "w.example",
            "ftp://w.example",
            "http://a@w.example",
            "http://w.example/#x",
            "/x",
            "syslog://siem.example",
            "syslog+tls://siem.example/x",
        ] {
            check(bad, None);
        }
    }
}
