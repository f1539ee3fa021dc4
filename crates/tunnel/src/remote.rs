//! The edge's side of its link: an `Exchange` that is in another process.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::TokioIo;
use schleuse_types::{Clock, Language, Random, Refusal, RefusalCode, RequestId, Text};
use schleuse_wire::{Arrival, ArrivalBody, Exchange, Exchanged, Reply, ReplyBody, render_refusal_at, sse};
use tokio::sync::{Notify, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::arrival;
use crate::credentials::Credentials;
use crate::reply::{self, Head};
use crate::tls::{self, Purpose};
use crate::transport::{DialError, LinkLimits, dial};

/// The link of an edge, as the configuration names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeLink {
    /// `host:port` of the gate's edge door. The gate's certificate has to name `host`.
    pub gate: String,
    /// Folder of this edge's identity, as [`crate::join`] wrote it.
    pub identity: PathBuf,
}

/// How long a visitor waits for a link that is just being made.
const PATIENCE: Duration = Duration::from_secs(2);
const BACK_OFF_MIN: Duration = Duration::from_millis(100);
const BACK_OFF_MAX: Duration = Duration::from_secs(5);

/// Carries every arrival to the gate. While there is no link, visitors are refused at once (503).
pub struct RemoteExchange {
    gate: String,
    credentials: Arc<Credentials>,
    limits: LinkLimits,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    link: watch::Sender<Link>,
    /// Counts connections, so that a late failure of an old one does not end a new one.
    pub(crate) made: AtomicU64,
    /// Somebody found the present connection closing.
    worn: Notify,
    tasks: TaskTracker,
}

#[derive(Clone)]
enum Link {
    /// The first attempt after the start or a loss.
    Coming,
    Up {
        number: u64,
        sender: SendRequest<ArrivalBody>,
    },
    Down,
}

impl RemoteExchange {
    /// Opens nothing yet; see [`Self::run`]. `gate` is `host:port`.
    pub fn new(
        gate: impl Into<String>,
        credentials: Arc<Credentials>,
        limits: LinkLimits,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Arc<Self> {
        Arc::new(Self {
            gate: gate.into(),
            credentials,
            limits,
            clock,
            random,
            link: watch::Sender::new(Link::Coming),
            made: AtomicU64::new(0),
            worn: Notify::new(),
            tasks: TaskTracker::new(),
        })
    }

    /// Whether arrivals reach the gate now; for the readiness of the edge.
    pub fn is_up(&self) -> bool {
        matches!(*self.link.borrow(), Link::Up { .. })
    }

    /// Keeps a connection to the gate until `stop`, then waits for what still runs on it; whoever cannot wait that long
    /// cancels `cut`.
    ///
    /// A fresh certificate gets a fresh connection; the old one ends when its last stream does.
    pub async fn run(self: Arc<Self>, stop: CancellationToken, cut: CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.keep_connected(&cut) => {}
        }
        self.link.send_replace(Link::Down);
        self.tasks.close();
        self.tasks.wait().await;
    }

    async fn keep_connected(&self, cut: &CancellationToken) {
        let mut generation = self.credentials.generation();
        let mut back_off = BACK_OFF_MIN;
        let mut present: Option<CancellationToken> = None;
        loop {
            generation.mark_unchanged();
            match self.connect(cut).await {
                Ok((sender, ended)) => {
                    tracing::info!(gate = self.gate, "the link to the gate is up");
                    back_off = BACK_OFF_MIN;
                    let number = self.made.fetch_add(1, Relaxed);
                    self.link.send_replace(Link::Up { number, sender });
                    let ended = present.insert(ended);
                    tokio::select! {
                        () = ended.cancelled() => tracing::warn!(gate = self.gate, "the link to the gate ended"),
                        () = self.worn.notified() => {}
                        // The old connection serves until the new one is there.
                        _ = generation.changed() => continue,
                    }
                    present = None;
                    self.link.send_replace(Link::Coming);
                }
                Err(error) => {
                    if !matches!(*self.link.borrow(), Link::Down) {
                        tracing::warn!(gate = self.gate, %error, "the gate cannot be reached");
                    }
                    if present.as_ref().is_none_or(CancellationToken::is_cancelled) {
                        self.link.send_replace(Link::Down);
                    }
                    tokio::time::sleep(jittered(back_off, &*self.random)).await;
                    back_off = back_off.saturating_mul(2).min(BACK_OFF_MAX);
                }
            }
        }
    }

