//! The embedded engine in a whole house: real answers, and a crash that costs one model and nothing else.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use schleuse_testkit::gguf::TinyLlama;
use serde_json::{Value, json};

use crate::SOON;
use crate::client::Request;
use crate::house::{CHAT, House, Plan, chat_body, stderr, stdout, verify};
use crate::tools::{run, tool};

const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sdk/engine.py");
const PYTHON_SURFACES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sdk/engine_surfaces.py");

/// A house with a model of random weights, which speaks noise.
async fn tiny_house() -> House {
    let plan = Plan::demo();
    let weights = plan.folder().write("tiny.gguf", TinyLlama::default().to_bytes());
    plan.flag("--model", weights.to_str().unwrap()).start().await
}

/// The worker: the only child of the house.
fn worker_of(house: &House) -> i32 {
    let is_child = |pid: &i32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let after_name = stat.rsplit(')').next().unwrap_or_default();
        after_name.split_whitespace().nth(1) == Some(house.pid().to_string().as_str())
    };
    let pids = std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let children: Vec<i32> = pids.filter(is_child).collect();
    assert_eq!(children.len(), 1, "{children:?}");
    children[0]
}

fn limited(mut body: Value, tokens: u32) -> Value {
    body["max_tokens"] = tokens.into();
    body["temperature"] = 0.into();
    body
}

#[tokio::test]
async fn a_model_of_random_weights_answers_on_every_surface() {
    let house = tiny_house().await;
    let models = house.send(&Request::get("/v1/models").key(&house.key("employee"))).await.json();
    assert_eq!(models["data"][0]["id"], "tiny", "{models}");
    let whole = house.ask(CHAT, &limited(chat_body("Hallo"), 12)).await;
    assert_eq!(whole.status, 200, "{}", whole.text());
    assert_eq!(whole.header("x-schleuse-route"), Some("engine"));
    assert_eq!(whole.json()["usage"]["completion_tokens"], 12, "{}", whole.text());
    let mut body = limited(chat_body("Hallo"), 12);
    body["stream"] = true.into();
    let streamed = house.ask(CHAT, &body).await;
    assert!(streamed.is_done(), "{}", streamed.text());
    assert_eq!(streamed.said(), whole.said(), "streamed and whole differ");
    let completion =
        house.ask("/v1/completions", &limited(json!({"model": "tiny", "prompt": "Hallo"}), 8)).await;
    assert_eq!(completion.status, 200, "{}", completion.text());
    let embedding = house.ask("/v1/embeddings", &json!({"model": "tiny", "input": ["Hallo", "Welt"]})).await;
    assert_eq!(embedding.json()["data"].as_array().unwrap().len(), 2, "{}", embedding.text());
    assert_eq!(house.chat(crate::IBAN).await.refusal(), (403, "sensitive_data_detected".to_owned()));
}

/// The counter of an upstream on the house's metrics.
async fn picks(house: &House, upstream: &str, reason: &str) -> u64 {
    let metrics = Request::get("/metrics").send(&house.admin).await.text();
    let name = format!("schleuse_upstream_picks_total{{upstream=\"{upstream}\",reason=\"{reason}\"}} ");
    let line = metrics.lines().find_map(|line| line.strip_prefix(&name));
    line.unwrap_or_else(|| panic!("no {name} in:\n{metrics}")).parse().unwrap()
}

