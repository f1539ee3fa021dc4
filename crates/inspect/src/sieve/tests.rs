use proptest::prelude::*;

use super::{Sieve, Sifted};
use crate::pattern::Pattern;
use crate::recognizer::Group;

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
    let sifted =
        |(rule, pattern): (usize, _)| [false, true].map(|ends_word| Sifted { rule, pattern, max, ends_word });
    for numbered in patterns.iter().enumerate().map(sifted).collect::<Vec<_>>().concat().chunks(5) {
        let sieves = Sieve::over(numbered);
        for at in 0..=text.len() {
            let let_through: Vec<usize> = sieves.iter().flat_map(|sieve| sieve.rules_at(text, at)).collect();
            let digit = text.get(at).is_some_and(u8::is_ascii_digit);
            let may_fit = !digit || sieves.iter().any(|sieve| sieve.may_fit(Group::at(text, at)));
            for Sifted { rule, pattern, ends_word, .. } in numbered {
                let run = pattern.run(text, at, max, false);
                let cut = run.end.is_some_and(|end| *ends_word && !crate::text::ends_word(text, end));
                let speaks = run.end.is_some() && !cut || run.open || run.capped;
                assert!(
                    !speaks || may_fit && let_through.contains(rule),
                    "{} at {at} of {text:?}",
                    PATTERNS[*rule]
                );
            }
        }
    }
}

#[test]
fn what_cannot_match_is_held_back() {
    let patterns = ["[0-9]{2}[.][0-9]", "[0-9]{4}"].map(|pattern| Pattern::new(pattern).unwrap());
    let [first, second] = &patterns;
    let sifted = |rule, pattern| Sifted { rule, pattern, max: 9, ends_word: false };
    let sieves = Sieve::over(&[sifted(7, first), sifted(8, second)]);
    let rules = |text: &[u8]| sieves.iter().flat_map(|sieve| sieve.rules_at(text, 0)).collect::<Vec<_>>();
    assert_eq!(rules(b"12.3"), [7]);
    assert_eq!(rules(b"1234"), [8]);
    assert_eq!(rules(b"12x4"), [0_usize; 0]);
    assert_eq!(rules(b"12"), [7, 8]);
    assert_eq!(rules(b""), [7, 8]);
    let may_fit = |text: &[u8]| sieves.iter().any(|sieve| sieve.may_fit(Group::at(text, 0)));
    assert!(may_fit(b"12.3") && may_fit(b"1234") && may_fit(b"12") && !may_fit(b"12x4") && !may_fit(b"123."));
    let whole = Sieve::over(&[Sifted { ends_word: true, ..sifted(8, second) }]);
    let whole = |text: &[u8]| whole.iter().flat_map(|sieve| sieve.rules_at(text, 0)).count();
    assert_eq!([whole(b"1234"), whole(b"1234."), whole(b"12345"), whole(b"1234x")], [1, 1, 0, 0]);
}

#[test]
fn more_patterns_than_bits_make_several_sieves() {
    let pattern = Pattern::new("a").unwrap();
    let patterns: Vec<_> =
        (0..150).map(|rule| Sifted { rule, pattern: &pattern, max: 9, ends_word: false }).collect();
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
