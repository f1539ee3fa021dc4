//! `[[limit]]`: nobody gets more than was granted, however many ask at once, and whoever asks too much waits alone.

use std::time::{Duration, Instant};

use schleuse_testkit::{FakeUpstream, Script};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::SOON;
use crate::client::{Answer, Request};
use crate::house::{CHAT, House, Plan, chat_body, stream_body};

async fn house(fake: &FakeUpstream, limits: &str) -> House {
    Plan::demo().upstream(&fake.url()).config(limits).start().await
}

/// The same question `count` times at once.
async fn at_once(house: &House, count: usize, body: &Value) -> Vec<Answer> {
    let mut asking = JoinSet::new();
    for _ in 0..count {
        let (request, address) = (house.question(CHAT, body), house.address.clone());
        asking.spawn(async move { request.send(&address).await });
    }
    asking.join_all().await
}

fn with_status(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

#[tokio::test]
async fn a_hundred_at_once_against_ten_a_minute_get_exactly_ten() {
    let fake = FakeUpstream::start().await;
    let house = house(&fake, "[[limit]]\nwho = \"role:employee\"\nrequests_per_minute = 10\n").await;
    let answers = at_once(&house, 100, &chat_body("Hallo")).await;
    assert_eq!((with_status(&answers, 200), with_status(&answers, 429)), (10, 90));
    assert_eq!(fake.questions().len(), 10, "a refused question reached the model server");
    let refused = answers.iter().find(|answer| answer.status == 429).unwrap();
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    let error = &refused.json()["error"];
    assert!(error["message"].as_str().unwrap().contains("10"), "{error}");
    assert!(!error["next"].as_str().unwrap().is_empty(), "{error}");
    // A limit of one role is none of another's.
    let request = Request::post(CHAT, chat_body("Hallo").to_string()).key(&house.key("engineer"));
    assert_eq!(house.send(&request).await.status, 200);
    let refusals = house.export().await.into_iter().filter(|entry| entry["status"] == 429).count();
    assert_eq!(refusals, 90, "a refusal has no entry");
}

#[tokio::test]
async fn a_hundred_streams_against_ten_run_ten_at_a_time() {
    let fake = FakeUpstream::start().await;
    fake.set_script(Script::Echo { piece_bytes: 4, pause: Duration::from_millis(100) });
    let house = house(&fake, "[[limit]]\nwho = \"role:employee\"\nstreams = 10\n").await;
    let body = stream_body("Es fließt und fließt und fließt und fließt dahin");
    let answers = at_once(&house, 100, &body).await;
    assert_eq!((with_status(&answers, 200), with_status(&answers, 429)), (10, 90));
    // All of them are over, so there is room again.
    assert!(house.ask(CHAT, &body).await.is_done());
}

#[tokio::test]
async fn tokens_are_reserved_before_and_settled_after() {
    let fake = FakeUpstream::start().await;
    let house = house(&fake, "[[limit]]\nwho = \"role:employee\"\ntokens_per_day = 2000\n").await;
    let mut body = chat_body("Hallo");
    body["max_tokens"] = 100.into();
    let answers = at_once(&house, 100, &body).await;
    let granted = with_status(&answers, 200);
    assert!(granted >= 1 && granted + with_status(&answers, 429) == 100, "{granted}");
    // What was really used is what counts from now on, so more is possible than the reservations let through at once.
    let mut used: u64 = answers
        .iter()
        .filter(|answer| answer.status == 200)
        .map(|answer| answer.json()["usage"]["total_tokens"].as_u64().unwrap())
        .sum();
    loop {
        let answer = house.ask(CHAT, &body).await;
        if answer.status != 200 {
            assert_eq!(answer.status, 429);
            break;
        }
        used += answer.json()["usage"]["total_tokens"].as_u64().unwrap();
        assert!(used <= 2000, "overspent: {used}");
    }
    // Without a number of its own, a question gets no more than what is left.
    let asked: Vec<Value> = fake.questions().iter().map(schleuse_testkit::Seen::json).collect();
    assert!(asked.iter().all(|question| question["max_tokens"].as_u64().is_some_and(|max| max <= 2000)));

    // A restart forgets nothing.
    let folder = house.stop().await;
    let limits = folder.join("added.toml").to_str().unwrap().to_owned();
    let again = Plan::demo().on(&folder).upstream(&fake.url()).flag("--config", &limits).start().await;
    assert_eq!(again.ask(CHAT, &body).await.status, 429);
}

#[tokio::test]
async fn a_greedy_person_does_not_slow_the_others() {
    let fake = FakeUpstream::start().await;
    fake.set_script(Script::Echo { piece_bytes: 4, pause: Duration::from_millis(20) });
    let house = house(&fake, "[[limit]]\nwho = \"role:engineer\"\nstreams = 8\n").await;
    let first_event = async || {
        let began = Instant::now();
        let mut open = house.question(CHAT, &stream_body("Wie geht es?")).open(&house.address).await;
        open.until(SOON, |answer| answer.text().contains("data: {")).await;
        began.elapsed()
    };
    let median = async || {
        let mut times = Vec::new();
        for _ in 0..15 {
            times.push(first_event().await);
        }
        times.sort_unstable();
        times[7]
    };
    let alone = median().await;
    let (key, address) = (house.key("engineer"), house.address.clone());
    let body = stream_body(&"gierig ".repeat(100)).to_string();
    let greedy = tokio::spawn(async move {
        let mut asking = JoinSet::new();
        for _ in 0..200 {
            let (request, address) = (Request::post(CHAT, body.clone()).key(&key), address.clone());
            asking.spawn(async move { request.send(&address).await.status });
        }
        asking.join_all().await
    });
    let beside = median().await;
    greedy.abort();
    // On a busy machine both are noisy; a queue of 200 would be seconds.
    let allowed = (alone * 5).max(Duration::from_millis(250));
    assert!(beside < allowed, "alone {alone:?}, beside a greedy person {beside:?}");
}

#[tokio::test]
async fn a_limit_that_limits_nothing_is_refused_at_start() {
    for (text, complaint) in [
        ("[[limit]]\nwho = \"role:employee\"\n", "limits nothing"),
        ("[[limit]]\nrequests_per_minute = 1\n", "`who`"),
        ("[[limit]]\nwho = \"role:boss\"\nstreams = 1\n", "role"),
        ("[[limit]]\nwho = \"role:employee\"\nstreams = 0\n", "`streams`"),
        ("[[limit]]\nwho = \"role:employee\"\nrequest_per_minute = 5\n", "requests_per_minute"),
    ] {
        let (code, said) = Plan::demo().config(text).fail().await;
        assert_eq!(code, Some(2), "{text}: {said}");
        assert!(said.contains(complaint), "{text}: {said}");
    }
}
