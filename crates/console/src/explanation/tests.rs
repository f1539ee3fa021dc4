use schleuse_audit::Entry;
use schleuse_policy::Policy;
use schleuse_types::RefusalCode;
use serde_json::json;

use super::{Explanation, ROWS, explain};

/// Every code that can stand in the log.
fn codes() -> Vec<RefusalCode> {
    use RefusalCode::*;
    vec![
        InvalidApiKey,
        InvalidRequest,
        RequestTooLarge,
        AccessDenied,
        SensitiveDataDetected,
        NoPermittedRoute,
        ModelNotFound,
        NotFound,
        MethodNotAllowed,
        RateLimited,
        UpstreamRefused { status: 400, code: Some("theirs".to_owned()) },
        UpstreamFailed,
        UpstreamUnavailable,
        UpstreamTimeout,
        AuditUnavailable,
        ShuttingDown,
        ClientLeft,
        CredentialRevoked,
        Internal,
    ]
}

fn explained(entry: serde_json::Value) -> Explanation {
    let entry = Entry { index: 0, bytes: entry.to_string().into_bytes() };
    explain(&Policy::shipped().unwrap(), &[entry])
}

#[test]
fn every_code_has_its_own_texts_in_both_languages() {
    for code in codes() {
        let row = ROWS.iter().find(|row| row.code == code.recorded());
        let row = row.unwrap_or_else(|| panic!("{}", code.recorded()));
        for text in [&row.happened, &row.why, &row.next] {
            assert_ne!(text.english, text.german);
            for text in [&text.english, &text.german] {
                assert!(text.ends_with('.') && text.len() > 8, "{text}");
            }
        }
    }
    for row in &ROWS {
        assert!(codes().iter().any(|code| code.recorded() == row.code), "{}", row.code);
    }
}

#[test]
fn a_denial_is_explained_by_its_rule() {
    let entry = json!({"event": "llm.refuse", "code": "access_denied", "rules": ["auditor-never-asks"]});
    let explanation = explained(entry);
    assert_eq!(
        explanation.why.english,
        "The auditor role reads, it never asks. (Rule: `auditor-never-asks`.)"
    );
    assert_eq!(
        explanation.why.german,
        "Die Rolle Revision liest, sie fragt nie. (Regel: `auditor-never-asks`.)"
    );
    assert!(explanation.next.english.starts_with("Ask with a key of another role."));
    let entry = json!({"event": "access.deny", "code": "access_denied", "rules": ["no-rule-permits"]});
    assert_eq!(explained(entry).why.english, "No rule of this house permits it.");
    let entry = json!({"event": "access.deny", "code": "access_denied", "rules": ["long-gone"]});
    assert_eq!(explained(entry).why.english, "A rule of this house denied it. (Rule: `long-gone`.)");
}

#[test]
fn findings_and_labels_are_part_of_the_reason() {
    let entry = json!({"event": "llm.refuse", "code": "sensitive_data_detected", "findings": {"EMAIL": 1, "IBAN": 2}});
    let explanation = explained(entry);
    assert!(explanation.why.german.ends_with("Gefunden: 1 × EMAIL, 2 × IBAN."), "{}", explanation.why.german);
    assert_eq!(explanation.findings["IBAN"], 2);
    let entry = json!({"event": "llm.refuse", "code": "no_permitted_route", "label": "SECRET"});
    assert!(explained(entry).why.german.ends_with("Die Einstufung dieser Anfrage ist GEHEIM."));
}

#[test]
fn what_was_not_refused_is_explained_too() {
    let check = |event: &str, action: &str, expected: &str| {
        let explanation = explained(json!({"event": event, "action": action}));
        assert_eq!(explanation.happened.english, expected);
        assert_eq!(explanation.code, None);
    };
    check("llm.admit", "ALLOWED", "The request was admitted, and its answer is not complete yet.");
    check("llm.complete", "ALLOWED", "The request was answered.");
    check("llm.complete", "WARNED", "The request was answered, with a warning.");
    let redacted = "The request was answered; parts of the text were taken out before the model saw it.";
    check("llm.complete", "REDACTED", redacted);
    assert_eq!(explained(json!({})).happened.english, "The request was answered.");
}
