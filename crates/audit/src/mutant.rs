//! Deliberate defects, so that the tests can show that they would see them. Outside tests there are none.

/// What is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mutant {
    /// Entries count as durable before the sync.
    AckBeforeSync,
    /// Frames and footers are believed without their checksums.
    NoChecksum,
}

#[cfg(test)]
thread_local! {
    static ON: std::cell::Cell<Option<Mutant>> = const { std::cell::Cell::new(None) };
}

/// Whether this thread runs with that defect.
#[cfg(test)]
pub(crate) fn is_on(mutant: Mutant) -> bool {
    ON.get() == Some(mutant)
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
