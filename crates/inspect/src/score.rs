//! How sure a finding is, as a sum of evidence.
//!
//! Evidence is counted in nats: a term of `x` makes the odds `e^x` times as good. The score is the logistic function of
//! the sum. All of it is plain IEEE arithmetic and functions computed in software, so that a decision of today can be
//! replayed bit for bit on another machine.
//!
//! The sensitivity of a text is made of its findings: `1 − Π (1 − w)^(1 + log2 n)` over the types found, where `w` is the
//! type's greatest product of severity and score and `n` the number of its distinct values; at least the floor that a
//! marking sets. It never falls when something is added, and neither the order nor the portions in which findings
//! arrive matter.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::hash::{DefaultHasher, Hasher};

use schleuse_types::Finding;

/// What a word of `context` near the finding is worth.
pub(crate) const CONTEXT: f32 = 2.2;
/// What such a word is worth when a sentence or paragraph ended between the two.
pub(crate) const CONTEXT_APART: f32 = 1.1;
/// What a word of `against` is worth.
pub(crate) const AGAINST: f32 = -3.0;
/// What it is worth that the finding was written so that a plain reading would miss it.
pub(crate) const EVASION: f32 = 1.5;

/// The evidence behind one hit; each term in nats, 0 where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Odds {
    /// How often a match of this rule is what it looks like.
    pub(crate) prior: f32,
    /// What the way it is written says.
    pub(crate) form: f32,
    /// What the validator says.
    pub(crate) validator: f32,
    pub(crate) context: f32,
    pub(crate) against: f32,
    pub(crate) evasion: f32,
}

impl Odds {
    /// The evidence of a probability between 0 and 1.
    pub(crate) fn of_probability(probability: f32) -> f32 {
        let probability = f64::from(probability);
        libm::log(probability / (1.0 - probability)) as f32
    }

    /// All terms together, added in a fixed order.
    pub(crate) fn sum(self) -> f32 {
        self.prior + self.form + self.validator + self.context + self.against + self.evasion
    }

    /// The logistic function of the sum, 0 to 1, rounded to two decimals.
    pub(crate) fn score(self) -> f32 {
        round(1.0 / (1.0 + libm::exp(-f64::from(self.sum()))))
    }
}

/// One kind of evidence behind a score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Term {
    /// How often a match of the rule is what it looks like.
    Prior,
    /// What the way it is written says.
    Form,
    /// What the validator says.
    Validator,
    /// A word for it stands near.
    Context,
    /// A word against it stands near.
    Against,
    /// It was written so that a plain reading would miss it.
    Evasion,
}

impl Term {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prior => "prior",
            Self::Form => "form",
            Self::Validator => "validator",
            Self::Context => "context",
            Self::Against => "against",
            Self::Evasion => "evasion",
        }
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a finding has its score. Positions and numbers, never the text.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    pub finding: Finding,
    /// Every term but those of 0, in nats.
    pub terms: Vec<(Term, f32)>,
    /// Their sum. The calibration makes the score of it.
    pub nats: f32,
}

impl Odds {
    pub(crate) fn terms(self) -> Vec<(Term, f32)> {
        let Self { prior, form, validator, context, against, evasion } = self;
        let all = [
            (Term::Prior, prior),
            (Term::Form, form),
            (Term::Validator, validator),
            (Term::Context, context),
            (Term::Against, against),
            (Term::Evasion, evasion),
        ];
        all.into_iter().filter(|(_, nats)| *nats != 0.0).collect()
    }
}

/// The most distinct values of one type that are told apart; more count as so many.
const VALUES_MAX: usize = 4096;

/// What was found in one or several texts, as far as their sensitivity depends on it.
///
/// Holds hashes of values, to count equal ones once; they are good for nothing but this and never leave.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tally {
    types: BTreeMap<&'static str, Found>,
    floor: f32,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Found {
    /// The greatest product of severity and score.
    worst: f32,
    values: BTreeSet<u64>,
}

impl Tally {
    /// Adds one finding: its type, how bad a certain one is (0 to 1), how sure it is (0 to 1) and what was found.
    pub(crate) fn add(&mut self, kind: &'static str, severity: f32, score: f32, value: u64) {
        let found = self.types.entry(kind).or_default();
        found.worst = found.worst.max((severity * score).clamp(0.0, 1.0));
        if found.values.len() < VALUES_MAX {
            found.values.insert(value);
        }
    }

    /// The sensitivity is at least this.
    pub(crate) fn raise_floor(&mut self, floor: f32) {
        self.floor = self.floor.max(floor);
    }

    /// Adds what was found elsewhere; a value that both hold counts once.
    pub fn join(&mut self, other: &Self) {
        self.raise_floor(other.floor);
        for (kind, found) in &other.types {
            let mine = self.types.entry(kind).or_default();
            mine.worst = mine.worst.max(found.worst);
            let room = VALUES_MAX.saturating_sub(mine.values.len());
            let new: Vec<u64> = found.values.difference(&mine.values).take(room).copied().collect();
            mine.values.extend(new);
        }
    }

    /// The sensitivity, 0 to 1, rounded to two decimals.
    pub fn sensitivity(&self) -> f32 {
        let innocence: f64 = self
            .types
            .values()
            .map(|found| {
                let count = found.values.len().max(1) as f64;
                libm::pow(1.0 - f64::from(found.worst), 1.0 + libm::log2(count))
            })
            .product();
        round(1.0 - innocence).max(round(f64::from(self.floor)))
    }
}

/// The letters and digits of what was found, in small letters.
pub(crate) fn canonical(found: &[u8]) -> impl Iterator<Item = char> {
    let text = found.utf8_chunks().flat_map(|chunk| chunk.valid().chars());
    text.filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase)
}

/// A number that is equal for values that differ only in case, spaces and punctuation.
pub(crate) fn value_of(found: &[u8]) -> u64 {
    // In pieces of a fixed length, because every single call costs.
    let (mut hash, mut piece, mut filled) = (DefaultHasher::new(), [0; 64], 0);
    let mut add = |byte: u8| {
        if let Some(slot) = piece.get_mut(filled) {
            *slot = byte;
        }
        filled += 1;
        if filled == piece.len() {
            hash.write(&piece);
            filled = 0;
        }
    };
    if found.is_ascii() {
        let written = found.iter().filter(|byte| byte.is_ascii_alphanumeric());
        written.for_each(|byte| add(byte.to_ascii_lowercase()));
    } else {
        canonical(found).for_each(|character| character.encode_utf8(&mut [0; 4]).bytes().for_each(&mut add));
    }
    hash.write(piece.get(..filled).unwrap_or_default());
    hash.finish()
}

/// Two decimals, as they are shown.
pub(crate) fn round(value: f64) -> f32 {
    ((value * 100.0).round() / 100.0) as f32
}

#[cfg(test)]
mod tests;
