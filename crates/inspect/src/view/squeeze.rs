//! The squeeze: values written in pieces, with separators, over lines, as strings that are joined, or with words for
//! the signs of an address.

use super::lane::{Derived, Found, Lane};
use super::pieces::{self, Head, SEPARATOR_MAX, is_number, is_separator};
use super::signs::{self, Signs};
use crate::iban;
use crate::resolver::Hit;
use crate::text::{byte, byte_before, range};

/// The most bytes of a value that are put together.
const VALUE_MAX: usize = 128;
/// The most bytes of text that one squeezed value takes.
const RUN_MAX: usize = 400;
/// The fewest single characters in a row that are one value.
const SINGLES_MIN: usize = 6;
/// The longest piece of a key.
const PIECE_MAX: usize = 8;
/// The longest prefix of a key.
const PREFIX_MAX: usize = 8;

pub(super) fn find(text: &[u8], from: usize, at_end: bool, out: &mut Vec<Derived>) -> Found {
    let reader = Reader { from, at_end };
    let mut signs = Signs::new(text, from, signs::SQUEEZE);
    while let Some((at, _)) = signs.next() {
        match reader.look(text, at, out) {
            // What the text ends in may begin before what is open.
            Some(Found::Open(open)) => {
                let tail = reader.look_at_tail(text).and_then(Found::place);
                return Found::Open(tail.map_or(open, |tail| tail.min(open)));
            }
            Some(found) => return found,
            None => {}
        }
    }
    reader.look_at_tail(text).unwrap_or(Found::Nothing)
}

/// Reads values in pieces from one end of a text to the other.
#[derive(Debug)]
pub(super) struct Reader {
    /// No value begins before this.
    pub(super) from: usize,
    pub(super) at_end: bool,
}

impl Reader {
    /// Looks at what a sign may belong to.
    pub(super) fn look(&self, text: &[u8], sign: usize, out: &mut Vec<Derived>) -> Option<Found> {
        match byte(text, sign)? {
            b'\n' if byte_before(text, sign) == Some(b'\r') => None,
            b'\n' | b'\r' => {
                let (start, step) = line_break(text, sign, self.at_end);
                self.take(start, step, out)
            }
            b'"' | b'\'' | b'`' => self.take(sign, joined_strings(text, sign), out),
            b'@' => {
                let (start, step) = apart_address(text, sign, self.at_end);
                self.take(start, step, out)
            }
            b't' | b'T' if spoken_start(text, sign).is_some() => {
                let start = spoken_start(text, sign)?;
                self.take(start, spoken_address(text, start, sign + 2, self.at_end), out)
            }
            b'[' | b'(' | b'{' | b'<' => {
                if let Some(found) = self.take(sign, inline_tag(text, sign, self.at_end), out) {
                    return Some(found);
                }
                // A space behind a word is dropped.
                let spaced = byte_before(text, sign) == Some(b' ')
                    && byte_before(text, sign - 1).is_some_and(|b| b.is_ascii_alphanumeric());
                let start = if spaced { sign - 1 } else { sign };
                self.take(start, address_word(text, start), out)
            }
            b'_' => {
                let start = sign - prefix(text, sign)?;
                self.take(start, key(text, start, self.at_end), out)
            }
            here => {
                let (before, behind) = (byte_before(text, sign), byte(text, sign + 1));
                // `D_E_8_9`, and not the one letter of a name.
                let lined = || byte(text, sign + 3).is_none_or(|b| b == b'_');
                let alone = !before.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_')
                    && !behind.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_' && !lined());
                let found =
                    alone.then(|| self.take(sign, spaced_out(text, sign, self.at_end), out)).flatten();
                if here.is_ascii_digit() {
                    found.or_else(|| self.look_at_number(text, sign, out))
                } else {
                    found
                }
            }
        }
    }

    /// The text ends in what may be the first piece of a value.
    pub(super) fn look_at_tail(&self, text: &[u8]) -> Option<Found> {
        if self.at_end {
            return None;
        }
        let end = text.len();
        let start = short_word(text, before_separator(text, end)).map(|(start, _)| start).or_else(|| {
            // A bracket may follow.
            let spaced = byte_before(text, end) == Some(b' ')
                && byte_before(text, end - 1).is_some_and(|b| b.is_ascii_alphanumeric());
            spaced.then(|| end - 1)
        });
        let start = [begun_sign(text), begun_address(text), start].into_iter().flatten().min();
        start.filter(|start| *start >= self.from).map(Found::Open)
    }

