//! The log from outside: written before anything leaves, whole after every end, silent about what was said.

use std::collections::BTreeSet;
use std::time::Duration;

use schleuse_testkit::{End, FakeUpstream, Script};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::client::Request;
use crate::folder::{Folder, files_below};
use crate::house::{
    CHAT, House, Plan, assert_nowhere, chat_body, export, schleuse, stderr, stdout, stream_body, verify,
};
use crate::{GITHUB_TOKEN, IBAN, SOON};

#[tokio::test]
async fn an_admission_is_durable_before_the_model_server_hears_anything() {
    let fake = FakeUpstream::builder().script(Script::Hang).start().await;
    let house = House::start(&fake).await;
    for (count, body) in [chat_body("Hallo"), stream_body("Hallo")].into_iter().enumerate() {
        let open = house.question(CHAT, &body).open(&house.address).await;
        assert!(fake.wait_for_questions(count + 1, SOON).await);
        // The model server holds the question; the entry must be there.
        let entries = house.export().await;
        let admissions: Vec<&Value> = entries.iter().filter(|entry| entry["event"] == "llm.admit").collect();
        assert_eq!(admissions.len(), count + 1, "{entries:#?}");
        let (last, seen) = (admissions[count], &fake.questions()[count]);
        assert_eq!(
            (&last["action"], &last["model"], &last["route"]),
            (&json!("ALLOWED"), &json!("tiny"), &json!("upstream"))
        );
        assert!(seen.headers.iter().all(|(_, value)| value != "Hallo"));
        drop(open);
    }
    // Killed in the middle of it: the admission is still there.
    let open = house.question(CHAT, &chat_body("Hallo")).open(&house.address).await;
    assert!(fake.wait_for_questions(3, SOON).await);
    let folder = house.kill().await;
    drop(open);
    let entries = export(folder.join("data").to_str().unwrap()).await;
    assert_eq!(entries.iter().filter(|entry| entry["event"] == "llm.admit").count(), 3);
}

