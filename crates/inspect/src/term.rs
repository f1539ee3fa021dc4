//! Terms of the house: project names, customers, whatever a list names, found as whole words.
//!
//! Case does not matter, `ä` is `ae` and `ß` is `ss`, and between the words of a term may stand spaces, hyphens or the
//! end of a line. One look-up per word of the text, whatever the number of terms.

use std::collections::BTreeMap;

use schleuse_types::{Compartment, FindingAction, Label, Level};

use crate::kind;
use crate::letters::Reader;
use crate::pack::{Head, Rule};
use crate::score::Odds;
use crate::text::Outcome;

/// Terms that one list may have.
pub(crate) const TERMS_MAX: usize = 20_000;
/// Bytes that one term may have, folded.
const TERM_MAX: usize = 120;
/// Bytes of a word in which terms that may stand inside words are looked for.
const WORD_MAX: usize = 160;
/// Folded bytes by which a term inside a word is looked up; its shortest length.
const STEM: usize = 4;
/// Signs that may stand between two words of a term.
const GAP_MAX: usize = 3;
/// What separates the words of a folded term.
const GAP: u8 = b' ';

/// The terms of one list with the same action and label.
#[derive(Debug, Default)]
pub(crate) struct Terms {
    whole: Index,
    inside: Index,
}

/// Folded terms by the hash of how they begin.
#[derive(Debug, Default)]
struct Index {
    /// Sorted by hash.
    terms: Vec<(u64, Box<[u8]>)>,
    /// For each value of the low bits of a hash whether a term has it; a power of two of bits.
    bits: Vec<u64>,
}

/// What a row of a list says about its term.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct About {
    action: FindingAction,
    level: Option<Level>,
    /// Empty without a level.
    compartments: Vec<Compartment>,
}

impl About {
    fn label(&self) -> Option<Label> {
        self.level.map(|level| Label::of(level).with(self.compartments.iter().cloned()))
    }
}

/// The folded terms of rows that say the same.
#[derive(Debug, Default)]
struct Written {
    whole: Vec<Vec<u8>>,
    inside: Vec<Vec<u8>>,
}

/// Reads a list: a term, and optionally its action, label and `inside` or `whole`, separated by commas or semicolons.
///
/// Blank lines, remarks behind `#` and a first line that begins with `term` are passed over; a term with a comma
/// stands in double quotes. Each pair of action and label becomes one rule. An error names the line, from 1.
pub(crate) fn read(name: &str, text: &str) -> Result<(Head, Vec<Rule>), (usize, String)> {
    let mut lists: BTreeMap<About, Written> = BTreeMap::new();
    let kind = kind::find("CUSTOM_TERM").ok_or((0, "there is no type CUSTOM_TERM".to_owned()))?;
    let mut count = 0;
    for (line, row) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
        let row = row.trim();
        if row.is_empty() || row.starts_with('#') {
            continue;
        }
        let fail = |message: String| (line, message);
        let mut cells = cells(row).into_iter();
        let term = cells.next().unwrap_or_default();
        if line == 1 && term.eq_ignore_ascii_case("term") {
            continue;
        }
        let mut about = About { action: kind.action, level: None, compartments: Vec::new() };
        let mut inside = false;
        for cell in cells.filter(|cell| !cell.is_empty()) {
            if let Some(action) = FindingAction::parse(&cell) {
                about.action = action;
            } else if let Ok(label) = Label::parse(cell.as_bytes()) {
                (about.level, about.compartments) = (Some(label.level()), label.compartments().to_vec());
            } else if cell.eq_ignore_ascii_case("inside") || cell.eq_ignore_ascii_case("whole") {
                inside = cell.eq_ignore_ascii_case("inside");
            } else {
                return Err(fail("a row is: term, action, label, `inside` or `whole`".to_owned()));
            }
        }
        let folded = folded(term.as_bytes());
        let begins = folded.first().is_some_and(|byte| is_word(*byte));
        if !begins || folded.len() < 2 || folded.len() > TERM_MAX {
            return Err(fail(format!(
                "a term has 2 to {TERM_MAX} bytes and begins with a letter or a digit"
            )));
        }
        if inside && folded.iter().take(STEM).filter(|byte| is_word(**byte)).count() < STEM {
            return Err(fail(format!("a term that may stand inside a word begins with {STEM} letters")));
        }
        count += 1;
        if count > TERMS_MAX {
            return Err(fail(format!("a list has at most {TERMS_MAX} terms")));
        }
        let list = lists.entry(about).or_default();
        if inside { list.inside.push(folded) } else { list.whole.push(folded) }
    }
    let id = name.strip_suffix(".csv").unwrap_or(name).to_owned();
    let rules: Vec<Rule> = (1..)
        .zip(lists)
        .map(|(number, (about, Written { whole, inside }))| {
            let terms = Terms {
                whole: Index::new(whole, |term| first_word(term)),
                inside: Index::new(inside, |term| term.get(..STEM).unwrap_or_default()),
            };
            let rule = Rule::of_terms(format!("term-{id}-{number}"), kind, Box::new(terms));
            Rule {
                action: about.action,
                label: about.label(),
                tags: vec![id.clone()],
                prior: Odds::of_probability(0.95),
                ..rule
            }
        })
        .collect();
    let description = format!("{count} terms");
    Ok((Head { id, version: String::new(), description, rules: rules.len() }, rules))
}

