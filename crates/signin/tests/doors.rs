//! The doors of a house with real keys, a real store and a real log; the provider is scripted, so that it can lie.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "these are tests: they end with a message where they cannot go on"
)]

mod doors {
    pub(crate) mod house;
    pub(crate) mod issuer;
}

use std::time::Duration;

use doors::house::{Browser, House, PASSWORD};
use doors::issuer::Lie;
use schleuse_types::Role;
use serde_json::json;

/// Signs in at `provider` with `browser` and says where the browser was sent in the end.
async fn sign_in(house: &House, browser: &mut Browser, provider: &str, back: &str) -> String {
    let location = house.start(browser, provider, back).await;
    house.come_back(browser, provider, &house.provider(provider).approve(&location, "anna", &["dev"])).await
}

#[tokio::test]
async fn a_person_comes_in_by_a_provider_and_leaves_again() {
    let house = House::open().await;
    let mut browser = Browser::new();
    assert_eq!(sign_in(&house, &mut browser, "one", "/chat/c-1").await, "/chat/c-1");
    assert!(browser.get("schleuse").unwrap().starts_with("ss-schl"));
    assert_eq!(browser.get("schleuse-sign-in"), None, "nothing is under way any more");
    let me = house.get(&browser, "/auth/session").await;
    assert_eq!(
        (me.status, &me.json()["role"], &me.json()["groups"]),
        (200, &json!("engineer"), &json!(["dev"]))
    );
    assert_eq!(me.json()["name"], "Anna Schmidt");
    assert_eq!(me.json()["session"]["method"], "oidc");
    assert_eq!(me.json()["pages"], json!(["chat", "now"]));
    let created = me.json()["session"]["created"].as_str().unwrap().to_owned();
    assert_eq!(
        (created.len(), created.ends_with('Z')),
        ("2026-11-21T09:00:00.000Z".len(), true),
        "{created}"
    );

    let person = house.store.find_person(me.json()["person"].as_str().unwrap()).await.unwrap().unwrap();
    assert_eq!(
        (person.issuer.as_deref(), person.subject.as_deref()),
        (Some("https://one.test"), Some("anna"))
    );
    let out = house.post(&mut browser, "/auth/sign-out", json!({})).await;
    let next = out.json()["next"].as_str().unwrap().to_owned();
    assert!(next.starts_with("https://one.test/end?"), "{next}");
    assert!(next.contains("post_logout_redirect_uri=https%3A%2F%2Fhouse.test%2Fsign-in"), "{next}");
    assert_eq!(browser.get("schleuse"), None);
    assert_eq!(house.get(&browser, "/auth/session").await.status, 401);
    let events = house.events().await;
    assert_eq!(
        events,
        [("session.create".into(), String::new()), ("session.end".into(), "signed_out".into())]
    );
}

#[tokio::test]
async fn the_same_subject_at_two_providers_is_two_people() {
    let house = House::open().await;
    let (mut one, mut two) = (Browser::new(), Browser::new());
    assert_eq!(sign_in(&house, &mut one, "one", "/").await, "/");
    assert_eq!(sign_in(&house, &mut two, "two", "/").await, "/");
    let person = async |browser| house.get(browser, "/auth/session").await.json()["person"].clone();
    assert_ne!(person(&one).await, person(&two).await);
    assert_eq!(house.store.people().await.unwrap().len(), 2 + Role::ALL.len());
}

/// What the browser carries to the callback is changed; it must end on the page that says so, and without a session.
async fn check_refused(change: impl FnOnce(&mut Case), expected: &str) {
    let house = House::open().await;
    let mut browser = Browser::new();
    let location = house.start(&mut browser, "one", "/").await;
    let answer = house.provider("one").approve(&location, "anna", &["dev"]);
    let mut case = Case { house, browser, provider: "one", answer, wait: Duration::ZERO };
    change(&mut case);
    let Case { house, mut browser, provider, answer, wait } = case;
    house.clock.advance(wait);
    let location = house.come_back(&mut browser, provider, &answer).await;
    let (start, id) = location.split_once("&request_id=").unwrap_or((&location, ""));
    assert_eq!((start, id.len()), (expected, 26), "{location}");
    assert_eq!(browser.get("schleuse"), None);
    assert_eq!(house.store.sessions().await.unwrap(), []);
    assert_eq!(house.events().await, []);
}

struct Case {
    house: House,
    browser: Browser,
    provider: &'static str,
    /// The query of the callback.
    answer: String,
    wait: Duration,
}

