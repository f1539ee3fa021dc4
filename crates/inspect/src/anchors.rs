//! One look at every byte of a text: where keywords and digits stand.
//!
//! Most keywords begin words. Where a word begins, its first bytes are looked up. Of each other keyword two neighbouring
//! groups of four bytes are chosen that are rare in German and English, one of which begins at an even place wherever
//! the keyword stands: every second byte of the text is looked at. A look is one multiplication and one bit of a table,
//! whatever the number of keywords; only where the bit is set, the group and then the keywords are compared.

mod classes;

use classes::{Classes, is_sign};

use crate::text::is_word;

/// Bytes that are looked at together.
const BLOCK: usize = 64;
/// Bytes of a group.
const GROUP: usize = 4;
/// A block and the bytes behind it that groups reach into.
const REACH: usize = BLOCK + GROUP;
/// The bit that tells small letters from capitals. Setting it everywhere joins some other characters too, which the
/// comparison with the keyword tells apart.
const CASE: u8 = 0x20;

/// A keyword, and what the rules know of the places where it counts.
#[derive(Debug, Clone)]
pub(crate) struct Keyword {
    /// In small letters, unless only this very writing counts.
    pub(crate) letters: Box<[u8]>,
    /// Only this very writing counts.
    pub(crate) exact: bool,
    /// It counts only where [`crate::text::starts_word`] says so.
    pub(crate) starts_word: bool,
    /// The bytes that may follow where it counts; all of them, unless known.
    pub(crate) next: Option<Box<[bool; 256]>>,
}

/// Keywords, and where digits begin.
#[derive(Debug)]
pub(crate) struct Anchors {
    /// By their numbers.
    keywords: Vec<Keyword>,
    /// Groups of four bytes of keywords that may stand anywhere.
    inside: Groups<2048>,
    /// The first four bytes of keywords that begin words.
    beginnings: Groups<1024>,
    /// The first three bytes of keywords of two and three bytes that begin words.
    short: Groups<512>,
    /// Bytes of keywords of one and two bytes that may stand anywhere.
    singles: Vec<(u8, Entry)>,
    /// These bytes, and the backslash.
    is_single: Box<[bool; 256]>,
    /// Those among them that are not [`is_sign`].
    strange: Vec<u8>,
}

/// Something stands here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anchor {
    /// The keyword of this number. Where it begins a word, or which byte follows, may still have to be checked.
    Keyword { number: usize, start: usize, end: usize },
    /// The first of one or more digits.
    Digits { start: usize },
    /// The first of one or more capitals: of ASCII, or the first byte of one with an accent (U+00C0 to U+017F, which has
    /// small letters too).
    Capitals { start: usize },
}

/// What stands in one block, one bit a byte.
#[derive(Default)]
struct Marks {
    groups: u64,
    words: u64,
    digits: u64,
    capitals: u64,
    singles: u64,
}

