//! Words of Latin letters in UTF-8, read so that a stream knows whether more bytes could change the reading.

use std::cell::Cell;

use crate::text::Outcome;

/// The most bytes of one word; a longer one is no word of a person's name or of an address.
const WORD_MAX: usize = 64;

/// A text that notices whether anybody looked past its end.
#[derive(Debug)]
pub(crate) struct Reader<'t> {
    text: &'t [u8],
    at_end: bool,
    touched: Cell<bool>,
}

/// One word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// It begins with a capital.
    pub(crate) capital: bool,
    /// It has at least two letters, all of them capitals.
    pub(crate) shouted: bool,
}

impl<'t> Reader<'t> {
    pub(crate) fn new(text: &'t [u8], at_end: bool) -> Self {
        Self { text, at_end, touched: Cell::new(false) }
    }

    /// The byte at a position; none at the end of the text, which is noticed.
    #[inline]
    pub(crate) fn byte(&self, at: usize) -> Option<u8> {
        let byte = self.text.get(at).copied();
        if byte.is_none() {
            self.touched.set(true);
        }
        byte
    }

    pub(crate) fn bytes(&self, start: usize, end: usize) -> &'t [u8] {
        self.text.get(start..end).unwrap_or_default()
    }

    pub(crate) fn starts_with(&self, at: usize, prefix: &[u8]) -> bool {
        prefix.iter().enumerate().all(|(i, byte)| self.byte(at + i) == Some(*byte))
    }

    /// What was decided, unless it was decided by looking at the end of a text that goes on.
    pub(crate) fn settle(&self, start: usize, decided: Outcome) -> Outcome {
        if self.touched.get() && !self.at_end { Outcome::Open(start) } else { decided }
    }

    /// Length in bytes of the letter at a position, and whether it is a capital.
    #[inline]
    pub(crate) fn letter(&self, at: usize) -> Option<(usize, bool)> {
        match self.byte(at)? {
            byte if byte.is_ascii_alphabetic() => Some((1, byte.is_ascii_uppercase())),
            lead @ 0xC3..=0xC9 => letter_of_two(lead, self.byte(at + 1)?).map(|capital| (2, capital)),
            _ => None,
        }
    }

    /// The word that begins at a position: letters, also joined by single hyphens and apostrophes.
    pub(crate) fn word(&self, start: usize) -> Option<Word> {
        let (first, capital) = self.letter(start)?;
        let (mut end, mut letters, mut capitals) = (start + first, 1, usize::from(capital));
        loop {
            while end - start <= WORD_MAX
                && let Some(byte) = self.text.get(end).filter(|byte| byte.is_ascii_alphabetic())
            {
                end += 1;
                letters += 1;
                capitals += usize::from(byte.is_ascii_uppercase());
            }
            if end - start > WORD_MAX {
                return None;
            }
            if let Some((length, upper)) = self.letter(end) {
                end += length;
                letters += 1;
                capitals += usize::from(upper);
            } else {
                let joint = match self.byte(end) {
                    Some(b'-' | b'\'') => 1,
                    // U+2019
                    Some(0xE2) if self.starts_with(end, b"\xE2\x80\x99") => 3,
                    _ => break,
                };
                // An apostrophe joins only what goes on with a capital, as in `O'Neill`.
                match self.letter(end + joint) {
                    Some((_, upper)) if upper || self.byte(end) == Some(b'-') => end += joint,
                    _ => break,
                }
            }
            if end - start > WORD_MAX {
                return None;
            }
        }
        let joined = self.byte(end).is_some_and(|b| b.is_ascii_digit() || matches!(b, b'_' | b'@' | b'\\'));
        (!joined).then_some(Word { start, end, capital, shouted: letters > 1 && letters == capitals })
    }

    /// Behind one space, ASCII or U+00A0.
    pub(crate) fn space(&self, at: usize) -> Option<usize> {
        match self.byte(at)? {
            b' ' => Some(at + 1),
            0xC2 if self.byte(at + 1) == Some(0xA0) => Some(at + 2),
            _ => None,
        }
    }

    /// Behind at most so many spaces.
    pub(crate) fn spaces(&self, mut at: usize, most: usize) -> usize {
        for _ in 0..most {
            match self.space(at) {
                Some(next) => at = next,
                None => break,
            }
        }
        at
    }
}

/// A letter stands before the position, or a digit or `_`.
pub(crate) fn inside_word(text: &[u8], at: usize) -> bool {
    let before = |distance: usize| at.checked_sub(distance).and_then(|i| text.get(i)).copied();
    match (before(1), before(2)) {
        (Some(b'n' | b't' | b'r'), Some(b'\\')) => false,
        (Some(byte), _) if byte.is_ascii_alphanumeric() || byte == b'_' => true,
        (Some(byte @ 0x80..=0xBF), Some(lead @ 0xC3..=0xC9)) => letter_of_two(lead, byte).is_some(),
        // Scripts of two bytes a letter: Greek, Cyrillic, Hebrew, Arabic.
        (Some(0x80..=0xBF), Some(0xCD..=0xDD)) => true,
        _ => false,
    }
}

/// Whether a letter of two bytes, U+00C0 to U+024F and what of Latin lies near, is a capital; none for other signs.
fn letter_of_two(lead: u8, byte: u8) -> Option<bool> {
    let code = u32::from(lead & 0x1F) << 6 | u32::from(byte & 0x3F);
    match code {
        0xD7 | 0xF7 => None,
        0xC0..=0xDE => Some(true),
        0xDF..=0xFF => Some(false),
        // The pairs begin at odd numbers here.
        0x139..=0x148 | 0x179..=0x17E => Some(code % 2 == 1),
        0x178 => Some(true),
        0x100..=0x177 => Some(code.is_multiple_of(2)),
        0x17F..=0x24F => Some(false),
        _ => None,
    }
}
