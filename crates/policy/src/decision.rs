//! The answer of the policy.

use std::sync::Arc;

use schleuse_types::{Refusal, RefusalCode, Text};

use crate::{Obligation, Question};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    Allow,
    Deny,
}

impl Effect {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}

/// What the policy decided. Only [`crate::Policy::decide`] makes one. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision(Arc<Content>);

#[derive(Debug, PartialEq, Eq)]
struct Content {
    effect: Effect,
    action: &'static str,
    stage: Option<&'static str>,
    rules: Vec<String>,
    obligations: Vec<Obligation>,
    message: Option<Text>,
    next: Option<Text>,
    errors: Vec<String>,
}

/// The rule that denies what no rule permits.
pub(crate) const NO_RULE_PERMITS: &str = "no-rule-permits";
/// The rule that denies what cannot be evaluated.
pub(crate) const ERROR: &str = "error";

impl Decision {
    pub(crate) fn allow(question: &Question, rules: Vec<String>, obligations: Vec<Obligation>) -> Self {
        Self::new(question, Effect::Allow, rules, obligations, None)
    }

    pub(crate) fn deny(question: &Question, rules: Vec<String>, message: Text, next: Text) -> Self {
        Self::new(question, Effect::Deny, rules, Vec::new(), Some((message, next)))
    }

    pub(crate) fn deny_unpermitted(question: &Question) -> Self {
        let words = question.action.words();
        let message = Text::new(
            format!("No rule of this house permits you to {}.", words.english),
            format!("Keine Regel dieses Hauses erlaubt es Ihnen: {}.", words.german),
        );
        let next = Text::fixed(
            "Ask an administrator or the security officer whether your role should be permitted to do it.",
            "Fragen Sie die Administration oder die Sicherheitsbeauftragten, ob Ihre Rolle das dürfen soll.",
        );
        Self::deny(question, vec![NO_RULE_PERMITS.to_owned()], message, next)
    }

    /// `errors` may name rules and attributes; none of them is a text of the asker's.
    pub(crate) fn deny_by_error(question: &Question, errors: Vec<String>) -> Self {
        let message = Text::fixed(
            "The rules of this house could not be evaluated, so this was denied to be safe.",
            "Die Regeln dieses Hauses konnten nicht ausgewertet werden, deshalb wurde das sicherheitshalber abgelehnt.",
        );
        let next = Text::fixed(
            "Tell an administrator; `schleuse policy explain` shows which rule fails.",
            "Sagen Sie der Administration Bescheid; `schleuse policy explain` zeigt, welche Regel versagt.",
        );
        let mut content = Content::new(question, Effect::Deny, vec![ERROR.to_owned()], Vec::new());
        content.message = Some(message);
        content.next = Some(next);
        content.errors = errors;
        Self(Arc::new(content))
    }

    fn new(
        question: &Question,
        effect: Effect,
        rules: Vec<String>,
        obligations: Vec<Obligation>,
        texts: Option<(Text, Text)>,
    ) -> Self {
        let mut content = Content::new(question, effect, rules, obligations);
        (content.message, content.next) = texts.unzip();
        Self(Arc::new(content))
    }

    pub fn effect(&self) -> Effect {
        self.0.effect
    }

    /// The rules that decided, in the order of the files: every permit that matched, or every forbid that did.
    /// `no-rule-permits` when none matched, `error` when the evaluation failed. Never empty.
    pub fn rules(&self) -> &[String] {
        &self.0.rules
    }

    /// What must be done in return for the permission; empty for a denial.
    pub fn obligations(&self) -> &[Obligation] {
        &self.0.obligations
    }

    /// Why it was denied, for the asker; there for every denial, of the first rule that denied.
    pub fn message(&self) -> Option<&Text> {
        self.0.message.as_ref()
    }

    /// What the asker can do next; there for every denial.
    pub fn next(&self) -> Option<&Text> {
        self.0.next.as_ref()
    }

    /// What went wrong in the evaluation; empty unless the rule is `error`.
    pub fn errors(&self) -> &[String] {
        &self.0.errors
    }

    /// The permission, or the 403 `access_denied` that names the rule and what to do next.
    pub fn permit(self) -> Result<Permitted, Refusal> {
        match self.0.effect {
            Effect::Allow => Ok(Permitted(self)),
            Effect::Deny => Err(self.refusal()),
        }
    }

    fn refusal(&self) -> Refusal {
        let rules = self.0.rules.join("`, `");
        let first = self.0.rules.first().map_or("", String::as_str);
        let (english, german) =
            self.0.message.as_ref().map_or(("", ""), |text| (&*text.english, &*text.german));
        let message = Text::new(
            format!("{english} (Rule: `{first}`.)").trim_start(),
            format!("{german} (Regel: `{first}`.)").trim_start(),
        );
        let next = self
            .0
            .next
            .clone()
            .unwrap_or(Text::fixed("Ask an administrator.", "Fragen Sie die Administration."));
        let stage = self.0.stage.map(|stage| format!(" at the stage {stage}")).unwrap_or_default();
        let mut inside = format!("`{}` denied{stage} by `{rules}`", self.0.action);
        for error in &self.0.errors {
            inside.push_str("; ");
            inside.push_str(error);
        }
        Refusal::new(RefusalCode::AccessDenied, message, next, inside)
    }
}

impl Content {
    fn new(question: &Question, effect: Effect, rules: Vec<String>, obligations: Vec<Obligation>) -> Self {
        let stage = match &question.action {
            crate::Action::Ask(ask) => Some(ask.stage.name()),
            _ => None,
        };
        let action = question.action.name();
        Self { effect, action, stage, rules, obligations, message: None, next: None, errors: Vec::new() }
    }
}

/// A decision that allows. Only [`Decision::permit`] makes one, so a step that asks for it cannot follow a denial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permitted(Decision);

impl Permitted {
    pub fn rules(&self) -> &[String] {
        self.0.rules()
    }

    pub fn obligations(&self) -> &[Obligation] {
        self.0.obligations()
    }

    /// The name of the action that was permitted.
    pub fn action(&self) -> &'static str {
        self.0.0.action
    }

    /// `asking` or `answering` for a question to a model.
    pub fn stage(&self) -> Option<&'static str> {
        self.0.0.stage
    }
}