impl Anchors {
    /// The order of the keywords gives their numbers. None is empty.
    pub(crate) fn new(keywords: Vec<Keyword>) -> Self {
        let (mut inside, mut beginnings, mut short) = (Vec::new(), Vec::new(), Vec::new());
        let mut singles = Vec::new();
        for (keyword, number) in keywords.iter().zip(0_u32..) {
            let entry = |offset| Entry::new(number, offset, &keyword.letters);
            let next = || {
                let follows = |byte: &u8| {
                    keyword.next.as_ref().is_none_or(|next| next.get(usize::from(*byte)) == Some(&true))
                };
                // Behind the end of a text stand zeros.
                (0..=u8::MAX).filter(move |byte| *byte == 0 || follows(byte))
            };
            let begins = keyword.starts_word && keyword.letters.first().is_some_and(|first| is_word(*first));
            match *keyword.letters {
                [] => {}
                [first, second] if begins => {
                    short.extend(next().map(|next| (folded(&[first, second, next]), entry(0))));
                }
                [first, second, third] if begins => short.push((folded(&[first, second, third]), entry(0))),
                [first, second, third, fourth, ..] if begins => {
                    beginnings.push((folded(&[first, second, third, fourth]), entry(0)));
                }
                [_] | [_, _] => {
                    let rarest = keyword.letters.iter().zip(0..).min_by_key(|(byte, _)| frequency(&[**byte]));
                    let Some((byte, offset)) = rarest else { continue };
                    singles.push((*byte, entry(offset)));
                    if !keyword.exact && byte.is_ascii_lowercase() {
                        singles.push((byte.to_ascii_uppercase(), entry(offset)));
                    }
                }
                [first, second, third] => {
                    inside.extend(next().map(|next| (folded(&[first, second, third, next]), entry(0))));
                    let before =
                        (0..=u8::MAX).map(|before| (folded(&[before, first, second, third]), entry(-1)));
                    inside.extend(before);
                }
                [first, second, third, fourth] => {
                    inside.push((folded(&[first, second, third, fourth]), entry(0)));
                    inside.extend(next().map(|next| (folded(&[second, third, fourth, next]), entry(1))));
                }
                _ => {
                    let pairs = keyword.letters.windows(GROUP + 1).zip(0..);
                    let halves = |pair: &[u8]| {
                        [pair.get(..GROUP), pair.get(1..)].map(|half| folded(half.unwrap_or_default()))
                    };
                    let often = |pair: &[u8]| pair.windows(GROUP).map(frequency).max().unwrap_or_default();
                    let rarest = pairs.min_by_key(|(pair, _)| often(&pair.to_ascii_lowercase()));
                    let Some((pair, offset)) = rarest else { continue };
                    let [even, odd] = halves(pair);
                    inside.extend([(even, entry(offset)), (odd, entry(offset + 1))]);
                }
            }
        }
        let mut is_single = Box::new([false; 256]);
        let bytes = singles.iter().map(|(byte, _)| *byte).chain(Some(b'\\'));
        bytes.for_each(|byte| is_single.get_mut(usize::from(byte)).into_iter().for_each(|is| *is = true));
        let strange = is_single.iter().zip(0..=u8::MAX).filter(|(single, byte)| **single && !is_sign(*byte));
        let strange = strange.map(|(_, byte)| byte).collect();
        Self {
            keywords,
            inside: Groups::new(inside),
            beginnings: Groups::new(beginnings),
            short: Groups::new(short),
            singles,
            is_single,
            strange,
        }
    }

    /// Says every anchor once. Anchors of a block of 64 bytes come in no particular order, blocks from left to right.
    pub(crate) fn scan(&self, text: &[u8], mut found: impl FnMut(Anchor)) {
        let mut start = 0;
        let (mut digit_before, mut word_before, mut capital_before) = (0, 0, 0);
        while let Some(rest) = text.get(start..).filter(|rest| !rest.is_empty()) {
            let marks = match rest.first_chunk::<REACH>() {
                Some(block) => self.look(block),
                None => self.look(&padded(rest)),
            };
            each(marks.groups, |at| self.compare_group(text, start + at, &mut found));
            each(marks.singles, |at| {
                if rest.get(at).and_then(|byte| self.is_single.get(usize::from(*byte))) == Some(&true) {
                    self.compare_single(text, start + at, &mut found);
                }
            });
            each(marks.words & !(marks.words << 1 | word_before), |at| {
                self.look_at_word(text, start + at, &mut found);
            });
            each(marks.digits & !(marks.digits << 1 | digit_before), |at| {
                found(Anchor::Digits { start: start + at })
            });
            each(marks.capitals & !(marks.capitals << 1 | capital_before), |at| {
                found(Anchor::Capitals { start: start + at })
            });
            digit_before = marks.digits >> (BLOCK - 1);
            capital_before = marks.capitals >> (BLOCK - 1);
            word_before = marks.words >> (BLOCK - 1);
            start += BLOCK;
        }
    }

    #[inline]
    fn look(&self, block: &[u8; REACH]) -> Marks {
        const FOLD: u64 = repeated(CASE);
        let mut marks = Marks::default();
        for part in 0..BLOCK / 8 {
            let (low, high) = (word(block, part * 8) | FOLD, word(block, part * 8 + 3) | FOLD);
            let groups = self.inside.bit(low as u32)
                | self.inside.bit((low >> 16) as u32) << 2
                | self.inside.bit((low >> 32) as u32) << 4
                | self.inside.bit((high >> 24) as u32) << 6;
            marks.groups |= groups << (8 * part);
        }
        let Classes { words, digits, capitals, signs } = Classes::of(block);
        let singles = self.strange.iter().fold(signs, |marks, strange| {
            let here = block.iter().take(BLOCK).zip(0..).filter(|(byte, _)| *byte == strange);
            here.fold(marks, |marks, (_, at)| marks | 1 << at)
        });
        Marks { words, digits, capitals, singles, ..marks }
    }

