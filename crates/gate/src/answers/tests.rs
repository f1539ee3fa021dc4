use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use schleuse_audit::PromptMac;
use schleuse_types::{Clock, Infill, Label, Secret, Tenant, Timestamp, Zone};
use schleuse_upstream::{Provider, Route};

use super::{AnswerScope, Answers, AnswersConfig, Asker, Asking, Key};

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
        tenant: Tenant::HOUSE,
        served_as: None,
        model: "m".into(),
        zone: Zone::Local,
        max_label: Label::CONFIDENTIAL,
        tenants: Vec::new(),
        region: None,
        provider: Provider::OpenAiCompatible,
        audio: false,
        infill: Infill::Server,
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

fn asker(tenant: &str, person: &str) -> Asker {
    Asker { tenant: Tenant::parse(tenant).unwrap(), person: person.to_owned() }
}

fn asking<'a>(route: &'a Route, asker: &'a Asker, body: &'a str) -> Asking<'a> {
    Asking {
        asker,
        label: &Label::INTERNAL,
        policies: "p",
        route,
        weights: Some("w".to_owned()),
        path: "/v1/chat/completions",
        body: body.as_bytes(),
    }
}

fn key(answers: &Answers, body: &str) -> Key {
    answers.key(&asking(&route(), &asker("house", "anna"), body)).unwrap()
}

#[test]
fn an_answer_is_found_by_everything_that_it_depends_on() {
    let (answers, _) = answers(config());
    let route = route();
    let (anna, bert) = (&asker("house", "anna"), &asker("house", "bert"));
    let base = answers.key(&asking(&route, anna, "x"));
    let of_retail = asker("retail", "anna");
    assert_ne!(base, answers.key(&asking(&route, &of_retail, "x")), "tenants do not share");
    assert_eq!(answers.key(&Asking { weights: None, ..asking(&route, anna, "x") }), None, "not known yet");
    assert_eq!(base, answers.key(&asking(&route, bert, "x")), "the house shares");
    let others: Vec<(&str, Asking<'_>)> = vec![
        ("body", asking(&route, anna, "y")),
        ("label", Asking { label: &Label::CONFIDENTIAL, ..asking(&route, anna, "x") }),
        ("policies", Asking { policies: "q", ..asking(&route, anna, "x") }),
        ("weights", Asking { weights: Some("v".to_owned()), ..asking(&route, anna, "x") }),
        ("path", Asking { path: "/v1/completions", ..asking(&route, anna, "x") }),
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
        assert_ne!(base, answers.key(&asking(&other, anna, "x")), "{other:?}");
    }
    let (own, _) = self::answers(AnswersConfig { scope: AnswerScope::Person, ..config() });
    assert_ne!(own.key(&asking(&route, anna, "x")), own.key(&asking(&route, bert, "x")));
    let other = Answers::new(config(), PromptMac::new(&Secret::new([2; 32])), Arc::new(Hand::default()));
    assert_ne!(base, other.key(&asking(&route, anna, "x")), "the key is secret");
    let (none, _) = self::answers(AnswersConfig { count: 0, ..config() });
    assert_eq!(none.key(&asking(&route, anna, "x")), None);
}

#[test]
fn the_oldest_goes_and_nothing_lives_for_ever() {
    let (answers, clock) = answers(config());
    let keep = |body: &str, bytes: usize| {
        answers.keep(key(&answers, body), asker("house", "anna"), Bytes::from(vec![b'x'; bytes]));
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
        answers.keep(key(&answers, body), asker("house", person), Bytes::from_static(b"x"));
    }
    assert_eq!(answers.forget(|asker| asker.person == "anna"), 2);
    assert!(answers.find(&key(&answers, "b")).is_some());
    assert_eq!((answers.forget(|_| true), answers.lock().bytes), (1, 0));
}
