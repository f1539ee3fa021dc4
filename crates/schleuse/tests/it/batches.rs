//! Files and batches in the whole house: through a restart, past a route outside, and in the log.

use std::time::Duration;

use schleuse_testkit::{Contract, FakeUpstream, PROVIDER_KEY, Script};
use serde_json::{Value, json};

use crate::SOON;
use crate::client::{Answer, Request};
use crate::folder::Folder;
use crate::house::{CHAT, House, Plan, schleuse, stdout};

/// A form as a browser writes it.
fn form(content: &str) -> Request {
    let part = |name: &str, content: &str| {
        format!("--grenze\r\nContent-Disposition: form-data; {name}\r\n\r\n{content}\r\n")
    };
    let body = part("name=\"purpose\"", "batch")
        + &part("name=\"file\"; filename=\"fragen.jsonl\"", content)
        + "--grenze--\r\n";
    Request::post("/v1/files", body)
        .without("content-type")
        .header("content-type", "multipart/form-data; boundary=grenze")
}

fn line(id: usize, model: &str, text: &str) -> String {
    let body = json!({"model": model, "messages": [{"role": "user", "content": text}], "max_tokens": 64});
    json!({"custom_id": format!("q{id}"), "method": "POST", "url": CHAT, "body": body}).to_string() + "\n"
}

/// Begins a batch with a new file, and gives its id.
async fn begin(house: &House, key: &str, content: &str, label: Option<&str>) -> String {
    let mut upload = form(content).key(key);
    if let Some(label) = label {
        upload = upload.header("x-schleuse-label", label);
    }
    let file = house.send(&upload).await;
    assert_eq!(file.status, 200, "{}", file.text());
    let body = json!({"input_file_id": file.json()["id"], "endpoint": CHAT, "completion_window": "24h"});
    let begun = house.send(&Request::post("/v1/batches", body.to_string()).key(key)).await;
    assert_eq!(begun.status, 200, "{}", begun.text());
    begun.json()["id"].as_str().unwrap().to_owned()
}

