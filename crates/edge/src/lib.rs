//! The outside face: TLS, HTTP, the pages; hands an `Arrival` to an `Exchange`.
//!
//! The edge is trusted with nothing. It checks no credential and stores no byte; it turns HTTP into an [`Arrival`] with
//! the few headers that mean something inside, and a [`Reply`] back into HTTP.
//!
//! [`Arrival`]: schleuse_wire::Arrival
//! [`Reply`]: schleuse_wire::Reply

mod arrival;
mod pages;
mod reply;
mod server;
mod tls;

pub use pages::FrontDesk;
pub use server::{Edge, Limits, Service, SimpleReply};
pub use tls::{TlsError, server_config};
