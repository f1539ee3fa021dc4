//! The squeeze: values written in pieces, with separators, over lines, as strings that are joined, or with words for
//! the signs of an address.
//!
//! Numbers in columns and rows are pieces too. What is squeezed therefore keeps to shapes in which one value is written,
//! is tried here where a check digit allows it, and counts only for types that check themselves.

use super::lane::{Derived, Found, Lane};
use super::signs::{self, Signs};
use crate::checksum;
use crate::iban;
use crate::resolver::Hit;
use crate::text::{self, byte, byte_before, range, starts_word};

/// The most bytes of a value that are put together.
const VALUE_MAX: usize = 128;
/// The most bytes of text that one squeezed value takes.
const RUN_MAX: usize = 400;
/// The fewest single characters in a row that are one value.
const SINGLES_MIN: usize = 6;
/// The fewest pieces of equal length.
const PIECES_MIN: usize = 3;
/// The longest piece.
const PIECE_MAX: usize = 8;
/// The longest separator.
const SEPARATOR_MAX: usize = 3;
/// The first digit or underscore of a value stands so near to its beginning.
const FIRST_MAX: usize = 8;

pub(super) fn find(text: &[u8], from: usize, at_end: bool, out: &mut Vec<Derived>) -> Found {
    let mut reader = Reader { tested: from, at_end };
    let mut signs = Signs::new(text, from, signs::SQUEEZE);
    while let Some((at, _)) = signs.next() {
        if let Some(found) = reader.look(text, at, out) {
            return found;
        }
    }
    reader.look_at_tail(text).unwrap_or(Found::Nothing)
}

/// Reads values in pieces from one end of a text to the other.
#[derive(Debug)]
pub(super) struct Reader {
    /// Words that begin before this were looked at.
    pub(super) tested: usize,
    pub(super) at_end: bool,
}

impl Reader {
    /// Looks at what a sign may belong to.
    pub(super) fn look(&mut self, text: &[u8], sign: usize, out: &mut Vec<Derived>) -> Option<Found> {
        match byte(text, sign)? {
            b'\n' if byte_before(text, sign) == Some(b'\r') => None,
            b'\n' | b'\r' => self.take(sign, line_break(text, sign, self.at_end), out),
            b'"' | b'\'' | b'`' => self.take(sign, joined_strings(text, sign), out),
            b'[' | b'(' | b'{' => {
                // A space behind a word is dropped.
                let spaced = sign > self.tested
                    && byte_before(text, sign) == Some(b' ')
                    && byte_before(text, sign - 1).is_some_and(|b| b.is_ascii_alphanumeric());
                let start = if spaced { sign - 1 } else { sign };
                self.take(start, address_word(text, start), out)
            }
            _ => self.look_at_pieces(text, sign, out),
        }
    }

    /// The text ends in what may be the first piece of a value.
    pub(super) fn look_at_tail(&mut self, text: &[u8]) -> Option<Found> {
        if self.at_end {
            return None;
        }
        let end = text.len();
        if byte_before(text, end) == Some(b' ')
            && byte_before(text, end - 1).is_some_and(|b| b.is_ascii_alphanumeric())
        {
            return Some(Found::Open(end - 1));
        }
        let start = short_word(text, before_separator(text, end)).filter(|start| *start >= self.tested)?;
        self.take(start, pieces(text, start, false), &mut Vec::new())
    }

    /// Looks at the word around a sign, and at a short one before it that may be the first piece.
    fn look_at_pieces(&mut self, text: &[u8], sign: usize, out: &mut Vec<Derived>) -> Option<Found> {
        let mut start = sign;
        while sign - start < FIRST_MAX && byte_before(text, start).is_some_and(|b| b.is_ascii_alphanumeric())
        {
            start -= 1;
        }
        let country =
            short_word(text, before_separator(text, start)).filter(|country| *country >= self.tested);
        if let Some(country) = country
            && let Some(found) = self.take(country, pieces(text, country, self.at_end), out)
        {
            return Some(found);
        }
        if start < self.tested
            || byte_before(text, start).is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_')
        {
            return None;
        }
        self.tested = sign + 1;
        self.take(start, pieces(text, start, self.at_end), out)
    }

