//! Model servers outside the house: closed until an agreement is recorded, and spoken to in their own interface.

use schleuse_testkit::{Contract, FakeUpstream, PROVIDER_KEY, Script};
use serde_json::{Value, json};

use crate::client::Request;
use crate::folder::Folder;
use crate::house::{CHAT, Plan, schleuse, stderr, stdout};

/// As the third seed document prints it.
const DOCUMENT: &str = include_str!("azure-openai-config.yaml");

async fn provider(contract: Contract) -> FakeUpstream {
    FakeUpstream::builder().script(Script::Contract { contract, piece_bytes: 3 }).start().await
}

/// An agreement for an upstream, with more lines.
fn agreement(folder: &Folder, upstream: &str, more: &str) -> String {
    folder.write("opt-out.txt", "Nothing is trained with what is sent.");
    folder.write("provider.key", PROVIDER_KEY);
    let text = format!(
        "upstream = \"{upstream}\"\nprocessor = \"Muster Cloud GmbH\"\njurisdiction = \"DE\"\nsub_processors = []\n\
         until = \"2099-12-31\"\ntraining_opt_out = \"opt-out.txt\"\napi_key_file = \"provider.key\"\n{more}\n"
    );
    folder.write("agreement.toml", text).to_str().unwrap().to_owned()
}

async fn run(words: &[&str]) -> (Option<i32>, String) {
    let output = schleuse(words).await;
    (output.status.code(), format!("{}{}", stdout(&output), stderr(&output)))
}

async fn key_of(data: &str) -> String {
    let (code, said) = run(&["key", "create", "--data", data, "--for", "anna", "--role", "employee"]).await;
    assert_eq!(code, Some(0), "{said}");
    said.trim().to_owned()
}

fn public(key: &str, body: &Value) -> Request {
    Request::post(CHAT, body.to_string()).key(key).header("x-schleuse-label", "PUBLIC")
}

#[tokio::test]
async fn the_documents_own_configuration_works_unchanged() {
    let azure = provider(Contract::AzureOpenAi).await;
    let folder = Folder::new();
    let config = folder.write("azure-openai-config.yaml", DOCUMENT).to_str().unwrap().to_owned();
    let (code, said) = run(&["config", "check", "--config", &config]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("`azure-openai` is closed"), "{said}");

    // Without an agreement: a house that starts, lists the model and lets nothing out.
    let house = Plan::serve(&folder, &config).start().await;
    let data = folder.join("schleuse-data").to_str().unwrap().to_owned();
    let key = key_of(&data).await;
    let listed = house.send(&Request::get("/v1/models").key(&key)).await.json();
    assert_eq!(listed["data"][0]["id"], "azure-openai");
    for label in ["PUBLIC", "INTERNAL", "SECRET"] {
        let question = Request::post(CHAT, model_body("azure-openai", "Hallo").to_string());
        let answer = house.send(&question.key(&key).header("x-schleuse-label", label)).await;
        assert_eq!(answer.refusal(), (403, "no_permitted_route".to_owned()), "{label}");
    }
    house.stop().await;

    let file =
        agreement(&folder, "azure-openai", &format!("endpoint = \"{}\"\nmodels = [\"gpt-5\"]", azure.url()));
    let (code, said) = run(&["agreement", "record", "--data", &data, &file]).await;
    assert_eq!(code, Some(0), "{said}");
    let (_, listed) = run(&["agreement", "list", "--data", &data, "--json"]).await;
    assert_eq!(serde_json::from_str::<Value>(&listed).unwrap()[0]["processor"], "Muster Cloud GmbH");

    let house = Plan::serve(&folder, &config).start().await;
    let answer = house.send(&public(&key, &model_body("gpt-5", "Wie wird das Wetter?"))).await;
    assert_eq!(
        (answer.status, answer.json()["choices"][0]["message"]["content"].as_str()),
        (200, Some("Wie wird das Wetter?")),
        "{}",
        answer.text()
    );
    // `logging: DISABLED` and `training: OPT_OUT`, in the provider's own words.
    let sent = azure.questions().pop().unwrap();
    assert_eq!((sent.json()["store"].clone(), sent.header("api-key")), (json!(false), Some(PROVIDER_KEY)));
    // `PII_FILTER: BLOCK`, `CODE_SCANNER … REDACT`.
    let before = azure.questions().len();
    let answer = house.send(&public(&key, &model_body("gpt-5", "Schreib an max@example.org"))).await;
    assert_eq!(answer.refusal(), (403, "sensitive_data_detected".to_owned()));
    assert_eq!(azure.questions().len(), before);
    let answer = house
        .send(&public(&key, &model_body("gpt-5", "key 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 ok")))
        .await;
    assert_eq!(answer.json()["choices"][0]["message"]["content"], "key [API_KEY] ok", "{}", answer.text());
    assert!(!String::from_utf8(azure.questions().pop().unwrap().body).unwrap().contains("ghp_"));
    // What is not public stays inside.
    let question = Request::post(CHAT, model_body("gpt-5", "Hallo").to_string()).key(&key);
    assert_eq!(house.send(&question).await.refusal(), (403, "no_permitted_route".to_owned()));
}

