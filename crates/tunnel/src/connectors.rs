//! The gate's side of connectors: which are there, and how a question goes over one of them.

use std::fmt;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http::uri::PathAndQuery;
use http::{Request, Response, Uri};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper::rt::{Read, Write};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::door::End;
use crate::flow::{self, FlowAnswer, FlowCall, FlowError};
use crate::transport::{LinkLimits, Neighbour};

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// How a connector says that the answer is its own and not a model server's.
pub(crate) const NOT_ANSWERED: HeaderName = HeaderName::from_static("x-schleuse-not-answered");
/// The one such answer after which the question may be put elsewhere.
pub(crate) const UNSENT: &str = "unsent";
/// The server was asked and did not answer in time.
pub(crate) const TIMED_OUT: &str = "timed-out";

/// For a document of an identity provider: its discovery document may have to be read before it.
const FETCH_TIMEOUT: Duration = Duration::from_secs(12);

/// The connectors that have dialled in. Cheap to share.
#[derive(Default)]
pub struct Connectors {
    links: Mutex<Vec<Arc<Link>>>,
    made: AtomicU64,
}

struct Link {
    number: u64,
    name: String,
    address: IpAddr,
    sender: SendRequest<Full<Bytes>>,
    in_flight: Arc<AtomicUsize>,
}

/// One connection of a connector, for the pages of the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkStatus {
    pub name: String,
    pub address: IpAddr,
    /// Questions whose answer is not complete.
    pub in_flight: usize,
}

impl Connectors {
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// All connections, oldest first.
    pub fn status(&self) -> Vec<LinkStatus> {
        let status = |link: &Arc<Link>| LinkStatus {
            name: link.name.clone(),
            address: link.address,
            in_flight: link.in_flight.load(SeqCst),
        };
        self.links().iter().map(status).collect()
    }

    /// Puts a request to the least busy connector called `name`. Of the request travel method, path, body and the headers
    /// `accept`, `content-type` and `x-request-id`. Dropping the future or the answer's body resets the stream, which ends
    /// the question at the model.
    ///
    /// # Errors
    /// [`CarryError::Unsent`] when no model server can have seen the question.
    pub async fn send(
        &self,
        name: &str,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Carried>, CarryError> {
        let mut request = renewed(request)?;
        loop {
            let link = self.least_busy(name).ok_or(CarryError::Unsent { reason: "not linked".to_owned() })?;
            let in_flight = InFlight::new(&link.in_flight);
            match link.sender.clone().try_send_request(request).await {
                Ok(response) => {
                    let (head, body) = response.into_parts();
                    if let Some(reason) =
                        head.headers.get(NOT_ANSWERED).map(|value| value.to_str().unwrap_or_default())
                    {
                        return Err(match reason {
                            UNSENT => {
                                CarryError::Unsent { reason: "its model server cannot be reached".to_owned() }
                            }
                            TIMED_OUT => CarryError::TimedOut,
                            reason => CarryError::Sent { reason: reason.to_owned() },
                        });
                    }
                    return Ok(Response::from_parts(head, Carried { body, _in_flight: in_flight }));
                }
                Err(mut error) => {
                    let unsent = error.take_message();
                    // It is closing, or gone: each round is one connection less.
                    self.remove(link.number);
                    match unsent {
                        Some(unsent) => request = unsent,
                        None => return Err(CarryError::Sent { reason: describe(&error.into_error()) }),
                    }
                }
            }
        }
    }

    /// Fetches a document of an identity provider over the flow of that name. The connector decides whether `call` is one
    /// of the addresses that the flow is for.
    pub async fn fetch(
        &self,
        connector: &str,
        issuer: &str,
        call: &FlowCall,
    ) -> Result<FlowAnswer, FlowError> {
        let mut request = Request::new(Full::new(Bytes::from(flow::write(call))));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = flow::path(issuer).ok_or(FlowError::NotNamed)?;
        let fetched = async {
            let response = self.send(connector, request).await.map_err(|error| match error {
                CarryError::Unsent { reason } => FlowError::NotLinked { reason },
                CarryError::TimedOut => FlowError::TimedOut,
                CarryError::Sent { reason } => FlowError::from_line(&reason),
            })?;
            let body = Limited::new(response.into_body(), flow::ANSWER_BYTES_MAX).collect().await;
            let body = body.map_err(|error| FlowError::Failed { reason: error.to_string() })?;
            Ok(FlowAnswer { body: body.to_bytes() })
        };
        timeout(FETCH_TIMEOUT, fetched).await.unwrap_or(Err(FlowError::TimedOut))
    }

    /// Holds one connector's connection until it ends, or until `end`; then nothing new is asked over it. `None` when it
    /// ended by itself.
    pub(crate) async fn keep(
        self: Arc<Self>,
        io: impl Read + Write + Send + Unpin + 'static,
        neighbour: Neighbour,
        limits: &LinkLimits,
        (tasks, cut): (&TaskTracker, &CancellationToken),
        end: impl Future<Output = End>,
    ) -> Result<Option<End>, String> {
        let (sender, connection) =
            limits.client(tasks, cut).handshake(io).await.map_err(|error| error.to_string())?;
        let number = self.made.fetch_add(1, SeqCst);
        let link = Arc::new(Link {
            number,
            name: neighbour.party.name().to_owned(),
            address: neighbour.address,
            sender,
            in_flight: Arc::default(),
        });
        tracing::info!(connector = link.name, address = %link.address, "a connector is linked");
        self.links().push(link);
        let end = tokio::select! {
            ended = connection => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "the link of a connector broke");
                }
                None
            }
            // What runs goes on: it is driven by its own task, under `tasks`, until `cut`.
            end = end => Some(end),
        };
        self.remove(number);
        tracing::info!(connector = neighbour.party.name(), "a connector's link ended");
        Ok(end)
    }

    fn least_busy(&self, name: &str) -> Option<Arc<Link>> {
        let links = self.links();
        let open = links.iter().filter(|link| link.name == name && !link.sender.is_closed());
        open.min_by_key(|link| link.in_flight.load(SeqCst)).cloned()
    }

    fn remove(&self, number: u64) {
        self.links().retain(|link| link.number != number);
    }

    fn links(&self) -> MutexGuard<'_, Vec<Arc<Link>>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Connectors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.status()).finish()
    }
}

