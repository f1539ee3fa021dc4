//! Keys: the one answer that shows one, scopes, expiry, revocation.

use schleuse_audit::Event;
use schleuse_identity::ApiKey;
use schleuse_types::Role;
use schleuse_wire::Method;

use crate::house::{House, bearer};

#[tokio::test]
async fn a_key_is_shown_once_works_and_ends() {
    let house = House::open().await;
    let body = r#"{"person":"engineer","scopes":["models:large"],"expires_s":3600}"#;
    let made = house.post(Role::Admin, "/api/keys", body).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let made = made.json();
    let printed = made["key"].as_str().unwrap().to_owned();
    let key = ApiKey::parse(&printed).unwrap();
    assert_eq!(made["id"], key.id(&crate::house::pepper()));
    assert_eq!((&made["role"], &made["scopes"][0]), (&"engineer".into(), &"models:large".into()));
    house.learn().await;
    assert_eq!(house.send(Some(bearer(&key)), Method::Get, "/api/now", "").await.status, 200);

    let list = house.get(Role::Admin, "/api/keys").await;
    assert!(!list.text().contains(&printed) && !list.text().contains("hash"));
    assert_eq!(list.json()["keys"].as_array().unwrap().len(), 6);
    let entry = house.newest(Event::KeyCreate);
    assert_eq!((&entry["subject"], &entry["user"]), (&made["id"], &house.pseudonym(Role::Admin).into()));
    assert!(!entry.to_string().contains(&printed));

    let target = format!("/api/keys/{}", made["id"].as_str().unwrap());
    assert_eq!(house.delete(Role::Admin, &target).await.status, 204);
    assert_eq!(house.delete(Role::Admin, &target).await.status, 204);
    assert_eq!(house.count(Event::KeyRevoke), 1);
    let id = made["id"].as_str().unwrap().to_owned();
    assert_eq!(*house.told.recorded.lock().unwrap(), [id.clone(), id]);
    house.learn().await;
    assert_eq!(house.send(Some(bearer(&key)), Method::Get, "/api/now", "").await.status, 401);
}

#[tokio::test]
async fn what_is_no_key_is_refused() {
    let house = House::open().await;
    for (body, param) in [
        (r#"{"role":"employee"}"#, "person"),
        (r#"{"person":"nobody"}"#, "person"),
        (r#"{"person":"engineer","scopes":["everything"]}"#, "scopes"),
        (r#"{"person":"engineer","expires_s":0}"#, "expires_s"),
        (r#"{"person":"engineer","expires_s":99999999999}"#, "expires_s"),
        (r#"{"person":"engineer","expires":"2030-01-01"}"#, "expires"),
    ] {
        let answer = house.post(Role::Admin, "/api/keys", body).await;
        assert_eq!((answer.status, &answer.json()["error"]["param"]), (400, &param.into()), "{body}");
    }
    assert_eq!(house.delete(Role::Admin, "/api/keys/k-nothing").await.status, 404);
    assert_eq!(house.console.log.metrics().size, 0);
}

#[tokio::test]
async fn a_key_with_scopes_reads_here_only_what_they_cover_and_changes_nothing() {
    let house = House::open().await;
    let second = r#"{"name":"second","role":"admin"}"#;
    assert_eq!(house.post(Role::Admin, "/api/people", second).await.status, 201);
    let limited = async |scopes: &str| {
        let body = format!(r#"{{"person":"second","scopes":{scopes}}}"#);
        let made = house.post(Role::Admin, "/api/keys", &body).await.json();
        house.learn().await;
        bearer(&ApiKey::parse(made["key"].as_str().unwrap()).unwrap())
    };
    let (chat, models) = (limited(r#"["surface:chat"]"#).await, limited(r#"["models:large"]"#).await);
    let api = limited(r#"["surface:api"]"#).await;
    let check = async |credential: &schleuse_wire::Credential, method, target: &str, body: &str, status| {
        let answer = house.send(Some(credential.clone()), method, target, body).await;
        assert_eq!(answer.status, status, "{target} {}", answer.text());
    };
    check(&chat, Method::Get, "/api/people", "", 403).await;
    for credential in [&models, &api] {
        check(credential, Method::Get, "/api/people", "", 200).await;
        // Or it could make itself a key without them.
        check(credential, Method::Post, "/api/keys", r#"{"person":"second"}"#, 403).await;
        check(credential, Method::Put, "/api/people/employee", r#"{"role":"admin"}"#, 403).await;
    }
    assert_eq!(house.console.store.keys().await.unwrap().len(), 8);
}
