//! The candidates of every rule with a pattern, against the crate `regex` at every place where the rule's words say that
//! one may begin: no automaton of ours, no sieve, no anchors.

use std::collections::BTreeSet;

use proptest::prelude::*;
use regex::bytes::{Regex, RegexBuilder};
use schleuse_types::FindingAction;

use super::{country_before, is_value, letters_before};
use crate::laws::FRAGMENTS;
use crate::pack::{BUILT_IN, LEAD_MAX, Pack};
use crate::text::{ends_word, floor_character, starts_word};

/// A row of a pack as its file writes it.
struct Row {
    id: String,
    finder: String,
    keywords: Vec<String>,
    exact: bool,
    starts_word: bool,
    ends_word: bool,
    max: usize,
    within: usize,
    after: Option<Regex>,
    pattern: Regex,
    examples: Vec<String>,
}

/// The built-in packs without anything that judges a candidate, and their rows with a pattern.
struct Oracle {
    pack: Pack,
    rows: Vec<Row>,
}

impl Oracle {
    fn new() -> Self {
        let (mut texts, mut rows) = (Vec::new(), Vec::new());
        for (name, text) in BUILT_IN.iter().filter(|(name, _)| !name.ends_with(".csv")) {
            let mut table: toml::Table = text.parse().unwrap();
            for rule in table.get_mut("rule").and_then(toml::Value::as_array_mut).into_iter().flatten() {
                let rule = rule.as_table_mut().unwrap();
                for judge in ["validator", "context", "against", "around"] {
                    rule.remove(judge);
                }
                rule.insert("score".to_owned(), toml::Value::Float(0.99));
                rows.extend(row(rule));
            }
            texts.push((*name, table.to_string()));
        }
        let texts: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (*name, text.as_str())).collect();
        Self { pack: Pack::compile(&texts).unwrap(), rows }
    }

    fn check(&self, text: &[u8]) {
        let rules = &self.pack.rules;
        let actions: Vec<FindingAction> = rules.iter().map(|rule| rule.action).collect();
        let mut hits = Vec::new();
        self.pack.engine.pass(rules, &actions, text, true, &mut hits);
        let found: BTreeSet<(&str, usize, usize)> =
            hits.iter().map(|hit| (rules[hit.rule].id.as_str(), hit.start, hit.end)).collect();
        for row in &self.rows {
            // What is longer than the limit is the business of other tests.
            let fits = |start: usize| text.len() - start <= row.max;
            let found: Vec<(usize, usize)> = found
                .iter()
                .filter(|(id, start, _)| *id == row.id && fits(*start))
                .map(|(_, start, end)| (*start, *end))
                .collect();
            let mut expected: Vec<(usize, usize)> = row
                .starts(text)
                .into_iter()
                .filter(|start| fits(*start))
                .filter_map(|start| {
                    Some((start, floor_character(text, start + end(&row.pattern, &text[start..])?)))
                })
                .filter(|(start, end)| start < end && (!row.ends_word || ends_word(text, *end)))
                .collect();
            expected.sort_unstable();
            expected.dedup();
            assert_eq!(found, expected, "{} in {}", row.id, text.escape_ascii());
        }
    }
}

/// One past the last byte of the match that begins with the text.
fn end(pattern: &Regex, text: &[u8]) -> Option<usize> {
    pattern.find(text).map(|found| found.end())
}

fn row(rule: &toml::Table) -> Option<Row> {
    let text = |key: &str| rule.get(key).and_then(toml::Value::as_str);
    let list = |key: &str| -> Vec<String> {
        let list = rule.get(key).and_then(toml::Value::as_array).into_iter().flatten();
        list.map(|value| value.as_str().unwrap().to_owned()).collect()
    };
    let flag = |key: &str| rule.get(key).and_then(toml::Value::as_bool).unwrap_or(true);
    let number = |key: &str, or: usize| {
        rule.get(key).and_then(toml::Value::as_integer).map_or(or, |number| usize::try_from(number).unwrap())
    };
    let regex = |key: &str| {
        let pattern = format!("\\A(?:{})", text(key)?);
        Some(RegexBuilder::new(&pattern).unicode(false).build().unwrap())
    };
    let finder = text("finder").unwrap_or("pattern").to_owned();
    ["pattern", "near", "digits", "capital", "word"].contains(&finder.as_str()).then(|| Row {
        id: text("id").unwrap().to_owned(),
        finder,
        keywords: list("keywords"),
        exact: text("case") != Some("any"),
        starts_word: flag("starts_word"),
        ends_word: flag("ends_word"),
        max: number("max", 512),
        within: number("within", 48).min(LEAD_MAX),
        after: regex("after"),
        pattern: regex("pattern").unwrap(),
        examples: [list("positive"), list("negative")].concat(),
    })
}

