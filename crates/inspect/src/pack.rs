//! Packs: rules as data, compiled once.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, OnceLock};

use schleuse_types::{FindingAction, Label};
use sha2::{Digest, Sha256};

use crate::address;
use crate::assignment;
use crate::calibration::{self, Calibration};
use crate::context::Words;
use crate::engine::Engine;
use crate::gazetteer;
use crate::iban;
use crate::kind;
use crate::marking::Style;
use crate::names::{line_at, nearest};
use crate::network;
use crate::number::Shape;
use crate::pattern::Pattern;
use crate::person::Cue;
use crate::plate;
use crate::recognizer::Recognizer;
use crate::score::Odds;
use crate::term::{self, Terms};
use crate::validator::{VALIDATORS, Validator, accept};

/// The packs that are built in: name and text.
pub(crate) const BUILT_IN: &[(&str, &str)] = &[
    ("numbers", include_str!("../../../recognizers/numbers.toml")),
    ("national", include_str!("../../../recognizers/national.toml")),
    ("contact", include_str!("../../../recognizers/contact.toml")),
    ("business", include_str!("../../../recognizers/business.toml")),
    ("secrets-ai", include_str!("../../../recognizers/secrets/ai.toml")),
    ("secrets-business", include_str!("../../../recognizers/secrets/business.toml")),
    ("secrets-cloud", include_str!("../../../recognizers/secrets/cloud.toml")),
    ("secrets-databases", include_str!("../../../recognizers/secrets/databases.toml")),
    ("secrets-identity", include_str!("../../../recognizers/secrets/identity.toml")),
    ("secrets-messaging", include_str!("../../../recognizers/secrets/messaging.toml")),
    ("secrets-monitoring", include_str!("../../../recognizers/secrets/monitoring.toml")),
    ("secrets-payment", include_str!("../../../recognizers/secrets/payment.toml")),
    ("secrets-registries", include_str!("../../../recognizers/secrets/registries.toml")),
    ("secrets-source-control", include_str!("../../../recognizers/secrets/source-control.toml")),
    ("credentials", include_str!("../../../recognizers/credentials.toml")),
    ("markings", include_str!("../../../recognizers/markings.toml")),
    ("people", include_str!("../../../recognizers/people.toml")),
    ("address", include_str!("../../../recognizers/address.toml")),
    ("birth", include_str!("../../../recognizers/birth.toml")),
    ("injection", include_str!("../../../recognizers/injection.toml")),
    ("code", include_str!("../../../recognizers/code.toml")),
];

/// The longest keyword, in bytes.
pub(crate) const KEYWORD_MAX: usize = 40;
/// The most bytes between a keyword and its value.
pub(crate) const LEAD_MAX: usize = 64;
/// The most bytes that one pattern may take, unless its rule says otherwise.
const MATCH_MAX: usize = 512;
/// The most rules of all packs together, and the most bytes of one pack.
const RULES_MAX: usize = 5_000;
const PACK_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Changes whenever the same packs would give other scores.
const CALCULUS: &str = "2";

/// Compiled rules.
#[derive(Debug)]
pub struct Pack {
    pub(crate) rules: Vec<Rule>,
    pub(crate) engine: Engine,
    pub(crate) calibration: Calibration,
    heads: Vec<Head>,
    digest: String,
}

/// What a pack says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The `id` of the table `[pack]`; without one, the name under which the pack was given.
    pub id: String,
    /// Empty when the pack names none.
    pub version: String,
    pub description: String,
    /// How many rules it holds.
    pub rules: usize,
}

/// What people may be told about a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct About<'p> {
    pub id: &'p str,
    /// The type of its findings.
    pub kind: &'static str,
    /// The action when no guardrail says otherwise.
    pub action: FindingAction,
    pub label: Option<Label>,
    /// 0 to 1.
    pub severity: f32,
    /// Languages and countries for which it is made; empty for all.
    pub locale: &'p [String],
    pub tags: &'p [String],
    pub shadow: bool,
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
    pub(crate) exceptions: Exceptions,
    /// Prior probability as log odds.
    pub(crate) prior: f32,
    /// Words near a match that speak for it or against it.
    pub(crate) words: Words,
    pub(crate) action: FindingAction,
    pub(crate) label: Option<Label>,
    /// How bad one certain hit is, 0 to 1.
    pub(crate) severity: f32,
    /// The least sensitivity of a text with such a finding, 0 to 1.
    pub(crate) floor: f32,
    /// Languages and countries for which the rule is made, such as `de` or `de-AT`.
    pub(crate) locale: Vec<String>,
    /// Words by which guardrails may name the rule among others.
    pub(crate) tags: Vec<String>,
    /// The views whose hits count.
    pub(crate) views: Views,
    /// What the rule finds is told and has no effect.
    pub(crate) shadow: bool,
    /// Where the row stands: the pack, and the row in it, both from 0.
    pub(crate) place: (usize, usize),
    pub(crate) positive: Vec<String>,
    pub(crate) negative: Vec<String>,
}

