//! Folders, pins, and conversations that are kept nowhere.

use schleuse_portal::Limits;
use schleuse_wire::Method;
use serde_json::{Value, json};

use crate::house::House;

const FOLDERS: &str = "/api/chat/folders";

async fn folder(house: &House, name: &str) -> String {
    let body = json!({"name": name}).to_string();
    let made = house.send("anna", Method::Post, FOLDERS, &body).await.expect(201);
    assert_eq!((&made["name"], &made["conversations"]), (&json!(name), &json!(0)));
    made["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn conversations_are_filed_and_pinned() {
    let house = House::open().await;
    assert_eq!(house.get("anna", FOLDERS).await["folders"], json!([]));
    let one = house.begin("anna").await;
    let (work, home) = (folder(&house, "Arbeit").await, folder(&house, "Zuhause").await);
    let path = format!("/api/chat/conversations/{one}");
    let put = async |body: Value| house.send("anna", Method::Put, &path, &body.to_string()).await;
    let filed = put(json!({"folder": work, "pinned": true})).await.expect(200);
    assert_eq!(
        (&filed["folder"], &filed["pinned"], &filed["title"]),
        (&json!(work), &json!(true), &json!(""))
    );
    let body = json!({"folder": work}).to_string();
    let two = house.send("anna", Method::Post, "/api/chat/conversations", &body).await.expect(201);
    assert_eq!(two["folder"], work.as_str());
    let folders = house.get("anna", FOLDERS).await;
    let expected = json!([{"id": work, "name": "Arbeit", "conversations": 2}, {"id": home, "name": "Zuhause", "conversations": 0}]);
    assert_eq!(folders["folders"], expected);

    // What is not said stays, null is none.
    put(json!({"title": "T"})).await.expect(200);
    let house = house.reopen().await;
    let shown = house.get("anna", &path).await;
    assert_eq!(
        (&shown["folder"], &shown["pinned"], &shown["title"]),
        (&json!(work), &json!(true), &json!("T"))
    );
    let put = async |body: Value| house.send("anna", Method::Put, &path, &body.to_string()).await;
    let unfiled = put(json!({"folder": null, "pinned": false})).await.expect(200);
    assert_eq!((&unfiled["folder"], &unfiled["pinned"]), (&Value::Null, &json!(false)));
    put(json!({"folder": "nowhere"})).await.expect_refusal(400, "invalid_request");
    put(json!({})).await.expect_refusal(400, "invalid_request");
    put(json!({"pinned": "yes"})).await.expect_refusal(400, "invalid_request");

    let rename = json!({"name": " Büro "}).to_string();
    let renamed = house.send("anna", Method::Put, &format!("{FOLDERS}/{work}"), &rename).await.expect(200);
    assert_eq!((&renamed["name"], &renamed["conversations"]), (&json!("Büro"), &json!(1)));
    house
        .send("anna", Method::Post, FOLDERS, "{\"name\":\" \"}")
        .await
        .expect_refusal(400, "invalid_request");
    // What lies in a folder stays when it goes.
    house.send("anna", Method::Delete, &format!("{FOLDERS}/{work}"), "").await.expect(204);
    house
        .send("anna", Method::Delete, &format!("{FOLDERS}/{work}"), "")
        .await
        .expect_refusal(404, "not_found");
    let list = house.get("anna", "/api/chat/conversations").await;
    let rows = list["conversations"].as_array().unwrap();
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row["folder"].is_null()));
}