    /// Looks at the word that a group of digits belongs to, and at a short one before it that may be the first piece.
    fn look_at_number(&self, text: &[u8], sign: usize, out: &mut Vec<Derived>) -> Option<Found> {
        let mut read = |start, head| self.take(start, pieces::read(text, start, head, self.at_end), out);
        match byte_before(text, sign) {
            Some(b'+') => read(sign, Head::Plus),
            Some(before) if before.is_ascii_alphanumeric() => {
                let found = short_word(text, sign).and_then(|(start, head)| read(start, head));
                found.or_else(|| read(card_word(text, sign)?, Head::Card))
            }
            _ => short_word(text, before_separator(text, sign))
                .and_then(|(start, head)| read(start, head))
                .or_else(|| read(sign, Head::Digits)),
        }
    }

    fn take(&self, start: usize, step: Step, out: &mut Vec<Derived>) -> Option<Found> {
        match step {
            _ if start < self.from => None,
            Step::Open if !self.at_end => Some(Found::Open(start)),
            Step::Squeeze(end, kept) => {
                out.extend(kept);
                Some(Found::Change { start, end, entry: None })
            }
            Step::Open | Step::Nothing => None,
        }
    }
}

/// Where the space begins of ` at ` that the text ends in the first letters of.
fn begun_sign(text: &[u8]) -> Option<usize> {
    const BEGUN: &[&[u8]] = &[b" a", b" at", b" \xC3", b" \xC3\xA4", b" \xC3\xA4t"];
    let ends = |begun: &[u8]| {
        let start = text.len().checked_sub(begun.len())?;
        let fits = range(text, start, text.len()).eq_ignore_ascii_case(begun);
        (fits && byte_before(text, start).is_some_and(|b| b.is_ascii_alphanumeric())).then_some(start)
    };
    BEGUN.iter().copied().find_map(ends)
}

/// Where the blanks begin that the text ends in, behind the beginning of an address.
fn begun_address(text: &[u8]) -> Option<usize> {
    let before = range(text, text.len().saturating_sub(LINE_MAX), text.len());
    let blanks = before.iter().rev().take_while(|b| is_between(**b)).count();
    let start = text.len() - blanks;
    let begun =
        blanks > 0 && blanks < LINE_MAX && is_local_part(range(text, start.saturating_sub(PART_MAX), start));
    begun.then_some(start)
}

/// What may stand before the sign of an address.
fn is_between(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b'>')
}

/// Where the separator begins that ends at `end`; `end` itself when none does.
fn before_separator(text: &[u8], end: usize) -> usize {
    let before = range(text, end.saturating_sub(SEPARATOR_MAX), end).iter().rev();
    end - before.take_while(|b| is_separator(**b)).count()
}

/// Where the word of one letter, or that of two which is a country with IBANs, begins that ends at `end`.
fn short_word(text: &[u8], end: usize) -> Option<(usize, Head)> {
    let before = range(text, end.saturating_sub(3), end).iter().rev();
    let length = before.take_while(|b| b.is_ascii_alphanumeric()).count();
    let start = end - length;
    match range(text, start, end) {
        [letter] if letter.is_ascii_alphabetic() => Some((start, Head::Letter)),
        [first, second] => {
            let country = [first.to_ascii_uppercase(), second.to_ascii_uppercase()];
            iban::is_country(&country).then_some((start, Head::Country))
        }
        _ => None,
    }
}

/// Where the word begins that the first digit of the first piece of an identity card stands in: the authority's letter,
/// then capitals.
fn card_word(text: &[u8], sign: usize) -> Option<usize> {
    let before = range(text, sign.saturating_sub(PIECE_MAX + 1), sign).iter().rev();
    let length = before.take_while(|b| b.is_ascii_uppercase()).count();
    let start = sign - length;
    let begins = byte(text, start).is_some_and(|b| b"LMNPRTVWXYZ".contains(&b));
    let inside = byte_before(text, start).is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
    (begins && !inside && length <= PIECE_MAX).then_some(start)
}

