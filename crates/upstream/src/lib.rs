//! Model servers: routes, health, replicas, retries; the only room that opens connections to models.
//!
//! What leaves here is made here: every header of an outgoing request is new, and nothing of the asker's
//! goes along but the body. There is no default upstream.
//!
//! A question is sent once. It is tried at another replica of its route only when the connection failed
//! before the first byte of the question was written. Redirects are never followed, compressed answers are
//! never accepted, and whoever drops an [`Answer`] closes its connection in the same moment.

mod answer;
mod carrier;
mod catalogue;
mod config;
mod connection;
mod health;
mod replica;
mod target;
mod tls;
mod upstreams;

pub use answer::{Answer, AskError, PassedOn, Question};
pub use carrier::{CarriedBody, Carrier, CarryError, Carrying};
pub use config::{UpstreamConfig, UpstreamConfigError};
pub use replica::{Counters, Status};
pub use upstreams::{ModelInfo, Route, Upstreams, WATCH_INTERVAL};
