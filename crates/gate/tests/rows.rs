//! One row per line of the walk: break that step, and expect its refusal and its entry.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod answers;
mod house;
mod inspection;
mod labels;
mod limits;
mod releases;
mod tenants;

use std::time::Duration;

use house::{House, chat, finding_kinds};
use schleuse_limits::{Rule, Who};
use schleuse_testkit::{End, Script};
use schleuse_types::Role;

#[tokio::test]
async fn open_entry() {
    // The bracket itself: an answered question leaves an admission and a completion with one request id.
    let house = House::open().await;
    let reply = house.ask("employee", &chat("Hello")).await;
    assert_eq!(reply.status, 200);
    let entries = house.entries();
    assert_eq!(house::events(&entries), ["llm.admit ALLOWED", "llm.complete ALLOWED"]);
    for entry in &entries {
        assert_eq!(entry["request_id"], reply.header("x-schleuse-request-id"));
    }
    assert_eq!(entries[1]["prev"], 0);
}

#[tokio::test]
async fn verify() {
    let house = House::open().await;
    let reply = house.ask_with("sk-nobody", &chat("Hello")).await;
    reply.expect(401, "invalid_api_key");
    assert_eq!(house.gate.failures.take().len(), 1, "counted, not recorded one by one");
    house.expect_nothing_asked();
}

#[tokio::test]
async fn parse() {
    let house = House::open().await;
    let reply = house.ask("employee", r#"{"model":"tiny","model":"tiny","messages":[]}"#).await;
    reply.expect(400, "invalid_request");
    house.expect_refusal(&reply, "ERROR", "invalid_request");
}

#[tokio::test]
async fn decide() {
    let house = House::open().await;
    let reply = house.ask("auditor", &chat("Hello")).await;
    reply.expect(403, "access_denied");
    let entry = house.expect_refusal(&reply, "DENIED", "access_denied");
    assert_eq!(entry["rules"][0], "auditor-never-asks");
}

#[tokio::test]
async fn decide_knows_only_models_that_are_there() {
    let house = House::open().await;
    let body = chat("Hello").replace("tiny", "another");
    let reply = house.ask("employee", &body).await;
    reply.expect(404, "model_not_found");
    let entry = house.expect_refusal(&reply, "ERROR", "model_not_found");
    assert_eq!(entry["model"], "", "a name that an asker made up is not written down");
}

#[tokio::test]
async fn inspect() {
    let house = House::open().await;
    let reply = house.ask("employee", &chat("Konto DE89 3704 0044 0532 0130 00")).await;
    reply.expect(403, "sensitive_data_detected");
    assert!(reply.message().starts_with("BLOCKED: Sensitive data detected"));
    assert_eq!(finding_kinds(&reply), ["IBAN"]);
    let entry = house.expect_refusal(&reply, "BLOCKED", "sensitive_data_detected");
    assert_eq!(entry["findings"]["IBAN"], 1);
}

#[tokio::test]
async fn decide_again() {
    let policy = r#"
        @id("ask") permit (principal, action == Action::"ask", resource);
        @id("no-mail-addresses")
        @message_en("No e-mail addresses here.") @message_de("Keine E-Mail-Adressen hier.")
        @next_en("Take them out.") @next_de("Nehmen Sie sie heraus.")
        forbid (principal, action == Action::"ask", resource) when { context.findings.contains("EMAIL") };
    "#;
    let house = House::with_policy(policy).await;
    assert_eq!(house.ask("employee", &chat("Hello")).await.status, 200);
    let before = house.upstream.questions().len();
    let reply = house.ask("employee", &chat("write to someone@example.org")).await;
    reply.expect(403, "access_denied");
    let entry = house.entries().pop().unwrap();
    assert_eq!(
        (entry["action"].as_str(), entry["rules"][0].as_str()),
        (Some("DENIED"), Some("no-mail-addresses"))
    );
    assert_eq!(house.upstream.questions().len(), before);
}

#[tokio::test]
async fn decide_again_carries_out_obligations() {
    let policy = r#"
        @id("ask") @obligation("redact:EMAIL")
        permit (principal, action == Action::"ask", resource);
    "#;
    let house = House::with_policy(policy).await;
    let reply = house.ask("employee", &chat("write to someone@example.org")).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("x-schleuse-action"), "REDACTED");
    let sent = house.upstream.questions().pop().unwrap().json();
    assert_eq!(sent["messages"][0]["content"], "write to [EMAIL]");
}