    fn take(&self, start: usize, step: Step, out: &mut Vec<Derived>) -> Option<Found> {
        match step {
            Step::Open if !self.at_end => Some(Found::Open(start)),
            Step::Squeeze(end, kept) => {
                out.extend(kept);
                Some(Found::Change { start, end, entry: None })
            }
            Step::Open | Step::Nothing => None,
        }
    }
}

/// Where the separator begins that ends at `end`; `end` itself when none does.
fn before_separator(text: &[u8], end: usize) -> usize {
    let mut start = end;
    while end - start < SEPARATOR_MAX && byte_before(text, start).is_some_and(is_separator) {
        start -= 1;
    }
    start
}

/// Where the word of one letter, or that of two which is a country with IBANs, begins that ends at `end`.
fn short_word(text: &[u8], end: usize) -> Option<usize> {
    let behind = range(text, end.saturating_sub(3), end).iter().rev();
    let length = behind.take_while(|b| b.is_ascii_alphanumeric()).count();
    let start = end - length;
    let word = range(text, start, end);
    let short = match word {
        [letter] => letter.is_ascii_alphabetic(),
        [first, second] => iban::is_country(&[first.to_ascii_uppercase(), second.to_ascii_uppercase()]),
        _ => false,
    };
    short.then_some(start)
}

/// Whether a hit in squeezed text is believed.
pub(super) fn accepts(kind: &str, hit: &Hit, lane: &Lane) -> bool {
    let written = range(&lane.bytes, hit.start, hit.end);
    if written.iter().all(|b| b.is_ascii_digit() || matches!(b, b' ' | b'-')) {
        // Digits must be all that was squeezed: part of a row of numbers is no value.
        return matches!(kind, "CREDIT_CARD" | "DE_STEUER_ID")
            && lane.changes.iter().any(|(start, end)| {
                *start == hit.start && *end == hit.end
                    || start >= &hit.start && end <= &hit.end && end - start <= 1
            });
    }
    matches!(
        kind,
        "IBAN"
            | "DE_SVNR"
            | "DE_KVNR"
            | "DE_PERSONALAUSWEIS"
            | "DE_REISEPASS"
            | "NATIONAL_ID"
            | "API_KEY"
            | "JWT"
            | "PRIVATE_KEY"
            | "PASSWORD"
            | "EMAIL"
            | "CUSTOM_TERM"
    ) && lane.differs_within(hit.start, hit.end)
}

enum Step {
    Nothing,
    Open,
    /// The text up to here reads as these bytes.
    Squeeze(usize, Vec<Derived>),
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'.' | b'-' | b'_' | b'/' | b',' | b'|' | b':' | b';' | b'+' | b'~' | b'*')
}

/// Pieces of one length with one separator: `D E 8 9`, `4-1-1-1`, `86.095.742.719`, `ghp_zQWB uTSO oRi4`.
fn pieces(text: &[u8], start: usize, at_end: bool) -> Step {
    let limit = text.len().min(start + RUN_MAX);
    let piece_end = |from: usize| {
        let rest = range(text, from, limit.min(from + 40));
        from + rest.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count()
    };
    let first_end = piece_end(start);
    let single = first_end == start + 1;
    let first = range(text, start, first_end);
    let telling = first.iter().any(|b| b.is_ascii_digit() || *b == b'_') || first.len() <= 2;
    if !single && (!telling || first.len() > 40) {
        return Step::Nothing;
    }
    let Some(mark) = byte(text, first_end) else { return Step::Open };
    if !is_separator(mark) || follows(text, start, mark, single) {
        return Step::Nothing;
    }
    // ` - `, `, ` and ` | ` are separators too.
    let mut separator = vec![mark];
    while separator.len() < 3 {
        match byte(text, first_end + separator.len()) {
            None => return Step::Open,
            Some(b) if is_separator(b) && (b == b' ') != (separator.last() == Some(&b' ')) => {
                separator.push(b)
            }
            Some(_) => break,
        }
    }
    if single {
        singles(text, start, &separator, limit, at_end)
    } else {
        groups(text, start, first_end, &separator, limit, at_end)
    }
}

/// The same separator and a character stand just before: the run began earlier.
fn follows(text: &[u8], start: usize, mark: u8, single: bool) -> bool {
    byte_before(text, start) == Some(mark)
        && start.checked_sub(2).and_then(|i| byte(text, i)).is_some_and(|b| b.is_ascii_alphanumeric())
        && if single {
            start.checked_sub(3).and_then(|i| byte(text, i)).is_none_or(|b| b == mark)
        } else {
            mark != b' '
        }
}

