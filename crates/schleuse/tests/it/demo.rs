//! `schleuse demo`: starting, stopping, starting again, and what its page may know.

use std::net::TcpListener;
use std::time::Duration;

use nix::sys::signal::Signal;
use schleuse_testkit::FakeUpstream;
use serde_json::{Value, json};

use crate::client::Request;
use crate::house::{CHAT, House, Plan, chat_body};
use crate::{IBAN, SOON};

const ROLES: [&str; 5] = ["employee", "engineer", "security", "admin", "auditor"];

#[tokio::test]
async fn the_ready_file_tells_url_admin_and_five_keys() {
    let fake = FakeUpstream::start().await;
    let house = House::start(&fake).await;
    let mut members: Vec<&String> = house.ready.as_object().unwrap().keys().collect();
    members.sort();
    assert_eq!(members, ["admin", "keys", "url"]);
    assert!(house.ready["url"].as_str().unwrap().starts_with("http://127.0.0.1:"), "{}", house.ready);
    assert!(house.ready["admin"].as_str().unwrap().starts_with("http://127.0.0.1:"), "{}", house.ready);
    assert_eq!(house.ready["keys"].as_object().unwrap().len(), ROLES.len());
    for role in ROLES {
        assert!(house.key(role).starts_with("sk-"), "{role}");
    }
    assert!(house.took < Duration::from_secs(5), "ready only after {:?}", house.took);
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(house.folder.join("ready.json")).unwrap().permissions(),
    );
    assert_eq!(mode & 0o777, 0o600, "the ready file holds keys");
    let said = house.output();
    for needed in ["SECURITY POSTURE:", "curl", "OpenAI(", "ssh -N -L", &house.key("auditor")] {
        assert!(said.contains(needed), "`{needed}` is missing in:\n{said}");
    }
}

#[tokio::test]
async fn keys_are_the_same_after_a_stop_and_after_a_kill() {
    let fake = FakeUpstream::start().await;
    let house = House::start(&fake).await;
    let keys = house.ready["keys"].clone();
    let other = House::start(&fake).await;
    assert_ne!(other.ready["keys"], keys, "two houses have the same keys");

    let folder = house.stop().await;
    let house = Plan::demo().on(&folder).upstream(&fake.url()).start().await;
    assert_eq!(house.ready["keys"], keys);
    assert_eq!(house.chat("Hallo").await.status, 200);

    let folder = house.kill().await;
    let house = Plan::demo().on(&folder).upstream(&fake.url()).start().await;
    assert_eq!(house.ready["keys"], keys);
    assert_eq!(house.chat("Hallo").await.status, 200);
}

#[tokio::test]
async fn every_role_but_the_auditor_may_ask() {
    let fake = FakeUpstream::start().await;
    let house = House::start(&fake).await;
    for role in ROLES {
        let request = Request::post(CHAT, chat_body("Hallo").to_string()).key(&house.key(role));
        let answer = house.send(&request).await;
        let listed = house.send(&Request::get("/v1/models").key(&house.key(role))).await;
        assert_eq!(listed.status, 200, "{role}");
        assert_eq!(listed.json()["data"][0]["id"], "tiny");
        if role == "auditor" {
            assert_eq!(answer.refusal(), (403, "access_denied".to_owned()));
            assert_eq!(answer.header("x-schleuse-action"), Some("DENIED"));
            let error = answer.error().to_string();
            assert!(error.contains("auditor"), "the denial names no rule: {error}");
            let entries = house.entries_of(answer.header("x-schleuse-request-id").unwrap()).await;
            assert_eq!(entries[0]["rules"], json!(["auditor-never-asks"]), "{entries:?}");
        } else {
            assert_eq!(answer.status, 200, "{role}: {}", answer.text());
            assert_eq!(answer.header("x-schleuse-action"), Some("ALLOWED"));
        }
    }
}

