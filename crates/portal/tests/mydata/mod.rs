//! What people see of what is stored about them, and how they delete it.

use std::sync::atomic::Ordering;

use schleuse_portal::DeedKind;
use schleuse_wire::Method;
use serde_json::{Value, json};

use crate::house::House;

const ERASE: &str = "/api/chat/data/erase";

/// How many there are of what is not empty.
async fn counts(house: &House, person: &str) -> Value {
    let told = house.get(person, "/api/chat/data").await;
    assert!(told["generated"].is_string());
    let stores = told["stores"].as_array().unwrap().iter();
    let some = stores.filter(|store| store["count"].as_u64().is_some_and(|count| count > 0));
    some.map(|store| (store["id"].as_str().unwrap().to_owned(), store["count"].clone())).collect()
}

#[tokio::test]
async fn people_see_what_is_stored_and_delete_it_all() {
    let house = House::open().await;
    for person in ["anna", "bert"] {
        let conversation = house.begin(person).await;
        house.gate.will_say("INTERNAL", &["Gut."]);
        let asked = house.ask(person, &conversation, "Guten Tag").await;
        house.finish(person, &asked.run).await;
        let path = format!("/api/chat/conversations/{conversation}/shares");
        house.send(person, Method::Post, &path, r#"{"with":["everyone"]}"#).await.expect(201);
        house.send(person, Method::Post, "/api/chat/folders", r#"{"name":"Akten"}"#).await.expect(201);
        house
            .send(person, Method::Post, "/api/chat/conversations", r#"{"temporary":true}"#)
            .await
            .expect(201);
    }
    house.get("anna", "/api/chat/search?q=Guten").await;
    let all =
        json!({"account": 1, "conversations": 1, "data_keys": 1, "folders": 1, "shares": 1, "temporary": 1});
    assert_eq!(counts(&house, "anna").await, all);
    // One that is still being written ends with the rest.
    let sender = house.gate.will_stream("INTERNAL");
    let conversation = house.begin("anna").await;
    house.ask("anna", &conversation, "Noch etwas").await;

    for wrong in [json!({"confirm": "bert"}), json!({"confirm": ""}), json!({}), json!({"confirm": "Anna "})]
    {
        let refused = house.send("anna", Method::Post, ERASE, &wrong.to_string()).await;
        refused.expect_refusal(400, "invalid_request");
    }
    let confirmed = json!({"confirm": "anna"}).to_string();
    house.is_log_closed.store(true, Ordering::Relaxed);
    house.send("anna", Method::Post, ERASE, &confirmed).await.expect_refusal(503, "audit_unavailable");
    house.is_log_closed.store(false, Ordering::Relaxed);
    assert_eq!(counts(&house, "anna").await["conversations"], 2);

    let told = house.send("anna", Method::Post, ERASE, &confirmed).await.expect(200);
    let erased = told["erased"].as_array().unwrap();
    let count = |id: &str| erased.iter().find(|row| row["id"] == id).unwrap()["count"].clone();
    assert_eq!(
        (count("conversations"), count("folders"), count("temporary")),
        (json!(2), json!(1), json!(1))
    );
    let stays: Vec<&str> =
        told["stays"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect();
    assert_eq!(stays, ["account", "keys", "data_keys"]);
    assert_eq!(counts(&house, "anna").await, json!({"account": 1, "data_keys": 1}));
    assert_eq!(house.get("anna", "/api/chat/search?q=Guten").await["results"], json!([]));
    assert_eq!(counts(&house, "bert").await, all);
    assert_eq!(*house.forgotten.lock().unwrap(), ["anna"]);
    drop(sender);
    let deeds = house.deeds(DeedKind::Erase);
    assert_eq!((deeds.len(), deeds[0].owner.as_str()), (1, "anna"));
    assert!(deeds[0].change.contains("conversations=2"), "{}", deeds[0].change);
    // And the person goes on.
    house.begin("anna").await;
}
