//! Validators: what a rule asks of the text that its pattern matched.

pub(crate) mod secret;

use crate::birth;
use crate::checksum;
use crate::iban;
use crate::injection;
use crate::text::range;

/// What a validator says about a match.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Evidence in nats: positive confirms, negative doubts.
    pub(crate) weight: f32,
}

/// A validator sees the text, of which the byte behind the match is there unless the text ends.
pub(crate) type Validator = fn(text: &[u8], start: usize, end: usize) -> Option<Verdict>;

/// The validators that a rule may name.
pub(crate) const VALIDATORS: &[(&str, Validator)] = &[
    ("none", accept),
    ("card", card),
    ("steuer-id", steuer_id),
    ("svnr", svnr),
    ("kvnr", kvnr),
    ("mod-11-10", mod_11_10),
    ("bic", bic),
    ("phone", phone),
    ("icao-last", icao_last),
    ("credential", secret::credential),
    ("github-checksum", secret::github_checksum),
    ("schleuse-checksum", secret::schleuse_checksum),
    ("jwt", secret::jwt),
    ("secret", secret::secret),
    ("userinfo", secret::userinfo),
    ("connection", secret::connection),
    ("birth-date", birth::birth_date),
    ("exfiltration", injection::exfiltration),
    ("template-address", injection::template_address),
    ("birth-star", birth::birth_star),
];

pub(crate) fn accept(_text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    Some(Verdict { start, end, weight: 0.0 })
}

fn digits(text: &[u8], start: usize, end: usize) -> Vec<u8> {
    range(text, start, end).iter().copied().filter(u8::is_ascii_digit).collect()
}

/// Luhn, and the lengths and first digits (ISO/IEC 7812) that the schemes issue.
fn card(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    let number = digits(text, start, end);
    let first = |count: usize| {
        number.iter().take(count).fold(0_u32, |value, digit| value * 10 + u32::from(digit.wrapping_sub(b'0')))
    };
    // Thirteen digits beginning with 4 were Visa's long ago and are EANs from Germany today: left out.
    let issued = match number.len() {
        14 => matches!(first(3), 300..=305 | 309) || matches!(first(2), 36 | 38 | 39),
        15 => matches!(first(2), 34 | 37),
        16 => {
            matches!(first(1), 4)
                || matches!(first(2), 51..=55 | 62 | 65 | 81)
                || matches!(first(4), 2221..=2720 | 3528..=3589 | 6011 | 5018 | 5020 | 5038 | 6304 | 6759 | 6761..=6763)
                || matches!(first(3), 644..=649)
        }
        19 => matches!(first(1), 4) || matches!(first(2), 62 | 65) || matches!(first(4), 6011 | 6304 | 6759),
        _ => false,
    };
    let varied =
        number.iter().any(|digit| number.get(1..).unwrap_or_default().iter().any(|other| other != digit));
    let grouped = end - start > number.len();
    (issued && varied && checksum::luhn(&number)).then_some(Verdict {
        start,
        end,
        weight: if grouped { 1.5 } else { 0.0 },
    })
}

fn steuer_id(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    let number = digits(text, start, end);
    let valid = number.len() == 11 && checksum::steuer_id_repetition(&number) && checksum::mod_11_10(&number);
    let grouped = end - start > number.len();
    valid.then_some(Verdict { start, end, weight: if grouped { 1.5 } else { 0.0 } })
}

fn compact(text: &[u8], start: usize, end: usize) -> Vec<u8> {
    range(text, start, end).iter().copied().filter(u8::is_ascii_alphanumeric).collect()
}

/// The check digit, a birthday that exists, and a Bereichsnummer of the Rentenversicherung.
fn svnr(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    let number = compact(text, start, end);
    let two = |at: usize| {
        let pair = range(&number, at, at + 2);
        pair.iter().fold(0_u32, |value, digit| value * 10 + u32::from(digit.wrapping_sub(b'0')))
    };
    // VKVV § 2 adds 50 to the day where numbers ran out; day and month may be 00 where the birthday is unknown.
    let born = matches!(two(2), 0..=31 | 51..=81) && matches!(two(4), 0..=12);
    let region = matches!(two(0), 2..=4 | 8..=21 | 23..=26 | 28..=29 | 38..=40 | 42..=44 | 48..=82 | 89);
    (born && region && checksum::svnr(&number)).then_some(Verdict { start, end, weight: 0.0 })
}

fn kvnr(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    checksum::kvnr(&compact(text, start, end)).then_some(Verdict { start, end, weight: 0.0 })
}

/// The digits end in their MOD 11,10 check digit, as those of German VAT numbers do.
fn mod_11_10(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    checksum::mod_11_10(&digits(text, start, end)).then_some(Verdict { start, end, weight: 0.0 })
}

/// A bank and a country (ISO 9362): the fifth and sixth letter name one that has IBANs, or the United States.
fn bic(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    let country = range(text, start, end).get(4..6)?;
    (iban::is_country(country) || country == b"US").then_some(Verdict { start, end, weight: 0.0 })
}

/// As many digits as a telephone number has (ITU-T E.164 section 6.1), and not all the same.
fn phone(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    let number = digits(text, start, end);
    let varied = distinct(&number) >= 3;
    ((8..=15).contains(&number.len()) && varied).then_some(Verdict { start, end, weight: 0.0 })
}

/// Serial numbers of German identity papers: nine characters, with the ICAO check digit as tenth when it is printed.
fn icao_last(text: &[u8], start: usize, end: usize) -> Option<Verdict> {
    let number = compact(text, start, end);
    if number.iter().filter(|b| b.is_ascii_digit()).count() < 3 {
        return None;
    }
    match number.get(9) {
        None => Some(Verdict { start, end, weight: 0.0 }),
        Some(check) => {
            (checksum::icao(number.get(..9)?) == Some(*check)).then_some(Verdict { start, end, weight: 2.3 })
        }
    }
}

/// How many different bytes there are.
pub(crate) fn distinct(value: &[u8]) -> usize {
    let mut seen = [false; 256];
    for byte in value {
        if let Some(slot) = seen.get_mut(usize::from(*byte)) {
            *slot = true;
        }
    }
    seen.iter().filter(|slot| **slot).count()
}
