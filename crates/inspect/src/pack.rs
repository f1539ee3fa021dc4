//! Packs: rules as data, compiled once.

use std::fmt;
use std::sync::{Arc, OnceLock};

use schleuse_types::{FindingAction, Label};

use crate::checksum;
use crate::context::Words;
use crate::engine::Engine;
use crate::iban;
use crate::kind;
use crate::marking::Style;
use crate::number::Shape;
use crate::pattern::Pattern;
use crate::recognizer::Recognizer;
use crate::validator::{VALIDATORS, Validator};

/// The packs that are built in: name and text.
const BUILT_IN: &[(&str, &str)] = &[
    ("numbers", include_str!("../../../recognizers/numbers.toml")),
    ("contact", include_str!("../../../recognizers/contact.toml")),
    ("keys", include_str!("../../../recognizers/keys.toml")),
    ("credentials", include_str!("../../../recognizers/credentials.toml")),
    ("markings", include_str!("../../../recognizers/markings.toml")),
];

/// The longest keyword, in bytes.
pub(crate) const KEYWORD_MAX: usize = 40;
/// The most bytes between a keyword and its value.
pub(crate) const LEAD_MAX: usize = 64;
/// The most bytes that one pattern may take, unless its rule says otherwise.
const MATCH_MAX: usize = 512;

/// Compiled rules.
#[derive(Debug)]
pub struct Pack {
    pub(crate) rules: Vec<Rule>,
    pub(crate) engine: Engine,
    digest: String,
}

/// One row of a pack, compiled.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) id: String,
    pub(crate) kind: &'static kind::Kind,
    pub(crate) keywords: Vec<String>,
    /// The keywords count only in the case in which they are written.
    pub(crate) exact_case: bool,
    /// The byte before the keyword must end a word.
    pub(crate) starts_word: bool,
    /// The byte behind the match must begin a new word.
    pub(crate) ends_word: bool,
    pub(crate) finder: Finder,
    pub(crate) validator: Validator,
    /// Prior probability as log odds.
    pub(crate) prior: f32,
    /// Words near a match that speak for it or against it.
    pub(crate) words: Words,
    pub(crate) action: FindingAction,
    pub(crate) label: Option<Label>,
    pub(crate) positive: Vec<String>,
    pub(crate) negative: Vec<String>,
}

/// How a rule looks around its anchor.
#[derive(Debug)]
pub(crate) enum Finder {
    /// The pattern begins at the keyword.
    Pattern {
        pattern: Pattern,
        max: usize,
    },
    /// The value begins where the lead behind the keyword ends.
    Value {
        lead: Pattern,
        pattern: Pattern,
        max: usize,
    },
    /// The value is the first run of letters, digits, `_` and `-` behind the keyword, within so many bytes.
    Near {
        pattern: Pattern,
        max: usize,
        within: usize,
    },
    /// The pattern begins at the first digit of a group.
    Digits {
        pattern: Pattern,
        max: usize,
    },
    /// The pattern begins at up to nine capitals, or one small letter, that begin a word and end before a digit, or at
    /// up to three capitals that are a word one separator before a digit.
    Capital {
        pattern: Pattern,
        max: usize,
    },
    /// The pattern begins where [`Finder::Digits`] or [`Finder::Capital`] would.
    Word {
        pattern: Pattern,
        max: usize,
    },
    /// Digits in printed groups.
    Numbers {
        shapes: Vec<Shape>,
    },
    Own(&'static Recognizer),
    Email,
    Armour,
    Marking(Style),
}

impl Pack {
    /// The rules that ship with this version, compiled on first use.
    pub fn built_in() -> Result<Arc<Self>, PackError> {
        static PACK: OnceLock<Result<Arc<Pack>, PackError>> = OnceLock::new();
        PACK.get_or_init(|| Self::compile(BUILT_IN).map(Arc::new)).clone()
    }

    /// Compiles `(name, TOML text)` packs and runs every rule's own examples; one that fails refuses the pack.
    pub fn load(packs: &[(&str, &str)]) -> Result<Self, PackError> {
        let pack = Self::compile(packs)?;
        for (index, rule) in pack.rules.iter().enumerate() {
            for (examples, expected) in [(&rule.positive, true), (&rule.negative, false)] {
                for (number, example) in examples.iter().enumerate() {
                    if pack.finds(index, example) != expected {
                        return Err(PackError::Example { rule: rule.id.clone(), number, expected });
                    }
                }
            }
        }
        Ok(pack)
    }

