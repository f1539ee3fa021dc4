use proptest::prelude::*;

use super::super::checks;
use super::import_presidio;
use crate::Pack;

const REGISTRY: &str = r#"
supported_languages: [en, de]
recognizers:
  - name: CreditCardRecognizer
    type: predefined
  - name: Zip code
    supported_language: en
    supported_entity: ZIP
    patterns:
      - name: five digits
        regex: "(\\b\\d{5}(?:-\\d{4})?\\b)"
        score: 0.3
    context: [zip, Postleitzahl]
  - name: Titles
    supported_entity: TITLE
    supported_languages:
      - language: de
        context: [anrede]
      - en
    deny_list: [Dr., Prof., "Prof. Dr."]
  - name: Badge
    supported_entity: US_SSN
    patterns:
      - {name: badge, regex: "\\bBDG-[0-9]{6}\\b", score: 0.8}
      - {name: looks, regex: "(?<!x)BDG[0-9]{6}", score: 0.8}
      - {name: back, regex: "([a-z])\\1[0-9]", score: 0.8}
      - {name: open, regex: "[a-z]+x", score: 0.8}
      - {name: weak, regex: "[0-9]{3}", score: 0.01}
  - {name: Off, enabled: false, supported_entity: X, deny_list: [x]}
  - {name: Case, supported_entity: PASSPORT, context: [pass], patterns: [{name: p, regex: "[A-Z]{2}[0-9]{7}", score: 0.4}]}
  - {name: Ticket, supported_entity: TICKET, context: [ticket], patterns: [{name: t, regex: "[a-z]{3}[0-9]{3}", score: 0.7}]}
"#;

fn check(text: &str, expected: &[(&str, &str)]) {
    checks::findings(&import_presidio(REGISTRY).unwrap(), text, expected);
}

#[test]
fn recognizers_find_what_they_found_there() {
    check("zip 12345", &[("presidio-zip-code-five-digits", "12345")]);
    check("Postleitzahl: 12345-6789", &[("presidio-zip-code-five-digits", "12345-6789")]);
    check("12345", &[]);
    check("BDG-123456", &[("presidio-badge-badge", "BDG-123456")]);
    check("XBDG-123456 BDG-1234567", &[]);
    check("an prof. dr. Weber", &[("presidio-titles-terms", "prof. dr.")]);
    check("Pass AB1234567", &[("presidio-case-p", "AB1234567")]);
    check("Ticket: abc123", &[("presidio-ticket-t", "abc123")]);
}

#[test]
fn what_is_not_taken_over_is_told() {
    let import = import_presidio(REGISTRY).unwrap();
    assert_eq!(import.rules, 5);
    let told: Vec<String> = import.remarks.iter().map(ToString::to_string).collect();
    let expected = [
        "line 2: `supported_languages` taken with limits: this setting of the registry means nothing here",
        "line 4: `CreditCardRecognizer` left out: it has neither `patterns` nor `deny_list`: its rule is code of Presidio; see the types here",
        "line 25: `Badge` left out: its pattern looks around, which no search in linear time can do",
        "line 26: `Badge` left out: its pattern refers back to a group, which no search in linear time can do",
        "line 27: `Badge` left out: its pattern begins with nothing to look for, and it has no context words",
        "line 28: `Badge` taken with limits: only digits that begin a word are looked at",
        "line 28: `Badge` left out: with a score of 0.01 nothing would ever be found",
        "line 29: `Off` left out: it is not enabled",
        "line 30: `Case` taken with limits: only capitals that a digit follows soon are looked at",
        "line 31: `Ticket` taken with limits: only the first word behind one of its context words are looked at",
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_file_without_recognizers_is_refused() {
    let refuse = |yaml: &str, message: &str| {
        assert_eq!(import_presidio(yaml).unwrap_err().to_string(), message, "{yaml}");
    };
    refuse("rules: []", "line 1: no list `recognizers:`, as Presidio writes it");
    refuse("recognizers: yes", "line 1: no list `recognizers:`, as Presidio writes it");
    refuse("a: [", "line 2: while parsing a node, did not find expected node content");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_imported_loads(regex in r"[\[\]()a-cA-C0-9\\db|?*+{}^$.-]{0,20}", score in 0.0_f32..1.2) {
        let regex = regex.replace('\'', "");
        let yaml = format!("recognizers:\n- name: r\n  supported_entity: X\n  context: [word]\n  patterns: [{{name: p, regex: '{regex}', score: {score}}}]\n");
        let import = import_presidio(&yaml).unwrap();
        prop_assert!(import.rules == 0 || Pack::load(&[("p", &import.pack)]).is_ok());
        prop_assert!(import.rules + import.remarks.len() > 0);
    }
}
