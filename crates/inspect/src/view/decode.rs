//! Encoded runs: base 64 in both alphabets (RFC 4648), also over lines and without padding, and hexadecimal bytes.
//!
//! A run counts only when its first bytes decode to text: of random keys, hashes and words nothing is derived.

use super::lane::{Derived, Found};
use super::signs::{self, Signs};
use crate::text::{byte, byte_before, range};

/// The fewest characters of base 64 that are decoded.
const BASE_64_MIN: usize = 12;
/// The fewest hexadecimal digits.
const HEX_MIN: usize = 16;
/// The fewest bytes written with something between.
const PAIRS_MIN: usize = 6;
/// A run goes on behind a line break when it has so many characters already.
const LINE_MIN: usize = 16;
/// Spaces and quotation marks before a line that goes on.
const INDENT_MAX: usize = 16;
/// So many characters of a line tell whether it goes on with a run.
const AHEAD: usize = 7;
/// Long runs are derived in pieces of so many characters; a multiple of twelve keeps every kind in step.
const PIECE: usize = 3072;

/// How a run is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Base64,
    Hex,
    /// Two digits each, with this between.
    Pairs(Between),
}

/// What stands between two hexadecimal bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Between {
    mark: u8,
    /// A space follows the mark.
    spaced: bool,
    /// `0x` stands before every byte.
    prefixed: bool,
}

/// Reads runs from one end of a text to the other.
#[derive(Debug)]
pub(super) struct Reader {
    /// A letter or digit may stand before the text.
    pub(super) inside_word: bool,
    /// The text begins in the middle of a run.
    pub(super) entry: Option<Kind>,
    /// Each piece of a long run may be entered again.
    pub(super) pieces: bool,
    pub(super) at_end: bool,
    /// Words that begin before this were looked at.
    pub(super) tested: usize,
}

/// What begins at a place.
enum Begin {
    Run(Kind),
    Open,
    Nothing,
}

impl Reader {
    pub(super) fn find(&mut self, text: &[u8], from: usize, out: &mut Vec<Derived>) -> Found {
        if let Some(kind) = self.entry.take() {
            match self.read(text, from, kind, true, out) {
                Found::Change { start, end, .. } if end == start => {}
                found => return found,
            }
        }
        self.tested = from;
        let mut signs = Signs::new(text, from, signs::DECODE);
        while let Some((at, _)) = signs.next() {
            if let Some(found) = self.look(text, at, out) {
                return found;
            }
        }
        self.look_at_tail(text, out).unwrap_or(Found::Nothing)
    }

    /// Looks at the words around a sign whose beginnings were not looked at before.
    pub(super) fn look(&mut self, text: &[u8], sign: usize, out: &mut Vec<Derived>) -> Option<Found> {
        let least = self.tested.max((sign + 1).saturating_sub(BASE_64_MIN));
        let mut start = sign;
        while start > least && byte_before(text, start).is_some_and(|b| base_64_value(b).is_some()) {
            start -= 1;
        }
        self.tested = self.tested.max(sign + 1);
        self.look_between(text, start, sign + 1, out)
    }

    /// Looks at the words that the text ends in before anything tells what they are.
    pub(super) fn look_at_tail(&mut self, text: &[u8], out: &mut Vec<Derived>) -> Option<Found> {
        if self.at_end {
            return None;
        }
        let least = self.tested.max(text.len().saturating_sub(BASE_64_MIN));
        let mut start = text.len();
        while start > least
            && byte_before(text, start).is_some_and(|b| base_64_value(b).is_some() || b == b'=')
        {
            start -= 1;
        }
        self.look_between(text, start, text.len(), out)
    }

    fn look_between(
        &mut self,
        text: &[u8],
        from: usize,
        until: usize,
        out: &mut Vec<Derived>,
    ) -> Option<Found> {
        let mut inside = match byte_before(text, from) {
            Some(before) => before.is_ascii_alphanumeric(),
            None => self.inside_word,
        };
        for (start, here) in (from..).zip(range(text, from, until)) {
            let word = here.is_ascii_alphanumeric();
            if word && !inside {
                match self.begin(text, start) {
                    Begin::Run(kind) => return Some(self.read(text, start, kind, false, out)),
                    Begin::Open => return Some(Found::Open(start)),
                    Begin::Nothing => {}
                }
            }
            inside = word;
        }
        None
    }

