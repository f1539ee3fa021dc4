//! The connector: dials the gate, then answers on that connection what its own configuration names.

use std::collections::HashSet;
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use schleuse_types::{Clock, Random};
use schleuse_wire::json::{Object, Value};
use schleuse_wire::{ArrivalBody, BodyError, Limits as WireLimits, Request as WireRequest, Surface, json};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::connectors::{NOT_ANSWERED, REQUEST_ID, TIMED_OUT, UNSENT, answer_headers};
use crate::credentials::Credentials;
use crate::flow::{self, FlowError, Flows, IssuerClient, IssuerFlow};
use crate::tls::{self, Purpose};
use crate::transport::{DialError, LinkLimits, dial};

/// One connector, as the configuration names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectorConfig {
    /// `host:port` of the gate's connector door. The gate's certificate has to name `host`.
    pub gate: String,
    /// Folder of this connector's identity, as [`crate::join`] wrote it. Its name is the one under which the gate's
    /// upstreams name it: `connector:NAME`.
    pub identity: PathBuf,
    /// The models that may be asked for, whatever else the servers have. None at all: this connector is for identity
    /// providers only.
    pub models: Vec<String>,
    /// The identity providers that the gate may reach through here.
    pub issuers: Vec<IssuerFlow>,
}

/// The model servers beside a connector. Only they are reached, and only by their own configuration.
pub trait ModelServers: Send + Sync + 'static {
    /// What the servers have at this moment.
    fn models(&self) -> Vec<ConnectorModel>;
    /// Whether one server at least is well.
    fn is_well(&self) -> bool;
    /// Puts a question to a server that has the model. Dropping the future or the answer's body ends the question there.
    fn ask(&self, question: ModelQuestion) -> ModelAnswered;
}

/// The coming answer.
pub type ModelAnswered = Pin<Box<dyn Future<Output = Result<ModelAnswer, NotAnswered>> + Send>>;

/// A model that a server beside the connector has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectorModel {
    pub id: String,
    /// Seconds since 1970.
    pub created: Option<u64>,
    /// In LLM tokens.
    pub max_model_len: Option<u64>,
}

/// What may be put to a model server: nothing of the gate's request but this.
#[derive(Debug, Clone)]
pub struct ModelQuestion {
    /// One that the configuration names.
    pub model: String,
    pub path: &'static str,
    /// What the body is: `application/json`, or a form with its boundary.
    pub content_type: String,
    /// Strict JSON or a strict form, byte for byte as the gate wrote it.
    pub body: Bytes,
    pub stream: bool,
    /// 1 to 128 visible ASCII characters.
    pub request_id: String,
}

/// A server's answer.
pub struct ModelAnswer {
    pub status: u16,
    pub retry_after_s: Option<u32>,
    pub is_event_stream: bool,
    pub body: ArrivalBody,
}

/// Why there is none. The text is for the gate's log and holds nothing that asker or model wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotAnswered {
    /// No server can have seen the question.
    Unsent,
    /// A server was asked and did not answer in time.
    TimedOut,
    Failed {
        reason: String,
    },
}

/// Keeps one connection to the gate and serves on it.
pub struct Connector {
    gate: String,
    credentials: Arc<Credentials>,
    desk: Arc<Desk>,
    limits: LinkLimits,
    random: Arc<dyn Random>,
    tasks: TaskTracker,
}

/// Of a question. More than the gate takes from an asker, because it writes some of it anew.
const QUESTION_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Of the file in one.
const FILE_BYTES_MAX: usize = 30 * 1024 * 1024;
/// For a question's whole body: the gate has it complete before it begins.
const QUESTION_TIMEOUT: Duration = Duration::from_secs(30);
const BACK_OFF_MIN: Duration = Duration::from_millis(100);
const BACK_OFF_MAX: Duration = Duration::from_secs(5);