/// What a match of a rule may not hold.
#[derive(Debug, Default)]
pub(crate) struct Exceptions {
    /// Each finds its expression anywhere.
    patterns: Vec<Pattern>,
    /// In small letters.
    words: Vec<String>,
}

impl Exceptions {
    fn new(patterns: &[String], mut words: Vec<String>) -> Result<Self, String> {
        let patterns: Result<_, _> =
            patterns.iter().map(|source| Pattern::new(&format!("(?s-u:.)*?(?:{source})"))).collect();
        words.iter_mut().for_each(|word| word.make_ascii_lowercase());
        Ok(Self { patterns: patterns?, words })
    }

    pub(crate) fn hold(&self, value: &[u8]) -> bool {
        if self.patterns.is_empty() && self.words.is_empty() {
            return false;
        }
        let lower = value.to_ascii_lowercase();
        let word = |word: &String| lower.windows(word.len().max(1)).any(|part| part == word.as_bytes());
        self.words.iter().any(word)
            || self.patterns.iter().any(|pattern| pattern.run(value, 0, value.len(), true).end.is_some())
    }
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
    /// The value that the keyword, a name, is given.
    Assignment(assignment::Style),
    /// The first word behind the name of a provider that fits, where a word such as `key` stands too.
    Named {
        pattern: Pattern,
        max: usize,
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
    /// A block of source code whose first line begins with the keyword.
    Code,
    Marking(Style),
    /// Terms of a list, at the beginning of every word.
    Terms(Box<Terms>),
    /// A name behind the keyword, or, without keywords, at words that begin with a capital.
    Person(Cue),
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
        pack.try_examples(packs)?;
        Ok(pack)
    }

    /// The built-in packs and the caller's own, which are taken by name so that the order of a folder does not matter.
    pub fn with_own(own: &[(&str, &str)]) -> Result<Self, PackError> {
        let mut own: Vec<(&str, &str)> = own.to_vec();
        own.sort_unstable();
        let packs: Vec<(&str, &str)> = BUILT_IN.iter().copied().chain(own).collect();
        Self::load(&packs)
    }

    /// The built-in packs and a list of the house's own terms: rows of `term,action,label`, at most 20,000.
    ///
    /// The same as [`Pack::with_own`] with a pack whose name ends in `.csv`. Without an action a term blocks.
    pub fn with_terms(list: &str, rows: &str) -> Result<Self, PackError> {
        Self::with_own(&[(&format!("{list}.csv"), rows)])
    }

    /// Compiles without running examples; the built-in packs run theirs in tests.
    pub(crate) fn compile(packs: &[(&str, &str)]) -> Result<Self, PackError> {
        let (mut rules, mut heads) = (Vec::new(), Vec::new());
        for (index, (name, text)) in packs.iter().enumerate() {
            let (head, found) = read(name, text).map_err(|error| error.in_pack(name, text))?;
            rules.extend(found.into_iter().map(|rule: Rule| Rule { place: (index, rule.place.1), ..rule }));
            heads.push(head);
            if rules.len() > RULES_MAX {
                let message = format!("all packs together have at most {RULES_MAX} rules");
                return Err(PackError::Syntax { pack: (*name).to_owned(), line: 0, message });
            }
        }
        let mut seen = BTreeSet::new();
        for rule in &rules {
            if !seen.insert(rule.id.as_str()) {
                let error = PackError::rule(&rule.id, "this id is used twice");
                return Err(at_rule(error, rule, packs));
            }
        }
        let engine = Engine::new(&rules);
        gazetteer::load();
        let calibration = Calibration::parse(calibration::BUILT_IN).map_err(|message| PackError::Syntax {
            pack: "calibration".to_owned(),
            line: 0,
            message,
        })?;
        Ok(Self { rules, engine, calibration, heads, digest: digest(packs) })
    }

