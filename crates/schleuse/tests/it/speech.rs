//! Speech in a whole house: OpenAI's SDKs against the adapters that take it, through processes of their own as well.

use std::time::Duration;

use schleuse_testkit::{Contract, FakeUpstream, PROVIDER_KEY, Script};
use serde_json::{Value, json};

use crate::client::Request;
use crate::house::{House, Plan, stderr, stdout};
use crate::tools::{run, tool};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sdk");
const PATIENCE: Duration = Duration::from_secs(120);

/// Models, whose contract their server keeps, and whether they tell times.
const MODELS: [(&str, &str, Contract, bool); 5] = [
    ("openai-compatible", "whisper", Contract::OpenAiCompatible, true),
    ("openai", "whisper-1", Contract::OpenAi, true),
    ("openai", "gpt-4o-transcribe", Contract::OpenAi, false),
    ("azure-openai", "azure-whisper", Contract::AzureOpenAi, true),
    ("azure-openai", "gpt-4o-mini-transcribe", Contract::AzureOpenAi, false),
];

async fn house(fakes: &mut Vec<FakeUpstream>) -> (House, Value) {
    let plan = Plan::demo();
    let key = plan.folder().write("provider.key", PROVIDER_KEY);
    let (mut config, mut told) = (String::new(), Vec::new());
    for (place, (provider, model, contract, times)) in MODELS.into_iter().enumerate() {
        let fake =
            FakeUpstream::builder().script(Script::Contract { contract, piece_bytes: 3 }).start().await;
        // Speech stays inside unless a policy of the house says otherwise.
        config += &format!(
            "[[upstream]]\nname = \"u{place}\"\nurl = \"{}\"\nprovider = \"{provider}\"\nmodels = [\"{model}\"]\n\
             audio = true\nzone = \"airgapped\"\napi_key_file = \"{}\"\n",
            fake.url(),
            key.display()
        );
        told.push(json!({"name": model, "times": times}));
        fakes.push(fake);
    }
    let deaf = FakeUpstream::start().await;
    config += &format!("[[upstream]]\nname = \"deaf\"\nurl = \"{}\"\nmodels = [\"deaf\"]\n", deaf.url());
    fakes.push(deaf);
    (plan.config(&config).start().await, Value::from(told))
}

async fn check(program: &str) {
    let mut fakes = Vec::new();
    let (house, models) = house(&mut fakes).await;
    let (url, key) = (house.ready["url"].as_str().unwrap(), house.key("employee"));
    let (path, told) = (format!("{FOLDER}/{program}"), models.to_string());
    let output = if program.ends_with(".py") {
        run(tool("sdk-python/bin/python"), &["-I", &path, url, &key, &told], PATIENCE).await
    } else {
        let manifest = tool("sdk-node/package.json");
        run(tool("bin/node"), &[&path, url, &key, &told, manifest.to_str().unwrap()], PATIENCE).await
    };
    assert!(output.status.success(), "{}{}", stdout(&output), stderr(&output));
    let expected = format!("{} cells passed", 6 * MODELS.len());
    assert!(stdout(&output).contains(&expected), "{}", stdout(&output));
    assert!(fakes.last().unwrap().questions().is_empty());
    let entries = house.export().await;
    let heard = entries.iter().filter(|entry| entry["surface"] == "/v1/audio/transcriptions");
    assert!(heard.clone().any(|entry| entry["tokens_out"].as_u64() > Some(3)), "{entries:?}");
    assert!(heard.clone().any(|entry| entry["coverage"]["opaque"].as_u64() > Some(40)), "{entries:?}");
}

#[tokio::test]
async fn openais_python_sdk_has_speech_written_down() {
    check("speech.py").await;
}

#[tokio::test]
async fn openais_node_sdk_has_speech_written_down() {
    check("speech.mjs").await;
}

#[tokio::test]
async fn speech_travels_through_a_house_of_processes() {
    let contract = Contract::OpenAiCompatible;
    let fake = FakeUpstream::builder().script(Script::Contract { contract, piece_bytes: 3 });
    let fake = fake.models(&["tiny"]).start().await;
    let (doors, lines) = crate::apart::doors("upstream");
    let plan = Plan::demo();
    let config = plan.folder().write("apart.toml", format!("{lines}\naudio = true\n"));
    let house = plan.flag("--config", config.to_str().unwrap()).start().await;
    let outposts = crate::apart::outposts(&doors, &house.data(), &fake.url()).await;
    let question = |format: &str| {
        let field = |name: &str, text: &str| {
            format!("--b\r\ncontent-disposition: form-data; name={name}\r\n\r\n{text}\r\n")
        };
        let file = field("\"file\"; filename=\"a.wav\"", "RIFFGuten Tag");
        let body = file + &field("\"model\"", "tiny") + &field("\"response_format\"", format) + "--b--\r\n";
        Request::post("/v1/audio/transcriptions", body)
            .without("content-type")
            .header("content-type", "multipart/form-data; boundary=b")
            .key(&house.key("employee"))
    };
    let began = std::time::Instant::now();
    loop {
        let reply = question("text").send(&outposts[0].address).await;
        if reply.status == 200 {
            assert_eq!(
                (reply.header("content-type"), reply.text().as_str()),
                (Some("text/plain; charset=utf-8"), "Guten Tag\n")
            );
            break;
        }
        // Until the connector has dialled in.
        assert!(began.elapsed() < crate::SOON * 2, "{} {}", reply.status, reply.text());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let reply = question("vtt").send(&outposts[0].address).await;
    assert!(
        reply.text().starts_with("WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nGuten Tag\n"),
        "{}",
        reply.text()
    );
}
