//! The portal as a page uses it.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod approving;
mod assisting;
mod attaching;
mod branches;
mod documents;
mod feedback;
mod files;
mod filing;
mod house;
mod library;
mod masking;
mod mydata;
mod releasing;
mod searching;
mod sharing;

use std::time::Duration;

use house::{Events, House, PATIENCE, Told, delta, error_event, length_end, names, text_of, usage};
use proptest::prelude::*;
use schleuse_portal::Limits;
use schleuse_types::{Clock as _, SystemClock};
use schleuse_wire::sse::DONE;
use schleuse_wire::{Method, ReplyBody};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

#[tokio::test]
async fn a_question_is_answered_and_kept() {
    let house = House::open().await;
    let conversation = house.begin("anna").await;
    house.gate.will_say("INTERNAL", &["Guten ", "Tag"]);
    let asked = house.ask("anna", &conversation, "Wie grüßt man am Vormittag?").await;
    let told = house.finish("anna", &asked.run).await;
    assert_eq!(text_of(&told), "Guten Tag");
    let mut told_names = names(&told);
    told_names.dedup();
    assert_eq!(told_names, ["model", "passage", "text", "usage", "done"]);
    assert_eq!(told[0].data, json!({"model": "tiny"}));
    let passage = json!({"request_id": "01GATE", "label": "INTERNAL", "sensitivity": 0.25, "action": "ALLOWED", "route": "local"});
    assert_eq!(told[1].data, passage);
    assert_eq!(told.last().unwrap().data, json!({"state": "complete"}));

    let question = house.gate.last_question();
    assert_eq!(question.messages(), ["user: Wie grüßt man am Vormittag?"]);
    assert_eq!(question.key, house::key("anna").expose_printed());
    assert_eq!(question.label, "INTERNAL");
    assert_eq!(question.body["stream_options"]["include_usage"], true);

    let house = house.reopen().await;
    let shown = house.get("anna", &format!("/api/chat/conversations/{conversation}")).await;
    assert_eq!(shown["title"], "Wie grüßt man am Vormittag?");
    assert_eq!(shown["label"], "INTERNAL");
    assert_eq!((&shown["run"], &shown["running"]), (&Value::Null, &Value::Bool(false)));
    let messages = shown["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 2);
    assert_eq!((&messages[0]["role"], &messages[0]["parent"]), (&json!("user"), &Value::Null));
    assert_eq!(messages[0]["id"], asked.question.as_str());
    let answer = &messages[1];
    assert_eq!((&answer["id"], &answer["parent"]), (&json!(asked.answer), &json!(asked.question)));
    assert_eq!((&answer["role"], &answer["state"]), (&json!("assistant"), &json!("complete")));
    assert_eq!((&answer["content"], &answer["model"]), (&json!("Guten Tag"), &json!("tiny")));
    assert_eq!((&answer["passage"], &answer["usage"]), (&passage, &json!({"prompt": 3, "completion": 4})));
    assert_eq!((&answer["cut"], &answer["refusal"]), (&json!(false), &Value::Null));
    // Whoever comes late reads it from the store, with the same ids.
    assert_eq!(text_of(&house.finish("anna", &asked.run).await), "Guten Tag");
}

#[tokio::test]
async fn conversations_are_listed_renamed_and_deleted() {
    let house = House::open().await;
    assert_eq!(house.get("anna", "/api/chat/conversations").await["conversations"], json!([]));
    let first = house.begin("anna").await;
    let second = house.begin("anna").await;
    let _model = house.gate.will_stream("PUBLIC");
    house.ask_with("anna", &first, &json!({"content": "Frage", "model": "tiny", "label": "PUBLIC"})).await;
    let list = house.get("anna", "/api/chat/conversations").await;
    let row = |place: usize, name: &str| list["conversations"][place][name].clone();
    assert_eq!(
        (row(0, "id"), row(0, "title"), row(0, "running")),
        (json!(first), json!("Frage"), json!(true))
    );
    assert_eq!((row(1, "id"), row(1, "title"), row(1, "running")), (json!(second), json!(""), json!(false)));

    let path = format!("/api/chat/conversations/{first}");
    house.send("anna", Method::Put, &path, "{\"title\":\"Neuer Titel\"}").await.expect(200);
    assert_eq!(house.get("anna", &path).await["title"], "Neuer Titel");
    house.send("anna", Method::Put, &path, "{\"title\":\"\"}").await.expect_refusal(400, "invalid_request");
    // Deleting ends the run.
    house.send("anna", Method::Delete, &path, "").await.expect(204);
    house.send("anna", Method::Get, &path, "").await.expect_refusal(404, "not_found");
    house.send("anna", Method::Delete, &path, "").await.expect_refusal(404, "not_found");
    let list = house.get("anna", "/api/chat/conversations").await;
    assert_eq!(list["conversations"].as_array().unwrap().len(), 1);
}

/// Every route, with the ids of a conversation and a run.
fn routes(conversation: &str, run: &str) -> Vec<(Method, String)> {
    let at = |rest: &str| format!("/api/chat/{rest}");
    vec![
        (Method::Get, at("conversations")),
        (Method::Post, at("conversations")),
        (Method::Get, at(&format!("conversations/{conversation}"))),
        (Method::Put, at(&format!("conversations/{conversation}"))),
        (Method::Post, at(&format!("conversations/{conversation}/messages"))),
        (
            Method::Post,
            at(&format!("conversations/{conversation}/messages/{}/answers", run.split('.').next().unwrap())),
        ),
        (Method::Get, at(&format!("runs/{run}/events"))),
        (Method::Post, at(&format!("runs/{run}/stop"))),
        (Method::Delete, at(&format!("conversations/{conversation}"))),
    ]
}

#[tokio::test]
async fn what_is_somebody_elses_is_not_there() {
    let house = House::open().await;
    house.begin("bert").await;
    let conversation = house.begin("anna").await;
    let _model = house.gate.will_stream("PUBLIC");
    let running = house.ask("anna", &conversation, "Frage").await.run;
    house.gate.will_say("PUBLIC", &["x"]);
    let over =
        house.ask_with("anna", &conversation, &json!({"content": "x", "model": "m", "parent": null})).await;
    house.finish("anna", &over.run).await;
    for run in [&running, &over.run] {
        for (method, path) in routes(&conversation, run).into_iter().skip(2) {
            let body = if method == Method::Put {
                "{\"title\":\"t\"}"
            } else {
                "{\"content\":\"c\",\"model\":\"m\"}"
            };
            let body = if path.ends_with("stop") || method == Method::Get { "" } else { body };
            house.send("bert", method, &path, body).await.expect_refusal(404, "not_found");
        }
    }
    // Nothing of it happened.
    let shown = house.get("anna", &format!("/api/chat/conversations/{conversation}")).await;
    assert_eq!(shown["messages"].as_array().unwrap().len(), 4);
    assert_eq!(shown["run"]["id"], running.as_str());
}

#[tokio::test]
async fn every_route_wants_a_credential_and_a_permission() {
    let house = House::open().await;
    let conversation = house.begin("anna").await;
    house.gate.will_say("PUBLIC", &["x"]);
    let run = house.ask("anna", &conversation, "Frage").await.run;
    house.finish("anna", &run).await;
    for (method, path) in routes(&conversation, &run) {
        house.send_with(None, method, &path, "{}", None).await.expect_refusal(401, "invalid_api_key");
        house.send("auditor", method, &path, "{}").await.expect_refusal(403, "access_denied");
    }
    for path in ["/api/chat", "/api/chat/", "/api/chat/runs", "/api/chat/conversations/", "/api/chatter"] {
        house.send("anna", Method::Get, path, "").await.expect_refusal(404, "not_found");
    }
    house
        .send("anna", Method::Put, "/api/chat/conversations", "")
        .await
        .expect_refusal(405, "method_not_allowed");
}

#[tokio::test]
async fn a_person_without_a_row_has_no_conversations() {
    let house = House::open().await;
    assert_eq!(house.get("nobody", "/api/chat/conversations").await["conversations"], json!([]));
    let begun = house.send("nobody", Method::Post, "/api/chat/conversations", "{}").await;
    begun.expect_refusal(403, "access_denied");
}

#[tokio::test]
async fn bodies_are_strict() {
    let house = House::open_limited(Limits { content_bytes_max: 64, ..Limits::default() }).await;
    let conversation = house.begin("anna").await;
    let path = format!("/api/chat/conversations/{conversation}/messages");
    let cases = [
        ("{\"content\":\"c\",\"model\":\"m\",\"modle\":1}", Some("modle")),
        ("{\"content\":\"c\"}", Some("model")),
        ("{\"model\":\"m\"}", Some("content")),
        ("", Some("content")),
        ("{\"content\":\"\",\"model\":\"m\"}", Some("content")),
        ("{\"content\":7,\"model\":\"m\"}", Some("content")),
        ("{\"content\":\"c\",\"model\":\"m\",\"label\":\"TOP\"}", Some("label")),
        ("{\"content\":\"c\",\"model\":\"m\",\"parent\":\"nowhere\"}", Some("parent")),
        ("{\"content\":\"c\",\"model\":\"m\",\"parent\":7}", Some("parent")),
        ("{\"content\":\"c\",\"content\":\"d\",\"model\":\"m\"}", None),
        ("[]", None),
        ("{", None),
    ];
    for (body, param) in cases {
        let error =
            house.send("anna", Method::Post, &path, body).await.expect_refusal(400, "invalid_request");
        assert_eq!(error["param"].as_str(), param, "{body}");
    }
    let long = json!({"content": "x".repeat(65), "model": "m"}).to_string();
    let error = house.send("anna", Method::Post, &path, &long).await.expect_refusal(400, "invalid_request");
    assert_eq!(error["param"], "content");
    let huge = json!({"content": "x".repeat(300_000), "model": "m"}).to_string();
    house.send("anna", Method::Post, &path, &huge).await.expect_refusal(413, "request_too_large");
    assert!(house.gate.questions.lock().unwrap().is_empty());
    assert!(house.messages("anna", &conversation).await.is_empty());
}

#[tokio::test]
async fn closing_a_page_does_not_end_a_run() {
    let house = House::open().await;
    let conversation = house.begin("anna").await;
    let model = house.gate.will_stream("PUBLIC");
    let asked = house.ask("anna", &conversation, "Frage").await;
    let mut page = house.read("anna", &asked.run, None).await;
    model.send(delta("eins ")).await.unwrap();
    let first = page.until("eins ").await;
    drop(page);
    model.send(delta("zwei ")).await.unwrap();
    let mut second = house.read("anna", &asked.run, first.last().unwrap().id.as_deref()).await;
    assert_eq!(text_of(&second.until("zwei ").await), "zwei ");
    assert!(!model.is_closed());
    // Two readers, one late: both have the same bytes in the end.
    let late = house.read("anna", &asked.run, None).await;
    model.send(delta("drei")).await.unwrap();
    model.send(length_end()).await.unwrap();
    model.send(usage(1, 1)).await.unwrap();
    model.send(DONE).await.unwrap();
    let rest = second.all().await;
    assert_eq!(text_of(&rest), "drei");
    assert_eq!(names(&rest), ["text", "cut", "usage", "done"]);
    assert_eq!(text_of(&late.all().await), "eins zwei drei");
    let messages = house.messages("anna", &conversation).await;
    assert_eq!((&messages[1]["content"], &messages[1]["cut"]), (&json!("eins zwei drei"), &json!(true)));
    let (key, path) = (house::key("anna"), format!("/api/chat/runs/{}/events", asked.run));
    let bad = house.send_with(Some(key.expose_printed()), Method::Get, &path, "", Some("x")).await;
    bad.expect_refusal(400, "invalid_request");
}

#[tokio::test]
async fn stopping_lets_the_model_go_at_once() {
    let house = House::open().await;
    let conversation = house.begin("anna").await;
    // The quickest of some: a busy machine may hold up any single one.
    let mut quickest = Duration::MAX;
    for _ in 0..20 {
        let model = house.gate.will_stream("PUBLIC");
        let body = json!({"content": "Frage", "model": "tiny", "parent": null});
        let asked = house.ask_with("anna", &conversation, &body).await;
        let mut page = house.read("anna", &asked.run, None).await;
        model.send(delta("bis hier")).await.unwrap();
        page.until("bis hier").await;
        let began = Instant::now();
        let path = format!("/api/chat/runs/{}/stop", asked.run);
        let (stopped, let_go) = tokio::join!(house.send("anna", Method::Post, &path, ""), async {
            timeout(PATIENCE, model.closed()).await.unwrap();
            began.elapsed()
        });
        stopped.expect(204);
        quickest = quickest.min(let_go);
        assert_eq!(names(&page.all().await), ["stopped", "done"]);
        let messages = house.messages("anna", &conversation).await;
        let answer = messages.last().unwrap();
        assert_eq!((&answer["content"], &answer["state"]), (&json!("bis hier"), &json!("stopped")));
        // Once more does no harm, also when it is over.
        house.send("anna", Method::Post, &path, "").await.expect(204);
        if quickest <= Duration::from_millis(200) {
            break;
        }
    }
    assert!(quickest <= Duration::from_millis(200), "{quickest:?}");

    // Before the gate has answered at all.
    let asked = house.ask("anna", &conversation, "Frage").await;
    let path = format!("/api/chat/runs/{}/stop", asked.run);
    house.send("anna", Method::Post, &path, "").await.expect(204);
    assert_eq!(names(&house.finish("anna", &asked.run).await), ["model", "stopped", "done"]);
}

#[tokio::test]
async fn what_was_refused_is_kept_but_not_sent_along() {
    let house = House::open().await;
    let conversation = house.begin("anna").await;
    house.gate.will_say("INTERNAL", &["Antwort"]);
    let first = house.ask("anna", &conversation, "Frage").await;
    house.finish("anna", &first.run).await;
    let finding = |path: &str| json!({"type": "IBAN", "path": path, "start": 1, "end": 5, "score": 1.0});
    let findings = [finding("/messages/2/content"), finding("/messages/1/content"), finding("/model")];
    let error = json!({"code": "sensitive_data_detected", "message": "BLOCKED", "findings": findings});
    house.gate.will_refuse(403, "SECRET", error);
    let blocked = house.ask("anna", &conversation, "DE02 1203 0000 0000 2020 51").await;
    let told = house.finish("anna", &blocked.run).await;
    assert_eq!(names(&told), ["model", "passage", "refusal", "done"]);
    assert_eq!(told[1].data["action"], "BLOCKED");
    let findings = &told[2].data["error"]["findings"];
    assert_eq!(
        (&findings[0]["message"], &findings[0]["path"]),
        (&json!(blocked.question), &json!("/messages/2/content"))
    );
    assert_eq!((&findings[1]["message"], &findings[2]["message"]), (&json!(first.answer), &Value::Null));

    let messages = house.messages("anna", &conversation).await;
    assert_eq!(messages[2]["content"], "DE02 1203 0000 0000 2020 51");
    assert_eq!(
        (&messages[3]["state"], &messages[3]["refusal"]["code"]),
        (&json!("failed"), &json!("sensitive_data_detected"))
    );
    // Neither the text nor the label of what was refused weighs on the next question.
    house.gate.will_say("INTERNAL", &["Gut"]);
    let next = house.ask("anna", &conversation, "Weiter").await;
    house.finish("anna", &next.run).await;
    let question = house.gate.last_question();
    assert_eq!(question.messages(), ["user: Frage", "assistant: Antwort", "user: Weiter"]);
    assert_eq!(question.label, "INTERNAL");
}

#[tokio::test]
async fn the_label_of_a_conversation_never_falls() {
    let house = House::open().await;
    let conversation = house.begin("anna").await;
    let ask = async |label: Option<&str>, gate: &str| {
        house.gate.will_say(gate, &["ja"]);
        let asked = house
            .ask_with("anna", &conversation, &json!({"content": "x", "model": "m", "label": label}))
            .await;
        house.finish("anna", &asked.run).await;
        let shown = house.get("anna", &format!("/api/chat/conversations/{conversation}")).await;
        (house.gate.last_question().label, shown["label"].as_str().unwrap().to_owned())
    };
    let pair = |sent: &str, shown: &str| (sent.to_owned(), shown.to_owned());
    assert_eq!(ask(Some("ÖFFENTLICH"), "PUBLIC").await, pair("PUBLIC", "PUBLIC"));
    assert_eq!(ask(None, "INTERNAL").await, pair("INTERNAL", "INTERNAL"));
    // The gate found more than was declared.
    assert_eq!(ask(Some("PUBLIC"), "CONFIDENTIAL").await, pair("INTERNAL", "CONFIDENTIAL"));
    assert_eq!(ask(Some("PUBLIC"), "CONFIDENTIAL").await, pair("CONFIDENTIAL", "CONFIDENTIAL"));
}

/// Asks and reads the answer to its end. Gives the label with which the gate was asked, and that of the conversation then.
async fn ask_labelled(
    house: &House,
    conversation: &str,
    label: Option<&str>,
    parent: Option<Value>,
    gate: &str,
) -> (String, String, String) {
    house.gate.will_say(gate, &["ja"]);
    let mut body = json!({"content": "x", "model": "m", "label": label});
    if let Some(parent) = parent {
        body["parent"] = parent;
    }
    let asked = house.ask_with("anna", conversation, &body).await;
    house.finish("anna", &asked.run).await;
    let shown = house.get("anna", &format!("/api/chat/conversations/{conversation}")).await;
    (house.gate.last_question().label, shown["label"].as_str().unwrap().to_owned(), asked.answer)
}

#[tokio::test]
async fn compartments_stay_with_the_conversation_in_every_branch() {
    let house = House::open().await;
    let conversation = house.begin("anna").await;
    let ask = async |label: Option<&str>, parent: Option<Value>, gate: &str| {
        let (sent, shown, _) = ask_labelled(&house, &conversation, label, parent, gate).await;
        (sent, shown)
    };
    let pair = |sent: &str, shown: &str| (sent.to_owned(), shown.to_owned());
    let hr = "CONFIDENTIAL//hr";
    assert_eq!(ask(Some("INTERNAL//hr"), None, hr).await, pair("INTERNAL//hr", hr));
    // A harmless turn after it, and a branch of its own beside it.
    assert_eq!(ask(Some("PUBLIC"), None, hr).await, pair(hr, hr));
    assert_eq!(
        ask(Some("PUBLIC//patient"), Some(Value::Null), "CONFIDENTIAL//hr,patient").await,
        pair("CONFIDENTIAL//hr,patient", "CONFIDENTIAL//hr,patient")
    );
    // And after the house was ended and opened again.
    let house = house.reopen().await;
    let (sent, ..) = ask_labelled(&house, &conversation, None, None, hr).await;
    assert_eq!(sent, "CONFIDENTIAL//hr,patient");
    let listed = house.get("anna", "/api/chat/conversations").await;
    assert_eq!(listed["conversations"][0]["label"], "CONFIDENTIAL//hr,patient");
    let messages = house.messages("anna", &conversation).await;
    assert_eq!(messages[1]["passage"]["label"], hr);
}

#[tokio::test]
async fn a_label_that_rises_within_an_answer_is_kept_before_its_text_is_seen() {
    let house = House::open().await;
    let conversation = house.begin("anna").await;
    let gate = house.gate.will_stream("INTERNAL");
    let asked = house.ask("anna", &conversation, "x").await;
    let mut reading = house.read("anna", &asked.run, None).await;
    gate.send(delta("harmlos ")).await.unwrap();
    reading.until_ends_with("harmlos ").await;
    let label = schleuse_types::Label::parse(b"CONFIDENTIAL//hr").unwrap();
    gate.send(schleuse_wire::sse::label_frame(&label)).await.unwrap();
    gate.send(delta("geheim")).await.unwrap();
    reading.until_ends_with("geheim").await;
    let path = format!("/api/chat/conversations/{conversation}");
    assert_eq!(house.get("anna", &path).await["label"], "CONFIDENTIAL//hr");
    gate.send(DONE).await.unwrap();
    reading.all().await;
    let messages = house.messages("anna", &conversation).await;
    assert_eq!(messages[1]["passage"]["label"], "CONFIDENTIAL//hr");
    let (sent, ..) = ask_labelled(&house, &conversation, Some("PUBLIC"), None, "CONFIDENTIAL//hr").await;
    assert_eq!(sent, "CONFIDENTIAL//hr");
}

#[tokio::test]
async fn a_label_falls_only_by_a_recorded_declassification() {
    let house = House::open().await;
    let conversation = house.begin("anna").await;
    let path = format!("/api/chat/conversations/{conversation}/declassify");
    let lower = async |person: &str, to: &str, reason: &str| {
        let body = json!({"to": to, "reason": reason}).to_string();
        house.send(person, Method::Post, &path, &body).await
    };
    lower("anna", "PUBLIC", "nothing there yet").await.expect_refusal(400, "invalid_request");
    let (_, _, first) = ask_labelled(&house, &conversation, None, None, "INTERNAL").await;
    ask_labelled(&house, &conversation, None, None, "CONFIDENTIAL//hr").await;

    // Neither its owner nor a stranger, and never upwards or sideways.
    lower("anna", "INTERNAL", "reason").await.expect_refusal(403, "access_denied");
    lower("bert", "INTERNAL", "reason").await.expect_refusal(404, "not_found");
    lower("anna", "SECRET//hr", "reason").await.expect_refusal(400, "invalid_request");
    lower("anna", "INTERNAL//patient", "reason").await.expect_refusal(400, "invalid_request");
    lower("anna", "CONFIDENTIAL//hr", "reason").await.expect_refusal(400, "invalid_request");
    lower("sigrid", "INTERNAL", "  ").await.expect_refusal(400, "invalid_request");
    lower("sigrid", "LOW", "reason").await.expect_refusal(400, "invalid_request");
    let (sent, ..) = ask_labelled(&house, &conversation, None, Some(json!(first)), "CONFIDENTIAL//hr").await;
    assert_eq!(sent, "CONFIDENTIAL//hr", "a branch from before it is no way down");

    let lowered = lower("sigrid", "INTERNAL", "  Wörter  ").await.expect(200);
    assert_eq!((&lowered["label"], &lowered["title"]), (&json!("INTERNAL"), &Value::Null));
    let asked = house.lowered.lock().unwrap().last().cloned().unwrap();
    assert_eq!(
        (
            asked.owner.as_str(),
            asked.from.to_string().as_str(),
            asked.to.to_string().as_str(),
            asked.reason_characters
        ),
        ("anna", "CONFIDENTIAL//hr", "INTERNAL", 6)
    );
    let shown = house.get("anna", &format!("/api/chat/conversations/{conversation}")).await;
    assert_eq!(
        (&shown["label"], &shown["messages"][3]["passage"]["label"]),
        (&json!("INTERNAL"), &json!("INTERNAL"))
    );

    // It holds for what was said until then, also later, and what is said from here on counts anew.
    let house = house.reopen().await;
    let (sent, shown, _) = ask_labelled(&house, &conversation, Some("PUBLIC"), None, "INTERNAL").await;
    assert_eq!((sent.as_str(), shown.as_str()), ("INTERNAL", "INTERNAL"));
    let (_, shown, _) = ask_labelled(&house, &conversation, None, None, "CONFIDENTIAL//patient").await;
    assert_eq!(shown, "CONFIDENTIAL//patient");
    let (sent, ..) = ask_labelled(&house, &conversation, None, None, "CONFIDENTIAL//patient").await;
    assert_eq!(sent, "CONFIDENTIAL//patient");
}

#[tokio::test]
async fn a_label_does_not_fall_while_an_answer_is_written() {
    let house = House::open().await;
    let conversation = house.begin("anna").await;
    let gate = house.gate.will_stream("CONFIDENTIAL");
    let asked = house.ask("anna", &conversation, "x").await;
    let mut reading = house.read("anna", &asked.run, None).await;
    gate.send(delta("a")).await.unwrap();
    reading.until_ends_with("a").await;
    let path = format!("/api/chat/conversations/{conversation}/declassify");
    let body = json!({"to": "INTERNAL", "reason": "r"}).to_string();
    house.send("sigrid", Method::Post, &path, &body).await.expect_refusal(404, "not_found");
    house.send("anna", Method::Post, &path, &body).await.expect_refusal(400, "invalid_request");
    assert!(house.lowered.lock().unwrap().is_empty());
}

#[tokio::test]
async fn branches_have_contexts_of_their_own() {
    let house = House::open().await;
    let conversation = house.begin("anna").await;
    let ask = async |content: &str, parent: Value| {
        house.gate.will_say("PUBLIC", &[&format!("A{content}")]);
        let body = json!({"content": content, "model": "brief", "parent": parent});
        let asked = house.ask_with("anna", &conversation, &body).await;
        house.finish("anna", &asked.run).await;
        (asked.answer, house.gate.last_question().messages().join(", "))
    };
    let (root, sent) = ask("1", Value::Null).await;
    assert_eq!(sent, "user: 1");
    let (_, sent) = ask("2", json!(root)).await;
    assert_eq!(sent, "user: 1, assistant: A1, user: 2");
    // Edited: a sibling of the second question.
    let (edited, sent) = ask("2b", json!(root)).await;
    assert_eq!(sent, "user: 1, assistant: A1, user: 2b");
    let (_, sent) = ask("3", json!(edited)).await;
    assert_eq!(sent, "user: 1, assistant: A1, user: 2b, assistant: A2b, user: 3");
    let (_, sent) = ask("other", Value::Null).await;
    assert_eq!(sent, "user: other");
    assert_eq!(house.gate.last_question().body["max_tokens"], 7);
}

#[tokio::test]
async fn a_question_waits_for_the_answer_before_it() {
    let house = House::open().await;
    let conversation = house.begin("anna").await;
    let model = house.gate.will_stream("PUBLIC");
    let asked = house.ask("anna", &conversation, "Frage").await;
    let path = format!("/api/chat/conversations/{conversation}/messages");
    let bodies = [
        json!({"content": "c", "model": "m"}),
        json!({"content": "c", "model": "m", "parent": asked.answer}),
    ];
    for body in &bodies {
        let refused = house.send("anna", Method::Post, &path, &body.to_string()).await;
        assert_eq!(refused.expect_refusal(400, "invalid_request")["param"], "parent");
    }
    model.send(DONE).await.unwrap();
    house.finish("anna", &asked.run).await;
    house.ask_with("anna", &conversation, &bodies[1]).await;
}

#[tokio::test]
async fn a_conversation_too_long_for_the_model_goes_on_without_its_oldest_part() {
    let house = House::open().await;
    let conversation = house.begin("anna").await;
    for number in 0..5 {
        house.gate.will_say("PUBLIC", &["ja"]);
        let asked = house.ask("anna", &conversation, &format!("{number}")).await;
        house.finish("anna", &asked.run).await;
    }
    let overflow =
        json!({"code": "upstream_refused", "message": "This model's maximum context length is 2048 tokens."});
    house.gate.will_refuse(400, "PUBLIC", overflow.clone());
    house.gate.will_say("PUBLIC", &["kurz"]);
    let asked = house.ask("anna", &conversation, "5").await;
    let told = house.finish("anna", &asked.run).await;
    assert_eq!(
        house.gate.last_question().messages(),
        ["user: 3", "assistant: ja", "user: 4", "assistant: ja", "user: 5"]
    );
    assert_eq!(names(&told), ["model", "passage", "omitted", "text", "usage", "done"]);
    assert_eq!(told[2].data, json!({"messages": 6}));
    assert_eq!(house.messages("anna", &conversation).await[11]["omitted"], 6);
    // A question that is too long by itself is refused in the end.
    for _ in 0..4 {
        house.gate.will_refuse(400, "PUBLIC", overflow.clone());
    }
    let asked = house.ask("anna", &conversation, "6").await;
    assert_eq!(
        names(&house.finish("anna", &asked.run).await),
        ["model", "passage", "omitted", "refusal", "done"]
    );
}

#[tokio::test]
async fn an_answer_that_breaks_off_has_failed() {
    let house = House::open().await;
    let conversation = house.begin("anna").await;
    let check = async |end: Option<bytes::Bytes>, code: &str| {
        let model = house.gate.will_stream("PUBLIC");
        let asked = house.ask("anna", &conversation, "Frage").await;
        model.send(delta("Anfang")).await.unwrap();
        if let Some(end) = end {
            model.send(end).await.unwrap();
        }
        drop(model);
        let told = house.finish("anna", &asked.run).await;
        assert_eq!(text_of(&told), "Anfang");
        assert_eq!(told[told.len() - 2].data["error"]["code"], code);
        assert_eq!(told[told.len() - 1].data, json!({"state": "failed"}));
    };
    check(None, "upstream_failed").await;
    check(Some(error_event("audit_unavailable")), "audit_unavailable").await;
    check(Some(bytes::Bytes::from_static(b"event: error\ndata: nonsense\n\n")), "upstream_failed").await;
    check(Some(bytes::Bytes::from_static(b"data: nonsense\n\n")), "upstream_failed").await;
    check(Some(bytes::Bytes::from_static(b"\xFF\n\n")), "upstream_failed").await;
}

#[tokio::test]
async fn the_end_of_a_credential_ends_every_reader() {
    let house = House::open().await;
    let conversation = house.begin("anna").await;
    let model = house.gate.will_stream("PUBLIC");
    let asked = house.ask("anna", &conversation, "Frage").await;
    let mut pages: Vec<Events> = Vec::new();
    for _ in 0..3 {
        pages.push(house.read("anna", &asked.run, None).await);
    }
    model.send(delta("x")).await.unwrap();
    for page in &mut pages {
        page.until("x").await;
    }
    let began = Instant::now();
    house.revoke("anna");
    for page in pages {
        let rest = page.all().await;
        assert_eq!(names(&rest), ["error"]);
        assert_eq!(rest[0].data["error"]["code"], "invalid_api_key");
        assert_eq!(rest[0].id, None);
    }
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    let path = format!("/api/chat/runs/{}/events", asked.run);
    house.send("anna", Method::Get, &path, "").await.expect_refusal(401, "invalid_api_key");
}

#[tokio::test]
async fn signing_out_elsewhere_ends_the_stream_here() {
    let house = House::open().await;
    let conversation = house.begin("anna").await;
    let model = house.gate.will_stream("PUBLIC");
    let (token, session) = house.sign_in("anna");
    let path = format!("/api/chat/conversations/{conversation}/messages");
    let body = json!({"content": "c", "model": "m"}).to_string();
    let asked = house.send_with(Some(&token), Method::Post, &path, &body, None).await.expect(202);
    let path = format!("/api/chat/runs/{}/events", asked["run"]["id"].as_str().unwrap());
    let page = house.send_with(Some(&token), Method::Get, &path, "", None).await;
    let ReplyBody::Events(page) = page.body else { panic!("no events") };
    model.send(delta("x")).await.unwrap();
    let mut page = Events(page);
    page.until("x").await;
    // The gate was asked with the session itself.
    assert_eq!(house.gate.last_question().key, token);
    let began = Instant::now();
    assert!(house.identity.end_session(&session, SystemClock::new().now()));
    assert_eq!(names(&page.all().await), ["error"]);
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    house.send_with(Some(&token), Method::Get, &path, "", None).await.expect_refusal(401, "invalid_api_key");
}

#[tokio::test]
async fn a_reader_who_does_not_read_holds_nobody_up() {
    let house = House::open().await;
    let conversation = house.begin("anna").await;
    let model = house.gate.will_stream("PUBLIC");
    let asked = house.ask("anna", &conversation, "Frage").await;
    let slow = house.read("anna", &asked.run, None).await;
    let stuck = house.read("anna", &asked.run, None).await;
    let mut quick = house.read("anna", &asked.run, None).await;
    let mut expected = String::new();
    for number in 0..500 {
        model.send(delta(&format!("{number} "))).await.unwrap();
        expected.push_str(&format!("{number} "));
        if number % 50 == 0 {
            quick.until_ends_with(&format!("{number} ")).await;
        }
    }
    quick.until_ends_with("499 ").await;
    model.send(DONE).await.unwrap();
    let told = slow.all().await;
    assert_eq!(text_of(&told), expected);
    assert!(told.len() < 40, "{}", told.len());
    drop(stuck);
}

#[tokio::test]
async fn an_answer_without_end_is_cut() {
    let house = House::open().await;
    let conversation = house.begin("anna").await;
    let model = house.gate.will_stream("PUBLIC");
    let asked = house.ask("anna", &conversation, "Frage").await;
    for _ in 0..3 {
        let _ = model.send(delta(&"ä".repeat(1024 * 1024 / 2 - 1))).await;
    }
    // The model is let go.
    timeout(PATIENCE, async { while model.send(delta("mehr")).await.is_ok() {} }).await.unwrap();
    let told = house.finish("anna", &asked.run).await;
    assert!(text_of(&told).len() <= 2 * 1024 * 1024);
    assert_eq!(names(&told[told.len() - 2..]), ["cut", "done"]);
}

#[tokio::test]
async fn a_run_whose_task_falls_is_over() {
    let house = House::open().await;
    let conversation = house.begin("anna").await;
    let asked = house.ask_with("anna", &conversation, &json!({"content": "c", "model": "panic"})).await;
    let told = house.finish("anna", &asked.run).await;
    assert_eq!(names(&told), ["model", "refusal", "done"]);
    let shown = house.get("anna", &format!("/api/chat/conversations/{conversation}")).await;
    assert_eq!((&shown["run"], &shown["messages"][1]["state"]), (&Value::Null, &json!("failed")));
    // The conversation goes on.
    house.gate.will_say("PUBLIC", &["wieder da"]);
    let asked = house.ask("anna", &conversation, "Frage").await;
    assert_eq!(text_of(&house.finish("anna", &asked.run).await), "wieder da");
}

#[tokio::test]
async fn the_first_conversations_of_a_person_share_one_key() {
    let house = House::open().await;
    let begun =
        tokio::join!(house.begin("anna"), house.begin("anna"), house.begin("anna"), house.begin("anna"));
    for conversation in [begun.0, begun.1, begun.2, begun.3] {
        let shown = house.get("anna", &format!("/api/chat/conversations/{conversation}")).await;
        assert_eq!(shown["damaged"], Value::Null);
    }
}

#[tokio::test]
async fn limits_have_numbers() {
    let limits =
        Limits { conversations_max: 2, messages_max: 4, runs_max: 2, readers_max: 1, ..Limits::default() };
    let house = House::open_limited(limits).await;
    let conversation = house.begin("anna").await;
    house.begin("anna").await;
    house.begin("bert").await;
    house
        .send("anna", Method::Post, "/api/chat/conversations", "")
        .await
        .expect_refusal(400, "invalid_request");

    let body = json!({"content": "c", "model": "m", "parent": null}).to_string();
    let path = format!("/api/chat/conversations/{conversation}/messages");
    let first =
        house.ask_with("anna", &conversation, &json!({"content": "c", "model": "m", "parent": null})).await;
    let page = house.read("anna", &first.run, None).await;
    let events = format!("/api/chat/runs/{}/events", first.run);
    house.send("anna", Method::Get, &events, "").await.expect_refusal(429, "rate_limit_exceeded");
    drop(page);
    house.ask_with("anna", &conversation, &json!({"content": "c", "model": "m", "parent": null})).await;
    let shown = house.get("anna", &format!("/api/chat/conversations/{conversation}")).await;
    assert_eq!(shown["runs"].as_array().unwrap().len(), 2);
    house.send("anna", Method::Post, &path, &body).await.expect_refusal(400, "invalid_request");
    let other = house.get("anna", "/api/chat/conversations").await["conversations"][1]["id"].clone();
    let path = format!("/api/chat/conversations/{}/messages", other.as_str().unwrap());
    let refused = house.send("anna", Method::Post, &path, &body).await;
    assert!(refused.headers.iter().any(|(name, _)| *name == "retry-after"));
    refused.expect_refusal(429, "rate_limit_exceeded");
    // Somebody else is not slowed down.
    let own = house.begin("bert").await;
    house.ask("bert", &own, "Frage").await;
}

#[tokio::test]
async fn nothing_in_the_store_is_readable() {
    let house = House::open().await;
    let conversation = house.begin("anna").await;
    house.gate.will_say("CONFIDENTIAL", &["Zugvogel"]);
    let asked = house.ask("anna", &conversation, "Wanderfalke").await;
    house.finish("anna", &asked.run).await;
    house.close().await;
    let mut seen = 0;
    for file in std::fs::read_dir(&house.folder.0).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        seen += bytes.len();
        for word in ["Zugvogel", "Wanderfalke", "CONFIDENTIAL", "tiny", "01GATE"] {
            assert!(!bytes.windows(word.len()).any(|piece| piece == word.as_bytes()), "{word}");
        }
    }
    assert!(seen > 0);
}

