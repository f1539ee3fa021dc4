//! What of a text was read, and what could not be.

use super::decode;

/// How much of a text inspection saw, in bytes of the text. The three add up to its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Coverage {
    /// Read as it stands.
    pub scanned: usize,
    /// Encoded, and read decoded as well.
    pub decoded: usize,
    /// Long runs of encoded bytes that hold no text (compressed, encrypted, or of a kind that is not known), and text that
    /// is encoded more often than it is decoded here. They were read as they stand, which says nothing about what is in them.
    pub opaque: usize,
}

impl std::ops::AddAssign for Coverage {
    fn add_assign(&mut self, other: Self) {
        self.scanned += other.scanned;
        self.decoded += other.decoded;
        self.opaque += other.opaque;
    }
}

impl Coverage {
    /// `opaque`: what the views could not read.
    pub(crate) fn of(text: &[u8], decoded: usize, opaque: usize) -> Self {
        Self::of_counts(text.len(), decoded, opaque + decode::opaque(text))
    }

    pub(crate) fn of_counts(length: usize, decoded: usize, opaque: usize) -> Self {
        let opaque = opaque.min(length);
        let decoded = decoded.min(length - opaque);
        Self { scanned: length - opaque - decoded, decoded, opaque }
    }
}
