//! The console with real rooms around it: a store, a log and policies in a folder of their own.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "these are tests: they end with a message where they cannot go on, and measure by the wall clock"
)]

mod access;
mod approvals;
mod decisions;
mod house;
mod keys;
mod live;
mod log;
mod people;
mod privilege;
mod routes;
mod tenants;
mod walls;