/// The length of the word just before an underscore, if it is short.
fn prefix(text: &[u8], end: usize) -> Option<usize> {
    let before = range(text, end.saturating_sub(PREFIX_MAX + 1), end).iter().rev();
    let length = before.take_while(|b| b.is_ascii_alphanumeric()).count();
    let begins = byte_before(text, end - length) != Some(b'_');
    (begins && (1..=PREFIX_MAX).contains(&length)).then_some(length)
}

/// Whether a hit in squeezed text is believed.
pub(super) fn accepts(kind: &str, hit: &Hit, lane: &Lane) -> bool {
    let written = range(&lane.bytes, hit.start, hit.end);
    let is_change = |start: usize| lane.changes.binary_search(&(start, hit.end)).is_ok();
    if written.iter().all(|b| b.is_ascii_digit() || matches!(b, b' ' | b'-')) {
        // Digits must be all that was squeezed: part of a row of numbers is no value.
        return matches!(kind, "CREDIT_CARD" | "DE_STEUER_ID") && is_change(hit.start);
    }
    match kind {
        "PHONE" => written.starts_with(b"+") && is_change(hit.start + 1),
        "IBAN" | "DE_SVNR" | "DE_KVNR" | "DE_PERSONALAUSWEIS" | "DE_REISEPASS" | "NATIONAL_ID"
        | "API_KEY" | "JWT" | "PRIVATE_KEY" | "PASSWORD" | "EMAIL" | "CUSTOM_TERM" => {
            lane.differs_within(hit.start, hit.end)
        }
        _ => false,
    }
}

pub(super) enum Step {
    Nothing,
    Open,
    /// The text up to here reads as these bytes.
    Squeeze(usize, Vec<Derived>),
}

/// Single characters with one separator: `D E 8 9`, `4-1-1-1`, `m a x @`.
fn spaced_out(text: &[u8], start: usize, at_end: bool) -> Step {
    let limit = text.len().min(start + RUN_MAX);
    let first_end = start + 1;
    let Some(mark) = byte(text, first_end) else { return Step::Open };
    if !is_separator(mark) || follows(text, start, mark) {
        return Step::Nothing;
    }
    // ` - `, `, ` and ` | ` are separators too.
    let mut length = 1;
    while length < SEPARATOR_MAX {
        let last = byte(text, first_end + length - 1);
        match byte(text, first_end + length) {
            None => return Step::Open,
            Some(b) if is_separator(b) && (b == b' ') != (last == Some(b' ')) => length += 1,
            Some(_) => break,
        }
    }
    singles(text, start, range(text, first_end, first_end + length), limit, at_end)
}

/// The same separator and a character stand just before: the run began earlier.
fn follows(text: &[u8], start: usize, mark: u8) -> bool {
    byte_before(text, start) == Some(mark)
        && start.checked_sub(2).and_then(|i| byte(text, i)).is_some_and(|b| b.is_ascii_alphanumeric())
        && start.checked_sub(3).and_then(|i| byte(text, i)).is_none_or(|b| b == mark)
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
            // `8.7. .5` and `s...w`: a space, or the separator itself, is one of the characters.
            let [mark] = separator else { break };
            match (byte(text, at + 1), byte(text, at + 2)) {
                (None, _) if !at_end => return open_or(text, limit),
                (Some(next), None) if next == *mark && !at_end => return open_or(text, limit),
                (Some(next), Some(behind))
                    if next == *mark
                        && *mark != b' '
                        && behind.is_ascii_alphanumeric()
                        && (here == b' ' || here == *mark) => {}
                _ => break,
            }
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
            if behind.first().is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_' || *b >= 0x80) {
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
    let bytes: Vec<u8> = kept.iter().map(|(b, ..)| *b).collect();
    // Rows of small numbers are everywhere: only what checks itself is put together.
    let telling = if bytes.iter().all(u8::is_ascii_digit) {
        is_number(&bytes)
    } else {
        bytes.len() >= SINGLES_MIN && bytes.iter().any(|b| b.is_ascii_digit() || *b == b'@')
    };
    if telling { Step::Squeeze(end, kept) } else { Step::Nothing }
}

/// The text ends inside a run: more may come, unless the run is too long for a value.
fn open_or(text: &[u8], limit: usize) -> Step {
    if limit == text.len() { Step::Open } else { Step::Nothing }
}

