//! Which beginnings of prompts a replica probably still holds.
//!
//! A guess: what was sent there lately. Two generations stand for "least recently used": what is touched moves into the
//! young one; when that is half full, it becomes the old one and the old one is forgotten. The blocks of one prompt are
//! touched together and never split between generations, so a block that is remembered has all blocks before it
//! remembered too, and the length of what two prompts have in common is found by halving.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

use crate::prompt::{BLOCKS_MAX, block_bytes};

/// Remembered blocks of one replica: at most 9 bytes each in a table that is at least half full, so at most 0.6 MB.
const ENTRIES_MAX: usize = 32_768;
/// Bytes of prompts that a replica is thought to hold when its server does not say: half a million LLM tokens.
pub(crate) const CAPACITY_DEFAULT: usize = 2 << 20;

#[derive(Debug)]
pub(crate) struct Prefixes {
    young: Generation,
    old: Generation,
    /// Bytes of prompts that fit into the cache behind it.
    capacity: usize,
}

#[derive(Debug, Default)]
struct Generation {
    blocks: HashSet<u64, BuildHasherDefault<AsItIs>>,
    /// Of the prompts' text that these blocks stand for.
    bytes: usize,
}

impl Default for Prefixes {
    fn default() -> Self {
        Self { young: Generation::default(), old: Generation::default(), capacity: CAPACITY_DEFAULT }
    }
}

impl Prefixes {
    /// How many of a prompt's blocks are remembered, from the first one on.
    pub(crate) fn known(&self, blocks: &[u64]) -> usize {
        blocks.partition_point(|block| self.young.blocks.contains(block) || self.old.blocks.contains(block))
    }

    /// A prompt with these blocks goes there.
    pub(crate) fn touch(&mut self, blocks: &[u64]) {
        let bytes: usize = (0..blocks.len().min(BLOCKS_MAX)).map(block_bytes).sum();
        let is_full = self.young.blocks.len() + blocks.len() > ENTRIES_MAX / 2
            || self.young.bytes.saturating_add(bytes) > self.capacity / 2;
        if is_full && !self.young.blocks.is_empty() {
            self.old = std::mem::take(&mut self.young);
        }
        for (place, block) in blocks.iter().take(BLOCKS_MAX).enumerate() {
            if self.young.blocks.insert(*block) {
                self.young.bytes += block_bytes(place);
            }
        }
    }

    /// The server says how much it can hold, in bytes of text.
    pub(crate) fn set_capacity(&mut self, bytes: usize) {
        self.capacity = bytes;
    }

    /// The server was started again and holds nothing.
    pub(crate) fn forget(&mut self) {
        self.young = Generation::default();
        self.old = Generation::default();
    }
}

/// Keyed hashes are spread already.
#[derive(Debug, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests {
    use super::{ENTRIES_MAX, Prefixes};
    use proptest::prelude::*;

    /// A chain of its own for each `name`, as keyed hashes would be.
    fn chain(name: u64, length: usize) -> Vec<u64> {
        let mix = |place: usize| (name * 1_000_003 + place as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (0..length).map(mix).collect()
    }

    #[test]
    fn what_was_touched_is_known_up_to_where_it_differs() {
        let mut prefixes = Prefixes::default();
        assert_eq!(prefixes.known(&chain(1, 10)), 0);
        prefixes.touch(&chain(1, 10));
        assert_eq!(prefixes.known(&chain(1, 20)), 10);
        assert_eq!(prefixes.known(&[chain(1, 4), chain(2, 4)].concat()), 4);
        assert_eq!(prefixes.known(&chain(2, 10)), 0);
        prefixes.forget();
        assert_eq!(prefixes.known(&chain(1, 10)), 0);
    }

    #[test]
    fn it_holds_no_more_than_the_server() {
        let mut prefixes = Prefixes::default();
        prefixes.set_capacity(64 * 100);
        for name in 0..100 {
            prefixes.touch(&chain(name, 10));
        }
        let known: usize = (0..100).map(|name| prefixes.known(&chain(name, 10))).sum();
        assert!((50..=100).contains(&known), "{known} blocks of 64 bytes");
        assert_eq!(prefixes.known(&chain(99, 10)), 10, "the last one is there");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]

        /// Memory has a bound, and what is known of a prompt is an unbroken beginning.
        #[test]
        fn it_is_bounded_and_closed_under_beginnings(
            touches in prop::collection::vec((0..40_u64, 1..257_usize), 1..400),
            capacity in 1..(1_usize << 22),
        ) {
            let mut prefixes = Prefixes::default();
            prefixes.set_capacity(capacity);
            for (name, length) in touches {
                prefixes.touch(&chain(name, length));
                prop_assert!(prefixes.young.blocks.len() + prefixes.old.blocks.len() <= ENTRIES_MAX);
                prop_assert_eq!(prefixes.known(&chain(name, 256)) >= length, true);
            }
            for name in 0..40 {
                let blocks = chain(name, 256);
                let there = blocks.iter().filter(|block| prefixes.known(&[**block]) == 1).count();
                prop_assert_eq!(there, prefixes.known(&blocks));
            }
        }
    }
}
