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

/// Values of the hash of two bytes.
const PAIRS: usize = 512;

/// Two bytes in either case as a number below [`PAIRS`].
fn pair(first: u8, second: u8) -> usize {
    (usize::from(first | 0x20).wrapping_mul(37) % PAIRS) ^ usize::from(second | 0x20)
}

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
    /// A bit for each hash of the first two bytes of a word.
    pairs: [u64; PAIRS / 64],
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
        let mut pairs = [0; PAIRS / 64];
        let written = |word: &Word| writings(word.letters.get(..2).unwrap_or(&word.letters));
        for letters in words.iter().flat_map(written) {
            let (first, seconds) = match *letters {
                [first, second, ..] => (first, second..=second),
                [first] => (first, 0..=u8::MAX),
                [] => continue,
            };
            for pair in seconds.map(|second| pair(first, second)) {
                pairs.get_mut(pair / 64).into_iter().for_each(|bits| *bits |= 1 << (pair % 64));
            }
        }
        Self { words, firsts, pairs, around }
    }

    /// Words behind a finding and at the head of its column count too.
    pub(crate) fn are_around(&self) -> bool {
        self.around
    }

    /// What the words say about the finding at `start..end`: the head of its column before the nearest word to its left,
    /// and a word behind it where neither says anything. `spots` are those of this text, of rules this one is among.
    pub(crate) fn say(
        &self,
        spots: &mut Spots<'_>,
        text: &[u8],
        start: usize,
        end: usize,
        at_end: bool,
    ) -> Said {
        if self.words.is_empty() {
            return Said::Nothing;
        }
        if self.around {
            let head = self.column(spots, text, start, end);
            if head != Said::Nothing {
                return head;
            }
        }
        let paired = match (byte(text, end), byte(text, end + 1)) {
            (Some(b'/'), _) | (Some(b' '), Some(b'/')) => true,
            (Some(b' '), None) if self.around && !at_end => return Said::Open,
            _ => false,
        };
        let left = self.left(spots, text, start, paired && self.around);
        if matches!(left, Said::For | Said::Against) || !self.around {
            return left;
        }
        match self.behind(spots, text, end, at_end) {
            Said::Nothing => left,
            behind => behind,
        }
    }

    /// What the nearest word says; of a pair of words such as `LANR/BSNR` before a pair of numbers, the first of which
    /// begins at `start`, what the first says.
    fn left(&self, spots: &mut Spots<'_>, text: &[u8], start: usize, paired: bool) -> Said {
        let from = start.saturating_sub(CONTEXT);
        let mut places = spots.between(text, from, start);
        while let Some(place) = places.checked_ilog2() {
            places ^= 1 << place;
            let at = from + place as usize;
            let Some(word) = self.word_at(text, at, start) else { continue };
            let other = || holds_number(range(text, at, start));
            match word.said {
                _ if paired && follows_slash(text, at) && !other() => {}
                Said::Against if start - at > CONTEXT_AGAINST || other() => {}
                Said::For if has_own_label(range(text, at + word.letters.len(), start)) => {
                    return Said::Nothing;
                }
                Said::For if is_apart(text, at, start) => return Said::Remotely,
                said => return said,
            }
        }
        Said::Nothing
    }

    /// Two bytes tell nearly all places without a word.
    fn may_begin(&self, text: &[u8], at: usize) -> bool {
        let Some(&[first, second]) = text.get(at..at + 2) else { return true };
        let pair = pair(first, second);
        self.pairs.get(pair / 64).is_none_or(|word| word >> (pair % 64) & 1 != 0)
    }

    /// Some word stands in the range.
    fn stands_between(&self, spots: &mut Spots<'_>, text: &[u8], from: usize, until: usize) -> bool {
        for number in from / BLOCK..until.div_ceil(BLOCK) {
            let start = number * BLOCK;
            let mut places = spots.block(text, number) & u64::MAX << from.saturating_sub(start);
            while places != 0 {
                let at = start + places.trailing_zeros() as usize;
                places &= places - 1;
                if at < until && self.word_at(text, at, until).is_some() {
                    return true;
                }
            }
        }
        false
    }

    /// The longest word at `at` that ends by `end`.
    fn word_at(&self, text: &[u8], at: usize, end: usize) -> Option<&Word> {
        if !self.may_begin(text, at) {
            return None;
        }
        let places = self.firsts.get(usize::from(byte(text, at)? % FIRSTS))?;
        let words = self.words.get(places.clone()).filter(|words| !words.is_empty())?;
        let begins = begins_word(text, at);
        let here = range(text, at, end.max(at));
        words.iter().find(|word| {
            (word.inside || begins)
                && here.get(..word.letters.len()).is_some_and(|part| is_written(&word.letters, part))
        })
    }

    fn behind(&self, spots: &mut Spots<'_>, text: &[u8], end: usize, at_end: bool) -> Said {
        let until = end + BEHIND;
        let places = spots.between(text, end, until.min(text.len()));
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
            if places >> (at - end) & 1 == 0 {
                continue;
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
    fn column(&self, spots: &mut Spots<'_>, text: &[u8], start: usize, end: usize) -> Said {
        let Some(mut line) = line_start(text, start, start) else { return Said::Nothing };
        if !self.stands_between(spots, text, start.saturating_sub(COLUMN), line) {
            return Said::Nothing;
        }
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

/// Cells above a value, at least, that must hold what the same check accepts.
const COLUMN_CELLS: usize = 3;

/// The nearest cells above a value, in rows parted like its own, are written like it, differ, and fit `check` too: the head
/// of a long table is too far away to say what its column holds, but check digits say it row after row.
pub(crate) fn is_of_a_column(
    text: &[u8],
    start: usize,
    end: usize,
    check: impl Fn(usize, usize) -> bool,
) -> bool {
    let Some(mut line) = line_start(text, start, start) else { return false };
    let before = range(text, line, start);
    let found = DELIMITERS.iter().copied().find(|delimiter| before.contains(delimiter));
    let first = || byte(text, end + usize::from(byte(text, end) == Some(b'"')));
    let Some(delimiter) = found.or_else(|| first().filter(|next| DELIMITERS.contains(next))) else {
        return false;
    };
    let cell = before.iter().filter(|b| **b == delimiter).count();
    let value = range(text, start, end);
    let mut above = value;
    for _ in 0..COLUMN_CELLS {
        let Some(row_start) = line.checked_sub(1).and_then(|end| line_start(text, end, start)) else {
            return false;
        };
        let row = range(text, row_start, line - 1);
        let Some(content) = row.split(|b| *b == delimiter).nth(cell) else { return false };
        let skipped: usize = row.split(|b| *b == delimiter).take(cell).map(|content| content.len() + 1).sum();
        let blanks = content.iter().take_while(|b| matches!(b, b' ' | b'"' | b'\'')).count();
        let from = row_start + skipped + blanks;
        let to = from + value.len();
        let other = range(text, from, to);
        let is_whole = byte(text, to).is_none_or(|next| !next.is_ascii_alphanumeric());
        let alike = other.len() == value.len()
            && is_whole
            && blanks + value.len() <= content.len()
            && other.iter().zip(value).all(|(one, other)| same_kind(*one, *other));
        if !alike || other == above || !check(from, to) {
            return false;
        }
        (above, line) = (other, row_start);
    }
    true
}

/// Both are digits, or letters, or the same.
fn same_kind(one: u8, other: u8) -> bool {
    one == other
        || one.is_ascii_digit() && other.is_ascii_digit()
        || one.is_ascii_alphabetic() && other.is_ascii_alphabetic()
}

/// Where words of some rules may begin: a bit for each hash of their first three bytes in small letters.
#[derive(Debug)]
pub(crate) struct Beginnings {
    bits: Box<[u64; BEGINNINGS / 64]>,
    /// Bytes that are words.
    singles: Box<[bool; 256]>,
    has_singles: bool,
}

/// Bits of [`Beginnings`].
const BEGINNINGS: usize = 32 * 1024;
/// Bytes of a text whose places are worked out together.
const BLOCK: usize = 64;
/// Blocks that are remembered: those that one finding asks for lie within [`COLUMN`] bytes.
const BLOCKS: usize = 8;
const _: () = assert!(COLUMN + BEHIND + 2 * BLOCK <= BLOCKS * BLOCK);

/// The places of one text where words may begin, worked out where somebody asks.
#[derive(Debug)]
pub(crate) struct Spots<'b> {
    beginnings: &'b Beginnings,
    /// A block and a bit for each of its bytes, by the last bits of its number.
    blocks: [(usize, u64); BLOCKS],
}

impl Beginnings {
    pub(crate) fn new<'w>(words: impl Iterator<Item = &'w Words>) -> Self {
        let mut made = Self {
            bits: Box::new([0; BEGINNINGS / 64]),
            singles: Box::new([false; 256]),
            has_singles: false,
        };
        let written = |word: &'w Word| writings(word.letters.get(..3).unwrap_or(&word.letters));
        for letters in words.flat_map(|words| &words.words).flat_map(written) {
            match *letters {
                [] => {}
                [only] => {
                    made.has_singles = true;
                    for byte in [only, only.to_ascii_uppercase()] {
                        made.singles.get_mut(usize::from(byte)).into_iter().for_each(|slot| *slot = true);
                    }
                }
                [first, second] => (0..=u8::MAX).for_each(|third| made.add([first, second, third])),
                [first, second, third, ..] => made.add([first, second, third]),
            }
        }
        made
    }

    fn add(&mut self, letters: [u8; 3]) {
        let [first, second, third] = letters;
        let hash = Self::hash(u32::from_le_bytes([first, second, third, 0]));
        self.bits.get_mut(hash / 64).into_iter().for_each(|word| *word |= 1 << (hash % 64));
    }

    #[inline]
    fn hash(three: u32) -> usize {
        // The golden ratio in 32 bits, as in Fibonacci hashing (Knuth, TAOCP volume 3, section 6.4).
        (three | 0x20_2020).wrapping_mul(0x9E37_79B1) as usize >> (32 - BEGINNINGS.trailing_zeros())
    }

    fn block(&self, text: &[u8], number: usize) -> u64 {
        let rest = text.get(number * BLOCK..).unwrap_or_default();
        let bytes = rest.first_chunk().copied().unwrap_or_else(|| {
            let mut bytes = [0; BLOCK + 2];
            bytes.iter_mut().zip(rest).for_each(|(slot, byte)| *slot = *byte);
            bytes
        });
        let mut places = 0;
        let eight = |at: usize| {
            bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |eight| u64::from_le_bytes(*eight))
        };
        for part in (0..BLOCK).step_by(8) {
            let (low, high) = (eight(part), eight(part + 2));
            for place in 0..6 {
                places |= self.bit(low >> (8 * place)) << (part + place);
            }
            places |= self.bit(high >> 32) << (part + 6) | self.bit(high >> 40) << (part + 7);
        }
        if self.has_singles {
            for (place, byte) in bytes.iter().take(BLOCK).enumerate() {
                places |= u64::from(self.singles.get(usize::from(*byte)) == Some(&true)) << place;
            }
        }
        places
    }

    /// 1 where some word may begin with the lowest three of these bytes.
    #[inline]
    fn bit(&self, bytes: u64) -> u64 {
        let hash = Self::hash(bytes as u32 & 0xFF_FFFF);
        self.bits.get(hash / 64).map_or(0, |word| word >> (hash % 64) & 1)
    }
}

