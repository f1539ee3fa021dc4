//! Prompts: kept, changed, restored and shared.

use schleuse_portal::DeedKind;
use schleuse_wire::Method;
use serde_json::{Value, json};

use crate::house::{Answer, House};

const PROMPTS: &str = "/api/chat/prompts";

async fn post(house: &House, person: &str, path: &str, body: Value) -> Answer {
    house.send(person, Method::Post, path, &body.to_string()).await
}

async fn names(house: &House, person: &str) -> Vec<String> {
    let list = house.get(person, PROMPTS).await;
    let names = list["prompts"].as_array().unwrap().iter();
    names.map(|prompt| prompt["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_prompt_has_versions_that_come_back() {
    let house = House::open().await;
    let body = json!({"name": "Kürzen", "text": "Kürze {{text}} auf das Geheimwort.", "tags": ["Texte"]});
    let made = post(&house, "anna", PROMPTS, body).await.expect(201);
    let path = format!("{PROMPTS}/{}", made["id"].as_str().unwrap());
    assert_eq!((&made["version"], &made["mine"], &made["owner"]), (&json!(1), &json!(true), &json!("anna")));
    assert_eq!((&made["with"], &made["label"]), (&json!([]), &json!("INTERNAL")));
    let put = async |body: Value| house.send("anna", Method::Put, &path, &body.to_string()).await;
    assert_eq!(put(json!({"text": "Kürze {{text}}."})).await.expect(200)["version"], 2);
    // Readers are no new version; neither is what is the same.
    assert_eq!(put(json!({"with": ["group:vertrieb"]})).await.expect(200)["version"], 2);
    assert_eq!(put(json!({"name": "Kürzen"})).await.expect(200)["version"], 2);
    let house = house.reopen().await;
    let versions = house.get("anna", &format!("{path}/versions")).await;
    let texts = |versions: &Value| {
        let texts = versions["versions"].as_array().unwrap().iter();
        texts.map(|version| version["text"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(texts(&versions), ["Kürze {{text}}.", "Kürze {{text}} auf das Geheimwort."]);
    let restored = post(&house, "anna", &format!("{path}/restore"), json!({"version": 1})).await.expect(200);
    assert_eq!((&restored["version"], &restored["with"]), (&json!(3), &json!(["group:vertrieb"])));
    assert_eq!(texts(&house.get("anna", &format!("{path}/versions")).await).len(), 3);
    for version in [json!(9), json!("1"), json!(-1), Value::Null] {
        let refused = post(&house, "anna", &format!("{path}/restore"), json!({"version": version})).await;
        assert_eq!(refused.expect_refusal(400, "invalid_request")["param"], "version");
    }
    for entry in std::fs::read_dir(&house.folder.0).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(10).any(|piece| piece == b"Geheimwort"));
    }
    house.send("bert", Method::Delete, &path, "").await.expect_refusal(404, "not_found");
    house.send("anna", Method::Delete, &path, "").await.expect(204);
    assert_eq!(names(&house, "anna").await, [""; 0]);
    house.send("anna", Method::Get, &format!("{path}/versions"), "").await.expect_refusal(404, "not_found");
}

#[tokio::test]
async fn a_prompt_is_read_by_its_readers_only() {
    let house = House::open().await;
    let body = json!({"name": "Angebot", "text": "Schreibe ein Angebot.", "with": ["group:vertrieb", "person:sigrid"]});
    let made = post(&house, "anna", PROMPTS, body).await.expect(201);
    let path = format!("{PROMPTS}/{}", made["id"].as_str().unwrap());
    post(&house, "anna", PROMPTS, json!({"name": "Nur ich", "text": "x"})).await.expect(201);
    for (person, expected) in
        [("anna", vec!["Angebot", "Nur ich"]), ("bert", vec!["Angebot"]), ("sigrid", vec!["Angebot"])]
    {
        assert_eq!(names(&house, person).await, expected, "{person}");
    }
    let theirs = &house.get("bert", PROMPTS).await["prompts"][0];
    assert_eq!(
        (&theirs["owner"], &theirs["mine"], &theirs["with"]),
        (&json!("anna"), &json!(false), &json!([]))
    );
    // Who reads changes nothing, and sees no versions.
    house.send("bert", Method::Put, &path, r#"{"text":"y"}"#).await.expect_refusal(404, "not_found");
    house.send("bert", Method::Get, &format!("{path}/versions"), "").await.expect_refusal(404, "not_found");
    let restore = post(&house, "bert", &format!("{path}/restore"), json!({"version": 1})).await;
    restore.expect_refusal(404, "not_found");
    // Its label is what inspection makes of it, and judged for each reader.
    let secret = json!({"text": "VS-NfD: Schreibe ein Angebot."});
    let raised = house.send("anna", Method::Put, &path, &secret.to_string()).await.expect(200);
    assert_eq!(raised["label"], "CONFIDENTIAL");
    house.clear("bert", "INTERNAL");
    assert_eq!(names(&house, "bert").await, [""; 0]);
    assert_eq!(names(&house, "sigrid").await, ["Angebot"]);
    house.send("anna", Method::Put, &path, r#"{"with":[]}"#).await.expect(200);
    assert_eq!(names(&house, "sigrid").await, [""; 0]);

    let deeds = house.deeds(DeedKind::PromptShare);
    assert_eq!(deeds.len(), 2);
    assert_eq!(
        (deeds[0].with.join(" "), deeds[0].change.as_str()),
        ("group:vertrieb person:sigrid".to_owned(), "version=1")
    );
    assert!(!format!("{deeds:?}").contains("Angebot"));
}

#[tokio::test]
async fn what_would_be_blocked_is_not_passed_on() {
    let house = House::open().await;
    let text = "Überweise an DE02 1203 0000 0000 2020 51";
    post(&house, "anna", PROMPTS, json!({"name": "Zahlen", "text": text})).await.expect(201);
    let shared = json!({"name": "Zahlen", "text": text, "with": ["everyone"]});
    let refused = post(&house, "anna", PROMPTS, shared).await.expect_refusal(403, "sensitive_data_detected");
    assert!(refused["message"].as_str().unwrap().starts_with("BLOCKED: Sensitive data detected"));
    assert_eq!(
        (&refused["findings"][0]["path"], &refused["findings"][0]["type"]),
        (&json!("/text"), &json!("IBAN"))
    );
    assert!(!refused.to_string().contains("1203"));
    let id = house.get("anna", PROMPTS).await["prompts"][0]["id"].clone();
    let path = format!("{PROMPTS}/{}", id.as_str().unwrap());
    let put = house.send("anna", Method::Put, &path, r#"{"with":["everyone"]}"#).await;
    put.expect_refusal(403, "sensitive_data_detected");
    assert_eq!(names(&house, "bert").await, [""; 0]);
    // Nothing is shared that the log does not take.
    house.is_log_closed.store(true, std::sync::atomic::Ordering::Relaxed);
    let shared = json!({"name": "Gut", "text": "x", "with": ["everyone"]});
    post(&house, "anna", PROMPTS, shared).await.expect_refusal(503, "audit_unavailable");
    assert_eq!(names(&house, "bert").await, [""; 0]);
}

#[tokio::test]
async fn prompts_have_limits() {
    let house = House::open().await;
    let check = async |body: Value, param: &str| {
        let refused = post(&house, "anna", PROMPTS, body.clone()).await;
        assert_eq!(refused.expect_refusal(400, "invalid_request")["param"], param, "{body}");
    };
    check(json!({"text": "x"}), "name").await;
    check(json!({"name": "x"}), "text").await;
    check(json!({"name": " \u{7} ", "text": "x"}), "name").await;
    check(json!({"name": "x".repeat(201), "text": "x"}), "name").await;
    check(json!({"name": "x", "text": "x".repeat(32 * 1024 + 1)}), "text").await;
    check(json!({"name": "x", "text": "x", "tags": vec!["t"; 11]}), "tags").await;
    check(json!({"name": "x", "text": "x", "tags": ["t".repeat(51)]}), "tags").await;
    check(json!({"name": "x", "text": "x", "with": ["all"]}), "with").await;
    check(json!({"name": "x", "text": "x", "owner": "bert"}), "owner").await;
    let long = json!({"name": "x", "text": "\u{1}".repeat(32 * 1024)});
    post(&house, "anna", PROMPTS, long).await.expect(201);
    for _ in 1..500 {
        post(&house, "anna", PROMPTS, json!({"name": "x", "text": "x"})).await.expect(201);
    }
    post(&house, "anna", PROMPTS, json!({"name": "x", "text": "x"}))
        .await
        .expect_refusal(400, "invalid_request");
}
