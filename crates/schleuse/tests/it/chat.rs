//! The chat over the whole house: runs that belong to it, and texts that reach other eyes.

use std::time::{Duration, Instant};

use schleuse_testkit::{End, FakeUpstream, Script};
use serde_json::{Value, json};

use crate::house::{House, Plan, assert_nowhere};
use crate::pages::Browser;
use crate::{IBAN, SOON};

const CONVERSATIONS: &str = "/api/chat/conversations";

/// The pass mark of a stop at the model server.
const LET_GO_MAX: Duration = Duration::from_millis(200);
/// Stops of which one has to meet it: a busy machine may hold up any single one.
const STOPS_MAX: usize = 20;

async fn begin(browser: &Browser<'_>) -> String {
    let begun = browser.post(CONVERSATIONS, json!({})).await;
    assert_eq!(begun.status, 201, "{}", begun.text());
    begun.json()["id"].as_str().unwrap().to_owned()
}

/// Asks, and gives the run.
async fn ask(browser: &Browser<'_>, conversation: &str, question: Value) -> String {
    let asked = browser.post(&format!("{CONVERSATIONS}/{conversation}/messages"), question).await;
    assert_eq!(asked.status, 202, "{}", asked.text());
    asked.json()["run"]["id"].as_str().unwrap().to_owned()
}

fn events(run: &str) -> String {
    format!("/api/chat/runs/{run}/events")
}

/// What a page shows that was told these events, one after the other.
#[derive(Debug, Default)]
struct Page {
    text: String,
    last: String,
    state: Option<String>,
}

impl Page {
    fn of(stream: &str) -> Self {
        let mut page = Self::default();
        page.read(stream);
        page
    }

    fn read(&mut self, stream: &str) {
        // A frame that is not whole yet comes again with what follows it.
        let whole = stream.rfind("\n\n").map_or("", |end| &stream[..end]);
        for frame in whole.split("\n\n") {
            let field =
                |name: &str| frame.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
            let (Some(name), Some(data)) = (field("event: "), field("data: ")) else { continue };
            let data: Value = serde_json::from_str(&data).unwrap();
            match name.as_str() {
                "text" => self.text.push_str(data["text"].as_str().unwrap()),
                "whole" => data["text"].as_str().unwrap().clone_into(&mut self.text),
                "done" => self.state = data["state"].as_str().map(str::to_owned),
                _ => {}
            }
            self.last = field("id: ").unwrap_or(std::mem::take(&mut self.last));
        }
    }

    /// Reads on from where it is, to the end.
    async fn finish(&mut self, browser: &Browser<'_>, run: &str) {
        let request = browser.request("GET", &events(run), None).header("last-event-id", self.last.clone());
        let rest = browser.house().send(&request).await;
        assert_eq!(rest.status, 200, "{}", rest.text());
        self.read(&rest.text());
        assert!(self.state.is_some(), "{}", rest.text());
    }
}

/// Two devices read an answer, and the whole house is killed in the middle of it. When it is back, both show what was kept
/// of it, byte for byte, and that it is not whole.
#[tokio::test]
async fn a_killed_house_keeps_of_an_answer_what_both_devices_then_show() {
    let fake = FakeUpstream::start().await;
    fake.set_script(Script::Echo { piece_bytes: 4, pause: Duration::from_millis(20) });
    let house = House::start(&fake).await;
    let (first, second) =
        (Browser::sign_in(&house, "employee").await, Browser::sign_in(&house, "employee").await);
    let conversation = begin(&first).await;
    let text: String = (0..400).map(|number| format!("Wort{number} ü ")).collect();
    let run = ask(&first, &conversation, json!({"content": text, "model": "tiny"})).await;
    // The same answer once in one go, as the house would have told it.
    let mut pages = [Page::default(), Page::default()];
    let mut one = first.request("GET", &events(&run), None).open(&house.address).await;
    let seen = one.until(SOON, |answer| Page::of(&answer.text()).text.contains("Wort9 ")).await;
    pages[0].read(&seen.text());
    let mut other = second.request("GET", &events(&run), None).open(&house.address).await;
    let seen = other.until(SOON, |answer| Page::of(&answer.text()).text.contains("Wort40 ")).await;
    pages[1].read(&seen.text());
    assert!(pages.iter().all(|page| page.state.is_none() && !page.text.is_empty()));

    let folder = house.kill().await;
    assert_nowhere(&folder.join("data"), &["Wort9 ", "Wort40 "]);
    let house = Plan::demo().on(&folder).upstream(&fake.url()).start().await;
    let browser = Browser::sign_in(&house, "employee").await;
    let kept = browser.get(&format!("{CONVERSATIONS}/{conversation}")).await.json();
    let answer = &kept["messages"][1];
    let content = answer["content"].as_str().unwrap();
    assert_eq!((&answer["state"], &kept["runs"]), (&json!("failed"), &json!([])));
    assert_eq!(answer["refusal"]["code"], "shutting_down");
    let seen = pages[1].text.as_str();
    assert!(!content.is_empty() && (seen.starts_with(content) || content.starts_with(seen)), "{content}");
    for mut page in pages {
        page.finish(&browser, &run).await;
        assert_eq!((page.text.as_str(), page.state.as_deref()), (content, Some("failed")));
    }
    // The conversation goes on.
    fake.set_script(Script::deltas(&["wieder ", "da"], End::Clean));
    let run = ask(&browser, &conversation, json!({"content": "Und nun?", "model": "tiny"})).await;
    let mut page = Page::default();
    page.finish(&browser, &run).await;
    assert_eq!((page.text.as_str(), page.state.as_deref()), ("wieder da", Some("complete")));
}

