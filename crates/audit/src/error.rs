//! What can go wrong while writing the log.

use std::fmt;
use std::io;
use std::sync::Arc;

use crate::VerifyError;

/// Why an entry was not recorded, or a log not opened. None of them may be ignored: without its entry nothing happens.
#[derive(Debug, Clone)]
pub enum AuditError {
    /// Another process writes this log.
    Locked,
    /// The folder's `vkey` belongs to another origin or signing key.
    Key,
    /// The origin cannot be a key name, or the segment size is too small.
    Options(&'static str),
    /// What lies on disk is not what was written.
    Corrupt(Arc<VerifyError>),
    /// The operating system refused. Before the first entry only; later this poisons the log.
    Io { doing: &'static str, kind: io::ErrorKind, problem: Arc<str> },
    /// More entries wait than the queue holds.
    QueueFull,
    /// Tiles lag behind by more entries than memory should hold.
    TilesBehind,
    /// No space for the next segment. Ends by itself once there is space.
    NoSpace,
    /// The clock runs behind the last entry by more than ten seconds. Ends by itself, or with a restart.
    ClockStep,
    /// There is no randomness for the salt.
    NoRandomness,
    /// A write or sync failed, or a segment was unlinked: nothing is written until the process is started anew.
    Poisoned(Arc<str>),
    /// The log was closed.
    Closed,
}

impl AuditError {
    pub(crate) fn io(doing: &'static str) -> impl Fn(io::Error) -> Self {
        move |error| Self::Io { doing, kind: error.kind(), problem: error.to_string().into() }
    }

    pub(crate) fn is_space(&self) -> bool {
        matches!(self, Self::NoSpace) || matches!(self, Self::Io { kind, .. } if is_space(*kind))
    }
}

pub(crate) fn is_space(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

impl fmt::Display for AuditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked => f.write_str("another process writes this audit log"),
            Self::Key => f.write_str("the audit log was begun with another signing key or origin"),
            Self::Options(problem) => f.write_str(problem),
            Self::Corrupt(problem) => write!(f, "the audit log is damaged: {problem}"),
            Self::Io { doing, problem, .. } => write!(f, "cannot {doing}: {problem}"),
            Self::QueueFull => f.write_str("the audit queue is full"),
            Self::TilesBehind => f.write_str("the audit log's tiles are too far behind"),
            Self::NoSpace => f.write_str("there is no space for the next segment of the audit log"),
            Self::ClockStep => f.write_str("the clock is more than ten seconds behind the last audit entry"),
            Self::NoRandomness => f.write_str("there is no randomness for the audit entry's salt"),
            Self::Poisoned(problem) => write!(f, "the audit log stopped writing: {problem}"),
            Self::Closed => f.write_str("the audit log is closed"),
        }
    }
}

impl std::error::Error for AuditError {}

impl From<VerifyError> for AuditError {
    fn from(error: VerifyError) -> Self {
        Self::Corrupt(Arc::new(error))
    }
}
