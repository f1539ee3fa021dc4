//! The witness's face: one `POST`, and a page for whoever looks.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use schleuse_tlog::{SUBMISSION_BYTES_MAX, SubmissionRefusal};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::{Witness, WitnessRefusal};

/// Connections at one time; more wait to be taken.
const CONNECTIONS_MAX: usize = 64;
/// For the head of a request, and for its body.
const PATIENCE: Duration = Duration::from_secs(10);
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Answers `POST /add-checkpoint` until `until` comes to its end; what is being answered then has ten seconds.
///
/// Plain HTTP, because everything that is sent either way is signed and nothing of it is secret.
pub async fn serve_witness(witness: Arc<Witness>, listener: TcpListener, until: impl Future<Output = ()>) {
    let mut connections = JoinSet::new();
    let mut until = pin!(until);
    loop {
        tokio::select! {
            () = &mut until => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(Arc::clone(&witness), stream));
                }
                // Such as too many open files: others may end meanwhile.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
        }
    }
    drop(listener);
    let ended = async { while connections.join_next().await.is_some() {} };
    // Whoever keeps a connection open without asking is not waited for longer.
    let _ = tokio::time::timeout(Duration::from_secs(1), ended).await;
}

async fn connection(witness: Arc<Witness>, stream: TcpStream) {
    let answer = service_fn(|request: Request<Incoming>| {
        let witness = Arc::clone(&witness);
        async move { Ok::<_, Infallible>(answer(witness, request).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), answer)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection to the witness broke");
    }
}

async fn answer(witness: Arc<Witness>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    match (request.method(), request.uri().path()) {
        (&Method::POST, "/add-checkpoint") => {}
        (&Method::GET | &Method::HEAD, "/") => return about(&witness),
        (_, "/add-checkpoint" | "/") => return plain(StatusCode::METHOD_NOT_ALLOWED, "method not allowed\n"),
        _ => return plain(StatusCode::NOT_FOUND, "not found\n"),
    }
    let body = Limited::new(request.into_body(), SUBMISSION_BYTES_MAX).collect();
    let body = match tokio::time::timeout(PATIENCE, body).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(_)) => return plain(StatusCode::BAD_REQUEST, "the request is too long or was cut off\n"),
        Err(_) => return plain(StatusCode::REQUEST_TIMEOUT, "the request took too long\n"),
    };
    let Ok(body) = String::from_utf8(body.to_vec()) else {
        return refusal(WitnessRefusal::Protocol(SubmissionRefusal::Malformed));
    };
    match tokio::task::spawn_blocking(move || witness.add_checkpoint(&body)).await {
        Ok(Ok(line)) => plain(StatusCode::OK, &line),
        Ok(Err(refused)) => refusal(refused),
        Err(_) => refusal(WitnessRefusal::Broken),
    }
}

fn refusal(refused: WitnessRefusal) -> Response<Full<Bytes>> {
    match refused {
        WitnessRefusal::Protocol(SubmissionRefusal::Conflict { size }) => {
            let mut answer = plain(StatusCode::CONFLICT, &format!("{size}\n"));
            let kind = HeaderValue::from_static("text/x.tlog.size");
            answer.headers_mut().insert(header::CONTENT_TYPE, kind);
            answer
        }
        WitnessRefusal::Protocol(refused) => {
            let status = StatusCode::from_u16(refused.status()).unwrap_or(StatusCode::BAD_REQUEST);
            plain(status, &format!("{refused}\n"))
        }
        WitnessRefusal::Broken => {
            plain(StatusCode::SERVICE_UNAVAILABLE, "the witness cannot keep checkpoints at the moment\n")
        }
    }
}

/// Name and key, and how far it has seen each log.
fn about(witness: &Witness) -> Response<Full<Bytes>> {
    let mut text = format!("{}\n", witness.verifier());
    for (origin, size) in witness.last() {
        text.push_str(&format!("{origin} {size}\n"));
    }
    plain(StatusCode::OK, &text)
}

fn plain(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(Bytes::copy_from_slice(text.as_bytes())));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
