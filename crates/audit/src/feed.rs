//! What is recorded just now, for whoever listens.

use std::sync::Arc;

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};

use crate::AuditError;

/// Entries that a listener may be behind before it misses some. About 700 KiB of ordinary ones, held once for all.
pub(crate) const FEED_ENTRIES: usize = 1024;

/// A durable entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    pub index: u64,
    /// Its canonical bytes.
    pub entry: Vec<u8>,
}

/// What a listener is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fed {
    /// The next entry.
    Entry(Arc<Appended>),
    /// The listener was too slow: so many entries were passed over. They are in the log, where a [`crate::Reader`] finds
    /// them.
    Missed(u64),
}

/// Listens to a log. From [`crate::Log::subscribe`].
#[derive(Debug)]
pub struct Feed {
    entries: broadcast::Receiver<Arc<Appended>>,
    closed: watch::Receiver<Option<Result<(), AuditError>>>,
}

impl Feed {
    pub(crate) fn new(
        entries: broadcast::Receiver<Arc<Appended>>,
        closed: watch::Receiver<Option<Result<(), AuditError>>>,
    ) -> Self {
        Self { entries, closed }
    }

    /// The next entry, or how many were missed; `None` once the log is closed and everything was told. May be dropped and
    /// called again (it is cancel-safe).
    pub async fn next(&mut self) -> Option<Fed> {
        let next = tokio::select! {
            biased;
            next = self.entries.recv() => next,
            _ = self.closed.wait_for(Option::is_some) => return None,
        };
        match next {
            Ok(appended) => Some(Fed::Entry(appended)),
            Err(RecvError::Lagged(missed)) => Some(Fed::Missed(missed)),
            Err(RecvError::Closed) => None,
        }
    }
}

#[cfg(test)]
mod tests;