#[tokio::test]
async fn a_row_that_was_altered_or_moved_does_not_open() {
    let house = House::open().await;
    let conversation = house.begin("anna").await;
    for number in ["eins", "zwei"] {
        house.gate.will_say("PUBLIC", &[number]);
        let asked = house.ask("anna", &conversation, number).await;
        house.finish("anna", &asked.run).await;
    }
    let rows = house.store.messages("anna", &conversation).await.unwrap();
    let contents = async || {
        let messages = house.messages("anna", &conversation).await;
        let content = |message: &Value| message["content"].as_str().unwrap().to_owned();
        (messages.iter().map(content).collect::<Vec<_>>(), messages)
    };
    assert_eq!(contents().await.0, ["eins", "eins", "zwei", "zwei"]);

    // Two answers change places, and one bit of a question falls over.
    let mut swapped = rows.clone();
    swapped[1].sealed.clone_from(&rows[3].sealed);
    swapped[3].sealed.clone_from(&rows[1].sealed);
    swapped[2].sealed[20] ^= 1;
    for row in &swapped {
        house.store.put_message("anna", row).await.unwrap();
    }
    let (texts, messages) = contents().await;
    assert_eq!(texts, ["eins", "", "", ""]);
    assert_eq!(
        (&messages[1]["state"], &messages[1]["refusal"]["code"]),
        (&json!("failed"), &json!("internal_error"))
    );
    // What does not open is not sent along.
    house.gate.will_say("PUBLIC", &["drei"]);
    let asked = house.ask("anna", &conversation, "drei").await;
    house.finish("anna", &asked.run).await;
    assert_eq!(house.gate.last_question().messages(), ["user: drei"]);
    for row in &rows {
        house.store.put_message("anna", row).await.unwrap();
    }
    assert_eq!(contents().await.0, ["eins", "eins", "zwei", "zwei", "drei", "drei"]);

    // The head of another conversation, which would bring a lower label.
    let other = house.begin("anna").await;
    let mut head = house.store.conversation("anna", &conversation).await.unwrap().unwrap();
    head.head = house.store.conversation("anna", &other).await.unwrap().unwrap().head;
    house.store.put_conversation(&head).await.unwrap();
    let list = house.get("anna", "/api/chat/conversations").await;
    let rows = list["conversations"].as_array().unwrap();
    assert!(rows.iter().any(|row| row["id"] == conversation.as_str() && row["damaged"] == true));
    let path = format!("/api/chat/conversations/{conversation}/messages");
    let body = json!({"content": "c", "model": "m"}).to_string();
    house.send("anna", Method::Post, &path, &body).await.expect_refusal(500, "internal_error");
}

