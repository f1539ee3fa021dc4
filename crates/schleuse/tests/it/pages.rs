//! The inner interface as the pages use it: what each role may see, by address too, and what nobody may without a
//! credential.

use std::time::Duration;

use schleuse_testkit::{FakeUpstream, Script};
use serde_json::{Value, json};

use crate::SOON;
use crate::client::{Answer, Request};
use crate::house::{House, schleuse, stderr};

const ROLES: [&str; 5] = ["employee", "engineer", "security", "admin", "auditor"];

/// Every question that a page asks for reading, with the roles that get an answer.
const PAGES: [(&str, &[&str]); 16] = [
    ("/api/chat/conversations", &["employee", "engineer", "security", "admin"]),
    ("/api/decisions", &["security"]),
    ("/api/now", &["engineer", "admin"]),
    ("/api/audit/entries", &["auditor"]),
    ("/api/audit/checkpoint", &["auditor"]),
    ("/api/audit/proofs/0", &["auditor"]),
    ("/api/audit/export?format=jsonl", &["auditor"]),
    ("/api/people", &["admin"]),
    ("/api/keys", &["admin"]),
    ("/api/sessions", &["admin"]),
    ("/api/upstreams", &["admin"]),
    ("/api/policies", &["admin"]),
    ("/api/posture", &["admin"]),
    ("/api/access?person=me", &["employee", "engineer", "security", "admin", "auditor"]),
    ("/api/limits", &["employee", "engineer", "security", "admin", "auditor"]),
    ("/auth/session", &["employee", "engineer", "security", "admin", "auditor"]),
];

/// A browser that signed in as a demo role.
pub struct Browser<'a> {
    house: &'a House,
    pub cookie: String,
}

impl<'a> Browser<'a> {
    pub async fn sign_in(house: &'a House, role: &str) -> Self {
        let request = Request::post("/auth/demo", json!({ "role": role }).to_string());
        let answer = house.send(&same_origin(request, house)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        Self { house, cookie }
    }

    pub fn house(&self) -> &'a House {
        self.house
    }

