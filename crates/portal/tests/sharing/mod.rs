//! Shares: what of a conversation others read, and what never reaches them.

use std::sync::atomic::Ordering;
use std::time::Duration;

use schleuse_portal::DeedKind;
use schleuse_types::{Clock as _, SystemClock};
use schleuse_wire::Method;
use serde_json::{Value, json};

use crate::house::{Asked, House};

const SHARED: &str = "/api/chat/shared";

/// A question that is answered under this label.
async fn turn(house: &House, conversation: &str, question: &str, answer: &str, label: &str) -> Asked {
    house.gate.will_say(label, &[answer]);
    let body = json!({"content": question, "model": "tiny", "label": "PUBLIC"});
    let asked = house.ask_with("anna", conversation, &body).await;
    house.finish("anna", &asked.run).await;
    asked
}

async fn share(house: &House, conversation: &str, body: Value) -> String {
    let path = format!("/api/chat/conversations/{conversation}/shares");
    let shared = house.send("anna", Method::Post, &path, &body.to_string()).await.expect(201);
    let id = shared["id"].as_str().unwrap();
    assert_eq!(shared["path"], format!("/shared/{id}"));
    id.to_owned()
}

async fn read(house: &House, person: &str, id: &str) -> Value {
    house.get(person, &format!("{SHARED}/{id}")).await
}

/// The contents of a reading; a dash where something is withheld.
fn contents(reading: &Value) -> Vec<&str> {
    let messages = reading["messages"].as_array().unwrap();
    let content = |message: &'static str, value: &'_ Value| value[message].is_null();
    messages
        .iter()
        .map(|message| {
            assert_eq!(content("content", message), !content("withheld", message), "{message}");
            message["content"].as_str().unwrap_or("-")
        })
        .collect()
}

async fn is_absent(house: &House, person: &str, id: &str) {
    let path = format!("{SHARED}/{id}");
    house.send(person, Method::Get, &path, "").await.expect_refusal(404, "not_found");
    let list = house.get(person, SHARED).await;
    assert!(list["shares"].as_array().unwrap().iter().all(|share| share["id"] != id), "{list}");
}

#[tokio::test]
async fn a_share_is_read_by_its_readers_until_it_ends() {
    let house = House::open().await;
    let conversation = house.begin("anna").await;
    let first = turn(&house, &conversation, "Frage", "Antwort", "INTERNAL").await;
    turn(&house, &conversation, "Nachher", "Später", "INTERNAL").await;
    let body = json!({"with": ["group:vertrieb", "person:sigrid"], "messages": [first.answer]});
    let id = share(&house, &conversation, body).await;

    let list = house.get("bert", SHARED).await;
    let shared = &list["shares"][0];
    assert_eq!(
        (&shared["id"], &shared["title"], &shared["from"]),
        (&json!(id), &json!("Frage"), &json!("anna"))
    );
    assert_eq!(shared["label"], "INTERNAL");
    // Up to its leaf, and not further.
    for person in ["bert", "sigrid", "anna"] {
        let reading = read(&house, person, &id).await;
        assert_eq!(contents(&reading), ["Frage", "Antwort"]);
        assert_eq!((&reading["title"], &reading["label"]), (&json!("Frage"), &json!("INTERNAL")));
        assert_eq!(reading["messages"][1]["passage"]["label"], "INTERNAL");
        assert_eq!(
            (&reading["messages"][1]["model"], &reading["messages"][0]["role"]),
            (&json!("tiny"), &json!("user"))
        );
    }
    assert_eq!(house.get("anna", SHARED).await["shares"], json!([]), "one's own is not shared with oneself");
    is_absent(&house, "nobody", &id).await;
    house
        .send("auditor", Method::Get, &format!("{SHARED}/{id}"), "")
        .await
        .expect_refusal(403, "access_denied");
    house.send("bert", Method::Get, &format!("{SHARED}/nowhere"), "").await.expect_refusal(404, "not_found");
    // A reader is no owner.
    let path = format!("/api/chat/shares/{id}");
    house.send("bert", Method::Delete, &path, "").await.expect_refusal(404, "not_found");
    let own = format!("/api/chat/conversations/{conversation}");
    house.send("bert", Method::Get, &own, "").await.expect_refusal(404, "not_found");
    house.send("bert", Method::Get, &format!("{own}/shares"), "").await.expect_refusal(404, "not_found");

    // It is there after the house was opened again, for as long as its conversation is.
    let house = house.reopen().await;
    assert_eq!(contents(&read(&house, "bert", &id).await), ["Frage", "Antwort"]);
    assert_eq!(house.get("anna", &own).await["shares"], 1);
    assert_eq!(house.get("anna", "/api/chat/conversations").await["conversations"][0]["shares"], 1);
    let shares = house.get("anna", &format!("{own}/shares")).await;
    let with = &shares["shares"][0]["with"];
    assert_eq!(with, &json!(["group:vertrieb", "person:sigrid"]));
    house.send("anna", Method::Delete, &path, "").await.expect(204);
    house.send("anna", Method::Delete, &path, "").await.expect_refusal(404, "not_found");
    is_absent(&house, "bert", &id).await;
    let other = share(&house, &conversation, json!({"with": ["everyone"]})).await;
    assert_eq!(contents(&read(&house, "bert", &other).await).len(), 4);
    house.send("anna", Method::Delete, &own, "").await.expect(204);
    is_absent(&house, "bert", &other).await;
    let deeds = [DeedKind::ShareEnd, DeedKind::ShareRead].map(|kind| house.deeds(kind).len());
    assert_eq!(deeds, [1, 2]);
}