    fn try_examples(&self, packs: &[(&str, &str)]) -> Result<(), PackError> {
        for (index, rule) in self.rules.iter().enumerate() {
            for (examples, expected) in [(&rule.positive, true), (&rule.negative, false)] {
                for (number, example) in examples.iter().enumerate() {
                    if self.finds(index, example) != expected {
                        let error = PackError::Example {
                            pack: String::new(),
                            line: 0,
                            rule: rule.id.clone(),
                            number,
                            expected,
                        };
                        return Err(at_rule(error, rule, packs));
                    }
                }
            }
        }
        Ok(())
    }

    /// `sha256:` and the hash of the names and texts of all packs and of how scores are computed.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// What each pack says about itself, in the order in which they were compiled.
    pub fn heads(&self) -> &[Head] {
        &self.heads
    }

    /// Every rule, in the order of the packs.
    pub fn rules(&self) -> impl Iterator<Item = About<'_>> {
        self.rules.iter().map(|rule| About {
            id: &rule.id,
            kind: rule.kind.name,
            action: rule.action,
            label: rule.label.clone(),
            severity: rule.severity,
            locale: &rule.locale,
            tags: &rule.tags,
            shadow: rule.shadow,
        })
    }

    /// Whether the rule alone finds anything in the text with a score of at least [`crate::MIN_SCORE`].
    fn finds(&self, rule: usize, text: &str) -> bool {
        let mut hits = Vec::new();
        let actions: Vec<FindingAction> = self.rules.iter().map(|rule| rule.action).collect();
        self.engine.pass(&self.rules, &actions, text.as_bytes(), true, &mut hits);
        hits.iter().any(|hit| hit.rule == rule)
    }
}

/// Reads one pack. Errors name the row by its number from 0 in place of the line.
fn read(name: &str, text: &str) -> Result<(Head, Vec<Rule>), PackError> {
    let syntax = |line, message| PackError::Syntax { pack: name.to_owned(), line, message };
    if text.len() > PACK_BYTES_MAX {
        return Err(syntax(0, format!("a pack has at most {PACK_BYTES_MAX} bytes")));
    }
    if name.ends_with(".csv") {
        return term::read(name, text).map_err(|(line, message)| syntax(line, message));
    }
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(0, |span| line_at(text, span.start));
        syntax(line, error.message().to_owned())
    })?;
    let mut head = Head { id: name.to_owned(), version: String::new(), description: String::new(), rules: 0 };
    let mut rules = Vec::new();
    for (key, value) in &table {
        match (key.as_str(), value) {
            ("rule", toml::Value::Array(rows)) => {
                for (number, row) in rows.iter().enumerate() {
                    let mut rule = Rule::compile(row).map_err(|error| error.at_row(number))?;
                    rule.place.1 = number;
                    rules.push(rule);
                }
            }
            ("pack", toml::Value::Table(about)) => head.read(about).map_err(|message| syntax(0, message))?,
            _ => {
                let nearest = nearest(key, ["rule", "pack"].into_iter());
                return Err(syntax(0, format!("unknown key `{key}`, the nearest is `{nearest}`")));
            }
        }
    }
    head.rules = rules.len();
    Ok((head, rules))
}

