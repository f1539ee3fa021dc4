//! Assistants: from a draft to a conversation that began with one.

use schleuse_portal::DeedKind;
use schleuse_types::{Clock as _, Role, SystemClock};
use schleuse_wire::Method;
use serde_json::{Value, json};

use crate::house::{Answer, House, PEOPLE_WHO_RATE};

const ASSISTANTS: &str = "/api/chat/assistants";
const CONVERSATIONS: &str = "/api/chat/conversations";

async fn post(house: &House, person: &str, path: &str, body: Value) -> Answer {
    house.send(person, Method::Post, path, &body.to_string()).await
}

async fn draft(house: &House, instructions: &str) -> String {
    let body = json!({"name": "Angebote", "purpose": "Schreibt Angebote.", "instructions": instructions, "model": "tiny",
        "starters": ["Schreibe ein Angebot über"]});
    let made = post(house, "anna", ASSISTANTS, body).await.expect(201);
    assert_eq!((&made["state"], &made["version"], &made["mine"]), (&json!("draft"), &json!(1), &json!(true)));
    format!("{ASSISTANTS}/{}", made["id"].as_str().unwrap())
}

/// A published one that all of `vertrieb` may use.
async fn published(house: &House, instructions: &str) -> String {
    let path = draft(house, instructions).await;
    submit(house, &path).await;
    review(house, &path, true).await;
    path
}

async fn submit(house: &House, path: &str) {
    let with = json!({"with": ["group:vertrieb"]});
    let submitted = post(house, "anna", &format!("{path}/submit"), with).await.expect(200);
    assert_eq!((&submitted["state"], &submitted["with"]), (&json!("in_review"), &json!(["group:vertrieb"])));
}

async fn review(house: &House, path: &str, publish: bool) -> Value {
    let body = json!({"publish": publish, "note": "Bitte kürzer."});
    post(house, "sigrid", &format!("{path}/review"), body).await.expect(200)
}

