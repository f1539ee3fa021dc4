use proptest::prelude::*;
use schleuse_wire::json::{Bounds, parse};

use super::{Map, Marked, is_stand_in, reveal, take_marked};

/// A text, the words that are marked in it with their types, and what models see.
type Turn<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);

/// What models see of these turns, in each of which the words behind it are marked where they stand first.
fn check(turns: &[Turn<'_>]) {
    let mut map = Map::default();
    for (text, words, expected) in turns {
        let marked: Vec<Marked> = words
            .iter()
            .map(|(word, kind)| {
                let start = text.find(word).unwrap();
                Marked { start, end: start + word.len(), kind: (*kind).to_owned() }
            })
            .collect();
        let hidden = map.hide(text, &marked, &|_| false).unwrap();
        assert_eq!(hidden.text, *expected);
        assert_eq!(reveal(&hidden.text, &hidden.masks), *text);
        assert_eq!(map.apply(&hidden.text), hidden.text, "once is enough");
    }
}

const NAME: &str = "PERSON_NAME";

#[test]
fn a_word_has_the_same_stand_in_in_every_turn() {
    check(&[
        ("IBAN DE02 gehört Müller", &[("DE02", "IBAN"), ("Müller", NAME)], "IBAN [IBAN_1] gehört [PERSON_1]"),
        ("Schreibe Müller wegen DE02.", &[], "Schreibe [PERSON_1] wegen [IBAN_1]."),
        ("DE02 und DE03", &[("DE03", "IBAN")], "[IBAN_1] und [IBAN_2]"),
    ]);
}

#[test]
fn inflected_words_keep_their_endings() {
    check(&[
        ("Müller, Müllers Vertrag", &[("Müllers", NAME)], "[PERSON_1], [PERSON_1]s Vertrag"),
        (
            "Müllers Kündigung, die Müllerin, Müller’s",
            &[],
            "[PERSON_1]s Kündigung, die Müllerin, [PERSON_1]’s",
        ),
        ("Den Müllern und MÜLLER", &[], "Den [PERSON_1]n und MÜLLER"),
        ("Max’ Brief an Max", &[("Max", NAME)], "[PERSON_2]’ Brief an [PERSON_2]"),
        ("Schulzes Akte", &[("Schulzes", NAME)], "[PERSON_3] Akte"),
        ("An Schulze", &[], "An [PERSON_3b]"),
        ("Hans und Hansens", &[("Hans", NAME)], "[PERSON_4] und [PERSON_4]ens"),
    ]);
}

#[test]
fn parts_of_a_name_are_masked_with_it() {
    check(&[
        ("Frau Erika Mustermann", &[("Erika Mustermann", NAME)], "Frau [PERSON_1]"),
        ("Mustermanns Akte, von Erika", &[], "[PERSON_1c]s Akte, von [PERSON_1b]"),
        (
            "Frau Dr. Mia Berg; Frau Berg; Dr. X",
            &[("Frau Dr. Mia Berg", NAME)],
            "[PERSON_2]; Frau [PERSON_2c]; Dr. X",
        ),
    ]);
}

#[test]
fn nothing_inside_of_words_and_no_single_letters() {
    check(&[
        ("a X b X", &[("X", "SECRET")], "a [SECRET_1] b X"),
        (
            "Berg, Bergwerk, Eisberg, Heidelberg",
            &[("Berg", NAME)],
            "[PERSON_1], Bergwerk, Eisberg, Heidelberg",
        ),
        ("x DATE y", &[("DATE", "DATE")], "x [DATE_1] y"),
        ("[PERSON_2] Lee", &[("Lee", NAME)], "[PERSON_2] [PERSON_3]"),
    ]);
    assert!(is_stand_in("[PERSON_1b]") && is_stand_in("[DE_TAX_ID_12]"));
    assert!(!is_stand_in("PERSON_1") && !is_stand_in("[x_1]") && !is_stand_in("[PERSON_]"));
}

/// Which words these places mark; None where they are refused.
fn check_places(text: &str, places: &str, expected: Option<&[&str]>) {
    let value = parse(places.as_bytes(), &Bounds::default()).unwrap();
    let marked = take_marked(Some(value), "masks", text);
    let words = marked
        .ok()
        .map(|all| all.iter().map(|place| text.get(place.start..place.end).unwrap()).collect::<Vec<_>>());
    assert_eq!(words.as_deref(), expected, "{places}");
}

#[test]
fn places_are_those_of_a_page() {
    let text = "😀 Müller in Köln";
    check_places(
        text,
        r#"[{"start":13,"end":17,"type":"X"},{"start":3,"end":9,"type":"X"}]"#,
        Some(&["Müller", "Köln"]),
    );
    check_places(text, "[]", Some(&[]));
    check_places(
        text,
        r#"[{"start":0,"end":2,"type":"X"},{"start":2,"end":3,"type":"X"}]"#,
        Some(&["😀", " "]),
    );
    for wrong in [
        r#"[{"start":1,"end":3,"type":"X"}]"#,
        r#"[{"start":3,"end":3,"type":"X"}]"#,
        r#"[{"start":9,"end":3,"type":"X"}]"#,
        r#"[{"start":3,"end":18,"type":"X"}]"#,
        r#"[{"start":-1,"end":3,"type":"X"}]"#,
        r#"[{"start":3,"end":9,"type":"x"}]"#,
        r#"[{"start":3,"end":9}]"#,
        r#"[{"start":3,"end":9,"type":"X","to":"Y"}]"#,
        r#"[{"start":3,"end":9,"type":"X"},{"start":5,"end":12,"type":"X"}]"#,
        r#"{"start":3,"end":9,"type":"X"}"#,
    ] {
        check_places(text, wrong, None);
    }
}

proptest! {
    /// What is hidden comes back as it was, and no masked word stands whole in what models see.
    #[test]
    fn what_is_hidden_comes_back(text in "([a-cA-C_ß\\[\\]1]{1,4}[ ,.]?){1,12}", cuts in prop::collection::vec((0..40_usize, 1..5_usize), 0..5)) {
        let mut map = Map::default();
        let mut marked: Vec<Marked> = Vec::new();
        for (start, length) in cuts {
            let (start, end) = (text.floor_char_boundary(start.min(text.len())), text.floor_char_boundary((start + length).min(text.len())));
            if start < end && marked.iter().all(|other| other.end <= start || end <= other.start) {
                marked.push(Marked { start, end, kind: "PERSON_NAME".to_owned() });
            }
        }
        let hidden = map.hide(&text, &marked, &|_| false).unwrap();
        prop_assert_eq!(reveal(&hidden.text, &hidden.masks), text.as_str());
        let again = map.hide(&text, &[], &|_| false).unwrap();
        prop_assert_eq!(reveal(&again.text, &again.masks), text.as_str());
    }
}
