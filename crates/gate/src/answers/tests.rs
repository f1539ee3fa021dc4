use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use schleuse_audit::PromptMac;
use schleuse_types::{Clock, Label, Secret, Timestamp, Zone};
use schleuse_upstream::{Provider, Route};

use super::{AnswerScope, Answers, AnswersConfig, Asking, Key};

#[derive(Default)]
struct Hand(AtomicU64);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp(0)
    }

    fn monotonic(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::SeqCst))
    }
}

fn route() -> Route {
    Route {
        model: "m".into(),
        zone: Zone::Local,
        max_label: Label::CONFIDENTIAL,
        region: None,
        provider: Provider::OpenAiCompatible,
        audio: false,
        stores_nothing: true,
        open: true,
        replicas: vec!["a".into()],
        healthy: true,
    }
}

fn answers(config: AnswersConfig) -> (Answers, Arc<Hand>) {
    let clock = Arc::new(Hand::default());
    (Answers::new(config, PromptMac::new(&Secret::new([1; 32])), clock.clone()), clock)
}

fn config() -> AnswersConfig {
    AnswersConfig { count: 3, bytes: 100, lifetime: Duration::from_secs(10), scope: AnswerScope::House }
}

fn asking<'a>(route: &'a Route, person: &'a str, body: &'a str) -> Asking<'a> {
    Asking {
        person,
        label: &Label::INTERNAL,
        policies: "p",
        route,
        created: None,
        path: "/v1/chat/completions",
        body: body.as_bytes(),
    }
}

fn key(answers: &Answers, body: &str) -> Key {
    answers.key(&asking(&route(), "anna", body)).unwrap()
}

#[test]
fn an_answer_is_found_by_everything_that_it_depends_on() {
    let (answers, _) = answers(config());
    let route = route();
    let base = answers.key(&asking(&route, "anna", "x"));
    assert_eq!(base, answers.key(&asking(&route, "bert", "x")), "the house shares");
    let others: Vec<(&str, Asking<'_>)> = vec![
        ("body", asking(&route, "anna", "y")),
        ("label", Asking { label: &Label::CONFIDENTIAL, ..asking(&route, "anna", "x") }),
        ("policies", Asking { policies: "q", ..asking(&route, "anna", "x") }),
        ("weights", Asking { created: Some(7), ..asking(&route, "anna", "x") }),
        ("path", Asking { path: "/v1/completions", ..asking(&route, "anna", "x") }),
    ];
    for (what, asking) in others {
        assert_ne!(base, answers.key(&asking), "{what}");
    }
    for other in [
        Route { model: "n".into(), ..route.clone() },
        Route { zone: Zone::Airgapped, ..route.clone() },
        Route { max_label: Label::INTERNAL, ..route.clone() },
        Route { region: Some("EU".into()), ..route.clone() },
        Route { provider: Provider::Mistral, ..route.clone() },
    ] {
        assert_ne!(base, answers.key(&asking(&other, "anna", "x")), "{other:?}");
    }
    let (own, _) = self::answers(AnswersConfig { scope: AnswerScope::Person, ..config() });
    assert_ne!(own.key(&asking(&route, "anna", "x")), own.key(&asking(&route, "bert", "x")));
    let other = Answers::new(config(), PromptMac::new(&Secret::new([2; 32])), Arc::new(Hand::default()));
    assert_ne!(base, other.key(&asking(&route, "anna", "x")), "the key is secret");
    let (none, _) = self::answers(AnswersConfig { count: 0, ..config() });
    assert_eq!(none.key(&asking(&route, "anna", "x")), None);
}

#[test]
fn the_oldest_goes_and_nothing_lives_for_ever() {
    let (answers, clock) = answers(config());
    let keep = |body: &str, bytes: usize| {
        answers.keep(key(&answers, body), "anna".into(), Bytes::from(vec![b'x'; bytes]));
    };
    let found = |body: &str| answers.find(&key(&answers, body)).is_some();
    for body in ["a", "b", "c", "d"] {
        keep(body, 10);
    }
    assert_eq!(["a", "b", "c", "d"].map(found), [false, true, true, true]);
    // Kept again it is the youngest, and counts once.
    keep("b", 10);
    keep("e", 10);
    assert_eq!(["b", "c", "d", "e"].map(found), [true, false, true, true]);
    keep("large", 85);
    assert_eq!(["b", "d", "e", "large"].map(found), [false, false, true, true]);
    keep("too large", 101);
    assert!(!found("too large") && found("large"));
    for _ in 0..100 {
        keep("large", 85);
    }
    assert!(answers.lock().order.len() <= 7);
    clock.0.store(10, Ordering::SeqCst);
    assert!(!found("large") && !found("e"));
    assert_eq!(answers.lock().bytes, 0);
}

#[test]
fn a_person_is_forgotten_alone() {
    let (answers, _) = answers(config());
    for (body, person) in [("a", "anna"), ("b", "bert"), ("c", "anna")] {
        answers.keep(key(&answers, body), person.into(), Bytes::from_static(b"x"));
    }
    assert_eq!(answers.forget(|person| person == "anna"), 2);
    assert!(answers.find(&key(&answers, "b")).is_some());
    assert_eq!((answers.forget(|_| true), answers.lock().bytes), (1, 0));
}
