//! The floor: the least that a reverse proxy on hyper 1.x can do. No authentication, no parsing, no log; bodies pass as they
//! come, one connection to the server behind for each connection in front. What Schleuse does on top of this is its price.

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use schleuse_bench::flags::Flags;
use schleuse_bench::{Failure, connect, listen, serve};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::Mutex;

type Sender = hyper::client::conn::http1::SendRequest<Incoming>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let flags = Flags::parse(std::env::args().skip(1), &["upstream"])?;
    let upstream: SocketAddr = flags.required("upstream")?;
    serve(listen().await?, move || {
        let kept: Arc<Mutex<Option<Sender>>> = Arc::default();
        service_fn(move |request| pass(request, upstream, Arc::clone(&kept)))
    })
    .await
}

async fn pass(
    request: Request<Incoming>,
    upstream: SocketAddr,
    kept: Arc<Mutex<Option<Sender>>>,
) -> Result<Response<Incoming>, Failure> {
    let mut kept = kept.lock().await;
    let mut sender = match kept.take() {
        Some(sender) if !sender.is_closed() => sender,
        _ => connect(upstream).await?,
    };
    sender.ready().await?;
    let response = sender.send_request(request).await?;
    *kept = Some(sender);
    Ok(response)
}
