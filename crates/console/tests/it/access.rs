//! Who may do what, and why something was refused.

use schleuse_audit::Event;
use schleuse_types::{Outcome, Role};
use serde_json::Value;

use crate::house::{House, key, pepper};

fn row<'a>(answer: &'a Value, action: &str) -> &'a Value {
    answer["rows"].as_array().unwrap().iter().find(|row| row["action"] == action).unwrap()
}

#[tokio::test]
async fn everybody_sees_what_they_may_themselves_and_nobody_else_s() {
    let house = House::open().await;
    for role in Role::ALL {
        for target in ["/api/access", "/api/access?person=me", &format!("/api/access?person={role}")] {
            let answer = house.get(role, target).await;
            assert_eq!(answer.status, 200);
            let answer = answer.json();
            assert_eq!(row(&answer, "ask")["allowed"], role != Role::Auditor);
            assert_eq!(row(&answer, "managePeople")["allowed"], role == Role::Admin);
        }
        let other = if role == Role::Employee { "admin" } else { "employee" };
        let id = key(if role == Role::Employee { Role::Admin } else { Role::Employee }).id(&pepper());
        let expected = if [Role::Security, Role::Admin].contains(&role) { 200 } else { 403 };
        let targets = [
            format!("/api/access?person={other}"),
            "/api/access?model=large".to_owned(),
            format!("/api/access?key={id}"),
        ];
        for target in targets {
            assert_eq!(house.get(role, &target).await.status, expected, "{role} {target}");
        }
        if expected == 403 {
            // Not even whether there is such a person, key or model.
            for target in ["person=nobody", "key=k-nothing", "model=none"] {
                assert_eq!(house.get(role, &format!("/api/access?{target}")).await.status, 403, "{target}");
            }
        }
    }
}

#[tokio::test]
async fn reasons_are_sentences_in_both_languages() {
    let house = House::open().await;
    let answer = house.get(Role::Admin, "/api/access?person=employee").await.json();
    let ask = row(&answer, "ask");
    assert_eq!((&ask["model"], &ask["up_to"]), (&"large".into(), &"CONFIDENTIAL".into()));
    assert_eq!(ask["rule"], "working-roles-ask");
    assert!(ask["reason"]["en"].as_str().unwrap().starts_with("The employee role may ask `large` up to"));
    assert!(
        ask["reason"]["de"]
            .as_str()
            .unwrap()
            .starts_with("Die Rolle Mitarbeit darf `large` bis zur Einstufung")
    );
    let people = row(&answer, "managePeople");
    assert_eq!(people["rule"], "no-rule-permits");
    assert!(people["reason"]["de"].as_str().unwrap().contains("Personen und ihre Sitzungen verwalten"));
    assert_eq!(answer["truncated"], false);
}

#[tokio::test]
async fn who_does_not_manage_people_learns_no_name_behind_a_pseudonym() {
    let house = House::open().await;
    let pseudonym = house.pseudonym(Role::Employee);
    let by_pseudonym = house.get(Role::Security, &format!("/api/access?person={pseudonym}")).await;
    assert_eq!(by_pseudonym.status, 200);
    assert!(
        by_pseudonym.json()["rows"].as_array().unwrap().iter().all(|row| row["person"] == pseudonym.as_str())
    );
    let by_name = house.get(Role::Security, "/api/access?person=employee").await;
    assert!(!by_name.text().contains(&pseudonym));
    let of_model = house.get(Role::Security, "/api/access?model=large").await.json();
    let rows = of_model["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 5);
    assert!(rows.iter().all(|row| row["person"].as_str().unwrap().starts_with("p:")));
    let of_key =
        house.get(Role::Security, &format!("/api/access?key={}", key(Role::Employee).id(&pepper()))).await;
    assert!(of_key.json()["rows"].as_array().unwrap().iter().all(|row| row["person"] == pseudonym.as_str()));
    // An administrator sees names anyway.
    let of_model = house.get(Role::Admin, "/api/access?model=large").await.json();
    assert_eq!(of_model["rows"][0]["person"], "admin");
}

#[tokio::test]
async fn what_bars_a_person_or_a_key_is_the_reason() {
    let house = House::open().await;
    let body = r#"{"person":"engineer","scopes":["models:other","surface:chat"]}"#;
    let made = house.post(Role::Admin, "/api/keys", body).await.json();
    let target = format!("/api/access?key={}", made["id"].as_str().unwrap());
    let scoped = house.get(Role::Admin, &target).await.json();
    assert!(scoped["rows"].as_array().unwrap().iter().all(|row| row["allowed"] == false));
    assert_eq!(row(&scoped, "ask")["rule"], "scope");
    house.delete(Role::Admin, &format!("/api/keys/{}", made["id"].as_str().unwrap())).await;
    let revoked = house.get(Role::Admin, &target).await.json();
    assert_eq!(row(&revoked, "readOperations")["rule"], "revoked");
    house.put(Role::Admin, "/api/people/employee", r#"{"blocked":true}"#).await;
    let blocked = house.get(Role::Admin, "/api/access?person=employee").await.json();
    assert_eq!(row(&blocked, "useChat")["rule"], "blocked");
    assert!(row(&blocked, "useChat")["reason"]["de"].as_str().unwrap().contains("gesperrt"));
    let of_model = house.get(Role::Admin, "/api/access?model=large").await.json();
    let rows = of_model["rows"].as_array().unwrap();
    assert!(rows.iter().any(|row| row["person"] == "employee" && row["rule"] == "blocked"));
    for wrong in ["person=a&model=b", "who=me"] {
        assert_eq!(house.get(Role::Admin, &format!("/api/access?{wrong}")).await.status, 400);
    }
    for nothing in ["person=nobody", "model=none", "key=k-nothing"] {
        assert_eq!(house.get(Role::Admin, &format!("/api/access?{nothing}")).await.status, 404);
    }
}

#[tokio::test]
async fn a_refusal_is_explained_to_its_asker_and_to_whoever_may_explain() {
    let house = House::open().await;
    let id = house
        .record(Role::Employee, Event::LlmRefuse, Outcome::Blocked, Some("sensitive_data_detected"))
        .await;
    let target = format!("/api/access/refusals/{id}");
    for role in [Role::Employee, Role::Security, Role::Admin] {
        let answer = house.get(role, &target).await;
        assert_eq!(answer.status, 200, "{role}");
        let answer = answer.json();
        assert_eq!(
            (&answer["code"], &answer["request_id"]),
            (&"sensitive_data_detected".into(), &id.clone().into())
        );
        assert!(answer["why"]["en"].as_str().unwrap().contains("Inspection found"));
    }
    for role in [Role::Engineer, Role::Auditor] {
        let answer = house.get(role, &target).await;
        let absent = house.get(role, "/api/access/refusals/01ARYZ6S41TSV4RRFFQ69G5FAV").await;
        assert_eq!((answer.status, answer.code()), (absent.status, absent.code()), "{role}");
        assert_eq!(answer.status, 404);
    }
    // Looking at one's own is nobody's business; looking at others' is recorded.
    assert_eq!(house.count(Event::LogRead), 2);
}
