//! Markdown: emphasis, code marks and escapes inside a value (CommonMark 0.31 sections 2.4, 6.1 and 6.2).

use super::lane::{Derived, Found};
use crate::text::{byte, byte_before, range};

/// How far around a mark something must stand that values are made of, in bytes.
const NEAR: usize = 8;
/// Marks in a row that are emphasis; more are a line.
const MARKS_MAX: usize = 3;

pub(super) fn find(text: &[u8], from: usize, at_end: bool, _out: &mut Vec<Derived>) -> Found {
    let mut at = from;
    while let Some(start) = next_mark(text, at) {
        let mark = byte(text, start).unwrap_or_default();
        let rest = text.get(start..).unwrap_or_default();
        let count = rest.iter().take_while(|b| **b == mark).take(MARKS_MAX + 1).count();
        let end = start + count;
        let next = byte(text, end);
        if next.is_none() && !at_end && count <= MARKS_MAX {
            return Found::Open(start);
        }
        let dropped = match mark {
            // Of two backslashes the second is a character of its own.
            b'\\' => {
                let escaped = next.is_some_and(|b| b"-_.@*#+!~`|>()[]{}/:=&".contains(&b));
                if count == 1 && escaped && byte_before(text, start) != Some(b'\\') {
                    Some(start + 1)
                } else {
                    None
                }
            }
            b'_' | b'~' if mark == b'~' && count != 2 || mark == b'_' && count > 2 => None,
            _ if count > MARKS_MAX || !beside_value(text, start, end) => None,
            b'_' if joins_words(text, start, end) => None,
            _ => match near_value(text, start, end, at_end) {
                Some(true) => Some(end),
                Some(false) => None,
                None => return Found::Open(start),
            },
        };
        if let Some(end) = dropped {
            return Found::Change { start, end, entry: None };
        }
        at = end;
    }
    Found::Nothing
}

fn next_mark(text: &[u8], at: usize) -> Option<usize> {
    const BLOCK: usize = 32;
    let is_mark = |b: &u8| matches!(b, b'*' | b'`' | b'~' | b'\\' | b'_');
    let mut at = at;
    while let Some(block) = text.get(at..at + BLOCK) {
        if block.iter().fold(false, |any, b| any | is_mark(b)) {
            break;
        }
        at += BLOCK;
    }
    text.get(at..)?.iter().position(is_mark).map(|offset| at + offset)
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
