//! Loading policies and deciding by them.

use std::collections::HashMap;
use std::str::FromStr;

use cedar_policy::{
    Authorizer, Decision as CedarDecision, Entities, PolicyId, PolicySet, Request, Schema, ValidationMode,
    Validator,
};
use sha2::{Digest, Sha256};

use crate::memo::Memo;
use crate::problem::{PolicyError, Problem, Report, Severity};
use crate::rule::{Rule, RuleDescription};
use crate::translation::{Translator, one_line};
use crate::{Decision, Obligation, Question};

/// The schema that every house uses, unless it is told otherwise.
pub const SHIPPED_SCHEMA: &str = include_str!("../../../policies/schema.cedarschema");
/// The policies that every house starts with: file name and text.
pub const SHIPPED_POLICIES: [(&str, &str); 1] =
    [("default.cedar", include_str!("../../../policies/default.cedar"))];
/// What the shipped policies allow and deny.
pub const SHIPPED_EXAMPLES: &str = include_str!("../../../policies/examples.toml");
/// The name under which faults in the schema are reported.
const SCHEMA_NAME: &str = "schema.cedarschema";

/// A sound set of policies, ready to decide. Does not change; a new one replaces it.
#[derive(Debug)]
pub struct Policy {
    schema: Schema,
    policies: PolicySet,
    /// In the order of the files.
    rules: Vec<Rule>,
    rule_of: HashMap<PolicyId, usize>,
    translator: Translator,
    authorizer: Authorizer,
    warnings: Vec<Problem>,
    digest: String,
    memo: Memo,
}

impl Policy {
    /// Reads a schema and policies, each with the name of its file. Everything is validated strictly; the error lists all
    /// that is wrong with its places.
    pub fn load(schema: &str, policies: &[(&str, &str)]) -> Result<Self, PolicyError> {
        let mut problems = Vec::new();
        let (parsed_schema, translator) = match read_schema(schema, &mut problems) {
            Some(read) => read,
            None => return Err(PolicyError { problems }),
        };
        check_schema(&parsed_schema, &translator, schema, &mut problems);
        let (policy_set, rules) = read_policies(policies, &mut problems);
        let rule_of: HashMap<_, _> =
            rules.iter().enumerate().map(|(index, rule)| (PolicyId::new(&rule.id), index)).collect();
        let validator = Validator::new(parsed_schema);
        let result = validator.validate(&policy_set, ValidationMode::Strict);
        let mut report = |severity, id: &PolicyId, fault: &dyn miette::Diagnostic| {
            let rule = rule_of.get(id).and_then(|index| rules.get(*index));
            let file = rule.map_or("", |rule| rule.file.as_str());
            let text = policies.iter().find(|(name, _)| *name == file).map_or("", |(_, text)| text);
            let offset = rule.map_or(0, |rule| rule.offset);
            problems.push(Problem::from_diagnostic(severity, file, text, offset, fault));
        };
        for error in result.validation_errors() {
            report(Severity::Error, error.policy_id(), error);
        }
        for warning in result.validation_warnings() {
            report(Severity::Warning, warning.policy_id(), warning);
        }
        problems.sort_by_key(|problem| {
            (policies.iter().position(|(name, _)| *name == problem.file), problem.line, problem.column)
        });
        if problems.iter().any(|problem| problem.severity == Severity::Error) {
            return Err(PolicyError { problems });
        }
        Ok(Self {
            schema: validator.schema().clone(),
            policies: policy_set,
            rules,
            rule_of,
            translator,
            authorizer: Authorizer::new(),
            warnings: problems,
            digest: digest(schema, policies),
            memo: Memo::default(),
        })
    }

    /// The policy that is built in.
    pub fn shipped() -> Result<Self, PolicyError> {
        Self::load(SHIPPED_SCHEMA, &SHIPPED_POLICIES)
    }

    /// Everything that is wrong or suspicious, for `schleuse policy check`.
    pub fn check(schema: &str, policies: &[(&str, &str)]) -> Report {
        match Self::load(schema, policies) {
            Ok(policy) => Report {
                rule_count: policy.rules.len(),
                digest: Some(policy.digest),
                problems: policy.warnings,
            },
            Err(error) => Report { problems: error.problems, rule_count: 0, digest: None },
        }
    }

    /// SHA-256 in hex over the schema and every policy with its file name: 64 characters. Equal for equal texts.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// What is suspicious but not wrong.
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// Answers the question. A question that was answered before is not evaluated again.
    pub fn decide(&self, question: &Question) -> Decision {
        if let Some(decision) = self.memo.find(question) {
            return decision;
        }
        let decision = self.evaluate(question);
        self.memo.keep(question, &decision);
        decision
    }

    /// Answers the question without memory. Cedar itself passes over a policy that fails to evaluate; here it denies,
    /// because the policy that failed may have been the one that forbids.
    pub(crate) fn evaluate(&self, question: &Question) -> Decision {
        let (request, entities) = match self.translate(question) {
            Ok(translated) => translated,
            Err(error) => return Decision::deny_by_error(question, vec![error]),
        };
        let response = self.authorizer.is_authorized(&request, &self.policies, &entities);
        let errors: Vec<_> = response.diagnostics().errors().map(one_line).collect();
        if !errors.is_empty() {
            return Decision::deny_by_error(question, errors);
        }
        let mut indices: Vec<_> =
            response.diagnostics().reason().filter_map(|id| self.rule_of.get(id).copied()).collect();
        indices.sort_unstable();
        let matched: Vec<_> = indices.into_iter().filter_map(|index| self.rules.get(index)).collect();
        let names = matched.iter().map(|rule| rule.id.clone()).collect();
        match (response.decision(), matched.first()) {
            (CedarDecision::Allow, Some(_)) => {
                let obligations = matched.iter().flat_map(|rule| rule.obligations.iter().cloned());
                Decision::allow(question, names, Obligation::merge(obligations))
            }
            (CedarDecision::Deny, Some(Rule { texts: Some((message, next)), .. })) => {
                Decision::deny(question, names, message.clone(), next.clone())
            }
            // Allowed by no rule or forbidden by one without a text cannot happen; should it, the safe answer is this one.
            _ => Decision::deny_unpermitted(question),
        }
    }

