//! Values in pieces: what stands between the pieces, and when the pieces are one value.
//!
//! Numbers in columns and rows are pieces too. What is put together therefore keeps to shapes in which one value is
//! written, has a check digit that is right, and is not part of a longer row.

use super::lane::Derived;
use super::squeeze::Step;
use crate::checksum;
use crate::iban;
use crate::text::{self, byte, range};

/// The most letters and digits of a value: an IBAN.
const VALUE_MAX: usize = 34;
/// The longest separator of one kind.
pub(super) const SEPARATOR_MAX: usize = 3;
/// Spaces, marks of quotation and hyphens around a line break.
const LINE_MAX: usize = 16;
/// The longest tag or comment between two pieces, and how many.
pub(super) const TAG_MAX: usize = 32;
/// The most bytes of text that one value takes.
const RUN_MAX: usize = 400;
/// The plain rule reads an IBAN of so many pieces.
const PRINTED_MAX: usize = 12;
const TAGS_MAX: usize = 3;

pub(super) fn is_separator(byte: u8) -> bool {
    matches!(
        byte,
        b' ' | b'.'
            | b'-'
            | b'_'
            | b'/'
            | b','
            | b'|'
            | b':'
            | b';'
            | b'+'
            | b'~'
            | b'*'
            | b'#'
            | b'\t'
            | b'\x0C'
    )
}

/// What stands between two pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gap {
    /// No piece follows.
    None,
    /// The text ends in it.
    Open,
    /// The next piece begins here. Of the same marks, the same number.
    Marks(usize, u32),
    /// One line break.
    Line(usize),
}

impl Gap {
    /// Two words may stand on its sides that have nothing to do with each other.
    fn parts_words(self) -> bool {
        match self {
            Self::Marks(_, code) => code.to_be_bytes().iter().any(|b| matches!(b, b' ' | b'\t')),
            Self::Line(_) => true,
            Self::None | Self::Open => false,
        }
    }
}

/// Tags or comments, and quotation marks, whatever is in them.
const TAGS: u32 = 1 << 24;
const QUOTES: u32 = 2 << 24;
/// `][` and `) (`.
const BRACKETS: u32 = 3 << 24;
/// Tags that mark up what stands in a line, and comments.
const INLINE: u32 = 4 << 24;
/// `then`, `und dann`.
const WORDS: u32 = 5 << 24;

fn gap(text: &[u8], at: usize) -> Gap {
    match byte(text, at) {
        None => Gap::Open,
        Some(b'<') => tags(text, at),
        Some(b'/') if matches!(byte(text, at + 1), None | Some(b'*')) => tags(text, at),
        Some(quote @ (b'"' | b'\'')) => quotes(text, at, quote),
        Some(b']') => brackets(text, at, b'['),
        Some(b')') => brackets(text, at, b'('),
        Some(b'\n' | b'\r') => line(text, at),
        Some(b' ' | b',') if words(text, at) != Gap::None => words(text, at),
        Some(mark) if is_separator(mark) => match marks(text, at) {
            Gap::None => line(text, at),
            gap => gap,
        },
        Some(_) => Gap::None,
    }
}

/// The same mark up to three times, or one mark with a space on one side or both.
fn marks(text: &[u8], at: usize) -> Gap {
    let mut code = 0;
    let mut last = None;
    let mut marks = 0;
    for next in at..=at + SEPARATOR_MAX {
        match byte(text, next) {
            None => return Gap::Open,
            Some(here) if here.is_ascii_alphanumeric() => {
                return if next > at { Gap::Marks(next, code) } else { Gap::None };
            }
            Some(here) if next < at + SEPARATOR_MAX && is_separator(here) => {
                let blank = |b: u8| matches!(b, b' ' | b'\t');
                if last != Some(here) {
                    marks += u32::from(!blank(here));
                    if marks > 1 || last.is_some_and(|last| !blank(last) && !blank(here)) {
                        return Gap::None;
                    }
                }
                last = Some(here);
                code = code << 8 | u32::from(here);
            }
            Some(_) => return Gap::None,
        }
    }
    Gap::None
}

