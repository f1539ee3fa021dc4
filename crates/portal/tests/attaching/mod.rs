//! Files on their way to a question.

use std::sync::atomic::Ordering;

use schleuse_portal::DeedKind;
use schleuse_wire::Method;
use serde_json::{Value, json};

use crate::house::House;

/// Attaches a file and waits until it was read.
async fn attach(house: &House, person: &str, query: &str, file: &[u8]) -> Value {
    let begun = house.upload(person, query, file.to_vec()).await.expect(202);
    settle(house, person, begun["id"].as_str().unwrap()).await
}

async fn settle(house: &House, person: &str, id: &str) -> Value {
    let mut state = "quarantined".to_owned();
    for _ in 0..4 {
        let shown = house.get(person, &format!("/api/chat/attachments/{id}?after={state}")).await;
        state = shown["state"].as_str().unwrap().to_owned();
        if state == "ready" || state == "refused" {
            return shown;
        }
    }
    panic!("{id} is never read");
}

fn id(attachment: &Value) -> &str {
    attachment["id"].as_str().unwrap()
}

/// What the gate was last asked, and under which label.
fn asked(house: &House) -> (String, String) {
    let questions = house.gate.questions.lock().unwrap();
    let last = questions.last().unwrap();
    let content = last.body["messages"].as_array().unwrap().last().unwrap()["content"].as_str().unwrap();
    (content.to_owned(), last.label.clone())
}

async fn ask(house: &House, conversation: &str, content: &str, attachments: &[&str]) -> Value {
    house.gate.will_say("CONFIDENTIAL", &["Antwort"]);
    let body = json!({"content": content, "model": "tiny", "attachments": attachments});
    let path = format!("/api/chat/conversations/{conversation}/messages");
    let asked = house.send("anna", Method::Post, &path, &body.to_string()).await.expect(202);
    house.finish("anna", asked["run"]["id"].as_str().unwrap()).await;
    asked
}

#[tokio::test]
async fn a_file_is_read_labelled_and_asked_with() {
    let house = House::open().await;
    let conversation = house.begin("anna").await;
    let file = "Grüße 😀\nVS-NfD\nZwölf Monate Kündigungsfrist".as_bytes();
    let read = attach(&house, "anna", "name=ordner%2FVertrag.txt", file).await;
    assert_eq!(
        (&read["state"], &read["name"], &read["kind"], &read["label"], &read["bytes"]),
        (&json!("ready"), &json!("Vertrag.txt"), &json!("text"), &json!("CONFIDENTIAL"), &json!(file.len()))
    );
    assert_eq!(
        (&read["characters"], &read["blocked"], &read["pages"]),
        (&json!(43), &json!(false), &Value::Null)
    );
    let found = &read["findings"][0];
    assert_eq!(
        (&found["type"], &found["start"], &found["end"]),
        (&json!("CLASSIFICATION_MARKING"), &json!(9), &json!(15))
    );
    let text = house.get("anna", &format!("/api/chat/attachments/{}/text", id(&read))).await;
    assert_eq!(text["text"].as_str().unwrap().as_bytes(), file);

    let said = ask(&house, &conversation, "Welche Frist?", &[id(&read)]).await;
    let expected = json!([{"id": id(&read), "name": "Vertrag.txt", "kind": "text", "label": "CONFIDENTIAL", "characters": 43}]);
    assert_eq!(said["message"]["attachments"], expected);
    let (content, label) = asked(&house);
    let text = std::str::from_utf8(file).unwrap();
    let own = id(&read);
    assert_eq!(
        content,
        format!("Welche Frist?\n\n⟦Anhang {own}: \"Vertrag.txt\"⟧\n{text}\n⟦Ende des Anhangs {own}⟧")
    );
    assert_eq!(label, "CONFIDENTIAL");

    // It goes along with the next question as it did with its own.
    ask(&house, &conversation, "Und weiter?", &[]).await;
    let first = house.gate.questions.lock().unwrap().last().unwrap().body["messages"][0]["content"].clone();
    assert!(first.as_str().unwrap().contains("Kündigungsfrist"));
    let found = house.get("anna", "/api/chat/search?q=K%C3%BCndigungsfristen").await;
    let hits = found["results"].as_array().unwrap();
    assert_eq!((hits.len(), hits[0]["message"].clone()), (1, said["message"]["id"].clone()));
    assert!(hits[0]["text"].as_str().unwrap().contains("Kündigungsfrist"));

    // Used once, and by its question only.
    let body = json!({"content": "x", "model": "tiny", "attachments": [own]}).to_string();
    let path = format!("/api/chat/conversations/{conversation}/messages");
    house.send("anna", Method::Post, &path, &body).await.expect_refusal(400, "invalid_request");
    let path = format!("/api/chat/attachments/{own}");
    house.send("anna", Method::Delete, &path, "").await.expect_refusal(400, "invalid_request");
    let gone = format!("/api/chat/conversations/{conversation}");
    house.send("anna", Method::Delete, &gone, "").await.expect(204);
    house.send("anna", Method::Get, &path, "").await.expect_refusal(404, "not_found");
    house.close().await;
}

