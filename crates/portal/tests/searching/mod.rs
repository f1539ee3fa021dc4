//! Search over one's own conversations.

use schleuse_store::{ConversationRow, MessageRow};
use schleuse_wire::Method;
use schleuse_wire::sse::DONE;
use serde_json::{Value, json};

use crate::house::{House, delta};

fn path(asked: &str) -> String {
    let encoded: String = asked.bytes().map(|byte| format!("%{byte:02X}")).collect();
    format!("/api/chat/search?q={encoded}")
}

async fn find(house: &House, person: &str, asked: &str) -> Vec<Value> {
    house.get(person, &path(asked)).await["results"].as_array().unwrap().clone()
}

/// What is found, as `role: text`; `title: text` where only the title has it.
async fn check(house: &House, asked: &str, expected: &[&str]) {
    let found = find(house, "anna", asked).await;
    let told = |result: &Value| {
        let role = result["role"].as_str().unwrap_or("title");
        format!("{role}: {}", result["text"].as_str().unwrap())
    };
    assert_eq!(found.iter().map(told).collect::<Vec<_>>(), expected, "{asked}");
}

async fn turn(house: &House, conversation: &str, question: &str, answer: &str) -> String {
    house.gate.will_say("INTERNAL", &[answer]);
    let asked = house.ask("anna", conversation, question).await;
    house.finish("anna", &asked.run).await;
    asked.answer
}

#[tokio::test]
async fn what_was_said_is_found() {
    let house = House::open().await;
    check(&house, "Frist", &[]).await;
    let lease = house.begin("anna").await;
    let answer =
        turn(&house, &lease, "Was gilt hier?", "Die Kündigungsfristenregelung endet am 24.12.2026.").await;
    let trip = house.begin("anna").await;
    turn(&house, &trip, "Wohin im Sommer?", "Nach Großenbrode, 3,5 Stunden.").await;

    let found = find(&house, "anna", "Kündigungsfrist").await;
    assert_eq!(found.len(), 1);
    let expected = json!({
        "conversation": lease, "title": "Was gilt hier?", "message": answer, "role": "assistant",
        "created": found[0]["created"], "label": "INTERNAL",
        "text": "Die Kündigungsfristenregelung endet am 24.12.2026.", "marks": [{"start": 4, "end": 29}],
    });
    assert_eq!(found[0], expected);
    check(&house, "2026-12-24", &["assistant: Die Kündigungsfristenregelung endet am 24.12.2026."]).await;
    check(&house, "grossenbrode 3.5", &["assistant: Nach Großenbrode, 3,5 Stunden."]).await;
    // A title is told for itself only where no message has the words.
    check(&house, "Sommer", &["user: Wohin im Sommer?"]).await;
    let body = json!({"title": "Ferienplanung"}).to_string();
    house.send("anna", Method::Put, &format!("/api/chat/conversations/{trip}"), &body).await.expect(200);
    check(&house, "Ferien", &["title: Ferienplanung"]).await;

    // The index keeps up with what comes, and with what goes.
    let model = house.gate.will_stream("INTERNAL");
    let asked = house.ask("anna", &trip, "Und im Herbst?").await;
    check(&house, "Herbst", &["user: Und im Herbst?"]).await;
    model.send(delta("Wandern in Goslar")).await.unwrap();
    model.send(DONE).await.unwrap();
    house.finish("anna", &asked.run).await;
    check(&house, "Goslar", &["assistant: Wandern in Goslar"]).await;
    house.send("anna", Method::Delete, &format!("/api/chat/conversations/{trip}"), "").await.expect(204);
    for asked in ["Goslar", "Ferien", "Sommer"] {
        check(&house, asked, &[]).await;
    }
    // And is made anew after the house was.
    let house = house.reopen().await;
    check(&house, "Fristen", &["assistant: Die Kündigungsfristenregelung endet am 24.12.2026."]).await;
}

