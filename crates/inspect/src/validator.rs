//! Validators: what a rule asks of the text that its pattern matched.

mod contact;
mod germany;
mod money;
mod nation;
pub(crate) mod secret;
mod vat;

use crate::birth;
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
    ("card", money::card),
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

/// The digits of a match, without what stands between them.
fn digits(text: &[u8], start: usize, end: usize) -> Vec<u8> {
    range(text, start, end).iter().copied().filter(u8::is_ascii_digit).collect()
}

/// The letters and digits of a match, in capitals, without what stands between them.
fn compact(text: &[u8], start: usize, end: usize) -> Vec<u8> {
    range(text, start, end).iter().filter(|b| b.is_ascii_alphanumeric()).map(u8::to_ascii_uppercase).collect()
}

/// The match is printed in groups.
fn is_grouped(text: &[u8], start: usize, end: usize) -> bool {
    range(text, start, end).iter().any(|b| !b.is_ascii_alphanumeric())
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