fn id(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

/// States of the assistants that are not of the house, in the order of the list.
async fn states(house: &House, person: &str) -> Vec<String> {
    let list = house.get(person, ASSISTANTS).await;
    let all = list["assistants"].as_array().unwrap();
    assert!(all.iter().take(5).all(|one| one["state"] == "ready"), "{all:?}");
    all.iter().skip(5).map(|one| one["state"].as_str().unwrap().to_owned()).collect()
}

async fn begin(house: &House, person: &str, assistant: &str) -> Value {
    post(house, person, CONVERSATIONS, json!({"assistant": assistant})).await.expect(201)
}

async fn ask(house: &House, person: &str, conversation: &str, body: Value) -> Vec<String> {
    house.gate.will_say("INTERNAL", &["Gut"]);
    let asked = house.ask_with(person, conversation, &body).await;
    house.finish(person, &asked.run).await;
    house.gate.last_question().messages()
}

#[tokio::test]
async fn an_assistant_is_published_by_somebody_else() {
    let house = House::open().await;
    let path = draft(&house, "Schreibe kurz.").await;
    let none: [&str; 0] = [];
    // A draft is its owner's alone.
    assert_eq!(states(&house, "anna").await, ["draft"]);
    for person in ["bert", "sigrid"] {
        assert_eq!(states(&house, person).await, none);
        house.send(person, Method::Get, &path, "").await.expect_refusal(404, "not_found");
    }
    let publish = json!({"publish": true});
    post(&house, "anna", &format!("{path}/submit"), json!({"with": []}))
        .await
        .expect_refusal(400, "invalid_request");
    submit(&house, &path).await;
    post(&house, "anna", &format!("{path}/submit"), json!({"with": ["everyone"]}))
        .await
        .expect_refusal(400, "invalid_request");
    assert_eq!(states(&house, "bert").await, none);
    // Neither its owner nor somebody without the duty decides.
    for person in ["anna", "bert"] {
        post(&house, person, &format!("{path}/review"), publish.clone())
            .await
            .expect_refusal(403, "access_denied");
    }
    let seen = house.get("sigrid", &path).await;
    assert_eq!(
        (&seen["instructions"], &seen["review"], &seen["owner"]),
        (&json!("Schreibe kurz."), &json!(true), &json!("anna"))
    );
    let returned = review(&house, &path, false).await;
    assert_eq!((&returned["state"], &returned["note"]), (&json!("returned"), &json!("Bitte kürzer.")));
    assert_eq!(house.get("anna", &path).await["note"], "Bitte kürzer.");

    let changed = house.send("anna", Method::Put, &path, r#"{"instructions":"Kurz."}"#).await.expect(200);
    assert_eq!((&changed["state"], &changed["version"]), (&json!("draft"), &json!(2)));
    submit(&house, &path).await;
    // Not what was looked at.
    let old = json!({"publish": true, "version": 1});
    let refused = post(&house, "sigrid", &format!("{path}/review"), old).await;
    assert_eq!(refused.expect_refusal(400, "invalid_request")["param"], "version");
    let published = post(&house, "sigrid", &format!("{path}/review"), json!({"publish": true, "version": 2}))
        .await
        .expect(200);
    assert_eq!(published["state"], "published");
    let house = house.reopen().await;
    let shown = house.get("bert", &path).await;
    assert_eq!(
        (&shown["instructions"], &shown["with"], &shown["note"]),
        (&json!("Kurz."), &json!([]), &Value::Null)
    );
    assert_eq!(states(&house, "bert").await, ["published"]);
    house.send("rater1", Method::Get, &path, "").await.expect_refusal(404, "not_found");

    // Taken back by whoever reviews, with a word to the owner.
    post(&house, "bert", &format!("{path}/withdraw"), json!({})).await.expect_refusal(404, "not_found");
    let back =
        post(&house, "sigrid", &format!("{path}/withdraw"), json!({"note": "Veraltet."})).await.expect(200);
    assert_eq!((&back["state"], &back["note"]), (&json!("returned"), &json!("Veraltet.")));
    assert_eq!(states(&house, "bert").await, none);
    submit(&house, &path).await;
    assert_eq!(
        post(&house, "anna", &format!("{path}/withdraw"), json!({})).await.expect(200)["state"],
        "draft"
    );
    house.send("bert", Method::Delete, &path, "").await.expect_refusal(404, "not_found");
    house.send("anna", Method::Delete, &path, "").await.expect(204);
    assert_eq!(states(&house, "anna").await, none);
    let house_s = house.deeds(DeedKind::AssistantWithdraw);
    assert_eq!(
        house_s.iter().map(|deed| deed.principal.person.as_str()).collect::<Vec<_>>(),
        ["sigrid", "anna"]
    );
    assert!(house_s.iter().all(|deed| deed.owner == "anna" && deed.subject == id(&path)));
    assert!(!format!("{:?}", house.noted.lock().unwrap()).contains("Veraltet"));
}

#[tokio::test]
async fn a_change_stands_beside_what_is_published() {
    let house = House::open().await;
    let path = published(&house, "Eins.").await;
    let first = begin(&house, "bert", id(&path)).await;
    let put = async |body: Value| house.send("anna", Method::Put, &path, &body.to_string()).await;
    let beside = put(json!({"instructions": "Zwei."})).await.expect(201);
    assert_eq!(
        (&beside["of"], &beside["state"], &beside["version"]),
        (&json!(id(&path)), &json!("draft"), &json!(2))
    );
    let draft = beside["id"].clone();
    let again = put(json!({"purpose": "Neu."})).await.expect(200);
    assert_eq!(
        (&again["id"], &again["instructions"], &again["version"]),
        (&draft, &json!("Zwei."), &json!(3))
    );
    assert_eq!(states(&house, "anna").await, ["published", "draft"]);
    assert_eq!(house.get("bert", &path).await["instructions"], "Eins.");
    let draft = format!("{ASSISTANTS}/{}", draft.as_str().unwrap());
    submit(&house, &draft).await;
    let taken = review(&house, &draft, true).await;
    assert_eq!(
        (&taken["id"], &taken["version"], &taken["state"]),
        (&json!(id(&path)), &json!(3), &json!("published"))
    );
    house.send("anna", Method::Get, &draft, "").await.expect_refusal(404, "not_found");
    assert_eq!(states(&house, "anna").await, ["published"]);
    assert_eq!(house.get("bert", &path).await["instructions"], "Zwei.");

    // What began with the old one goes on with it, also when the assistant is gone.
    let second = begin(&house, "bert", id(&path)).await;
    house.send("anna", Method::Delete, &path, "").await.expect(204);
    let house = house.reopen().await;
    let question = || json!({"content": "Frage"});
    let first_id = first["id"].as_str().unwrap();
    assert_eq!(
        first["assistant"],
        json!({"id": id(&path), "name": "Angebote", "version": 1, "model": "tiny"})
    );
    assert_eq!(ask(&house, "bert", first_id, question()).await, ["system: Eins.", "user: Frage"]);
    assert_eq!(
        ask(&house, "bert", first_id, json!({"content": "Mehr"})).await,
        ["system: Eins.", "user: Frage", "assistant: Gut", "user: Mehr"]
    );
    assert_eq!(
        ask(&house, "bert", second["id"].as_str().unwrap(), question()).await,
        ["system: Zwei.", "user: Frage"]
    );
    let shown = house.get("bert", &format!("{CONVERSATIONS}/{first_id}")).await;
    assert_eq!(shown["assistant"]["version"], 1);
    let refused = post(&house, "bert", CONVERSATIONS, json!({"assistant": id(&path)})).await;
    assert_eq!(refused.expect_refusal(400, "invalid_request")["param"], "assistant");
}

#[tokio::test]
async fn the_label_of_an_assistant_is_part_of_the_conversation() {
    let house = House::open().await;
    let path = published(&house, "VS-NfD: Nur für uns.").await;
    assert_eq!(house.get("anna", &path).await["label"], "CONFIDENTIAL");
    let begun = begin(&house, "bert", id(&path)).await;
    assert_eq!(begun["label"], "CONFIDENTIAL");
    ask(&house, "bert", begun["id"].as_str().unwrap(), json!({"content": "Frage", "label": "PUBLIC"})).await;
    assert_eq!(house.gate.last_question().label, "CONFIDENTIAL");
    // Whoever may not read it does not see it, and neither does a reviewer.
    house.clear("bert", "INTERNAL");
    let none: [&str; 0] = [];
    assert_eq!(states(&house, "bert").await, none);
    house.send("bert", Method::Get, &path, "").await.expect_refusal(404, "not_found");
    let refused = post(&house, "bert", CONVERSATIONS, json!({"assistant": id(&path)})).await;
    refused.expect_refusal(400, "invalid_request");
    house.clear("sigrid", "INTERNAL");
    assert_eq!(states(&house, "sigrid").await, none);
    // Nobody writes above their own clearance.
    let above = json!({"name": "N", "purpose": "P", "instructions": "I", "label": "SECRET"});
    let refused = post(&house, "anna", ASSISTANTS, above).await.expect_refusal(400, "invalid_request");
    assert_eq!(refused["param"], "label");
    let public = json!({"name": "N", "purpose": "P", "instructions": "I", "label": "PUBLIC"});
    assert_eq!(post(&house, "anna", ASSISTANTS, public).await.expect(201)["label"], "PUBLIC");
}

#[tokio::test]
async fn what_would_be_blocked_is_not_submitted() {
    let house = House::open().await;
    let path = draft(&house, "Zahle an DE02 1203 0000 0000 2020 51.").await;
    let submitted = post(&house, "anna", &format!("{path}/submit"), json!({"with": ["everyone"]})).await;
    let refused = submitted.expect_refusal(403, "sensitive_data_detected");
    assert_eq!(refused["findings"][0]["path"], "/instructions");
    assert_eq!(states(&house, "anna").await, ["draft"]);
    house.is_log_closed.store(true, std::sync::atomic::Ordering::Relaxed);
    let path = draft(&house, "Gut.").await;
    let submitted = post(&house, "anna", &format!("{path}/submit"), json!({"with": ["everyone"]})).await;
    submitted.expect_refusal(503, "audit_unavailable");
    assert_eq!(states(&house, "anna").await, ["draft", "draft"]);
}

#[tokio::test]
async fn the_house_has_assistants_of_its_own() {
    let house = House::open().await;
    let list = house.get("anna", ASSISTANTS).await;
    let ready = &list["assistants"];
    let names: Vec<&str> =
        ready.as_array().unwrap().iter().map(|one| one["name"]["de"].as_str().unwrap()).collect();
    let expected = [
        "Code prüfen und Fehler finden",
        "Dokumentation schreiben",
        "Daten auswerten und berichten",
        "Protokoll schreiben",
        "Briefe schreiben",
    ];
    assert_eq!(names, expected);
    assert_eq!(ready[0]["instructions"], Value::Null);
    for one in ready.as_array().unwrap() {
        let id = one["id"].as_str().unwrap();
        let shown = house.get("bert", &format!("{ASSISTANTS}/{id}")).await;
        for language in ["de", "en"] {
            assert!(shown["instructions"][language].as_str().unwrap().len() > 800);
        }
        // In the language of whoever asks; the tests ask in German.
        let begun = begin(&house, "bert", id).await;
        assert_eq!((&begun["assistant"]["name"], &begun["label"]), (&one["name"], &Value::Null));
        let question = json!({"content": "Frage", "model": "tiny"});
        let asked = ask(&house, "bert", begun["id"].as_str().unwrap(), question).await;
        assert_eq!(asked[0], format!("system: {}", shown["instructions"]["de"].as_str().unwrap()));
    }
    // Nobody changes them.
    let path = format!("{ASSISTANTS}/ready-code");
    house.send("anna", Method::Put, &path, r#"{"name":"x"}"#).await.expect_refusal(404, "not_found");
    house.send("anna", Method::Delete, &path, "").await.expect_refusal(404, "not_found");
    post(&house, "sigrid", &format!("{path}/withdraw"), json!({})).await.expect_refusal(404, "not_found");
    // One without a model of its own asks for one.
    let begun = begin(&house, "bert", "ready-code").await;
    let path = format!("{CONVERSATIONS}/{}/messages", begun["id"].as_str().unwrap());
    let refused = post(&house, "bert", &path, json!({"content": "Frage"})).await;
    assert_eq!(refused.expect_refusal(400, "invalid_request")["param"], "model");
}

#[tokio::test]
async fn a_temporary_conversation_begins_with_an_assistant_too() {
    let house = House::open().await;
    let body = json!({"assistant": "ready-minutes", "temporary": true});
    let begun = post(&house, "anna", CONVERSATIONS, body).await.expect(201);
    let question = json!({"content": "Frage", "model": "tiny"});
    let asked = ask(&house, "anna", begun["id"].as_str().unwrap(), question).await;
    assert!(asked[0].starts_with("system: Sie schreiben Protokolle"), "{asked:?}");
    assert_eq!(asked.len(), 2);
}

#[tokio::test]
async fn feedback_is_counted_by_assistant() {
    let house = House::open().await;
    for person in PEOPLE_WHO_RATE {
        house.store.ensure_person(person, Role::Employee, SystemClock::new().now()).await.unwrap();
        let begun = begin(&house, person, "ready-letters").await;
        let conversation = begun["id"].as_str().unwrap();
        ask(&house, person, conversation, json!({"content": "Frage", "model": "tiny"})).await;
        let answer = house.messages(person, conversation).await[1]["id"].clone();
        let path = format!("{CONVERSATIONS}/{conversation}/messages/{}/feedback", answer.as_str().unwrap());
        house.send(person, Method::Put, &path, r#"{"value":"up"}"#).await.expect(200);
    }
    let rows = house.get("sigrid", "/api/chat/feedback").await;
    let name = json!({"en": "Write letters", "de": "Briefe schreiben"});
    let expected = json!([{"model": "tiny", "assistant": {"id": "ready-letters", "name": name}, "up": 5, "down": 0, "reasons": {}}]);
    assert_eq!(rows["rows"], expected);
}
