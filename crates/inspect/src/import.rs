//! Rules of other products, turned into packs of ours. What cannot be turned is told with its reason, never dropped
//! silently.

#[cfg(test)]
mod checks;
mod gitleaks;
mod presidio;

use std::fmt;

pub use gitleaks::import_gitleaks;
pub use presidio::import_presidio;

/// What came of a foreign file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// A pack for [`crate::Pack::load`]; every rule in it does what its examples say.
    pub pack: String,
    /// How many rules it holds.
    pub rules: usize,
    /// What was left out or is found less often than there.
    pub remarks: Vec<Remark>,
}

/// One thing that could not be taken over as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// From 1; 0 for the whole file.
    pub line: usize,
    /// The recognizer or rule as the file names it.
    pub name: String,
    pub reason: String,
    /// Nothing of it is in the pack.
    pub is_left_out: bool,
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.is_left_out { "left out" } else { "taken with limits" };
        write!(f, "line {}: `{}` {what}: {}", self.line, self.name, self.reason)
    }
}

/// The file cannot be read at all; `line` counts from 1, 0 where it is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportError {
    pub line: usize,
    pub message: String,
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

impl std::error::Error for ImportError {}

/// The first construct that needs more than one pass over the text.
fn unsupported(regex: &str) -> Option<&'static str> {
    let mut escaped = false;
    for (at, character) in regex.char_indices() {
        if escaped {
            escaped = false;
            if matches!(character, '1'..='9') {
                return Some("its pattern refers back to a group");
            }
            continue;
        }
        escaped = character == '\\';
        let rest = regex.get(at..).unwrap_or_default();
        if ["(?=", "(?!", "(?<=", "(?<!"].iter().any(|start| rest.starts_with(start)) {
            return Some("its pattern looks around");
        }
        if rest.starts_with("(?P=") || rest.starts_with("(?(") {
            return Some("its pattern refers back to a group");
        }
    }
    None
}

/// Small letters, digits and hyphens.
fn slug(text: &str) -> String {
    let dashed: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    dashed.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
}
