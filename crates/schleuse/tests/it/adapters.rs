//! The official SDKs against every adapter: each asks one house whose models stand behind a provider's contract each, an
//! OpenAI-compatible server, and the embedded engine.

use std::time::Duration;

use schleuse_testkit::{Contract, FakeUpstream, PROVIDER_KEY, Script};
use serde_json::{Value, json};

use crate::house::{House, Plan, stderr, stdout};
use crate::tools::{run, tool};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sdk");
const PATIENCE: Duration = Duration::from_secs(120);

/// Adapters with a scripted server that keeps their contract.
const PROVIDERS: [(&str, Contract); 5] = [
    ("openai-compatible", Contract::OpenAiCompatible),
    ("openai", Contract::OpenAi),
    ("azure-openai", Contract::AzureOpenAi),
    ("anthropic", Contract::Anthropic),
    ("mistral", Contract::Mistral),
];

/// A house with all adapters; the model of each has its name, with `-model` behind it.
async fn house(fakes: &mut Vec<FakeUpstream>) -> (House, Vec<Value>) {
    let plan = Plan::demo();
    plan.folder().write("provider.key", PROVIDER_KEY);
    plan.folder().write("opt-out.txt", "Nothing is trained with what is sent.");
    let base = plan.folder().path().display().to_string();
    let (mut config, mut models) = (String::new(), Vec::new());
    for (provider, contract) in PROVIDERS {
        let fake =
            FakeUpstream::builder().script(Script::Contract { contract, piece_bytes: 3 }).start().await;
        config += &format!(
            "[[upstream]]\nname = \"{provider}\"\nurl = \"{}\"\nprovider = \"{provider}\"\nmodels = [\"{provider}-model\"]\n",
            fake.url()
        );
        if contract != Contract::OpenAiCompatible {
            config += &format!(
                "zone = \"external\"\nregion = \"DE\"\napi_key_file = \"{base}/provider.key\"\n[[agreement]]\n\
                 upstream = \"{provider}\"\nprocessor = \"Muster\"\njurisdiction = \"EU\"\nsub_processors = []\n\
                 until = \"2099-12-31\"\ntraining_opt_out = \"{base}/opt-out.txt\"\n"
            );
        }
        // The others have no counting apart from an answer.
        let counts = matches!(contract, Contract::OpenAiCompatible | Contract::Anthropic);
        models.push(json!({"name": format!("{provider}-model"), "echoes": true, "counts": counts}));
        fakes.push(fake);
    }
    let plan = plan.config(&config);
    #[cfg(feature = "engine")]
    let plan = {
        let weights = schleuse_testkit::gguf::TinyLlama::default().to_bytes();
        let weights = plan.folder().write("tiny.gguf", weights);
        models.push(json!({"name": "tiny", "echoes": false, "counts": true}));
        plan.flag("--model", weights.to_str().unwrap())
    };
    (plan.start().await, models)
}

/// Runs a program of an SDK's against a house of its own. `rows`: what it asks each model.
async fn check(program: &str, rows: usize) {
    let mut fakes = Vec::new();
    let (house, models) = house(&mut fakes).await;
    let (url, key) = (house.ready["url"].as_str().unwrap(), house.key("employee"));
    let (path, told) = (format!("{FOLDER}/{program}"), Value::from(models.clone()).to_string());
    let output = if program.ends_with(".py") {
        run(tool("sdk-python/bin/python"), &["-I", &path, url, &key, &told], PATIENCE).await
    } else {
        let manifest = tool("sdk-node/package.json");
        run(tool("bin/node"), &[&path, url, &key, &told, manifest.to_str().unwrap()], PATIENCE).await
    };
    assert!(output.status.success(), "{}{}", stdout(&output), stderr(&output));
    let expected = format!("{} cells passed", rows * models.len());
    assert!(stdout(&output).contains(&expected), "{}", stdout(&output));
    // What must be blocked reached nobody.
    for (fake, (provider, _)) in fakes.iter().zip(PROVIDERS) {
        let told = fake.questions().iter().any(|seen| seen.json().to_string().contains(crate::IBAN));
        assert!(!told && !fake.questions().is_empty(), "{provider}");
    }
}

#[tokio::test]
async fn openais_python_sdk_passes_against_every_adapter() {
    check("table_openai.py", 12).await;
}

#[tokio::test]
async fn openais_node_sdk_passes_against_every_adapter() {
    check("table_openai.mjs", 12).await;
}

#[tokio::test]
async fn anthropics_python_sdk_passes_against_every_adapter() {
    check("table_anthropic.py", 6).await;
}

#[tokio::test]
async fn anthropics_node_sdk_passes_against_every_adapter() {
    check("table_anthropic.mjs", 6).await;
}
