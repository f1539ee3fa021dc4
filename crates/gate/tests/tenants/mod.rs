//! Tenants of one gate: nothing of one is on any way of another.

use schleuse_gate::AnswerScope;
use schleuse_limits::{Rule, Who};
use schleuse_testkit::{FakeUpstream, Script};
use schleuse_types::{Role, Tenant};
use schleuse_upstream::UpstreamConfig;
use serde_json::{Value, json};

use crate::house::{House, chat};

fn tenant(name: &str) -> Tenant {
    Tenant::parse(name).unwrap()
}

/// Of this server, for these tenants; all when there are none.
fn server(name: &str, fake: &FakeUpstream, models: &[&str], tenants: &[&str]) -> UpstreamConfig {
    UpstreamConfig {
        models: Some(models.iter().map(|model| (*model).to_owned()).collect()),
        tenants: tenants.iter().map(|name| tenant(name)).collect(),
        ..UpstreamConfig::new(name, fake.url())
    }
}

/// The employee is of `retail`, the engineer of `bank`, all others of the house.
async fn two_tenants() -> (House, [FakeUpstream; 3]) {
    let fakes = [FakeUpstream::start().await, FakeUpstream::start().await, FakeUpstream::start().await];
    for (fake, text) in fakes.iter().zip(["of retail", "of bank", "of all"]) {
        let message = json!({"role": "assistant", "content": text});
        let answer = json!({"id": "x", "object": "chat.completion", "created": 1, "model": "own",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]});
        fake.set_script(Script::json(200, answer.to_string()));
    }
    let house = House::open().await.with_upstreams(vec![
        server("all", &fakes[2], &["tiny"], &[]),
        server("a", &fakes[0], &["own", "same"], &["retail"]),
        server("b", &fakes[1], &["same"], &["bank"]),
    ]);
    let house = house.await;
    house.put_into_tenants(&[(Role::Employee, "retail"), (Role::Engineer, "bank")]);
    (house, fakes)
}

fn question(model: &str) -> String {
    json!({"model": model, "temperature": 0, "messages": [{"role": "user", "content": "Hallo"}]}).to_string()
}

fn told(fakes: &[FakeUpstream; 3]) -> [usize; 3] {
    fakes.each_ref().map(|fake| fake.questions().len())
}

