//! One look at every byte of a text: where keywords and digits stand.
//!
//! Of each keyword one group of three bytes is chosen that is rare in German and English; a bit for its hash says that it
//! belongs to some keyword. Per byte of text the look costs one multiplication and one bit, whatever the number of
//! keywords; only where the bit is set, the group and then the keywords are compared.

/// Bytes that are looked at together.
const BLOCK: usize = 64;
/// Bytes of a group.
const GROUP: usize = 3;
/// A block and the bytes behind it that groups reach into.
const REACH: usize = BLOCK + GROUP - 1;
/// The bit that tells small letters from capitals. Setting it everywhere joins some other characters too, which the
/// comparison with the keyword tells apart.
const CASE: u8 = 0x20;
const BITS: usize = 1 << 16;

/// Keywords in any ASCII case, and where digits begin.
#[derive(Debug)]
pub(crate) struct Anchors {
    /// In small letters, by their numbers.
    keywords: Vec<Box<[u8]>>,
    /// For each hash of a group whether some keyword has such a group.
    bits: Box<[u64; BITS / 64]>,
    /// Groups with their entries, in open addressing with linear steps, at most half full.
    slots: Vec<Slot>,
    entries: Vec<Entry>,
    /// Keywords of one byte, a letter in both cases.
    singles: Vec<(u8, u32)>,
}

/// Something stands here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anchor {
    /// The keyword of this number.
    Keyword { number: usize, start: usize, end: usize },
    /// The first of one or more digits.
    Digits { start: usize },
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    group: u32,
    first: u32,
    /// 0 in an empty slot.
    count: u32,
}

/// Where in a keyword its group stands.
#[derive(Debug, Clone, Copy)]
struct Entry {
    keyword: u32,
    offset: u32,
}

/// What stands in one block, one bit a byte.
#[derive(Default)]
struct Marks {
    groups: u64,
    digits: u64,
    singles: u64,
}

impl Anchors {
    /// Keywords in small letters, none empty, each once; the order gives their numbers.
    pub(crate) fn new<'k>(keywords: impl IntoIterator<Item = &'k [u8]>) -> Self {
        let mut anchors = Self {
            keywords: keywords.into_iter().map(Box::from).collect(),
            bits: Box::new([0; BITS / 64]),
            slots: Vec::new(),
            entries: Vec::new(),
            singles: Vec::new(),
        };
        let mut groups: Vec<(u32, Entry)> = Vec::new();
        for (keyword, number) in anchors.keywords.iter().zip(0_u32..) {
            match **keyword {
                [] => {}
                [byte] => {
                    anchors.singles.push((byte, number));
                    if byte.is_ascii_lowercase() {
                        anchors.singles.push((byte.to_ascii_uppercase(), number));
                    }
                }
                // Two bytes and any third; behind the end of a text stand zeros.
                [first, second] => {
                    let thirds = (0..=u8::MAX).filter(|third| third & CASE != 0);
                    let entry = Entry { keyword: number, offset: 0 };
                    groups.extend(thirds.map(|third| (folded(&[first, second, third]), entry)));
                }
                _ => {
                    let rarest =
                        keyword.windows(GROUP).zip(0_u32..).min_by_key(|(group, _)| frequency(group));
                    let choice =
                        rarest.map(|(group, offset)| (folded(group), Entry { keyword: number, offset }));
                    groups.extend(choice);
                }
            }
        }
        groups.sort_by_key(|(group, _)| *group);
        let distinct = groups.chunk_by(|(a, _), (b, _)| a == b).count();
        anchors.slots = vec![Slot::default(); (distinct * 2).next_power_of_two()];
        for same in groups.chunk_by(|(a, _), (b, _)| a == b) {
            let Some((group, _)) = same.first() else { continue };
            let hash = hash(*group);
            if let Some(word) = anchors.bits.get_mut(hash / 64) {
                *word |= 1 << (hash % 64);
            }
            let mask = anchors.slots.len() - 1;
            let mut at = hash & mask;
            while anchors.slots.get(at).is_some_and(|slot| slot.count > 0) {
                at = (at + 1) & mask;
            }
            if let Some(slot) = anchors.slots.get_mut(at) {
                *slot = Slot { group: *group, first: anchors.entries.len() as u32, count: same.len() as u32 };
            }
            anchors.entries.extend(same.iter().map(|(_, entry)| *entry));
        }
        anchors
    }

    /// Says every anchor once. Anchors of a block of 64 bytes come in no particular order, blocks from left to right.
    pub(crate) fn scan(&self, text: &[u8], mut found: impl FnMut(Anchor)) {
        let mut start = 0;
        let mut digit_before = false;
        while let Some(rest) = text.get(start..).filter(|rest| !rest.is_empty()) {
            let marks = match rest.first_chunk::<REACH>() {
                Some(block) => self.look(block),
                None => {
                    let mut block = [0; REACH];
                    block.iter_mut().zip(rest).for_each(|(slot, byte)| *slot = *byte);
                    self.look(&block)
                }
            };
            each(marks.groups, |at| self.compare(text, start + at, &mut found));
            each(marks.singles, |at| {
                let here = text.get(start + at).copied();
                for (_, number) in self.singles.iter().filter(|(byte, _)| Some(*byte) == here) {
                    let start = start + at;
                    found(Anchor::Keyword { number: *number as usize, start, end: start + 1 });
                }
            });
            let begins = marks.digits & !(marks.digits << 1 | u64::from(digit_before));
            each(begins, |at| found(Anchor::Digits { start: start + at }));
            digit_before = marks.digits >> (BLOCK - 1) != 0;
            start += BLOCK;
        }
    }

    #[inline]
    fn look(&self, block: &[u8; REACH]) -> Marks {
        const FOLD: u64 = repeated(CASE);
        let mut marks = Marks::default();
        for part in 0..BLOCK / 8 {
            let word = word(block, part * 8);
            let (low, high) = (word | FOLD, self::word(block, part * 8 + 2) | FOLD);
            let mut groups = 0;
            for at in 0..6 {
                groups |= self.bit((low >> (8 * at)) as u32) << at;
            }
            for at in 6..8 {
                groups |= self.bit((high >> (8 * (at - 2))) as u32) << at;
            }
            let singles = self.singles.iter().fold(0, |marks, (byte, _)| marks | equal(word, *byte));
            marks.groups |= groups << (8 * part);
            marks.digits |= gathered(digits(word)) << (8 * part);
            marks.singles |= gathered(singles) << (8 * part);
        }
        marks
    }

    /// Whether a keyword has a group with the hash of this one, whose bytes are folded. The fourth byte is left out.
    #[inline]
    fn bit(&self, group: u32) -> u64 {
        let hash = hash(group & 0xFF_FFFF);
        self.bits.get(hash / 64 % (BITS / 64)).map_or(0, |word| word >> (hash % 64) & 1)
    }

    #[inline(never)]
    fn compare(&self, text: &[u8], at: usize, found: &mut impl FnMut(Anchor)) {
        let byte = |at: usize| text.get(at).copied().unwrap_or_default();
        let group = folded(&[byte(at), byte(at + 1), byte(at + 2)]);
        let mask = self.slots.len() - 1;
        let mut slot = hash(group) & mask;
        while let Some(here) = self.slots.get(slot).filter(|slot| slot.count > 0) {
            if here.group == group {
                let entries = self.entries.iter().skip(here.first as usize).take(here.count as usize);
                for entry in entries {
                    let number = entry.keyword as usize;
                    let (Some(keyword), Some(start)) =
                        (self.keywords.get(number), at.checked_sub(entry.offset as usize))
                    else {
                        continue;
                    };
                    let end = start + keyword.len();
                    if text.get(start..end).is_some_and(|there| there.eq_ignore_ascii_case(keyword)) {
                        found(Anchor::Keyword { number, start, end });
                    }
                }
                return;
            }
            slot = (slot + 1) & mask;
        }
    }
}

