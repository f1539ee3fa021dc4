//! Assignments: from a name such as `password` or `client_secret` to the value that it is given.
//!
//! The name may stand in a configuration file, in code, in a command, in a table or in a sentence. What stands between
//! name and value says how the value ends and how much it must look like a secret to be believed.

mod call;
pub(crate) mod judge;
mod reader;
mod table;
mod words;

use crate::pattern::Pattern;
use crate::text::{Outcome, Place, byte, byte_before, ends_word, floor_character, range};
use reader::Reader;

/// The most bytes between the keyword and the value.
const LEAD_MAX: usize = 64;
/// The longest beginning of a name before its keyword.
const HEAD_MAX: usize = 40;

/// What a name promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// People choose the value.
    Password,
    /// A machine generates the value.
    Secret,
    /// Four to eight digits.
    Pin,
    /// A name and a password, parted by a slash or colon.
    Login,
    /// The keyword is a function; one of its arguments is the value.
    Call,
}

impl Style {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "password" => Self::Password,
            "secret" => Self::Secret,
            "pin" => Self::Pin,
            "login" => Self::Login,
            "call" => Self::Call,
            _ => return None,
        })
    }
}

/// What stands between name and value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    /// `=`, `:=`, `=>`.
    Equals,
    Colon,
    /// `==`: a value only between quotes.
    Compare,
    /// `name("value")` or `("name", "value")`: a value only between quotes.
    Argument,
    /// `<name>value</name>`.
    Element,
    /// The next cell of a table.
    Cell,
    /// `--name value`, and `login … password …` of a `.netrc` file.
    Flag,
    /// `name ist value`.
    Is,
    /// `name lautet value`: nothing but a value can follow.
    Reads,
    /// Nothing but space.
    Space,
    /// The value stands alone on the next line.
    NextLine,
    /// The name alone on its line, without a colon, and the value alone on the next.
    LineBelow,
}

/// A value that a name was given.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Assigned<'t> {
    pub(crate) text: &'t [u8],
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// The whole name around the keyword, and where in it the keyword stands.
    pub(crate) head: &'t [u8],
    pub(crate) keyword: &'t [u8],
    pub(crate) tail: &'t [u8],
    pub(crate) operator: Operator,
    pub(crate) quoted: bool,
    /// A space stands between operator and value.
    pub(crate) spaced: bool,
}

impl Assigned<'_> {
    pub(crate) fn value(&self) -> &[u8] {
        range(self.text, self.start, self.end)
    }
}

/// Reads on from the keyword at `place` and tells what it finds: the value, or those of a column that the keyword heads.
pub(crate) fn read(place: Place<'_>, style: Style, mut tell: impl FnMut(Outcome)) {
    if style == Style::Call {
        return tell(call::read(place));
    }
    let keyword = range(place.text, place.start, place.end);
    // Short names are listed with the character that follows them, which belongs to the lead.
    let trimmed = match style {
        Style::Pin => {
            keyword.len() - keyword.iter().take_while(|b| b.is_ascii_alphabetic() || **b >= 0x80).count()
        }
        _ => keyword.iter().rev().take_while(|b| !b.is_ascii_alphanumeric() && **b < 0x80).count(),
    };
    let end = place.end - trimmed;
    let mut reader = Reader::new(place, end);
    let assigned = reader.assigned(place.start, end);
    if reader.hungry {
        return tell(Outcome::Open(reader.earliest));
    }
    let mut found = None;
    if let Some(mut assigned) = assigned {
        if style == Style::Login && !reader.skip_name(&mut assigned) {
            return if reader.hungry {
                tell(Outcome::Open(reader.earliest))
            };
        }
        found = judge::judge(&assigned, style).map(|(end, weight)| (assigned.start, end, weight));
    }
    match found {
        Some((start, end, weight)) if end > start => tell(Outcome::Hit { start, end, weight }),
        _ if matches!(style, Style::Password | Style::Secret) => table::read(place, end, style, tell),
        _ => {}
    }
}

/// Reads on from the name of a provider: the first word of the line that fits the pattern, behind a word for "key".
pub(crate) fn read_named(place: Place<'_>, pattern: &Pattern, max: usize) -> Outcome {
    let text = place.text;
    let stop = text.len().min(place.end + LEAD_MAX);
    // `PROD_DATADOG_KEY`, `myDatadogKey`: a letter before the name belongs to another word, unless a capital begins it.
    let first = byte(text, place.start).unwrap_or_default();
    if byte_before(text, place.start)
        .is_some_and(|b| b.is_ascii_alphabetic() && !(b.is_ascii_lowercase() && first.is_ascii_uppercase()))
    {
        return Outcome::Nothing;
    }
    let line = range(text, place.start.saturating_sub(HEAD_MAX), place.end);
    let line = line.rsplit(|b| matches!(b, b'\n' | b'\r')).next().unwrap_or_default();
    let mut named = names_key(line);
    let mut from = place.end;
    let mut at = place.end;
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    while at < stop {
        let here = byte(text, at).unwrap_or_default();
        if here == b'\n' || here == b'\r' {
            return Outcome::Nothing;
        }
        if !is_token(here) || byte_before(text, at).is_some_and(is_token) {
            at += 1;
            continue;
        }
        named |= names_key(range(text, from.saturating_sub(1), at));
        from = at;
        if named {
            let run = pattern.run(text, at, max, place.at_end);
            match run.end {
                _ if run.open => return Outcome::Open(at),
                Some(end) if end == text.len() && !place.at_end => return Outcome::Open(at),
                Some(end) if ends_word(text, end) => {
                    return Outcome::Hit { start: at, end: floor_character(text, end), weight: 0.0 };
                }
                _ => {}
            }
        }
        at += 1;
    }
    if stop == text.len() && !place.at_end { Outcome::Open(from.min(text.len())) } else { Outcome::Nothing }
}

/// A word stands here that names a credential.
fn names_key(text: &[u8]) -> bool {
    const WORDS: &[&[u8]] = &[
        b"key",
        b"token",
        b"secret",
        b"pass",
        b"pwd",
        b"auth",
        b"credential",
        b"schl",
        b"kennwort",
        b"_pat",
        b"webhook",
        b"signature",
    ];
    WORDS.iter().any(|word| text.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word)))
}

/// The beginning of the name to which the keyword at `start` belongs.
fn head_before(text: &[u8], start: usize) -> &[u8] {
    let mut from = start;
    while start - from < HEAD_MAX
        && byte_before(text, from)
            .is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
    {
        from -= 1;
    }
    range(text, from, start)
}

#[cfg(test)]
mod evaluation;
#[cfg(test)]
mod tests;
