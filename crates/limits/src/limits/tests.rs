use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use proptest::prelude::*;
use schleuse_types::{Clock, Principal, Role, Timestamp};

use super::{Limits, Reservation, SWEEP_AT_LEAST, Wanted};
use crate::{Exceeded, Kind, Rule, Who};

/// Both clocks in milliseconds; the wall clock begins at noon.
#[derive(Default)]
struct TestClock {
    ms: AtomicU64,
}

impl TestClock {
    fn advance(&self, ms: u64) {
        self.ms.fetch_add(ms, Ordering::SeqCst);
    }

    fn ms(&self) -> u64 {
        self.ms.load(Ordering::SeqCst)
    }
}

const HOUR_MS: u64 = 3_600_000;

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp((20_000 * 24 * HOUR_MS + 12 * HOUR_MS + self.ms()) * 1000)
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.ms())
    }
}

struct House {
    clock: Arc<TestClock>,
    limits: Limits,
}

fn house(rules: Vec<Rule>) -> House {
    let clock = Arc::new(TestClock::default());
    let limits = Limits::new(rules, Arc::clone(&clock) as Arc<dyn Clock>);
    House { clock, limits }
}

fn rule(who: &str, kind: Kind, limit: u32) -> Rule {
    let mut rule = Rule::new(Who::parse(who).unwrap());
    match kind {
        Kind::RequestsPerMinute => rule.requests_per_minute = Some(limit),
        Kind::Streams => rule.streams = Some(limit),
        Kind::TokensPerDay => rule.tokens_per_day = Some(limit.into()),
        Kind::Parallel => {}
    }
    rule
}

fn shared(mut rule: Rule) -> Rule {
    rule.shared = true;
    rule
}

fn person(name: &str) -> Principal {
    Principal {
        person: name.into(),
        role: Role::Engineer,
        groups: vec!["research".into()],
        tenant: Default::default(),
        credential: format!("key-of-{name}"),
    }
}

const WHOLE: Wanted = Wanted { stream: false, tokens_least: 1, tokens_most: 1 };
const STREAM: Wanted = Wanted { stream: true, ..WHOLE };

fn tokens(least: u64, most: u64) -> Wanted {
    Wanted { stream: false, tokens_least: least, tokens_most: most }
}

impl House {
    fn reserve(&self, name: &str, wanted: Wanted) -> Result<Reservation, Exceeded> {
        self.limits.reserve(&person(name), wanted)
    }

    /// A request that is admitted at once and over at once.
    fn pass(&self, name: &str) -> Result<(), Exceeded> {
        let mut reservation = self.reserve(name, WHOLE)?;
        reservation.admitted();
        reservation.settle(1);
        Ok(())
    }

    fn used(&self, name: &str) -> Vec<u64> {
        self.limits.standing(&person(name)).iter().map(|standing| standing.used).collect()
    }
}

#[test]
fn the_window_slides() {
    let house = house(vec![rule("role:engineer", Kind::RequestsPerMinute, 3)]);
    for _ in 0..3 {
        house.pass("ada").unwrap();
        house.clock.advance(10_000);
    }
    // Admitted at 0, 10 and 20 s; it is 30 s.
    let exceeded = house.pass("ada").unwrap_err();
    assert_eq!((exceeded.kind, exceeded.limit, exceeded.retry_after_s), (Kind::RequestsPerMinute, 3, 30));
    house.clock.advance(29_999);
    assert_eq!(house.pass("ada").unwrap_err().retry_after_s, 1);
    house.clock.advance(1);
    house.pass("ada").unwrap();
    assert_eq!(house.pass("ada").unwrap_err().retry_after_s, 10);
    // Somebody else of the same role has a budget of their own.
    house.pass("bob").unwrap();
}

#[test]
fn a_request_counts_from_its_admission_and_not_at_all_without_one() {
    let house = house(vec![rule("role:engineer", Kind::RequestsPerMinute, 1)]);
    drop(house.reserve("ada", WHOLE).unwrap());
    let mut slow = house.reserve("ada", WHOLE).unwrap();
    assert_eq!(house.reserve("ada", WHOLE).unwrap_err().retry_after_s, 60);
    house.clock.advance(59_000);
    slow.admitted();
    slow.settle(0);
    house.clock.advance(59_999);
    assert!(house.pass("ada").is_err());
    house.clock.advance(1);
    house.pass("ada").unwrap();
}