    /// Compiles without running examples; the built-in packs run theirs in tests.
    fn compile(packs: &[(&str, &str)]) -> Result<Self, PackError> {
        let mut rules = Vec::new();
        let mut crc = 0;
        for (name, text) in packs {
            crc = checksum::crc_32(format!("{crc:08x}{name}\0{text}").as_bytes());
            let table: toml::Table = text.parse().map_err(|error: toml::de::Error| PackError::Syntax {
                pack: (*name).to_owned(),
                message: error.message().to_owned(),
            })?;
            for (key, value) in &table {
                match (key.as_str(), value) {
                    ("rule", toml::Value::Array(rows)) => {
                        for row in rows {
                            rules.push(Rule::compile(row)?);
                        }
                    }
                    _ => {
                        return Err(PackError::Syntax {
                            pack: (*name).to_owned(),
                            message: format!("unknown key `{key}`"),
                        });
                    }
                }
            }
        }
        if let Some(twice) =
            rules.iter().enumerate().find(|(i, rule)| rules.iter().take(*i).any(|r| r.id == rule.id))
        {
            return Err(PackError::rule(&twice.1.id, "this id is used twice"));
        }
        let engine =
            Engine::new(&rules).map_err(|message| PackError::Syntax { pack: "all".to_owned(), message })?;
        let digest = format!("{}+{}-{crc:08x}", env!("CARGO_PKG_VERSION"), rules.len());
        Ok(Self { rules, engine, digest })
    }