    fn begin(&self, text: &[u8], start: usize) -> Begin {
        for begin in [pairs, hex, base_64] {
            match begin(text, start) {
                Begin::Run(kind) => return Begin::Run(kind),
                Begin::Open if !self.at_end => return Begin::Open,
                _ => {}
            }
        }
        Begin::Nothing
    }

    /// Derives the run, or a piece of it, that begins at `start`.
    fn read(
        &mut self,
        text: &[u8],
        start: usize,
        kind: Kind,
        entered: bool,
        out: &mut Vec<Derived>,
    ) -> Found {
        let mut run =
            Run { text, at: start, count: 0, entered, last: start, pending: 0, at_end: self.at_end };
        let mut bits = 0_u32;
        let mut width = 0;
        // Where the bits of the byte to come begin.
        let mut first = start;
        // Up to where whole bytes were read.
        let mut whole = start;
        loop {
            if run.count == PIECE && width == 0 {
                self.entry = Some(kind);
                let entry = (entered && self.pieces).then_some(kind);
                return Found::Change { start, end: run.at, entry };
            }
            if width == 0 {
                whole = run.at;
            }
            let (value, size, at) = match run.next(kind) {
                Next::Value(value, at) => (value, if kind == Kind::Base64 { 6 } else { 4 }, at),
                Next::End => break,
                Next::Open if self.at_end => break,
                Next::Open => {
                    if whole == start {
                        return Found::Open(start);
                    }
                    // What is complete is derived; the last characters wait, as the next call says.
                    out.retain(|(_, _, last)| *last < whole);
                    self.entry = Some(kind);
                    let entry = (entered && self.pieces).then_some(kind);
                    return Found::Change { start, end: whole, entry };
                }
            };
            if width == 0 {
                first = at;
            }
            bits = (bits << size | value) & 0xFFFF;
            width += size;
            if width >= 8 {
                width -= 8;
                out.push(((bits >> width & 0xFF) as u8, first, at));
                first = at;
            }
        }
        let end = run.last.max(start);
        let entry = (entered && self.pieces).then_some(kind);
        Found::Change { start, end, entry }
    }
}

enum Next {
    Value(u32, usize),
    End,
    Open,
}

/// A place in a run.
struct Run<'t> {
    text: &'t [u8],
    at: usize,
    /// Characters so far.
    count: usize,
    entered: bool,
    /// One past the last character that belongs to the run.
    last: usize,
    /// The bits of the last characters, of which those since the last whole four are not decoded.
    pending: u32,
    at_end: bool,
}

impl Run<'_> {
    /// The next character's value and place.
    fn next(&mut self, kind: Kind) -> Next {
        let mut at = self.at;
        if let Kind::Pairs(between) = kind {
            if self.count.is_multiple_of(2) && (self.count > 0 || self.entered) {
                match between.skip(self.text, at) {
                    Skip::To(next) => at = next,
                    Skip::Open => return Next::Open,
                    Skip::No => return Next::End,
                }
            } else if self.count == 0 && between.prefixed {
                at += 2;
            }
        } else if matches!(byte(self.text, at), Some(b'\r' | b'\n'))
            && (self.entered || self.count >= LINE_MIN)
        {
            match line_break(self.text, at) {
                Skip::To(next) if kind == Kind::Base64 => match self.goes_on(next) {
                    Skip::To(next) => at = next,
                    Skip::Open => return Next::Open,
                    Skip::No => return Next::End,
                },
                Skip::To(next) => at = next,
                Skip::Open => return Next::Open,
                Skip::No => return Next::End,
            }
        }
        let Some(character) = byte(self.text, at) else { return Next::Open };
        let value = match kind {
            Kind::Base64 => base_64_value(character),
            _ => char::from(character).to_digit(16),
        };
        // Of a byte in two digits both must be there.
        if kind != Kind::Base64 && self.count.is_multiple_of(2) {
            match byte(self.text, at + 1) {
                None => return Next::Open,
                Some(second) if second.is_ascii_hexdigit() => {}
                Some(_) => return self.close(at, character),
            }
        }
        match value {
            Some(value) => {
                self.at = at + 1;
                self.last = self.at;
                self.count += 1;
                self.pending = self.pending << 6 | value & 0x3F;
                Next::Value(value, at)
            }
            None => self.close(at, character),
        }
    }

    /// Whether the line at `next` goes on with the run: its first characters read as text there. The word of a
    /// sentence rarely does.
    fn goes_on(&self, next: usize) -> Skip {
        let rest = range(self.text, next, self.text.len().min(next + AHEAD));
        let count = rest.iter().take_while(|b| base_64_value(**b).is_some()).count();
        if count == rest.len() && count < AHEAD && !self.at_end {
            return Skip::Open;
        }
        // A short word with a mark of the sentence behind it.
        if count < AHEAD && rest.get(count).is_some_and(|b| b" .,:;!?)".contains(b)) {
            return Skip::No;
        }
        let held = self.count % 4;
        let mut bits = u64::from(self.pending & ((1 << (6 * held)) - 1));
        let mut width = 6 * held;
        for value in rest.iter().take(count).filter_map(|b| base_64_value(*b)) {
            bits = bits << 6 | u64::from(value);
            width += 6;
        }
        let bytes = width / 8;
        let decoded = (bits >> (width % 8)).to_be_bytes();
        let plain = |b: &u8| matches!(b, b' '..=b'~' | b'\n' | b'\r' | b'\t' | 0x80..);
        if range(&decoded, decoded.len() - bytes, decoded.len()).iter().all(plain) {
            Skip::To(next)
        } else {
            Skip::No
        }
    }

    /// Padding belongs to the run.
    fn close(&mut self, at: usize, character: u8) -> Next {
        if character != b'=' || at != self.at {
            return Next::End;
        }
        let padding =
            self.text.get(at..).unwrap_or_default().iter().take(2).take_while(|b| **b == b'=').count();
        if at + padding == self.text.len() && padding < 2 {
            return Next::Open;
        }
        self.last = at + padding;
        Next::End
    }
}

