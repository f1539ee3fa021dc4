//! A model server for tests, on a free port of this machine or on a Unix socket.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::recording::{head_length, header, parse_head};
use crate::script::{Reply, Script, Then};

/// Speaks HTTP/1.1 by hand, so that what it writes is what was recorded or scripted, chunk by chunk. Stops when it
/// is dropped, and closes every connection then.
pub struct FakeUpstream {
    url: String,
    state: Arc<State>,
    server: JoinHandle<()>,
}

/// A request as it came over the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub method: String,
    /// With its query.
    pub path: String,
    /// Names in lower case, in the order of the wire.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// The body as JSON; `null` when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    #[cfg(test)]
    pub(crate) fn post(path: &str, body: &[u8]) -> Self {
        Self { method: "POST".into(), path: path.into(), headers: Vec::new(), body: body.into() }
    }
}

/// What a fake model server is to be; [`FakeUpstreamBuilder::start`] makes it.
#[derive(Debug, Default)]
pub struct FakeUpstreamBuilder {
    models: Vec<String>,
    scripts: Scripts,
    port: u16,
    unix: Option<PathBuf>,
}

/// For each path the scripts that are still to come; the last one stays.
type Scripts = HashMap<String, VecDeque<Script>>;
/// In place of a path: all POST requests whose path has no script of its own.
const QUESTIONS: &str = "";

impl FakeUpstreamBuilder {
    /// What it lists and accepts; `tiny` if nothing is said. Recorded answers name `tiny` whatever is listed.
    #[must_use]
    pub fn models(mut self, models: &[&str]) -> Self {
        self.models = models.iter().map(|&model| model.to_owned()).collect();
        self
    }

    /// What it does with every POST request. [`Script::Recorded`] if nothing is said.
    #[must_use]
    pub fn script(self, script: Script) -> Self {
        self.scripts_in_turn(vec![script])
    }

    /// What it does with the first POST request, the second, and so on; the last script is kept up.
    #[must_use]
    pub fn scripts_in_turn(mut self, scripts: Vec<Script>) -> Self {
        self.scripts.insert(QUESTIONS.to_owned(), scripts.into());
        self
    }

    /// What it does with requests of any method for one path, such as `/health`.
    #[must_use]
    pub fn script_at(mut self, path: &str, script: Script) -> Self {
        self.scripts.insert(path.to_owned(), VecDeque::from([script]));
        self
    }

    /// A port of 127.0.0.1 instead of a free one.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// A Unix socket instead of a port. The path must be free; it is not removed afterwards.
    #[must_use]
    pub fn unix(mut self, path: impl Into<PathBuf>) -> Self {
        self.unix = Some(path.into());
        self
    }

    /// Listens, and serves until the returned value is dropped.
    pub async fn try_start(mut self) -> std::io::Result<FakeUpstream> {
        if self.models.is_empty() {
            self.models.push("tiny".to_owned());
        }
        let state = Arc::new(State {
            models: self.models,
            scripts: Mutex::new(self.scripts),
            requests: Mutex::default(),
            counts: watch::Sender::default(),
        });
        let (url, listener) = match self.unix {
            Some(path) => (format!("unix:{}", path.display()), Listener::Unix(UnixListener::bind(path)?)),
            None => {
                let listener = TcpListener::bind(("127.0.0.1", self.port)).await?;
                (format!("http://{}", listener.local_addr()?), Listener::Tcp(listener))
            }
        };
        #[expect(clippy::disallowed_methods, reason = "lives no longer than its handle, which aborts it")]
        let server = tokio::spawn(serve(listener, Arc::clone(&state)));
        Ok(FakeUpstream { url, state, server })
    }

    /// [`Self::try_start`] for tests, which cannot go on without it.
    #[expect(clippy::expect_used, reason = "a test that cannot listen has failed")]
    pub async fn start(self) -> FakeUpstream {
        self.try_start().await.expect("a fake upstream can listen on this machine")
    }
}

impl FakeUpstream {
    pub fn builder() -> FakeUpstreamBuilder {
        FakeUpstreamBuilder::default()
    }

