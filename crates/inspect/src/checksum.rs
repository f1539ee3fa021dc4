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

/// The value of one ASCII character: digits count from 0, letters of either case from 10, all else is none.
pub(crate) fn value(character: u8) -> Option<u32> {
    match character.to_ascii_uppercase() {
        digit @ b'0'..=b'9' => Some(u32::from(digit - b'0')),
        letter @ b'A'..=b'Z' => Some(u32::from(letter - b'A') + 10),
        _ => None,
    }
}

/// The sum of the characters' values, each times its weight; what has no weight counts nothing.
pub(crate) fn weighted(characters: &[u8], weights: &[u32]) -> u32 {
    characters.iter().zip(weights).map(|(character, weight)| value(*character).unwrap_or(0) * weight).sum()
}

/// The sum of the digits of the digits' products with their weights, as Luhn and its relatives take it.
pub(crate) fn cross_weighted(digits: &[u8], weights: &[u32]) -> u32 {
    digits
        .iter()
        .zip(weights)
        .map(|(digit, weight)| {
            let product = value(*digit).unwrap_or(0) * weight;
            product / 10 + product % 10
        })
        .sum()
}

/// ASCII digits as a number; at most 18 of them.
pub(crate) fn number(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit.wrapping_sub(b'0')))
}

/// Remainder by 97 (ISO/IEC 7064 MOD 97-10) of characters whose letters count as two digits from 10 on.
pub(crate) fn remainder_97(characters: impl IntoIterator<Item = u8>) -> Option<u32> {
    characters.into_iter().try_fold(0, |remainder, character| {
        let value = value(character)?;
        Some((remainder * if value > 9 { 100 } else { 10 } + value) % 97)
    })
}

/// MOD 97-10 (ISO/IEC 7064) over an IBAN without separators: the first four characters go last, letters count from 10.
pub(crate) fn mod_97(iban: &[u8]) -> bool {
    let Some((head, tail)) = iban.split_at_checked(4) else { return false };
    remainder_97(tail.iter().chain(head).copied()) == Some(1)
}

/// The check digits of a legal entity identifier (ISO 17442-1 section 5, ISO/IEC 7064 MOD 97-10), which go last.
pub(crate) fn lei(identifier: &[u8]) -> bool {
    identifier.len() == 20 && remainder_97(identifier.iter().copied()) == Some(1)
}

/// The check digit of a securities number (ISO 6166): Luhn over the digits, letters first written as two digits.
pub(crate) fn isin(identifier: &[u8]) -> bool {
    let mut digits = Vec::with_capacity(24);
    for character in identifier {
        match value(*character) {
            Some(value @ 0..=9) => digits.push(b'0' + value as u8),
            Some(value) => digits.extend([b'0' + (value / 10) as u8, b'0' + (value % 10) as u8]),
            None => return false,
        }
    }
    identifier.len() == 12 && luhn(&digits)
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
    let (Some(head), Some(letter), Some(serial), Some(check)) =
        (number.get(..8), number.get(8), number.get(9..11), number.get(11))
    else {
        return false;
    };
    let digits: Vec<u8> = head.iter().copied().chain(place(*letter)).chain(serial.iter().copied()).collect();
    let sum = cross_weighted(&digits, &[2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1]);
    number.len() == 12 && letter.is_ascii_alphabetic() && ends_in(sum, *check)
}

/// The check digit of the unchangeable part of a Krankenversichertennummer (§ 290 SGB V): the letter as two digits,
/// weights 1 2 1 2 …, cross sums.
pub(crate) fn kvnr(number: &[u8]) -> bool {
    let (Some(letter), Some(serial), Some(check)) = (number.first(), number.get(1..9), number.get(9)) else {
        return false;
    };
    let digits: Vec<u8> = place(*letter).into_iter().chain(serial.iter().copied()).collect();
    let sum = cross_weighted(&digits, &[1, 2, 1, 2, 1, 2, 1, 2, 1, 2]);
    number.len() == 10 && letter.is_ascii_alphabetic() && ends_in(sum, *check)
}

