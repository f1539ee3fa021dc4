//! Recognizers that are code: what no pattern says well, at an anchor of digits.

use crate::number::GROUP_DIGITS_MAX;
use crate::text::{Outcome, byte, byte_before, range, separator_length_before};

/// One recognizer at the first digit of a group.
#[derive(Debug)]
pub(crate) struct Recognizer {
    /// Cheap, and false only where [`Recognizer::start_before`] gives nothing or [`Recognizer::read`] gives
    /// [`Outcome::Nothing`] there, however the text goes on.
    pub(crate) may_be: fn(text: &[u8], group: Group) -> bool,
    /// Where a finding would begin whose first digit group begins at the given byte.
    pub(crate) start_before: fn(text: &[u8], digit: usize) -> Option<usize>,
    /// Reads at such a start; `at_end` says that no byte follows the text.
    pub(crate) read: fn(text: &[u8], start: usize, at_end: bool) -> Outcome,
    /// Where a finding may begin of which the text so far holds no digit yet.
    pub(crate) open_tail: fn(text: &[u8]) -> Option<usize>,
}

/// A group of digits and what stands around it: what decides most questions about it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group {
    pub(crate) start: usize,
    /// How many digits there are; more than [`GROUP_DIGITS_MAX`] count as one more.
    pub(crate) digits: usize,
    /// The byte before the first digit.
    pub(crate) before: Option<u8>,
    /// The byte before the separator of groups that stands before the first digit, or before the digit itself.
    pub(crate) letter: Option<u8>,
    /// The byte behind the digits.
    pub(crate) next: Option<u8>,
}

impl Group {
    /// The digits that begin at `start`.
    pub(crate) fn at(text: &[u8], start: usize) -> Self {
        let most = range(text, start, text.len().min(start + GROUP_DIGITS_MAX + 1));
        let digits = most.iter().position(|b| !b.is_ascii_digit()).unwrap_or(most.len());
        let before = byte_before(text, start);
        let letter = match before {
            Some(b' ' | b'-') => byte_before(text, start - 1),
            Some(0x80..) => byte_before(text, start - separator_length_before(text, start).unwrap_or(0)),
            letter => letter,
        };
        Self { start, digits, before, letter, next: byte(text, start + digits) }
    }
}
