//! Merkle tree, tiles, checkpoints and proofs after C2SP. No IO.
//!
//! Small on purpose: whoever wants to check a log without trusting Schleuse can read this crate alone.
//! Sources: RFC 6962 section 2.1 (hashes), RFC 9162 section 2.1.3 and 2.1.4 (proofs), and the C2SP specifications
//! tlog-tiles, tlog-checkpoint, signed-note, tlog-proof, tlog-cosignature, tlog-witness and tlog-policy.

mod bundle;
mod checkpoint;
mod cosignature;
mod hash;
mod note;
mod policy;
mod proof;
mod proof_file;
mod submission;
mod tile;
mod tree;

pub use bundle::{BundleError, ENTRY_BYTES_MAX, push_entry, split_bundle};
pub use checkpoint::{Checkpoint, CheckpointError};
pub use cosignature::{CosignatureVerifier, Cosigner};
pub use hash::{Hash, leaf_hash, node_hash, subtree_hash};
pub use note::{LogSigner, LogVerifier, Note, NoteError};
pub use policy::{Accepted, Policy, PolicyError, PolicyRefusal};
pub use proof::{prove_consistency, prove_inclusion, verify_consistency, verify_inclusion};
pub use proof_file::{PROOF_FILE_BYTES_MAX, ProofFile, ProofFileError};
pub use submission::{SUBMISSION_BYTES_MAX, Submission, SubmissionRefusal, split_cosignatures};
pub use tile::{TILE_WIDTH, TileCoordinates, TileKind, tiles_of, widths_at};
pub use tree::Tree;

#[cfg(test)]
mod tests;