impl Row {
    /// Where a candidate may begin.
    fn starts(&self, text: &[u8]) -> Vec<usize> {
        let digits = |at: usize| text[at].is_ascii_digit() && !(at > 0 && text[at - 1].is_ascii_digit());
        let groups = (0..text.len()).filter(|at| digits(*at));
        let lettered = |at: usize| {
            if starts_word(text, at) { country_before(text, at) } else { letters_before(text, at) }
        };
        match self.finder.as_str() {
            "digits" => groups.filter(|at| starts_word(text, *at)).collect(),
            "capital" => groups.filter_map(lettered).collect(),
            "word" => {
                groups.flat_map(|at| [starts_word(text, at).then_some(at), lettered(at)]).flatten().collect()
            }
            finder => self
                .keywords
                .iter()
                .flat_map(|keyword| (0..text.len()).map(move |at| (at, at + keyword.len(), keyword)))
                .filter(|(at, end, keyword)| {
                    text.get(*at..*end).is_some_and(|there| {
                        there == keyword.as_bytes()
                            || !self.exact && there.eq_ignore_ascii_case(keyword.as_bytes())
                    }) && (!self.starts_word || starts_word(text, *at))
                })
                .filter_map(|(at, after, _)| match &self.after {
                    None if finder == "pattern" => Some(at),
                    None => {
                        let gap = text[after..].iter().take(self.within);
                        let skip = gap.clone().position(|byte| is_value(*byte))?;
                        (skip > 0).then_some(after + skip)
                    }
                    Some(lead) => {
                        let near = &text[after..text.len().min(after + LEAD_MAX)];
                        end(lead, near).map(|skip| after + skip)
                    }
                })
                .collect(),
        }
    }
}

#[test]
fn the_examples_of_every_rule_hold_the_candidates_of_plain_regular_expressions() {
    let oracle = Oracle::new();
    assert!(oracle.rows.len() > 200, "{}", oracle.rows.len());
    for row in &oracle.rows {
        for example in &row.examples {
            oracle.check(example.as_bytes());
        }
    }
}

/// Examples of the rules, whole and cut, fragments of the laws, and noise.
fn texts() -> impl Strategy<Value = Vec<u8>> {
    let examples: Vec<Vec<u8>> =
        Oracle::new().rows.into_iter().flat_map(|row| row.examples).map(String::into_bytes).collect();
    let fragments: Vec<Vec<u8>> = FRAGMENTS.iter().map(|fragment| fragment.as_bytes().to_vec()).collect();
    let part = prop_oneof![
        3 => prop::sample::select(examples.clone()),
        2 => prop::sample::select(examples).prop_flat_map(|example| {
            (0..=example.len(), 0..=example.len()).prop_map(move |(one, other)| {
                example[one.min(other)..one.max(other)].to_vec()
            })
        }),
        2 => prop::sample::select(fragments),
        1 => "[ -~]{1,9}".prop_map(String::into_bytes),
        1 => "[0-9A-Za-z]{16,40}".prop_map(String::into_bytes),
    ];
    prop::collection::vec(part, 0..6).prop_map(|parts| parts.concat())
}

#[test]
fn random_texts_hold_the_candidates_of_plain_regular_expressions() {
    let oracle = Oracle::new();
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    runner
        .run(&texts(), |text| {
            oracle.check(&text);
            Ok(())
        })
        .unwrap();
}
