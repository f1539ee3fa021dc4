use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use schleuse_types::Secret;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::{AccessError, BODY_BYTES_MAX, DirectAccess, IssuerAccess};
use crate::issuers::fake::config;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
    (listener, url)
}

/// Reads one request, as far as its form reaches, and gives this answer.
async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: &[u8]) -> String {
    let mut request = Vec::new();
    while !is_whole(&request) {
        let mut piece = [0; 4096];
        match stream.read(&mut piece).await {
            Ok(0) | Err(_) => break,
            Ok(length) => request.extend_from_slice(&piece[..length]),
        }
    }
    // A client that has heard enough closes while this is still being written.
    drop(stream.write_all(answer).await);
    drop(stream.shutdown().await);
    String::from_utf8(request).unwrap()
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8(request.to_vec()).unwrap();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}

fn access() -> DirectAccess {
    DirectAccess::new(&[config("a", "https://a.example")])
}

/// What the house makes of this answer.
async fn check(text: &str, expected: Result<&str, AccessError>) {
    let (listener, url) = listen().await;
    let access = access();
    let served = async { answer(listener.accept().await.unwrap().0, text.as_bytes()).await };
    let (got, _) = tokio::join!(access.get("a", &url), served);
    assert_eq!(got, expected.map(|body| Bytes::from(body.to_owned())));
}

fn status(status: u16, error: Option<&str>) -> AccessError {
    AccessError::Status { status, error: error.map(str::to_owned) }
}

