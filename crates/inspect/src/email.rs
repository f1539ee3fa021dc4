//! E-mail addresses: the dot-atoms of RFC 5322 section 3.4.1 as people use them, at a domain name with a top-level label.
//!
//! Left out of the local part are quoted strings, letters outside ASCII, and ``!#$&*/=?^`{|}~``, which in running text
//! are punctuation far more often.

use crate::text::{Outcome, Place, byte, byte_before, range};

/// RFC 5321 section 4.5.3.1.1.
const LOCAL_MAX: usize = 64;
/// RFC 5321 section 4.5.3.1.2.
const DOMAIN_MAX: usize = 255;
/// What follows the `@` of file names for screens of high resolution, as in `icon@2x.png`.
const FILE_ENDINGS: &[&[u8]] = &[b"png", b"jpg", b"jpeg", b"gif", b"svg", b"webp"];

/// Reads the address around the `@` at `place`.
pub(crate) fn read(place: Place<'_>) -> Outcome {
    let text = place.text;
    let Some(start) = local_start(text, place.start) else { return Outcome::Nothing };
    let mut end = place.end;
    while byte(text, end).is_some_and(is_domain) {
        end += 1;
        if end - place.end > DOMAIN_MAX {
            return Outcome::Nothing;
        }
    }
    if end == text.len() && !place.at_end {
        return Outcome::Open(start);
    }
    end = trim(text, place.end, end);
    // German joins words with a hyphen: `max@example.org-Adresse`. No top-level label but `xn--` has one.
    let last = range(text, place.end, end).rsplit(|b| *b == b'.').next().unwrap_or_default();
    if let Some(hyphen) = last.iter().position(|b| *b == b'-').filter(|_| !is_encoded(last)) {
        end = trim(text, place.end, end - last.len() + hyphen);
    }
    let mut labels = range(text, place.end, end).split(|b| *b == b'.');
    let valid = labels.clone().count() >= 2
        && labels
            .clone()
            .all(|label| !label.is_empty() && !label.starts_with(b"-") && !label.ends_with(b"-"));
    let top = labels.next_back().unwrap_or_default();
    let named = top.len() >= 2
        && (top.iter().all(u8::is_ascii_alphabetic) || is_encoded(top))
        && !FILE_ENDINGS.iter().any(|ending| ending.eq_ignore_ascii_case(top));
    if valid && named { Outcome::Hit { start, end, weight: 0.0 } } else { Outcome::Nothing }
}

/// Where an address begins of which the text so far ends in the local part.
pub(crate) fn open_tail(text: &[u8]) -> Option<usize> {
    local_start(text, text.len())
}

/// The start of the local part that ends at `end`; of one that is too long, of its last bytes.
fn local_start(text: &[u8], end: usize) -> Option<usize> {
    let mut start = end;
    while end - start < LOCAL_MAX && byte_before(text, start).is_some_and(is_local) {
        start -= 1;
    }
    // A leading dot, quote or hyphen is punctuation of the sentence.
    while start < end && byte(text, start).is_some_and(|b| matches!(b, b'.' | b'\'' | b'-' | b'%')) {
        start += 1;
    }
    (start < end).then_some(start)
}

/// The end of a domain name without dots and hyphens of the sentence around it.
fn trim(text: &[u8], start: usize, end: usize) -> usize {
    let name = range(text, start, end);
    start + name.iter().rposition(|b| !matches!(b, b'.' | b'-')).map_or(0, |last| last + 1)
}

/// A label of letters outside ASCII (RFC 5890 section 2.3.1).
fn is_encoded(label: &[u8]) -> bool {
    label.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case(b"xn--"))
}

fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'%' | b'+' | b'-' | b'\'')
}

fn is_domain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-')
}