impl Case {
    fn replace(&mut self, field: &str, value: &str) {
        let fields: Vec<String> = self.answer.split('&').map(str::to_owned).collect();
        let fields = fields.into_iter().filter(|pair| !pair.starts_with(&format!("{field}=")));
        let new = (!value.is_empty()).then(|| format!("{field}={value}"));
        self.answer = fields.chain(new).collect::<Vec<_>>().join("&");
    }

    fn lie(&mut self, lie: Lie) {
        self.house.provider("one").lie(lie);
    }
}

const NOT_BEGUN: &str = "/sign-in?refused=invalid_request&reason=not_begun";
const OTHER_BROWSER: &str = "/sign-in?refused=invalid_request&reason=other_browser";
const NOT_CONFIRMED: &str = "/sign-in?refused=invalid_api_key&reason=not_confirmed";
const DECLINED: &str = "/sign-in?refused=access_denied&reason=declined";
const UNREACHABLE: &str = "/sign-in?refused=upstream_unavailable&reason=unreachable";

#[tokio::test]
async fn a_way_back_that_was_not_begun_ends_nowhere() {
    check_refused(|case| case.replace("state", "made-up"), NOT_BEGUN).await;
    check_refused(|case| case.replace("state", ""), NOT_BEGUN).await;
    check_refused(|case| case.replace("code", ""), NOT_BEGUN).await;
    check_refused(|case| case.answer.push_str("&state=x"), NOT_BEGUN).await;
    check_refused(|case| case.answer.push_str("&code=x"), NOT_BEGUN).await;
    check_refused(|case| case.answer.push_str("&x=%ff"), NOT_BEGUN).await;
    check_refused(|case| case.answer.clear(), NOT_BEGUN).await;
    check_refused(|case| case.wait = Duration::from_secs(600), NOT_BEGUN).await;
}

/// Login forgery: an attacker begins a sign-in and makes somebody else's browser finish it.
#[tokio::test]
async fn only_the_browser_that_began_comes_back() {
    check_refused(|case| case.browser = Browser::new(), OTHER_BROWSER).await;
    check_refused(|case| case.browser.set("schleuse-sign-in", "made-up"), OTHER_BROWSER).await;
    let house = House::open().await;
    let (mut attacker, mut victim) = (Browser::new(), Browser::new());
    let location = house.start(&mut attacker, "one", "/").await;
    // The victim has a sign-in of their own under way, and with it a good cookie.
    let own = house.start(&mut victim, "one", "/").await;
    let forged = house.provider("one").approve(&location, "mallory", &["dev"]);
    let refused = house.come_back(&mut victim, "one", &forged).await;
    assert!(refused.starts_with(OTHER_BROWSER), "{refused}");
    assert_eq!(victim.get("schleuse"), None);
    // The victim's own goes on.
    let answer = house.provider("one").approve(&own, "anna", &["dev"]);
    assert_eq!(house.come_back(&mut victim, "one", &answer).await, "/");
    // States swapped between two of one's own sign-ins: each finishes with its own nonce and verifier, or not at all.
    let mut browser = Browser::new();
    let (first, second) =
        (house.start(&mut browser, "one", "/").await, house.start(&mut browser, "one", "/chat").await);
    let provider = house.provider("one");
    let (first, second) = (provider.approve(&first, "a", &["dev"]), provider.approve(&second, "b", &["dev"]));
    let code = |answer: &str| answer.split('&').find(|pair| pair.starts_with("code=")).unwrap().to_owned();
    let swapped = first.replace(&code(&first), &code(&second));
    let refused = house.come_back(&mut browser, "one", &swapped).await;
    assert!(refused.starts_with(NOT_CONFIRMED), "{refused}");
}

#[tokio::test]
async fn nothing_is_taken_twice() {
    let house = House::open().await;
    let mut browser = Browser::new();
    let location = house.start(&mut browser, "one", "/").await;
    let answer = house.provider("one").approve(&location, "anna", &["dev"]);
    let cookie = browser.get("schleuse-sign-in").unwrap();
    assert_eq!(house.come_back(&mut browser, "one", &answer).await, "/");
    browser.set("schleuse-sign-in", &cookie);
    let again = house.come_back(&mut browser, "one", &answer).await;
    assert!(again.starts_with(NOT_BEGUN), "{again}");
    // A stolen code in a sign-in of one's own: the provider gave it for another verifier.
    let other = house.start(&mut browser, "one", "/").await;
    let own = house.provider("one").approve(&other, "eve", &["dev"]);
    let code = |answer: &str| answer.split('&').find(|pair| pair.starts_with("code=")).unwrap().to_owned();
    let stolen = own.replace(&code(&own), &code(&answer));
    let refused = house.come_back(&mut browser, "one", &stolen).await;
    assert!(refused.starts_with(NOT_CONFIRMED), "{refused}");
}

