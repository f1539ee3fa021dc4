//! What a recorded vLLM said, as the house's clients see it: whole and streamed, on every surface.

use std::time::Duration;

use schleuse_testkit::{End, FakeUpstream, Script, recording};
use serde_json::{Value, json};

use crate::client::Answer;
use crate::house::{CHAT, House, chat_body, stream_body};

/// Asks what was asked when the recording was made.
async fn replay(name: &str, change: impl FnOnce(&mut Value)) -> (Answer, Vec<Value>, Value) {
    let recorded = recording(name).unwrap();
    let fake = FakeUpstream::builder().script(Script::Replay(name.to_owned())).start().await;
    let house = House::start(&fake).await;
    let mut body: Value = serde_json::from_slice(&recorded.request.body).unwrap();
    change(&mut body);
    let answer = house.ask(&recorded.request.path, &body).await;
    let text = String::from_utf8(recorded.response.body()).unwrap();
    let said =
        text.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok()).collect();
    let sent = fake.questions().first().map(schleuse_testkit::Seen::json).unwrap_or_default();
    (answer, said, sent)
}

fn whole(name: &str) -> Value {
    serde_json::from_slice(&recording(name).unwrap().response.body()).unwrap()
}

/// The text or the arguments of all choices and tool calls of a stream, by place.
fn joined(chunks: &[Value]) -> std::collections::BTreeMap<String, String> {
    let mut all = std::collections::BTreeMap::<String, String>::new();
    for choice in chunks.iter().flat_map(|chunk| chunk["choices"].as_array().unwrap()) {
        let index = &choice["index"];
        let mut add = |what: String, text: &Value| {
            if let Some(text) = text.as_str() {
                all.entry(what).or_default().push_str(text);
            }
        };
        add(format!("{index} text"), &choice["text"]);
        add(format!("{index} content"), &choice["delta"]["content"]);
        add(format!("{index} reasoning"), &choice["delta"]["reasoning"]);
        add(format!("{index} finish"), &choice["finish_reason"]);
        for call in choice["delta"]["tool_calls"].as_array().into_iter().flatten() {
            add(format!("{index} call {} arguments", call["index"]), &call["function"]["arguments"]);
            add(format!("{index} call {} name", call["index"]), &call["function"]["name"]);
            add(format!("{index} call {} id", call["index"]), &call["id"]);
        }
    }
    all.retain(|_, text| !text.is_empty());
    all
}

#[tokio::test]
async fn whole_answers_say_what_the_model_said() {
    for name in [
        "02-chat",
        "04-chat-tool-required",
        "06-chat-json-schema",
        "21a-chat-tiny",
        "23-chat-structured-regex",
        "24-chat-guided-choice",
    ] {
        let (answer, _, _) = replay(name, |_| ()).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
        let (told, said) = (answer.json(), whole(name));
        for place in [
            "/choices/0/message/content",
            "/choices/0/message/role",
            "/choices/0/message/tool_calls",
            "/choices/0/finish_reason",
            "/choices/0/logprobs",
            "/usage/prompt_tokens",
            "/usage/completion_tokens",
            "/usage/total_tokens",
            "/model",
            "/object",
            "/created",
            "/id",
        ] {
            let (told, said) = (told.pointer(place), said.pointer(place));
            let is_none =
                |value: Option<&Value>| value.is_none_or(|value| value.is_null() || value == &json!([]));
            assert!(
                told == said || is_none(told) && is_none(said),
                "{name} {place}: {told:?} instead of {said:?}"
            );
        }
        for header in [
            "x-schleuse-request-id",
            "x-schleuse-label",
            "x-schleuse-sensitivity",
            "x-schleuse-action",
            "x-schleuse-route",
        ] {
            assert!(answer.header(header).is_some(), "{name}: no {header}");
        }
        assert_eq!(answer.header("x-schleuse-label"), Some("INTERNAL"));
        assert_eq!(answer.header("x-schleuse-sensitivity"), Some("0.00"));
        assert_eq!(answer.header("x-schleuse-route"), Some("upstream"));
    }
}

