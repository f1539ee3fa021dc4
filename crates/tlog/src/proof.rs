//! Inclusion and consistency proofs (RFC 9162 sections 2.1.3 and 2.1.4).
//!
//! The provers ask for the hashes of complete subtrees: `node(level, index)` is the hash over the `2^level` leaves from
//! `index * 2^level` on. A prover answers `None` when the range makes no sense or a node is missing.

use crate::Hash;
use crate::hash::node_hash;

/// The audit path of leaf `index` in the tree of `size` leaves, nearest sibling first.
pub fn prove_inclusion(
    index: u64,
    size: u64,
    node: &mut dyn FnMut(u32, u64) -> Option<Hash>,
) -> Option<Vec<Hash>> {
    if index >= size {
        return None;
    }
    let (mut low, mut high, mut path) = (0, size, Vec::new());
    while high - low > 1 {
        let middle = low + split(high - low);
        if index < middle {
            path.push(range_hash(middle, high, node)?);
            high = middle;
        } else {
            path.push(range_hash(low, middle, node)?);
            low = middle;
        }
    }
    path.reverse();
    Some(path)
}

/// Whether `leaf` is entry `index` of the tree with this size and root.
pub fn verify_inclusion(path: &[Hash], index: u64, leaf: &Hash, size: u64, root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut node, mut last, mut hash) = (index, size - 1, *leaf);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                (node, last) = (node >> 1, last >> 1);
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    last == 0 && hash == *root
}

/// The proof that the tree of `old` leaves is the beginning of the tree of `new` leaves; `old` from 1 to `new`.
pub fn prove_consistency(
    old: u64,
    new: u64,
    node: &mut dyn FnMut(u32, u64) -> Option<Hash>,
) -> Option<Vec<Hash>> {
    if old == 0 || old > new {
        return None;
    }
    let (mut low, mut high, mut proof, mut whole) = (0, new, Vec::new(), true);
    while old != high {
        let middle = low + split(high - low);
        if old <= middle {
            proof.push(range_hash(middle, high, node)?);
            high = middle;
        } else {
            proof.push(range_hash(low, middle, node)?);
            low = middle;
            whole = false;
        }
    }
    if !whole {
        proof.push(range_hash(low, high, node)?);
    }
    proof.reverse();
    Some(proof)
}

/// Whether the tree with `old_root` is the beginning of the tree with `new_root`.
pub fn verify_consistency(proof: &[Hash], old: u64, old_root: &Hash, new: u64, new_root: &Hash) -> bool {
    if old == 0 || old > new {
        return false;
    }
    if old == new {
        return proof.is_empty() && old_root == new_root;
    }
    let mut hashes = proof.iter();
    let first = if old.is_power_of_two() { Some(old_root) } else { hashes.next() };
    let Some(first) = first else { return false };
    let (mut node, mut last) = (old - 1, new - 1);
    while node & 1 == 1 {
        (node, last) = (node >> 1, last >> 1);
    }
    let (mut from_old, mut from_new) = (*first, *first);
    for hash in hashes {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            from_old = node_hash(hash, &from_old);
            from_new = node_hash(hash, &from_new);
            while node & 1 == 0 && node != 0 {
                (node, last) = (node >> 1, last >> 1);
            }
        } else {
            from_new = node_hash(&from_new, hash);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    last == 0 && from_old == *old_root && from_new == *new_root
}

/// The largest power of two below `count`, which is at least 2.
fn split(count: u64) -> u64 {
    1 << (count - 1).ilog2()
}

/// The hash over the leaves from `low` to `high`, where `low` is a multiple of a power of two not below `high - low`.
fn range_hash(low: u64, high: u64, node: &mut dyn FnMut(u32, u64) -> Option<Hash>) -> Option<Hash> {
    let count = high - low;
    if count.is_power_of_two() {
        let level = count.ilog2();
        return node(level, low >> level);
    }
    let middle = low + split(count);
    let left = range_hash(low, middle, node)?;
    Some(node_hash(&left, &range_hash(middle, high, node)?))
}
