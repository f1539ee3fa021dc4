//! Model servers: routes, health, replicas, retries; the only room that opens connections to models.
//!
//! What leaves here is made here: every header of an outgoing request is new, and nothing of the asker's
//! goes along but the body. There is no default upstream.
//!
//! Which replica of a route is asked is the matter of `choice`, out of what `standing` knows of each; both are without IO, and
//! the simulation in the tests runs them as they are.
//!
//! A question is sent once. It is tried at another replica of its route only when the connection failed
//! before the first byte of the question was written. Redirects are never followed, compressed answers are
//! never accepted, and whoever drops an [`Answer`] closes its connection in the same moment.

mod answer;
mod carrier;
mod catalogue;
mod choice;
mod conduct;
mod config;
mod connection;
mod gauges;
mod health;
mod prefixes;
mod prompt;
mod provider;
mod replica;
#[cfg(test)]
mod simulation;
mod standing;
mod target;
mod tls;
mod upstreams;

pub use answer::{Answer, AskError, PassedOn, Question};
pub use carrier::{CarriedBody, Carrier, CarryError, Carrying};
pub use config::{Agreement, ServedAdapter, UpstreamConfig, UpstreamConfigError, Weights};
pub use provider::{Provider, UnknownProvider};
pub use replica::{Counters, Picks, Status};
pub use upstreams::{ModelInfo, Route, Unasked, UnknownUpstream, Upstreams, WATCH_INTERVAL};
