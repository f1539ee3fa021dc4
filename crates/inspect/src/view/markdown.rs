//! Markdown: emphasis, code marks and escapes inside a value (CommonMark 0.31 sections 2.4, 6.1 and 6.2).

use super::lane::{Derived, Found};
use super::signs::{self, Signs};
use crate::text::{byte, byte_before, range};

/// How far around a mark something must stand that values are made of, in bytes.
const NEAR: usize = 8;
/// Marks in a row that are emphasis; more are a line.
const MARKS_MAX: usize = 3;

pub(super) fn find(text: &[u8], from: usize, at_end: bool, _out: &mut Vec<Derived>) -> Found {
    let mut signs = Signs::new(text, from, signs::MARKDOWN);
    while let Some((at, _)) = signs.next() {
        if let Some(found) = look(text, at, at_end) {
            return found;
        }
    }
    Found::Nothing
}

/// Whether the marks that begin at `start` are dropped.
pub(super) fn look(text: &[u8], start: usize, at_end: bool) -> Option<Found> {
    let mark = byte(text, start)?;
    // Of several in a row only the first begins something.
    if byte_before(text, start) == Some(mark) {
        return None;
    }
    let rest = text.get(start..).unwrap_or_default();
    let count = rest.iter().take(MARKS_MAX + 1).take_while(|b| **b == mark).count();
    let end = start + count;
    let next = byte(text, end);
    if next.is_none() && !at_end && count <= MARKS_MAX {
        return Some(Found::Open(start));
    }
    let dropped = match mark {
        // Of two backslashes the second is a character of its own.
        b'\\' => {
            let escaped = next.is_some_and(|b| b"-_.@*#+!~`|>()[]{}/:=&".contains(&b));
            (count == 1 && escaped).then_some(start + 1)
        }
        b'~' if count != 2 => None,
        b'_' if count > 2 || joins_words(text, start, end) => None,
        _ if count > MARKS_MAX || !beside_value(text, start, end) => None,
        _ => match near_value(text, start, end, at_end) {
            Some(true) => Some(end),
            Some(false) => None,
            None => return Some(Found::Open(start)),
        },
    };
    dropped.map(|end| Found::Change { start, end, entry: None })
}

/// A letter, digit or colon touches the mark: bullets, lines and operators stand apart.
fn beside_value(text: &[u8], start: usize, end: usize) -> bool {
    let value = |b: u8| b.is_ascii_alphanumeric() || b >= 0x80 || b":=@.-_+".contains(&b);
    byte_before(text, start).is_some_and(value) || byte(text, end).is_some_and(value)
}

fn joins_words(text: &[u8], start: usize, end: usize) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric();
    byte_before(text, start).is_some_and(word) && byte(text, end).is_some_and(word)
}

/// A digit, `@`, colon or equals sign stands near; `None` when more text must tell.
fn near_value(text: &[u8], start: usize, end: usize, at_end: bool) -> Option<bool> {
    let telling = |b: &u8| b.is_ascii_digit() || matches!(b, b'@' | b':' | b'=');
    if range(text, start.saturating_sub(NEAR), start).iter().any(telling) {
        return Some(true);
    }
    let after = range(text, end, text.len().min(end + NEAR));
    if after.iter().any(telling) {
        return Some(true);
    }
    (after.len() == NEAR || at_end).then_some(false)
}
