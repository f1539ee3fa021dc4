use schleuse_types::{Finding, FindingAction, Label};

use crate::{Guardrails, Inspector};

fn inspector() -> Inspector {
    Inspector::new(Guardrails::default()).unwrap()
}

/// The type of each finding and the text that it covers.
fn check(text: &str, expected: &[(&str, &str)]) {
    let findings = inspector().scan(text);
    let found: Vec<(&str, &str)> = findings
        .iter()
        .map(|finding| (finding.kind.as_str(), text.get(finding.start..finding.end).unwrap()))
        .collect();
    assert_eq!(found, expected, "{text}");
}

fn clean(text: &str) {
    check(text, &[]);
}

#[test]
fn specimens_count_as_real() {
    check("IBAN: DE89 3704 0044 0532 0130 00.", &[("IBAN", "DE89 3704 0044 0532 0130 00")]);
    check("iban de89370400440532013000", &[("IBAN", "de89370400440532013000")]);
    check("write to jane.doe@example.org.", &[("EMAIL", "jane.doe@example.org")]);
    check("Karte 4111 1111 1111 1111", &[("CREDIT_CARD", "4111 1111 1111 1111")]);
    check("IdNr. 86 095 742 719", &[("DE_STEUER_ID", "86 095 742 719")]);
    check(
        "konto=DE89\u{a0}3704\u{a0}0044\u{a0}0532\u{a0}0130\u{a0}00",
        &[("IBAN", "DE89\u{a0}3704\u{a0}0044\u{a0}0532\u{a0}0130\u{a0}00")],
    );
}