#[tokio::test]
async fn streamed_answers_say_what_the_model_said() {
    for name in [
        "03-chat-stream",
        "05-chat-tool-required-stream",
        "05-chat-tool-named-stream",
        "07-completions-stream-n2",
        "16-chat-stream-usage-cont-logprobs",
    ] {
        let (answer, said, _) = replay(name, |_| ()).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
        assert!(answer.header("content-type").unwrap().starts_with("text/event-stream"));
        assert!(answer.is_done() && answer.is_complete, "{name}: {}", answer.text());
        assert!(answer.text().ends_with("data: [DONE]\n\n"), "{name}: {}", answer.text());
        let told = answer.chunks();
        assert_eq!(joined(&told), joined(&said), "{name}");
        assert!(!joined(&told).is_empty(), "{name}");
        let id = &told[0]["id"];
        assert!(told.iter().all(|chunk| chunk["id"] == *id && chunk["model"] == "tiny"), "{name}");
    }
}

#[tokio::test]
async fn the_usage_chunk_is_last_with_empty_choices_and_only_when_asked_for() {
    for name in ["03-chat-stream", "07-completions-stream-n2", "16-chat-stream-usage-cont-logprobs"] {
        for asked in [false, true] {
            let fake = FakeUpstream::start().await;
            let house = House::start(&fake).await;
            let recorded = recording(name).unwrap();
            let mut body: Value = serde_json::from_slice(&recorded.request.body).unwrap();
            body.as_object_mut().unwrap().remove("stream_options");
            if asked {
                body["stream_options"] = json!({"include_usage": true});
            }
            let answer = house.ask(&recorded.request.path, &body).await;
            let chunks = answer.chunks();
            let (last, others) = chunks.split_last().unwrap();
            if asked {
                assert_eq!(last["choices"], json!([]), "{name}: {last}");
                assert!(last["usage"]["total_tokens"].as_u64().is_some_and(|total| total > 0), "{last}");
                for other in others {
                    assert!(!other["choices"].as_array().unwrap().is_empty(), "{name}: {other}");
                    assert_eq!(other.get("usage"), Some(&Value::Null), "{name}: {other}");
                }
            } else {
                assert!(!answer.text().contains("usage"), "{name}: {}", answer.text());
                assert!(chunks.iter().all(|chunk| chunk["choices"] != json!([])), "{name}");
            }
            // The log counts tokens whether or not the asker wants them.
            assert_eq!(fake.questions()[0].json()["stream_options"]["include_usage"], true);
            let entries = house.entries_of(answer.header("x-schleuse-request-id").unwrap()).await;
            assert!(entries[1]["tokens_out"].as_u64().is_some_and(|tokens| tokens > 0), "{entries:?}");
        }
    }
}

