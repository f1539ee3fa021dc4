//! Lower labels that somebody asked for, and the second person who decides.

use schleuse_audit::Event;
use schleuse_store::{ApprovalRow, ApprovalState, ConversationRow, ReleaseRow, ReleaseState};
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

/// Somebody asked that a blocked text may pass once.
async fn wished(house: &House, asker: Role) {
    let now = house.console.clock.now();
    let row = ReleaseRow {
        id: "r".into(),
        tenant: Tenant::HOUSE,
        person: asker.to_string(),
        content: "hmac".into(),
        model: "tiny".into(),
        label: Label::CONFIDENTIAL,
        routes: "one,two".into(),
        kinds: "IBAN:2,TAX_ID:1".into(),
        reason: vec![2],
        created: now,
        expires: Timestamp(now.0 + 60_000_000),
        state: ReleaseState::Waiting,
        decider: None,
        decided: None,
    };
    assert!(house.console.store.ask_release(&row, 9).await.unwrap());
}

#[tokio::test]
async fn a_blocked_text_is_released_by_somebody_else_who_never_sees_it() {
    for (path, event, state, told) in [
        ("/api/approvals/r/approve", Event::ReleaseGrant, ReleaseState::Granted, "approved"),
        ("/api/approvals/r/refuse", Event::ReleaseDeny, ReleaseState::Denied, "refused"),
    ] {
        let house = House::open().await;
        wished(&house, Role::Employee).await;
        let seen = shown(&house, Role::Security).await.remove(0);
        assert_eq!((&seen["kind"], &seen["may_decide"]), (&"release".into(), &true.into()));
        assert_eq!(seen["types"], serde_json::json!({"IBAN": 2, "TAX_ID": 1}));
        assert_eq!((&seen["reason"], &seen["state"]), (&"why it must pass".into(), &"pending".into()));
        assert!(!seen.to_string().contains("hmac"), "{seen}");
        assert_eq!(shown(&house, Role::Employee).await.remove(0)["may_decide"], false);
        assert!(
            shown(&house, Role::Engineer).await.is_empty() && shown(&house, Role::Admin).await.is_empty()
        );

        let decided = house.post(Role::Security, path, r#"{"reason":"gelesen"}"#).await;
        assert_eq!((decided.status, &decided.json()["state"]), (200, &told.into()), "{}", decided.text());
        let row = house.console.store.release("r").await.unwrap().unwrap();
        assert_eq!((row.state, row.decider.as_deref()), (state, Some("security")));
        let entry = house.newest(event);
        assert_eq!(
            (&entry["subject"], &entry["user"]),
            (&"r".into(), &house.pseudonym(Role::Security).into())
        );
        let change = entry["change"].as_str().unwrap();
        let asker = format!("asker={} model=tiny types=IBAN:2,TAX_ID:1", house.pseudonym(Role::Employee));
        assert!(change.starts_with(&asker) && change.ends_with("reason_characters=7"), "{change}");
        assert_eq!(house.post(Role::Security, path, "{}").await.status, 400, "never twice");
    }
}

#[tokio::test]
async fn nobody_releases_their_own_text_without_the_right_or_in_another_tenant() {
    let house = House::open().await;
    wished(&house, Role::Security).await;
    let approve = async |role: Role| house.post(role, "/api/approvals/r/approve", "{}").await.status;
    for role in [Role::Security, Role::Employee, Role::Engineer, Role::Admin, Role::Auditor] {
        assert_eq!(approve(role).await, 403, "{role}");
    }
    house.console.store.set_tenant("security", &Tenant::parse("retail").unwrap()).await.unwrap();
    house.learn().await;
    assert_eq!(approve(Role::Security).await, 404, "another tenant's is not there");
    assert_eq!(house.console.store.release("r").await.unwrap().unwrap().state, ReleaseState::Waiting);
    assert_eq!(house.count(Event::ReleaseGrant), 0);
}