/// Every refusal of somebody who is known has its entry, under the id that the asker was told.
#[tokio::test]
async fn every_refusal_has_its_entry() {
    let fake = FakeUpstream::start().await;
    let house = House::start(&fake).await;
    let key = house.key("employee");
    let post = |body: &str| Request::post(CHAT, body).key(&key);
    let other_model = chat_body("x").to_string().replace("tiny", "other");
    let rows = [
        (post("{"), 400, "llm.refuse"),
        (post(r#"{"zzz":1}"#), 400, "llm.refuse"),
        (post(&other_model), 404, "llm.refuse"),
        (post(&chat_body(IBAN).to_string()), 403, "llm.refuse"),
        (post(&chat_body("x").to_string()).header("x-schleuse-label", "SECRET"), 403, "llm.refuse"),
        (post(&chat_body("x").to_string()).header("x-schleuse-label", "nonsense"), 400, "llm.refuse"),
        (post("").header("content-length", "99999999"), 413, "llm.refuse"),
        (Request::post(CHAT, chat_body("x").to_string()).key(&house.key("auditor")), 403, "llm.refuse"),
        (Request::post("/v1/realtime", "{}").key(&key), 404, "llm.refuse"),
        (Request::get(CHAT).key(&key), 405, "llm.refuse"),
        (Request::get("/v1/models/other").key(&key), 404, "llm.refuse"),
    ];
    for (request, status, event) in rows {
        let answer = house.send(&request).await;
        let (told, code) = answer.refusal();
        assert_eq!(told, status, "{request:?}");
        let entries = house.entries_of(answer.header("x-schleuse-request-id").unwrap()).await;
        assert_eq!(entries.len(), 1, "{request:?}: {entries:#?}");
        let entry = &entries[0];
        assert_eq!(entry["event"], event, "{entry}");
        assert_eq!((&entry["status"], &entry["code"]), (&json!(status), &json!(code)), "{entry}");
        assert_eq!(entry["action"].as_str(), answer.header("x-schleuse-action"), "{entry}");
        assert!(entry["user"].as_str().is_some_and(|user| !user.is_empty()), "{entry}");
    }
    for (script, status) in [(Script::status(500), 500), (Script::Raw(Vec::new()), 502)] {
        fake.set_script(script);
        let answer = house.chat("Hallo").await;
        let entries = house.entries_of(answer.header("x-schleuse-request-id").unwrap()).await;
        let events: Vec<&Value> = entries.iter().map(|entry| &entry["event"]).collect();
        assert_eq!(events, ["llm.admit", "llm.complete"], "{entries:#?}");
        assert_eq!((&entries[1]["status"], &entries[1]["prev"]), (&json!(status), &entries[0]["index"]));
    }
}

#[tokio::test]
async fn strangers_are_counted_and_do_not_fill_the_disk() {
    let fake = FakeUpstream::start().await;
    let house = House::start(&fake).await;
    let count = 120;
    for _ in 0..count {
        assert_eq!(house.send(&Request::post(CHAT, "{").key("sk-wrong")).await.status, 401);
    }
    let began = std::time::Instant::now();
    loop {
        let entries = house.export().await;
        let failures: Vec<&Value> =
            entries.iter().filter(|entry| entry["event"] == "auth.failures").collect();
        let counted: u64 = failures.iter().map(|entry| entry["count"].as_u64().unwrap()).sum();
        assert!(failures.iter().all(|entry| entry["source"] == "127.0.0.1" && entry["action"] == "DENIED"));
        assert!(failures.len() < 30, "{} entries for {counted} failures", failures.len());
        if counted == count {
            break;
        }
        assert!(began.elapsed() < SOON, "{counted} of {count}: {failures:#?}");
    }
}

#[tokio::test]
async fn exported_lines_have_what_the_contract_says() {
    let fake = FakeUpstream::start().await;
    let house = House::start(&fake).await;
    let mut ids = Vec::new();
    for answer in [
        house.chat("Hallo").await,
        house.stream("Hallo").await,
        house.chat("Anders").await,
        house.chat(IBAN).await,
    ] {
        ids.push(answer.header("x-schleuse-request-id").unwrap().to_owned());
    }
    let lines = house.export().await;
    for (place, line) in lines.iter().enumerate() {
        for member in
            ["timestamp", "user", "prompt_hash", "sensitivity_score", "action", "model", "request_id"]
        {
            assert!(line.get(member).is_some(), "no {member}: {line}");
        }
        assert_eq!(line["index"], place, "{line}");
        let time = line["timestamp"].as_str().unwrap();
        assert!(time.len() >= 20 && time.ends_with('Z') && &time[10..11] == "T", "{time}");
        let score = line["sensitivity_score"].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&score));
    }
    let hash = |id: &String| {
        let line = lines.iter().find(|line| line["request_id"] == *id).unwrap();
        line["prompt_hash"].as_str().unwrap().to_owned()
    };
    let hashes: BTreeSet<String> = ids.iter().map(hash).collect();
    assert!(hashes.iter().all(|hash| hash.len() >= 32), "{hashes:?}");
    assert_eq!(hashes.len(), 4, "different questions have the same hash: {hashes:?}");
    let again = house.chat("Hallo").await.header("x-schleuse-request-id").unwrap().to_owned();
    let again = house.entries_of(&again).await[0]["prompt_hash"].clone();
    assert_eq!(again, hash(&ids[0]), "the same question has two hashes");
    // Keyed: another house gives another one, so nobody can try out texts against it.
    let other = House::start(&fake).await;
    let elsewhere = other.chat("Hallo").await.header("x-schleuse-request-id").unwrap().to_owned();
    assert_ne!(other.entries_of(&elsewhere).await[0]["prompt_hash"], again);
    // A pseudonym, the same for the same person.
    let users: BTreeSet<&str> = lines
        .iter()
        .filter(|line| line["role"] == "employee")
        .map(|line| line["user"].as_str().unwrap())
        .collect();
    assert_eq!(users.len(), 1);
    assert!(!users.first().unwrap().contains("demo"), "{users:?}");
    // What was refused has its score and its counts, not its text.
    let refused = lines.iter().find(|line| line["request_id"] == ids[3]).unwrap();
    assert_eq!(refused["findings"], json!({"IBAN": 1}));
    assert!(refused["sensitivity_score"].as_f64().unwrap() >= 0.5, "{refused}");

    let output = schleuse(&["audit", "export", "--data", &house.data_text(), "--format", "ocsf"]).await;
    let text = stdout(&output);
    assert_eq!(text.lines().count(), house.export().await.len());
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!((&line["class_uid"], &line["category_uid"]), (&json!(6003), &json!(6)), "{line}");
    }
    let output = schleuse(&["audit", "export", "--data", house.folder.join("none").to_str().unwrap()]).await;
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
}

