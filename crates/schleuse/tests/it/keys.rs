//! `schleuse key`, while the house runs.

use std::time::{Duration, Instant};

use schleuse_testkit::{FakeUpstream, Script};
use serde_json::Value;

use crate::SOON;
use crate::client::{Answer, Request};
use crate::house::{CHAT, House, assert_nowhere, chat_body, schleuse, stderr, stdout, stream_body};

const SECOND: Duration = Duration::from_secs(1);

/// The new key, which must be the only line.
async fn create(house: &House, name: &str, more: &[&str]) -> String {
    let data = house.data_text();
    let words = [&["key", "create", "--data", &data, "--for", name], more].concat();
    let output = schleuse(&words).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let out = stdout(&output);
    let key = out.strip_suffix('\n').unwrap();
    assert!(key.starts_with("sk-") && !key.contains(char::is_whitespace), "{out:?}");
    key.to_owned()
}

async fn list(house: &House) -> Vec<Value> {
    let output = schleuse(&["key", "list", "--data", &house.data_text(), "--json"]).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

async fn ask(house: &House, key: &str) -> Answer {
    house.send(&Request::post(CHAT, chat_body("Hallo").to_string()).key(key)).await
}

/// Asks until the status is the expected one; how long that took.
async fn until_status(house: &House, key: &str, status: u16) -> Duration {
    let began = Instant::now();
    loop {
        if ask(house, key).await.status == status {
            return began.elapsed();
        }
        assert!(began.elapsed() < SOON, "never {status}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_new_key_works_and_a_revoked_one_does_not_within_a_second() {
    let fake = FakeUpstream::start().await;
    let house = House::start(&fake).await;
    let key = create(&house, "alice", &["--role", "employee"]).await;
    let took = until_status(&house, &key, 200).await;
    assert!(took < SECOND, "a new key works only after {took:?}");

    let rows = list(&house).await;
    assert_eq!(rows.len(), 6, "{rows:?}");
    let row = rows.iter().find(|row| row["person"] == "alice").unwrap();
    assert_eq!((&row["role"], &row["revoked"]), (&Value::from("employee"), &Value::Null));
    assert!(!Value::from(rows.clone()).to_string().contains("sk-"), "{rows:?}");
    let shown = schleuse(&["key", "list", "--data", &house.data_text()]).await;
    assert!(stdout(&shown).contains("alice") && !stdout(&shown).contains("sk-"), "{}", stdout(&shown));

    // By its id, and a second one by itself.
    let second = create(&house, "alice", &["--role", "employee"]).await;
    until_status(&house, &second, 200).await;
    let id = row["id"].as_str().unwrap().to_owned();
    for (named, gone) in [(&id, &key), (&second, &second)] {
        let output = schleuse(&["key", "revoke", "--data", &house.data_text(), named]).await;
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let took = until_status(&house, gone, 401).await;
        assert!(took < SECOND, "a revoked key works for {took:?}");
        assert_eq!(ask(&house, gone).await.refusal(), (401, "invalid_api_key".to_owned()));
    }
    let output = schleuse(&["key", "revoke", "--data", &house.data_text(), &second]).await;
    assert!(stderr(&output).contains("before"), "{}", stderr(&output));
    let output = schleuse(&["key", "revoke", "--data", &house.data_text(), "nobody"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("no such key"), "{}", stderr(&output));

    // In the log with the key's id, under the person's pseudonym; the key itself is nowhere.
    for event in ["key.create", "key.revoke"] {
        let entry = house
            .wait_for_entry(SOON, |entry| entry["event"] == event && entry["source"] == id.as_str())
            .await;
        assert!(!entry.to_string().contains("alice"), "{entry}");
    }
    assert_nowhere(&house.data(), &[&key, &second]);
}

#[tokio::test]
async fn a_revocation_ends_that_keys_streams_within_a_second_and_no_others() {
    let fake = FakeUpstream::start().await;
    fake.set_script(Script::Echo { piece_bytes: 5, pause: Duration::from_millis(50) });
    let house = House::start(&fake).await;
    let key = create(&house, "bob", &["--role", "engineer"]).await;
    until_status(&house, &key, 200).await;
    let before = fake.questions().len();

    let long = "ein langer Satz, der nicht enden will, ".repeat(40);
    let question = |key: &str| Request::post(CHAT, stream_body(&long).to_string()).key(key);
    let mut others = question(&house.key("employee")).open(&house.address).await;
    let mut running = question(&key).open(&house.address).await;
    assert!(fake.wait_for_questions(before + 2, SOON).await);
    fake.set_script(Script::Hang);
    let whole = Request::post(CHAT, chat_body("Hallo").to_string()).key(&key).open(&house.address).await;
    let quiet = Request::post(CHAT, stream_body("Hallo").to_string()).key(&key).open(&house.address).await;
    assert!(fake.wait_for_questions(before + 4, SOON).await);
    running.until(SOON, |answer| answer.chunks().len() > 2).await;
    others.until(SOON, |answer| answer.chunks().len() > 2).await;

    let output = schleuse(&["key", "revoke", "--data", &house.data_text(), &key]).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let began = Instant::now();
    let answer = running.finish_within(SECOND).await;
    println!("a revocation ended a stream after {:?}", began.elapsed());
    assert_eq!(answer.error()["code"], "invalid_api_key");
    assert!(!answer.is_done());
    for open in [whole, quiet] {
        assert_eq!(open.finish_within(SECOND).await.refusal(), (401, "invalid_api_key".to_owned()));
    }
    assert!(fake.wait_for_aborts(3, SOON).await, "the model server goes on for nobody");
    let seen = others.until(SOON, |_| true).await.chunks().len();
    others.until(SOON, |answer| answer.chunks().len() > seen + 3).await;
    drop(others);
}

#[tokio::test]
async fn a_key_may_less_than_its_person() {
    let fake = FakeUpstream::builder().models(&["tiny", "other"]).start().await;
    let house = House::start(&fake).await;
    let scoped =
        create(&house, "carol", &["--role", "engineer", "--scope", "models:tiny", "--scope", "surface:chat"])
            .await;
    until_status(&house, &scoped, 200).await;
    let ask = async |path: &str, body: &str| house.send(&Request::post(path, body).key(&scoped)).await;
    let denied = ask(CHAT, &chat_body("x").to_string().replace("tiny", "other")).await;
    assert_eq!(denied.refusal(), (403, "access_denied".to_owned()));
    let denied = ask("/v1/embeddings", r#"{"model":"tiny","input":"x"}"#).await;
    assert_eq!(denied.refusal(), (403, "access_denied".to_owned()));
    assert_eq!(fake.questions().len(), 1);

    let auditor = create(&house, "dora", &["--role", "auditor"]).await;
    until_status(&house, &auditor, 403).await;
    let expired = create(&house, "emil", &["--role", "employee", "--expires-days", "0"]).await;
    let later = create(&house, "emil", &["--role", "employee", "--expires-days", "1"]).await;
    until_status(&house, &later, 200).await;
    assert_eq!(
        house.send(&Request::get("/v1/models").key(&expired)).await.refusal(),
        (401, "invalid_api_key".to_owned())
    );
}

#[tokio::test]
async fn wrong_words_are_told_what_is_right() {
    let fake = FakeUpstream::start().await;
    let house = House::start(&fake).await;
    let data = house.data_text();
    let check = async |more: &[&str], needed: &str| {
        let output = schleuse(&[&["key", "create", "--data", &data], more].concat()).await;
        assert_eq!(output.status.code(), Some(2), "{more:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(needed), "{more:?}: {}", stderr(&output));
        assert_eq!(stdout(&output), "", "{more:?}");
    };
    check(&["--for", "x", "--role", "enginer"], "did you mean `engineer`?").await;
    check(&["--for", "x", "--role", "king"], "king").await;
    check(&["--for", "x", "--role", "employee", "--scope", "model:tiny"], "models:NAME").await;
    check(&["--for", "", "--role", "employee"], "name").await;
    check(&["--role", "employee"], "--for").await;
    let output = schleuse(&["key", "list", "--data", house.folder.join("none").to_str().unwrap()]).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("no data folder of a house"), "{}", stderr(&output));
    assert_eq!(list(&house).await.len(), 5, "something was made all the same");
}