    pub(crate) fn translate(&self, question: &Question) -> Result<(Request, Entities), String> {
        self.translator.translate(question, &self.schema)
    }

    /// Whether each rule alone matches, in the order of the files.
    pub(crate) fn match_rules(
        &self,
        request: &Request,
        entities: &Entities,
    ) -> impl Iterator<Item = (&Rule, Result<bool, String>)> {
        self.rules.iter().map(move |rule| {
            let id = PolicyId::new(&rule.id);
            let alone =
                self.policies.policy(&id).cloned().and_then(|policy| PolicySet::from_policies([policy]).ok());
            let Some(alone) = alone else {
                // INVARIANT: every rule is in the set from which it was read.
                return (rule, Err("the rule is not in the policy set".to_owned()));
            };
            let response = self.authorizer.is_authorized(request, &alone, entities);
            let error = response.diagnostics().errors().next().map(one_line);
            (rule, error.map_or_else(|| Ok(response.diagnostics().reason().next().is_some()), Err))
        })
    }

    /// Every rule with its texts, in the order of the files.
    pub fn describe_rules(&self) -> impl Iterator<Item = RuleDescription> {
        self.rules.iter().map(Rule::describe)
    }

    #[cfg(test)]
    pub(crate) fn rules(&self) -> &[Rule] {
        &self.rules
    }
}

fn read_schema(text: &str, problems: &mut Vec<Problem>) -> Option<(Schema, Translator)> {
    let schema = match Schema::from_cedarschema_str(text) {
        Ok((schema, warnings)) => {
            for warning in warnings {
                problems.push(Problem::from_diagnostic(Severity::Warning, SCHEMA_NAME, text, 0, &warning));
            }
            schema
        }
        Err(error) => {
            problems.push(Problem::from_diagnostic(Severity::Error, SCHEMA_NAME, text, 0, &error));
            return None;
        }
    };
    match Translator::new() {
        Ok(translator) => Some((schema, translator)),
        Err(error) => {
            problems.push(Problem::at(Severity::Error, SCHEMA_NAME, text, 0, one_line(error)));
            None
        }
    }
}

/// A schema of one's own may say more than the shipped one; whether it can hold what this house asks is known now and not
/// only when the first request is denied.
fn check_schema(schema: &Schema, translator: &Translator, text: &str, problems: &mut Vec<Problem>) {
    for question in Question::samples() {
        if let Err(error) = translator.translate(&question, schema) {
            let message = format!("the schema does not fit the action `{}`: {error}", question.action.name());
            problems.push(Problem::at(Severity::Error, SCHEMA_NAME, text, 0, message));
        }
    }
}

/// All policies that could be read, under the ids that their authors gave them.
fn read_policies(files: &[(&str, &str)], problems: &mut Vec<Problem>) -> (PolicySet, Vec<Rule>) {
    let (mut all, mut rules): (_, Vec<Rule>) = (PolicySet::new(), Vec::new());
    for (file, text) in files {
        let parsed = match PolicySet::from_str(text) {
            Ok(parsed) => parsed,
            Err(errors) => {
                let faults = errors.iter();
                problems.extend(
                    faults.map(|fault| Problem::from_diagnostic(Severity::Error, file, text, 0, fault)),
                );
                continue;
            }
        };
        if parsed.num_of_templates() > 0 {
            let message =
                "templates with `?principal` or `?resource` are not supported; write whole policies";
            problems.push(Problem::at(Severity::Error, file, text, 0, message));
        }
        let mut read = Vec::new();
        for policy in parsed.policies() {
            match Rule::read(file, text, policy) {
                Ok(rule) => read.push((rule, policy)),
                Err(faults) => problems.extend(faults),
            }
        }
        read.sort_by_key(|(rule, _)| rule.offset);
        for (rule, policy) in read {
            if all.add(policy.new_id(PolicyId::new(&rule.id))).is_err() {
                let elsewhere = rules.iter().find(|other| other.id == rule.id);
                let elsewhere =
                    elsewhere.map_or(String::new(), |other| format!(" in {}:{}", other.file, other.line));
                let message = format!("the id `{}` is already used{elsewhere}", rule.id);
                problems.push(Problem::at(Severity::Error, file, text, rule.offset, message));
            } else {
                rules.push(rule);
            }
        }
    }
    (all, rules)
}

fn digest(schema: &str, policies: &[(&str, &str)]) -> String {
    let mut hash = Sha256::new();
    let texts = policies.iter().flat_map(|(name, text)| [*name, *text]);
    for text in std::iter::once(schema).chain(texts) {
        // With its length before it, no text can pass for the end of another.
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    }
    hash.finalize().iter().fold(String::with_capacity(64), |hex, byte| hex + &format!("{byte:02x}"))
}

#[cfg(test)]
mod tests;
