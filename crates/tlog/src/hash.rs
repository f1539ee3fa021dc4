//! The hashes of RFC 6962 section 2.1.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// A SHA-256 value: 32 bytes. Prints as standard base64 with padding, as checkpoints have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// Its size in bytes.
    pub const BYTES: usize = 32;

    /// The root of the empty tree: SHA-256 of nothing.
    pub fn of_empty_tree() -> Self {
        Self(Sha256::digest([]).into())
    }

    /// Reads exactly what `Display` writes; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        STANDARD.decode(text).ok().and_then(|bytes| bytes.try_into().ok()).map(Self)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

/// The hash of an entry's bytes, as a leaf of the tree.
pub fn leaf_hash(entry: &[u8]) -> Hash {
    Hash(Sha256::new().chain_update([0]).chain_update(entry).finalize().into())
}

/// The hash of an inner node.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Hash(Sha256::new().chain_update([1]).chain_update(left.0).chain_update(right.0).finalize().into())
}

/// The hash over neighbouring subtrees of equal size, in order: the tree hash of RFC 6962 with `nodes` as its leaves.
pub fn subtree_hash(nodes: &[Hash]) -> Hash {
    match nodes {
        [] => Hash::of_empty_tree(),
        [only] => *only,
        _ => {
            let (left, right) = nodes.split_at(nodes.len().next_power_of_two() / 2);
            node_hash(&subtree_hash(left), &subtree_hash(right))
        }
    }
}
