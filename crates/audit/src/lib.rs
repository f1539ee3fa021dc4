//! Durable append, group commit, sequencing, tiles and checkpoints on disk, export and verify.
//!
//! [`Log::append`] returns when the entry is durable. Entries wait in a bounded queue; one thread writes them to
//! write-ahead segments, many with one sync; another makes tiles and a signed checkpoint of them, for which nobody waits.
//! Whatever cannot be recorded is an error, and after a failed write or sync nothing is written again.
//!
//! [`Reader`] answers pages of it while it is written, [`Feed`] tells what is recorded just now.
//!
//! One log per folder, laid out after C2SP tlog-tiles: `checkpoint`, `vkey`, `tile/<level>/<index>[.p/<width>]`,
//! `tile/entries/<index>[.p/<width>]`, `checkpoint.cosigned` where there are witnesses, and `wal/<number>.seg` for what is not in
//! tiles yet. The signing key is not in it.

mod dial;
mod disk;
mod error;
mod export;
mod feed;
mod forward;
#[cfg(test)]
mod judges;
mod log;
mod metrics;
mod mutant;
#[cfg(test)]
mod proofs;
mod pseudonym;
mod reader;
mod record;
mod segment;
mod tiles;
mod verify;
mod wal;
mod witness;
mod witnesses;

pub use dial::{DialError, TlsTrust};
pub use error::AuditError;
pub use export::{ExportError, Format, export};
pub use feed::{Appended, Fed, Feed};
pub use forward::{ForwardConfig, ForwardKind, ForwardStanding, Forwarder};
pub use log::{Log, Options, Recovery};
pub use metrics::{LogMetrics, SYNC_BUCKETS_NS};
pub use pseudonym::{PromptMac, Pseudonyms};
pub use reader::{Entry, Filter, InclusionProof, Page, Reader, SignedCheckpoint};
pub use record::{Coverage, Event, RECORD_BYTES_MAX, Record};
pub use verify::{Cosigned, Trust, Verified, VerifyError, verify, verify_trusting};
pub use witness::{Witness, WitnessError, WitnessOptions, WitnessRefusal, serve_witness};
pub use witnesses::{WitnessConfig, Witnesses, WitnessesError};
