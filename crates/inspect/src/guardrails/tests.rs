use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use schleuse_types::FindingAction::{self, Allow, Block, Mask, Pseudonymize, Redact, Warn};
use schleuse_types::{Label, Level, Secret, Zone};

use super::{GuardrailError, Guardrails};
use crate::pack::{Pack, Rule};
use crate::{Direction, Inspector, Scope, exception_value};

/// The actions of types that a text gives another action than their own, of any request.
fn actions(text: &str) -> Result<BTreeMap<String, FindingAction>, GuardrailError> {
    let guardrails = Guardrails::parse(text)?;
    let selection = guardrails.select(&Scope::default());
    let pack = Pack::built_in().unwrap();
    let action = |rule: &Rule| (rule.kind.name.to_owned(), guardrails.verdict(&selection, rule).action);
    Ok(pack.rules.iter().filter(|rule| action(rule).1 != rule.action).map(action).collect())
}

fn check(text: &str, expected: &[(&str, FindingAction)]) {
    let expected = expected.iter().map(|(name, action)| ((*name).to_owned(), *action)).collect();
    assert_eq!(actions(text), Ok(expected), "{text}");
}

fn refuse(text: &str, message: &str) {
    assert_eq!(Guardrails::parse(text).map_err(|error| error.to_string()), Err(message.to_owned()), "{text}");
}

/// The configuration that came with the requirements, shortened to its forms.
const DOCUMENT: &str = r#"
deployment:
  type: "azure-openai"
  region: "europe-west"  # Daten bleiben in EU

security:
  training: "OPT_OUT"  # Kritisch wichtig!

guardrails:
  - type: "PII_FILTER"
    action: "BLOCK"
  - type: "CODE_SCANNER"
    patterns: ["API_KEY", "PASSWORD", "SECRET"]
    action: "REDACT"
"#;

#[test]
fn the_document_s_guardrails_load_as_they_are() {
    let inspector = Inspector::new(Guardrails::parse(DOCUMENT).unwrap()).unwrap();
    for rule in inspector.pack().rules() {
        let kind = crate::kind::find(rule.kind).unwrap();
        let expected = match rule.kind {
            "API_KEY" | "PASSWORD" | "SECRET" => Redact,
            _ if kind.personal => Block,
            _ => rule.action,
        };
        assert_eq!(inspector.action_of(rule.id), Some(expected), "{}", rule.id);
    }
}

#[test]
fn both_forms_say_the_same() {
    let expected = [("EMAIL", Warn), ("IBAN", Redact)];
    check("guardrails:\n- type: IBAN\n  action: redact # strict\n", &[("IBAN", Redact)]);
    check(
        "guardrails:\n  - type: IBAN\n    action: REDACT\n  - action: 'WARN'\n    type: 'EMAIL'\nother: 1\n",
        &expected,
    );
    check("guardrails: [{type: IBAN, action: REDACT}, {type: EMAIL, action: WARN}]\n", &expected);
    check(
        "x = 1\n[[guardrail]]\ntype = \"IBAN\"\naction = \"REDACT\"\n[[ guardrail ]] # two\ntype = \"EMAIL\"\naction = \"WARN\"\n",
        &expected,
    );
    check(
        "guardrails:\n  - type: CODE_SCANNER\n    action: WARN\n    patterns:\n      - PRIVATE_KEY\n      - \"JWT\"\n",
        &[("PRIVATE_KEY", Warn), ("JWT", Warn)],
    );
    check(
        "[[guardrail]]\ntype = \"CODE_SCANNER\"\naction = \"BLOCK\"\npatterns = [\"JWT\"]\n",
        &[("JWT", Block)],
    );
    check("guardrails: []\n", &[]);
    check("guardrails:\n", &[]);
}