#[tokio::test]
async fn a_taken_port_is_named_and_the_next_free_one_used() {
    // Where it is taken by somebody else already, that is as good.
    let _taken = TcpListener::bind("127.0.0.1:8080");
    let fake = FakeUpstream::start().await;
    let house = Plan::demo().anywhere().upstream(&fake.url()).start().await;
    let port: u16 = house.address.rsplit(':').next().unwrap().parse().unwrap();
    assert!((8081..=8100).contains(&port), "{}", house.address);
    assert!(house.output().contains("127.0.0.1:8080 is taken"), "{}", house.output());
    assert_eq!(house.chat("Hallo").await.status, 200);
}

#[tokio::test]
async fn an_address_that_cannot_be_had_is_an_error() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, said) = Plan::demo().flag("--listen", &address).fail().await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&format!("{address} is taken")), "{said}");

    for address in ["0.0.0.0:0", "192.0.2.1:8080", "[::]:0"] {
        let (code, said) = Plan::demo().flag("--listen", address).fail().await;
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("no loopback address") && said.contains("schleuse init"), "{said}");
    }
}

#[tokio::test]
async fn a_folder_has_one_house() {
    let fake = FakeUpstream::start().await;
    let house = House::start(&fake).await;
    let began = std::time::Instant::now();
    // Not `on`: that would write over the first house's ready file.
    let other = Plan::demo().flag("--data", &house.data_text());
    let (code, said) = other.fail_with_own_data().await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("another house is running on"), "{said}");
    assert!(began.elapsed() < Duration::from_secs(10));
    assert_eq!(house.chat("Hallo").await.status, 200, "the first house goes on");
}

#[tokio::test]
async fn a_signal_stops_it_cleanly_within_ten_seconds() {
    let fake = FakeUpstream::start().await;
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut house = House::start(&fake).await;
        // An idle connection must not hold it.
        let idle = tokio::net::TcpStream::connect(&house.address).await.unwrap();
        assert_eq!(house.chat("Hallo").await.status, 200);
        let (code, took) = house.stop_with(signal).await;
        assert_eq!(code, Some(0), "{signal}: {}", house.output());
        assert!(took < Duration::from_secs(3), "an idle house took {took:?}");
        drop(idle);
    }
}

#[tokio::test]
async fn a_running_answer_may_finish_and_a_hanging_one_is_cut() {
    use schleuse_testkit::Script;
    let fake = FakeUpstream::start().await;
    fake.set_script(Script::Echo { piece_bytes: 4, pause: Duration::from_millis(100) });
    let mut house = House::start(&fake).await;
    let mut running = house
        .question(CHAT, &crate::house::stream_body("eine Antwort in zwölf Stücken"))
        .open(&house.address)
        .await;
    running.until(SOON, |answer| !answer.chunks().is_empty()).await;
    house.signal(Signal::SIGTERM);
    let answer = running.finish().await;
    assert!(answer.is_done(), "{}", answer.text());
    assert_eq!(answer.said(), "eine Antwort in zwölf Stücken");
    let (code, _) = house.stop_with(Signal::SIGCONT).await;
    assert_eq!(code, Some(0), "{}", house.output());

    fake.set_script(Script::Hang);
    let mut house = House::start(&fake).await;
    let hanging = house.question(CHAT, &chat_body("Hallo")).open(&house.address).await;
    assert!(fake.wait_for_questions(2, SOON).await);
    let (code, took) = house.stop_with(Signal::SIGTERM).await;
    assert_eq!(code, Some(0), "{}", house.output());
    assert!(took < Duration::from_secs(11), "a house with a hanging answer took {took:?}");
    let answer = hanging.finish().await;
    assert_eq!(answer.refusal(), (503, "shutting_down".to_owned()));
}