impl<'b> Spots<'b> {
    pub(crate) fn new(beginnings: &'b Beginnings) -> Self {
        Self { beginnings, blocks: [(usize::MAX, 0); BLOCKS] }
    }

    fn block(&mut self, text: &[u8], number: usize) -> u64 {
        let Some(known) = self.blocks.get_mut(number % BLOCKS) else { return u64::MAX };
        if known.0 != number {
            *known = (number, self.beginnings.block(text, number));
        }
        known.1
    }

    /// A bit for each of the at most 128 bytes of `from..until`, the lowest for the first.
    fn between(&mut self, text: &[u8], from: usize, until: usize) -> u128 {
        let mut places = 0;
        for number in from / BLOCK..until.div_ceil(BLOCK) {
            let block = u128::from(self.block(text, number));
            let start = number * BLOCK;
            places |= if start < from { block >> (from - start) } else { block << (start - from) };
        }
        places & 1_u128.checked_shl((until - from) as u32).map_or(u128::MAX, |end| end - 1)
    }
}

/// Some number stands here that has [`OTHER_NUMBER`] digits or more.
fn holds_number(text: &[u8]) -> bool {
    text.windows(OTHER_NUMBER).any(|digits| digits.iter().all(u8::is_ascii_digit))
}

/// Ends of words that say what the number behind them is: of a case, an order, an article.
const LABELS: &[&str] = &[
    "nr",
    "nummer",
    "number",
    "-no",
    "-id",
    "zeichen",
    "kennung",
    "code",
    "vorgang",
    "ticket",
    "beleg",
    "auftrag",
    "antrag",
    "bestellung",
    "rechnung",
    "buchung",
    "akte",
    "order",
    "referenz",
    "reference",
    "artikel",
    "konto",
    "charge",
    "invoice",
    "case",
];

