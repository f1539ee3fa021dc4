//! Attachments over the whole house: through the edge, by the real worker, with the real rules.

use schleuse_testkit::{FakeUpstream, Script};
use serde_json::{Value, json};

use crate::house::House;
use crate::pages::Browser;
use crate::{IBAN, SOON};

const ATTACHMENTS: &str = "/api/chat/attachments";

/// Attaches a file and waits until it was read.
async fn attach(browser: &Browser<'_>, name: &str, file: &[u8]) -> Value {
    let request = browser.request("POST", &format!("{ATTACHMENTS}?name={name}"), None);
    let request = request.header("content-type", "application/octet-stream").with_body(file.to_vec());
    let begun = browser.house().send(&request).await;
    assert_eq!(begun.status, 202, "{}", begun.text());
    let id = begun.json()["id"].as_str().unwrap().to_owned();
    let mut state = "quarantined".to_owned();
    for _ in 0..6 {
        let shown = browser.get(&format!("{ATTACHMENTS}/{id}?after={state}")).await.json();
        state = shown["state"].as_str().unwrap().to_owned();
        if state == "ready" || state == "refused" {
            return shown;
        }
    }
    panic!("{name} is never read");
}

/// A file of the largest size comes through the edge and out of the worker; one byte more does not. What a file says is
/// found as in a question, and it is asked with under its label.
#[tokio::test]
async fn a_file_is_read_behind_walls_and_asked_with() {
    let fake = FakeUpstream::start().await;
    fake.set_script(Script::Echo { piece_bytes: 64, pause: std::time::Duration::ZERO });
    let house = House::start(&fake).await;
    let browser = Browser::sign_in(&house, "employee").await;
    let largest = attach(&browser, "a.txt", &vec![b'a'; 25 << 20]).await;
    assert_eq!((&largest["state"], &largest["cut"]), (&json!("ready"), &json!(true)));
    let request = browser.request("POST", &format!("{ATTACHMENTS}?name=a.txt"), None);
    let refused = browser.house().send(&request.with_body(vec![b'a'; (25 << 20) + 1])).await;
    assert_eq!(refused.status, 413);

    let blocked = attach(&browser, "b.csv", format!("Konto,{IBAN}\n").as_bytes()).await;
    assert_eq!((&blocked["state"], &blocked["blocked"]), (&json!("ready"), &json!(true)));
    assert_eq!(
        (&blocked["findings"][0]["type"], &blocked["findings"][0]["start"]),
        (&json!("IBAN"), &json!(6))
    );
    let lies = attach(&browser, "c.pdf", b"just text").await;
    assert_eq!(lies["state"], "refused");

    let marked = attach(&browser, "d.md", "VERTRAULICH\n\nZwölf Monate".as_bytes()).await;
    assert_eq!(marked["label"], "CONFIDENTIAL");
    let begun = browser.post("/api/chat/conversations", json!({})).await.json();
    let path = format!("/api/chat/conversations/{}/messages", begun["id"].as_str().unwrap());
    let question = json!({"content": "Welche Frist?", "model": "tiny", "attachments": [marked["id"]]});
    let asked = browser.post(&path, question).await;
    assert_eq!(asked.status, 202, "{}", asked.text());
    let run = asked.json()["run"]["id"].as_str().unwrap().to_owned();
    let told = browser.get(&format!("/api/chat/runs/{run}/events")).await.text();
    assert!(told.contains("Monate") && told.contains("\"label\":\"CONFIDENTIAL\""), "{told}");
    let entry = house.wait_for_entry(SOON, |entry| entry["event"] == "attachment.use").await;
    let text = entry.to_string();
    assert!(
        text.contains("digest=hmac-sha256:") && !text.contains("d.md") && !text.contains("Monate"),
        "{text}"
    );
}