#[tokio::test]
async fn the_answer_of_one_provider_is_not_that_of_another() {
    check_refused(|case| case.provider = "two", NOT_BEGUN).await;
    check_refused(|case| case.replace("iss", "https%3A%2F%2Ftwo.test"), NOT_CONFIRMED).await;
    // This provider says that it names itself; an answer without its name is not its own.
    check_refused(|case| case.replace("iss", ""), NOT_CONFIRMED).await;
    check_refused(|case| case.provider = "three", NOT_BEGUN).await;
    // Each provider has a callback of its own.
    let house = House::open().await;
    for provider in ["one", "two"] {
        let location = house.start(&mut Browser::new(), provider, "/").await;
        let own = format!("redirect_uri=https%3A%2F%2Fhouse.test%2Fauth%2Foidc%2F{provider}%2Fcallback&");
        assert!(location.contains(&own), "{location}");
        assert!(location.contains("code_challenge_method=S256"), "{location}");
    }
}

#[tokio::test]
async fn a_provider_that_lies_is_not_believed() {
    check_refused(|case| case.lie(Lie::Nonce), NOT_CONFIRMED).await;
    check_refused(|case| case.lie(Lie::Issuer), NOT_CONFIRMED).await;
    check_refused(|case| case.lie(Lie::Audience), NOT_CONFIRMED).await;
    check_refused(|case| case.lie(Lie::Signature), NOT_CONFIRMED).await;
    check_refused(|case| case.lie(Lie::Expired), NOT_CONFIRMED).await;
    check_refused(|case| case.lie(Lie::Refused), NOT_CONFIRMED).await;
    check_refused(|case| case.lie(Lie::Silent), UNREACHABLE).await;
    let no_role = "/sign-in?refused=access_denied&reason=no_role";
    check_refused(|case| case.lie(Lie::NoGroups), no_role).await;
}

#[tokio::test]
async fn the_provider_may_decline() {
    let with = |error: &'static str| {
        move |case: &mut Case| {
            case.replace("code", "");
            case.replace("error", error);
        }
    };
    check_refused(with("access_denied"), DECLINED).await;
    check_refused(with("%3Cscript%3E"), DECLINED).await;
    // An error without a sign-in is nobody's.
    check_refused(
        |case| {
            case.replace("state", "x");
            case.replace("error", "access_denied");
        },
        NOT_BEGUN,
    )
    .await;
}

#[tokio::test]
async fn a_browser_is_sent_to_pages_of_this_house_only() {
    let house = House::open().await;
    for back in [
        "https://evil.test",
        "//evil.test",
        "/%5Cevil.test",
        "%2F%2Fevil.test",
        "/%09/evil.test",
        "/%0D%0ALocation:%20x",
        "javascript:alert(1)",
        "/auth/oidc/one/start",
        "chat",
        "",
    ] {
        let location = house.start(&mut Browser::new(), "one", back).await;
        assert!(
            location.starts_with("/sign-in?refused=invalid_request&reason=bad_return"),
            "{back}: {location}"
        );
    }
    let twice = house.get(&Browser::new(), "/auth/oidc/one/start?return=/&return=//evil.test").await;
    assert!(twice.header("location").unwrap().starts_with("/sign-in?"), "{twice:?}");
    let unknown = house.start(&mut Browser::new(), "none", "/").await;
    assert!(unknown.starts_with("/sign-in?refused=not_found"), "{unknown}");
}

/// A session that somebody else planted, or held before, is not the one that a person gets.
#[tokio::test]
async fn a_sign_in_always_makes_a_new_session() {
    let house = House::open().await;
    let mut browser = Browser::new();
    assert_eq!(sign_in(&house, &mut browser, "one", "/").await, "/");
    let planted = browser.get("schleuse").unwrap();
    let mut victim = Browser::new();
    victim.set("schleuse", &planted);
    assert_eq!(sign_in(&house, &mut victim, "two", "/").await, "/");
    assert_ne!(victim.get("schleuse").unwrap(), planted);
    let mut attacker = Browser::new();
    attacker.set("schleuse", &planted);
    assert_eq!(house.get(&attacker, "/auth/session").await.status, 401, "the planted session ended");
    // A cookie that this house does not wait for is not taken over either.
    let mut browser = Browser::new();
    browser.set("schleuse-sign-in", "planted");
    house.start(&mut browser, "one", "/").await;
    assert_ne!(browser.get("schleuse-sign-in").unwrap(), "planted");
    // Two tabs of one browser share it.
    let shared = browser.get("schleuse-sign-in").unwrap();
    house.start(&mut browser, "two", "/").await;
    assert_eq!(browser.get("schleuse-sign-in").unwrap(), shared);
}