    /// Replays the recordings on a free port of 127.0.0.1.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// `http://127.0.0.1:PORT` or `unix:/path`, as the configuration wants it.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Everything that was asked so far, health checks and lists of models included.
    pub fn requests(&self) -> Vec<Seen> {
        lock(&self.state.requests).clone()
    }

    /// The POST requests so far.
    pub fn questions(&self) -> Vec<Seen> {
        self.requests().into_iter().filter(|seen| seen.method == "POST").collect()
    }

    /// How many askers left before their answer was written, or while it hung.
    pub fn aborted(&self) -> usize {
        self.state.counts.borrow().aborted
    }

    /// How many pieces of answers were written so far, all answers together; a head is one of them.
    pub fn pieces(&self) -> usize {
        self.state.counts.borrow().pieces
    }

    /// How many connections were accepted so far.
    pub fn connections(&self) -> usize {
        self.state.counts.borrow().connections
    }

    /// Waits until that many POST requests have arrived whole. False when they have not `within` that time.
    pub async fn wait_for_questions(&self, count: usize, within: Duration) -> bool {
        self.wait(within, |counts| counts.questions >= count).await
    }

    /// The same for requests of every method.
    pub async fn wait_for_requests(&self, count: usize, within: Duration) -> bool {
        self.wait(within, |counts| counts.requests >= count).await
    }

    /// The same for connections that this side has closed after what it had to say.
    pub async fn wait_for_closed(&self, count: usize, within: Duration) -> bool {
        self.wait(within, |counts| counts.closed >= count).await
    }

    /// Waits until that many askers have left. False when they have not `within` that time.
    pub async fn wait_for_aborts(&self, count: usize, within: Duration) -> bool {
        self.wait(within, |counts| counts.aborted >= count).await
    }

    /// From now on, for every POST request.
    pub fn set_script(&self, script: Script) {
        self.set_script_at(QUESTIONS, script);
    }

    /// From now on, for one path.
    pub fn set_script_at(&self, path: &str, script: Script) {
        lock(&self.state.scripts).insert(path.to_owned(), VecDeque::from([script]));
    }

    /// Stops, and returns when nobody listens any more and every connection is closed.
    pub async fn stop(mut self) {
        self.server.abort();
        // Aborted on purpose; the error says so.
        let _ = (&mut self.server).await;
    }

    async fn wait(&self, within: Duration, reached: impl Fn(&Counts) -> bool) -> bool {
        let mut counts = self.state.counts.subscribe();
        tokio::time::timeout(within, counts.wait_for(|counts| reached(counts)))
            .await
            .is_ok_and(|seen| seen.is_ok())
    }
}

impl Drop for FakeUpstream {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl fmt::Debug for FakeUpstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeUpstream").field("url", &self.url).finish_non_exhaustive()
    }
}

struct State {
    models: Vec<String>,
    scripts: Mutex<Scripts>,
    requests: Mutex<Vec<Seen>>,
    counts: watch::Sender<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    connections: usize,
    closed: usize,
    requests: usize,
    questions: usize,
    pieces: usize,
    aborted: usize,
}

impl State {
    fn script_for(&self, seen: &Seen) -> Script {
        let mut scripts = lock(&self.scripts);
        let path = seen.path.split('?').next().unwrap_or_default();
        let key = match scripts.contains_key(path) {
            true => path,
            false if seen.method == "POST" => QUESTIONS,
            false => return Script::Recorded,
        };
        let Some(queue) = scripts.get_mut(key) else { return Script::Recorded };
        match queue.len() {
            0 | 1 => queue.front().cloned(),
            _ => queue.pop_front(),
        }
        .unwrap_or(Script::Recorded)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Listener {
    async fn accept(&self) -> std::io::Result<Box<dyn Stream>> {
        Ok(match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Box::new(stream)
            }
            Self::Unix(listener) => Box::new(listener.accept().await?.0),
        })
    }
}

