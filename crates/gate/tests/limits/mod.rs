//! Limits on a whole walk: what is reserved, what is settled, and that one person does not slow the others.

use std::sync::Arc;
use std::time::Duration;

use schleuse_limits::{Kind, Rule, Who};
use schleuse_testkit::{End, Script};
use schleuse_types::{Principal, Role};
use schleuse_wire::{Reply, ReplyBody};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::house::{House, chat, delta, stream};

fn rule(kind: Kind, limit: u32) -> Rule {
    let mut rule = Rule::new(Who::Role(Role::Employee));
    match kind {
        Kind::RequestsPerMinute => rule.requests_per_minute = Some(limit),
        Kind::Streams => rule.streams = Some(limit),
        Kind::TokensPerDay => rule.tokens_per_day = Some(limit.into()),
        Kind::Parallel => {}
    }
    rule
}

/// What the employee used of the only limit of the house.
fn used(house: &House) -> u64 {
    let employee = Principal {
        person: "employee".into(),
        role: Role::Employee,
        groups: Vec::new(),
        tenant: Default::default(),
        credential: String::new(),
    };
    house.gate.budgets.standing(&employee)[0].used
}

/// Waits until something is so; what is awaited happens in tasks that nobody can join from here.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn running(house: &House) -> u64 {
    house.gate.metrics.window(&*house.gate.clock).totals.running
}

fn events(reply: Reply) -> mpsc::Receiver<bytes::Bytes> {
    match reply.body {
        ReplyBody::Events(events) => events,
        ReplyBody::Whole(body) => panic!("no stream: {}", String::from_utf8(body.to_vec()).unwrap()),
    }
}

/// One piece of text, and then nothing more for ever.
fn hanging() -> Script {
    Script::Sse { chunks: vec![(Duration::ZERO, delta("Hello you"))], end: End::Hang }
}

fn whole(usage: Value) -> Script {
    let choice =
        json!({"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"});
    Script::json(200, json!({"id": "c", "created": 1, "choices": [choice], "usage": usage}).to_string())
}

fn with_max_tokens(body: &str, tokens: u32) -> String {
    body.replacen('{', &format!("{{\"max_tokens\":{tokens},"), 1)
}