#[test]
fn of_equals_the_strictest_counts() {
    check("guardrails:\n- type: EMAIL\n  action: WARN\n- type: EMAIL\n  action: ALLOW\n", &[("EMAIL", Warn)]);
    check("guardrails:\n- type: IBAN\n  action: BLOCK\n- type: IBAN\n  action: ALLOW\n", &[]);
}

const GENERAL: &str = "guardrails:\n- {type: PII_FILTER, action: BLOCK}\n";

/// The action for an e-mail address in one scope.
fn mail(guardrails: &Guardrails, scope: &Scope<'_>) -> FindingAction {
    let inspector = Inspector::new(guardrails.clone()).unwrap();
    inspector.for_scope(scope).action_of("email").unwrap()
}

#[test]
fn what_is_precise_may_be_laxer_in_the_same_file() {
    let in_file = |rows: &str| {
        let guardrails = Guardrails::parse(&format!("{GENERAL}{rows}")).unwrap();
        mail(&guardrails, &Scope::default())
    };
    assert_eq!(in_file(""), Block);
    assert_eq!(in_file("- {type: EMAIL, action: WARN}\n"), Warn);
    assert_eq!(in_file("- {rule: email, action: ALLOW}\n- {type: EMAIL, action: REDACT}\n"), Allow);
    assert_eq!(in_file("- {type: IBAN, action: ALLOW}\n"), Block);
}

#[test]
fn a_further_file_can_only_make_stricter() {
    let parse = |text: &str| Guardrails::parse(text).unwrap();
    let lax = parse("guardrails:\n- {rule: email, action: ALLOW}\n");
    let strict = parse(GENERAL);
    let scope = Scope::default();
    assert_eq!(mail(&strict.clone().and(lax.clone()), &scope), Block);
    assert_eq!(mail(&lax.clone().and(strict), &scope), Block);
    let iban = |guardrails: Guardrails| Inspector::new(guardrails).unwrap().action_of("iban");
    let laxer = parse("guardrails:\n- {type: IBAN, action: ALLOW}\n");
    assert_eq!(iban(laxer.clone()), Some(Allow));
    assert_eq!(iban(Guardrails::default().and(laxer.clone())), Some(Block));
    assert_eq!(iban(lax.and(laxer)), Some(Block));
}

#[test]
fn conditions_count_where_they_are_met() {
    let guardrails = Guardrails::parse(
        "[[guardrail]]\ntype = \"EMAIL\"\naction = \"WARN\"\n\
         [[guardrail]]\ntype = \"EMAIL\"\naction = \"ALLOW\"\ndirection = \"answer\"\n\
         [[guardrail]]\ntype = \"EMAIL\"\naction = \"REDACT\"\nzone = [\"external\"]\n\
         [[guardrail]]\ntype = \"EMAIL\"\naction = \"PSEUDONYMIZE\"\nlabel = \"CONFIDENTIAL\"\n\
         [[guardrail]]\ntype = \"EMAIL\"\naction = \"MASK\"\nlabel = \"CONFIDENTIAL\"\ngroup = \"payroll\"\n",
    )
    .unwrap();
    let payroll = ["payroll".to_owned()];
    let check = |scope: Scope<'_>, expected| assert_eq!(mail(&guardrails, &scope), expected, "{scope:?}");
    check(Scope::default(), Warn);
    let answer = Scope { direction: Some(Direction::Answer), ..Scope::default() };
    check(answer, Allow);
    check(Scope { direction: Some(Direction::Request), ..answer }, Warn);
    let external = Scope { zone: Some(Zone::External), ..answer };
    check(external, Redact);
    check(Scope { zone: Some(Zone::Local), ..answer }, Allow);
    let secret = Scope { label: Some(&Label::SECRET), ..Scope::default() };
    check(secret, Pseudonymize);
    check(Scope { label: Some(&Label::INTERNAL), ..secret }, Warn);
    check(Scope { groups: &payroll, ..secret }, Mask);
    check(Scope { groups: &payroll, ..external }, Redact);
}

