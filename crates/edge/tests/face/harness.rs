//! An edge in front of an exchange that says what it heard.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use schleuse_edge::{Edge, FrontDesk, Limits, Service, server_config};
use schleuse_wire::{Arrival, Credential, Exchange, Exchanged, Reply, ReplyBody};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub(crate) struct Face {
    address: std::net::SocketAddr,
    tls: Option<tokio_rustls::TlsConnector>,
    echo: Arc<Echo>,
    _stop: tokio_util::sync::DropGuard,
}

impl Face {
    pub(crate) async fn plain() -> Self {
        Self::start(Desk::default(), false).await
    }

    pub(crate) async fn named(hosts: &[&str]) -> Self {
        let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        Self::start(Desk { hosts, ..Desk::default() }, false).await
    }

    pub(crate) async fn tls() -> Self {
        Self::start(Desk::default(), true).await
    }

    /// Plain, behind a proxy that speaks TLS.
    pub(crate) async fn behind_tls() -> Self {
        Self::start(Desk { is_behind_tls: true, ..Desk::default() }, false).await
    }

    async fn start(desk: Desk, is_tls: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (server, client) = if is_tls { certificate() } else { (None, None) };
        let echo = Arc::new(Echo { events: mpsc::channel(1).0.into() });
        let edge = Edge {
            listener,
            tls: server,
            service: Service::House { exchange: echo.clone(), desk: Arc::new(desk) },
            limits: Limits { head_timeout: Duration::from_secs(2), ..Limits::default() },
        };
        let stop = CancellationToken::new();
        #[expect(clippy::disallowed_methods, reason = "a test without a shutdown to drain")]
        tokio::spawn(edge.run(stop.clone(), stop.clone()));
        Self { address, tls: client, echo, _stop: stop.drop_guard() }
    }

    /// Sends these bytes and nothing more, and reads one whole answer.
    pub(crate) async fn say(&self, bytes: &str) -> Answer {
        self.talk(bytes, is_whole).await
    }

    /// Sends these bytes and nothing more, and reads until the edge hangs up.
    pub(crate) async fn say_all(&self, bytes: &str) -> Answer {
        self.talk(bytes, |_, _| false).await
    }

    async fn talk(&self, bytes: &str, is_enough: fn(&str, &str) -> bool) -> Answer {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let said = match &self.tls {
            None => talk(stream, bytes, is_enough).await,
            Some(connector) => {
                let name = "house.test".try_into().unwrap();
                talk(connector.connect(name, stream).await.unwrap(), bytes, is_enough).await
            }
        };
        // An interim answer comes before the real one.
        let text = said.strip_prefix(CONTINUE).unwrap_or(&said).to_owned();
        let status = text.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(0);
        Answer { status, text }
    }

    /// Waits until the reader of the last events that were sent is gone.
    pub(crate) async fn events_were_dropped(&self) -> bool {
        let events = self.echo.events.lock().unwrap().clone();
        tokio::time::timeout(Duration::from_secs(5), events.closed()).await.is_ok()
    }
}

const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";

async fn talk(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    bytes: &str,
    is_enough: fn(&str, &str) -> bool,
) -> String {
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let mut text = String::new();
    while !is_enough(bytes, &text) {
        let mut piece = [0; 16 * 1024];
        let read = tokio::time::timeout(Duration::from_secs(20), stream.read(&mut piece)).await;
        match read.unwrap_or_else(|_| panic!("neither an answer nor an end after {bytes:?}: {text:?}")) {
            Ok(0) | Err(_) => break,
            Ok(count) => text.push_str(std::str::from_utf8(&piece[..count]).unwrap()),
        }
    }
    text
}

/// Whether one answer to `request` is there. Events have no end; their head is enough.
fn is_whole(request: &str, said: &str) -> bool {
    let said = said.strip_prefix(CONTINUE).unwrap_or(said);
    let Some((head, body)) = said.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    request.starts_with("HEAD ") || length.is_none_or(|length: usize| body.len() >= length)
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) text: String,
}