    pub fn request(&self, method: &str, path: &str, body: Option<Value>) -> Request {
        let request = match body {
            Some(body) => Request::post(path, body.to_string()).with_method(method),
            None => Request::new(method, path),
        };
        same_origin(request, self.house).header("cookie", self.cookie.clone())
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.house.send(&self.request("GET", path, None)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.house.send(&self.request("POST", path, Some(body))).await
    }
}

fn same_origin(request: Request, house: &House) -> Request {
    request.header("origin", format!("http://{}", house.address)).header("sec-fetch-site", "same-origin")
}

#[tokio::test]
async fn each_role_sees_its_pages_and_no_others() {
    let fake = FakeUpstream::start().await;
    let house = House::start(&fake).await;
    for role in ROLES {
        let browser = Browser::sign_in(&house, role).await;
        for (path, roles) in PAGES {
            let answer = browser.get(path).await;
            let expected = if roles.contains(&role) { 200 } else { 403 };
            // The proof of an entry that is not in a checkpoint yet is not there yet.
            let is_early = path.contains("proofs") && answer.status == 404 && expected == 200;
            assert!(
                answer.status == expected || is_early,
                "{role} {path}: {} {}",
                answer.status,
                answer.text()
            );
            if expected == 403 {
                assert_eq!(answer.json()["error"]["code"], "access_denied", "{role} {path}");
            }
        }
    }
    for (path, _) in PAGES {
        let answer = house.send(&Request::get(path)).await;
        assert_eq!(answer.status, 401, "{path} without a credential: {}", answer.text());
    }
}

#[tokio::test]
async fn a_chat_is_kept_sealed_and_goes_on_without_its_page() {
    let fake = FakeUpstream::start().await;
    fake.set_script(Script::Echo { piece_bytes: 8, pause: Duration::from_millis(30) });
    let house = House::start(&fake).await;
    let browser = Browser::sign_in(&house, "employee").await;
    let conversation = browser.post("/api/chat/conversations", json!({})).await;
    assert_eq!(conversation.status, 201, "{}", conversation.text());
    let id = conversation.json()["id"].as_str().unwrap().to_owned();
    let text = "Schreibe mir das Wort Donaudampfschiff und noch ein paar andere lange Woerter dazu";
    let question = json!({"content": text, "model": "tiny", "label": "INTERNAL", "parent": null});
    let asked = browser.post(&format!("/api/chat/conversations/{id}/messages"), question).await;
    assert_eq!(asked.status, 202, "{}", asked.text());
    let run = asked.json()["run"]["id"].as_str().unwrap().to_owned();
    // A reader comes, sees a little and leaves; the run does not.
    let events = format!("/api/chat/runs/{run}/events");
    let mut reader = browser.request("GET", &events, None).open(&house.address).await;
    reader.until(SOON, |answer| answer.text().contains("event: text")).await;
    drop(reader);
    let whole = browser.get(&events).await;
    assert!(whole.text().contains("event: done"), "{}", whole.text());
    let kept = browser.get(&format!("/api/chat/conversations/{id}")).await.json();
    assert_eq!(kept["messages"][0]["content"], text, "{kept}");
    assert!(kept["messages"][1]["content"].as_str().unwrap().contains("Donaudampfschiff"), "{kept}");
    assert_eq!(kept["messages"][1]["state"], "complete", "{kept}");
    // Another person's conversation is as good as none.
    let other = Browser::sign_in(&house, "engineer").await;
    assert_eq!(other.get(&format!("/api/chat/conversations/{id}")).await.status, 404);
    assert_eq!(other.get(&events).await.status, 404);
    // It survives the house, and nobody reads it in its files.
    let folder = house.stop().await;
    crate::house::assert_nowhere(&folder.join("data"), &["Donaudampfschiff"]);
    let again = crate::house::Plan::demo().on(&folder).upstream(&fake.url()).start().await;
    let browser = Browser::sign_in(&again, "employee").await;
    let kept = browser.get(&format!("/api/chat/conversations/{id}")).await.json();
    assert!(kept["messages"][1]["content"].as_str().unwrap().contains("Donaudampfschiff"), "{kept}");
}

/// Asks in a conversation, and waits for the end of the answer. Gives the newest message then.
async fn ask_in(browser: &Browser<'_>, id: &str, question: Value) -> Value {
    let asked = browser.post(&format!("/api/chat/conversations/{id}/messages"), question).await;
    assert_eq!(asked.status, 202, "{}", asked.text());
    let run = asked.json()["run"]["id"].as_str().unwrap().to_owned();
    browser.get(&format!("/api/chat/runs/{run}/events")).await;
    let kept = browser.get(&format!("/api/chat/conversations/{id}")).await.json();
    kept["messages"].as_array().unwrap().last().unwrap().clone()
}

#[tokio::test]
async fn a_harmless_turn_after_a_confidential_one_stays_with_the_models_that_may_have_it() {
    let (low, high) = (FakeUpstream::start().await, FakeUpstream::start().await);
    let config = format!(
        "[[compartment]]\nname = \"hr\"\n\
         [[clearance]]\nwho = \"role:employee\"\nmax_label = \"CONFIDENTIAL//hr\"\n\
         [[clearance]]\nwho = \"role:security\"\nmax_label = \"CONFIDENTIAL\"\n\
         [[guardrail]]\ntype = \"EMAIL\"\naction = \"RAISE_LABEL\"\nto = \"CONFIDENTIAL//hr\"\n\
         [[upstream]]\nname = \"low\"\nurl = \"{}\"\nmodels = [\"low\"]\nmax_label = \"INTERNAL\"\n\
         [[upstream]]\nname = \"high\"\nurl = \"{}\"\nmodels = [\"high\"]\nmax_label = \"CONFIDENTIAL//hr\"\n",
        low.url(),
        high.url()
    );
    low.set_script(Script::echo(64));
    high.set_script(Script::deltas(&["Gern."], schleuse_testkit::End::Clean));
    let house = crate::house::Plan::demo().config(&config).start().await;
    let browser = Browser::sign_in(&house, "employee").await;
    let id =
        browser.post("/api/chat/conversations", json!({})).await.json()["id"].as_str().unwrap().to_owned();
    let plain = |model: &str, parent: Value| json!({"content": "Danke", "model": model, "label": "PUBLIC", "parent": parent});
    let first =
        ask_in(&browser, &id, json!({"content": "Wer ist jemand@example.org?", "model": "high"})).await;
    assert_eq!(
        (&first["state"], &first["passage"]["label"]),
        (&json!("complete"), &json!("CONFIDENTIAL//hr")),
        "{first}"
    );

    // Behind it and in a branch of its own, and what is told of the conversation says so.
    for parent in [first["id"].clone(), Value::Null] {
        let refused = ask_in(&browser, &id, plain("low", parent)).await;
        assert_eq!(refused["refusal"]["code"], "no_permitted_route", "{refused}");
    }
    assert_eq!(low.questions(), [], "a tainted question reached a model that may not have it");
    let path = format!("/api/chat/conversations/{id}");
    assert_eq!(browser.get(&path).await.json()["label"], "CONFIDENTIAL//hr");

    // The owner does not lower it; the security role does, and the log says so without the reason.
    let lower = json!({"to": "INTERNAL", "reason": "die Adresse war erfunden"});
    assert_eq!(browser.post(&format!("{path}/declassify"), lower.clone()).await.status, 403);
    let security = Browser::sign_in(&house, "security").await;
    let lowered = security.post(&format!("{path}/declassify"), lower).await;
    assert_eq!((lowered.status, &lowered.json()["label"]), (200, &json!("INTERNAL")), "{}", lowered.text());
    let entry = house.wait_for_entry(SOON, |entry| entry["event"] == "label.lower").await;
    let change = entry["change"].as_str().unwrap();
    assert!(change.starts_with("from=CONFIDENTIAL//hr to=INTERNAL owner="), "{change}");
    assert!(change.ends_with("reason_characters=24") && entry["subject"] == id.as_str(), "{entry}");

    // From before the address the way is open now; with it sent along, inspection closes it again.
    let refused = ask_in(&browser, &id, plain("low", first["id"].clone())).await;
    assert_eq!(refused["refusal"]["code"], "no_permitted_route", "{refused}");
    let other =
        browser.post("/api/chat/conversations", json!({})).await.json()["id"].as_str().unwrap().to_owned();
    let answered = ask_in(&browser, &other, plain("low", Value::Null)).await;
    assert_eq!(answered["state"], "complete", "{answered}");
}

#[tokio::test]
async fn whoever_signs_out_elsewhere_is_cut_off_here() {
    let fake = FakeUpstream::start().await;
    fake.set_script(Script::Echo { piece_bytes: 1, pause: Duration::from_millis(100) });
    let house = House::start(&fake).await;
    let browser = Browser::sign_in(&house, "employee").await;
    let body = crate::house::stream_body(&"lang ".repeat(200));
    let mut stream = browser.request("POST", crate::house::CHAT, Some(body)).open(&house.address).await;
    stream.until(SOON, |answer| answer.text().contains("data: {")).await;
    let began = std::time::Instant::now();
    assert_eq!(browser.post("/auth/sign-out", json!({})).await.status, 200);
    let cut = stream.until(SOON, |answer| answer.text().contains("event: error")).await;
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert!(!cut.text().contains("[DONE]"), "{}", cut.text());
    assert_eq!(browser.get("/auth/session").await.status, 401);
}

#[tokio::test]
async fn a_blocked_person_is_cut_off_everywhere() {
    let fake = FakeUpstream::start().await;
    fake.set_script(Script::Echo { piece_bytes: 1, pause: Duration::from_millis(100) });
    let house = House::start(&fake).await;
    let (person, admin) =
        (Browser::sign_in(&house, "employee").await, Browser::sign_in(&house, "admin").await);
    let body = crate::house::stream_body(&"lang ".repeat(200));
    let by_session = person.request("POST", crate::house::CHAT, Some(body.clone()));
    let mut streams = [
        by_session.open(&house.address).await,
        house.question(crate::house::CHAT, &body).open(&house.address).await,
    ];
    for stream in &mut streams {
        stream.until(SOON, |answer| answer.text().contains("data: {")).await;
    }
    let began = std::time::Instant::now();
    let blocked =
        house.send(&admin.request("PUT", "/api/people/demo-employee", Some(json!({"blocked": true})))).await;
    assert_eq!(blocked.status, 200, "{}", blocked.text());
    for stream in &mut streams {
        stream.until(SOON, |answer| answer.text().contains("event: error")).await;
    }
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(house.chat("Noch da?").await.status, 401);
    // An admin cannot lock the last admin out.
    let own =
        house.send(&admin.request("PUT", "/api/people/demo-admin", Some(json!({"blocked": true})))).await;
    assert_eq!(own.status, 403, "{}", own.text());
    let back =
        house.send(&admin.request("PUT", "/api/people/demo-employee", Some(json!({"blocked": false})))).await;
    assert_eq!(back.status, 200, "{}", back.text());
    assert_eq!(house.chat("Wieder da?").await.status, 200);
}

#[tokio::test]
async fn why_something_was_refused_is_told_in_plain_words() {
    let fake = FakeUpstream::start().await;
    let house = House::start(&fake).await;
    let refused = house.chat(&format!("Bitte an {}", crate::IBAN)).await;
    assert_eq!(refused.status, 403);
    let id = refused.header("x-schleuse-request-id").unwrap().to_owned();
    let path = format!("/api/access/refusals/{id}");
    let security = Browser::sign_in(&house, "security").await;
    let told = security.get(&path).await;
    assert_eq!(told.status, 200, "{}", told.text());
    let told = told.json();
    for part in ["happened", "why", "next"] {
        for language in ["en", "de"] {
            assert!(
                told[part][language].as_str().is_some_and(|text| text.len() > 10),
                "{part} {language}: {told}"
            );
        }
    }
    assert_eq!(told["findings"]["IBAN"], 1, "{told}");
    // The asker may know it too; another employee may not, and the log's texts hold no IBAN anyway.
    let asker = Browser::sign_in(&house, "employee").await;
    assert_eq!(asker.get(&path).await.status, 200);
    let stranger = Browser::sign_in(&house, "engineer").await;
    assert!([403, 404].contains(&stranger.get(&path).await.status));
    // On the command line, too.
    let data = house.data_text();
    let config =
        house.folder.write("models.toml", format!("[[upstream]]\nname = \"m\"\nurl = \"{}\"\n", fake.url()));
    let config = config.to_str().unwrap();
    for (asked, words) in [
        (&["--request", &id][..], &["IBAN 1", "sensitive_data_detected", "schützenswerter Daten"][..]),
        (
            &["--person", "demo-employee", "--config", config],
            &["yes  demo-employee (employee): ask tiny", "no   demo-employee (employee): readAudit"],
        ),
        (
            &["--model", "tiny", "--config", config],
            &["no   demo-auditor (auditor): ask tiny", "yes  demo-admin (admin): ask tiny"],
        ),
    ] {
        let output = schleuse(&[&["policy", "explain", "--data", &data], asked].concat()).await;
        let said = crate::house::stdout(&output);
        assert_eq!(output.status.code(), Some(0), "{asked:?}: {}", stderr(&output));
        for word in words {
            assert!(said.contains(word), "{asked:?}: `{word}` is missing in\n{said}");
        }
    }
    for asked in [&["--request", "nothing"][..], &["--person", "nobody"], &["--key", "k-0"], &[]] {
        let output = schleuse(&[&["policy", "explain", "--data", &data], asked].concat()).await;
        assert_eq!(output.status.code(), Some(2), "{asked:?}: {}", stderr(&output));
    }
}

#[tokio::test]
async fn an_admin_makes_a_key_that_works_until_it_is_revoked() {
    let fake = FakeUpstream::start().await;
    let house = House::start(&fake).await;
    let admin = Browser::sign_in(&house, "admin").await;
    let person =
        admin.post("/api/people", json!({"name": "Werkbank", "role": "engineer", "groups": ["bau"]})).await;
    assert_eq!(person.status, 201, "{}", person.text());
    let person = person.json()["id"].as_str().unwrap().to_owned();
    let made = admin.post("/api/keys", json!({"person": person, "scopes": ["surface:chat"]})).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let (id, key) = (made.json()["id"].clone(), made.json()["key"].as_str().unwrap().to_owned());
    let ask = Request::post(crate::house::CHAT, crate::house::chat_body("Hallo").to_string()).key(&key);
    assert_eq!(house.send(&ask).await.status, 200);
    let gone =
        house.send(&admin.request("DELETE", &format!("/api/keys/{}", id.as_str().unwrap()), None)).await;
    assert_eq!(gone.status, 204, "{}", gone.text());
    assert_eq!(house.send(&ask).await.status, 401);
    // What an administrator does stands in the log.
    let events: Vec<Value> = house.export().await.iter().map(|entry| entry["event"].clone()).collect();
    for event in ["key.create", "key.revoke", "session.create"] {
        assert!(events.iter().any(|known| known == event), "{event}: {events:?}");
    }
    let output = schleuse(&["audit", "verify", "--data", &house.data_text()]).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[tokio::test]
async fn a_page_of_strangers_cannot_act_for_a_person() {
    let fake = FakeUpstream::start().await;
    let house = House::start(&fake).await;
    let browser = Browser::sign_in(&house, "admin").await;
    let act = |headers: &[(&str, &str)]| {
        let mut request = Request::post(
            "/api/people",
            json!({"name": "Mallory", "role": "admin", "groups": []}).to_string(),
        )
        .header("cookie", browser.cookie.clone());
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        request
    };
    for headers in [
        &[][..],
        &[("origin", "http://evil.example")],
        &[("origin", "null")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site"), ("origin", "http://evil.example")],
    ] {
        let answer = house.send(&act(headers)).await;
        assert_eq!(answer.status, 403, "{headers:?}: {}", answer.text());
    }
    let people = browser.get("/api/people").await.json();
    assert!(!people.to_string().contains("Mallory"), "{people}");
}
