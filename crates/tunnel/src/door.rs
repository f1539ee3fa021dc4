//! The gate's doors: listeners that edges and connectors dial.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls::server::Acceptor;
use schleuse_types::{Clock, Language, Random, RequestId};
use schleuse_wire::{Exchange, Reply, ReplyBody, invalid_request, render_refusal};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::arrival::{self, Malformed};
use crate::authority::Authority;
use crate::connectors::Connectors;
use crate::credentials::Credentials;
use crate::enrolment::Throttle;
use crate::party::{Leaf, PartyRole};
use crate::renewal;
use crate::reply;
use crate::tls::{self, Purpose};
use crate::transport::{LinkLimits, Neighbour, leaf_of};

/// The gate's ends of its links, as the configuration names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateLinks {
    /// Where edges dial; `None` when every edge is in this process.
    pub listen_edge: Option<SocketAddr>,
    /// Where connectors dial; `None` when there are none.
    pub listen_connector: Option<SocketAddr>,
    /// Folder of the house's authority.
    pub authority: PathBuf,
    /// This gate's name among the processes of its house.
    pub name: String,
    /// Host names and addresses under which edges and connectors dial this gate; its certificate holds exactly these.
    pub host_names: Vec<String>,
}

/// Whom a door is for.
#[derive(Clone)]
pub enum DoorService {
    /// Edges: each request is an arrival for this exchange.
    Exchange(Arc<dyn Exchange>),
    /// Connectors: each connection is one more that can be asked.
    Connectors(Arc<Connectors>),
}

impl DoorService {
    fn role(&self) -> PartyRole {
        match self {
            Self::Exchange(_) => PartyRole::Edge,
            Self::Connectors(_) => PartyRole::Connector,
        }
    }

    fn purpose(&self) -> Purpose {
        match self {
            Self::Exchange(_) => Purpose::Exchange,
            Self::Connectors(_) => Purpose::Connect,
        }
    }
}

/// One listener of the gate. Whoever has no certificate of this house's authority in the role that the door is for can
/// do one thing here: enrol, with a token.
pub struct Door {
    pub listener: TcpListener,
    pub service: DoorService,
    pub authority: Arc<Authority>,
    pub credentials: Arc<Credentials>,
    pub limits: LinkLimits,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
}

impl Door {
    /// Serves until `stop`, then lets what runs come to its end, and cuts it off on `cut`. Returns when all is gone.
    ///
    /// # Errors
    /// At once, when the gate's own certificate cannot be used.
    pub async fn run(self, stop: CancellationToken, cut: CancellationToken) -> Result<(), DoorError> {
        let config = |purpose| tls::server(&self.credentials, purpose).map(Arc::new).map_err(DoorError);
        let shared = Arc::new(Shared {
            service_tls: config(self.service.purpose())?,
            enrol_tls: config(Purpose::Enrol)?,
            renew_tls: config(Purpose::Renew)?,
            service: self.service,
            authority: self.authority,
            limits: self.limits,
            clock: self.clock,
            random: self.random,
            throttle: Throttle::default(),
            strangers: Strangers::default(),
            tasks: TaskTracker::new(),
            stop: stop.clone(),
            cut,
        });
        let places = Arc::new(Semaphore::new(shared.limits.connections_max));
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                accepted = self.listener.accept() => accepted,
            };
            let (stream, address) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a link");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                tracing::warn!(max = shared.limits.connections_max, "too many links, one was closed");
                continue;
            };
            let door = Arc::clone(&shared);
            shared.tasks.spawn(async move {
                if let Err(reason) = door.welcome(stream, address.ip()).await {
                    tracing::warn!(address = %address.ip(), reason, "a link was refused");
                }
                drop(place);
            });
        }
        drop(self.listener);
        shared.tasks.close();
        shared.tasks.wait().await;
        Ok(())
    }
}

/// What every connection of a door needs.
struct Shared {
    service_tls: Arc<ServerConfig>,
    enrol_tls: Arc<ServerConfig>,
    renew_tls: Arc<ServerConfig>,
    service: DoorService,
    authority: Arc<Authority>,
    limits: LinkLimits,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    throttle: Throttle,
    strangers: Strangers,
    tasks: TaskTracker,
    stop: CancellationToken,
    cut: CancellationToken,
}