#[tokio::test]
async fn of_two_engines_the_one_that_knows_the_conversation_is_asked() {
    let (one, two) = (tiny_house().await, tiny_house().await);
    let plan = Plan::demo();
    let mut config = String::new();
    for (name, engine) in [("one", &one), ("two", &two)] {
        let key = plan.folder().write(&format!("{name}.key"), engine.key("employee"));
        config.push_str(&format!(
            "[[upstream]]\nname = \"{name}\"\nurl = \"http://{}\"\nmodels = [\"tiny\"]\napi_key_file = \"{}\"\n",
            engine.address,
            key.display()
        ));
    }
    let house = plan.config(&config).start().await;
    let other = |name: &str| if name == "one" { "two" } else { "one" };

    // While one of them writes, the conversation begins at the other one.
    let mut long = limited(chat_body("Hallo"), 1500);
    long["stream"] = true.into();
    long["ignore_eos"] = true.into();
    let mut writing = house.question(CHAT, &long).open(&house.address).await;
    writing.until(SOON, |answer| !answer.chunks().is_empty()).await;
    let mut messages = vec![json!({"role": "system", "content": "Du hilfst. ".repeat(100)})];
    let mut turn = async |text: &str| {
        messages.push(json!({"role": "user", "content": text}));
        let body = json!({"model": "tiny", "messages": messages, "max_tokens": 2, "temperature": 0});
        let answer = house.ask(CHAT, &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.header("x-schleuse-route").unwrap().to_owned()
    };
    let home = turn("eins").await;
    drop(writing);
    let away = other(&home);
    assert_eq!(picks(&house, &home, "load").await, 1);
    // With both idle, it stays there.
    for text in ["zwei", "drei", "vier", "fünf", "sechs", "sieben"] {
        assert_eq!(turn(text).await, home);
    }
    assert_eq!(picks(&house, &home, "prefix").await, 6);
    // And goes on elsewhere when its engine is gone.
    drop(if home == "one" { one } else { two });
    assert_eq!(turn("acht").await, away);
}

#[tokio::test]
async fn a_crash_of_the_engine_is_told_and_mended() {
    let house = tiny_house().await;
    assert_eq!(house.ask(CHAT, &limited(chat_body("Hallo"), 4)).await.status, 200);
    let worker = worker_of(&house);
    let mut body = limited(chat_body("Hallo"), 2000);
    body["stream"] = true.into();
    body["ignore_eos"] = true.into();
    let mut running = house.question(CHAT, &body).open(&house.address).await;
    running.until(SOON, |answer| !answer.chunks().is_empty()).await;
    kill(Pid::from_raw(worker), Signal::SIGKILL).unwrap();
    let broken = running.finish().await;
    assert!(!broken.is_done(), "a stream that broke off ended well");
    assert_eq!(broken.error()["type"], "upstream_error");

    // It is started again after a pause; until then it is said why nothing is answered.
    let began = Instant::now();
    let mut told = Vec::new();
    loop {
        let answer = house.ask(CHAT, &limited(chat_body("Hallo"), 4)).await;
        if answer.status == 200 {
            break;
        }
        assert_eq!(answer.refusal(), (503, "upstream_unavailable".to_owned()));
        told.push(answer.error()["message"].as_str().unwrap().to_owned());
        assert!(began.elapsed() < SOON, "never mended: {told:?}");
    }
    assert!(told.iter().any(|message| message.contains("embedded engine")), "{told:?}");
    assert_ne!(worker_of(&house), worker);
    assert_eq!(verify(&house.data_text()).await.0, Some(0));
}

#[tokio::test]
async fn the_engine_dies_with_its_house() {
    let house = tiny_house().await;
    let worker = worker_of(&house);
    let folder = house.kill().await;
    let began = Instant::now();
    let is_there =
        || std::fs::read_to_string(format!("/proc/{worker}/stat")).is_ok_and(|stat| !stat.contains(") Z "));
    while is_there() {
        assert!(began.elapsed() < SOON, "the worker outlives its house");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let weights = folder.join("tiny.gguf");
    let house = Plan::demo().on(&folder).flag("--model", weights.to_str().unwrap()).start().await;
    assert_eq!(house.ask(CHAT, &limited(chat_body("Hallo"), 4)).await.status, 200);
}

#[tokio::test]
async fn a_file_that_is_no_model_is_a_clear_error() {
    let good = TinyLlama::default().to_bytes();
    for (what, bytes) in [
        ("random bytes", b"nonsense".repeat(1000)),
        ("nothing", Vec::new()),
        ("half of it", good[..good.len() / 2].to_vec()),
    ] {
        let plan = Plan::demo();
        let weights = plan.folder().write("bad.gguf", bytes);
        let (code, said) = plan.flag("--model", weights.to_str().unwrap()).fail().await;
        assert_eq!(code, Some(1), "{what}: {said}");
        assert!(said.contains("the embedded engine does not start"), "{what}: {said}");
    }
    let (code, said) = Plan::demo().flag("--model", "none.gguf").fail().await;
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("there is no file"), "{said}");
}

/// The demonstration model, which `./x test` has fetched.
#[tokio::test]
async fn the_demonstration_model_answers_the_sdk() {
    let weights: PathBuf = tool("model.gguf").canonicalize().unwrap();
    let house = Plan::demo().flag("--model", weights.to_str().unwrap()).start().await;
    let (url, key) = (house.ready["url"].as_str().unwrap(), house.key("employee"));
    let output =
        run(tool("sdk-python/bin/python"), &["-I", PYTHON, url, &key], Duration::from_secs(150)).await;
    assert!(output.status.success(), "{}{}", stdout(&output), stderr(&output));
    let about = house.send(&Request::get("/house.json")).await.json();
    assert_eq!(about["engine"]["demonstration"], true, "{about}");
    let models = house.send(&Request::get("/v1/models").key(&house.key("employee"))).await.json();
    let description = models["data"][0]["description"].as_str().unwrap_or_default();
    assert!(description.contains("135 M parameters"), "{models}");
    assert!(house.output().contains("a demonstration model of 135 M parameters"), "{}", house.output());
}

#[tokio::test]
async fn the_demonstration_model_answers_on_newer_surfaces() {
    let weights: PathBuf = tool("model.gguf").canonicalize().unwrap();
    let house = Plan::demo().flag("--model", weights.to_str().unwrap()).start().await;
    let (url, key) = (house.ready["url"].as_str().unwrap(), house.key("employee"));
    let output =
        run(tool("sdk-python/bin/python"), &["-I", PYTHON_SURFACES, url, &key], Duration::from_secs(200))
            .await;
    assert!(output.status.success(), "{}{}", stdout(&output), stderr(&output));
    assert!(stdout(&output).contains("7 checks passed"), "{}", stdout(&output));
}

/// Starts a house whose kernel seems to lack these system calls, and reads what it says before it gives up.
async fn refuse_without(calls: &[i64], words: &[&str]) {
    use seccompiler::{SeccompAction, SeccompFilter, apply_filter};
    let plan = Plan::demo();
    let weights = plan.folder().write("tiny.gguf", TinyLlama::default().to_bytes());
    let plan = plan.flag("--model", weights.to_str().unwrap());
    let missing = calls.iter().map(|call| (*call, Vec::new())).collect();
    let (no_such_call, architecture) = (SeccompAction::Errno(38), std::env::consts::ARCH.try_into().unwrap());
    let filter = SeccompFilter::new(missing, SeccompAction::Allow, no_such_call, architecture).unwrap();
    let filter: seccompiler::BpfProgram = filter.try_into().unwrap();
    // A filter binds the thread that takes it and what that thread starts, and nothing else of this process.
    let house = std::thread::spawn(move || {
        apply_filter(&filter).unwrap();
        plan.start_and_fail()
    });
    let said = tokio::task::spawn_blocking(|| house.join().unwrap()).await.unwrap();
    for word in words {
        assert!(said.contains(word), "`{word}` is missing: {said}");
    }
    assert!(!said.contains("BitFlags"), "{said}");
}

#[tokio::test]
async fn an_engine_without_its_sandbox_refuses_and_says_why() {
    // landlock_create_ruleset and its two companions; then seccomp.
    refuse_without(&[444, 445, 446], &["Landlock", "Linux 5.13", "--upstream URL"]).await;
    #[cfg(target_arch = "x86_64")]
    refuse_without(&[317], &["seccomp", "--upstream URL"]).await;
    #[cfg(target_arch = "aarch64")]
    refuse_without(&[277], &["seccomp", "--upstream URL"]).await;
}
