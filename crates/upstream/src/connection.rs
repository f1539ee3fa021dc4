//! One way to a model server for one question: an HTTP/1.1 connection, of which a few wait for the next question, or a
//! stream of a connector's.
//!
//! A connection has no task of its own: whoever waits for the answer drives it. So dropping the answer closes
//! the socket in the same moment, a slow reader slows the server down, and an event crosses no thread.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use crate::answer::describe;
use crate::carrier::{CarriedBody, Carrier, CarryError};
use crate::target::Dial;

/// For the status line and all headers of an answer together, in bytes.
const HEAD_BYTES_MAX: usize = 64 * 1024;
const HEADERS_MAX: usize = 100;
/// Also the most that one piece of an answer can have, in bytes.
const BUFFER_BYTES_MAX: usize = 128 * 1024;

/// Shorter than the 5 s after which uvicorn, vLLM's server, closes an idle connection: a question should not meet
/// a connection that is about to close.
const IDLE_MAX: Duration = Duration::from_secs(3);
const IDLE_CONNECTIONS_MAX: usize = 64;

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

type Io = TokioIo<Box<dyn Stream>>;

pub(crate) enum Connection {
    Direct(Box<Direct>),
    Carried(Carried),
}

/// A connection of our own.
pub(crate) struct Direct {
    sender: http1::SendRequest<Full<Bytes>>,
    driver: http1::Connection<Io, Full<Bytes>>,
    is_finished: bool,
}

/// A stream over somebody else's, one for each question.
pub(crate) struct Carried {
    carrier: Arc<dyn Carrier>,
    connector: String,
}

/// What is known before the first connection: how to encrypt, and who carries.
pub(crate) struct Means {
    pub(crate) tls: Option<Arc<ClientConfig>>,
    pub(crate) carrier: Option<Arc<dyn Carrier>>,
}

/// The body of an answer, whichever way it comes.
pub(crate) enum AnswerBody {
    Direct(Incoming),
    Carried(CarriedBody),
}

impl AnswerBody {
    /// The least that it has, in bytes.
    pub(crate) fn bytes_min(&self) -> u64 {
        match self {
            Self::Direct(body) => body.size_hint().lower(),
            Self::Carried(body) => body.size_hint().lower(),
        }
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, String>>> {
        match self {
            Self::Direct(body) => {
                Pin::new(body).poll_frame(cx).map(|frame| frame.map(|frame| frame.map_err(|e| describe(&e))))
            }
            Self::Carried(body) => {
                body.as_mut().poll_frame(cx).map(|frame| frame.map(|frame| frame.map_err(|e| e.to_string())))
            }
        }
    }
}

/// Why a question got no answer.
pub(crate) enum SendError {
    /// Nothing of it was written; it may be sent elsewhere.
    Unsent(String),
    /// It was read, and nothing came back in time.
    TimedOut,
    /// It may have been read.
    Sent(String),
}

impl Connection {
    /// Resolves, connects, shakes hands. The error is a reason for people.
    pub(crate) async fn open(dial: &Dial, means: &Means) -> Result<Self, String> {
        let stream: Box<dyn Stream> = match dial {
            Dial::Connector { name } => {
                let carrier = means.carrier.as_ref().ok_or("this house has no connectors")?;
                return Ok(Self::Carried(Carried { carrier: Arc::clone(carrier), connector: name.clone() }));
            }
            Dial::Nowhere => return Err("nobody has said yet where it is".to_owned()),
            Dial::Unix { path } => Box::new(UnixStream::connect(path).await.map_err(|error| reason(&error))?),
            Dial::Tcp { host, port, tls: name } => {
                let stream = connect(host, *port).await?;
                match (name, &means.tls) {
                    (None, _) => Box::new(stream),
                    (Some(name), Some(tls)) => Box::new(
                        TlsConnector::from(Arc::clone(tls))
                            .connect(name.clone(), stream)
                            .await
                            .map_err(|error| format!("TLS: {error}"))?,
                    ),
                    (Some(_), None) => return Err("no certificate authorities are configured".to_owned()),
                }
            }
        };
        let (sender, driver) = http1::Builder::new()
            .max_headers(HEADERS_MAX)
            .max_header_size(HEAD_BYTES_MAX)
            .max_buf_size(BUFFER_BYTES_MAX)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| error.to_string())?;
        Ok(Self::Direct(Box::new(Direct { sender, driver, is_finished: false })))
    }

