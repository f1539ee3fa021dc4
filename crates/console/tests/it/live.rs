//! Decisions as they are made, and the end of the stream with the credential.

use std::time::{Duration, Instant};

use bytes::Bytes;
use schleuse_audit::Event;
use schleuse_identity::ApiKey;
use schleuse_types::{Outcome, Role};
use tokio::sync::mpsc;

use crate::house::{House, bearer, key};

/// The next frame that is no keep-alive; empty at the end.
async fn next(events: &mut mpsc::Receiver<Bytes>) -> String {
    loop {
        let frame = tokio::time::timeout(Duration::from_secs(10), events.recv()).await.unwrap();
        match frame {
            None => return String::new(),
            Some(frame) if frame.starts_with(b":") => {}
            Some(frame) => return String::from_utf8(frame.to_vec()).unwrap(),
        }
    }
}

#[tokio::test]
async fn a_decision_is_told_when_it_is_made() {
    let house = House::open().await;
    house.record(Role::Employee, Event::LlmComplete, Outcome::Allowed, None).await;
    let mut events = house.listen(bearer(&key(Role::Security)), "/api/decisions/live", None).await;
    house.record(Role::Employee, Event::LlmAdmit, Outcome::Allowed, None).await;
    let id = house.record(Role::Employee, Event::LlmRefuse, Outcome::Blocked, Some("access_denied")).await;
    let frame = next(&mut events).await;
    // Entry 0 was before, 1 is the reading, 2 the admission.
    assert!(frame.starts_with("id: 3\nevent: decision\ndata: {"), "{frame}");
    assert!(frame.contains(&id) && frame.contains("BLOCKED") && frame.ends_with("}\n\n"), "{frame}");
}

#[tokio::test]
async fn a_reader_who_comes_back_misses_nothing_and_hears_nothing_twice() {
    let house = House::open().await;
    for _ in 0..5 {
        house.record(Role::Employee, Event::LlmComplete, Outcome::Allowed, None).await;
    }
    let mut events = house.listen(bearer(&key(Role::Security)), "/api/decisions/live", Some("2")).await;
    for index in [3, 4] {
        assert!(next(&mut events).await.starts_with(&format!("id: {index}\n")));
    }
    house.record(Role::Employee, Event::LlmComplete, Outcome::Allowed, None).await;
    // Entry 5 is the reading itself, which is no decision.
    assert!(next(&mut events).await.starts_with("id: 6\n"));
    // An id from nowhere is taken for the end.
    let mut events = house.listen(bearer(&key(Role::Security)), "/api/decisions/live", Some("99999")).await;
    house.record(Role::Employee, Event::LlmComplete, Outcome::Allowed, None).await;
    assert!(next(&mut events).await.starts_with("id: 7\n"));
}

#[tokio::test]
async fn a_slow_reader_is_told_everything_or_how_much_was_left_out() {
    let house = House::open().await;
    let mut events = house.listen(bearer(&key(Role::Security)), "/api/decisions/live", None).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..3000 {
        let log = house.console.log.clone();
        let record = schleuse_audit::Record::new(Event::LlmComplete);
        tasks.spawn(async move { log.append(record).await.unwrap() });
    }
    tasks.join_all().await;
    let (mut told, mut missed, mut last) = (0, 0, 0);
    while last < 3000 {
        let frame = next(&mut events).await;
        if let Some(rest) = frame.strip_prefix("event: missed\ndata: {\"count\":") {
            missed += rest.trim_end().trim_end_matches('}').parse::<u64>().unwrap();
            continue;
        }
        let id: u64 = frame.strip_prefix("id: ").unwrap().lines().next().unwrap().parse().unwrap();
        assert!(id > last, "{id} after {last}");
        told += 1;
        last = id;
    }
    assert_eq!(told + missed, 3000);
    assert!(told >= 1000);
}

#[tokio::test]
async fn filters_hold_for_the_stream_too() {
    let house = House::open().await;
    let target = "/api/decisions/live?action=BLOCKED";
    let mut events = house.listen(bearer(&key(Role::Security)), target, None).await;
    house.record(Role::Employee, Event::LlmComplete, Outcome::Allowed, None).await;
    house.record(Role::Employee, Event::LlmRefuse, Outcome::Blocked, None).await;
    assert!(next(&mut events).await.contains("\"action\":\"BLOCKED\""));
}

#[tokio::test]
async fn the_stream_ends_within_a_second_of_the_credential() {
    let house = House::open().await;
    for way in ["session", "key", "person"] {
        let (session, cookie) = house.sign_in(Role::Security).await;
        let made = house.post(Role::Admin, "/api/keys", r#"{"person":"security"}"#).await.json();
        house.learn().await;
        let made_key = ApiKey::parse(made["key"].as_str().unwrap()).unwrap();
        let credential = if way == "key" { bearer(&made_key) } else { cookie };
        let mut events = house.listen(credential.clone(), "/api/decisions/live", None).await;
        let began = Instant::now();
        let answer = match way {
            "key" => house.delete(Role::Admin, &format!("/api/keys/{}", made["id"].as_str().unwrap())).await,
            "session" => house.delete(Role::Admin, &format!("/api/sessions/{session}")).await,
            _ => house.put(Role::Admin, "/api/people/security", r#"{"blocked":true}"#).await,
        };
        assert!([200, 204].contains(&answer.status), "{way} {}", answer.status);
        if way != "session" {
            // The keeper of a house looks four times a second.
            tokio::time::sleep(Duration::from_millis(250)).await;
            house.learn().await;
        }
        let frame = next(&mut events).await;
        assert!(frame.starts_with("event: error\ndata: {\"error\":"), "{way} {frame}");
        assert_eq!(next(&mut events).await, "", "{way}");
        assert!(began.elapsed() < Duration::from_secs(1), "{way} took {:?}", began.elapsed());
        // And it is over: the same credential opens nothing any more.
        let answer = house.send(Some(credential), schleuse_wire::Method::Get, "/api/decisions", "").await;
        assert_eq!(answer.status, 401, "{way}");
    }
}

#[tokio::test]
async fn streams_end_when_the_house_stops_and_are_bounded_per_person() {
    let house = House::open().await;
    let mut streams = Vec::new();
    for _ in 0..8 {
        streams.push(house.listen(bearer(&key(Role::Security)), "/api/decisions/live", None).await);
    }
    let answer = house.get(Role::Security, "/api/decisions/live").await;
    assert_eq!((answer.status, answer.code().as_str()), (429, "rate_limit_exceeded"));
    assert!(answer.header("retry-after").is_some());
    // A place that is left is free again.
    drop(streams.pop());
    let mut tries = 0;
    while house.console.tasks.len() > 7 {
        tokio::time::sleep(Duration::from_millis(5)).await;
        tries += 1;
        assert!(tries < 1000);
    }
    streams.push(house.listen(bearer(&key(Role::Security)), "/api/decisions/live", None).await);
    house.console.stop.cancel();
    for mut events in streams {
        assert_eq!(next(&mut events).await, "");
    }
    house.console.tasks.close();
    house.console.tasks.wait().await;
}
