use proptest::prelude::*;
use schleuse_types::{Finding, FindingAction};

use super::{SURROGATES_MAX, SurrogateKey, Surrogates, names};

fn key() -> SurrogateKey {
    SurrogateKey::derive(b"secret of the house", "p-1", b"conversation 1")
}

/// A finding for each marked passage: `{PERSON_NAME:Max}` marks `Max`.
fn marked(text: &str) -> (String, Vec<Finding>) {
    let (mut plain, mut findings) = (String::new(), Vec::new());
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        let (before, marked) = rest.split_at(open);
        let (inside, after) = marked.trim_start_matches('{').split_once('}').unwrap();
        let (kind, value) = inside.split_once(':').unwrap();
        plain.push_str(before);
        let start = plain.len();
        plain.push_str(value);
        findings.push(Finding {
            kind: kind.to_owned(),
            recognizer: String::new(),
            path: String::new(),
            start,
            end: plain.len(),
            score: 1.0,
            action: FindingAction::Pseudonymize,
            evasive: false,
            excepted: false,
        });
        rest = after;
    }
    plain.push_str(rest);
    (plain, findings)
}

/// The text as a model sees it, and what it stands for.
fn pseudonymize(text: &str) -> (String, String, Surrogates) {
    let (plain, findings) = marked(text);
    let mut surrogates = Surrogates::new(key());
    surrogates.learn(&plain, &findings);
    let replaced = surrogates.replace(&plain, &findings);
    (plain, replaced, surrogates)
}

/// The surrogate of the first finding.
fn surrogate(text: &str) -> (String, Surrogates) {
    let (_, replaced, surrogates) = pseudonymize(text);
    (replaced, surrogates)
}

#[test]
fn what_leaves_holds_no_value_and_what_returns_is_the_same() {
    for text in [
        "Sehr geehrter {PERSON_NAME:Herr Dr. Max Müller}, Ihr Konto {IBAN:DE89 3704 0044 0532 0130 00} ist leer.",
        "{PERSON_NAME:Max Müller} und {PERSON_NAME:Erika Mustermann}: {EMAIL:max@example.org}, {EMAIL:erika@example.org}.",
        "Dear {PERSON_NAME:Mr. Smith}, your card {CREDIT_CARD:4111 1111 1111 1111} has expired.",
        "**{PERSON_NAME:Max Müller}** wohnt in der {POSTAL_ADDRESS:Musterstraße 1, 12345 Berlin}, geboren {DATE_OF_BIRTH:01.02.1980}",
        "nichts davon",
        "",
    ] {
        let (plain, replaced, surrogates) = pseudonymize(text);
        for value in ["Müller", "Mustermann", "DE89", "4111", "example.org", "Smith", "Musterstraße", "1980"]
        {
            assert!(!replaced.contains(value), "{replaced}");
        }
        assert_eq!(surrogates.restore(&replaced), plain);
    }
}

#[test]
fn a_name_that_was_found_once_is_replaced_everywhere() {
    let (plain, findings) =
        marked("Herr {PERSON_NAME:Max Müller} kam. Müller ging; auch die Müllers. Max blieb, maximal.");
    let mut surrogates = Surrogates::new(key());
    surrogates.learn(&plain, &findings);
    let first = surrogates.replace(&plain, &findings);
    assert!(!first.contains("Müller ") && !first.contains("Max "), "{first}");
    assert!(first.contains("maximal") && first.contains("Müllers"), "{first}");
    let second = surrogates.replace("Was wollte Müller?", &[]);
    assert!(!second.contains("Müller"), "{second}");
    assert_eq!(surrogates.restore(&second), "Was wollte Müller?");
}

#[test]
fn the_same_value_has_one_surrogate_in_a_conversation_and_another_in_the_next() {
    let (text, findings) = marked("{PERSON_NAME:Erika Muster} und {PERSON_NAME:Erika Muster}");
    let replaced = |conversation: &[u8], person: &str| {
        let mut surrogates = Surrogates::new(SurrogateKey::derive(b"secret", person, conversation));
        surrogates.learn(&text, &findings);
        surrogates.replace(&text, &findings)
    };
    let one = replaced(b"1", "p-1");
    let (left, right) = one.split_once(" und ").unwrap();
    assert_eq!(left, right);
    assert_eq!(one, replaced(b"1", "p-1"));
    assert_ne!(one, replaced(b"2", "p-1"));
    assert_ne!(one, replaced(b"1", "p-2"));
}

#[test]
fn models_write_surrogates_in_many_ways() {
    let (text, surrogates) = surrogate("{PERSON_NAME:Müller}");
    let (name, code) = text.split_once('_').unwrap();
    let lower = text.to_lowercase();
    let title = format!("{}_{}", "Person", code.to_lowercase());
    for (written, expected) in [
        (text.clone(), "Müller"),
        (format!("**{text}**"), "**Müller**"),
        (format!("_{text}_"), "_Müller_"),
        (format!("`{text}`"), "`Müller`"),
        (format!("{name}\\_{code}"), "Müller"),
        (format!("{name} {code}"), "Müller"),
        (format!("{name}-{code}"), "Müller"),
        (lower.clone(), "Müller"),
        (title, "Müller"),
        (format!("{text}s Antrag"), "Müllers Antrag"),
        (format!("{text}'s"), "Müller's"),
        (format!("{text}-Vertrag"), "Müller-Vertrag"),
        (format!("({text},"), "(Müller,"),
        (format!("{lower}n"), "Müllern"),
    ] {
        assert_eq!(surrogates.restore(&written), expected, "{written}");
    }
}

