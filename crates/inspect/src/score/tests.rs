use std::sync::Arc;

use proptest::prelude::*;

use super::{Tally, Term, value_of};
use crate::{Guardrails, Inspector, Pack};

fn inspector() -> Inspector {
    Inspector::new(Guardrails::default()).unwrap()
}

fn check(text: &str, expected: f32) {
    assert_eq!(inspector().examine(text).tally.sensitivity(), expected, "{text}");
}

#[test]
fn equal_values_count_once_however_they_are_written() {
    check("Guten Tag", 0.0);
    let once = inspector().examine("DE89370400440532013000").tally.sensitivity();
    assert!(once > 0.7 && once < 1.0);
    check("DE89370400440532013000 und DE89 3704 0044 0532 0130 00, de89370400440532013000", once);
    let two = inspector().examine("DE89370400440532013000 und GB29NWBK60161331926819").tally.sensitivity();
    assert!(two > once && two < 1.0);
    assert_eq!(value_of(b"DE89 3704"), value_of("de89\u{a0}37-04".as_bytes()));
    assert_ne!(value_of(b"DE89 3704"), value_of(b"DE89 3705"));
}

#[test]
fn tallies_of_parts_make_the_tally_of_the_whole() {
    let parts =
        ["IBAN DE89370400440532013000", "a@example.org", "iban de89 3704 0044 0532 0130 00, b@example.org"];
    let mut joined = Tally::default();
    for part in parts {
        joined.join(&inspector().examine(part).tally);
    }
    assert_eq!(joined, inspector().examine(&parts.join("\n")).tally);
}

#[test]
fn every_term_is_told_and_together_they_make_the_score() {
    let text =
        "Kreditkarte 4111 1111 1111 1111, a@example.org, IdNr. 86 095 742 719, IBAN DE89370400440532013000";
    let explanations = inspector().explain(text);
    assert_eq!(explanations.len(), 4);
    for explanation in &explanations {
        let nats: f32 = explanation.terms.iter().map(|(_, nats)| nats).sum();
        assert!((nats - explanation.nats).abs() < 1e-5, "{explanation:?}");
        let score = inspector().pack().calibration.score(explanation.nats);
        assert_eq!(score.to_bits(), explanation.finding.score.to_bits(), "{explanation:?}");
        assert!(explanation.terms.iter().any(|(term, _)| *term == Term::Prior), "{explanation:?}");
    }
    let card = explanations.first().unwrap();
    assert!(card.terms.contains(&(Term::Context, super::CONTEXT)), "{card:?}");
    assert_eq!(explanations, inspector().explain(text));
}

const SHADOW: &str = "[[rule]]\nid = \"try\"\ntype = \"CUSTOM_TERM\"\nkeywords = [\"iban\", \"Falke\"]\ncase = \"any\"\npattern = '(?:iban|Falke)[ A-Z0-9]*'\nends_word = false\nscore = 0.9\nseverity = 1.0\nfloor = 1.0\nlabel = \"SECRET\"\nshadow = true\npositive = [\"Falke 7\"]\nnegative = [\"Habicht\"]\n";

#[test]
fn a_rule_in_shadow_finds_and_changes_nothing() {
    let pack = Arc::new(Pack::with_own(&[("try", SHADOW)]).unwrap());
    let shadowed = Inspector::with_pack(pack, Guardrails::default()).unwrap();
    let text = "Projekt Falke, iban DE89370400440532013000 und password: hunter2!";
    let (with, without) = (shadowed.examine(text), inspector().examine(text));
    assert_eq!(with.findings, without.findings);
    assert_eq!(with.tally, without.tally);
    assert_eq!(with.shadow.iter().map(|finding| finding.start).collect::<Vec<_>>(), [8, 15]);
    assert!(with.shadow.iter().all(|finding| finding.recognizer == "try"));
    assert!(with.shadow.iter().all(|finding| shadowed.lowest_label(finding).is_none()));
    let (mut shown, mut shadow) = (String::new(), Vec::new());
    let mut window = shadowed.window();
    for piece in text.split_inclusive(' ') {
        let released = window.push(piece);
        shown.push_str(&released.text);
        shadow.extend(released.shadow);
    }
    shadow.extend(window.finish().shadow);
    assert!(text.starts_with(&shown) && !shown.contains("DE89"));
    assert_eq!(shadow.first(), with.shadow.first());
}

#[test]
fn markings_set_a_floor() {
    let marked = SHADOW.replace("shadow = true\n", "action = \"RAISE_LABEL\"\n");
    let pack = Arc::new(Pack::with_own(&[("mark", &marked)]).unwrap());
    let with = |guardrails: &str| {
        Inspector::with_pack(Arc::clone(&pack), Guardrails::parse(guardrails).unwrap())
            .unwrap()
            .examine("Projekt Falke")
            .tally
            .sensitivity()
    };
    let floored = with("guardrails: []");
    assert_eq!(floored, 1.0);
    assert!(with("guardrails:\n- type: CUSTOM_TERM\n  action: WARN") < floored);
}

fn findings() -> impl Strategy<Value = Vec<(usize, f32, u64)>> {
    prop::collection::vec((0_usize..crate::kind::KINDS.len(), 0.5_f32..1.0, 0_u64..40), 0..30)
}

fn tally(findings: &[(usize, f32, u64)]) -> Tally {
    let mut tally = Tally::default();
    for (index, score, value) in findings {
        let kind = &crate::kind::KINDS[*index];
        tally.add(kind.name, kind.severity, *score, *value);
    }
    tally
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_is_added_lowers_the_sensitivity(found in findings(), more in findings()) {
        let before = tally(&found).sensitivity();
        let after = tally(&[found, more].concat()).sensitivity();
        prop_assert!((0.0..=1.0).contains(&before) && before <= after && after <= 1.0);
    }

    #[test]
    fn neither_order_nor_portions_matter(found in findings(), at in 0_usize..30, turn in 0_usize..30) {
        let whole = tally(&found);
        let mut turned = found.clone();
        let length = turned.len();
        turned.rotate_left(if length == 0 { 0 } else { turn % length });
        turned.reverse();
        prop_assert_eq!(tally(&turned), whole.clone());
        let (head, tail) = turned.split_at(at.min(length));
        let mut joined = tally(tail);
        joined.join(&tally(head));
        prop_assert_eq!(joined.sensitivity().to_bits(), whole.sensitivity().to_bits());
    }
}

#[test]
fn official_markings_set_their_floors() {
    let check = |text: &str, floor: f32| {
        let sensitivity = inspector().examine(text).tally.sensitivity();
        assert!(sensitivity >= floor, "{text}: {sensitivity}");
    };
    check("VS-NfD\nBericht", 0.90);
    check("TLP:RED", 0.95);
    check("STRENG GEHEIM\nText", 1.0);
}
