use schleuse_types::FindingAction::{self, Block, Redact, Warn};

use super::Guardrails;

fn check(text: &str, expected: &[(&str, FindingAction)]) {
    let expected = expected.iter().map(|(name, action)| ((*name).to_owned(), *action)).collect();
    assert_eq!(Guardrails::parse(text).map(|guardrails| guardrails.actions), Ok(expected), "{text}");
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
    let actions = Guardrails::parse(DOCUMENT).unwrap().actions;
    for personal in ["IBAN", "CREDIT_CARD", "EMAIL", "PHONE", "PERSON_NAME", "DE_STEUER_ID", "NATIONAL_ID"] {
        assert_eq!(actions.get(personal), Some(&Block), "{personal}");
    }
    for credential in ["API_KEY", "PASSWORD", "SECRET"] {
        assert_eq!(actions.get(credential), Some(&Redact), "{credential}");
    }
    for untouched in ["PRIVATE_KEY", "CLASSIFICATION_MARKING", "BIC"] {
        assert_eq!(actions.get(untouched), None, "{untouched}");
    }
}

#[test]
fn both_forms_say_the_same() {
    let expected = [("EMAIL", Warn), ("IBAN", Block)];
    check(
        "guardrails:\n- type: IBAN\n  action: block # strict\n- {}\n".replace("- {}\n", "").as_str(),
        &[("IBAN", Block)],
    );
    check(
        "guardrails:\n  - type: IBAN\n    action: BLOCK\n  - action: 'WARN'\n    type: 'EMAIL'\nother: 1\n",
        &expected,
    );
    check(
        "x = 1\n[[guardrail]]\ntype = \"IBAN\"\naction = \"BLOCK\"\n[[ guardrail ]] # two\ntype = \"EMAIL\"\naction = \"WARN\"\n",
        &expected,
    );
    check(
        "guardrails:\n  - type: CODE_SCANNER\n    action: WARN\n    patterns:\n      - API_KEY\n      - \"JWT\"\n",
        &[("API_KEY", Warn), ("JWT", Warn)],
    );
    check(
        "[[guardrail]]\ntype = \"CODE_SCANNER\"\naction = \"REDACT\"\npatterns = [\"JWT\"]\n",
        &[("JWT", Redact)],
    );
    check("guardrails: []\n", &[]);
}

#[test]
fn the_strictest_of_several_counts() {
    check("guardrails:\n- type: IBAN\n  action: BLOCK\n- type: IBAN\n  action: ALLOW\n", &[("IBAN", Block)]);
}

#[test]
fn mistakes_are_named_with_the_nearest_name() {
    refuse(
        "guardrails:\n- type: IBNA\n  action: BLOCK\n",
        "guardrail type `IBNA` is not known, the nearest is `IBAN`",
    );
    refuse(
        "guardrails:\n- type: PII_FILTR\n  action: BLOCK\n",
        "guardrail type `PII_FILTR` is not known, the nearest is `PII_FILTER`",
    );
    refuse(
        "[[guardrail]]\ntype = \"IBAN\"\naction = \"BLOK\"\n",
        "guardrail action `BLOK` is not known, the nearest is `BLOCK`",
    );
    refuse(
        "guardrails:\n- type: IBAN\n  acton: BLOCK\n",
        "guardrail key `acton` is not known, the nearest is `action`",
    );
    refuse(
        "guardrails:\n- type: CODE_SCANNER\n  patterns: [API_KEYS]\n  action: BLOCK\n",
        "guardrail type `API_KEYS` is not known, the nearest is `API_KEY`",
    );
    refuse("guardrails:\n- type: IBAN\n", "a guardrail needs an `action`, such as `BLOCK`");
    refuse("guardrails:\n- action: BLOCK\n", "a guardrail needs a `type`, such as `IBAN`");
    refuse(
        "guardrails:\n- type: IBAN\n  patterns: [IBAN]\n  action: BLOCK\n",
        "guardrail `IBAN` is a single type and takes no `patterns`",
    );
    refuse(
        "guardrails:\n- type: IBAN\n\taction: BLOCK\n",
        "guardrails, line 3: a tab; YAML indents with spaces",
    );
    refuse("guardrails: BLOCK\n", "guardrails, line 1: `guardrails` is a list, one item a line");
    refuse("- type: IBAN\n", "no guardrails: expected a list `guardrails:` or tables `[[guardrail]]`");
    refuse("", "no guardrails: expected a list `guardrails:` or tables `[[guardrail]]`");
    refuse("[[guardrail]]\ntype = 1\n", "guardrails: `type` must be a string or a list of strings");
}