/// A letter's place in the alphabet as two digits, A as 01.
fn place(letter: u8) -> [u8; 2] {
    let place = letter.to_ascii_uppercase().wrapping_sub(b'A').wrapping_add(1);
    [b'0' + place / 10 % 10, b'0' + place % 10]
}

fn ends_in(sum: u32, check: u8) -> bool {
    sum % 10 == u32::from(check.wrapping_sub(b'0'))
}

/// The check character of a driving licence number: the nine characters before, letters from 10, weights 9 to 1,
/// the remainder by 11, X for 10. Secondary source: the worked example B072RRE2I55 in the German Wikipedia's
/// "Führerscheinnummer", which is the specimen of the Bundesdruckerei.
pub(crate) fn fuehrerschein(number: &[u8]) -> bool {
    let (Some(body), Some(check)) = (number.get(..9), number.get(9)) else { return false };
    let expected = match weighted(body, &[9, 8, 7, 6, 5, 4, 3, 2, 1]) % 11 {
        10 => b'X',
        remainder => b'0' + remainder as u8,
    };
    number.len() == 11 && expected == check.to_ascii_uppercase()
}

/// The check digit of a physician's number (Kassenärztliche Bundesvereinigung, Richtlinie nach § 75 Abs. 7 SGB V,
/// read through a secondary source): weights 4 and 9 in turn over six digits; with the check digit the sum's last
/// digit is 0. Two digits for the field of work follow.
pub(crate) fn lanr(number: &[u8]) -> bool {
    number.len() == 9 && weighted(number, &[4, 9, 4, 9, 4, 9, 1]).is_multiple_of(10)
}

/// Whether the check digit of a Steuernummer in the thirteen digits of the Bund is that of its Land; none where the
/// first digits are those of no Land, or the fifth is not 0.
///
/// Bayerisches Landesamt für Steuern, "Prüfung der Steuer- und Steueridentifikationsnummer", chapter 6, read through
/// secondary sources; its own examples are in the tests.
pub(crate) fn steuernummer(number: &[u8]) -> Option<bool> {
    let (body, check) = (number.get(..12)?, *number.get(12)?);
    let check = u32::from(check.wrapping_sub(b'0'));
    if number.get(4) != Some(&b'0') || number.len() != 13 {
        return None;
    }
    let eleven = |weights: &[u32; 12]| (11 - weighted(body, weights) % 11) % 11 == check;
    Some(match number.get(..2)? {
        b"21" | b"26" | b"28" => {
            // The 2er-Verfahren: each digit plus its summand, last digit, times a power of two, down to one digit.
            let summands = [0, 0, 9, 8, 0, 7, 6, 5, 4, 3, 2, 1];
            let factors = [0, 0, 512, 256, 0, 128, 64, 32, 16, 8, 4, 2];
            let products = body.iter().zip(summands).zip(factors).map(|((digit, summand), factor)| {
                let product = (value(*digit).unwrap_or(0) + summand) % 10 * factor;
                if product == 0 { 0 } else { (product - 1) % 9 + 1 }
            });
            (10 - products.sum::<u32>() % 10) % 10 == check
        }
        b"27" => (10 - cross_weighted(body, &[0, 0, 1, 2, 0, 1, 2, 1, 2, 1, 2, 1]) % 10) % 10 == check,
        b"11" => {
            eleven(&[0, 0, 0, 0, 0, 7, 6, 5, 8, 4, 3, 2]) || eleven(&[0, 0, 2, 9, 0, 8, 7, 6, 5, 4, 3, 2])
        }
        b"50" | b"51" | b"52" | b"53" | b"54" | b"55" | b"56" | b"57" | b"58" | b"59" => {
            weighted(body, &[0, 3, 2, 1, 0, 7, 6, 5, 4, 3, 2, 1]) % 11 == check
        }
        b"22" | b"24" => eleven(&[0, 0, 4, 3, 0, 2, 7, 6, 5, 4, 3, 2]),
        b"23" => eleven(&[0, 0, 2, 9, 0, 8, 7, 6, 5, 4, 3, 2]),
        b"10" | b"30" | b"31" | b"32" | b"40" | b"41" | b"90" | b"91" | b"92" => {
            eleven(&[0, 5, 4, 3, 0, 2, 7, 6, 5, 4, 3, 2])
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