async fn serve(listener: Listener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok(stream) = accepted {
                    state.counts.send_modify(|counts| counts.connections += 1);
                    connections.spawn(converse(stream, Arc::clone(&state)));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse(mut stream: Box<dyn Stream>, state: Arc<State>) {
    let mut buffer = Vec::new();
    while let Some(seen) = read_request(&mut stream, &mut buffer).await {
        let reply = Reply::make(&state.script_for(&seen), &seen, &state.models);
        let is_question = seen.method == "POST";
        lock(&state.requests).push(seen);
        state.counts.send_modify(|counts| {
            counts.requests += 1;
            counts.questions += usize::from(is_question);
        });
        match write_reply(&mut stream, &mut buffer, reply, &state).await {
            Ok(Then::KeepOpen) => {}
            Ok(_) => break,
            Err(AskerLeft) => {
                state.counts.send_modify(|counts| counts.aborted += 1);
                return;
            }
        }
    }
    // Nothing can be done about an error here; the asker sees the end either way.
    let _ = stream.shutdown().await;
    drop(stream);
    state.counts.send_modify(|counts| counts.closed += 1);
}

/// The next request; `None` when the asker has closed, or sends what is none.
async fn read_request(stream: &mut Box<dyn Stream>, buffer: &mut Vec<u8>) -> Option<Seen> {
    let length = loop {
        if let Some(length) = head_length(buffer) {
            break length;
        }
        read_more(stream, buffer).await?;
    };
    let head: Vec<u8> = buffer.drain(..length).collect();
    let (line, headers) = parse_head(&head).ok()?;
    let mut words = line.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let body_length: usize =
        header(&headers, "content-length").map_or(Some(0), |digits| digits.parse().ok())?;
    while buffer.len() < body_length {
        read_more(stream, buffer).await?;
    }
    let body = buffer.drain(..body_length).collect();
    Some(Seen { method, path, headers, body })
}

async fn read_more(stream: &mut Box<dyn Stream>, buffer: &mut Vec<u8>) -> Option<()> {
    match stream.read_buf(buffer).await {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(()),
    }
}

struct AskerLeft;

async fn write_reply(
    stream: &mut Box<dyn Stream>,
    buffer: &mut Vec<u8>,
    reply: Reply,
    state: &State,
) -> Result<Then, AskerLeft> {
    // Each piece is due by the clock and not after the one before it was written, or the whole would be slower than it was told to be.
    let mut due = tokio::time::Instant::now();
    for (pause, piece) in reply.pieces {
        if !pause.is_zero() {
            due += pause;
            tokio::select! {
                () = tokio::time::sleep_until(due) => {}
                () = leaving(stream, buffer) => return Err(AskerLeft),
            }
        }
        stream.write_all(&piece).await.map_err(|_| AskerLeft)?;
        stream.flush().await.map_err(|_| AskerLeft)?;
        state.counts.send_modify(|counts| counts.pieces += 1);
    }
    if reply.then == Then::Hang {
        leaving(stream, buffer).await;
        return Err(AskerLeft);
    }
    Ok(reply.then)
}

/// Ready when the asker has closed. What else arrives is kept for the next request.
async fn leaving(stream: &mut Box<dyn Stream>, buffer: &mut Vec<u8>) {
    while read_more(stream, buffer).await.is_some() {}
}

#[cfg(test)]
mod tests {
    use super::{FakeUpstream, Script};
    use crate::{End, recording};
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpStream, UnixStream};

    fn request(body: &str) -> String {
        format!(
            "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    const STREAM: &str = r#"{"model":"tiny","messages":[{"role":"user","content":"Grüße"}],"stream":true}"#;

    /// What comes back until the server closes.
    async fn ask(fake: &FakeUpstream, body: &str) -> String {
        let address = fake.url().strip_prefix("http://").unwrap().to_owned();
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request(body).as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    async fn check(script: Script, body: &str, expected: &str) {
        let fake = FakeUpstream::builder().script(script).start().await;
        assert_eq!(ask(&fake, body).await, expected);
    }

    #[tokio::test]
    async fn a_recording_is_replayed_byte_for_byte() {
        let fake = FakeUpstream::start().await;
        let recorded = recording("03-chat-stream").unwrap();
        let answer = ask(&fake, std::str::from_utf8(&recorded.request.body).unwrap()).await;
        assert_eq!(answer.into_bytes(), recorded.response.wire_pieces().concat());
        let seen = fake.requests();
        assert_eq!(seen.len(), 1);
        assert_eq!(
            (seen[0].method.as_str(), seen[0].body.as_slice()),
            ("POST", recorded.request.body.as_slice())
        );
        assert_eq!(seen[0].header("host"), Some("x"));
        assert_eq!(seen[0].json()["model"], "tiny");
    }

    #[tokio::test]
    async fn scripted_streams_end_as_told() {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n";
        let sse = |end| Script::Sse { chunks: vec![(Duration::ZERO, "data: 1\n\n".into())], end };
        check(sse(End::Cut), STREAM, &format!("{head}9\r\ndata: 1\n\n\r\n")).await;
        check(sse(End::NoDone), STREAM, &format!("{head}9\r\ndata: 1\n\n\r\n0\r\n\r\n")).await;
        check(
            sse(End::Clean),
            STREAM,
            &format!("{head}9\r\ndata: 1\n\n\r\ne\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"),
        )
        .await;
        check(Script::Raw(b"nonsense".into()), STREAM, "nonsense").await;
        check(
            Script::json(429, "{}").with_header("retry-after", "7"),
            STREAM,
            "HTTP/1.1 429 Scripted\r\ncontent-type: application/json\r\nretry-after: 7\r\ncontent-length: 2\r\n\r\n{}",
        )
        .await;
    }

    #[tokio::test]
    async fn an_echo_says_what_the_asker_said() {
        let fake = FakeUpstream::builder().script(Script::echo(2)).start().await;
        let streamed = ask(&fake, STREAM).await;
        let said: String = streamed
            .lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line.strip_prefix("data: ")?).ok())
            .filter_map(|event| event["choices"][0]["delta"]["content"].as_str().map(str::to_owned))
            .collect();
        assert_eq!(said, "Grüße");
        assert!(
            streamed.contains(r#""content":"Gr""#) && streamed.contains(r#""content":"ü""#),
            "{streamed}"
        );
        let whole = ask(&fake, &STREAM.replace(r#","stream":true"#, "")).await;
        assert!(whole.contains(r#""content":"Grüße""#), "{whole}");
    }

    #[tokio::test]
    async fn an_asker_who_leaves_is_counted() {
        let fake = FakeUpstream::builder().script(Script::Hang).start().await;
        let address = fake.url().strip_prefix("http://").unwrap().to_owned();
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request(STREAM).as_bytes()).await.unwrap();
        assert!(fake.wait_for_questions(1, Duration::from_secs(10)).await);
        assert_eq!(fake.aborted(), 0);
        drop(stream);
        assert!(fake.wait_for_aborts(1, Duration::from_secs(10)).await);
    }

    #[tokio::test]
    async fn scripts_come_in_turn_and_the_last_one_stays() {
        let scripts = vec![Script::status(500), Script::status(429)];
        let fake = FakeUpstream::builder().scripts_in_turn(scripts).start().await;
        for status in ["500", "429", "429"] {
            assert!(ask(&fake, STREAM).await.starts_with(&format!("HTTP/1.1 {status}")));
        }
        fake.set_script(Script::status(503));
        assert!(ask(&fake, STREAM).await.starts_with("HTTP/1.1 503"));
        assert_eq!((fake.connections(), fake.questions().len()), (4, 4));
    }

    #[tokio::test]
    async fn a_unix_socket_serves_as_well() {
        let path = std::env::temp_dir().join(format!("schleuse-testkit-{}.sock", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let fake = FakeUpstream::builder().unix(&path).start().await;
        assert_eq!(fake.url(), format!("unix:{}", path.display()));
        let mut stream = UnixStream::connect(&path).await.unwrap();
        stream.write_all(b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer, recording("01-models").unwrap().response.wire_pieces().concat());
        std::fs::remove_file(&path).unwrap();
    }
}