fn line(text: &[u8], at: usize) -> Gap {
    let mut breaks = 0;
    for next in at..at + LINE_MAX {
        match byte(text, next) {
            None => return if breaks < 2 { Gap::Open } else { Gap::None },
            Some(b'\n') => breaks += 1,
            Some(b' ' | b'\t' | b'\r' | b'>' | b'-' | b'|') => {}
            Some(here) if here.is_ascii_alphanumeric() && breaks == 1 => return Gap::Line(next),
            Some(_) => return Gap::None,
        }
    }
    Gap::None
}

/// The longest words between two pieces, with their spaces.
const WORDS_MAX: usize = 16;

/// `4111 then 1111`, `4111, und dann 1111`.
fn words(text: &[u8], at: usize) -> Gap {
    const BETWEEN: &[&[u8]] = &[
        b" then ",
        b", then ",
        b" and then ",
        b", and then ",
        b" and ",
        b" followed by ",
        b", followed by ",
        b" dann ",
        b", dann ",
        b" und dann ",
        b", und dann ",
        b" und ",
        b" gefolgt von ",
        b", gefolgt von ",
    ];
    let rest = range(text, at, text.len().min(at + WORDS_MAX));
    let mut open = false;
    for words in BETWEEN {
        if let Some((here, behind)) = rest.split_at_checked(words.len())
            && let Some(first) = behind.first()
        {
            let piece = first.is_ascii_digit() || first.is_ascii_uppercase();
            if piece && here.eq_ignore_ascii_case(words) {
                return Gap::Marks(at + words.len(), WORDS);
            }
        } else {
            open |= words.get(..rest.len()).is_some_and(|start| start.eq_ignore_ascii_case(rest));
        }
    }
    if open { Gap::Open } else { Gap::None }
}

/// `][`, `) (`, `],[`: each piece stands in brackets.
fn brackets(text: &[u8], at: usize, opening: u8) -> Gap {
    for next in at + 1..at + 4 {
        match byte(text, next) {
            None => return Gap::Open,
            Some(b' ' | b',') => {}
            Some(here) if here == opening => {
                return match byte(text, next + 1) {
                    None => Gap::Open,
                    Some(here) if here.is_ascii_alphanumeric() => Gap::Marks(next + 1, BRACKETS),
                    Some(_) => Gap::None,
                };
            }
            Some(_) => return Gap::None,
        }
    }
    Gap::None
}

/// The names of tags that do not part what stands on their sides.
const INLINE_TAGS: &[&[u8]] =
    &[b"b", b"i", b"u", b"em", b"strong", b"span", b"wbr", b"br", b"code", b"font", b"mark", b"small", b"!"];

pub(super) fn is_inline(tag: &[u8]) -> bool {
    let name = tag.strip_prefix(b"<").unwrap_or_default();
    let name = name.strip_prefix(b"/").unwrap_or(name);
    let length = name.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'!').count();
    tag.starts_with(b"/*")
        || INLINE_TAGS
            .iter()
            .any(|known| name.get(..length).is_some_and(|name| known.eq_ignore_ascii_case(name)))
}

/// `</b> <b>`, `<!-- -->`, `/* */`.
fn tags(text: &[u8], at: usize) -> Gap {
    let mut next = at;
    let mut code = INLINE;
    for _ in 0..TAGS_MAX {
        let rest = range(text, next, text.len().min(next + TAG_MAX));
        let end = match rest {
            [b'<', b'a'..=b'z' | b'A'..=b'Z' | b'/' | b'!', ..] => rest.iter().position(|b| *b == b'>'),
            [b'/', b'*', body @ ..] => body.windows(2).position(|pair| pair == b"*/").map(|i| i + 3),
            [b'<'] | [b'/'] => None,
            _ => return Gap::None,
        };
        if !is_inline(rest) {
            code = TAGS;
        }
        next = match end {
            Some(end) => next + end + 1,
            None if rest.len() < TAG_MAX => return Gap::Open,
            None => return Gap::None,
        };
        while next - at < TAG_MAX * TAGS_MAX && matches!(byte(text, next), Some(b' ' | b'\n' | b'\r' | b'\t'))
        {
            next += 1;
        }
        match byte(text, next) {
            None => return Gap::Open,
            Some(here) if here.is_ascii_alphanumeric() => return Gap::Marks(next, code),
            Some(_) => {}
        }
    }
    Gap::None
}

