//! Conversations as files: out with their label, in again under at least that label.

use std::sync::atomic::Ordering;

use schleuse_portal::DeedKind;
use schleuse_wire::{Method, ReplyBody};
use serde_json::{Value, json};

use crate::house::{House, delta};

const IMPORT: &str = "/api/chat/import";

/// The file, and its headers.
async fn download(house: &House, path: &str) -> (String, Vec<(&'static str, String)>) {
    let answer = house.send("anna", Method::Get, path, "").await;
    assert_eq!(answer.status, 200);
    let text = match answer.body {
        ReplyBody::Whole(bytes) => bytes.to_vec(),
        ReplyBody::Events(mut pieces) => {
            let mut all = Vec::new();
            while let Some(piece) = pieces.recv().await {
                all.extend_from_slice(&piece);
            }
            all
        }
    };
    (String::from_utf8(text).unwrap(), answer.headers)
}

fn header(headers: &[(&'static str, String)], name: &str) -> String {
    headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone()).unwrap_or_default()
}

async fn export(house: &House, conversation: &str) -> Value {
    let (text, _) = download(house, &format!("/api/chat/conversations/{conversation}/export")).await;
    serde_json::from_str(&text).unwrap()
}

async fn import(house: &House, person: &str, file: &Value) -> Value {
    house.send(person, Method::Post, IMPORT, &file.to_string()).await.expect(201)
}

/// A conversation with branches, a refusal and a raised label.
async fn tree(house: &House) -> String {
    let conversation = house.begin("anna").await;
    let ask = async |content: &str, parent: Value, label: &str, answer: &str| {
        house.gate.will_say(label, &[answer]);
        let body = json!({"content": content, "model": "tiny", "parent": parent});
        let asked = house.ask_with("anna", &conversation, &body).await;
        house.finish("anna", &asked.run).await;
        asked
    };
    let root = ask("Größe \"x\"\n\u{1F600}", Value::Null, "INTERNAL", "Antwort\r\n\t\u{0}eins").await;
    ask("Weiter", json!(root.answer), "INTERNAL", "zwei").await;
    ask("Anders", json!(root.answer), "CONFIDENTIAL//hr", "drei").await;
    let path = format!("/api/chat/conversations/{conversation}/messages/{}/answers", root.question);
    house.gate.will_say("INTERNAL", &["noch einmal"]);
    let again = house.send("anna", Method::Post, &path, "{\"model\":\"other\"}").await.expect(202);
    house.finish("anna", again["runs"][0]["id"].as_str().unwrap()).await;
    let error = json!({"code": "sensitive_data_detected", "message": "BLOCKED", "findings": []});
    house.gate.will_refuse(403, "SECRET", error);
    let body = json!({"content": "DE02 1203", "model": "tiny", "parent": root.answer});
    let blocked = house.ask_with("anna", &conversation, &body).await;
    house.finish("anna", &blocked.run).await;
    conversation
}

/// What of messages is the same in another conversation: places instead of ids.
fn shape(messages: &Value) -> Vec<Value> {
    let messages = messages.as_array().unwrap();
    let place = |id: &Value| messages.iter().position(|message| message["id"] == *id && !id.is_null());
    messages
        .iter()
        .map(|message| {
            json!([
                place(&message["parent"]),
                message["role"],
                message["content"],
                message["model"],
                message["state"],
                message["created"],
                message["cut"],
                message["usage"],
                message["passage"]["label"],
            ])
        })
        .collect()
}

#[tokio::test]
async fn an_export_carries_its_label_and_its_tree_and_is_imported_with_both() {
    let house = House::open().await;
    for person in ["anna", "bert"] {
        house.clear(person, "CONFIDENTIAL//hr");
    }
    let conversation = tree(&house).await;
    let path = format!("/api/chat/conversations/{conversation}/export");
    let (text, headers) = download(&house, &path).await;
    let file: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&file["schleuse"], &file["label"]), (&json!("conversation"), &json!("CONFIDENTIAL//hr")));
    assert_eq!(header(&headers, "x-schleuse-label"), "CONFIDENTIAL//hr");
    let name = format!("attachment; filename=\"{conversation}.confidential.json\"");
    assert_eq!(header(&headers, "content-disposition"), name);
    let before = house.messages("anna", &conversation).await;
    assert_eq!(shape(&file["messages"]), shape(&json!(before)));

    let imported = import(&house, "bert", &file).await;
    assert_eq!((&imported["label"], &imported["refused"]), (&json!("CONFIDENTIAL//hr"), &json!([])));
    assert_eq!(imported["title"], file["title"]);
    let id = imported["id"].as_str().unwrap();
    assert_ne!(id, conversation);
    let messages = house.messages("bert", id).await;
    assert_eq!(shape(&json!(messages)), shape(&json!(before)));
    // New ids, marked, and no claim to have been answered here.
    for (message, old) in messages.iter().zip(&before) {
        assert_ne!(message["id"], old["id"]);
        assert_eq!(message["imported"], true);
        assert!(message["passage"].is_null() || message["passage"]["request_id"] == "", "{message}");
    }
    // What goes on from it is labelled as it.
    house.gate.will_say("CONFIDENTIAL//hr", &["ja"]);
    let body = json!({"content": "Und?", "model": "m", "label": "PUBLIC", "parent": messages[1]["id"]});
    let asked = house.ask_with("bert", id, &body).await;
    house.finish("bert", &asked.run).await;
    assert_eq!(house.gate.last_question().label, "CONFIDENTIAL//hr");
    // Out and in once more is the same again.
    let deeds = [DeedKind::Export, DeedKind::Import].map(|kind| house.deeds(kind).remove(0));
    for deed in &deeds {
        assert_eq!(deed.label.clone().unwrap().to_string(), "CONFIDENTIAL//hr");
    }
    assert_eq!(
        (deeds[0].change.as_str(), deeds[1].change.as_str()),
        ("format=json messages=9", "messages=9 refused=0")
    );
}