#[test]
fn a_guardrail_says_where_a_label_rises_to() {
    let raised = |rows: &str, label: &Label| {
        let guardrails = Guardrails::parse(&format!("guardrails:\n{rows}")).unwrap();
        let scope = Scope { label: Some(label), ..Scope::default() };
        let inspector = Inspector::new(guardrails).unwrap().for_scope(&scope);
        let found = inspector.scan("an jemand@example.org");
        let label = found.iter().find_map(|finding| inspector.lowest_label(finding));
        label.map(|label| label.to_string())
    };
    let check = |rows: &str, expected: Option<&str>| {
        assert_eq!(raised(rows, &Label::INTERNAL).as_deref(), expected, "{rows}");
    };
    let low = "- {type: EMAIL, action: RAISE_LABEL, to: INTERNAL//hr}\n";
    check("- {type: EMAIL, action: RAISE_LABEL}\n", None);
    check(low, Some("INTERNAL//hr"));
    // Of equals all count together, and what is laxer altogether raises nothing.
    check(
        &format!("{low}- {{type: EMAIL, action: REDACT, to: CONFIDENTIAL//patient}}\n"),
        Some("CONFIDENTIAL//hr,patient"),
    );
    check(&format!("{low}- {{rule: email, action: WARN}}\n"), None);
    let conditional =
        format!("{low}- {{type: EMAIL, action: RAISE_LABEL, to: SECRET, label: INTERNAL//hr}}\n");
    check(&conditional, Some("INTERNAL//hr"));
    let hr = Label::parse(b"CONFIDENTIAL//hr").unwrap();
    assert_eq!(raised(&conditional, &hr).as_deref(), Some("SECRET"));
    let wrong = |row: &str| Guardrails::parse(&format!("guardrails:\n{row}")).unwrap_err().to_string();
    let error = wrong("- {type: EMAIL, action: WARN, to: INTERNAL//hr}\n");
    assert!(error.contains("`to` is where RAISE_LABEL"), "{error}");
    assert!(
        wrong("- {type: EMAIL, action: RAISE_LABEL, to: INTERNAL//HR}\n").contains("`to` is not a label")
    );
}

#[test]
fn tags_and_shadow_are_per_rule() {
    let pack = "[[rule]]\nid = \"a\"\ntype = \"CUSTOM_TERM\"\ntags = [\"projects\"]\nkeywords = [\"Falke\"]\npattern = 'Falke'\nscore = 0.9\npositive = [\"Falke\"]\nnegative = [\"x\"]\n";
    let pack = Arc::new(Pack::load(&[("own", pack)]).unwrap());
    let with = |rows: &str| {
        Inspector::with_pack(Arc::clone(&pack), Guardrails::parse(&format!("guardrails:\n{rows}")).unwrap())
    };
    assert_eq!(with("- {tag: projects, action: WARN}").unwrap().action_of("a"), Some(Warn));
    let tag_and_type = "- {tag: projects, type: CUSTOM_TERM, action: ALLOW}\n- {tag: projects, action: WARN}";
    assert_eq!(with(tag_and_type).unwrap().action_of("a"), Some(Allow));
    let shadowed = with("- {rule: a, shadow: true}\n- {tag: projects, action: BLOCK}").unwrap();
    assert_eq!(shadowed.examine("Falke").shadow.len(), 1);
    assert!(shadowed.scan("Falke").is_empty());
    let lit = with("- {rule: a, shadow: true}\n- {rule: a, shadow: false}").unwrap();
    assert_eq!(lit.scan("Falke").len(), 1);
    let error = |rows: &str| with(rows).unwrap_err().to_string();
    assert_eq!(
        error("- {tag: project, action: WARN}"),
        "guardrails, line 2: guardrail tag `project` is not known, the nearest is `projects`"
    );
    assert_eq!(
        error("- {rule: b, action: WARN}"),
        "guardrails, line 2: guardrail rule `b` is not known, the nearest is `a`"
    );
}

