//! Addresses of machines: IPv6 (RFC 4291 section 2.2, zones RFC 4007 section 11) and MAC (IEEE 802 section 8.1).

use crate::recognizer::{Group, Recognizer};
use crate::text::{Outcome, byte, byte_before, is_word, range, starts_word};

pub(crate) const IP_V6: Recognizer =
    Recognizer { may_be: may_be_v6, start_before: v6_before, read: read_v6, open_tail: v6_tail };
pub(crate) const MAC: Recognizer =
    Recognizer { may_be: may_be_mac, start_before: mac_before, read: read_mac, open_tail: mac_tail };

/// Bytes of an address before its first digit: all groups but the last may be letters.
const V6_HEAD_MAX: usize = 35;
/// Bytes of the name of a zone.
const ZONE_MAX: usize = 16;
/// Bytes of a MAC address before its first digit.
const MAC_HEAD_MAX: usize = 16;

/// A colon is in reach.
fn may_be_v6(text: &[u8], group: Group) -> bool {
    group.before.is_some_and(is_v6)
        || match text.get(group.start..group.start + 5) {
            Some(near) => near.contains(&b':'),
            None => true,
        }
}

/// The start of the run of hexadecimal digits and colons that ends before `at` and holds no digit.
fn v6_before(text: &[u8], at: usize) -> Option<usize> {
    let mut start = at;
    while at - start <= V6_HEAD_MAX && byte_before(text, start).is_some_and(is_v6) {
        start -= 1;
        if byte(text, start).is_some_and(|b| b.is_ascii_digit()) {
            return None;
        }
    }
    // Without a colon in reach there is no address, which is the case of nearly every number.
    let near = range(text, start, text.len().min(at + 5));
    if at + 5 <= text.len() && !near.contains(&b':') {
        return None;
    }
    v6_start(text, start, at)
}

/// Leaves out a label that ends in a colon, such as `addr:`.
fn v6_start(text: &[u8], start: usize, at: usize) -> Option<usize> {
    let mut start = start;
    if !starts_word(text, start) || byte_before(text, start).is_some_and(|b| b >= 0x80) {
        start += range(text, start, at).iter().position(|b| *b == b':')?;
    }
    if byte(text, start) == Some(b':') && byte(text, start + 1) != Some(b':') && start + 1 < text.len() {
        start += 1;
    }
    (start <= at && !matches!(byte_before(text, start), Some(b'.' | b'%'))).then_some(start)
}

fn v6_tail(text: &[u8]) -> Option<usize> {
    let end = text.len();
    let mut start = end;
    while end - start <= V6_HEAD_MAX && byte_before(text, start).is_some_and(is_v6) {
        start -= 1;
    }
    if start == end {
        return None;
    }
    let start = v6_start(text, start, end)?;
    (read_v6(text, start, false) == Outcome::Open(start)).then_some(start)
}

fn is_v6(byte: u8) -> bool {
    byte.is_ascii_hexdigit() || byte == b':'
}

fn read_v6(text: &[u8], start: usize, at_end: bool) -> Outcome {
    let open = if at_end { Outcome::Nothing } else { Outcome::Open(start) };
    let mut at = start;
    let mut groups = 0;
    let mut letters = 0;
    let mut widest = 0;
    let mut shortened = false;
    loop {
        if byte(text, at) == Some(b':') {
            match byte(text, at + 1) {
                None if !at_end => return open,
                Some(b':') if !shortened => {
                    shortened = true;
                    at += 2;
                }
                Some(b) if b.is_ascii_hexdigit() && groups > 0 => at += 1,
                _ => break,
            }
        } else if groups > 0 || shortened {
            break;
        }
        let group = at;
        while at - group < 5 && byte(text, at).is_some_and(|b| b.is_ascii_hexdigit()) {
            at += 1;
        }
        if at == text.len() && !at_end {
            return open;
        }
        let length = at - group;
        if length == 0 {
            break;
        }
        if byte(text, at) == Some(b'.') && (shortened || groups == 6) {
            // An IPv4 address fills the last two groups.
            match dotted(text, group, at_end) {
                Dotted::Open => return open,
                Dotted::End(end) => {
                    at = end;
                    groups += 2;
                    widest = 4;
                }
                Dotted::Nothing => groups += 1,
            }
            break;
        }
        groups += 1;
        letters += length;
        widest = length.max(widest);
        if length > 4 || groups > 8 {
            return Outcome::Nothing;
        }
    }
    let whole = if shortened { groups < 8 } else { groups == 8 };
    // `1::2` is a slice of a list and `::` a path in programs.
    let address = groups >= 3 || widest >= 3 || range(text, start, at) == b"::1";
    if !(whole && address) && letters < 32 {
        return Outcome::Nothing;
    }
    if byte(text, at) == Some(b'%') {
        let zone = at + 1;
        let mut end = zone;
        while end - zone < ZONE_MAX && byte(text, end).is_some_and(|b| is_word(b) || b == b'-') {
            end += 1;
        }
        if end == text.len() && !at_end {
            return open;
        }
        if end > zone {
            at = end;
        }
    }
    let goes_on = byte(text, at).is_some_and(is_word)
        || byte(text, at) == Some(b':') && byte(text, at + 1).is_some_and(is_v6);
    if at == text.len() && !at_end || byte(text, at) == Some(b':') && at + 1 == text.len() && !at_end {
        return open;
    }
    if whole && !goes_on { Outcome::Hit { start, end: at, weight: 0.0 } } else { Outcome::Nothing }
}

