//! Randomness that a seed repeats on every machine.

/// SplitMix64 (Steele, Lea and Flood, 2014): 64 bits of state, one multiplication chain per number.
#[derive(Debug, Clone)]
pub struct Dice {
    state: u64,
}

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self { state: seed ^ 0x5851_F42D_4C95_7F2D }
    }

    /// A die of its own for one purpose, so that changing one part of the corpus leaves the others as they were.
    #[must_use]
    pub fn fork(&mut self, purpose: u64) -> Self {
        Self { state: self.roll() ^ purpose.wrapping_mul(0xA24B_AED4_963E_E407) }
    }

    pub fn roll(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `count` − 1; 0 when `count` is 0. The bias of the remainder is below 2⁻⁴⁰ here.
    pub fn below(&mut self, count: usize) -> usize {
        let count = count.max(1) as u64;
        usize::try_from(self.roll() % count).unwrap_or_default()
    }

    /// A number from `least` to `most`, both included.
    pub fn between(&mut self, least: usize, most: usize) -> usize {
        least + self.below(most.saturating_sub(least) + 1)
    }

    /// True in one of `count` cases.
    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    /// One of the list; the default of an empty one.
    pub fn pick<T: Copy + Default>(&mut self, list: &[T]) -> T {
        list.get(self.below(list.len())).copied().unwrap_or_default()
    }

    /// So many characters of an ASCII alphabet.
    pub fn text(&mut self, alphabet: &[u8], count: usize) -> String {
        (0..count).map(|_| char::from(self.pick(alphabet))).collect()
    }

    pub fn digits(&mut self, count: usize) -> String {
        self.text(b"0123456789", count)
    }

    /// Digits of which the first is not 0.
    pub fn number(&mut self, count: usize) -> String {
        let mut text = self.text(b"123456789", count.min(1));
        text.push_str(&self.digits(count.saturating_sub(1)));
        text
    }
}