#[tokio::test]
async fn what_is_imported_is_inspected() {
    let house = House::open().await;
    let message = |id: &str, parent: Value, role: &str, content: &str, label: &str| {
        json!({"id": id, "parent": parent, "role": role, "content": content, "state": "complete",
               "passage": if role == "user" { Value::Null } else { json!({"label": label, "request_id": "01REAL"}) }})
    };
    let file = json!({
        "schleuse": "conversation", "version": 1, "label": "PUBLIC", "title": "DE02 im Titel", "attachments": [1],
        "messages": [
            message("a", Value::Null, "user", "Akte VS-NfD", ""),
            message("b", json!("a"), "assistant", "gelesen", "PUBLIC"),
            message("c", json!("b"), "user", "Konto DE02", ""),
            message("d", json!("c"), "assistant", "hängt daran", "PUBLIC"),
            message("e", json!("b"), "system", "x", ""),
            message("a", json!("b"), "user", "doppelt", ""),
            message("f", json!("b"), "assistant", "y", "NO LABEL"),
            message("g", json!("b"), "user", "bleibt", ""),
        ],
    });
    let imported = import(&house, "anna", &file).await;
    let parts: Vec<&str> = imported["refused"]
        .as_array()
        .unwrap()
        .iter()
        .map(|refused| refused["part"].as_str().unwrap())
        .collect();
    let expected =
        ["/title", "/messages/2", "/messages/3", "/messages/4", "/messages/5", "/messages/6", "/attachments"];
    assert_eq!(parts, expected);
    assert!(imported["refused"][1]["reason"]["de"].as_str().unwrap().contains("schützenswerte"));
    // The stamp in it counts, whatever the file says of itself.
    assert_eq!((&imported["label"], &imported["title"]), (&json!("CONFIDENTIAL"), &json!("")));
    let messages = house.messages("anna", imported["id"].as_str().unwrap()).await;
    let contents: Vec<&str> = messages.iter().map(|message| message["content"].as_str().unwrap()).collect();
    assert_eq!(contents, ["Akte VS-NfD", "gelesen", "bleibt"]);
    assert_eq!(messages[1]["passage"]["request_id"], "");
    // And others read it under what was found.
    let id = imported["id"].as_str().unwrap();
    let body = json!({"with": ["everyone"], "messages": [messages[1]["id"]]}).to_string();
    let path = format!("/api/chat/conversations/{id}/shares");
    let share = house.send("anna", Method::Post, &path, &body).await.expect(201)["id"].clone();
    house.clear("bert", "INTERNAL");
    let reading = house.get("bert", &format!("/api/chat/shared/{}", share.as_str().unwrap())).await;
    assert_eq!(reading["messages"][0]["content"], Value::Null);
    assert_eq!(reading["title"], Value::Null);
}