#[tokio::test]
async fn with_tls_the_cookies_are_bound_to_the_host() {
    let house = House::open_with(true).await;
    let reply = house.get(&Browser::new(), "/auth/oidc/one/start").await;
    let cookie = reply.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-schleuse-sign-in="), "{cookie}");
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=600"), "{cookie}");
    let reply = house.post(&mut Browser::new(), "/auth/demo", json!({"role": "employee"})).await;
    let cookie = reply.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-schleuse=ss-schl"), "{cookie}");
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict; Secure"), "{cookie}");
}

#[tokio::test]
async fn a_provider_ends_sessions_by_itself() {
    let house = House::open().await;
    let (mut here, mut there, mut other) = (Browser::new(), Browser::new(), Browser::new());
    sign_in(&house, &mut here, "one", "/").await;
    sign_in(&house, &mut there, "one", "/").await;
    sign_in(&house, &mut other, "two", "/").await;
    let path = "/auth/oidc/one/back-channel-logout";
    let provider = house.provider("one");
    let sid = |n: usize| format!("sid-{n}");
    let status = async |browser: &Browser| house.get(browser, "/auth/session").await.status;

    for bad in [
        provider.logout_token(Some("anna"), None, "j0").replace('.', "x"),
        house.provider("two").logout_token(Some("anna"), None, "j1"),
        "x".to_owned(),
    ] {
        assert_eq!(house.post_form(path, &format!("logout_token={bad}")).await.status, 400);
    }
    assert_eq!(house.post_form(path, "").await.status, 400);
    assert_eq!((status(&here).await, status(&there).await), (200, 200));

    // One session of the provider, then whatever the person has left.
    let token = provider.logout_token(Some("anna"), Some(&sid(1)), "j2");
    let twice = format!("logout_token={token}&logout_token={token}");
    assert_eq!(house.post_form(path, &twice).await.status, 400);
    assert_eq!(house.post_form(path, &format!("logout_token={token}")).await.status, 200);
    assert_eq!((status(&here).await, status(&there).await), (401, 200));
    let again = house.post_form(path, &format!("logout_token={token}")).await;
    assert_eq!((again.status, &again.json()["error"]["param"]), (400, &json!("logout_token")), "replayed");
    let token = provider.logout_token(Some("anna"), None, "j3");
    assert_eq!(house.post_form(path, &format!("logout_token={token}")).await.status, 200);
    assert_eq!((status(&there).await, status(&other).await), (401, 200), "the other provider's Anna stays");
    let events = house.events().await;
    let ends = events.iter().filter(|(event, code)| event == "session.end" && code == "logged_out").count();
    assert_eq!(ends, 2, "{events:?}");
}

#[tokio::test]
async fn people_see_and_end_their_own_sessions_only() {
    let house = House::open().await;
    let (mut here, mut there, mut other) = (Browser::new(), Browser::new(), Browser::new());
    for browser in [&mut here, &mut there] {
        assert_eq!(house.post(browser, "/auth/demo", json!({"role": "employee"})).await.status, 200);
    }
    house.post(&mut other, "/auth/demo", json!({"role": "admin"})).await;
    let list = house.get(&here, "/auth/sessions").await.json()["sessions"].clone();
    let list = list.as_array().unwrap();
    assert_eq!(list.len(), 2, "{list:?}");
    assert_eq!(list.iter().filter(|session| session["current"] == true).count(), 1);
    let mine = list.iter().find(|session| session["current"] == false).unwrap()["id"].as_str().unwrap();
    let path = format!("/auth/sessions/{mine}");
    assert_eq!(house.delete(&mut other, &path).await.status, 404, "somebody else's is not there");
    assert_eq!(house.delete(&mut Browser::new(), &path).await.status, 401);
    assert_eq!(house.get(&there, "/auth/session").await.status, 200);
    assert_eq!(house.delete(&mut here, &path).await.status, 204);
    assert_eq!(house.get(&there, "/auth/session").await.status, 401);
    assert_eq!(house.delete(&mut here, &path).await.status, 404);
    assert_eq!(house.get(&here, "/auth/session").await.status, 200);
    // A session ends by itself too.
    house.clock.advance(Duration::from_secs(8 * 3600));
    assert_eq!(house.get(&here, "/auth/session").await.status, 401);
    assert_eq!(house.get(&here, "/auth/sessions").await.status, 401);
    // Whoever is not signed in is signed out.
    let out = house.post(&mut here, "/auth/sign-out", json!({})).await;
    assert_eq!((out.status, &out.json()["next"]), (200, &json!(null)));
}

