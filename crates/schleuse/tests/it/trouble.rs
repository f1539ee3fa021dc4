//! Model servers in trouble: what they say is kept, what they break is told, and nothing ends well that did not.

use std::time::{Duration, Instant};

use schleuse_testkit::{End, FakeUpstream, Script};
use serde_json::json;

use crate::SOON;
use crate::house::{CHAT, House, Plan, chat_body, stream_body};

#[tokio::test]
async fn statuses_are_kept_with_their_retry_after() {
    let fake = FakeUpstream::start().await;
    let house = House::start(&fake).await;
    for status in [400, 404, 409, 422, 429, 500, 503] {
        fake.set_script(Script::status(status).with_header("retry-after", "7"));
        for body in [chat_body("Hallo"), stream_body("Hallo")] {
            let answer = house.ask(CHAT, &body).await;
            assert_eq!(answer.status, status, "{}", answer.text());
            let error = answer.error();
            assert_eq!(error["type"], "upstream_error", "{error}");
            assert!(
                error["message"].as_str().unwrap().contains(&format!("scripted status {status}")),
                "{error}"
            );
            let is_kept = answer.header("retry-after") == Some("7");
            assert!(is_kept || ![429, 503].contains(&status), "{status}: {:?}", answer.headers);
            assert_eq!(answer.header("x-schleuse-action"), Some("ERROR"));
            let entries = house.entries_of(answer.header("x-schleuse-request-id").unwrap()).await;
            assert_eq!((entries.len(), &entries[1]["event"]), (2, &json!("llm.complete")), "{entries:?}");
            assert_eq!((&entries[1]["status"], &entries[1]["action"]), (&json!(status), &json!("ERROR")));
        }
    }
    // Nobody asked twice on the asker's behalf.
    assert_eq!(fake.questions().len(), 14);
}

#[tokio::test]
async fn a_model_server_cannot_speak_for_the_house() {
    let fake = FakeUpstream::start().await;
    let house = House::start(&fake).await;
    for (theirs, told) in [
        ("context_length_exceeded", "context_length_exceeded"),
        ("rate_limit_exceeded", "rate_limit_exceeded"),
        ("sensitive_data_detected", "upstream_refused"),
        ("access_denied", "upstream_refused"),
        (crate::IBAN, "upstream_refused"),
        ("was Ada fragte", "upstream_refused"),
    ] {
        let body = json!({"error": {"message": "no", "code": theirs}}).to_string();
        fake.set_script(Script::json(400, body));
        for question in [chat_body("Hallo"), stream_body("Hallo")] {
            let answer = house.ask(CHAT, &question).await;
            assert_eq!(answer.refusal(), (400, told.to_owned()), "{theirs}");
        }
    }
}

#[tokio::test]
async fn an_error_in_other_words_is_still_an_error() {
    let fake = FakeUpstream::start().await;
    let house = House::start(&fake).await;
    for body in [
        "",
        "<html>502 Bad Gateway</html>",
        "{}",
        "[]",
        "null",
        r#"{"error":"plain"}"#,
        r#"{"detail":"Not Found"}"#,
        "\u{fffd}",
    ] {
        fake.set_script(Script::json(500, body));
        let answer = house.chat("Hallo").await;
        assert_eq!(answer.status, 500, "{body}");
        assert_eq!(answer.error()["type"], "upstream_error", "{body}");
    }
}

#[tokio::test]
async fn a_server_that_is_gone_is_unavailable() {
    let fake = FakeUpstream::start().await;
    let house = House::start(&fake).await;
    assert_eq!(house.chat("Hallo").await.status, 200);
    fake.stop().await;
    for body in [chat_body("Hallo"), stream_body("Hallo")] {
        let answer = house.ask(CHAT, &body).await;
        assert_eq!(answer.refusal(), (503, "upstream_unavailable".to_owned()));
        assert!(answer.header("retry-after").is_some());
    }
    assert_eq!(crate::client::Request::get("/livez").send(&house.admin).await.status, 200);
}

