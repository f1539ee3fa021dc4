use schleuse_types::FindingAction;

use std::sync::Arc;

use super::TERMS_MAX;
use crate::{Guardrails, Inspector, Pack};

const LIST: &str = "term,action,label\n# projects\nProjekt Nordlicht,REDACT,SECRET\nGroßkunde Müller,WARN\nZX-81\n\
    \"Meier, Söhne\",WARN\nadler,REDACT,,inside\nGeheimprojekt;MASK\n";

fn inspector() -> Inspector {
    let pack = Pack::with_terms("house", LIST).unwrap();
    Inspector::with_pack(Arc::new(pack), Guardrails::default()).unwrap()
}

/// The terms found in a text.
fn check(text: &str, expected: &[&str]) {
    let findings = inspector().scan(text);
    let found: Vec<&str> = findings
        .iter()
        .filter(|finding| finding.kind == "CUSTOM_TERM")
        .map(|finding| text.get(finding.start..finding.end).unwrap())
        .collect();
    assert_eq!(found, expected, "{text}");
}

#[test]
fn terms_are_whole_words_in_any_case() {
    check("das projekt nordlicht läuft", &["projekt nordlicht"]);
    check("PROJEKT-NORDLICHT, Projekt\nNordlicht.", &["PROJEKT-NORDLICHT", "Projekt\nNordlicht"]);
    check("grosskunde mueller und GROẞKUNDE MÜLLER", &["grosskunde mueller", "GROẞKUNDE MÜLLER"]);
    check("ZX 81, zx\u{a0}81 und ZX81", &["ZX 81", "zx\u{a0}81"]);
    check("Meier, Söhne", &["Meier, Söhne"]);
    check("Geheimprojekte, Projekt Nordlichter, aGeheimprojekt, ZX-812", &[]);
}

#[test]
fn terms_may_stand_inside_words_when_the_list_says_so() {
    check("der Steinadlerhorst", &["adler"]);
    check("Adler! Tadel", &["Adler"]);
}

#[test]
fn rows_say_action_and_label() {
    let inspector = inspector();
    let [finding] = &inspector.scan("Projekt Nordlicht")[..] else { panic!("one finding") };
    assert_eq!(finding.action, FindingAction::Redact);
    assert_eq!(inspector.lowest_label(finding), Some(schleuse_types::Label::SECRET));
    let [finding] = &inspector.scan("ZX-81")[..] else { panic!("one finding") };
    assert_eq!(finding.action, FindingAction::Block);
}

#[test]
fn lists_that_say_nothing_sensible_are_refused() {
    let refused = |list: &str| Pack::with_terms("mine", list).map(|_| ()).unwrap_err().to_string();
    assert_eq!(
        refused("ok term\nx"),
        "pack `mine.csv`, line 2: a term has 2 to 120 bytes and begins with a letter or a digit"
    );
    assert_eq!(
        refused("word,SHOUT"),
        "pack `mine.csv`, line 1: a row is: term, action, label, `inside` or `whole`"
    );
    let many: String = (0..=TERMS_MAX).map(|number| format!("term{number}\n")).collect();
    assert_eq!(refused(&many), "pack `mine.csv`, line 20001: a list has at most 20000 terms");
}

#[test]
fn twenty_thousand_terms_are_found() {
    let many: String = (0..TERMS_MAX).map(|number| format!("kennwort{number} nummer\n")).collect();
    let pack = Arc::new(Pack::with_terms("many", &many).unwrap());
    let inspector = Inspector::with_pack(pack, Guardrails::default()).unwrap();
    let text = "kennwort7 nummer kennwort19999 NUMMER kennwort20000 nummer";
    let found = inspector.scan(text).iter().filter(|finding| finding.kind == "CUSTOM_TERM").count();
    assert_eq!(found, 2);
}

#[test]
fn every_split_is_whole() {
    let text = "Das Projekt  Nordlicht, Großkunde Mueller; Steinadler adl ZX-\n81 Projekt Nord";
    for action in [FindingAction::Redact, FindingAction::Warn] {
        let document = format!("guardrails:\n- type: CUSTOM_TERM\n  action: {action}\n");
        let guardrails = Guardrails::parse(&document).unwrap();
        let pack = Arc::new(Pack::with_terms("house", LIST).unwrap());
        let inspector = Inspector::with_pack(pack, guardrails).unwrap();
        let whole = inspector.redact(text, &inspector.scan(text));
        for cut in (0..=text.len()).filter(|at| text.is_char_boundary(*at)) {
            let mut window = inspector.window();
            let mut output = window.push(text.get(..cut).unwrap()).text;
            output.push_str(&window.push(text.get(cut..).unwrap()).text);
            output.push_str(&window.finish().text);
            assert_eq!(output, whole, "{cut}");
        }
    }
}