/// The length of what is sent for this question, which is more than its prompt has tokens.
/// The last question as it was reserved for: without what the house adds for the model server's cache.
fn bytes_of(house: &House) -> u64 {
    let sent = String::from_utf8(house.upstream.questions().pop().unwrap().body).unwrap();
    let salt = sent.split_once("{\"cache_salt\":").and_then(|(_, salted)| salted.split_once(','));
    salt.map_or(sent.len(), |(_, rest)| rest.len() + 1) as u64
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_at_once_against_ten_are_ten() {
    for kind in [Kind::RequestsPerMinute, Kind::Streams] {
        let house = Arc::new(House::with_limits(vec![rule(kind, 10)]).await);
        house.upstream.set_script(hanging());
        let mut asking = JoinSet::new();
        for _ in 0..100 {
            let house = Arc::clone(&house);
            asking.spawn(async move { house.exchange("employee", &stream("Hello")).await });
        }
        let replies = asking.join_all().await;
        let count = |status| replies.iter().filter(|reply| reply.status == status).count();
        assert_eq!((count(200), count(429)), (10, 90), "{kind}");
        assert_eq!(house.upstream.questions().len(), 10);
        assert_eq!(used(&house), 10);
        drop(replies);
        until("everything ends", || running(&house) == 0).await;
        assert_eq!(used(&house), if kind == Kind::Streams { 0 } else { 10 });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_at_once_never_use_more_tokens_than_there_are() {
    let house = Arc::new(House::with_limits(vec![rule(Kind::TokensPerDay, 1000)]).await);
    house.upstream.set_script(whole(json!({"prompt_tokens": 20, "completion_tokens": 10})));
    let mut asking = JoinSet::new();
    for _ in 0..100 {
        let house = Arc::clone(&house);
        asking.spawn(async move { house.ask("employee", &with_max_tokens(&chat("Hello"), 10)).await.status });
    }
    let statuses = asking.join_all().await;
    let answered = statuses.iter().filter(|status| **status == 200).count() as u64;
    assert!(answered >= 10, "{answered}");
    assert_eq!(used(&house), 30 * answered);
    assert!(used(&house) <= 1000);
    assert_eq!(house.upstream.questions().len() as u64, answered);
}

#[tokio::test]
async fn a_stream_is_free_again_before_its_asker_knows_that_it_ended() {
    let house = House::with_limits(vec![rule(Kind::Streams, 1)]).await;
    for _ in 0..20 {
        let reply = house.ask("employee", &stream("Hello")).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
}

#[tokio::test]
async fn a_stream_is_free_again_when_its_asker_leaves() {
    let house = House::with_limits(vec![rule(Kind::Streams, 1)]).await;
    house.upstream.set_script(hanging());
    let mut events = events(house.exchange("employee", &stream("Hello")).await);
    events.recv().await.unwrap();
    let reply = house.ask("employee", &stream("Hello")).await;
    reply.expect(429, "rate_limit_exceeded");
    assert_eq!(house.exchange("engineer", &stream("Hello")).await.status, 200, "others are not concerned");
    drop(events);
    until("the place is free", || used(&house) == 0).await;
    until("nothing runs", || running(&house) == 0).await;
    // Left before there is any answer: the walk itself is dropped.
    house.upstream.set_script(Script::Hang);
    let count = house.upstream.questions().len();
    {
        let mut coming = house.exchange("employee", &stream("Hello"));
        tokio::select! {
            _ = &mut coming => panic!("answered"),
            _ = house.upstream.wait_for_questions(count + 1, Duration::from_secs(5)) => {}
        }
        assert_eq!(used(&house), 1);
    }
    until("the place is free", || used(&house) == 0).await;
    until("nothing runs", || running(&house) == 0).await;
}

#[tokio::test]
async fn what_an_answer_cost_is_settled_and_the_rest_is_free() {
    let house = House::with_limits(vec![rule(Kind::TokensPerDay, 1000)]).await;
    house.upstream.set_script(whole(json!({"prompt_tokens": 20, "completion_tokens": 10})));
    house.ask("employee", &with_max_tokens(&chat("Hello"), 500)).await;
    assert_eq!(used(&house), 30);
    let sent = house.upstream.questions().pop().unwrap().json();
    assert_eq!(sent["max_tokens"], 500);
    // More than is left is lowered to what is left.
    house.ask("employee", &with_max_tokens(&chat("Hello"), 5000)).await;
    let sent = house.upstream.questions().pop().unwrap().json();
    assert!(sent["max_tokens"].as_u64().unwrap() < 970, "{sent}");
    assert_eq!(used(&house), 60);
    // An answer of unnamed length may not cost more than is left either.
    house.ask("employee", &chat("Hello")).await;
    let sent = house.upstream.questions().pop().unwrap().json();
    assert!(sent["max_tokens"].as_u64().unwrap() < 940, "{sent}");
    assert_eq!(used(&house), 90);
    // A question that is larger than what is left is refused.
    let reply = house.ask("employee", &chat(&"x ".repeat(1000))).await;
    reply.expect(429, "rate_limit_exceeded");
    assert_eq!(used(&house), 90);
}

#[tokio::test]
async fn a_stream_is_settled_by_its_usage() {
    let house = House::with_limits(vec![rule(Kind::TokensPerDay, 100_000)]).await;
    house.upstream.set_script(Script::echo(2));
    let reply = house.ask("employee", &stream("one two three")).await;
    assert!(reply.text().contains("[DONE]") && !reply.text().contains("prompt_tokens"), "{}", reply.text());
    // Three words, seven pieces.
    assert_eq!(used(&house), 10);
}

#[tokio::test]
async fn whatever_does_not_say_what_it_cost_costs_its_bound() {
    let house = House::with_limits(vec![rule(Kind::TokensPerDay, 100_000)]).await;
    // Whole: everything that was reserved.
    house.upstream.set_script(whole(Value::Null));
    house.ask("employee", &with_max_tokens(&chat("Hello"), 500)).await;
    let whole = bytes_of(&house) + 500;
    assert_eq!(used(&house), whole);
    // A stream: its question, the bytes of its text, and a little that nobody saw.
    house.upstream.set_script(Script::deltas(&["Hello", " you"], End::Clean));
    house.ask("employee", &with_max_tokens(&stream("Hello"), 500)).await;
    let streamed = bytes_of(&house) + 9 + 32;
    assert_eq!(used(&house), whole + streamed);
    // The same when its asker leaves.
    house.upstream.set_script(hanging());
    let mut events = events(house.exchange("employee", &with_max_tokens(&stream("Hello"), 500)).await);
    while !String::from_utf8(events.recv().await.unwrap().to_vec()).unwrap().contains("Hello") {}
    drop(events);
    until("the stream ends", || running(&house) == 0).await;
    assert_eq!(used(&house), whole + 2 * streamed);
    // With less reserved than that, no more than what was reserved.
    house.upstream.set_script(Script::deltas(&["Hello", " you"], End::Clean));
    house.ask("employee", &with_max_tokens(&stream("Hello"), 2)).await;
    assert_eq!(used(&house), whole + 2 * streamed + bytes_of(&house) + 2);
}

#[tokio::test]
async fn what_reached_no_model_costs_nothing() {
    let mut house = House::with_limits(vec![rule(Kind::TokensPerDay, 100_000)]).await;
    let nobody = chat("Hello").replace("tiny", "nobody");
    let blocked = chat("Konto DE89 3704 0044 0532 0130 00");
    for body in [r#"{"model":"tiny"}"#, &nobody, &blocked] {
        assert!(house.ask("employee", body).await.status >= 400);
        assert_eq!(used(&house), 0, "{body}");
    }
    house.ask_labelled("employee", "SECRET", &chat("Hello")).await.expect(403, "no_permitted_route");
    house.upstream.set_script(Script::status(400));
    assert_eq!(house.ask("employee", &chat("Hello")).await.status, 400);
    house.upstream.set_script(Script::status(503));
    assert_eq!(house.ask("employee", &stream("Hello")).await.status, 503);
    assert_eq!(used(&house), 0);
    house.stop_upstream().await;
    house.ask("employee", &chat("Hello")).await.expect(503, "upstream_unavailable");
    assert_eq!(used(&house), 0);
    house.gate.log.close().await.unwrap();
    house.ask("employee", &chat("Hello")).await.expect(503, "audit_unavailable");
    assert_eq!((used(&house), running(&house)), (0, 0));
}

#[tokio::test]
async fn what_was_refused_before_its_admission_is_no_request() {
    let house = House::with_limits(vec![rule(Kind::RequestsPerMinute, 2)]).await;
    for _ in 0..5 {
        house.ask("employee", r#"{"model":"tiny"}"#).await.expect(400, "invalid_request");
        house.ask("employee", &chat("Hello").replace("tiny", "nobody")).await.expect(404, "model_not_found");
    }
    assert_eq!(used(&house), 0);
    house.gate.log.close().await.unwrap();
    house.ask("employee", &chat("Hello")).await.expect(503, "audit_unavailable");
    assert_eq!(used(&house), 0);
}

#[tokio::test]
async fn a_session_that_was_opened_with_a_key_draws_on_the_keys_limits() {
    let mut rule = Rule::new(Who::Key(House::open().await.key_id()));
    rule.requests_per_minute = Some(2);
    let house = House::with_limits(vec![rule]).await;
    let session = house.open_session();
    assert_eq!(house.ask("employee", &chat("Hello")).await.status, 200);
    assert_eq!(house.ask_in(&session, &chat("Hello")).await.status, 200);
    house.ask_in(&session, &chat("Hello")).await.expect(429, "rate_limit_exceeded");
    house.ask("employee", &chat("Hello")).await.expect(429, "rate_limit_exceeded");
}

#[tokio::test]
async fn a_stream_that_is_cut_gives_everything_back() {
    let house = House::with_limits(vec![rule(Kind::Streams, 1)]).await;
    house.upstream.set_script(hanging());
    let mut events = events(house.exchange("employee", &stream("Hello")).await);
    events.recv().await.unwrap();
    house.gate.cut.cancel();
    let mut text = String::new();
    while let Some(frame) = events.recv().await {
        text.push_str(std::str::from_utf8(&frame).unwrap());
    }
    assert!(text.contains("shutting_down"), "{text}");
    assert_eq!((used(&house), running(&house)), (0, 0));
}

#[tokio::test]
async fn a_revoked_key_gives_everything_back() {
    let house = House::with_limits(vec![rule(Kind::Streams, 1)]).await;
    house.upstream.set_script(hanging());
    let mut events = events(house.exchange("employee", &stream("Hello")).await);
    events.recv().await.unwrap();
    house.gate.identity.replace([]);
    while events.recv().await.is_some() {}
    assert_eq!((used(&house), running(&house)), (0, 0));
}

/// Time from asking to the first text.
async fn time_to_first_text(house: &House) -> Duration {
    let began = Instant::now();
    let mut events = events(house.exchange("engineer", &stream("Hello")).await);
    while let Some(frame) = events.recv().await {
        if std::str::from_utf8(&frame).unwrap().contains("\"content\":\"") {
            break;
        }
    }
    began.elapsed()
}

async fn median_time_to_first_text(house: &House) -> Duration {
    let mut times = Vec::new();
    for _ in 0..15 {
        times.push(time_to_first_text(house).await);
    }
    times.sort();
    times[times.len() / 2]
}

/// The first text after 50 ms, then a piece every 100 ms for a second: two hundred of them leave the machine time, so that
/// only waiting for each other would slow anybody.
fn paced() -> Script {
    let mut chunks = vec![(Duration::from_millis(50), delta("first text. "))];
    chunks.extend((0..10).map(|_| (Duration::from_millis(100), delta("and more, "))));
    Script::Sse { chunks, end: End::Clean }
}

/// Keeps two hundred streams of one person going until it is dropped.
fn greedy(house: &Arc<House>) -> JoinSet<()> {
    let mut greedy = JoinSet::new();
    for _ in 0..200 {
        let house = Arc::clone(house);
        greedy.spawn(async move {
            loop {
                let reply = house.exchange("employee", &stream("Give me everything")).await;
                if let ReplyBody::Events(mut events) = reply.body {
                    while events.recv().await.is_some() {}
                }
            }
        });
    }
    greedy
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_streams_of_one_do_not_slow_another() {
    let house = Arc::new(House::open().await);
    house.upstream.set_script(paced());
    let alone = median_time_to_first_text(&house).await;
    let greedy = greedy(&house);
    assert!(house.upstream.wait_for_questions(200, Duration::from_secs(20)).await);
    let beside = median_time_to_first_text(&house).await;
    drop(greedy);
    println!("alone {alone:?}, beside two hundred streams {beside:?}");
    assert!(beside < 3 * alone, "alone {alone:?}, beside {beside:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_a_model_server_with_eight_places_another_has_the_next_one() {
    let house = Arc::new(House::with_places(8).await);
    house.upstream.set_script(paced());
    let alone = median_time_to_first_text(&house).await;
    let greedy = greedy(&house);
    let gate = Arc::clone(&house.gate);
    until("the greedy one waits", || gate.turns.waiting() >= 190).await;
    let beside = median_time_to_first_text(&house).await;
    println!("alone {alone:?}, beside two hundred streams {beside:?}");
    assert!(beside < 3 * alone, "alone {alone:?}, beside {beside:?}");
    assert!(house.gate.turns.waiting() >= 100, "the greedy one still waits");
    drop(greedy);
    until("nothing runs", || running(&house) == 0).await;
    assert_eq!(house.gate.turns.waiting(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whenever_an_asker_leaves_nothing_stays_behind() {
    let mut rule = rule(Kind::Streams, 1000);
    rule.tokens_per_day = Some(1_000_000);
    let house = House::with_limits(vec![rule]).await;
    for (body, script) in [
        (with_max_tokens(&chat("Hello"), 5), whole(json!({"prompt_tokens": 20, "completion_tokens": 10}))),
        (with_max_tokens(&stream("Hello"), 5), Script::echo(1)),
    ] {
        house.upstream.set_script(script);
        for step in 0..100 {
            let leaving =
                tokio::time::timeout(Duration::from_micros(step * 70), house.exchange("employee", &body));
            drop(leaving.await);
        }
    }
    until("nothing runs", || running(&house) == 0).await;
    house.gate.tasks.close();
    house.gate.tasks.wait().await;
    assert_eq!((used(&house), running(&house)), (0, 0));
    assert_eq!(house.gate.metrics.window(&*house.gate.clock).totals.errors, 0, "leaving is nobody's fault");
    // Every admission has its end in the log.
    let entries = house.entries();
    let count = |event: &str| entries.iter().filter(|entry| entry["event"] == event).count();
    assert!(count("llm.admit") > 0);
    assert!(count("llm.admit") <= count("llm.complete") + count("llm.refuse"), "{entries:?}");
}

#[tokio::test]
async fn the_window_tells_what_happened() {
    let house = House::with_limits(vec![rule(Kind::RequestsPerMinute, 2)]).await;
    house.upstream.set_script(whole(json!({"prompt_tokens": 20, "completion_tokens": 10})));
    house.ask("employee", &chat("Hello")).await;
    house.upstream.set_script(Script::status(500));
    house.ask("employee", &chat("Hello")).await;
    house.ask("employee", &chat("Hello")).await.expect(429, "rate_limit_exceeded");
    let window = house.gate.metrics.window(&*house.gate.clock);
    let totals = window.totals;
    assert_eq!((totals.requests, totals.refused, totals.errors, totals.running), (3, 1, 1, 0));
    assert_eq!((totals.tokens_in, totals.tokens_out), (20, 10));
    assert_eq!(window.points.iter().map(|point| point.requests).sum::<u64>(), 3);
    assert!(window.points.iter().any(|point| point.ttft_p95_ms.is_some_and(|ms| ms > 0.0)));
}