impl Connector {
    /// Opens nothing yet; see [`Self::run`]. Of the configuration, `identity` was read already.
    pub fn new(
        config: ConnectorConfig,
        credentials: Arc<Credentials>,
        servers: Arc<dyn ModelServers>,
        issuers: Arc<dyn IssuerClient>,
        limits: LinkLimits,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Arc<Self> {
        let desk = Desk {
            models: config.models.into_iter().collect(),
            servers,
            flows: Flows::new(config.issuers, issuers, clock),
        };
        let gate = config.gate;
        Arc::new(Self { gate, credentials, desk: Arc::new(desk), limits, random, tasks: TaskTracker::new() })
    }

    /// Dials and serves until `stop`; then tells the gate to send nothing more (GOAWAY) and finishes what runs. Whoever
    /// cannot wait that long cancels `cut`. A fresh certificate gets a fresh connection before the old one is given up.
    pub async fn run(self: Arc<Self>, stop: CancellationToken, cut: CancellationToken) {
        let mut generation = self.credentials.generation();
        let mut back_off = BACK_OFF_MIN;
        let mut was_down = false;
        let mut present: Option<Served> = None;
        while !stop.is_cancelled() {
            generation.mark_unchanged();
            let dialled = tokio::select! {
                () = stop.cancelled() => break,
                dialled = self.connect(&cut) => dialled,
            };
            match dialled {
                Ok(fresh) => {
                    tracing::info!(gate = self.gate, "linked to the gate");
                    (back_off, was_down) = (BACK_OFF_MIN, false);
                    if let Some(old) = present.replace(fresh) {
                        old.drain.cancel();
                    }
                    let Some(fresh) = &present else { continue };
                    tokio::select! {
                        () = stop.cancelled() => break,
                        () = fresh.ended.cancelled() => {
                            present = None;
                            tracing::warn!(gate = self.gate, "the link to the gate ended");
                        }
                        _ = generation.changed() => {}
                    }
                }
                Err(error) => {
                    if !std::mem::replace(&mut was_down, true) {
                        tracing::warn!(gate = self.gate, %error, "the gate cannot be reached");
                    }
                    let mut byte = [0];
                    let _ = self.random.fill(&mut byte);
                    let pause = back_off.saturating_add(back_off.mul_f64(f64::from(byte[0]) / 1024.0));
                    tokio::select! {
                        () = stop.cancelled() => break,
                        () = tokio::time::sleep(pause) => {}
                    }
                    back_off = back_off.saturating_mul(2).min(BACK_OFF_MAX);
                }
            }
        }
        if let Some(present) = present {
            present.drain.cancel();
        }
        self.tasks.close();
        self.tasks.wait().await;
    }

    async fn connect(&self, cut: &CancellationToken) -> Result<Served, DialError> {
        let config = tls::client(&self.credentials, Purpose::Connect)
            .map_err(|error| DialError::Handshake(error.to_string()))?;
        let stream = dial(&self.gate, config, self.credentials.party().house(), &self.limits).await?;
        let desk = Arc::clone(&self.desk);
        let service = service_fn(move |request| {
            let desk = Arc::clone(&desk);
            async move { Ok::<_, Infallible>(desk.answer(request).await) }
        });
        let connection = self.limits.server(&self.tasks, cut).serve_connection(TokioIo::new(stream), service);
        let (drain, ended, cut) = (CancellationToken::new(), CancellationToken::new(), cut.clone());
        let (draining, guard) = (drain.clone(), ended.clone().drop_guard());
        self.tasks.spawn(async move {
            let mut connection = pin!(connection);
            tokio::select! {
                ended = connection.as_mut() => return log_end(ended),
                () = cut.cancelled() => return,
                () = draining.cancelled() => connection.as_mut().graceful_shutdown(),
            }
            tokio::select! {
                ended = connection => log_end(ended),
                () = cut.cancelled() => {}
            }
            drop(guard);
        });
        Ok(Served { drain, ended })
    }
}

/// A connection that is being served.
struct Served {
    drain: CancellationToken,
    ended: CancellationToken,
}

fn log_end(ended: Result<(), hyper::Error>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "the link to the gate broke");
    }
}