impl Answer {
    /// What arrived inside, or the status of what the edge said instead.
    pub(crate) fn heard(&self) -> Result<String, u16> {
        let at = self.text.find("{\"heard\":\"").ok_or(self.status)?;
        let heard = &self.text[at + "{\"heard\":\"".len()..];
        Ok(heard[..heard.find('"').unwrap()].to_owned())
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let head = self.text.split("\r\n\r\n").next()?;
        head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    pub(crate) fn body(&self) -> &str {
        self.text.split_once("\r\n\r\n").map_or("", |(_, body)| body)
    }
}

struct Echo {
    events: std::sync::Mutex<mpsc::Sender<Bytes>>,
}

impl Exchange for Echo {
    fn exchange(self: Arc<Self>, arrival: Arrival) -> Exchanged {
        Box::pin(async move { self.answer(arrival).await })
    }
}

impl Echo {
    async fn answer(&self, arrival: Arrival) -> Reply {
        let whole = |headers: &[(&'static str, &str)], status, body: &str| Reply {
            status,
            headers: headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
            body: ReplyBody::Whole(Bytes::from(body.to_owned())),
        };
        match arrival.path.as_str() {
            "/auth/set" => {
                let cookies = [("set-cookie", "a=1"), ("set-cookie", "b=2"), ("location", "/chat")];
                whole(&cookies, 303, "")
            }
            "/auth/split" => whole(&[("location", "/x\r\nset-cookie: a=1")], 303, ""),
            "/api/export" => {
                let attachment = ("content-disposition", "attachment; filename=\"audit.jsonl\"");
                whole(&[("content-type", "application/jsonl"), attachment], 200, "{}\n")
            }
            "/api/events" => {
                let (sender, receiver) = mpsc::channel(1);
                *self.events.lock().unwrap() = sender;
                Reply { status: 200, headers: Vec::new(), body: ReplyBody::Events(receiver) }
            }
            _ => whole(&[], 200, &format!("{{\"heard\":\"{}\"}}", describe(arrival).await)),
        }
    }
}

async fn describe(arrival: Arrival) -> String {
    let mut out = Vec::new();
    write!(out, "{:?} {}", arrival.method, arrival.path).unwrap();
    if let Some(query) = &arrival.query {
        write!(out, "?{query}").unwrap();
    }
    match &arrival.credential {
        Some(Credential::Bearer(key)) => write!(out, " bearer={}", key.expose()).unwrap(),
        Some(Credential::Session(token)) => write!(out, " session={}", token.expose()).unwrap(),
        None => {}
    }
    if let Some(sign_in) = &arrival.sign_in {
        write!(out, " sign-in={}", sign_in.expose()).unwrap();
    }
    if let Some(id) = &arrival.last_event_id {
        write!(out, " event={id}").unwrap();
    }
    if let Some(label) = &arrival.label {
        write!(out, " label={}", std::str::from_utf8(label).unwrap()).unwrap();
    }
    assert!(arrival.peer.is_loopback());
    match arrival.body.collect().await {
        Ok(body) => {
            let body = body.to_bytes();
            if !body.is_empty() {
                write!(out, " body={}", body.len()).unwrap();
            }
        }
        Err(_) => write!(out, " body=broken").unwrap(),
    }
    String::from_utf8(out).unwrap()
}

#[derive(Default)]
struct Desk {
    hosts: Vec<String>,
    is_behind_tls: bool,
}

impl FrontDesk for Desk {
    fn house(&self) -> String {
        "{\"name\":\"Test\"}".to_owned()
    }

    fn hosts(&self) -> &[String] {
        &self.hosts
    }

    fn is_behind_tls(&self) -> bool {
        self.is_behind_tls
    }
}

type Both = (Option<Arc<rustls::ServerConfig>>, Option<tokio_rustls::TlsConnector>);

/// A certificate for `house.test` that signs itself, and a client that trusts it.
fn certificate() -> Both {
    let made = rcgen::generate_simple_self_signed(vec!["house.test".to_owned()]).unwrap();
    let folder = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("edge-face");
    std::fs::create_dir_all(&folder).unwrap();
    let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let server = server_config(&certificate, &key).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (Some(server), Some(Arc::new(client).into()))
}
