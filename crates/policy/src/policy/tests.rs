use schleuse_types::{FindingAction, Label, Principal, RefusalCode, Role, Tenant, Zone};

use super::{Policy, SHIPPED_EXAMPLES, SHIPPED_SCHEMA};
use crate::{
    Action, Ask, Circumstances, Declassification, Effect, Inspected, Model, Obligation, Question, Stage,
    examples,
};

const PERMIT_ALL: &str = r#"@id("all") permit (principal, action, resource);"#;

fn asking(role: Role) -> Question {
    let model = Model {
        name: "m".to_owned(),
        zone: Zone::Local,
        region: "EU".to_owned(),
        max_label: Label::CONFIDENTIAL,
        tenants: Default::default(),
    };
    let stage = Stage::Asking { declared: Label::INTERNAL };
    let clearance = Label::SECRET;
    Question {
        person: "ada".to_owned(),
        role,
        groups: ["research".to_owned()].into(),
        tenant: Default::default(),
        action: Action::Ask(Ask { surface: "chat".to_owned(), model, stage, clearance }),
        circumstances: Circumstances::default(),
    }
}

/// The question after inspection.
fn answering(label: Label, findings: &[&str], sensitivity: u8) -> Question {
    let mut question = asking(Role::Engineer);
    if let Action::Ask(ask) = &mut question.action {
        let findings = findings.iter().map(|kind| (*kind).to_owned()).collect();
        ask.stage = Stage::Answering(Inspected { label, findings, sensitivity, ..Inspected::default() });
    }
    question
}

fn from(address: Option<&str>) -> Question {
    let mut question = asking(Role::Engineer);
    question.circumstances.address = address.map(|address| address.parse().unwrap());
    question
}

/// A complete forbid with this id and the rest as given.
fn forbid(id: &str, rest: &str) -> String {
    let texts = r#"@message_en("No.") @message_de("Nein.") @next_en("Do.") @next_de("Tu.")"#;
    format!("@id(\"{id}\") {texts} forbid {rest};")
}

fn load(policy: &str) -> Policy {
    Policy::load(SHIPPED_SCHEMA, &[("test.cedar", policy)]).unwrap()
}

/// Which rules decide the question under `policy` and how, as in `deny: a, b`.
fn check(policy: &str, question: &Question, expected: &str) {
    let decision = load(policy).decide(question);
    let decided = format!("{}: {}", decision.effect().as_str(), decision.rules().join(", "));
    assert_eq!(decided, expected, "{policy} {:?}", decision.errors());
    let denied = decision.effect() == Effect::Deny;
    assert_eq!((decision.message().is_some(), decision.next().is_some()), (denied, denied));
}

/// The one error or warning of a policy file, with its place.
fn check_problem(policy: &str, expected: &str) {
    let report = Policy::check(SHIPPED_SCHEMA, &[("test.cedar", policy)]);
    let problems: Vec<_> = report.problems.iter().map(ToString::to_string).collect();
    assert_eq!(problems.join("\n"), expected);
}

