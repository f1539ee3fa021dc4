//! Listeners, connections and their end.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{HeaderValue, STRICT_TRANSPORT_SECURITY};
use http::{Method, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use schleuse_wire::{Credential, Exchange, Pace, Reply, ReplyBody};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::credential::{self, CookieNames};
use crate::origin::{self, Asked};
use crate::pages::{self, FrontDesk};
use crate::refusal::{self, Asker};
use crate::reply::{self, into_http};
use crate::route::{self, Area, Route};
use crate::{arrival, form};

/// What a stranger may cost before anybody knows who they are.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub connections_max: usize,
    /// From a connection's first byte to the end of a request's head, and for the TLS handshake.
    pub head_timeout: Duration,
    /// Longest pause inside a request's body.
    pub body_idle: Duration,
    /// For a request's whole body.
    pub body_whole: Duration,
    /// The same on the way to a sign-in.
    pub sign_in_body: Duration,
    pub head_bytes_max: usize,
    pub headers_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 8192,
            head_timeout: Duration::from_secs(15),
            body_idle: Duration::from_secs(30),
            body_whole: Duration::from_secs(300),
            sign_in_body: Duration::from_secs(10),
            head_bytes_max: 64 * 1024,
            headers_max: 100,
        }
    }
}

/// What answers the requests of one listener.
#[derive(Clone)]
pub enum Service {
    /// The house: `/v1`, `/api` and `/auth` go to the exchange, everything else to the pages.
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

/// How long a browser remembers that this house is to be called over TLS only: a year (RFC 6797).
const TLS_ONLY: HeaderValue = HeaderValue::from_static("max-age=31536000");

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
        let Self { service, limits, address, tls } = self;
        let caller = Caller { address: address.ip(), is_tls: tls.is_some() };
        let service = service_fn(move |request| {
            let service = service.clone();
            async move { Ok::<_, Infallible>(answer(service, request, caller, limits).await) }
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

/// Who is at the other end, and how.
#[derive(Clone, Copy)]
struct Caller {
    address: IpAddr,
    is_tls: bool,
}

async fn answer(
    service: Service,
    request: Request<Incoming>,
    caller: Caller,
    limits: Limits,
) -> Response<ReplyBody> {
    match service {
        Service::House { exchange, desk } => {
            let is_head = request.method() == Method::HEAD;
            let caller = Caller { is_tls: caller.is_tls || desk.is_behind_tls(), ..caller };
            let is_pinned =
                caller.is_tls && pages::called_host(request.headers()).is_some_and(is_public_name);
            let mut response = answer_house(exchange, &*desk, request, caller, limits).await;
            if is_pinned {
                response.headers_mut().insert(STRICT_TRANSPORT_SECURITY, TLS_ONLY);
            }
            if is_head { reply::withhold(response) } else { response }
        }
        Service::Operations(answer) => {
            let simple = answer(request.uri().path());
            let mut response = into_http(Reply {
                status: simple.status,
                headers: Vec::new(),
                body: ReplyBody::Whole(Bytes::from(simple.body)),
            });
            let content_type = HeaderValue::from_static(simple.content_type);
            response.headers_mut().insert(http::header::CONTENT_TYPE, content_type);
            response
        }
    }
}

/// Form first, then the name, then who and from where; what passes all four goes inward.
async fn answer_house(
    exchange: Arc<dyn Exchange>,
    desk: &dyn FrontDesk,
    request: Request<Incoming>,
    caller: Caller,
    limits: Limits,
) -> Response<ReplyBody> {
    let (head, body) = request.into_parts();
    let (headers, path) = (&head.headers, head.uri.path());
    let language = arrival::language(headers);
    let asker = Asker { path, language };
    if let Err(malformed) = form::check(&head, limits.head_bytes_max) {
        return refusal::malformed(malformed, asker);
    }
    let is_reading = head.method == Method::GET || head.method == Method::HEAD;
    let route = route::find(path);
    // A program may call the API by any name; whatever a browser calls must be called by its own.
    if route != Route::Inner(Area::Models) && !pages::is_called_by_its_name(desk, headers) {
        return refusal::unknown_name(asker);
    }
    let area = match route {
        Route::Inner(area) => area,
        Route::House if is_reading => return pages::house(desk),
        Route::Page if is_reading => return pages::index(headers),
        Route::Asset if is_reading => {
            return pages::asset(path, headers).unwrap_or_else(|| refusal::not_found(asker));
        }
        // Whoever mistyped an address in a browser gets a page that says so.
        Route::Nowhere if is_reading && pages::is_wanted(headers) => {
            let mut page = pages::index(&http::HeaderMap::new());
            *page.status_mut() = http::StatusCode::NOT_FOUND;
            return page;
        }
        Route::House | Route::Page | Route::Asset | Route::Nowhere => return refusal::not_found(asker),
    };
    let mut brought = match credential::read(headers, CookieNames::new(caller.is_tls)) {
        Ok(brought) => brought,
        Err(ambiguous) => return refusal::ambiguous(ambiguous, asker),
    };
    let has_session = matches!(brought.credential, Some(Credential::Session(_)));
    let asked = Asked { area, path, is_reading, has_session, is_tls: caller.is_tls, headers };
    if !origin::permits(&asked) {
        return refusal::foreign_origin(asker);
    }
    if route::is_back_channel_logout(path) {
        // Let through from everywhere, so it must not act for anybody.
        brought = credential::Brought::default();
    }
    if area != Area::SignIn {
        brought.sign_in = None;
    }
    // Whoever signs in is a stranger still, and says little.
    let whole = if area == Area::SignIn { limits.sign_in_body } else { limits.body_whole };
    let pace = Pace { idle: limits.body_idle.min(whole), whole };
    let mut arrival = arrival::from_http(&head, body, brought, caller.address, pace);
    if area == Area::SignIn {
        arrival.agent = arrival::agent(&head.headers);
    }
    into_http(exchange.exchange(arrival).await)
}

/// A name that belongs to one house. `localhost` and plain addresses are everybody's: a browser that remembered TLS for
/// them would no longer find a demo there.
fn is_public_name(host: &str) -> bool {
    let is_address = host.starts_with('[') || host.parse::<IpAddr>().is_ok();
    !is_address && !host.eq_ignore_ascii_case("localhost") && host.contains('.')
}
