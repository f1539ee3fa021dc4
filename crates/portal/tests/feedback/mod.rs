//! What people think of answers.

use schleuse_types::{Clock as _, Role, SystemClock};
use schleuse_wire::Method;
use serde_json::{Value, json};

use crate::house::{House, PEOPLE_WHO_RATE};

/// Begins a conversation of this person in which `tiny` has answered; the path of the feedback on it.
async fn answered(house: &House, person: &str) -> (String, String) {
    let conversation = house.begin(person).await;
    house.gate.will_say("INTERNAL", &["Antwort"]);
    let asked = house.ask(person, &conversation, "Frage").await;
    house.finish(person, &asked.run).await;
    let path = format!("/api/chat/conversations/{conversation}/messages/{}/feedback", asked.answer);
    (conversation, path)
}

#[tokio::test]
async fn feedback_is_kept_with_its_answer() {
    let house = House::open().await;
    let (conversation, path) = answered(&house, "anna").await;
    assert_eq!(house.messages("anna", &conversation).await[1]["feedback"], Value::Null);
    let body =
        json!({"value": "down", "reasons": ["wrong", "tone", "wrong"], "comment": "Das Geheimwort fehlt."});
    let kept = house.send("anna", Method::Put, &path, &body.to_string()).await.expect(200);
    let expected = json!({"value": "down", "reasons": ["wrong", "tone"], "comment": "Das Geheimwort fehlt."});
    assert_eq!(kept, expected);
    let house = house.reopen().await;
    assert_eq!(house.messages("anna", &conversation).await[1]["feedback"], expected);
    assert_eq!(house.messages("anna", &conversation).await[0]["feedback"], Value::Null);
    house.send("bert", Method::Put, &path, &body.to_string()).await.expect_refusal(404, "not_found");
    house.send("bert", Method::Delete, &path, "").await.expect_refusal(404, "not_found");
    // What was written is nowhere in the store.
    let files = std::fs::read_dir(&house.folder.0).unwrap();
    for file in files.map(|file| file.unwrap().path()).filter(|path| path.is_file()) {
        let bytes = std::fs::read(file).unwrap();
        assert!(!bytes.windows(10).any(|piece| piece == b"Geheimwort"));
    }
    house.send("anna", Method::Put, &path, r#"{"value":"up","reasons":[],"comment":" "}"#).await.expect(200);
    let expected = json!({"value": "up", "reasons": [], "comment": null});
    assert_eq!(house.messages("anna", &conversation).await[1]["feedback"], expected);
    house.send("anna", Method::Delete, &path, "").await.expect(204);
    house.send("anna", Method::Delete, &path, "").await.expect(204);
    assert_eq!(house.messages("anna", &conversation).await[1]["feedback"], Value::Null);
}

#[tokio::test]
async fn only_finished_answers_are_rated_in_known_words() {
    let house = House::open().await;
    let (conversation, path) = answered(&house, "anna").await;
    let check = async |body: Value, param: &str| {
        let refused = house.send("anna", Method::Put, &path, &body.to_string()).await;
        assert_eq!(refused.expect_refusal(400, "invalid_request")["param"], param, "{body}");
    };
    check(json!({"value": "great"}), "value").await;
    check(json!({}), "value").await;
    check(json!({"value": "up", "reasons": ["ugly"]}), "reasons").await;
    check(json!({"value": "up", "reasons": "wrong"}), "reasons").await;
    check(json!({"value": "up", "comment": "x".repeat(2001)}), "comment").await;
    check(json!({"value": "up", "stars": 5}), "stars").await;
    let question = house.messages("anna", &conversation).await[0]["id"].clone();
    let on = |message: &str| format!("/api/chat/conversations/{conversation}/messages/{message}/feedback");
    let up = r#"{"value":"up"}"#;
    let own = on(question.as_str().unwrap());
    house.send("anna", Method::Put, &own, up).await.expect_refusal(400, "invalid_request");
    house.send("anna", Method::Put, &on("nothing"), up).await.expect_refusal(404, "not_found");
    let _model = house.gate.will_stream("INTERNAL");
    let running = house.ask("anna", &conversation, "Noch eine").await;
    house.send("anna", Method::Put, &on(&running.answer), up).await.expect_refusal(400, "invalid_request");
    house.send("anna", Method::Get, &path, "").await.expect_refusal(405, "method_not_allowed");

    let begun = house.send("anna", Method::Post, "/api/chat/conversations", r#"{"temporary":true}"#).await;
    let temporary = begun.expect(201)["id"].as_str().unwrap().to_owned();
    house.gate.will_say("INTERNAL", &["Antwort"]);
    let asked = house.ask("anna", &temporary, "Frage").await;
    house.finish("anna", &asked.run).await;
    let path = format!("/api/chat/conversations/{temporary}/messages/{}/feedback", asked.answer);
    house.send("anna", Method::Put, &path, up).await.expect_refusal(400, "invalid_request");
}

#[tokio::test]
async fn numbers_are_told_to_those_who_may_and_stand_for_several_people() {
    let house = House::open().await;
    for person in PEOPLE_WHO_RATE {
        house.store.ensure_person(person, Role::Employee, SystemClock::new().now()).await.unwrap();
    }
    let read = async || house.get("sigrid", "/api/chat/feedback").await;
    for (place, person) in PEOPLE_WHO_RATE.into_iter().enumerate() {
        assert_eq!(read().await, json!({"rows": [], "people_min": 5}), "{place} people");
        let (_, path) = answered(&house, person).await;
        let body =
            if place == 0 { json!({"value": "up"}) } else { json!({"value": "down", "reasons": ["slow"]}) };
        house.send(person, Method::Put, &path, &body.to_string()).await.expect(200);
    }
    let row = json!({"model": "tiny", "assistant": null, "up": 1, "down": 4, "reasons": {"slow": 4}});
    assert_eq!(read().await["rows"], json!([row]));
    // One person more is not told apart.
    let (_, path) = answered(&house, "anna").await;
    house.send("anna", Method::Put, &path, r#"{"value":"up"}"#).await.expect(200);
    assert_eq!(read().await["rows"], json!([row]));
    for person in ["anna", "auditor"] {
        house.send(person, Method::Get, "/api/chat/feedback", "").await.expect_refusal(403, "access_denied");
    }
    house
        .send("sigrid", Method::Post, "/api/chat/feedback", "")
        .await
        .expect_refusal(405, "method_not_allowed");
}
