//! One witness's HTTP door.

use std::fmt;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// For name resolution, connection and answer together.
const DEADLINE: Duration = Duration::from_secs(5);
/// For the body of an answer: a few signature lines.
const ANSWER_BYTES_MAX: usize = 32 * 1024;
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Where Linux systems keep their bundle of authorities: Debian and Alpine, Red Hat, SUSE. Fixed places, so that no
/// environment variable changes whom the house trusts.
const SYSTEM_BUNDLES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem"];

/// Why a witness gave no usable answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DialError {
    /// Not a URL that can be asked, or authorities that cannot be read.
    Config(String),
    Unreachable(String),
    TimedOut,
    /// It answered, but not what the protocol has.
    Answer(String),
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(problem) | Self::Answer(problem) => f.write_str(problem),
            Self::Unreachable(problem) => write!(f, "it cannot be reached: {problem}"),
            Self::TimedOut => write!(f, "it gave no answer within {} s", DEADLINE.as_secs()),
        }
    }
}

impl std::error::Error for DialError {}

/// What a witness answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// Signature lines, not checked yet.
    Cosigned(String),
    /// Another size than was said is the last one.
    Conflict(u64),
    Inconsistent,
}

/// Where one witness takes checkpoints.
pub(super) struct Dial {
    host: String,
    port: u16,
    authority: String,
    path: String,
    /// Name and trust for TLS; `None` for plain HTTP.
    tls: Option<(ServerName<'static>, Arc<ClientConfig>)>,
}

impl Dial {
    pub(super) fn new(url: &str, ca_file: Option<&Path>) -> Result<Self, DialError> {
        let wrong = || DialError::Config("not an `https://` or `http://` URL of a witness".to_owned());
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'));
        let authority = authority.ok_or_else(wrong)?;
        if uri.query().is_some() || url.contains('#') {
            return Err(wrong());
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let (tls, port) = match uri.scheme_str() {
            Some("https") => {
                let name = ServerName::try_from(host.clone()).map_err(|_| wrong())?;
                (Some((name, client(ca_file).map_err(DialError::Config)?)), 443)
            }
            Some("http") => (None, 80),
            _ => return Err(wrong()),
        };
        Ok(Self {
            port: authority.port_u16().unwrap_or(port),
            authority: authority.as_str().to_owned(),
            path: format!("{}/add-checkpoint", uri.path().trim_end_matches('/')),
            host,
            tls,
        })
    }

    /// Hands a checkpoint over, on a connection of its own.
    pub(super) async fn add_checkpoint(&self, body: String) -> Result<Answer, DialError> {
        let asked = async {
            let stream = TcpStream::connect((self.host.as_str(), self.port)).await;
            let stream = stream.map_err(|error| DialError::Unreachable(error.kind().to_string()))?;
            match &self.tls {
                None => self.send(stream, body).await,
                Some((name, trust)) => {
                    let connected = TlsConnector::from(Arc::clone(trust)).connect(name.clone(), stream).await;
                    let broken = |error| DialError::Unreachable(format!("TLS: {error}"));
                    self.send(connected.map_err(broken)?, body).await
                }
            }
        };
        tokio::time::timeout(DEADLINE, asked).await.map_err(|_| DialError::TimedOut)?
    }

    async fn send(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin,
        body: String,
    ) -> Result<Answer, DialError> {
        let broken = |error: hyper::Error| DialError::Unreachable(error.to_string());
        let request = Request::post(&self.path)
            .header(header::HOST, &self.authority)
            .header(header::USER_AGENT, "schleuse")
            .header(header::CONTENT_TYPE, "text/plain; charset=utf-8")
            .body(Full::new(Bytes::from(body)))
            .map_err(|_| DialError::Config("the URL cannot be sent".to_owned()))?;
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(HEAD_BYTES_MAX)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(broken)?;
        let mut connection = pin!(connection);
        let mut answer = pin!(async {
            let answer = sender.send_request(request).await.map_err(broken)?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
            let body =
                body.map_err(|_| DialError::Answer("its answer is too long or was cut off".to_owned()))?;
            read_answer(status, &body.to_bytes())
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

fn read_answer(status: StatusCode, body: &[u8]) -> Result<Answer, DialError> {
    let text =
        std::str::from_utf8(body).map_err(|_| DialError::Answer("its answer is no text".to_owned()))?;
    match status {
        StatusCode::OK => Ok(Answer::Cosigned(text.to_owned())),
        StatusCode::CONFLICT => {
            let size = text.trim_end_matches('\n').parse();
            size.map(Answer::Conflict).map_err(|_| DialError::Answer("its size is no number".to_owned()))
        }
        StatusCode::UNPROCESSABLE_ENTITY => Ok(Answer::Inconsistent),
        StatusCode::NOT_FOUND => Err(DialError::Answer("it does not know this log's origin".to_owned())),
        StatusCode::FORBIDDEN => Err(DialError::Answer("it knows this log by another key".to_owned())),
        status => Err(DialError::Answer(format!("it answered with status {}", status.as_u16()))),
    }
}

/// A client that trusts exactly the authorities in `ca_file`, or the system's when there is none; TLS 1.3 only.
fn client(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, String> {
    let file = match ca_file {
        Some(file) => file,
        None => SYSTEM_BUNDLES
            .into_iter()
            .map(Path::new)
            .find(|file| file.exists())
            .ok_or("this system has no bundle of certificate authorities; name one with ca_file")?,
    };
    let certificates: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(file).and_then(|certificates| certificates.collect());
    let certificates = certificates.map_err(|error| format!("cannot read `{}`: {error}", file.display()))?;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates);
    if roots.is_empty() {
        return Err(format!("`{}` holds no usable certificate", file.display()));
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::{Answer, Dial, DialError, StatusCode, read_answer};

    fn check(url: &str, expected: Option<(&str, u16, &str)>) {
        let dial = Dial::new(url, None);
        let seen = dial.as_ref().ok().map(|dial| (dial.host.as_str(), dial.port, dial.path.as_str()));
        assert_eq!(seen, expected, "{url}");
    }

    #[test]
    fn a_witness_has_a_url_without_user_query_or_fragment() {
        check("http://10.0.0.9:8099", Some(("10.0.0.9", 8099, "/add-checkpoint")));
        check("http://w.example/house/", Some(("w.example", 80, "/house/add-checkpoint")));
        check("http://[::1]:8099/", Some(("::1", 8099, "/add-checkpoint")));
        for bad in ["", "w.example", "ftp://w.example", "http://a@w.example", "http://w.example/?x", "/x"] {
            check(bad, None);
        }
    }

    #[test]
    fn answers_are_read_as_the_protocol_has_them() {
        fn check(status: u16, body: &str, expected: Result<Answer, &str>) {
            let read = read_answer(StatusCode::from_u16(status).unwrap(), body.as_bytes());
            assert_eq!(read, expected.map_err(|problem| DialError::Answer(problem.to_owned())), "{status}");
        }
        check(200, "— w x\n", Ok(Answer::Cosigned("— w x\n".to_owned())));
        check(409, "17\n", Ok(Answer::Conflict(17)));
        check(409, "no\n", Err("its size is no number"));
        check(422, "", Ok(Answer::Inconsistent));
        check(404, "", Err("it does not know this log's origin"));
        check(403, "", Err("it knows this log by another key"));
        check(503, "", Err("it answered with status 503"));
    }
}
