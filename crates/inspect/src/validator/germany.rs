//! Numbers that German authorities and insurers give to persons.

use super::{Verdict, compact, digits, in_row, is_grouped};
use crate::checksum::{self, number};
use crate::text::{byte, range};

/// The check digit and the repetition rule of the Bundeszentralamt für Steuern.
pub(super) fn steuer_id(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    let number = digits(text, start, end);
    let valid = number.len() == 11 && checksum::steuer_id_repetition(&number) && checksum::mod_11_10(&number);
    let weight = if is_grouped(text, start, end) {
        1.5
    } else if in_row(text, start) {
        -2.0
    } else {
        0.0
    };
    valid.then_some(Verdict { start, end, weight })
}

/// A Steuernummer in the form of a Land, or of the thirteen digits of the Bund.
///
/// Forms and check digits: Bayerisches Landesamt für Steuern, "Prüfung der Steuer- und Steueridentifikationsnummer",
/// chapters 3 to 6, read through secondary sources; its own examples are in the tests. The form of a Land does not tell
/// the Land, so that one check digit in several says little; the form of the Bund does.
pub(super) fn steuernummer(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    let written = range(text, start, end);
    let number = digits(text, start, end);
    let slashes = written.iter().filter(|b| **b == b'/').count();
    if number.iter().filter(|digit| **digit != b'0').count() < 3 {
        return None;
    }
    let weight = match (number.len(), slashes) {
        // The check of an identification number is rarely met by chance.
        (11, 0) if steuer_id(text, start, end).is_some() => return None,
        (13, _) => match (checksum::steuernummer(&number), number.get(4)) {
            (Some(true), _) => 0.2,
            (Some(false), Some(b'0')) => -1.0,
            _ => return None,
        },
        (10 | 11, 2) => 0.2,
        (10 | 11, 1) => 0.0,
        (10 | 11, 0) if is_grouped(text, start, end) => -0.4,
        (10 | 11, 0) => -0.8,
        _ => return None,
    };
    Some(Verdict { start, end, weight })
}

/// The check digit, a birthday that exists, and a Bereichsnummer of the Rentenversicherung.
pub(super) fn svnr(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    let code = compact(text, start, end);
    let two = |at: usize| number(range(&code, at, at + 2));
    // Where numbers ran out or the birthday is unknown, day and month begin at 00 and 32 or 64 is added to the day
    // (rules of the insurers under § 2 Abs. 3 VKVV).
    let born = two(2) <= 95 && two(4) <= 12;
    let usual = (1..=31).contains(&two(2)) && (1..=12).contains(&two(4));
    let region = matches!(two(0), 2..=4 | 8..=21 | 23..=26 | 28..=29 | 38..=40 | 42..=44 | 48..=82 | 89);
    let weight = if region { 0.0 } else { -1.2 } + if usual { 0.0 } else { -1.2 };
    (born && checksum::svnr(&code)).then_some(Verdict { start, end, weight })
}

/// The check digit; of the forms with 20 and 30 characters also that of the insurer and of the whole number.
pub(super) fn kvnr(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    let code = compact(text, start, end);
    let person = checksum::kvnr(code.get(..10)?);
    let weight = match code.len() {
        10 => 0.0,
        // Nine digits of the insurer, which begin with 10 for Krankenkassen, are evidence in themselves.
        _ => 2.5,
    };
    person.then_some(Verdict { start, end, weight })
}

/// Serial numbers of identity papers (ICAO Doc 9303 part 3 section 4.9): nine characters, the check digit as tenth where
/// it is printed, and D for Germany behind that. `first` are the usual first letters.
fn serial(text: &[u8], start: usize, end: usize, first: &[u8]) -> Option<Verdict> {
    let code = compact(text, start, end);
    let body = code.get(..9)?;
    let check = code.get(9).map(|check| checksum::icao(body) == Some(*check));
    let (end, weight) = match (check, code.get(10)) {
        (None, _) => (end, 0.0),
        (Some(true), None) => (end, 0.9),
        (Some(true), Some(b'D')) => (end, 2.0),
        // A number behind the serial number that does not belong to it.
        (Some(false), None) if byte(text, start + 9) == Some(b' ') => (start + 9, 0.0),
        _ => return None,
    };
    let usual = code.first().is_some_and(|b| first.contains(b));
    let weight = weight + if usual { 0.2 } else { -0.2 };
    body.iter().any(u8::is_ascii_digit).then_some(Verdict { start, end, weight })
}

/// The serial number of an identity card; those of 2010 and later begin with one of L M N P R T V W X Y Z.
pub(super) fn personalausweis(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    serial(text, start, end, b"LMNPRTVWXYZ")
}

/// The serial number of a passport; those of 2007 and later begin with one of C F G H J K.
pub(super) fn reisepass(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    serial(text, start, end, b"CFGHJK")
}

/// The number of an identity card of before November 2010: nine digits, their check digit, and mostly D.
pub(super) fn old_ausweis(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    let code = compact(text, start, end);
    let check = checksum::icao(code.get(..9)?) == code.get(9).copied();
    check.then_some(Verdict { start, end, weight: if code.len() == 11 { 1.0 } else { 0.0 } })
}

/// The second line of a machine readable zone (ICAO Doc 9303 parts 4 and 6): number, Germany, birthday, sex, expiry, each
/// with its check digit.
pub(super) fn mrz(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    let line = range(text, start, end);
    let checked = |from: usize, to: usize| checksum::icao(range(line, from, to)) == byte(line, to);
    (checked(0, 9) && checked(13, 19) && checked(21, 27)).then_some(Verdict { start, end, weight: 2.0 })
}

/// A driving licence: the check character, and the key of an authority in front.
pub(super) fn fuehrerschein(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    let code = compact(text, start, end);
    checksum::fuehrerschein(&code).then_some(Verdict { start, end, weight: 0.0 })
}

/// A physician's number: check digit as seventh.
pub(super) fn lanr(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    let code = digits(text, start, end);
    // 9999999 stands for a physician whose number is not known, in front of any field of work.
    (checksum::lanr(&code) || code.starts_with(b"9999999")).then_some(Verdict { start, end, weight: 0.0 })
}

/// A practice: the first two digits are those of a Kassenärztliche Vereinigung (KBV, Richtlinie nach § 75 Abs. 7 SGB V,
/// Anlage 1, read through secondary sources), of which older and special ones are not all known.
pub(super) fn bsnr(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    let code = digits(text, start, end);
    let known = matches!(
        number(code.get(..2)?),
        1..=3 | 17 | 20 | 35 | 38 | 46 | 47..=52 | 55 | 60..=74 | 78 | 83 | 88 | 93 | 98
    );
    (code.len() == 9).then_some(Verdict { start, end, weight: if known { 0.3 } else { -0.8 } })
}

/// The number in a register of companies: neither nothing nor a year of a law.
pub(super) fn register(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    let code = digits(text, start, end);
    (number(&code) > 0).then_some(Verdict { start, end, weight: 0.0 })
}

/// The same behind the name of the register, where a year may stand as well.
pub(super) fn register_label(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    let year = end - start == 4 && matches!(number(range(text, start, end)), 1900..=2099);
    let named = range(text, start.saturating_sub(4), start).eq_ignore_ascii_case(b"ter ");
    if year && named { None } else { register(text, start, end) }
}