#[tokio::test]
async fn everything_is_judged_anew_for_its_reader() {
    let house = House::open().await;
    house.clear("anna", "CONFIDENTIAL//hr,buy");
    let conversation = house.begin("anna").await;
    turn(&house, &conversation, "Harmlos", "Gut", "INTERNAL").await;
    let id = share(&house, &conversation, json!({"with": ["everyone"]})).await;
    assert_eq!(contents(&read(&house, "bert", &id).await), ["Harmlos", "Gut"]);

    turn(&house, &conversation, "Gehaltsliste", "Zweiundvierzig", "CONFIDENTIAL//hr").await;
    turn(&house, &conversation, "Danke", "Bitte", "CONFIDENTIAL//hr").await;
    let all = share(&house, &conversation, json!({"with": ["everyone"]})).await;
    // The harmless turn behind it is tainted too; and with the label of all of it rises that of the title.
    let reading = read(&house, "bert", &all).await;
    assert_eq!(contents(&reading), ["Harmlos", "Gut", "-", "-", "-", "-"]);
    assert_eq!((&reading["title"], &reading["label"]), (&Value::Null, &json!("CONFIDENTIAL//hr")));
    let withheld = &reading["messages"][3];
    assert_eq!(
        (&withheld["withheld"]["en"], &withheld["withheld"]["de"]),
        (&json!("beyond"), &json!("zu hoch"))
    );
    assert_eq!((&withheld["model"], &withheld["passage"]), (&Value::Null, &Value::Null));
    let text = reading.to_string() + &house.get("bert", SHARED).await.to_string();
    for word in ["Gehaltsliste", "Zweiundvierzig", "Danke"] {
        assert!(!text.contains(word), "{word} in {text}");
    }
    let noted = house.deeds(DeedKind::ShareRead);
    let last = noted.last().unwrap();
    assert_eq!(
        (last.change.as_str(), last.label.clone().unwrap().to_string().as_str()),
        ("messages=6 withheld=4", "INTERNAL")
    );
    assert_eq!((last.principal.person.as_str(), last.owner.as_str(), &last.subject), ("bert", "anna", &all));

    // A clearance that is given later counts, and one that is taken away.
    house.clear("bert", "CONFIDENTIAL//hr");
    let reading = read(&house, "bert", &all).await;
    assert_eq!(contents(&reading), ["Harmlos", "Gut", "Gehaltsliste", "Zweiundvierzig", "Danke", "Bitte"]);
    assert_eq!(reading["title"], "Harmlos");
    house.clear("bert", "PUBLIC");
    assert_eq!(contents(&read(&house, "bert", &all).await), ["-"; 6]);

    // Declassified is declassified for readers too.
    let body = json!({"to": "PUBLIC", "reason": "r"}).to_string();
    let path = format!("/api/chat/conversations/{conversation}/declassify");
    house.send("sigrid", Method::Post, &path, &body).await.expect(200);
    assert_eq!(
        contents(&read(&house, "bert", &all).await),
        ["Harmlos", "Gut", "Gehaltsliste", "Zweiundvierzig", "Danke", "Bitte"]
    );
}

