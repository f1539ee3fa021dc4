use proptest::prelude::*;
use schleuse_types::FindingAction;

use super::{Engine, Frontier, Pass, country_before, letters_before};
use crate::context::Spots;
use crate::laws::FRAGMENTS;
use crate::letters::inside_word;
use crate::number::NumberRun;
use crate::pack::{Finder, Pack, Rule};
use crate::person::{self, Cue};
use crate::resolver::Hit;
use crate::text::{Outcome, starts_word};

/// The pass without any cleverness: every keyword of every rule at every byte, every rule for digits at every number.
fn naive(
    engine: &Engine,
    rules: &[Rule],
    actions: &[FindingAction],
    text: &[u8],
    at_end: bool,
) -> (Vec<Hit>, Frontier) {
    let mut hits = Vec::new();
    let frontier = Frontier { protected: text.len(), other: text.len(), raising: text.len() };
    let mut pass =
        Pass { rules, actions, text, at_end, hits: &mut hits, frontier, spots: Spots::new(&engine.context) };
    let mut by_first_byte: Vec<Vec<(usize, &str)>> = vec![Vec::new(); 256];
    for (index, rule) in rules.iter().enumerate() {
        for keyword in &rule.keywords {
            by_first_byte[usize::from(keyword.as_bytes()[0].to_ascii_lowercase())].push((index, keyword));
        }
    }
    for start in 0..text.len() {
        for (index, keyword) in &by_first_byte[usize::from(text[start].to_ascii_lowercase())] {
            let end = start + keyword.len();
            if text.get(start..end).is_some_and(|there| there.eq_ignore_ascii_case(keyword.as_bytes())) {
                pass.look_at_keyword(*index, keyword, start, end);
            }
        }
        if text[start].is_ascii_digit() && !text[..start].last().is_some_and(u8::is_ascii_digit) {
            look_at_digits(&mut pass, rules, start);
        }
        let capital = |byte: &u8| matches!(byte, b'A'..=b'Z' | 0xC3..=0xC5);
        if capital(&text[start]) && !text[..start].last().is_some_and(capital) && !inside_word(text, start) {
            for (index, rule) in rules.iter().enumerate() {
                if matches!(rule.finder, Finder::Person(Cue::Text)) {
                    pass.take(index, person::read_known(text, start, at_end));
                }
            }
        }
    }
    if !at_end {
        engine.look_at_tail(&mut pass);
    }
    let frontier = pass.frontier;
    (hits, frontier)
}

fn look_at_digits(pass: &mut Pass<'_>, rules: &[Rule], start: usize) {
    let text = pass.text;
    let word = starts_word(text, start);
    let letters = if word { country_before(text, start) } else { letters_before(text, start) };
    for (index, rule) in rules.iter().enumerate() {
        match &rule.finder {
            Finder::Numbers { shapes } => {
                if let Some(run) = NumberRun::read(text, start, pass.at_end) {
                    shapes.iter().for_each(|shape| pass.take(index, run.fit(text, shape)));
                }
            }
            Finder::Own(recognizer) => {
                let outcome = (recognizer.start_before)(text, start)
                    .map_or(Outcome::Nothing, |start| (recognizer.read)(text, start, pass.at_end));
                pass.take(index, outcome);
            }
            Finder::Digits { .. } if word => pass.look_at_group(index, start),
            Finder::Word { .. } if word => {
                pass.look_at_group(index, start);
                letters.into_iter().for_each(|start| pass.look_at_group(index, start));
            }
            Finder::Capital { .. } | Finder::Word { .. } => {
                letters.into_iter().for_each(|start| pass.look_at_group(index, start));
            }
            _ => {}
        }
    }
}

fn check(pack: &Pack, text: &[u8]) {
    let actions: Vec<FindingAction> = pack.rules.iter().map(|rule| rule.action).collect();
    let order = |hit: &Hit| (hit.start, hit.end, hit.rule);
    for at_end in [false, true] {
        let mut hits = Vec::new();
        let frontier = pack.engine.pass(&pack.rules, &actions, text, at_end, &mut hits);
        let (mut expected, expected_frontier) = naive(&pack.engine, &pack.rules, &actions, text, at_end);
        hits.sort_by_key(order);
        expected.sort_by_key(order);
        assert_eq!(hits, expected, "{at_end} {}", text.escape_ascii());
        assert_eq!(frontier, expected_frontier, "{at_end} {}", text.escape_ascii());
    }
}

#[test]
fn every_example_of_every_rule_is_judged_as_without_cleverness() {
    let pack = Pack::built_in().unwrap();
    for rule in &pack.rules {
        for example in rule.positive.iter().chain(&rule.negative) {
            check(&pack, example.as_bytes());
            let cut = example.len() * 2 / 3;
            check(&pack, &example.as_bytes()[..cut]);
        }
    }
}

/// Fragments of the laws, examples of the rules, and bytes that are no text.
fn texts() -> impl Strategy<Value = Vec<u8>> {
    let pack = Pack::built_in().unwrap();
    let examples = pack.rules.iter().flat_map(|rule| rule.positive.iter().chain(&rule.negative));
    let examples: Vec<Vec<u8>> = examples.map(|example| example.clone().into_bytes()).collect();
    let fragments: Vec<Vec<u8>> = FRAGMENTS.iter().map(|fragment| fragment.as_bytes().to_vec()).collect();
    let part = prop_oneof![
        6 => prop::sample::select(fragments),
        2 => prop::sample::select(examples.clone()),
        1 => prop::sample::select(examples).prop_flat_map(|example| {
            (0..=example.len()).prop_map(move |cut| example[..cut].to_vec())
        }),
        1 => prop::collection::vec(any::<u8>(), 1..4),
    ];
    prop::collection::vec(part, 0..8).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_text_is_judged_as_without_cleverness(text in texts()) {
        check(&Pack::built_in().unwrap(), &text);
    }
}