fn singles(text: &[u8], start: usize, separator: &[u8], limit: usize, at_end: bool) -> Step {
    let mut kept: Vec<Derived> = Vec::new();
    let mut at = start;
    let mut end = start;
    loop {
        let Some(here) = byte(text, at) else {
            if at_end {
                break;
            }
            return open_or(text, limit);
        };
        if !here.is_ascii_graphic() || separator.contains(&here) {
            break;
        }
        kept.push((here, at, at));
        end = at + 1;
        if kept.len() > VALUE_MAX {
            return Step::Nothing;
        }
        let behind = range(text, end, text.len().min(end + separator.len()));
        if behind.len() < separator.len() && separator.starts_with(behind) && !at_end {
            return open_or(text, limit);
        }
        if behind != separator {
            // The last character of a value stands alone, or before a mark of the sentence.
            if behind.first().is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_') {
                kept.pop();
                end = kept.last().map_or(start, |(_, last, _)| last + 1);
            }
            break;
        }
        at = end + separator.len();
        // A wider gap is a space of the value.
        if separator == b" " {
            let gap = range(text, at, text.len().min(at + 3)).iter().take_while(|b| **b == b' ').count();
            if gap > 0 {
                kept.push((b' ', at, at));
                at += gap;
            }
        }
    }
    while kept.last().is_some_and(|(b, ..)| *b == b' ') {
        kept.pop();
    }
    let end = kept.last().map_or(start, |(_, last, _)| (last + 1).min(end));
    let telling = kept.iter().any(|(b, ..)| b.is_ascii_digit() || *b == b'@');
    if kept.len() >= SINGLES_MIN && telling { Step::Squeeze(end, kept) } else { Step::Nothing }
}

fn groups(text: &[u8], start: usize, first_end: usize, separator: &[u8], limit: usize, at_end: bool) -> Step {
    let mut pieces = vec![(start, first_end)];
    let mut at = first_end + separator.len();
    let mut common = 0;
    loop {
        let rest = range(text, at, text.len().min(at + PIECE_MAX + 1));
        let length = rest.iter().take_while(|b| b.is_ascii_alphanumeric()).count();
        if at + length == text.len() && !at_end {
            return open_or(text, limit);
        }
        let word_goes_on = byte(text, at + length).is_some_and(|b| b == b'_' || b.is_ascii_alphanumeric());
        if length == 0 || word_goes_on || pieces.len() > 1 && length > common {
            // Part of something longer, as the groups of a UUID are.
            if length > 0 && separator != b" " {
                return Step::Nothing;
            }
            break;
        }
        if pieces.len() == 1 {
            common = length;
            // Dates, times and addresses of machines.
            if common < 2 || common == 2 && matches!(separator, b"." | b":" | b"/") {
                return Step::Nothing;
            }
        }
        // A shorter last piece without a digit is the next word.
        if length < common && !rest.iter().take(length).any(u8::is_ascii_digit) {
            break;
        }
        pieces.push((at, at + length));
        if length < common {
            break;
        }
        let behind = range(text, at + length, text.len().min(at + length + separator.len()));
        if behind.len() < separator.len() && separator.starts_with(behind) && !at_end {
            return open_or(text, limit);
        }
        if behind != separator {
            break;
        }
        at += length + separator.len();
        if at - start > RUN_MAX {
            return Step::Nothing;
        }
    }
    let value: usize = pieces.iter().map(|(from, until)| until - from).sum();
    let bytes: Vec<Derived> = pieces
        .iter()
        .flat_map(|(from, until)| (*from..*until).map(|i| (byte(text, i).unwrap_or_default(), i, i)))
        .collect();
    let end = pieces.last().map_or(start, |(_, until)| *until);
    let digits: Vec<u8> = bytes.iter().map(|(b, ..)| *b).filter(u8::is_ascii_digit).collect();
    let numeric = digits.len() == bytes.len();
    let first = first_end - start;
    let shaped = pieces.len() >= PIECES_MIN
        && common >= 2
        && (10..=VALUE_MAX).contains(&value)
        && (first <= common || !numeric);
    // Rows of small numbers are everywhere: only what checks itself is put together.
    let checked = if numeric { is_number(&digits) } else { is_iban(&bytes) || is_prefixed_key(&bytes) };
    if shaped && checked { Step::Squeeze(end, bytes) } else { Step::Nothing }
}

