use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{WORD_MAX, WordSet, WordSetError};

const FIRST_NAME: u8 = 1;
const PLACE: u8 = 2;

fn names() -> WordSet {
    let words =
        ["Anna", "Jörg", "Émile", "Łucja", "Maximilian-Alexander", "anna"].map(|name| (name, FIRST_NAME));
    WordSet::new(words.into_iter().chain([("Anna", PLACE), ("Köln", PLACE)])).unwrap()
}

fn check(word: &str, expected: u8) {
    assert_eq!(names().marks(word.as_bytes()), expected, "{word}");
}

#[test]
fn words_are_found_in_any_case_with_all_their_marks() {
    check("Anna", FIRST_NAME | PLACE);
    check("ANNA", FIRST_NAME | PLACE);
    check("jörg", FIRST_NAME);
    check("JÖRG", FIRST_NAME);
    check("émile", FIRST_NAME);
    check("KÖLN", PLACE);
    check("maximilian-alexander", FIRST_NAME);
    check("Łucja", FIRST_NAME);
}

#[test]
fn what_only_looks_alike_is_not_found() {
    check("", 0);
    check("Ann", 0);
    check("Annas", 0);
    check("An\u{e}a", 0);
    check("J×rg", 0);
    check("maximilian\ralexander", 0);
    check("łucja", 0);
    check(&"a".repeat(WORD_MAX + 1), 0);
}

#[test]
fn a_word_without_letters_or_marks_is_refused() {
    let long = "a".repeat(WORD_MAX + 1);
    assert_eq!(WordSet::new([("a", 1), ("", 1)]).unwrap_err(), WordSetError::Length { number: 1 });
    assert_eq!(WordSet::new([(long.as_str(), 1)]).unwrap_err(), WordSetError::Length { number: 0 });
    assert_eq!(WordSet::new([("a", 0)]).unwrap_err(), WordSetError::NoMark { number: 0 });
    assert!(
        WordSet::new([("a".repeat(WORD_MAX).as_str(), 1)]).unwrap().contains("A".repeat(WORD_MAX).as_bytes())
    );
}

#[test]
fn no_words_make_an_empty_set() {
    let empty = WordSet::new([]).unwrap();
    assert!(empty.is_empty() && !empty.contains(b"a"));
}

#[test]
fn many_words_take_little_memory() {
    let words: Vec<String> = (0..20_000).map(|number| format!("Wort{number}")).collect();
    let set = WordSet::new(words.iter().map(|word| (word.as_str(), 1))).unwrap();
    assert_eq!(set.len(), 20_000);
    assert!(set.memory() <= 20_000 * (11 + 16), "{}", set.memory());
    assert!(words.iter().all(|word| set.contains(word.as_bytes())));
    assert!((20_000..40_000).all(|number| !set.contains(format!("Wort{number}").as_bytes())));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_set_answers_like_a_map(
        words in prop::collection::vec(("[a-eA-EäÄéÉ'@`-]{1,9}", 1_u8..), 0..40),
        asked in prop::collection::vec("[a-eA-EäÄéÉ'@`-]{0,9}", 0..40),
    ) {
        let mut map: BTreeMap<String, u8> = BTreeMap::new();
        for (word, marks) in &words {
            *map.entry(word.to_lowercase()).or_default() |= marks;
        }
        let set = WordSet::new(words.iter().map(|(word, marks)| (word.as_str(), *marks))).unwrap();
        prop_assert_eq!(set.len(), map.len());
        for word in asked.iter().chain(words.iter().map(|(word, _)| word)) {
            let expected = map.get(&word.to_lowercase()).copied().unwrap_or_default();
            prop_assert_eq!(set.marks(word.as_bytes()), expected, "{}", word);
        }
    }
}