#[tokio::test]
async fn nobody_finds_what_is_somebody_elses() {
    let house = House::open().await;
    let conversation = house.begin("anna").await;
    turn(&house, &conversation, "Wanderfalke", "Zugvogel").await;
    house.begin("bert").await;
    assert_eq!(find(&house, "bert", "Zugvogel").await, [] as [Value; 0]);
    assert_eq!(find(&house, "nobody", "Zugvogel").await, [] as [Value; 0]);
    house.send("auditor", Method::Get, &path("x"), "").await.expect_refusal(403, "access_denied");
    house.send_with(None, Method::Get, &path("x"), "", None).await.expect_refusal(401, "invalid_api_key");
    // Nor does anybody find what is kept nowhere.
    let begun = house.send("anna", Method::Post, "/api/chat/conversations", "{\"temporary\":true}").await;
    let temporary = begun.expect(201)["id"].as_str().unwrap().to_owned();
    turn(&house, &temporary, "Eisvogel", "Wasseramsel").await;
    check(&house, "Eisvogel", &[]).await;
    check(&house, "Wasseramsel", &[]).await;
    // Searching leaves nothing readable behind.
    check(&house, "Zugvogel", &["assistant: Zugvogel"]).await;
    house.close().await;
    for file in std::fs::read_dir(&house.folder.0).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        for word in ["ugvogel", "anderfalke"] {
            assert!(!bytes.windows(word.len()).any(|piece| piece == word.as_bytes()), "{word}");
        }
    }
}

#[tokio::test]
async fn searches_are_strict() {
    let house = House::open().await;
    let conversation = house.begin("anna").await;
    for number in 0..3 {
        turn(&house, &conversation, &format!("Vogel {number}"), "ja").await;
    }
    let get =
        async |query: &str| house.send("anna", Method::Get, &format!("/api/chat/search?{query}"), "").await;
    for (query, param) in [("q=a&limit=0", "limit"), ("q=a&limit=51", "limit"), ("query=a", "query")] {
        let error = get(query).await.expect_refusal(400, "invalid_request");
        assert_eq!(error["param"], param, "{query}");
    }
    get(&format!("q={}", "a".repeat(401))).await.expect_refusal(400, "invalid_request");
    for query in ["", "q=", "q=%E2%80%A6"] {
        assert_eq!(get(query).await.expect(200)["results"], json!([]));
    }
    let two = get("q=Vogel&limit=2").await.expect(200);
    // The title is of the first question, and so all come; the newest first among equals.
    let texts: Vec<&str> =
        two["results"].as_array().unwrap().iter().map(|row| row["text"].as_str().unwrap()).collect();
    assert_eq!((texts, &two["more"]), (vec!["Vogel 2", "Vogel 1"], &json!(true)));
    let all = get("q=Vogel&limit=3").await.expect(200);
    assert_eq!((all["results"].as_array().unwrap().len(), &all["more"]), (3, &json!(false)));
}

/// What does not open is not found, and hinders nothing else.
#[tokio::test]
async fn a_damaged_row_is_not_found() {
    let house = House::open().await;
    let conversation = house.begin("anna").await;
    turn(&house, &conversation, "Amsel", "Drossel").await;
    let mut rows = house.store.messages("anna", &conversation).await.unwrap();
    rows[1].sealed[20] ^= 1;
    house.store.put_message("anna", &rows[1]).await.unwrap();
    let stray = MessageRow { id: "stray".into(), sealed: vec![1, 2, 3], ..rows[0].clone() };
    house.store.put_message("anna", &stray).await.unwrap();
    let torn = ConversationRow {
        id: "torn".into(),
        ..house.store.conversation("anna", &conversation).await.unwrap().unwrap()
    };
    house.store.put_conversation(&torn).await.unwrap();
    check(&house, "Drossel", &[]).await;
    check(&house, "Amsel", &["user: Amsel"]).await;
}