    /// A word begins at `at`, or might.
    #[inline(always)]
    fn look_at_word(&self, text: &[u8], at: usize, found: &mut impl FnMut(Anchor)) {
        let rest = text.get(at..).unwrap_or_default();
        let four = match rest.first_chunk::<GROUP>() {
            Some(bytes) => u32::from_le_bytes(*bytes) | folded(&[0; GROUP]),
            None => folded(&[0, 1, 2, 3].map(|place| rest.get(place).copied().unwrap_or_default())),
        };
        if self.beginnings.bit(four) | self.short.bit(four & 0xFF_FFFF) != 0 {
            self.compare_word(text, at, four, found);
        }
    }

    #[inline(never)]
    fn compare_word(&self, text: &[u8], at: usize, four: u32, found: &mut impl FnMut(Anchor)) {
        let here = eight(text, at);
        for entries in [self.beginnings.entries(four), self.short.entries(four & 0xFF_FFFF)] {
            for entry in entries {
                if (here ^ entry.first) & entry.mask == 0 {
                    self.compare(text, at, entry, found);
                }
            }
        }
    }

    #[inline(never)]
    fn compare_group(&self, text: &[u8], at: usize, found: &mut impl FnMut(Anchor)) {
        let byte = |at: usize| text.get(at).copied().unwrap_or_default();
        let group = folded(&[byte(at), byte(at + 1), byte(at + 2), byte(at + 3)]);
        for entry in self.inside.entries(group) {
            let Some(start) = at.checked_add_signed(-entry.offset) else { continue };
            if (eight(text, start) ^ entry.first) & entry.mask == 0 {
                self.compare(text, at, entry, found);
            }
        }
    }

    #[inline(never)]
    fn compare_single(&self, text: &[u8], at: usize, found: &mut impl FnMut(Anchor)) {
        let here = text.get(at).copied();
        for (_, entry) in self.singles.iter().filter(|(byte, _)| Some(*byte) == here) {
            self.compare(text, at, entry, found);
        }
        // Behind the letter of an escape such as `\n` a word may begin, although it looks like one with the letter.
        if here == Some(b'\\')
            && text.get(at + 1).is_some_and(|b| is_word(*b))
            && text.get(at + 2).is_some_and(|b| is_word(*b))
        {
            self.look_at_word(text, at + 2, found);
        }
    }

    #[inline(never)]
    fn compare(&self, text: &[u8], at: usize, entry: &Entry, found: &mut impl FnMut(Anchor)) {
        let number = entry.keyword as usize;
        let start = at.checked_add_signed(-entry.offset);
        let (Some(keyword), Some(start)) = (self.keywords.get(number), start) else { return };
        let end = start + keyword.letters.len();
        let Some(there) = text.get(start..end) else { return };
        let same = if keyword.exact {
            there == &*keyword.letters
        } else {
            there.eq_ignore_ascii_case(&keyword.letters)
        };
        if same {
            found(Anchor::Keyword { number, start, end });
        }
    }
}

/// Where in a keyword a group stands.
#[derive(Debug, Clone, Copy)]
struct Entry {
    keyword: u32,
    /// -1 where the group begins with the byte before the keyword.
    offset: isize,
    /// The first eight bytes of the keyword, fewer of a shorter one, and which bytes these are; folded.
    first: u64,
    mask: u64,
}

impl Entry {
    fn new(keyword: u32, offset: isize, letters: &[u8]) -> Self {
        let (mut first, mut mask) = ([0; 8], [0; 8]);
        for ((first, mask), letter) in first.iter_mut().zip(&mut mask).zip(letters) {
            (*first, *mask) = (letter | CASE, u8::MAX);
        }
        Self { keyword, offset, first: u64::from_le_bytes(first), mask: u64::from_le_bytes(mask) }
    }
}

