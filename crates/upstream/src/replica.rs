//! One model server: its connections, its health, and how a question is put to it.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HOST, HeaderMap, RETRY_AFTER,
    USER_AGENT,
};
use http::{HeaderName, HeaderValue, Method, Request, Response};
use http_body_util::Full;
use schleuse_types::{Clock, Label, Zone};
use tokio::time::{timeout, timeout_at};

use crate::answer::{Answer, AskError, Question, after};
use crate::catalogue::{self, CATALOGUE_BYTES_MAX, Model};
use crate::config::UpstreamConfig;
use crate::connection::{Connection, IdleConnections, Means, SendError};
use crate::health::Health;
use crate::target::{Dial, Target};

/// For one probe, connecting included.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

pub(crate) struct Replica {
    pub(crate) config: UpstreamConfig,
    pub(crate) counters: AtomicCounters,
    target: Target,
    means: Means,
    authorization: Option<HeaderValue>,
    idle: IdleConnections,
    health: Health,
    catalogue: Mutex<Catalogue>,
    outstanding: Arc<AtomicUsize>,
    clock: Arc<dyn Clock>,
}

struct Catalogue {
    models: Arc<[Model]>,
    /// Why the server's list could not be read the last time.
    error: Option<String>,
}

/// One upstream at this moment, for the admin listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    pub name: String,
    /// As configured; holds no secret.
    pub url: String,
    pub zone: Zone,
    pub max_label: Label,
    pub region: Option<String>,
    /// Whether it is asked in its turn. An upstream that is not is still asked when it is the last of its route.
    pub healthy: bool,
    /// Why it is not healthy.
    pub reason: Option<String>,
    /// Questions that wait for an answer or for the rest of one.
    pub outstanding: usize,
    pub models: Vec<String>,
    /// Why its list of models could not be read the last time; `models` then holds an older list. Not a matter of
    /// health.
    pub models_error: Option<String>,
    pub counters: Counters,
}

/// Since the start. Probes do not count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Questions that were sent or tried.
    pub questions: u64,
    /// Answers by the class of their status.
    pub answers_2xx: u64,
    pub answers_4xx: u64,
    pub answers_5xx: u64,
    /// No connection was to be had.
    pub connect_failures: u64,
    pub timeouts: u64,
    /// Answers that broke the protocol or off.
    pub broken: u64,
    /// Questions that another replica was asked after this one could not be reached.
    pub retries: u64,
    /// Times that this upstream was put behind the others.
    pub ejections: u64,
    /// Answers that were dropped before their end.
    pub cancelled: u64,
}

#[derive(Default)]
pub(crate) struct AtomicCounters {
    questions: AtomicU64,
    answers_2xx: AtomicU64,
    answers_4xx: AtomicU64,
    answers_5xx: AtomicU64,
    connect_failures: AtomicU64,
    timeouts: AtomicU64,
    broken: AtomicU64,
    pub(crate) retries: AtomicU64,
    ejections: AtomicU64,
    pub(crate) cancelled: AtomicU64,
}

/// One question under way; counted until it is dropped.
pub(crate) struct Outstanding(Arc<AtomicUsize>);

