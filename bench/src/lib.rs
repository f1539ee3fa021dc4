//! What `./x bench` measures with: a floor (the least that a proxy on hyper can do), a mock model server that costs next to
//! nothing, a load that counts what a process spent per request and per event, and one that counts the tokens of an engine. They
//! speak plain HTTP/1.1 on the loopback interface, or on a Unix socket, and nowhere else.
#![expect(
    clippy::disallowed_methods,
    reason = "measuring is about the real clock, and nothing here outlives the run"
)]

pub mod flags;
pub mod process;

use hyper_util::rt::TokioIo;
use std::net::{Ipv4Addr, SocketAddr};
use tokio::net::{TcpListener, TcpStream};

/// Why a tool of the bench stopped.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Listens on a free port of the loopback interface and prints `listening on ADDRESS`, which the caller waits for.
///
/// # Errors
/// When no port can be had.
pub async fn listen() -> Result<TcpListener, Failure> {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    println!("listening on {}", listener.local_addr()?);
    Ok(listener)
}

/// Serves every connection with one service, until the process is ended.
///
/// # Errors
/// When accepting fails.
pub async fn serve<S, B>(listener: TcpListener, service: impl Fn() -> S) -> Result<(), Failure>
where
    S: hyper::service::Service<
            hyper::Request<hyper::body::Incoming>,
            Response = hyper::Response<B>,
            Error: Into<Failure>,
            Future: Send + 'static,
        > + Send
        + 'static,
    B: hyper::body::Body<Data: Send, Error: Into<Failure>> + Send + 'static,
{
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let service = service();
        tokio::spawn(async move {
            // A client that leaves in the middle is nothing to tell.
            drop(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await,
            );
        });
    }
}

/// A client connection that is kept alive.
///
/// # Errors
/// When the address does not answer.
pub async fn connect<B>(address: SocketAddr) -> Result<hyper::client::conn::http1::SendRequest<B>, Failure>
where
    B: hyper::body::Body<Data: Send, Error: Into<Failure>> + Send + 'static,
{
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}
