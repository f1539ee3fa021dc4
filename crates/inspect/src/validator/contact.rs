//! Numbers by which one is reached.

use super::{Verdict, digits};
use crate::text::{byte, byte_before, range};

/// As many digits as a telephone number has (ITU-T E.164 section 6.1), not nearly all the same, and no part of a longer
/// row of digit groups.
pub(super) fn phone(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    let end = balance(text, start, end);
    let number = digits(text, start, end);
    let written = range(text, start, end);
    let varied = distinct(&number) >= 3;
    let least = if written.starts_with(b"+") || written.starts_with(b"00") { 8 } else { 6 };
    let alone = !follows_number(text, start);
    ((least..=16).contains(&number.len()) && varied && alone).then_some(Verdict { start, end, weight: 0.0 })
}

/// A number with the prefix of a town or of a mobile network in front: how it is written says how likely it is one.
pub(super) fn phone_national(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    let verdict = phone(text, start, end)?;
    let written = range(text, start, verdict.end);
    let groups = written.split(|b| !b.is_ascii_digit()).filter(|group| !group.is_empty());
    let first = groups.clone().next().map_or(0, <[u8]>::len);
    let number = digits(text, start, verdict.end);
    let mobile = matches!(number.get(..3), Some(b"015" | b"016" | b"017"));
    let slash = written.contains(&b'/');
    let pairs = groups.clone().count() >= 4 && groups.clone().all(|group| group.len() == 2);
    let grouped = groups.count() > 1;
    let weight = match (grouped, slash) {
        (true, _) if number.len() < 8 => -0.6,
        (true, _) if first < 3 && !pairs => -1.5,
        (true, true) if number.len() < 9 => 0.0,
        (true, true) => 1.2,
        (true, false) if mobile || pairs => 0.2,
        (true, false) if (3..=6).contains(&first) => 0.1,
        (true, false) => -0.5,
        (false, _) if mobile && (11..=12).contains(&number.len()) => 0.0,
        (false, _) => -0.6,
    };
    Some(Verdict { weight, ..verdict })
}

/// A digit stands one space, dot, slash or hyphen before, so that this is a number's continuation.
fn follows_number(text: &[u8], start: usize) -> bool {
    let length = match byte_before(text, start) {
        Some(b' ' | b'-' | b'.' | b'/') => 1,
        Some(0xA0) => 2,
        _ => return false,
    };
    !range(text, start, start + 1).starts_with(b"+")
        && start.checked_sub(length).and_then(|at| byte_before(text, at)).is_some_and(|b| b.is_ascii_digit())
}

/// The end without an open parenthesis, or a separator, that belongs to what follows.
fn balance(text: &[u8], start: usize, end: usize) -> usize {
    let mut end = end;
    while end > start && byte(text, end - 1).is_some_and(|b| !b.is_ascii_digit()) {
        end -= 1;
    }
    end
}

fn distinct(digits: &[u8]) -> usize {
    (b'0'..=b'9').filter(|digit| digits.contains(digit)).count()
}

/// Four numbers up to 255 (RFC 791 section 3.2, dotted as in RFC 1123 section 2.1), without zeros in front.
///
/// Four small numbers are the version of a program, or a chapter, unless a word nearby says otherwise.
pub(super) fn ip_v4(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    let written = range(text, start, end);
    let mut parts = [0_u32; 4];
    let mut count = 0;
    for part in written.split(|b| *b == b'.') {
        if part.len() > 3 {
            return None;
        }
        let value = part.iter().fold(0_u32, |value, digit| value * 10 + u32::from(digit.wrapping_sub(b'0')));
        if part.len() > 1 && part.starts_with(b"0") || value > 255 {
            return None;
        }
        *parts.get_mut(count)? = value;
        count += 1;
    }
    let continues = matches!(byte_before(text, start), Some(b'.' | b'-'));
    // The machine itself, whichever it is, is nobody's address.
    if count != 4 || continues || parts == [0; 4] || parts == [127, 0, 0, 1] {
        return None;
    }
    let local = matches!(parts, [10, ..] | [127, ..] | [192, 168, ..] | [172, 16..=31, ..]);
    let small = !local && parts.iter().all(|part| *part < 40);
    Some(Verdict { start, end, weight: if small { -3.0 } else { 0.0 } })
}