/// The hash of everything that decides what is found and how sure it is. Lengths stand before names and texts, so that
/// no two sets of packs read the same.
fn digest(packs: &[(&str, &str)]) -> String {
    let mut hash = Sha256::new();
    let mut add = |text: &str| {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    };
    add("schleuse packs");
    add(env!("CARGO_PKG_VERSION"));
    add(CALCULUS);
    add(calibration::BUILT_IN);
    for (name, text) in packs {
        add(name);
        add(text);
    }
    let hex: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// The error with the pack and the line of a rule.
fn at_rule(error: PackError, rule: &Rule, packs: &[(&str, &str)]) -> PackError {
    match packs.get(rule.place.0) {
        Some((name, text)) => error.at_row(rule.place.1).in_pack(name, text),
        None => error,
    }
}

/// The line of the row with this number, 0 when there is none.
fn line_of_row(text: &str, number: usize) -> usize {
    let Ok(table) = toml::de::DeTable::parse(text) else { return 0 };
    let rows = table.get_ref().iter().find(|(key, _)| key.get_ref().as_ref() == "rule");
    match rows.map(|(_, rows)| rows.get_ref()) {
        Some(toml::de::DeValue::Array(rows)) => {
            rows.get(number).map_or(0, |row| line_at(text, row.span().start))
        }
        _ => 0,
    }
}

impl Head {
    fn read(&mut self, about: &toml::Table) -> Result<(), String> {
        for (key, value) in about {
            let slot = match key.as_str() {
                "id" => &mut self.id,
                "version" => &mut self.version,
                "description" => &mut self.description,
                _ => {
                    let nearest = nearest(key, ["id", "version", "description"].into_iter());
                    return Err(format!("unknown key `{key}` in `[pack]`, the nearest is `{nearest}`"));
                }
            };
            let text = value.as_str().ok_or_else(|| format!("`{key}` in `[pack]` is a text"))?;
            text.clone_into(slot);
        }
        Ok(())
    }
}

/// Where a rule may look: at the text as it stands, or at one of the readings against evasion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Views(u8);

impl Views {
    pub(crate) const RAW: Self = Self(1);
    pub(crate) const FOLD: Self = Self(2);
    pub(crate) const SQUEEZE: Self = Self(4);
    pub(crate) const DECODE: Self = Self(8);
    pub(crate) const JOIN: Self = Self(16);
    pub(crate) const MARKDOWN: Self = Self(32);
    pub(crate) const ALL: Self = Self(63);
    const NAMES: [(&'static str, Self); 7] = [
        ("raw", Self::RAW),
        ("fold", Self::FOLD),
        ("squeeze", Self::SQUEEZE),
        ("decode", Self::DECODE),
        ("join", Self::JOIN),
        ("markdown", Self::MARKDOWN),
        ("all", Self::ALL),
    ];

    /// Whether all views of the other are among these.
    pub(crate) fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The union of the named views; those of an empty list are all.
    fn parse(names: &[String]) -> Result<Self, String> {
        if names.is_empty() {
            return Ok(Self::ALL);
        }
        names.iter().try_fold(Self(0), |views, name| {
            let known = Self::NAMES.iter().find(|(known, _)| known == name);
            known.map(|(_, view)| Self(views.0 | view.0)).ok_or_else(|| {
                let nearest = nearest(name, Self::NAMES.iter().map(|(known, _)| *known));
                format!("unknown view `{name}`, the nearest is `{nearest}`")
            })
        })
    }
}

impl Rule {
    /// A rule for terms, whose other parts its list decides.
    pub(crate) fn of_terms(id: String, kind: &'static kind::Kind, terms: Box<Terms>) -> Self {
        Self {
            id,
            kind,
            keywords: Vec::new(),
            exact_case: true,
            starts_word: false,
            ends_word: false,
            finder: Finder::Terms(terms),
            validator: accept,
            exceptions: Exceptions::default(),
            prior: 0.0,
            words: Words::default(),
            action: kind.action,
            label: None,
            severity: kind.severity,
            floor: 0.0,
            locale: Vec::new(),
            tags: Vec::new(),
            views: Views::ALL,
            shadow: false,
            place: (0, 0),
            positive: Vec::new(),
            negative: Vec::new(),
        }
    }

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
            "except",
            "except_words",
            "score",
            "context",
            "against",
            "around",
            "action",
            "label",
            "severity",
            "floor",
            "locale",
            "tags",
            "view",
            "shadow",
            "positive",
            "negative",
        ];
        if let Some(unknown) = table.keys().find(|key| !KEYS.contains(&key.as_str())) {
            let nearest = nearest(unknown, KEYS.iter().copied());
            return Err(fail(&format!("unknown key `{unknown}`, the nearest is `{nearest}`")));
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
        let share = |key: &str| match table.get(key) {
            None => Ok(None),
            Some(value) => value
                .as_float()
                .or_else(|| value.as_integer().and_then(|n| i32::try_from(n).ok()).map(f64::from))
                .filter(|share| (0.0..=1.0).contains(share))
                .map(|share| Some(share as f32))
                .ok_or_else(|| fail(&format!("`{key}` is a number from 0 to 1"))),
        };
        let named = text("type").ok_or_else(|| fail("a rule needs a `type`"))?;
        let kind = kind::find(named).ok_or_else(|| {
            let nearest = nearest(named, kind::KINDS.iter().map(|kind| kind.name));
            fail(&format!("unknown type `{named}`, the nearest is `{nearest}`"))
        })?;
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
            "named" => Finder::Named { pattern: pattern("pattern")?, max },
            "assignment" => Finder::Assignment(
                text("style")
                    .and_then(assignment::Style::parse)
                    .ok_or_else(|| fail("`style` is password, secret, pin, login or call"))?,
            ),
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
            "plate" => Finder::Own(&plate::RECOGNIZER),
            "ip-v6" => Finder::Own(&network::IP_V6),
            "mac" => Finder::Own(&network::MAC),
            "address" => Finder::Own(&address::RECOGNIZER),
            "email" => Finder::Email,
            "armour" => Finder::Armour,
            "code" => Finder::Code,
            "marking" => Finder::Marking(
                text("style")
                    .and_then(Style::parse)
                    .ok_or_else(|| fail("`style` is anywhere, capitals or line"))?,
            ),
            "person" => Finder::Person(text("style").and_then(Cue::parse).ok_or_else(|| {
                fail("`style` is text, salutation, greeting, signature, label, weak-label or role")
            })?),
            _ => return Err(fail("unknown `finder`")),
        };
        let keywords = list("keywords")?;
        let anchored = matches!(
            finder,
            Finder::Pattern { .. }
                | Finder::Value { .. }
                | Finder::Near { .. }
                | Finder::Named { .. }
                | Finder::Assignment(_)
                | Finder::Email
                | Finder::Armour
                | Finder::Code
                | Finder::Marking(_)
        ) || matches!(finder, Finder::Person(cue) if cue != Cue::Text);
        if anchored == keywords.is_empty() {
            return Err(fail(
                "keywords belong to the finders pattern, near, email, armour, code, marking and person",
            ));
        }
        if keywords.iter().any(|keyword| keyword.is_empty() || keyword.len() > KEYWORD_MAX) {
            return Err(fail("a keyword has 1 to 40 bytes"));
        }
        let validator_name = text("validator").unwrap_or("none");
        let validator = VALIDATORS
            .iter()
            .find(|(name, _)| *name == validator_name)
            .map(|(_, validator)| *validator)
            .ok_or_else(|| {
                let nearest = nearest(validator_name, VALIDATORS.iter().map(|(name, _)| *name));
                fail(&format!("unknown validator `{validator_name}`, the nearest is `{nearest}`"))
            })?;
        let exceptions = Exceptions::new(&list("except")?, list("except_words")?)
            .map_err(|message| fail(&format!("`except` does not compile: {message}")))?;
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
        let views = match text("view") {
            Some(view) => vec![view.to_owned()],
            None => list("view")?,
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
            exceptions,
            prior: Odds::of_probability(score),
            words: Words::new(&list("context")?, &list("against")?, flag("around").unwrap_or(false)),
            action,
            label,
            severity: share("severity")?.unwrap_or(kind.severity),
            floor: share("floor")?.unwrap_or_default(),
            locale: list("locale")?,
            tags: list("tags")?,
            views: Views::parse(&views).map_err(|message| fail(&message))?,
            shadow: flag("shadow").unwrap_or_default(),
            place: (0, 0),
            positive,
            negative,
            kind,
            id,
        })
    }
}