#[tokio::test]
async fn a_file_that_is_not_read_is_refused_in_words() {
    let house = House::open().await;
    let conversation = house.begin("anna").await;
    let read = attach(&house, "anna", "name=Bericht.pdf", b"just text").await;
    assert_eq!(read["state"], "refused");
    assert!(read["reason"]["de"].as_str().unwrap().starts_with("Die Datei ist nicht, was ihr Name sagt."));
    let body = json!({"content": "x", "model": "tiny", "attachments": [id(&read)]}).to_string();
    let path = format!("/api/chat/conversations/{conversation}/messages");
    let refusal = house.send("anna", Method::Post, &path, &body).await.expect_refusal(400, "invalid_request");
    assert_eq!(refusal["param"], "attachments");
    assert!(house.messages("anna", &conversation).await.is_empty());
    assert_eq!(attach(&house, "anna", "name=leer.txt", b"").await["state"], "refused");
    for (query, status, code) in [
        ("", 400, "invalid_request"),
        ("name=%2F", 400, "invalid_request"),
        ("name=a&conversation=x", 404, "not_found"),
    ] {
        house.upload("anna", query, b"x".to_vec()).await.expect_refusal(status, code);
    }
    let large = vec![b'x'; (25 << 20) + 1];
    house.upload("anna", "name=a.txt", large).await.expect_refusal(413, "request_too_large");
    let path = format!("/api/chat/attachments/{}/text", id(&read));
    house.send("anna", Method::Get, &path, "").await.expect_refusal(400, "invalid_request");
    house.close().await;
}

#[tokio::test]
async fn attachments_are_their_persons_own() {
    let house = House::open().await;
    let read = attach(&house, "anna", "name=a.txt", b"geheim").await;
    let conversation = house.begin("bert").await;
    let path = format!("/api/chat/attachments/{}", id(&read));
    house.send("bert", Method::Get, &path, "").await.expect_refusal(404, "not_found");
    house.send("bert", Method::Get, &format!("{path}/text"), "").await.expect_refusal(404, "not_found");
    house.send("bert", Method::Delete, &path, "").await.expect_refusal(404, "not_found");
    let body = json!({"content": "x", "model": "tiny", "attachments": [id(&read)]}).to_string();
    let ask = format!("/api/chat/conversations/{conversation}/messages");
    house.send("bert", Method::Post, &ask, &body).await.expect_refusal(404, "not_found");
    house.send("anna", Method::Delete, &path, "").await.expect(204);
    house.send("anna", Method::Get, &path, "").await.expect_refusal(404, "not_found");
    for (path, method) in [("/api/chat/attachments", Method::Get), (path.as_str(), Method::Put)] {
        house.send("anna", method, path, "").await.expect_refusal(405, "method_not_allowed");
    }
    house.close().await;
}

