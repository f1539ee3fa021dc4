//! Names, towns and ordinary words that the textual recognizers look up.

use std::sync::OnceLock;

use crate::word_set::WordSet;

/// A given name.
pub(crate) const GIVEN: u8 = 1;
/// A family name.
pub(crate) const SURNAME: u8 = 2;
/// A word of the language that begins with a capital for other reasons.
pub(crate) const ORDINARY: u8 = 4;
/// The first word of a town's name.
pub(crate) const TOWN: u8 = 8;
/// An academic degree, an office or a form of address before a name.
pub(crate) const TITLE: u8 = 16;
/// What makes the words before it the name of a company, an institute or a street.
pub(crate) const BODY: u8 = 32;

/// The lists, with the mark of their words. Lines that begin with `#` are remarks.
pub(crate) const LISTS: &[(&str, u8)] = &[
    (include_str!("../../../recognizers/gazetteer/given.txt"), GIVEN),
    (include_str!("../../../recognizers/gazetteer/surnames.txt"), SURNAME),
    (include_str!("../../../recognizers/gazetteer/words.txt"), ORDINARY),
    (include_str!("../../../recognizers/gazetteer/towns.txt"), TOWN),
    (include_str!("../../../recognizers/gazetteer/titles.txt"), TITLE),
    (include_str!("../../../recognizers/gazetteer/bodies.txt"), BODY),
];

/// The marks of a word, 0 for one that is in no list.
pub(crate) fn marks(word: &[u8]) -> u8 {
    gazetteer().map_or(0, |gazetteer| gazetteer.words.marks(word))
}

/// Whether the word that begins at `start` with a capital may be a given or a family name, also in the genitive. Says no
/// only where the letters of the word are all there, one of them is small, and no name is written like it.
///
/// Costs a fraction of reading the word and looking it up. In German every noun begins with a capital.
#[inline]
pub(crate) fn may_be_name(text: &[u8], start: usize) -> bool {
    let Some(first) = eight(text, start) else { return true };
    let mut letters = letters(first);
    let is_long = letters == EIGHT;
    let mut end = start + letters;
    while letters == EIGHT {
        let Some(more) = eight(text, end) else { return true };
        letters = self::letters(more);
        end += letters;
    }
    // A hyphen or an apostrophe may join another word; other letters than those of Latin-1 are not looked at here.
    if !matches!(text.get(end), Some(0..0x80)) || matches!(text.get(end), Some(b'-' | b'\'')) {
        return true;
    }
    let small = match first.to_le_bytes() {
        [0xC3, _, 0xC3, low, ..] | [_, 0xC3, low, ..] => low >= 0x9F,
        [0xC3, _, second, ..] | [_, second, ..] => second.is_ascii_lowercase(),
    };
    // × and ÷ are no letters, also where their second byte is the ninth.
    let signs = || holds(first, 0x97) || holds(first, 0xB7) || first >> 56 == 0xC3;
    if !small || first & HIGH != 0 && signs() {
        return true;
    }
    let key = if is_long { first | CASE } else { key(first, end - start) };
    gazetteer().is_none_or(|gazetteer| gazetteer.may_be(key))
}

/// Reads the lists unless that was done: a pack asks for it, so that the first text does not wait.
pub(crate) fn load() {
    gazetteer();
}

#[derive(Debug)]
struct Gazetteer {
    words: WordSet,
    /// A bit for each hash of the first eight bytes of a name.
    names: Box<[u64; NAMES / 64]>,
}

/// Bits of [`Gazetteer::names`]: ten for each name, so that of other words one in ten is looked at in vain.
const NAMES: usize = 256 * 1024;
/// Bytes of a word that are looked at together.
const EIGHT: usize = 8;
const HIGH: u64 = 0x8080_8080_8080_8080;
const LOW: u64 = 0x7F7F_7F7F_7F7F_7F7F;
const CASE: u64 = 0x2020_2020_2020_2020;

fn gazetteer() -> Option<&'static Gazetteer> {
    static GAZETTEER: OnceLock<Option<Gazetteer>> = OnceLock::new();
    let made = GAZETTEER.get_or_init(|| {
        let lines = LISTS.iter().flat_map(|(list, mark)| {
            list.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(|line| (line, *mark))
        });
        let mut made =
            Gazetteer { words: WordSet::new(lines.clone()).ok()?, names: Box::new([0; NAMES / 64]) };
        for (name, _) in lines.filter(|(_, mark)| mark & (GIVEN | SURNAME) != 0) {
            for ending in ["", "s"] {
                let written = format!("{name}{ending}");
                let mut first = [0; EIGHT];
                first.iter_mut().zip(written.bytes()).for_each(|(slot, byte)| *slot = byte);
                let at = Gazetteer::place(key(u64::from_le_bytes(first), written.len()));
                made.names.get_mut(at / 64).into_iter().for_each(|word| *word |= 1 << (at % 64));
            }
        }
        Some(made)
    });
    made.as_ref()
}

