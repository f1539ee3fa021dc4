//! Handing entries over to other programs while they are written: a SIEM, a collector, a webhook.
//!
//! Each target has a task of its own and a cursor on disk, the index of the entry that it wants next. Nobody waits for it: a target
//! that hangs or is away lags behind, and is given everything later, in order. Entries are handed over at least once. What came
//! twice, and what is missing, is seen by the index.

use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};
use schleuse_types::Secret;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::dial::{Dial, DialError, Stream, TlsTrust};
use crate::disk::blocking;
use crate::export::{otlp, syslog};
use crate::{Entry, Format, Log, Reader};

/// Entries that are handed over together at most. At 2 KiB each they are 512 KiB.
const BATCH_ENTRIES_MAX: u64 = 256;
/// Between two looks at a log that had nothing new.
const PACE: Duration = Duration::from_millis(500);
/// For connection, question and answer together, and for one batch of syslog messages.
const DEADLINE: Duration = Duration::from_secs(30);
/// After a failure, and then twice as long each time.
const REST_MIN: Duration = Duration::from_secs(1);
const REST_MAX: Duration = Duration::from_secs(60);
/// What a target says is read so far and not further.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Syslog acknowledges nothing. What was written last on a connection that then broke may not have arrived, so this many entries
/// come again.
const UNACKNOWLEDGED_ENTRIES: u64 = 1024;

/// One target, as a configuration says it.
#[derive(Debug, Clone)]
pub struct ForwardConfig {
    /// Unique: 1 to 64 of `a-z 0-9 -`. Also the name of its cursor's file.
    pub name: String,
    pub kind: ForwardKind,
    /// `syslog+tls://host:port`, or `https://…` (`http://…` in a network of one's own). For OTLP the collector's address,
    /// without `/v1/logs`.
    pub url: String,
    /// How an entry looks; OTLP has a form of its own.
    pub format: Format,
    pub trust: TlsTrust,
    /// Sent to a webhook or a collector as bearer.
    pub token: Option<Secret<String>>,
}

/// How a target takes entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForwardKind {
    /// RFC 5424 over TLS (RFC 5425), one message for each entry.
    Syslog,
    /// Lines in the body of a POST. Any status from 200 to 299 is an acknowledgement of all of them.
    Webhook,
    /// Log records in the JSON of OTLP over HTTP.
    Otlp,
}

impl ForwardKind {
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "syslog" => Some(Self::Syslog),
            "webhook" => Some(Self::Webhook),
            "otlp" => Some(Self::Otlp),
            _ => None,
        }
    }
}

impl ForwardConfig {
    /// Whether it could be dialled, without dialling.
    pub fn check(&self) -> Result<(), DialError> {
        self.target().map(drop)
    }

    fn target(&self) -> Result<Target, DialError> {
        match self.kind {
            ForwardKind::Syslog => {
                let dial = Dial::syslog(&self.url, &self.trust)?;
                Ok(Target::Syslog { dial, format: self.format, connection: None })
            }
            ForwardKind::Webhook => {
                let dial = Dial::http(&self.url, &self.trust)?;
                let path = dial.path().to_owned();
                let content_type = match self.format {
                    Format::Jsonl | Format::Ocsf => "application/x-ndjson",
                    Format::Cef => "text/plain; charset=utf-8",
                };
                let headers = self.headers(content_type)?;
                Ok(Target::Http { dial, path, headers, body: Body::Lines(self.format) })
            }
            ForwardKind::Otlp => {
                let dial = Dial::http(&self.url, &self.trust)?;
                if dial.path().contains('?') {
                    return Err(DialError::Config("the URL of a collector has no query".to_owned()));
                }
                let path = format!("{}/v1/logs", dial.path().trim_end_matches('/'));
                let headers = self.headers("application/json")?;
                Ok(Target::Http { dial, path, headers, body: Body::Otlp })
            }
        }
    }

    fn headers(&self, content_type: &'static str) -> Result<Vec<(HeaderName, HeaderValue)>, DialError> {
        let mut headers = vec![(header::CONTENT_TYPE, HeaderValue::from_static(content_type))];
        if let Some(token) = &self.token {
            let value = HeaderValue::from_str(&format!("Bearer {}", token.expose()));
            let mut value =
                value.map_err(|_| DialError::Config("the token cannot stand in a header".to_owned()))?;
            value.set_sensitive(true);
            headers.push((header::AUTHORIZATION, value));
        }
        Ok(headers)
    }
}

