//! Randomness as a value that tests can set.

/// Where random bytes come from.
pub trait Random: Send + Sync {
    /// Fills `bytes`, or says that there is no randomness to be had; then nothing may go on.
    fn fill(&self, bytes: &mut [u8]) -> std::io::Result<()>;
}

/// The operating system's generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsRandom;

impl Random for OsRandom {
    fn fill(&self, bytes: &mut [u8]) -> std::io::Result<()> {
        getrandom::fill(bytes).map_err(std::io::Error::other)
    }
}