#[test]
fn only_streams_count_as_streams() {
    let house = house(vec![rule("group:research", Kind::Streams, 2)]);
    let first = house.reserve("ada", STREAM).unwrap();
    let _second = house.reserve("ada", STREAM).unwrap();
    assert_eq!(house.reserve("ada", STREAM).unwrap_err().kind, Kind::Streams);
    let _whole = house.reserve("ada", WHOLE).unwrap();
    let _other = house.reserve("bob", STREAM).unwrap();
    first.settle(0);
    let _third = house.reserve("ada", STREAM).unwrap();
}

#[test]
fn tokens_are_reserved_at_their_worst_and_settled_on_what_was_used() {
    let house = house(vec![rule("person:ada", Kind::TokensPerDay, 1000)]);
    assert!(house.limits.counts_tokens(&person("ada")));
    assert!(!house.limits.counts_tokens(&person("bob")));
    let mut first = house.reserve("ada", tokens(100, 900)).unwrap();
    first.admitted();
    assert_eq!(first.tokens(), Some(900));
    let exceeded = house.reserve("ada", tokens(101, 900)).unwrap_err();
    assert_eq!((exceeded.used, exceeded.wanted, exceeded.retry_after_s), (900, 101, 5));
    let second = house.reserve("ada", tokens(100, 900)).unwrap();
    assert_eq!(second.tokens(), Some(100), "what is left is granted when it is enough");
    first.settle(300);
    drop(second);
    assert_eq!(house.used("ada"), [300]);
    let exceeded = house.reserve("ada", tokens(701, 701)).unwrap_err();
    assert_eq!(exceeded.retry_after_s, 12 * 3600);
    assert_eq!(house.reserve("bob", tokens(5000, 5000)).unwrap().tokens(), None);
}

#[test]
fn more_than_was_reserved_is_counted_too() {
    let house = house(vec![rule("person:ada", Kind::TokensPerDay, 1000)]);
    house.reserve("ada", tokens(10, 10)).unwrap().settle(1500);
    assert_eq!(house.used("ada"), [1500]);
    assert!(house.reserve("ada", WHOLE).is_err());
}

#[test]
fn dropped_after_its_admission_a_request_costs_its_worst() {
    let house = house(vec![rule("person:ada", Kind::TokensPerDay, 1000)]);
    let mut admitted = house.reserve("ada", tokens(10, 400)).unwrap();
    admitted.admitted();
    drop(admitted);
    drop(house.reserve("ada", tokens(10, 400)).unwrap());
    assert_eq!(house.used("ada"), [400]);
}

#[test]
fn a_day_ends_at_midnight() {
    let house = house(vec![rule("person:ada", Kind::TokensPerDay, 1000)]);
    let over_midnight = house.reserve("ada", tokens(600, 600)).unwrap();
    house.reserve("ada", tokens(400, 400)).unwrap().settle(400);
    house.clock.advance(12 * HOUR_MS - 1);
    assert_eq!(house.reserve("ada", tokens(401, 401)).unwrap_err().retry_after_s, 5);
    house.clock.advance(1);
    let today = house.reserve("ada", tokens(1000, 1000)).unwrap();
    over_midnight.settle(600);
    assert_eq!(house.used("ada"), [1000], "yesterday's answer changes nothing today");
    today.settle(10);
    assert_eq!(house.used("ada"), [10]);
}

#[test]
fn every_rule_grants_or_nothing_is_taken() {
    let house = house(vec![
        rule("role:engineer", Kind::RequestsPerMinute, 5),
        rule("person:ada", Kind::TokensPerDay, 100),
        rule("key:key-of-ada", Kind::Streams, 1),
    ]);
    let _stream = house.reserve("ada", STREAM).unwrap();
    for _ in 0..10 {
        assert_eq!(house.reserve("ada", STREAM).unwrap_err().kind, Kind::Streams);
    }
    assert_eq!(house.used("ada"), [1, 1, 1]);
    // The one that lasts longest is told: midnight is later than a stream's end.
    let both = Wanted { stream: true, tokens_least: 101, tokens_most: 101 };
    assert_eq!(house.reserve("ada", both).unwrap_err().kind, Kind::TokensPerDay);
}

#[test]
fn the_narrower_of_two_rules_decides_and_counts_once() {
    let house = house(vec![
        rule("role:engineer", Kind::RequestsPerMinute, 5),
        rule("group:research", Kind::RequestsPerMinute, 2),
        rule("role:auditor", Kind::RequestsPerMinute, 0),
    ]);
    house.pass("ada").unwrap();
    house.pass("ada").unwrap();
    assert_eq!(house.pass("ada").unwrap_err().who, "group:research");
    assert_eq!(house.used("ada"), [2, 2]);
}

