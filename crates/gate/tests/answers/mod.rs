//! Answers that are kept: given again to whoever asks the very same, through the inspection that holds then.

use schleuse_gate::AnswerScope;
use schleuse_inspect::{Guardrails, Inspector};
use schleuse_testkit::{End, Script};
use serde_json::json;

use crate::house::{House, events};

fn question(text: &str, temperature: f64, is_stream: bool) -> String {
    json!({
        "model": "tiny", "temperature": temperature, "stream": is_stream,
        "messages": [{"role": "user", "content": text}],
    })
    .to_string()
}

fn told(house: &House) -> usize {
    house.upstream.questions().len()
}

#[tokio::test]
async fn the_very_same_question_is_put_to_a_model_once() {
    for is_stream in [false, true] {
        let house = House::open().await.keeping_answers(AnswerScope::Person);
        house.upstream.set_script(Script::echo(3));
        let first = house.ask("employee", &question("Hallo", 0.0, is_stream)).await;
        until(|| told(&house) == 1 && house.gate.tasks.is_empty()).await;
        let second = house.ask("employee", &question("Hallo", 0.0, is_stream)).await;
        assert_eq!((first.status, second.status, told(&house)), (200, 200, 1), "{is_stream}");
        assert_eq!(first.content(), second.content());
        assert_eq!(second.header("x-schleuse-route"), "kept");
        // Both are in the log, admitted and completed.
        let entries = house.entries();
        assert_eq!(
            events(&entries),
            ["llm.admit ALLOWED", "llm.complete ALLOWED", "llm.admit ALLOWED", "llm.complete ALLOWED"]
        );
        // Another label, another person, another text, or chance: another question.
        house.ask_labelled("employee", "CONFIDENTIAL", &question("Hallo", 0.0, is_stream)).await;
        house.ask("engineer", &question("Hallo", 0.0, is_stream)).await;
        house.ask("employee", &question("Hallo!", 0.0, is_stream)).await;
        house.ask("employee", &question("Hallo", 0.5, is_stream)).await;
        house.ask("employee", &question("Hallo", 0.5, is_stream)).await;
        assert_eq!(told(&house), 6);
        assert_eq!(house.gate.answers.forget(|asker| asker.person == "employee"), 3);
        house.ask("employee", &question("Hallo", 0.0, is_stream)).await;
        assert_eq!(told(&house), 7);
    }
}

#[tokio::test]
async fn what_is_kept_is_inspected_again() {
    const KEY: &str = "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";
    for is_stream in [false, true] {
        let house = House::open().await.keeping_answers(AnswerScope::House);
        house.upstream.set_script(match is_stream {
            true => Script::deltas(&["Nimm ", KEY], End::Clean),
            false => Script::json(
                200,
                json!({"id": "x", "object": "chat.completion", "created": 1, "model": "tiny", "choices": [{
                    "index": 0, "message": {"role": "assistant", "content": format!("Nimm {KEY}")}, "finish_reason": "stop",
                }]})
                .to_string(),
            ),
        });
        let allow = Guardrails::parse("guardrails:\n- type: API_KEY\n  action: ALLOW\n").unwrap();
        house.gate.inspector.replace(|| Inspector::new(allow)).unwrap();
        let open = house.ask("employee", &question("Schlüssel?", 0.0, is_stream)).await;
        assert!(open.content().contains(KEY), "{}", open.content());
        until(|| house.gate.tasks.is_empty()).await;
        house.gate.inspector.replace(|| Inspector::new(Guardrails::default())).unwrap();
        let again = house.ask("engineer", &question("Schlüssel?", 0.0, is_stream)).await;
        assert_eq!((again.content().as_str(), told(&house)), ("Nimm [API_KEY]", 1), "{is_stream}");
    }
}

#[tokio::test]
async fn what_broke_off_or_was_refused_is_not_kept() {
    let house = House::open().await.keeping_answers(AnswerScope::House);
    for script in [
        Script::status(500),
        Script::deltas(&["Halb"], End::NoDone),
        Script::deltas(&["Konto ", "DE89 3704 0044 0532 0130 00"], End::Clean),
    ] {
        house.upstream.set_script(script);
        for _ in 0..2 {
            let before = told(&house);
            house.ask("employee", &question("Hallo", 0.0, true)).await;
            until(|| house.gate.tasks.is_empty()).await;
            assert_eq!(told(&house), before + 1);
        }
    }
}

/// Waits until something holds.
async fn until(holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), waiting).await.unwrap();
}
