//! Classification markings: words that count only where a marking stands, or only in capitals.

use crate::text::{Outcome, Place, byte, byte_before, ends_word, range};

/// How far from the words the ends of their line are looked for, in bytes.
const LINE_MAX: usize = 64;
/// Words that announce a marking, followed by a colon.
const ANNOUNCEMENTS: &[&[u8]] = &[
    b"einstufung",
    b"klassifizierung",
    b"klassifikation",
    b"geheimhaltungsgrad",
    b"vertraulichkeit",
    b"vertraulichkeitsstufe",
    b"schutzklasse",
    b"classification",
    b"sensitivity",
    b"marking",
    b"label",
];

/// Where the words of a marking count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// Anywhere: nobody writes them but as a marking.
    Anywhere,
    /// Anywhere in capitals, otherwise alone on their line or announced.
    Capitals,
    /// Only in capitals alone on their line, or announced in any case.
    Line,
}

impl Style {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        match name {
            "anywhere" => Some(Self::Anywhere),
            "capitals" => Some(Self::Capitals),
            "line" => Some(Self::Line),
            _ => None,
        }
    }
}

/// Decides about the words at `place`, whose left boundary is checked.
pub(crate) fn read(place: Place<'_>, style: Style) -> Outcome {
    let Place { text, start, end, at_end } = place;
    if end == text.len() && !at_end {
        return Outcome::Open(start);
    }
    // A hyphen joins words in German: `Geheim-Dienst` is no marking.
    let joined = byte(text, end) == Some(b'-') || byte_before(text, start) == Some(b'-');
    if joined && end + 1 == text.len() && !at_end {
        return Outcome::Open(start);
    }
    let joined = byte_before(text, start) == Some(b'-')
        && start.checked_sub(2).is_some_and(|i| letter(text, i))
        || byte(text, end) == Some(b'-') && letter(text, end + 1);
    let hit = Outcome::Hit { start, end, weight: 0.0 };
    let ends_word = ends_word(text, end) || byte_before(text, end) == Some(b'.');
    if !ends_word || joined {
        return Outcome::Nothing;
    }
    let capitals = !range(text, start, end).iter().any(u8::is_ascii_lowercase);
    match style {
        Style::Anywhere => hit,
        Style::Capitals if capitals => hit,
        _ => match left(text, start) {
            Left::Announced => hit,
            Left::Other => Outcome::Nothing,
            Left::LineStart if style == Style::Line && !capitals => Outcome::Nothing,
            Left::LineStart => match byte_after_decoration(text, end) {
                Right::LineEnd => hit,
                Right::TextEnd if at_end => hit,
                Right::TextEnd => Outcome::Open(start),
                Right::Other => Outcome::Nothing,
            },
        },
    }
}

/// A letter, or the bracket of a placeholder that stands for one.
fn letter(text: &[u8], at: usize) -> bool {
    byte(text, at).is_some_and(|b| b.is_ascii_alphabetic() || matches!(b, b'[' | b']'))
}

enum Left {
    LineStart,
    Announced,
    Other,
}

fn left(text: &[u8], start: usize) -> Left {
    let from = start.saturating_sub(LINE_MAX);
    let before = range(text, from, start);
    let line = match before.iter().rposition(|b| matches!(b, b'\n' | b'\r')) {
        Some(at) => before.get(at + 1..).unwrap_or_default(),
        None if from == 0 => before,
        None => return Left::Other,
    };
    let line = line.trim_ascii_start();
    let mut words = line.iter().copied().skip_while(|b| is_decoration(*b)).collect::<Vec<u8>>();
    if words.is_empty() {
        return Left::LineStart;
    }
    while words.last().is_some_and(|b| matches!(b, b' ' | b'*' | b'_')) {
        words.pop();
    }
    let announced = words.pop() == Some(b':')
        && ANNOUNCEMENTS.iter().any(|word| {
            let tail = words.len().checked_sub(word.len()).and_then(|at| words.get(at..));
            tail.is_some_and(|tail| tail.eq_ignore_ascii_case(word))
        });
    if announced { Left::Announced } else { Left::Other }
}

enum Right {
    LineEnd,
    TextEnd,
    Other,
}

fn byte_after_decoration(text: &[u8], end: usize) -> Right {
    for at in end..end + LINE_MAX {
        match byte(text, at) {
            None => return Right::TextEnd,
            Some(b'\n' | b'\r') => return Right::LineEnd,
            Some(b) if is_decoration(b) => {}
            Some(_) => return Right::Other,
        }
    }
    Right::Other
}

fn is_decoration(byte: u8) -> bool {
    b" \t*#-=_[](){}|<>.!/+~".contains(&byte)
}