#[tokio::test]
async fn a_key_opens_a_session_that_ends_with_it() {
    let house = House::open().await;
    let mut browser = Browser::new();
    let key = house.key(Role::Security).await;
    for wrong in ["", "sk-schl", "a.b.c", &key.to_uppercase(), &"x".repeat(300)] {
        let refused = house.post(&mut browser, "/auth/key", json!({"key": wrong})).await;
        assert!([400, 401].contains(&refused.status), "{wrong}: {}", refused.status);
        assert_eq!(browser.get("schleuse"), None);
    }
    let welcome = house.post(&mut browser, "/auth/key", json!({"key": format!(" {key}\n")})).await;
    assert_eq!((welcome.status, &welcome.json()["role"]), (200, &json!("security")), "{welcome:?}");
    assert_eq!(welcome.json()["session"]["method"], "key");
    house.revoke_key(Role::Security).await;
    assert_eq!(house.get(&browser, "/auth/session").await.status, 401);
    // A key itself says who one is, but has no sessions.
    let key = house.key(Role::Employee).await;
    let me = house.get_with_key(&key, "/auth/session").await;
    assert_eq!((me.status, &me.json()["session"]), (200, &json!(null)));
    assert_eq!(house.get_with_key(&key, "/auth/sessions").await.status, 403);
}

#[tokio::test]
async fn the_demo_has_a_button_for_each_role() {
    let house = House::open().await;
    for role in Role::ALL {
        let mut browser = Browser::new();
        let welcome = house.post(&mut browser, "/auth/demo", json!({"role": role.as_str()})).await;
        assert_eq!((welcome.status, &welcome.json()["role"]), (200, &json!(role.as_str())));
    }
    let mut browser = Browser::new();
    for body in [json!({"role": "king"}), json!({}), json!([]), json!({"role": 1})] {
        assert_eq!(house.post(&mut browser, "/auth/demo", body).await.status, 400);
    }
    house.store.set_blocked("demo-admin", true, house.now()).await.unwrap();
    let blocked = house.post(&mut browser, "/auth/demo", json!({"role": "admin"})).await;
    assert_eq!((blocked.status, blocked.json()["error"]["code"].as_str()), (403, Some("access_denied")));
    assert_eq!(
        house.events().await.last().unwrap(),
        &("session.refuse".to_owned(), "access_denied".to_owned())
    );

    let house = House::open_without_demo().await;
    for method in ["GET", "POST"] {
        assert_eq!(house.send(method, &mut browser, "/auth/demo", "{}").await.status, 404);
    }
    let kinds = house.get(&browser, "/auth/methods").await.json()["methods"].clone();
    let kinds: Vec<_> = kinds.as_array().unwrap().iter().map(|method| method["kind"].clone()).collect();
    assert_eq!(kinds, ["oidc", "oidc", "ldap", "key"]);
}

#[tokio::test]
async fn a_blocked_person_does_not_come_in_by_a_provider() {
    let house = House::open().await;
    let mut browser = Browser::new();
    sign_in(&house, &mut browser, "one", "/").await;
    let person = house.get(&browser, "/auth/session").await.json()["person"].as_str().unwrap().to_owned();
    house.store.set_blocked(&person, true, house.now()).await.unwrap();
    let refused = sign_in(&house, &mut Browser::new(), "one", "/").await;
    assert!(refused.starts_with("/sign-in?refused=access_denied&reason=blocked"), "{refused}");
}

