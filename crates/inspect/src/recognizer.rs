//! Recognizers that are code: what no pattern says well, at an anchor of digits.

use crate::text::Outcome;

/// One recognizer at the first digit of a group.
#[derive(Debug)]
pub(crate) struct Recognizer {
    /// Where a finding would begin whose first digit group begins at the given byte.
    pub(crate) start_before: fn(text: &[u8], digit: usize) -> Option<usize>,
    /// Reads at such a start; `at_end` says that no byte follows the text.
    pub(crate) read: fn(text: &[u8], start: usize, at_end: bool) -> Outcome,
    /// Where a finding may begin of which the text so far holds no digit yet.
    pub(crate) open_tail: fn(text: &[u8]) -> Option<usize>,
}
