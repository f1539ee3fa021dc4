//! The table of routes: every route asks who it is and whether they may.

use schleuse_audit::Event;
use schleuse_console::{Need, ROUTES, pages};
use schleuse_policy::{Circumstances, Policy};
use schleuse_types::{Principal, Role};
use schleuse_wire::{Method, ReplyBody};
use serde_json::Value;

use crate::house::{House, bearer, key};

/// The path with something in the place of its `{…}`.
fn target(path: &str) -> String {
    path.split('/').map(|part| if part.starts_with('{') { "42" } else { part }).collect::<Vec<_>>().join("/")
}

/// Who may walk a route, as the issue's default roles have it.
fn permitted(path: &str) -> &'static [Role] {
    match path {
        path if path.starts_with("/api/decisions") => &[Role::Security],
        "/api/audit/verify" => &[Role::Security, Role::Auditor],
        path if path.starts_with("/api/audit") => &[Role::Auditor],
        "/api/now" => &[Role::Engineer, Role::Admin],
        path if path.starts_with("/api/people") || path.starts_with("/api/keys") => &[Role::Admin],
        path if path.starts_with("/api/sessions") => &[Role::Admin],
        path if path.starts_with("/api/upstreams") => &[Role::Admin],
        "/api/answers/forget" => &[Role::Admin],
        path if path.starts_with("/api/walls") => &[Role::Security],
        "/api/policies" | "/api/posture" => &[Role::Admin],
        _ => &Role::ALL,
    }
}

#[tokio::test]
async fn every_route_answers_the_roles_that_it_is_for_and_denies_all_others() {
    let house = House::open().await;
    for route in &ROUTES {
        for role in Role::ALL {
            let credential = Some(bearer(&key(role)));
            let (status, _, body) =
                house.begin(credential, route.method, &target(route.path), "{}", None).await;
            if permitted(route.path).contains(&role) {
                // What is not there, or lacks a member, is no question of rights.
                assert!([200, 201, 204, 400, 404].contains(&status), "{role} {} {status}", route.path);
                continue;
            }
            assert_eq!(status, 403, "{role} {}", route.path);
            let ReplyBody::Whole(body) = body else { panic!("{role} {} streams", route.path) };
            let error = &serde_json::from_slice::<serde_json::Value>(&body).unwrap()["error"];
            assert_eq!(error["code"], "access_denied");
            assert!(error["message"].as_str().unwrap().contains("Rule: `"), "{error}");
            assert!(!error["next"].as_str().unwrap().is_empty());
        }
    }
}

