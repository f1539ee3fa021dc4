//! Texts that would be blocked: asked for, decided by somebody else, used once.

use schleuse_portal::DeedKind;
use schleuse_store::ReleaseState;
use schleuse_types::{Clock as _, SystemClock};
use schleuse_wire::Method;
use serde_json::{Value, json};

use crate::house::House;

const RELEASES: &str = "/api/chat/releases";

async fn ask(house: &House, person: &str, body: &Value) -> Value {
    house.send(person, Method::Post, RELEASES, &body.to_string()).await.expect(202)
}

#[tokio::test]
async fn a_release_is_asked_for_and_named_to_the_gate_once() {
    let house = House::open().await;
    let wish = json!({"content": "Konto DE02", "model": "tiny", "reason": " Rückfrage der Bank "});
    let asked = ask(&house, "anna", &wish).await;
    assert_eq!((&asked["state"], &asked["types"]), (&json!("waiting"), &json!({"IBAN": 1})));
    let id = asked["id"].as_str().unwrap();
    let deed = house.deeds(DeedKind::ReleaseAsk).pop().unwrap();
    assert_eq!((deed.subject.as_str(), deed.change.as_str()), (id, "types=IBAN:1 reason_characters=18"));
    let row = house.store.release(id).await.unwrap().unwrap();
    assert_eq!(
        (row.person.as_str(), row.content.as_str(), row.routes.as_str()),
        ("anna", "anna tiny 10", "local")
    );
    assert_eq!(house.portal.reason_of_release(&row).await.as_deref(), Some("Rückfrage der Bank"));
    assert!(!row.reason.windows(4).any(|part| part == b"Bank"));

    let own = house.get("anna", RELEASES).await;
    assert_eq!(
        (&own["releases"][0]["state"], &own["releases"][0]["reason"]),
        (&json!("waiting"), &json!("Rückfrage der Bank"))
    );
    assert_eq!(house.get("bert", RELEASES).await["releases"], json!([]));
    let now = SystemClock::new().now();
    assert!(house.store.decide_release(id, "sigrid", ReleaseState::Granted, now).await.unwrap());
    assert_eq!(house.get("anna", RELEASES).await["releases"][0]["state"], "granted");

    let conversation = house.begin("anna").await;
    house.gate.will_say("CONFIDENTIAL", &["Gut."]);
    let question = json!({"content": "Konto DE02", "model": "tiny", "release": id});
    let asked = house.ask_with("anna", &conversation, &question).await;
    house.finish("anna", &asked.run).await;
    assert_eq!(*house.gate.released.lock().unwrap(), [id]);
    assert_eq!(house.gate.last_question().messages(), ["user: Konto DE02"]);
    // It passes once: not with the next question, and not again.
    house.gate.will_say("CONFIDENTIAL", &["Gut."]);
    let next = house.ask("anna", &conversation, "Und nun?").await;
    house.finish("anna", &next.run).await;
    assert_eq!(house.gate.last_question().messages(), ["user: Und nun?"]);
    house.gate.will_say("CONFIDENTIAL", &["Gut."]);
    let path = format!("/api/chat/conversations/{conversation}/messages/{}/answers", asked.question);
    let again = house.send("anna", Method::Post, &path, r#"{"model":"tiny"}"#).await.expect(202);
    house.finish("anna", again["runs"][0]["id"].as_str().unwrap()).await;
    assert_eq!(house.gate.released.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_released_is_refused() {
    let house = House::open().await;
    let full = json!({"content": "Konto DE02", "model": "tiny", "reason": "x"});
    for (name, value) in [
        ("content", json!("Guten Tag")),
        ("content", Value::Null),
        ("reason", json!("  ")),
        ("reason", Value::Null),
        ("model", Value::Null),
        ("label", json!("TOP")),
        ("to", json!("x")),
    ] {
        let mut body = full.clone();
        body[name] = value;
        let refused = house.send("anna", Method::Post, RELEASES, &body.to_string()).await;
        refused.expect_refusal(400, "invalid_request");
    }
    assert!(house.noted.lock().unwrap().is_empty());
    let conversation = house.begin("anna").await;
    let path = format!("/api/chat/conversations/{conversation}/messages");
    for body in [
        json!({"content": "DE02", "models": ["a", "b"], "release": "r"}),
        json!({"content": "DE02", "model": "a", "release": "r", "masks": [{"start": 0, "end": 4, "type": "IBAN"}]}),
    ] {
        house
            .send("anna", Method::Post, &path, &body.to_string())
            .await
            .expect_refusal(400, "invalid_request");
    }
    for _ in 0..20 {
        ask(&house, "anna", &full).await;
    }
    house
        .send("anna", Method::Post, RELEASES, &full.to_string())
        .await
        .expect_refusal(429, "rate_limit_exceeded");
    ask(&house, "bert", &full).await;
}
