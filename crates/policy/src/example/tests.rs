use super::examples;
use crate::{Policy, SHIPPED_EXAMPLES, SHIPPED_SCHEMA};

const SOUND: &str = "[[example]]\nname = \"n\"\nrole = \"admin\"\naction = \"ask\"\nexpect = \"allow\"\n";

/// What is wrong with the sound example when one of its lines is replaced.
fn check(replaced: &str, by: &str, expected: &str) {
    let text = SOUND.replace(replaced, by);
    assert_ne!(text, SOUND);
    let fault = examples(&text).map_or_else(|error| error.to_string(), |_| String::new());
    assert_eq!(fault, expected);
}

#[test]
fn faults_in_examples_are_named() {
    assert!(examples(SOUND).is_ok());
    check(
        "\"admin\"",
        "\"boss\"",
        "example `n`: `boss` is no role; write employee, engineer, security, admin or auditor",
    );
    check("\"allow\"", "\"maybe\"", "example `n`: `maybe` is no effect; write allow or deny");
    check(
        "\"ask\"",
        "\"ask\"\nstage = \"later\"",
        "example `n`: `later` is no stage; write asking or answering",
    );
    check(
        "\"ask\"",
        "\"ask\"\nlabel = \"RED\"",
        "example `n`: `RED` is no label; write PUBLIC, INTERNAL, CONFIDENTIAL or SECRET",
    );
    check(
        "\"ask\"",
        "\"ask\"\nmodel = { zone = \"moon\" }",
        "example `n`: `moon` is no zone; write local, airgapped or external",
    );
    check(
        "\"ask\"",
        "\"ask\"\nstage = \"asking\"\nfindings = [\"IBAN\"]",
        "example `n`: `asking` is too early; nothing is found before the stage answering",
    );
    check(
        "\"ask\"",
        "\"dance\"",
        "example `n`: `dance` is no action; write ask, listModels, useChat, useFiles, readFeedback, reviewAssistants, \
         readOperations, readDecisions, readAudit, explainAccess, managePeople, manageKeys, readConfiguration, manageUpstreams, managePolicies, declassify, approve or \
         releaseWall",
    );
    check(SOUND, "", "there is no example; write at least one `[[example]]`");
    let misspelt = SOUND.replace("role", "rolle");
    assert!(examples(&misspelt).unwrap_err().to_string().starts_with("line 3: unknown field `rolle`"));
}

#[test]
fn an_example_that_does_not_hold_fails() {
    let policy = Policy::shipped().unwrap();
    let fault = |text: &str| policy.run_examples(text).unwrap()[0].fault.clone();
    assert_eq!(fault(SOUND), None);
    let denied = SOUND.replace("allow", "deny");
    assert_eq!(fault(&denied).as_deref(), Some("expected deny, got allow by working-roles-ask"));
    let other_rule = format!("{SOUND}rules = [\"other\"]");
    assert_eq!(
        fault(&other_rule).as_deref(),
        Some("expected to be decided by other, was by working-roles-ask")
    );
    let obliged = format!("{SOUND}obligations = [\"warn\"]");
    assert_eq!(fault(&obliged).as_deref(), Some("expected the obligations [warn], got []"));
}

#[test]
fn a_house_without_rules_fails_the_shipped_examples_that_allow() {
    let policy = Policy::load(SHIPPED_SCHEMA, &[]).unwrap();
    let results = policy.run_examples(SHIPPED_EXAMPLES).unwrap();
    assert!(results.iter().filter(|result| result.fault.is_some()).count() > 5);
}
