//! A blocked text that somebody else lets pass once, and a person who has everything of theirs deleted, over the whole house.

use schleuse_testkit::{End, FakeUpstream, Script};
use serde_json::{Value, json};
use std::time::Duration;

use crate::IBAN;
use crate::client::{Answer, Request};
use crate::house::{House, assert_nowhere};
use crate::pages::Browser;

const CONVERSATIONS: &str = "/api/chat/conversations";

async fn call(house: &House, role: &str, method: &str, path: &str, body: Value) -> Answer {
    let request = match body {
        Value::Null => Request::new(method, path),
        body => Request::post(path, body.to_string()).with_method(method),
    };
    house.send(&request.key(&house.key(role))).await
}

async fn begin(house: &House) -> String {
    let begun = call(house, "employee", "POST", CONVERSATIONS, json!({})).await;
    format!("{CONVERSATIONS}/{}", begun.json()["id"].as_str().unwrap())
}

/// Asks, and gives the answer as it is when it is over; a question that is refused at once is the refusal.
async fn ask(house: &House, conversation: &str, question: Value) -> Value {
    let asked = call(house, "employee", "POST", &format!("{conversation}/messages"), question).await;
    if asked.status != 202 {
        return json!({"state": "refused", "refusal": asked.error()});
    }
    let run = asked.json()["run"]["id"].as_str().unwrap().to_owned();
    call(house, "employee", "GET", &format!("/api/chat/runs/{run}/events"), Value::Null).await;
    let kept = call(house, "employee", "GET", conversation, Value::Null).await.json();
    kept["messages"].as_array().unwrap().last().unwrap().clone()
}

#[tokio::test]
async fn a_blocked_text_passes_once_when_somebody_else_agrees_and_no_other_does() {
    let fake = FakeUpstream::start().await;
    fake.set_script(Script::deltas(&["Das Konto ", "stimmt."], End::Clean));
    let house = House::start(&fake).await;
    let conversation = begin(&house).await;
    let text = format!("Bitte prüfe das Konto {IBAN} unseres Lieferanten.");
    let blocked = ask(&house, &conversation, json!({"content": text, "model": "tiny"})).await;
    assert_eq!(blocked["refusal"]["code"], "sensitive_data_detected", "{blocked}");
    assert_eq!(fake.questions(), []);

    let wish = json!({"content": text, "model": "tiny", "reason": "Der Lieferant hat zugestimmt."});
    let waiting = call(&house, "employee", "POST", "/api/chat/releases", wish).await;
    assert_eq!(waiting.status, 202, "{}", waiting.text());
    let id = waiting.json()["id"].as_str().unwrap().to_owned();
    let with = |content: &str| json!({"content": content, "model": "tiny", "release": id});
    let early = ask(&house, &conversation, with(&text)).await;
    assert_ne!(early["state"], "complete", "{early}");

    let approve = format!("/api/approvals/{id}/approve");
    for role in ["employee", "auditor"] {
        let refused = call(&house, role, "POST", &approve, json!({})).await;
        assert_eq!(refused.status, 403, "{role}: {}", refused.text());
    }
    let listed = call(&house, "security", "GET", "/api/approvals", Value::Null).await;
    let row = listed.json()["approvals"][0].clone();
    assert_eq!(
        (&row["kind"], &row["types"], &row["may_decide"]),
        (&json!("release"), &json!({"IBAN": 1}), &json!(true))
    );
    assert!(!listed.text().contains(IBAN) && !listed.text().contains("prüfe"), "{}", listed.text());
    let approved = call(&house, "security", "POST", &approve, json!({})).await;
    assert_eq!(approved.status, 200, "{}", approved.text());

    // One character more, and it is another text.
    let other = ask(&house, &conversation, with(&format!("{text}!"))).await;
    assert_ne!(other["state"], "complete", "{other}");
    // The same on another way into the house.
    let direct = house.chat(&text).await;
    assert_eq!(direct.refusal(), (403, "sensitive_data_detected".to_owned()));
    assert_eq!(fake.questions(), []);

    let passed = ask(&house, &conversation, with(&text)).await;
    assert_eq!(passed["state"], "complete", "{passed}");
    let seen = fake.questions();
    assert_eq!((seen.len(), seen[0].json().to_string().contains(IBAN)), (1, true));
    let entries = house.entries_of(passed["passage"]["request_id"].as_str().unwrap()).await;
    assert!(entries.iter().all(|entry| entry.to_string().contains(&id)), "{entries:?}");

    let again = ask(&house, &conversation, with(&text)).await;
    assert_ne!(again["state"], "complete", "{again}");
    assert_eq!(fake.questions().len(), 1);
    let own = call(&house, "employee", "GET", "/api/chat/releases", Value::Null).await.json();
    assert_eq!(own["releases"][0]["state"], "used");
    assert_nowhere(&house.data(), &[IBAN, "Der Lieferant hat zugestimmt"]);
}

#[tokio::test]
async fn a_person_has_everything_of_theirs_deleted() {
    let fake = FakeUpstream::start().await;
    fake.set_script(Script::Echo { piece_bytes: 16, pause: Duration::ZERO });
    let house = House::start(&fake).await;
    let conversation = begin(&house).await;
    let answered = ask(&house, &conversation, json!({"content": "Guten Morgen", "model": "tiny"})).await;
    assert_eq!(answered["state"], "complete", "{answered}");
    let stored = call(&house, "employee", "GET", "/api/chat/data", Value::Null).await.json();
    let count = |stored: &Value, id: &str| {
        let stores = stored["stores"].as_array().unwrap();
        stores.iter().find(|store| store["id"] == id).unwrap()["count"].clone()
    };
    assert_eq!(count(&stored, "conversations"), 1);

    let wrong = call(&house, "employee", "POST", "/api/chat/data/erase", json!({"confirm": "jemand"})).await;
    assert_eq!(wrong.refusal(), (400, "invalid_request".to_owned()));
    let entries = house.export().await;
    let session = Browser::sign_in(&house, "employee").await.get("/auth/session").await.json();
    let name = session["name"].as_str().unwrap().to_owned();
    let erased = call(&house, "employee", "POST", "/api/chat/data/erase", json!({"confirm": name})).await;
    assert_eq!(erased.status, 200, "{}", erased.text());
    assert_eq!(call(&house, "employee", "GET", &conversation, Value::Null).await.status, 404);
    let stored = call(&house, "employee", "GET", "/api/chat/data", Value::Null).await.json();
    assert_eq!(count(&stored, "conversations"), 0);
    // The log keeps what it had, and says that this happened.
    let after = house.export().await;
    assert_eq!(after[..entries.len()], entries[..]);
    assert!(after.iter().any(|entry| entry["event"] == "data.erase"));
}