#[tokio::test]
async fn another_house_secret_opens_nothing() {
    let house = House::open().await;
    let conversation = house.begin("anna").await;
    let house = house.reopen_with([6; 32]).await;
    let path = format!("/api/chat/conversations/{conversation}");
    house.send("anna", Method::Get, &path, "").await.expect_refusal(500, "internal_error");
    house
        .send("anna", Method::Post, "/api/chat/conversations", "")
        .await
        .expect_refusal(500, "internal_error");
    let house = house.reopen_with([5; 32]).await;
    house.get("anna", &path).await;
}

#[tokio::test]
async fn a_drained_house_keeps_what_was_written() {
    let house = House::open().await;
    let conversation = house.begin("anna").await;
    let model = house.gate.will_stream("PUBLIC");
    let asked = house.ask("anna", &conversation, "Frage").await;
    let mut page = house.read("anna", &asked.run, None).await;
    model.send(delta("bis hier")).await.unwrap();
    page.until("bis hier").await;
    house.cut.cancel();
    let rest = page.all().await;
    assert_eq!(names(&rest), ["refusal", "done"]);
    assert_eq!(rest[0].data["error"]["code"], "shutting_down");
    let house = house.reopen().await;
    let messages = house.messages("anna", &conversation).await;
    assert_eq!((&messages[1]["content"], &messages[1]["state"]), (&json!("bis hier"), &json!("failed")));
}

