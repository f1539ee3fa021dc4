//! Questions about single bytes of a text, and what a recognizer answers.

/// What a recognizer says about one anchor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Outcome {
    Nothing,
    /// Bytes to come may still make or change a finding that starts here or later.
    Open(usize),
    Hit {
        start: usize,
        end: usize,
        /// Evidence of the validator, in nats, added to the rule's prior.
        weight: f32,
    },
}

/// The place at which a recognizer looks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'t> {
    pub(crate) text: &'t [u8],
    /// First byte of the anchor.
    pub(crate) start: usize,
    /// One past its last byte.
    pub(crate) end: usize,
    /// No byte follows the text.
    pub(crate) at_end: bool,
}

pub(crate) fn byte(text: &[u8], at: usize) -> Option<u8> {
    text.get(at).copied()
}

pub(crate) fn byte_before(text: &[u8], at: usize) -> Option<u8> {
    at.checked_sub(1).and_then(|before| byte(text, before))
}

pub(crate) fn range(text: &[u8], start: usize, end: usize) -> &[u8] {
    text.get(start..end).unwrap_or_default()
}

pub(crate) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Nothing that belongs to the same word stands before `at`.
///
/// The letter of an escape such as `\n` does not count as a word: texts quoted inside JSON have no other boundary.
pub(crate) fn starts_word(text: &[u8], at: usize) -> bool {
    match byte_before(text, at) {
        Some(before) if is_word(before) => {
            matches!(before, b'n' | b't' | b'r')
                && at.checked_sub(2).and_then(|i| byte(text, i)) == Some(b'\\')
        }
        _ => true,
    }
}

pub(crate) fn ends_word(text: &[u8], at: usize) -> bool {
    byte(text, at).is_none_or(|next| !is_word(next))
}

/// The word ends so and is longer than that by two bytes at least, in any ASCII case.
pub(crate) fn has_ending(word: &[u8], ending: &[u8]) -> bool {
    word.len() > ending.len() + 1
        && range(word, word.len() - ending.len(), word.len()).eq_ignore_ascii_case(ending)
}

/// The nearest start of a UTF-8 character at or before `at`.
pub(crate) fn floor_character(text: &[u8], at: usize) -> usize {
    let mut at = at.min(text.len());
    for _ in 0..3 {
        if byte(text, at).is_some_and(|b| b & 0xC0 == 0x80) && at > 0 {
            at -= 1;
        }
    }
    at
}

/// Length of the separator of digit or letter groups at `at`: one space, hyphen, or Unicode space.
///
/// U+00A0, U+2009, U+202F and U+2011 to U+2013 are what typesetting and bank pages put between groups.
pub(crate) fn separator_length(text: &[u8], at: usize) -> Option<usize> {
    match byte(text, at)? {
        b' ' | b'-' => Some(1),
        0xC2 if byte(text, at + 1) == Some(0xA0) => Some(2),
        0xE2 if byte(text, at + 1) == Some(0x80) => match byte(text, at + 2)? {
            0x89 | 0xAF | 0x91..=0x93 => Some(3),
            _ => None,
        },
        _ => None,
    }
}

/// Length of the separator that ends just before `at`.
pub(crate) fn separator_length_before(text: &[u8], at: usize) -> Option<usize> {
    let length = match byte_before(text, at)? {
        b' ' | b'-' => return Some(1),
        0xA0 => 2,
        0x89 | 0xAF | 0x91..=0x93 => 3,
        _ => return None,
    };
    (separator_length(text, at.checked_sub(length)?) == Some(length)).then_some(length)
}
