use proptest::prelude::*;

use super::Sieve;
use crate::pattern::Pattern;

const PATTERNS: &[&str] = &[
    "[0-9]{3}",
    "[0-9]{2}(?: ?[0-9]{3}){3}",
    "0[1-9][0-9]{1,4}[ ]?[/ -][ ]?[0-9](?:[0-9]|[ -][0-9]){4,12}|01[5-7][0-9]{8,9}",
    "1(?:2(?:3)?)?",
    "[A-Z][0-9]{9}",
    "[0-9]*",
    "",
];

/// Every pattern that has anything to say, now or later, is let through.
fn check(text: &[u8], max: usize) {
    let patterns: Vec<Pattern> = PATTERNS.iter().map(|pattern| Pattern::new(pattern).unwrap()).collect();
    let numbered: Vec<_> =
        patterns.iter().enumerate().map(|(index, pattern)| (index, pattern, max)).collect();
    let sieves = Sieve::over(&numbered);
    for at in 0..=text.len() {
        let let_through: Vec<usize> = sieves.iter().flat_map(|sieve| sieve.rules_at(text, at)).collect();
        for (index, pattern) in patterns.iter().enumerate() {
            let run = pattern.run(text, at, max, false);
            let speaks = run.end.is_some() || run.open || run.capped;
            assert!(!speaks || let_through.contains(&index), "{} at {at} of {text:?}", PATTERNS[index]);
        }
    }
}

#[test]
fn what_cannot_match_is_held_back() {
    let patterns = ["[0-9]{2}[.][0-9]", "[0-9]{4}"].map(|pattern| Pattern::new(pattern).unwrap());
    let [first, second] = &patterns;
    let sieves = Sieve::over(&[(7, first, 9), (8, second, 9)]);
    let rules = |text: &[u8]| sieves.iter().flat_map(|sieve| sieve.rules_at(text, 0)).collect::<Vec<_>>();
    assert_eq!(rules(b"12.3"), [7]);
    assert_eq!(rules(b"1234"), [8]);
    assert_eq!(rules(b"12x4"), [0_usize; 0]);
    assert_eq!(rules(b"12"), [7, 8]);
    assert_eq!(rules(b""), [7, 8]);
}

#[test]
fn more_patterns_than_bits_make_several_sieves() {
    let pattern = Pattern::new("a").unwrap();
    let patterns: Vec<_> = (0..150).map(|rule| (rule, &pattern, 9)).collect();
    let sieves = Sieve::over(&patterns);
    let rules: Vec<usize> = sieves.iter().flat_map(|sieve| sieve.rules_at(b"a", 0)).collect();
    assert_eq!(rules, (0..150).collect::<Vec<_>>());
    assert_eq!(sieves.iter().flat_map(|sieve| sieve.rules_at(b"b", 0)).count(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_speaks_is_let_through(
        text in prop::collection::vec(prop::sample::select(b"01235A /-x".as_slice()), 0..24),
        max in 1_usize..20,
    ) {
        check(&text, max);
    }
}
