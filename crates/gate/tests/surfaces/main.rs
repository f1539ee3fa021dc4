//! What is particular to each surface, and what holds on all of them.

// A program of its own, because it works hard and others measure time.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod every;
#[expect(dead_code, reason = "the rows of the walk need more of it")]
#[path = "../house/mod.rs"]
mod house;
mod speech;

use schleuse_limits::{Rule, Who};
use schleuse_testkit::{End, Script};
use schleuse_types::{Infill, Role};
use schleuse_upstream::{ServedAdapter, UpstreamConfig};
use serde_json::json;

use crate::house::{Answer, House, chat};

#[tokio::test]
async fn texts_are_ranked_under_inspection() {
    let house = House::with_guardrails("[[guardrail]]\ntype = \"EMAIL\"\naction = \"REDACT\"\n").await;
    let body =
        json!({"model": "tiny", "query": "an max@example.org", "documents": ["von max@example.org", "b"]});
    house.upstream.set_script(Script::json(
        200,
        json!({"id": "score-1", "model": "x", "usage": {"prompt_tokens": 12, "total_tokens": 12}, "results": [
            {"index": 0, "document": {"text": "eva@example.com"}, "relevance_score": 0.8013358116149902}]})
        .to_string(),
    ));
    let reply = house.ask_at("/v1/rerank", "employee", &body.to_string()).await;
    assert_eq!((reply.status, reply.header("x-schleuse-action")), (200, "REDACTED"), "{}", reply.text());
    let seen = house.upstream.questions().pop().unwrap();
    assert_eq!(seen.path, "/v1/rerank");
    assert!(!seen.json().to_string().contains("max@"), "{}", seen.json());
    let answered = reply.json();
    assert_eq!(
        (&answered["model"], &answered["results"][0]["relevance_score"]),
        (&json!("tiny"), &json!(0.801336))
    );
    assert!(!reply.text().contains("eva@"), "{}", reply.text());
    let entries = house.entries();
    assert_eq!(entries[1]["surface"], "/v1/rerank");
    assert_eq!(entries[1]["tokens_in"], 12);
}

#[tokio::test]
async fn pairs_are_scored() {
    let house = House::open().await;
    let body = json!({"model": "tiny", "text_1": "port", "text_2": ["port 8443", "a cat"]}).to_string();
    let reply = house.ask_at("/v1/score", "employee", &body).await;
    assert_eq!(
        (reply.status, &reply.json()["data"][1]["score"]),
        (200, &json!(0.610482)),
        "{}",
        reply.text()
    );
    let reply =
        house.ask_at("/v1/score", "employee", &body.replace("a cat", "DE89 3704 0044 0532 0130 00")).await;
    reply.expect(403, "sensitive_data_detected");
    assert_eq!(reply.json()["error"]["findings"][0]["path"], "/text_2/1");
}

