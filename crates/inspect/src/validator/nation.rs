//! Numbers that other states give to persons.

use super::vat::{bsn, dni_letter};
use super::{Verdict, compact, digits, is_date, is_grouped};
use crate::checksum::{number, value, weighted};
use crate::text::range;

/// Ten digits of the Austrian Sozialversicherung: serial number of three, check digit, birthday.
///
/// Dachverband der Sozialversicherungsträger, read through secondary sources: weights 3 7 9 · 5 8 4 2 1 6, remainder by
/// 11; worked example 1237 010180. Where numbers ran out the month is 13 or more.
pub(super) fn at_svnr(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    let code = digits(text, start, end);
    let sum = weighted(&code, &[3, 7, 9, 0, 5, 8, 4, 2, 1, 6]) % 11;
    let born = is_date(number(code.get(4..6)?), number(code.get(6..8)?).min(12));
    let check = digit(&code, 3);
    // What parts the groups is one and the same: `2019-08-08 12` begins a time.
    let mut parts = range(text, start, end).iter().filter(|b| !b.is_ascii_digit());
    let part = parts.next();
    let even = parts.all(|other| Some(other) == part);
    let valid = code.len() == 10 && code.first() != Some(&b'0') && check == Some(sum) && born && even;
    valid.then_some(Verdict { start, end, weight: if is_grouped(text, start, end) { 1.2 } else { -1.6 } })
}

/// Thirteen digits of the Swiss AHV: 756, nine digits, and the check digit of European article numbers (Bundesamt für
/// Sozialversicherungen, specimen 756.9217.0769.85). No article begins with 756.
pub(super) fn ch_ahv(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    let code = digits(text, start, end);
    let sum = weighted(&code, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]);
    let valid = code.len() == 13 && code.starts_with(b"756") && sum.is_multiple_of(10);
    valid.then_some(Verdict { start, end, weight: 0.0 })
}

/// Fifteen characters of the French répertoire: sex, year, month, département, commune, order, and 97 less the
/// remainder by 97; 2A and 2B of Corsica count as 19 and 18 (Insee; secondary source).
pub(super) fn fr_nir(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    let mut code = compact(text, start, end);
    if code.len() != 15 {
        return None;
    }
    for (letter, stands_for) in [(b'A', b'9'), (b'B', b'8')] {
        if code.get(6) == Some(&letter) && code.get(5) == Some(&b'2') {
            if let Some(place) = code.get_mut(5) {
                *place = b'1';
            }
            if let Some(place) = code.get_mut(6) {
                *place = stands_for;
            }
        }
    }
    let month = number(code.get(3..5)?);
    let plausible = matches!(code.first(), Some(b'1'..=b'4' | b'7' | b'8'))
        && (matches!(month, 1..=12 | 20..=42) || month >= 50);
    let numeric = code.iter().all(u8::is_ascii_digit);
    // Sexes other than 1 and 2 are of those whose number is not certain yet.
    let usual = matches!(code.first(), Some(b'1' | b'2'));
    let check = numeric && 97 - number(code.get(..13)?) % 97 == number(code.get(13..)?);
    (plausible && check).then_some(Verdict {
        start,
        end,
        weight: if is_grouped(text, start, end) && usual { 1.0 } else { -1.0 },
    })
}

