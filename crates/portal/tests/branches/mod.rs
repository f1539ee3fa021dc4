//! Questions that have several answers: asked again, and of several models at once.

use std::collections::BTreeMap;

use schleuse_portal::Limits;
use schleuse_wire::Method;
use schleuse_wire::sse::DONE;
use serde_json::{Value, json};

use crate::house::{House, delta, text_of};

async fn ask_again(house: &House, conversation: &str, question: &str, body: &Value) -> Value {
    let path = format!("/api/chat/conversations/{conversation}/messages/{question}/answers");
    house.send("anna", Method::Post, &path, &body.to_string()).await.expect(202)
}

/// The tree by contents: every message with that of its parent.
fn shape(messages: &[Value]) -> Vec<(String, String)> {
    let text = |message: &Value| message["content"].as_str().unwrap().to_owned();
    let by_id: BTreeMap<&str, &Value> =
        messages.iter().map(|message| (message["id"].as_str().unwrap(), message)).collect();
    let parent = |message: &Value| message["parent"].as_str().map(|id| text(by_id[id])).unwrap_or_default();
    messages.iter().map(|message| (parent(message), text(message))).collect()
}

#[tokio::test]
async fn a_question_is_answered_again_beside_its_answer() {
    let house = House::open().await;
    let conversation = house.begin("anna").await;
    house.gate.will_say("PUBLIC", &["A"]);
    let first = house.ask("anna", &conversation, "F").await;
    house.finish("anna", &first.run).await;
    house.gate.will_say("PUBLIC", &["C"]);
    let second = house.ask("anna", &conversation, "G").await;
    house.finish("anna", &second.run).await;

    house.gate.will_say_as(Some("other"), "PUBLIC", &["B"]);
    let again = ask_again(&house, &conversation, &first.question, &json!({"model": "other"})).await;
    let run = again["runs"][0]["id"].as_str().unwrap();
    assert_eq!(again["answers"][0]["parent"], first.question.as_str());
    assert_eq!(again["runs"][0]["message"], again["answers"][0]["id"]);
    assert_eq!(text_of(&house.finish("anna", run).await), "B");
    // The context is that of the question: neither its first answer nor what came after it.
    assert_eq!(house.gate.last_question().messages(), ["user: F"]);

    // Both branches go on.
    for (answer, sent) in [
        (&first.answer, "assistant: A"),
        (&again["answers"][0]["id"].as_str().unwrap().to_owned(), "assistant: B"),
    ] {
        house.gate.will_say("PUBLIC", &["weiter"]);
        let body = json!({"content": "H", "model": "tiny", "parent": answer});
        let asked = house.ask_with("anna", &conversation, &body).await;
        house.finish("anna", &asked.run).await;
        assert_eq!(house.gate.last_question().messages(), ["user: F", sent, "user: H"]);
    }
    let expected = [
        ("", "F"),
        ("F", "A"),
        ("A", "G"),
        ("G", "C"),
        ("F", "B"),
        ("A", "H"),
        ("H", "weiter"),
        ("B", "H"),
        ("H", "weiter"),
    ];
    let expected: Vec<_> = expected.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let before = house.messages("anna", &conversation).await;
    assert_eq!(shape(&before), expected);
    // And all of it is the same after the house was ended and opened again.
    let house = house.reopen().await;
    assert_eq!(house.messages("anna", &conversation).await, before);
}

#[tokio::test]
async fn four_models_answer_at_once() {
    let house = House::open().await;
    let conversation = house.begin("anna").await;
    let models = ["m1", "m2", "m3", "m4"];
    let streams = models.map(|model| house.gate.will_stream_as(Some(model), "INTERNAL"));
    let path = format!("/api/chat/conversations/{conversation}/messages");
    let body = json!({"content": "Frage", "models": models}).to_string();
    let asked = house.send("anna", Method::Post, &path, &body).await.expect(202);
    assert_eq!((&asked["answer"], &asked["run"]), (&asked["answers"][0], &asked["runs"][0]));
    let shown = house.get("anna", &format!("/api/chat/conversations/{conversation}")).await;
    assert_eq!(shown["runs"].as_array().unwrap().len(), 4);
    // Their words come in turns, and none comes to another.
    for piece in ["eins ", "zwei ", "drei"] {
        for (model, stream) in models.iter().zip(&streams) {
            stream.send(delta(&format!("{model}:{piece}"))).await.unwrap();
        }
    }
    for stream in &streams {
        stream.send(DONE).await.unwrap();
    }
    for (place, model) in models.iter().enumerate() {
        assert_eq!(asked["answers"][place]["model"], *model);
        let run = asked["runs"][place]["id"].as_str().unwrap();
        let expected = format!("{model}:eins {model}:zwei {model}:drei");
        assert_eq!(text_of(&house.finish("anna", run).await), expected);
    }
    let messages = house.messages("anna", &conversation).await;
    assert_eq!(messages.len(), 5);
    assert!(messages[1..].iter().all(|answer| answer["parent"] == messages[0]["id"]));
    assert!(messages[1..].iter().all(|answer| answer["state"] == "complete"));
    // Whoever goes on chooses one of them.
    house.gate.will_say("INTERNAL", &["ja"]);
    let body = json!({"content": "Weiter", "model": "m1", "parent": messages[2]["id"]});
    let next = house.ask_with("anna", &conversation, &body).await;
    house.finish("anna", &next.run).await;
    let sent = house.gate.last_question().messages();
    assert_eq!(sent, ["user: Frage", "assistant: m2:eins m2:zwei m2:drei", "user: Weiter"]);
}

