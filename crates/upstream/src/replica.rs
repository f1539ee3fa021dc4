//! One model server: its connections, its health, and how a question is put to it.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HOST, HeaderMap, RETRY_AFTER, USER_AGENT,
};
use http::{HeaderName, HeaderValue, Method, Request, Response};
use http_body_util::Full;
use schleuse_types::{Clock, Label, Tenant, Zone};
use tokio::time::{timeout, timeout_at};

use crate::answer::{Answer, AskError, Question, after};
use crate::catalogue::{self, CATALOGUE_BYTES_MAX, Model};
use crate::choice::Reason;
use crate::conduct::Fault;
use crate::config::{UpstreamConfig, Weights};
use crate::connection::{Connection, IdleConnections, Means, SendError};
use crate::gauges::{self, METRICS_BYTES_MAX};
use crate::standing::{Standing, Ticket};
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
    catalogue: Mutex<Catalogue>,
    standing: Mutex<Standing>,
    weights: Mutex<Weights>,
    /// How often it was away and back: it may have come back with other weights.
    returns: AtomicU64,
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
    /// Those that it is there for; empty: everybody.
    pub tenants: Vec<Tenant>,
    pub region: Option<String>,
    /// Whether anything may go there now: an external upstream needs an agreement that holds.
    pub open: bool,
    /// Whether it is asked in its turn. An upstream that is not is still asked when it is the last of its route.
    pub healthy: bool,
    /// Why it is not healthy.
    pub reason: Option<String>,
    /// Questions that wait for an answer or for the rest of one.
    pub outstanding: usize,
    /// Whether it gets no new questions because somebody wants it so; those under way go on.
    pub draining: bool,
    /// Questions in the server's own queue and the share of its key-value cache in use, in per cent, when its metrics say
    /// so and are not old.
    pub waiting: Option<u32>,
    pub kv_usage_percent: Option<u8>,
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
    /// Questions that came here because …
    pub picks: Picks,
    /// LLM tokens of the prompts that were sent, estimated from their length.
    pub prompt_tokens: u64,
    /// Those among them that the server was expected to remember.
    pub prompt_tokens_remembered: u64,
}

/// Why questions came to an upstream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Picks {
    /// There was no other.
    pub only: u64,
    /// It remembers most of the prompt.
    pub prefix: u64,
    /// It had the least to do.
    pub load: u64,
    /// One that remembers more was too busy.
    pub relief: u64,
    /// None was well.
    pub last_resort: u64,
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
    picks_only: AtomicU64,
    picks_prefix: AtomicU64,
    picks_load: AtomicU64,
    picks_relief: AtomicU64,
    picks_last_resort: AtomicU64,
    prompt_tokens: AtomicU64,
    prompt_tokens_remembered: AtomicU64,
}

/// One question under way; counted until it is dropped.
pub(crate) struct Outstanding {
    replica: Arc<Replica>,
    ticket: Option<Ticket>,
}

impl Outstanding {
    /// The first byte of the answer is there.
    pub(crate) fn begin(&mut self, is_good_stream: bool) {
        if let Some(ticket) = &mut self.ticket {
            let now = self.replica.clock.monotonic();
            self.replica.standing().begin(now, ticket, is_good_stream);
        }
    }
}

