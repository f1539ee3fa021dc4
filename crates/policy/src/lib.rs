//! The policy decision point: Cedar in, Decision out. The only room that knows Cedar.
//!
//! [`Policy::load`] reads schema and policies strictly; [`Policy::decide`] answers a [`Question`] with a [`Decision`],
//! which nobody else can make. What no rule permits is denied, and so is whatever cannot be evaluated. `check`, `explain`
//! and `run_examples` are for people who write policies.

mod access;
mod decision;
mod example;
mod explanation;
mod memo;
mod obligation;
mod policy;
mod problem;
mod question;
mod rule;
mod translation;

pub use access::{Access, Subject};
pub use decision::{Decision, Effect, Permitted};
pub use example::{Example, ExampleError, ExampleResult, examples};
pub use explanation::{Explanation, RuleMatch};
pub use obligation::Obligation;
pub use policy::{Policy, SHIPPED_EXAMPLES, SHIPPED_POLICIES, SHIPPED_SCHEMA};
pub use problem::{PolicyError, Problem, Report, Severity};
pub use question::{Action, Ask, Circumstances, Declassification, Inspected, Model, Question, Stage};
pub use rule::RuleDescription;
