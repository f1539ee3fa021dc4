//! Durable append, group commit, sequencing, tiles and checkpoints on disk, export and verify.
