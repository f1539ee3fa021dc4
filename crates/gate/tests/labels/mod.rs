//! Rows about labels: where they come from, who may have them, where they may go, and the walls between compartments.

use schleuse_testkit::{End, Script};

use crate::house::{self, House, chat, stream};

const ALL: &str = "role:employee SECRET//hr,patient,buy,sell";
const MARKED: &str = "VS-NUR FÜR DEN DIENSTGEBRAUCH\nBericht";

/// A whole answer with this text.
fn whole(text: &str) -> Script {
    let text = serde_json::Value::String(text.to_owned());
    let answer = format!(
        r#"{{"id":"c","object":"chat.completion","created":1,"model":"tiny","choices":[{{"index":0,"message":
        {{"role":"assistant","content":{text}}},"finish_reason":"stop"}}]}}"#
    );
    Script::json(200, &answer)
}

/// The label that the log has for the last entry.
fn recorded(house: &House) -> String {
    house.entries().pop().unwrap()["label"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_header_names_level_and_compartments() {
    let house =
        House::open().await.with_clearances(&[ALL]).and_may_have(&[("model", "CONFIDENTIAL//hr")]).await;
    let reply = house.ask_labelled("employee", "vertraulich//hr", &chat("Hello")).await;
    assert_eq!((reply.status, reply.header("x-schleuse-label")), (200, "CONFIDENTIAL//hr"));
    assert_eq!(recorded(&house), "CONFIDENTIAL//hr");

    let reply = house.ask_labelled("employee", "INTERNAL//finance", &chat("Hello")).await;
    reply.expect(400, "invalid_request");
    assert!(
        reply.message().contains("The compartments are hr (staff), patient, buy, sell."),
        "{}",
        reply.message()
    );
    assert!(!reply.text().contains("finance"), "{}", reply.text());
    let reply = house.ask_labelled("employee", "INTERNAL//", &chat("Hello")).await;
    reply.expect(400, "invalid_request");
    let reply = house.ask_labelled("employee", "INTERNEL", &chat("Hello")).await;
    reply.expect(400, "invalid_request");
}

#[tokio::test]
async fn a_question_without_a_label_has_that_of_its_person() {
    let house = House::open()
        .await
        .with_clearances(&["role:employee CONFIDENTIAL//hr CONFIDENTIAL//hr", "role:admin INTERNAL"]);
    let house = house.and_may_have(&[("model", "CONFIDENTIAL//hr")]).await;
    assert_eq!(house.ask("employee", &chat("Hello")).await.header("x-schleuse-label"), "CONFIDENTIAL//hr");
    assert_eq!(house.ask("admin", &chat("Hello")).await.header("x-schleuse-label"), "INTERNAL");
    let reply = house.ask_labelled("employee", "PUBLIC", &chat("Hello")).await;
    assert_eq!(reply.header("x-schleuse-label"), "PUBLIC", "what is said counts");
}

#[tokio::test]
async fn a_question_beyond_the_clearance_is_refused() {
    let house = House::open().await.with_clearances(&["role:employee INTERNAL", "role:admin CONFIDENTIAL"]);
    let reply = house.ask_labelled("employee", "CONFIDENTIAL", &chat("Hello")).await;
    reply.expect(403, "access_denied");
    assert_eq!(
        reply.message(),
        "The label of this question is CONFIDENTIAL, and your clearance is INTERNAL."
    );
    let entry = house.expect_refusal(&reply, "DENIED", "access_denied");
    assert_eq!(
        (entry["rules"][0].as_str(), entry["label"].as_str()),
        (Some("clearance"), Some("CONFIDENTIAL"))
    );

    // What inspection finds counts as what is declared does, wherever in the conversation it stands.
    let reply = house.ask("employee", &chat(MARKED)).await;
    reply.expect(403, "access_denied");
    let message = reply.message();
    assert!(
        message.contains("raised to CONFIDENTIAL (CLASSIFICATION_MARKING, /messages/0/content)"),
        "{message}"
    );
    assert!(!reply.text().contains("Bericht"), "{}", reply.text());
    house.expect_nothing_asked();
    assert_eq!(house.ask("admin", &chat(MARKED)).await.status, 200);
    // Without a clearance of one's own there is none.
    house.ask("security", &chat("Hello")).await.expect(403, "access_denied");
}

#[tokio::test]
async fn every_text_of_the_conversation_raises_its_label() {
    let turns = [
        r#"{"role":"system","content":TEXT},{"role":"user","content":"Hello"}"#,
        r#"{"role":"user","content":"Hello"},{"role":"assistant","content":TEXT},{"role":"user","content":"Go on"}"#,
        r#"{"role":"user","content":[{"type":"text","text":TEXT}]}"#,
        r#"{"role":"user","content":"Hello"},{"role":"assistant","content":null,"tool_calls":[{"id":"t","type":"function",
           "function":{"name":"read","arguments":"{}"}}]},{"role":"tool","tool_call_id":"t","content":TEXT}"#,
    ];
    let house = House::open().await;
    let marked = serde_json::Value::String(MARKED.to_owned()).to_string();
    for turn in turns {
        let body = format!(r#"{{"model":"tiny","messages":[{}]}}"#, turn.replace("TEXT", &marked));
        let reply = house.ask_labelled("employee", "PUBLIC", &body).await;
        assert_eq!((reply.status, reply.header("x-schleuse-label")), (200, "CONFIDENTIAL"), "{turn}");
    }
}