#[test]
fn a_person_has_one_budget_under_all_their_keys_and_a_key_its_own() {
    let house = house(vec![
        rule("role:engineer", Kind::RequestsPerMinute, 3),
        rule("key:small", Kind::RequestsPerMinute, 1),
    ]);
    let with_key = |key: &str| Principal { credential: key.into(), ..person("ada") };
    let pass = |key: &str| house.limits.reserve(&with_key(key), WHOLE).map(|mut r| r.admitted());
    pass("small").unwrap();
    assert_eq!(pass("small").unwrap_err().who, "key:small");
    pass("large").unwrap();
    pass("large").unwrap();
    assert_eq!(pass("large").unwrap_err().who, "role:engineer");
}

#[test]
fn a_shared_rule_is_one_budget_for_all() {
    let house = house(vec![shared(rule("group:research", Kind::RequestsPerMinute, 2))]);
    house.pass("ada").unwrap();
    house.pass("bob").unwrap();
    let exceeded = house.pass("eve").unwrap_err();
    assert!(exceeded.refusal().message.english.contains("shared limit of `group:research`"));
}

#[test]
fn usage_survives_a_restart() {
    let rules = vec![
        rule("person:ada", Kind::TokensPerDay, 100),
        shared(rule("role:engineer", Kind::TokensPerDay, 200)),
    ];
    let before = house(rules.clone());
    before.reserve("ada", tokens(60, 60)).unwrap().settle(60);
    let running = before.reserve("bob", tokens(60, 60)).unwrap();
    let (day, mut usage) = before.limits.take_usage();
    usage.sort();
    assert_eq!(usage, [("person:ada".to_owned(), 60), ("role:engineer".to_owned(), 60)]);
    assert_eq!(before.limits.take_usage().1, []);
    before.limits.put_back_usage(day, &usage);
    running.settle(5);
    let (_, mut usage) = before.limits.take_usage();
    usage.sort();
    assert_eq!(usage, [("person:ada".to_owned(), 60), ("role:engineer".to_owned(), 65)]);

    let after = house(rules);
    assert_eq!(after.limits.today(), day);
    after.limits.load_usage(day, &usage);
    after.limits.load_usage(day - 1, &[("person:ada".to_owned(), 1_000_000)]);
    assert_eq!(after.used("ada"), [60, 65]);
    assert!(after.reserve("ada", tokens(41, 41)).is_err());
    assert_eq!(after.limits.take_usage().1, [], "what was loaded is stored already");
}

#[test]
fn idle_counters_are_forgotten() {
    let house = house(vec![
        rule("role:engineer", Kind::RequestsPerMinute, 5),
        rule("role:engineer", Kind::Streams, 5),
    ]);
    for number in 0..20 * SWEEP_AT_LEAST {
        house.pass(&number.to_string()).unwrap();
        house.clock.advance(100);
    }
    // 600 people ask within a minute.
    let count = house.limits.book.lock().by_subject.len();
    assert!(count <= 2 * SWEEP_AT_LEAST, "{count}");
}

#[test]
fn requests_of_one_person_that_run_at_the_same_time_have_an_end() {
    let house = house(Vec::new());
    let limits = house.limits.with_parallel_max(2);
    let first = limits.enter(&person("ada")).unwrap();
    let _second = limits.enter(&person("ada")).unwrap();
    assert_eq!(limits.enter(&person("ada")).unwrap_err().kind, Kind::Parallel);
    assert_eq!(limits.running(&person("ada")), 2);
    drop(limits.enter(&person("bob")).unwrap());
    drop(first);
    drop(limits.enter(&person("ada")).unwrap());
    assert_eq!(limits.running.len(), 1, "who runs nothing is not remembered");
}

/// `threads` threads try at the same moment; returns what those who were granted made of it.
fn at_once<T: Send>(threads: usize, act: impl Fn(usize) -> Option<T> + Sync) -> Vec<T> {
    let barrier = Barrier::new(threads);
    let (barrier, act) = (&barrier, &act);
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|number| {
                scope.spawn(move || {
                    barrier.wait();
                    act(number)
                })
            })
            .collect();
        running.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn a_hundred_at_once_against_ten_are_ten() {
    for _ in 0..20 {
        let house = house(vec![
            rule("role:engineer", Kind::RequestsPerMinute, 10),
            rule("group:research", Kind::Streams, 30),
        ]);
        let granted = at_once(100, |_| house.reserve("ada", STREAM).ok());
        assert_eq!(granted.len(), 10);
        assert_eq!(house.used("ada"), [10, 10], "those who were refused took nothing");

        let house = self::house(vec![rule("role:engineer", Kind::Streams, 10)]);
        let granted = at_once(100, |_| house.reserve("ada", STREAM).ok());
        assert_eq!(granted.len(), 10);
        drop(granted);
        assert_eq!(house.used("ada"), [0]);
    }
}