#[tokio::test]
async fn rankings_are_asked_for_under_all_their_paths_and_in_all_their_shapes() {
    let house = House::open().await;
    let jina = json!({"model": "tiny", "query": "q", "documents": [{"text": "eins"}, "zwei"], "top_n": 1,
        "return_documents": true, "max_tokens_per_doc": 512})
    .to_string();
    for path in ["/v1/rerank", "/v2/rerank", "/rerank"] {
        let reply = house.ask_at(path, "employee", &jina).await;
        assert!(reply.json()["results"][0]["document"]["text"].is_string(), "{}", reply.text());
        let seen = house.upstream.questions().pop().unwrap();
        assert_eq!((seen.path.as_str(), &seen.json()["documents"]), ("/v1/rerank", &json!(["eins", "zwei"])));
        assert_eq!(seen.json()["max_tokens_per_doc"], 512);
        let quiet = jina.replace("true", "false");
        let reply = house.ask_at(path, "employee", &quiet).await;
        let result = &reply.json()["results"][0];
        assert!(
            result["relevance_score"].is_number() && result.get("document").is_none(),
            "{}",
            reply.text()
        );
        let reply =
            house.ask_at(path, "employee", &jina.replace("eins", "DE89 3704 0044 0532 0130 00")).await;
        reply.expect(403, "sensitive_data_detected");
        assert_eq!(reply.json()["error"]["findings"][0]["path"], "/documents/0/text");
        let wrong = jina.replacen('{', "{\"rank_fields\":[\"a\"],", 1);
        house.ask_at(path, "employee", &wrong).await.expect(400, "invalid_request");
    }
    for (left, right) in [("queries", "documents"), ("queries", "items"), ("data_1", "data_2")] {
        let body = json!({"model": "tiny", left: "port", right: ["port 8443", "a cat"]}).to_string();
        let reply = house.ask_at("/score", "employee", &body).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let seen = house.upstream.questions().pop().unwrap();
        assert_eq!((seen.path.as_str(), &seen.json()[right][1]), ("/v1/score", &json!("a cat")));
    }
    let reply = house.ask_at("/score", "employee", r#"{"model":"tiny","queries":"a"}"#).await;
    reply.expect(400, "invalid_request");
    assert!(
        house
            .entries()
            .iter()
            .all(|entry| ["/v1/rerank", "/v1/score"].contains(&entry["surface"].as_str().unwrap()))
    );
}

/// A house with one model server that serves these models, and in which somebody wrote how they fill in the middle.
async fn house_that_fills(models: &[&str], infill: Option<Infill>) -> House {
    let house = House::with_guardrails("[[guardrail]]\ntype = \"EMAIL\"\naction = \"REDACT\"\n").await;
    let mut config = UpstreamConfig::new("model", house.upstream.url());
    config.models = Some(models.iter().map(|&model| model.to_owned()).collect());
    config.infill = infill;
    let choice = json!({"index": 0, "text": "und", "finish_reason": "stop", "logprobs": null});
    let usage = json!({"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10});
    let answer = json!({"id": "c", "object": "text_completion", "created": 1, "model": "m", "choices": [choice], "usage": usage});
    house.upstream.set_script(Script::json(200, answer.to_string()));
    house.with_upstreams(vec![config]).await
}

#[tokio::test]
async fn a_model_is_asked_for_the_middle_in_its_own_words() {
    let asked = |model: &str| json!({"model": model, "prompt": "an max@example.org ", "suffix": " von eva@example.org"});
    for (infill, model, prompt) in [
        (None, "Qwen2.5-Coder-7B", "<|fim_prefix|>an [EMAIL] <|fim_suffix|> von [EMAIL]<|fim_middle|>"),
        (None, "Codestral-22B", "[SUFFIX] von [EMAIL][PREFIX]an [EMAIL] "),
        (
            Some(Infill::StarCoder),
            "house-code",
            "<fim_prefix>an [EMAIL] <fim_suffix> von [EMAIL]<fim_middle>",
        ),
        (Some(Infill::Server), "Qwen2.5-Coder-7B", "an [EMAIL] "),
        (None, "house-code", "an [EMAIL] "),
    ] {
        let house = house_that_fills(&[model], infill).await;
        let reply = house.ask_at("/v1/completions", "employee", &asked(model).to_string()).await;
        assert_eq!((reply.status, reply.header("x-schleuse-action")), (200, "REDACTED"), "{}", reply.text());
        let seen = house.upstream.questions().pop().unwrap().json();
        assert_eq!(seen["prompt"], prompt, "{model}");
        assert_eq!(seen["suffix"].is_string(), prompt.starts_with("an "), "{model}: {seen}");
    }
    let house = house_that_fills(&["Qwen2.5-Coder-7B"], None).await;
    let echoing = asked("Qwen2.5-Coder-7B").to_string().replacen('{', "{\"echo\":true,", 1);
    let reply = house.ask_at("/v1/completions", "employee", &echoing).await;
    reply.expect(400, "invalid_request");
    assert_eq!(reply.json()["error"]["param"], "echo");
    assert!(house.upstream.questions().is_empty());
}

const MESSAGE: &str = r#"{"model":"tiny","max_tokens":6,"messages":[{"role":"user","content":"Hallo"}]}"#;
const RESPONSE: &str = r#"{"model":"tiny","max_output_tokens":6,"input":"Hallo"}"#;

/// The names of the events of a stream, repetitions left out.
fn event_names(reply: &Answer) -> Vec<&str> {
    let mut names: Vec<&str> = reply.text().lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    names.dedup();
    names
}

fn as_stream(body: &str) -> String {
    body.replacen('{', "{\"stream\":true,", 1)
}

/// vLLM lists an adapter as a model of its own; the house calls it by its base, and tells nobody the other name.
#[tokio::test]
async fn an_adapter_is_asked_by_the_name_that_its_server_gave_it() {
    let house = House::open().await;
    let script = |name| {
        let recording = schleuse_testkit::recording(name).unwrap();
        Script::json(200, String::from_utf8(recording.response.body()).unwrap())
    };
    house.upstream.set_script_at("/v1/models", script("20-models-with-lora"));
    let mut config = UpstreamConfig::new("model", house.upstream.url());
    config.adapters = vec![ServedAdapter {
        model: "tiny".to_owned(),
        name: "german".to_owned(),
        served_as: "lora-b".to_owned(),
    }];
    let house = house.with_upstreams(vec![config]).await;
    let listed = house.get("/v1/models", "employee").await.json();
    let ids: Vec<&str> = listed["data"].as_array().unwrap().iter().filter_map(|m| m["id"].as_str()).collect();
    assert_eq!(ids, ["tiny", "lora-a", "tiny:german"]);

    house.upstream.set_script(script("21c-chat-lora-b"));
    for (path, body) in [
        (
            "/v1/chat/completions",
            json!({"model": "tiny:german", "messages": [{"role": "user", "content": "hi"}]}),
        ),
        (
            "/v1/messages",
            json!({"model": "tiny:german", "max_tokens": 8, "messages": [{"role": "user", "content": "hi"}]}),
        ),
        ("/v1/responses", json!({"model": "tiny:german", "input": "hi"})),
    ] {
        let reply = house.ask_at(path, "employee", &body.to_string()).await;
        assert_eq!((reply.status, &reply.json()["model"]), (200, &json!("tiny:german")), "{}", reply.text());
        let seen = house.upstream.questions().pop().unwrap();
        assert_eq!((seen.path.as_str(), &seen.json()["model"]), ("/v1/chat/completions", &json!("lora-b")));
        assert!(!reply.text().contains("lora-b"), "{}", reply.text());
    }
    for (model, sent) in [("tiny", "tiny"), ("lora-a", "lora-a")] {
        let body = json!({"model": model, "messages": [{"role": "user", "content": "hi"}]}).to_string();
        assert_eq!(house.ask("employee", &body).await.status, 200);
        assert_eq!(house.upstream.questions().pop().unwrap().json()["model"], sent);
    }
    for unknown in ["lora-b", "tiny:french"] {
        let body = json!({"model": unknown, "messages": [{"role": "user", "content": "hi"}]}).to_string();
        house.ask("employee", &body).await.expect(404, "model_not_found");
    }
    assert_eq!(house.entries().iter().filter(|entry| entry["model"] == "tiny:german").count() % 2, 0);
}

#[tokio::test]
async fn anthropics_messages_are_a_chat_behind_the_gate() {
    let house = House::open().await;
    let reply = house.ask_at("/v1/messages", "employee", MESSAGE).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("request-id"), reply.header("x-schleuse-request-id"));
    let message = reply.json();
    assert_eq!((&message["type"], &message["model"]), (&json!("message"), &json!("tiny")));
    assert_eq!(message["content"][0]["type"], "text");
    assert!(message["usage"]["output_tokens"].as_u64().unwrap() > 0);
    let seen = house.upstream.questions().pop().unwrap();
    assert_eq!(seen.path, "/v1/chat/completions");
    assert_eq!(seen.json()["max_tokens"], 6);

    let reply = house.ask_at("/v1/messages", "employee", &as_stream(MESSAGE)).await;
    assert_eq!(
        event_names(&reply),
        [
            "message_start",
            "content_block_start",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop"
        ],
        "{}",
        reply.text()
    );
    let entries = house.entries();
    assert_eq!(entries.len(), 4);
    assert_eq!((&entries[3]["surface"], &entries[3]["action"]), (&json!("/v1/messages"), &json!("ALLOWED")));
    assert!(entries[3]["tokens_out"].as_u64().unwrap() > 0, "{entries:?}");
}

#[tokio::test]
async fn openais_responses_are_a_chat_behind_the_gate() {
    let house = House::open().await;
    let reply = house.ask_at("/v1/responses", "employee", RESPONSE).await;
    let response = reply.json();
    assert_eq!((reply.status, &response["object"]), (200, &json!("response")), "{}", reply.text());
    assert_eq!(response["id"], format!("resp_{}", reply.header("x-schleuse-request-id")));
    assert_eq!(house.upstream.questions().pop().unwrap().path, "/v1/chat/completions");
    let reply = house.ask_at("/v1/responses", "employee", &as_stream(RESPONSE)).await;
    let names = event_names(&reply);
    assert_eq!(names[..3], ["response.created", "response.in_progress", "response.output_item.added"]);
    assert!(
        matches!(names.last(), Some(&("response.completed" | "response.incomplete"))),
        "{}",
        reply.text()
    );
    assert_eq!(house.entries()[3]["surface"], "/v1/responses");
}

#[tokio::test]
async fn tokens_are_counted_and_their_numbers_stay_behind() {
    let house = House::with_limits(vec![tokens_per_day(1)]).await;
    let body = r#"{"model":"tiny","messages":[{"role":"user","content":"Hallo"}]}"#;
    for _ in 0..2 {
        let reply = house.ask_at("/v1/messages/count_tokens", "employee", body).await;
        assert_eq!((reply.status, reply.text()), (200, r#"{"input_tokens":41}"#));
    }
    assert_eq!(house.upstream.questions().pop().unwrap().path, "/tokenize");
    assert_eq!(house.entries()[1]["surface"], "/v1/messages/count_tokens");
    let reply = house.ask_at("/tokenize", "employee", body).await;
    reply.expect(404, "not_found");
}

fn tokens_per_day(count: u32) -> Rule {
    let mut rule = Rule::new(Who::Role(Role::Employee));
    rule.tokens_per_day = Some(count.into());
    rule
}

#[tokio::test]
async fn answers_are_capped_on_every_surface() {
    let house = House::with_limits(vec![tokens_per_day(120)]).await;
    let body = RESPONSE.replace("\"max_output_tokens\":6,", "");
    let reply = house.ask_at("/v1/responses", "employee", &body).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let capped = house.upstream.questions().pop().unwrap().json()["max_tokens"].as_u64().unwrap();
    assert!((1..120).contains(&capped), "{capped}");
}

#[tokio::test]
async fn refusals_have_the_shape_of_their_surface() {
    let house = House::open().await;
    let body = MESSAGE.replace("Hallo", "DE89 3704 0044 0532 0130 00");
    let reply = house.ask_at("/v1/messages", "employee", &body).await;
    let error = reply.json();
    assert_eq!((reply.status, &error["type"]), (403, &json!("error")));
    assert_eq!(error["request_id"], reply.header("x-schleuse-request-id"));
    assert_eq!(
        (&error["error"]["type"], &error["error"]["code"], &error["error"]["findings"][0]["path"]),
        (&json!("permission_error"), &json!("sensitive_data_detected"), &json!("/messages/0/content"))
    );
    let reply = house.ask_at("/v1/messages", "auditor", MESSAGE).await;
    assert_eq!(reply.json()["error"]["code"], "access_denied");
    house.upstream.set_script(Script::deltas(&["DE89 3704 0044 ", "0532 0130 00"], End::Clean));
    for (path, body) in [("/v1/messages", MESSAGE), ("/v1/responses", RESPONSE)] {
        let reply = house.ask_at(path, "employee", &as_stream(body)).await;
        assert_eq!(event_names(&reply).last(), Some(&"error"), "{}", reply.text());
        assert!(!reply.text().contains("3704"), "{}", reply.text());
    }
}

#[tokio::test]
async fn policies_tell_surfaces_apart() {
    let policy = r#"
        @id("ask") permit (principal, action == Action::"ask", resource)
        when { context.surface == Surface::"messages" || context.surface == Surface::"score" };
    "#;
    let house = House::with_policy(policy).await;
    assert_eq!(house.ask_at("/v1/messages", "employee", MESSAGE).await.status, 200);
    let score = r#"{"model":"tiny","text_1":"a","text_2":"b"}"#;
    assert_eq!(house.ask_at("/v1/score", "employee", score).await.status, 200);
    house.ask_at("/v1/responses", "employee", RESPONSE).await.expect(403, "access_denied");
    house.ask("employee", &chat("Hallo")).await.expect(403, "access_denied");
}

#[tokio::test]
async fn a_value_split_over_a_conversation_is_found_on_every_surface() {
    let house = House::open().await;
    let (left, right) = ("Das Konto beginnt mit DE89 3704 0044", "0532 0130 00 ist der Rest");
    let check = async |path: &str, body: serde_json::Value, expected: [&str; 2]| {
        let reply = house.ask_at(path, "employee", &body.to_string()).await;
        assert_eq!(reply.status, 403, "{body}");
        let findings = reply.json()["error"]["findings"].clone();
        let places: Vec<_> =
            findings.as_array().unwrap().iter().map(|finding| finding["path"].as_str().unwrap()).collect();
        assert_eq!(places, expected, "{findings}");
    };
    let messages = json!({"model": "tiny", "max_tokens": 5, "messages": [
        {"role": "user", "content": left}, {"role": "assistant", "content": "Und weiter?"},
        {"role": "user", "content": [{"type": "text", "text": right}]}]});
    check("/v1/messages", messages, ["/messages/0/content", "/messages/2/content/0/text"]).await;
    let results = json!({"model": "tiny", "max_tokens": 5, "messages": [{"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": "a", "content": left},
        {"type": "text", "text": "Und weiter?"},
        {"type": "tool_result", "tool_use_id": "b", "content": [{"type": "text", "text": right}]}]}]});
    check("/v1/messages", results, ["/messages/0/content/0/content", "/messages/0/content/2/content/0/text"])
        .await;
    let items = json!({"model": "tiny", "input": [{"role": "user", "content": left},
        {"type": "function_call_output", "call_id": "a", "output": "Und weiter?"},
        {"role": "user", "content": [{"type": "input_text", "text": right}]}]});
    check("/v1/responses", items, ["/input/0/content", "/input/2/content/0/text"]).await;
    let outputs = json!({"model": "tiny", "input": [
        {"type": "function_call_output", "call_id": "a", "output": left},
        {"type": "function_call_output", "call_id": "b", "output": right}]});
    check("/v1/responses", outputs, ["/input/0/output", "/input/1/output"]).await;
}

/// Thoughts and text in turn, as chat deltas.
fn alternating(pieces: &[(&str, &str)]) -> Script {
    let event = |choice: serde_json::Value| {
        (Default::default(), format!("data: {}\n\n", json!({"id": "c", "created": 1, "choices": [choice]})))
    };
    let mut chunks: Vec<_> = pieces
        .iter()
        .map(|(name, text)| event(json!({"index": 0, "delta": {*name: text}, "finish_reason": null})))
        .collect();
    chunks.push(event(json!({"index": 0, "delta": {}, "finish_reason": "stop"})));
    Script::Sse { chunks, end: End::Clean }
}

#[tokio::test]
async fn a_thought_that_is_interrupted_is_one_thought() {
    let house = House::open().await;
    // What is held back of a thought comes before the text, not after it.
    house.upstream.set_script(alternating(&[
        ("reasoning", "Konto DE89 37"),
        ("content", "Hallo"),
        ("content", " du"),
    ]));
    let reply = house.ask_at("/v1/messages", "employee", &as_stream(MESSAGE)).await;
    let told: Vec<String> = reply
        .text()
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line.strip_prefix("data: ")?).ok())
        .filter_map(|event| {
            let delta = event.get("delta")?;
            Some(delta.get("thinking").or_else(|| delta.get("text"))?.as_str()?.to_owned())
        })
        .collect();
    assert_eq!(told.concat(), "Konto DE89 37Hallo du", "{}", reply.text());
    let thoughts = reply.text().matches("\"thinking\",\"thinking\":\"\"").count();
    assert_eq!(thoughts, 1, "{}", reply.text());
    // Halves that only together are what must not leave.
    for (name, other) in [("reasoning", "content"), ("content", "reasoning")] {
        house.upstream.set_script(alternating(&[
            (name, "Konto DE89 3704 0044 "),
            (other, "und"),
            (name, "0532 0130 00 Ende"),
            (other, "und"),
        ]));
        for (path, body) in [("/v1/messages", MESSAGE), ("/v1/responses", RESPONSE)] {
            let reply = house.ask_at(path, "employee", &as_stream(body)).await;
            assert_eq!(event_names(&reply).last(), Some(&"error"), "{}", reply.text());
            assert!(!reply.text().contains("0532"), "{}", reply.text());
        }
    }
    // Harmless ones go on.
    house.upstream.set_script(alternating(&[("reasoning", "a"), ("content", "b"), ("reasoning", "c")]));
    let reply = house.ask_at("/v1/messages", "employee", &as_stream(MESSAGE)).await;
    assert_eq!(event_names(&reply).last(), Some(&"message_stop"), "{}", reply.text());
}
