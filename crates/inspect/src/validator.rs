//! Validators: what a rule asks of the text that its pattern matched.

mod contact;
mod germany;
mod money;
mod nation;
pub(crate) mod secret;
mod vat;

use std::ops::{Deref, DerefMut};

use crate::birth;
use crate::injection;
use crate::text::{range, separator_length_before, starts_word};

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
    ("card", money::card),
    ("card-dated", money::card_dated),
    ("bic", money::bic),
    ("lei", money::lei),
    ("isin", money::isin),
    ("steuer-id", germany::steuer_id),
    ("steuernummer", germany::steuernummer),
    ("svnr", germany::svnr),
    ("kvnr", germany::kvnr),
    ("personalausweis", germany::personalausweis),
    ("personalausweis-old", germany::old_ausweis),
    ("reisepass", germany::reisepass),
    ("mrz", germany::mrz),
    ("fuehrerschein", germany::fuehrerschein),
    ("lanr", germany::lanr),
    ("bsnr", germany::bsnr),
    ("register", germany::register),
    ("register-label", germany::register_label),
    ("vat", vat::vat),
    ("phone", contact::phone),
    ("phone-national", contact::phone_national),
    ("ip-v4", contact::ip_v4),
    ("at-svnr", nation::at_svnr),
    ("ch-ahv", nation::ch_ahv),
    ("fr-nir", nation::fr_nir),
    ("it-codice-fiscale", nation::it_codice_fiscale),
    ("es-dni", nation::es_dni),
    ("es-nie", nation::es_nie),
    ("nl-bsn", nation::nl_bsn),
    ("be-rijksregister", nation::be_rijksregister),
    ("pl-pesel", nation::pl_pesel),
    ("gb-nino", nation::gb_nino),
    ("gb-nhs", nation::gb_nhs),
    ("us-ssn", nation::us_ssn),
    ("us-itin", nation::us_itin),
    ("credential", secret::credential),
    ("generated", secret::generated),
    ("aws-key-id", secret::aws_key_id),
    ("basic-auth", secret::basic_auth),
    ("made-up", secret::made_up),
    ("named-behind", secret::named_behind),
    ("behind-three", secret::behind_three),
    ("piped", secret::piped),
    ("jwk", secret::jwk),
    ("command-user", secret::command_user),
    ("connection-password", secret::connection_password),
    ("github-checksum", secret::github_checksum),
    ("schleuse-checksum", secret::schleuse_checksum),
    ("jwt", secret::jwt),
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

/// Characters of a match, at most [`COMPACT_MAX`], in a place of their own: no check needs more.
struct Compact {
    bytes: [u8; COMPACT_MAX],
    length: usize,
}

const COMPACT_MAX: usize = 128;

impl FromIterator<u8> for Compact {
    fn from_iter<I: IntoIterator<Item = u8>>(characters: I) -> Self {
        let mut made = Self { bytes: [0; COMPACT_MAX], length: 0 };
        for (slot, character) in made.bytes.iter_mut().zip(characters) {
            *slot = character;
            made.length += 1;
        }
        made
    }
}

impl Deref for Compact {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

impl DerefMut for Compact {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.bytes.get_mut(..self.length).unwrap_or_default()
    }
}

/// The digits of a match, without what stands between them.
fn digits(text: &[u8], start: usize, end: usize) -> Compact {
    range(text, start, end).iter().copied().filter(u8::is_ascii_digit).collect()
}

/// The letters and digits of a match, in capitals, without what stands between them.
fn compact(text: &[u8], start: usize, end: usize) -> Compact {
    range(text, start, end).iter().filter(|b| b.is_ascii_alphanumeric()).map(u8::to_ascii_uppercase).collect()
}

/// The match is printed in groups.
fn is_grouped(text: &[u8], start: usize, end: usize) -> bool {
    range(text, start, end).iter().any(|b| !b.is_ascii_alphanumeric())
}

/// How far to the left of a number its surroundings are looked at, in bytes.
const SURROUNDINGS: usize = 96;
/// A number of so many digits is no count, year or day.
const LONG_NUMBER: usize = 5;

/// The number at `start` follows another long one with nothing but blanks and a comma between: one of a list.
fn in_row(text: &[u8], start: usize) -> bool {
    let before = range(text, start.saturating_sub(SURROUNDINGS), start);
    let blank = |b: &u8| matches!(b, b' ' | b'\t' | b',' | b';');
    let gap = before.iter().rev().take_while(|b| blank(b)).count();
    let digits = before.iter().rev().skip(gap).take_while(|b| b.is_ascii_digit()).count();
    gap > 0 && gap <= 16 && digits >= LONG_NUMBER
}

/// The number at `start` stands in a sentence: behind three words, or two that begin the line, without another long
/// number or a sign of tables, logs or code between.
fn in_prose(text: &[u8], start: usize) -> bool {
    let before = range(text, start.saturating_sub(SURROUNDINGS), start);
    let line = before.rsplit(|b| matches!(b, b'\n' | b'\r' | b'\t')).next().unwrap_or_default();
    let line = line.strip_suffix(b"(").unwrap_or(line);
    let Some(line) = line.strip_suffix(b" ") else { return false };
    let mut words = 0;
    for part in line.rsplit(|b| *b == b' ') {
        let letters = match part {
            [b'(' | b'"' | b'\'', rest @ ..] => rest,
            all => all,
        };
        let letters = match letters {
            [rest @ .., b',' | b'.' | b':' | b';' | b'!' | b'?' | b')' | b'"' | b'\''] => rest,
            all => all,
        };
        let small = |b: &u8| b.is_ascii_lowercase() || *b >= 0x80 || matches!(b, b'-' | b'\'');
        if letters.len() >= 2 && letters.get(1..).unwrap_or_default().iter().all(small) {
            words += 1;
            if words >= 3 {
                return true;
            }
        } else if part.iter().any(|b| b"=|{}<>[]_/\\;#\"".contains(b))
            || part.iter().filter(|b| b.is_ascii_digit()).count() >= LONG_NUMBER
        {
            return false;
        }
    }
    words >= 2
}

/// The groups of digits that begin at `start` go on from groups to the left which begin with two letters and two digits,
/// as those of an IBAN do.
fn in_iban(text: &[u8], start: usize) -> bool {
    let mut at = start;
    for _ in 0..8 {
        let Some(separator) = separator_length_before(text, at) else { return false };
        let end = at - separator;
        let group = range(text, end.saturating_sub(4), end);
        let digits = group.iter().rev().take_while(|b| b.is_ascii_digit()).count();
        match group {
            [a, b, c, d] if digits == 2 && a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
                return c.is_ascii_digit() && d.is_ascii_digit() && starts_word(text, end - 4);
            }
            _ if digits == 4 => at = end - 4,
            _ => return false,
        }
    }
    false
}

/// A day that the month has in a leap year.
fn is_date(day: u64, month: u64) -> bool {
    let days = match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day)
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

#[cfg(test)]
mod tests;