/// Sixteen characters of the Italian codice fiscale: name, birthday, place, check letter (decreto ministeriale of
/// 23 December 1976; secondary source). Digits may have been replaced by letters where two persons had the same.
pub(super) fn it_codice_fiscale(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    const ODD: [u32; 26] =
        [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
    let code = compact(text, start, end);
    let (letter, body) = code.split_last()?;
    let sum: u32 = body
        .iter()
        .enumerate()
        .map(|(place, character)| {
            let value = value(*character).unwrap_or(0);
            // Letters count like the digits of their place: A like 0.
            let value = if value > 9 { value - 10 } else { value };
            if place % 2 == 0 { ODD.get(value as usize).copied().unwrap_or(0) } else { value }
        })
        .sum();
    let valid = code.len() == 16 && value(*letter) == Some(sum % 26 + 10);
    valid.then_some(Verdict { start, end, weight: 0.0 })
}

/// Eight digits and their letter (Spanish Real Decreto 1553/2005; secondary source for the letters).
pub(super) fn es_dni(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    let code = compact(text, start, end);
    let valid = code.len() == 9 && dni_letter(number(code.get(..8)?)) == code.get(8).copied();
    let separators = end - start - code.len();
    valid.then_some(Verdict { start, end, weight: if separators > 1 { 1.2 } else { 0.0 } })
}

/// X, Y or Z, seven digits and their letter.
pub(super) fn es_nie(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    let code = compact(text, start, end);
    let first = u64::from(code.first()?.checked_sub(b'X')?);
    let valid =
        code.len() == 9 && dni_letter(first * 10_000_000 + number(code.get(1..8)?)) == code.get(8).copied();
    let grouped = end - start > code.len();
    valid.then_some(Verdict { start, end, weight: if grouped { 1.2 } else { 0.0 } })
}

/// Nine digits by the eleven test (Rijksdienst voor Identiteitsgegevens; worked example 111222333).
pub(super) fn nl_bsn(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    bsn(&digits(text, start, end)).then_some(Verdict { start, end, weight: 0.0 })
}

/// Eleven digits of the Belgian Rijksregister: birthday, serial number, and 97 less the remainder by 97; of those born
/// from 2000 on with a 2 in front (Koninklijk Besluit of 3 April 1984; secondary source).
pub(super) fn be_rijksregister(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    let code = digits(text, start, end);
    let (body, check) = (number(code.get(..9)?), number(code.get(9..)?));
    let born = {
        let (month, day) = (number(code.get(2..4)?), number(code.get(4..6)?));
        // Numbers of those who are only passing through add 20 or 40 to the month.
        let month = if month > 20 { month % 20 } else { month };
        month <= 12 && day <= 31
    };
    let valid = code.len() == 11
        && born
        && (97 - body % 97 == check || 97 - (2_000_000_000 + body) % 97 == check)
        && body > 0;
    let dots = range(text, start, end).iter().filter(|b| **b == b'.').count();
    let weight = if dots >= 2 {
        2.0
    } else if is_grouped(text, start, end) {
        0.8
    } else {
        0.0
    };
    valid.then_some(Verdict { start, end, weight })
}

/// Eleven digits of the Polish PESEL: birthday with its century in the month, weights 1 3 7 9 (ustawa o ewidencji
/// ludności of 24 September 2010; worked example 44051401359 of the ministry).
pub(super) fn pl_pesel(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    let code = digits(text, start, end);
    let born = is_date(number(code.get(4..6)?), number(code.get(2..4)?) % 20);
    let sum = weighted(&code, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]);
    let valid = code.len() == 11 && born && sum.is_multiple_of(10) && number(&code) > 0;
    valid.then_some(Verdict { start, end, weight: 0.0 })
}

/// A British National Insurance number: two letters that are given out, six digits, A to D (HMRC manual NIM39110). QQ
/// is never given out and stands in HMRC's own specimen.
pub(super) fn gb_nino(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    let code = compact(text, start, end);
    let prefix = code.get(..2)?;
    let never = [b"BG".as_slice(), b"GB", b"KN", b"NK", b"NT", b"TN", b"ZZ"].contains(&prefix);
    let letters = prefix == b"QQ"
        || !prefix.first().is_some_and(|b| b"DFIQUV".contains(b))
            && !prefix.get(1).is_some_and(|b| b"DFIOQUV".contains(b));
    (letters && !never).then_some(Verdict {
        start,
        end,
        weight: if end - start > code.len() { 1.0 } else { 0.0 },
    })
}

/// Ten digits of the British health service: weights 10 to 2, 11 less the remainder by 11 (NHS Data Dictionary; worked
/// example 943 476 5919).
pub(super) fn gb_nhs(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    let code = digits(text, start, end);
    let check = (11 - weighted(&code, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11) % 11;
    let valid = code.len() == 10 && digit(&code, 9) == Some(check) && number(&code) > 0;
    valid.then_some(Verdict { start, end, weight: if is_grouped(text, start, end) { 0.8 } else { 0.0 } })
}

/// Nine digits of the Social Security Administration, which never gives 000, 666 or 9xx, group 00, serial 0000 (SSA
/// "Social Security Number Randomization").
pub(super) fn us_ssn(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    let code = digits(text, start, end);
    let (area, group, serial) = (number(code.get(..3)?), number(code.get(3..5)?), number(code.get(5..9)?));
    let valid = !matches!(area, 0 | 666 | 900..) && group > 0 && serial > 0;
    valid.then_some(Verdict { start, end, weight: if is_grouped(text, start, end) { 0.0 } else { -1.0 } })
}

/// Nine digits of the Internal Revenue Service: 9xx, and a group of 50–65, 70–88, 90–92 or 94–99 (IRS publication 1915).
pub(super) fn us_itin(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    let code = digits(text, start, end);
    let group = number(code.get(3..5)?);
    let valid = code.len() == 9
        && code.first() == Some(&b'9')
        && matches!(group, 50..=65 | 70..=88 | 90..=92 | 94..=99);
    valid.then_some(Verdict { start, end, weight: if is_grouped(text, start, end) { 0.3 } else { -0.8 } })
}

fn digit(code: &[u8], place: usize) -> Option<u32> {
    code.get(place).map(|digit| u32::from(digit.wrapping_sub(b'0')))
}