#[tokio::test]
async fn what_is_private_exists_for_its_tenant_alone() {
    let (house, fakes) = two_tenants().await;
    let ids = async |role: &str| {
        let list = house.get("/v1/models", role).await;
        let list: Value = serde_json::from_str(list.text()).unwrap();
        let ids =
            list["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap().to_owned());
        ids.collect::<Vec<_>>()
    };
    assert_eq!(ids("employee").await, ["tiny", "own", "same"]);
    assert_eq!(ids("engineer").await, ["tiny", "same"]);
    assert_eq!(ids("admin").await, ["tiny"]);
    assert_eq!(house.get("/v1/models/own", "employee").await.status, 200);
    assert_eq!(house.get("/v1/models/own", "engineer").await.status, 404);
    // A model of others and one that nobody has are told of in the same words.
    let others = house.ask("admin", &question("own")).await;
    let nobodys = house.ask("admin", &question("nobodys")).await;
    others.expect(404, "model_not_found");
    nobodys.expect(404, "model_not_found");
    let words = |text: &str| {
        let error: Value = serde_json::from_str::<Value>(text).unwrap()["error"].clone();
        (error["message"].clone(), error["next"].clone(), error["code"].clone(), error["param"].clone())
    };
    assert_eq!(words(others.text()), words(nobodys.text()));
    assert_eq!(told(&fakes), [0, 0, 0]);
}

#[tokio::test]
async fn one_name_is_two_models_for_two_tenants() {
    let (house, fakes) = two_tenants().await;
    for (role, text, route) in [("employee", "of retail", "a"), ("engineer", "of bank", "b")] {
        for _ in 0..3 {
            let reply = house.ask(role, &question("same")).await;
            assert_eq!((reply.status, reply.content().as_str()), (200, text));
            assert_eq!(reply.header("x-schleuse-route"), route);
        }
    }
    assert_eq!(told(&fakes), [3, 3, 0]);
    // When one's own is away, another tenant's of the same name is not asked.
    let [a, b, _all] = fakes;
    drop(a);
    house.ask("employee", &question("same")).await.expect(503, "upstream_unavailable");
    assert_eq!(b.questions().len(), 3);
}

#[tokio::test]
async fn policies_that_know_no_tenants_open_nothing() {
    let house = House::with_policy(r#"@id("all") permit (principal, action, resource);"#).await;
    let fake = FakeUpstream::start().await;
    let house = house.with_upstreams(vec![server("b", &fake, &["own"], &["bank"])]).await;
    house.put_into_tenants(&[(Role::Employee, "retail")]);
    house.ask("employee", &question("own")).await.expect(404, "model_not_found");
    assert!(fake.questions().is_empty());
}

#[tokio::test]
async fn what_one_tenant_asked_is_kept_for_no_other() {
    let (house, fakes) = two_tenants().await;
    let house = house.keeping_answers(AnswerScope::House);
    for (role, expected) in [("employee", 1), ("employee", 1), ("engineer", 2), ("engineer", 2), ("admin", 3)]
    {
        let reply = house.ask(role, &question("tiny")).await;
        assert_eq!(reply.content(), "of all");
        assert_eq!(told(&fakes)[2], expected, "{role}");
    }
    // The security officer is of the house too, and shares with it.
    house.ask("security", &question("tiny")).await;
    assert_eq!(told(&fakes)[2], 3);
    // Purged by tenant.
    assert_eq!(house.gate.answers.forget(|asker| asker.tenant == tenant("retail")), 1);
    for (role, expected) in [("engineer", 3), ("admin", 3), ("employee", 4)] {
        house.ask(role, &question("tiny")).await;
        assert_eq!(told(&fakes)[2], expected, "{role}");
    }
}

#[tokio::test]
async fn prefix_caches_have_a_salt_for_each_tenant_and_label() {
    let (house, fakes) = two_tenants().await;
    let salt = async |role: &str, label: &str| {
        let reply = house.ask_labelled(role, label, &chat("Hallo")).await;
        assert_eq!(reply.status, 200);
        let sent: Value = serde_json::from_slice(&fakes[2].questions().pop().unwrap().body).unwrap();
        sent["cache_salt"].as_str().unwrap().to_owned()
    };
    let mut salts = Vec::new();
    for role in ["employee", "engineer", "admin"] {
        for label in ["INTERNAL", "CONFIDENTIAL"] {
            salts.push(salt(role, label).await);
        }
    }
    assert_eq!(salt("security", "INTERNAL").await, salts[4], "people of one tenant share");
    let count = salts.len();
    salts.sort();
    salts.dedup();
    assert_eq!(salts.len(), count);
}

#[tokio::test]
async fn a_tenants_limit_is_its_own() {
    let mut retail = Rule::new(Who::Tenant(tenant("retail")));
    retail.requests_per_minute = Some(1);
    retail.shared = true;
    // One budget for all employees: of each tenant.
    let mut engineers = Rule::new(Who::Role(Role::Engineer));
    engineers.requests_per_minute = Some(1);
    engineers.shared = true;
    let house = House::with_limits(vec![retail, engineers]).await;
    house.put_into_tenants(&[(Role::Employee, "retail"), (Role::Security, "retail")]);
    assert_eq!(house.ask("employee", &chat("Hallo")).await.status, 200);
    house.ask("security", &chat("Hallo")).await.expect(429, "rate_limit_exceeded");
    assert_eq!(house.ask("admin", &chat("Hallo")).await.status, 200);
    assert_eq!(house.ask("engineer", &chat("Hallo")).await.status, 200);
    house.ask("engineer", &chat("Hallo")).await.expect(429, "rate_limit_exceeded");
    house.put_into_tenants(&[(Role::Engineer, "bank")]);
    assert_eq!(house.ask("engineer", &chat("Hallo")).await.status, 200);
}