const KEY: &[u8] = b"a key of sixteen";
const NOW: u64 = 1_795_219_200;

fn exception(text: &str) -> String {
    let value = exception_value(KEY, "IBAN", "DE89370400440532013000");
    let row =
        format!("guardrails: []\nexceptions:\n- {text}\n  reason: our own account\n  allowed_by: [A, B]\n");
    row.replace("VALUE", &value)
}

/// Whether the exception lets pass what a text holds, and what the finding says.
fn excepted(row: &str, text: &str, scope: &Scope<'_>) -> Vec<(FindingAction, bool)> {
    let inspector = Inspector::new(Guardrails::parse(&exception(row)).unwrap()).unwrap();
    let inspector = inspector.with_value_key(Arc::new(Secret::new(KEY.to_vec()))).for_scope(scope);
    inspector.scan(text).iter().map(|finding| (finding.action, finding.excepted)).collect()
}

#[test]
fn exceptions_are_bound_to_values_places_and_people_and_expire() {
    let now = Scope { now_s: Some(NOW), ..Scope::default() };
    let text = "DE89 3704 0044 0532 0130 00";
    let value =
        "{type: IBAN, value: 'VALUE', until: 2027-03-31}".replace(['{', '}'], "").replace(", ", "\n  ");
    let check = |row: &str, text: &str, scope: &Scope<'_>, expected: bool| {
        let expected = if expected { (Allow, true) } else { (Block, false) };
        assert_eq!(excepted(row, text, scope), [expected], "{row} {scope:?}");
    };
    check(&value, text, &now, true);
    check(&value, "DE89370400440532013000", &now, true);
    check(&value, "GB29 NWBK 6016 1331 9268 19", &now, false);
    check(&value, text, &Scope::default(), false);
    check(&value.replace("2027-03-31", "2026-11-20"), text, &now, false);
    check(&value.replace("2027-03-31", "2026-11-21"), text, &now, true);
    check(&value.replace("2027-03-31", "2029-03-31"), text, &now, false);
    let group = "rule: iban\n  group: payroll\n  until: 2027-03-31";
    let payroll = ["payroll".to_owned()];
    check(group, text, &now, false);
    check(group, text, &Scope { groups: &payroll, ..now }, true);
    let place = "type: IBAN\n  path: /messages/0\n  until: 2027-03-31";
    check(place, text, &Scope { path: Some("/messages/0/content"), ..now }, true);
    check(place, text, &Scope { path: Some("/messages/1/content"), ..now }, false);
}

#[test]
fn excepted_findings_weigh_nothing_and_a_stricter_demand_stands() {
    let rows = exception("rule: iban\n  path: /a\n  until: 2027-03-31");
    let scope = Scope { now_s: Some(NOW), path: Some("/a"), ..Scope::default() };
    let inspector = Inspector::new(Guardrails::parse(&rows).unwrap()).unwrap().for_scope(&scope);
    let text = "DE89 3704 0044 0532 0130 00";
    assert_eq!(inspector.examine(text).tally.sensitivity(), 0.0);
    let demanded = BTreeMap::from([("IBAN".to_owned(), Redact)]);
    let stricter = inspector.stricter(&demanded);
    assert_eq!(
        stricter.scan(text).first().map(|finding| (finding.action, finding.excepted)),
        Some((Block, false))
    );
    assert_eq!(stricter.for_scope(&scope).scan(text), stricter.scan(text));
    let mut window = inspector.window();
    let mut shown = String::new();
    for piece in text.split_inclusive(' ') {
        shown.push_str(&window.push(piece).text);
    }
    let last = window.finish();
    shown.push_str(&last.text);
    assert_eq!((shown.as_str(), last.findings.len()), (text, 1));
}

