//! Bad input of every kind: the right status, the fixed shape, nothing sent on, and the house goes on.

use schleuse_testkit::FakeUpstream;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::{Answer, Request};
use crate::house::{CHAT, House, chat_body};

const COMPLETIONS: &str = "/v1/completions";
const EMBEDDINGS: &str = "/v1/embeddings";

/// A row: path, body, status, and what the message must hold.
type Row<'a> = (&'a str, Vec<u8>, u16, &'a str);

async fn check(rows: Vec<Row<'_>>) {
    let fake = FakeUpstream::start().await;
    let house = House::start(&fake).await;
    for (path, body, status, needed) in rows {
        let shown: String = body.iter().take(200).map(|&byte| char::from(byte)).collect();
        let answer = house.send(&Request::post(path, body).key(&house.key("employee"))).await;
        let error = answer.error();
        assert_eq!(answer.status, status, "{shown}: {error}");
        let code = if status == 413 { "request_too_large" } else { "invalid_request" };
        assert_eq!(error["code"], code, "{shown}");
        assert_eq!(error["type"], "invalid_request_error", "{shown}");
        assert_eq!(answer.header("x-schleuse-action"), Some("ERROR"), "{shown}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(needed), "{shown}: `{needed}` is not in `{message}`");
    }
    assert_eq!(fake.questions(), [], "something went on");
    assert_eq!(house.chat("Hallo").await.status, 200, "the house goes on");
}

fn chat_with(name: &str, value: Value) -> Vec<u8> {
    let mut body = chat_body("Hallo");
    body[name] = value;
    body.to_string().into_bytes()
}

#[tokio::test]
async fn what_is_no_strict_json_is_refused() {
    let deep = |n: usize| {
        format!(r#"{{"model":"tiny","messages":[],"guided_json":{}{}}}"#, "[".repeat(n), "]".repeat(n))
    };
    let mut invalid = chat_body("?").to_string().into_bytes();
    let at = invalid.iter().position(|byte| *byte == b'?').unwrap();
    invalid[at] = 0xff;
    check(vec![
        (CHAT, b"".to_vec(), 400, "ends too early"),
        (CHAT, b"{".to_vec(), 400, "ends too early"),
        (CHAT, b"[]".to_vec(), 400, "must be a JSON object"),
        (CHAT, b"null".to_vec(), 400, "must be a JSON object"),
        (CHAT, br#"{"model":"tiny","model":"other","messages":[]}"#.to_vec(), 400, "duplicate key"),
        (CHAT, br#"{"model":"tiny","m\u006fdel":"other","messages":[]}"#.to_vec(), 400, "duplicate key"),
        (
            CHAT,
            br#"{"model":"tiny","messages":[{"role":"user","role":"system","content":"x"}]}"#.to_vec(),
            400,
            "duplicate key",
        ),
        (CHAT, deep(10_000).into_bytes(), 400, "nested deeper"),
        (CHAT, invalid, 400, "invalid UTF-8"),
        (CHAT, b"\xef\xbb\xbf{}".to_vec(), 400, "invalid JSON"),
        (
            CHAT,
            br#"{"model":"tiny","messages":[{"role":"user","content":"\ud800"}]}"#.to_vec(),
            400,
            "lone surrogate",
        ),
        (
            CHAT,
            br#"{"model":"tiny","messages":[{"role":"user","content":"\udc00\ud800"}]}"#.to_vec(),
            400,
            "lone surrogate",
        ),
        (
            CHAT,
            b"{\"model\":\"tiny\",\"messages\":[{\"role\":\"user\",\"content\":\"a\x01b\"}]}".to_vec(),
            400,
            "control character",
        ),
        (CHAT, (chat_body("x").to_string() + "x").into_bytes(), 400, "after the end"),
        (CHAT, (chat_body("x").to_string() + "{}").into_bytes(), 400, "after the end"),
        (CHAT, (chat_body("x").to_string() + "\0").into_bytes(), 400, "after the end"),
        (CHAT, br#"{"model":"tiny","messages":[],"temperature":1e999}"#.to_vec(), 400, "number out of range"),
        (CHAT, br#"{"model":"tiny","messages":[],"temperature":01}"#.to_vec(), 400, "malformed number"),
        (CHAT, br#"{"model":"tiny","messages":[],"temperature":.5}"#.to_vec(), 400, "invalid JSON"),
        (CHAT, br#"{"model":"tiny","messages":[],"temperature":NaN}"#.to_vec(), 400, "invalid JSON"),
        (CHAT, b"{'model':'tiny'}".to_vec(), 400, "invalid JSON"),
        (CHAT, br#"{"model":"tiny",}"#.to_vec(), 400, "invalid JSON"),
    ])
    .await;
}

#[tokio::test]
async fn what_is_out_of_range_is_refused() {
    let completion = |name: &str, value: Value| {
        let mut body = json!({"model": "tiny", "prompt": "Hallo"});
        body[name] = value;
        body.to_string().into_bytes()
    };
    check(vec![
        (CHAT, chat_with("n", 9.into()), 400, "`n` must be between 1 and 8"),
        (CHAT, chat_with("n", 0.into()), 400, "`n` must be between"),
        (CHAT, chat_with("n", json!(1.5)), 400, "a whole number"),
        (CHAT, chat_with("n", json!("2")), 400, "a whole number"),
        (CHAT, chat_with("n", json!(1e300)), 400, "`n` must be between"),
        (COMPLETIONS, completion("best_of", 9.into()), 400, "`best_of` must be between"),
        (
            COMPLETIONS,
            json!({"model": "tiny", "prompt": "x", "n": 4, "best_of": 2}).to_string().into_bytes(),
            400,
            "`best_of` must not be smaller",
        ),
        (CHAT, chat_with("max_tokens", 10_000_000.into()), 400, "`max_tokens` must be between"),
        (CHAT, chat_with("max_completion_tokens", 0.into()), 400, "`max_completion_tokens` must be"),
        (CHAT, chat_with("top_logprobs", 21.into()), 400, "`top_logprobs` must be between 0 and 20"),
        (COMPLETIONS, completion("logprobs", 21.into()), 400, "`logprobs` must be between 0 and 20"),
        (CHAT, chat_with("temperature", json!(2.5)), 400, "`temperature` must be between"),
        (CHAT, chat_with("top_p", json!(-0.1)), 400, "`top_p` must be between"),
        (CHAT, chat_with("stop", json!(vec!["x"; 17])), 400, "more than 16 items"),
        (COMPLETIONS, completion("prompt", json!([[1, 2, 3]])), 400, "token numbers"),
        (COMPLETIONS, completion("prompt", json!([])), 400, "not an empty list"),
        (
            EMBEDDINGS,
            json!({"model": "tiny", "input": [1, 2]}).to_string().into_bytes(),
            400,
            "token numbers",
        ),
        (
            EMBEDDINGS,
            json!({"model": "tiny", "input": "x", "encoding_format": "hex"}).to_string().into_bytes(),
            400,
            "one of float, base64",
        ),
    ])
    .await;
}

#[tokio::test]
async fn what_is_unknown_is_refused_by_name_with_the_nearest() {
    let message = |member: Value| json!({"model": "tiny", "messages": [member]}).to_string().into_bytes();
    let image = json!([{"type": "text", "text": "what is this?"}, {"type": "image_url", "image_url": {"url": "https://example.org/x.png"}}]);
    check(vec![
        (CHAT, chat_with("temprature", 1.into()), 400, "`temprature`; did you mean `temperature`?"),
        (CHAT, chat_with("max_token", 1.into()), 400, "did you mean `max_tokens`?"),
        (CHAT, chat_with("zzz", 1.into()), 400, "Unknown field `zzz`."),
        (CHAT, chat_with("prompt", json!("x")), 400, "Unknown field `prompt`"),
        (
            CHAT,
            chat_with("stream_options", json!({"include_usages": true})),
            400,
            "did you mean `include_usage`?",
        ),
        (CHAT, chat_with("chat_template", json!("{{x}}")), 400, "`chat_template` is refused"),
        (CHAT, chat_with("kv_transfer_params", json!({})), 400, "`kv_transfer_params` is refused"),
        (CHAT, message(json!({"role": "user", "contents": "x"})), 400, "did you mean `content`?"),
        (CHAT, message(json!({"role": "king", "content": "x"})), 400, "one of system"),
        (CHAT, message(json!({"content": "x"})), 400, "`messages[0].role` is missing"),
        (CHAT, message(json!({"role": "user", "content": image})), 400, "cannot be inspected"),
        (CHAT, message(json!({"role": "user", "content": 7})), 400, "a string or an array of parts"),
        (
            CHAT,
            json!({"messages": [{"role": "user", "content": "x"}]}).to_string().into_bytes(),
            400,
            "`model` is missing",
        ),
        (CHAT, json!({"model": "tiny"}).to_string().into_bytes(), 400, "`messages` is missing"),
        (
            CHAT,
            json!({"model": "tiny", "messages": []}).to_string().into_bytes(),
            400,
            "at least one message",
        ),
        (CHAT, json!({"model": "", "messages": []}).to_string().into_bytes(), 400, "`model` must be"),
        (CHAT, chat_with("tools", json!([{"type": "web_search"}])), 400, "tools[0]"),
    ])
    .await;
}

#[tokio::test]
async fn more_than_eight_mebibytes_is_too_large() {
    let fake = FakeUpstream::start().await;
    let house = House::start(&fake).await;
    // By its own announcement, before a byte of it is read.
    let announced = Request::post(CHAT, "").key(&house.key("employee")).header("content-length", "8388609");
    let answer = house.send(&announced).await;
    assert_eq!(answer.refusal(), (413, "request_too_large".to_owned()));

    // In chunks that announce nothing.
    let mut stream = TcpStream::connect(&house.address).await.unwrap();
    let head = format!(
        "POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ntransfer-encoding: chunked\r\n\r\n",
        house.key("employee")
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let piece = format!("100000\r\n{}\r\n", " ".repeat(0x10_0000));
    for _ in 0..8 {
        stream.write_all(piece.as_bytes()).await.unwrap();
    }
    let _ = stream.write_all(b"1\r\n \r\n0\r\n\r\n").await;
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 413");

    // One that just fits is read whole.
    let padding = 8 * 1024 * 1024 - chat_body("").to_string().len();
    let answer = house.chat(&"x ".repeat(padding / 2)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(fake.questions().len(), 1);
}

#[tokio::test]
async fn every_surface_is_there() {
    let fake = FakeUpstream::start().await;
    let house = House::start(&fake).await;
    let hello = json!([{"role": "user", "content": "Hallo"}]);
    let messages = json!({"model": "tiny", "max_tokens": 6, "messages": hello});
    let response = json!({"model": "tiny", "input": "Hallo"});
    let rows = [
        ("/v1/messages", messages.clone(), r#""type":"message""#),
        ("/v1/messages/count_tokens", json!({"model": "tiny", "messages": hello}), r#"{"input_tokens":41}"#),
        ("/v1/responses", response.clone(), r#""object":"response""#),
        (
            "/v1/rerank",
            json!({"model": "tiny", "query": "a", "documents": ["b", "c"]}),
            r#""relevance_score":"#,
        ),
        ("/v1/score", json!({"model": "tiny", "text_1": "a", "text_2": "b"}), r#""score":"#),
    ];
    for (path, body, told) in rows {
        let answer = house.ask(path, &body).await;
        assert_eq!(answer.status, 200, "{path} {}", answer.text());
        assert!(answer.text().contains(told), "{path} {}", answer.text());
        let entries = house.entries_of(answer.header("x-schleuse-request-id").unwrap()).await;
        assert_eq!((entries.len(), &entries[1]["surface"]), (2, &json!(path)), "{entries:?}");
    }
    for (path, mut body, end) in [
        ("/v1/messages", messages.clone(), "event: message_stop"),
        ("/v1/responses", response, "event: response.incomplete"),
    ] {
        body["stream"] = json!(true);
        let answer = house.ask(path, &body).await;
        assert_eq!((answer.status, answer.text().contains(end)), (200, true), "{path} {}", answer.text());
    }
    let mut secret = messages;
    secret["messages"][0]["content"] = json!(format!("Konto {}", crate::IBAN));
    let answer = house.ask("/v1/messages", &secret).await;
    let error = answer.json();
    assert_eq!((answer.status, &error["type"]), (403, &json!("error")));
    assert_eq!(error["error"]["code"], "sensitive_data_detected");
    assert_eq!(error["request_id"].as_str(), answer.header("request-id"));
}

#[tokio::test]
async fn paths_and_methods_that_are_not_there_are_told_what_is() {
    let fake = FakeUpstream::start().await;
    let house = House::start(&fake).await;
    let key = house.key("employee");
    for path in
        ["/v1", "/v1/", "/v1/realtime", "/v1/messages/batches", "/v1/modelsx", "/v1/chat/completions/"]
    {
        let answer = house.send(&Request::post(path, "{}").key(&key)).await;
        assert_eq!(answer.refusal(), (404, "not_found".to_owned()), "{path}");
        let next = answer.error()["next"].as_str().unwrap().to_owned();
        for there in ["/v1/chat/completions", "/v1/messages", "/v1/responses", "/v1/rerank", "/v1/models"] {
            assert!(next.contains(there), "{next}");
        }
    }
    // What two readers could read differently ends at the edge.
    for path in [
        "/v1//chat/completions",
        "/v1/../v1/models",
        "/v1/%2e%2e/v1/models",
        "/v1/chat%2fcompletions",
        "//v1/models",
    ] {
        let answer = house.send(&Request::post(path, "{}").key(&key)).await;
        assert_eq!(
            (answer.status, answer.json()["error"]["code"].as_str()),
            (404, Some("not_found")),
            "{path}"
        );
    }
    for (method, path) in [
        ("GET", CHAT),
        ("PUT", CHAT),
        ("DELETE", "/v1/embeddings"),
        ("POST", "/v1/models"),
        ("PATCH", "/v1/models"),
    ] {
        let answer = house.send(&Request::new(method, path).key(&key)).await;
        assert_eq!(answer.refusal(), (405, "method_not_allowed".to_owned()), "{method} {path}");
    }
    let unknown = house.send(&Request::get("/v1/models/none").key(&key)).await;
    assert_eq!(unknown.refusal(), (404, "model_not_found".to_owned()));
    assert_eq!(house.send(&Request::get("/v1/models/tiny").key(&key)).await.json()["id"], "tiny");
    let mut body = chat_body("Hallo");
    body["model"] = "gpt-4".into();
    assert_eq!(house.ask(CHAT, &body).await.refusal(), (404, "model_not_found".to_owned()));
    assert_eq!(fake.questions(), []);
}

#[tokio::test]
async fn a_stranger_is_refused_before_anything_is_read() {
    let fake = FakeUpstream::start().await;
    let house = House::start(&fake).await;
    let good = house.key("employee");
    let mut wrong_checksum = good.clone();
    wrong_checksum.pop();
    wrong_checksum.push(if good.ends_with('A') { 'B' } else { 'A' });
    let strange = House::start(&fake).await.key("employee");
    let bodies = ["{", r#"{"unknown":1}"#, &chat_body("Hallo").to_string()];
    let check = |answer: Answer, what: String| {
        assert_eq!(answer.refusal(), (401, "invalid_api_key".to_owned()), "{what}");
        assert_eq!(answer.header("x-schleuse-label"), None, "{what}");
    };
    for body in bodies {
        check(house.send(&Request::post(CHAT, body)).await, body.to_owned());
        for key in [
            "",
            "sk-",
            "sk-schl",
            &wrong_checksum,
            &strange,
            &good.to_lowercase(),
            "sk-proj-abc",
            &"x".repeat(10_000),
        ] {
            check(house.send(&Request::post(CHAT, body).key(key)).await, format!("{key} {body}"));
        }
        let basic = Request::post(CHAT, body).header("authorization", format!("Basic {good}"));
        check(house.send(&basic).await, "Basic".to_owned());
    }
    check(house.send(&Request::get("/v1/models")).await, "models".to_owned());
    check(house.send(&Request::get("/v1/nothing")).await, "nothing".to_owned());
    // Larger than anybody may send, and still only a stranger.
    let huge = Request::post(CHAT, "").header("content-length", "99999999999");
    check(house.send(&huge).await, "huge".to_owned());
    assert_eq!(fake.questions(), []);

    let answer =
        house.send(&Request::post(CHAT, chat_body("Hallo").to_string()).header("x-api-key", good)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test]
async fn refusals_speak_the_askers_language() {
    let fake = FakeUpstream::start().await;
    let house = House::start(&fake).await;
    for (languages, needed) in [
        ("de-DE,de;q=0.9,en;q=0.5", "Unbekanntes Feld"),
        ("en", "Unknown field"),
        ("fr", "Unknown field"),
        ("en;q=0.1, de", "Unbekanntes Feld"),
    ] {
        let request =
            house.question(CHAT, &json!({"model": "tiny", "zzz": 1})).header("accept-language", languages);
        let message = house.send(&request).await.error()["message"].to_string();
        assert!(message.contains(needed), "{languages}: {message}");
    }
}

#[tokio::test]
async fn broken_http_costs_one_connection() {
    let fake = FakeUpstream::start().await;
    let house = House::start(&fake).await;
    let key = house.key("employee");
    let smuggled = format!(
        "POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
    );
    let twice = format!(
        "POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{{}}x"
    );
    let long = format!("GET / HTTP/1.1\r\nhost: localhost\r\nx-long: {}\r\n\r\n", "x".repeat(100_000));
    for bytes in ["nonsense\r\n\r\n", "\0\0\0\0\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", &smuggled, &twice, &long]
    {
        let mut stream = TcpStream::connect(&house.address).await.unwrap();
        let _ = stream.write_all(bytes.as_bytes()).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let read = tokio::time::timeout(crate::SOON, stream.read_to_end(&mut answer)).await;
        assert!(read.is_ok(), "hung on {:?}", &bytes[..40.min(bytes.len())]);
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "{:?}", &bytes[..40.min(bytes.len())]);
    }
    // A body that ends early.
    let mut stream = TcpStream::connect(&house.address).await.unwrap();
    let cut = format!(
        "POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-length: 500\r\n\r\n{{\"model\":"
    );
    stream.write_all(cut.as_bytes()).await.unwrap();
    drop(stream);
    assert_eq!(house.chat("Hallo").await.status, 200, "the house goes on");
    assert_eq!(fake.questions().len(), 1);
}

#[tokio::test]
async fn one_connection_carries_many_questions() {
    let fake = FakeUpstream::start().await;
    let house = House::start(&fake).await;
    let mut stream = TcpStream::connect(&house.address).await.unwrap();
    let mut all = String::new();
    let bodies = [
        chat_body("Hallo").to_string(),
        chat_body(crate::IBAN).to_string(),
        "{".to_owned(),
        chat_body("Hallo").to_string(),
    ];
    for (place, body) in bodies.iter().enumerate() {
        let connection = if place + 1 == bodies.len() { "close" } else { "keep-alive" };
        all += &format!(
            "POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\nconnection: {connection}\r\ncontent-length: {}\r\n\r\n{body}",
            house.key("employee"),
            body.len()
        );
    }
    stream.write_all(all.as_bytes()).await.unwrap();
    let mut answers = String::new();
    tokio::time::timeout(crate::SOON, stream.read_to_string(&mut answers))
        .await
        .expect("it is closed")
        .unwrap();
    let statuses: Vec<&str> = answers.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect();
    assert_eq!(statuses, ["200", "403", "400", "200"], "{answers}");
}