/// The cells of one row, without the blanks around them.
fn cells(row: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut quoted = false;
    for sign in row.chars() {
        match sign {
            '"' => quoted = !quoted,
            ',' | ';' | '\t' if !quoted => cells.push(String::new()),
            _ => cells.last_mut().into_iter().for_each(|cell| cell.push(sign)),
        }
    }
    cells.iter().map(|cell| cell.trim().to_owned()).collect()
}

impl Terms {
    /// Looks at the word that begins at `start` and tells every outcome.
    pub(crate) fn look(&self, text: &[u8], start: usize, at_end: bool, mut take: impl FnMut(Outcome)) {
        if !self.whole.terms.is_empty() {
            let reader = Reader::new(text, at_end);
            take(reader.settle(start, self.read_whole(&reader, start)));
        }
        if !self.inside.terms.is_empty() {
            let mut at = start;
            while at - start < WORD_MAX {
                let reader = Reader::new(text, at_end);
                let Some(sign) = sign(&reader, at).filter(|sign| sign.word) else { break };
                take(reader.settle(at, self.read_inside(&reader, at)));
                at += sign.length;
            }
        }
    }

    fn read_whole(&self, reader: &Reader<'_>, start: usize) -> Outcome {
        let mut hash = Hash::default();
        let mut at = start;
        while let Some(sign) = sign(reader, at).filter(|sign| sign.word) {
            sign.bytes().for_each(|byte| hash.add(byte));
            at += sign.length;
            if at - start > TERM_MAX {
                return Outcome::Nothing;
            }
        }
        let ends = |at: usize| !sign(reader, at).is_some_and(|sign| sign.word);
        // The longest term wins.
        let end = self
            .whole
            .of(hash.0)
            .filter_map(|term| matched(reader, start, term))
            .filter(|end| ends(*end))
            .max();
        end.map_or(Outcome::Nothing, |end| Outcome::Hit { start, end, weight: 0.0 })
    }

    fn read_inside(&self, reader: &Reader<'_>, start: usize) -> Outcome {
        let mut hash = Hash::default();
        let (mut at, mut count) = (start, 0);
        while count < STEM {
            let Some(sign) = sign(reader, at).filter(|sign| sign.word) else { return Outcome::Nothing };
            for byte in sign.bytes() {
                if count < STEM {
                    hash.add(byte);
                    count += 1;
                }
            }
            at += sign.length;
        }
        let end = self.inside.of(hash.0).filter_map(|term| matched(reader, start, term)).max();
        end.map_or(Outcome::Nothing, |end| Outcome::Hit { start, end, weight: 0.0 })
    }
}

/// Tells where words begin, also behind an escape such as `\\n`.
pub(crate) fn each_word(text: &[u8], mut begins: impl FnMut(usize)) {
    let reader = Reader::new(text, true);
    let (mut at, mut inside) = (0, false);
    while at < text.len() {
        let Some(sign) = sign(&reader, at) else { return };
        if sign.word && (!inside || escaped(text, at)) {
            begins(at);
        }
        inside = sign.word;
        at += sign.length;
    }
}

/// The byte before is the letter of an escape in a text that is quoted inside another.
fn escaped(text: &[u8], at: usize) -> bool {
    let before = at.checked_sub(2).and_then(|start| text.get(start..at));
    matches!(before, Some([b'\\', b'n' | b't' | b'r']))
}

impl Index {
    fn new(terms: Vec<Vec<u8>>, beginning: impl Fn(&[u8]) -> &[u8]) -> Self {
        let hashed = |term: Vec<u8>| {
            let mut hash = Hash::default();
            beginning(&term).iter().for_each(|byte| hash.add(*byte));
            (hash.0, term.into_boxed_slice())
        };
        let mut terms: Vec<(u64, Box<[u8]>)> = terms.into_iter().map(hashed).collect();
        terms.sort_unstable();
        terms.dedup();
        let mut bits = vec![0_u64; (terms.len() * 8).next_power_of_two().div_ceil(64)];
        let mask = bits.len() * 64 - 1;
        for (hash, _) in &terms {
            let at = *hash as usize & mask;
            bits.get_mut(at / 64).into_iter().for_each(|word| *word |= 1 << (at % 64));
        }
        Self { terms, bits }
    }

