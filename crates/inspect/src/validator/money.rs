//! Accounts, cards, banks, companies and securities.

use super::{Verdict, compact, digits, distinct, in_iban, in_prose, in_row, is_grouped};
use crate::checksum;
use crate::iban;
use crate::text::range;

/// Luhn (ISO/IEC 7812-1 annex B), and the lengths and first digits that the schemes issue.
///
/// First digits and lengths are those that the schemes publish for merchants: Visa 4 (13, 16, 19), Mastercard 51–55 and
/// 2221–2720, American Express 34 and 37 (15), Diners 300–305, 309, 36, 38, 39 (14), Discover 6011, 644–649, 65,
/// JCB 3528–3589 (16 to 19) and 2131, 1800 (15), UnionPay 62 and 81 (16 to 19), Maestro 50 and 56–69 (13 to 19), Mir
/// 2200–2204 (16 to 19).
pub(super) fn card(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    let number = digits(text, start, end);
    let first = |count: usize| checksum::number(number.get(..count).unwrap_or_default());
    let grouped = is_grouped(text, start, end);
    let length = number.len();
    let maestro = matches!(first(2), 50 | 56..=69);
    // What is as good as nothing without groups or a word nearby: other numbers of that length are far more frequent.
    let (issued, rare) = match length {
        13 => (first(1) == 4, true),
        14 => (matches!(first(3), 300..=305 | 309) || matches!(first(2), 36 | 38 | 39), false),
        15 => (matches!(first(2), 34 | 37) || matches!(first(4), 2131 | 1800), false),
        16 => (
            first(1) == 4
                || matches!(first(2), 51..=55 | 62 | 65 | 81)
                || matches!(first(4), 2200..=2204 | 2221..=2720 | 3528..=3589 | 6011 | 3095)
                || matches!(first(3), 300..=305 | 644..=649),
            false,
        ),
        17..=19 => (
            length == 19 && first(1) == 4
                || matches!(first(2), 62 | 65 | 81)
                || matches!(first(4), 2200..=2204 | 3528..=3589 | 6011)
                || matches!(first(3), 644..=649),
            length != 19,
        ),
        _ => (false, false),
    };
    // What is usually met: other numbers of the same length are more frequent than rarer networks.
    let common = matches!((length, first(2)), (16, 40..=49 | 51..=55) | (15, 34 | 37) | (14, 36));
    let varied = number.iter().any(|digit| number.first() != Some(digit));
    if !(issued || maestro && (13..=19).contains(&length)) || !varied || !checksum::luhn(&number) {
        return None;
    }
    let bare = if rare || !issued || in_row(text, start) {
        -2.6
    } else if distinct(&number) <= SPECIMEN_DIGITS
        || SPECIMENS.contains(&&*number)
        || common && in_prose(text, start)
    {
        0.0
    } else {
        -2.6
    };
    let weight = match (grouped, common) {
        (true, _) if in_iban(text, start) => return None,
        (true, true) => 2.0,
        (true, false) => 1.5,
        (false, _) => bare,
    };
    Some(Verdict { start, end, weight })
}

/// A card in one piece with its expiry or security code behind, of which only the card is found.
pub(super) fn card_dated(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    let length = range(text, start, end).iter().take_while(|b| b.is_ascii_digit()).count();
    card(text, start, start + length).map(|verdict| Verdict { weight: 0.0, ..verdict })
}

/// Most different digits of the numbers that networks publish for tests; numbers by chance repeat fewer.
const SPECIMEN_DIGITS: usize = 5;
/// Those that do not (test cards in the documentation of American Express, PayPal, Stripe and Adyen).
const SPECIMENS: &[&[u8]] = &[
    b"378282246310005",
    b"371449635398431",
    b"378734493671000",
    b"30569309025904",
    b"38520000023237",
    b"6011000990139424",
    b"3566002020360505",
    b"4000056655665556",
    b"4917610000000000",
    b"4012000033330026",
];

/// A bank and a country (ISO 9362): the fifth and sixth letter name one that has IBANs, or another of ISO 3166-1 with
/// banks that Europe pays.
pub(super) fn bic(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    const OTHERS: &[&[u8]] = &[
        b"US", b"CA", b"AU", b"NZ", b"JP", b"CN", b"HK", b"SG", b"IN", b"KR", b"ZA", b"MX", b"TH", b"MY",
        b"ID", b"PH", b"VN", b"TW", b"NG", b"KE", b"MA", b"AR", b"CL", b"CO", b"PE", b"JE", b"GG", b"IM",
    ];
    let code = compact(text, start, end);
    let country = code.get(4..6)?;
    let known = iban::is_country(country) || OTHERS.contains(&country);
    // A word of eight or eleven letters in a sentence is written small.
    let written = range(text, start, end);
    let one_case =
        written.iter().all(|b| !b.is_ascii_lowercase()) || written.iter().all(|b| !b.is_ascii_uppercase());
    let digit = written.iter().any(u8::is_ascii_digit);
    let small = written.iter().any(u8::is_ascii_lowercase) && !digit && !code.ends_with(b"XXX");
    (known && one_case && (code.len() == 8 || code.len() == 11)).then_some(Verdict {
        start,
        end,
        weight: if small { -2.5 } else { 0.0 },
    })
}

/// A legal entity identifier: check digits, and letters and digits both.
pub(super) fn lei(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    let code = compact(text, start, end);
    let mixed = code.iter().filter(|b| b.is_ascii_alphabetic()).count() >= 2;
    (mixed && checksum::lei(&code)).then_some(Verdict { start, end, weight: 0.0 })
}

/// A securities number: check digit, and a country or one of the prefixes for what belongs to none (ISO 6166).
pub(super) fn isin(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    const OTHERS: &[&[u8]] = &[
        b"US", b"CA", b"AU", b"NZ", b"JP", b"CN", b"HK", b"SG", b"IN", b"KR", b"ZA", b"MX", b"XS", b"EU",
        b"XC", b"XD", b"BM", b"KY", b"JE", b"GG", b"IM", b"TW", b"ID", b"TH", b"MY", b"PH", b"AR", b"CL",
        b"CO", b"PE", b"PA", b"LR", b"MH", b"CW", b"AN", b"NG", b"KE",
    ];
    let code = compact(text, start, end);
    let country = code.get(..2)?;
    let known = iban::is_country(country) || OTHERS.contains(&country);
    let digits = code.iter().filter(|b| b.is_ascii_digit()).count();
    (known && digits >= 4 && checksum::isin(&code)).then_some(Verdict { start, end, weight: 0.0 })
}
