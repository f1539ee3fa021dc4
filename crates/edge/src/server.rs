//! Listeners, connections and their end.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use schleuse_wire::{Exchange, Reply, ReplyBody};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::arrival;
use crate::pages::{self, FrontDesk};
use crate::reply::{OutBody, into_http};

/// What a stranger may cost before anybody knows who they are.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub connections_max: usize,
    /// From a connection's first byte to the end of a request's head, and for the TLS handshake.
    pub head_timeout: Duration,
    /// Longest pause inside a request's body.
    pub body_idle: Duration,
    pub head_bytes_max: usize,
    pub headers_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 8192,
            head_timeout: Duration::from_secs(15),
            body_idle: Duration::from_secs(30),
            head_bytes_max: 64 * 1024,
            headers_max: 100,
        }
    }
}

/// What answers the requests of one listener.
#[derive(Clone)]
pub enum Service {
    /// The house: `/v1` goes to the exchange, everything else to the pages.
    House { exchange: Arc<dyn Exchange>, desk: Arc<dyn FrontDesk> },
    /// Health and metrics: a path gives a whole answer.
    Operations(Arc<dyn Fn(&str) -> SimpleReply + Send + Sync>),
}

/// A small answer of the admin listener.
pub struct SimpleReply {
    pub status: u16,
    pub content_type: &'static str,
    pub body: String,
}

/// Largest body that a page sends.
const PAGE_BODY_BYTES_MAX: usize = 4096;

/// One listener and its connections.
pub struct Edge {
    pub listener: TcpListener,
    pub tls: Option<Arc<ServerConfig>>,
    pub service: Service,
    pub limits: Limits,
}

impl Edge {
    /// Serves until `stop`, then closes idle connections at once and lets the others finish their answer. Returns when
    /// all are gone; whoever cannot wait that long cancels `cut`.
    pub async fn run(self, stop: CancellationToken, cut: CancellationToken) {
        let tasks = TaskTracker::new();
        let places = Arc::new(Semaphore::new(self.limits.connections_max));
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                accepted = self.listener.accept() => accepted,
            };
            let (stream, address) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, mostly. Waiting is all one can do, but not in a hot loop.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                tracing::warn!(max = self.limits.connections_max, "too many connections, one was closed");
                continue;
            };
            let connection = Connection {
                service: self.service.clone(),
                tls: self.tls.clone(),
                limits: self.limits,
                address,
            };
            let (stop, cut) = (stop.clone(), cut.clone());
            tasks.spawn(async move {
                connection.run(stream, stop, cut).await;
                drop(place);
            });
        }
        drop(self.listener);
        tasks.close();
        tasks.wait().await;
    }
}

struct Connection {
    service: Service,
    tls: Option<Arc<ServerConfig>>,
    limits: Limits,
    address: SocketAddr,
}

impl Connection {
    async fn run(self, stream: TcpStream, stop: CancellationToken, cut: CancellationToken) {
        // Without this, Nagle and delayed acknowledgements hold small events back for 40 ms.
        let _ = stream.set_nodelay(true);
        match self.tls.clone() {
            None => self.serve(stream, stop, cut).await,
            Some(config) => {
                let handshake = TlsAcceptor::from(config).accept(stream);
                match tokio::time::timeout(self.limits.head_timeout, handshake).await {
                    Ok(Ok(stream)) => self.serve(stream, stop, cut).await,
                    Ok(Err(error)) => tracing::debug!(%error, "TLS handshake failed"),
                    Err(_) => tracing::debug!("TLS handshake took too long"),
                }
            }
        }
    }

    async fn serve(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin,
        stop: CancellationToken,
        cut: CancellationToken,
    ) {
        let Self { service, limits, address, .. } = self;
        let service = service_fn(move |request| {
            let service = service.clone();
            async move { Ok::<_, Infallible>(answer(service, request, address.ip(), limits).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head_timeout)
            .max_buf_size(limits.head_bytes_max)
            .max_headers(limits.headers_max)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        tokio::select! {
            ended = connection.as_mut() => return log_end(ended),
            () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
        }
        tokio::select! {
            ended = connection => log_end(ended),
            () = cut.cancelled() => {}
        }
    }
}

fn log_end(ended: Result<(), hyper::Error>) {
    if let Err(error) = ended {
        // Mostly peers that left. The text of the error names no content.
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn answer(
    service: Service,
    request: Request<Incoming>,
    peer: IpAddr,
    limits: Limits,
) -> Response<OutBody> {
    match service {
        Service::House { exchange, desk } => {
            if request.uri().path() == "/v1" || request.uri().path().starts_with("/v1/") {
                let arrival = arrival::from_http(request, peer, limits.body_idle);
                return into_http(exchange.exchange(arrival).await);
            }
            let (head, body) = request.into_parts();
            let body =
                tokio::time::timeout(limits.body_idle, Limited::new(body, PAGE_BODY_BYTES_MAX).collect());
            let body = match body.await {
                Ok(Ok(body)) => body.to_bytes(),
                // A body that is too long or too slow is as good as none: no page takes one.
                Ok(Err(_)) | Err(_) => Bytes::new(),
            };
            pages::answer(&*desk, &head.method, head.uri.path(), &head.headers, &body)
        }
        Service::Operations(answer) => {
            let simple = answer(request.uri().path());
            let mut response = into_http(Reply {
                status: simple.status,
                headers: Vec::new(),
                body: ReplyBody::Whole(Bytes::from(simple.body)),
            });
            let content_type = http::HeaderValue::from_static(simple.content_type);
            response.headers_mut().insert(http::header::CONTENT_TYPE, content_type);
            response
        }
    }
}