#[tokio::test]
async fn a_guardrail_raises_to_a_compartment() {
    let house = House::with_guardrails(
        "[[guardrail]]\ntype = \"EMAIL\"\naction = \"RAISE_LABEL\"\nto = \"CONFIDENTIAL//patient\"\n",
    )
    .await
    .with_clearances(&[ALL])
    .and_may_have(&[("low", "CONFIDENTIAL"), ("high", "CONFIDENTIAL//patient")])
    .await;
    let reply = house.ask("employee", &chat("Hello")).await;
    assert_eq!((reply.header("x-schleuse-label"), reply.header("x-schleuse-route")), ("INTERNAL", "low"));
    let reply = house.ask("employee", &chat("write to someone@example.org")).await;
    let got = (reply.header("x-schleuse-label"), reply.header("x-schleuse-route"));
    assert_eq!(got, ("CONFIDENTIAL//patient", "high"));
}

#[tokio::test]
async fn a_route_takes_only_the_compartments_of_its_clearance() {
    let house = House::open().await.with_clearances(&[ALL]);
    let house = house.and_may_have(&[("one", "CONFIDENTIAL//hr"), ("two", "INTERNAL//patient")]).await;
    let ask = async |label: &str| {
        let reply = house.ask_labelled("employee", label, &chat("Hello")).await;
        (reply.status, reply.header("x-schleuse-route").to_owned())
    };
    assert_eq!(ask("CONFIDENTIAL//hr").await, (200, "one".to_owned()));
    assert_eq!(ask("INTERNAL//patient").await, (200, "two".to_owned()));
    let reply = house.ask_labelled("employee", "CONFIDENTIAL//patient", &chat("Hello")).await;
    reply.expect(403, "no_permitted_route");
    assert_eq!(
        reply.message(),
        "No route to this model may carry the label CONFIDENTIAL//patient. Its routes take at most `one`: \
         CONFIDENTIAL//hr; `two`: INTERNAL//patient."
    );
    assert_eq!(recorded(&house), "CONFIDENTIAL//patient");
    let reply = house.ask_labelled("employee", "INTERNAL//hr,patient", &chat(MARKED)).await;
    reply.expect(403, "no_permitted_route");
    assert!(
        reply.message().contains("It was raised to CONFIDENTIAL (CLASSIFICATION_MARKING, "),
        "{}",
        reply.message()
    );
}

#[tokio::test]
async fn an_answer_raises_the_label_of_what_comes_of_it() {
    let house = House::open().await.with_clearances(&["role:employee INTERNAL", "role:admin CONFIDENTIAL"]);
    house.upstream.set_script(whole(MARKED));
    let reply = house.ask("admin", &chat("Hello")).await;
    assert_eq!((reply.status, reply.header("x-schleuse-label")), (200, "CONFIDENTIAL"));
    assert_eq!(recorded(&house), "CONFIDENTIAL");
    let reply = house.ask("employee", &chat("Hello")).await;
    reply.expect(403, "access_denied");
    assert!(reply.message().starts_with("The label of this answer is CONFIDENTIAL"), "{}", reply.message());
    assert!(!reply.text().contains("Bericht"), "{}", reply.text());
    assert_eq!(recorded(&house), "CONFIDENTIAL");
}