#[test]
fn keys_are_excepted_by_rule_only() {
    let row = |what: &str| exception(&format!("{what}\n  group: payroll\n  until: 2027-03-31"));
    refuse(
        &row("type: PRIVATE_KEY"),
        "guardrails, line 3: an exception from `PRIVATE_KEY` must name its `rule`",
    );
    let payroll = ["payroll".to_owned()];
    let scope = Scope { now_s: Some(NOW), groups: &payroll, ..Scope::default() };
    let text = "password: hunter2!";
    let action = |rows: &str| {
        let blocked = rows.replace("guardrails: []", "guardrails: [{type: PASSWORD, action: BLOCK}]");
        let inspector = Inspector::new(Guardrails::parse(&blocked).unwrap()).unwrap();
        let scoped = inspector.for_scope(&scope);
        scoped.scan(text).first().map(|finding| (finding.recognizer.clone(), finding.action)).unwrap()
    };
    let (rule, by_type) = action(&row("type: PASSWORD"));
    assert_eq!(by_type, Block);
    assert_eq!(action(&row(&format!("rule: {rule}"))).1, Allow);
}

#[test]
fn what_is_missing_from_an_exception_is_told() {
    let check = |rows: &str, message: &str| {
        refuse(&format!("exceptions:\n- {rows}"), &format!("guardrails, line 2: {message}"));
    };
    check("{group: a}", "an exception needs `type` or `rule`, such as `IBAN`");
    check("{type: IBAN}", "an exception needs `value`, `path` or `group`, such as `group = \"payroll\"`");
    check("{type: IBAN, group: a}", "an exception needs `until`, such as `2027-03-31`");
    check("{type: IBAN, group: a, until: 2027-02-30}", "`until` of an exception reads `2027-03-31`");
    check(
        "{type: IBAN, group: a, until: 2027-02-03}",
        "an exception needs `reason`, such as `the company's own account`",
    );
    check(
        "{type: IBAN, group: a, until: 2027-02-03, reason: x}",
        "an exception needs `allowed_by`, such as `Dr. Anna Weber`",
    );
    check("{typ: IBAN}", "exception key `typ` is not known, the nearest is `type`");
    check(
        "{type: IBAN, value: abc}",
        "`value` of an exception reads `hmac-sha256:` and 64 hexadecimal digits",
    );
}

#[test]
fn mistakes_are_named_with_the_nearest_name() {
    refuse(
        "guardrails:\n- type: IBNA\n  action: BLOCK\n",
        "guardrails, line 2: guardrail type `IBNA` is not known, the nearest is `IBAN`",
    );
    refuse(
        "guardrails:\n- type: PII_FILTR\n  action: BLOCK\n",
        "guardrails, line 2: guardrail type `PII_FILTR` is not known, the nearest is `PII_FILTER`",
    );
    refuse(
        "[[guardrail]]\ntype = \"IBAN\"\naction = \"BLOK\"\n",
        "guardrails, line 3: guardrail action `BLOK` is not known, the nearest is `BLOCK`",
    );
    refuse(
        "guardrails:\n- type: IBAN\n  acton: BLOCK\n",
        "guardrails, line 3: guardrail key `acton` is not known, the nearest is `action`",
    );
    refuse(
        "guardrails:\n- type: CODE_SCANNER\n  patterns: [API_KEYS]\n  action: BLOCK\n",
        "guardrails, line 3: guardrail type `API_KEYS` is not known, the nearest is `API_KEY`",
    );
    refuse(
        "guardrails:\n- type: IBAN\n",
        "guardrails, line 2: a guardrail needs an `action`, such as `BLOCK`",
    );
    refuse(
        "guardrails:\n- action: BLOCK\n",
        "guardrails, line 2: a guardrail needs a `type`, such as `IBAN`",
    );
    refuse(
        "guardrails:\n- type: IBAN\n  patterns: [IBAN]\n  action: BLOCK\n",
        "guardrails, line 2: guardrail `IBAN` is a single type and takes no `patterns`",
    );
    refuse(
        "guardrails:\n- type: IBAN\n\taction: BLOCK\n",
        "guardrails, line 2: while scanning a plain scalar, found a tab",
    );
    refuse("guardrails: BLOCK\n", "guardrails, line 1: `guardrails` is a list, one item a line");
    refuse("- type: IBAN\n", "no guardrails: expected a list `guardrails:` or tables `[[guardrail]]`");
    refuse("", "no guardrails: expected a list `guardrails:` or tables `[[guardrail]]`");
    refuse("[[guardrail]]\ntype = [\"IBAN\"]\n", "guardrails, line 2: `type` takes one value");
    refuse(
        "guardrails:\n- {type: IBAN, action: WARN, zone: extern}\n",
        "guardrails, line 2: guardrail zone `extern` is not known, the nearest is `external`",
    );
    refuse(
        "guardrails:\n- {type: IBAN, action: WARN, direction: reply}\n",
        "guardrails, line 2: guardrail direction `reply` is not known, the nearest is `request`",
    );
    refuse(
        "guardrails:\n- {type: IBAN, action: WARN, label: SECRT}\n",
        "guardrails, line 2: guardrail label `SECRT` is not known, the nearest is `SECRET`",
    );
}