#[tokio::test]
async fn a_stop_reaches_the_model_server_and_keeps_what_was_said() {
    let fake = FakeUpstream::start().await;
    // It would take minutes by itself.
    fake.set_script(Script::Echo { piece_bytes: 1, pause: Duration::from_millis(50) });
    let house = House::start(&fake).await;
    let browser = Browser::sign_in(&house, "employee").await;
    let mut quickest = Duration::MAX;
    for number in 1..=STOPS_MAX {
        let conversation = begin(&browser).await;
        let text = "lang ".repeat(2000);
        let run = ask(&browser, &conversation, json!({"content": text, "model": "tiny"})).await;
        let mut reader = browser.request("GET", &events(&run), None).open(&house.address).await;
        reader.until(SOON, |answer| answer.text().contains("event: text")).await;
        let began = Instant::now();
        let stop = format!("/api/chat/runs/{run}/stop");
        let (stopped, is_let_go) = tokio::join!(browser.post(&stop, json!({})), async {
            fake.wait_for_aborts(number, SOON).await.then(|| began.elapsed())
        });
        assert_eq!(stopped.status, 204, "{}", stopped.text());
        quickest = quickest.min(is_let_go.expect("the model server was never let go"));
        let kept = browser.get(&format!("{CONVERSATIONS}/{conversation}")).await.json();
        let answer = &kept["messages"][1];
        assert_eq!(answer["state"], "stopped", "{answer}");
        assert!(!answer["content"].as_str().unwrap().is_empty(), "{answer}");
        if quickest <= LET_GO_MAX {
            return;
        }
    }
    panic!("of {STOPS_MAX} stops the quickest took {quickest:?}");
}