/// How one target stands, for whoever watches.
#[derive(Debug)]
pub struct ForwardStanding {
    name: String,
    next: AtomicU64,
    fails: AtomicBool,
}

impl ForwardStanding {
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The entry that it gets next; all before it were handed over.
    pub fn next(&self) -> u64 {
        self.next.load(Relaxed)
    }

    /// Whether the last attempt failed.
    pub fn fails(&self) -> bool {
        self.fails.load(Relaxed)
    }
}

/// Hands the entries of one log over to one target.
pub struct Forwarder {
    reader: Reader,
    origin: String,
    target: Target,
    cursor: Cursor,
    /// Entries that the target takes at a time; less than the most after it said that something is too large.
    batch: u64,
    standing: Arc<ForwardStanding>,
}

/// Why nothing was handed over.
#[derive(Debug)]
enum Trouble {
    Dial(DialError),
    /// The log or the cursor.
    Disk(String),
    /// The target does not want this; what it answered stays unread.
    Refused(StatusCode),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dial(error) => error.fmt(f),
            Self::Disk(problem) => write!(f, "the log or the cursor cannot be used: {problem}"),
            Self::Refused(status) => write!(f, "it answered with status {}", status.as_u16()),
        }
    }
}

impl From<DialError> for Trouble {
    fn from(error: DialError) -> Self {
        Self::Dial(error)
    }
}

impl Forwarder {
    /// `cursors`: the folder in which the targets' cursors are.
    ///
    /// # Errors
    /// When the target cannot be dialled as it is configured, or the log or the cursor not read.
    pub fn new(log: &Log, config: &ForwardConfig, cursors: &Path) -> Result<Self, DialError> {
        let target = config.target()?;
        let reader = log.reader();
        let unreadable = |what: &dyn fmt::Display| DialError::Config(what.to_string());
        let origin = reader.checkpoint().map_err(|error| unreadable(&error))?.origin;
        let size = reader.size().map_err(|error| unreadable(&error))?;
        let cursor = Cursor { path: cursors.join(&config.name) };
        let next = cursor.read(&origin).map_err(|error| unreadable(&error))?;
        if next > size {
            tracing::warn!(
                target = config.name,
                next,
                size,
                "the log is shorter than what was forwarded of it"
            );
        }
        let standing = ForwardStanding {
            name: config.name.clone(),
            next: AtomicU64::new(next.min(size)),
            fails: AtomicBool::new(false),
        };
        Ok(Self { reader, origin, target, cursor, batch: BATCH_ENTRIES_MAX, standing: Arc::new(standing) })
    }

    pub fn standing(&self) -> Arc<ForwardStanding> {
        Arc::clone(&self.standing)
    }

    /// Hands over for as long as it is polled.
    pub async fn run(mut self) {
        let mut rest = REST_MIN;
        loop {
            let waits = match self.step().await {
                Ok(handed) => {
                    rest = REST_MIN;
                    if self.standing.fails.swap(false, Relaxed) {
                        tracing::info!(target = self.standing.name, "entries are forwarded again");
                    }
                    if handed { Duration::ZERO } else { PACE }
                }
                Err(trouble) => {
                    if !self.standing.fails.swap(true, Relaxed) {
                        tracing::warn!(target = self.standing.name, %trouble, "entries cannot be forwarded");
                    }
                    let longer = rest.saturating_mul(2).min(REST_MAX);
                    std::mem::replace(&mut rest, longer)
                }
            };
            if !waits.is_zero() {
                tokio::time::sleep(waits).await;
            }
        }
    }

    /// Hands over what comes next; whether there was something.
    async fn step(&mut self) -> Result<bool, Trouble> {
        // What was on its way when a connection broke comes again.
        let next = self.standing.next().saturating_sub(self.target.lost().await);
        self.standing.next.store(next, Relaxed);
        let (reader, most) = (self.reader.clone(), self.batch);
        let entries = blocking(move || reader.entries(next..next.saturating_add(most))).await;
        let entries = entries.map_err(Trouble::Disk)?;
        let Some(last) = entries.last() else { return Ok(false) };
        let after = last.index + 1;
        let delivered = tokio::time::timeout(DEADLINE, self.target.deliver(&self.origin, &entries)).await;
        match delivered.unwrap_or_else(|_| {
            self.target.hang_up();
            Err(DialError::TimedOut(DEADLINE).into())
        }) {
            Ok(()) => {}
            Err(Trouble::Refused(StatusCode::PAYLOAD_TOO_LARGE)) if self.batch > 1 => {
                self.batch /= 2;
                return Ok(true);
            }
            Err(trouble) => return Err(trouble),
        }
        self.standing.next.store(after, Relaxed);
        let (cursor, origin) = (self.cursor.clone(), self.origin.clone());
        let certain = after.saturating_sub(self.target.uncertain());
        blocking(move || cursor.write(&origin, certain)).await.map_err(Trouble::Disk)?;
        Ok(true)
    }
}