/// Rows that say something about every kind of rule in every kind of scope.
fn rows() -> impl Strategy<Value = String> {
    let what = prop::sample::select(vec![
        "type: PII_FILTER",
        "type: CODE_SCANNER",
        "type: EMAIL",
        "type: IBAN",
        "rule: email",
        "rule: iban",
    ]);
    let when = prop::sample::select(vec![
        "",
        ", direction: request",
        ", direction: answer",
        ", zone: external",
        ", label: CONFIDENTIAL",
        ", label: SECRET",
        ", group: a",
        ", group: [a, b], zone: [local, external]",
    ]);
    let action = prop::sample::select(FindingAction::ALL.to_vec());
    let row = (what, when, action)
        .prop_map(|(what, when, action)| format!("- {{{what}, action: {action}{when}}}\n"));
    prop::collection::vec(row, 0..6).prop_map(|rows| format!("guardrails:\n{}", rows.concat()))
}

fn scopes() -> impl Strategy<Value = (Option<Direction>, Option<Label>, Vec<String>, Option<Zone>)> {
    (
        prop::option::of(prop::sample::select(Direction::ALL.to_vec())),
        prop::option::of(prop::sample::select(Level::ALL.map(Label::of).to_vec())),
        prop::collection::vec(prop::sample::select(vec!["a".to_owned(), "b".to_owned()]), 0..2),
        prop::option::of(prop::sample::select(Zone::ALL.to_vec())),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_rule_has_an_action_and_stricter_is_never_laxer(
        first in rows(), second in rows(), scope in scopes(), least in prop::sample::select(FindingAction::ALL.to_vec()),
    ) {
        let (direction, label, groups, zone) = scope;
        let scope = Scope { direction, label: label.as_ref(), groups: &groups, zone, ..Scope::default() };
        let parse = |text: &str| Guardrails::parse(text).unwrap();
        let inspector = |guardrails: Guardrails| Inspector::new(guardrails).unwrap().for_scope(&scope);
        let one = inspector(parse(&first));
        let both = inspector(parse(&first).and(parse(&second)));
        let demanded = BTreeMap::from([("EMAIL".to_owned(), least), ("API_KEY".to_owned(), least)]);
        let stricter = one.stricter(&demanded);
        for rule in one.pack().rules() {
            let action = one.action_of(rule.id).unwrap();
            prop_assert!(both.action_of(rule.id).unwrap() >= action);
            let after = stricter.action_of(rule.id).unwrap();
            prop_assert!(after >= action);
            prop_assert!(after >= least || !demanded.contains_key(rule.kind));
            prop_assert_eq!(stricter.for_scope(&scope).action_of(rule.id), Some(after));
        }
        prop_assert_eq!(one.for_scope(&scope).action_of("email"), one.action_of("email"));
    }
}