#[test]
fn documentation_keys_do_not() {
    clean("aws_access_key_id = AKIAIOSFODNN7EXAMPLE");
    clean("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
}

#[test]
fn secrets_in_the_forms_of_configuration_files() {
    check("POSTGRES_PASSWORD=Sommer2024!\n", &[("PASSWORD", "Sommer2024!")]);
    check("  password: hunter2\n", &[("PASSWORD", "hunter2")]);
    check(r#"{"user":"a","passwort":"Blau+Weiss9"}"#, &[("PASSWORD", "Blau+Weiss9")]);
    check(
        "postgres://app:s3cret@db.internal:5432/app",
        &[("CONNECTION_STRING", "postgres://app:s3cret@db.internal:5432/app")],
    );
    check("git clone https://bot:Zx81qq@git.example.org/r.git", &[("URL_CREDENTIALS", "bot:Zx81qq")]);
    check(
        "token = \"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\"",
        &[("API_KEY", "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")],
    );
    check(
        r"{\n\t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\n",
        &[("API_KEY", "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")],
    );
}

#[test]
fn hard_negatives_are_clean() {
    clean("Bestellnummer 4500012345, Rechnung 2024-000123, Kunde 10023");
    clean("Bestellung 4111111111111111 ist unterwegs");
    clean("550e8400-e29b-41d4-a716-446655440000");
    clean("d41d8cd98f00b204e9800998ecf8427e");
    clean("sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    clean("commit da39a3ee5e6b4b0d3255bfef95601890afd80709");
    clean("EAN 4006381333931, ISBN 978-3-16-148410-0, 9783161484100");
    clean("the task-1234567890abcdef and disk-usage, risk-free, ask-me");
    clean("2026-11-20T20:41:07.123456Z, 20.11.2026 20:41, 1795207724, 1795207724123");
    clean("3.14159265358979323846, 1.618033988749895, 6.02214076e23");
    clean("IMEI 490154203237518");
    clean("the password policy requires a change; das Passwort ist abgelaufen; password reset");
    clean("max_tokens: 4096, tokens: 17, api_key: string, token: null, secret: true");
    clean("const password = req.body.password; let token = getToken(user);");
    clean("bitte vertraulich behandeln; strictly confidential matters; ein geheimer Ort");
    clean("localhost:8080/a@b, http://localhost:3000/x?y=@z");
    clean("sha512-abcDEF+ghiJKL/mnoPQR==, integrity=\"sha384-oqVuAfXRKap7fdgcCY5uykM6+R9GqQ8K\"");
}

#[test]
fn telephone_numbers_are_nothing_worse() {
    check(
        "Tel. +49 30 90182090, 0171 2345678, +4915112345678",
        &[("PHONE", "+49 30 90182090"), ("PHONE", "0171 2345678"), ("PHONE", "+4915112345678")],
    );
}

#[test]
fn the_stricter_of_two_that_overlap_wins() {
    check("password: DE89370400440532013000", &[("IBAN", "DE89370400440532013000")]);
    check("mail a:b@example.org", &[("EMAIL", "b@example.org")]);
    check("ftp://a:b123@example.org/", &[("URL_CREDENTIALS", "a:b123")]);
}

#[test]
fn markings_raise_the_label() {
    let check = |text: &str, expected: Option<Label>| {
        let inspector = inspector();
        let labels = inspector
            .scan(text)
            .iter()
            .filter_map(|finding| inspector.lowest_label(finding))
            .reduce(|one, other| one.join(&other));
        assert_eq!(labels, expected, "{text}");
    };
    check("VS-NfD\nBericht", Some(Label::CONFIDENTIAL));
    check("VS – NUR FÜR DEN DIENSTGEBRAUCH", Some(Label::CONFIDENTIAL));
    check("VERTRAULICH: Angebot", Some(Label::CONFIDENTIAL));
    check("STRENG GEHEIM\nText", Some(Label::SECRET));
    check("TLP:RED", Some(Label::CONFIDENTIAL));
    check("TLP:GREEN", Some(Label::INTERNAL));
    check("das ist geheim und vertraulich", None);
    check("kein Vermerk", None);
}

#[test]
fn guardrails_change_actions() {
    let action = |yaml: &str, text: &str| {
        let inspector = Inspector::new(Guardrails::parse(yaml).unwrap()).unwrap();
        inspector.scan(text).first().map(|finding| finding.action)
    };
    let mail = "max@example.org";
    assert_eq!(inspector().scan(mail).first().map(|finding| finding.action), Some(FindingAction::Allow));
    assert_eq!(
        action("guardrails:\n- type: PII_FILTER\n  action: BLOCK\n", mail),
        Some(FindingAction::Block)
    );
    assert_eq!(action("guardrails:\n- type: EMAIL\n  action: REDACT\n", mail), Some(FindingAction::Redact));
    assert_eq!(
        action("guardrails:\n- type: IBAN\n  action: WARN\n", "DE89370400440532013000"),
        Some(FindingAction::Warn)
    );
}

#[test]
fn redaction_names_the_type() {
    let inspector = inspector();
    let text = "DB_PASSWORD=Sommer2024! and max@example.org";
    let redacted = inspector.redact(text, &inspector.scan(text));
    assert_eq!(redacted, "DB_PASSWORD=[PASSWORD] and max@example.org");
}

#[test]
fn redaction_skips_findings_that_do_not_fit() {
    let finding = |start, end| Finding {
        kind: "API_KEY".to_owned(),
        recognizer: String::new(),
        path: String::new(),
        start,
        end,
        score: 1.0,
        action: FindingAction::Redact,
        evasive: false,
        excepted: false,
    };
    let redact = |findings: &[Finding]| inspector().redact("aäb", findings);
    assert_eq!(redact(&[finding(0, 9)]), "aäb");
    assert_eq!(redact(&[finding(2, 3)]), "aäb");
    assert_eq!(redact(&[finding(0, 1), finding(0, 3)]), "[API_KEY]äb");
}

#[test]
fn sensitivity_grows_with_what_is_found() {
    let of = |text: &str| Inspector::sensitivity(&inspector().scan(text));
    let (none, mail, mails, iban) = (
        of("Guten Tag"),
        of("a@example.org"),
        of("a@example.org b@example.org"),
        of("DE89370400440532013000"),
    );
    let both = of("DE89370400440532013000 a@example.org");
    assert_eq!(none, 0.0);
    assert!(none < mail && mail < mails && mails < iban && iban < both && both <= 1.0);
    let mut findings = inspector().scan("DE89370400440532013000 a@example.org b@example.org");
    let forwards = Inspector::sensitivity(&findings);
    findings.reverse();
    assert_eq!(Inspector::sensitivity(&findings), forwards);
}

#[test]
fn the_types_of_the_first_form_are_there() {
    let inspector = inspector();
    let types = inspector.types();
    for name in [
        "IBAN",
        "CREDIT_CARD",
        "EMAIL",
        "DE_STEUER_ID",
        "PRIVATE_KEY",
        "API_KEY",
        "PASSWORD",
        "SECRET",
        "JWT",
        "CONNECTION_STRING",
        "URL_CREDENTIALS",
        "CLASSIFICATION_MARKING",
        "DE_SVNR",
        "DE_KVNR",
    ] {
        assert!(types.contains(&name), "{name}");
    }
    assert!(types.is_sorted());
    assert!(inspector.pack_digest().starts_with("sha256:"));
}