/// The whole house falls without a word, as from `kill -9`: its tasks are dropped where they stand.
#[test]
fn a_fallen_house_keeps_what_was_saved() {
    let runtime = || tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let before = runtime();
    // Long enough to be seen in the length of its row.
    let saved = "gesichert ".repeat(400);
    let (folder, conversation, asked, seen) = before.block_on(async {
        let house = House::open().await;
        let conversation = house.begin("anna").await;
        let model = house.gate.will_stream("CONFIDENTIAL");
        let asked = house.ask("anna", &conversation, "Frage").await;
        let mut page = house.read("anna", &asked.run, None).await;
        model.send(delta(&saved)).await.unwrap();
        let mut seen = page.until(&saved).await;
        // Saved at most half a second after it came.
        let row_length = async || house.store.messages("anna", &conversation).await.unwrap()[1].sealed.len();
        let began = Instant::now();
        timeout(PATIENCE, async {
            while row_length().await < saved.len() {
                sleep(Duration::from_millis(20)).await;
            }
        })
        .await
        .unwrap();
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        model.send(delta("verloren")).await.unwrap();
        seen.push(page.next().await.unwrap());
        std::mem::forget(model);
        let House { folder, .. } = house;
        (folder, conversation, asked, seen)
    });
    before.shutdown_timeout(Duration::from_millis(50));
    let whole = saved.clone() + "verloren";
    assert_eq!(text_of(&seen), whole);

    runtime().block_on(async {
        let house = House::open_with(folder, Limits::default(), [5; 32]).await;
        assert!(house.store.interrupted_messages().await.unwrap().is_empty());
        let shown = house.get("anna", &format!("/api/chat/conversations/{conversation}")).await;
        assert_eq!((&shown["label"], &shown["run"]), (&json!("CONFIDENTIAL"), &Value::Null));
        let answer = &shown["messages"][1];
        assert_eq!(answer["state"], "failed");
        assert_eq!(answer["refusal"]["code"], "shutting_down");
        assert!(answer["refusal"]["message"].as_str().unwrap().starts_with("Das Haus wurde neu gestartet"));
        assert_eq!(answer["refusal"]["request_id"], "01GATE");
        let content = answer["content"].as_str().unwrap();
        assert!(whole.starts_with(content) && content.starts_with(&saved), "{content}");
        // A page that saw more is given what was kept; one that saw less goes on where it was.
        let last = seen.last().unwrap().id.as_deref();
        let rest = house.read("anna", &asked.run, last).await.all().await;
        let replaced = rest.iter().find(|told| told.name == "whole");
        if content == whole {
            assert_eq!(replaced, None);
        } else {
            assert_eq!(replaced.unwrap().data["text"], content);
        }
        assert_eq!(rest.last().unwrap().data, json!({"state": "failed"}));
    });
}

