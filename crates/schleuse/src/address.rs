//! Binding listeners, and saying who is in the way.

use std::net::SocketAddr;

use tokio::net::TcpListener;

use crate::failure::Failure;

/// Ports that are tried one after another when nobody asked for a certain one.
const PORTS_TRIED_MAX: u16 = 20;

/// Binds exactly this address.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => Failure::new(format!("{address} is taken by another program"))
            .next("stop it, or choose another address with `--listen`"),
        std::io::ErrorKind::PermissionDenied => {
            Failure::new(format!("{address} may not be used: {error}")).next("ports below 1024 need root")
        }
        _ => Failure::new(format!("cannot listen on {address}: {error}")),
    })
}

/// Binds this address or one of the ports behind it. Returns the taken ones too.
pub async fn bind_near(address: SocketAddr) -> Result<(TcpListener, Vec<SocketAddr>), Failure> {
    let mut taken = Vec::new();
    let mut candidate = address;
    for _ in 0..PORTS_TRIED_MAX {
        match TcpListener::bind(candidate).await {
            Ok(listener) => return Ok((listener, taken)),
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
                taken.push(candidate);
                candidate.set_port(candidate.port().saturating_add(1));
            }
            Err(error) => return Err(Failure::new(format!("cannot listen on {candidate}: {error}"))),
        }
    }
    Err(Failure::new(format!("{address} and the {PORTS_TRIED_MAX} ports behind it are taken"))
        .next("choose a free address with `--listen`"))
}
