//! The official OpenAI and Anthropic SDKs, really installed, against a house.

use std::time::Duration;

use schleuse_testkit::{End, FakeUpstream, Script};
use serde_json::{Value, json};

use crate::house::{House, Plan, stderr, stdout};
use crate::tools::{run, tool};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sdk");
const PATIENCE: Duration = Duration::from_secs(120);

/// The pieces of a tool call as vLLM streams them. The recorded model was random and calls with nothing.
fn tool_call() -> Script {
    let delta = |delta: Value, finish: Value| {
        let choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish});
        let chunk = json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "calling", "choices": [choice]});
        (Duration::ZERO, format!("data: {chunk}\n\n"))
    };
    let call = |call: Value| delta(json!({"tool_calls": [call]}), Value::Null);
    let mut chunks = vec![
        delta(json!({"role": "assistant", "content": ""}), Value::Null),
        call(
            json!({"index": 0, "id": "call-1", "type": "function", "function": {"name": "get_weather", "arguments": ""}}),
        ),
    ];
    for piece in ["{", "\"ci", "ty\": \"K", "öln\", \"days\"", ": 2", "}"] {
        chunks.push(call(json!({"index": 0, "function": {"arguments": piece}})));
    }
    chunks.push(delta(json!({}), "tool_calls".into()));
    Script::Sse { chunks, end: End::Clean }
}

/// A house with a model that answers, one that calls a tool, one that is rate limited, and one that breaks off.
async fn house(fakes: &[FakeUpstream; 4]) -> House {
    let [answers, calling, busy, dying] = fakes;
    calling.set_script(tool_call());
    busy.set_script(Script::status(429).with_header("retry-after", "7"));
    dying.set_script(Script::deltas(&["Ein Anfang ist gemacht. ", "Und weiter"], End::Cut));
    let mut config = String::new();
    for (model, fake) in [("tiny", answers), ("calling", calling), ("busy", busy), ("dying", dying)] {
        config +=
            &format!("[[upstream]]\nname = \"{model}\"\nurl = \"{}\"\nmodels = [\"{model}\"]\n", fake.url());
    }
    Plan::demo().config(&config).start().await
}

async fn fakes() -> [FakeUpstream; 4] {
    [
        FakeUpstream::start().await,
        FakeUpstream::start().await,
        FakeUpstream::start().await,
        FakeUpstream::start().await,
    ]
}

/// Runs a program of Python's against a house of its own.
async fn python(program: &str, checks: usize) {
    let fakes = fakes().await;
    let house = house(&fakes).await;
    let (url, keys) = (house.ready["url"].as_str().unwrap(), house.ready["keys"].to_string());
    let program = format!("{FOLDER}/{program}");
    let output = run(tool("sdk-python/bin/python"), &["-I", &program, url, &keys], PATIENCE).await;
    assert!(output.status.success(), "{}{}", stdout(&output), stderr(&output));
    assert!(stdout(&output).contains(&format!("{checks} checks passed")), "{}", stdout(&output));
}

/// Runs a program of Node's against a house of its own.
async fn javascript(program: &str, checks: usize) {
    let fakes = fakes().await;
    let house = house(&fakes).await;
    let (url, keys) = (house.ready["url"].as_str().unwrap(), house.ready["keys"].to_string());
    let (program, manifest) = (format!("{FOLDER}/{program}"), tool("sdk-node/package.json"));
    let arguments = [&program, url, &keys, manifest.to_str().unwrap()];
    let output = run(tool("bin/node"), &arguments, PATIENCE).await;
    assert!(output.status.success(), "{}{}", stdout(&output), stderr(&output));
    assert!(stdout(&output).contains(&format!("{checks} checks passed")), "{}", stdout(&output));
}

#[tokio::test]
async fn openais_python_sdk_is_at_home() {
    python("chat.py", 7).await;
}

#[tokio::test]
async fn openais_node_sdk_is_at_home() {
    javascript("chat.mjs", 8).await;
}

#[tokio::test]
async fn openais_python_sdk_gets_responses() {
    python("responses.py", 5).await;
}

#[tokio::test]
async fn openais_node_sdk_gets_responses() {
    javascript("responses.mjs", 5).await;
}

#[tokio::test]
async fn openais_python_sdk_works_through_batches() {
    python("batches.py", 7).await;
}

#[tokio::test]
async fn openais_node_sdk_works_through_batches() {
    javascript("batches.mjs", 6).await;
}

#[tokio::test]
async fn anthropics_python_sdk_is_at_home() {
    python("messages.py", 6).await;
}

#[tokio::test]
async fn anthropics_node_sdk_is_at_home() {
    javascript("messages.mjs", 6).await;
}
