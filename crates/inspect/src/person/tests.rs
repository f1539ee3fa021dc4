use super::{Cue, read_behind, read_known};
use crate::text::Outcome;

/// What is found at the first word, behind the cue when there is one.
fn check(cue: Option<(Cue, &str)>, text: &str, expected: &str) {
    let outcome = match cue {
        Some((cue, words)) => read_behind(text.as_bytes(), words.len(), true, cue),
        None => read_known(text.as_bytes(), 0, true),
    };
    let found = match outcome {
        Outcome::Hit { start, end, .. } => text.get(start..end).unwrap(),
        Outcome::Nothing => "",
        Outcome::Open(_) => "open",
    };
    assert_eq!(found, expected, "{text}");
}

#[test]
fn known_names() {
    check(None, "Anna Schneider sagt", "Anna Schneider");
    check(None, "Anna Müllers Akte", "Anna Müller");
    check(None, "Hans-Peter von der Leyen", "Hans-Peter von der Leyen");
    check(None, "Anna Rechnung", "");
    check(None, "Anna Bestellnummer", "");
    check(None, "Anna", "");
    check(None, "Robert Bosch GmbH", "");
    check(None, "MÜLLER, Anna Maria", "MÜLLER, Anna Maria");
    check(None, "Thomas, Anna und Max", "");
}

#[test]
fn announced_names() {
    let herr = Some((Cue::Salutation, "Herr"));
    check(herr, "Herr Dr. Xylander, danke", "Xylander");
    check(herr, "Herr Müller Termin", "Müller");
    check(herr, "Herr Graf", "Graf");
    check(herr, "Herr von Graf", "von Graf");
    check(herr, "Herr der Ringe", "");
    check(Some((Cue::Signature, "LG")), "LG Anna\n", "Anna");
    check(Some((Cue::Label, "name")), "name: \"Okonkwo\",", "Okonkwo");
}

#[test]
fn what_touches_the_end_stays_open() {
    let open = |text: &str| matches!(read_known(text.as_bytes(), 0, false), Outcome::Open(0));
    assert!(open("Anna") && open("Anna Schneider") && open("Ann"));
    assert!(!open("Termin am") && !open("Anna Schneider sagt ja"));
}
