//! A question to a model server, and its answer as it arrives.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame};
use schleuse_types::RefusalCode;
use tokio::time::{Instant, timeout_at};

use crate::connection::{AnswerBody, Connection};
use crate::replica::{Outstanding, Replica};

/// What is sent. Nothing else of the asker's request goes along.
#[derive(Debug, Clone)]
pub struct Question {
    /// `/v1/chat/completions` and its like.
    pub path: &'static str,
    /// What the body is: `application/json`, or a form with its boundary.
    pub content_type: String,
    /// Sent byte for byte.
    pub body: Bytes,
    /// Whether an event stream is expected; only the `accept` header depends on it.
    pub stream: bool,
    /// Sent as `x-request-id`: 1 to 128 visible ASCII characters.
    pub request_id: String,
    /// What keeps this asker's prefixes apart from others', 1 to 128 characters of base64: replicas are compared under it. The
    /// body must not have one of its own. `None`: what the body carries already, if another process of the house has put it
    /// there.
    pub cache_salt: Option<String>,
    /// Whether the body carries it as `cache_salt` (vLLM's name) to servers inside the house.
    pub sends_salt: bool,
}

/// An answer whose head has arrived. Dropping it closes the connection at once, which makes the server stop.
///
/// The status is 2xx, 4xx or 5xx: whatever the server said is kept as it is.
pub struct Answer {
    /// The name of the upstream that answered.
    pub replica: String,
    pub status: u16,
    /// `retry-after` in seconds; the form with a date is not read.
    pub retry_after_s: Option<u32>,
    /// Whether the body is `text/event-stream`. A server may answer a question for a stream without one.
    pub is_event_stream: bool,
    body: AnswerBody,
    /// Gone after the end or an error.
    connection: Option<Connection>,
    source: Arc<Replica>,
    /// Until when the next piece has to be there; `None` until somebody waits for it. Kept here, so that a caller who
    /// gives up waiting and comes again does not put it off.
    next_by: Option<Instant>,
    has_begun: bool,
    is_whole: bool,
    outstanding: Outstanding,
}

impl Answer {
    #[expect(clippy::too_many_arguments, reason = "the parts of a response's head, each once")]
    pub(crate) fn new(
        source: Arc<Replica>,
        outstanding: Outstanding,
        connection: Connection,
        body: AnswerBody,
        status: u16,
        retry_after_s: Option<u32>,
        is_event_stream: bool,
        first_byte_by: Instant,
    ) -> Self {
        // A queue in front of the model takes long, but only before the first byte.
        let next_by = first_byte_by.max(after(source.config.idle_timeout));
        Self {
            replica: source.name().to_owned(),
            status,
            retry_after_s,
            is_event_stream,
            body,
            connection: Some(connection),
            source,
            next_by: Some(next_by),
            has_begun: false,
            is_whole: false,
            outstanding,
        }
    }

    /// The next piece as it came over the wire, never empty; `None` at the proper end, and from then on.
    ///
    /// A body that ends before its `content-length` or before its last chunk is [`AskError::Broken`]; a body with
    /// neither ends when the server closes, and only its content can tell whether it is whole. After an error the
    /// connection is closed and every further call is an error too. Dropping the returned future loses nothing.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, AskError> {
        if self.is_whole {
            return Ok(None);
        }
        let Some(connection) = self.connection.as_mut() else {
            return Err(self.broken("the connection is closed".to_owned()));
        };
        loop {
            let by = *self.next_by.get_or_insert_with(|| after(self.source.config.idle_timeout));
            let error = match timeout_at(by, connection.chunk(&mut self.body)).await {
                Ok(Some(Ok(data))) if data.is_empty() => continue,
                Ok(Some(Ok(data))) => {
                    self.next_by = None;
                    if !self.has_begun {
                        self.has_begun = true;
                        self.outstanding.begin(self.is_event_stream && self.status < 300);
                    }
                    return Ok(Some(data));
                }
                Ok(None) => {
                    self.is_whole = true;
                    if let Some(connection) = self.connection.take() {
                        self.source.finish(connection).await;
                    }
                    return Ok(None);
                }
                Ok(Some(Err(error))) => self.broken(error),
                Err(_elapsed) => AskError::Timeout {
                    replica: self.replica.clone(),
                    what: if self.has_begun { "next byte" } else { "first byte" },
                },
            };
            self.connection = None;
            self.source.blame(&error);
            return Err(error);
        }
    }

    fn broken(&self, reason: String) -> AskError {
        AskError::Broken { replica: self.replica.clone(), reason }
    }

    /// The whole rest of the body, when it has at most `max` bytes.
    pub async fn whole(mut self, max: usize) -> Result<Bytes, AskError> {
        let too_large = |replica: &str| AskError::TooLarge { replica: replica.to_owned(), bytes_max: max };
        if self.body.bytes_min() > u64::try_from(max).unwrap_or(u64::MAX) {
            return Err(too_large(&self.replica));
        }
        // Most answers come in one piece, which is then passed on without a copy.
        let Some(first) = self.chunk().await? else { return Ok(Bytes::new()) };
        if first.len() > max {
            return Err(too_large(&self.replica));
        }
        let Some(second) = self.chunk().await? else { return Ok(first) };
        let mut whole = BytesMut::from(first);
        let mut next = Some(second);
        while let Some(piece) = next {
            if whole.len().saturating_add(piece.len()) > max {
                return Err(too_large(&self.replica));
            }
            whole.extend_from_slice(&piece);
            next = self.chunk().await?;
        }
        Ok(whole.freeze())
    }
}