impl Shared {
    /// Finds out what a connection is for and whose it is, and only then serves it. The error is for the log.
    async fn welcome(self: Arc<Self>, stream: TcpStream, address: IpAddr) -> Result<(), String> {
        let _ = stream.set_nodelay(true);
        let stranger = self.strangers.enter(address).ok_or("too many that did not say who they are")?;
        let handshake = timeout(self.limits.handshake_timeout, self.shake_hands(stream));
        let (purpose, stream) = handshake.await.map_err(|_elapsed| "no handshake in time".to_owned())??;
        if purpose == Purpose::Enrol {
            return self.enrol(stream, address).await;
        }
        drop(stranger);
        let leaf =
            leaf_of(stream.get_ref().1.peer_certificates()).ok_or("the certificate names no process")?;
        if leaf.party.role() != self.service.role() || leaf.party.house() != self.authority.house() {
            return Err(format!("`{}` has no business at this door", leaf.party));
        }
        if self.authority.is_barred(&leaf.party) {
            return Err(format!("`{}` is barred", leaf.party));
        }
        let neighbour = Neighbour { party: leaf.party.clone(), address };
        match (purpose, self.service.clone()) {
            (Purpose::Renew, _) => self.renew(stream, &neighbour).await,
            (_, DoorService::Exchange(exchange)) => {
                self.serve_edge(stream, exchange, &neighbour, leaf).await;
                Ok(())
            }
            (_, DoorService::Connectors(connectors)) => {
                let cut = self.cut.child_token();
                let tasks = (&self.tasks, &cut);
                let end = self.end_of(&leaf);
                let ended =
                    connectors.keep(TokioIo::new(stream), neighbour, &self.limits, tasks, end).await?;
                match ended {
                    // What runs ends by itself or with the house; its tasks are waited for.
                    None | Some(End::Stopped) => {}
                    Some(end) => self.cut_after(end, &cut).await,
                }
                Ok(())
            }
        }
    }

    async fn shake_hands(&self, stream: TcpStream) -> Result<(Purpose, TlsStream<TcpStream>), String> {
        let failed = |error: std::io::Error| format!("TLS: {error}");
        let begun = LazyConfigAcceptor::new(Acceptor::default(), stream).await.map_err(failed)?;
        let hello = begun.client_hello();
        let purpose = hello.alpn().and_then(Purpose::of_hello);
        // Without a purpose of ours the service's own configuration refuses the handshake for its ALPN.
        let (purpose, config) = match purpose {
            Some(Purpose::Enrol) => (Purpose::Enrol, &self.enrol_tls),
            Some(Purpose::Renew) => (Purpose::Renew, &self.renew_tls),
            _ => (self.service.purpose(), &self.service_tls),
        };
        let stream = begun.into_stream(Arc::clone(config)).await.map_err(failed)?;
        // Nobody is served who did not say what for: rustls accepts a client that offers no ALPN at all.
        match stream.get_ref().1.alpn_protocol() {
            Some(agreed) if agreed == purpose.alpn() => Ok((purpose, stream)),
            _ => Err("the connection says not what it is for".to_owned()),
        }
    }

    async fn serve_edge(
        &self,
        stream: TlsStream<TcpStream>,
        exchange: Arc<dyn Exchange>,
        edge: &Neighbour,
        leaf: Leaf,
    ) {
        tracing::info!(edge = edge.party.name(), address = %edge.address, "an edge is linked");
        let (address, pace) = (edge.address, self.limits.pace());
        let (clock, random) = (Arc::clone(&self.clock), Arc::clone(&self.random));
        let departures = Arc::new(Departures::default());
        let service = service_fn(move |request: Request<Incoming>| {
            let (exchange, departures) = (Arc::clone(&exchange), Arc::clone(&departures));
            let (clock, random) = (Arc::clone(&clock), Arc::clone(&random));
            async move {
                let waiting = Waiting { departures: &departures, clock: &*clock };
                if departures.are_many(clock.monotonic()) {
                    tokio::time::sleep(HESITATION).await;
                }
                let reply = match arrival::from_http(request, address, pace) {
                    Ok(arrival) => exchange.exchange(arrival).await,
                    Err(malformed) => refuse(malformed, &*clock, &*random),
                };
                waiting.end();
                Ok::<Response<ReplyBody>, Infallible>(reply::to_http(reply))
            }
        });
        let cut = self.cut.child_token();
        let mut connection =
            pin!(self.limits.server(&self.tasks, &cut).serve_connection(TokioIo::new(stream), service));
        let end = tokio::select! {
            ended = connection.as_mut() => return log_end(ended),
            end = self.end_of(&leaf) => end,
        };
        connection.as_mut().graceful_shutdown();
        tokio::select! {
            ended = connection => log_end(ended),
            () = self.cut_after(end, &cut) => {}
        }
    }

    /// Gives what runs on a connection the time that the reason of its end leaves it, and cuts it off.
    async fn cut_after(&self, end: End, cut: &CancellationToken) {
        match end {
            End::Stopped => self.cut.cancelled().await,
            End::Expired => {
                tokio::select! {
                    () = self.cut.cancelled() => {}
                    () = tokio::time::sleep(AFTER_EXPIRY) => {}
                }
            }
            End::Barred => {}
        }
        cut.cancel();
    }

    /// Ready when the house stops, when the certificate under which a connection began is no longer valid, or when its
    /// holder was barred.
    fn end_of(&self, leaf: &Leaf) -> impl Future<Output = End> + Send + use<> {
        let (stop, clock, authority) =
            (self.stop.clone(), Arc::clone(&self.clock), Arc::clone(&self.authority));
        let leaf = leaf.clone();
        async move {
            // Looks at the clock instead of sleeping until then: wall clocks are set.
            loop {
                if authority.is_barred(&leaf.party) {
                    return End::Barred;
                }
                if leaf.expires <= clock.now() {
                    return End::Expired;
                }
                tokio::select! {
                    () = stop.cancelled() => return End::Stopped,
                    () = tokio::time::sleep(LOOK_INTERVAL) => {}
                }
            }
        }
    }