/// What answers the gate.
struct Desk {
    models: HashSet<String>,
    servers: Arc<dyn ModelServers>,
    flows: Flows,
}

/// A form says where its parts end; what else comes is JSON.
fn content_type(surface: Surface, headers: &HeaderMap) -> String {
    let told = headers.get(CONTENT_TYPE).and_then(|told| told.to_str().ok());
    let is_form = |told: &&str| {
        surface.is_speech() && told.len() <= 128 && told.starts_with("multipart/form-data; boundary=")
    };
    told.filter(is_form).unwrap_or("application/json").to_owned()
}

/// Everything that a connector answers; every other path and method is 404 and reaches nobody.
enum Matter {
    Ask(Surface),
    Models,
    Health,
    Flow(String),
}

impl Matter {
    fn of(method: &Method, uri: &Uri) -> Option<Self> {
        let path = uri.path();
        if uri.query().is_some() {
            return None;
        }
        match (method, path) {
            (&Method::GET, "/v1/models") => Some(Self::Models),
            (&Method::GET, "/health") => Some(Self::Health),
            (&Method::POST, path) => Surface::from_upstream_path(path)
                .map(Self::Ask)
                .or_else(|| flow::name_in(path).map(|name| Self::Flow(name.to_owned()))),
            _ => None,
        }
    }
}

impl Desk {
    async fn answer(&self, request: Request<Incoming>) -> Response<AnswerBody> {
        match Matter::of(request.method(), request.uri()) {
            None => not_answered(StatusCode::NOT_FOUND, "not-named"),
            Some(Matter::Models) => whole(self.list()),
            Some(Matter::Health) if self.servers.is_well() => whole("{}".to_owned()),
            Some(Matter::Health) => not_answered(StatusCode::SERVICE_UNAVAILABLE, "no model server is well"),
            Some(Matter::Ask(surface)) => self.ask(surface, request).await,
            Some(Matter::Flow(name)) => self.fetch(&name, request).await,
        }
    }

    async fn ask(&self, surface: Surface, request: Request<Incoming>) -> Response<AnswerBody> {
        let (head, body) = request.into_parts();
        let Some(body) = read(body, QUESTION_BYTES_MAX).await else {
            return not_answered(StatusCode::BAD_REQUEST, "the question did not come whole");
        };
        let limits = WireLimits {
            body_bytes_max: QUESTION_BYTES_MAX,
            file_bytes_max: FILE_BYTES_MAX,
            ..WireLimits::default()
        };
        // Read as strictly as the gate reads what comes to it: what this side understands is what the server will.
        let Ok(parsed) = WireRequest::read(surface, &body, &limits) else {
            return not_answered(StatusCode::BAD_REQUEST, "the question is not understood");
        };
        if !self.models.contains(parsed.model()) {
            return not_answered(StatusCode::NOT_FOUND, "not-named");
        }
        let request_id = head.headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()).unwrap_or("none");
        let question = ModelQuestion {
            model: parsed.model().to_owned(),
            path: surface.path(),
            content_type: content_type(surface, &head.headers),
            stream: parsed.is_stream(),
            body,
            request_id: request_id.to_owned(),
        };
        match self.servers.ask(question).await {
            Ok(answer) => {
                let mut response = Response::new(AnswerBody::Streamed(answer.body));
                *response.status_mut() =
                    StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
                answer_headers(response.headers_mut(), answer.is_event_stream, answer.retry_after_s);
                response
            }
            Err(NotAnswered::Unsent) => not_answered(StatusCode::SERVICE_UNAVAILABLE, UNSENT),
            Err(NotAnswered::TimedOut) => not_answered(StatusCode::GATEWAY_TIMEOUT, TIMED_OUT),
            Err(NotAnswered::Failed { reason }) => not_answered(StatusCode::BAD_GATEWAY, &reason),
        }
    }

    /// The servers' models, without those that the configuration does not name, in OpenAI's form.
    fn list(&self) -> String {
        let number = |number: u64| json::parse(number.to_string().as_bytes(), &json::Bounds::default()).ok();
        let row = |model: ConnectorModel| {
            let mut row = Object::new();
            row.set("id", Value::String(model.id));
            row.set("object", Value::String("model".to_owned()));
            for (name, value) in [("created", model.created), ("max_model_len", model.max_model_len)] {
                if let Some(value) = value.and_then(number) {
                    row.set(name, value);
                }
            }
            Value::Object(row)
        };
        let models = self.servers.models().into_iter().filter(|model| self.models.contains(&model.id));
        let mut list = Object::new();
        list.set("object", Value::String("list".to_owned()));
        list.set("data", Value::Array(models.map(row).collect()));
        Value::Object(list).to_text()
    }

    async fn fetch(&self, name: &str, request: Request<Incoming>) -> Response<AnswerBody> {
        let call = read(request.into_body(), flow::CALL_BYTES_MAX).await.and_then(|body| flow::read(&body));
        let Some(call) = call else {
            return not_answered(StatusCode::BAD_REQUEST, "the call is not understood");
        };
        match self.flows.serve(name, call).await {
            Ok(document) => Response::new(AnswerBody::Whole(Some(document))),
            Err(error @ FlowError::NotNamed) => not_answered(StatusCode::NOT_FOUND, &error.to_line()),
            Err(error) => not_answered(StatusCode::BAD_GATEWAY, &error.to_line()),
        }
    }
}

