//! Connections between processes of the house: dialling, and what HTTP/2 may cost on them.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::client::conn::http2 as client;
use hyper::rt::Executor;
use hyper::server::conn::http2 as server;
use hyper_util::rt::TokioTimer;
use rustls::ClientConfig;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use schleuse_wire::Pace;

use crate::party::{Leaf, Party, PartyRole};

/// What the other side of a link may cost. Every number holds per connection unless it says otherwise.
#[derive(Debug, Clone, Copy)]
pub struct LinkLimits {
    /// Connections of one door together, those in their handshake among them.
    pub connections_max: usize,
    /// For the TLS handshake, and for a whole enrolment or renewal.
    pub handshake_timeout: Duration,
    /// Requests at the same time; each is one visitor's.
    pub streams_max: u32,
    /// All header fields of one request together.
    pub header_bytes_max: u32,
    /// Bytes of one body that wait for their reader. Of answers, `streams_max` times this fits the connection's window, so
    /// that readers that stand still never stop the others. Of requests, 64 MiB may wait altogether.
    pub stream_window_bytes: u32,
    /// Longest pause inside a request's body.
    pub body_idle: Duration,
    /// For a request's whole body.
    pub body_whole: Duration,
    /// After this long without a sign of life the connection counts as dead; half of it passes before it is asked.
    pub silence_max: Duration,
}

impl LinkLimits {
    pub(crate) fn pace(&self) -> Pace {
        Pace { idle: self.body_idle, whole: self.body_whole }
    }
}

impl Default for LinkLimits {
    fn default() -> Self {
        Self {
            connections_max: 256,
            handshake_timeout: Duration::from_secs(10),
            streams_max: 4096,
            header_bytes_max: 64 * 1024,
            stream_window_bytes: 64 * 1024,
            body_idle: Duration::from_secs(30),
            body_whole: Duration::from_secs(300),
            silence_max: Duration::from_secs(10),
        }
    }
}

/// Streams that the other side opened and reset before they were looked at, and streams that this side had to reset:
/// more of them at once end the connection (CVE-2023-44487, CVE-2025-8671).
const EARLY_RESETS_MAX: usize = 64;
const LOCAL_RESETS_MAX: usize = 256;
const REQUEST_BYTES_WAITING_MAX: u32 = 64 * 1024 * 1024;

impl LinkLimits {
    fn connection_window_bytes(&self) -> u32 {
        let all = self.stream_window_bytes.saturating_mul(self.streams_max.saturating_add(1));
        // RFC 9113, section 6.9.1.
        all.min(0x7fff_ffff)
    }

    /// Who sends requests is not believed: what they make this side hold is bounded.
    fn request_window_bytes(&self) -> u32 {
        self.connection_window_bytes().min(REQUEST_BYTES_WAITING_MAX)
    }

    pub(crate) fn server(&self, tasks: &TaskTracker, cut: &CancellationToken) -> server::Builder<Spawner> {
        let mut builder = server::Builder::new(Spawner { tasks: tasks.clone(), cut: cut.clone() });
        builder
            .timer(TokioTimer::new())
            .max_concurrent_streams(self.streams_max)
            .max_header_list_size(self.header_bytes_max)
            .max_pending_accept_reset_streams(EARLY_RESETS_MAX)
            .max_local_error_reset_streams(LOCAL_RESETS_MAX)
            .initial_stream_window_size(self.stream_window_bytes)
            .initial_connection_window_size(self.request_window_bytes())
            .max_send_buf_size(SEND_BUFFER_BYTES)
            .keep_alive_interval(self.silence_max / 2)
            .keep_alive_timeout(self.silence_max / 2)
            .auto_date_header(false);
        builder
    }

    pub(crate) fn client(&self, tasks: &TaskTracker, cut: &CancellationToken) -> client::Builder<Spawner> {
        let mut builder = client::Builder::new(Spawner { tasks: tasks.clone(), cut: cut.clone() });
        builder
            .timer(TokioTimer::new())
            // Nobody pushes (RFC 9113, section 8.4).
            .max_concurrent_streams(0)
            .max_header_list_size(self.header_bytes_max)
            .max_pending_accept_reset_streams(EARLY_RESETS_MAX)
            .max_local_error_reset_streams(LOCAL_RESETS_MAX)
            .initial_stream_window_size(self.stream_window_bytes)
            .initial_connection_window_size(self.connection_window_bytes())
            .max_send_buf_size(SEND_BUFFER_BYTES)
            .keep_alive_interval(self.silence_max / 2)
            .keep_alive_timeout(self.silence_max / 2)
            .keep_alive_while_idle(true);
        builder
    }
}

/// What is taken from a body before the other side has room for it.
const SEND_BUFFER_BYTES: usize = 64 * 1024;

/// Where the tasks of a connection run: under the tracker of their owner, who waits for them at the end, and only until
/// that owner cuts them.
#[derive(Clone)]
pub(crate) struct Spawner {
    tasks: TaskTracker,
    cut: CancellationToken,
}

impl<F> Executor<F> for Spawner
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        let cut = self.cut.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = cut.cancelled_owned() => {}
                _ = future => {}
            }
        });
    }
}

/// Connects to a gate and checks whom it met.
pub(crate) async fn dial(
    gate: &str,
    config: ClientConfig,
    house: &str,
    limits: &LinkLimits,
) -> Result<TlsStream<TcpStream>, DialError> {
    let (host, port) = split(gate)?;
    let name = ServerName::try_from(host.to_owned()).map_err(|_| DialError::Address)?;
    let attempt = async {
        let stream =
            TcpStream::connect((host, port)).await.map_err(|error| DialError::Connect(error.kind()))?;
        // Without this, small events are held back for the other side's delayed acknowledgement.
        stream.set_nodelay(true).map_err(|error| DialError::Connect(error.kind()))?;
        TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
            .map_err(|error| DialError::Handshake(error.to_string()))
    };
    let stream =
        timeout(limits.handshake_timeout, attempt).await.map_err(|_elapsed| DialError::Timeout)??;
    let leaf = leaf_of(stream.get_ref().1.peer_certificates());
    match leaf {
        Some(leaf) if leaf.party.role() == PartyRole::Gate && leaf.party.house() == house => Ok(stream),
        _ => Err(DialError::NotAGate),
    }
}

/// What the verified chain of the other side says about it: its leaf alone.
pub(crate) fn leaf_of(chain: Option<&[CertificateDer<'static>]>) -> Option<Leaf> {
    Leaf::read(chain?.first()?).ok()
}

fn split(address: &str) -> Result<(&str, u16), DialError> {
    let (host, port) = address.rsplit_once(':').ok_or(DialError::Address)?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    Ok((host, port.parse().map_err(|_| DialError::Address)?))
}

/// Why a gate cannot be reached. Holds nothing secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DialError {
    Address,
    Connect(std::io::ErrorKind),
    Timeout,
    Handshake(String),
    NotAGate,
    Http(String),
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address => f.write_str("the gate's address is not `host:port`"),
            Self::Connect(kind) => write!(f, "{kind}"),
            Self::Timeout => f.write_str("no handshake in time"),
            Self::Handshake(reason) => write!(f, "TLS: {reason}"),
            Self::NotAGate => f.write_str("whoever answers is no gate of this house"),
            Self::Http(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for DialError {}

/// The other side of a connection, as its certificate and its address say.
#[derive(Debug, Clone)]
pub(crate) struct Neighbour {
    pub(crate) party: Party,
    pub(crate) address: IpAddr,
}