#[tokio::test]
async fn reading_beside_a_wall_is_having_seen_it() {
    let house = House::open().await;
    for person in ["anna", "bert", "sigrid"] {
        house.clear(person, "CONFIDENTIAL//buy,sell");
    }
    let mut shares = Vec::new();
    for side in ["buy", "sell"] {
        let conversation = house.begin("anna").await;
        turn(&house, &conversation, "Titel", "Text", &format!("INTERNAL//{side}")).await;
        shares.push(share(&house, &conversation, json!({"with": ["everyone"]})).await);
    }
    // A list shows no title beside a wall, and is no reading.
    let list = house.get("bert", SHARED).await;
    assert!(list["shares"].as_array().unwrap().iter().all(|share| share["title"].is_null()));
    assert!(house.seen.lock().unwrap().is_empty());
    let reading = read(&house, "bert", &shares[0]).await;
    assert_eq!((contents(&reading), &reading["title"]), (vec!["Titel", "Text"], &json!("Titel")));
    assert!(house.seen.lock().unwrap().contains("bert buy"));
    let reading = read(&house, "bert", &shares[1]).await;
    assert_eq!((contents(&reading), &reading["title"]), (vec!["-", "-"], &Value::Null));
    assert_eq!(reading["messages"][0]["withheld"]["de"], "Wand");
    assert_eq!(contents(&read(&house, "sigrid", &shares[1]).await), ["Titel", "Text"]);
}

#[tokio::test]
async fn what_the_gate_refused_is_not_passed_on() {
    let house = House::open().await;
    let conversation = house.begin("anna").await;
    let error = json!({"code": "sensitive_data_detected", "message": "BLOCKED", "findings": []});
    house.gate.will_refuse(403, "INTERNAL", error);
    let blocked = house.ask("anna", &conversation, "DE02 1203 0000 0000 2020 51").await;
    house.finish("anna", &blocked.run).await;
    turn(&house, &conversation, "Ohne Nummer", "Gut", "INTERNAL").await;
    let id = share(&house, &conversation, json!({"with": ["everyone"]})).await;
    let reading = read(&house, "bert", &id).await;
    assert_eq!(contents(&reading), ["-", "", "Ohne Nummer", "Gut"]);
    // Its title was made of what was refused.
    assert_eq!(reading["title"], Value::Null);
    assert!(!house.get("bert", SHARED).await.to_string().contains("DE02"));
    let path = format!("/api/chat/conversations/{conversation}");
    house.send("anna", Method::Put, &path, "{\"title\":\"Zahlung\"}").await.expect(200);
    assert_eq!(read(&house, "bert", &id).await["title"], "Zahlung");
}