#[tokio::test]
async fn nobody_imports_what_they_may_not_read() {
    let house = House::open().await;
    house.clear("anna", "CONFIDENTIAL//hr,buy,sell");
    let conversation = tree(&house).await;
    let file = export(&house, &conversation).await;
    let refused = house.send("bert", Method::Post, IMPORT, &file.to_string()).await;
    assert!(refused.expect_refusal(403, "access_denied")["message"].as_str().unwrap().contains("zu hoch"));
    assert_eq!(house.get("bert", "/api/chat/conversations").await["conversations"], json!([]));
    // Bringing in one side of a wall is having seen it.
    let side = |name: &str| json!({"schleuse": "conversation", "version": 1, "label": format!("INTERNAL//{name}"), "messages": []});
    import(&house, "anna", &side("buy")).await;
    let refused = house.send("anna", Method::Post, IMPORT, &side("sell").to_string()).await;
    refused.expect_refusal(403, "access_denied");
    house.is_log_closed.store(true, Ordering::Relaxed);
    let refused = house.send("anna", Method::Post, IMPORT, &side("buy").to_string()).await;
    refused.expect_refusal(503, "audit_unavailable");
    let path = format!("/api/chat/conversations/{conversation}/export");
    house.send("anna", Method::Get, &path, "").await.expect_refusal(503, "audit_unavailable");
    house.send("anna", Method::Get, "/api/chat/export", "").await.expect_refusal(503, "audit_unavailable");
    assert_eq!(
        house.get("anna", "/api/chat/conversations").await["conversations"].as_array().unwrap().len(),
        2
    );
}

#[tokio::test]
async fn files_are_strict() {
    let house = House::open().await;
    let base = || json!({"schleuse": "conversation", "version": 1, "label": "INTERNAL", "messages": []});
    let with = |name: &str, value: Value| {
        let mut file = base();
        file[name] = value;
        file
    };
    for file in [
        json!({}),
        json!([]),
        with("schleuse", json!("conversations")),
        with("version", json!(2)),
        with("label", json!("TOP")),
        with("label", json!(7)),
        with("messages", json!("none")),
    ] {
        let refused = house.send("anna", Method::Post, IMPORT, &file.to_string()).await;
        refused.expect_refusal(400, "invalid_request");
    }
    import(&house, "anna", &base()).await;
    let conversation = house.begin("anna").await;
    let path = format!("/api/chat/conversations/{conversation}/export");
    let refused = house.send("anna", Method::Get, &format!("{path}?format=pdf"), "").await;
    assert_eq!(refused.expect_refusal(400, "invalid_request")["param"], "format");
    house.begin("bert").await;
    house.send("bert", Method::Get, &path, "").await.expect_refusal(404, "not_found");
    for (method, path) in
        [(Method::Get, IMPORT), (Method::Post, path.as_str()), (Method::Post, "/api/chat/export")]
    {
        house.send("anna", method, path, "").await.expect_refusal(405, "method_not_allowed");
        house.send("auditor", method, path, "").await.expect_refusal(403, "access_denied");
    }
}

#[tokio::test]
async fn markdown_is_one_branch_with_its_label() {
    let house = House::open().await;
    house.clear("anna", "CONFIDENTIAL//hr");
    let conversation = tree(&house).await;
    let (text, headers) =
        download(&house, &format!("/api/chat/conversations/{conversation}/export?format=markdown")).await;
    assert_eq!(header(&headers, "content-type"), "text/markdown; charset=utf-8");
    assert_eq!(header(&headers, "x-schleuse-label"), "CONFIDENTIAL//hr");
    assert!(text.starts_with("**VERTRAULICH//hr**\n"), "{text}");
    assert!(text.ends_with("\n**VERTRAULICH//hr**\n"), "{text}");
    assert!(text.contains("## Antwort · tiny") && text.contains("· INTERN\n"), "{text}");
    assert!(text.contains("5 Nachrichten anderer Zweige"), "{text}");
}

#[tokio::test]
async fn everything_is_one_file() {
    let house = House::open().await;
    house.clear("anna", "CONFIDENTIAL//hr");
    let (text, _) = download(&house, "/api/chat/export").await;
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["conversations"], json!([]));
    let conversation = tree(&house).await;
    let other = house.begin("anna").await;
    house.send("anna", Method::Post, "/api/chat/folders", "{\"name\":\"Arbeit\"}").await.expect(201);
    house.send("anna", Method::Post, "/api/chat/conversations", "{\"temporary\":true}").await.expect(201);
    house.begin("bert").await;
    let (text, headers) = download(&house, "/api/chat/export").await;
    let file: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&file["schleuse"], &file["label"]), (&json!("conversations"), &json!("CONFIDENTIAL//hr")));
    assert_eq!(header(&headers, "x-schleuse-label"), "CONFIDENTIAL//hr");
    assert_eq!(file["folders"][0]["name"], "Arbeit");
    let conversations = file["conversations"].as_array().unwrap();
    let ids: Vec<&str> = conversations.iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 2);
    assert!(ids.contains(&conversation.as_str()) && ids.contains(&other.as_str()));
    // Each of them can be imported as it is.
    let tree = conversations.iter().find(|one| one["id"] == conversation.as_str()).unwrap();
    let imported = import(&house, "anna", tree).await;
    assert_eq!(
        shape(&json!(house.messages("anna", imported["id"].as_str().unwrap()).await)),
        shape(&tree["messages"])
    );
}