#[tokio::test]
async fn the_log_verifies_live_stopped_and_killed() {
    let fake = FakeUpstream::start().await;
    let house = House::start(&fake).await;
    let data = house.data_text();
    let check = async |when: &str| {
        let (code, said) = verify(&data).await;
        assert_eq!(code, Some(0), "{when}: {said}");
        assert!(said.contains("intact"), "{when}: {said}");
        said
    };
    check("before the first question").await;
    for _ in 0..3 {
        assert_eq!(house.chat("Hallo").await.status, 200);
        check("live").await;
    }
    let before = house.export().await.len();
    let folder = house.stop().await;
    let said = check("stopped").await;
    assert!(said.contains("0 waiting"), "after a clean stop every entry is under the checkpoint: {said}");
    let stopped = export(&data).await;
    assert_eq!(stopped[before..].last().map(|entry| &entry["event"]), Some(&json!("log.stop")));

    let house = Plan::demo().on(&folder).upstream(&fake.url()).start().await;
    assert_eq!(house.chat("Hallo").await.status, 200);
    let live = house.export().await;
    assert_eq!(live[..stopped.len()], stopped[..], "old entries changed");
    let folder = house.kill().await;
    check("killed").await;
    assert_eq!(export(&data).await, live);

    let house = Plan::demo().on(&folder).upstream(&fake.url()).start().await;
    check("started again").await;
    let again = house.export().await;
    assert_eq!(again[..live.len()], live[..], "old entries changed");
    // That the last process did not close the log is on record, once.
    let starts = |entries: &[Value]| entries.iter().filter(|entry| entry["event"] == "log.start").count();
    assert_eq!((starts(&live), starts(&again)), (0, 1), "{again:#?}");
    for file in ["checkpoint", "vkey", "tile"] {
        assert!(house.data().join("audit").join(file).exists(), "no {file}");
    }
}

/// A byte at many places of every file of a closed log.
#[tokio::test]
async fn one_changed_byte_is_found() {
    let fake = FakeUpstream::start().await;
    let house = House::start(&fake).await;
    for _ in 0..6 {
        assert_eq!(house.chat("Hallo").await.status, 200);
    }
    let folder = house.stop().await;
    let data = folder.join("data").to_str().unwrap().to_owned();
    assert_eq!(verify(&data).await.0, Some(0));
    let files: Vec<_> = files_below(&folder.join("data/audit"))
        .into_iter()
        .filter(|file| std::fs::metadata(file).unwrap().len() > 0)
        .collect();
    assert!(files.len() >= 4, "{files:?}");
    let mut tried = 0;
    for file in &files {
        let bytes = std::fs::read(file).unwrap();
        let places: BTreeSet<usize> = (0..10).map(|step| (bytes.len() - 1) * step / 9).collect();
        for place in places {
            let mut changed = bytes.clone();
            changed[place] ^= 0x01;
            std::fs::write(file, &changed).unwrap();
            let (code, said) = verify(&data).await;
            assert_eq!(code, Some(4), "byte {place} of {} of {}: {said}", bytes.len(), file.display());
            tried += 1;
        }
        std::fs::write(file, &bytes).unwrap();
    }
    assert!(tried >= 30, "only {tried}");
    for file in &files {
        let bytes = std::fs::read(file).unwrap();
        std::fs::write(file, &bytes[..bytes.len() - 1]).unwrap();
        assert_eq!(verify(&data).await.0, Some(4), "{} was cut", file.display());
        std::fs::remove_file(file).unwrap();
        assert_eq!(verify(&data).await.0, Some(4), "{} was removed", file.display());
        std::fs::write(file, &bytes).unwrap();
    }
    assert_eq!(verify(&data).await.0, Some(0), "put back as it was");
}

