use std::collections::HashSet;
use std::sync::Mutex;
use std::time::Duration;

use proptest::prelude::*;
use schleuse_types::Random;

use super::{Placed, Reason, choose, draw_two, median, place, set_outliers_aside, slowness};
use crate::prompt::Prompt;
use crate::standing::{Offer, Standing};

/// A generator that repeats itself from its seed (SplitMix64).
struct Seeded(Mutex<u64>);

impl Random for Seeded {
    fn fill(&self, bytes: &mut [u8]) -> std::io::Result<()> {
        let mut state = self.0.lock().unwrap();
        for byte in bytes {
            *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            *byte = (mixed >> 56) as u8;
        }
        Ok(())
    }
}

struct Nothing;

impl Random for Nothing {
    fn fill(&self, _: &mut [u8]) -> std::io::Result<()> {
        Err(std::io::Error::other("no randomness"))
    }
}

const IDLE: Offer = Offer {
    is_good: true,
    is_draining: false,
    questions: 0,
    known_tokens: 0,
    known_share: 0.0,
    work: 1000.0,
};

fn warm(work: f64) -> Offer {
    Offer { known_tokens: 900, known_share: 0.9, work, ..IDLE }
}

#[track_caller]
fn check(offers: &[Offer], expected: Option<(usize, Reason)>) {
    assert_eq!(choose(offers, &Nothing), expected);
}

#[test]
fn the_best_offer_is_taken_for_its_reason() {
    let busy = Offer { work: 3000.0, questions: 3, ..IDLE };
    let ill = Offer { is_good: false, ..IDLE };
    let drained = Offer { is_draining: true, ..IDLE };
    check(&[], None);
    check(&[IDLE], Some((0, Reason::Only)));
    check(&[busy, IDLE], Some((1, Reason::Load)));
    check(&[IDLE, warm(100.0)], Some((1, Reason::Prefix)));
    check(&[IDLE, warm(1900.0)], Some((1, Reason::Prefix)));
    check(&[IDLE, warm(1901.0)], Some((0, Reason::Relief)));
    check(&[warm(5000.0), IDLE, warm(1800.0)], Some((2, Reason::Prefix)));
    check(&[ill, busy], Some((1, Reason::Only)));
    check(&[ill, busy, IDLE], Some((2, Reason::Load)));
    check(&[Offer { questions: 2, ..ill }, Offer { questions: 1, ..ill }], Some((1, Reason::LastResort)));
    check(&[ill], Some((0, Reason::LastResort)));
    check(&[drained, busy], Some((1, Reason::Only)));
    check(&[drained, ill], Some((1, Reason::LastResort)));
    check(&[drained], None);
    check(&[drained, drained], None);
}

#[test]
fn equals_are_drawn_and_the_one_with_fewer_questions_is_taken() {
    let random = Seeded(Mutex::new(1));
    let offers = [IDLE; 8];
    let places: Vec<usize> = (0..200).map(|_| choose(&offers, &random).unwrap().0).collect();
    assert_eq!(places.iter().collect::<HashSet<_>>().len(), 8, "none is left out");
    let mut offers = [Offer { questions: 5, ..IDLE }; 8];
    offers[3].questions = 0;
    let chosen = (0..200).filter(|_| choose(&offers, &random).unwrap().0 == 3).count();
    assert!((20..90).contains(&chosen), "in two of eight draws: {chosen}");
    check(
        &[Offer { questions: 2, ..IDLE }, Offer { questions: 1, work: 1081.0, ..IDLE }],
        Some((1, Reason::Load)),
    );
    check(
        &[Offer { questions: 2, ..IDLE }, Offer { questions: 1, work: 1083.0, ..IDLE }],
        Some((0, Reason::Load)),
    );
}

fn standings(count: usize) -> Vec<Standing> {
    (0..count).map(|_| Standing::default()).collect()
}

fn borrowed(standings: &mut [Standing]) -> Vec<&mut Standing> {
    standings.iter_mut().collect()
}

fn prompt(name: u64) -> Prompt {
    Prompt { blocks: (0..20).map(|place| name << 32 | place).collect(), bytes: 1280 }
}

#[test]
fn a_burst_is_spread_because_each_question_counts_at_once() {
    let mut standings = standings(4);
    for name in 0..40 {
        place(Duration::ZERO, &prompt(name), &mut borrowed(&mut standings), &Seeded(Mutex::new(name)))
            .unwrap();
    }
    assert!(standings.iter().all(|standing| standing.questions() == 10));
}