/// Only what may travel.
fn renewed(request: Request<Full<Bytes>>) -> Result<Request<Full<Bytes>>, CarryError> {
    let unsendable = || CarryError::Sent { reason: "the question has no path".to_owned() };
    let (head, body) = request.into_parts();
    let path: PathAndQuery = head.uri.path().parse().map_err(|_| unsendable())?;
    let uri = Uri::builder().scheme("https").authority("connector").path_and_query(path).build();
    let mut fresh = Request::new(body);
    *fresh.method_mut() = head.method;
    *fresh.uri_mut() = uri.map_err(|_| unsendable())?;
    for name in [ACCEPT, CONTENT_TYPE, REQUEST_ID] {
        if let Some(value) = head.headers.get(&name) {
            fresh.headers_mut().insert(name, value.clone());
        }
    }
    Ok(fresh)
}

/// The headers of a model server's answer that travel back.
pub(crate) fn answer_headers(
    headers: &mut http::HeaderMap,
    is_event_stream: bool,
    retry_after_s: Option<u32>,
) {
    let kind = if is_event_stream { "text/event-stream" } else { "application/json" };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Some(seconds) = retry_after_s {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
}

/// One question under way; counted until it is dropped.
struct InFlight(Arc<AtomicUsize>);

impl InFlight {
    fn new(counter: &Arc<AtomicUsize>) -> Self {
        counter.fetch_add(1, SeqCst);
        Self(Arc::clone(counter))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

/// The body of an answer that came over a link. A body that breaks off is an error, never an end.
pub struct Carried {
    body: Incoming,
    _in_flight: InFlight,
}

impl Body for Carried {
    type Data = Bytes;
    type Error = CarryError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CarryError>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        frame.map(|frame| {
            frame.map(|frame| frame.map_err(|error| CarryError::Sent { reason: describe(&error) }))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// hyper's words and their cause; they never quote a body.
fn describe(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CarryError {
    /// No model server can have seen the question: it may be put elsewhere.
    Unsent {
        reason: String,
    },
    /// The server did not answer in the time that its connector gives it.
    TimedOut,
    Sent {
        reason: String,
    },
}

impl fmt::Display for CarryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => f.write_str("no answer in time"),
            Self::Unsent { reason } | Self::Sent { reason } => f.write_str(reason),
        }
    }
}

impl std::error::Error for CarryError {}
