//! Tenants, as those who look after the house see and change them.

use schleuse_audit::Event;
use schleuse_types::{Role, Tenant};
use serde_json::{Value, json};

use crate::house::House;

#[tokio::test]
async fn people_are_put_into_tenants_on_record() {
    let house = House::open().await;
    let made = house
        .post(Role::Admin, "/api/people", r#"{"name":"ada","role":"employee","tenant":"retail"}"#)
        .await
        .json();
    assert_eq!(made["tenant"], "retail");
    assert_eq!(house.newest(Event::PersonCreate)["change"], "role=employee groups= tenant=retail");
    let moved = house.put(Role::Admin, "/api/people/ada", r#"{"tenant":"house"}"#).await.json();
    assert_eq!(moved["tenant"], "house");
    assert_eq!(house.newest(Event::PersonChange)["change"], "tenant=house before=retail");
    let unknown = house.put(Role::Admin, "/api/people/ada", r#"{"tenant":"retial"}"#).await;
    assert_eq!((unknown.status, &unknown.json()["error"]["param"]), (400, &"tenant".into()));
    assert_eq!(house.put(Role::Admin, "/api/people/admin", r#"{"tenant":"retail"}"#).await.status, 403);
}

#[tokio::test]
async fn whoever_looks_after_the_house_belongs_to_no_other_tenant() {
    let house = House::open().await;
    assert_eq!(house.get(Role::Admin, "/api/people").await.status, 200);
    house.console.store.set_tenant("admin", &Tenant::parse("retail").unwrap()).await.unwrap();
    house.learn().await;
    for path in ["/api/people", "/api/keys", "/api/upstreams", "/api/now", "/api/policies"] {
        let refused = house.get(Role::Admin, path).await;
        assert_eq!(refused.status, 403, "{path}");
        let message = refused.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains("only-the-house-looks-after-the-house"), "{message}");
    }
    assert_eq!(house.get(Role::Admin, "/api/access").await.status, 200, "one's own");
}

#[tokio::test]
async fn why_a_model_is_not_there_is_told_to_whoever_may_ask() {
    let house = House::open().await;
    house.console.store.set_tenant("engineer", &Tenant::parse("retail").unwrap()).await.unwrap();
    house.learn().await;
    let ask = |answer: &Value, model: &str| {
        let rows = answer["rows"].as_array().unwrap();
        rows.iter().find(|row| row["action"] == "ask" && row["model"] == model).cloned().unwrap_or_default()
    };
    // The person itself sees only what is there for it.
    let own = house.get(Role::Engineer, "/api/access").await.json();
    assert_eq!(ask(&own, "private")["allowed"], true);
    let own = house.get(Role::Employee, "/api/access").await.json();
    assert_eq!((&ask(&own, "private"), &ask(&own, "large")["allowed"]), (&Value::Null, &true.into()));
    let told = house.get(Role::Security, "/api/access?person=employee").await.json();
    let row = ask(&told, "private");
    assert_eq!((&row["allowed"], &row["rule"]), (&false.into(), &"tenants-keep-to-themselves".into()));
    let of_model = house.get(Role::Admin, "/api/access?model=private").await.json();
    let allowed: Vec<_> = of_model["rows"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["allowed"] == true)
        .map(|row| row["person"].as_str().unwrap())
        .collect();
    assert_eq!(allowed, ["engineer"]);
    let upstreams = house.get(Role::Admin, "/api/upstreams").await.json();
    let tenants: Vec<_> = upstreams["upstreams"]
        .as_array()
        .unwrap()
        .iter()
        .map(|upstream| upstream["tenants"].clone())
        .collect();
    assert_eq!(tenants, [json!([]), json!(["retail"])]);
}

#[tokio::test]
async fn kept_answers_of_a_tenant_are_forgotten() {
    let house = House::open().await;
    let forgotten = async |body: &str| {
        house.post(Role::Admin, "/api/answers/forget", body).await.json()["forgotten"].clone()
    };
    assert_eq!(forgotten(r#"{"tenant":"retail"}"#).await, 1);
    assert_eq!(house.newest(Event::AnswersForget)["change"], "tenant=retail");
    assert_eq!(forgotten(r#"{"tenant":"retail","person":"anna"}"#).await, 0);
    assert_eq!(forgotten(r#"{"tenant":"house","person":"anna"}"#).await, 2);
    let unknown = house.post(Role::Admin, "/api/answers/forget", r#"{"tenant":"x"}"#).await;
    assert_eq!(unknown.status, 400);
}
