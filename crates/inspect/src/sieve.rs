//! Many patterns at one place: which of them the first bytes still allow, decided for all together.

use std::collections::BTreeMap;

use crate::pattern::Pattern;

/// Bytes that are looked at before a pattern runs.
const DEPTH: usize = 12;

/// Which byte values may stand at each of the first places of a match; at places beyond the list, all.
pub(crate) type Firsts = Vec<[bool; 256]>;

/// Up to 64 patterns of one anchor, a bit each.
#[derive(Debug)]
pub(crate) struct Sieve {
    rules: Vec<usize>,
    /// Byte values that no pattern tells apart anywhere share a class.
    classes: Box<[u8; 256]>,
    /// For each place and class the patterns that allow it; `width` classes a place.
    allowed: Vec<u64>,
    width: usize,
    /// A bit for every pattern.
    all: u64,
}

impl Sieve {
    /// The most patterns of one sieve.
    pub(crate) const PATTERNS_MAX: usize = 64;

    /// Rules with their pattern and the most bytes that it may take; of more than [`Self::PATTERNS_MAX`], several sieves.
    pub(crate) fn over(patterns: &[(usize, &Pattern, usize)]) -> Vec<Self> {
        patterns.chunks(Self::PATTERNS_MAX).map(Self::new).collect()
    }

    fn new(patterns: &[(usize, &Pattern, usize)]) -> Self {
        let mut columns = vec![[0_u64; DEPTH]; 256];
        for (bit, (_, pattern, max)) in patterns.iter().enumerate() {
            let firsts = pattern.firsts(DEPTH.min(*max));
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
        Self { rules: patterns.iter().map(|(rule, ..)| *rule).collect(), classes, allowed, width, all }
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