#[tokio::test]
async fn a_kill_among_two_hundred_questions_loses_nothing_acknowledged() {
    let fake = FakeUpstream::start().await;
    fake.set_script(Script::Echo { piece_bytes: 4, pause: Duration::from_millis(4) });
    let house = House::start(&fake).await;
    let mut asking = JoinSet::new();
    for number in 0..200_usize {
        let body = if number.is_multiple_of(2) {
            chat_body("Hallo")
        } else {
            stream_body(&"Hallo ".repeat(number / 8))
        };
        let (request, address) = (house.question(CHAT, &body), house.address.clone());
        // Several after one another, so that the kill meets every stage.
        asking.spawn(async move {
            let mut acknowledged = Vec::new();
            for _ in 0..5 {
                let Some(answer) = request.try_send(&address).await else { break };
                let is_whole = answer.is_complete && (number.is_multiple_of(2) || answer.is_done());
                if answer.status == 200 && is_whole {
                    acknowledged.push(answer.header("x-schleuse-request-id").unwrap().to_owned());
                }
            }
            acknowledged
        });
    }
    assert!(fake.wait_for_questions(250, SOON * 3).await, "{} questions", fake.questions().len());
    let folder = house.kill().await;
    let acknowledged: BTreeSet<String> = asking.join_all().await.into_iter().flatten().collect();
    println!(
        "{} answers were acknowledged before the kill, of {} questions",
        acknowledged.len(),
        fake.questions().len()
    );
    assert!(acknowledged.len() > 20 && acknowledged.len() < 900, "{}", acknowledged.len());

    let data = folder.join("data").to_str().unwrap().to_owned();
    let (code, said) = verify(&data).await;
    assert_eq!(code, Some(0), "{said}");
    let check = |entries: &[Value]| {
        let of = |event: &str| {
            entries
                .iter()
                .filter(|entry| entry["event"] == event)
                .map(|entry| entry["request_id"].as_str().unwrap().to_owned())
                .collect::<BTreeSet<_>>()
        };
        let (admitted, completed) = (of("llm.admit"), of("llm.complete"));
        let lost: Vec<_> = acknowledged.difference(&completed).collect();
        assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
        assert!(admitted.len() >= fake.questions().len(), "the model server heard more than was admitted");
        assert!(completed.is_subset(&admitted));
    };
    let before = export(&data).await;
    check(&before);
    let house = Plan::demo().on(&folder).upstream(&fake.url()).start().await;
    let after = house.export().await;
    assert_eq!(after[..before.len()], before[..]);
    check(&after);
    assert_eq!(verify(&data).await.0, Some(0));
    assert_eq!(house.chat("Hallo").await.status, 200);
}