#[test]
fn the_shipped_policy_does_what_its_examples_say() {
    let policy = Policy::shipped().unwrap();
    assert_eq!(policy.warnings(), []);
    let results = policy.run_examples(SHIPPED_EXAMPLES).unwrap();
    let faults: Vec<_> =
        results.iter().filter(|result| result.fault.is_some()).map(ToString::to_string).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_shipped_rule_decides_an_example() {
    let policy = Policy::shipped().unwrap();
    let results = policy.run_examples(SHIPPED_EXAMPLES).unwrap();
    for rule in policy.rules() {
        assert!(results.iter().any(|result| result.decision.rules().contains(&rule.id)), "{}", rule.id);
    }
}

#[test]
fn each_shipped_rule_is_needed_by_an_example() {
    let text = super::SHIPPED_POLICIES[0].1;
    for rule in Policy::shipped().unwrap().rules() {
        let before = &text.as_bytes()[..rule.offset];
        let rest = &text.as_bytes()[rule.offset..];
        // Up to the end of the policy: a semicolon inside a text is followed by a space, never by a line break.
        let length = rest.windows(2).position(|pair| pair == b";\n").unwrap() + 2;
        let without = String::from_utf8([before, &rest[length..]].concat()).unwrap();
        let results = load(&without).run_examples(SHIPPED_EXAMPLES).unwrap();
        assert!(results.iter().any(|result| result.fault.is_some()), "no example needs {}", rule.id);
    }
}

#[test]
fn nothing_is_permitted_by_default() {
    for example in examples(SHIPPED_EXAMPLES).unwrap() {
        check("", &example.question, "deny: no-rule-permits");
    }
}

#[test]
fn a_forbid_outweighs_every_permit_and_all_that_match_are_named_in_order() {
    let policy = [
        &forbid("z", "(principal, action, resource)"),
        PERMIT_ALL,
        &forbid("a", "(principal, action, resource)"),
    ];
    check(&policy.map(ToString::to_string).join("\n"), &asking(Role::Admin), "deny: z, a");
    let two_permits = format!("@id(\"z\") permit (principal, action, resource); {PERMIT_ALL}");
    check(&two_permits, &asking(Role::Admin), "allow: z, all");
}

#[test]
fn policies_see_who_asks_of_what_and_from_where() {
    let check_when = |condition: &str, question: &Question, expected: bool| {
        let policy = format!(
            "@id(\"r\") permit (principal, action == Action::\"ask\", resource) when {{ {condition} }};"
        );
        check(&policy, question, if expected { "allow: r" } else { "deny: no-rule-permits" });
    };
    let engineer = asking(Role::Engineer);
    check_when(r#"principal == Person::"ada""#, &engineer, true);
    check_when(r#"principal == Person::"bob""#, &engineer, false);
    check_when(r#"principal in Role::"engineer""#, &engineer, true);
    check_when(r#"principal.role == Role::"admin""#, &engineer, false);
    check_when(r#"principal in Group::"research""#, &engineer, true);
    check_when(r#"principal.groups.contains(Group::"finance")"#, &engineer, false);
    check_when(r#"principal.tenant == Tenant::"house" && principal in Tenant::"house""#, &engineer, true);
    check_when(r#"principal in Tenant::"retail""#, &engineer, false);
    check_when(r#"resource == Model::"m""#, &engineer, true);
    check_when(r#"resource.zone == Zone::"local" && resource.region == "EU""#, &engineer, true);
    check_when("resource.maxLabel == 2", &engineer, true);
    check_when(r#"context.surface == Surface::"chat""#, &engineer, true);
    check_when(r#"context.stage == Stage::"answering""#, &engineer, false);
    check_when("context.label.level == 1 && context.findings.isEmpty()", &engineer, true);
    check_when("context.demo || context.device.known || context.network.loopback", &engineer, false);
    let found = answering(Label::CONFIDENTIAL, &["IBAN", "EMAIL"], 90);
    check_when(r#"context.stage == Stage::"answering""#, &found, true);
    check_when(r#"context.label.name == "CONFIDENTIAL" && context.label.level == 2"#, &found, true);
    check_when(r#"context.findings.contains("IBAN")"#, &found, true);
    check_when(r#"context.findings.contains("PHONE")"#, &found, false);
    check_when("context.sensitivity > 89", &found, true);
    let hr = Label::parse(b"CONFIDENTIAL//hr,patient").unwrap();
    let hr = answering(hr, &[], 0);
    check_when(r#"context.label.compartments.contains("hr")"#, &hr, true);
    check_when(
        r#"context.label.compartments == ["patient", "hr"] && context.label.name == "CONFIDENTIAL""#,
        &hr,
        true,
    );
    check_when(r#"context.clearance.compartments.isEmpty() && context.clearance.level == 3"#, &hr, true);
    check_when(r#"resource.compartments.containsAll(context.label.compartments)"#, &hr, false);
    check_when("context.sensitivity == 100", &answering(Label::PUBLIC, &[], 255), true);
    let inside = r#"context.network has address && context.network.address.isInRange(ip("10.0.0.0/8"))"#;
    check_when(inside, &from(Some("10.1.2.3")), true);
    check_when(inside, &from(Some("::ffff:10.1.2.3")), true);
    check_when(inside, &from(Some("192.0.2.1")), false);
    check_when(inside, &from(Some("2001:db8::1")), false);
    check_when(inside, &from(None), false);
}

#[test]
fn ids_with_strange_characters_are_only_ids() {
    let policy = load(r#"@id("r") permit (principal == Person::"ada", action, resource);"#);
    for person in ["ada\" ", "", "ada\0", "Person::\"ada\"", "*", "ädä"] {
        let decision = policy.decide(&Question { person: person.to_owned(), ..asking(Role::Admin) });
        assert_eq!(decision.effect(), Effect::Deny, "{person}");
    }
}

#[test]
fn what_cannot_be_evaluated_is_denied() {
    // The overflow passes validation and fails only when evaluated; Cedar alone would pass over the forbid.
    let overflow = forbid(
        "broken",
        "(principal, action == Action::\"ask\", resource) when { context.sensitivity + 9223372036854775807 > 0 }",
    );
    let policy = format!("{PERMIT_ALL}\n{overflow}");
    check(&policy, &answering(Label::PUBLIC, &[], 0), "deny: broken");
    check(&policy, &answering(Label::PUBLIC, &[], 1), "deny: error");
    let decision = load(&policy).decide(&answering(Label::PUBLIC, &[], 1));
    assert!(decision.errors()[0].contains("broken"), "{:?}", decision.errors());
}

#[test]
fn a_surface_that_the_schema_does_not_know_is_denied() {
    let mut question = asking(Role::Admin);
    if let Action::Ask(ask) = &mut question.action {
        ask.surface = "telepathy".to_owned();
    }
    check(PERMIT_ALL, &question, "deny: error");
}

#[test]
fn obligations_of_all_matching_permits_are_joined() {
    let policy = r#"
        @id("a") @obligation("redact:EMAIL; warn") permit (principal, action, resource);
        @id("b") @obligation("block:EMAIL; redact:PHONE") permit (principal in Role::"engineer", action, resource);
        @id("c") @obligation("block:IBAN") permit (principal in Role::"admin", action, resource);
    "#;
    let decision = load(policy).decide(&asking(Role::Engineer));
    let treat = |kind: &str, action| Obligation::Treat { kind: kind.to_owned(), action };
    let expected =
        [treat("EMAIL", FindingAction::Block), treat("PHONE", FindingAction::Redact), Obligation::Warn];
    assert_eq!(decision.obligations(), expected);
    assert_eq!(decision.rules(), ["a", "b"]);
}

#[test]
fn a_denial_becomes_a_refusal_that_names_rule_and_next_step() {
    let policy = Policy::shipped().unwrap();
    let refusal = policy.decide(&asking(Role::Auditor)).permit().unwrap_err();
    assert_eq!(refusal.code, RefusalCode::AccessDenied);
    assert_eq!(
        refusal.message.english,
        "The auditor role reads, it never asks. (Rule: `auditor-never-asks`.)"
    );
    assert_eq!(
        refusal.message.german,
        "Die Rolle Revision liest, sie fragt nie. (Regel: `auditor-never-asks`.)"
    );
    assert!(refusal.next.german.starts_with("Fragen Sie mit einem Schlüssel"));
    assert_eq!(refusal.inside, "`ask` denied at the stage asking by `auditor-never-asks`");

    let permitted = policy.decide(&asking(Role::Engineer)).permit().unwrap();
    assert_eq!((permitted.action(), permitted.stage()), ("ask", Some("asking")));
    assert_eq!(permitted.rules(), ["working-roles-ask"]);
    let permitted = policy.decide(&answering(Label::PUBLIC, &[], 0)).permit().unwrap();
    assert_eq!(permitted.stage(), Some("answering"));
}

#[test]
fn a_question_is_made_from_a_principal() {
    let principal = Principal {
        person: "ada".to_owned(),
        role: Role::Engineer,
        groups: vec!["research".to_owned(), "research".to_owned()],
        tenant: Default::default(),
        credential: "k-0".to_owned(),
    };
    let expected = asking(Role::Engineer);
    assert_eq!(Question::new(&principal, expected.action.clone(), Circumstances::default()), expected);
}

#[test]
fn a_repeated_question_has_the_same_answer_and_is_not_evaluated_again() {
    let policy = Policy::shipped().unwrap();
    for role in Role::ALL {
        let fresh = policy.decide(&asking(role));
        let remembered = policy.memo.find(&asking(role));
        assert_eq!(remembered.as_ref(), Some(&fresh));
        assert_eq!(policy.decide(&asking(role)), policy.evaluate(&asking(role)));
    }
    let external = {
        let mut question = asking(Role::Engineer);
        if let Action::Ask(ask) = &mut question.action {
            ask.model.zone = Zone::External;
        }
        question
    };
    for other in [external, answering(Label::INTERNAL, &[], 0), from(Some("10.0.0.1"))] {
        assert_eq!(policy.memo.find(&other), None);
    }
}

#[test]
fn the_digest_covers_every_text_and_name() {
    let digest =
        |name: &str, text: &str| Policy::load(SHIPPED_SCHEMA, &[(name, text)]).unwrap().digest().to_owned();
    assert_eq!(digest("a", PERMIT_ALL), digest("a", PERMIT_ALL));
    assert_ne!(digest("a", PERMIT_ALL), digest("b", PERMIT_ALL));
    assert_ne!(digest("a", PERMIT_ALL), digest("a", &format!("{PERMIT_ALL} ")));
    assert_ne!(digest("a", &format!(" {PERMIT_ALL}")), digest("a ", PERMIT_ALL));
    assert_eq!(digest("a", PERMIT_ALL).len(), 64);
}

#[test]
fn faults_in_the_text_are_named_with_their_place() {
    let rule = |rest: &str| format!("@id(\"a\")\npermit {rest};");
    check_problem(
        &rule("(principal, action, resourc)"),
        "test.cedar:2:28: error: found an invalid variable in the policy scope: resourc (policy scopes must contain a \
         `principal`, `action`, and `resource` element in that order)",
    );
    check_problem(
        &rule(r#"(principal in Role::"enginer", action, resource)"#),
        r#"test.cedar:2:22: error: for policy `a`: entity `Role::"enginer"` is of an enumerated entity type, but `"enginer"` is not declared as a valid eid (valid entity eids: "employee", "engineer", "security", "admin", "auditor")"#,
    );
    let ask_when = |condition: &str| {
        rule(&format!("(principal, action == Action::\"ask\", resource)\nwhen {{ {condition} }}"))
    };
    check_problem(
        &ask_when(r#"context.stage == Stage::"later""#),
        r#"test.cedar:3:25: error: for policy `a`: entity `Stage::"later"` is of an enumerated entity type, but `"later"` is not declared as a valid eid (valid entity eids: "asking", "answering")"#,
    );
    check_problem(
        &ask_when("context.lable.level > 2"),
        r#"test.cedar:3:8: error: for policy `a`, attribute `lable` in context for Action::"ask" not found (did you mean `label`?)"#,
    );
    check_problem(
        &ask_when(r#"context.network.address == ip("::1")"#),
        r#"test.cedar:3:8: error: for policy `a`, unable to guarantee safety of access to optional attribute `network.address` in context for Action::"ask" (try testing for the attribute's presence with `context.network has address && ..`)"#,
    );
    check_problem(
        &ask_when("false"),
        "test.cedar:1:1: warning: for policy `a`, policy is impossible: the policy expression evaluates to false for all \
         valid requests",
    );
    check_problem(
        &rule("(principal == ?principal, action, resource)"),
        "test.cedar:1:1: error: templates with `?principal` or `?resource` are not supported; write whole policies",
    );
}

#[test]
fn faults_in_annotations_are_named_with_their_place() {
    let check_annotations = |effect: &str, annotations: &str, expected: &[&str]| {
        let lines: Vec<_> = expected.iter().map(|line| format!("test.cedar:1:1: error: {line}")).collect();
        let policy = format!("{annotations} {effect} (principal, action, resource);");
        check_problem(policy.trim_start(), &lines.join("\n"));
    };
    check_annotations("permit", "", &["a rule needs an `@id`, so that a decision can name it"]);
    check_annotations(
        "permit",
        r#"@id("a b")"#,
        &["`a b` is no id: use up to 64 letters, digits, `-`, `_` and `.`"],
    );
    check_annotations(
        "permit",
        r#"@id("error")"#,
        &["the id `error` is taken: decisions use it when no rule decided"],
    );
    check_annotations(
        "permit",
        r#"@id("a") @mesage_en("x")"#,
        &["unknown annotation `@mesage_en`; did you mean `@message_en`"],
    );
    check_annotations(
        "permit",
        r#"@id("a") @next_en("x")"#,
        &["`@next_en` on a permit is never shown to anybody; only a forbid has texts"],
    );
    check_annotations(
        "permit",
        r#"@id("a") @obligation("allow:X")"#,
        &[
            "`allow:X` is no obligation; write `warn`, or `redact:EMAIL`, `block:IBAN`, `warn:PHONE`, `raise_label:JWT`; for declassify, `four_eyes`",
        ],
    );
    let texts = r#"@message_en("x") @message_de("x") @next_en("x") @next_de("x")"#;
    check_annotations(
        "forbid",
        &format!(r#"@id("a") @obligation("warn") {texts}"#),
        &["`@obligation` on a forbid has no effect; what is denied obliges nobody"],
    );
    check_annotations(
        "forbid",
        r#"@id("a") @message_en("x")"#,
        &["message_de", "next_en", "next_de"]
            .map(|key| format!("a forbid needs `@{key}`, so that people learn what happened and what to do"))
            .each_ref()
            .map(String::as_str),
    );
}

#[test]
fn an_id_is_used_once_in_all_files() {
    check_problem(
        &format!("{PERMIT_ALL}\n  {PERMIT_ALL}"),
        "test.cedar:2:3: error: the id `all` is already used in test.cedar:1",
    );
    let error =
        Policy::load(SHIPPED_SCHEMA, &[("a.cedar", PERMIT_ALL), ("b.cedar", PERMIT_ALL)]).unwrap_err();
    assert_eq!(error.to_string(), "b.cedar:1:1: the id `all` is already used in a.cedar:1");
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let files = [("a.cedar", "permit (principal, action, resource);"), ("b.cedar", "nonsense")];
    let error = Policy::load(SHIPPED_SCHEMA, &files).unwrap_err();
    let files: Vec<_> = error.problems.iter().map(|problem| problem.file.as_str()).collect();
    assert_eq!(files, ["a.cedar", "b.cedar"]);
    assert!(error.to_string().ends_with(" (and 1 more)"), "{error}");
}

#[test]
fn a_broken_schema_is_named_with_its_place() {
    let report = Policy::check("entity Person;\nentity Model\naction ask;", &[("test.cedar", PERMIT_ALL)]);
    assert!(!report.is_sound());
    assert_eq!(
        report.problems[0].to_string(),
        "schema.cedarschema:3:1: error: error parsing schema: unexpected token `action`"
    );
}

#[test]
fn a_schema_that_cannot_hold_the_questions_of_a_house_is_refused() {
    let smaller = SHIPPED_SCHEMA.replace("    device: Device,\n", "");
    let error = Policy::load(&smaller, &[]).unwrap_err().to_string();
    assert!(
        error.starts_with("schema.cedarschema:1:1: the schema does not fit the action `ask`: "),
        "{error}"
    );
}

#[test]
fn a_sound_policy_is_reported_with_its_digest() {
    let report = Policy::check(SHIPPED_SCHEMA, &[("test.cedar", PERMIT_ALL)]);
    assert!(report.is_sound());
    assert!(report.to_string().starts_with("1 rules are sound, digest "));
}

#[test]
fn an_explanation_shows_every_rule_also_the_outweighed_ones() {
    let text = Policy::shipped().unwrap().explain(&asking(Role::Auditor)).to_string();
    assert!(text.starts_with("deny, by auditor-never-asks\n  The auditor role reads"), "{text}");
    assert!(text.contains("permit working-roles-ask (default.cedar:8): does not match\n"), "{text}");
    assert!(text.contains("forbid auditor-never-asks (default.cedar:16): matches\n"), "{text}");
    let outweighed = format!("{PERMIT_ALL}\n{}", forbid("no", "(principal, action, resource)"));
    let explanation = load(&outweighed).explain(&asking(Role::Admin));
    assert!(explanation.rules.iter().all(|rule| rule.matched == Ok(true)));
}

#[test]
fn each_page_has_the_roles_that_it_is_meant_for_and_denies_all_others() {
    let policy = Policy::shipped().unwrap();
    let check_roles = |action: Action, expected: &[Role]| {
        for role in Role::ALL {
            let question = Question { action: action.clone(), ..asking(role) };
            let decision = policy.decide(&question);
            let effect = if expected.contains(&role) { Effect::Allow } else { Effect::Deny };
            assert_eq!(decision.effect(), effect, "{role} {}", action.name());
            if effect == Effect::Deny {
                let refusal = decision.permit().unwrap_err();
                assert_eq!(refusal.code, RefusalCode::AccessDenied);
                assert!(!refusal.next.english.is_empty() && !refusal.next.german.is_empty());
            }
        }
    };
    check_roles(Action::ListModels, &Role::ALL);
    check_roles(Action::UseChat, &[Role::Employee, Role::Engineer, Role::Security, Role::Admin]);
    check_roles(Action::UseFiles, &[Role::Employee, Role::Engineer, Role::Security, Role::Admin]);
    check_roles(Action::ReadFeedback, &[Role::Engineer, Role::Security, Role::Admin]);
    check_roles(Action::ReviewAssistants, &[Role::Security, Role::Admin]);
    check_roles(Action::ReadOperations, &[Role::Engineer, Role::Admin]);
    check_roles(Action::ReadDecisions, &[Role::Security]);
    check_roles(Action::ReadAudit, &[Role::Auditor]);
    check_roles(Action::ExplainAccess, &[Role::Security, Role::Admin]);
    check_roles(Action::ManagePeople, &[Role::Admin]);
    check_roles(Action::ManageKeys, &[Role::Admin]);
    check_roles(Action::ReadConfiguration, &[Role::Admin]);
    check_roles(Action::ManageUpstreams, &[Role::Admin]);
    let lower = Declassification { from: Label::SECRET, to: Label::PUBLIC, own: false };
    check_roles(Action::Approve(lower), &[Role::Security]);
    check_roles(Action::ManagePolicies, &[Role::Security, Role::Admin]);
}

#[test]
fn every_role_and_action_has_an_example() {
    let examples = examples(SHIPPED_EXAMPLES).unwrap();
    for role in Role::ALL {
        for name in std::iter::once("ask").chain(Action::HOUSE.iter().map(Action::name)) {
            let is_there = examples
                .iter()
                .any(|example| example.question.role == role && example.question.action.name() == name);
            assert!(is_there, "{role} {name}");
        }
    }
}

#[test]
fn the_shipped_policies_keep_tenants_apart() {
    let policy = Policy::shipped().unwrap();
    let tenant = |name: &str| Tenant::parse(name).unwrap();
    let check = |who: &str, of: &[&str], expected: bool| {
        let mut question = answering(Label::INTERNAL, &[], 0);
        question.tenant = tenant(who);
        if let Action::Ask(ask) = &mut question.action {
            ask.model.tenants = of.iter().map(|name| tenant(name)).collect();
        }
        let decision = policy.decide(&question);
        assert_eq!(decision.effect() == Effect::Allow, expected, "{who} asks a model of {of:?}");
        if !expected {
            assert_eq!(decision.rules(), ["tenants-keep-to-themselves"]);
        }
    };
    check("retail", &[], true);
    check("retail", &["retail"], true);
    check("retail", &["bank", "retail"], true);
    check("retail", &["bank"], false);
    check("house", &["bank"], false);
    check("house", &[], true);
    // What concerns the whole house is for the house's own people.
    for action in Action::HOUSE {
        let is_of_all = !matches!(
            action,
            Action::ListModels
                | Action::UseChat
                | Action::UseFiles
                | Action::ReadFeedback
                | Action::ReviewAssistants
                | Action::Declassify(_)
                | Action::Approve(_)
        );
        for role in Role::ALL {
            let ask = |tenant: Tenant| {
                policy.decide(&Question { action: action.clone(), tenant, ..asking(role) }).effect()
            };
            let expected = if is_of_all { Effect::Deny } else { ask(Tenant::HOUSE) };
            assert_eq!(ask(tenant("retail")), expected, "{role} {}", action.name());
        }
    }
}