/// Folded groups of bytes and their keywords, behind a table of bits in so many words of 64.
#[derive(Debug)]
struct Groups<const WORDS: usize> {
    /// For each hash whether some group has it.
    bits: Box<[u64; WORDS]>,
    /// For each word how many bits are set in those before it.
    before: Box<[u32; WORDS]>,
    /// For each bit that is set where its entries begin; one more for the end.
    starts: Vec<u32>,
    entries: Vec<Entry>,
}

impl<const WORDS: usize> Groups<WORDS> {
    fn new(groups: Vec<(u32, Entry)>) -> Self {
        let mut hashed: Vec<(usize, Entry)> =
            groups.into_iter().map(|(group, entry)| (Self::hash(group), entry)).collect();
        hashed.sort_by_key(|(hash, entry)| (*hash, entry.keyword, entry.offset));
        hashed.dedup_by_key(|(hash, entry)| (*hash, entry.keyword, entry.offset));
        let mut made = Self {
            bits: Box::new([0; WORDS]),
            before: Box::new([0; WORDS]),
            starts: Vec::new(),
            entries: Vec::with_capacity(hashed.len()),
        };
        for same in hashed.chunk_by(|(a, _), (b, _)| a == b) {
            let Some((hash, _)) = same.first() else { continue };
            if let Some(word) = made.bits.get_mut(hash / 64) {
                *word |= 1 << (hash % 64);
            }
            made.starts.push(made.entries.len() as u32);
            made.entries.extend(same.iter().map(|(_, entry)| *entry));
        }
        made.starts.push(made.entries.len() as u32);
        let mut count = 0;
        for (before, word) in made.before.iter_mut().zip(made.bits.iter()) {
            *before = count;
            count += word.count_ones();
        }
        made
    }

    #[inline]
    fn hash(group: u32) -> usize {
        // The golden ratio in 32 bits, as in Fibonacci hashing (Knuth, TAOCP volume 3, section 6.4).
        group.wrapping_mul(0x9E37_79B1) as usize >> (32 - (WORDS * 64).trailing_zeros())
    }

    /// 1 where some group has the hash of this one.
    #[inline]
    fn bit(&self, group: u32) -> u64 {
        let hash = Self::hash(group);
        self.bits.get(hash / 64 % WORDS).map_or(0, |word| word >> (hash % 64) & 1)
    }

    /// The entries of all groups with the hash of this one.
    #[inline]
    fn entries(&self, group: u32) -> &[Entry] {
        let hash = Self::hash(group);
        let (Some(word), Some(before)) = (self.bits.get(hash / 64), self.before.get(hash / 64)) else {
            return &[];
        };
        if word >> (hash % 64) & 1 == 0 {
            return &[];
        }
        let place = *before as usize + (word & ((1 << (hash % 64)) - 1)).count_ones() as usize;
        match self.starts.get(place..place + 2) {
            Some(&[from, until]) => self.entries.get(from as usize..until as usize).unwrap_or_default(),
            _ => &[],
        }
    }
}

/// The text's last bytes with zeros behind them.
fn padded(rest: &[u8]) -> [u8; REACH] {
    let mut block = [0; REACH];
    block.iter_mut().zip(rest).for_each(|(slot, byte)| *slot = *byte);
    block
}

/// The positions of the bits that are set.
#[inline]
fn each(mut bits: u64, mut found: impl FnMut(usize)) {
    while bits != 0 {
        found(bits.trailing_zeros() as usize);
        bits &= bits - 1;
    }
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

/// The eight bytes from a place on, folded; behind the end of the text stand zeros.
#[inline]
fn eight(text: &[u8], at: usize) -> u64 {
    let rest = text.get(at..).unwrap_or_default();
    let bytes = match rest.first_chunk() {
        Some(bytes) => *bytes,
        None => {
            let mut bytes = [0; 8];
            bytes.iter_mut().zip(rest).for_each(|(slot, byte)| *slot = *byte);
            bytes
        }
    };
    u64::from_le_bytes(bytes) | repeated(CASE)
}

/// How often these bytes stand in German and English text, roughly: only the order counts.
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
    letters + if group.windows(3).any(|part| COMMON.contains(&part)) { 30 } else { 0 }
}

#[cfg(test)]
mod tests;