    /// Sends one request and waits for the head of its answer.
    pub(crate) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<AnswerBody>, SendError> {
        match self {
            Self::Direct(direct) => direct.send(request).await.map(|answer| answer.map(AnswerBody::Direct)),
            Self::Carried(Carried { carrier, connector }) => match carrier.send(connector, request).await {
                Ok(answer) => Ok(answer.map(AnswerBody::Carried)),
                Err(CarryError::Unsent { reason }) => Err(SendError::Unsent(reason)),
                Err(CarryError::TimedOut) => Err(SendError::TimedOut),
                Err(CarryError::Sent { reason }) => Err(SendError::Sent(reason)),
            },
        }
    }

    /// The next piece of `body`, which came over this connection. `None` at its proper end; an end before the
    /// announced length or before the last chunk is an error, given as a reason for people.
    pub(crate) async fn chunk(&mut self, body: &mut AnswerBody) -> Option<Result<Bytes, String>> {
        poll_fn(|cx| {
            loop {
                let frame = match body.poll_piece(cx) {
                    Poll::Ready(frame) => frame,
                    Poll::Pending => {
                        if let Self::Direct(direct) = self {
                            direct.drive(cx);
                        }
                        ready!(body.poll_piece(cx))
                    }
                };
                match frame.map(|frame| frame.map(Frame::into_data)) {
                    None => return Poll::Ready(None),
                    Some(Err(reason)) => return Poll::Ready(Some(Err(reason))),
                    Some(Ok(Ok(data))) => return Poll::Ready(Some(Ok(data))),
                    // Trailers say nothing that anybody here wants to know.
                    Some(Ok(Err(_trailers))) => {}
                }
            }
        })
        .await
    }

    /// Looks once, without waiting, whether the connection is open and free for a question. A stream of a connector's
    /// is for one question only.
    async fn is_free(&mut self) -> bool {
        let Self::Direct(direct) = self else { return false };
        poll_fn(|cx| {
            direct.drive(cx);
            Poll::Ready(())
        })
        .await;
        !direct.is_finished && direct.sender.is_ready()
    }
}

impl Direct {
    async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, SendError> {
        let mut answer = pin!(self.sender.try_send_request(request));
        let (driver, is_finished) = (&mut self.driver, &mut self.is_finished);
        poll_fn(move |cx| {
            if let Poll::Ready(answer) = answer.as_mut().poll(cx) {
                return Poll::Ready(answer);
            }
            drive(driver, is_finished, cx);
            answer.as_mut().poll(cx)
        })
        .await
        .map_err(|error| match error.message() {
            Some(_) => SendError::Unsent("closed at once".to_owned()),
            None => SendError::Sent(describe(&error.into_error())),
        })
    }

    fn drive(&mut self, cx: &mut Context<'_>) {
        drive(&mut self.driver, &mut self.is_finished, cx);
    }
}

/// Without Nagle's algorithm, which would hold a small question back for the server's delayed acknowledgement.
async fn connect(host: &str, port: u16) -> Result<TcpStream, String> {
    let stream = TcpStream::connect((host, port)).await.map_err(|error| reason(&error))?;
    stream.set_nodelay(true).map_err(|error| reason(&error))?;
    Ok(stream)
}

/// Lets the connection do what it can. What went wrong reaches whoever waits for the answer.
fn drive(driver: &mut http1::Connection<Io, Full<Bytes>>, is_finished: &mut bool, cx: &mut Context<'_>) {
    if !*is_finished {
        *is_finished = Pin::new(driver).poll(cx).is_ready();
    }
}

/// What the operating system said, in words and without its number.
fn reason(error: &std::io::Error) -> String {
    match error.raw_os_error() {
        Some(_) => error.kind().to_string(),
        None => error.to_string(),
    }
}

/// Open connections that wait for the next question; the one that was used last is used first.
#[derive(Default)]
pub(crate) struct IdleConnections {
    idle: Mutex<VecDeque<(Duration, Connection)>>,
}

impl IdleConnections {
    /// A connection that is still open as far as this side can know. `now` is monotonic.
    pub(crate) async fn take(&self, now: Duration) -> Option<Connection> {
        loop {
            self.close_old(now);
            let (_, mut connection) = self.lock().pop_back()?;
            if connection.is_free().await {
                return Some(connection);
            }
        }
    }

    /// Keeps the connection when another question can be sent over it, closes it otherwise.
    pub(crate) async fn give(&self, now: Duration, mut connection: Connection) {
        if connection.is_free().await {
            let mut idle = self.lock();
            if idle.len() < IDLE_CONNECTIONS_MAX {
                idle.push_back((now, connection));
            }
        }
    }

    pub(crate) fn close_old(&self, now: Duration) {
        let mut idle = self.lock();
        while idle.front().is_some_and(|(since, _)| now.saturating_sub(*since) >= IDLE_MAX) {
            idle.pop_front();
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(Duration, Connection)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn small_writes_are_not_held_back() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(super::connect("127.0.0.1", port).await.unwrap().nodelay().unwrap());
    }
}