/// A word that nobody else says goes in wherever a word can go in, and must be found nowhere.
#[tokio::test]
async fn nothing_that_was_said_is_written_down() {
    let canary = "Quittenkanarienvogel";
    let fake = FakeUpstream::start().await;
    let serve_folder = Folder::new();
    let config = serve_folder.write(
        "schleuse.toml",
        format!("listen = \"127.0.0.1:0\"\ndata = \"data\"\nlog_level = \"debug\"\n[[upstream]]\nname = \"model\"\nurl = \"{}\"\n", fake.url()),
    );
    let plan = Plan::serve(&serve_folder, config.to_str().unwrap());
    for house in [plan.start().await, House::start(&fake).await] {
        let key = match house.ready.get("keys") {
            Some(_) => house.key("employee"),
            None => {
                let output = schleuse(&[
                    "key",
                    "create",
                    "--data",
                    &house.data_text(),
                    "--for",
                    "alice",
                    "--role",
                    "employee",
                ])
                .await;
                stdout(&output).trim().to_owned()
            }
        };
        let models = Request::get("/v1/models").key(&key);
        let began = std::time::Instant::now();
        while house.send(&models).await.status != 200 {
            assert!(began.elapsed() < SOON, "the key does not work");
        }
        let send = async |request: Request| request.key(&key).send(&house.address).await;
        let post = async |body: String| send(Request::post(CHAT, body)).await;
        let tool = json!([{"type": "function", "function": {"name": canary, "description": canary}}]);
        let scripts = [
            Script::Recorded,
            Script::echo(3),
            Script::status(500),
            Script::json(
                400,
                json!({"error": {"message": canary, "code": canary, "type": canary}}).to_string(),
            ),
            Script::json(200, canary),
            Script::deltas(&[canary, IBAN], End::Clean),
            Script::deltas(&[canary], End::Cut),
            Script::Sse { chunks: vec![(Duration::ZERO, format!("data: {canary}\n\n"))], end: End::Clean },
            Script::Raw(format!("{canary}\r\n\r\n").into_bytes()),
        ];
        for script in scripts {
            fake.set_script(script);
            for mut body in [
                chat_body(canary),
                stream_body(canary),
                chat_body(&format!("{canary} {IBAN}")),
                chat_body(&format!("{canary} {GITHUB_TOKEN}")),
            ] {
                body["tools"] = tool.clone();
                body["user"] = canary.into();
                assert!(post(body.to_string()).await.header("x-schleuse-request-id").is_some());
            }
        }
        fake.set_script(Script::Recorded);
        for body in [
            canary.to_owned(),
            format!("{{\"{canary}\":1}}"),
            format!("{{\"model\":\"{canary}\",\"messages\":[{{\"role\":\"user\",\"content\":\"x\"}}]}}"),
            format!("{{\"model\":\"tiny\",\"messages\":[{{\"role\":\"{canary}\",\"content\":\"x\"}}]}}"),
            format!("{{\"model\":\"tiny\",\"messages\":[{{\"role\":\"user\",\"{canary}\":\"x\"}}]}}"),
            format!("{{\"model\":\"tiny\",\"temperature\":\"{canary}\"}}"),
            format!(
                "{{\"model\":\"tiny\",\"guided_json\":{{\"{canary}\":{{\"{IBAN}\":1}}}},\"messages\":[{{\"role\":\"user\",\"content\":\"x\"}}]}}"
            ),
            format!("{}{canary}", chat_body("x")),
        ] {
            assert!(post(body.clone()).await.status >= 400, "{body}");
        }
        for request in [
            Request::post(&format!("/v1/{canary}"), canary),
            Request::get(&format!("/v1/models/{canary}")),
            Request::get(&format!("/{canary}")),
            Request::get(&format!("/v1/models?q={canary}")),
            Request::post(CHAT, canary).header("x-schleuse-label", canary),
            Request::post(CHAT, canary).header("accept-language", canary),
            Request::post(CHAT, chat_body("x").to_string()).header("x-other", canary),
        ] {
            send(request).await;
        }
        for request in
            [Request::post(CHAT, canary).key(canary), Request::post(CHAT, canary).header("x-api-key", canary)]
        {
            assert_eq!(request.send(&house.address).await.status, 401);
        }
        // One who leaves in the middle.
        fake.set_script(Script::deltas(&[canary], End::Hang));
        let mut open =
            Request::post(CHAT, stream_body(canary).to_string()).key(&key).open(&house.address).await;
        open.until(SOON, |answer| answer.text().contains(": keep-alive")).await;
        drop(open);
        house.wait_for_entry(SOON, |entry| entry["code"] == "client_left").await;

        let metrics = Request::get("/metrics").send(&house.admin).await.text();
        assert!(!metrics.contains(canary) && metrics.contains("IBAN"));
        let ocsf = schleuse(&["audit", "export", "--data", &house.data_text(), "--format", "ocsf"]).await;
        assert!(!stdout(&ocsf).contains(canary));
        // Key, word and number alike; live and after the end.
        let texts = [canary, IBAN, GITHUB_TOKEN];
        assert_nowhere(house.folder.path(), &texts);
        let folder = house.stop().await;
        assert_nowhere(folder.path(), &texts);
    }
}
