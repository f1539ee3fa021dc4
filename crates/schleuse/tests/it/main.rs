//! The whole house on port 0: the real binary, asked from outside, in front of recorded and scripted model servers.
//!
//! Questions go over a client made by hand, so that a test can send broken requests, see raw bytes and hang up whenever
//! it likes. Nothing here sleeps for luck: whatever takes time is waited for with a deadline.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::disallowed_methods,
    reason = "these are tests: they end with a message where they cannot go on, wait by the wall clock, and read where \
              the tools lie from the environment"
)]

mod adapters;
mod apart;
mod attachments;
mod audit;
mod backup;
mod batches;
mod chat;
mod client;
mod demo;
mod doctor;
#[cfg(feature = "engine")]
mod engine;
#[cfg(feature = "ui")]
mod fifteen;
mod folder;
mod forward;
mod guardrails;
mod house;
mod hybrid;
mod inspection;
mod keys;
mod limits;
mod operate;
mod packs;
#[cfg(feature = "ui")]
mod page;
mod pages;
mod ports;
mod receipts;
mod recognizers;
mod releases;
mod scan;
mod sdk;
mod serve;
mod sign_in;
mod slapd;
mod speech;
mod streams;
mod tenants;
mod tools;
mod trouble;
mod walk;
mod wire;

use std::time::Duration;

/// For what must happen, on a machine that is busy with other tests.
const SOON: Duration = Duration::from_secs(20);

/// The textbook IBAN, which counts as a real one.
const IBAN: &str = "DE89370400440532013000";
/// Random, with the form and the checksum of a GitHub token.
const GITHUB_TOKEN: &str = "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";