/// The positions of the bits that are set.
#[inline]
fn each(mut bits: u64, mut found: impl FnMut(usize)) {
    while bits != 0 {
        found(bits.trailing_zeros() as usize);
        bits &= bits - 1;
    }
}

#[inline]
fn hash(group: u32) -> usize {
    // The golden ratio in 32 bits, as in Fibonacci hashing (Knuth, TAOCP volume 3, section 6.4).
    (group.wrapping_mul(0x9E37_79B1) >> 16) as usize
}

fn folded(group: &[u8]) -> u32 {
    group.iter().rev().fold(0, |folded, byte| folded << 8 | u32::from(byte | CASE))
}

#[inline]
fn word(block: &[u8; REACH], at: usize) -> u64 {
    block.get(at..at + 8).and_then(|bytes| bytes.first_chunk()).map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

const fn repeated(byte: u8) -> u64 {
    byte as u64 * 0x0101_0101_0101_0101
}

/// The high bit of every byte of the word that is an ASCII digit.
#[inline]
fn digits(word: u64) -> u64 {
    let value = word ^ repeated(b'0');
    let beyond = (value & repeated(0x7F)) + repeated(0x80 - 10);
    !(beyond | value) & repeated(0x80)
}

/// The high bit of every byte of the word that is this one.
#[inline]
fn equal(word: u64, byte: u8) -> u64 {
    let other = word ^ repeated(byte);
    !(((other & repeated(0x7F)) + repeated(0x7F)) | other) & repeated(0x80)
}

/// The high bits of eight bytes as eight bits.
#[inline]
fn gathered(bits: u64) -> u64 {
    (bits >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

/// How often three bytes stand in German and English text, roughly: only the order counts.
fn frequency(group: &[u8]) -> u32 {
    // Letters from the most frequent on, of both languages together; then what stands in other places.
    const LETTERS: &[u8] = b"enitrsahdulocgmbwfpkzvyjxq";
    // Groups that are far more frequent than their letters.
    const COMMON: &[&[u8]] = &[
        b"der", b"die", b"und", b"ein", b"sch", b"ich", b"che", b"nde", b"den", b"ver", b"gen", b"ten",
        b"cht", b"ung", b"ber", b"ent", b"ier", b"lic", b"ste", b"ist", b"des", b"ter", b"auf", b"ers",
        b"ach", b"the", b"and", b"ing", b"ion", b"tio", b"her", b"for", b"tha", b"ate", b"ati", b"ess",
        b"con", b"com", b"pro", b"res", b"ser", b"all", b"ver", b"per", b"cou", b"add", b"key", b"cre",
        b"cod", b"acc", b"ort", b"nam", b"num", b"mer", b"str", b"tel", b"pos", b"id ", b"ken", b"sec",
    ];
    let single = |byte: &u8| match LETTERS.iter().zip(0_u32..).find(|(letter, _)| *letter == byte) {
        Some((_, rank)) => 40 - rank,
        None if *byte == b' ' => 44,
        None if byte.is_ascii_digit() => 24,
        None if b".,-/\"'=:".contains(byte) => 20,
        None => 8,
    };
    let letters: u32 = group.iter().map(single).sum();
    letters + if COMMON.contains(&group) { 30 } else { 0 }
}

#[cfg(test)]
mod tests;
