//! Randomness as a value that tests can set.

use std::sync::{Mutex, PoisonError};

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

/// The operating system's generator, asked for many bytes at a time: ids and salts are small and wanted often. Not for
/// keys, which should not lie in a buffer beforehand.
pub struct BufferedRandom(Mutex<Buffer>);

struct Buffer {
    bytes: [u8; BUFFER_BYTES],
    /// How many bytes at the front were given out.
    used: usize,
}

const BUFFER_BYTES: usize = 1024;

impl Default for BufferedRandom {
    fn default() -> Self {
        Self(Mutex::new(Buffer { bytes: [0; BUFFER_BYTES], used: BUFFER_BYTES }))
    }
}

impl Random for BufferedRandom {
    fn fill(&self, bytes: &mut [u8]) -> std::io::Result<()> {
        if bytes.len() > BUFFER_BYTES {
            return OsRandom.fill(bytes);
        }
        let mut buffer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buffer.used + bytes.len() > BUFFER_BYTES {
            OsRandom.fill(&mut buffer.bytes)?;
            buffer.used = 0;
        }
        let from = buffer.used;
        buffer.used += bytes.len();
        for (place, fresh) in bytes.iter_mut().zip(buffer.bytes.iter_mut().skip(from)) {
            *place = std::mem::take(fresh);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{BUFFER_BYTES, BufferedRandom, Random};

    #[test]
    fn no_byte_is_given_out_twice() {
        let random = BufferedRandom::default();
        let mut seen = HashSet::new();
        for _ in 0..BUFFER_BYTES {
            let mut id = [0; 16];
            random.fill(&mut id).unwrap();
            assert!(seen.insert(id));
        }
        let mut large = [0; BUFFER_BYTES + 1];
        random.fill(&mut large).unwrap();
        assert!(large.iter().any(|byte| *byte != 0));
    }
}
