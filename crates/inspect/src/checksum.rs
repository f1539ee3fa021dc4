//! Check digits and checksums, each a pure function over ASCII.

/// Luhn (ISO/IEC 7812-1 annex B) over ASCII digits, the check digit last.
pub(crate) fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .zip([1, 2].into_iter().cycle())
        .map(|(digit, weight)| {
            let product = u32::from(digit.wrapping_sub(b'0')) * weight;
            product / 10 + product % 10
        })
        .sum();
    sum.is_multiple_of(10)
}

/// MOD 97-10 (ISO/IEC 7064) over an IBAN without separators: the first four characters go last, letters count from 10.
pub(crate) fn mod_97(iban: &[u8]) -> bool {
    let Some((head, tail)) = iban.split_at_checked(4) else { return false };
    let mut remainder = 0_u32;
    for character in tail.iter().chain(head) {
        remainder = match character.to_ascii_uppercase() {
            digit @ b'0'..=b'9' => remainder * 10 + u32::from(digit - b'0'),
            letter @ b'A'..=b'Z' => remainder * 100 + u32::from(letter - b'A') + 10,
            _ => return false,
        } % 97;
    }
    remainder == 1
}

/// MOD 11,10 (ISO/IEC 7064) over ASCII digits, the check digit last.
pub(crate) fn mod_11_10(digits: &[u8]) -> bool {
    let Some((check, body)) = digits.split_last() else { return false };
    let mut product = 10_u32;
    for digit in body {
        let sum = (u32::from(digit.wrapping_sub(b'0')) + product) % 10;
        product = 2 * if sum == 0 { 10 } else { sum } % 11;
    }
    (11 - product) % 10 == u32::from(check.wrapping_sub(b'0'))
}

/// The rule of the Bundeszentralamt für Steuern for the first ten digits of an identification number.
///
/// The first digit is not 0. Exactly one digit occurs twice, or three times but never three in a row; every other
/// digit occurs at most once.
pub(crate) fn steuer_id_repetition(digits: &[u8]) -> bool {
    let body = digits.get(..10).unwrap_or_default();
    if body.len() != 10 || body.first() == Some(&b'0') {
        return false;
    }
    let occurrences = |digit: u8| body.iter().filter(|other| **other == digit).count();
    let counts: Vec<usize> = (b'0'..=b'9').map(occurrences).collect();
    let repeated = counts.iter().filter(|count| **count > 1).count();
    let in_a_row = body.windows(3).any(|three| three.iter().all(|digit| three.first() == Some(digit)));
    repeated == 1 && counts.iter().all(|count| *count <= 3) && !in_a_row
}

/// CRC-32 (IEEE 802.3), reflected.
pub(crate) fn crc_32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 },
        )
    })
}

/// A checksum as six characters of base 62, digits before capitals before small letters, padded with `0`.
pub(crate) fn base_62(mut value: u32) -> [u8; 6] {
    let mut text = [b'0'; 6];
    for place in text.iter_mut().rev() {
        let digit = (value % 62) as u8;
        *place = match digit {
            0..=9 => b'0' + digit,
            10..=35 => b'A' + digit - 10,
            _ => b'a' + digit - 36,
        };
        value /= 62;
    }
    text
}

/// The check digit of machine readable travel documents (ICAO Doc 9303 part 3 section 4.9): weights 7, 3, 1.
pub(crate) fn icao(body: &[u8]) -> Option<u8> {
    let mut sum = 0_u32;
    for (character, weight) in body.iter().zip([7, 3, 1].into_iter().cycle()) {
        let value = match character.to_ascii_uppercase() {
            digit @ b'0'..=b'9' => u32::from(digit - b'0'),
            letter @ b'A'..=b'Z' => u32::from(letter - b'A') + 10,
            b'<' => 0,
            _ => return None,
        };
        sum += value * weight;
    }
    u8::try_from(sum % 10).ok().map(|digit| b'0' + digit)
}

/// The check digit of a Versicherungsnummer (§ 2 VKVV): twelve characters, the letter as two digits, weights
/// 2 1 2 5 7 1 2 1 2 1 2 1, cross sums.
pub(crate) fn svnr(number: &[u8]) -> bool {
    let (Some(letter), Some(check)) = (number.get(8), number.get(11)) else { return false };
    if number.len() != 12 || !letter.is_ascii_alphabetic() {
        return false;
    }
    let position = letter.to_ascii_uppercase() - b'A' + 1;
    let digits = number
        .iter()
        .take(8)
        .copied()
        .chain([b'0' + position / 10, b'0' + position % 10])
        .chain(number.iter().skip(9).take(2).copied());
    let sum: u32 = digits
        .zip([2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1])
        .map(|(digit, weight)| {
            let product = u32::from(digit.wrapping_sub(b'0')) * weight;
            product / 10 + product % 10
        })
        .sum();
    sum % 10 == u32::from(check.wrapping_sub(b'0'))
}

/// The check digit of the unchangeable part of a Krankenversichertennummer (§ 290 SGB V): the letter as two digits,
/// weights 1 2 1 2 …, cross sums.
pub(crate) fn kvnr(number: &[u8]) -> bool {
    let (Some(letter), Some(check)) = (number.first(), number.get(9)) else { return false };
    if number.len() != 10 || !letter.is_ascii_alphabetic() {
        return false;
    }
    let position = letter.to_ascii_uppercase() - b'A' + 1;
    let sum: u32 = [b'0' + position / 10, b'0' + position % 10]
        .into_iter()
        .chain(number.iter().skip(1).take(8).copied())
        .zip([1, 2].into_iter().cycle())
        .map(|(digit, weight)| {
            let product = u32::from(digit.wrapping_sub(b'0')) * weight;
            product / 10 + product % 10
        })
        .sum();
    sum % 10 == u32::from(check.wrapping_sub(b'0'))
}

#[cfg(test)]
mod tests;
