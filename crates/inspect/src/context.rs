//! Words near a finding that speak for it or against it.

use std::cmp::Reverse;
use std::ops::Range;

use crate::text::{byte, byte_before, range, starts_word};

/// How far to the left of a finding a word may stand that speaks for it, in bytes.
pub(crate) const CONTEXT: usize = 96;
/// How far to the left a word may stand that speaks against it.
const CONTEXT_AGAINST: usize = 64;
/// How far to the left the head of a finding's column may begin.
pub(crate) const COLUMN: usize = 250;
/// How far to the right, on the same line, a word may end that speaks for it.
const BEHIND: usize = 40;
/// A number of so many digits between a word and a finding is what that word spoke against.
const OTHER_NUMBER: usize = 4;

/// Bytes of a word, at least, behind which a full stop ends a sentence.
const SENTENCE_WORD: usize = 5;

/// Values of the bits of a first byte by which words are looked up.
const FIRSTS: u8 = 32;

/// What the words around a finding say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    For,
    /// A word speaks for it, but a sentence or paragraph ended between the two.
    Remotely,
    Against,
    Nothing,
    /// The text ends before the words behind the finding do.
    Open,
}

/// The words of one rule.
#[derive(Debug, Default)]
pub(crate) struct Words {
    /// Sorted by the last five bits of their first byte, which are the same in either case; longer words first.
    words: Vec<Word>,
    /// For each value of those bits the places in `words`.
    firsts: Vec<Range<usize>>,
    /// Words behind the finding and at the head of its column count too.
    around: bool,
}

#[derive(Debug)]
struct Word {
    /// In small letters.
    letters: Vec<u8>,
    /// It may begin inside another word, as in German compounds.
    inside: bool,
    said: Said,
}

impl Words {
    /// Words in small letters; one that begins with `*` may stand inside a longer word.
    pub(crate) fn new(context: &[String], against: &[String], around: bool) -> Self {
        let word = |text: &String, said| {
            let inside = text.starts_with('*');
            let letters = text.trim_start_matches('*').to_ascii_lowercase().into_bytes();
            Word { letters, inside, said }
        };
        // Of a word that is on both lists, what it says against counts.
        let mut words: Vec<Word> = against
            .iter()
            .map(|text| word(text, Said::Against))
            .chain(context.iter().map(|text| word(text, Said::For)))
            .filter(|word| !word.letters.is_empty())
            .collect();
        let first = |word: &Word| word.letters.first().map_or(0, |byte| byte % FIRSTS);
        words.sort_by_key(|word| (first(word), Reverse(word.letters.len())));
        let place = |from: u8| words.partition_point(|word| first(word) < from);
        let firsts = (0..FIRSTS).map(|from| place(from)..place(from + 1)).collect();
        Self { words, firsts, around }
    }

    /// What the words say about the finding at `start..end`: the head of its column before the nearest word to its left,
    /// and a word behind it where neither says anything.
    pub(crate) fn say(&self, text: &[u8], start: usize, end: usize, at_end: bool) -> Said {
        if self.words.is_empty() {
            return Said::Nothing;
        }
        if self.around {
            let head = self.column(text, start, end);
            if head != Said::Nothing {
                return head;
            }
        }
        let paired = match (byte(text, end), byte(text, end + 1)) {
            (Some(b'/'), _) | (Some(b' '), Some(b'/')) => true,
            (Some(b' '), None) if self.around && !at_end => return Said::Open,
            _ => false,
        };
        let left = self.left(text, start, paired && self.around);
        if matches!(left, Said::For | Said::Against) || !self.around {
            return left;
        }
        match self.behind(text, end, at_end) {
            Said::Nothing => left,
            behind => behind,
        }
    }

    /// What the nearest word says; of a pair of words such as `LANR/BSNR` before a pair of numbers, the first of which
    /// begins at `start`, what the first says.
    fn left(&self, text: &[u8], start: usize, paired: bool) -> Said {
        let mut digits = 0;
        let mut other = false;
        // Letters stand between here and the finding; so does the end of a sentence or paragraph before them.
        let (mut worded, mut apart) = (false, false);
        for at in (start.saturating_sub(CONTEXT)..start).rev() {
            let Some(here) = byte(text, at) else { continue };
            digits = if here.is_ascii_digit() { digits + 1 } else { 0 };
            other = other || digits >= OTHER_NUMBER;
            apart = apart || worded && parts(text, at);
            if paired && !other && follows_slash(text, at) && self.word_at(text, at, start).is_some() {
                continue;
            }
            worded = worded || here.is_ascii_alphabetic();
            match self.word_at(text, at, start).map(|word| word.said) {
                Some(Said::Against) if other || start - at > CONTEXT_AGAINST => {}
                Some(Said::For) if apart => return Said::Remotely,
                Some(said) => return said,
                None => {}
            }
        }
        Said::Nothing
    }

    /// The longest word at `at` that ends by `end`.
    fn word_at(&self, text: &[u8], at: usize, end: usize) -> Option<&Word> {
        let places = self.firsts.get(usize::from(byte(text, at)? % FIRSTS))?;
        let words = self.words.get(places.clone()).filter(|words| !words.is_empty())?;
        let begins = begins_word(text, at);
        let here = range(text, at, end.max(at));
        words.iter().find(|word| {
            (word.inside || begins)
                && here.get(..word.letters.len()).is_some_and(|part| is_written(&word.letters, part))
        })
    }