fn model_body(model: &str, text: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": text}]})
}

#[tokio::test]
async fn what_contradicts_the_document_is_refused_at_start() {
    let folder = Folder::new();
    let data = folder.join("schleuse-data").to_str().unwrap().to_owned();
    std::fs::create_dir_all(folder.join("schleuse-data/agreements")).unwrap();
    let check = async |text: &str, expected: &str| {
        let config = folder.write("house.yaml", text).to_str().unwrap().to_owned();
        for words in
            [["config", "check", "--config", config.as_str()].as_slice(), &["serve", "--config", &config]]
        {
            let (code, said) = run(words).await;
            assert_eq!(code, Some(2), "{words:?}: {said}");
            assert!(said.contains(expected), "{words:?}: {said}");
        }
    };
    check(&DOCUMENT.replace("europe-west", "us-east"), "the region `us-east` is outside the EU").await;
    check(&DOCUMENT.replace("europe-west", "uksouth"), "the region `uksouth` is outside the EU").await;
    check(&DOCUMENT.replace("EU_ONLY", "EU"), "`data_residency` in [security]: must be `EU_ONLY` or `ANY`")
        .await;
    check(&DOCUMENT.replace("azure-openai", "azure"), "line 2: `type` in [deployment]: not a provider").await;
    check(&DOCUMENT.replace("training:", "trainig:"), "line 8: unknown key `trainig` in [security]").await;

    let record = async |from: &str, to: &str| {
        let file = agreement(&folder, "azure-openai", "endpoint = \"http://127.0.0.1:9\"");
        let text = std::fs::read_to_string(&file).unwrap().replace(from, to);
        folder.write(
            "schleuse-data/agreements/azure-openai.toml",
            text.replace("opt-out.txt", "../../opt-out.txt").replace("provider.key", "../../provider.key"),
        );
    };
    record("2099-12-31", "2024-12-31").await;
    check(DOCUMENT, "was over with 2024-12-31").await;
    record("\"DE\"", "\"US\"").await;
    check(DOCUMENT, "jurisdiction `US` is outside the EU").await;
    record("\"azure-openai\"", "\"other\"").await;
    check(DOCUMENT, "there is no external upstream `other`").await;
    // Without proof that nothing is trained, the route stays closed, and that is no error.
    record("training_opt_out", "# ").await;
    let config = folder.write("house.yaml", DOCUMENT).to_str().unwrap().to_owned();
    let (code, said) = run(&["config", "check", "--config", &config]).await;
    assert!(code == Some(0) && said.contains("training_opt_out"), "{said}");
    let (code, said) = run(&["doctor", "--config", &config, "--data", &data]).await;
    assert!(said.contains("`azure-openai` is closed") && code != Some(2), "{code:?} {said}");
}

