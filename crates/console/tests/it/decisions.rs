//! The security officer's view: what was decided, by pseudonym, never where somebody came from.

use schleuse_audit::Event;
use schleuse_types::{Outcome, Role};

use crate::house::House;

#[tokio::test]
async fn decisions_come_newest_first_in_pages_and_filtered() {
    let house = House::open().await;
    for number in 0..30 {
        let (role, outcome) = match number % 3 {
            0 => (Role::Engineer, Outcome::Blocked),
            _ => (Role::Employee, Outcome::Allowed),
        };
        house.record(role, Event::LlmAdmit, outcome, None).await;
        house.record(role, Event::LlmComplete, outcome, None).await;
    }
    let page = house.get(Role::Security, "/api/decisions?limit=10").await.json();
    let decisions = page["decisions"].as_array().unwrap();
    assert_eq!(decisions.len(), 10);
    assert_eq!(decisions[0]["index"], 59);
    assert!(decisions.iter().all(|decision| decision["event"] == "llm.complete"));
    let next = page["next"].as_u64().unwrap();
    let rest = house.get(Role::Security, &format!("/api/decisions?limit=500&before={next}")).await.json();
    assert_eq!(rest["decisions"].as_array().unwrap().len(), 20);
    assert!(rest["next"].is_null());

    let count = async |filter: &str| {
        let answer = house.get(Role::Security, &format!("/api/decisions?limit=500&{filter}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["decisions"].as_array().unwrap().len()
    };
    assert_eq!(count("action=BLOCKED").await, 10);
    assert_eq!(count(&format!("user={}", house.pseudonym(Role::Employee))).await, 20);
    assert_eq!(count("user=employee").await, 0);
    assert_eq!(count("event=llm.admit").await, 30);
    assert_eq!(count("rule=working-roles-ask&model=large&action=BLOCKED").await, 10);
    assert_eq!(count("label=SECRET").await, 0);
    let answer = house.get(Role::Security, "/api/decisions?event=key.create").await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "invalid_request"));
}

#[tokio::test]
async fn a_decision_holds_a_pseudonym_and_neither_name_nor_origin() {
    let house = House::open().await;
    let id = house
        .record(Role::Employee, Event::LlmRefuse, Outcome::Blocked, Some("sensitive_data_detected"))
        .await;
    let answer = house.get(Role::Security, "/api/decisions").await;
    assert!(!answer.text().contains("k-secret"), "{}", answer.text());
    let decision = answer.json()["decisions"][0].clone();
    assert_eq!(decision["user"], house.pseudonym(Role::Employee));
    assert_eq!(decision["request_id"], id);
    assert_eq!(decision["timestamp"].as_str().unwrap().len(), "2026-11-20T20:48:44.123Z".len());
    let mut names: Vec<_> = decision.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(
        names.join(" "),
        "action code coverage evasive event excepted findings index label model ms request_id role route rules \
         sensitivity shadow status surface timestamp tokens_in tokens_out user"
    );
}

#[tokio::test]
async fn one_request_is_explained_in_both_languages() {
    let house = House::open().await;
    let id = house
        .record(Role::Employee, Event::LlmRefuse, Outcome::Blocked, Some("sensitive_data_detected"))
        .await;
    let answer = house.get(Role::Security, &format!("/api/decisions/{id}")).await.json();
    assert_eq!(answer["entries"].as_array().unwrap().len(), 1);
    assert!(answer["explanation"]["happened"]["en"].as_str().unwrap().contains("blocked"));
    assert!(answer["explanation"]["happened"]["de"].as_str().unwrap().contains("blockiert"));
    assert!(answer["explanation"]["next"]["de"].as_str().unwrap().contains("Platzhalter"));
    for unknown in ["01ARYZ6S41TSV4RRFFQ69G5FAV", "x", "%2e%2e%2fcheckpoint"] {
        let answer = house.get(Role::Security, &format!("/api/decisions/{unknown}")).await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"));
    }
}

#[tokio::test]
async fn looking_at_decisions_is_recorded_once_a_minute_for_each_filter() {
    let house = House::open().await;
    for _ in 0..5 {
        house.get(Role::Security, "/api/decisions").await;
    }
    assert_eq!(house.count(Event::LogRead), 1);
    house.get(Role::Security, "/api/decisions?action=BLOCKED&limit=7").await;
    assert_eq!(house.count(Event::LogRead), 2);
    let entry = house.newest(Event::LogRead);
    assert_eq!((&entry["subject"], &entry["change"]), (&"decisions".into(), &"action=BLOCKED".into()));
    assert_eq!(entry["user"], house.pseudonym(Role::Security));
    // What concerns the house and not what people did is no reading of the log.
    for _ in 0..5 {
        house.get(Role::Admin, "/api/now").await;
    }
    assert_eq!(house.count(Event::LogRead), 2);
}
