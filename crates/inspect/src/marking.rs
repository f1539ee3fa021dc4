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

/// What subject lines begin with, before a colon.
const SUBJECTS: &[&[u8]] =
    &[b"betreff", b"subject", b"betr.", b"re", b"aw", b"wg", b"fwd", b"objet", b"oggetto"];

/// Where the words of a marking count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// Anywhere: nobody writes them but as a marking.
    Anywhere,
    /// Anywhere in capitals; otherwise alone on their line, announced, in square brackets, or as tag of a subject or
    /// footer.
    Capitals,
    /// Like `Capitals`, but never inside a line, and alone on it only in capitals.
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
    if is_placeholder(text, start, end) {
        return Outcome::Nothing;
    }
    let left = match style {
        Style::Anywhere => return hit,
        Style::Capitals if capitals => return hit,
        _ => left(text, start),
    };
    let allowed = match left {
        Left::Announced => return hit,
        Left::Other => false,
        Left::LineStart => capitals || style == Style::Capitals,
        Left::Tag | Left::Subject | Left::Footer => true,
    };
    if !allowed {
        return Outcome::Nothing;
    }
    match (right(text, end, &left), at_end) {
        (Right::Fits, _) | (Right::TextEnd, true) => hit,
        (Right::TextEnd, false) => Outcome::Open(start),
        (Right::Other, _) => Outcome::Nothing,
    }
}

/// `[SECRET]` is what redaction leaves of a secret, also alone on its line.
fn is_placeholder(text: &[u8], start: usize, end: usize) -> bool {
    range(text, start, end) == b"SECRET"
        && byte_before(text, start) == Some(b'[')
        && byte(text, end) == Some(b']')
}

/// A letter, or the bracket of a placeholder that stands for one.
fn letter(text: &[u8], at: usize) -> bool {
    byte(text, at).is_some_and(|b| b.is_ascii_alphabetic() || matches!(b, b'[' | b']'))
}

/// What stands to the left of the words on their line.
enum Left {
    /// Nothing but decoration.
    LineStart,
    /// A word that announces a marking, and a colon.
    Announced,
    /// An opening bracket, as in `[vertraulich]`.
    Tag,
    /// The beginning of a subject line.
    Subject,
    /// A bar, dot or dash behind something else, as in a footer.
    Footer,
    Other,
}

fn left(text: &[u8], start: usize) -> Left {
    let from = start.saturating_sub(LINE_MAX);
    let before = range(text, from, start);
    let line = match before.iter().rposition(|b| matches!(b, b'\n' | b'\r')) {
        Some(at) => before.get(at + 1..).unwrap_or_default(),
        None if from == 0 => before,
        None if byte_before(text, start) == Some(b'[') => return Left::Tag,
        None => return Left::Other,
    };
    let line = line.trim_ascii_start();
    let words = line.iter().position(|b| !is_decoration(*b));
    let Some(words) = words.and_then(|at| line.get(at..)) else { return Left::LineStart };
    if words.ends_with(b"[") {
        return Left::Tag;
    }
    let words = words.trim_ascii_end();
    let bare = match words.iter().rposition(|b| !matches!(b, b' ' | b'*' | b'_')) {
        Some(last) => words.get(..=last).unwrap_or_default(),
        None => words,
    };
    if let Some(name) = bare.strip_suffix(b":") {
        let ends_in = |word: &&[u8]| {
            let tail = name.len().checked_sub(word.len()).and_then(|at| name.get(at..));
            tail.is_some_and(|tail| tail.eq_ignore_ascii_case(word))
        };
        if ANNOUNCEMENTS.iter().any(ends_in) {
            return Left::Announced;
        }
        if SUBJECTS.iter().any(ends_in) {
            return Left::Subject;
        }
    }
    let dash = [&b"|"[..], b"\xC2\xB7", b"\xE2\x80\x93", b"\xE2\x80\x94", b"\xE2\x80\xA2"];
    let footer = !line.starts_with(b"|") && dash.iter().any(|dash| words.ends_with(dash));
    if footer { Left::Footer } else { Left::Other }
}

enum Right {
    Fits,
    TextEnd,
    Other,
}

/// Whether a marking ends at `end`: its line does, its bracket closes, or the subject goes on behind a colon or dash.
fn right(text: &[u8], end: usize, left: &Left) -> Right {
    let mut spaced = false;
    for at in end..end + LINE_MAX {
        match byte(text, at) {
            None => return Right::TextEnd,
            Some(b']') if matches!(left, Left::Tag) => return Right::Fits,
            Some(_) if matches!(left, Left::Tag) => return Right::Other,
            Some(b'\n' | b'\r') => return Right::Fits,
            Some(b':' | b'|') if matches!(left, Left::Subject) => return Right::Fits,
            Some(b'-') if matches!(left, Left::Subject) && spaced => return Right::Fits,
            Some(0xE2) if matches!(left, Left::Subject) && spaced => return Right::Fits,
            Some(b) if is_decoration(b) => spaced = b == b' ',
            Some(_) => return Right::Other,
        }
    }
    Right::Other
}

fn is_decoration(byte: u8) -> bool {
    b" \t*#-=_[](){}|<>.!/+~".contains(&byte)
}
