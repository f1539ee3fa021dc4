//! What is wrong with a policy, and where.

use std::fmt;

use miette::Diagnostic;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The policy is not used.
    Error,
    /// The policy is used, but it may not mean what was meant.
    Warning,
}

/// One fault at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub severity: Severity,
    /// The name under which the text was given, such as `default.cedar`.
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
    pub message: String,
}

impl Problem {
    /// A fault at the byte `offset` of `text`.
    pub(crate) fn at(
        severity: Severity,
        file: &str,
        text: &str,
        offset: usize,
        message: impl Into<String>,
    ) -> Self {
        let (line, column) = place(text, offset);
        Self { severity, file: file.to_owned(), line, column, message: message.into() }
    }

    /// What Cedar says about `text`. `fallback` is where the fault is when Cedar does not say.
    pub(crate) fn from_diagnostic(
        severity: Severity,
        file: &str,
        text: &str,
        fallback: usize,
        diagnostic: &dyn Diagnostic,
    ) -> Self {
        let labels = diagnostic.labels().into_iter().flatten();
        let offset = labels.map(|label| label.offset()).min().unwrap_or(fallback);
        let mut message = diagnostic.to_string();
        if let Some(help) = diagnostic.help() {
            message = format!("{message} ({help})");
        }
        // One line per problem, so that tools can read the output line by line.
        let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
        Self::at(severity, file, text, offset, message)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{}:{}:{}: {severity}: {}", self.file, self.line, self.column, self.message)
    }
}

fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset.min(text.len())).unwrap_or(text);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = before.chars().rev().take_while(|character| *character != '\n').count() + 1;
    (line, column)
}

/// Why a policy was not loaded; at least one problem is an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyError {
    pub problems: Vec<Problem>,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut errors = self.problems.iter().filter(|problem| problem.severity == Severity::Error);
        if let Some(first) = errors.next() {
            write!(f, "{}:{}:{}: {}", first.file, first.line, first.column, first.message)?;
        }
        match errors.count() {
            0 => Ok(()),
            more => write!(f, " (and {more} more)"),
        }
    }
}

impl std::error::Error for PolicyError {}

/// The outcome of [`crate::Policy::check`]; prints one line per problem and one at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub problems: Vec<Problem>,
    /// How many rules there are; 0 when there are errors.
    pub rule_count: usize,
    /// Of the whole policy, when it is sound; see [`crate::Policy::digest`].
    pub digest: Option<String>,
}

impl Report {
    /// Whether the policy can be used; warnings do not count.
    pub fn is_sound(&self) -> bool {
        self.digest.is_some()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            writeln!(f, "{problem}")?;
        }
        match &self.digest {
            Some(digest) => write!(f, "{} rules are sound, digest {digest}", self.rule_count),
            None => f.write_str("the policy is not sound and would not be used"),
        }
    }
}
