//! The auditor's view: what was recorded, proofs that an outsider can check, the check of everything, the download.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schleuse_audit::Event;
use schleuse_tlog::{Checkpoint, Hash, LogVerifier, Note, leaf_hash, verify_inclusion};
use schleuse_types::{Outcome, Role};
use serde_json::Value;

use crate::house::House;

#[tokio::test]
async fn entries_are_shown_as_they_were_recorded() {
    let house = House::open().await;
    for _ in 0..5 {
        house.record(Role::Employee, Event::LlmComplete, Outcome::Allowed, None).await;
    }
    let page = house.get(Role::Auditor, "/api/audit/entries?limit=3").await.json();
    let entries = page["entries"].as_array().unwrap();
    // The reading itself was recorded before it read.
    assert_eq!(entries[0]["record"]["event"], "log.read");
    assert_eq!((&entries[1]["index"], &entries[1]["record"]["source"]), (&4.into(), &"k-secret".into()));
    let before = page["next"].as_u64().unwrap();
    let rest = house.get(Role::Auditor, &format!("/api/audit/entries?before={before}")).await.json();
    assert_eq!(rest["entries"].as_array().unwrap().len(), 3);
    let only = house.get(Role::Auditor, "/api/audit/entries?event=log.read").await.json();
    assert!(only["entries"].as_array().unwrap().iter().all(|entry| entry["record"]["event"] == "log.read"));
}

#[tokio::test]
async fn an_outsider_can_check_a_proof_with_nothing_but_the_answers() {
    let house = House::open().await;
    for _ in 0..300 {
        house.record(Role::Employee, Event::LlmComplete, Outcome::Allowed, None).await;
    }
    // The newest entries get their checkpoint within about a second.
    let proof = loop {
        let answer = house.get(Role::Auditor, "/api/audit/proofs/299").await;
        if answer.status == 200 {
            break answer.json();
        }
        assert_eq!((answer.status, answer.header("retry-after")), (404, Some("1")), "{}", answer.text());
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    };
    let vkey = house.get(Role::Auditor, "/api/audit/checkpoint").await.json()["vkey"].clone();
    let key = LogVerifier::parse(vkey.as_str().unwrap()).unwrap();
    let note = Note::parse(proof["checkpoint"].as_str().unwrap()).unwrap();
    key.verify(&note).unwrap();
    let checkpoint = Checkpoint::parse(note.text).unwrap();
    assert_eq!(proof["size"], checkpoint.size);
    let entry = STANDARD.decode(proof["entry"].as_str().unwrap()).unwrap();
    let leaf = leaf_hash(&entry);
    assert_eq!(proof["leaf_hash"], leaf.to_string());
    let path: Vec<Hash> = proof["proof"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hash| Hash::parse(hash.as_str().unwrap()).unwrap())
        .collect();
    assert!(verify_inclusion(&path, 299, &leaf, checkpoint.size, &checkpoint.root));
    for absent in ["100000", "-1", "1x", "18446744073709551616"] {
        let answer = house.get(Role::Auditor, &format!("/api/audit/proofs/{absent}")).await;
        assert_eq!(answer.status, 404, "{absent}");
    }
}

#[tokio::test]
async fn the_whole_log_is_verified_and_damage_is_named() {
    let house = House::open().await;
    for _ in 0..10 {
        house.record(Role::Employee, Event::LlmComplete, Outcome::Allowed, None).await;
    }
    for role in [Role::Auditor, Role::Security] {
        let verified = house.post(role, "/api/audit/verify", "").await.json();
        assert_eq!((&verified["ok"], &verified["problem"]), (&true.into(), &Value::Null), "{verified}");
        assert!(verified["entries"].as_u64().unwrap() >= 11);
    }
    assert_eq!(house.count(Event::LogVerify), 2);
    assert_eq!(house.newest(Event::LogVerify)["user"], house.pseudonym(Role::Security));
    house.console.log.close().await.unwrap();
    let bundle = house.audit_file("tile/entries/000.p");
    let bundle = std::fs::read_dir(bundle).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&bundle).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&bundle, bytes).unwrap();
    let error = house.console.log.reader().verify().unwrap_err();
    assert!(error.to_string().contains("entry 0"), "{error}");
}

#[tokio::test]
async fn the_download_holds_every_entry_and_is_recorded_before() {
    let house = House::open().await;
    for _ in 0..400 {
        house.record(Role::Employee, Event::LlmComplete, Outcome::Allowed, None).await;
    }
    let answer = house.get(Role::Auditor, "/api/audit/export?format=jsonl").await;
    assert_eq!(answer.header("content-disposition"), Some("attachment; filename=\"audit.jsonl\""));
    let lines: Vec<Value> = answer.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 401);
    assert!((0..).zip(&lines).all(|(index, line): (u64, _)| line["index"] == index));
    assert_eq!(lines[400]["event"], "log.export");
    let ocsf = house.get(Role::Auditor, "/api/audit/export?format=ocsf").await;
    let first: Value = serde_json::from_str(ocsf.text().lines().next().unwrap()).unwrap();
    assert_eq!(first["class_uid"], 6003);
    let answer = house.get(Role::Auditor, "/api/audit/export?format=xml").await;
    assert_eq!((answer.status, house.count(Event::LogExport)), (400, 2));
}

#[tokio::test]
async fn a_download_ends_with_the_credential_and_says_so_in_its_last_line() {
    let house = House::open().await;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..4000 {
        let log = house.console.log.clone();
        let mut record = schleuse_audit::Record::new(Event::LlmComplete);
        record.model = format!("{number:0>200}");
        tasks.spawn(async move { log.append(record).await.unwrap() });
    }
    tasks.join_all().await;
    let (_, cookie) = house.sign_in(Role::Auditor).await;
    let mut download = house.listen(cookie, "/api/audit/export", None).await;
    house.put(Role::Admin, "/api/people/auditor", r#"{"blocked":true}"#).await;
    house.learn().await;
    let mut all = Vec::new();
    while let Some(piece) = download.recv().await {
        all.extend_from_slice(&piece);
    }
    let text = String::from_utf8(all).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.len() < 4000, "{}", lines.len());
    assert_eq!(lines[lines.len() - 1]["error"]["code"], "invalid_api_key");
    assert!((0..).zip(&lines[..lines.len() - 1]).all(|(index, line): (u64, _)| line["index"] == index));
}

#[tokio::test]
async fn without_a_log_nothing_is_read() {
    let house = House::open().await;
    house.console.log.close().await.unwrap();
    for (role, path) in [
        (Role::Auditor, "/api/audit/entries"),
        (Role::Security, "/api/decisions"),
        (Role::Auditor, "/api/audit/export"),
    ] {
        let answer = house.get(role, path).await;
        assert_eq!((answer.status, answer.code().as_str()), (503, "audit_unavailable"), "{path}");
    }
    let answer = house.post(Role::Admin, "/api/people", r#"{"name":"zoe","role":"employee"}"#).await;
    assert_eq!(answer.status, 503);
    assert_eq!(house.console.store.find_person("zoe").await.unwrap(), None);
}
