//! What the log counts about itself.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Upper bounds of the buckets for the duration of a commit, in nanoseconds. The last bucket of
/// [`LogMetrics::sync_buckets`] is for everything longer.
pub const SYNC_BUCKETS_NS: [u64; 10] = [
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    100_000_000,
    1_000_000_000,
];

/// A moment's numbers. Counters start with the process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LogMetrics {
    /// Entries made durable.
    pub appended: u64,
    /// Entries refused.
    pub refused: u64,
    /// Groups committed, each with one sync.
    pub commits: u64,
    /// Time spent writing and syncing groups, in nanoseconds.
    pub sync_ns_sum: u64,
    pub sync_ns_max: u64,
    /// How many commits took at most as long as [`SYNC_BUCKETS_NS`] says; not cumulative.
    pub sync_buckets: [u64; SYNC_BUCKETS_NS.len() + 1],
    /// Rounds of making tiles.
    pub checkpoints: u64,
    /// Entries under the last checkpoint.
    pub tree_size: u64,
    /// Entries under the last checkpoint that enough witnesses have cosigned since the start; 0 without witnesses.
    pub cosigned: u64,
    /// Durable entries in all.
    pub size: u64,
    /// Entries that wait for their commit.
    pub queue_depth: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) appended: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) checkpoints: AtomicU64,
    pub(crate) tree_size: AtomicU64,
    pub(crate) cosigned: AtomicU64,
    pub(crate) size: AtomicU64,
    commits: AtomicU64,
    sync_ns_sum: AtomicU64,
    sync_ns_max: AtomicU64,
    sync_buckets: [AtomicU64; SYNC_BUCKETS_NS.len() + 1],
}

impl Counters {
    pub(crate) fn count_commit(&self, took: Duration) {
        let ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.commits.fetch_add(1, Relaxed);
        self.sync_ns_sum.fetch_add(ns, Relaxed);
        self.sync_ns_max.fetch_max(ns, Relaxed);
        let bucket = SYNC_BUCKETS_NS.partition_point(|bound| *bound < ns);
        if let Some(bucket) = self.sync_buckets.get(bucket) {
            bucket.fetch_add(1, Relaxed);
        }
    }

    pub(crate) fn read(&self, queue_depth: u64) -> LogMetrics {
        let mut sync_buckets = [0; SYNC_BUCKETS_NS.len() + 1];
        for (read, bucket) in sync_buckets.iter_mut().zip(&self.sync_buckets) {
            *read = bucket.load(Relaxed);
        }
        LogMetrics {
            appended: self.appended.load(Relaxed),
            refused: self.refused.load(Relaxed),
            commits: self.commits.load(Relaxed),
            sync_ns_sum: self.sync_ns_sum.load(Relaxed),
            sync_ns_max: self.sync_ns_max.load(Relaxed),
            sync_buckets,
            checkpoints: self.checkpoints.load(Relaxed),
            tree_size: self.tree_size.load(Relaxed),
            cosigned: self.cosigned.load(Relaxed),
            size: self.size.load(Relaxed),
            queue_depth,
        }
    }
}
