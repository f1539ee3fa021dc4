//! What inspection is for: whose text, going where, under which label.

use std::fmt;

use schleuse_types::{Label, Zone};

/// Which way a text goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// From a person to a model.
    Request,
    /// From a model to a person.
    Answer,
}

impl Direction {
    pub const ALL: [Self; 2] = [Self::Request, Self::Answer];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Answer => "answer",
        }
    }

    /// As a guardrail writes it, any ASCII case.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|direction| direction.as_str().eq_ignore_ascii_case(text))
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is known about a text before it is inspected. What is not known meets no condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scope<'s> {
    pub direction: Option<Direction>,
    /// The label that the text carries so far.
    pub label: Option<&'s Label>,
    /// The groups of the person who asks.
    pub groups: &'s [String],
    /// Where the model server stands.
    pub zone: Option<Zone>,
    /// JSON pointer or file to which exceptions may be bound.
    pub path: Option<&'s str>,
    /// Seconds since 1970 in UTC. Without it no exception is in force.
    pub now_s: Option<u64>,
}