enum Dotted {
    Nothing,
    Open,
    End(usize),
}

/// Four decimal numbers up to 255 behind dots.
fn dotted(text: &[u8], start: usize, at_end: bool) -> Dotted {
    let mut at = start;
    for part in 0..4 {
        if part > 0 {
            match byte(text, at) {
                Some(b'.') => at += 1,
                None if !at_end => return Dotted::Open,
                _ => return Dotted::Nothing,
            }
        }
        let first = at;
        let mut value = 0_u32;
        while let Some(digit) = byte(text, at).filter(u8::is_ascii_digit) {
            value = value * 10 + u32::from(digit - b'0');
            at += 1;
            if at - first > 3 {
                return Dotted::Nothing;
            }
        }
        if at == text.len() && !at_end {
            return Dotted::Open;
        }
        if at == first || value > 255 {
            return Dotted::Nothing;
        }
    }
    Dotted::End(at)
}

/// The separator stands behind a pair or a group of four, or letters stand before the digits.
fn may_be_mac(text: &[u8], group: Group) -> bool {
    let Some(near) = text.get(group.start..group.start + 5) else { return true };
    if group.before.is_some_and(is_mac) {
        // No pair and no group of four is longer than this without one.
        let before = range(text, group.start.saturating_sub(4), group.start);
        return before.iter().chain(near).any(|b| matches!(b, b':' | b'-' | b'.'));
    }
    matches!(near, [_, _, b':' | b'-', ..] | [_, _, _, _, b'.'])
}

/// The start of the MAC address whose first digit is at `at`: whole pairs, or groups of four, of letters stand before.
fn mac_before(text: &[u8], at: usize) -> Option<usize> {
    let mut start = at;
    while at - start < MAC_HEAD_MAX
        && byte_before(text, start).is_some_and(|b| is_mac(b) && !b.is_ascii_digit())
    {
        start -= 1;
    }
    // A label before a colon may look like hexadecimal letters: the first place that can be read counts.
    (start..=at)
        .find(|start| mac_begins(text, *start) && !matches!(read_mac(text, *start, false), Outcome::Nothing))
}

fn mac_begins(text: &[u8], at: usize) -> bool {
    let pair_before = || {
        let pair = range(text, at.saturating_sub(3), at.saturating_sub(1));
        pair.len() == 2 && pair.iter().all(u8::is_ascii_hexdigit) && starts_word(text, at - 3)
    };
    byte(text, at).is_some_and(|b| b.is_ascii_hexdigit())
        && starts_word(text, at)
        && !(matches!(byte_before(text, at), Some(b':' | b'-')) && pair_before())
        && byte_before(text, at) != Some(b'.')
}

fn mac_tail(text: &[u8]) -> Option<usize> {
    let end = text.len();
    let mut from = end;
    while end - from < MAC_HEAD_MAX + 2 && byte_before(text, from).is_some_and(is_mac) {
        from -= 1;
    }
    (from..end)
        .find(|start| mac_begins(text, *start) && read_mac(text, *start, false) == Outcome::Open(*start))
}

fn is_mac(byte: u8) -> bool {
    byte.is_ascii_hexdigit() || matches!(byte, b':' | b'-' | b'.')
}

/// Six pairs behind colons or hyphens, or three groups of four behind dots; not all the same pair.
fn read_mac(text: &[u8], start: usize, at_end: bool) -> Outcome {
    let open = if at_end { Outcome::Nothing } else { Outcome::Open(start) };
    let mut length = 0;
    while length < 5 && byte(text, start + length).is_some_and(|b| b.is_ascii_hexdigit()) {
        length += 1;
    }
    if start + length == text.len() {
        return if length <= 4 { open } else { Outcome::Nothing };
    }
    let separator = byte(text, start + length).unwrap_or_default();
    let groups = match (length, separator) {
        (2, b':' | b'-') => 6,
        (4, b'.') => 3,
        _ => return Outcome::Nothing,
    };
    let mut at = start;
    for group in 0..groups {
        if group > 0 {
            match byte(text, at) {
                Some(b) if b == separator => at += 1,
                None => return open,
                _ => return Outcome::Nothing,
            }
        }
        for _ in 0..length {
            match byte(text, at) {
                Some(b) if b.is_ascii_hexdigit() => at += 1,
                None => return open,
                _ => return Outcome::Nothing,
            }
        }
    }
    match byte(text, at) {
        None if !at_end => return open,
        Some(b) if is_word(b) => return Outcome::Nothing,
        Some(b) if b == separator => match byte(text, at + 1) {
            None if !at_end => return open,
            // A fingerprint goes on.
            Some(b) if is_word(b) => return Outcome::Nothing,
            _ => {}
        },
        _ => {}
    }
    let address = range(text, start, at);
    // Pairs of decimal digits with hyphens are dates and telephone numbers too.
    let lettered = address.iter().any(u8::is_ascii_alphabetic);
    let plain = separator != b':' && !lettered;
    let first = range(address, 0, length);
    let same = address.split(|b| *b == separator).all(|group| group == first);
    if same {
        Outcome::Nothing
    } else {
        Outcome::Hit { start, end: at, weight: if plain { -3.5 } else { 0.0 } }
    }
}

#[cfg(test)]
mod tests;