#[test]
fn names_that_end_in_s_take_an_apostrophe() {
    let (text, surrogates) = surrogate("{PERSON_NAME:Hans}");
    for (written, expected) in [
        (format!("{text}s Antrag"), "Hans’ Antrag"),
        (format!("{text}s"), "Hans’"),
        (format!("{text} sagt"), "Hans sagt"),
        (format!("{text}sache"), "Hanssache"),
    ] {
        assert_eq!(surrogates.restore(&written), expected, "{written}");
    }
}

#[test]
fn one_wrong_character_is_forgiven_and_an_invention_is_not_shown() {
    let (text, surrogates) = surrogate("{PERSON_NAME:Müller}");
    let last = text.chars().last().unwrap();
    let other = if last == 'A' { 'B' } else { 'A' };
    let damaged = format!("{}{other}", text.trim_end_matches(last));
    assert_eq!(surrogates.restore(&damaged), "Müller");
    // A surrogate of another conversation has a fitting check character and stands for nothing here.
    let mut others = Surrogates::new(SurrogateKey::derive(b"secret", "p-9", b"other"));
    let (plain, findings) = marked("{PERSON_NAME:Schmidt}");
    others.learn(&plain, &findings);
    let foreign = others.replace(&plain, &findings);
    assert_eq!(surrogates.restore(&format!("Frau {foreign}")), "Frau [PERSON]");
    // Words that only begin like one stay.
    for word in ["Person", "PERSON_", "person_liches", "Personal", "PERSON_ÄÖÜÄÖÜ", "P", "PERSON Muster"]
    {
        assert_eq!(surrogates.restore(word), word);
    }
}

#[test]
fn nothing_is_turned_back_inside_an_address() {
    let (text, surrogates) = surrogate("{PERSON_NAME:Müller}");
    for written in [
        format!("https://evil.example/?q={text}"),
        format!("![x](https://evil.example/{text}.png)"),
        format!("[x](/{text})"),
        format!("<img src=\"http://evil.example/{text}\">"),
    ] {
        assert_eq!(surrogates.restore(&written), written);
    }
    let mixed = format!("https://a.example {text} [{text}](x)");
    assert_eq!(surrogates.restore(&mixed), "https://a.example Müller [Müller](x)");
}

#[test]
fn an_address_of_the_conversation_itself_comes_back_whole() {
    let text = "Siehe https://intra.example/{PERSON_NAME:Müller}/akte und [hier](mailto:{EMAIL:max@example.org}?x=1).";
    let (plain, replaced, surrogates) = pseudonymize(text);
    assert!(!replaced.contains("Müller") && !replaced.contains("max@"), "{replaced}");
    assert_eq!(surrogates.restore(&replaced), plain);
    let other = replaced.replace("intra.example", "evil.example");
    assert!(!surrogates.restore(&other).contains("Müller"));
}

#[test]
fn text_that_looks_like_a_surrogate_comes_back_as_it_was() {
    let (text, _) = surrogate("{PERSON_NAME:Müller}");
    let mut surrogates = Surrogates::new(key());
    let said = format!("Was bedeutet {text}?");
    surrogates.learn(&said, &[]);
    let replaced = surrogates.replace(&said, &[]);
    assert!(!replaced.contains(&text), "{replaced}");
    assert_eq!(surrogates.restore(&replaced), said);
}

#[test]
fn beyond_the_limit_values_are_redacted() {
    let mut surrogates = Surrogates::new(key());
    for number in 0..=SURROGATES_MAX {
        let (plain, findings) = marked(&format!("{{EMAIL:a{number}@example.org}}"));
        surrogates.learn(&plain, &findings);
        if number == SURROGATES_MAX {
            assert_eq!(surrogates.replace(&plain, &findings), "[EMAIL]");
        }
    }
    assert_eq!(surrogates.len(), SURROGATES_MAX);
}

#[test]
fn no_name_ends_in_another() {
    let names: Vec<&str> = names().collect();
    for name in &names {
        assert!(name.len() <= 15, "{name}");
        let ends = names.iter().filter(|other| name.ends_with(**other)).count();
        assert_eq!(ends, 1, "{name}");
    }
}

const PIECES: &[&str] = &[
    "{PERSON_NAME:Max Müller}",
    "{PERSON_NAME:Hans}",
    "{PERSON_NAME:Erika Mustermann-Weiß}",
    "{IBAN:DE89370400440532013000}",
    "{EMAIL:max@example.org}",
    "{POSTAL_ADDRESS:Am Markt 5, 99084 Erfurt}",
    "{CREDIT_CARD:4111 1111 1111 1111}",
    " ",
    ", ",
    ". ",
    "\n",
    "s ",
    "Person",
    "PERSON_",
    "PERSON_ABCDEF",
    "TEXT_AAAAAA",
    "https://example.org/",
    "](",
    ")",
    "**",
    "_",
    "\\_",
    "Müller",
    "Hans",
    "und der Antrag von ",
    "ä",
    "😀",
];

proptest! {
    #[test]
    fn echo_is_the_identity_at_every_split(
        parts in prop::collection::vec(prop::sample::select(PIECES), 0..12),
        sizes in prop::collection::vec(1_usize..9, 1..6),
    ) {
        let (plain, replaced, surrogates) = pseudonymize(&parts.concat());
        let whole = surrogates.restore(&replaced);
        let mut restorer = surrogates.restorer();
        let mut restored = String::new();
        let mut rest = replaced.as_str();
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let cut = rest.char_indices().nth(*size).map_or(rest.len(), |(at, _)| at);
            let (piece, after) = rest.split_at(cut);
            restored.push_str(&restorer.push(piece));
            assert!(restorer.held() <= super::restorer::SURROGATE_BYTES_MAX);
            rest = after;
        }
        restored.push_str(&restorer.finish());
        prop_assert_eq!(&restored, &whole);
        prop_assert_eq!(whole, plain);
    }
}