#[tokio::test]
async fn passwords_cannot_be_tried_at_will() {
    let house = House::open().await;
    let try_password = async |name: &str, password: &str| {
        let body = json!({"name": name, "password": password});
        house.post(&mut Browser::new(), "/auth/ldap/directory", body).await
    };
    let welcome = try_password("anna", PASSWORD).await;
    assert_eq!((welcome.status, &welcome.json()["session"]["method"]), (200, &json!("ldap")));
    for _ in 0..9 {
        assert_eq!(try_password("anna", "wrong").await.status, 401);
    }
    // Knowing it clears the slate; other spellings are the same name.
    assert_eq!(try_password("Anna ", PASSWORD).await.status, 200);
    for spelling in ["anna", "ANNA", " anna", "anna ", "aNna", "anNa", "annA", "ANna", "anNA", "Anna"] {
        assert_eq!(try_password(spelling, "wrong").await.status, 401);
    }
    let throttled = try_password("anna", PASSWORD).await;
    assert_eq!((throttled.status, throttled.header("retry-after")), (429, Some("900")), "the right one too");
    assert_eq!(throttled.json()["error"]["code"], "rate_limit_exceeded");
    assert_eq!(try_password("bert", "wrong").await.status, 401, "others may go on");
    house.clock.advance(Duration::from_secs(900));
    assert_eq!(try_password("anna", PASSWORD).await.status, 200);
    // Many names from one source.
    for n in 0..50 {
        assert_eq!(try_password(&format!("guess-{n}"), "wrong").await.status, 401);
    }
    assert_eq!(try_password("anna", PASSWORD).await.status, 429);
    assert_eq!(house.failures(), 9 + 10 + 1 + 50);
    house.clock.advance(Duration::from_secs(900));
    // A directory that does not answer has judged nobody.
    for _ in 0..60 {
        let unreachable = try_password("down", "x").await;
        assert_eq!((unreachable.status, unreachable.header("retry-after")), (503, Some("60")));
    }
    let nobody = try_password("norole", PASSWORD).await;
    assert_eq!((nobody.status, nobody.json()["error"]["code"].as_str()), (403, Some("access_denied")));
    for body in [json!({}), json!({"name": "anna"}), json!({"name": "anna", "password": ""})] {
        assert_eq!(house.post(&mut Browser::new(), "/auth/ldap/directory", body).await.status, 400);
    }
    let nowhere = house.post(&mut Browser::new(), "/auth/ldap/none", json!({})).await;
    assert_eq!(nowhere.status, 404);
}

/// Many attempts at once are no way around the count.
#[tokio::test]
async fn passwords_cannot_be_tried_all_at_once() {
    let house = std::sync::Arc::new(House::open().await);
    let mut tries = tokio::task::JoinSet::new();
    for n in 0..40 {
        let house = house.clone();
        tries.spawn(async move {
            let body = json!({"name": "slow", "password": format!("guess-{n}")});
            house.post(&mut Browser::new(), "/auth/ldap/directory", body).await.status
        });
    }
    let tried = tries.join_all().await;
    assert_eq!(tried.iter().filter(|status| **status == 401).count(), 10, "{tried:?}");
    assert_eq!(tried.iter().filter(|status| **status == 429).count(), 30, "{tried:?}");
}

#[tokio::test]
async fn whoever_signs_in_again_and_again_has_so_many_sessions_and_no_more() {
    let house = House::open().await;
    let mut first = Browser::new();
    house.post(&mut first, "/auth/demo", json!({"role": "employee"})).await;
    for _ in 0..50 {
        house.clock.advance(Duration::from_secs(1));
        house.post(&mut Browser::new(), "/auth/demo", json!({"role": "employee"})).await;
    }
    assert_eq!(house.get(&first, "/auth/session").await.status, 401, "the oldest made room");
    let running = house.store.sessions().await.unwrap().iter().filter(|row| row.revoked.is_none()).count();
    assert_eq!(running, 50);
}

#[tokio::test]
async fn refusals_speak_both_languages() {
    let house = House::open().await;
    for (language, expected) in
        [("en", "Name or password is wrong."), ("de", "Name oder Passwort ist falsch.")]
    {
        let mut browser = Browser::speaking(language);
        let body = json!({"name": "anna", "password": "wrong"});
        let refused = house.post(&mut browser, "/auth/ldap/directory", body).await;
        assert_eq!(refused.json()["error"]["message"], expected);
        assert_eq!(refused.json()["error"]["request_id"].as_str(), refused.header("x-schleuse-request-id"));
    }
    let answer = house.send("POST", &mut Browser::new(), "/auth/session", "").await;
    assert_eq!((answer.status, answer.json()["error"]["code"].as_str()), (405, Some("method_not_allowed")));
    for path in
        ["/auth", "/auth/", "/auth/session/", "/auth//session", "/auth/oidc/one", "/auth/oidc/one/start/x"]
    {
        assert_eq!(house.get(&Browser::new(), path).await.status, 404, "{path}");
    }
}