#[tokio::test]
async fn logprobs_come_with_the_text_that_they_belong_to() {
    let (answer, said, _) = replay("16-chat-stream-usage-cont-logprobs", |_| ()).await;
    let tokens = |chunks: &[Value]| {
        let of = |chunk: &Value| {
            chunk["choices"][0]["logprobs"]["content"].as_array().cloned().unwrap_or_default()
        };
        chunks.iter().flat_map(of).map(|row| row["token"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert!(!tokens(&said).is_empty());
    assert_eq!(tokens(&answer.chunks()), tokens(&said));
}

#[tokio::test]
async fn embeddings_are_kept_exactly() {
    for name in ["30-embeddings", "31-embeddings-base64"] {
        let recorded = recording(name).unwrap();
        let model = serde_json::from_slice::<Value>(&recorded.request.body).unwrap()["model"]
            .as_str()
            .unwrap()
            .to_owned();
        let fake =
            FakeUpstream::builder().models(&[&model]).script(Script::Replay(name.to_owned())).start().await;
        let house = House::start(&fake).await;
        let body: Value = serde_json::from_slice(&recorded.request.body).unwrap();
        let answer = house.ask("/v1/embeddings", &body).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
        let (told, said) = (answer.json(), whole(name));
        assert_eq!(told["data"], said["data"], "{name}");
        assert_eq!(told["usage"]["prompt_tokens"], said["usage"]["prompt_tokens"], "{name}");
    }
}

#[tokio::test]
async fn a_model_servers_own_refusals_are_kept() {
    for (name, status) in
        [("08-error-unknown-model", 404), ("09-error-too-long", 400), ("13-error-invalid-body", 400)]
    {
        let fake = FakeUpstream::builder().script(Script::Replay(name.to_owned())).start().await;
        let house = House::start(&fake).await;
        let said = whole(name)["error"]["message"].as_str().unwrap().to_owned();
        for body in [chat_body("Hallo"), stream_body("Hallo")] {
            let answer = house.ask(CHAT, &body).await;
            assert_eq!(answer.status, status, "{name}: {}", answer.text());
            let error = answer.error();
            assert_eq!(error["type"], "upstream_error");
            let first_words: String = said.chars().take(60).collect();
            assert!(error["message"].as_str().unwrap().contains(&first_words), "{error} instead of {said}");
        }
    }
}

#[tokio::test]
async fn what_a_model_server_understands_is_passed_on() {
    let fake = FakeUpstream::start().await;
    let house = House::start(&fake).await;
    let extra = json!({
        "chat_template_kwargs": {"enable_thinking": false}, "top_k": 20, "min_p": 0.05, "repetition_penalty": 1.1,
        "guided_choice": ["ja", "nein"], "guided_json": {"type": "object"}, "structured_outputs": {"choice": ["a"]},
        "ignore_eos": true, "stop_token_ids": [2], "seed": 9_007_199_254_740_993_u64, "temperature": 0.1,
        "logit_bias": {"5": -100}, "response_format": {"type": "text"}, "parallel_tool_calls": false,
        "max_tokens": 12, "n": 1, "presence_penalty": 0.5, "add_generation_prompt": true,
        "reasoning_effort": "low", "bad_words": ["pfui"], "skip_special_tokens": true,
    });
    let mut body = chat_body("Grüße, \u{1F600} \" \\ \u{2028} \u{0}");
    for (name, value) in extra.as_object().unwrap() {
        body[name] = value.clone();
    }
    // What only means something to a service in the cloud is left behind without a word.
    for (name, value) in json!({"user": "u", "store": true, "metadata": {"a": "b"}, "service_tier": "auto", "prompt_cache_key": "k", "safety_identifier": "s"}).as_object().unwrap() {
        body[name] = value.clone();
    }
    let answer = house.ask(CHAT, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let seen = fake.questions().remove(0);
    let mut expected = chat_body("Grüße, \u{1F600} \" \\ \u{2028} \u{0}");
    for (name, value) in extra.as_object().unwrap() {
        expected[name] = value.clone();
    }
    let mut sent = seen.json();
    let salt = sent.as_object_mut().unwrap().remove("cache_salt").expect("the house walls prefixes off");
    assert_eq!((sent, salt.as_str().map(str::len)), (expected, Some(64)));
    // Numbers are not rounded on their way.
    assert!(String::from_utf8(seen.body).unwrap().contains("9007199254740993"));
}

#[tokio::test]
async fn what_a_client_sends_beside_its_question_never_reaches_a_model_server() {
    let fake = FakeUpstream::start().await;
    let house = House::start(&fake).await;
    for body in [chat_body("Hallo"), stream_body("Hallo")] {
        let request = house
            .question(&format!("{CHAT}?token=geheimes-token"), &body)
            .header("x-api-key", house.key("admin"))
            .header("cookie", "session=geheime-sitzung")
            .header("x-forwarded-for", "198.51.100.7")
            .header("openai-organization", "org-geheim")
            .header("x-request-id", "mein-request")
            .header("user-agent", "mein-client")
            .header("x-schleuse-label", "INTERN")
            .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        assert_eq!(house.send(&request).await.status, 200);
    }
    for seen in fake.requests() {
        let text =
            format!("{} {:?} {}", seen.path, seen.headers, String::from_utf8(seen.body.clone()).unwrap());
        for secret in [
            "sk-schl",
            "geheim",
            "cookie",
            "x-api-key",
            "authorization",
            "198.51.100.7",
            "mein-",
            "traceparent",
            "x-schleuse-label",
            "org-",
        ] {
            assert!(!text.to_lowercase().contains(secret), "`{secret}` in {text}");
        }
    }
    assert_eq!(fake.questions().len(), 2);
}

#[tokio::test]
async fn a_key_for_the_model_server_comes_from_its_file() {
    use crate::house::Plan;
    let fake = FakeUpstream::start().await;
    let plan = Plan::demo().config(&format!(
        "[[upstream]]\nname = \"vllm\"\nurl = \"{}\"\napi_key_file = \"model-key\"\n",
        fake.url()
    ));
    // Read when the house starts.
    std::fs::write(plan.folder().join("model-key"), "schluessel-der-maschine\n").unwrap();
    let house = plan.start().await;
    assert_eq!(house.chat("Hallo").await.header("x-schleuse-route"), Some("vllm"));
    assert_eq!(fake.questions()[0].header("authorization"), Some("Bearer schluessel-der-maschine"));
    assert!(!house.output().contains("schluessel-der-maschine"));
}

#[tokio::test]
async fn pieces_come_one_by_one_as_the_model_says_them() {
    let fake = FakeUpstream::start().await;
    fake.set_script(Script::Echo { piece_bytes: 6, pause: Duration::from_millis(150) });
    let house = House::start(&fake).await;
    let text = "eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf";
    let mut open = house.question(CHAT, &stream_body(text)).open(&house.address).await;
    let mut times = Vec::new();
    let began = std::time::Instant::now();
    let mut seen = 0;
    while !open
        .until(crate::SOON, |answer| answer.is_complete || answer.events().len() > seen)
        .await
        .is_complete
    {
        seen += 1;
        times.push(began.elapsed());
    }
    let answer = open.finish().await;
    assert_eq!(answer.said(), text);
    assert!(times.len() >= 8, "{times:?}");
    let (first, last) = (times[0], times[times.len() - 1]);
    assert!(last - first > Duration::from_millis(700), "the pieces came in one burst: {times:?}");
}

#[tokio::test]
async fn half_events_and_several_at_once_are_put_together() {
    let head = r#"{"id":"c","object":"chat.completion.chunk","created":1,"model":"tiny","choices":[{"index":0,"delta":"#;
    let event = |delta: &str| format!("data: {head}{delta},\"finish_reason\":null}}]}}\r\n\r\n");
    let all = event(r#"{"role":"assistant","content":""}"#)
        + &event(r#"{"content":"Grü"}"#)
        + ": a comment\n\n"
        + &event(r#"{"content":"ße 😀"}"#);
    for size in [1, 2, 7, 100, 10_000] {
        let pieces: Vec<String> =
            all.chars().collect::<Vec<_>>().chunks(size).map(|piece| piece.iter().collect()).collect();
        let chunks = pieces.into_iter().map(|piece| (Duration::ZERO, piece)).collect();
        let fake = FakeUpstream::builder().script(Script::Sse { chunks, end: End::Clean }).start().await;
        let house = House::start(&fake).await;
        let answer = house.stream("Hallo").await;
        assert_eq!(answer.said(), "Grüße 😀", "in pieces of {size}");
        assert!(answer.is_done());
    }
}