enum Skip {
    To(usize),
    Open,
    No,
}

impl Between {
    fn skip(self, text: &[u8], at: usize) -> Skip {
        let mut at = at;
        for expected in [
            Some(self.mark),
            self.spaced.then_some(b' '),
            self.prefixed.then_some(b'0'),
            self.prefixed.then_some(b'x'),
        ]
        .into_iter()
        .flatten()
        {
            match byte(text, at) {
                None => return Skip::Open,
                Some(here) if here.eq_ignore_ascii_case(&expected) => at += 1,
                Some(_) => return Skip::No,
            }
        }
        Skip::To(at)
    }
}

/// The line break at `at`, with what is put before lines that go on.
fn line_break(text: &[u8], at: usize) -> Skip {
    let mut next = at;
    while next - at < INDENT_MAX && matches!(byte(text, next), Some(b'\r' | b'\n' | b' ' | b'\t' | b'>')) {
        next += 1;
    }
    match byte(text, next) {
        None => Skip::Open,
        Some(b) if base_64_value(b).is_some() => Skip::To(next),
        Some(_) => Skip::No,
    }
}

fn base_64_value(character: u8) -> Option<u32> {
    let value = match character {
        b'A'..=b'Z' => character - b'A',
        b'a'..=b'z' => character - b'a' + 26,
        b'0'..=b'9' => character - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

fn base_64(text: &[u8], start: usize) -> Begin {
    let rest = text.get(start..).unwrap_or_default();
    // Most words are too short, which is quickly seen.
    let count = rest.iter().take(BASE_64_MIN).take_while(|b| base_64_value(**b).is_some()).count();
    if count + 2 < BASE_64_MIN && count + 2 < rest.len() {
        return Begin::Nothing;
    }
    let word = rest.get(..count).unwrap_or_default();
    let mut decoded = [0; BASE_64_MIN];
    let mut length = 0;
    for quad in word.chunks(4) {
        let bits = quad.iter().fold(0, |bits, b| bits << 6 | base_64_value(*b).unwrap_or_default());
        let bits = bits << (6 * (4 - quad.len()));
        let bytes = bits.to_be_bytes();
        let whole = quad.len() * 6 / 8;
        for byte in bytes.iter().skip(1).take(whole) {
            if let Some(slot) = decoded.get_mut(length) {
                (*slot, length) = (*byte, length + 1);
            }
        }
        if !is_text(range(&decoded, 0, length)) {
            return Begin::Nothing;
        }
    }
    let padding = rest.iter().skip(count).take(2).take_while(|b| **b == b'=').count();
    if count + padding >= BASE_64_MIN {
        // Plain words have no digit and no capital after a small letter: those are the signs of a run.
        let telling = |pair: &[u8]| match pair {
            [_, second] if second.is_ascii_digit() => true,
            [first, second] => second.is_ascii_uppercase() && !first.is_ascii_uppercase(),
            _ => false,
        };
        if word.windows(2).any(telling) { Begin::Run(Kind::Base64) } else { Begin::Nothing }
    } else if count + padding == rest.len() {
        Begin::Open
    } else {
        Begin::Nothing
    }
}

fn hex(text: &[u8], start: usize) -> Begin {
    let rest = text.get(start..).unwrap_or_default();
    let long = rest.iter().take(HEX_MIN).take_while(|b| b.is_ascii_hexdigit()).count();
    if long < HEX_MIN && long < rest.len() {
        return Begin::Nothing;
    }
    let digits: Vec<u32> = rest.iter().take(HEX_MIN).map_while(|b| char::from(*b).to_digit(16)).collect();
    let decoded: Vec<u8> = digits
        .chunks_exact(2)
        .map(|pair| pair.iter().fold(0, |value, digit| (value << 4 | *digit) & 0xFF) as u8)
        .collect();
    if !is_text(&decoded) {
        Begin::Nothing
    } else if digits.len() == HEX_MIN {
        Begin::Run(Kind::Hex)
    } else if digits.len() == rest.len() {
        Begin::Open
    } else {
        Begin::Nothing
    }
}

fn pairs(text: &[u8], start: usize) -> Begin {
    let digit = |at: usize| byte(text, at).and_then(|b| char::from(b).to_digit(16));
    let end = text.len();
    let prefixed = byte(text, start) == Some(b'0') && matches!(byte(text, start + 1), Some(b'x' | b'X'));
    let first = if prefixed { start + 2 } else { start };
    if first == end {
        return Begin::Open;
    }
    if digit(first).is_none() {
        return Begin::Nothing;
    }
    if first + 1 == end {
        return Begin::Open;
    }
    if digit(first + 1).is_none() {
        return Begin::Nothing;
    }
    let value = digit(first).zip(digit(first + 1)).map(|(high, low)| [(high << 4 | low) as u8]);
    if !value.is_some_and(|value| is_text(&value)) {
        return Begin::Nothing;
    }
    let Some(mark) = byte(text, first + 2) else { return Begin::Open };
    if !matches!(mark, b' ' | b':' | b'-' | b',' | b';' | b'.' | b'|') {
        return Begin::Nothing;
    }
    let Some(next) = byte(text, first + 3) else { return Begin::Open };
    let between = Between { mark, spaced: next == b' ', prefixed };
    let mut decoded = [0; PAIRS_MIN];
    let mut at = first;
    for count in 0..PAIRS_MIN {
        let value = match (digit(at), digit(at + 1)) {
            (Some(high), Some(low)) => (high << 4 | low) as u8,
            _ if at + 2 > end && (at == end || digit(at).is_some()) => return Begin::Open,
            _ => return Begin::Nothing,
        };
        if let Some(slot) = decoded.get_mut(count) {
            *slot = value;
        }
        if !is_text(range(&decoded, 0, count + 1)) {
            return Begin::Nothing;
        }
        if count + 1 == PAIRS_MIN {
            break;
        }
        at = match between.skip(text, at + 2) {
            Skip::To(next) => next,
            Skip::Open => return Begin::Open,
            Skip::No => return Begin::Nothing,
        };
    }
    Begin::Run(Kind::Pairs(between))
}

/// Printable ASCII, line breaks, tabs, and UTF-8 whose last character may be cut.
fn is_text(bytes: &[u8]) -> bool {
    let plain = |b: &u8| matches!(b, b' '..=b'~' | b'\n' | b'\r' | b'\t' | 0x80..);
    bytes.iter().all(plain)
        && match std::str::from_utf8(bytes) {
            Ok(_) => true,
            Err(error) => error.error_len().is_none(),
        }
}

/// The shortest run of encoded bytes that counts as opaque when it holds no text.
const OPAQUE_MIN: usize = 256;

/// Bytes of long runs of base 64 or hexadecimal digits that do not decode to text.
pub(super) fn opaque(text: &[u8]) -> usize {
    let is_of_run = |here: u8| base_64_value(here).is_some() || matches!(here, b'\r' | b'\n');
    let mut total = 0;
    // A run holds every so manieth byte, so nothing between needs a look.
    let (mut from, mut probe) = (0, 0);
    while let Some(here) = byte(text, probe) {
        if !is_of_run(here) {
            probe += OPAQUE_MIN;
            continue;
        }
        let before = range(text, from, probe);
        from = probe - before.iter().rev().take_while(|before| is_of_run(**before)).count();
        while from <= probe {
            let run = Stretch::at(text, from);
            total += run.opaque();
            from += run.length + 1;
        }
        probe = from.max(probe + 1) + OPAQUE_MIN - 1;
    }
    total
}

/// Counts as [`opaque`] does, in a text that comes in pieces.
#[derive(Debug, Clone, Default)]
pub(crate) struct OpaqueRuns {
    run: Stretch,
    /// That of the runs before.
    total: usize,
}

impl OpaqueRuns {
    pub(crate) fn push(&mut self, piece: &[u8]) {
        for byte in piece {
            if !self.run.push(*byte) {
                self.total += std::mem::take(&mut self.run).opaque();
            }
        }
    }

    /// Of the text so far.
    pub(crate) fn count(&self) -> usize {
        self.total + self.run.opaque()
    }
}

/// A run of base 64 characters; long lines may be broken.
#[derive(Debug, Clone, Default)]
struct Stretch {
    characters: usize,
    /// Bytes from its beginning to its last character, and line breaks behind that.
    length: usize,
    breaks: usize,
    is_more_than_hexadecimal: bool,
    base_64: Meter,
    hexadecimal: Meter,
}

impl Stretch {
    fn at(text: &[u8], start: usize) -> Self {
        let mut run = Self::default();
        let _end = text.iter().skip(start).try_for_each(|byte| run.push(*byte).then_some(()));
        run
    }

    /// False when the byte does not belong to the run, which is over then.
    fn push(&mut self, byte: u8) -> bool {
        let Some(value) = base_64_value(byte) else {
            self.breaks += 1;
            return matches!(byte, b'\r' | b'\n') && self.characters >= LINE_MIN;
        };
        self.characters += 1;
        self.length += std::mem::take(&mut self.breaks) + 1;
        self.base_64.push(value, 6);
        match char::from(byte).to_digit(16) {
            Some(digit) if !self.is_more_than_hexadecimal => self.hexadecimal.push(digit, 4),
            _ => self.is_more_than_hexadecimal = true,
        }
        true
    }

    /// Its length when it is a long one that holds no text, else 0.
    fn opaque(&self) -> usize {
        let meter = if self.is_more_than_hexadecimal { &self.base_64 } else { &self.hexadecimal };
        if self.characters >= OPAQUE_MIN && !meter.is_text() { self.length } else { 0 }
    }
}

/// Counts how many decoded bytes are text.
#[derive(Debug, Clone, Default)]
struct Meter {
    bits: u32,
    width: u32,
    bytes: usize,
    readable: usize,
}

impl Meter {
    fn push(&mut self, value: u32, size: u32) {
        self.bits = (self.bits << size | value) & 0xFFFF;
        self.width += size;
        if self.width >= 8 {
            self.width -= 8;
            self.bytes += 1;
            let decoded = (self.bits >> self.width & 0xFF) as u8;
            self.readable += usize::from(matches!(decoded, b' '..=b'~' | b'\n' | b'\r' | b'\t'));
        }
    }

    /// At least seven in eight of the decoded bytes are text.
    fn is_text(&self) -> bool {
        self.readable * 8 >= self.bytes * 7
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{OpaqueRuns, Stretch, opaque};

    /// Looks at every byte.
    fn naive(text: &[u8]) -> usize {
        let (mut at, mut total) = (0, 0);
        while at < text.len() {
            let run = Stretch::at(text, at);
            total += run.opaque();
            at += run.length + 1;
        }
        total
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_runs_found_by_probes_are_those_of_every_byte(
            parts in proptest::collection::vec(("[ .\n-]{0,3}", "[A-Za-z0-9+/\n]{0,20}", 0_usize..20), 0..12),
        ) {
            let text: String =
                parts.iter().map(|(gap, run, times)| format!("{gap}{}", run.repeat(*times))).collect();
            let expected = naive(text.as_bytes());
            prop_assert_eq!(opaque(text.as_bytes()), expected, "{:?}", text);
            let mut runs = OpaqueRuns::default();
            text.as_bytes().chunks(7).for_each(|piece| runs.push(piece));
            prop_assert_eq!(runs.count(), expected, "{:?}", text);
        }
    }
}