/// The rest of an answer as a body of HTTP, for whoever hands it on. Dropping it closes the connection at once.
pub struct PassedOn {
    /// Only absent while the piece after it is being waited for.
    answer: Option<Answer>,
    next: Option<NextPiece>,
}

type NextPiece = Pin<Box<dyn Future<Output = (Answer, Result<Option<Bytes>, AskError>)> + Send>>;

impl Answer {
    /// The rest of it as a body of HTTP.
    pub fn into_body(self) -> PassedOn {
        PassedOn { answer: Some(self), next: None }
    }
}

impl Body for PassedOn {
    type Data = Bytes;
    type Error = AskError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, AskError>>> {
        let this = &mut *self;
        if let Some(mut answer) = this.answer.take() {
            this.next = Some(Box::pin(async move {
                let piece = answer.chunk().await;
                (answer, piece)
            }));
        }
        let Some(next) = &mut this.next else { return Poll::Ready(None) };
        let (answer, piece) = ready!(next.as_mut().poll(cx));
        this.next = None;
        match piece {
            Ok(Some(data)) => {
                this.answer = Some(answer);
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
            Ok(None) => Poll::Ready(None),
            Err(error) => Poll::Ready(Some(Err(error))),
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if self.connection.is_some() {
            self.source.counters.cancelled.fetch_add(1, Relaxed);
        }
    }
}

/// Without the body.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("replica", &self.replica)
            .field("status", &self.status)
            .field("is_event_stream", &self.is_event_stream)
            .finish_non_exhaustive()
    }
}

/// Why there is no answer, or no more of it. Holds nothing that asker or model wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AskError {
    /// No replica of the route could be reached, or none is left of it.
    NoReplica {
        reason: String,
    },
    /// The one replica of the route could not be reached. Nothing was sent.
    Connect {
        replica: String,
        reason: String,
    },
    /// `what`: `connection`, `first byte` or `next byte`.
    Timeout {
        replica: String,
        what: &'static str,
    },
    /// The server broke the protocol, or off.
    Broken {
        replica: String,
        reason: String,
    },
    TooLarge {
        replica: String,
        bytes_max: usize,
    },
    /// The question itself cannot be sent; a defect of the caller.
    Unsendable {
        reason: &'static str,
    },
}

impl AskError {
    /// How the asker is told.
    pub fn code(&self) -> RefusalCode {
        match self {
            Self::NoReplica { .. } | Self::Connect { .. } => RefusalCode::UpstreamUnavailable,
            Self::Timeout { .. } => RefusalCode::UpstreamTimeout,
            Self::Broken { .. } | Self::TooLarge { .. } => RefusalCode::UpstreamFailed,
            Self::Unsendable { .. } => RefusalCode::Internal,
        }
    }
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoReplica { reason } => write!(f, "no replica can be reached: {reason}"),
            Self::Connect { replica, reason } => {
                write!(f, "cannot connect to upstream `{replica}`: {reason}")
            }
            Self::Timeout { replica, what } => write!(f, "upstream `{replica}`: no {what} in time"),
            Self::Broken { replica, reason } => write!(f, "upstream `{replica}` answered wrongly: {reason}"),
            Self::TooLarge { replica, bytes_max } => {
                write!(f, "the answer of upstream `{replica}` has more than {bytes_max} bytes")
            }
            Self::Unsendable { reason } => write!(f, "the question cannot be sent: {reason}"),
        }
    }
}

impl std::error::Error for AskError {}

/// A moment that many years of time-out cannot push over the edge.
pub(crate) fn after(duration: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(duration).unwrap_or_else(|| now + Duration::from_secs(86_400))
}

/// hyper's words and their cause; they never quote a body.
pub(crate) fn describe(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
