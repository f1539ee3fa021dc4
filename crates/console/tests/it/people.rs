//! People and sessions, as administrators see and change them.

use schleuse_audit::Event;
use schleuse_store::SignedIn;
use schleuse_types::Role;

use crate::house::House;

#[tokio::test]
async fn a_person_is_made_changed_blocked_and_let_in_again_each_with_an_entry() {
    let house = House::open().await;
    let made = house
        .post(Role::Admin, "/api/people", r#"{"name":"ada","role":"employee","groups":["research"]}"#)
        .await;
    assert_eq!(made.status, 201, "{}", made.text());
    let made = made.json();
    assert_eq!(
        (&made["id"], &made["source"], &made["blocked"]),
        (&"ada".into(), &"local".into(), &false.into())
    );
    let entry = house.newest(Event::PersonCreate);
    assert_eq!(entry["user"], house.pseudonym(Role::Admin));
    assert_eq!(entry["subject"], house.console.pseudonyms.name("ada"));
    assert_eq!(entry["change"], "role=employee groups=research");
    assert!(!entry.to_string().contains("ada"));

    let changed =
        house.put(Role::Admin, "/api/people/ada", r#"{"role":"engineer","groups":[]}"#).await.json();
    assert_eq!((&changed["role"], &changed["groups"]), (&"engineer".into(), &serde_json::json!([])));
    assert_eq!(house.count(Event::PersonChange), 2);
    let blocked = house.put(Role::Admin, "/api/people/ada", r#"{"blocked":true}"#).await.json();
    assert_eq!(blocked["blocked"], true);
    let free = house.put(Role::Admin, "/api/people/ada", r#"{"blocked":false}"#).await.json();
    assert_eq!(free["blocked"], false);
    assert_eq!((house.count(Event::PersonBlock), house.count(Event::PersonUnblock)), (1, 1));
    // What changes nothing is no change.
    let size = house.console.log.metrics().size;
    let same = house.put(Role::Admin, "/api/people/ada", r#"{"role":"engineer","blocked":false}"#).await;
    assert_eq!((same.status, house.console.log.metrics().size), (200, size));
    assert_eq!(house.told.changes.load(std::sync::atomic::Ordering::Relaxed), 5);
}

#[tokio::test]
async fn what_cannot_be_is_refused_and_leaves_no_entry() {
    let house = House::open().await;
    let long = format!(r#"{{"name":"{}","role":"admin"}}"#, "x".repeat(129));
    for (body, param) in [
        (r#"{"role":"employee"}"#, "name"),
        (r#"{"name":"ada"}"#, "role"),
        (r#"{"name":"ada","role":"boss"}"#, "role"),
        (r#"{"name":"admin","role":"employee"}"#, "name"),
        (r#"{"name":"me","role":"employee"}"#, "name"),
        (r#"{"name":"p:0011","role":"employee"}"#, "name"),
        (r#"{"name":"p-0011","role":"employee"}"#, "name"),
        (r#"{"name":"ada","role":"employee","blocked":true}"#, "blocked"),
    ] {
        let answer = house.post(Role::Admin, "/api/people", body).await;
        assert_eq!((answer.status, &answer.json()["error"]["param"]), (400, &param.into()), "{body}");
    }
    for body in
        ["{", &long, r#"{"name":" a","role":"admin"}"#, r#"{"name":"a","role":"admin","groups":[""]}"#]
    {
        assert_eq!(house.post(Role::Admin, "/api/people", body).await.status, 400, "{body}");
    }
    assert_eq!(house.put(Role::Admin, "/api/people/nobody", r#"{"blocked":true}"#).await.status, 404);
    let large = format!(r#"{{"name":"{}"}}"#, "x".repeat(70_000));
    assert_eq!(house.post(Role::Admin, "/api/people", &large).await.status, 413);
    assert_eq!(house.console.log.metrics().size, 0);
    assert_eq!(house.console.store.people().await.unwrap().len(), 5);
}

#[tokio::test]
async fn nobody_locks_themselves_out() {
    let house = House::open().await;
    for body in
        [r#"{"blocked":true}"#, r#"{"role":"employee"}"#, r#"{"role":"auditor"}"#, r#"{"groups":["it"]}"#]
    {
        let answer = house.put(Role::Admin, "/api/people/admin", body).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "access_denied"), "{body}");
        assert!(answer.text().contains("only administrator"), "{}", answer.text());
    }
    house.post(Role::Admin, "/api/people", r#"{"name":"second","role":"admin"}"#).await;
    let answer = house.put(Role::Admin, "/api/people/admin", r#"{"blocked":true}"#).await;
    assert!(answer.text().contains("Ask another administrator"), "{}", answer.text());
    // Nothing changes, so there is nothing to refuse.
    assert_eq!(house.put(Role::Admin, "/api/people/admin", r#"{"role":"admin"}"#).await.status, 200);
    assert_eq!(house.put(Role::Admin, "/api/people/second", r#"{"blocked":true}"#).await.status, 200);
    let answer = house.put(Role::Admin, "/api/people/admin", r#"{"blocked":true}"#).await;
    assert!(answer.text().contains("only administrator"), "{}", answer.text());
}

#[tokio::test]
async fn role_and_groups_of_a_providers_person_are_the_providers() {
    let house = House::open().await;
    let signed_in = SignedIn {
        id: "p-1".into(),
        name: "Ada".into(),
        issuer: "https://id.example".into(),
        subject: "1".into(),
        role: Role::Engineer,
        groups: vec!["research".into()],
        tenant: Default::default(),
    };
    house.console.store.sign_in_person(&signed_in, house.console.clock.now()).await.unwrap();
    let answer = house.put(Role::Admin, "/api/people/p-1", r#"{"role":"admin"}"#).await;
    assert_eq!((answer.status, &answer.json()["error"]["param"]), (400, &"role".into()));
    assert_eq!(house.put(Role::Admin, "/api/people/p-1", r#"{"groups":[]}"#).await.status, 400);
    let blocked = house.put(Role::Admin, "/api/people/p-1", r#"{"blocked":true}"#).await.json();
    assert_eq!((&blocked["blocked"], &blocked["source"]), (&true.into(), &"https://id.example".into()));
}

#[tokio::test]
async fn lists_come_in_pages_with_counts() {
    let house = House::open().await;
    let (session, _) = house.sign_in(Role::Engineer).await;
    let mut before = String::new();
    let mut seen = Vec::new();
    loop {
        let page = house.get(Role::Admin, &format!("/api/people?limit=2&before={before}")).await.json();
        for person in page["people"].as_array().unwrap() {
            seen.push(person["id"].as_str().unwrap().to_owned());
            let sessions = if person["id"] == "engineer" { 1 } else { 0 };
            assert_eq!((&person["keys"], &person["sessions"]), (&1.into(), &sessions.into()));
        }
        match page["next"].as_str() {
            Some(next) => next.clone_into(&mut before),
            None => break,
        }
    }
    assert_eq!(seen, ["admin", "auditor", "employee", "engineer", "security"]);
    let sessions = house.get(Role::Admin, "/api/sessions").await.json();
    assert_eq!(sessions["sessions"][0]["id"], session);
    assert_eq!(house.delete(Role::Admin, &format!("/api/sessions/{session}")).await.status, 204);
    assert_eq!(house.delete(Role::Admin, &format!("/api/sessions/{session}")).await.status, 204);
    assert_eq!(house.count(Event::SessionEnd), 1);
    let sessions = house.get(Role::Admin, "/api/sessions").await.json();
    assert_eq!(sessions["sessions"], serde_json::json!([]));
    assert_eq!(house.delete(Role::Admin, "/api/sessions/s-nothing").await.status, 404);
}

#[tokio::test]
async fn a_change_goes_on_when_its_asker_leaves() {
    use schleuse_wire::Method;
    let house = House::open().await;
    {
        let credential = Some(crate::house::bearer(&crate::house::key(Role::Admin)));
        let body = r#"{"name":"zoe","role":"employee"}"#;
        let mut asking = Box::pin(house.begin(credential, Method::Post, "/api/people", body, None));
        // Polled until the change was begun, then dropped.
        while house.console.tasks.is_empty() && house.console.log.metrics().size == 0 {
            let polled =
                std::future::poll_fn(|context| std::task::Poll::Ready(asking.as_mut().poll(context)));
            if polled.await.is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    house.console.tasks.close();
    house.console.tasks.wait().await;
    assert!(house.console.store.find_person("zoe").await.unwrap().is_some());
    assert_eq!(house.count(Event::PersonCreate), 1);
}
