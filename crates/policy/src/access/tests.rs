use schleuse_types::{Label, Language, Role, Zone};

use super::Subject;
use crate::{Action, Circumstances, Effect, Model, Policy, Question, SHIPPED_SCHEMA};

fn model(max_label: Label) -> Model {
    Model {
        name: "large".to_owned(),
        zone: Zone::Local,
        region: "EU".to_owned(),
        max_label,
        tenants: Default::default(),
    }
}

fn subject(role: Role) -> Subject {
    Subject {
        person: "ada".to_owned(),
        role,
        groups: Default::default(),
        tenant: Default::default(),
        clearance: Label::SECRET,
    }
}

/// The reasons in English and German for asking `model`, and the highest label.
fn check_ask(
    policy: &Policy,
    role: Role,
    max_label: Label,
    up_to: Option<Label>,
    english: &str,
    german: &str,
) {
    let access = policy.ask_access(&subject(role), &model(max_label), &Circumstances::default());
    assert_eq!(access.up_to, up_to);
    assert_eq!(access.allowed, up_to.is_some());
    assert_eq!(access.reason.english, english);
    assert_eq!(access.reason.german, german);
}

#[test]
fn asking_a_model_is_explained_with_its_highest_label() {
    let policy = Policy::shipped().unwrap();
    check_ask(
        &policy,
        Role::Employee,
        Label::SECRET,
        Some(Label::CONFIDENTIAL),
        "The employee role may ask `large` up to the label CONFIDENTIAL. Rule: `working-roles-ask`. What inspection \
         finds in a prompt can still forbid it.",
        "Die Rolle Mitarbeit darf `large` bis zur Einstufung VERTRAULICH fragen. Regel: `working-roles-ask`. Was die Prüfung \
         in einem Prompt findet, kann es trotzdem verbieten.",
    );
    check_ask(
        &policy,
        Role::Auditor,
        Label::PUBLIC,
        None,
        "The auditor role reads, it never asks. Rule: `auditor-never-asks`.",
        "Die Rolle Revision liest, sie fragt nie. Regel: `auditor-never-asks`.",
    );
}

#[test]
fn nobody_asks_beyond_their_clearance_nor_a_model_beyond_its_own() {
    let policy = Policy::shipped().unwrap();
    let label = |text: &str| Label::parse(text.as_bytes()).unwrap();
    let check = |clearance: &str, most: &str, expected: &str| {
        let subject = Subject { clearance: label(clearance), ..subject(Role::Employee) };
        let access = policy.ask_access(&subject, &model(label(most)), &Circumstances::default());
        assert_eq!(access.up_to, Some(label(expected)), "{clearance} {most}");
    };
    check("SECRET//hr", "CONFIDENTIAL", "CONFIDENTIAL");
    check("INTERNAL//hr", "CONFIDENTIAL//hr,patient", "INTERNAL//hr");
    check("SECRET//hr", "SECRET//patient", "CONFIDENTIAL");
}

#[test]
fn a_rule_about_labels_shows_where_the_permission_ends() {
    let policy = r#"
        @id("low") permit (principal, action == Action::"ask", resource) when { context.label.level < 2 };
    "#;
    let policy = Policy::load(SHIPPED_SCHEMA, &[("test.cedar", policy)]).unwrap();
    let access =
        policy.ask_access(&subject(Role::Admin), &model(Label::CONFIDENTIAL), &Circumstances::default());
    assert_eq!(access.up_to, Some(Label::INTERNAL));
    assert!(
        access.reason.english.contains("Above that label: The admin role may not ask this model: no rule")
    );
    assert!(
        access
            .reason
            .german
            .contains("Darüber: Die Rolle Verwaltung darf nicht: dieses Modell fragen. Keine Regel")
    );
}

#[test]
fn the_rows_say_the_same_as_the_decisions() {
    let policy = Policy::shipped().unwrap();
    for role in Role::ALL {
        let rows = policy.access(&subject(role), &[model(Label::INTERNAL)], &Circumstances::default());
        assert_eq!(rows.len(), 1 + Action::HOUSE.len());
        for action in Action::HOUSE {
            let row = rows.iter().find(|row| row.action == action.name()).unwrap();
            let question = Question {
                person: "ada".to_owned(),
                role,
                groups: Default::default(),
                tenant: Default::default(),
                action,
                circumstances: Circumstances::default(),
            };
            let decision = policy.decide(&question);
            assert_eq!(row.allowed, decision.effect() == Effect::Allow, "{role} {}", row.action);
            assert_eq!(row.rules, decision.rules());
            assert_ne!(row.reason.english, row.reason.german);
        }
    }
}

#[test]
fn an_answer_is_one_line_in_either_language() {
    let policy = Policy::shipped().unwrap();
    let line = |role, action: &str, language| {
        let rows = policy.access(&subject(role), &[model(Label::INTERNAL)], &Circumstances::default());
        rows.iter().find(|row| row.action == action).unwrap().line(language)
    };
    assert_eq!(
        line(Role::Auditor, "ask", Language::German),
        "nein ask large: Die Rolle Revision liest, sie fragt nie. Regel: `auditor-never-asks`."
    );
    assert_eq!(
        line(Role::Admin, "manageKeys", Language::English),
        "yes  manageKeys: The admin role may manage keys. Rule: `admin-manages-keys`."
    );
    assert_eq!(
        line(Role::Employee, "manageKeys", Language::English),
        "no   manageKeys: The employee role may not manage keys: no rule of this house permits it."
    );
}