impl Drop for Outstanding {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.replica.standing().end(ticket);
        }
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
        let adapters = config.adapters.iter().map(|adapter| Model::named(&adapter.id()));
        let models = match &config.models {
            Some(models) => models.iter().map(|id| Model::named(id)).chain(adapters).collect(),
            None => Arc::default(),
        };
        Self {
            weights: Mutex::new(config.weights.clone()),
            returns: AtomicU64::new(0),
            config,
            counters: AtomicCounters::default(),
            target,
            means,
            authorization,
            idle: IdleConnections::default(),
            catalogue: Mutex::new(Catalogue { models, error: None }),
            standing: Mutex::default(),
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

    /// Whether it is there for this tenant.
    pub(crate) fn is_for(&self, tenant: &Tenant) -> bool {
        self.config.tenants.is_empty() || self.config.tenants.contains(tenant)
    }

    /// What tells its weights for this model from others; `None` while that is not known.
    pub(crate) fn weights(&self, model: &str) -> Option<String> {
        match &*self.weights.lock().unwrap_or_else(PoisonError::into_inner) {
            Weights::Pending => None,
            Weights::Digest(digest) => Some(format!("digest {digest}")),
            Weights::Reported => {
                let models = self.models();
                let said = models.iter().find(|own| own.id == model).map_or("", |own| &own.weights);
                Some(format!("reported {} {} {said}", self.name(), self.returns.load(Relaxed)))
            }
        }
    }

    pub(crate) fn set_weights(&self, weights: Weights) {
        *self.weights.lock().unwrap_or_else(PoisonError::into_inner) = weights;
    }

    pub(crate) fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a question that was placed here until what is returned is dropped.
    pub(crate) fn take(self: &Arc<Self>, ticket: Ticket, reason: Reason) -> Outstanding {
        let counters = &self.counters;
        let pick = match reason {
            Reason::Only => &counters.picks_only,
            Reason::Prefix => &counters.picks_prefix,
            Reason::Load => &counters.picks_load,
            Reason::Relief => &counters.picks_relief,
            Reason::LastResort => &counters.picks_last_resort,
        };
        pick.fetch_add(1, Relaxed);
        counters.prompt_tokens.fetch_add(ticket.tokens, Relaxed);
        counters.prompt_tokens_remembered.fetch_add(ticket.known_tokens, Relaxed);
        Outstanding { replica: Arc::clone(self), ticket: Some(ticket) }
    }

    pub(crate) fn status(&self) -> Status {
        let now = self.clock.monotonic();
        let standing = self.standing();
        let reason = standing.complaint(now);
        let gauges = standing.gauges(now).unwrap_or_default();
        let (questions, draining) = (standing.questions(), standing.is_draining);
        drop(standing);
        Status {
            name: self.config.name.clone(),
            url: self.config.url.clone(),
            zone: self.config.zone,
            max_label: self.config.max_label.clone(),
            tenants: self.config.tenants.clone(),
            region: self.config.region.clone(),
            open: self.is_open(),
            healthy: reason.is_none(),
            reason,
            outstanding: usize::try_from(questions).unwrap_or(usize::MAX),
            draining,
            waiting: gauges.waiting,
            kv_usage_percent: gauges.kv_usage.map(|usage| (usage * 100.0).round() as u8),
            models: self.models().iter().map(|model| model.id.clone()).collect(),
            models_error: self.catalogue().error.clone(),
            counters: self.counters.read(),
        }
    }

    /// Puts the question to this server, over a connection that waits or over a new one.
    pub(crate) async fn ask(
        self: &Arc<Self>,
        question: &Question,
        outstanding: Outstanding,
    ) -> Result<Answer, Failure> {
        let request_id = HeaderValue::from_str(&question.request_id)
            .ok()
            .filter(|id| (1..=128).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic))
            .ok_or(Failure::Sent(AskError::Unsendable { reason: "request_id is not a header value" }))?;
        let content_type = HeaderValue::from_str(&question.content_type).map_err(|_| {
            Failure::Sent(AskError::Unsendable { reason: "content_type is not a header value" })
        })?;
        self.counters.questions.fetch_add(1, Relaxed);

        let accept = if question.stream { "text/event-stream" } else { "application/json" };
        let request = || {
            let mut request = self.request(Method::POST, question.path, accept, question.body.clone())?;
            request.headers_mut().insert(CONTENT_TYPE, content_type.clone());
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

    /// It stands out beside its siblings and was set aside.
    pub(crate) fn report(&self, fault: Fault) {
        self.counters.ejections.fetch_add(1, Relaxed);
        tracing::warn!(upstream = self.name(), reason = %fault, "a model server is set aside");
    }

    /// Asks whether the server is well, when the configuration does not say, what it serves, and when it has siblings,
    /// how busy it is.
    pub(crate) async fn probe(self: Arc<Self>, has_siblings: bool) {
        self.idle.close_old(self.clock.monotonic());
        if !self.is_open() {
            return;
        }
        match self.fetch("/health", CATALOGUE_BYTES_MAX).await {
            // Servers without this path say 404, and with a wrong key 401: both are well.
            Ok((status, _)) if status < 500 => {
                let mut standing = self.standing();
                if standing.health.succeed_probe() {
                    standing.come_back(self.clock.monotonic());
                    self.returns.fetch_add(1, Relaxed);
                    tracing::info!(upstream = self.name(), "a model server is well again");
                }
            }
            Ok((status, _)) => return self.complain(format!("/health answered {status}")),
            Err(reason) => return self.complain(reason),
        }
        if has_siblings && self.has_metrics() {
            let gauges = match self.fetch("/metrics", METRICS_BYTES_MAX).await {
                Ok((200, page)) => gauges::parse(&page),
                _ => None,
            };
            self.standing().measure(self.clock.monotonic(), gauges);
        }
        if self.config.models.is_some() {
            return;
        }
        let models = match self.fetch("/v1/models", CATALOGUE_BYTES_MAX).await {
            Ok((200, body)) => catalogue::parse(&body, self.clock.now().seconds()).map_err(str::to_owned),
            Ok((status, _)) => Err(format!("/v1/models answered {status}")),
            Err(reason) => Err(reason),
        };
        let mut catalogue = self.catalogue();
        match models {
            Ok(models) => {
                let models = catalogue::with_adapters(models, &self.config.adapters);
                *catalogue = Catalogue { models: models.into(), error: None };
            }
            Err(reason) => {
                if catalogue.error.is_none() {
                    tracing::warn!(upstream = self.name(), reason, "the list of models cannot be read");
                }
                catalogue.error = Some(reason);
            }
        }
    }

    fn complain(&self, reason: String) {
        if self.standing().health.fail_probe(reason.clone()) {
            tracing::warn!(upstream = self.name(), reason, "a model server is not well");
        }
    }

    /// Whether anything may go there now.
    pub(crate) fn is_open(&self) -> bool {
        self.config.is_open(&*self.clock)
    }

    /// Connectors carry no such page, and nobody outside the house shows one.
    fn has_metrics(&self) -> bool {
        !matches!(self.target.dial, Dial::Connector { .. }) && self.config.zone != Zone::External
    }

    /// At most `bytes_max` bytes, over a new connection, because whether one can be had is half of what a probe is to find out.
    async fn fetch(&self, path: &'static str, bytes_max: usize) -> Result<(u16, Bytes), String> {
        let attempt = async {
            let mut connection = Connection::open(&self.target.dial, &self.means).await?;
            let accept = if path == "/metrics" { "text/plain" } else { "application/json" };
            let request = self.request(Method::GET, path, accept, Bytes::new());
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
                if whole.len() > bytes_max {
                    return Err(format!("{path} answered more than {bytes_max} bytes"));
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
            .uri(self.target.path(&self.config.provider.path(path)))
            .body(Full::new(body))
            .map_err(|_| AskError::Unsendable { reason: "its path is not one" })?;
        let headers = request.headers_mut();
        headers.insert(HOST, self.target.host.clone());
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.insert(USER_AGENT, HeaderValue::from_static("schleuse"));
        if let Some((name, value)) = self.config.provider.version() {
            headers.insert(name, value);
        }
        if let Some(authorization) = &self.authorization {
            headers.insert(self.config.provider.credential_header(), authorization.clone());
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
                self.note_answer(false);
            }
            400..=499 => {
                self.counters.answers_4xx.fetch_add(1, Relaxed);
                // A server that turns questions away has little to do, and would be sent still more.
                self.note_answer(status == 429);
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

    /// The server answered; `turned_away` counts beside its siblings only.
    fn note_answer(&self, turned_away: bool) {
        let mut standing = self.standing();
        standing.health.succeed();
        standing.conduct.note(self.clock.monotonic(), turned_away);
    }

    fn eject(&self, reason: String, connection_lost: bool) {
        let now = self.clock.monotonic();
        let mut standing = self.standing();
        standing.conduct.note(now, true);
        if standing.health.fail(now, reason.clone(), connection_lost) {
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
            picks: Picks {
                only: self.picks_only.load(Relaxed),
                prefix: self.picks_prefix.load(Relaxed),
                load: self.picks_load.load(Relaxed),
                relief: self.picks_relief.load(Relaxed),
                last_resort: self.picks_last_resort.load(Relaxed),
            },
            prompt_tokens: self.prompt_tokens.load(Relaxed),
            prompt_tokens_remembered: self.prompt_tokens_remembered.load(Relaxed),
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
