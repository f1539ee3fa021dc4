//! Merkle tree, tiles, checkpoints and proofs after C2SP. No IO.
