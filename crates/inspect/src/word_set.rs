//! Sets of many words: gazetteers of names and places.

use std::fmt;

/// The longest word, in bytes.
pub const WORD_MAX: usize = 64;
/// Bits of a slot that say where the word is written; those above hold a piece of its hash.
const POSITION_BITS: u32 = 24;
/// Bytes before a word: its length and its marks.
const HEADER: usize = 2;

/// Words in any case, each with up to eight marks of the caller's own, such as `first name` and `place`.
///
/// Letters of ASCII and the accented capitals of Latin-1 (`Ä`, `É`) match their small forms; nothing else is folded.
/// One look-up reads the word once, and one or two cache lines; memory is the words themselves, two bytes each, and
/// eight to sixteen bytes of slots a word.
#[derive(Clone)]
pub struct WordSet {
    /// Open addressing with linear steps, at most half full; empty is 0. Its length is a power of two.
    slots: Box<[u32]>,
    /// For each word its length, its marks, and its folded bytes.
    words: Box<[u8]>,
    count: usize,
}

/// Why words cannot become a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WordSetError {
    /// A word has no byte, or more than [`WORD_MAX`]; `number` counts words from 0.
    Length { number: usize },
    /// A word has no mark; `number` counts words from 0.
    NoMark { number: usize },
    /// The words have more than 16 MiB.
    Size,
}

impl WordSet {
    /// Words with their marks, at least one each. The marks of a word that comes twice are joined.
    ///
    /// # Errors
    /// When a word is empty, too long, or has no mark, or when there are too many.
    pub fn new<'w>(words: impl IntoIterator<Item = (&'w str, u8)>) -> Result<Self, WordSetError> {
        let words: Vec<(&str, u8)> = words.into_iter().collect();
        let mut slots = vec![0_u32; (words.len() * 2).next_power_of_two()];
        let mut written: Vec<u8> =
            Vec::with_capacity(words.iter().map(|(word, _)| HEADER + word.len()).sum());
        let mut count = 0;
        for (number, (word, marks)) in words.into_iter().enumerate() {
            let word = word.as_bytes();
            let length =
                u8::try_from(word.len()).ok().filter(|length| (1..=WORD_MAX).contains(&usize::from(*length)));
            let length = length.ok_or(WordSetError::Length { number })?;
            if marks == 0 {
                return Err(WordSetError::NoMark { number });
            }
            let hash = hash(word);
            let mask = slots.len() - 1;
            let mut at = hash.slot(mask);
            while let Some(slot) = slots.get_mut(at) {
                if *slot == 0 {
                    // Positions count from 1, so that 0 is an empty slot.
                    let position =
                        u32::try_from(written.len() + 1).ok().filter(|at| at >> POSITION_BITS == 0);
                    *slot = hash.piece() | position.ok_or(WordSetError::Size)?;
                    written.extend([length, marks]);
                    written.extend(folded(word));
                    count += 1;
                    break;
                }
                let entry = entry(&written, *slot);
                if entry.is_some_and(|(_, known)| same(known, word)) {
                    if let Some(known) = written.get_mut(marks_position(*slot)) {
                        *known |= marks;
                    }
                    break;
                }
                at = (at + 1) & mask;
            }
        }
        Ok(Self { slots: slots.into(), words: written.into(), count })
    }

    /// The marks of a word; 0 for a word that is not in the set.
    pub fn marks(&self, word: &[u8]) -> u8 {
        if word.is_empty() || word.len() > WORD_MAX {
            return 0;
        }
        let hash = hash(word);
        let mask = self.slots.len() - 1;
        let mut at = hash.slot(mask);
        while let Some(slot) = self.slots.get(at).filter(|slot| **slot != 0) {
            if slot >> POSITION_BITS << POSITION_BITS == hash.piece()
                && let Some((marks, known)) = entry(&self.words, *slot)
                && same(known, word)
            {
                return marks;
            }
            at = (at + 1) & mask;
        }
        0
    }

    /// Whether the word is in the set.
    pub fn contains(&self, word: &[u8]) -> bool {
        self.marks(word) != 0
    }

    /// How many different words there are.
    pub fn len(&self) -> usize {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes of memory.
    pub fn memory(&self) -> usize {
        std::mem::size_of_val(&*self.slots) + self.words.len()
    }
}

/// Says how many words there are, not which.
impl fmt::Debug for WordSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WordSet").field("words", &self.count).finish_non_exhaustive()
    }
}

impl fmt::Display for WordSetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { number } => write!(f, "word {number} does not have 1 to {WORD_MAX} bytes"),
            Self::NoMark { number } => write!(f, "word {number} has no mark"),
            Self::Size => write!(f, "the words have more than 16 MiB"),
        }
    }
}

impl std::error::Error for WordSetError {}

#[derive(Debug, Clone, Copy)]
struct Hash(u64);

impl Hash {
    fn slot(self, mask: usize) -> usize {
        (self.0 >> 8) as usize & mask
    }

    fn piece(self) -> u32 {
        (self.0 as u32) << POSITION_BITS
    }
}

/// Eight bytes at a time. Setting the bit that tells small letters from capitals makes the hash the same for both; what
/// else it joins, [`same`] tells apart.
fn hash(word: &[u8]) -> Hash {
    const CASE: u64 = 0x2020_2020_2020_2020;
    // The golden ratio in 64 bits, as in Fibonacci hashing (Knuth, TAOCP volume 3, section 6.4).
    const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
    let mix = |hash: u64, part: u64| {
        let product = (hash ^ (part | CASE)).wrapping_mul(FACTOR);
        product ^ product >> 32
    };
    let (parts, rest) = word.as_chunks::<8>();
    let hash = parts.iter().fold(word.len() as u64, |hash, part| mix(hash, u64::from_le_bytes(*part)));
    let rest = rest.iter().fold(0_u64, |rest, byte| rest << 8 | u64::from(*byte));
    Hash(mix(hash, rest))
}

/// The position of the marks of a slot's word.
fn marks_position(slot: u32) -> usize {
    (slot & ((1 << POSITION_BITS) - 1)) as usize
}

/// The marks and the folded bytes of a slot's word.
fn entry(words: &[u8], slot: u32) -> Option<(u8, &[u8])> {
    let marks = marks_position(slot);
    let length = usize::from(*words.get(marks.checked_sub(1)?)?);
    Some((*words.get(marks)?, words.get(marks + 1..marks + 1 + length)?))
}

fn same(known: &[u8], word: &[u8]) -> bool {
    if word.is_ascii() {
        return known.eq_ignore_ascii_case(word);
    }
    known.len() == word.len() && folded(word).zip(known).all(|(ours, theirs)| ours == *theirs)
}

/// The bytes with the capitals of ASCII and of Latin-1 (U+00C0 to U+00DE, but not ×) made small.
fn folded(word: &[u8]) -> impl Iterator<Item = u8> {
    let mut previous = 0;
    word.iter().map(move |byte| {
        let capital = match previous {
            0xC3 => matches!(byte, 0x80..=0x9E) && *byte != 0x97,
            _ => byte.is_ascii_uppercase(),
        };
        previous = *byte;
        if capital { byte | 0x20 } else { *byte }
    })
}

#[cfg(test)]
mod tests;