/// A key with a prefix, in pieces of one length: `ghp_zQWB uTSO oRi4`.
fn key(text: &[u8], start: usize, at_end: bool) -> Step {
    let limit = text.len().min(start + RUN_MAX);
    let in_key = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
    let first = range(text, start, limit.min(start + 40)).iter().take_while(|b| in_key(b)).count();
    if first == 40 {
        return Step::Nothing;
    }
    let mut at = start + first;
    let Some(mark) = byte(text, at) else { return Step::Open };
    if !is_separator(mark) {
        return Step::Nothing;
    }
    let mut common = 0;
    while byte(text, at) == Some(mark) {
        let rest = range(text, at + 1, text.len().min(at + PIECE_MAX + 2));
        let length = rest.iter().take_while(|b| in_key(b)).count();
        if at + 1 + length == text.len() && !at_end {
            return open_or(text, limit);
        }
        if common == 0 {
            common = length;
        }
        let piece = rest.get(..length).unwrap_or_default();
        // A shorter last piece without a digit is the next word.
        let shorter = length < common;
        if !(2..=PIECE_MAX).contains(&common)
            || length > common
            || length == 0
            || shorter && !piece.iter().any(u8::is_ascii_digit)
        {
            break;
        }
        at += 1 + length;
        if shorter || at - start > RUN_MAX {
            break;
        }
    }
    if at == text.len() && !at_end {
        return open_or(text, limit);
    }
    if common == 0 || at < start + first + 2 * common {
        return Step::Nothing;
    }
    let written = (start..).zip(range(text, start, at)).filter(|(_, b)| **b != mark);
    let kept: Vec<Derived> = written.map(|(at, b)| (*b, at, at)).collect();
    let digits = |from: usize| kept.iter().filter(|(b, at, _)| *at >= from && b.is_ascii_digit()).count();
    // Words that follow have none.
    if (20..=VALUE_MAX).contains(&kept.len()) && digits(start) >= 2 && digits(start + first) > 0 {
        Step::Squeeze(at, kept)
    } else {
        Step::Nothing
    }
}

/// The most bytes of a part of a key or an address beside a line break.
const PART_MAX: usize = 64;
/// The least part of a key before a line break.
const KEY_MIN: usize = 8;
/// A line that goes on is indented or quoted with at most so many bytes.
const LINE_MAX: usize = 16;

/// A key or an address that goes on in the next line, also behind an indentation or a mark of quotation. Gives where
/// what is dropped begins.
fn line_break(text: &[u8], sign: usize, at_end: bool) -> (usize, Step) {
    let in_key = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
    let before = range(text, sign.saturating_sub(PART_MAX), sign);
    let left = before.rsplit(|b| !(in_key(b) || *b == b'-')).next().unwrap_or_default();
    let token = before.rsplit(u8::is_ascii_whitespace).next().unwrap_or_default();
    let address = token.contains(&b'@') && token.last().is_some_and(|b| matches!(b, b'@' | b'.' | b'-'));
    let domain = begun_domain(token);
    let key =
        left.len() >= KEY_MIN && (is_mixed(left) || left.starts_with(b"AKIA") || left.starts_with(b"ASIA"));
    if !address && !domain && !key {
        return (sign, Step::Nothing);
    }
    let start = if address && token.last() == Some(&b'-') { sign - 1 } else { sign };
    let mut next = sign;
    let mut breaks = 0;
    while next - sign < LINE_MAX {
        match byte(text, next) {
            None => return (start, Step::Open),
            Some(b'\n') => breaks += 1,
            Some(b' ' | b'\t' | b'>' | b'\r') => {}
            Some(_) => break,
        }
        next += 1;
    }
    if breaks != 1 {
        return (start, Step::Nothing);
    }
    let behind = range(text, next, text.len().min(next + PART_MAX));
    if domain {
        let rest = behind.iter().take_while(|b| is_of_domain(**b)).count();
        if next + rest == text.len() && rest < PART_MAX && !at_end {
            return (start, Step::Open);
        }
        if ends_domain(behind.get(..rest).unwrap_or_default()) {
            return (start, Step::Squeeze(next, Vec::new()));
        }
        if !key {
            return (start, Step::Nothing);
        }
    }
    let right = behind.iter().take_while(|b| in_key(b)).count();
    if next + right == text.len() && right < PART_MAX && !at_end {
        return (start, Step::Open);
    }
    let right = behind.get(..right).unwrap_or_default();
    let goes_on = if address {
        right.first().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    } else {
        // Two parts of a key: long, and of letters and digits that are no words.
        right.len() >= 4 && left.len() + right.len() >= 20 && is_mixed(right)
    };
    (start, if goes_on { Step::Squeeze(next, Vec::new()) } else { Step::Nothing })
}