/// `", "`: the pieces are strings.
fn quotes(text: &[u8], at: usize, quote: u8) -> Gap {
    for next in at + 1..at + 6 {
        match byte(text, next) {
            None => return Gap::Open,
            Some(b',' | b' ' | b'+' | b'.') => {}
            Some(here) if here == quote => {
                return match byte(text, next + 1) {
                    None => Gap::Open,
                    Some(here) if here.is_ascii_alphanumeric() => Gap::Marks(next + 1, QUOTES),
                    Some(_) => Gap::None,
                };
            }
            Some(_) => return Gap::None,
        }
    }
    Gap::None
}

/// What a value begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Head {
    /// The country of an IBAN.
    Country,
    /// The letter of a health insurance number.
    Letter,
    Digits,
    /// The serial number of an identity card.
    Card,
    /// The plus sign of a telephone number, which stands before the start.
    Plus,
}

/// The letters and digits of a value in pieces.
struct Value {
    bytes: [u8; VALUE_MAX],
    /// Where each stands, from the start on.
    places: [u16; VALUE_MAX],
    count: usize,
    /// The length of each piece.
    lengths: [u8; VALUE_MAX],
    pieces: usize,
    /// The first gap that is no line break.
    gap: Option<u32>,
    /// Another gap was not like it.
    mixed: bool,
    lines: usize,
}

impl Value {
    fn bytes(&self) -> &[u8] {
        range(&self.bytes, 0, self.count)
    }

    fn lengths(&self) -> &[u8] {
        range(&self.lengths, 0, self.pieces)
    }

    /// Nobody writes columns and rows with what stands between the pieces, so they may have any length.
    fn is_free(&self) -> bool {
        matches!(self.gap, Some(INLINE | WORDS)) && !self.mixed && self.lines == 0
    }

    fn push(&mut self, byte: u8, place: usize) -> bool {
        let (Some(slot), Some(at)) = (self.bytes.get_mut(self.count), self.places.get_mut(self.count)) else {
            return false;
        };
        let Ok(place) = u16::try_from(place) else { return false };
        (*slot, *at) = (byte, place);
        self.count += 1;
        true
    }

    fn squeeze(&self, start: usize) -> Step {
        let places = self.places.iter().map(|place| start + usize::from(*place));
        let kept: Vec<Derived> =
            self.bytes().iter().zip(places).map(|(byte, place)| (*byte, place, place)).collect();
        kept.last().map_or(Step::Nothing, |(_, last, _)| Step::Squeeze(last + 1, kept.clone()))
    }
}

/// The value in pieces that begins at `start`.
pub(super) fn read(text: &[u8], start: usize, head: Head, at_end: bool) -> Step {
    if head == Head::Digits && follows(text, start) {
        return Step::Nothing;
    }
    let mut value = Value {
        bytes: [0; VALUE_MAX],
        places: [0; VALUE_MAX],
        count: 0,
        lengths: [0; VALUE_MAX],
        pieces: 0,
        gap: None,
        mixed: false,
        lines: 0,
    };
    let mut at = start;
    // What was known before the last gap, when what follows it may be the next word.
    let mut ended = None;
    loop {
        let before = value.count;
        while let Some(here) = byte(text, at).filter(u8::is_ascii_alphanumeric) {
            if !head.allows(here, value.count) || !value.push(here, at - start) {
                // A piece of another kind: behind a space or in the next line it is the next word.
                let Some((mixed, lines)) = ended.filter(|_| value.count == before) else {
                    return Step::Nothing;
                };
                (value.mixed, value.lines) = (mixed, lines);
                return head.judge(&value, text, start);
            }
            at += 1;
        }
        if let Some(length) = value.lengths.get_mut(value.pieces) {
            *length = u8::try_from(value.count - before).unwrap_or(u8::MAX);
            value.pieces += 1;
        }
        if at == text.len() && !at_end {
            return Step::Open;
        }
        if head == Head::Country && value.pieces > 1 && is_iban(value.bytes()) {
            return head.judge(&value, text, start);
        }
        let gap = gap(text, at);
        let known = (value.mixed, value.lines);
        ended = gap.parts_words().then_some(known);
        let next = match gap {
            Gap::Open if !at_end => {
                return if head.goes_on(&value) { Step::Open } else { Step::Nothing };
            }
            Gap::Open | Gap::None => return head.judge(&value, text, start),
            Gap::Line(next) => {
                value.lines += 1;
                next
            }
            Gap::Marks(_, WORDS) if !head.takes_words(&value) => return head.judge(&value, text, start),
            Gap::Marks(next, code) => {
                if *value.gap.get_or_insert(code) != code {
                    if !head.mixes(&value, code) {
                        return head.judge(&value, text, start);
                    }
                    value.mixed = true;
                }
                next
            }
        };
        // Numbers under each other are a column, and those behind each other a row.
        if !head.goes_on(&value) || value.lines > 1 && head != Head::Country || next - start > RUN_MAX {
            let Some((mixed, lines)) =
                ended.filter(|_| !byte(text, next).is_some_and(|b| b.is_ascii_digit()))
            else {
                return Step::Nothing;
            };
            (value.mixed, value.lines) = (mixed, lines);
            return head.judge(&value, text, start);
        }
        at = next;
    }
}

