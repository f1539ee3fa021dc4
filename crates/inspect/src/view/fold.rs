//! The fold: characters that look like others, or like nothing, read as the ASCII that a person reads.
//!
//! Character properties are facts of the Unicode Character Database (general categories Cf, Zs, Nd, Pd) and of the blocks
//! named beside each range. No Unicode case mapping takes place.

use super::lane::{Derived, Found};
use crate::text::{byte, byte_before, range};

/// A row of invisible characters is dropped in pieces of at most so many.
const DROPPED_MAX: usize = 64;
/// How far into its word a look-alike letter looks for a Latin letter or digit, in bytes.
const WORD_MAX: usize = 64;

/// How a character reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    Itself,
    /// It is invisible.
    Nothing,
    /// Invisible only where it does not shape an emoji.
    Joiner,
    /// A mark over the digit before it.
    Mark,
    /// A mark through or around the character before it.
    Overlay,
    Ascii(u8),
    /// A number of two digits in a circle.
    Circled(u8),
    /// A small raised digit, which belongs to the digits before it.
    Raised(u8),
    /// A hyphen between two words.
    Dash,
    /// A letter of another script that looks like this one.
    Alike(u8),
}

pub(super) fn find(text: &[u8], from: usize, at_end: bool, out: &mut Vec<Derived>) -> Found {
    let mut at = from;
    while let Some(next) = next_suspicious(text, at) {
        if let Some(found) = look(text, next, at_end, out) {
            return found;
        }
        at = next + 1;
    }
    Found::Nothing
}

/// What the character at `at` reads as; `None` when as itself.
pub(super) fn look(text: &[u8], at: usize, at_end: bool, out: &mut Vec<Derived>) -> Option<Found> {
    let Some((character, length)) = character_at(text, at) else {
        return (!at_end && text.len() - at < 4).then_some(Found::Open(at));
    };
    let end = at + length;
    match read(character) {
        Reading::Nothing => Some(drop_run(text, at, end, at_end)),
        Reading::Joiner | Reading::Overlay if follows_plain(text, at) => {
            Some(drop_run(text, at, end, at_end))
        }
        Reading::Mark if byte_before(text, at).is_some_and(|b| b.is_ascii_digit()) => {
            Some(drop_run(text, at, end, at_end))
        }
        Reading::Ascii(ascii) => Some(replace(at, end, &[ascii], out)),
        Reading::Circled(number) => Some(replace(at, end, &[b'0' + number / 10, b'0' + number % 10], out)),
        Reading::Raised(digit) => {
            let before = at.checked_sub(3).and_then(|before| character_at(text, before));
            before
                .is_some_and(|(c, _)| matches!(read(c), Reading::Ascii(b'0'..=b'9')))
                .then(|| replace(at, end, &[digit], out))
        }
        Reading::Dash => match byte(text, end) {
            None if !at_end => Some(Found::Open(at)),
            Some(after) if joins(after) && byte_before(text, at).is_some_and(joins) => {
                Some(replace(at, end, b"-", out))
            }
            _ => None,
        },
        Reading::Alike(ascii) => match stands_among_latin(text, at, end, at_end) {
            Some(true) => Some(replace(at, end, &[ascii], out)),
            Some(false) => None,
            None => Some(Found::Open(at)),
        },
        Reading::Itself if !character.is_ascii() && !character.is_alphanumeric() => {
            sign(text, at, end, at_end, out)
        }
        Reading::Itself | Reading::Joiner | Reading::Mark | Reading::Overlay => None,
    }
}

/// A sign between groups of a number, with or without spaces: `4111·1111`, `4111 • 1111`.
fn sign(text: &[u8], at: usize, end: usize, at_end: bool, out: &mut Vec<Derived>) -> Option<Found> {
    let spaced = byte_before(text, at) == Some(b' ');
    if !byte_before(text, at - usize::from(spaced)).is_some_and(|b| b.is_ascii_digit()) {
        return None;
    }
    let next = end + usize::from(byte(text, end) == Some(b' '));
    match byte(text, next) {
        None if !at_end => Some(Found::Open(at)),
        Some(b'0'..=b'9' | b'A'..=b'Z') => Some(replace(at, end, b".", out)),
        _ => None,
    }
}