#[tokio::test]
async fn every_provider_is_spoken_to_in_its_own_interface() {
    for (name, contract) in [
        ("openai", Contract::OpenAi),
        ("azure-openai", Contract::AzureOpenAi),
        ("mistral", Contract::Mistral),
        ("anthropic", Contract::Anthropic),
    ] {
        let fake = provider(contract).await;
        let folder = Folder::new();
        folder.write("provider.key", PROVIDER_KEY);
        folder.write("opt-out.txt", "Nothing is trained with what is sent.");
        let base = folder.path().display();
        let config = format!(
            "[[upstream]]\nname = \"out\"\nurl = \"{}\"\nprovider = \"{name}\"\nzone = \"external\"\nregion = \"DE\"\nmodels = [\"large\"]\napi_key_file = \"{base}/provider.key\"\n\
             [[agreement]]\nupstream = \"out\"\nprocessor = \"Muster\"\njurisdiction = \"EU\"\nsub_processors = []\nuntil = \"2099-12-31\"\ntraining_opt_out = \"{base}/opt-out.txt\"\n",
            fake.url()
        );
        let house = Plan::demo().config(&config).start().await;
        let question = json!({
            "model": "large", "max_tokens": 64, "temperature": 0.5, "stop": ["x"],
            "messages": [
                {"role": "system", "content": "Kurz."},
                {"role": "user", "content": "Rechne."},
                {"role": "assistant", "content": null, "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}}]},
                {"role": "tool", "tool_call_id": "c1", "content": "2"},
                {"role": "user", "content": "Grüße aus Köln"},
            ],
            "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
        });
        let key = house.key("employee");
        let answer = house.send(&public(&key, &question)).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
        assert_eq!(answer.json()["choices"][0]["message"]["content"], "Grüße aus Köln", "{name}");
        assert_eq!(answer.json()["model"], "large");
        let mut streamed = question.clone();
        streamed["stream"] = json!(true);
        streamed["stream_options"] = json!({"include_usage": true});
        let answer = house.send(&public(&key, &streamed)).await;
        assert!(answer.text().ends_with("data: [DONE]\n\n"), "{name}: {}", answer.text());
        assert_eq!(answer.said(), "Grüße aus Köln", "{name}");
        // An answer is inspected whichever interface it comes in.
        let mut telling = streamed.clone();
        telling["messages"] =
            json!([{"role": "user", "content": "Schlüssel 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"}]);
        let answer = house.send(&public(&key, &telling)).await;
        assert_eq!(answer.said(), "Schlüssel [API_KEY]", "{name}: {}", answer.text());
        // The other surfaces for conversations lead there too.
        let messages = json!({"model": "large", "max_tokens": 64, "system": "Kurz.", "messages": [
            {"role": "user", "content": "Hallo"},
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm", "signature": ""}, {"type": "text", "text": "Ja?"}]},
            {"role": "user", "content": "Grüße aus Ulm"},
        ]});
        let sent = Request::post("/v1/messages", messages.to_string())
            .key(&key)
            .header("x-schleuse-label", "PUBLIC");
        let answer = house.send(&sent).await;
        assert_eq!(answer.json()["content"][0]["text"], "Grüße aus Ulm", "{name}: {}", answer.text());
        let responses = json!({"model": "large", "input": "Grüße aus Bonn", "max_output_tokens": 64});
        let sent = Request::post("/v1/responses", responses.to_string())
            .key(&key)
            .header("x-schleuse-label", "PUBLIC");
        let answer = house.send(&sent).await;
        assert_eq!(
            answer.json()["output"][0]["content"][0]["text"],
            "Grüße aus Bonn",
            "{name}: {}",
            answer.text()
        );
        let mut wrong = question.clone();
        wrong["guided_regex"] = json!("a");
        let answer = house.send(&public(&key, &wrong)).await;
        assert_eq!(answer.status, 400, "{name}: {}", answer.text());
        assert!(fake.questions().iter().all(|seen| seen.header("user-agent") == Some("schleuse")));
    }
}

#[tokio::test]
async fn an_agreement_can_be_taken_out_again() {
    let folder = Folder::new();
    let house = Plan::demo().on(&folder).start().await;
    let data = house.data_text();
    let file = agreement(&folder, "out", "endpoint = \"https://api.example.org\"");
    let (code, said) = run(&["agreement", "record", "--data", &data, &file]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(folder.join("data/agreements/out.toml").is_file());
    let (code, said) = run(&["agreement", "remove", "--data", &data, "out"]).await;
    assert_eq!(code, Some(0), "{said}");
    let left: Vec<_> = std::fs::read_dir(folder.join("data/agreements")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    let (code, said) = run(&["agreement", "remove", "--data", &data, "out"]).await;
    assert_eq!(code, Some(2), "{said}");
    for (line, expected) in
        [("processor = ", "`processor`"), ("until = ", "`until`"), ("sub_processors", "`sub_processors`")]
    {
        let text = std::fs::read_to_string(&file).unwrap();
        let broken: String =
            text.lines().filter(|kept| !kept.starts_with(line)).map(|kept| format!("{kept}\n")).collect();
        let path = folder.write("broken.toml", broken);
        let (code, said) = run(&["agreement", "record", "--data", &data, path.to_str().unwrap()]).await;
        assert!(code == Some(2) && said.contains(expected), "{line}: {said}");
    }
}
