//! Why a question is answered as it is.

use std::fmt;

use crate::{Decision, Effect, Policy, Question};

/// What every rule says about one question; prints as `schleuse policy explain` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    pub decision: Decision,
    /// Every rule, in the order of the files; empty when the question itself does not fit the schema.
    pub rules: Vec<RuleMatch>,
}

/// What one rule alone says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleMatch {
    pub rule: String,
    /// What the rule does where it matches.
    pub effect: Effect,
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    /// Whether it matches, or why it cannot be evaluated.
    pub matched: Result<bool, String>,
}

impl Policy {
    /// Evaluates every rule alone, also those that another one outweighs.
    pub fn explain(&self, question: &Question) -> Explanation {
        let rules = match self.translate(question) {
            Err(_) => Vec::new(),
            Ok((request, entities)) => self
                .match_rules(&request, &entities)
                .map(|(rule, matched)| RuleMatch {
                    rule: rule.id.clone(),
                    effect: rule.effect,
                    file: rule.file.clone(),
                    line: rule.line,
                    matched,
                })
                .collect(),
        };
        Explanation { decision: self.evaluate(question), rules }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decision = &self.decision;
        writeln!(f, "{}, by {}", decision.effect().as_str(), decision.rules().join(", "))?;
        if let Some(message) = decision.message() {
            writeln!(f, "  {}", message.english)?;
        }
        if let Some(next) = decision.next() {
            writeln!(f, "  next: {}", next.english)?;
        }
        for obligation in decision.obligations() {
            writeln!(f, "  obligation: {obligation}")?;
        }
        for error in decision.errors() {
            writeln!(f, "  error: {error}")?;
        }
        for rule in &self.rules {
            let effect = match rule.effect {
                Effect::Allow => "permit",
                Effect::Deny => "forbid",
            };
            let outcome = match &rule.matched {
                Ok(true) => "matches",
                Ok(false) => "does not match",
                Err(error) => error,
            };
            writeln!(f, "{effect} {} ({}:{}): {outcome}", rule.rule, rule.file, rule.line)?;
        }
        Ok(())
    }
}