fn is_of_domain(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.')
}

/// An address whose domain has no dot yet: `max@stadt`.
fn begun_domain(token: &[u8]) -> bool {
    let mut parts = token.rsplitn(2, |b| *b == b'@');
    let (Some(domain), Some(local)) = (parts.next(), parts.next()) else { return false };
    local.last().is_some_and(u8::is_ascii_alphanumeric)
        && domain.last().is_some_and(u8::is_ascii_alphanumeric)
        && domain.iter().all(|b| is_of_domain(*b) && *b != b'.')
}

/// The rest of a domain with its last label: `werke-nord.de`.
fn ends_domain(rest: &[u8]) -> bool {
    let rest = rest.strip_suffix(b".").unwrap_or(rest);
    let mut labels = rest.rsplitn(2, |b| *b == b'.');
    let (Some(last), Some(before)) = (labels.next(), labels.next()) else { return false };
    (2..=24).contains(&last.len()) && last.iter().all(u8::is_ascii_lowercase) && !before.is_empty()
}

fn is_mixed(part: &[u8]) -> bool {
    part.iter().any(u8::is_ascii_digit) && part.iter().any(u8::is_ascii_alphabetic)
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

/// The beginning of an address as people write it: `anna.brandt`, not a word of a sentence.
fn is_local_part(before: &[u8]) -> bool {
    let word =
        before.rsplit(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'+'))).next();
    let word = word.unwrap_or_default();
    let joint = word.iter().position(|b| matches!(b, b'.' | b'_' | b'-' | b'0'..=b'9'));
    joint.is_some_and(|at| at > 0)
        && word.last().is_some_and(u8::is_ascii_alphanumeric)
        && word.iter().any(u8::is_ascii_lowercase)
}

/// `anna.brandt @ web.de`, and an address whose sign begins the next line. Gives where what is dropped begins.
fn apart_address(text: &[u8], sign: usize, at_end: bool) -> (usize, Step) {
    let before = range(text, sign.saturating_sub(LINE_MAX), sign);
    let blanks = before.iter().rev().take_while(|b| is_between(**b)).count();
    let start = sign - blanks;
    let breaks = range(text, start, sign).iter().filter(|b| **b == b'\n').count();
    let spaced = usize::from(byte(text, sign + 1) == Some(b' '));
    if blanks + spaced == 0
        || blanks == LINE_MAX
        || breaks > 1
        || !is_local_part(range(text, start.saturating_sub(PART_MAX), start))
    {
        return (start, Step::Nothing);
    }
    let next = sign + 1 + spaced;
    let behind = range(text, next, text.len().min(next + PART_MAX));
    let length = behind.iter().take_while(|b| is_of_domain(**b)).count();
    if next + length == text.len() && length < PART_MAX && !at_end {
        return (start, Step::Open);
    }
    let named = ends_domain(behind.get(..length).unwrap_or_default());
    (start, if named { Step::Squeeze(next, vec![(b'@', start, next - 1)]) } else { Step::Nothing })
}

/// Where the space begins before ` at ` or ` ät `, of which the `t` stands here.
fn spoken_start(text: &[u8], sign: usize) -> Option<usize> {
    let before = range(text, sign.saturating_sub(3), sign);
    let length = match before {
        [.., b' ', b'a' | b'A'] => 2,
        [b' ', 0xC3, 0xA4] => 3,
        _ => return None,
    };
    let start = sign - length;
    let named = byte_before(text, start).is_some_and(|b| b.is_ascii_alphanumeric());
    (named && byte(text, sign + 1) == Some(b' ')).then_some(start)
}