/// The text ends inside a run: more may come, unless the run is too long for a value.
fn open_or(text: &[u8], limit: usize) -> Step {
    if limit == text.len() { Step::Open } else { Step::Nothing }
}

fn is_iban(bytes: &[Derived]) -> bool {
    let compact: Vec<u8> = bytes.iter().map(|(b, ..)| *b).collect();
    matches!((iban::RECOGNIZER.read)(&compact, 0, true), text::Outcome::Hit { .. })
}

/// Long enough for a key, and with a prefix as keys have: letters and an underscore, or that of AWS access key ids.
fn is_prefixed_key(bytes: &[Derived]) -> bool {
    let compact: Vec<u8> = bytes.iter().map(|(b, ..)| *b).collect();
    let prefix = compact.iter().take_while(|b| b.is_ascii_alphanumeric()).count();
    compact.len() >= 20
        && compact.iter().filter(|b| b.is_ascii_digit()).count() >= 2
        && (prefix <= 8 && compact.get(prefix) == Some(&b'_')
            || compact.starts_with(b"AKIA")
            || compact.starts_with(b"ASIA"))
}

fn is_number(digits: &[u8]) -> bool {
    match digits.len() {
        11 => checksum::mod_11_10(digits),
        14..=16 | 19 => checksum::luhn(digits),
        _ => false,
    }
}

/// What a line break inside a value is surrounded by, at most.
const LINE_MAX: usize = 64;
/// The least part of a key before a line break.
const KEY_MIN: usize = 8;

/// A value that goes on in the next line, also behind an indentation or a mark of quotation.
fn line_break(text: &[u8], start: usize, at_end: bool) -> Step {
    // The last character before the break, spaces left out.
    let mut left_end = start;
    while byte_before(text, left_end) == Some(b' ') {
        left_end -= 1;
    }
    let left_from = left_end.saturating_sub(LINE_MAX);
    let line = range(text, left_from, left_end);
    let in_value = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b' ' | b'-' | b'_');
    let part = line.iter().rev().take_while(|b| in_value(b)).count();
    let left = range(text, left_end - part, left_end);
    if !left.last().is_some_and(u8::is_ascii_alphanumeric) || !left.iter().any(u8::is_ascii_digit) {
        return Step::Nothing;
    }
    let mut next = start;
    let mut breaks = 0;
    while next - start < 16 {
        match byte(text, next) {
            None => return Step::Open,
            Some(b'\n') => breaks += 1,
            Some(b' ' | b'\t' | b'>' | b'\r') => {}
            Some(_) => break,
        }
        next += 1;
    }
    if breaks != 1 {
        return Step::Nothing;
    }
    let right_range = range(text, next, text.len().min(next + LINE_MAX));
    let part = right_range.iter().take_while(|b| in_value(b)).count();
    let right = right_range.get(..part).unwrap_or_default();
    if !right.first().is_some_and(|b| b.is_ascii_alphanumeric()) {
        return Step::Nothing;
    }
    let last_piece = left.rsplit(|b| matches!(b, b' ' | b'-')).next().unwrap_or_default();
    let first_piece = right.split(|b| matches!(b, b' ' | b'-')).next().unwrap_or_default();
    if next + part == text.len() && part < LINE_MAX && !at_end {
        let plausible = first_piece.iter().any(u8::is_ascii_digit) || last_piece.len() >= KEY_MIN;
        return if plausible { Step::Open } else { Step::Nothing };
    }
    let printed = last_piece.len() <= 6 && first_piece.len() <= 6;
    if spans_value(left, right) || !printed && is_key(last_piece, first_piece) {
        let spaced = left_end < start;
        let bytes = if printed && !spaced { vec![(b' ', start, next - 1)] } else { Vec::new() };
        return Step::Squeeze(next, bytes);
    }
    Step::Nothing
}