fn replace(start: usize, end: usize, with: &[u8], out: &mut Vec<Derived>) -> Found {
    out.extend(with.iter().map(|ascii| (*ascii, start, end - 1)));
    Found::Change { start, end, entry: None }
}

/// The invisible characters from `start` on, the first of which ends at `end`.
fn drop_run(text: &[u8], start: usize, mut end: usize, at_end: bool) -> Found {
    for _ in 1..DROPPED_MAX {
        let Some((character, length)) = character_at(text, end) else { break };
        if !matches!(read(character), Reading::Nothing | Reading::Joiner | Reading::Mark | Reading::Overlay) {
            break;
        }
        end += length;
    }
    if end == text.len() && !at_end {
        return Found::Open(start);
    }
    Found::Change { start, end, entry: None }
}

/// The next byte from `at` on that begins a character which may read as another.
fn next_suspicious(text: &[u8], at: usize) -> Option<usize> {
    const BLOCK: usize = 32;
    let mut at = at;
    loop {
        while let Some(block) = text.get(at..at + BLOCK) {
            if block.iter().fold(0, |all, b| all | b) & 0x80 != 0 {
                break;
            }
            at += BLOCK;
        }
        let rest = text.get(at..)?;
        let found = rest.iter().take(BLOCK).position(|b| matches!(b, 0xC2 | 0xCC..=0xD4 | 0xD9..=0xF4));
        match found {
            Some(offset) => return Some(at + offset),
            None if rest.len() <= BLOCK => return None,
            None => at += BLOCK,
        }
    }
}

fn character_at(text: &[u8], at: usize) -> Option<(char, usize)> {
    let length = match byte(text, at)? {
        0..=0x7F => 1,
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => return None,
    };
    let character = std::str::from_utf8(text.get(at..at + length)?).ok()?.chars().next()?;
    Some((character, length))
}

/// The character before `at` is no part of an emoji.
fn follows_plain(text: &[u8], at: usize) -> bool {
    byte_before(text, at)
        .is_none_or(|b| b.is_ascii() || (0x80..0xC0).contains(&b) && !follows_emoji(text, at))
}

fn follows_emoji(text: &[u8], at: usize) -> bool {
    let start =
        (1..=4).filter_map(|back| at.checked_sub(back)).find(|i| byte(text, *i).is_some_and(|b| b >= 0xC0));
    let before = start.and_then(|start| character_at(text, start)).map(|(character, _)| u32::from(character));
    before.is_some_and(
        |c| matches!(c, 0x2190..=0x2BFF | 0xFE0F | 0x1F000..=0x1FAFF | 0x3030 | 0x303D | 0x3297 | 0x3299),
    )
}

/// What a hyphen may stand between inside a value.
fn joins(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'@') || byte >= 0x80
}

/// The word around a letter holds a Latin letter or digit; `None` when more text must tell.
fn stands_among_latin(text: &[u8], start: usize, end: usize, at_end: bool) -> Option<bool> {
    let in_word = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'@' | b'.' | b'_' | b'-') || *b >= 0x80;
    let before = range(text, start.saturating_sub(WORD_MAX), start);
    if before.iter().rev().take_while(|b| in_word(b)).any(u8::is_ascii_alphanumeric) {
        return Some(true);
    }
    let after = range(text, end, text.len().min(end + WORD_MAX));
    let word: Vec<&u8> = after.iter().take_while(|b| in_word(b)).collect();
    if word.iter().any(|b| b.is_ascii_alphanumeric()) {
        return Some(true);
    }
    let open = word.len() == after.len() && end + WORD_MAX > text.len() && !at_end;
    (!open).then_some(false)
}