/// The most labels of a domain in words.
const LABELS_MAX: usize = 4;
/// Ends of domains; `at this dot on the map` has none.
const TOP: &[&str] = &[
    "de", "com", "org", "net", "eu", "info", "biz", "io", "gov", "edu", "at", "ch", "uk", "us", "fr", "nl",
    "be", "pl", "es", "dk", "cz", "bund", "berlin", "bayern", "hamburg", "koeln", "nrw", "app", "dev",
    "cloud", "online", "museum", "example",
];
/// The longest label of a domain in words.
const LABEL_MAX: usize = 30;

/// `anna.brandt at web dot de`: what stands from `start` to `from` is the sign, and the domain is read from there.
fn spoken_address(text: &[u8], start: usize, from: usize, at_end: bool) -> Step {
    const DOTS: &[&[u8]] = &[b" dot ", b" punkt ", b" point "];
    let mut kept: Vec<Derived> = vec![(b'@', start, from - 1)];
    let mut lettered = false;
    let mut at = from;
    for _ in 0..LABELS_MAX {
        let rest = range(text, at, text.len().min(at + LABEL_MAX));
        let length = rest.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'-').count();
        if at + length == text.len() && !at_end {
            return Step::Open;
        }
        if length == 0 || length == LABEL_MAX {
            return Step::Nothing;
        }
        kept.extend((at..).zip(rest.iter().take(length)).map(|(place, b)| (*b, place, place)));
        at += length;
        let behind = range(text, at, text.len().min(at + 8));
        let Some(dot) =
            DOTS.iter().find(|dot| behind.get(..dot.len()).is_some_and(|b| b.eq_ignore_ascii_case(dot)))
        else {
            let is_begun =
                |dot: &&[u8]| dot.get(..behind.len()).is_some_and(|b| b.eq_ignore_ascii_case(behind));
            if !at_end && DOTS.iter().any(is_begun) {
                return Step::Open;
            }
            let last = rest.get(..length).unwrap_or_default();
            let named = lettered && TOP.iter().any(|top| top.as_bytes().eq_ignore_ascii_case(last));
            return if named { Step::Squeeze(at, kept) } else { Step::Nothing };
        };
        // `12 dot com companies` are no address.
        lettered |= rest.iter().take(length).any(u8::is_ascii_alphabetic);
        kept.push((b'.', at, at + dot.len() - 1));
        at += dot.len();
    }
    Step::Nothing
}

/// A tag inside a word, which a reader does not see: `sk_l<b>ive_</b>O9jb`. One that breaks the line only inside a key.
fn inline_tag(text: &[u8], sign: usize, at_end: bool) -> Step {
    let in_word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    if byte(text, sign) != Some(b'<') || !byte_before(text, sign).is_some_and(in_word) {
        return Step::Nothing;
    }
    let rest = range(text, sign, text.len().min(sign + pieces::TAG_MAX));
    if !matches!(rest.get(1), None | Some(b'a'..=b'z' | b'A'..=b'Z' | b'/')) {
        return Step::Nothing;
    }
    let Some(length) = rest.iter().position(|b| *b == b'>') else {
        return if rest.len() < pieces::TAG_MAX { Step::Open } else { Step::Nothing };
    };
    let next = sign + length + 1;
    if !pieces::is_inline(rest) {
        return Step::Nothing;
    }
    match byte(text, next) {
        None => Step::Open,
        Some(behind) if !in_word(behind) && behind != b'@' => Step::Nothing,
        Some(_) if rest.get(1..3).is_some_and(|name| name.eq_ignore_ascii_case(b"br")) => {
            broken_key(text, sign, next, at_end)
        }
        Some(_) => Step::Squeeze(next, Vec::new()),
    }
}

/// A key that goes on behind `<br>`: both parts together are long, and the second is no word.
fn broken_key(text: &[u8], sign: usize, next: usize, at_end: bool) -> Step {
    let in_key = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
    let before = range(text, sign.saturating_sub(PART_MAX), sign);
    let left = before.iter().rev().take_while(|b| in_key(b)).count();
    let behind = range(text, next, text.len().min(next + PART_MAX));
    let right = behind.iter().take_while(|b| in_key(b)).count();
    if next + right == text.len() && right < PART_MAX && !at_end {
        return Step::Open;
    }
    let telling = right >= KEY_MIN && left + right >= 20 && is_mixed(behind.get(..right).unwrap_or_default());
    if telling { Step::Squeeze(next, Vec::new()) } else { Step::Nothing }
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
        Some(b'<') => b'>',
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
