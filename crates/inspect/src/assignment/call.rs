//! Calls of functions that are known to take a password.

use super::{Assigned, Operator, Style, judge};
use crate::text::{Outcome, Place, byte, range};

/// The most bytes between a function's parenthesis and the one that closes it.
const CALL_MAX: usize = 160;
/// The most arguments of a call that are told apart.
const ARGUMENTS_MAX: usize = 6;

/// Reads the arguments of a function that is known to take a password: `login("anna", "…")`. The keyword ends in the
/// opening parenthesis.
pub(super) fn read(place: Place<'_>) -> Outcome {
    let text = place.text;
    let mut arguments = [Argument::default(); ARGUMENTS_MAX];
    let (mut number, mut depth, mut at) = (0, 0_usize, place.end);
    let mut quote = None;
    loop {
        let Some(argument) = arguments.get_mut(number) else { return Outcome::Nothing };
        let Some(here) = byte(text, at).filter(|_| at - place.end < CALL_MAX) else {
            let goes_on = at >= text.len() && !place.at_end && at - place.end < CALL_MAX;
            return if goes_on { Outcome::Open(place.end) } else { Outcome::Nothing };
        };
        match quote {
            Some(open) if here == open => {
                argument.end = at;
                quote = None;
            }
            Some(_) if here == b'\\' => at += 1,
            Some(_) if matches!(here, b'\n' | b'\r') => return Outcome::Nothing,
            Some(_) => {}
            None => match here {
                b'"' | b'\'' | b'`' if depth == 0 => {
                    argument.is_text = argument.is_empty;
                    argument.is_empty = false;
                    argument.start = at + 1;
                    quote = Some(here);
                }
                b'(' | b'[' => {
                    depth += 1;
                    (argument.is_text, argument.is_empty) = (false, false);
                }
                b')' if depth == 0 => break,
                b')' | b']' => depth = depth.saturating_sub(1),
                b',' if depth == 0 => number += 1,
                b';' | b'{' | b'}' => return Outcome::Nothing,
                b' ' | b'\t' | b'\n' | b'\r' => {}
                _ => {
                    argument.is_number = here.is_ascii_digit() && (argument.is_empty || argument.is_number);
                    (argument.is_text, argument.is_empty) = (false, false);
                }
            },
        }
        at += 1;
    }
    let keyword = range(text, place.start, place.end);
    let given = number + usize::from(arguments.get(number).is_some_and(|last| !last.is_empty));
    let given = arguments.get(..given).unwrap_or_default();
    let Some(value) = password_argument(keyword, given).filter(|argument| argument.is_text) else {
        return Outcome::Nothing;
    };
    let assigned = Assigned {
        text,
        start: value.start,
        end: value.end,
        head: &[],
        keyword,
        tail: &[],
        operator: Operator::Argument,
        quoted: true,
        spaced: false,
    };
    match judge::judge(&assigned, Style::Call) {
        Some((end, weight)) => Outcome::Hit { start: value.start, end, weight },
        None => Outcome::Nothing,
    }
}

/// One argument of a call.
#[derive(Debug, Clone, Copy)]
struct Argument {
    /// Of the text between its quotes.
    start: usize,
    end: usize,
    /// It is nothing but a text in quotes.
    is_text: bool,
    is_number: bool,
    is_empty: bool,
}

impl Default for Argument {
    fn default() -> Self {
        Self { start: 0, end: 0, is_text: false, is_number: false, is_empty: true }
    }
}

/// The place of the password: the last of a login, the second of a pair, the third behind an address and a user, the
/// fourth where a port stands second.
fn password_argument(keyword: &[u8], given: &[Argument]) -> Option<Argument> {
    let ends = |name: &[u8]| {
        keyword
            .len()
            .checked_sub(name.len())
            .is_some_and(|at| keyword.get(at..).is_some_and(|end| end.eq_ignore_ascii_case(name)))
    };
    let place = if ends(b"connect(") || ends(b"connection(") || ends(b"pdo(") || ends(b"mysqli(") {
        if given.get(1).is_some_and(|second| second.is_number) { 3 } else { 2 }
    } else if ends(b"login(") || ends(b"authenticate(") {
        given.len().checked_sub(1).filter(|last| *last > 0)?
    } else if ends(b"auth(") && !ends(b"basicauth(") && !ends(b"basic_auth(") {
        given.len().checked_sub(1)?
    } else {
        1
    };
    given.get(place).copied()
}