    async fn enrol(&self, stream: TlsStream<TcpStream>, address: IpAddr) -> Result<(), String> {
        let now = self.clock.monotonic();
        if !self.throttle.permits(address, now) {
            return Err("too many attempts to enrol".to_owned());
        }
        let work = renewal::serve_enrolment(
            stream,
            &self.authority,
            self.service.role(),
            (&*self.clock, Arc::clone(&self.random)),
            &self.limits,
        );
        match timeout(self.limits.handshake_timeout, work).await {
            Ok(Ok(party)) => {
                tracing::info!(%party, %address, "a process has enrolled");
                Ok(())
            }
            Ok(Err(reason)) => {
                self.throttle.blame(address, now);
                Err(reason)
            }
            Err(_elapsed) => {
                self.throttle.blame(address, now);
                Err("no enrolment in time".to_owned())
            }
        }
    }

    async fn renew(&self, stream: TlsStream<TcpStream>, neighbour: &Neighbour) -> Result<(), String> {
        let work = renewal::serve_renewal(
            stream,
            &self.authority,
            &neighbour.party,
            (&*self.clock, Arc::clone(&self.random)),
            &self.limits,
        );
        timeout(self.limits.handshake_timeout, work)
            .await
            .map_err(|_elapsed| "no renewal in time".to_owned())?
    }
}

/// Connections that have not shown a certificate yet, by address: whoever opens many of them keeps nobody else out.
#[derive(Clone, Default)]
struct Strangers(Arc<Mutex<HashMap<IpAddr, u32>>>);

const STRANGERS_MAX: u32 = 16;

impl Strangers {
    /// `None` when there are enough from this address. Counted until the guard is dropped.
    fn enter(&self, address: IpAddr) -> Option<Stranger> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_default();
        if *count >= STRANGERS_MAX {
            return None;
        }
        *count += 1;
        Some(Stranger { all: self.clone(), address })
    }
}

struct Stranger {
    all: Strangers,
    address: IpAddr,
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let mut counts = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

/// Visitors of one connection who left before their answer began. A stream that is opened and reset at once costs its
/// sender nothing and the house an arrival; from a certain number on, arrivals wait a moment before they count, so that
/// those of them that are reset cost nothing (CVE-2023-44487). The connection stays: it may be a visitor who does this,
/// and the edge is not to be punished for them.
#[derive(Default)]
struct Departures(Mutex<(Duration, u32)>);

const DEPARTURES_MAX: u32 = 500;
const DEPARTURES_WINDOW: Duration = Duration::from_secs(10);
const HESITATION: Duration = Duration::from_millis(20);

impl Departures {
    /// `now` is monotonic.
    fn add(&self, now: Duration) {
        let mut tally = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, count) = &mut *tally;
        if now.saturating_sub(*since) >= DEPARTURES_WINDOW {
            (*since, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        if *count == DEPARTURES_MAX {
            tracing::warn!(
                "visitors of an edge leave in numbers before their answers; arrivals now wait a little"
            );
        }
    }

    fn are_many(&self, now: Duration) -> bool {
        let (since, count) = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        count >= DEPARTURES_MAX && now.saturating_sub(since) < DEPARTURES_WINDOW
    }
}

/// Somebody who waits for an answer.
struct Waiting<'a> {
    departures: &'a Departures,
    clock: &'a dyn Clock,
}

impl Waiting<'_> {
    fn end(self) {
        std::mem::forget(self);
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.departures.add(self.clock.monotonic());
    }
}

/// How long streams may run on after the certificate of their connection ended.
const AFTER_EXPIRY: Duration = Duration::from_secs(30);
/// How often a connection's right to be is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// Why nothing new may begin on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// What runs may end in peace.
    Stopped,
    /// What runs has [`AFTER_EXPIRY`].
    Expired,
    /// What runs is cut off.
    Barred,
}

fn log_end(ended: Result<(), hyper::Error>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "a link ended early");
    }
}

/// What an edge gets for a request that no edge of ours would send.
fn refuse(malformed: Malformed, clock: &dyn Clock, random: &dyn Random) -> Reply {
    tracing::warn!(field = malformed.0, "an edge sent a malformed arrival");
    let refusal = invalid_request(
        "The request did not come as it should.",
        "Die Anfrage kam nicht an, wie sie sollte.",
        "malformed arrival",
        Some(malformed.0),
    );
    let id = RequestId::new(clock, random).map(|id| id.to_string()).unwrap_or_default();
    Reply {
        status: refusal.code.status(),
        headers: vec![
            ("x-schleuse-request-id", id.clone()),
            ("x-schleuse-action", refusal.code.outcome().to_string()),
        ],
        body: ReplyBody::Whole(Bytes::from(render_refusal(&refusal, &id, Language::English))),
    }
}

/// Why a door cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoorError(pub String);

impl fmt::Display for DoorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the gate's certificate cannot be used: {}", self.0)
    }
}

impl std::error::Error for DoorError {}