/// A digit stands just before, behind one separator: the row began earlier.
fn follows(text: &[u8], start: usize) -> bool {
    let before = range(text, start.saturating_sub(SEPARATOR_MAX), start);
    match before {
        [.., digit, mark] if digit.is_ascii_digit() => is_separator(*mark),
        [digit, first, second] => digit.is_ascii_digit() && first == second && is_separator(*first),
        _ => false,
    }
}

impl Head {
    /// Whether the character may stand at this place of the value.
    fn allows(self, here: u8, at: usize) -> bool {
        match self {
            Self::Country => match at {
                0 | 1 => here.is_ascii_alphabetic(),
                2 | 3 => here.is_ascii_digit(),
                _ => true,
            },
            Self::Letter => {
                if at == 0 {
                    here.is_ascii_alphabetic()
                } else {
                    at < 10 && here.is_ascii_digit()
                }
            }
            Self::Digits => at < 19 && here.is_ascii_digit() || at == 8 && here.is_ascii_alphabetic(),
            Self::Card => at < 10 && (here.is_ascii_digit() || here.is_ascii_uppercase()),
            Self::Plus => at < 15 && here.is_ascii_digit(),
        }
    }

    /// Whether a gap unlike the first may stand behind what was read.
    fn mixes(self, value: &Value, code: u32) -> bool {
        match self {
            // Country and check digits are one word: dates and times behind `at` are not.
            Self::Country => value.lengths().first().is_some_and(|length| *length >= 4),
            Self::Plus => true,
            Self::Digits => {
                let single = |code: u32| code < 256 && code != u32::from(b',') && code != u32::from(b':');
                value.lengths().iter().all(|length| *length == 4)
                    && value.count < 16
                    && single(code)
                    && value.gap.is_some_and(single)
            }
            Self::Letter | Self::Card => false,
        }
    }

    /// Whether words may stand behind what was read: they part pieces from the first on, or not at all.
    fn takes_words(self, value: &Value) -> bool {
        let first = value.gap.is_none() && value.lines == 0 && value.pieces == 1;
        self != Self::Plus && (first || value.gap == Some(WORDS))
    }

    /// Whether another piece may follow those that were read.
    fn goes_on(self, value: &Value) -> bool {
        let (Self::Digits, [first, second, ..]) = (self, value.lengths()) else { return true };
        if value.mixed || value.lines > 0 || value.is_free() {
            return true;
        }
        let even = || {
            let others = range(value.lengths(), 1, value.pieces);
            first <= second
                && (2..=GROUP_MAX).contains(second)
                && others.iter().all(|length| length == second)
                // Dates, times and addresses of machines.
                && !(*second == 2 && value.gap.is_some_and(|code| matches!(code, 0x2E | 0x3A | 0x2F)))
        };
        even() || PRINTED.iter().any(|printed| printed.starts_with(value.lengths()))
    }

