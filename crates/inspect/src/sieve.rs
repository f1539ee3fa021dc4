//! Many patterns at one place: which of them the first bytes still allow, decided for all together.

use std::collections::BTreeMap;

use crate::pattern::Pattern;
use crate::recognizer::Group;

/// Bytes that are looked at before a pattern runs.
const DEPTH: usize = 16;

/// Which byte values may stand at each of the first places of a match; at places beyond the list, all.
pub(crate) type Firsts = Vec<[bool; 256]>;

/// One pattern of a sieve.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sifted<'p> {
    pub(crate) rule: usize,
    pub(crate) pattern: &'p Pattern,
    /// The most bytes that it may take.
    pub(crate) max: usize,
    /// A match counts only where a word ends.
    pub(crate) ends_word: bool,
}

/// Up to 64 patterns of one anchor, a bit each.
#[derive(Debug)]
pub(crate) struct Sieve {
    rules: Vec<usize>,
    /// Byte values that no pattern tells apart anywhere share a class.
    classes: Box<[u8; 256]>,
    /// For each place and class the patterns that allow it; `width` classes a place.
    allowed: Vec<u64>,
    width: usize,
    /// For each number of digits at the beginning, up to [`DEPTH`], and each class of what follows them, the patterns that
    /// some such digits allow.
    behind_digits: Vec<u64>,
    /// A bit for every pattern.
    all: u64,
}

impl Sieve {
    /// The most patterns of one sieve.
    pub(crate) const PATTERNS_MAX: usize = 64;

    /// Of more than [`Self::PATTERNS_MAX`] patterns, several sieves.
    pub(crate) fn over(patterns: &[Sifted<'_>]) -> Vec<Self> {
        patterns.chunks(Self::PATTERNS_MAX).map(Self::new).collect()
    }

    fn new(patterns: &[Sifted<'_>]) -> Self {
        let mut columns = vec![[0_u64; DEPTH]; 256];
        for (bit, sifted) in patterns.iter().enumerate() {
            let firsts = sifted.pattern.firsts(DEPTH.min(sifted.max), sifted.ends_word);
            for (value, column) in columns.iter_mut().enumerate() {
                for (place, allowed) in column.iter_mut().enumerate() {
                    let fits = firsts.get(place).is_none_or(|set| set.get(value) == Some(&true));
                    *allowed |= u64::from(fits) << bit;
                }
            }
        }
        let mut distinct: BTreeMap<[u64; DEPTH], u8> = BTreeMap::new();
        let mut classes = Box::new([0; 256]);
        for (class, column) in classes.iter_mut().zip(&columns) {
            // There are at most 256 classes, so that the number of the last one fits.
            let next = distinct.len() as u8;
            *class = *distinct.entry(*column).or_insert(next);
        }
        let width = distinct.len();
        let mut allowed = vec![0; width * DEPTH];
        for (column, class) in &distinct {
            for (place, patterns) in column.iter().enumerate() {
                if let Some(slot) = allowed.get_mut(place * width + usize::from(*class)) {
                    *slot = *patterns;
                }
            }
        }
        let all = patterns.iter().enumerate().fold(0, |all, (bit, _)| all | 1 << bit);
        let mut behind_digits = Vec::with_capacity(width * (DEPTH + 1));
        let mut digits = all;
        for place in 0..=DEPTH {
            let allowed = |class: usize| match place {
                DEPTH => all,
                _ => allowed.get(place * width + class).copied().unwrap_or_default(),
            };
            behind_digits.extend((0..width).map(|class| digits & allowed(class)));
            let classes = classes.iter().take(usize::from(b'9') + 1).skip(usize::from(b'0'));
            digits &= classes.fold(0, |any, class| any | allowed(usize::from(*class)));
        }
        let rules = patterns.iter().map(|sifted| sifted.rule).collect();
        Self { rules, classes, allowed, width, behind_digits, all }
    }

    /// Some pattern allows so many digits with this byte behind them. Quicker than [`Sieve::rules_at`].
    pub(crate) fn may_fit(&self, group: Group) -> bool {
        let Some(next) = group.next else { return true };
        let class = self.classes.get(usize::from(next)).map_or(0, |class| usize::from(*class));
        let place = group.digits.min(DEPTH) * self.width + class;
        self.behind_digits.get(place).is_none_or(|patterns| *patterns != 0)
    }

    /// The rules whose patterns the bytes from `at` on allow; what the text does not hold yet allows everything.
    pub(crate) fn rules_at<'s>(&'s self, text: &[u8], at: usize) -> impl Iterator<Item = usize> + use<'s> {
        let mut left = self.all;
        let bytes = text.get(at..).unwrap_or_default();
        for (row, byte) in self.allowed.chunks_exact(self.width.max(1)).zip(bytes) {
            let class = self.classes.get(usize::from(*byte)).copied().unwrap_or_default();
            left &= row.get(usize::from(class)).copied().unwrap_or_default();
            if left == 0 {
                break;
            }
        }
        std::iter::from_fn(move || {
            let bit = left.trailing_zeros() as usize;
            left &= left.wrapping_sub(1);
            // Of no pattern left, the place is 64, where there is no rule.
            self.rules.get(bit).copied()
        })
    }
}

#[cfg(test)]
mod tests;
