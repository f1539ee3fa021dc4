//! What a permission demands in return.

use std::collections::BTreeMap;
use std::fmt;

use schleuse_types::FindingAction;

/// Something that must be done with a request that was permitted. Whoever asked for the decision carries it out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Obligation {
    /// Findings of this type are treated at least this strictly, whatever the guardrails say.
    Treat { kind: String, action: FindingAction },
    /// The answer is marked as warned.
    Warn,
    /// It is done only when somebody else approves it. Of what cannot wait for anybody it is a denial.
    FourEyes,
}

impl Obligation {
    /// Reads `@obligation("redact:EMAIL; block:IBAN; warn")`: actions are `warn`, `raise_label`, `redact` and `block`; for
    /// `declassify` there is `four_eyes`.
    ///
    /// `allow` is not among them: an obligation can only make things stricter.
    pub(crate) fn parse_list(text: &str) -> Result<Vec<Self>, String> {
        text.split(';').map(str::trim).map(Self::parse).collect()
    }

    fn parse(text: &str) -> Result<Self, String> {
        let Some((action, kind)) = text.split_once(':') else {
            return match text {
                "warn" => Ok(Self::Warn),
                "four_eyes" => Ok(Self::FourEyes),
                _ => Err(unknown(text)),
            };
        };
        let action = FindingAction::parse(action.trim())
            .filter(|action| *action != FindingAction::Allow)
            .ok_or_else(|| unknown(text))?;
        let kind = kind.trim();
        let well_formed = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
        if kind.is_empty() || !kind.bytes().all(well_formed) {
            return Err(unknown(text));
        }
        Ok(Self::Treat { kind: kind.to_owned(), action })
    }

    /// All obligations at once: of several treatments of one type the strictest remains.
    pub(crate) fn merge(all: impl IntoIterator<Item = Self>) -> Vec<Self> {
        let mut treatments = BTreeMap::new();
        let (mut warn, mut four_eyes) = (false, false);
        for obligation in all {
            match obligation {
                Self::Warn => warn = true,
                Self::FourEyes => four_eyes = true,
                Self::Treat { kind, action } => {
                    let strictest = treatments.entry(kind).or_insert(action);
                    *strictest = action.max(*strictest);
                }
            }
        }
        let treat = treatments.into_iter().map(|(kind, action)| Self::Treat { kind, action });
        treat.chain(warn.then_some(Self::Warn)).chain(four_eyes.then_some(Self::FourEyes)).collect()
    }
}

fn unknown(text: &str) -> String {
    format!(
        "`{text}` is no obligation; write `warn`, or `redact:EMAIL`, `block:IBAN`, `warn:PHONE`, `raise_label:JWT`; for declassify, `four_eyes`"
    )
}

/// As it is written in a policy.
impl fmt::Display for Obligation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Treat { kind, action } => write!(f, "{}:{kind}", action.as_str().to_ascii_lowercase()),
            Self::Warn => f.write_str("warn"),
            Self::FourEyes => f.write_str("four_eyes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Obligation;

    /// What remains of a list, printed again; `None` when it is refused.
    fn check(input: &str, expected: Option<&str>) {
        let merged = Obligation::parse_list(input).ok().map(Obligation::merge);
        let printed = merged.map(|list| list.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "));
        assert_eq!(printed.as_deref(), expected, "{input}");
    }

    #[test]
    fn obligations_are_read_and_merged() {
        check("warn", Some("warn"));
        check("redact:EMAIL", Some("redact:EMAIL"));
        check(" Redact : EMAIL ;warn", Some("redact:EMAIL; warn"));
        check("redact:EMAIL; block:EMAIL; warn:EMAIL", Some("block:EMAIL"));
        check("four_eyes; warn; four_eyes", Some("warn; four_eyes"));
        check("six_eyes", None);
        check("warn; block:IBAN; warn", Some("block:IBAN; warn"));
        check("", None);
        check("allow:IBAN", None);
        check("redact", None);
        check("redact:", None);
        check("redact:E-MAIL", None);
        check("redact:EMAIL;", None);
    }
}