#[tokio::test]
async fn nothing_is_shared_or_read_without_an_entry() {
    let house = House::open().await;
    let conversation = house.begin("anna").await;
    turn(&house, &conversation, "Frage", "Antwort", "INTERNAL").await;
    let id = share(&house, &conversation, json!({"with": ["person:bert"]})).await;
    let deed = house.deeds(DeedKind::Share).remove(0);
    assert_eq!((deed.with, deed.subject.as_str()), (vec!["person:bert".to_owned()], id.as_str()));
    assert_eq!(deed.label.unwrap().to_string(), "INTERNAL");
    house.is_log_closed.store(true, Ordering::Relaxed);
    let path = format!("{SHARED}/{id}");
    house.send("bert", Method::Get, &path, "").await.expect_refusal(503, "audit_unavailable");
    let path = format!("/api/chat/conversations/{conversation}/shares");
    let refused = house.send("anna", Method::Post, &path, "{\"with\":[\"everyone\"]}").await;
    refused.expect_refusal(503, "audit_unavailable");
    assert_eq!(house.get("anna", &path).await["shares"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn shares_are_strict() {
    let house = House::open().await;
    let conversation = house.begin("anna").await;
    let path = format!("/api/chat/conversations/{conversation}/shares");
    let post = async |body: Value| house.send("anna", Method::Post, &path, &body.to_string()).await;
    // There is nothing in it yet.
    post(json!({"with": ["everyone"]})).await.expect_refusal(400, "invalid_request");
    turn(&house, &conversation, "Frage", "Antwort", "INTERNAL").await;
    let now = SystemClock::new().now();
    let (past, soon) = (now.to_string(), now.plus(Duration::from_secs(3600)).to_string());
    let cases = [
        (json!({}), "with"),
        (json!({"with": []}), "with"),
        (json!({"with": ["all"]}), "with"),
        (json!({"with": ["group:"]}), "with"),
        (json!({"with": ["person:somebody else"]}), "with"),
        (json!({"with": ["role:admin"]}), "with"),
        (json!({"with": ["everyone"], "until": past}), "until"),
        (json!({"with": ["everyone"], "until": "morgen"}), "until"),
        (json!({"with": ["everyone"], "messages": ["nowhere"]}), "messages"),
        (json!({"with": ["everyone"], "messages": []}), "messages"),
        (json!({"with": ["everyone"], "leaf": "x"}), "leaf"),
    ];
    for (body, param) in cases {
        let error = post(body.clone()).await.expect_refusal(400, "invalid_request");
        assert_eq!(error["param"], param, "{body}");
    }
    let until = post(json!({"with": ["everyone"], "until": soon})).await.expect(201)["until"].clone();
    assert_eq!(until.as_str().unwrap().get(..23), soon.get(..23));
    for _ in 1..32 {
        post(json!({"with": ["everyone"]})).await.expect(201);
    }
    post(json!({"with": ["everyone"]})).await.expect_refusal(400, "invalid_request");
    // Neither those of somebody else nor temporary ones.
    house.begin("bert").await;
    let stranger = house.send("bert", Method::Post, &path, "{\"with\":[\"everyone\"]}").await;
    stranger.expect_refusal(404, "not_found");
    let begun = house.send("anna", Method::Post, "/api/chat/conversations", "{\"temporary\":true}").await;
    let id = begun.expect(201)["id"].as_str().unwrap().to_owned();
    let path = format!("/api/chat/conversations/{id}/shares");
    let refused = house.send("anna", Method::Post, &path, "{\"with\":[\"everyone\"]}").await;
    refused.expect_refusal(400, "invalid_request");
}

#[tokio::test]
async fn a_share_that_was_altered_in_the_store_is_none() {
    let house = House::open().await;
    let conversation = house.begin("anna").await;
    turn(&house, &conversation, "Frage", "Antwort", "INTERNAL").await;
    let id = share(&house, &conversation, json!({"with": ["person:sigrid"]})).await;
    // The row beside the seal says everyone; what counts is under it.
    let mut row = house.store.share(&id).await.unwrap().unwrap();
    assert!(house.store.delete_share("anna", &id).await.unwrap());
    house.store.insert_share(&row, &["everyone"]).await.unwrap();
    is_absent(&house, "bert", &id).await;
    read(&house, "sigrid", &id).await;
    assert!(house.store.delete_share("anna", &id).await.unwrap());
    row.sealed[20] ^= 1;
    house.store.insert_share(&row, &["person:sigrid"]).await.unwrap();
    is_absent(&house, "sigrid", &id).await;
}

#[tokio::test]
async fn people_learn_what_they_may_put_on_a_question() {
    let house = House::open().await;
    let labels = "/api/chat/labels";
    let nothing = json!({"default": "INTERNAL", "clearance": "CONFIDENTIAL", "compartments": []});
    assert_eq!(house.get("anna", labels).await, nothing);
    house.clear("anna", "CONFIDENTIAL//hr,patient");
    let both = json!({"default": "INTERNAL", "clearance": "CONFIDENTIAL//hr,patient", "compartments": ["hr", "patient"]});
    assert_eq!(house.get("anna", labels).await, both);
}