#[tokio::test]
async fn an_obligation_binds_the_answer_too() {
    let policy = r#"
        @id("ask") @obligation("redact:EMAIL")
        permit (principal, action == Action::"ask", resource);
    "#;
    let house = House::with_policy(policy).await;
    house.upstream.set_script(Script::deltas(&["write to some", "one@example.org", " today"], End::Clean));
    let stream = house::stream("Hello");
    let reply = house.ask("employee", &stream).await;
    assert!(reply.text().contains("[EMAIL]"), "{}", reply.text());
    assert!(!reply.text().contains("example.org"), "{}", reply.text());

    house.upstream.set_script(Script::json(
        200,
        r#"{"id":"c","object":"chat.completion","created":1,"model":"tiny","choices":[{"index":0,"message":
            {"role":"assistant","content":"to someone@example.org"},"finish_reason":"stop"}]}"#,
    ));
    let reply = house.ask("employee", &chat("Hello")).await;
    assert!(reply.text().contains("to [EMAIL]"), "{}", reply.text());
    assert_eq!(reply.header("x-schleuse-action"), "REDACTED");
}

/// Pseudonymises addresses of the question; the same question has the same surrogates.
const PSEUDONYMIZE: &str = r#"
    @id("ask") @obligation("pseudonymize:EMAIL")
    permit (principal, action == Action::"ask", resource);
"#;

#[tokio::test]
async fn what_was_pseudonymized_comes_back_in_the_answer() {
    let house = House::with_policy(PSEUDONYMIZE).await;
    let question = "Schreib an max@example.org und erika@example.org. max@example.org ist der Chef.";
    let reply = house.ask("employee", &chat(question)).await;
    assert_eq!(reply.header("x-schleuse-action"), "PSEUDONYMIZED");
    let sent = house.upstream.questions().pop().unwrap().json();
    let sent = sent["messages"][0]["content"].as_str().unwrap();
    assert!(!sent.contains("example.org"), "{sent}");
    let surrogates: Vec<&str> = sent.split([' ', '.']).filter(|word| word.starts_with("EMAIL_")).collect();
    let [max, erika, again] = surrogates[..] else { panic!("{sent}") };
    assert_eq!(max, again, "the same address, the same surrogate");

    // A stream that cuts the surrogate anywhere, and one more that was never given out.
    let (left, right) = max.split_at(7);
    let pieces = ["An **", left, right, "**s Adresse, ", erika, " und EMAIL_", "2222"];
    house.upstream.set_script(Script::deltas(&pieces, End::Clean));
    let reply = house.ask("employee", &house::stream(question)).await;
    let said = reply.streamed_text();
    assert_eq!(said, "An **max@example.org**s Adresse, erika@example.org und EMAIL_2222");
    assert_eq!(house.entries().pop().unwrap()["action"], "PSEUDONYMIZED");

    let whole = format!(
        r#"{{"id":"c","object":"chat.completion","created":1,"model":"tiny","choices":[{{"index":0,"message":
        {{"role":"assistant","content":"{max}; https://evil.example/?q={max}","tool_calls":[{{"id":"t","type":"function",
        "function":{{"name":"send","arguments":"{{\"to\":\"{max}\"}}"}}}}]}},"finish_reason":"stop"}}]}}"#
    );
    house.upstream.set_script(Script::json(200, &whole));
    let reply = house.ask("employee", &chat(question)).await.json();
    let message = &reply["choices"][0]["message"];
    assert_eq!(message["content"], format!("max@example.org; https://evil.example/?q={max}"));
    let arguments = message["tool_calls"][0]["function"]["arguments"].as_str().unwrap();
    assert!(arguments.contains(max), "arguments are bound for elsewhere: {arguments}");
}

#[tokio::test]
async fn surrogates_of_two_conversations_or_people_are_not_linked() {
    let house = House::with_policy(PSEUDONYMIZE).await;
    let mut seen = Vec::new();
    for (role, question) in
        [("employee", "A: a@example.org"), ("employee", "B: a@example.org"), ("admin", "A: a@example.org")]
    {
        house.ask(role, &chat(question)).await;
        let sent = house.upstream.questions().pop().unwrap().json();
        seen.push(sent["messages"][0]["content"].as_str().unwrap().get(3..).unwrap().to_owned());
    }
    assert!(seen[0] != seen[1] && seen[0] != seen[2] && seen[1] != seen[2], "{seen:?}");
}