/// Why a pack was refused. Lines count from 1; 0 where the line is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PackError {
    /// The text of a pack is not what a pack looks like.
    Syntax { pack: String, line: usize, message: String },
    /// One rule says something impossible.
    Rule { pack: String, line: usize, rule: String, message: String },
    /// A rule does not do what its own example says; `number` counts from 0.
    Example { pack: String, line: usize, rule: String, number: usize, expected: bool },
}

impl PackError {
    fn rule(rule: &str, message: &str) -> Self {
        Self::Rule { pack: String::new(), line: 0, rule: rule.to_owned(), message: message.to_owned() }
    }

    /// Keeps the number of the row, plus 1, until [`PackError::in_pack`] knows the text.
    fn at_row(mut self, number: usize) -> Self {
        if let Self::Rule { line, .. } | Self::Example { line, .. } = &mut self {
            *line = number + 1;
        }
        self
    }

    fn in_pack(mut self, name: &str, text: &str) -> Self {
        if let Self::Rule { pack, line, .. } | Self::Example { pack, line, .. } = &mut self {
            name.clone_into(pack);
            *line = line.checked_sub(1).map_or(0, |number| line_of_row(text, number));
        }
        self
    }
}

impl fmt::Display for PackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Syntax { pack, line, .. }
        | Self::Rule { pack, line, .. }
        | Self::Example { pack, line, .. }) = self;
        match line {
            0 => write!(f, "pack `{pack}`: ")?,
            line => write!(f, "pack `{pack}`, line {line}: ")?,
        }
        match self {
            Self::Syntax { message, .. } => f.write_str(message),
            Self::Rule { rule, message, .. } => write!(f, "rule `{rule}`: {message}"),
            Self::Example { rule, number, expected: true, .. } => {
                write!(f, "rule `{rule}` does not find its positive example {number}")
            }
            Self::Example { rule, number, expected: false, .. } => {
                write!(f, "rule `{rule}` finds its negative example {number}")
            }
        }
    }
}

impl std::error::Error for PackError {}

#[cfg(test)]
mod tests;
