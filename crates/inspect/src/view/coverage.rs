//! What of a text was read, and what could not be.

use super::decode;

/// How much of a text inspection saw, in bytes of the text. The three add up to its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Coverage {
    /// Read as it stands.
    pub scanned: usize,
    /// Encoded, and read decoded as well.
    pub decoded: usize,
    /// Long runs of encoded bytes that hold no text: compressed, encrypted, or of a kind that is not known. They were
    /// read as they stand, which says nothing about what is in them.
    pub opaque: usize,
}

impl Coverage {
    pub(crate) fn of(text: &[u8], decoded: usize) -> Self {
        let opaque = decode::opaque(text).min(text.len());
        let decoded = decoded.min(text.len() - opaque);
        Self { scanned: text.len() - opaque - decoded, decoded, opaque }
    }
}