/// A file of several pieces; the database holds none of its words, and no file any more once it was read.
#[tokio::test]
async fn what_is_kept_is_sealed_and_stays_after_a_restart() {
    let house = House::open().await;
    let conversation = house.begin("anna").await;
    let file = "Erika Mustermann ".repeat(150_000).into_bytes();
    let read = attach(&house, "anna", "name=Mustermann.txt", &file).await;
    assert_eq!(read["cut"], true);
    let piece = house.store.attachment_piece(id(&read), 0).await.unwrap();
    assert_eq!(piece, None);
    ask(&house, &conversation, "Wer?", &[id(&read)]).await;
    let own = id(&read).to_owned();
    let folder = house.folder.0.clone();
    let house = house.reopen().await;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(10).any(|word| word == b"Mustermann"));
    }
    let text = house.get("anna", &format!("/api/chat/attachments/{own}/text")).await;
    assert!(text["text"].as_str().unwrap().starts_with("Erika Mustermann "));
    assert_eq!(house.messages("anna", &conversation).await[0]["attachments"][0]["id"], own.as_str());
    house.close().await;
}

#[tokio::test]
async fn of_a_temporary_conversation_nothing_is_kept() {
    let house = House::open().await;
    let begun =
        house.send("anna", Method::Post, "/api/chat/conversations", "{\"temporary\":true}").await.expect(201);
    let temporary = begun["id"].as_str().unwrap();
    let query = format!("name=a.txt&conversation={temporary}");
    let read = attach(&house, "anna", &query, b"Zettel").await;
    assert_eq!(house.store.attachment("anna", id(&read)).await.unwrap(), None);
    // What was on disk is not for it, and what is its own is for no other.
    let kept = attach(&house, "anna", "name=b.txt", b"Akte").await;
    let other = house.begin("anna").await;
    for (conversation, attachment) in [(temporary, &kept), (other.as_str(), &read)] {
        let body = json!({"content": "x", "model": "tiny", "attachments": [id(attachment)]}).to_string();
        let path = format!("/api/chat/conversations/{conversation}/messages");
        house.send("anna", Method::Post, &path, &body).await.expect_refusal(400, "invalid_request");
    }
    ask(&house, temporary, "Was steht da?", &[id(&read)]).await;
    assert!(asked(&house).0.contains("⟧\nZettel\n⟦"));
    house.send("anna", Method::Delete, &format!("/api/chat/conversations/{temporary}"), "").await.expect(204);
    attach(&house, "anna", "name=c.txt", b"x").await;
    let path = format!("/api/chat/attachments/{}", id(&read));
    house.send("anna", Method::Get, &path, "").await.expect_refusal(404, "not_found");
    house.close().await;
}

#[tokio::test]
async fn every_file_is_in_the_log_without_its_words() {
    let house = House::open().await;
    let conversation = house.begin("anna").await;
    let read = attach(&house, "anna", "name=Mustermann.txt", b"VS-NfD Erika").await;
    attach(&house, "anna", "name=Mustermann.pdf", b"Erika").await;
    ask(&house, &conversation, "Wer?", &[id(&read)]).await;
    let check = |kind, change: &str, label: Option<&str>| {
        let deeds = house.deeds(kind);
        assert_eq!(deeds.len(), 1);
        assert_eq!(deeds[0].change, change);
        assert_eq!(deeds[0].label.as_ref().map(ToString::to_string).as_deref(), label);
        assert!(!format!("{:?}", deeds[0]).contains("Mustermann"));
    };
    check(DeedKind::Attach, "bytes=12 kind=text digest=digest-of-12", Some("CONFIDENTIAL"));
    check(DeedKind::AttachRefuse, "bytes=5 digest=digest-of-5", None);
    check(DeedKind::AttachUse, "bytes=12 kind=text digest=digest-of-12", Some("CONFIDENTIAL"));
    // What cannot be written down does not come in, and is not asked with.
    let other = attach(&house, "anna", "name=c.txt", b"c").await;
    house.is_log_closed.store(true, Ordering::Relaxed);
    let refused = attach(&house, "anna", "name=b.txt", b"b").await;
    assert_eq!(refused["state"], "refused");
    let body = json!({"content": "x", "model": "tiny", "attachments": [id(&other)]}).to_string();
    let path = format!("/api/chat/conversations/{conversation}/messages");
    house.send("anna", Method::Post, &path, &body).await.expect_refusal(503, "audit_unavailable");
    house.is_log_closed.store(false, Ordering::Relaxed);
    ask(&house, &conversation, "Doch?", &[id(&other)]).await;
    house.close().await;
}

