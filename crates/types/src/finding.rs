//! What inspection found, without the text in which it was found.

use std::fmt;

/// One hit of one recognizer. Holds a position and a type, never the text itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// What was found: `IBAN`, `CREDIT_CARD`, `API_KEY` …
    pub kind: String,
    /// The id of the rule that found it.
    pub recognizer: String,
    /// JSON pointer (RFC 6901) to the string, such as `/messages/0/content`; empty for bare text.
    pub path: String,
    /// First byte of the hit in the UTF-8 of the decoded string.
    pub start: usize,
    /// One past its last byte.
    pub end: usize,
    /// How sure the recognizer is, 0 to 1.
    pub score: f32,
    /// What the guardrail in force does about it.
    pub action: FindingAction,
    /// Found only in a view against evasion: the text was written so that a plain reading would miss it.
    pub evasive: bool,
    /// A guardrail spoke against it, and an exception lets it pass.
    pub excepted: bool,
}

/// What a guardrail does about a finding. Ordered: the strictest of several wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FindingAction {
    Allow,
    Warn,
    RaiseLabel,
    /// Replaced by a surrogate that is turned back in the answer.
    Pseudonymize,
    /// Replaced by its last characters behind asterisks.
    Mask,
    /// Replaced by the name of its type.
    Redact,
    Block,
}

impl FindingAction {
    pub const ALL: [Self; 7] = [
        Self::Allow,
        Self::Warn,
        Self::RaiseLabel,
        Self::Pseudonymize,
        Self::Mask,
        Self::Redact,
        Self::Block,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "ALLOW",
            Self::Warn => "WARN",
            Self::RaiseLabel => "RAISE_LABEL",
            Self::Pseudonymize => "PSEUDONYMIZE",
            Self::Mask => "MASK",
            Self::Redact => "REDACT",
            Self::Block => "BLOCK",
        }
    }

    /// The bytes of the finding must not go on as they are: they are replaced, or nothing goes on.
    pub fn is_protective(self) -> bool {
        self >= Self::Pseudonymize
    }

    /// The bytes of the finding are replaced and the rest goes on.
    pub fn replaces(self) -> bool {
        matches!(self, Self::Pseudonymize | Self::Mask | Self::Redact)
    }

    /// The action written as in a configuration file, any ASCII case.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str().eq_ignore_ascii_case(text))
    }
}

impl fmt::Display for FindingAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
