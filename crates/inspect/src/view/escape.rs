//! Escapes: percent (RFC 3986 section 2.1), HTML entities, the escapes of JSON and of C-like languages, and
//! quoted-printable (RFC 2045 section 6.7).

use super::lane::{Derived, Found};
use super::signs::{self, Signs};
use crate::text::{byte, byte_before, range};

/// The longest escape: a surrogate pair of JSON, or an entity with leading zeros.
const ESCAPE_MAX: usize = 14;

pub(super) fn find(text: &[u8], from: usize, at_end: bool, out: &mut Vec<Derived>) -> Found {
    let mut signs = Signs::new(text, from, signs::ESCAPE);
    while let Some((at, _)) = signs.next() {
        if let Some(found) = look(text, at, at_end, out) {
            return found;
        }
    }
    Found::Nothing
}

/// The escape that begins at `at`.
pub(super) fn look(text: &[u8], at: usize, at_end: bool, out: &mut Vec<Derived>) -> Option<Found> {
    let rest = range(text, at, text.len().min(at + ESCAPE_MAX));
    let read = match rest.first()? {
        b'%' => percent(rest),
        b'&' => entity(rest),
        b'\\' => backslash(rest, byte_before(text, at)),
        _ => quoted_printable(rest, text, at),
    };
    let length = match read {
        Read::No => return None,
        Read::Open => return (!at_end && rest.len() < ESCAPE_MAX).then_some(Found::Open(at)),
        Read::Nothing(length) => length,
        Read::Byte(value, length) => {
            out.push((value, at, at + length - 1));
            length
        }
        Read::Character(character, length) => {
            let mut buffer = [0; 4];
            let encoded = character.encode_utf8(&mut buffer).bytes();
            out.extend(encoded.map(|value| (value, at, at + length - 1)));
            length
        }
    };
    Some(Found::Change { start: at, end: at + length, entry: None })
}

/// What stands at a marker, and how many bytes of the text it takes.
enum Read {
    No,
    /// It may be an escape once more bytes are there.
    Open,
    Nothing(usize),
    Byte(u8, usize),
    Character(char, usize),
}

/// The value of `digits` in the base, read from the front of `text`, at least and at most so many; and how many there
/// are.
fn number(text: &[u8], base: u32, most: usize) -> (u32, usize) {
    let mut value = 0_u32;
    let mut count = 0;
    for digit in text.iter().take(most).map_while(|b| char::from(*b).to_digit(base)) {
        value = value.saturating_mul(base).saturating_add(digit);
        count += 1;
    }
    (value, count)
}

/// An escape of exactly `digits` hexadecimal digits behind a prefix of so many bytes.
fn exact(rest: &[u8], prefix: usize, digits: usize, make: impl Fn(u32, usize) -> Read) -> Read {
    let (value, count) = number(rest.get(prefix..).unwrap_or_default(), 16, digits);
    if count == digits {
        make(value, prefix + digits)
    } else if prefix + count == rest.len() {
        Read::Open
    } else {
        Read::No
    }
}

fn single(value: u32, length: usize) -> Read {
    u8::try_from(value).map_or(Read::No, |value| Read::Byte(value, length))
}

fn scalar(value: u32, length: usize) -> Read {
    char::from_u32(value).map_or(Read::No, |character| Read::Character(character, length))
}

fn percent(rest: &[u8]) -> Read {
    match byte(rest, 1) {
        None => Read::Open,
        Some(b'u' | b'U') => exact(rest, 2, 4, scalar),
        _ => exact(rest, 1, 2, single),
    }
}