#[test]
fn a_hundred_at_once_never_hold_more_tokens_than_there_are() {
    for _ in 0..20 {
        let house = house(vec![rule("role:engineer", Kind::TokensPerDay, 1000)]);
        let granted = at_once(100, |number| {
            let mut reservation = house.reserve("ada", tokens(30, 30 + number as u64)).ok()?;
            reservation.admitted();
            Some(reservation)
        });
        let sum: u64 = granted.iter().filter_map(Reservation::tokens).sum();
        assert!((970..=1000).contains(&sum), "{sum}");
        assert_eq!(house.used("ada"), [sum]);
        let spent: u64 = (0..granted.len() as u64).sum();
        for (number, reservation) in granted.into_iter().enumerate() {
            reservation.settle(number as u64);
        }
        assert_eq!(house.used("ada"), [spent]);
    }
}

#[derive(Debug, Clone)]
enum Step {
    Advance(u64),
    Reserve { stream: bool, least: u64, more: u64 },
    Admit(usize),
    Settle(usize, u64),
    Drop(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0_u64..40_000).prop_map(Step::Advance),
        (any::<bool>(), 1_u64..40, 0_u64..40).prop_map(|(stream, least, more)| Step::Reserve {
            stream,
            least,
            more
        }),
        (0_usize..8).prop_map(Step::Admit),
        (0_usize..8, 0_u64..100).prop_map(|(place, percent)| Step::Settle(place, percent)),
        (0_usize..8).prop_map(Step::Drop),
    ]
}

proptest! {
    /// Whatever is done in whatever order: no minute holds more admissions, no moment more streams and no day more
    /// tokens than the limit; and what is over leaves nothing behind.
    #[test]
    fn no_limit_is_ever_passed(steps in prop::collection::vec(step(), 1..200)) {
        const REQUESTS: u32 = 4;
        const STREAMS: u32 = 2;
        const TOKENS: u64 = 200;
        let mut all = rule("role:engineer", Kind::RequestsPerMinute, REQUESTS);
        all.streams = Some(STREAMS);
        all.tokens_per_day = Some(TOKENS);
        let house = house(vec![all]);
        let mut held: Vec<(Reservation, bool, bool)> = Vec::new();
        let mut admissions: Vec<u64> = Vec::new();
        let mut spent = 0;
        for step in steps {
            match step {
                Step::Advance(ms) => house.clock.advance(ms),
                Step::Reserve { stream, least, more } => {
                    let wanted = Wanted { stream, tokens_least: least, tokens_most: least + more };
                    if let Ok(reservation) = house.reserve("ada", wanted) {
                        prop_assert!((least..=least + more).contains(&reservation.tokens().unwrap()));
                        held.push((reservation, stream, false));
                    }
                }
                Step::Admit(place) => if let Some((reservation, _, is_admitted)) = held.get_mut(place)
                    && !*is_admitted {
                    reservation.admitted();
                    *is_admitted = true;
                    admissions.push(house.clock.ms());
                },
                Step::Settle(place, percent) => if place < held.len() {
                    let (reservation, ..) = held.swap_remove(place);
                    let used = reservation.tokens().unwrap() * percent / 100;
                    spent += used;
                    reservation.settle(used);
                },
                Step::Drop(place) => if place < held.len() {
                    let (reservation, _, is_admitted) = held.swap_remove(place);
                    spent += if is_admitted { reservation.tokens().unwrap() } else { 0 };
                },
            }
            let running: u64 = held.iter().filter_map(|(reservation, ..)| reservation.tokens()).sum();
            if house.clock.ms() < 12 * HOUR_MS {
                prop_assert!(spent + running <= TOKENS);
            }
            prop_assert!(held.iter().filter(|(_, stream, _)| *stream).count() <= STREAMS as usize);
        }
        for pair in admissions.windows(REQUESTS as usize + 1) {
            prop_assert!(pair.last().unwrap() - pair[0] >= 60_000, "{admissions:?}");
        }
        drop(held);
        house.clock.advance(24 * HOUR_MS);
        prop_assert_eq!(house.used("ada"), [0, 0, 0]);
    }
}
