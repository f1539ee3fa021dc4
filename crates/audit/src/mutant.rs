//! Deliberate defects, so that the tests can show that they would see them. Outside tests there are none.

/// What is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mutant {
    /// Entries count as durable before the sync.
    AckBeforeSync,
    /// Frames and footers are believed without their checksums.
    NoChecksum,
    /// Entries count as durable without being written at all. What a sync is for, a killed process cannot show: the system
    /// keeps what was written.
    AckBeforeWrite,
}

#[cfg(test)]
thread_local! {
    static ON: std::cell::Cell<Option<Mutant>> = const { std::cell::Cell::new(None) };
}

#[cfg(test)]
static ON_EVERY_THREAD: std::sync::OnceLock<Mutant> = std::sync::OnceLock::new();

/// Whether this thread runs with that defect.
#[cfg(test)]
pub(crate) fn is_on(mutant: Mutant) -> bool {
    ON.get() == Some(mutant) || ON_EVERY_THREAD.get() == Some(&mutant)
}

/// Lets this whole process run with the defect, to its end.
#[cfg(test)]
pub(crate) fn set_for_good(mutant: Mutant) {
    let _ = ON_EVERY_THREAD.set(mutant);
}

#[cfg(not(test))]
pub(crate) const fn is_on(_: Mutant) -> bool {
    false
}

/// Runs `work` with the defect on this thread.
#[cfg(test)]
pub(crate) fn with<T>(mutant: Mutant, work: impl FnOnce() -> T) -> T {
    ON.set(Some(mutant));
    let result = work();
    ON.set(None);
    result
}
