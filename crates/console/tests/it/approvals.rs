//! Lower labels that somebody asked for, and the second person who decides.

use schleuse_audit::Event;
use schleuse_store::{ApprovalRow, ApprovalState, ConversationRow};
use schleuse_types::{Label, Role, Tenant, Timestamp};

use crate::house::House;

/// The engineer's conversation, and somebody who asked for a lower label of it.
async fn asked(house: &House, asker: Role) {
    let store = &house.console.store;
    let now = house.console.clock.now();
    let conversation = ConversationRow {
        id: "c".into(),
        person: "engineer".into(),
        head: vec![1],
        created: now,
        updated: now,
        running: false,
    };
    store.put_conversation(&conversation).await.unwrap();
    let row = ApprovalRow {
        id: "a".into(),
        tenant: Tenant::HOUSE,
        conversation: "c".into(),
        owner: "engineer".into(),
        asker: asker.to_string(),
        from: Label::SECRET,
        to: Label::INTERNAL,
        through: 1,
        reason: vec![2],
        created: now,
        expires: Timestamp(now.0 + 60_000_000),
        state: ApprovalState::Pending,
        decider: None,
        decided: None,
    };
    assert_eq!(store.ask_approval(&row).await.unwrap(), None);
}

async fn shown(house: &House, role: Role) -> Vec<serde_json::Value> {
    house.get(role, "/api/approvals").await.json()["approvals"].as_array().unwrap().clone()
}

#[tokio::test]
async fn whoever_may_decide_sees_why_and_decides_on_record() {
    for (path, event, state) in [
        ("/api/approvals/a/approve", Event::LabelLower, ApprovalState::Approved),
        ("/api/approvals/a/refuse", Event::LabelRefuse, ApprovalState::Refused),
    ] {
        let house = House::open().await;
        asked(&house, Role::Employee).await;
        let seen = shown(&house, Role::Security).await.remove(0);
        assert_eq!((&seen["reason"], &seen["may_decide"]), (&"why".into(), &true.into()));
        assert_eq!((&seen["from"], &seen["to"]), (&"SECRET".into(), &"INTERNAL".into()));
        assert_eq!(
            (seen["asker"].as_str().unwrap(), &seen["state"]),
            (&*house.pseudonym(Role::Employee), &"pending".into())
        );
        // Who asked sees it, and nobody else does.
        assert_eq!(shown(&house, Role::Employee).await.remove(0)["may_decide"], false);
        assert!(
            shown(&house, Role::Admin).await.is_empty() && shown(&house, Role::Engineer).await.is_empty()
        );

        let decided = house.post(Role::Security, path, r#"{"reason":"gelesen"}"#).await;
        assert_eq!(decided.status, 200, "{}", decided.text());
        let told = house.told.decided.lock().unwrap().clone();
        assert_eq!(told, [("a".to_owned(), "security".to_owned(), state)]);
        let entry = house.newest(event);
        assert_eq!(
            (&entry["subject"], &entry["user"]),
            (&"c".into(), &house.pseudonym(Role::Security).into())
        );
        let change = entry["change"].as_str().unwrap();
        assert!(change.contains(&format!("asker={}", house.pseudonym(Role::Employee))), "{change}");
        assert!(change.ends_with("approval=a reason_characters=7"), "{change}");
    }
}

#[tokio::test]
async fn nobody_decides_alone_without_the_right_or_in_another_tenant() {
    let house = House::open().await;
    asked(&house, Role::Security).await;
    let approve = async |role: Role| house.post(role, "/api/approvals/a/approve", "{}").await.status;
    assert_eq!(approve(Role::Security).await, 403, "who asked");
    for role in [Role::Employee, Role::Engineer, Role::Admin, Role::Auditor] {
        assert_eq!(approve(role).await, 403, "{role}");
    }
    assert_eq!(house.post(Role::Security, "/api/approvals/b/approve", "{}").await.status, 404);
    house.console.store.set_tenant("security", &Tenant::parse("retail").unwrap()).await.unwrap();
    house.learn().await;
    assert_eq!(approve(Role::Security).await, 404, "another tenant's is not there");
    assert!(shown(&house, Role::Security).await.is_empty());
    assert!(house.told.decided.lock().unwrap().is_empty());
    assert_eq!(house.count(Event::LabelLower), 0);
}