#[tokio::test]
async fn somebody_elses_folder_is_not_there() {
    let house = House::open_limited(Limits { folders_max: 1, ..Limits::default() }).await;
    let id = folder(&house, "Geheimplan").await;
    house
        .send("anna", Method::Post, FOLDERS, "{\"name\":\"x\"}")
        .await
        .expect_refusal(400, "invalid_request");
    house.begin("bert").await;
    let path = format!("{FOLDERS}/{id}");
    for (method, body) in [(Method::Put, "{\"name\":\"x\"}"), (Method::Delete, "")] {
        house.send("bert", method, &path, body).await.expect_refusal(404, "not_found");
        house.send("auditor", method, &path, body).await.expect_refusal(403, "access_denied");
        house.send_with(None, method, &path, body, None).await.expect_refusal(401, "invalid_api_key");
    }
    let body = json!({"folder": id}).to_string();
    let taken = house.send("bert", Method::Post, "/api/chat/conversations", &body).await;
    assert_eq!(taken.expect_refusal(400, "invalid_request")["param"], "folder");
    assert_eq!(house.get("bert", FOLDERS).await["folders"], json!([]));
    house.close().await;
    for file in std::fs::read_dir(&house.folder.0).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(10).any(|piece| piece == b"Geheimplan"));
    }
}

#[tokio::test]
async fn a_temporary_conversation_is_nowhere() {
    let house = House::open().await;
    let begin = async |body: &str| house.send("anna", Method::Post, "/api/chat/conversations", body).await;
    let begun = begin("{\"temporary\":true}").await.expect(201);
    assert_eq!(begun["temporary"], true);
    let id = begun["id"].as_str().unwrap();
    house.gate.will_say("CONFIDENTIAL", &["Zugvogel"]);
    let asked = house.ask("anna", id, "Wanderfalke").await;
    house.finish("anna", &asked.run).await;
    // It is a conversation like any other to whoever has its id.
    house.gate.will_say("CONFIDENTIAL", &["noch einer"]);
    let next =
        house.ask_with("anna", id, &json!({"content": "weiter", "model": "tiny", "label": "PUBLIC"})).await;
    house.finish("anna", &next.run).await;
    let sent = house.gate.last_question();
    assert_eq!(sent.messages(), ["user: Wanderfalke", "assistant: Zugvogel", "user: weiter"]);
    assert_eq!(sent.label, "CONFIDENTIAL");
    let path = format!("/api/chat/conversations/{id}");
    let shown = house.get("anna", &path).await;
    assert_eq!((&shown["label"], &shown["temporary"]), (&json!("CONFIDENTIAL"), &json!(true)));
    assert_eq!((shown["messages"].as_array().unwrap().len(), &shown["title"]), (4, &json!("Wanderfalke")));
    let put = async |body: Value| house.send("anna", Method::Put, &path, &body.to_string()).await;
    assert_eq!(put(json!({"title": "Mauersegler"})).await.expect(200)["title"], "Mauersegler");
    let place = folder(&house, "x").await;
    put(json!({"folder": place})).await.expect_refusal(400, "invalid_request");
    let both = json!({"temporary": true, "folder": place}).to_string();
    begin(&both).await.expect_refusal(400, "invalid_request");

    // But in no list, nobody else's, and not on disk.
    assert_eq!(house.get("anna", "/api/chat/conversations").await["conversations"], json!([]));
    house.begin("bert").await;
    house.send("bert", Method::Get, &path, "").await.expect_refusal(404, "not_found");
    house.send("bert", Method::Delete, &path, "").await.expect_refusal(404, "not_found");
    assert_eq!(house.store.conversations("anna").await.unwrap(), []);
    for file in std::fs::read_dir(&house.folder.0).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        for word in [id, "Wanderfalke", "Zugvogel", "Mauersegler"] {
            assert!(!bytes.windows(word.len()).any(|piece| piece == word.as_bytes()), "{word}");
        }
    }
    let other = begin("{\"temporary\":true}").await.expect(201)["id"].as_str().unwrap().to_owned();
    let other = format!("/api/chat/conversations/{other}");
    house.send("anna", Method::Delete, &other, "").await.expect(204);
    house.send("anna", Method::Get, &other, "").await.expect_refusal(404, "not_found");
    // And gone with the house.
    let house = house.reopen().await;
    house.send("anna", Method::Get, &path, "").await.expect_refusal(404, "not_found");
}
