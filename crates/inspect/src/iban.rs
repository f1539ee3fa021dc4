//! IBAN: structure per country (SWIFT IBAN registry) and MOD 97-10.

use std::sync::LazyLock;

use crate::checksum;
use crate::recognizer::{Group, Recognizer};
use crate::text::{Outcome, byte, ends_word, range, separator_length, separator_length_before, starts_word};

pub(crate) const RECOGNIZER: Recognizer = Recognizer { may_be, start_before, read, open_tail };

/// Separators that one IBAN may hold; groups of four need eight.
const SEPARATORS_MAX: usize = 12;

/// Country and structure of what follows the check digits: length and `n` digits, `a` letters, `c` both.
///
/// From the IBAN registry (ISO 13616), checked in tests against the registry's own example of each country.
const COUNTRIES: &[(&[u8; 2], &str)] = &[
    (b"AD", "8n12c"),
    (b"AE", "19n"),
    (b"AL", "8n16c"),
    (b"AT", "16n"),
    (b"AZ", "4a20c"),
    (b"BA", "16n"),
    (b"BE", "12n"),
    (b"BG", "4a6n8c"),
    (b"BH", "4a14c"),
    (b"BI", "23n"),
    (b"BR", "23n1a1c"),
    (b"BY", "4c4n16c"),
    (b"CH", "5n12c"),
    (b"CR", "18n"),
    (b"CY", "8n16c"),
    (b"CZ", "20n"),
    (b"DE", "18n"),
    (b"DJ", "23n"),
    (b"DK", "14n"),
    (b"DO", "4c20n"),
    (b"EE", "16n"),
    (b"EG", "25n"),
    (b"ES", "20n"),
    (b"FI", "14n"),
    (b"FK", "2a12n"),
    (b"FO", "14n"),
    (b"FR", "10n11c2n"),
    (b"GB", "4a14n"),
    (b"GE", "2a16n"),
    (b"GI", "4a15c"),
    (b"GL", "14n"),
    (b"GR", "7n16c"),
    (b"GT", "24c"),
    (b"HN", "4a20n"),
    (b"HR", "17n"),
    (b"HU", "24n"),
    (b"IE", "4a14n"),
    (b"IL", "19n"),
    (b"IQ", "4a15n"),
    (b"IS", "22n"),
    (b"IT", "1a10n12c"),
    (b"JO", "4a4n18c"),
    (b"KW", "4a22c"),
    (b"KZ", "3n13c"),
    (b"LB", "4n20c"),
    (b"LC", "4a24c"),
    (b"LI", "5n12c"),
    (b"LT", "16n"),
    (b"LU", "3n13c"),
    (b"LV", "4a13c"),
    (b"LY", "21n"),
    (b"MC", "10n11c2n"),
    (b"MD", "20c"),
    (b"ME", "18n"),
    (b"MK", "3n10c2n"),
    (b"MN", "16n"),
    (b"MR", "23n"),
    (b"MT", "4a5n18c"),
    (b"MU", "4a19n3a"),
    (b"NI", "4a20n"),
    (b"NL", "4a10n"),
    (b"NO", "11n"),
    (b"OM", "3n16c"),
    (b"PK", "4a16c"),
    (b"PL", "24n"),
    (b"PS", "4a21c"),
    (b"PT", "21n"),
    (b"QA", "4a21c"),
    (b"RO", "4a16c"),
    (b"RS", "18n"),
    (b"RU", "14n15c"),
    (b"SA", "2n18c"),
    (b"SC", "4a20n3a"),
    (b"SD", "14n"),
    (b"SE", "20n"),
    (b"SI", "15n"),
    (b"SK", "20n"),
    (b"SM", "1a10n12c"),
    (b"SO", "19n"),
    (b"ST", "21n"),
    (b"SV", "4a20n"),
    (b"TL", "19n"),
    (b"TN", "20n"),
    (b"TR", "6n16c"),
    (b"UA", "6n19c"),
    (b"VA", "18n"),
    (b"VG", "4a16n"),
    (b"XK", "16n"),
    (b"YE", "4a4n18c"),
];

/// For each two letters the place of their country in [`COUNTRIES`].
static PLACES: LazyLock<[[u8; 26]; 26]> = LazyLock::new(|| {
    let mut places = [[u8::MAX; 26]; 26];
    for (place, (code, _)) in (0_u8..).zip(COUNTRIES) {
        let [first, second] = code.map(letter);
        if let (Some(first), Some(second)) = (first, second)
            && let Some(slot) = places.get_mut(first).and_then(|row| row.get_mut(second))
        {
            *slot = place;
        }
    }
    places
});

