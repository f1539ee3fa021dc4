//! How a command fails: what, where and what next, and with which exit code.

use std::fmt;

#[derive(Debug)]
pub struct Failure {
    pub message: String,
    pub next: Option<String>,
    pub exit_code: u8,
}

impl Failure {
    /// Something did not work: exit code 1.
    pub fn new(message: impl fmt::Display) -> Self {
        Self { message: message.to_string(), next: None, exit_code: 1 }
    }

    /// It was called wrongly: exit code 2.
    pub fn usage(message: impl fmt::Display) -> Self {
        Self { exit_code: 2, ..Self::new(message) }
    }

    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    #[must_use]
    pub fn exit_code(mut self, exit_code: u8) -> Self {
        self.exit_code = exit_code;
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "schleuse: {}", self.message)?;
        match &self.next {
            Some(next) => write!(f, "\n  {next}"),
            None => Ok(()),
        }
    }
}

/// Adds what was being done to an error.
pub trait Doing<T> {
    fn doing(self, what: impl fmt::Display) -> Result<T, Failure>;
}

impl<T, E: fmt::Display> Doing<T> for Result<T, E> {
    fn doing(self, what: impl fmt::Display) -> Result<T, Failure> {
        self.map_err(|error| Failure::new(format!("{what}: {error}")))
    }
}
