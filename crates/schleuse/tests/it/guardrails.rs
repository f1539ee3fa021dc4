//! Guardrails and exceptions of a configuration, in a running house and at its check.

use std::io::Write as _;
use std::process::Stdio;

use schleuse_testkit::{FakeUpstream, Script};
use serde_json::json;

use crate::folder::Folder;
use crate::house::{House, Plan, schleuse, stderr, stdout};

const ACCOUNT: &str = "DE89 3704 0044 0532 0130 00";

fn answer_with(text: &str) -> Script {
    Script::json(
        200,
        json!({"id": "c", "object": "chat.completion", "created": 1, "model": "tiny", "choices": [{"index": 0,
            "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]})
        .to_string(),
    )
}

async fn start(fake: &FakeUpstream, config: &str) -> House {
    Plan::demo().upstream(&fake.url()).config(config).start().await
}

#[tokio::test]
async fn a_configuration_says_for_whom_and_which_way_a_guardrail_counts() {
    let fake = FakeUpstream::start().await;
    let config = "[[guardrail]]\ntype = \"EMAIL\"\naction = \"REDACT\"\ndirection = \"answer\"\nzone = \"local\"\n\
                  [[guardrail]]\ntype = \"IBAN\"\nshadow = true\n";
    let house = start(&fake, config).await;
    fake.set_script(answer_with("max@example.org"));
    let answer = house.chat(&format!("an max@example.org, {ACCOUNT}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let asked = fake.questions().pop().unwrap().json();
    assert_eq!(asked["messages"][0]["content"], format!("an max@example.org, {ACCOUNT}"));
    assert!(answer.text().contains("[EMAIL]") && !answer.text().contains("max@"), "{}", answer.text());
    let entry = house.export().await.into_iter().rfind(|entry| entry["event"] == "llm.complete").unwrap();
    assert_eq!((&entry["shadow"], &entry["findings"]), (&json!({"IBAN": 1}), &json!({"EMAIL": 2})));
}

/// What the command prints for a value, with the key of a house.
fn value_of(data: &std::path::Path, kind: &str, value: &str) -> std::process::Output {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_schleuse"));
    command.args(["config", "exception-value", "--type", kind, "--data"]).arg(data);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(value.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// A day that is so many days from now, as a configuration writes it.
pub fn day(days: i64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_micros();
    let then = i64::try_from(now).unwrap() + days * 86_400_000_000;
    let text = schleuse_types::Timestamp(u64::try_from(then).unwrap()).to_string();
    text.get(..10).unwrap().to_owned()
}

#[tokio::test]
async fn an_exception_for_one_value_holds_for_no_other() {
    let fake = FakeUpstream::start().await;
    // The house makes its keys at its first start.
    let folder = start(&fake, "").await.stop().await;
    let data = folder.join("data");
    let output = value_of(&data, "IBAN", &ACCOUNT.replace(' ', ""));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let config = format!(
        "[[exception]]\ntype = \"IBAN\"\nvalue = \"{}\"\nuntil = {}\nreason = \"ours\"\nallowed_by = [\"A. Weber\"]\n",
        stdout(&output).trim(),
        day(30)
    );
    let house = Plan::demo().on(&folder).upstream(&fake.url()).config(&config).start().await;
    assert_eq!(house.chat(&format!("Unser Konto ist {ACCOUNT}")).await.status, 200);
    assert_eq!(house.chat("Ihr Konto ist GB82 WEST 1234 5698 7654 32").await.status, 403);
    let entry = house.export().await.into_iter().find(|entry| entry["event"] == "llm.admit").unwrap();
    assert_eq!(entry["excepted"], json!({"IBAN": 1}));
    let wrong = value_of(&data, "IBN", "x");
    assert_eq!(wrong.status.code(), Some(2));
    assert!(stderr(&wrong).contains("the nearest is `IBAN`"), "{}", stderr(&wrong));
}

#[tokio::test]
async fn dates_of_exceptions_are_checked() {
    let folder = Folder::new();
    let check = async |until: &str| {
        let text = format!(
            "listen = \"127.0.0.1:0\"\ndata = \"data\"\n[[exception]]\ntype = \"IBAN\"\ngroup = \"payroll\"\n\
             until = {until}\nreason = \"r\"\nallowed_by = \"A. Weber\"\n"
        );
        let file = folder.write("schleuse.toml", text);
        let output = schleuse(&["config", "check", "--config", file.to_str().unwrap()]).await;
        (output.status.code(), stderr(&output))
    };
    assert_eq!(check(&day(1)).await, (Some(0), String::new()));
    let (code, said) = check(&day(-2)).await;
    assert_eq!(code, Some(2));
    assert!(said.contains(&format!("line 3: the exception was over with {}", day(-2))), "{said}");
    let (code, said) = check(&day(500)).await;
    assert_eq!(code, Some(2));
    assert!(said.contains("line 3: `until` of an exception is more than 400 days ahead"), "{said}");
    let (code, said) = check("2026-02-30").await;
    assert_eq!(code, Some(2), "{said}");
}