#[tokio::test]
async fn the_page_comes_without_login_and_with_a_strict_policy() {
    let fake = FakeUpstream::start().await;
    let house = House::start(&fake).await;
    let page = house.send(&Request::get("/")).await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").unwrap().starts_with("text/html"), "{page:?}");
    let policy = page.header("content-security-policy").expect("a content security policy").to_owned();
    for banned in ["unsafe-eval", "wasm-unsafe-eval", "unsafe-inline", "http:", "https:", "*"] {
        assert!(!policy.contains(banned), "`{banned}` in {policy}");
    }
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));

    let about = house.send(&Request::get("/house.json")).await.json();
    assert_eq!(about["demo"], true);
    assert_eq!(about["roles"].as_array().unwrap().len(), ROLES.len(), "{about}");
    assert_eq!(house.send(&Request::get("/nothing")).await.status, 404);
    assert_eq!(house.send(&Request::get("/assets/../secrets")).await.status, 404);
}

#[tokio::test]
async fn the_demo_lets_each_role_in_but_not_strangers_pages() {
    let fake = FakeUpstream::start().await;
    let house = House::start(&fake).await;
    let post = |body: String| {
        Request::post("/auth/demo", body).header("origin", format!("http://{}", house.address))
    };
    let sign_in = |role: &str| post(json!({"role": role}).to_string());
    for role in ROLES {
        let answer = house.send(&sign_in(role)).await;
        assert_eq!(answer.json()["role"], Value::from(role), "{}", answer.text());
        let cookie = answer.header("set-cookie").unwrap();
        for attribute in ["schleuse=ss-schl", "HttpOnly", "SameSite=Strict", "Path=/"] {
            assert!(cookie.contains(attribute), "{cookie}");
        }
        assert!(!answer.json().to_string().contains("s-schl"), "a secret in the body: {}", answer.text());
    }
    assert_eq!(house.send(&sign_in("king")).await.status, 400);
    assert_eq!(house.send(&post("{".to_owned())).await.status, 400);

    // A stranger's page whose name was made to resolve to this machine asks under that name.
    let port = house.address.rsplit(':').next().unwrap();
    for host in ["evil.example", &format!("evil.example:{port}"), "127.0.0.1.evil.example", ""] {
        for request in [Request::get("/"), Request::get("/house.json"), sign_in("admin")] {
            let answer = house.send(&request.header("host", host)).await;
            assert_eq!(answer.status, 421, "{host}");
            assert!(answer.header("set-cookie").is_none(), "{host}");
        }
    }
    for host in ["localhost", &format!("LOCALHOST:{port}"), &format!("[::1]:{port}")] {
        assert_eq!(house.send(&Request::get("/").header("host", host)).await.status, 200, "{host}");
    }
}

#[tokio::test]
async fn health_and_metrics_are_on_the_admin_listener_only() {
    let fake = FakeUpstream::start().await;
    let house = House::start(&fake).await;
    assert_eq!(house.chat(IBAN).await.status, 403);
    for path in ["/livez", "/readyz", "/startupz", "/metrics"] {
        let answer = Request::get(path).send(&house.admin).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert_eq!(house.send(&Request::get(path)).await.status, 404, "{path} is on the public listener");
    }
    let metrics = Request::get("/metrics").send(&house.admin).await.text();
    for needed in ["schleuse_audit_ready 1", "schleuse_upstream_healthy{upstream=\"upstream\"} 1", "IBAN"] {
        assert!(metrics.contains(needed), "`{needed}` is missing in:\n{metrics}");
    }
    assert_eq!(Request::get("/v1/models").send(&house.admin).await.status, 404);
}

#[tokio::test]
async fn a_house_whose_model_server_is_away_starts_and_says_so() {
    let house = Plan::demo().upstream("http://127.0.0.1:9").start().await;
    assert_eq!(Request::get("/readyz").send(&house.admin).await.status, 200);
    assert_eq!(house.send(&Request::get("/v1/models").key(&house.key("employee"))).await.status, 200);
    let answer = house.chat("Hallo").await;
    assert_eq!(answer.refusal(), (503, "upstream_unavailable".to_owned()));
    assert!(answer.header("retry-after").is_some());
}