#[tokio::test]
async fn files_go_out_with_their_conversation_and_come_in_again() {
    let house = House::open().await;
    let conversation = house.begin("anna").await;
    let read = attach(&house, "anna", "name=a.txt", b"VS-NfD Inhalt").await;
    ask(&house, &conversation, "Was?", &[id(&read)]).await;
    let path = format!("/api/chat/conversations/{conversation}/export");
    let mut file = house.get("anna", &path).await;
    assert_eq!(file["messages"][0]["attachments"][0]["text"], "VS-NfD Inhalt");
    assert_eq!(file["label"], "CONFIDENTIAL");
    let blocked = json!({"name": "b.txt", "kind": "text", "label": "INTERNAL", "text": "DE02"});
    file["messages"][0]["attachments"].as_array_mut().unwrap().push(blocked);
    file["messages"][0]["attachments"].as_array_mut().unwrap().push(json!({"name": "c.txt"}));
    let imported = house.send("bert", Method::Post, "/api/chat/import", &file.to_string()).await.expect(201);
    let parts: Vec<_> =
        imported["refused"].as_array().unwrap().iter().map(|part| part["part"].clone()).collect();
    assert_eq!(parts, ["/messages/0/attachments/1", "/messages/0/attachments/2"]);
    let messages = house.messages("bert", imported["id"].as_str().unwrap()).await;
    let own = messages[0]["attachments"][0]["id"].as_str().unwrap();
    assert_eq!((messages[0]["attachments"].as_array().unwrap().len(), own == id(&read)), (1, false));
    let text = house.get("bert", &format!("/api/chat/attachments/{own}/text")).await;
    assert_eq!(text["text"], "VS-NfD Inhalt");
    house.close().await;
}

#[tokio::test]
async fn a_finding_of_the_gate_names_the_file_it_is_in() {
    let house = House::open().await;
    let conversation = house.begin("anna").await;
    let read = attach(&house, "anna", "name=a.txt", "Konto: DE02".as_bytes()).await;
    assert_eq!((&read["blocked"], &read["findings"][0]["start"]), (&json!(true), &json!(7)));
    let own = id(&read);
    let composed = format!("Was?\n\n⟦Anhang {own}: \"a.txt\"⟧\n");
    let (start, end) = (composed.len() + 7, composed.len() + 11);
    let finding =
        json!({"type": "IBAN", "path": "/messages/0/content", "start": start, "end": end, "score": 0.9});
    let error = json!({"code": "sensitive_data_detected", "message": "BLOCKED", "findings": [finding]});
    house.gate.will_refuse(403, "INTERNAL", error);
    let body = json!({"content": "Was?", "model": "tiny", "attachments": [own]});
    let asked = house.ask_with("anna", &conversation, &body).await;
    house.finish("anna", &asked.run).await;
    let messages = house.messages("anna", &conversation).await;
    let told = &messages[1]["refusal"]["findings"][0];
    assert_eq!(
        (&told["attachment"], &told["start"], &told["end"], &told["message"]),
        (&json!(own), &json!(7), &json!(11), &json!(asked.question))
    );
    house.close().await;
}

/// A release is asked for by the very text that a model reads, files and all.
#[tokio::test]
async fn a_release_covers_a_question_with_its_files() {
    let house = House::open().await;
    let conversation = house.begin("anna").await;
    let read = attach(&house, "anna", "name=Konto.txt", "VS-NfD Grüße".as_bytes()).await;
    let wish = json!({"content": "Konto DE02", "attachments": [id(&read)], "model": "tiny", "reason": "x"});
    let wish = house.send("anna", Method::Post, "/api/chat/releases", &wish.to_string()).await.expect(202);
    let row = house.store.release(wish["id"].as_str().unwrap()).await.unwrap().unwrap();
    assert_eq!(row.label.to_string(), "CONFIDENTIAL");
    ask(&house, &conversation, "Konto DE02", &[id(&read)]).await;
    let (content, _) = asked(&house);
    assert!(content.contains("Konto.txt"), "{content}");
    // The scripted house takes the length for the keyed hash.
    assert_eq!(row.content, format!("anna tiny {}", content.len()));
    let strange = json!({"content": "DE02", "attachments": ["01X"], "model": "tiny", "reason": "x"});
    house
        .send("anna", Method::Post, "/api/chat/releases", &strange.to_string())
        .await
        .expect_refusal(404, "not_found");
}