#[tokio::test]
async fn what_would_be_found_is_told_before_it_is_sent() {
    let house = House::open().await;
    let post =
        async |body: Value| house.send("anna", Method::Post, "/api/chat/findings", &body.to_string()).await;
    let told = post(json!({"content": "😀 VS-NfD DE02"})).await.expect(200);
    let expected = json!({
        "findings": [
            {"type": "CLASSIFICATION_MARKING", "start": 3, "end": 9, "score": 0.9, "action": "RAISE_LABEL", "recognizer": "classification_marking"},
            {"type": "IBAN", "start": 10, "end": 14, "score": 0.9, "action": "BLOCK", "recognizer": "iban"},
        ],
        "label": "CONFIDENTIAL", "raises": "CONFIDENTIAL", "blocked": true,
    });
    assert_eq!(told["findings"].to_string().replace("0.90", "0.9"), expected["findings"].to_string());
    for name in ["label", "raises", "blocked"] {
        assert_eq!(told[name], expected[name], "{name}");
    }
    let told = post(json!({"content": "VS-NfD", "label": "CONFIDENTIAL//hr"})).await.expect(200);
    assert_eq!((&told["label"], &told["raises"]), (&json!("CONFIDENTIAL//hr"), &Value::Null));
    let told = post(json!({"content": "Guten Tag", "label": "SECRET//hr"})).await.expect(200);
    assert_eq!(told, json!({"findings": [], "label": "SECRET//hr", "raises": null, "blocked": false}));
    post(json!({})).await.expect_refusal(400, "invalid_request");
    post(json!({"content": ""})).await.expect_refusal(400, "invalid_request");
    post(json!({"content": "x", "label": "TOP"})).await.expect_refusal(400, "invalid_request");
    house
        .send("auditor", Method::Post, "/api/chat/findings", "{}")
        .await
        .expect_refusal(403, "access_denied");
    house
        .send_with(None, Method::Post, "/api/chat/findings", "{}", None)
        .await
        .expect_refusal(401, "invalid_api_key");
    // Nothing was asked, kept or noted.
    assert!(house.gate.questions.lock().unwrap().is_empty() && house.noted.lock().unwrap().is_empty());
    assert_eq!(house.store.conversations("anna").await.unwrap(), []);
}

#[tokio::test]
async fn an_answer_has_a_receipt_for_whoever_asked() {
    let house = House::open().await;
    let conversation = house.begin("anna").await;
    let receipt =
        |message: &str| format!("/api/chat/conversations/{conversation}/messages/{message}/receipt");
    let sender = house.gate.will_stream("INTERNAL");
    let asked = house.ask("anna", &conversation, "Guten Tag").await;
    let error = house.send("anna", Method::Get, &receipt(&asked.answer), "").await;
    let error = error.expect_refusal(409, "not_yet");
    assert!(error["next"].as_str().unwrap().contains("fertig"), "{error}");
    sender.try_send(delta("Hallo")).unwrap();
    sender.try_send(schleuse_wire::sse::DONE).unwrap();
    house.finish("anna", &asked.run).await;
    let told = house.send("anna", Method::Get, &receipt(&asked.answer), "").await;
    let named = |name: &str| told.headers.iter().find(|(known, _)| *known == name).unwrap().1.clone();
    assert_eq!(named("content-disposition"), "attachment; filename=\"receipt-01GATE.tlog-proof\"");
    let ReplyBody::Whole(body) = &told.body else { panic!("events") };
    assert_eq!((told.status, &body[..]), (200, &b"c2sp.org/tlog-proof@v1\n"[..]));
    // A question has none, and what is another person's is not there.
    for (person, message) in [("anna", &asked.question), ("anna", &"01X".to_owned()), ("bert", &asked.answer)]
    {
        let told = house.send(person, Method::Get, &receipt(message), "").await;
        told.expect_refusal(404, "not_found");
    }
    let told = house.send("anna", Method::Post, &receipt(&asked.answer), "{}").await;
    told.expect_refusal(405, "method_not_allowed");
}