/// Asks for a batch until it is over.
async fn finish(house: &House, key: &str, batch: &str) -> Value {
    let asking = async {
        loop {
            let shown = house.send(&Request::get(&format!("/v1/batches/{batch}")).key(key)).await.json();
            if ["completed", "failed", "cancelled", "expired"].iter().any(|over| shown["status"] == *over) {
                return shown;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON * 2, asking).await.expect("the batch ends")
}

async fn content(house: &House, key: &str, file: &Value) -> Answer {
    let path = format!("/v1/files/{}/content", file.as_str().expect("there is a file"));
    house.send(&Request::get(&path).key(key)).await
}

#[tokio::test]
async fn a_batch_goes_on_after_a_crash_when_its_owner_asks() {
    let fake = FakeUpstream::builder()
        .models(&["tiny"])
        .scripts_in_turn(vec![Script::echo(8), Script::echo(8), Script::Hang])
        .start()
        .await;
    let folder = Folder::new();
    let config = "[files]\nparallel = 1\n";
    let house = Plan::demo().on(&folder).config(config).upstream(&fake.url()).start().await;
    let key = house.key("employee");
    let lines: String =
        (0..5).map(|id| line(id, "tiny", &format!("Frage Nummer {id} nach dem Wetter"))).collect();
    let batch = begin(&house, &key, &lines, None).await;
    assert!(fake.wait_for_questions(3, SOON).await);
    let shown = house.send(&Request::get(&format!("/v1/batches/{batch}")).key(&key)).await.json();
    assert_eq!(shown["request_counts"], json!({"total": 5, "completed": 2, "failed": 0}));
    house.kill().await;

    let secret = key.as_bytes();
    for name in ["store.sqlite", "store.sqlite-wal"] {
        let bytes = std::fs::read(folder.join("data").join(name)).unwrap_or_default();
        assert!(!bytes.windows(secret.len()).any(|window| window == secret), "{name}");
        assert!(!bytes.windows(12).any(|window| window == b"Frage Nummer"), "{name}");
    }

    fake.set_script(Script::echo(8));
    let before = fake.questions().len();
    let house = Plan::demo().on(&folder).config(config).upstream(&fake.url()).start().await;
    let key = house.key("employee");
    let done = finish(&house, &key, &batch).await;
    assert_eq!(done["request_counts"], json!({"total": 5, "completed": 5, "failed": 0}), "{done}");
    // Two were answered, one was under way, which is asked again.
    assert_eq!(fake.questions().len() - before, 3);
    let output = content(&house, &key, &done["output_file_id"]).await;
    let said: Vec<String> = output
        .text()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|line| line["response"]["body"]["choices"][0]["message"]["content"].as_str().unwrap().to_owned())
        .collect();
    let expected: Vec<String> = (0..5).map(|id| format!("Frage Nummer {id} nach dem Wetter")).collect();
    assert_eq!(said, expected);

    // What was done with files is in the log, and so is each line, by its own request.
    let entries = house.export().await;
    let count = |event: &str| entries.iter().filter(|entry| entry["event"] == event).count();
    assert_eq!((count("file.create"), count("batch.create"), count("file.read")), (1, 1, 1));
    assert_eq!(
        entries.iter().filter(|entry| entry["event"] == "llm.complete" && entry["status"] == 200).count(),
        5
    );
    let created = entries.iter().find(|entry| entry["event"] == "batch.create").unwrap();
    assert_eq!((&created["subject"], &created["label"]), (&json!(batch), &json!("INTERNAL")));
    assert!(!format!("{entries:?}").contains("fragen.jsonl"));
}

#[tokio::test]
async fn a_confidential_file_does_not_leave_the_house_line_by_line() {
    let fake = FakeUpstream::builder()
        .script(Script::Contract { contract: Contract::OpenAi, piece_bytes: 3 })
        .start()
        .await;
    let folder = Folder::new();
    folder.write("provider.key", PROVIDER_KEY);
    folder.write("opt-out.txt", "Nothing is trained with what is sent.");
    let base = folder.path().display();
    let config = format!(
        "[[upstream]]\nname = \"out\"\nurl = \"{}\"\nprovider = \"openai\"\nzone = \"external\"\nregion = \"DE\"\nmodels = [\"large\"]\napi_key_file = \"{base}/provider.key\"\n\
         [[agreement]]\nupstream = \"out\"\nprocessor = \"Muster\"\njurisdiction = \"EU\"\nsub_processors = []\nuntil = \"2099-12-31\"\ntraining_opt_out = \"{base}/opt-out.txt\"\n",
        fake.url()
    );
    let house = Plan::demo().config(&config).start().await;
    let key = house.key("employee");
    let lines: String = (0..3).map(|id| line(id, "large", "Wie wird das Wetter?")).collect();
    let batch = begin(&house, &key, &lines, Some("CONFIDENTIAL")).await;
    let done = finish(&house, &key, &batch).await;
    assert_eq!(done["request_counts"], json!({"total": 3, "completed": 0, "failed": 3}));
    let errors = content(&house, &key, &done["error_file_id"]).await;
    assert_eq!(errors.header("x-schleuse-label"), Some("CONFIDENTIAL"));
    for line in errors.text().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["response"]["body"]["error"]["code"], "no_permitted_route", "{line}");
    }
    assert_eq!(fake.questions().len(), 0);

    // The same lines, of which their sender says that they are public, may go there.
    let batch = begin(&house, &key, &lines, Some("PUBLIC")).await;
    let done = finish(&house, &key, &batch).await;
    assert_eq!(done["request_counts"], json!({"total": 3, "completed": 3, "failed": 0}));
    assert_eq!(fake.questions().len(), 3);
}

#[tokio::test]
async fn a_revoked_key_ends_its_batch_within_a_second() {
    let fake = FakeUpstream::builder().models(&["tiny"]).script(Script::Hang).start().await;
    let house = House::start(&fake).await;
    let data = house.data_text();
    let made =
        schleuse(&["key", "create", "--data", &data, "--for", "demo-employee", "--role", "employee"]).await;
    let key = stdout(&made);
    let key = key.trim_end();
    let listed = || async { house.send(&Request::get("/v1/batches").key(key)).await.status };
    let known = async {
        while listed().await != 200 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, known).await.unwrap();
    let batch = begin(&house, key, &line(0, "tiny", "Hallo"), None).await;
    assert!(fake.wait_for_questions(1, SOON).await);
    let revoked = schleuse(&["key", "revoke", "--data", &data, key]).await;
    assert!(revoked.status.success(), "{revoked:?}");
    // The model is let go.
    assert!(fake.wait_for_aborts(1, SOON).await);
    let failed = finish(&house, &house.key("employee"), &batch).await;
    assert_eq!(
        (&failed["status"], &failed["errors"]["data"][0]["code"]),
        (&json!("failed"), &json!("invalid_api_key"))
    );
}