impl Drop for Outstanding {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

/// How an attempt ended without an answer.
pub(crate) enum Failure {
    /// Nothing was written: another replica may be asked.
    Unsent(AskError),
    Sent(AskError),
}

impl Replica {
    pub(crate) fn new(
        config: UpstreamConfig,
        target: Target,
        means: Means,
        authorization: Option<HeaderValue>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let models = config.models.iter().flatten().map(|id| Model::named(id)).collect();
        Self {
            config,
            counters: AtomicCounters::default(),
            target,
            means,
            authorization,
            idle: IdleConnections::default(),
            health: Health::default(),
            catalogue: Mutex::new(Catalogue { models, error: None }),
            outstanding: Arc::default(),
            clock,
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.config.name
    }

    pub(crate) fn models(&self) -> Arc<[Model]> {
        Arc::clone(&self.catalogue().models)
    }

    fn catalogue(&self) -> MutexGuard<'_, Catalogue> {
        self.catalogue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn serves(&self, model: &str) -> bool {
        self.models().iter().any(|own| own.id == model)
    }

    pub(crate) fn is_good(&self) -> bool {
        self.health.is_good(self.clock.monotonic())
    }

    pub(crate) fn outstanding(&self) -> usize {
        self.outstanding.load(SeqCst)
    }

    pub(crate) fn status(&self) -> Status {
        let reason = self.health.complaint(self.clock.monotonic());
        Status {
            name: self.config.name.clone(),
            url: self.config.url.clone(),
            zone: self.config.zone,
            max_label: self.config.max_label,
            region: self.config.region.clone(),
            healthy: reason.is_none(),
            reason,
            outstanding: self.outstanding(),
            models: self.models().iter().map(|model| model.id.clone()).collect(),
            models_error: self.catalogue().error.clone(),
            counters: self.counters.read(),
        }
    }

    /// Puts the question to this server, over a connection that waits or over a new one.
    pub(crate) async fn ask(self: &Arc<Self>, question: &Question) -> Result<Answer, Failure> {
        let request_id = HeaderValue::from_str(&question.request_id)
            .ok()
            .filter(|id| (1..=128).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic))
            .ok_or(Failure::Sent(AskError::Unsendable { reason: "request_id is not a header value" }))?;
        self.outstanding.fetch_add(1, SeqCst);
        let outstanding = Outstanding(Arc::clone(&self.outstanding));
        self.counters.questions.fetch_add(1, Relaxed);

        let accept = if question.stream { "text/event-stream" } else { "application/json" };
        let request = || {
            let mut request = self.request(Method::POST, question.path, accept, question.body.clone())?;
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            request.headers_mut().insert(REQUEST_ID, request_id.clone());
            Ok(request)
        };
        let first_byte_timeout = self.config.first_byte_timeout;
        let (mut connection, mut fresh) = self.connect().await?;
        let (response, first_byte_by) = loop {
            let first_byte_by = after(first_byte_timeout);
            match timeout_at(first_byte_by, connection.send(request().map_err(Failure::Sent)?)).await {
                Ok(Ok(response)) => break (response, first_byte_by),
                // The connection had closed while it waited; a new one gets the same question.
                Ok(Err(SendError::Unsent(_))) if !fresh => (connection, fresh) = self.connect().await?,
                Ok(Err(SendError::Unsent(reason))) => {
                    let error = self.unreachable(reason);
                    self.blame(&error);
                    return Err(Failure::Unsent(error));
                }
                Ok(Err(SendError::Sent(error))) => return Err(Failure::Sent(self.broken(error))),
                Ok(Err(SendError::TimedOut)) | Err(_) => {
                    let error = AskError::Timeout { replica: self.name().to_owned(), what: "first byte" };
                    self.blame(&error);
                    return Err(Failure::Sent(error));
                }
            }
        };
        let status = self.judge(&response).map_err(Failure::Sent)?;
        let (head, body) = response.into_parts();
        Ok(Answer::new(
            Arc::clone(self),
            outstanding,
            connection,
            body,
            status,
            retry_after_s(&head.headers),
            is_event_stream(&head.headers),
            first_byte_by,
        ))
    }

    /// Keeps a connection whose answer is complete, when it can be used again.
    pub(crate) async fn finish(&self, connection: Connection) {
        self.idle.give(self.clock.monotonic(), connection).await;
    }

    /// Counts a failure of this server and sets it back.
    pub(crate) fn blame(&self, error: &AskError) {
        let (counter, connection_lost) = match error {
            AskError::Connect { .. } | AskError::Timeout { what: "connection", .. } => {
                (&self.counters.connect_failures, true)
            }
            AskError::Timeout { .. } => (&self.counters.timeouts, false),
            _ => (&self.counters.broken, false),
        };
        counter.fetch_add(1, Relaxed);
        self.eject(error.to_string(), connection_lost);
    }

    /// Asks whether the server is well and, when the configuration does not say, what it serves.
    pub(crate) async fn probe(self: Arc<Self>) {
        self.idle.close_old(self.clock.monotonic());
        match self.fetch("/health").await {
            // Servers without this path say 404, and with a wrong key 401: both are well.
            Ok((status, _)) if status < 500 => {
                if self.health.succeed_probe() {
                    tracing::info!(upstream = self.name(), "a model server is well again");
                }
            }
            Ok((status, _)) => return self.complain(format!("/health answered {status}")),
            Err(reason) => return self.complain(reason),
        }
        if self.config.models.is_some() {
            return;
        }
        let models = match self.fetch("/v1/models").await {
            Ok((200, body)) => catalogue::parse(&body).map_err(str::to_owned),
            Ok((status, _)) => Err(format!("/v1/models answered {status}")),
            Err(reason) => Err(reason),
        };
        let mut catalogue = self.catalogue();
        match models {
            Ok(models) => *catalogue = Catalogue { models: models.into(), error: None },
            Err(reason) => {
                if catalogue.error.is_none() {
                    tracing::warn!(upstream = self.name(), reason, "the list of models cannot be read");
                }
                catalogue.error = Some(reason);
            }
        }
    }

    fn complain(&self, reason: String) {
        if self.health.fail_probe(reason.clone()) {
            tracing::warn!(upstream = self.name(), reason, "a model server is not well");
        }
    }

