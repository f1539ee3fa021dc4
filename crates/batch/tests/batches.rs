//! Files and batches as a client uses them.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod house;

use std::sync::atomic::Ordering;
use std::time::Duration;

use house::{Home, creation, file, purpose, questions};
use schleuse_batch::{Limits, What};
use schleuse_types::{Clock as _, Label, Role};
use schleuse_wire::Method;
use schleuse_wire::multipart::Part;
use serde_json::{Value, json};

#[tokio::test]
async fn lines_are_asked_and_answers_kept_in_their_order() {
    let home = Home::open().await;
    let content = questions(&["say eins", "block zwei", "busy drei", "tomorrow vier"]);
    let file = home.upload("anna", &content).await;
    let shown = home.get("anna", &format!("/v1/files/{file}")).await;
    let created = shown["created_at"].as_u64().unwrap();
    let expected = json!({
        "id": file, "object": "file", "bytes": content.len(), "created_at": created,
        "expires_at": created + 30 * 86_400, "filename": "fragen.jsonl", "purpose": "batch",
        "status": "processed", "status_details": null,
    });
    assert_eq!(shown, expected);

    let begun = json!({
        "input_file_id": file, "endpoint": "/v1/chat/completions", "completion_window": "24h",
        "metadata": {"zweck": "probe"},
    });
    let begun = home.send("anna", Method::Post, "/v1/batches", &begun.to_string()).await.expect(200);
    assert_eq!((&begun["object"], &begun["status"]), (&json!("batch"), &json!("validating")));
    assert_eq!(begun["request_counts"], json!({"total": 0, "completed": 0, "failed": 0}));
    let batch = begun["id"].as_str().unwrap();
    let done = home.until("anna", batch, "completed").await;
    assert_eq!(done["request_counts"], json!({"total": 4, "completed": 2, "failed": 2}));
    assert_eq!((&done["errors"], &done["metadata"]), (&Value::Null, &json!({"zweck": "probe"})));
    assert_eq!(done["expires_at"], done["created_at"].as_u64().unwrap() + 86_400);
    for moment in ["in_progress_at", "finalizing_at", "completed_at"] {
        assert!(done[moment].is_u64(), "{moment} {done}");
    }
    for moment in ["failed_at", "expired_at", "cancelling_at", "cancelled_at"] {
        assert_eq!(done[moment], Value::Null, "{moment}");
    }

    let output = home.lines("anna", &done["output_file_id"]).await;
    let told: Vec<_> = output.iter().map(|line| (&line["custom_id"], &line["response"]["body"])).collect();
    let (eins, drei) = (json!({"say": "eins"}), json!({"say": "drei"}));
    assert_eq!(told, [(&json!("q0"), &eins), (&json!("q2"), &drei)]);
    assert_eq!((&output[0]["response"]["status_code"], &output[0]["error"]), (&json!(200), &Value::Null));
    assert_eq!(output[0]["response"]["request_id"], "01GATE");
    let errors = home.lines("anna", &done["error_file_id"]).await;
    let code = |line: &Value| line["response"]["body"]["error"]["code"].clone();
    assert_eq!((&errors[0]["custom_id"], code(&errors[0])), (&json!("q1"), json!("sensitive_data_detected")));
    assert_eq!((&errors[1]["custom_id"], code(&errors[1])), (&json!("q3"), json!("rate_limit_exceeded")));

    // Every line with the credential of whoever asked; the one that was busy, twice.
    let questions = home.gate.questions.lock().unwrap().clone();
    assert_eq!(questions.len(), 5);
    assert!(questions.iter().all(|asked| asked.key == house::key("anna").expose_printed()));
    let told = home.rules.told();
    let output = done["output_file_id"].as_str().unwrap().to_owned();
    let errors = done["error_file_id"].as_str().unwrap().to_owned();
    let expected = [
        (What::FileCreate, file.clone()),
        (What::BatchCreate, batch.to_owned()),
        (What::FileRead, output),
        (What::FileRead, errors),
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn a_file_that_is_wrong_fails_with_the_lines_that_are() {
    let home = Home::open().await;
    let content = questions(&["say eins"]) + "geheim\n" + &questions(&["say zwei"]);
    let file = home.upload("anna", &content).await;
    let batch = home.begin("anna", &file).await;
    let failed = home.until("anna", &batch, "failed").await;
    assert!(failed["failed_at"].is_u64());
    assert_eq!(failed["errors"]["object"], "list");
    let error = |place: usize| {
        let error = &failed["errors"]["data"][place];
        (error["line"].clone(), error["code"].clone(), error["param"].clone())
    };
    assert_eq!(error(0), (json!(2), json!("invalid_json_line"), Value::Null));
    assert_eq!(error(1), (json!(3), json!("duplicate_custom_id"), json!("custom_id")));
    assert_eq!(failed["errors"]["data"][0]["message"], "Die Zeile ist kein gültiges JSON.");
    assert!(!failed.to_string().contains("geheim"));
    assert_eq!((&failed["output_file_id"], &failed["error_file_id"]), (&Value::Null, &Value::Null));
    assert_eq!(home.gate.contents(), Vec::<String>::new());
}

#[tokio::test]
async fn a_label_goes_from_the_file_to_every_line_and_on_to_the_answers() {
    let home = Home::open().await;
    let content = questions(&["as CONFIDENTIAL", "say x"]);
    let file = home.upload_labelled("anna", &content, Some("PUBLIC")).await;
    let answer = home
        .send_labelled("anna", Method::Post, "/v1/batches", creation(&file).into(), Some("INTERNAL//hr"))
        .await;
    answer.expect_refusal(403, "access_denied");
    *home.rules.clearance.lock().unwrap() = "hr".parse().map(|hr| Label::CONFIDENTIAL.with([hr])).unwrap();
    let answer = home
        .send_labelled("anna", Method::Post, "/v1/batches", creation(&file).into(), Some("INTERNAL//hr"))
        .await;
    assert_eq!(answer.header("x-schleuse-label"), Some("INTERNAL//hr"));
    let batch = answer.expect(200)["id"].as_str().unwrap().to_owned();
    let done = home.until("anna", &batch, "completed").await;
    let asked = home.gate.questions.lock().unwrap().clone();
    assert!(asked.iter().all(|asked| asked.label == "INTERNAL//hr"), "{asked:?}");

    let output = format!("/v1/files/{}", done["output_file_id"].as_str().unwrap());
    let shown = home.send("anna", Method::Get, &output, "").await;
    assert_eq!(shown.header("x-schleuse-label"), Some("CONFIDENTIAL//hr"));
    let content = home.send("anna", Method::Get, &format!("{output}/content"), "").await;
    assert_eq!((content.status, content.header("x-schleuse-label")), (200, Some("CONFIDENTIAL//hr")));
    // The file keeps the label that it was given.
    let shown = home.send("anna", Method::Get, &format!("/v1/files/{file}"), "").await;
    assert_eq!(shown.header("x-schleuse-label"), Some("PUBLIC"));

    // Whoever may no longer have it does not get it, and may still delete it.
    *home.rules.clearance.lock().unwrap() = Label::CONFIDENTIAL;
    let refused = home.send("anna", Method::Get, &format!("{output}/content"), "").await;
    let error = refused.expect_refusal(403, "access_denied");
    assert!(error["message"].as_str().unwrap().contains("VERTRAULICH//hr"), "{error}");
    home.send("anna", Method::Delete, &output, "").await.expect(200);

    let beyond = home.upload_form("anna", &[purpose("batch"), self::file("x")], Some("SECRET")).await;
    beyond.expect_refusal(403, "access_denied");
    let unknown = home.upload_form("anna", &[purpose("batch"), self::file("x")], Some("HIGH")).await;
    unknown.expect_refusal(400, "invalid_request");
    // Nobody said any: what counts for the person does.
    let file = home.upload("anna", &questions(&["say x"])).await;
    let shown = home.send("anna", Method::Get, &format!("/v1/files/{file}"), "").await;
    assert_eq!(shown.header("x-schleuse-label"), Some("INTERNAL"));
}

#[tokio::test]
async fn a_refused_line_has_no_part_in_the_label() {
    let home = Home::open().await;
    let file = home.upload("anna", &questions(&["block x"])).await;
    let batch = home.begin("anna", &file).await;
    let done = home.until("anna", &batch, "completed").await;
    assert_eq!(done["output_file_id"], Value::Null);
    let errors = format!("/v1/files/{}/content", done["error_file_id"].as_str().unwrap());
    assert_eq!(
        home.send("anna", Method::Get, &errors, "").await.header("x-schleuse-label"),
        Some("INTERNAL")
    );
}

#[tokio::test]
async fn what_was_cut_off_goes_on_when_its_owner_asks_for_it() {
    let limits = Limits { parallel_max: 1, ..Limits::default() };
    let home = Home::open_limited(limits).await;
    let file = home.upload("anna", &questions(&["say eins", "wait zwei", "as CONFIDENTIAL"])).await;
    let batch = home.begin("anna", &file).await;
    home.gate.until_asked("wait zwei").await;
    let shown = home.get("anna", &format!("/v1/batches/{batch}")).await;
    assert_eq!(shown["request_counts"], json!({"total": 3, "completed": 1, "failed": 0}));

    let home = home.reopen().await;
    // Nobody else's question and no question about something else brings it back.
    home.get("bert", "/v1/batches").await;
    home.get("anna", "/v1/files").await;
    home.wait().await;
    assert_eq!(home.gate.contents(), Vec::<String>::new());
    home.get("anna", "/v1/batches").await;
    home.gate.until_asked("wait zwei").await;
    home.gate.waiting.add_permits(1);
    let done = home.until("anna", &batch, "completed").await;
    // What was answered is not asked again, what was not yet answered is.
    assert_eq!(home.gate.contents(), ["wait zwei", "as CONFIDENTIAL"]);
    let output = home.lines("anna", &done["output_file_id"]).await;
    let ids: Vec<_> = output.iter().map(|line| line["custom_id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["q0", "q1", "q2"]);
}

#[tokio::test]
async fn no_credential_comes_to_the_disk() {
    let home = Home::open().await;
    let file = home.upload("anna", &questions(&["wait eins", "say zwei"])).await;
    home.begin("anna", &file).await;
    home.gate.until_asked("wait eins").await;
    let backup = std::env::temp_dir().join(format!("schleuse-batch-backup-{}.db", std::process::id()));
    home.store.backup_to(&backup).await.unwrap();
    let bytes = std::fs::read(&backup).unwrap();
    std::fs::remove_file(&backup).unwrap();
    let has = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(has(&file));
    for secret in [house::key("anna").expose_printed(), "wait eins", "fragen.jsonl", "q0"] {
        assert!(!has(secret), "{secret}");
    }
}

#[tokio::test]
async fn a_credential_that_ends_ends_the_batch_and_keeps_what_is_answered() {
    let home = Home::open_limited(Limits { parallel_max: 1, ..Limits::default() }).await;
    let file = home.upload("anna", &questions(&["say eins", "wait zwei"])).await;
    let batch = home.begin("anna", &file).await;
    home.gate.until_asked("wait zwei").await;
    home.revoke("anna");
    home.wait().await;
    home.revoke("nobody");
    let failed = home.get("anna", &format!("/v1/batches/{batch}")).await;
    assert_eq!(failed["status"], "failed");
    assert_eq!(failed["errors"]["data"][0]["code"], "invalid_api_key");
    assert_eq!(failed["request_counts"], json!({"total": 2, "completed": 1, "failed": 0}));
    assert_eq!(home.lines("anna", &failed["output_file_id"]).await[0]["custom_id"], "q0");
}

#[tokio::test]
async fn a_batch_is_cancelled_at_once() {
    let home = Home::open_limited(Limits { parallel_max: 1, ..Limits::default() }).await;
    let file = home.upload("anna", &questions(&["say eins", "wait zwei", "say drei"])).await;
    let batch = home.begin("anna", &file).await;
    home.gate.until_asked("wait zwei").await;
    // A file that is being worked through stays.
    let in_use = home.send("anna", Method::Delete, &format!("/v1/files/{file}"), "").await;
    in_use.expect_refusal(400, "invalid_request");
    let path = format!("/v1/batches/{batch}/cancel");
    let cancelling = home.send("anna", Method::Post, &path, "").await.expect(200);
    assert_eq!(cancelling["status"], "cancelling");
    assert!(cancelling["cancelling_at"].is_u64());
    let cancelled = home.until("anna", &batch, "cancelled").await;
    assert!(cancelled["cancelled_at"].is_u64());
    assert_eq!(cancelled["request_counts"], json!({"total": 3, "completed": 1, "failed": 0}));
    assert_eq!(home.lines("anna", &cancelled["output_file_id"]).await.len(), 1);
    assert_eq!(home.gate.contents(), ["say eins", "wait zwei"]);
    let over = home.send("anna", Method::Post, &path, "").await.expect_refusal(400, "invalid_request");
    assert!(over["message"].as_str().unwrap().contains("cancelled"));
    home.send("anna", Method::Delete, &format!("/v1/files/{file}"), "").await.expect(200);

    // Also one that nobody works at.
    let file = home.upload("anna", &questions(&["wait vier"])).await;
    let batch = home.begin("anna", &file).await;
    home.gate.until_asked("wait vier").await;
    let home = home.reopen().await;
    let path = format!("/v1/batches/{batch}/cancel");
    assert_eq!(home.send("anna", Method::Post, &path, "").await.expect(200)["status"], "cancelled");
    assert_eq!(home.gate.contents(), Vec::<String>::new());
}

#[tokio::test]
async fn a_batch_that_is_not_finished_in_its_window_expires() {
    for restarts in [false, true] {
        let mut home = Home::open_limited(Limits { parallel_max: 1, ..Limits::default() }).await;
        let file = home.upload("anna", &questions(&["say eins", "wait zwei", "say drei"])).await;
        let batch = home.begin("anna", &file).await;
        home.gate.until_asked("wait zwei").await;
        if restarts {
            home = home.reopen().await;
        }
        home.clock.forward(23);
        home.room.sweep().await.unwrap();
        assert_eq!(home.get("anna", &format!("/v1/batches/{batch}")).await["status"], "in_progress");
        home.gate.until_asked("wait zwei").await;
        home.clock.forward(2);
        home.room.sweep().await.unwrap();
        let expired = home.until("anna", &batch, "expired").await;
        assert_eq!(expired["request_counts"], json!({"total": 3, "completed": 1, "failed": 2}));
        assert_eq!(home.lines("anna", &expired["output_file_id"]).await.len(), 1);
        let errors = home.lines("anna", &expired["error_file_id"]).await;
        assert_eq!((&errors[1]["custom_id"], &errors[1]["response"]), (&json!("q2"), &Value::Null));
        assert_eq!(errors[1]["error"]["code"], "batch_expired");
    }
}

#[tokio::test]
async fn files_and_batches_are_deleted_when_they_are_too_old() {
    let home = Home::open().await;
    let kept = |seconds: &str| {
        let field = |name: &str, value: &str| Part::field(name, value.to_owned()).unwrap();
        vec![
            purpose("batch"),
            file(&questions(&["say x"])),
            field("expires_after[anchor]", "created_at"),
            field("expires_after[seconds]", seconds),
        ]
    };
    for wrong in ["3599", "2592001", "x"] {
        home.upload_form("anna", &kept(wrong), None).await.expect_refusal(400, "invalid_request");
    }
    let short = home.upload_form("anna", &kept("3600"), None).await.expect(200);
    let short = short["id"].as_str().unwrap();
    let long = home.upload("anna", &questions(&["say x"])).await;
    let batch = home.begin("anna", &long).await;
    home.until("anna", &batch, "completed").await;
    home.clock.forward(2);
    // It is gone at its time, even if nobody has swept.
    home.send("anna", Method::Get, &format!("/v1/files/{short}"), "").await.expect_refusal(404, "not_found");
    assert_eq!(home.get("anna", "/v1/files").await["data"].as_array().unwrap().len(), 2);
    assert_eq!(home.store.files("anna").await.unwrap().len(), 3);
    home.room.sweep().await.unwrap();
    assert_eq!(home.store.files("anna").await.unwrap().len(), 2);
    assert_eq!(*home.rules.expiries.lock().unwrap(), [(1, 0)]);
    home.get("anna", &format!("/v1/batches/{batch}")).await;
    home.clock.forward(24 * 30);
    home.room.sweep().await.unwrap();
    assert_eq!(home.store.files("anna").await.unwrap(), []);
    home.send("anna", Method::Get, &format!("/v1/batches/{batch}"), "")
        .await
        .expect_refusal(404, "not_found");
}

#[tokio::test]
async fn a_house_that_ends_lets_lines_end_and_begins_no_more() {
    let home = Home::open_limited(Limits { parallel_max: 1, ..Limits::default() }).await;
    let file = home.upload("anna", &questions(&["wait eins", "say zwei"])).await;
    let batch = home.begin("anna", &file).await;
    home.gate.until_asked("wait eins").await;
    home.stop.cancel();
    home.gate.waiting.add_permits(1);
    home.wait().await;
    assert_eq!(home.gate.contents(), ["wait eins"]);
    let home = home.reopen().await;
    home.until("anna", &batch, "completed").await;
    assert_eq!(home.gate.contents(), ["say zwei"]);
}

#[tokio::test]
async fn what_is_somebody_elses_is_not_there() {
    let home = Home::open().await;
    let content = questions(&["say x"]);
    let file = home.upload("anna", &content).await;
    home.upload("bert", &content).await;
    let batch = home.begin("anna", &file).await;
    home.until("anna", &batch, "completed").await;
    for (method, path) in routes(&file, &batch) {
        let body = if path == "/v1/batches" { creation(&file) } else { String::new() };
        if path.contains(&file) || path.contains(&batch) || (method == Method::Post && path == "/v1/batches")
        {
            home.send("bert", method, &path, &body).await.expect_refusal(404, "not_found");
        }
        home.send("auditor", method, &path, &body).await.expect_refusal(403, "access_denied");
        let denial = home.rules.denials.lock().unwrap().pop().unwrap();
        assert!(denial.principal.role == Role::Auditor && path.starts_with(denial.surface), "{denial:?}");
        let before = home.rules.strangers.load(Ordering::Relaxed);
        home.send("-", method, &path, &body).await.expect_refusal(401, "invalid_api_key");
        assert_eq!(home.rules.strangers.load(Ordering::Relaxed), before + 1);
    }
    assert_eq!(home.get("bert", "/v1/batches").await["data"], json!([]));
    assert_eq!(home.get("bert", "/v1/files").await["data"].as_array().unwrap().len(), 1);
    // Somebody whom the store does not know has nothing to keep files under.
    let nobody = home.upload_form("nobody", &[purpose("batch"), self::file(&content)], None).await;
    nobody.expect_refusal(403, "access_denied");
}

fn routes(file: &str, batch: &str) -> Vec<(Method, String)> {
    vec![
        (Method::Get, "/v1/files".to_owned()),
        (Method::Post, "/v1/files".to_owned()),
        (Method::Get, format!("/v1/files/{file}")),
        (Method::Get, format!("/v1/files/{file}/content")),
        (Method::Get, "/v1/batches".to_owned()),
        (Method::Post, "/v1/batches".to_owned()),
        (Method::Get, format!("/v1/batches/{batch}")),
        (Method::Post, format!("/v1/batches/{batch}/cancel")),
        (Method::Delete, format!("/v1/files/{file}")),
    ]
}

#[tokio::test]
async fn every_limit_says_what_it_is() {
    let limits = Limits {
        file_bytes_max: 1000,
        files_max: 4,
        bytes_max: 1500,
        lines_max: 2,
        batches_max: 1,
        running_max: 1,
        ..Limits::default()
    };
    let home = Home::open_limited(limits).await;
    let says = |error: &Value, number: &str| {
        assert!(error["message"].as_str().unwrap().contains(number), "{error}");
    };
    for size in [1001, 200_000] {
        let large = home.upload_form("anna", &[purpose("batch"), file(&"x".repeat(size))], None).await;
        let error = large.expect_refusal(413, "request_too_large");
        says(&error, "1000");
        assert_eq!(error["param"], "file");
    }
    home.upload("anna", &"x".repeat(1000)).await;
    let full = home.upload_form("anna", &[purpose("batch"), file(&"x".repeat(501))], None).await;
    says(&full.expect_refusal(400, "invalid_request"), "1500");
    let lines = home.upload("anna", &"{}\n".repeat(3)).await;
    let failed = home.begin("anna", &lines).await;
    let failed = home.until("anna", &failed, "failed").await;
    let code = |place: usize| failed["errors"]["data"][place]["code"].clone();
    assert_eq!(code(0), "missing_required_parameter");

    let two = questions(&["wait", "say y"]);
    let busy = home.upload("anna", &two).await;
    let three = home.upload("bert", &questions(&["a", "b", "c"])).await;
    let batch = home.begin("bert", &three).await;
    let failed = home.until("bert", &batch, "failed").await;
    assert_eq!(failed["errors"]["data"][0]["code"], "too_many_lines");
    says(&failed["errors"]["data"][0], "2");

    home.wait().await;
    home.begin("anna", &busy).await;
    home.gate.until_asked("wait").await;
    let second = home.send("anna", Method::Post, "/v1/batches", &creation(&busy)).await;
    assert!(second.header("retry-after").is_some());
    says(&second.expect_refusal(429, "rate_limit_exceeded"), "1");
    let other = home.send("bert", Method::Post, "/v1/batches", &creation(&three)).await;
    says(&other.expect_refusal(429, "rate_limit_exceeded"), "1");
    home.upload("anna", "x").await;
    let many = home.upload_form("anna", &[purpose("batch"), file("x")], None).await;
    says(&many.expect_refusal(400, "invalid_request"), "4");
}

#[tokio::test]
async fn answers_that_are_too_large_end_the_batch() {
    let home =
        Home::open_limited(Limits { answers_bytes_max: 200, parallel_max: 1, ..Limits::default() }).await;
    let file = home.upload("anna", &questions(&["say eins", "say zwei", "say drei", "say vier"])).await;
    let batch = home.begin("anna", &file).await;
    let failed = home.until("anna", &batch, "failed").await;
    assert_eq!(failed["errors"]["data"][0]["code"], "answers_too_large");
    assert_eq!(failed["request_counts"], json!({"total": 4, "completed": 2, "failed": 0}));
    assert_eq!(home.lines("anna", &failed["output_file_id"]).await.len(), 2);
}

#[tokio::test]
async fn lists_are_paged_as_clients_page() {
    let home = Home::open().await;
    let mut files = Vec::new();
    for _ in 0..3 {
        files.push(home.upload("anna", &questions(&["say x"])).await);
    }
    let batch = home.begin("anna", &files[0]).await;
    home.until("anna", &batch, "completed").await;
    let ids = async |query: &str| {
        let list = home.get("anna", &format!("/v1/files?{query}")).await;
        assert_eq!(list["object"], "list");
        let ids: Vec<_> = list["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|file| file["id"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(list["first_id"].as_str(), ids.first().map(String::as_str));
        assert_eq!(list["last_id"].as_str(), ids.last().map(String::as_str));
        (ids, list["has_more"].as_bool().unwrap())
    };
    let some = |places: &[usize]| places.iter().map(|place| files[*place].clone()).collect::<Vec<_>>();
    assert_eq!(ids("purpose=batch").await, (some(&[2, 1, 0]), false));
    assert_eq!(ids("purpose=batch&order=asc&limit=2").await, (some(&[0, 1]), true));
    assert_eq!(ids(&format!("purpose=batch&limit=2&after={}", files[2])).await, (some(&[1, 0]), false));
    assert_eq!(ids("purpose=batch_output").await.0.len(), 1);
    assert_eq!(ids("").await.0.len(), 4);
    for wrong in ["limit=0", "limit=10001", "order=up", "after=file-x", "before=x"] {
        let answer = home.send("anna", Method::Get, &format!("/v1/files?{wrong}"), "").await;
        answer.expect_refusal(400, "invalid_request");
    }
    let second = home.begin("anna", &files[1]).await;
    home.until("anna", &second, "completed").await;
    let list = home.get("anna", "/v1/batches?limit=1").await;
    assert_eq!((&list["data"][0]["id"], &list["has_more"]), (&json!(second), &json!(true)));
    let list = home.get("anna", &format!("/v1/batches?after={second}")).await;
    assert_eq!((&list["data"][0]["id"], &list["has_more"]), (&json!(batch), &json!(false)));
}

#[tokio::test]
async fn what_is_not_offered_is_refused_by_name() {
    let home = Home::open().await;
    let refuse = async |parts: &[Part], word: &str| {
        let error = home.upload_form("anna", parts, None).await.expect_refusal(400, "invalid_request");
        assert!(error.to_string().contains(word), "{word} {error}");
    };
    for name in ["assistants", "vision", "fine-tune", "user_data", "evals", "batch_output"] {
        refuse(&[purpose(name), file("x")], name).await;
    }
    refuse(&[purpose("other"), file("x")], "batch").await;
    refuse(&[file("x")], "purpose").await;
    refuse(&[purpose("batch")], "file").await;
    refuse(&[purpose("batch"), Part::field("file", "x").unwrap()], "file").await;
    refuse(&[purpose("batch"), file("x"), Part::field("nothing", "x").unwrap()], "nothing").await;
    home.send("anna", Method::Post, "/v1/files", "{}").await.expect_refusal(400, "invalid_request");
    home.send("anna", Method::Put, "/v1/files", "").await.expect_refusal(405, "method_not_allowed");
    home.send("anna", Method::Get, "/v1/files/", "").await.expect_refusal(404, "not_found");
    home.send("anna", Method::Get, "/v1/files/a/b", "").await.expect_refusal(404, "not_found");

    let file = home.upload("anna", &questions(&["say x"])).await;
    let batch = home.begin("anna", &file).await;
    let done = home.until("anna", &batch, "completed").await;
    // What came of a batch does not begin another one.
    let output = creation(done["output_file_id"].as_str().unwrap());
    let error = home.send("anna", Method::Post, "/v1/batches", &output).await;
    assert_eq!(error.expect_refusal(400, "invalid_request")["param"], "input_file_id");
    let unknown = home.send("anna", Method::Post, "/v1/batches", &creation("file-x")).await;
    assert_eq!(unknown.expect_refusal(404, "not_found")["param"], "input_file_id");
}

#[tokio::test]
async fn a_row_that_was_altered_is_not_read() {
    let home = Home::open().await;
    let file = home.upload("anna", &questions(&["say x"])).await;
    let mut row = home.store.file("anna", &file).await.unwrap().unwrap();
    home.store.delete_file("anna", &file).await.unwrap();
    // As if the store's keeper had lengthened its life and lowered nothing: the head still opens.
    row.head[20] ^= 1;
    row.expires = home.clock.now().plus(Duration::from_secs(100));
    home.store.insert_file(&row, b"\x01altered").await.unwrap();
    let path = format!("/v1/files/{file}/content");
    // Its label is not known any more, so it counts as the highest.
    home.send("anna", Method::Get, &path, "").await.expect_refusal(403, "access_denied");
    *home.rules.clearance.lock().unwrap() = Label::SECRET;
    home.send("anna", Method::Get, &path, "").await.expect_refusal(500, "internal_error");
}