    fn judge(self, value: &Value, text: &[u8], start: usize) -> Step {
        // What is printed so is read as it stands.
        let spaced = value.gap == Some(u32::from(b' ')) && !value.mixed && value.lines == 0;
        let whole = match self {
            Self::Country => {
                let plain = spaced || value.gap == Some(u32::from(b'-')) && !value.mixed && value.lines == 0;
                value.pieces > 1 && !(plain && value.pieces <= PRINTED_MAX) && is_iban(value.bytes())
            }
            Self::Letter => value.pieces > 1 && checksum::kvnr(value.bytes()),
            Self::Card => {
                let check = value.bytes().split_at_checked(9);
                value.pieces > 1
                    && value.count == 10
                    && check.is_some_and(|(body, check)| checksum::icao(body).as_slice() == check)
            }
            Self::Digits => {
                value.pieces > 1
                    && !(spaced && matches!(value.lengths(), [4, 4, 4, 4] | [2, 3, 3, 3] | [2, 6, 1, 3]))
                    && if value.bytes().iter().all(u8::is_ascii_digit) {
                        is_number(value.bytes()) && is_number_in_pieces(value, text, start)
                    } else {
                        value.count == 12 && checksum::svnr(&value.bytes().to_ascii_uppercase())
                    }
            }
            Self::Plus => {
                let plain = |code: u32| code == u32::from(b' ') || code == u32::from(b'-');
                (9..=15).contains(&value.count)
                    && value.pieces > 1
                    && (value.lines > 0 || !value.gap.is_some_and(plain))
            }
        };
        if whole { value.squeeze(start) } else { Step::Nothing }
    }
}

/// The pieces in which cards, tax and insurance numbers are printed.
const PRINTED: &[&[u8]] =
    &[&[2, 3, 3, 3], &[4, 6, 5], &[4, 6, 4], &[2, 6, 1, 3], &[2, 6, 4], &[8, 1, 3], &[9, 3]];

/// The fewest digits of a number on each side of the end of a line.
const LINE_PIECE_MIN: u8 = 3;

/// The most digits of one group. Longer ones are numbers of their own.
const GROUP_MAX: u8 = 8;

/// The shapes in which a number of digits is written in pieces.
fn is_number_in_pieces(value: &Value, text: &[u8], start: usize) -> bool {
    let lengths = value.lengths();
    if value.gap == Some(u32::from(b'.')) && is_machine(value) {
        return false;
    }
    let printed = matches!(lengths, [2, 3, 3, 3] | [4, 6, 5] | [4, 6, 4]) || lengths.iter().all(|l| *l == 4);
    if value.mixed || value.lines > 0 && lengths.len() == 2 || value.is_free() {
        // A number that is cut in two by the end of its line stands behind a word of the sentence.
        let behind_word = || {
            let before = range(text, start.saturating_sub(3), start).trim_ascii_end();
            before.last().is_some_and(|b| b.is_ascii_alphabetic() || matches!(b, b':' | b'=') || *b >= 0x80)
        };
        let least = if value.is_free() { 1 } else { LINE_PIECE_MIN };
        return printed || !value.mixed && lengths.iter().all(|length| *length >= least) && behind_word();
    }
    let [first, second, .., last] = lengths else { return false };
    let middle = range(lengths, 1, lengths.len() - 1);
    let dotted = || value.gap.is_some_and(|code| matches!(code, 0x2E | 0x3A | 0x2F));
    printed
        || first <= second
            && last <= second
            && middle.iter().all(|length| length == second)
            && (2..=GROUP_MAX).contains(second)
            // Dates, times and addresses of machines.
            && !(*second == 2 && dotted())
}

/// The address of a machine: four numbers up to 255.
fn is_machine(value: &Value) -> bool {
    let mut rest = value.bytes();
    let small = value.lengths().iter().all(|length| {
        let (number, behind) = rest.split_at_checked(usize::from(*length)).unwrap_or_default();
        rest = behind;
        let number = number.iter().fold(0_u32, |sum, digit| {
            sum.saturating_mul(10).saturating_add(u32::from(digit.wrapping_sub(b'0')))
        });
        number <= 255
    });
    value.pieces == 4 && small
}

fn is_iban(bytes: &[u8]) -> bool {
    bytes.len() >= 15 && matches!((iban::RECOGNIZER.read)(bytes, 0, true), text::Outcome::Hit { .. })
}

pub(super) fn is_number(digits: &[u8]) -> bool {
    match digits.len() {
        11 => checksum::mod_11_10(digits),
        14..=16 | 19 => checksum::luhn(digits),
        _ => false,
    }
}
