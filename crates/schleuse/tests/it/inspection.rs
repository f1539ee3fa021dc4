//! Inspection from outside: every field that carries text, both directions, whole and streamed.

use std::time::Duration;

use schleuse_testkit::{End, FakeUpstream, Script};
use serde_json::{Value, json};

use crate::client::Answer;
use crate::house::{CHAT, House, chat_body};
use crate::{GITHUB_TOKEN, IBAN};

const COMPLETIONS: &str = "/v1/completions";
const EMBEDDINGS: &str = "/v1/embeddings";

/// The refusal of a text that holds an IBAN: its fixed shape, and where it says that it is.
#[track_caller]
fn check_blocked(answer: &Answer, path: &str, range: std::ops::Range<usize>, what: &str) {
    let error = answer.error();
    assert_eq!(answer.status, 403, "{what}: {error}");
    assert_eq!(error["type"], "policy_violation", "{what}: {error}");
    assert_eq!(error["code"], "sensitive_data_detected", "{what}: {error}");
    assert!(
        error["message"].as_str().unwrap().starts_with("BLOCKED: Sensitive data detected"),
        "{what}: {error}"
    );
    let finding = json!({"type": "IBAN", "path": path, "start": range.start, "end": range.end, "score": error["findings"][0]["score"]});
    assert_eq!(error["findings"], json!([finding]), "{what}");
    assert!(finding["score"].as_f64().is_some_and(|score| (0.5..=1.0).contains(&score)), "{what}: {error}");
    assert_eq!(answer.header("x-schleuse-action"), Some("BLOCKED"), "{what}");
    let sensitivity: f32 = answer.header("x-schleuse-sensitivity").unwrap().parse().unwrap();
    assert!(sensitivity >= 0.5, "{what}: {sensitivity}");
    assert!(!answer.text().contains(IBAN), "{what}: the refusal holds what it refuses: {}", answer.text());
}

/// The body with `value` at a place; what is missing on the way is made, a number makes a list.
fn with(mut body: Value, pointer: &str, value: Value) -> Value {
    let mut place = &mut body;
    for step in pointer.split('/').skip(1) {
        place = match step.parse::<usize>() {
            Ok(index) => {
                if !place.is_array() {
                    *place = json!([]);
                }
                let items = place.as_array_mut().unwrap();
                while items.len() <= index {
                    items.push(Value::Null);
                }
                &mut items[index]
            }
            Err(_) => {
                if !place.is_object() {
                    *place = json!({});
                }
                place.as_object_mut().unwrap().entry(step).or_insert(Value::Null)
            }
        };
    }
    *place = value;
    body
}

