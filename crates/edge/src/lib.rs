//! The outside face: TLS, HTTP, the pages; hands an `Arrival` to an `Exchange`.
//!
//! The edge is trusted with nothing. It checks no credential and stores no byte; it turns HTTP into an [`Arrival`] with
//! the few headers that mean something inside, and a [`Reply`] back into HTTP. What it refuses itself is what only it can
//! see: a request whose form, path or credentials can be read in two ways, one that another site's page made a browser
//! send, and one that calls the house by a stranger's name. The rooms inside need not believe that it did so.
//!
//! [`Arrival`]: schleuse_wire::Arrival
//! [`Reply`]: schleuse_wire::Reply

mod arrival;
mod credential;
mod form;
mod origin;
mod pages;
mod refusal;
mod reply;
mod route;
mod server;
mod tls;

pub use pages::FrontDesk;
pub use server::{Edge, Limits, Service, SimpleReply};
pub use tls::{TlsError, server_config};