#[tokio::test]
async fn a_server_that_comes_up_late_is_found_within_seconds() {
    let port = crate::ports::free_port();
    let house = Plan::demo().upstream(&format!("http://127.0.0.1:{port}")).start().await;
    assert_eq!(house.chat("Hallo").await.refusal(), (503, "upstream_unavailable".to_owned()));
    let _fake = FakeUpstream::builder().port(port).start().await;
    let began = Instant::now();
    while house.chat("Hallo").await.status != 200 {
        assert!(began.elapsed() < Duration::from_secs(6), "still not found");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_server_that_comes_back_is_asked_again() {
    let fake = FakeUpstream::start().await;
    let port: u16 = fake.url().rsplit(':').next().unwrap().parse().unwrap();
    let house = House::start(&fake).await;
    fake.stop().await;
    assert_eq!(house.chat("Hallo").await.status, 503);
    let _fake = FakeUpstream::builder().port(port).start().await;
    let began = Instant::now();
    while house.chat("Hallo").await.status != 200 {
        assert!(began.elapsed() < SOON, "not asked again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Streams that begin well and end badly: always an error event, never `[DONE]`.
#[tokio::test]
async fn a_stream_that_breaks_ends_with_an_error() {
    let said = |text: &str| {
        let chunk = json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "tiny", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}]});
        (Duration::ZERO, format!("data: {chunk}\n\n"))
    };
    let then = |text: &str, end: End| Script::Sse {
        chunks: vec![said("Ein Anfang ist gemacht. "), (Duration::ZERO, text.to_owned())],
        end,
    };
    let rows = [
        ("dies", Script::deltas(&["Ein Anfang ist gemacht. "], End::Cut), "upstream_failed"),
        ("dies in a chunk", Script::DieAfter(4), "upstream_failed"),
        (
            "ends without [DONE]",
            Script::deltas(&["Ein Anfang ist gemacht. "], End::NoDone),
            "upstream_failed",
        ),
        ("garbage", then("data: {\"choices\":[{\n\n", End::Clean), "upstream_failed"),
        ("no object", then("data: 7\n\n", End::Clean), "upstream_failed"),
        ("wrong types", then("data: {\"choices\":{\"index\":\"x\"}}\n\n", End::Clean), "upstream_failed"),
        ("half an event", then("data: {\"cho", End::NoDone), "upstream_failed"),
        (
            "duplicate keys",
            then(
                "data: {\"choices\":[],\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]}\n\n",
                End::Clean,
            ),
            "upstream_failed",
        ),
        (
            "says an error",
            then("data: {\"error\":{\"message\":\"out of memory\",\"code\":500}}\n\n", End::Clean),
            "upstream_refused",
        ),
    ];
    for (what, script, code) in rows {
        let fake = FakeUpstream::builder().script(script).start().await;
        let house = House::start(&fake).await;
        let answer = house.stream("Hallo").await;
        assert_eq!(answer.status, 200, "{what}: {}", answer.text());
        assert!(answer.is_complete && !answer.is_done(), "{what}: {}", answer.text());
        let error = answer.error();
        assert!(error["code"] == code || what == "says an error", "{what}: {error}");
        assert_eq!(error["type"], "upstream_error", "{what}: {error}");
        if what == "says an error" {
            assert!(error["message"].as_str().unwrap().contains("out of memory"), "{error}");
        }
        if what != "dies in a chunk" {
            let said = answer.said();
            assert!(
                "Ein Anfang ist gemacht. ".starts_with(&said) && said.len() > 5,
                "{what}: what was said before is lost: {said}"
            );
        }
        let entries = house.entries_of(answer.header("x-schleuse-request-id").unwrap()).await;
        assert_eq!(entries[1]["action"], "ERROR", "{what}: {entries:?}");
    }
}

#[tokio::test]
async fn nonsense_for_an_answer_is_a_failure() {
    let fake = FakeUpstream::start().await;
    let house = House::start(&fake).await;
    let page = "<html>";
    for (what, script) in [
        ("no JSON", Script::json(200, page)),
        ("cut JSON", Script::json(200, "{\"choices\":[")),
        ("no object", Script::json(200, "[]")),
        ("no HTTP", Script::Raw(b"220 mail.example ESMTP\r\n".to_vec())),
        ("nothing", Script::Raw(Vec::new())),
        ("too short", Script::Raw(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{\"choices\"".to_vec())),
    ] {
        fake.set_script(script);
        let answer = house.chat("Hallo").await;
        assert_eq!(answer.refusal(), (502, "upstream_failed".to_owned()), "{what}");
        let answer = house.stream("Hallo").await;
        assert!(!answer.is_done(), "{what}: {}", answer.text());
        assert_eq!(answer.error()["code"], "upstream_failed", "{what}: {}", answer.text());
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_is_timed_out() {
    let fake = FakeUpstream::builder().script(Script::Hang).start().await;
    let config = format!(
        "[[upstream]]\nname = \"slow\"\nurl = \"{}\"\nfirst_byte_timeout_s = 1\nidle_timeout_s = 1\n",
        fake.url()
    );
    let house = Plan::demo().config(&config).start().await;
    for body in [chat_body("Hallo"), stream_body("Hallo")] {
        let began = Instant::now();
        let answer = house.ask(CHAT, &body).await;
        assert_eq!(answer.refusal(), (504, "upstream_timeout".to_owned()));
        assert!((1..6).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    }
    assert!(fake.wait_for_aborts(2, SOON).await, "the questions were left hanging");

    fake.set_script(Script::deltas(&["Ein Anfang ist gemacht. "], End::Hang));
    let answer = house.stream("Hallo").await;
    assert_eq!(answer.error()["code"], "upstream_timeout");
    assert!(!answer.is_done());
}

#[tokio::test]
async fn a_comment_is_seen_before_the_first_word() {
    let first = (Duration::from_millis(1500), "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"tiny\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Endlich.\"},\"finish_reason\":\"stop\"}]}\n\n".to_owned());
    let fake =
        FakeUpstream::builder().script(Script::Sse { chunks: vec![first], end: End::Clean }).start().await;
    let house = House::start(&fake).await;
    let began = Instant::now();
    let mut open = house.question(CHAT, &stream_body("Hallo")).open(&house.address).await;
    let early = open.until(SOON, |answer| answer.text().starts_with(": keep-alive\n\n")).await;
    assert!(began.elapsed() < Duration::from_millis(1400), "only after {:?}", began.elapsed());
    assert_eq!(early.events(), []);
    let answer = open.finish().await;
    assert_eq!(answer.said(), "Endlich.");
    assert!(answer.is_done());
}

/// A server that does not even say its status is kept company from the tenth second on.
#[tokio::test]
async fn comments_begin_after_ten_seconds_without_a_status() {
    let fake = FakeUpstream::builder().script(Script::Hang).start().await;
    let config =
        format!("[[upstream]]\nname = \"slow\"\nurl = \"{}\"\nfirst_byte_timeout_s = 12\n", fake.url());
    let house = Plan::demo().config(&config).start().await;
    let began = Instant::now();
    let mut open = house.question(CHAT, &stream_body("Hallo")).open(&house.address).await;
    open.until(SOON, |answer| answer.text().contains(": keep-alive\n\n")).await;
    let after = began.elapsed();
    assert!((9..12).contains(&after.as_secs()), "{after:?}");
    let answer = open.finish().await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.error()["code"], "upstream_timeout");
}

#[tokio::test]
async fn an_asker_who_leaves_is_not_worked_for() {
    let fake = FakeUpstream::start().await;
    let house = House::start(&fake).await;
    let rows = [
        ("before the status, whole", Script::Hang, chat_body("Hallo")),
        ("before the status, streamed", Script::Hang, stream_body("Hallo")),
        ("in the stream", Script::deltas(&["Ein Anfang ist gemacht. "], End::Hang), stream_body("Hallo")),
    ];
    for (count, (what, script, body)) in rows.into_iter().enumerate() {
        fake.set_script(script);
        let mut open = house.question(CHAT, &body).open(&house.address).await;
        assert!(fake.wait_for_questions(count + 1, SOON).await, "{what}");
        if what == "in the stream" {
            open.until(SOON, |answer| !answer.chunks().is_empty()).await;
        }
        let left = Instant::now();
        drop(open);
        assert!(fake.wait_for_aborts(count + 1, SOON).await, "{what}: still worked for");
        let took = left.elapsed();
        println!("the asker left {what}: the model server knew after {took:?}");
        assert!(took < Duration::from_secs(1), "{what}: only after {took:?}");
        let entry = house
            .wait_for_entry(SOON, |entry| entry["code"] == "client_left" && entry["index"].as_u64() > Some(0))
            .await;
        assert_eq!(entry["event"], "llm.complete", "{entry}");
    }
    let left = house.export().await.iter().filter(|entry| entry["code"] == "client_left").count();
    assert_eq!(left, 3);
}

#[tokio::test]
async fn a_reader_who_does_not_read_holds_nobody_up() {
    // More than all buffers on the way take.
    let word = "Wort ".repeat(2000);
    let words: Vec<&str> = std::iter::repeat_n(word.as_str(), 2000).collect();
    let fake = FakeUpstream::builder().script(Script::deltas(&words, End::Clean)).start().await;
    let house = House::start(&fake).await;
    let mut open = house.question(CHAT, &stream_body("Hallo")).open(&house.address).await;
    open.until(SOON, |answer| !answer.chunks().is_empty()).await;
    fake.set_script(Script::Recorded);
    assert_eq!(house.chat("Hallo").await.status, 200, "others are answered meanwhile");
    drop(open);
    assert!(fake.wait_for_aborts(1, SOON).await, "the model server goes on writing for nobody");
}

#[tokio::test]
async fn of_two_replicas_the_living_one_answers() {
    let (first, second) = (FakeUpstream::start().await, FakeUpstream::start().await);
    let config = format!(
        "[[upstream]]\nname = \"first\"\nurl = \"{}\"\nmodels = [\"tiny\"]\n[[upstream]]\nname = \"second\"\nurl = \"{}\"\nmodels = [\"tiny\"]\n",
        first.url(),
        second.url()
    );
    let house = Plan::demo().config(&config).start().await;
    for _ in 0..8 {
        assert_eq!(house.chat("Hallo").await.status, 200);
    }
    first.stop().await;
    let before = second.questions().len();
    for round in 0..8 {
        let body = if round % 2 == 0 { chat_body("Hallo") } else { stream_body("Hallo") };
        let answer = house.ask(CHAT, &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("x-schleuse-route"), Some("second"));
    }
    assert_eq!(second.questions().len(), before + 8);
    second.stop().await;
    assert_eq!(house.chat("Hallo").await.refusal(), (503, "upstream_unavailable".to_owned()));
}

#[tokio::test]
async fn a_question_that_was_sent_is_never_sent_again() {
    let (first, second) = (FakeUpstream::start().await, FakeUpstream::start().await);
    for fake in [&first, &second] {
        fake.set_script(Script::Raw(Vec::new()));
    }
    let config = format!(
        "[[upstream]]\nname = \"first\"\nurl = \"{}\"\nmodels = [\"tiny\"]\n[[upstream]]\nname = \"second\"\nurl = \"{}\"\nmodels = [\"tiny\"]\n",
        first.url(),
        second.url()
    );
    let house = Plan::demo().config(&config).start().await;
    assert_eq!(house.chat("Hallo").await.refusal(), (502, "upstream_failed".to_owned()));
    assert_eq!(first.questions().len() + second.questions().len(), 1);
}

#[tokio::test]
async fn a_model_server_on_a_unix_socket_is_asked_as_well() {
    let folder = crate::folder::Folder::new();
    let fake = FakeUpstream::builder().unix(folder.join("vllm.sock")).start().await;
    let house = Plan::demo().on(&folder).upstream(&fake.url()).start().await;
    assert_eq!(house.chat("Hallo").await.status, 200);
    assert!(house.stream("Hallo").await.is_done());
}