/// Pages that lose their connection at random places, while the answer is written in random pieces.
#[derive(Debug, Default)]
struct Page {
    text: String,
    last: Option<String>,
    is_done: bool,
}

impl Page {
    fn take(&mut self, told: &Told) {
        match told.name.as_str() {
            "text" => self.text.push_str(told.data["text"].as_str().unwrap()),
            "done" => self.is_done = true,
            "whole" => panic!("nothing was lost"),
            _ => {}
        }
        self.last = told.id.clone().or(self.last.take());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, max_shrink_iters: 32, ..ProptestConfig::default() })]
    #[test]
    fn no_page_loses_or_doubles_a_character(
        pieces in proptest::collection::vec(".{0,6}", 1..24),
        cuts in proptest::collection::vec(proptest::collection::vec(1_usize..6, 0..6), 1..4),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let expected = pieces.concat();
        let texts = runtime.block_on(async {
            let house = House::open().await;
            let conversation = house.begin("anna").await;
            let model = house.gate.will_stream("PUBLIC");
            let asked = house.ask("anna", &conversation, "Frage").await;
            let write = async {
                for piece in &pieces {
                    model.send(delta(piece)).await.unwrap();
                    tokio::task::yield_now().await;
                }
                model.send(DONE).await.unwrap();
            };
            let read = async |cuts: &[usize]| {
                let mut page = Page::default();
                for count in cuts {
                    let mut events = house.read("anna", &asked.run, page.last.as_deref()).await;
                    for _ in 0..*count {
                        match events.next().await {
                            Some(told) => page.take(&told),
                            None => break,
                        }
                    }
                }
                let events = house.read("anna", &asked.run, page.last.as_deref()).await;
                for told in events.all().await {
                    page.take(&told);
                }
                assert!(page.is_done);
                page.text
            };
            let readers = async {
                let mut texts = Vec::new();
                let (first, rest) = cuts.split_first().unwrap();
                let (one, other) = tokio::join!(read(first), async {
                    let mut texts = Vec::new();
                    for cuts in rest {
                        texts.push(read(cuts).await);
                    }
                    texts
                });
                texts.push(one);
                texts.extend(other);
                texts
            };
            let ((), texts) = tokio::join!(write, readers);
            house.close().await;
            texts
        });
        for text in texts {
            prop_assert_eq!(&text, &expected);
        }
    }
}