    /// Version, number of rules, and a checksum of their text. Not a cryptographic digest.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Whether the rule alone finds anything in the text with a score of at least [`crate::MIN_SCORE`].
    fn finds(&self, rule: usize, text: &str) -> bool {
        let mut hits = Vec::new();
        let actions: Vec<FindingAction> = self.rules.iter().map(|rule| rule.action).collect();
        self.engine.pass(&self.rules, &actions, text.as_bytes(), true, &mut hits);
        hits.iter().any(|hit| hit.rule == rule)
    }
}

impl Rule {
    fn compile(row: &toml::Value) -> Result<Self, PackError> {
        let table = row.as_table().ok_or_else(|| PackError::rule("?", "a rule is a table"))?;
        let id = table.get("id").and_then(toml::Value::as_str).unwrap_or_default().to_owned();
        if id.is_empty() {
            return Err(PackError::rule("?", "a rule needs an `id`"));
        }
        let fail = |message: &str| PackError::rule(&id, message);
        const KEYS: &[&str] = &[
            "id",
            "type",
            "finder",
            "keywords",
            "case",
            "starts_word",
            "ends_word",
            "after",
            "pattern",
            "max",
            "within",
            "shapes",
            "style",
            "validator",
            "score",
            "context",
            "against",
            "around",
            "action",
            "label",
            "positive",
            "negative",
        ];
        if let Some(unknown) = table.keys().find(|key| !KEYS.contains(&key.as_str())) {
            return Err(fail(&format!("unknown key `{unknown}`")));
        }
        let text = |key: &str| table.get(key).and_then(toml::Value::as_str);
        let number = |key: &str| {
            table.get(key).and_then(toml::Value::as_integer).and_then(|n| usize::try_from(n).ok())
        };
        let flag = |key: &str| table.get(key).and_then(toml::Value::as_bool);
        let list = |key: &str| -> Result<Vec<String>, PackError> {
            let Some(value) = table.get(key) else { return Ok(Vec::new()) };
            let items = value.as_array().ok_or_else(|| fail(&format!("`{key}` is a list")))?;
            items
                .iter()
                .map(|item| {
                    item.as_str()
                        .map(str::to_owned)
                        .ok_or_else(|| fail(&format!("`{key}` is a list of strings")))
                })
                .collect()
        };
        let pattern = |key: &str| {
            let source = text(key).ok_or_else(|| fail(&format!("this finder needs `{key}`")))?;
            Pattern::new(source).map_err(|message| fail(&format!("`{key}` does not compile: {message}")))
        };
        let kind = text("type").and_then(kind::find).ok_or_else(|| fail("unknown or missing `type`"))?;
        let max = number("max").unwrap_or(MATCH_MAX);
        let finder = match text("finder").unwrap_or("pattern") {
            "pattern" if table.contains_key("after") => {
                Finder::Value { lead: pattern("after")?, pattern: pattern("pattern")?, max }
            }
            "pattern" => Finder::Pattern { pattern: pattern("pattern")?, max },
            "near" => Finder::Near {
                pattern: pattern("pattern")?,
                max,
                within: number("within").unwrap_or(48).min(LEAD_MAX),
            },
            "digits" => Finder::Digits { pattern: pattern("pattern")?, max },
            "capital" => Finder::Capital { pattern: pattern("pattern")?, max },
            "numbers" => Finder::Numbers {
                shapes: list("shapes")?
                    .iter()
                    .map(|shape| {
                        Shape::parse(shape).ok_or_else(|| fail("a shape reads `11`, `2-3-3-3` or `13..19`"))
                    })
                    .collect::<Result<_, _>>()?,
            },
            "word" => Finder::Word { pattern: pattern("pattern")?, max },
            "iban" => Finder::Own(&iban::RECOGNIZER),
            "email" => Finder::Email,
            "armour" => Finder::Armour,
            "marking" => Finder::Marking(
                text("style")
                    .and_then(Style::parse)
                    .ok_or_else(|| fail("`style` is anywhere, capitals or line"))?,
            ),
            _ => return Err(fail("unknown `finder`")),
        };
        let keywords = list("keywords")?;
        let anchored = matches!(
            finder,
            Finder::Pattern { .. }
                | Finder::Value { .. }
                | Finder::Near { .. }
                | Finder::Email
                | Finder::Armour
                | Finder::Marking(_)
        );
        if anchored == keywords.is_empty() {
            return Err(fail("keywords belong to the finders pattern, near, email, armour and marking"));
        }
        if keywords.iter().any(|keyword| keyword.is_empty() || keyword.len() > KEYWORD_MAX) {
            return Err(fail("a keyword has 1 to 40 bytes"));
        }
        let validator_name = text("validator").unwrap_or("none");
        let validator = VALIDATORS
            .iter()
            .find(|(name, _)| *name == validator_name)
            .map(|(_, validator)| *validator)
            .ok_or_else(|| fail("unknown `validator`"))?;
        let score = table.get("score").and_then(toml::Value::as_float).unwrap_or_default() as f32;
        if !(0.01..=0.99).contains(&score) {
            return Err(fail("`score` is a number from 0.01 to 0.99"));
        }
        let action = match text("action") {
            Some(action) => FindingAction::parse(action).ok_or_else(|| fail("unknown `action`"))?,
            None => kind.action,
        };
        let label = match text("label") {
            Some(label) => Some(Label::parse(label.as_bytes()).map_err(|_| fail("unknown `label`"))?),
            None => None,
        };
        let (positive, negative) = (list("positive")?, list("negative")?);
        if positive.is_empty() || negative.is_empty() {
            return Err(fail("a rule needs positive and negative examples"));
        }
        Ok(Self {
            keywords,
            exact_case: text("case").unwrap_or("exact") == "exact",
            starts_word: flag("starts_word").unwrap_or(true),
            ends_word: flag("ends_word").unwrap_or(true),
            finder,
            validator,
            prior: (score / (1.0 - score)).ln(),
            words: Words::new(&list("context")?, &list("against")?, flag("around").unwrap_or(false)),
            action,
            label,
            positive,
            negative,
            kind,
            id,
        })
    }
}

/// Why a pack was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PackError {
    /// The text of a pack is not what a pack looks like.
    Syntax { pack: String, message: String },
    /// One rule says something impossible.
    Rule { rule: String, message: String },
    /// A rule does not do what its own example says; `number` counts from 0.
    Example { rule: String, number: usize, expected: bool },
}

impl PackError {
    fn rule(rule: &str, message: &str) -> Self {
        Self::Rule { rule: rule.to_owned(), message: message.to_owned() }
    }
}

impl fmt::Display for PackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax { pack, message } => write!(f, "pack `{pack}`: {message}"),
            Self::Rule { rule, message } => write!(f, "rule `{rule}`: {message}"),
            Self::Example { rule, number, expected: true } => {
                write!(f, "rule `{rule}` does not find its positive example {number}")
            }
            Self::Example { rule, number, expected: false } => {
                write!(f, "rule `{rule}` finds its negative example {number}")
            }
        }
    }
}

impl std::error::Error for PackError {}

#[cfg(test)]
mod tests;