/// `\u0041`, `\u{41}`, `\U00000041`, `\x41`, `\101`, and `\n` between digits.
fn backslash(rest: &[u8], before: Option<u8>) -> Read {
    if before == Some(b'\\') {
        return Read::No;
    }
    match byte(rest, 1) {
        None => Read::Open,
        Some(b'u') if byte(rest, 2) == Some(b'{') => {
            let (value, count) = number(rest.get(3..).unwrap_or_default(), 16, 6);
            match byte(rest, 3 + count) {
                Some(b'}') if count > 0 => scalar(value, count + 4),
                None => Read::Open,
                _ => Read::No,
            }
        }
        Some(b'u') => exact(rest, 2, 4, |value, length| match value {
            // A surrogate pair (RFC 8259 section 7).
            0xD800..=0xDBFF => match (byte(rest, 6), byte(rest, 7)) {
                (None, _) | (Some(b'\\'), None) => Read::Open,
                (Some(b'\\'), Some(b'u')) => exact(rest, 8, 4, |low, length| match low {
                    0xDC00..=0xDFFF => scalar(0x1_0000 + ((value - 0xD800) << 10) + (low - 0xDC00), length),
                    _ => Read::No,
                }),
                _ => Read::No,
            },
            _ => scalar(value, length),
        }),
        // The end of a line inside a string, between groups of a number.
        Some(b'n' | b'r' | b't') if before.is_some_and(|b| b.is_ascii_digit()) => match byte(rest, 2) {
            None => Read::Open,
            Some(b'0'..=b'9' | b'A'..=b'Z') => Read::Byte(b'\n', 2),
            Some(_) => Read::No,
        },
        Some(b'U') => exact(rest, 2, 8, scalar),
        Some(b'x') => exact(rest, 2, 2, single),
        Some(b'0'..=b'3') => {
            let (value, count) = number(rest.get(1..).unwrap_or_default(), 8, 3);
            match count {
                3 => single(value, 4),
                _ if count + 1 == rest.len() => Read::Open,
                _ => Read::No,
            }
        }
        _ => Read::No,
    }
}

/// The entities that stand for what values are made of, and for spaces.
const ENTITIES: &[(&[u8], char)] = &[
    (b"amp", '&'),
    (b"lt", '<'),
    (b"gt", '>'),
    (b"quot", '"'),
    (b"apos", '\''),
    (b"nbsp", '\u{a0}'),
    (b"shy", '\u{ad}'),
    (b"ensp", '\u{2002}'),
    (b"emsp", '\u{2003}'),
    (b"thinsp", '\u{2009}'),
    (b"zwnj", '\u{200c}'),
    (b"zwj", '\u{200d}'),
    (b"hyphen", '-'),
    (b"dash", '-'),
    (b"ndash", '\u{2013}'),
    (b"commat", '@'),
    (b"period", '.'),
    (b"comma", ','),
    (b"colon", ':'),
    (b"semi", ';'),
    (b"sol", '/'),
    (b"bsol", '\\'),
    (b"equals", '='),
    (b"lowbar", '_'),
    (b"num", '#'),
    (b"plus", '+'),
    (b"excl", '!'),
    (b"quest", '?'),
    (b"dollar", '$'),
    (b"percnt", '%'),
    (b"ast", '*'),
    (b"lpar", '('),
    (b"rpar", ')'),
    (b"verbar", '|'),
    (b"Tab", '\t'),
    (b"NewLine", '\n'),
    (b"auml", 'ä'),
    (b"ouml", 'ö'),
    (b"uuml", 'ü'),
    (b"Auml", 'Ä'),
    (b"Ouml", 'Ö'),
    (b"Uuml", 'Ü'),
    (b"szlig", 'ß'),
];

fn entity(rest: &[u8]) -> Read {
    match (byte(rest, 1), byte(rest, 2)) {
        (None, _) | (Some(b'#'), None) => Read::Open,
        (Some(b'#'), Some(b'x' | b'X')) => numeric(rest, 3, 16),
        (Some(b'#'), _) => numeric(rest, 2, 10),
        _ => {
            let name = rest.get(1..).unwrap_or_default();
            let length = name.iter().take_while(|b| b.is_ascii_alphabetic()).count();
            let written = name.get(..length).unwrap_or_default();
            match byte(name, length) {
                Some(b';') => ENTITIES
                    .iter()
                    .find(|(known, _)| *known == written)
                    .map_or(Read::No, |(_, character)| Read::Character(*character, length + 2)),
                None if ENTITIES.iter().any(|(known, _)| known.starts_with(written)) => Read::Open,
                _ => Read::No,
            }
        }
    }
}

