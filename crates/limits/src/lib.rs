//! How much somebody may use: requests, parallel streams and LLM tokens, reserved before and settled after.
//!
//! A [`Rule`] says who it is for and up to three numbers:
//!
//! - `requests_per_minute`: at most so many requests are admitted in *any* 60 seconds, however they are cut.
//! - `streams`: at most so many streamed answers run at the same time. Answers in one piece are no streams.
//! - `tokens_per_day`: at most so many LLM tokens, of questions and answers together, in one calendar day of UTC.
//!
//! A rule for a role, a group or a tenant gives this much to each person in it, and all of it to everybody in it together when it
//! is `shared`. A rule for a person or a key counts for that one. What a person used counts under every credential that
//! they asked with. Every rule that fits must grant; nothing is taken from any of them unless all do.
//!
//! Nothing here does IO or waits. All counting happens under one lock that is held for some hundred nanoseconds.

mod counter;
mod exceeded;
mod limits;
mod rule;
mod running;

pub use exceeded::{Exceeded, Kind};
pub use limits::{Limits, Reservation, Standing, Wanted};
pub use rule::{Rule, UnknownWho, Who};
pub use running::{PARALLEL_MAX, Running};