impl Gazetteer {
    fn may_be(&self, key: u64) -> bool {
        let at = Self::place(key);
        self.names.get(at / 64).is_none_or(|word| word >> (at % 64) & 1 != 0)
    }

    fn place(key: u64) -> usize {
        // The golden ratio in 64 bits, as in Fibonacci hashing (Knuth, TAOCP volume 3, section 6.4).
        (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - NAMES.trailing_zeros())) as usize
    }
}

/// The first bytes of a word of so many bytes, in small letters: [`WordSet`] joins no letters that this does not join.
fn key(first: u64, length: usize) -> u64 {
    if length < EIGHT { (first | CASE) & ((1 << (8 * length)) - 1) } else { first | CASE }
}

fn eight(text: &[u8], at: usize) -> Option<u64> {
    text.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

/// How many letters these bytes begin with: of ASCII, or both bytes of one of Latin-1, × and ÷ among them.
fn letters(bytes: u64) -> usize {
    let folded = (bytes | CASE) & LOW;
    // The high bit of each byte tells `a..` from what comes before, and what comes behind `z`.
    let ascii =
        folded.wrapping_add(0x1F1F_1F1F_1F1F_1F1F) & !folded.wrapping_add(0x0505_0505_0505_0505) & !bytes;
    let rest = bytes & !(bytes << 1);
    let all = (ascii | rest | zeros(bytes ^ 0xC3C3_C3C3_C3C3_C3C3)) & HIGH;
    ((all ^ HIGH).trailing_zeros() / 8) as usize
}

/// The high bit of each byte that is 0.
fn zeros(bytes: u64) -> u64 {
    !(((bytes & LOW).wrapping_add(LOW)) | bytes) & HIGH
}

fn holds(bytes: u64, byte: u8) -> bool {
    zeros(bytes ^ u64::from_le_bytes([byte; EIGHT])) != 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{GIVEN, LISTS, ORDINARY, SURNAME, TITLE, TOWN, letters, marks, may_be_name};
    use crate::letters::Reader;

    #[test]
    fn lists_are_sorted_and_fit() {
        for (list, mark) in LISTS {
            let words: Vec<&str> = list.lines().filter(|line| !line.starts_with('#')).collect();
            assert!(words.is_sorted() && words.len() > 50, "{mark}");
            for word in words {
                assert_eq!(marks(word.as_bytes()) & mark, *mark, "{word}");
            }
        }
    }

    #[test]
    fn words_may_have_several_marks() {
        let check =
            |word: &str, expected: u8| assert_eq!(marks(word.as_bytes()) & expected, expected, "{word}");
        check("MÜLLER", SURNAME);
        check("Ernst", GIVEN | SURNAME | ORDINARY);
        check("berlin", TOWN);
        check("Prof", TITLE);
        assert_eq!(marks("Ölkrise".as_bytes()), 0);
    }
    #[test]
    fn names_are_passed_on() {
        let check = |text: &str, expected: bool| {
            assert_eq!(may_be_name(text.as_bytes(), 0), expected, "{text}");
        };
        check("Rechnung vom Montag", false);
        check("Übersicht der Kosten", false);
        check("Müller, bitte", true);
        check("Annas Rechnung", true);
        check("MÜLLER, Eva, hier", true);
        check("Rechnungs-Müller hier", true);
        check("Rechnung", true);
        for (list, _) in LISTS.iter().filter(|(_, mark)| mark & (GIVEN | SURNAME) != 0) {
            for name in list.lines().filter(|line| !line.starts_with('#')) {
                for ending in ["", "s", "×", "-Eck", "’s"] {
                    check(&format!("{name}{ending}, die heute kommt"), true);
                }
            }
        }
    }

    proptest! {
        /// What the reader of words takes for a letter, and no more, but for × and ÷.
        #[test]
        fn letters_are_those_of_words(text in "[a-zA-Z\u{c0}-\u{ff}@\\[`{0-9 „.Āé]{8}") {
            let bytes: [u8; 8] = *text.as_bytes().first_chunk().unwrap();
            let reader = Reader::new(&bytes, true);
            let mut end = 0;
            while end < 8 {
                let both = bytes[end..].len() > 1 && bytes[end] == 0xC3;
                match reader.letter(end) {
                    Some((length, _)) if length == 1 || both => end += length,
                    _ if both => end += 2,
                    _ if bytes[end] == 0xC3 => end += 1,
                    _ => break,
                }
            }
            prop_assert_eq!(letters(u64::from_le_bytes(bytes)), end);
        }
    }
}