/// The semicolon may be missing, as browsers allow.
fn numeric(rest: &[u8], prefix: usize, base: u32) -> Read {
    let (value, count) = number(rest.get(prefix..).unwrap_or_default(), base, ESCAPE_MAX - prefix - 1);
    let character = || char::from_u32(value).filter(|_| value != 0 && count > 0);
    match byte(rest, prefix + count) {
        None => Read::Open,
        Some(b';') => character().map_or(Read::No, |c| Read::Character(c, prefix + count + 1)),
        Some(_) => character().map_or(Read::No, |c| Read::Character(c, prefix + count)),
    }
}

/// `=41`, or `=` at the end of a line. In other texts `=` stands before values, so a letter or digit counts as written
/// this way only beside another such escape.
fn quoted_printable(rest: &[u8], text: &[u8], at: usize) -> Read {
    match (byte(rest, 1), byte(rest, 2)) {
        (None, _) | (Some(b'\r'), None) => Read::Open,
        (Some(b'\n'), _) if follows_value(text, at) => Read::Nothing(2),
        (Some(b'\r'), Some(b'\n')) if follows_value(text, at) => Read::Nothing(3),
        (first, None) if is_digit(first) => Read::Open,
        (first, second) if is_digit(first) && is_digit(second) => {
            let (value, _) = number(rest.get(1..).unwrap_or_default(), 16, 2);
            let escape = |start: Option<usize>| {
                start.is_some_and(|start| {
                    byte(text, start) == Some(b'=')
                        && is_digit(byte(text, start + 1))
                        && is_digit(byte(text, start + 2))
                })
            };
            let beside = escape(at.checked_sub(3)) || escape(Some(at + 3));
            match value {
                _ if beside => single(value, 3),
                0x3D | 0x20 | 0x09 | 0x2D | 0x2E | 0x40 | 0x5F => {
                    separator(rest, value, byte_before(text, at))
                }
                _ if rest.len() < 6
                    && range(text, at + 3, text.len())
                        .iter()
                        .enumerate()
                        .all(|(i, b)| if i == 0 { *b == b'=' } else { is_digit(Some(*b)) }) =>
                {
                    Read::Open
                }
                _ => Read::No,
            }
        }
        _ => Read::No,
    }
}

/// `=20` between the groups of a number, `=40` in an address. `status=200` and `took=45` are values behind a name: behind a
/// letter it counts before a letter, or when another escape ends the group that follows.
fn separator(rest: &[u8], value: u32, before: Option<u8>) -> Read {
    if before.is_some_and(|b| b.is_ascii_digit()) {
        return single(value, 3);
    }
    let group = rest.iter().skip(3).take_while(|b| b.is_ascii_alphanumeric()).count();
    match (byte(rest, 3), byte(rest, 3 + group)) {
        (Some(next), _) if next.is_ascii_alphabetic() => single(value, 3),
        (None, _) | (Some(_), None) if rest.len() < ESCAPE_MAX => Read::Open,
        (_, Some(b'=')) => match (byte(rest, 4 + group), byte(rest, 5 + group)) {
            (None, _) => Read::Open,
            (first, None) if is_digit(first) => Read::Open,
            (first, second) if is_digit(first) && is_digit(second) => single(value, 3),
            _ => Read::No,
        },
        _ => Read::No,
    }
}

/// A hexadecimal digit of quoted-printable, in capitals.
fn is_digit(byte: Option<u8>) -> bool {
    byte.is_some_and(|b| b.is_ascii_digit() || (b'A'..=b'F').contains(&b))
}

fn follows_value(text: &[u8], at: usize) -> bool {
    byte_before(text, at).is_some_and(|b| {
        b.is_ascii_alphanumeric() || matches!(b, b' ' | b'-' | b'_' | b'.' | b'+' | b'/' | b'@')
    })
}
