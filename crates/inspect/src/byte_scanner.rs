//! Files of any size in bounded memory.

use schleuse_types::Finding;

use crate::inspector::{Inspector, Progress};
use crate::score::Tally;
use crate::text::floor_character;

/// Bytes that are gathered before they are looked at, so that small pushes cost no more than large ones.
pub(crate) const BLOCK: usize = 64 * 1024;

/// Finds in bytes what [`Inspector::scan`] finds in a string, wherever the bytes are cut.
///
/// Bytes that are not UTF-8 end words, like punctuation. Memory stays below the size of the largest push plus 128 KiB.
#[derive(Debug)]
pub struct ByteScanner {
    inspector: Inspector,
    progress: Progress,
    kept: Vec<u8>,
    looked_at: usize,
    block: usize,
}

impl ByteScanner {
    pub(crate) fn new(inspector: Inspector, block: usize) -> Self {
        Self { inspector, progress: Progress::default(), kept: Vec::new(), looked_at: 0, block }
    }

    /// Feeds bytes and appends the findings that are certain, with offsets from the first byte ever pushed.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<Finding>) {
        self.kept.extend_from_slice(bytes);
        if self.kept.len() - self.looked_at >= self.block {
            self.look(false, out);
        }
    }

    /// The bytes are complete; appends the last findings.
    pub fn finish(&mut self, out: &mut Vec<Finding>) {
        self.look(true, out);
    }

    /// What rules in shadow found since the last call.
    pub fn take_shadow(&mut self) -> Vec<Finding> {
        let shadow = std::mem::take(&mut self.progress.shadow);
        shadow.iter().map(|hit| self.inspector.finding(hit)).collect()
    }

    /// What all findings so far say about the sensitivity of the bytes.
    pub fn tally(&self) -> &Tally {
        &self.progress.tally
    }

    fn look(&mut self, at_end: bool, out: &mut Vec<Finding>) {
        // A character that is not complete yet is not shown to the rules.
        let whole = if at_end { self.kept.len() } else { complete_characters(&self.kept) };
        let mut hits = Vec::new();
        let seen = self.kept.get(..whole).unwrap_or_default();
        self.progress.advance(&self.inspector, seen, at_end, &mut hits);
        out.extend(hits.iter().map(|hit| self.inspector.finding(hit)));
        let needed = self.progress.needed_from().saturating_sub(self.progress.base);
        let cut = floor_character(&self.kept, needed);
        self.kept.drain(..cut);
        self.progress.base += cut;
        self.looked_at = self.kept.len();
    }
}

/// The length without a last character whose bytes are not all there.
fn complete_characters(bytes: &[u8]) -> usize {
    let last = bytes.len().saturating_sub(3);
    let tail = bytes.get(last..).unwrap_or_default();
    let begun = tail.iter().enumerate().rev().find(|(_, byte)| **byte >= 0xC0);
    match begun {
        Some((at, lead)) => {
            let length = if *lead >= 0xF0 {
                4
            } else if *lead >= 0xE0 {
                3
            } else {
                2
            };
            if tail.len() - at < length { last + at } else { bytes.len() }
        }
        None => bytes.len(),
    }
}

#[cfg(test)]
mod tests;