    /// The terms that begin with this hash.
    fn of(&self, hash: u64) -> impl Iterator<Item = &[u8]> {
        let at = hash as usize & (self.bits.len() * 64).wrapping_sub(1);
        let some = self.bits.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 != 0);
        let from =
            if some { self.terms.partition_point(|(other, _)| *other < hash) } else { self.terms.len() };
        self.terms.iter().skip(from).take_while(move |(other, _)| *other == hash).map(|(_, term)| &**term)
    }
}

/// FNV-1a, 64 bits: terms are the house's own, so nobody gains by making them collide.
#[derive(Debug, Clone, Copy)]
struct Hash(u64);

impl Default for Hash {
    fn default() -> Self {
        Self(0xCBF2_9CE4_8422_2325)
    }
}

impl Hash {
    fn add(&mut self, byte: u8) {
        self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
    }
}

/// One character, folded.
#[derive(Debug, Clone, Copy)]
struct Sign {
    /// Bytes of the text.
    length: usize,
    folded: [u8; 4],
    count: usize,
    /// It belongs to a word.
    word: bool,
}

impl Sign {
    fn bytes(self) -> impl Iterator<Item = u8> {
        self.folded.into_iter().take(self.count)
    }
}

/// The folded character at a position.
fn sign(reader: &Reader<'_>, at: usize) -> Option<Sign> {
    let one = |length, byte: u8, word| Sign { length, folded: [byte, 0, 0, 0], count: 1, word };
    let two =
        |length, first: u8, second: u8| Sign { length, folded: [first, second, 0, 0], count: 2, word: true };
    let lead = reader.byte(at)?;
    if lead < 0x80 {
        return Some(one(1, lead.to_ascii_lowercase(), is_word(lead)));
    }
    let length = match lead {
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        // No text.
        _ => return Some(one(1, lead, false)),
    };
    let mut folded = [lead, 0, 0, 0];
    for (offset, slot) in folded.iter_mut().enumerate().take(length).skip(1) {
        *slot = reader.byte(at + offset)?;
    }
    Some(match folded {
        [0xC3, 0x84 | 0xA4, ..] => two(2, b'a', b'e'),
        [0xC3, 0x96 | 0xB6, ..] => two(2, b'o', b'e'),
        [0xC3, 0x9C | 0xBC, ..] => two(2, b'u', b'e'),
        [0xC3, 0x9F, ..] => two(2, b's', b's'),
        // U+1E9E, the capital sharp s.
        [0xE1, 0xBA, 0x9E, ..] => two(3, b's', b's'),
        // U+00A0 and the spaces and dashes of U+2000 to U+206F.
        [0xC2, ..] => one(2, if folded.get(1) == Some(&0xA0) { GAP } else { 0 }, false),
        [0xE2, 0x80, last, _] => one(3, if matches!(last, 0x80..=0x95 | 0xAF) { GAP } else { 0 }, false),
        [0xC3, second @ 0x80..=0x9E, ..] => {
            Sign { length, folded: [0xC3, second | 0x20, 0, 0], count: 2, word: true }
        }
        _ => Sign { length, folded, count: length, word: true },
    })
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

fn is_gap(byte: u8) -> bool {
    matches!(byte, GAP | b'-' | b'\n' | b'\r' | b'\t')
}

/// A term as the list writes it, folded; every run of spaces and hyphens is one [`GAP`].
fn folded(term: &[u8]) -> Vec<u8> {
    let reader = Reader::new(term, true);
    let mut folded = Vec::with_capacity(term.len());
    let mut at = 0;
    while let Some(sign) = sign(&reader, at) {
        at += sign.length;
        match sign.folded {
            [byte, ..] if sign.count == 1 && is_gap(byte) => {
                if folded.last().is_some_and(|last| *last != GAP) {
                    folded.push(GAP);
                }
            }
            _ => folded.extend(sign.bytes()),
        }
    }
    folded
}

fn first_word(term: &[u8]) -> &[u8] {
    let end = term.iter().position(|byte| !is_word(*byte)).unwrap_or(term.len());
    term.get(..end).unwrap_or_default()
}

/// One past the last byte of the term, if it stands at `start`.
fn matched(reader: &Reader<'_>, start: usize, term: &[u8]) -> Option<usize> {
    let mut at = start;
    let mut wanted = term.iter().copied().peekable();
    while let Some(byte) = wanted.peek().copied() {
        if byte == GAP {
            wanted.next();
            let mut gaps = 0;
            while gaps < GAP_MAX
                && let Some(gap) = sign(reader, at)
                && gap.count == 1
                && gap.bytes().all(is_gap)
            {
                at += gap.length;
                gaps += 1;
            }
            if gaps == 0 {
                return None;
            }
            continue;
        }
        let sign = sign(reader, at)?;
        if !sign.bytes().all(|byte| wanted.next() == Some(byte)) {
            return None;
        }
        at += sign.length;
    }
    Some(at)
}

#[cfg(test)]
mod tests;