fn read(character: char) -> Reading {
    use Reading::{Alike, Ascii, Circled, Dash, Itself, Joiner, Mark, Nothing, Overlay, Raised};
    let code = u32::from(character);
    match code {
        // Cf and what shows nothing: soft hyphen, grapheme joiner, Hangul fillers, bidi controls, word joiner.
        0xAD
        | 0x34F
        | 0x61C
        | 0x115F
        | 0x1160
        | 0x17B4
        | 0x17B5
        | 0x180B..=0x180F
        | 0x200B
        | 0x200C
        | 0x200E
        | 0x200F
        | 0x202A..=0x202E
        | 0x2060..=0x206F
        | 0x3164
        | 0xFE00..=0xFE0E
        | 0xFEFF
        | 0xFFA0
        | 0xFFF9..=0xFFFB
        | 0x1BCA0..=0x1BCA3
        | 0x1D173..=0x1D17A
        | 0xE0001
        | 0xE007F
        | 0xE0100..=0xE01EF => Nothing,
        0x200D | 0xFE0F => Joiner,
        0x334..=0x338 | 0x35C..=0x362 | 0x20D0..=0x20F0 => Overlay,
        0x300..=0x36F | 0x1AB0..=0x1AFF | 0x1DC0..=0x1DFF | 0xFE20..=0xFE2F => Mark,
        // Tag characters.
        0xE0020..=0xE007E => ascii(code - 0xE0000),
        // Zs, line and paragraph separator, the blank Braille pattern.
        0xA0 | 0x1680 | 0x2000..=0x200A | 0x2028 | 0x2029 | 0x202F | 0x205F | 0x2800 | 0x3000 => Ascii(b' '),
        0x2010..=0x2015 | 0x2212 | 0xFE58 | 0xFE63 => Dash,
        // Full width forms.
        0xFF01..=0xFF5E => ascii(code - 0xFF01 + 0x21),
        0xB2 => Raised(b'2'),
        0xB3 => Raised(b'3'),
        0xB9 => Raised(b'1'),
        0x2070 => Ascii(b'0'),
        0x2074..=0x2079 => ascii(code - 0x2070 + 0x30),
        0x2080..=0x2089 => ascii(code - 0x2080 + 0x30),
        // Enclosed alphanumerics and dingbats.
        0x2460..=0x2468 | 0x2474..=0x247C | 0x2488..=0x2490 => ascii((code - 0x2460) % 20 + 0x31),
        0x2469..=0x2473 => Circled(u8::try_from(code - 0x2469).unwrap_or_default() + 10),
        0x24EA | 0x24FF => Ascii(b'0'),
        0x24F5..=0x24FD => ascii(code - 0x24F5 + 0x31),
        0x2776..=0x277E => ascii(code - 0x2776 + 0x31),
        0x2780..=0x2788 => ascii(code - 0x2780 + 0x31),
        0x278A..=0x2792 => ascii(code - 0x278A + 0x31),
        0x249C..=0x24B5 => ascii(code - 0x249C + 0x61),
        0x24B6..=0x24CF => ascii(code - 0x24B6 + 0x41),
        0x24D0..=0x24E9 => ascii(code - 0x24D0 + 0x61),
        0x1F130..=0x1F149 => ascii(code - 0x1F130 + 0x41),
        0x1F150..=0x1F169 => ascii(code - 0x1F150 + 0x41),
        0x1F170..=0x1F189 => ascii(code - 0x1F170 + 0x41),
        // Mathematical alphanumerics: thirteen alphabets, then five sets of digits.
        0x1D400..=0x1D6A3 => match (code - 0x1D400) % 52 {
            upper @ 0..=25 => ascii(upper + 0x41),
            lower => ascii(lower - 26 + 0x61),
        },
        0x1D7CE..=0x1D7FF => ascii((code - 0x1D7CE) % 10 + 0x30),
        0x210A..=0x2134 => LETTERLIKE.iter().find(|(c, _)| *c == code).map_or(Itself, |(_, a)| Ascii(*a)),
        0x370..=0x52F => {
            ALIKE.iter().find(|(c, _)| *c == character).map_or(Itself, |(_, letter)| Alike(*letter))
        }
        _ => digit(code).map_or(Itself, Ascii),
    }
}

fn ascii(code: u32) -> Reading {
    u8::try_from(code).map_or(Reading::Itself, Reading::Ascii)
}