/// An IBAN or a number with a check digit begins in one part and ends in the other.
fn spans_value(left: &[u8], right: &[u8]) -> bool {
    let compact = |part: &[u8]| part.iter().copied().filter(u8::is_ascii_alphanumeric).collect::<Vec<u8>>();
    let digits = |b: &&u8| b.is_ascii_digit() || matches!(b, b' ' | b'-');
    let before: Vec<u8> = left.iter().rev().take_while(digits).copied().filter(u8::is_ascii_digit).collect();
    let mut number: Vec<u8> = before.into_iter().rev().collect();
    let behind = right.iter().take_while(digits).copied().filter(u8::is_ascii_digit);
    let whole = number.len();
    number.extend(behind);
    if whole > 0 && number.len() > whole && is_number(&number) {
        return true;
    }
    let joined = [compact(right)].concat();
    left.iter().enumerate().any(|(at, here)| {
        here.is_ascii_alphabetic()
            && starts_word(left, at)
            && left.get(at + 1).is_some_and(u8::is_ascii_alphabetic)
            && left.get(at + 2).is_some_and(|b| b.is_ascii_digit() || *b == b' ')
            && {
                let mut value = compact(left.get(at..).unwrap_or_default());
                let first = value.len();
                value.extend_from_slice(&joined);
                (15..=34).any(|length| {
                    length > first
                        && value.get(..length).is_some_and(|candidate| {
                            matches!((iban::RECOGNIZER.read)(candidate, 0, true), text::Outcome::Hit { .. })
                        })
                })
            }
    })
}

/// Two parts of a key: long, and of letters and digits that are no words.
fn is_key(left: &[u8], right: &[u8]) -> bool {
    let mixed = |part: &[u8]| part.iter().any(u8::is_ascii_digit) && part.iter().any(u8::is_ascii_alphabetic);
    left.len() >= KEY_MIN && right.len() >= 4 && left.len() + right.len() >= 20 && mixed(left) && mixed(right)
}

/// `"ghp_zQWB" + "uTSO"`: strings that are joined in code.
fn joined_strings(text: &[u8], start: usize) -> Step {
    let quote = byte(text, start).unwrap_or_default();
    if !byte_before(text, start).is_some_and(|b| b.is_ascii_graphic() && b != quote) {
        return Step::Nothing;
    }
    let mut operators = 0;
    let mut at = start + 1;
    while at - start < 40 {
        match byte(text, at) {
            None => return Step::Open,
            Some(b'+' | b'&' | b'.' | b'|') if operators < 2 => operators += 1,
            Some(b' ' | b'\t' | b'\r' | b'\n' | b'\\') => {}
            Some(b) if b == quote => {
                return match byte(text, at + 1) {
                    None => Step::Open,
                    Some(next) if next.is_ascii_graphic() && next != quote && operators > 0 => {
                        Step::Squeeze(at + 1, Vec::new())
                    }
                    Some(_) => Step::Nothing,
                };
            }
            Some(_) => return Step::Nothing,
        }
        at += 1;
    }
    Step::Nothing
}

/// Words in brackets that stand for the signs of an address.
const WORDS: &[(&[u8], u8)] = &[
    (b"at", b'@'),
    ("ät".as_bytes(), b'@'),
    (b"@", b'@'),
    (b"dot", b'.'),
    (b"punkt", b'.'),
    (b"point", b'.'),
    (b".", b'.'),
];

/// `max [at] example [dot] org`, with or without spaces around the brackets.
fn address_word(text: &[u8], start: usize) -> Step {
    let bracket = if byte(text, start) == Some(b' ') { start + 1 } else { start };
    let close = match byte(text, bracket) {
        Some(b'[') => b']',
        Some(b'(') => b')',
        Some(_) => b'}',
        None => return Step::Open,
    };
    let rest = range(text, bracket + 1, text.len().min(bracket + 9));
    let length = rest.iter().take_while(|b| **b != close).count();
    let word = rest.get(..length).unwrap_or_default().trim_ascii();
    if bracket + 1 + length == text.len() {
        let begun = WORDS
            .iter()
            .any(|(known, _)| known.get(..word.len()).is_some_and(|k| k.eq_ignore_ascii_case(word)));
        return if begun { Step::Open } else { Step::Nothing };
    }
    let Some((_, sign)) = WORDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(word)) else {
        return Step::Nothing;
    };
    let mut end = bracket + length + 2;
    match byte(text, end) {
        None => return Step::Open,
        Some(b' ') => end += 1,
        Some(_) => {}
    }
    match byte(text, end) {
        None => Step::Open,
        Some(next) if next.is_ascii_alphanumeric() => Step::Squeeze(end, vec![(*sign, start, end - 1)]),
        Some(_) => Step::Nothing,
    }
}