/// Between a word that speaks for a finding and the finding stands another number, and then a label of the finding's own:
/// `Reisepass H6K100574, Antragsnummer C04290982`.
fn has_own_label(between: &[u8]) -> bool {
    let letter = |b: &u8| b.is_ascii_alphabetic() || *b >= 0x80;
    let blank = |b: &u8| matches!(b, b' ' | b':' | b'.' | b'=' | b'#' | b'"' | b'\'');
    let end = between.iter().rposition(|b| !blank(b)).map_or(0, |last| last + 1);
    let begin =
        range(between, 0, end).iter().rposition(|b| !(letter(b) || *b == b'-')).map_or(0, |at| at + 1);
    let (before, label) = (range(between, 0, begin), range(between, begin, end));
    // A bare `number` goes on with what was spoken of.
    let names = |ending: &&str| {
        label.len() > ending.len() + 1
            && range(label, label.len() - ending.len(), label.len()).eq_ignore_ascii_case(ending.as_bytes())
            || ending.len() > 3 && !ending.starts_with("num") && label.eq_ignore_ascii_case(ending.as_bytes())
    };
    let is_year = |token: &[u8]| matches!(token, [b'1', b'9', _, _] | [b'2', b'0', _, _]);
    let token =
        |token: &[u8]| token.iter().filter(|b| b.is_ascii_digit()).count() >= OTHER_NUMBER && !is_year(token);
    LABELS.iter().any(names)
        && before.split(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'-' | b'/' | b'.'))).any(token)
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

/// The first letters of a word in every way in which [`is_written`] takes what joins its parts.
fn writings(letters: &[u8]) -> Vec<Vec<u8>> {
    let joints: &[u8] = b"- _";
    letters.iter().fold(vec![Vec::new()], |all, letter| {
        let own = [*letter];
        let kinds = if joints.contains(letter) { joints } else { &own };
        let longer = |begun: &Vec<u8>| {
            kinds.iter().map(|kind| [begun.as_slice(), &[*kind]].concat()).collect::<Vec<_>>()
        };
        all.iter().flat_map(longer).collect()
    })
}

/// A slash stands before `at`, or a slash and a space.
fn follows_slash(text: &[u8], at: usize) -> bool {
    let blank = usize::from(byte_before(text, at) == Some(b' '));
    byte_before(text, at - blank) == Some(b'/')
}

/// A sentence or a paragraph ends between the word at `at` and the letters before `start`.
fn is_apart(text: &[u8], at: usize, start: usize) -> bool {
    let last = range(text, at, start).iter().rposition(u8::is_ascii_alphabetic);
    last.is_some_and(|last| (at..at + last).any(|at| parts(text, at)))
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