#[tokio::test]
async fn only_whole_answers_with_200_are_taken() {
    check(OK, Ok("{}")).await;
    check("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", Err(status(404, None))).await;
    check("HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n{}", Err(status(201, None))).await;
    let elsewhere = "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
    check(elsewhere, Err(status(302, None))).await;
    let refused = |body: &str| format!("HTTP/1.1 400 Bad\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    check(&refused(r#"{"error":"invalid_grant"}"#), Err(status(400, Some("invalid_grant")))).await;
    check(&refused(r#"{"error":"a b"}"#), Err(status(400, None))).await;
    check(&refused(r#"{"error":7}"#), Err(status(400, None))).await;
    check(&refused("<html>"), Err(status(400, None))).await;
    let cut = |error: &AccessError| matches!(error, AccessError::Unreachable(_));
    for text in
        ["HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}", "HTTP/1.1 200 OK\r\n", "nonsense\r\n\r\n", ""]
    {
        let (listener, url) = listen().await;
        let access = access();
        let served = async { answer(listener.accept().await.unwrap().0, text.as_bytes()).await };
        let (got, _) = tokio::join!(access.get("a", &url), served);
        assert!(got.as_ref().is_err_and(cut), "{text}: {got:?}");
    }
}

#[tokio::test]
async fn long_answers_are_refused() {
    let body = "x".repeat(BODY_BYTES_MAX + 1);
    let announced = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    check(&announced, Err(AccessError::TooLarge)).await;
    let chunked = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
        body.len()
    );
    check(&chunked, Err(AccessError::TooLarge)).await;
    let just = body.strip_prefix('x').unwrap();
    let whole = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{just}", just.len());
    check(&whole, Ok(just)).await;
    let (listener, url) = listen().await;
    let head = format!("HTTP/1.1 200 OK\r\nx: {}\r\ncontent-length: 2\r\n\r\n{{}}", "x".repeat(40_000));
    let (access, served) =
        (access(), async { answer(listener.accept().await.unwrap().0, head.as_bytes()).await });
    let (got, _) = tokio::join!(access.get("a", &url), served);
    assert!(matches!(got, Err(AccessError::Unreachable(_))), "{got:?}");
}

#[tokio::test(start_paused = true)]
async fn a_silent_provider_is_given_up() {
    let (listener, url) = listen().await;
    let access = access();
    let silent = async {
        let held = listener.accept().await.unwrap();
        std::future::pending::<()>().await;
        drop(held);
    };
    tokio::select! {
        got = access.get("a", &url) => assert_eq!(got, Err(AccessError::TimedOut)),
        () = silent => {}
    }
}

#[tokio::test]
async fn a_form_is_sent_with_basic_authentication() {
    let (listener, url) = listen().await;
    let url = format!("{url}/token?x=1");
    let secret = |text: &str| Secret::new(text.to_owned());
    let fields = vec![("code".to_owned(), secret("a&b=c")), ("grant_type".to_owned(), secret("x"))];
    let access = access();
    let asked = access.post_form("a", &url, fields, Some(("Aladdin".to_owned(), secret("open sesame"))));
    let served = async { answer(listener.accept().await.unwrap().0, OK.as_bytes()).await };
    let (got, request) = tokio::join!(asked, served);
    assert_eq!(got, Ok(Bytes::from("{}")));
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, "code=a%26b%3Dc&grant_type=x");
    assert!(head.starts_with("POST /token?x=1 HTTP/1.1\r\n"), "{head}");
    // The example of RFC 7617 section 2.
    for line in [
        "authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
        "content-type: application/x-www-form-urlencoded",
        "accept: application/json",
        &format!("host: 127.0.0.1:{}", listener.local_addr().unwrap().port()),
    ] {
        assert!(head.lines().any(|present| present == line), "{line} is not in {head}");
    }
}

#[tokio::test]
async fn plain_http_stays_on_this_machine() {
    for url in ["http://192.0.2.1/", "http://id.example/", "ftp://127.0.0.1/", "http://127.0.0.1@192.0.2.1/"]
    {
        let got = access().get("a", url).await;
        assert!(matches!(got, Err(AccessError::Forbidden(_))), "{url}: {got:?}");
    }
}

/// An authority, the file that holds it, and a server's certificate for these names.
struct Authority {
    file: PathBuf,
    server: Arc<ServerConfig>,
}

impl Authority {
    fn new(name: &str, hosts: &[&str], versions: &[&'static rustls::SupportedProtocolVersion]) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let hosts: Vec<_> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(hosts).unwrap().signed_by(&key, &authority).unwrap();
        let file = std::env::temp_dir().join(format!("schleuse-access-{}-{name}.pem", std::process::id()));
        std::fs::write(&file, authority.pem()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let server = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
            .unwrap();
        Self { file, server: Arc::new(server) }
    }

    /// What a house that trusts the authority in `file` makes of this server.
    async fn ask(&self, file: &Path, host: &str) -> Result<Bytes, AccessError> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{host}:{}/", listener.local_addr().unwrap().port());
        let mut config = config("a", "https://a.example");
        config.ca_file = Some(file.to_path_buf());
        let access = DirectAccess::new(&[config]);
        let served = async {
            let stream = listener.accept().await.unwrap().0;
            if let Ok(stream) = TlsAcceptor::from(Arc::clone(&self.server)).accept(stream).await {
                answer(stream, OK.as_bytes()).await;
            }
            // The client has the last word, also where it never comes.
            std::future::pending().await
        };
        tokio::select! {
            got = access.get("a", &url) => got,
            never = served => never,
        }
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.file));
    }
}

#[tokio::test]
async fn a_provider_is_trusted_by_its_own_authority_name_and_version() {
    let new = [&rustls::version::TLS13];
    let right = Authority::new("right", &["localhost"], &new);
    let other = Authority::new("other", &["localhost"], &new);
    let misnamed = Authority::new("misnamed", &["id.example"], &new);
    let old = Authority::new("old", &["localhost"], &[&rustls::version::TLS12]);
    assert_eq!(right.ask(&right.file, "localhost").await, Ok(Bytes::from("{}")));
    let refused = [
        right.ask(&other.file, "localhost").await,
        misnamed.ask(&misnamed.file, "localhost").await,
        old.ask(&old.file, "localhost").await,
        right.ask(Path::new("/nonexistent/ca.pem"), "localhost").await,
    ];
    for got in refused {
        assert!(matches!(&got, Err(AccessError::Unreachable(_))), "{got:?}");
    }
    for url in ["https://localhost:1/", "http://127.0.0.1:1/"] {
        let unknown = access().get("b", url).await;
        assert_eq!(unknown, Err(AccessError::Forbidden("no such issuer is configured".to_owned())));
    }
}