/// Every field of the three surfaces that can carry a person's text.
#[tokio::test]
async fn an_iban_is_blocked_in_every_field() {
    let fake = FakeUpstream::start().await;
    let house = House::start(&fake).await;
    let user = json!({"role": "user", "content": "Hallo"});
    let chat = |messages: Value| json!({"model": "tiny", "messages": messages});
    let plain = || chat(json!([user]));
    let assistant = || chat(json!([{"role": "assistant", "content": "Hallo"}, user]));
    let calling = || {
        chat(
            json!([{"role": "assistant", "content": null, "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}, user]),
        )
    };
    let tools = || {
        let mut body = plain();
        body["tools"] = json!([{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object", "properties": {"a": {"type": "string", "description": "d"}}}}}]);
        body
    };
    let completion = || json!({"model": "tiny", "prompt": "Hallo"});
    let rows = [
        (CHAT, plain(), "/messages/0/content"),
        (CHAT, chat(json!([{"role": "system", "content": "x"}, user])), "/messages/0/content"),
        (CHAT, chat(json!([user, {"role": "assistant", "content": "x"}, user])), "/messages/1/content"),
        (
            CHAT,
            chat(
                json!([{"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "text", "text": "x"}]}]),
            ),
            "/messages/0/content/1/text",
        ),
        (
            CHAT,
            chat(json!([{"role": "assistant", "content": [{"type": "refusal", "refusal": "x"}]}, user])),
            "/messages/0/content/0/refusal",
        ),
        (
            CHAT,
            chat(json!([{"role": "tool", "content": "x", "tool_call_id": "c"}, user])),
            "/messages/0/content",
        ),
        (
            CHAT,
            chat(json!([{"role": "tool", "content": "x", "tool_call_id": "c"}, user])),
            "/messages/0/tool_call_id",
        ),
        (CHAT, plain(), "/messages/0/name"),
        (CHAT, assistant(), "/messages/0/refusal"),
        (CHAT, assistant(), "/messages/0/reasoning"),
        (CHAT, assistant(), "/messages/0/reasoning_content"),
        (CHAT, calling(), "/messages/0/tool_calls/0/function/arguments"),
        (CHAT, calling(), "/messages/0/tool_calls/0/function/name"),
        (CHAT, calling(), "/messages/0/tool_calls/0/id"),
        (CHAT, assistant(), "/messages/0/function_call/arguments"),
        (CHAT, tools(), "/tools/0/function/name"),
        (CHAT, tools(), "/tools/0/function/description"),
        (CHAT, tools(), "/tools/0/function/parameters/properties/a/description"),
        (CHAT, tools(), "/tools/0/function/parameters/properties/a/enum/0"),
        (CHAT, tools(), "/tool_choice/function/name"),
        (CHAT, plain(), "/functions/0/description"),
        (CHAT, plain(), "/function_call/name"),
        (CHAT, plain(), "/documents/0/text"),
        (CHAT, plain(), "/stop"),
        (CHAT, plain(), "/stop/0"),
        (CHAT, plain(), "/bad_words/0"),
        (CHAT, plain(), "/chat_template_kwargs/note"),
        (CHAT, plain(), "/response_format/json_schema/schema/description"),
        (CHAT, plain(), "/structured_outputs/choice/0"),
        (CHAT, plain(), "/guided_json/description"),
        (CHAT, plain(), "/guided_choice/0"),
        (CHAT, plain(), "/guided_regex"),
        (CHAT, plain(), "/guided_grammar"),
        (CHAT, plain(), "/structural_tag/x"),
        (COMPLETIONS, completion(), "/prompt"),
        (COMPLETIONS, json!({"model": "tiny", "prompt": ["x", "x"]}), "/prompt/1"),
        (COMPLETIONS, completion(), "/suffix"),
        (COMPLETIONS, completion(), "/stop/0"),
        (COMPLETIONS, completion(), "/guided_choice/0"),
        (EMBEDDINGS, json!({"model": "tiny", "input": "x"}), "/input"),
        (EMBEDDINGS, json!({"model": "tiny", "input": ["x", "x"]}), "/input/1"),
    ];
    let before = "Grüße 😀: ";
    for (path, body, place) in rows {
        let body = with(body, place, format!("{before}{IBAN} ").into());
        let mut bodies = vec![body.clone()];
        if path != EMBEDDINGS {
            bodies.push(with(body, "/stream", true.into()));
        }
        for body in bodies {
            let answer = house.ask(path, &body).await;
            check_blocked(&answer, place, before.len()..before.len() + IBAN.len(), &body.to_string());
        }
    }
    assert_eq!(fake.questions(), [], "something went on");
    // Fields that are left behind are not looked at, because they go nowhere.
    let answer =
        house.ask(CHAT, &with(with(plain(), "/user", IBAN.into()), "/metadata/iban", IBAN.into())).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(!String::from_utf8(fake.questions()[0].body.clone()).unwrap().contains(IBAN));
}

/// Keys and numbers cannot be redacted; they are refused, and the refusal does not repeat them.
#[tokio::test]
async fn what_hides_in_keys_numbers_and_escapes_is_found() {
    let fake = FakeUpstream::start().await;
    let house = House::start(&fake).await;
    let card = "4111111111111111";
    let arguments = |text: &str| {
        let call = json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": text}});
        json!({"model": "tiny", "messages": [{"role": "assistant", "tool_calls": [call]}, {"role": "user", "content": "x"}]}).to_string()
    };
    let token_key = json!({"model": "tiny", "messages": [{"role": "user", "content": "x"}], "chat_template_kwargs": {GITHUB_TOKEN: 1}});
    let rows = [
        ("a key", with(chat_body("x"), &format!("/guided_json/properties/{IBAN}"), json!({})).to_string(), "IBAN"),
        ("a key with a secret", token_key.to_string(), "API_KEY"),
        ("a number",
            with(chat_body("x"), "/guided_json/const", json!(4_111_111_111_111_111_u64)).to_string(),
            "CREDIT_CARD"),
        ("an escape", chat_body("IBANHERE").to_string().replace("IBANHERE", &IBAN.replace('D', "\\u0044").replace('7', "\\u0037")), "IBAN"),
        ("spaces", chat_body("DE89 3704 0044 0532 0130 00").to_string(), "IBAN"),
        ("escapes in arguments", arguments(&format!("{{\"iban\":\"{}\"}}", IBAN.replace('D', "\\u0044"))), "IBAN"),
        ("a private key", chat_body("-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg\n-----END PRIVATE KEY-----").to_string(), "PRIVATE_KEY"),
    ];
    for (what, body, kind) in rows {
        assert!(serde_json::from_str::<Value>(&body).is_ok(), "{what}: {body}");
        let answer = house.send(&crate::client::Request::post(CHAT, body).key(&house.key("employee"))).await;
        assert_eq!(
            answer.refusal(),
            (403, "sensitive_data_detected".to_owned()),
            "{what}: {}",
            answer.text()
        );
        let error = answer.error();
        let kinds: Vec<&str> =
            error["findings"].as_array().unwrap().iter().map(|f| f["type"].as_str().unwrap()).collect();
        assert!(kinds.contains(&kind), "{what}: {error}");
        for text in [IBAN, card, GITHUB_TOKEN] {
            assert!(
                !answer.text().contains(text),
                "{what}: the refusal holds what it refuses: {}",
                answer.text()
            );
        }
    }
    assert_eq!(fake.questions(), []);

    // What is only replaced is replaced as it is written.
    let body = arguments(&format!("{{\"key\":\"{}\"}}", GITHUB_TOKEN.replace('g', "\\u0067")));
    let answer = house.send(&crate::client::Request::post(CHAT, body).key(&house.key("employee"))).await;
    assert_eq!((answer.status, answer.header("x-schleuse-action")), (200, Some("REDACTED")));
    let asked = fake.questions().pop().unwrap().json();
    assert_eq!(asked["messages"][0]["tool_calls"][0]["function"]["arguments"], "{\"key\":\"[API_KEY]\"}");
}

#[tokio::test]
async fn what_only_looks_like_an_iban_goes_through() {
    let fake = FakeUpstream::start().await;
    let house = House::start(&fake).await;
    for text in [
        "DE89370400440532013001",
        "Rechnung 4111111111111112",
        "max@example.org",
        "+49 30 123456",
        "AKIAIOSFODNN7EXAMPLE",
    ] {
        let answer = house.chat(text).await;
        assert_eq!(answer.status, 200, "{text}: {}", answer.text());
        assert_eq!(fake.questions().last().unwrap().json()["messages"][0]["content"], text);
    }
}

#[tokio::test]
async fn keys_are_taken_out_on_their_way() {
    let fake = FakeUpstream::start().await;
    let house = House::start(&fake).await;
    let own = house.key("admin");
    for (secret, kind) in [
        (GITHUB_TOKEN, "API_KEY"),
        ("AKIAMM6QLA6CLORWKZOF", "API_KEY"),
        ("sk-proj-r5jGKmEWI14an6P6sIO4z1sh0DDxw3UOjPQ4aeCnhHL5JL0z", "API_KEY"),
        (own.as_str(), "API_KEY"),
    ] {
        for stream in [false, true] {
            let mut body = chat_body(&format!("Grüße 😀 mit {secret}, bitte."));
            body["stream"] = stream.into();
            let answer = house.ask(CHAT, &body).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            assert_eq!(answer.header("x-schleuse-action"), Some("REDACTED"));
            let seen = fake.questions().pop().unwrap().json();
            assert_eq!(seen["messages"][0]["content"], format!("Grüße 😀 mit [{kind}], bitte."));
            let entries = house.entries_of(answer.header("x-schleuse-request-id").unwrap()).await;
            assert_eq!(entries[1]["action"], "REDACTED", "{entries:?}");
            assert_eq!(entries[1]["findings"], json!({kind: 1}));
        }
    }
}

fn chunk(index: u32, delta: &Value, rest: &Value) -> (Duration, String) {
    let mut choice = json!({"index": index, "delta": delta, "finish_reason": null});
    for (name, value) in rest.as_object().into_iter().flatten() {
        choice[name] = value.clone();
    }
    let chunk = json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "tiny", "choices": [choice]});
    (Duration::ZERO, format!("data: {chunk}\n\n"))
}

/// Pieces of so many bytes of an ASCII text.
fn pieces(text: &str, bytes: usize) -> Vec<&str> {
    text.as_bytes().chunks(bytes).map(|piece| std::str::from_utf8(piece).unwrap()).collect()
}

/// Everything that any channel of a stream has said.
fn all_said(answer: &Answer) -> String {
    fn collect(value: &Value, into: &mut String) {
        match value {
            Value::String(text) => into.push_str(text),
            Value::Array(items) => items.iter().for_each(|item| collect(item, into)),
            Value::Object(members) => {
                let spoken = |name: &str| !["id", "role", "type", "finish_reason"].contains(&name);
                members.iter().filter(|(name, _)| spoken(name)).for_each(|(_, value)| collect(value, into));
            }
            _ => {}
        }
    }
    let mut said = String::new();
    for chunk in answer.chunks() {
        collect(&chunk["choices"], &mut said);
    }
    said
}

#[tokio::test]
async fn an_iban_in_a_stream_never_shows_a_digit_however_it_is_cut() {
    let fake = FakeUpstream::start().await;
    let house = House::start(&fake).await;
    let before = "Die Nummer lautet ";
    for written in [IBAN, "DE89 3704 0044 0532 0130 00"] {
        for bytes in (1..=8).chain([22, 100]) {
            for after in [", bitte.", ""] {
                let text = format!("{before}{written}{after}");
                fake.set_script(Script::deltas(&pieces(&text, bytes), End::Clean));
                let answer = house.stream("Wie lautet die Nummer?").await;
                let what = format!("{written:?} in pieces of {bytes}, {after:?} behind");
                assert_eq!(answer.status, 200, "{what}");
                let error = answer.error();
                assert_eq!(error["code"], "sensitive_data_detected", "{what}: {error}");
                assert_eq!(error["findings"][0]["type"], "IBAN", "{what}: {error}");
                assert_eq!(error["findings"][0]["path"], "/choices/0/delta/content", "{what}");
                let range = (before.len(), before.len() + written.len());
                assert_eq!(
                    (&error["findings"][0]["start"], &error["findings"][0]["end"]),
                    (&json!(range.0), &json!(range.1)),
                    "{what}"
                );
                let said = all_said(&answer);
                assert!(before.starts_with(&said), "{what}: {said:?} was said");
                let entries = house.entries_of(answer.header("x-schleuse-request-id").unwrap()).await;
                assert_eq!(entries[1]["action"], "BLOCKED", "{what}: {entries:?}");
            }
        }
    }
    // What never becomes one is said in the end, to its last character.
    for bytes in [1, 3, 100] {
        let text = "Die Nummer lautet DE8937040044053201300";
        fake.set_script(Script::deltas(&pieces(text, bytes), End::Clean));
        let answer = house.stream("Wie lautet die Nummer?").await;
        assert!(answer.is_done(), "{}", answer.text());
        assert_eq!(answer.said(), text);
    }
}

#[tokio::test]
async fn every_channel_of_a_stream_is_watched() {
    let fake = FakeUpstream::start().await;
    let house = House::start(&fake).await;
    let call = |text: &str| json!({"tool_calls": [{"index": 0, "function": {"arguments": text}}]});
    type Delta = Box<dyn Fn(&str) -> Value>;
    let channels: Vec<(&str, Delta)> = vec![
        ("content", Box::new(|text| json!({"content": text}))),
        ("reasoning", Box::new(|text| json!({"reasoning": text}))),
        ("reasoning_content", Box::new(|text| json!({"reasoning_content": text}))),
        ("refusal", Box::new(|text| json!({"refusal": text}))),
        ("tool_calls", Box::new(call)),
        ("function_call", Box::new(|text| json!({"function_call": {"arguments": text}}))),
    ];
    for (name, delta) in channels {
        for index in [0, 1] {
            for bytes in [1, 5, 100] {
                let mut chunks = vec![chunk(index, &json!({"role": "assistant"}), &Value::Null)];
                if name == "tool_calls" {
                    chunks.push(chunk(index, &json!({"tool_calls": [{"index": 0, "id": "c", "type": "function", "function": {"name": "pay", "arguments": ""}}]}), &Value::Null));
                }
                for piece in pieces(&format!("{{\"to\": \"{IBAN}\"}}"), bytes) {
                    chunks.push(chunk(index, &delta(piece), &Value::Null));
                    // Another choice speaks in between.
                    chunks.push(chunk(1 - index, &json!({"content": "x"}), &Value::Null));
                }
                fake.set_script(Script::Sse { chunks, end: End::Clean });
                let answer = house.stream("Zahle das.").await;
                let what = format!("{name} of choice {index} in pieces of {bytes}");
                let error = answer.error();
                assert_eq!(error["code"], "sensitive_data_detected", "{what}: {}", answer.text());
                assert!(
                    error["findings"][0]["path"]
                        .as_str()
                        .unwrap()
                        .starts_with(&format!("/choices/{index}/delta/{name}")),
                    "{what}: {error}"
                );
                let said = all_said(&answer);
                assert!(!said.contains(|c: char| c.is_ascii_digit()), "{what}: {said:?} was said");
            }
        }
    }
    // Hidden by escapes that only a reader of the arguments undoes.
    let arguments = format!("{{\"to\": \"{}\"}}", IBAN.replace('4', "\\u0034"));
    let mut chunks: Vec<_> =
        pieces(&arguments, 7).into_iter().map(|piece| chunk(0, &call(piece), &Value::Null)).collect();
    chunks.push(chunk(0, &json!({}), &json!({"finish_reason": "tool_calls"})));
    fake.set_script(Script::Sse { chunks, end: End::Clean });
    let answer = house.stream("Zahle das.").await;
    assert_eq!(answer.error()["code"], "sensitive_data_detected", "{}", answer.text());
    let said = all_said(&answer);
    assert!(!said.contains("u0034") && !said.contains("DE89"), "{said:?} was said");
    // Harmless ones arrive as they were.
    let arguments = r#"{"city": "K\u00f6ln", "note": "a\/b\n\"c\""}"#;
    let mut chunks: Vec<_> =
        pieces(arguments, 3).into_iter().map(|piece| chunk(0, &call(piece), &Value::Null)).collect();
    chunks.push(chunk(0, &json!({}), &json!({"finish_reason": "tool_calls"})));
    fake.set_script(Script::Sse { chunks, end: End::Clean });
    let answer = house.stream("Wie ist das Wetter?").await;
    assert!(answer.is_done(), "{}", answer.text());
    assert_eq!(all_said(&answer), arguments);
}

#[tokio::test]
async fn completions_are_watched_too() {
    let fake = FakeUpstream::start().await;
    let house = House::start(&fake).await;
    for bytes in [1, 6, 100] {
        let event = |text: &str| {
            let event = json!({"id": "c", "object": "text_completion", "created": 1, "model": "tiny", "choices": [{"index": 0, "text": text, "finish_reason": null}]});
            (Duration::ZERO, format!("data: {event}\n\n"))
        };
        let chunks = pieces(&format!("Nummer {IBAN}."), bytes).into_iter().map(event).collect();
        fake.set_script(Script::Sse { chunks, end: End::Clean });
        let answer =
            house.ask(COMPLETIONS, &json!({"model": "tiny", "prompt": "Nummer", "stream": true})).await;
        assert_eq!(answer.error()["findings"][0]["path"], "/choices/0/text", "{}", answer.text());
        assert!("Nummer ".starts_with(&all_said(&answer)), "{}", answer.text());
    }
}

#[tokio::test]
async fn whole_answers_are_watched_in_every_place() {
    let fake = FakeUpstream::start().await;
    let house = House::start(&fake).await;
    let call = |arguments: &str, name: &str| json!([{"id": "c", "type": "function", "function": {"name": name, "arguments": arguments}}]);
    for message in [
        json!({"role": "assistant", "content": format!("Grüße {IBAN}")}),
        json!({"role": "assistant", "content": "x", "reasoning": IBAN}),
        json!({"role": "assistant", "content": "x", "reasoning_content": IBAN}),
        json!({"role": "assistant", "content": null, "refusal": IBAN}),
        json!({"role": "assistant", "content": null, "tool_calls": call(&format!("{{\"to\":\"{IBAN}\"}}"), "pay")}),
        json!({"role": "assistant", "content": null, "tool_calls": call(&format!("{{\"to\":\"{}\"}}", IBAN.replace('D', "\\u0044")), "pay")}),
        json!({"role": "assistant", "content": null, "tool_calls": call("{}", IBAN)}),
    ] {
        let body = json!({"id": "c", "object": "chat.completion", "created": 1, "model": "tiny", "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"},
            {"index": 1, "message": message, "finish_reason": "stop"}], "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}});
        fake.set_script(Script::json(200, body.to_string()));
        let answer = house.chat("Hallo").await;
        assert_eq!(
            answer.refusal(),
            (403, "sensitive_data_detected".to_owned()),
            "{message}: {}",
            answer.text()
        );
        assert!(!answer.text().contains(IBAN));
        let entries = house.entries_of(answer.header("x-schleuse-request-id").unwrap()).await;
        assert_eq!(
            (&entries[1]["event"], &entries[1]["action"]),
            (&json!("llm.complete"), &json!("BLOCKED")),
            "{entries:?}"
        );
    }
    // A model server's error quotes what it was sent.
    fake.set_script(Script::json(
        400,
        json!({"error": {"message": format!("cannot read {IBAN}"), "code": 400}}).to_string(),
    ));
    for answer in [house.chat("Hallo").await, house.stream("Hallo").await] {
        assert_eq!(answer.status, 400);
        assert!(!answer.text().contains(IBAN), "{}", answer.text());
    }
}

#[tokio::test]
async fn a_key_in_a_streamed_answer_is_taken_out_however_it_is_cut() {
    let fake = FakeUpstream::start().await;
    let house = House::start(&fake).await;
    let own = house.key("security");
    for secret in [GITHUB_TOKEN, own.as_str()] {
        for bytes in (1..=8).chain([100]) {
            let text = format!("Nimm {secret}, dann geht es.");
            fake.set_script(Script::deltas(&pieces(&text, bytes), End::Clean));
            let answer = house.stream("Womit?").await;
            assert!(answer.is_done(), "in pieces of {bytes}: {}", answer.text());
            assert_eq!(answer.said(), "Nimm [API_KEY], dann geht es.", "in pieces of {bytes}");
            let entries = house.entries_of(answer.header("x-schleuse-request-id").unwrap()).await;
            assert_eq!(entries[1]["action"], "REDACTED", "{entries:?}");
        }
    }
    let body = json!({"id": "c", "object": "chat.completion", "created": 1, "model": "tiny", "choices": [{"index": 0, "message": {"role": "assistant", "content": format!("Nimm {GITHUB_TOKEN}.")}, "logprobs": {"content": [{"token": GITHUB_TOKEN, "logprob": -1.0, "bytes": null, "top_logprobs": []}]}, "finish_reason": "stop"}]});
    fake.set_script(Script::json(200, body.to_string()));
    let answer = house.chat("Womit?").await;
    assert_eq!(answer.said(), "Nimm [API_KEY].");
    assert_eq!(answer.header("x-schleuse-action"), Some("REDACTED"));
    assert!(!answer.text().contains(GITHUB_TOKEN), "{}", answer.text());
}

/// Probabilities spell the text again.
#[tokio::test]
async fn probabilities_do_not_tell_what_the_text_may_not() {
    let fake = FakeUpstream::start().await;
    let house = House::start(&fake).await;
    let mut body = crate::house::stream_body("Wie lautet sie?");
    body["logprobs"] = true.into();
    body["top_logprobs"] = 1.into();
    for (secret, bytes) in [(IBAN, 1), (IBAN, 4), (GITHUB_TOKEN, 1), (GITHUB_TOKEN, 5)] {
        let text = format!("Sie lautet {secret}, ja.");
        let tokens = pieces(&text, bytes);
        let chunks = tokens.iter().map(|token| {
            let row = json!({"token": token, "logprob": -0.5, "bytes": token.as_bytes(), "top_logprobs": [{"token": token, "logprob": -0.5, "bytes": token.as_bytes()}]});
            chunk(0, &json!({"content": token}), &json!({"logprobs": {"content": [row]}}))
        });
        fake.set_script(Script::Sse { chunks: chunks.collect(), end: End::Clean });
        let answer = house.ask(CHAT, &body).await;
        let spelled: String = answer
            .chunks()
            .iter()
            .flat_map(|chunk| {
                chunk["choices"][0]["logprobs"]["content"].as_array().cloned().unwrap_or_default()
            })
            .map(|row| row["token"].as_str().unwrap().to_owned())
            .collect();
        assert!(
            "Sie lautet ".starts_with(&spelled),
            "{secret} in pieces of {bytes}: {spelled:?} was spelled"
        );
        for event in answer.events().iter().filter(|event| event.name.is_none() && event.data != "[DONE]") {
            // As numbers of bytes: the first two of either secret.
            let numbers = format!("{},{}", secret.as_bytes()[0], secret.as_bytes()[1]);
            assert!(!event.data.contains(&numbers), "{}", event.data);
        }
    }
}

/// A model server that was made to talk has more than its text to talk with.
#[tokio::test]
async fn what_stands_beside_the_text_is_no_way_out() {
    let fake = FakeUpstream::start().await;
    let house = House::start(&fake).await;
    let whole = json!({"id": "c", "object": "chat.completion", "created": 1, "model": "tiny", "choices": [{"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}});
    let event = json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "tiny", "choices": [{"index": 0, "delta": {"role": "assistant", "content": "x"}, "finish_reason": null}]});
    let beside = [
        "/id",
        "/object",
        "/created",
        "/model",
        "/system_fingerprint",
        "/service_tier",
        "/note",
        "/usage/note",
        "/usage/prompt_tokens",
        "/prompt_logprobs",
        "/choices/0/index",
        "/choices/0/finish_reason",
        "/choices/0/stop_reason",
        "/choices/0/note",
        "/choices/0/token_ids",
    ];
    let inside = [
        "role",
        "name",
        "note",
        "annotations/0/url",
        "audio/data",
        "tool_calls/0/id",
        "tool_calls/0/type",
        "tool_calls/0/function/name",
        "tool_calls/0/note",
        "function_call/name",
    ];
    let mut leaks = Vec::new();
    for stream in [false, true] {
        let (base, member) = if stream { (&event, "delta") } else { (&whole, "message") };
        let inside = inside.iter().map(|place| format!("/choices/0/{member}/{place}"));
        for place in beside.iter().map(|place| (*place).to_owned()).chain(inside) {
            for secret in [json!(IBAN), json!({IBAN: 1}), json!([IBAN])] {
                let said = with(base.clone(), &place, secret.clone());
                fake.set_script(if stream {
                    let all = format!("data: {event}\n\ndata: {said}\n\ndata: {event}\n\n");
                    Script::Sse { chunks: vec![(Duration::ZERO, all)], end: End::Clean }
                } else {
                    Script::json(200, said.to_string())
                });
                let mut body = chat_body("Hallo");
                body["stream"] = stream.into();
                let answer = house.ask(CHAT, &body).await;
                if answer.text().contains(IBAN) {
                    leaks.push(format!("{place} as {secret}, streamed: {stream}"));
                }
            }
        }
    }
    assert!(leaks.is_empty(), "{leaks:#?}");
}