#[tokio::test]
async fn a_streamed_answer_says_where_its_label_rises() {
    let house = House::open().await.with_clearances(&["role:employee INTERNAL", "role:admin CONFIDENTIAL"]);
    let pieces =
        ["Zuerst harmlos. ".repeat(200), "VS-NUR FÜR DEN DIENST".to_owned(), "GEBRAUCH\nBericht".to_owned()];
    let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
    house.upstream.set_script(Script::deltas(&pieces, End::Clean));
    let reply = house.ask("admin", &stream("Hello")).await;
    let text = reply.text();
    let (raised, bericht) = (text.find(": x-schleuse-label CONFIDENTIAL\n\n"), text.find("Bericht"));
    assert!(raised.is_some() && raised < bericht, "{text}");
    assert_eq!(reply.header("x-schleuse-label"), "INTERNAL", "the head was sent before");
    assert_eq!(recorded(&house), "CONFIDENTIAL");

    let reply = house.ask("employee", &stream("Hello")).await;
    let text = reply.text();
    assert!(text.contains("event: error") && text.contains("access_denied"), "{text}");
    assert!(!text.contains("DIENST") && !text.contains("Bericht") && !text.contains("[DONE]"), "{text}");
    assert_eq!(house::events(&house.entries()).last().map(String::as_str), Some("llm.complete DENIED"));
}

#[tokio::test]
async fn whoever_has_seen_one_side_of_a_wall_does_not_reach_the_other() {
    let house = House::open().await.with_clearances(&[ALL, "role:admin SECRET//buy,sell"]);
    let house = house.and_may_have(&[("model", "CONFIDENTIAL//hr,buy,sell")]).await;
    let ask = async |role: &str, label: &str| house.ask_labelled(role, label, &chat("Hello")).await;
    assert_eq!(ask("employee", "INTERNAL//buy").await.status, 200);
    assert_eq!(ask("employee", "INTERNAL//buy,hr").await.status, 200);
    let asked = house.upstream.questions().len();
    let reply = ask("employee", "INTERNAL//sell").await;
    reply.expect(403, "access_denied");
    assert!(reply.message().contains("(`buy` | `sell`)"), "{}", reply.message());
    assert_eq!(house.upstream.questions().len(), asked);
    let entry = house.entries().pop().unwrap();
    assert_eq!((entry["event"].as_str(), entry["rules"][0].as_str()), (Some("llm.refuse"), Some("wall")));
    assert_eq!(ask("employee", "INTERNAL").await.status, 200, "what has no side is open");
    // Others are not concerned, and a conversation has no two sides either.
    assert_eq!(ask("admin", "INTERNAL//sell").await.status, 200);
    ask("security", "INTERNAL//buy,sell").await.expect(403, "access_denied");
    let reply = ask("admin", "INTERNAL//buy,sell").await;
    reply.expect(403, "access_denied");
    assert!(reply.message().contains("both sides of a wall"), "{}", reply.message());
}

#[tokio::test]
async fn an_answer_does_not_cross_a_wall_either() {
    let guardrails = "[[guardrail]]\ntype = \"EMAIL\"\naction = \"RAISE_LABEL\"\nto = \"INTERNAL//sell\"\n";
    for body in [chat("Hello"), stream("Hello")] {
        let house = House::with_guardrails(guardrails).await.with_clearances(&[ALL]);
        let house = house.and_may_have(&[("model", "CONFIDENTIAL//buy,sell")]).await;
        let reply = house.ask_labelled("employee", "INTERNAL//buy", &chat("Hello")).await;
        assert_eq!(reply.status, 200);
        let text = "write to someone@example.org";
        house.upstream.set_script(match body.contains("stream") {
            true => Script::deltas(&[text], End::Clean),
            false => whole(text),
        });
        let reply = house.ask("employee", &body).await;
        assert!(reply.text().contains("access_denied"), "{}", reply.text());
        assert!(!reply.text().contains("someone@example.org"), "{}", reply.text());
        assert_eq!(recorded(&house), "INTERNAL//sell");
    }
}

/// What is told about a text before it is asked is what the walk then does with it.
#[tokio::test]
async fn a_preview_says_what_the_walk_will_do() {
    // A label that a marking raises brings a guardrail into force that blocks names.
    let house = House::with_guardrails(
        r#"
        [[guardrail]]
        type = "PERSON_NAME"
        action = "BLOCK"
        label = "CONFIDENTIAL"
        "#,
    )
    .await;
    let texts = [
        "Hello",
        MARKED,
        "IBAN DE89 3704 0044 0532 0130 00",
        "VS-NfD, IBAN DE89370400440532013000, Erika Mustermann",
    ];
    for text in texts {
        for label in ["PUBLIC", "INTERNAL", "CONFIDENTIAL"] {
            let reply = house.ask_labelled("employee", label, &chat(text)).await;
            let said = schleuse_types::Label::parse(label.as_bytes()).unwrap();
            let preview = house.preview("employee", &said, text);
            assert_eq!(preview.is_blocked, reply.status == 403, "{text} {label}: {}", reply.text());
            assert_eq!(preview.label.to_string(), reply.header("x-schleuse-label"), "{text} {label}");
        }
    }
}
