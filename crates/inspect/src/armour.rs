//! Armoured private keys: PEM (RFC 7468), OpenSSH, OpenPGP (RFC 9580 section 6.2), OpenVPN, and PuTTY.

use crate::text::{Outcome, Place, byte, floor_character, range};

/// An armoured block longer than this is cut here, and what was seen counts as a key.
pub(crate) const ARMOUR_MAX: usize = 16 * 1024;
/// The longest label between the dashes.
const LABEL_MAX: usize = 48;
/// Base 64 in one piece that tells a key from a sentence about keys.
const BODY_RUN: usize = 24;
/// How far behind the label that piece must begin to be believed; headers such as `Proc-Type` may stand between.
const BODY_WITHIN: usize = 512;
/// The label of a key that both ends of a tunnel share.
const OPEN_VPN: &[u8] = b"OpenVPN Static key V1";
const DASHES: &[u8] = b"-----";
const END: &[u8] = b"-----END ";

/// Reads the block whose `-----BEGIN ` is at `place`.
pub(crate) fn read(place: Place<'_>) -> Outcome {
    let (text, start) = (place.text, place.start);
    if !range(text, start, place.end).starts_with(DASHES) {
        return read_lines(place);
    }
    let open = if place.at_end { Outcome::Nothing } else { Outcome::Open(start) };
    let header_end = match label_end(text, place.end) {
        Label::Ends(at) => at,
        Label::Open => return open,
        Label::None => return Outcome::Nothing,
    };
    let label = range(text, place.end, header_end);
    if !label.windows(11).any(|part| part == b"PRIVATE KEY") && label != OPEN_VPN {
        return Outcome::Nothing;
    }
    let body = header_end + DASHES.len();
    let mut run = 0;
    let mut believed = false;
    let mut at = body;
    while at < text.len() && at - start < ARMOUR_MAX {
        let here = byte(text, at).unwrap_or_default();
        if here == b'-' && text.get(at..).is_some_and(|rest| rest.starts_with(END)) {
            return match label_end(text, at + END.len()) {
                Label::Open if !place.at_end => open,
                _ if !believed => Outcome::Nothing,
                Label::Ends(end) => Outcome::Hit { start, end: end + DASHES.len(), weight: 0.0 },
                _ => Outcome::Hit { start, end: floor_character(text, at + END.len()), weight: 0.0 },
            };
        }
        run = if here.is_ascii_alphanumeric() || matches!(here, b'+' | b'/' | b'=') { run + 1 } else { 0 };
        believed |= run >= BODY_RUN;
        at += 1;
        if !believed && at - body > BODY_WITHIN {
            return Outcome::Nothing;
        }
    }
    if at - start >= ARMOUR_MAX {
        return Outcome::Hit { start, end: floor_character(text, at), weight: 0.0 };
    }
    if !place.at_end {
        open
    } else if believed {
        Outcome::Hit { start, end: text.len(), weight: 0.0 }
    } else {
        Outcome::Nothing
    }
}

/// Reads base 64 in lines behind `place`: `Private-Lines: 14` of a PuTTY key.
fn read_lines(place: Place<'_>) -> Outcome {
    let (text, start) = (place.text, place.start);
    let mut at = place.end;
    let mut run = 0;
    let mut believed = false;
    let mut line = at;
    while at < text.len() && at - start < ARMOUR_MAX {
        let here = byte(text, at).unwrap_or_default();
        let break_here = matches!(here, b'\n' | b'\r' | b' ' | b'\\');
        if !(here.is_ascii_alphanumeric() || matches!(here, b'+' | b'/' | b'=') || break_here) {
            // What ends the lines is the name of the next field, up to its hyphen.
            let end = if here == b'-' { line } else { at };
            return if believed { Outcome::Hit { start, end, weight: 0.0 } } else { Outcome::Nothing };
        }
        if break_here {
            line = at;
        }
        run = if break_here { 0 } else { run + 1 };
        believed |= run >= BODY_RUN;
        at += 1;
        if !believed && at - place.end > BODY_WITHIN {
            return Outcome::Nothing;
        }
    }
    let capped = at - start >= ARMOUR_MAX;
    if !capped && !place.at_end {
        Outcome::Open(start)
    } else if believed {
        Outcome::Hit { start, end: at, weight: 0.0 }
    } else {
        Outcome::Nothing
    }
}

enum Label {
    Ends(usize),
    Open,
    None,
}

/// The position of the five dashes after a label of letters, digits and spaces.
fn label_end(text: &[u8], start: usize) -> Label {
    let mut at = start;
    while byte(text, at).is_some_and(|b| b.is_ascii_alphanumeric() || b == b' ') {
        at += 1;
        if at - start > LABEL_MAX {
            return Label::None;
        }
    }
    let dashes = range(text, at, text.len().min(at + DASHES.len()));
    if dashes == DASHES {
        Label::Ends(at)
    } else if DASHES.starts_with(dashes) && at + dashes.len() == text.len() {
        Label::Open
    } else {
        Label::None
    }
}
