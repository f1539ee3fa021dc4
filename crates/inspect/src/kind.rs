//! The fixed names of what can be found.

use schleuse_types::FindingAction::{self, Allow, Block, RaiseLabel, Redact, Warn};

/// One type of finding.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// Covered by the guardrail `PII_FILTER`.
    pub(crate) personal: bool,
    /// Covered by the guardrail `CODE_SCANNER` when it names no patterns.
    pub(crate) credential: bool,
    /// What happens when no guardrail says otherwise.
    pub(crate) action: FindingAction,
    /// How bad one certain hit is, 0 to 1; enters the sensitivity.
    pub(crate) severity: f32,
}

const fn personal(name: &'static str, action: FindingAction, severity: f32) -> Kind {
    Kind { name, personal: true, credential: false, action, severity }
}

const fn credential(name: &'static str, action: FindingAction, severity: f32) -> Kind {
    Kind { name, personal: false, credential: true, action, severity }
}

const fn other(name: &'static str, action: FindingAction, severity: f32) -> Kind {
    Kind { name, personal: false, credential: false, action, severity }
}

/// Every name that a guardrail may use. Not every type has a recognizer.
pub(crate) const KINDS: &[Kind] = &[
    personal("IBAN", Block, 0.80),
    personal("CREDIT_CARD", Block, 0.90),
    other("BIC", Allow, 0.05),
    other("LEI", Allow, 0.05),
    other("ISIN", Allow, 0.05),
    personal("EMAIL", Allow, 0.15),
    personal("PHONE", Allow, 0.15),
    personal("IP_ADDRESS", Allow, 0.10),
    personal("MAC_ADDRESS", Allow, 0.10),
    credential("URL_CREDENTIALS", Redact, 0.85),
    personal("DE_STEUER_ID", Block, 0.85),
    personal("DE_STEUERNUMMER", Block, 0.75),
    personal("DE_SVNR", Block, 0.85),
    personal("DE_KVNR", Block, 0.85),
    personal("DE_PERSONALAUSWEIS", Block, 0.85),
    personal("DE_REISEPASS", Block, 0.85),
    personal("DE_FUEHRERSCHEIN", Block, 0.80),
    personal("DE_KFZ", Warn, 0.30),
    personal("DE_LANR", Allow, 0.10),
    personal("DE_BSNR", Allow, 0.10),
    other("DE_HANDELSREGISTER", Allow, 0.05),
    other("VAT_ID", Allow, 0.05),
    personal("NATIONAL_ID", Block, 0.85),
    personal("PERSON_NAME", Warn, 0.30),
    personal("POSTAL_ADDRESS", Warn, 0.35),
    personal("DATE_OF_BIRTH", Warn, 0.40),
    credential("API_KEY", Redact, 0.90),
    credential("PASSWORD", Redact, 0.85),
    credential("SECRET", Redact, 0.80),
    credential("PRIVATE_KEY", Block, 0.98),
    credential("JWT", Redact, 0.80),
    credential("CONNECTION_STRING", Redact, 0.85),
    other("SOURCE_CODE", Warn, 0.30),
    other("CLASSIFICATION_MARKING", RaiseLabel, 0.90),
    other("PROMPT_INJECTION", Warn, 0.40),
    other("CUSTOM_TERM", Block, 0.70),
];

pub(crate) fn find(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}