/// A decimal digit of any script (general category Nd); each set begins with its zero.
fn digit(code: u32) -> Option<u8> {
    let zero = ZEROS.get(ZEROS.partition_point(|zero| *zero <= code).checked_sub(1)?)?;
    let value = code - zero;
    u8::try_from(value).ok().filter(|value| *value < 10).map(|value| b'0' + value)
}

const ZEROS: &[u32] = &[
    0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xDE6, 0xE50, 0xED0,
    0xF20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50,
    0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0x104A0, 0x10D30, 0x11066, 0x110F0, 0x11136,
    0x111D0, 0x112F0, 0x11450, 0x114D0, 0x11650, 0x116C0, 0x11730, 0x118E0, 0x11950, 0x11C50, 0x11D50,
    0x11DA0, 0x16A60, 0x16AC0, 0x16B50, 0x1E140, 0x1E2F0, 0x1E4F0, 0x1E950, 0x1FBF0,
];

/// Letterlike symbols that stand in for letters missing among the mathematical ones.
const LETTERLIKE: &[(u32, u8)] = &[
    (0x210A, b'g'),
    (0x210B, b'H'),
    (0x210C, b'H'),
    (0x210D, b'H'),
    (0x210E, b'h'),
    (0x2110, b'I'),
    (0x2111, b'I'),
    (0x2112, b'L'),
    (0x2113, b'l'),
    (0x2115, b'N'),
    (0x2119, b'P'),
    (0x211A, b'Q'),
    (0x211B, b'R'),
    (0x211C, b'R'),
    (0x211D, b'R'),
    (0x2124, b'Z'),
    (0x2128, b'Z'),
    (0x212A, b'K'),
    (0x212C, b'B'),
    (0x212D, b'C'),
    (0x212F, b'e'),
    (0x2130, b'E'),
    (0x2131, b'F'),
    (0x2133, b'M'),
    (0x2134, b'o'),
];

/// Greek and Cyrillic letters whose usual shape is that of a Latin letter or digit.
const ALIKE: &[(char, u8)] = &[
    ('Α', b'A'),
    ('Β', b'B'),
    ('Ε', b'E'),
    ('Ζ', b'Z'),
    ('Η', b'H'),
    ('Ι', b'I'),
    ('Κ', b'K'),
    ('Μ', b'M'),
    ('Ν', b'N'),
    ('Ο', b'O'),
    ('Ρ', b'P'),
    ('Τ', b'T'),
    ('Υ', b'Y'),
    ('Χ', b'X'),
    ('α', b'a'),
    ('γ', b'y'),
    ('ε', b'e'),
    ('η', b'n'),
    ('ι', b'i'),
    ('κ', b'k'),
    ('ν', b'v'),
    ('ο', b'o'),
    ('ρ', b'p'),
    ('τ', b't'),
    ('υ', b'u'),
    ('ω', b'w'),
    ('ϲ', b'c'),
    ('ϳ', b'j'),
    ('А', b'A'),
    ('В', b'B'),
    ('Е', b'E'),
    ('Ѕ', b'S'),
    ('І', b'I'),
    ('Ј', b'J'),
    ('К', b'K'),
    ('М', b'M'),
    ('Н', b'H'),
    ('О', b'O'),
    ('Р', b'P'),
    ('С', b'C'),
    ('Т', b'T'),
    ('У', b'Y'),
    ('Х', b'X'),
    ('Ѵ', b'V'),
    ('Ԛ', b'Q'),
    ('Ԝ', b'W'),
    ('Ԍ', b'G'),
    ('З', b'3'),
    ('а', b'a'),
    ('в', b'b'),
    ('г', b'r'),
    ('е', b'e'),
    ('з', b'3'),
    ('к', b'k'),
    ('м', b'm'),
    ('н', b'h'),
    ('о', b'o'),
    ('п', b'n'),
    ('р', b'p'),
    ('с', b'c'),
    ('т', b't'),
    ('у', b'y'),
    ('х', b'x'),
    ('ь', b'b'),
    ('ѕ', b's'),
    ('і', b'i'),
    ('ј', b'j'),
    ('ѵ', b'v'),
    ('һ', b'h'),
    ('ӏ', b'l'),
    ('ԁ', b'd'),
    ('ԛ', b'q'),
    ('ԝ', b'w'),
];
