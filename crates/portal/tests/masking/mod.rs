//! Words that no model sees: hidden in every turn, shown to whoever typed them, never to readers of a share.

use std::sync::atomic::Ordering;

use schleuse_portal::DeedKind;
use schleuse_wire::{Method, ReplyBody};
use serde_json::{Value, json};

use crate::house::House;

/// Marks each of these words where it first stands.
fn marked(content: &str, words: &[(&str, &str)]) -> Value {
    let units = |text: &str| text.encode_utf16().count();
    let places = words.iter().map(|(word, kind)| {
        let start = content.find(word).unwrap();
        json!({"start": units(content.split_at(start).0), "end": units(content.split_at(start + word.len()).0), "type": kind})
    });
    json!({"content": content, "model": "tiny", "masks": places.collect::<Vec<_>>()})
}

fn mask(stands: &str, word: &str, kind: &str) -> Value {
    json!({"stands": stands, "for": word, "type": kind})
}

const TYPED: &str = "😀 Kündige Müllers Vertrag, Konto DE02, VS-NfD";
const SENT: &str = "😀 Kündige [PERSON_1]s Vertrag, Konto [IBAN_1], [MARKING_1]";
const WORDS: [(&str, &str); 3] = [("Müller", "PERSON_NAME"), ("DE02", "IBAN"), ("VS-NfD", "MARKING")];

/// A conversation in which [`TYPED`] was asked and answered.
async fn conversation(house: &House) -> String {
    let conversation = house.begin("anna").await;
    house.gate.will_say("INTERNAL", &["An [PERS", "ON_1]: die [IBAN_1]."]);
    let asked = house.ask_with("anna", &conversation, &marked(TYPED, &WORDS)).await;
    house.finish("anna", &asked.run).await;
    conversation
}

async fn file(house: &House, path: &str) -> (String, String) {
    let answer = house.send("anna", Method::Get, path, "").await;
    let label = answer.headers.iter().find(|(name, _)| *name == "x-schleuse-label").unwrap().1.clone();
    let ReplyBody::Whole(body) = answer.body else { panic!("a stream") };
    (String::from_utf8(body.to_vec()).unwrap(), label)
}