#[tokio::test]
async fn kept_answers_are_forgotten_by_person_and_on_record() {
    let house = House::open().await;
    for (body, forgotten) in [(r#"{"person":"anna"}"#, 2), (r#"{"person":"nobody"}"#, 0), ("{}", 3)] {
        let answer = house.post(Role::Admin, "/api/answers/forget", body).await;
        assert_eq!((answer.status, answer.json()["forgotten"].as_u64()), (200, Some(forgotten)), "{body}");
    }
    assert_eq!(house.count(Event::AnswersForget), 3);
    let entry = house.newest(Event::AnswersForget);
    assert_eq!(entry["subject"], Value::Null, "everybody's");
}

#[tokio::test]
async fn no_route_answers_without_a_credential() {
    let house = House::open().await;
    let stranger = schleuse_identity::ApiKey::derive(b"other", "stranger");
    let mut refused = 0;
    for route in &ROUTES {
        for credential in [None, Some(bearer(&stranger))] {
            let answer = house.send(credential, route.method, &target(route.path), "{}").await;
            assert_eq!((answer.status, answer.code().as_str()), (401, "invalid_api_key"), "{}", route.path);
            refused += 1;
        }
    }
    assert_eq!(house.told.strangers.load(std::sync::atomic::Ordering::Relaxed), refused);
    assert_eq!(house.console.log.metrics().size, 0);
    // Not even what there is.
    let answer = house.send(None, Method::Get, "/api/nothing", "").await;
    assert_eq!(answer.status, 401);
}

#[tokio::test]
async fn a_denial_is_recorded_once_a_minute() {
    let house = House::open().await;
    for _ in 0..3 {
        assert_eq!(house.get(Role::Employee, "/api/people").await.status, 403);
    }
    assert_eq!(house.count(Event::AccessDeny), 1);
    let entry = house.newest(Event::AccessDeny);
    assert_eq!(entry["user"], house.pseudonym(Role::Employee));
    assert_eq!((&entry["surface"], &entry["action"]), (&"/api/people".into(), &"DENIED".into()));
    assert_eq!(entry["rules"][0], "no-rule-permits");
    assert_eq!(house.get(Role::Engineer, "/api/people").await.status, 403);
    assert_eq!(house.count(Event::AccessDeny), 2);
}

#[tokio::test]
async fn what_is_not_in_the_table_is_not_there() {
    let house = House::open().await;
    let check = async |method: Method, path: &str, status: u16, code: &str| {
        let answer = house.send(Some(bearer(&key(Role::Admin))), method, path, "").await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{path}");
        assert!(answer.header("x-schleuse-request-id").is_some());
    };
    check(Method::Get, "/api", 404, "not_found").await;
    check(Method::Get, "/api/people/", 404, "not_found").await;
    check(Method::Get, "/api/people/a/b", 404, "not_found").await;
    check(Method::Get, "/api/%70eople", 404, "not_found").await;
    check(Method::Get, "/api/people/a", 405, "method_not_allowed").await;
    check(Method::Delete, "/api/people", 405, "method_not_allowed").await;
    check(Method::Other, "/api/people", 405, "method_not_allowed").await;
    check(Method::Post, "/api/decisions/live", 405, "method_not_allowed").await;
    check(Method::Delete, "/api/sessions/%ff", 404, "not_found").await;
    check(Method::Get, "/api/people?x=1", 400, "invalid_request").await;
    check(Method::Post, "/api/people", 400, "invalid_request").await;
}

#[tokio::test]
async fn a_session_may_what_its_role_may() {
    let house = House::open().await;
    let (_, admin) = house.sign_in(Role::Admin).await;
    let answer = house.send(Some(admin), Method::Get, "/api/people", "").await;
    assert_eq!(answer.status, 200);
    let (_, employee) = house.sign_in(Role::Employee).await;
    let answer = house.send(Some(employee), Method::Get, "/api/people", "").await;
    assert_eq!(answer.status, 403);
}

#[tokio::test]
async fn a_model_server_is_drained_with_an_entry_and_comes_back() {
    let house = House::open().await;
    let name = house.console.upstreams.status().remove(0).name;
    let change = async |what: &str, status: u16| {
        let answer = house.post(Role::Admin, &format!("/api/upstreams/{name}/{what}"), "").await;
        assert_eq!(answer.status, status, "{}", answer.text());
        answer.json()
    };
    let drained = change("drain", 200).await;
    assert_eq!(
        (&drained["upstream"]["draining"], &drained["upstream"]["in_flight"], &drained["unserved_models"][0]),
        (&true.into(), &0.into(), &"large".into())
    );
    let entry = house.newest(Event::UpstreamDrain);
    assert_eq!((&entry["subject"], &entry["change"]), (&name.as_str().into(), &"outstanding=0".into()));
    assert_eq!(entry["user"], house.pseudonym(Role::Admin));
    // It is so already: no second entry.
    change("drain", 200).await;
    let now = house.get(Role::Admin, "/api/upstreams").await.json();
    assert_eq!(now["upstreams"][0]["draining"], true);
    let back = change("undrain", 200).await;
    assert_eq!(
        (&back["upstream"]["draining"], &back["unserved_models"]),
        (&false.into(), &Value::Array(Vec::new()))
    );
    assert_eq!((house.count(Event::UpstreamDrain), house.count(Event::UpstreamUndrain)), (1, 1));
    let answer = house.post(Role::Admin, "/api/upstreams/nobody/drain", "").await;
    assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"));
    assert_eq!(house.post(Role::Engineer, &format!("/api/upstreams/{name}/drain"), "").await.status, 403);
    assert!(!house.console.upstreams.status()[0].draining);
}

#[test]
fn the_pages_of_a_role_are_those_that_its_routes_answer() {
    let policy = Policy::shipped().unwrap();
    let check = |role: Role, expected: &str| {
        let person = role.as_str().to_owned();
        let principal = Principal {
            person,
            role,
            groups: Vec::new(),
            tenant: Default::default(),
            credential: "k".into(),
        };
        assert_eq!(pages(&policy, &principal, &Circumstances::default()).join(" "), expected, "{role}");
    };
    check(Role::Employee, "chat sessions limits");
    check(Role::Engineer, "chat now sessions limits");
    check(Role::Security, "chat decisions access sessions limits");
    check(Role::Admin, "chat now people keys upstreams policies posture access sessions limits");
    check(Role::Auditor, "audit sessions limits");
}

#[test]
fn every_route_but_the_own_ones_needs_an_action() {
    let free: Vec<_> =
        ROUTES.iter().filter(|route| matches!(route.need, Need::Nothing)).map(|route| route.path).collect();
    // Who decides about a label is asked of policy for each request, because an asker sees their own.
    let own = ["/api/access", "/api/access/refusals/{request_id}", "/api/limits"];
    let approvals = ["/api/approvals", "/api/approvals/{id}/approve", "/api/approvals/{id}/refuse"];
    assert_eq!(free, [own, approvals].concat());
}

#[tokio::test]
async fn the_operators_pages_say_what_the_root_and_the_rooms_know() {
    let house = House::open().await;
    let now = house.get(Role::Engineer, "/api/now").await.json();
    assert_eq!((&now["uptime_s"], &now["engine"]["state"]), (&7.into(), &"ready".into()));
    assert_eq!(now["upstreams"][0]["models"][0], "large");
    assert_eq!(now["audit"]["ready"], true);
    let upstreams = house.get(Role::Admin, "/api/upstreams").await.json();
    assert_eq!(upstreams["upstreams"], now["upstreams"]);
    assert_eq!(upstreams["upstreams"][0]["reason"], Value::Null);
    // Nobody listens at its address; whoever reads German reads why in German.
    house.console.upstreams.refresh().await;
    let upstreams = house.get(Role::Admin, "/api/upstreams").await.json();
    let reason = &upstreams["upstreams"][0]["reason"];
    assert_eq!(
        (&reason["en"], &reason["de"]),
        (&"connection refused".into(), &"Verbindung abgelehnt".into())
    );
    let policies = house.get(Role::Admin, "/api/policies").await.json();
    assert_eq!(policies["digest"], Policy::shipped().unwrap().digest());
    assert_eq!(policies["files"][1]["name"], "default.cedar");
    let rule = policies["rules"].as_array().unwrap().iter().find(|rule| rule["id"] == "auditor-never-asks");
    let rule = rule.unwrap();
    assert_eq!((&rule["effect"], &rule["line"]), (&"forbid".into(), &16.into()));
    assert_eq!(rule["note"]["de"], "Die Rolle Revision liest, sie fragt nie.");
    let posture = house.get(Role::Admin, "/api/posture").await.json();
    assert_eq!(posture["lines"][0]["text"]["de"], "unverschlüsselt auf Loopback");
    let limits = house.get(Role::Auditor, "/api/limits").await.json();
    assert_eq!(limits["limits"][0]["who"], "role:auditor");
}
