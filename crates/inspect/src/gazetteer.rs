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
    words().map_or(0, |words| words.marks(word))
}

/// Reads the lists unless that was done: a pack asks for it, so that the first text does not wait.
pub(crate) fn load() {
    words();
}

fn words() -> Option<&'static WordSet> {
    static WORDS: OnceLock<Option<WordSet>> = OnceLock::new();
    let words = WORDS.get_or_init(|| {
        let lines = LISTS.iter().flat_map(|(list, mark)| {
            list.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(|line| (line, *mark))
        });
        WordSet::new(lines).ok()
    });
    words.as_ref()
}

#[cfg(test)]
mod tests {
    use super::{GIVEN, LISTS, ORDINARY, SURNAME, TITLE, TOWN, marks};

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
}
