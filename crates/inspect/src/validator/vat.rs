//! Value added tax numbers of the member states, of Northern Ireland, Great Britain and Switzerland.
//!
//! Shapes: Council Directive 2006/112/EC article 215 and the list of the Commission's VIES. Check digits: each state's
//! own procedure. That of Germany is from its issuer (ZMDV annex 3, BGBl. 1993 I p. 736), Switzerland's from the Federal
//! Statistical Office's specification of the UID; the others are secondary, from the procedures that the Austrian
//! Ministry of Finance and trade publishers reprint, and agree with python-stdnum 2.2 over random numbers.

use super::{Verdict, compact, is_date};
use crate::checksum::{cross_weighted, luhn, mod_11_10, number, remainder_97, value, weighted};

/// A number behind the letters of its state, in any printed grouping.
pub(super) fn vat(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    let code = compact(text, start, end);
    let (state, body) = code.split_at_checked(2)?;
    let valid = match state {
        b"CH" => code.get(3..).is_some_and(switzerland),
        _ => is_valid(state, body),
    };
    // A check by 10 over eight digits or fewer accepts too much to stand alone.
    let weak = matches!(state, b"RO") && body.len() < 7;
    valid.then_some(Verdict { start, end, weight: if weak { -2.5 } else { 0.0 } })
}