    fn behind(&self, text: &[u8], end: usize, at_end: bool) -> Said {
        let until = end + BEHIND;
        for at in end..until.min(text.len()) {
            match byte(text, at) {
                // A comma in a sentence.
                Some(b',') if byte(text, at + 1) == Some(b' ') => continue,
                // The next line, the next cell, and the next number speak of something else.
                Some(b'\n' | b'\r' | b';' | b'\t' | b'|' | b',' | b'0'..=b'9') | None => {
                    return Said::Nothing;
                }
                Some(_) => {}
            }
            let word = self.word_at(text, at, until.min(text.len())).filter(|word| word.said == Said::For);
            let Some(word) = word else { continue };
            // A word with a colon, or with a number of its own, is the label of what comes next.
            let next = at + word.letters.len();
            let rest = range(text, next, text.len().min(next + LABEL));
            let label = rest
                .iter()
                .position(|b| !(b.is_ascii_alphabetic() || *b >= 0x80 || matches!(b, b'-' | b' ' | b'.')));
            return match label.and_then(|label| rest.get(label)) {
                Some(b':' | b'=' | b'"' | b'0'..=b'9') => Said::Nothing,
                None if rest.len() < LABEL && !at_end => Said::Open,
                _ => Said::For,
            };
        }
        if until > text.len() && !at_end { Said::Open } else { Said::Nothing }
    }

    /// What the nearest line above says, in the cell of the same column, that says anything.
    fn column(&self, text: &[u8], start: usize, end: usize) -> Said {
        let Some(mut line) = line_start(text, start, start) else { return Said::Nothing };
        let before = range(text, line, start);
        let found = DELIMITERS.iter().copied().find(|delimiter| before.contains(delimiter));
        let first = || byte(text, end + usize::from(byte(text, end) == Some(b'"')));
        let Some(delimiter) = found.or_else(|| first().filter(|next| DELIMITERS.contains(next))) else {
            return Said::Nothing;
        };
        let cell = before.iter().filter(|b| **b == delimiter).count();
        while let Some(above) = line.checked_sub(1).and_then(|end| line_start(text, end, start)) {
            let row = range(text, above, line - 1);
            let mut at = above;
            let mut said = Said::Nothing;
            let cells = row.split(|b| *b == delimiter);
            if cells.clone().count() < 2 {
                return Said::Nothing;
            }
            for (index, content) in cells.enumerate() {
                if index == cell {
                    let until = at + content.len();
                    said = (at..until)
                        .find_map(|at| self.word_at(text, at, until))
                        .map_or(Said::Nothing, |word| word.said);
                }
                at += content.len() + 1;
            }
            if said != Said::Nothing {
                return said;
            }
            line = above;
        }
        Said::Nothing
    }
}

/// Between a word behind a finding and the colon or number that makes it a label, in bytes.
const LABEL: usize = 24;
/// What separates the cells of a row, the surer ones first.
const DELIMITERS: [u8; 4] = [b';', b'\t', b'|', b','];

/// The start of the line that holds `at`, where it lies within [`COLUMN`] bytes before `start`.
fn line_start(text: &[u8], at: usize, start: usize) -> Option<usize> {
    let from = start.saturating_sub(COLUMN);
    let line = range(text, from, at);
    match line.iter().rposition(|b| *b == b'\n') {
        Some(newline) => Some(from + newline + 1),
        None => (from == 0 && at > 0).then_some(0),
    }
}

/// The word as the text writes it: in any case, and with hyphens, spaces or underscores inside.
fn is_written(word: &[u8], text: &[u8]) -> bool {
    let last = word.len().saturating_sub(1);
    let joint = |byte: u8| matches!(byte, b'-' | b' ' | b'_');
    word.iter().zip(text).enumerate().all(|(at, (word, byte))| {
        word.eq_ignore_ascii_case(byte) || at < last && joint(*word) && joint(*byte)
    })
}

/// A slash stands before `at`, or a slash and a space.
fn follows_slash(text: &[u8], at: usize) -> bool {
    let blank = usize::from(byte_before(text, at) == Some(b' '));
    byte_before(text, at - blank) == Some(b'/')
}

/// A sentence or a paragraph ends with the byte at `at`.
fn parts(text: &[u8], at: usize) -> bool {
    let (here, next) = (byte(text, at), byte(text, at + 1));
    match here {
        Some(b'\n') => matches!(next, Some(b'\n' | b'\r')),
        Some(b'.' | b'?' | b'!') => {
            let capital = byte(text, at + 2).is_some_and(|b| b.is_ascii_uppercase() || b == 0xC3);
            // A shorter word is rather shortened, as in `Vers. Nr.`
            let word = range(text, at.saturating_sub(SENTENCE_WORD), at);
            let ended = here != Some(b'.')
                || word.len() == SENTENCE_WORD && word.iter().all(|b| b.is_ascii_lowercase() || *b >= 0x80);
            matches!(next, Some(b' ' | b'\n' | b'\r')) && capital && ended
        }
        _ => false,
    }
}

/// Nothing of the same word stands before `at`; an underscore and the hump of a camel part words here.
fn begins_word(text: &[u8], at: usize) -> bool {
    starts_word(text, at)
        || match (byte_before(text, at), byte(text, at)) {
            (Some(before), Some(here)) => {
                before == b'_' || before.is_ascii_lowercase() && here.is_ascii_uppercase()
            }
            _ => false,
        }
}

#[cfg(test)]
mod tests;