#[tokio::test]
async fn what_is_confidential_stays_so_in_shares_and_files() {
    let fake = FakeUpstream::start().await;
    fake.set_script(Script::deltas(&["Das ist ", "Frau Zugvogel."], End::Clean));
    let config = format!(
        "[[compartment]]\nname = \"hr\"\n\
         [[clearance]]\nwho = \"role:employee\"\nmax_label = \"CONFIDENTIAL//hr\"\n\
         [[clearance]]\nwho = \"role:security\"\nmax_label = \"CONFIDENTIAL\"\n\
         [[clearance]]\nwho = \"role:engineer\"\nmax_label = \"CONFIDENTIAL//hr\"\n\
         [[guardrail]]\ntype = \"EMAIL\"\naction = \"RAISE_LABEL\"\nto = \"CONFIDENTIAL//hr\"\n\
         [[upstream]]\nname = \"high\"\nurl = \"{}\"\nmodels = [\"high\"]\nmax_label = \"CONFIDENTIAL//hr\"\n",
        fake.url()
    );
    let house = Plan::demo().config(&config).start().await;
    let owner = Browser::sign_in(&house, "employee").await;
    let conversation = begin(&owner).await;
    for content in ["Guten Tag", "Wer ist wanderfalke@example.org?", "Danke"] {
        let run = ask(&owner, &conversation, json!({"content": content, "model": "high"})).await;
        Page::default().finish(&owner, &run).await;
    }
    let path = format!("{CONVERSATIONS}/{conversation}");
    let shared = owner.post(&format!("{path}/shares"), json!({"with": ["everyone"]})).await;
    assert_eq!(shared.status, 201, "{}", shared.text());
    let share = shared.json()["id"].as_str().unwrap().to_owned();
    let path_of_share = format!("/api/chat/shared/{share}");

    let below = Browser::sign_in(&house, "security").await;
    let reading = below.get(&path_of_share).await;
    let listed = below.get("/api/chat/shared").await;
    for answer in [&reading, &listed] {
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(!answer.text().contains("wanderfalke"), "{}", answer.text());
    }
    let reading = reading.json();
    let shown: Vec<bool> =
        reading["messages"].as_array().unwrap().iter().map(|message| !message["content"].is_null()).collect();
    assert_eq!(shown, [true, true, false, false, false, false], "{reading}");
    assert_eq!((&reading["label"], &reading["title"]), (&json!("CONFIDENTIAL//hr"), &Value::Null));
    assert_eq!(
        (&listed.json()["shares"][0]["id"], &listed.json()["shares"][0]["title"]),
        (&json!(share), &Value::Null)
    );
    let cleared = Browser::sign_in(&house, "engineer").await;
    let reading = cleared.get(&path_of_share).await.json();
    assert_eq!(reading["messages"][2]["content"], "Wer ist wanderfalke@example.org?", "{reading}");
    assert_eq!(reading["title"], "Guten Tag");

    // The file says its label, and keeps it on its way in again; whoever may not read it does not bring it in.
    let file = owner.get(&format!("{path}/export")).await;
    assert_eq!(file.header("x-schleuse-label"), Some("CONFIDENTIAL//hr"));
    assert!(file.header("content-disposition").unwrap().starts_with("attachment; "));
    let mut lowered = file.json();
    lowered["label"] = json!("PUBLIC");
    for message in lowered["messages"].as_array_mut().unwrap() {
        message["declared"] = Value::Null;
        if !message["passage"].is_null() {
            message["passage"]["label"] = json!("PUBLIC");
        }
    }
    for forged in [file.json(), lowered] {
        assert_eq!(below.post("/api/chat/import", forged.clone()).await.status, 403);
        let imported = owner.post("/api/chat/import", forged).await;
        assert_eq!(
            (imported.status, &imported.json()["label"]),
            (201, &json!("CONFIDENTIAL//hr")),
            "{}",
            imported.text()
        );
    }

    // And all of it is on record.
    let entry = house
        .wait_for_entry(SOON, |entry| entry["event"] == "share.read" && entry["label"] == "INTERNAL")
        .await;
    let change = entry["change"].as_str().unwrap();
    assert!(change.starts_with("owner=p:") && change.ends_with("messages=6 withheld=4"), "{change}");
    assert_eq!(entry["subject"], share.as_str());
    let entry = house.wait_for_entry(SOON, |entry| entry["event"] == "share.create").await;
    assert!(entry["change"].as_str().unwrap().ends_with("with=everyone"), "{entry}");
    for event in ["conversation.export", "conversation.import"] {
        let entry = house.wait_for_entry(SOON, |entry| entry["event"] == event).await;
        assert_eq!(entry["label"], "CONFIDENTIAL//hr", "{entry}");
    }
}

#[tokio::test]
async fn the_composer_is_told_what_the_gate_would_say() {
    let fake = FakeUpstream::start().await;
    let house = House::start(&fake).await;
    let text = format!("Überweisen an {IBAN}, bitte");
    let refused = house.chat(&text).await.json();
    let finding = &refused["error"]["findings"][0];
    let browser = Browser::sign_in(&house, "employee").await;
    let told = browser.post("/api/chat/findings", json!({"content": text})).await;
    assert_eq!(told.status, 200, "{}", told.text());
    let told = told.json();
    assert_eq!(told["blocked"], true);
    let marked = told["findings"].as_array().unwrap().iter().find(|told| told["type"] == "IBAN").unwrap();
    assert_eq!((&marked["type"], &marked["score"]), (&finding["type"], &finding["score"]));
    // The page counts in UTF-16, the gate in UTF-8: one letter before it has two bytes.
    assert_eq!(marked["start"].as_u64(), finding["start"].as_u64().map(|start| start - 1));
    assert_eq!(marked["action"], "BLOCK");
    assert!(fake.questions().is_empty());
}