/// Whether what follows the letters of a state is a number of it, without separators and in capitals.
pub(super) fn is_valid(state: &[u8], body: &[u8]) -> bool {
    let all_digits = body.iter().all(u8::is_ascii_digit);
    let digits = |length: usize| all_digits && body.len() == length;
    match state {
        b"AT" => austria(body),
        b"BE" => digits(10) && matches!(body.first(), Some(b'0' | b'1')) && complement_97(body),
        b"BG" => all_digits && bulgaria(body),
        b"CY" => cyprus(body),
        b"CZ" => all_digits && czechia(body),
        b"DE" => digits(9) && body.first() != Some(&b'0') && mod_11_10(body),
        b"DK" => {
            digits(8)
                && body.first() != Some(&b'0')
                && weighted(body, &[2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
        }
        b"EE" => digits(9) && weighted(body, &[3, 7, 1, 3, 7, 1, 3, 7, 1]).is_multiple_of(10),
        b"EL" | b"GR" => {
            digits(9) && weighted(body, &[256, 128, 64, 32, 16, 8, 4, 2]) % 11 % 10 == at(body, 8)
        }
        b"ES" => spain(body),
        b"FI" => digits(8) && weighted(body, &[7, 9, 10, 5, 8, 4, 2, 1]).is_multiple_of(11),
        b"FR" => france(body),
        b"HR" => digits(11) && mod_11_10(body),
        b"HU" => digits(8) && weighted(body, &[9, 7, 3, 1, 9, 7, 3, 1]).is_multiple_of(10),
        b"IE" => ireland(body),
        b"IT" => digits(11) && italy(body),
        b"LT" => all_digits && lithuania(body),
        b"LU" => digits(8) && number(part(body, 0, 6)) % 89 == number(part(body, 6, 8)),
        b"LV" => digits(11) && latvia(body),
        b"MT" => {
            digits(8)
                && body.first() != Some(&b'0')
                && weighted(body, &[3, 4, 6, 7, 8, 9, 10, 1]).is_multiple_of(37)
        }
        b"NL" => netherlands(body),
        b"PL" => digits(10) && weighted(body, &[6, 5, 7, 2, 3, 4, 5, 6, 7]) % 11 == at(body, 9),
        b"PT" => {
            digits(9)
                && body.first() != Some(&b'0')
                && (11 - weighted(body, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11) % 11 % 10 == at(body, 8)
        }
        b"RO" => all_digits && romania(body),
        b"SE" => digits(12) && body.ends_with(b"01") && luhn(part(body, 0, 10)),
        b"SI" => {
            let rest = 11 - weighted(body, &[8, 7, 6, 5, 4, 3, 2]) % 11;
            digits(8) && body.first() != Some(&b'0') && rest != 11 && rest % 10 == at(body, 7)
        }
        b"SK" => {
            digits(10)
                && body.first() != Some(&b'0')
                && matches!(body.get(2), Some(b'2' | b'3' | b'4' | b'7' | b'8' | b'9'))
                && number(body).is_multiple_of(11)
        }
        b"GB" | b"XI" => (digits(9) || digits(12)) && united_kingdom(body),
        _ => false,
    }
}

fn part(body: &[u8], from: usize, to: usize) -> &[u8] {
    body.get(from..to).unwrap_or_default()
}

/// The digit at a place; 99 where there is none, which no check digit equals.
fn at(body: &[u8], place: usize) -> u32 {
    body.get(place).filter(|b| b.is_ascii_digit()).and_then(|b| value(*b)).unwrap_or(99)
}

/// The last two digits are 97 less the remainder of those before.
fn complement_97(body: &[u8]) -> bool {
    let Some(split) = body.len().checked_sub(2) else { return false };
    97 - number(part(body, 0, split)) % 97 == number(part(body, split, body.len()))
}

fn austria(body: &[u8]) -> bool {
    let Some((b'U', digits)) = body.split_first() else { return false };
    digits.len() == 8
        && digits.iter().all(u8::is_ascii_digit)
        && (cross_weighted(digits, &[1, 2, 1, 2, 1, 2, 1]) + 4 + at(digits, 7)).is_multiple_of(10)
}

/// Nine digits of a company; ten of a citizen, a foreigner, or another.
fn bulgaria(body: &[u8]) -> bool {
    match body.len() {
        9 => {
            let first = weighted(body, &[1, 2, 3, 4, 5, 6, 7, 8]) % 11;
            let check =
                if first == 10 { weighted(body, &[3, 4, 5, 6, 7, 8, 9, 10]) % 11 % 10 } else { first };
            check == at(body, 8)
        }
        10 => {
            let month = number(part(body, 2, 4));
            let month = [0, 20, 40]
                .into_iter()
                .find_map(|century| month.checked_sub(century).filter(|month| (1..=12).contains(month)));
            let born = month.is_some_and(|month| is_date(number(part(body, 4, 6)), month));
            let citizen = born && weighted(body, &[2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11 % 10 == at(body, 9);
            let foreigner = weighted(body, &[21, 19, 17, 13, 11, 9, 7, 3, 1]) % 10 == at(body, 9);
            let other = (11 - weighted(body, &[4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 11 == at(body, 9);
            citizen || foreigner || other
        }
        _ => false,
    }
}

fn cyprus(body: &[u8]) -> bool {
    const ODD: [u32; 10] = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21];
    let Some((letter, digits)) = body.split_last() else { return false };
    if digits.len() != 8 || !digits.iter().all(u8::is_ascii_digit) || digits.starts_with(b"12") {
        return false;
    }
    let sum: u32 = digits
        .iter()
        .enumerate()
        .map(|(place, digit)| {
            let value = value(*digit).unwrap_or(0);
            if place % 2 == 0 { ODD.get(value as usize).copied().unwrap_or(0) } else { value }
        })
        .sum();
    value(*letter) == Some(sum % 26 + 10)
}

/// Eight digits of a company; nine that begin with 6 of a person without birth number; nine or ten of a birth number.
fn czechia(body: &[u8]) -> bool {
    match (body.len(), body.first()) {
        (8, Some(first)) => {
            let check = (11 - weighted(body, &[8, 7, 6, 5, 4, 3, 2]) % 11) % 11;
            *first != b'9' && (if check == 0 { 1 } else { check }) % 10 == at(body, 7)
        }
        (9, Some(b'6')) => {
            let rest = weighted(part(body, 1, 8), &[8, 7, 6, 5, 4, 3, 2]) % 11;
            (18 - (21 - rest) % 11) % 10 == at(body, 8)
        }
        (9 | 10, _) => {
            let month = number(part(body, 2, 4)) % 50;
            let month = if month > 20 { month - 20 } else { month };
            let born = is_date(number(part(body, 4, 6)), month);
            let check = number(part(body, 0, 9)) % 11 % 10 == u64::from(at(body, 9));
            // Nine digits were given until 1953.
            born && if body.len() == 10 { check } else { number(part(body, 0, 2)) <= 53 }
        }
        _ => false,
    }
}

/// Companies by letter, citizens by their DNI, foreigners by their NIE.
fn spain(body: &[u8]) -> bool {
    let (Some(first), Some(last)) = (body.first(), body.get(8)) else { return false };
    if body.len() != 9 || !part(body, 1, 8).iter().all(u8::is_ascii_digit) {
        return false;
    }
    match first {
        b'0'..=b'9' => dni_letter(number(part(body, 0, 8))) == Some(*last),
        b'X' | b'Y' | b'Z' => {
            dni_letter(u64::from(first - b'X') * 10_000_000 + number(part(body, 1, 8))) == Some(*last)
        }
        b'K' | b'L' | b'M' => dni_letter(number(part(body, 1, 8))) == Some(*last),
        b'A'..=b'H' | b'J' | b'N' | b'P'..=b'S' | b'U' | b'V' | b'W' => {
            let sum = cross_weighted(part(body, 1, 8), &[2, 1, 2, 1, 2, 1, 2]);
            let check = (10 - sum % 10) % 10;
            // Which kinds of company end in the digit and which in the letter has changed over time.
            at(body, 8) == check || b"JABCDEFGHI".get(check as usize) == Some(last)
        }
        _ => false,
    }
}

/// The letter behind the eight digits of a Spanish identity number.
pub(super) fn dni_letter(digits: u64) -> Option<u8> {
    b"TRWAGMYFPDXBNJZSQVHLCKE".get((digits % 23) as usize).copied()
}

/// Two characters that check the nine digits of the SIREN, which Luhn checks.
fn france(body: &[u8]) -> bool {
    const ALPHABET: &[u8] = b"0123456789ABCDEFGHJKLMNPQRSTUVWXYZ";
    let (Some(first), Some(second)) = (body.first(), body.get(1)) else { return false };
    let siren = part(body, 2, 11);
    let monaco = siren.starts_with(b"000");
    if body.len() != 11 || !siren.iter().all(u8::is_ascii_digit) || !(monaco || luhn(siren)) {
        return false;
    }
    let company = number(siren);
    if first.is_ascii_digit() && second.is_ascii_digit() {
        return (company * 100 + 12) % 97 == number(part(body, 0, 2));
    }
    let place = |character: &u8| ALPHABET.iter().position(|known| known == character).map(|at| at as u64);
    let (Some(one), Some(two)) = (place(first), place(second)) else { return false };
    let key = if first.is_ascii_digit() { one * 24 + two } else { one * 34 + two };
    let Some(key) = key.checked_sub(if first.is_ascii_digit() { 10 } else { 100 }) else { return false };
    (company + 1 + key / 11) % 11 == key % 11
}

/// Seven digits, their letter, and since 2013 one letter more; before, a letter stood in the second place.
fn ireland(body: &[u8]) -> bool {
    const LETTERS: &[u8] = b"WABCDEFGHIJKLMNOPQRSTUV";
    let letter = |digits: &[u8], more: u32| {
        LETTERS.get(((weighted(digits, &[8, 7, 6, 5, 4, 3, 2]) + more) % 23) as usize)
    };
    let (Some(second), Some(check)) = (body.get(1), body.get(7)) else { return false };
    let rest = part(body, 2, 7);
    if !body.first().is_some_and(u8::is_ascii_digit) || !rest.iter().all(u8::is_ascii_digit) {
        return false;
    }
    if !second.is_ascii_digit() {
        let old = [b"0", rest, part(body, 0, 1)].concat();
        return body.len() == 8 && letter(&old, 0) == Some(check);
    }
    let more = match body.get(8) {
        None => 0,
        Some(letter) => match LETTERS.iter().position(|known| known == letter) {
            Some(place) => 9 * place as u32,
            None => return false,
        },
    };
    body.len() <= 9 && letter(part(body, 0, 7), more) == Some(check)
}

/// Seven digits of the company, three of the province's office, Luhn.
pub(super) fn italy(body: &[u8]) -> bool {
    let office = number(part(body, 7, 10));
    luhn(body) && number(part(body, 0, 7)) > 0 && matches!(office, 1..=100 | 120 | 121 | 888 | 999)
}

/// Nine digits of a company, of which the eighth is 1; twelve of a temporary one, of which the eleventh is.
fn lithuania(body: &[u8]) -> bool {
    let Some(last) = body.len().checked_sub(1) else { return false };
    let one = matches!(body.len(), 9 | 12) && last.checked_sub(1).is_some_and(|place| at(body, place) == 1);
    let turning = |first: u32| {
        let weights: Vec<u32> = (0..last as u32).map(|place| 1 + (first + place) % 9).collect();
        weighted(part(body, 0, last), &weights) % 11
    };
    let check = match turning(0) {
        10 => turning(2) % 10,
        check => check,
    };
    one && check == at(body, last)
}

/// Eleven digits of a company, which begin with 4 or more; or a birthday and the number of a person.
fn latvia(body: &[u8]) -> bool {
    if at(body, 0) > 3 {
        return weighted(body, &[9, 1, 4, 8, 3, 10, 2, 5, 7, 6, 1]) % 11 == 3;
    }
    if body.starts_with(b"32") {
        // Since 2017 personal numbers say no birthday; they begin with 32 and have no check digit.
        return true;
    }
    let born = is_date(number(part(body, 0, 2)), number(part(body, 2, 4))) && at(body, 6) <= 2;
    born && (1 + weighted(body, &[10, 5, 8, 4, 2, 1, 6, 3, 7, 9])) % 11 % 10 == at(body, 10)
}

/// Nine digits, B, two digits: by the eleven test of citizens' numbers, or since 2020 by MOD 97-10 over all with `NL`.
fn netherlands(body: &[u8]) -> bool {
    let (digits, tail) = (part(body, 0, 9), part(body, 10, 12));
    if body.len() != 12 || body.get(9) != Some(&b'B') {
        return false;
    }
    if !digits.iter().chain(tail).all(u8::is_ascii_digit) || number(digits) == 0 || number(tail) == 0 {
        return false;
    }
    bsn(digits) || remainder_97(b"NL".iter().chain(body).copied()) == Some(1)
}

/// The eleven test of Dutch citizens' numbers: weights 9 to 2, the last digit counted negative.
pub(super) fn bsn(digits: &[u8]) -> bool {
    let sum = weighted(digits, &[9, 8, 7, 6, 5, 4, 3, 2]);
    digits.len() == 9 && sum % 11 == at(digits, 8) && number(digits) > 0
}

/// Two to ten digits, filled up with zeros in front.
fn romania(body: &[u8]) -> bool {
    let weights = [7, 5, 3, 2, 1, 7, 5, 3, 2];
    let Some((_, digits)) = body.split_last() else { return false };
    let Some(skip) = weights.len().checked_sub(digits.len()) else { return false };
    let sum = weighted(digits, weights.get(skip..).unwrap_or_default());
    body.len() >= 2 && body.first() != Some(&b'0') && 10 * sum % 11 % 10 == at(body, body.len() - 1)
}

/// Nine digits, or twelve of a branch: weights 8 to 2, and two check digits in the old way, and from 100 on in newer ones.
fn united_kingdom(body: &[u8]) -> bool {
    match weighted(body, &[8, 7, 6, 5, 4, 3, 2, 10, 1]) % 97 {
        0 => true,
        42 | 55 => number(part(body, 0, 3)) >= 100,
        _ => false,
    }
}

/// Nine digits of the UID, with or without what says that the company pays the tax.
pub(super) fn switzerland(body: &[u8]) -> bool {
    let (digits, tail) = (part(body, 0, 9), body.get(9..).unwrap_or_default());
    digits.len() == 9
        && digits.iter().all(u8::is_ascii_digit)
        && (11 - weighted(digits, &[5, 4, 3, 2, 7, 6, 5, 4]) % 11) % 11 == at(digits, 8)
        && matches!(tail, b"" | b"MWST" | b"TVA" | b"IVA" | b"VAT")
}