    async fn connect(
        &self,
        cut: &CancellationToken,
    ) -> Result<(SendRequest<ArrivalBody>, CancellationToken), DialError> {
        let config = tls::client(&self.credentials, Purpose::Exchange)
            .map_err(|error| DialError::Handshake(error.to_string()))?;
        let stream = dial(&self.gate, config, self.credentials.party().house(), &self.limits).await?;
        let (sender, connection) = self
            .limits
            .client(&self.tasks, cut)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| DialError::Http(error.to_string()))?;
        let ended = CancellationToken::new();
        let guard = ended.clone().drop_guard();
        self.tasks.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "the link to the gate broke");
            }
            drop(guard);
        });
        Ok((sender, ended))
    }

    async fn carry(self: Arc<Self>, arrival: Arrival) -> Reply {
        let speech = Speech { path: arrival.path.clone(), language: arrival.language };
        // What a reader of model answers is told when the stream breaks off; other streams are simply read again.
        let is_answer = arrival.path.starts_with("/v1/");
        let mut request = match arrival::to_http(arrival) {
            Ok(request) => request,
            Err(refusal) => return self.refuse(&refusal, &speech),
        };
        // A connection that was closing when the request came to it took nothing of it; a fresh one gets it.
        for _ in 0..3 {
            let Some((number, mut sender)) = self.sender().await else { break };
            match sender.try_send_request(request).await {
                Ok(response) => return self.receive(response, &speech, is_answer).await,
                Err(mut error) => match error.take_message() {
                    Some(unsent) => {
                        self.wear(number);
                        request = unsent;
                    }
                    // This stream is lost. Whether the others are too, the connection itself finds out: one visitor's
                    // request must not be able to end it.
                    None => return self.refuse(&broken(error.into_error().to_string()), &speech),
                },
            }
        }
        self.refuse(&unreachable(), &speech)
    }

    async fn receive(
        &self,
        response: http::Response<hyper::body::Incoming>,
        speech: &Speech,
        is_answer: bool,
    ) -> Reply {
        let (parts, body) = response.into_parts();
        let head = match Head::read(parts.status, &parts.headers) {
            Ok(head) => head,
            Err(reason) => return self.refuse(&broken(reason.to_owned()), speech),
        };
        let body = if head.is_events {
            let (sender, receiver) = reply::events();
            let last_words = is_answer.then(|| {
                let refusal = broken("the stream broke off".to_owned());
                sse::named_frame("error", &speech.refusal(&refusal, &self.request_id()))
            });
            self.tasks.spawn(reply::pump(body, sender, last_words));
            ReplyBody::Events(receiver)
        } else {
            match reply::whole(body).await {
                Ok(bytes) => ReplyBody::Whole(bytes),
                Err(reason) => return self.refuse(&broken(reason), speech),
            }
        };
        Reply { status: head.status, headers: head.headers, body }
    }

    /// The present connection; waits a little for one that is coming.
    async fn sender(&self) -> Option<(u64, SendRequest<ArrivalBody>)> {
        let mut link = self.link.subscribe();
        let known = timeout(PATIENCE, link.wait_for(|link| !matches!(link, Link::Coming))).await;
        match &*known.ok()?.ok()? {
            Link::Up { number, sender } => Some((*number, sender.clone())),
            Link::Coming | Link::Down => None,
        }
    }

    /// Asks for a new connection when `number` is still the present one.
    fn wear(&self, number: u64) {
        let is_present = |link: &Link| matches!(link, Link::Up { number: present, .. } if *present == number);
        let was_present = self.link.send_if_modified(|link| {
            let is_present = is_present(link);
            if is_present {
                *link = Link::Coming;
            }
            is_present
        });
        if was_present {
            self.worn.notify_one();
        }
    }

    fn request_id(&self) -> String {
        RequestId::new(&*self.clock, &*self.random).map(|id| id.to_string()).unwrap_or_default()
    }

    fn refuse(&self, refusal: &Refusal, speech: &Speech) -> Reply {
        tracing::debug!(%refusal, "refused at the edge's end of the link");
        let id = self.request_id();
        let mut headers = vec![
            ("x-schleuse-request-id", id.clone()),
            ("x-schleuse-action", refusal.code.outcome().to_string()),
        ];
        if let Some(seconds) = refusal.retry_after_s {
            headers.push(("retry-after", seconds.to_string()));
        }
        Reply {
            status: refusal.code.status(),
            headers,
            body: ReplyBody::Whole(Bytes::from(speech.refusal(refusal, &id))),
        }
    }
}

/// In which words somebody is told what went wrong: those of the surface that they asked on.
struct Speech {
    path: String,
    language: Language,
}

impl Speech {
    fn refusal(&self, refusal: &Refusal, request_id: &str) -> String {
        render_refusal_at(&self.path, refusal, request_id, self.language)
    }
}

impl Exchange for RemoteExchange {
    fn exchange(self: Arc<Self>, arrival: Arrival) -> Exchanged {
        Box::pin(self.carry(arrival))
    }
}

fn unreachable() -> Refusal {
    Refusal::new(
        RefusalCode::UpstreamUnavailable,
        Text::fixed(
            "The inner part of Schleuse cannot be reached.",
            "Der innere Teil von Schleuse ist nicht erreichbar.",
        ),
        Text::fixed(
            "Try again in a few seconds; if it happens again, tell your operator.",
            "Versuchen Sie es in einigen Sekunden erneut; bleibt es dabei, sagen Sie es dem Betrieb.",
        ),
        "no link to the gate",
    )
    .with_retry_after(2)
}

fn broken(inside: String) -> Refusal {
    Refusal::new(
        RefusalCode::UpstreamUnavailable,
        Text::fixed(
            "The connection to the inner part of Schleuse broke off.",
            "Die Verbindung zum inneren Teil von Schleuse ist abgebrochen.",
        ),
        Text::fixed(
            "Send the request again; it may have been carried out already.",
            "Senden Sie die Anfrage erneut; sie kann schon ausgeführt worden sein.",
        ),
        inside,
    )
    .with_retry_after(2)
}

/// Up to a quarter longer, so that edges do not march in step.
fn jittered(pause: Duration, random: &dyn Random) -> Duration {
    let mut byte = [0];
    let _ = random.fill(&mut byte);
    let [byte] = byte;
    pause.saturating_add(pause.mul_f64(f64::from(byte) / 1024.0))
}