/// Where entries go.
enum Target {
    Syslog { dial: Dial, format: Format, connection: Option<Connection> },
    Http { dial: Dial, path: String, headers: Vec<(HeaderName, HeaderValue)>, body: Body },
}

/// A connection on which messages are written and nothing is answered.
struct Connection {
    stream: Box<dyn Stream>,
    /// Messages that were written on it.
    written: u64,
}

/// What is posted.
#[derive(Clone, Copy)]
enum Body {
    Lines(Format),
    Otlp,
}

impl Target {
    /// Notices a connection that the other side has closed; how many entries of it have to come again.
    async fn lost(&mut self) -> u64 {
        let Self::Syslog { connection, .. } = self else { return 0 };
        let Some(open) = connection else { return 0 };
        let mut byte = [0];
        tokio::select! {
            biased;
            // A receiver of syslog says nothing. If it says something after all, that is read and forgotten.
            read = open.stream.read(&mut byte) => match read {
                Ok(1..) => 0,
                Ok(0) | Err(_) => self.hang_up(),
            },
            () = std::future::ready(()) => 0,
        }
    }

    /// Entries of which it is not known whether they arrived.
    fn uncertain(&self) -> u64 {
        match self {
            Self::Syslog { connection: Some(open), .. } => open.written.min(UNACKNOWLEDGED_ENTRIES),
            Self::Syslog { connection: None, .. } | Self::Http { .. } => 0,
        }
    }

    /// Ends the connection; how many entries of it have to come again.
    fn hang_up(&mut self) -> u64 {
        let lost = self.uncertain();
        if let Self::Syslog { connection, .. } = self {
            *connection = None;
        }
        lost
    }

    async fn deliver(&mut self, origin: &str, entries: &[Entry]) -> Result<(), Trouble> {
        match self {
            Self::Http { dial, path, headers, body } => {
                let body = match body {
                    Body::Lines(format) => {
                        let lines: Option<Vec<Vec<u8>>> =
                            entries.iter().map(|entry| format.line(entry.index, &entry.bytes)).collect();
                        lines.map(|lines| lines.concat())
                    }
                    Body::Otlp => otlp::request(origin, entries),
                };
                let body = body.ok_or_else(no_object)?;
                let posted = dial.post(path, headers, Bytes::from(body), ANSWER_BYTES_MAX).await;
                match posted?.0 {
                    status if status.is_success() => Ok(()),
                    status => Err(Trouble::Refused(status)),
                }
            }
            Self::Syslog { dial, format, connection } => {
                let frames: Option<Vec<Vec<u8>>> =
                    entries.iter().map(|entry| syslog::frame(*format, entry.index, &entry.bytes)).collect();
                let frames = frames.ok_or_else(no_object)?.concat();
                let open = match connection {
                    Some(open) => open,
                    None => connection.insert(Connection { stream: dial.connect().await?, written: 0 }),
                };
                open.written = open.written.saturating_add(entries.len() as u64);
                let written = async {
                    open.stream.write_all(&frames).await?;
                    open.stream.flush().await
                };
                written.await.map_err(|error| DialError::Unreachable(error.kind().to_string()).into())
            }
        }
    }
}

fn no_object() -> Trouble {
    Trouble::Disk("an entry is no JSON object".to_owned())
}

/// Where a target is in the log: its origin and the index that comes next, in a file.
#[derive(Debug, Clone)]
struct Cursor {
    path: PathBuf,
}

impl Cursor {
    /// 0 without a file, and in a log of another origin.
    fn read(&self, origin: &str) -> io::Result<u64> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(error),
        };
        let mut lines = text.lines();
        match (lines.next(), lines.next().and_then(|line| line.parse().ok())) {
            (Some(own), Some(next)) if own == origin => Ok(next),
            _ => Ok(0),
        }
    }

    /// Whole or not at all. A cursor that is lost with the machine costs entries that come twice.
    fn write(&self, origin: &str, next: u64) -> io::Result<()> {
        let unfinished = self.path.with_extension("new");
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = fs::File::create(&unfinished)?;
        file.write_all(format!("{origin}\n{next}\n").as_bytes())?;
        fs::rename(&unfinished, &self.path)
    }
}

#[cfg(test)]
mod tests;
