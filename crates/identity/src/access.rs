//! How the house reaches its identity providers.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use schleuse_types::Secret;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::address::{Address, Scheme};
use crate::form;
use crate::issuers::IssuerConfig;
use crate::json;
use crate::tls;

/// For name resolution, connection and answer together.
const DEADLINE: Duration = Duration::from_secs(5);
/// For the body of an answer, in bytes.
const BODY_BYTES_MAX: usize = 256 * 1024;
/// For the status line and all headers of an answer together, in bytes.
const HEAD_BYTES_MAX: usize = 32 * 1024;
const HEADERS_MAX: usize = 64;

/// What an access will come to.
pub type Access<'a> = Pin<Box<dyn Future<Output = Result<Bytes, AccessError>> + Send + 'a>>;

/// Asks an identity provider: directly, or through a connector that has this one flow.
///
/// `issuer` is the id of its configuration, so that whoever carries the question out can hold it against what that
/// provider may be asked. An implementation follows no redirects, gives up after 5 s and takes answers of at most 256 KiB.
pub trait IssuerAccess: Send + Sync {
    /// The body of a 200 answer to `GET url`.
    fn get<'a>(&'a self, issuer: &'a str, url: &'a str) -> Access<'a>;

    /// The body of a 200 answer to `POST url` with these fields as a form; `basic` are name and password for HTTP basic
    /// authentication, already encoded as RFC 6749 section 2.3.1 has it.
    fn post_form<'a>(
        &'a self,
        issuer: &'a str,
        url: &'a str,
        fields: Vec<(String, Secret<String>)>,
        basic: Option<(String, Secret<String>)>,
    ) -> Access<'a>;
}

/// Why a provider gave no answer. Never holds what was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessError {
    /// The URL is none that may be asked.
    Forbidden(String),
    /// No connection, or one that broke. The reason is for people.
    Unreachable(String),
    TimedOut,
    /// The answer is longer than it may be.
    TooLarge,
    /// An answer other than 200, and the `error` code (RFC 6749 section 5.2) in its body if it has one.
    Status {
        status: u16,
        error: Option<String>,
    },
}

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forbidden(reason) => write!(f, "it may not be asked: {reason}"),
            Self::Unreachable(reason) => write!(f, "it cannot be reached: {reason}"),
            Self::TimedOut => write!(f, "it gave no answer within {} s", DEADLINE.as_secs()),
            Self::TooLarge => write!(f, "its answer has more than {BODY_BYTES_MAX} bytes"),
            Self::Status { status, error: None } => write!(f, "it answered with status {status}"),
            Self::Status { status, error: Some(error) } => {
                write!(f, "it answered with status {status} and error `{error}`")
            }
        }
    }
}

impl std::error::Error for AccessError {}

/// Reaches providers from this process: TLS 1.3, and plain HTTP only to loopback.
pub struct DirectAccess {
    /// By id of configuration. An error is told when that provider is asked, so that one bad file stops one provider.
    clients: HashMap<String, Result<Arc<ClientConfig>, String>>,
}

impl DirectAccess {
    /// Reads the certificate authorities that each of these issuers is to be trusted by.
    pub fn new(issuers: &[IssuerConfig]) -> Self {
        let client = |issuer: &IssuerConfig| tls::client(issuer.ca_file.as_deref().map(Path::new));
        Self { clients: issuers.iter().map(|issuer| (issuer.id.clone(), client(issuer))).collect() }
    }

    async fn ask(
        &self,
        issuer: &str,
        url: &str,
        request: Request<Full<Bytes>>,
    ) -> Result<Bytes, AccessError> {
        let address = Address::parse(url).map_err(|error| AccessError::Forbidden(error.to_string()))?;
        let asked = async {
            let stream = self.connect(issuer, &address).await?;
            send(stream, request).await
        };
        tokio::time::timeout(DEADLINE, asked).await.map_err(|_elapsed| AccessError::TimedOut)?
    }

    async fn connect(&self, issuer: &str, address: &Address) -> Result<Box<dyn Stream>, AccessError> {
        let client = self.clients.get(issuer);
        let client =
            client.ok_or_else(|| AccessError::Forbidden("no such issuer is configured".to_owned()))?;
        if address.scheme == Scheme::Http {
            return Ok(Box::new(dial(address).await?));
        }
        let client = client.as_ref().map_err(|reason| AccessError::Unreachable(reason.clone()))?;
        let name = ServerName::try_from(address.host.clone())
            .map_err(|_invalid| AccessError::Forbidden("the host is no name for a certificate".to_owned()))?;
        let stream = TlsConnector::from(Arc::clone(client))
            .connect(name, dial(address).await?)
            .await
            .map_err(|error| AccessError::Unreachable(format!("TLS: {error}")))?;
        Ok(Box::new(stream))
    }
}

