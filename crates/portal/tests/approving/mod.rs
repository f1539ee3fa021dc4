//! Lower labels that somebody asks for and somebody else approves.

use schleuse_store::{ApprovalRow, ApprovalState};
use schleuse_types::Tenant;
use schleuse_wire::Method;
use serde_json::{Value, json};

use crate::house::House;

/// A conversation of anna's that is SECRET; lowering it needs two.
async fn secret(house: &House) -> String {
    let conversation = house.begin("anna").await;
    house.gate.will_say("SECRET", &["streng"]);
    let asked = house.ask("anna", &conversation, "Frage").await;
    house.finish("anna", &asked.run).await;
    conversation
}

async fn lower(house: &House, person: &str, conversation: &str) -> crate::house::Answer {
    let body = json!({"to": "INTERNAL", "reason": "  Anonymisiert  "}).to_string();
    house
        .send(person, Method::Post, &format!("/api/chat/conversations/{conversation}/declassify"), &body)
        .await
}

async fn label(house: &House, conversation: &str) -> Value {
    house.get("anna", &format!("/api/chat/conversations/{conversation}")).await["label"].clone()
}

async fn the_row(house: &House) -> ApprovalRow {
    house.store.approvals().await.unwrap().remove(0)
}

#[tokio::test]
async fn a_label_waits_for_somebody_else_and_outlives_a_restart() {
    let house = House::open().await;
    let conversation = secret(&house).await;
    let waiting = lower(&house, "sigrid", &conversation).await.expect(202);
    assert_eq!(waiting["approval"]["state"], "pending");
    assert_eq!((&waiting["label"], &waiting["to"]), (&json!("SECRET"), &json!("INTERNAL")));
    assert!(waiting["expires"].as_str() > waiting["created"].as_str());
    assert_eq!(label(&house, &conversation).await, "SECRET");
    // Asked for once, not twice.
    lower(&house, "sigrid", &conversation).await.expect_refusal(404, "not_found");

    let house = house.reopen().await;
    let row = the_row(&house).await;
    assert_eq!(waiting["approval"]["id"], row.id.as_str());
    assert!(!row.reason.windows(5).any(|piece| piece == b"Anony"), "sealed");
    assert_eq!(house.portal.reason_of(&row).await.as_deref(), Some("Anonymisiert"));
    let moved = ApprovalRow { id: "other".to_owned(), ..row.clone() };
    assert_eq!(house.portal.reason_of(&moved).await, None);
    // Not by the one who asked, and not twice.
    let decide = async |decider: &str, state| house.portal.decide_approval(&row, decider, state).await;
    decide("sigrid", ApprovalState::Approved).await.unwrap_err();
    assert_eq!(label(&house, &conversation).await, "SECRET");
    decide("bert", ApprovalState::Approved).await.unwrap();
    assert_eq!(label(&house, &conversation).await, "INTERNAL");
    decide("bert", ApprovalState::Refused).await.unwrap_err();
    assert_eq!(the_row(&house).await.state, ApprovalState::Approved);
}

#[tokio::test]
async fn what_was_refused_does_not_fall() {
    let house = House::open().await;
    let conversation = secret(&house).await;
    lower(&house, "sigrid", &conversation).await.expect(202);
    let row = the_row(&house).await;
    house.portal.decide_approval(&row, "bert", ApprovalState::Refused).await.unwrap();
    house.portal.decide_approval(&row, "bert", ApprovalState::Approved).await.unwrap_err();
    assert_eq!(label(&house, &conversation).await, "SECRET");
    lower(&house, "sigrid", &conversation).await.expect(202);
}

#[tokio::test]
async fn a_conversation_that_went_on_is_not_lowered() {
    let house = House::open().await;
    let conversation = secret(&house).await;
    lower(&house, "sigrid", &conversation).await.expect(202);
    house.gate.will_say("SECRET", &["mehr"]);
    let asked = house.ask("anna", &conversation, "Und?").await;
    house.finish("anna", &asked.run).await;
    let row = the_row(&house).await;
    let refused = house.portal.decide_approval(&row, "bert", ApprovalState::Approved).await.unwrap_err();
    assert!(refused.message.english.contains("has changed"), "{refused}");
    assert_eq!(label(&house, &conversation).await, "SECRET");
    assert_eq!(the_row(&house).await.state, ApprovalState::Pending, "it can still be refused");
}

#[tokio::test]
async fn labels_of_another_tenant_are_not_there() {
    let house = House::open().await;
    let conversation = secret(&house).await;
    lower(&house, "sigrid", &conversation).await.expect(202);
    let row = the_row(&house).await;
    // Whoever moves leaves the conversation behind: it is theirs no longer to be lowered, nor to be read.
    let retail = "retail".parse().unwrap();
    house.store.set_tenant("anna", &retail).await.unwrap();
    house.portal.decide_approval(&row, "bert", ApprovalState::Approved).await.unwrap_err();
    house
        .send("anna", Method::Get, &format!("/api/chat/conversations/{conversation}"), "")
        .await
        .expect_refusal(403, "access_denied");
    house.store.set_tenant("anna", &Tenant::HOUSE).await.unwrap();
    assert_eq!(label(&house, &conversation).await, "SECRET");
}