/// The place of a letter in the alphabet, from 0, in either case.
fn letter(byte: u8) -> Option<usize> {
    byte.is_ascii_alphabetic().then(|| usize::from(byte.to_ascii_lowercase() - b'a'))
}

fn structure(first: u8, second: u8) -> Option<&'static str> {
    let place = *PLACES.get(letter(first)?)?.get(letter(second)?)?;
    COUNTRIES.get(usize::from(place)).map(|(_, structure)| *structure)
}

/// Whether two capitals name a country that has IBANs.
pub(crate) fn is_country(code: &[u8]) -> bool {
    COUNTRIES.iter().any(|(known, _)| known.as_slice() == code)
}

/// A country stands before the digits.
fn may_be(text: &[u8], group: Group) -> bool {
    group.letter.is_some_and(|b| b.is_ascii_alphabetic()) && {
        let end = group.start - separator_length_before(text, group.start).unwrap_or(0);
        let first = end.checked_sub(2).and_then(|start| byte(text, start));
        first.is_some_and(|b| b.is_ascii_alphabetic())
    }
}

/// Where an IBAN whose first digit group begins at `digit` would begin.
fn start_before(text: &[u8], digit: usize) -> Option<usize> {
    let country = |end: usize| {
        let start = end.checked_sub(2)?;
        structure(byte(text, start)?, byte(text, start + 1)?)?;
        (starts_word(text, start) || is_labelled(text, start)).then_some(start)
    };
    country(digit).or_else(|| country(digit - separator_length_before(text, digit)?))
}

/// The word `IBAN` stands before `start` without a space.
fn is_labelled(text: &[u8], start: usize) -> bool {
    let Some(word) = start.checked_sub(4) else { return false };
    range(text, word, start).eq_ignore_ascii_case(b"IBAN") && starts_word(text, word)
}

/// Where an IBAN begins of which the text so far holds only the country, or half of it.
fn open_tail(text: &[u8]) -> Option<usize> {
    let end = text.len() - separator_length_before(text, text.len()).unwrap_or(0);
    let last = byte(text, end.checked_sub(1)?)?;
    if !last.is_ascii_alphabetic() {
        return None;
    }
    if let Some(start) = end.checked_sub(2)
        && structure(byte(text, start)?, last).is_some()
        && (starts_word(text, start) || is_labelled(text, start))
    {
        return Some(start);
    }
    let known = COUNTRIES.iter().any(|(code, _)| code.first() == Some(&last.to_ascii_uppercase()));
    let begins = starts_word(text, end - 1) || is_labelled(text, end - 1);
    (end == text.len() && known && begins).then_some(end - 1)
}

/// Reads an IBAN at `start`, any ASCII case, single separators anywhere after the country.
fn read(text: &[u8], start: usize, at_end: bool) -> Outcome {
    let open = if at_end { Outcome::Nothing } else { Outcome::Open(start) };
    let (Some(first), Some(second)) = (byte(text, start), byte(text, start + 1)) else { return open };
    let Some(structure) = structure(first, second) else { return Outcome::Nothing };
    let mut compact = [0; 34];
    let mut length = 2;
    let mut separators = 0;
    let mut at = start + 2;
    for (slot, character) in compact.iter_mut().zip([first, second]) {
        *slot = character;
    }
    for class in classes(structure) {
        if let Some(separator) = separator_length(text, at) {
            separators += 1;
            if separators > SEPARATORS_MAX {
                return Outcome::Nothing;
            }
            at += separator;
        }
        let Some(character) = byte(text, at) else { return open };
        let fits = match class {
            b'n' => character.is_ascii_digit(),
            b'a' => character.is_ascii_alphabetic(),
            _ => character.is_ascii_alphanumeric(),
        };
        let Some(slot) = compact.get_mut(length).filter(|_| fits) else { return Outcome::Nothing };
        *slot = character;
        length += 1;
        at += 1;
    }
    if at == text.len() && !at_end {
        return open;
    }
    let valid = ends_word(text, at) && checksum::mod_97(compact.get(..length).unwrap_or_default());
    if valid { Outcome::Hit { start, end: at, weight: 0.0 } } else { Outcome::Nothing }
}

/// One class per character after the country, the two check digits first.
fn classes(structure: &'static str) -> impl Iterator<Item = u8> {
    let mut rest = structure.bytes();
    let parts = std::iter::from_fn(move || {
        let mut count = 0_usize;
        loop {
            match rest.next()? {
                digit @ b'0'..=b'9' => count = count * 10 + usize::from(digit - b'0'),
                class => return Some(std::iter::repeat_n(class, count)),
            }
        }
    });
    [b'n', b'n'].into_iter().chain(parts.flatten())
}

#[cfg(test)]
mod tests;