#[test]
fn a_conversation_stays_and_a_hot_spot_is_relieved() {
    let mut standings = standings(4);
    let ask = |name, standings: &mut [Standing]| {
        place(Duration::ZERO, &prompt(name), &mut borrowed(standings), &Seeded(Mutex::new(7))).unwrap()
    };
    let Placed { place: home, mut ticket, .. } = ask(1, &mut standings);
    standings[home].begin(Duration::ZERO, &mut ticket, true);
    let second = ask(1, &mut standings);
    assert_eq!((second.place, second.reason, second.ticket.known_tokens), (home, Reason::Prefix, 320));
    let reasons: Vec<Reason> = (0..20).map(|_| ask(1, &mut standings).reason).collect();
    assert!(reasons.contains(&Reason::Relief), "{reasons:?}");
    let least = standings.iter().map(Standing::questions).min().unwrap();
    assert!(least > 0, "nobody has none");
}

#[test]
fn outliers_are_set_aside_but_never_more_than_half() {
    let now = Duration::from_secs(50);
    for count in 1..6 {
        let mut standings = standings(count);
        for standing in &mut standings[..count.saturating_sub(1)] {
            (0..20).for_each(|_| standing.conduct.note(now, true));
        }
        // All but one fail: that is the median, and nobody stands out.
        let aside = set_outliers_aside(now, &mut borrowed(&mut standings));
        assert_eq!(aside.len(), usize::from(count == 2), "{count}");
    }
    let mut standings = standings(5);
    for standing in &mut standings[..2] {
        (0..20).for_each(|_| standing.conduct.note(now, true));
    }
    assert_eq!(set_outliers_aside(now, &mut borrowed(&mut standings)).len(), 2);
    assert_eq!(set_outliers_aside(now, &mut borrowed(&mut standings)).len(), 0);
    for standing in &mut standings[2..] {
        (0..20).for_each(|_| standing.conduct.note(now, true));
    }
    assert_eq!(set_outliers_aside(now, &mut borrowed(&mut standings)).len(), 0, "two of five are half");
}

#[test]
fn a_slow_replica_is_known_by_its_siblings() {
    let now = Duration::from_secs(50);
    let mut standings = standings(2);
    for (standing, seconds) in standings.iter_mut().zip([1, 5]) {
        (0..10).for_each(|_| standing.conduct.note_first_byte(Duration::from_secs(seconds), 1000.0));
    }
    let aside = set_outliers_aside(now, &mut borrowed(&mut standings));
    assert_eq!(
        aside.iter().map(|(place, fault)| format!("{place}: {fault}")).collect::<Vec<_>>(),
        ["1: needs 5 times as long as its siblings"]
    );
    assert_eq!(slowness(Some(5.0), Some(1.0)), 5.0);
    assert_eq!(slowness(Some(1.4), Some(1.0)), 1.0);
    assert_eq!(slowness(Some(90.0), Some(1.0)), 8.0);
    assert_eq!(slowness(None, Some(1.0)), 1.0);
    assert_eq!(median([3.0, 1.0, 2.0, 4.0].into_iter()), Some(2.0));
    assert_eq!(median(std::iter::empty()), None);
}

proptest! {
    /// A replica that is drained is never chosen, an ill one only when all others are; and there is always one unless all
    /// are drained.
    #[test]
    fn only_those_who_may_are_chosen(
        offers in prop::collection::vec((any::<bool>(), any::<bool>(), 0..5_u32, 0.0..1.0_f64, 0.0..5000.0_f64), 0..9),
        seed in any::<u64>(),
    ) {
        let offers: Vec<Offer> = offers
            .into_iter()
            .map(|(is_good, is_draining, questions, known_share, work)| {
                Offer { is_good, is_draining, questions, known_tokens: (known_share * 1000.0) as u64, known_share, work }
            })
            .collect();
        match choose(&offers, &Seeded(Mutex::new(seed))) {
            None => prop_assert!(offers.iter().all(|offer| offer.is_draining)),
            Some((place, reason)) => {
                prop_assert!(!offers[place].is_draining);
                let others_good = offers.iter().any(|offer| offer.is_good && !offer.is_draining);
                prop_assert_eq!(offers[place].is_good, others_good);
                prop_assert_eq!(reason == Reason::LastResort, !others_good);
            }
        }
    }

    #[test]
    fn two_are_drawn_and_they_differ(count in 0..20_usize, seed in any::<u64>()) {
        let of: Vec<usize> = (0..count).collect();
        let drawn: Vec<_> = draw_two(&of, &Seeded(Mutex::new(seed))).into_iter().flatten().collect();
        prop_assert_eq!(drawn.len(), count.min(2));
        prop_assert_eq!(drawn.iter().collect::<HashSet<_>>().len(), drawn.len());
    }
}