impl fmt::Debug for DirectAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DirectAccess").field("issuers", &self.clients.keys()).finish()
    }
}

impl IssuerAccess for DirectAccess {
    fn get<'a>(&'a self, issuer: &'a str, url: &'a str) -> Access<'a> {
        Box::pin(async move {
            let request = build(Method::GET, url, None, Bytes::new())?;
            self.ask(issuer, url, request).await
        })
    }

    fn post_form<'a>(
        &'a self,
        issuer: &'a str,
        url: &'a str,
        fields: Vec<(String, Secret<String>)>,
        basic: Option<(String, Secret<String>)>,
    ) -> Access<'a> {
        Box::pin(async move {
            let pairs = fields.iter().map(|(name, value)| (name.as_str(), value.expose().as_str()));
            let body = form::print(pairs);
            let request = build(Method::POST, url, basic, Bytes::from(body.into_bytes()))?;
            self.ask(issuer, url, request).await
        })
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Connects, for plain HTTP only to addresses that really are this machine, whatever a resolver says.
async fn dial(address: &Address) -> Result<TcpStream, AccessError> {
    let unreachable = |error: std::io::Error| AccessError::Unreachable(reason(&error));
    let host = address.host.as_str();
    let targets: Vec<SocketAddr> = match host.parse::<IpAddr>() {
        Ok(ip) => vec![SocketAddr::new(ip, address.port)],
        Err(_name) => tokio::net::lookup_host((host, address.port)).await.map_err(unreachable)?.collect(),
    };
    if address.scheme == Scheme::Http
        && !targets.iter().all(|target| target.ip().to_canonical().is_loopback())
    {
        return Err(AccessError::Forbidden("plain HTTP is only for loopback".to_owned()));
    }
    let stream = TcpStream::connect(targets.as_slice()).await.map_err(unreachable)?;
    stream.set_nodelay(true).map_err(unreachable)?;
    Ok(stream)
}

fn build(
    method: Method,
    url: &str,
    basic: Option<(String, Secret<String>)>,
    body: Bytes,
) -> Result<Request<Full<Bytes>>, AccessError> {
    let address = Address::parse(url).map_err(|error| AccessError::Forbidden(error.to_string()))?;
    let mut request = Request::builder()
        .method(&method)
        .uri(address.path_and_query)
        .header(header::HOST, address.authority)
        .header(header::ACCEPT, "application/json")
        .header(header::USER_AGENT, "schleuse");
    if method == Method::POST {
        request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    }
    if let Some((name, password)) = basic {
        let pair = Secret::new(format!("{name}:{}", password.expose()));
        request = request.header(header::AUTHORIZATION, format!("Basic {}", STANDARD.encode(pair.expose())));
    }
    request
        .body(Full::new(body))
        .map_err(|_invalid| AccessError::Forbidden("the URL cannot be sent".to_owned()))
}

/// Sends one request over a connection that is closed afterwards.
async fn send(stream: Box<dyn Stream>, request: Request<Full<Bytes>>) -> Result<Bytes, AccessError> {
    let broken = |error: hyper::Error| AccessError::Unreachable(error.to_string());
    let (mut sender, connection) = http1::Builder::new()
        .max_headers(HEADERS_MAX)
        .max_header_size(HEAD_BYTES_MAX)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    let mut connection = pin!(connection);
    let mut answer = pin!(async {
        let answer = sender.send_request(request).await.map_err(broken)?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), BODY_BYTES_MAX).collect().await;
        let body = body.map_err(|error| match error.downcast::<hyper::Error>() {
            Ok(error) => broken(*error),
            Err(_longer) => AccessError::TooLarge,
        })?;
        Ok((status, body.to_bytes()))
    });
    let mut is_closed = false;
    // The connection has no task of its own: whoever waits for the answer drives it.
    let (status, body) = loop {
        tokio::select! {
            biased;
            answer = &mut answer => break answer?,
            _closed = &mut connection, if !is_closed => is_closed = true,
        }
    };
    match status {
        StatusCode::OK => Ok(body),
        status => Err(AccessError::Status { status: status.as_u16(), error: error_code(&body) }),
    }
}

/// The `error` of RFC 6749 section 5.2, if it is one that can be printed without care.
fn error_code(body: &[u8]) -> Option<String> {
    let answer = json::parse_object(body).ok()?;
    let code = answer.get("error")?.as_str()?;
    let is_plain =
        !code.is_empty() && code.len() <= 64 && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    is_plain.then(|| code.to_owned())
}

/// What the operating system said, in words and without its number.
fn reason(error: &std::io::Error) -> String {
    match error.raw_os_error() {
        Some(_) => error.kind().to_string(),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests;
