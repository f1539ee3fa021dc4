//! No call raises what its caller may do.

use std::collections::BTreeSet;

use proptest::prelude::*;
use schleuse_audit::Event;
use schleuse_identity::ApiKey;
use schleuse_types::{Label, Level, Role};
use schleuse_wire::Method;

use crate::house::{House, bearer, key};

/// Everything that somebody may do, as `/api/access` says it for themselves; a model once for each label.
async fn rights(house: &House, key: &ApiKey) -> BTreeSet<String> {
    let answer = house.send(Some(bearer(key)), Method::Get, "/api/access?person=me", "").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let mut rights = BTreeSet::new();
    for row in answer.json()["rows"].as_array().unwrap() {
        if row["allowed"] != true {
            continue;
        }
        let up_to = row["up_to"].as_str().map(|label| Label::parse(label.as_bytes()).unwrap());
        let labels =
            Level::ALL.into_iter().filter(|level| up_to.as_ref().is_none_or(|up_to| *level <= up_to.level()));
        rights.extend(labels.map(|label| format!("{} {} {label}", row["action"], row["model"])));
    }
    rights
}

#[tokio::test]
async fn nobody_makes_a_key_of_their_own_with_another_role() {
    let house = House::open().await;
    for role in Role::ALL {
        let body = format!(r#"{{"person":"admin","role":"{role}"}}"#);
        let answer = house.post(Role::Admin, "/api/keys", &body).await;
        let expected = if role == Role::Admin { 201 } else { 403 };
        assert_eq!(answer.status, expected, "{role} {}", answer.text());
    }
    assert_eq!(house.count(Event::KeyCreate), 1);
}

#[tokio::test]
async fn who_manages_keys_but_not_people_gives_nobody_more_than_they_have() {
    let house = House::with_policy(
        r#"
        @id("keys") permit (principal in Role::"engineer", action == Action::"manageKeys", resource);
        @id("ask") permit (principal, action == Action::"ask", resource) when { principal in Role::"security" || context.label.level < 2 };
        @id("audit") permit (principal in Role::"auditor", action == Action::"readAudit", resource);
        @id("group") permit (principal in Group::"operators", action == Action::"readOperations", resource);
        "#,
    )
    .await;
    house.console.store.set_groups("employee", &["operators"], house.console.clock.now()).await.unwrap();
    house.learn().await;
    let check = async |body: &str, status: u16| {
        let answer = house.post(Role::Engineer, "/api/keys", body).await;
        assert_eq!(answer.status, status, "{body} {}", answer.text());
    };
    // The admin may do nothing more here than an engineer, so the role's name alone is no reason.
    check(r#"{"person":"admin"}"#, 201).await;
    // The auditor reads the log, security asks with higher labels, a group of the employee opens a page.
    check(r#"{"person":"auditor"}"#, 403).await;
    check(r#"{"person":"admin","role":"auditor"}"#, 403).await;
    check(r#"{"person":"security"}"#, 403).await;
    check(r#"{"person":"employee"}"#, 403).await;
    check(r#"{"person":"engineer"}"#, 201).await;
    check(r#"{"person":"engineer","role":"security"}"#, 403).await;
}

/// One call that changes something, with whatever a caller might put into it.
fn call() -> impl Strategy<Value = (Method, String, String)> {
    let person = prop::sample::select(vec!["employee", "engineer", "security", "admin", "auditor"]);
    let role = prop::sample::select(Role::ALL.to_vec());
    (person, role, any::<bool>(), 0..6_u8).prop_map(|(person, role, blocked, kind)| match kind {
        0 => (Method::Post, "/api/keys".to_owned(), format!(r#"{{"person":"{person}","role":"{role}"}}"#)),
        1 => (Method::Post, "/api/keys".to_owned(), format!(r#"{{"person":"{person}"}}"#)),
        2 => (Method::Put, format!("/api/people/{person}"), format!(r#"{{"role":"{role}"}}"#)),
        3 => (Method::Put, format!("/api/people/{person}"), r#"{"groups":["power"]}"#.to_owned()),
        4 => (Method::Put, format!("/api/people/{person}"), format!(r#"{{"blocked":{blocked}}}"#)),
        _ => (Method::Post, "/api/people".to_owned(), format!(r#"{{"name":"new","role":"{role}"}}"#)),
    })
}

/// Rules under which every role manages something, so that there is much to try.
const LAVISH: &str = r#"
    @id("keys") permit (principal, action == Action::"manageKeys", resource) when { principal in [Role::"engineer", Role::"security", Role::"admin"] };
    @id("people") permit (principal, action == Action::"managePeople", resource) when { principal in [Role::"admin", Role::"auditor"] };
    @id("audit") permit (principal in Role::"auditor", action == Action::"readAudit", resource);
    @id("ask") permit (principal, action == Action::"ask", resource) when { principal in Role::"security" || context.label.level < 2 };
    @id("power") permit (principal in Group::"power", action == Action::"managePolicies", resource);
"#;

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whatever somebody calls, in whatever order: their own credential may not do more than before, and a key that is
    /// handed to them may not either, unless they manage people and could have given that role to anybody.
    #[test]
    fn no_call_raises_what_its_caller_may_do(
        caller in prop::sample::select(Role::ALL.to_vec()),
        calls in proptest::collection::vec(call(), 1..8),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let house = House::with_policy(LAVISH).await;
            let own = key(caller);
            let before = rights(&house, &own).await;
            let manages_people = before.iter().any(|right| right.contains("managePeople"));
            for (method, target, body) in calls {
                let answer = house.send(Some(bearer(&own)), method, &target, &body).await;
                house.learn().await;
                let after = rights(&house, &own).await;
                assert!(after.is_subset(&before), "{caller} {target} {body}: {after:?} was {before:?}");
                if answer.status == 201 && target == "/api/keys" {
                    let made = answer.json();
                    let made_key = ApiKey::parse(made["key"].as_str().unwrap()).unwrap();
                    let is_own = made["person"] == caller.as_str();
                    if !manages_people || is_own {
                        // The person may be blocked, and then the key opens nothing.
                        let credential = Some(bearer(&made_key));
                        let answer = house.send(credential, Method::Get, "/api/access", "").await;
                        if answer.status == 200 {
                            let given = rights(&house, &made_key).await;
                            assert!(given.is_subset(&before), "{caller} {body}: {given:?} was {before:?}");
                        }
                    }
                }
            }
        });
    }
}