#[tokio::test]
async fn one_of_several_is_stopped_alone() {
    let house = House::open().await;
    let conversation = house.begin("anna").await;
    let streams = ["m1", "m2"].map(|model| house.gate.will_stream_as(Some(model), "PUBLIC"));
    let path = format!("/api/chat/conversations/{conversation}/messages");
    let body = json!({"content": "Frage", "models": ["m1", "m2"]}).to_string();
    let asked = house.send("anna", Method::Post, &path, &body).await.expect(202);
    let run = |place: usize| asked["runs"][place]["id"].as_str().unwrap().to_owned();
    streams[0].send(delta("bis hier")).await.unwrap();
    house.read("anna", &run(0), None).await.until("bis hier").await;
    house.send("anna", Method::Post, &format!("/api/chat/runs/{}/stop", run(0)), "").await.expect(204);
    streams[0].closed().await;
    streams[1].send(delta("geht weiter")).await.unwrap();
    streams[1].send(DONE).await.unwrap();
    assert_eq!(text_of(&house.finish("anna", &run(1)).await), "geht weiter");
    let messages = house.messages("anna", &conversation).await;
    assert_eq!((&messages[1]["state"], &messages[2]["state"]), (&json!("stopped"), &json!("complete")));
}

#[tokio::test]
async fn several_runs_begin_all_or_none() {
    let house = House::open_limited(Limits { runs_max: 3, messages_max: 6, ..Limits::default() }).await;
    let conversation = house.begin("anna").await;
    let path = format!("/api/chat/conversations/{conversation}/messages");
    let ask = async |models: &[&str]| {
        let body = json!({"content": "F", "models": models, "parent": null}).to_string();
        house.send("anna", Method::Post, &path, &body).await
    };
    let asked = ask(&["m", "m"]).await.expect(202);
    ask(&["m", "m"]).await.expect_refusal(429, "rate_limit_exceeded");
    assert_eq!(house.messages("anna", &conversation).await.len(), 3);
    ask(&["m", "m", "m", "m"]).await.expect_refusal(400, "invalid_request");
    ask(&["m", "m", "m", "m", "m"]).await.expect_refusal(400, "invalid_request");
    ask(&[]).await.expect_refusal(400, "invalid_request");
    ask(&["m"]).await.expect(202);
    let question = asked["message"]["id"].as_str().unwrap();
    let again = format!("{path}/{question}/answers");
    let body = json!({"models": ["m", "m"]}).to_string();
    house.send("anna", Method::Post, &again, &body).await.expect_refusal(400, "invalid_request");
    let body = json!({"model": "m", "models": ["m"]}).to_string();
    let error = house.send("anna", Method::Post, &again, &body).await.expect_refusal(400, "invalid_request");
    assert_eq!(error["param"], "models");
    // An answer is no question, and neither is what is not there.
    let answer = asked["answers"][0]["id"].as_str().unwrap();
    let body = json!({"model": "m"}).to_string();
    let path_of = |id: &str| format!("{path}/{id}/answers");
    house.send("anna", Method::Post, &path_of(answer), &body).await.expect_refusal(400, "invalid_request");
    house.send("anna", Method::Post, &path_of("nowhere"), &body).await.expect_refusal(404, "not_found");
}

#[tokio::test]
async fn asking_again_is_no_way_down() {
    let house = House::open().await;
    let conversation = house.begin("anna").await;
    // Refused: the conversation does not remember the label, the question does.
    house.gate.will_refuse(403, "CONFIDENTIAL//hr", json!({"code": "no_permitted_route", "message": "m"}));
    let body = json!({"content": "Akte", "model": "m", "label": "CONFIDENTIAL", "compartments": ["hr"]});
    let asked = house.ask_with("anna", &conversation, &body).await;
    house.finish("anna", &asked.run).await;
    assert_eq!(house.gate.last_question().label, "CONFIDENTIAL//hr");
    let bodies = [
        (json!({"model": "m"}), "CONFIDENTIAL//hr"),
        (json!({"model": "m", "label": "PUBLIC"}), "CONFIDENTIAL//hr"),
        (json!({"model": "m", "label": "SECRET", "compartments": ["patient"]}), "SECRET//hr,patient"),
    ];
    for (body, label) in bodies {
        house.gate.will_refuse(403, label, json!({"code": "no_permitted_route", "message": "m"}));
        let again = ask_again(&house, &conversation, &asked.question, &body).await;
        house.finish("anna", again["runs"][0]["id"].as_str().unwrap()).await;
        assert_eq!(house.gate.last_question().label, label);
    }
    let path = format!("/api/chat/conversations/{conversation}/messages");
    let body = json!({"content": "c", "model": "m", "compartments": ["No Name"]}).to_string();
    let error = house.send("anna", Method::Post, &path, &body).await.expect_refusal(400, "invalid_request");
    assert_eq!(error["param"], "compartments");
}
