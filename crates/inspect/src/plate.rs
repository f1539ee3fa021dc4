//! Registration plates of German vehicles (FZV § 9 and annex 1): district, one or two letters, one to four digits.

use std::sync::LazyLock;

use crate::recognizer::{Group, Recognizer};
use crate::text::{
    Outcome, byte, byte_before, ends_word, range, separator_length, separator_length_before, starts_word,
};

pub(crate) const RECOGNIZER: Recognizer = Recognizer { may_be, start_before, read, open_tail };

/// The Unterscheidungszeichen of annex 1 of the FZV and of its Bekanntmachungen, sorted; also those no longer given out
/// of which plates are still about.
static DISTRICTS: LazyLock<Vec<&'static [u8]>> = LazyLock::new(|| {
    let mut districts: Vec<&[u8]> = include_str!("../../../recognizers/districts.txt")
        .split_ascii_whitespace()
        .map(str::as_bytes)
        .collect();
    districts.sort_unstable();
    districts
});

/// District and letters that begin something else far more often: standards, rules of the Union, programs.
const ELSEWHERE: &[(&[u8], &[u8])] = &[
    (b"DIN", b"A"),
    (b"DIN", b"EN"),
    (b"DIN", b"VDE"),
    (b"EU", b"VO"),
    (b"EU", b"RL"),
    (b"HP", b"UX"),
    (b"MS", b"SQL"),
    (b"IT", b"NR"),
];

/// The most bytes before the first digit: three letters of two bytes each, two separators of three, two letters.
const HEAD_MAX: usize = 14;
/// Letters and digits that a plate may have (FZV annex 4), and one more as they are written.
const LENGTH_MAX: usize = 9;

/// Letters stand before the digits.
fn may_be(_: &[u8], group: Group) -> bool {
    group.letter.is_some_and(|b| b.is_ascii_uppercase())
}

fn start_before(text: &[u8], digit: usize) -> Option<usize> {
    let end = digit - separator_length_before(text, digit).unwrap_or(0);
    let mut at = end;
    while end - at < 2 && byte_before(text, at).is_some_and(|b| b.is_ascii_uppercase()) {
        at -= 1;
    }
    let end = at - separator_length_before(text, at).filter(|_| at < end)?;
    let mut start = end;
    let mut letters = 0;
    while letters < 3 {
        let Some(length) = letter_length_before(text, start) else { break };
        start -= length;
        letters += 1;
    }
    (is_district(range(text, start, end)) && begins(text, start)).then_some(start)
}

/// Neither a word nor something joined by a hyphen, dot or slash goes on before `at`.
fn begins(text: &[u8], at: usize) -> bool {
    starts_word(text, at)
        && letter_length_before(text, at).is_none()
        && !matches!(byte_before(text, at), Some(b'-' | b'.' | b'/' | b'+' | b'_'))
}

fn is_district(letters: &[u8]) -> bool {
    DISTRICTS.binary_search(&letters).is_ok()
}

/// Bytes of the capital, `Ä`, `Ö` or `Ü` at `at`; none where there is none, and no answer where the text ends in one.
fn letter_length(text: &[u8], at: usize) -> Option<Option<usize>> {
    match byte(text, at)? {
        b'A'..=b'Z' => Some(Some(1)),
        0xC3 => byte(text, at + 1).map(|second| matches!(second, 0x84 | 0x96 | 0x9C).then_some(2)),
        _ => Some(None),
    }
}

fn letter_length_before(text: &[u8], end: usize) -> Option<usize> {
    (1..=2).find(|length| {
        end.checked_sub(*length).and_then(|at| letter_length(text, at)).flatten() == Some(*length)
    })
}

fn read(text: &[u8], start: usize, at_end: bool) -> Outcome {
    let open = if at_end { Outcome::Nothing } else { Outcome::Open(start) };
    let mut at = start;
    let mut count = 0;
    loop {
        match letter_length(text, at) {
            None => return open,
            Some(Some(length)) if count < 3 => {
                at += length;
                count += 1;
            }
            Some(_) => break,
        }
    }
    let district = range(text, start, at);
    if !is_district(district) {
        return Outcome::Nothing;
    }
    let Some(first) = byte(text, at) else { return open };
    let Some(separator) = separator_length(text, at) else {
        // The first bytes of a separator of several.
        return if text.len() - at < 3 && matches!(first, 0xC2 | 0xE2) { open } else { Outcome::Nothing };
    };
    at += separator;
    let letters = at;
    while at - letters < 2 && byte(text, at).is_some_and(|b| b.is_ascii_uppercase()) {
        at += 1;
    }
    let marks = range(text, letters, at);
    let Some(second) = byte(text, at) else { return open };
    if marks.is_empty() || ELSEWHERE.contains(&(district, marks)) {
        return Outcome::Nothing;
    }
    if separator_length(text, at).is_none() && text.len() - at < 3 && matches!(second, 0xC2 | 0xE2) {
        return open;
    }
    at += separator_length(text, at).unwrap_or(0);
    let digits = at;
    while at - digits < 5 && byte(text, at).is_some_and(|b| b.is_ascii_digit()) {
        at += 1;
    }
    let shown = at - digits;
    if at == text.len() && !at_end {
        return Outcome::Open(start);
    }
    if shown == 0 || shown > 4 || byte(text, digits) == Some(b'0') {
        return Outcome::Nothing;
    }
    // H for old cars and E for electric ones, joined or behind one space.
    let suffix = at + usize::from(byte(text, at) == Some(b' '));
    match byte(text, suffix) {
        None if !at_end => return Outcome::Open(start),
        Some(b'H' | b'E') if suffix + 1 == text.len() && !at_end => return Outcome::Open(start),
        Some(b'H' | b'E') if ends_word(text, suffix + 1) => at = suffix + 1,
        _ => {}
    }
    // A hyphen or a dot joins more to it, as in the numbers of articles.
    let next = byte(text, at);
    if matches!(next, Some(b'-' | b'.' | b'/' | b',')) && at + 1 == text.len() && !at_end {
        return Outcome::Open(start);
    }
    let goes_on = matches!(next, Some(b'-' | b'.' | b'/' | b','))
        && byte(text, at + 1).is_some_and(|b| b.is_ascii_alphanumeric());
    if goes_on || !ends_word(text, at) || count + marks.len() + shown > LENGTH_MAX {
        return Outcome::Nothing;
    }
    let hyphen = separator == 1 && byte(text, letters - 1) == Some(b'-');
    let weight = match (hyphen, byte(text, digits - 1)) {
        (true, Some(b' ' | 0xA0)) if shown >= 3 => 1.5,
        (true, Some(b' ' | 0xA0)) if shown == 2 => 0.7,
        (true, _) => 0.0,
        (false, _) => -0.6,
    };
    Outcome::Hit { start, end: at, weight }
}

fn open_tail(text: &[u8]) -> Option<usize> {
    let end = text.len();
    let from = end.saturating_sub(HEAD_MAX);
    (from..end).find(|at| {
        let letter = matches!(byte(text, *at), Some(b'A'..=b'Z' | 0xC3));
        letter
            && begins(text, *at)
            && (read(text, *at, false) == Outcome::Open(*at) || half_letters(text, *at))
    })
}

/// The text ends in up to three letters that are the first of some district.
fn half_letters(text: &[u8], start: usize) -> bool {
    let letters = range(text, start, text.len());
    letters.len() <= 6 && DISTRICTS.iter().any(|district| district.starts_with(letters))
}

#[cfg(test)]
mod tests;