    /// Over a new connection, because whether one can be had is half of what a probe is to find out.
    async fn fetch(&self, path: &'static str) -> Result<(u16, Bytes), String> {
        let attempt = async {
            let mut connection = Connection::open(&self.target.dial, &self.means).await?;
            let request = self.request(Method::GET, path, "application/json", Bytes::new());
            let response = match connection.send(request.map_err(|error| error.to_string())?).await {
                Ok(response) => response,
                Err(SendError::Sent(reason) | SendError::Unsent(reason)) => return Err(reason),
                Err(SendError::TimedOut) => return Err(format!("no answer to {path} in time")),
            };
            let status = response.status().as_u16();
            let mut body = response.into_body();
            let mut whole = Vec::new();
            while let Some(piece) = connection.chunk(&mut body).await {
                whole.extend_from_slice(&piece?);
                if whole.len() > CATALOGUE_BYTES_MAX {
                    return Err(format!("{path} answered more than {CATALOGUE_BYTES_MAX} bytes"));
                }
            }
            Ok((status, Bytes::from(whole)))
        };
        timeout(PROBE_TIMEOUT, attempt)
            .await
            .unwrap_or_else(|_elapsed| Err(format!("no answer to {path} in time")))
    }

    /// A connection, and whether it is new.
    async fn connect(&self) -> Result<(Connection, bool), Failure> {
        if let Some(connection) = self.idle.take(self.clock.monotonic()).await {
            return Ok((connection, false));
        }
        let opened = timeout(self.config.connect_timeout, Connection::open(&self.target.dial, &self.means));
        let error = match opened.await {
            Ok(Ok(connection)) => return Ok((connection, true)),
            Ok(Err(reason)) => self.unreachable(reason),
            Err(_elapsed) => AskError::Timeout { replica: self.name().to_owned(), what: "connection" },
        };
        self.blame(&error);
        Err(Failure::Unsent(error))
    }

    /// A request with the headers that every request has, and with no others.
    fn request(
        &self,
        method: Method,
        path: &'static str,
        accept: &'static str,
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, AskError> {
        let mut request = Request::builder()
            .method(method)
            .uri(self.target.path(path))
            .body(Full::new(body))
            .map_err(|_| AskError::Unsendable { reason: "its path is not one" })?;
        let headers = request.headers_mut();
        headers.insert(HOST, self.target.host.clone());
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.insert(USER_AGENT, HeaderValue::from_static("schleuse"));
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        Ok(request)
    }

    /// Takes an answer by its status, or refuses what cannot be inspected or is no answer.
    fn judge<B>(&self, response: &Response<B>) -> Result<u16, AskError> {
        let encodings = response.headers().get_all(CONTENT_ENCODING);
        if encodings.iter().any(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity")) {
            return Err(self.broken("the answer is compressed, which was not asked for".to_owned()));
        }
        let status = response.status().as_u16();
        match status {
            200..=299 => {
                self.counters.answers_2xx.fetch_add(1, Relaxed);
                self.health.succeed();
            }
            400..=499 => {
                self.counters.answers_4xx.fetch_add(1, Relaxed);
                self.health.succeed();
            }
            500..=599 => {
                self.counters.answers_5xx.fetch_add(1, Relaxed);
                // 501 says that the question cannot be answered by any server of this kind.
                if status != 501 {
                    self.eject(format!("status {status}"), false);
                }
            }
            300..=399 => return Err(self.broken(format!("status {status}: redirects are not followed"))),
            _ => return Err(self.broken(format!("status {status} is not an answer"))),
        }
        Ok(status)
    }

    fn unreachable(&self, reason: String) -> AskError {
        AskError::Connect { replica: self.name().to_owned(), reason }
    }

    fn broken(&self, reason: String) -> AskError {
        let error = AskError::Broken { replica: self.name().to_owned(), reason };
        self.blame(&error);
        error
    }

    fn eject(&self, reason: String, connection_lost: bool) {
        if self.health.fail(self.clock.monotonic(), reason.clone(), connection_lost) {
            self.counters.ejections.fetch_add(1, Relaxed);
            tracing::warn!(upstream = self.name(), reason, "a model server is set back");
        }
    }
}

impl AtomicCounters {
    fn read(&self) -> Counters {
        Counters {
            questions: self.questions.load(Relaxed),
            answers_2xx: self.answers_2xx.load(Relaxed),
            answers_4xx: self.answers_4xx.load(Relaxed),
            answers_5xx: self.answers_5xx.load(Relaxed),
            connect_failures: self.connect_failures.load(Relaxed),
            timeouts: self.timeouts.load(Relaxed),
            broken: self.broken.load(Relaxed),
            retries: self.retries.load(Relaxed),
            ejections: self.ejections.load(Relaxed),
            cancelled: self.cancelled.load(Relaxed),
        }
    }
}

/// Whether this server's connections are encrypted, and so need authorities.
pub(crate) fn needs_tls(target: &Target) -> bool {
    matches!(target.dial, Dial::Tcp { tls: Some(_), .. })
}

fn retry_after_s(headers: &HeaderMap) -> Option<u32> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(|value| {
        let media_type = value.split(';').next().unwrap_or_default().trim();
        media_type.eq_ignore_ascii_case("text/event-stream")
    })
}