#[tokio::test]
async fn models_see_stand_ins_in_every_turn_and_branch() {
    let house = House::open().await;
    let conversation = conversation(&house).await;
    let first = house.gate.last_question();
    assert_eq!(first.messages(), [format!("user: {SENT}")]);
    // What is masked raises nothing.
    assert_eq!(first.label, "INTERNAL");
    let shown = house.messages("anna", &conversation).await;
    let person = mask("[PERSON_1]", "Müller", "PERSON_NAME");
    let account = mask("[IBAN_1]", "DE02", "IBAN");
    assert_eq!(shown[0]["content"], TYPED);
    assert_eq!(shown[0]["masks"].as_array().unwrap().len(), 3);
    assert_eq!(shown[1]["content"], "An [PERSON_1]: die [IBAN_1].");
    assert_eq!(shown[1]["masks"], json!([person, account]));

    // The next turn hides the words by itself, and so does another branch.
    house.gate.will_say("INTERNAL", &["Gut."]);
    let next = json!({"content": "Müller zahlt von DE02 auf DE03", "model": "tiny"});
    let asked = house.ask_with("anna", &conversation, &next).await;
    house.finish("anna", &asked.run).await;
    let sent = house.gate.last_question().messages();
    assert_eq!(sent[0], format!("user: {SENT}"));
    assert_eq!(sent[1], "assistant: An [PERSON_1]: die [IBAN_1].");
    assert_eq!(sent[2], "user: [PERSON_1] zahlt von [IBAN_1] auf DE03");
    house.gate.will_say("INTERNAL", &["Gut."]);
    let mut branch = marked("DE03 und DE02", &[("DE03", "IBAN")]);
    branch["parent"] = Value::Null;
    let asked = house.ask_with("anna", &conversation, &branch).await;
    house.finish("anna", &asked.run).await;
    assert_eq!(house.gate.last_question().messages(), ["user: [IBAN_2] und [IBAN_1]"]);
    // What went out in the clear before is hidden from here on.
    house.gate.will_say("INTERNAL", &["Gut."]);
    let path = format!(
        "/api/chat/conversations/{conversation}/messages/{}/answers",
        shown[0]["id"].as_str().unwrap()
    );
    let again = house.send("anna", Method::Post, &path, r#"{"model":"tiny"}"#).await.expect(202);
    house.finish("anna", again["runs"][0]["id"].as_str().unwrap()).await;
    assert_eq!(house.gate.last_question().messages(), [format!("user: {SENT}")]);

    let deeds = house.deeds(DeedKind::Mask);
    assert_eq!(deeds[0].change, "from=CONFIDENTIAL to=INTERNAL masked=IBAN:1,MARKING:1,PERSON_NAME:1");
    assert_eq!((deeds.len(), deeds[0].subject.as_str()), (3, conversation.as_str()));
    assert!(deeds.iter().all(|deed| !format!("{deed:?}").contains("Müller")));
}

#[tokio::test]
async fn nothing_is_asked_that_is_not_on_record() {
    let house = House::open().await;
    let conversation = house.begin("anna").await;
    house.is_log_closed.store(true, Ordering::Relaxed);
    let path = format!("/api/chat/conversations/{conversation}/messages");
    let refused = house.send("anna", Method::Post, &path, &marked(TYPED, &WORDS).to_string()).await;
    refused.expect_refusal(503, "audit_unavailable");
    assert!(house.gate.questions.lock().unwrap().is_empty());
    assert!(house.messages("anna", &conversation).await.is_empty());
    house.is_log_closed.store(false, Ordering::Relaxed);
    for masks in [
        json!([{"start": 1, "end": 2, "type": "X"}]),
        json!([{"start": 0, "end": 999, "type": "X"}]),
        json!({}),
    ] {
        let body = json!({"content": TYPED, "model": "tiny", "masks": masks}).to_string();
        house.send("anna", Method::Post, &path, &body).await.expect_refusal(400, "invalid_request");
    }
}

#[tokio::test]
async fn readers_of_a_share_see_stand_ins_and_no_map() {
    let house = House::open().await;
    let conversation = conversation(&house).await;
    let path = format!("/api/chat/conversations/{conversation}/shares");
    let share = house.send("anna", Method::Post, &path, r#"{"with":["everyone"]}"#).await.expect(201);
    let read = house.get("bert", &format!("/api/chat/shared/{}", share["id"].as_str().unwrap())).await;
    assert_eq!(read["messages"][0]["content"], SENT);
    assert_eq!(read["messages"][1]["content"], "An [PERSON_1]: die [IBAN_1].");
    let text = read.to_string();
    assert!(!text.contains("Müller") && !text.contains("DE02") && !text.contains("masks"), "{text}");
    assert!(read["title"].as_str().unwrap().contains("[PERSON_1]s"), "{read}");
}

#[tokio::test]
async fn their_person_finds_and_takes_along_their_own_words() {
    let house = House::open().await;
    let conversation = conversation(&house).await;
    let found = house.get("anna", "/api/chat/search?q=M%C3%BCller").await;
    assert_eq!(found["results"].as_array().unwrap().len(), 2, "{found}");

    // A file with the words in it is labelled as they are.
    let (markdown, label) =
        file(&house, &format!("/api/chat/conversations/{conversation}/export?format=markdown")).await;
    assert!(markdown.contains(TYPED) && markdown.contains("An Müller: die DE02."), "{markdown}");
    assert_eq!(label, "CONFIDENTIAL");
    let (exported, label) = file(&house, &format!("/api/chat/conversations/{conversation}/export")).await;
    assert_eq!(label, "CONFIDENTIAL");
    let imported = house.send("anna", Method::Post, "/api/chat/import", &exported).await.expect(201);
    assert_eq!(imported["refused"], json!([]), "{imported}");
    let copy = imported["id"].as_str().unwrap();
    let (there, here) = (house.messages("anna", &conversation).await, house.messages("anna", copy).await);
    for (one, other) in there.iter().zip(&here) {
        assert_eq!((&one["content"], &one["masks"]), (&other["content"], &other["masks"]));
    }
    house.gate.will_say("CONFIDENTIAL", &["Gut."]);
    let asked = house.ask("anna", copy, "Und Müllers Bank?").await;
    house.finish("anna", &asked.run).await;
    let sent = house.gate.last_question().messages();
    assert_eq!(
        (sent[0].as_str(), sent[2].as_str()),
        (format!("user: {SENT}").as_str(), "user: Und [PERSON_1]s Bank?")
    );

    // A file that says another text was sent than the one that its masks make hides nothing.
    let forged = exported.replace(SENT, "harmlos");
    assert_ne!(forged, exported);
    let imported = house.send("anna", Method::Post, "/api/chat/import", &forged).await.expect(201);
    assert_eq!(imported["refused"][0]["part"], "/messages/0", "{imported}");
}

#[tokio::test]
async fn nothing_of_it_lies_open_in_the_store() {
    let house = House::open().await;
    let conversation = conversation(&house).await;
    house.close().await;
    for entry in std::fs::read_dir(&house.folder.0).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        for word in ["Müller", "PERSON_1", "DE02"] {
            assert!(!bytes.windows(word.len()).any(|part| part == word.as_bytes()), "{word}");
        }
    }
    let house = house.reopen().await;
    assert_eq!(house.messages("anna", &conversation).await[0]["masks"].as_array().unwrap().len(), 3);
}