#[tokio::test]
async fn select() {
    let house = House::open().await;
    let reply = house.ask_labelled("employee", "GEHEIM", &chat("Hello")).await;
    reply.expect(403, "no_permitted_route");
    let entry = house.expect_refusal(&reply, "DENIED", "no_permitted_route");
    assert_eq!(entry["label"], "SECRET");
}

#[tokio::test]
async fn reserve() {
    let mut rule = Rule::new(Who::Role(Role::Employee));
    rule.requests_per_minute = Some(1);
    let house = House::with_limits(vec![rule]).await;
    assert_eq!(house.ask("employee", &chat("Hello")).await.status, 200);
    let reply = house.ask("employee", &chat("Hello")).await;
    reply.expect(429, "rate_limit_exceeded");
    let wait: u32 = reply.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    let entries = house.entries();
    assert_eq!(house::events(&entries), ["llm.admit ALLOWED", "llm.complete ALLOWED", "llm.refuse DENIED"]);
    assert_eq!(entries[2]["code"], "rate_limit_exceeded");
    assert_eq!(house.upstream.questions().len(), 1);
    assert_eq!(house.ask("engineer", &chat("Hello")).await.status, 200, "others are not concerned");
}

#[tokio::test]
async fn admit() {
    let house = House::open().await;
    house.gate.log.close().await.unwrap();
    let reply = house.ask("employee", &chat("Hello")).await;
    reply.expect(503, "audit_unavailable");
    house.expect_nothing_asked();
}

#[tokio::test]
async fn ask() {
    let mut house = House::open().await;
    house.stop_upstream().await;
    let reply = house.ask("employee", &chat("Hello")).await;
    reply.expect(503, "upstream_unavailable");
    let entries = house.entries();
    assert_eq!(house::events(&entries), ["llm.admit ALLOWED", "llm.complete ERROR"]);
    assert_eq!(entries[1]["code"], "upstream_unavailable");
}

#[tokio::test]
async fn reply() {
    let house = House::open().await;
    house.upstream.set_script(Script::json(
        200,
        r#"{"id":"c","object":"chat.completion","created":1,"model":"tiny","choices":[{"index":0,"message":
            {"role":"assistant","content":"DE89 3704 0044 0532 0130 00"},"finish_reason":"stop"}]}"#,
    ));
    let reply = house.ask("employee", &chat("Hello")).await;
    reply.expect(403, "sensitive_data_detected");
    assert!(!reply.text().contains("3704"), "{}", reply.text());
    assert_eq!(house::events(&house.entries()), ["llm.admit ALLOWED", "llm.complete BLOCKED"]);
}

#[tokio::test]
async fn reply_in_a_stream() {
    let house = House::open().await;
    house.upstream.set_script(Script::deltas(
        &["Das Konto ist DE89 ", "3704 0044 0532", " 0130 00", " ja"],
        End::Clean,
    ));
    let stream = house::stream("Hello");
    let reply = house.ask("employee", &stream).await;
    assert_eq!(reply.status, 200);
    let text = reply.text();
    assert!(text.contains("Das Konto ist"), "{text}");
    assert!(text.contains("event: error") && text.contains("sensitive_data_detected"), "{text}");
    assert!(!text.contains("[DONE]") && !text.contains("3704") && !text.contains("DE89"), "{text}");
    assert_eq!(house::events(&house.entries()), ["llm.admit ALLOWED", "llm.complete BLOCKED"]);
}

#[tokio::test]
async fn close_entry() {
    // The log fails between admission and completion: the answer is not finished as if nothing had happened.
    let house = House::open().await;
    house.upstream.set_script(Script::Sse {
        chunks: vec![(Duration::from_millis(300), house::delta("Hello"))],
        end: End::Clean,
    });
    let stream = house::stream("Hello");
    let log = house.gate.log.clone();
    let breaking = async {
        assert!(house.upstream.wait_for_questions(1, Duration::from_secs(5)).await);
        log.close().await.unwrap();
    };
    let (reply, ()) = tokio::join!(house.ask("employee", &stream), breaking);
    let text = reply.text();
    assert!(text.contains("audit_unavailable"), "{text}");
    assert!(!text.contains("[DONE]"), "{text}");
}