async fn read(body: Incoming, bytes_max: usize) -> Option<Bytes> {
    let whole = timeout(QUESTION_TIMEOUT, Limited::new(body, bytes_max).collect()).await;
    Some(whole.ok()?.ok()?.to_bytes())
}

fn whole(text: String) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::Whole(Some(Bytes::from(text))));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// An answer of the connector itself. The reason stands in a header, where a model server's words never are.
fn not_answered(status: StatusCode, reason: &str) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::Whole(None));
    *response.status_mut() = status;
    let headers: &mut HeaderMap = response.headers_mut();
    headers.insert(NOT_ANSWERED, HeaderValue::from_str(reason).unwrap_or(HeaderValue::from_static("failed")));
    response
}

/// What the connector sends back.
enum AnswerBody {
    Whole(Option<Bytes>),
    Streamed(ArrivalBody),
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut *self {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Streamed(body) => body.as_mut().poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_none(),
            Self::Streamed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Self::Streamed(body) => body.size_hint(),
        }
    }
}

/// Names only.
impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connector({} to {})", self.credentials.party(), self.gate)
    }
}

#[cfg(test)]
mod tests {
    use super::Matter;
    use http::Method;

    fn check(method: Method, target: &str, expected: bool) {
        let matter = Matter::of(&method, &target.parse().unwrap());
        assert_eq!(matter.is_some(), expected, "{method} {target}");
    }

    #[test]
    fn a_short_list_is_answered() {
        check(Method::GET, "/v1/models", true);
        check(Method::GET, "/health", true);
        check(Method::POST, "/v1/chat/completions", true);
        check(Method::POST, "/v1/completions", true);
        check(Method::POST, "/v1/embeddings", true);
        check(Method::POST, "/tokenize", true);
        check(Method::POST, "/v1/messages", false);
        check(Method::POST, "/flow/corp", true);
        check(Method::GET, "/v1/models?x=1", false);
        check(Method::GET, "/health?", false);
        check(Method::POST, "/v1/chat/completions?priority=1", false);
        check(Method::POST, "/v1/responses", false);
        check(Method::PUT, "/v1/chat/completions", false);
        check(Method::HEAD, "/v1/models", false);
        check(Method::POST, "/flow/corp?url=x", false);
        check(Method::POST, "/flow/a%2Fb", false);
    }
}
