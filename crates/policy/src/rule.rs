//! One policy as its author wrote it, with what its annotations say.

use cedar_policy::Effect as CedarEffect;
use schleuse_types::Text;

use crate::decision::{ERROR, NO_RULE_PERMITS};
use crate::problem::{Problem, Severity};
use crate::{Effect, Obligation};

const ANNOTATIONS: [&str; 7] =
    ["id", "description", "message_en", "message_de", "next_en", "next_de", "obligation"];

/// Everything about a policy that Cedar does not interpret.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) id: String,
    pub(crate) effect: Effect,
    pub(crate) file: String,
    /// Counted from 1.
    pub(crate) line: usize,
    /// First byte of the policy in its file.
    pub(crate) offset: usize,
    pub(crate) obligations: Vec<Obligation>,
    /// Both there for a forbid, none for a permit.
    pub(crate) texts: Option<(Text, Text)>,
}

/// What people are shown of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleDescription {
    pub id: String,
    /// What the rule does where it matches.
    pub effect: Effect,
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    /// What a `forbid` says to whom it denies something; none for a `permit`.
    pub note: Option<Text>,
    /// What it advises them to do; none for a `permit`.
    pub advice: Option<Text>,
}

impl Rule {
    pub(crate) fn describe(&self) -> RuleDescription {
        RuleDescription {
            id: self.id.clone(),
            effect: self.effect,
            file: self.file.clone(),
            line: self.line,
            note: self.texts.as_ref().map(|(message, _)| message.clone()),
            advice: self.texts.as_ref().map(|(_, next)| next.clone()),
        }
    }

    /// Reads the annotations of one policy. Says everything that is wrong with them, not only the first.
    pub(crate) fn read(file: &str, text: &str, policy: &cedar_policy::Policy) -> Result<Self, Vec<Problem>> {
        let offset = policy.as_ref().loc().map_or(0, |place| place.start());
        let place = Problem::at(Severity::Error, file, text, offset, "");
        let mut problems = Vec::new();
        let mut complain = |message: String| problems.push(Problem { message, ..place.clone() });
        let annotation = |key: &str| policy.annotation(key).map(str::trim).filter(|text| !text.is_empty());

        for (key, _) in policy.annotations() {
            if !ANNOTATIONS.contains(&key) {
                complain(unknown_annotation(key));
            }
        }
        let id = annotation("id").unwrap_or_default().to_owned();
        if let Err(message) = check_id(&id) {
            complain(message);
        }
        let effect = match policy.effect() {
            CedarEffect::Permit => Effect::Allow,
            CedarEffect::Forbid => Effect::Deny,
        };
        let texts = match effect {
            Effect::Allow => {
                for key in ANNOTATIONS.into_iter().filter(|key| key.contains('_')) {
                    if policy.annotation(key).is_some() {
                        complain(format!(
                            "`@{key}` on a permit is never shown to anybody; only a forbid has texts"
                        ));
                    }
                }
                None
            }
            Effect::Deny => {
                let mut needed = |key: &str| {
                    let text = annotation(key);
                    if text.is_none() {
                        complain(format!(
                            "a forbid needs `@{key}`, so that people learn what happened and what to do"
                        ));
                    }
                    text.unwrap_or_default().to_owned()
                };
                let message = Text::new(needed("message_en"), needed("message_de"));
                Some((message, Text::new(needed("next_en"), needed("next_de"))))
            }
        };
        let obligations = match policy.annotation("obligation") {
            None => Vec::new(),
            Some(_) if effect == Effect::Deny => {
                complain("`@obligation` on a forbid has no effect; what is denied obliges nobody".to_owned());
                Vec::new()
            }
            Some(list) => Obligation::parse_list(list).unwrap_or_else(|message| {
                complain(message);
                Vec::new()
            }),
        };
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self { id, effect, file: place.file, line: place.line, offset, obligations, texts })
    }
}

fn check_id(id: &str) -> Result<(), String> {
    if id.is_empty() {
        return Err("a rule needs an `@id`, so that a decision can name it".to_owned());
    }
    if id.len() > 64 || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
        return Err(format!("`{id}` is no id: use up to 64 letters, digits, `-`, `_` and `.`"));
    }
    if [NO_RULE_PERMITS, ERROR].contains(&id) {
        return Err(format!("the id `{id}` is taken: decisions use it when no rule decided"));
    }
    Ok(())
}

fn unknown_annotation(key: &str) -> String {
    let nearest = ANNOTATIONS.into_iter().min_by_key(|known| strsim::damerau_levenshtein(known, key));
    let nearest = nearest.filter(|known| strsim::damerau_levenshtein(known, key) <= 3);
    match nearest {
        Some(nearest) => format!("unknown annotation `@{key}`; did you mean `@{nearest}`"),
        None => format!("unknown annotation `@{key}`; there are `@{}`", ANNOTATIONS.join("`, `@")),
    }
}
