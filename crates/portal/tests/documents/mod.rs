//! Answers taken along as documents.

use std::sync::atomic::Ordering;

use schleuse_portal::DeedKind;
use schleuse_wire::{Method, ReplyBody};
use serde_json::json;

use crate::house::{Answer, House};

/// Headers and content of a file.
fn file(answer: Answer) -> (Vec<(&'static str, String)>, Vec<u8>) {
    let ReplyBody::Whole(body) = answer.body else { panic!("events instead of a file") };
    assert_eq!(answer.status, 200, "{body:?}");
    (answer.headers, body.to_vec())
}

#[tokio::test]
async fn an_answer_is_taken_along_in_three_forms() {
    let house = House::open().await;
    let conversation = house.begin("anna").await;
    house.gate.will_say("CONFIDENTIAL", &["# Antwort\n\n", "Ein **Geheimwort**."]);
    let asked = house.ask("anna", &conversation, "Wie lautet das Wort?").await;
    house.finish("anna", &asked.run).await;
    let path = format!("/api/chat/conversations/{conversation}/messages/{}/export", asked.answer);
    for (format, extension, kind, magic) in [
        (
            "docx",
            "docx",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            &b"PK\x03\x04"[..],
        ),
        ("pdf", "pdf", "application/pdf", b"%PDF-1.7"),
        (
            "markdown",
            "md",
            "text/markdown; charset=utf-8",
            "**VERTRAULICH**\n\n# Wie lautet das Wort?".as_bytes(),
        ),
    ] {
        let path = format!("{path}?format={format}");
        let (headers, content) = file(house.send("anna", Method::Get, &path, "").await);
        let header = |name: &str| headers.iter().find(|(known, _)| *known == name).unwrap().1.clone();
        assert!(content.starts_with(magic), "{format}");
        assert_eq!(
            (header("content-type"), header("x-schleuse-label")),
            (kind.to_owned(), "CONFIDENTIAL".to_owned())
        );
        let name = format!("attachment; filename=\"{}.confidential.{extension}\"", asked.answer);
        assert_eq!((header("content-disposition"), header("cache-control")), (name, "no-store".to_owned()));
        house.send("bert", Method::Get, &path, "").await.expect_refusal(404, "not_found");
    }
    let deeds = house.deeds(DeedKind::Export);
    let changes: Vec<&str> = deeds.iter().map(|deed| deed.change.as_str()).collect();
    assert_eq!(
        changes,
        ["docx", "pdf", "markdown"].map(|format| format!("format={format} message={}", asked.answer))
    );
    assert!(deeds.iter().all(
        |deed| deed.subject == conversation && deed.label.as_ref().unwrap().to_string() == "CONFIDENTIAL"
    ));
    assert!(!format!("{deeds:?}").contains("Geheimwort"));

    let refused = house.send("anna", Method::Get, &format!("{path}?format=odt"), "").await;
    assert_eq!(refused.expect_refusal(400, "invalid_request")["param"], "format");
    house.send("anna", Method::Post, &path, "").await.expect_refusal(405, "method_not_allowed");
    let question = format!("/api/chat/conversations/{conversation}/messages/{}/export", asked.question);
    house.send("anna", Method::Get, &question, "").await.expect_refusal(400, "invalid_request");
    let nothing = format!("/api/chat/conversations/{conversation}/messages/nothing/export");
    house.send("anna", Method::Get, &nothing, "").await.expect_refusal(404, "not_found");
    let _model = house.gate.will_stream("INTERNAL");
    let running = house.ask("anna", &conversation, "Und jetzt?").await;
    let running = format!("/api/chat/conversations/{conversation}/messages/{}/export", running.answer);
    house.send("anna", Method::Get, &running, "").await.expect_refusal(400, "invalid_request");
    // What cannot be noted does not leave.
    house.is_log_closed.store(true, Ordering::Relaxed);
    house.send("anna", Method::Get, &path, "").await.expect_refusal(503, "audit_unavailable");
}

#[tokio::test]
async fn own_words_in_a_document_raise_it_to_what_was_typed() {
    let house = House::open().await;
    let conversation = house.begin("anna").await;
    house.gate.will_say("INTERNAL", &["Gut."]);
    let text = "VS-NfD Projekt von Erika";
    let masks = json!([{"start": 0, "end": 6, "type": "CLASSIFICATION_MARKING"}, {"start": 19, "end": 24, "type": "PERSON_NAME"}]);
    let asked = house
        .ask_with("anna", &conversation, &json!({"content": text, "model": "tiny", "masks": masks}))
        .await;
    house.finish("anna", &asked.run).await;
    let path =
        format!("/api/chat/conversations/{conversation}/messages/{}/export?format=markdown", asked.answer);
    let (headers, content) = file(house.send("anna", Method::Get, &path, "").await);
    let content = String::from_utf8(content).unwrap();
    let label = headers.iter().find(|(name, _)| *name == "x-schleuse-label").unwrap();
    // The title says the words as they were typed, and they are labelled.
    assert!(content.contains("# VS-NfD Projekt von Erika"), "{content}");
    assert_eq!(label.1, "CONFIDENTIAL");
}
