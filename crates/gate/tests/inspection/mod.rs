//! Inspection on a whole walk: what could not be read, what was hidden, and which guardrails count.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use schleuse_testkit::{End, Script};
use schleuse_types::{Clock, Timestamp, Zone};
use serde_json::{Value, json};

use crate::house::{House, chat, stream};

/// Bytes that no text has, as an encrypted file would: 400 characters of base 64.
fn unreadable() -> String {
    let alphabet = b"kPz9Xq7LmR3vT1sW8yB5nC2dF6gH4jKa";
    let letter = |i: u32| alphabet[(i.wrapping_mul(2_654_435_761) >> 27) as usize];
    (0..400).map(|i| char::from(letter(i))).collect()
}

/// Bytes of the members around the one text of a question: `role`, `content` and `user` are looked at too.
const MEMBERS: usize = 15;

/// A conversation of these roles and texts.
fn conversation(turns: &[(&str, &str)]) -> String {
    let messages: Vec<Value> =
        turns.iter().map(|(role, text)| json!({"role": role, "content": text})).collect();
    json!({"model": "tiny", "messages": messages}).to_string()
}

fn answer_with(text: &str) -> Script {
    Script::json(
        200,
        json!({"id": "c", "object": "chat.completion", "created": 1, "model": "tiny", "choices": [{"index": 0,
            "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]})
        .to_string(),
    )
}

fn sent(house: &House, message: usize) -> String {
    let asked = house.upstream.questions().pop().unwrap().json();
    asked["messages"][message]["content"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_cannot_be_read_is_no_clean_text() {
    let house = House::open().await;
    let question = format!("Was steht hier? {}", unreadable());
    assert_eq!(house.ask("employee", &chat(&question)).await.status, 200, "a local model may have it");
    let entries = house.entries();
    assert_eq!(
        entries[0]["coverage"],
        json!({"scanned": 16 + MEMBERS, "decoded": 0, "opaque": 400}),
        "{entries:?}"
    );

    let house = House::open().await.in_zone(Zone::External).await;
    let reply = house.ask("employee", &chat(&question)).await;
    reply.expect(403, "access_denied");
    let entry = house.expect_refusal(&reply, "DENIED", "access_denied");
    assert_eq!(entry["rules"], json!(["nothing-unread-leaves-the-house"]));
    // What can be read is refused for another reason: no external route is open yet.
    let reply = house.ask_labelled("employee", "PUBLIC", &chat("Was steht hier?")).await;
    reply.expect(403, "no_permitted_route");
}

#[tokio::test]
async fn every_byte_of_question_and_answer_is_in_the_ledger() {
    let house = House::open().await;
    let encoded = "R3V0ZW4gVGFnLCBoaWVyIHN0ZWh0IG5pY2h0cy4=";
    house.upstream.set_script(answer_with("Zwölf Bytes"));
    house.ask("employee", &chat(&format!("x {encoded} y"))).await;
    let whole = house.entries();
    assert_eq!(whole[0]["coverage"], json!({"scanned": 4 + MEMBERS, "decoded": 40, "opaque": 0}));
    let added = |entry: &Value| {
        let coverage = &entry["coverage"];
        ["scanned", "decoded", "opaque"].iter().map(|name| coverage[*name].as_u64().unwrap()).sum::<u64>()
    };
    assert!(added(&whole[1]) >= added(&whole[0]) + 12, "{whole:?}");

    let (first, last) = (unreadable(), " Ende");
    let (left, right) = first.split_at(123);
    house.upstream.set_script(Script::deltas(&[left, right, last], End::Clean));
    house.ask("employee", &stream("Hallo")).await;
    let streamed = house.entries();
    assert_eq!(streamed[3]["coverage"]["opaque"], 400, "{streamed:?}");
    assert_eq!(added(&streamed[3]) - added(&streamed[2]), 405);
}

#[tokio::test]
async fn what_is_written_evasively_is_told() {
    let house = House::open().await;
    let reply = house.ask("employee", &chat("Konto DE89 3704 00\u{200b}44 0532 0130 00")).await;
    reply.expect(403, "sensitive_data_detected");
    assert_eq!(reply.json()["error"]["findings"][0]["evasive"], true, "{}", reply.text());
    let entry = house.expect_refusal(&reply, "BLOCKED", "sensitive_data_detected");
    assert_eq!(entry["evasive"], 1);
    // One that is plain says nothing of the kind.
    let reply = house.ask("employee", &chat("Konto DE89 3704 0044 0532 0130 00")).await;
    assert_eq!(reply.json()["error"]["findings"][0].get("evasive"), None);
    assert_eq!(house.entries().pop().unwrap().get("evasive"), None);
}

#[tokio::test]
async fn policies_see_evasion() {
    let policy = r#"
        @id("ask") permit (principal, action == Action::"ask", resource);
        @id("nothing-hidden")
        @message_en("Something is hidden.") @message_de("Etwas ist versteckt.")
        @next_en("Write it plainly.") @next_de("Schreiben Sie es offen.")
        forbid (principal, action == Action::"ask", resource) when { context.evasive };
    "#;
    let house = House::with_policy(policy).await;
    assert_eq!(house.ask("employee", &chat("an someone@example.org")).await.status, 200);
    let reply = house.ask("employee", &chat("an some\u{200b}one@exam\u{200b}ple.org")).await;
    reply.expect(403, "access_denied");
    assert_eq!(house.entries().pop().unwrap()["rules"], json!(["nothing-hidden"]));
}

#[tokio::test]
async fn a_value_split_over_messages_is_blocked() {
    let house = House::open().await;
    let turns = [
        ("user", "Das Konto beginnt mit DE89 3704 0044"),
        ("assistant", "Und weiter?"),
        ("user", "0532 0130 00 ist der Rest"),
    ];
    let reply = house.ask("employee", &conversation(&turns)).await;
    reply.expect(403, "sensitive_data_detected");
    let findings = reply.json()["error"]["findings"].clone();
    let places: Vec<_> =
        findings.as_array().unwrap().iter().map(|f| (f["path"].clone(), f["evasive"].clone())).collect();
    assert_eq!(
        places,
        [(json!("/messages/0/content"), json!(true)), (json!("/messages/2/content"), json!(true))],
        "{findings}"
    );
    let entry = house.expect_refusal(&reply, "BLOCKED", "sensitive_data_detected");
    assert_eq!((&entry["evasive"], &entry["findings"]["IBAN"]), (&json!(2), &json!(2)));
    assert!(entry["sensitivity_score"].as_f64().unwrap() > 0.5, "{entry}");

    // Somebody else's message does not complete it.
    let others = [("user", "DE89 3704 0044"), ("tool", "0532 0130 00"), ("user", "Danke.")];
    assert_eq!(house.ask("employee", &conversation(&others)).await.status, 200);
}

#[tokio::test]
async fn a_value_split_over_messages_is_replaced_in_both() {
    let house = House::with_guardrails("[[guardrail]]\ntype = \"IBAN\"\naction = \"REDACT\"\n").await;
    let body = json!({"model": "tiny", "messages": [{"role": "user", "content": [
        {"type": "text", "text": "Konto DE89 3704 0044"}, {"type": "text", "text": "0532 0130 00, bitte"}]}]});
    let reply = house.ask("employee", &body.to_string()).await;
    assert_eq!((reply.status, reply.header("x-schleuse-action")), (200, "REDACTED"));
    let asked = house.upstream.questions().pop().unwrap().json();
    let parts = &asked["messages"][0]["content"];
    assert_eq!(
        (&parts[0]["text"], &parts[1]["text"]),
        (&json!("Konto [IBAN]"), &json!("[IBAN], bitte")),
        "{asked}"
    );
}

#[tokio::test]
async fn guardrails_count_where_their_conditions_are_met() {
    let house = House::with_guardrails(
        r#"
        [[guardrail]]
        type = "EMAIL"
        action = "REDACT"
        direction = "answer"

        [[guardrail]]
        type = "PHONE"
        action = "REDACT"
        label = "CONFIDENTIAL"

        [[guardrail]]
        type = "IBAN"
        action = "ALLOW"
        group = "payroll"
        "#,
    )
    .await;
    let text = "an max@example.org, Tel. +49 30 901820";
    house.upstream.set_script(answer_with("max@example.org"));
    let reply = house.ask("employee", &chat(text)).await;
    assert_eq!(sent(&house, 0), text, "neither of the first two rows is met");
    assert!(reply.text().contains("[EMAIL]") && !reply.text().contains("max@"), "{}", reply.text());

    house.ask_labelled("employee", "CONFIDENTIAL", &chat(text)).await;
    assert_eq!(sent(&house, 0), "an max@example.org, Tel. [PHONE]");
    // A marking in the text raises the label, and with it the guardrails.
    house.ask("employee", &chat("Einstufung: vertraulich\nTel. +49 30 901820")).await;
    assert_eq!(sent(&house, 0), "Einstufung: vertraulich\nTel. [PHONE]");

    let account = chat("Konto DE89 3704 0044 0532 0130 00");
    house.ask("employee", &account).await.expect(403, "sensitive_data_detected");
    house.put_into_groups(&["sales", "payroll"]);
    assert_eq!(house.ask("employee", &account).await.status, 200);
    house.ask("engineer", &account).await.expect(403, "sensitive_data_detected");
}

/// Addresses are nobody's business outside the machine.
const BY_ZONE: &str = r#"
    [[guardrail]]
    type = "EMAIL"
    action = "REDACT"
    zone = ["airgapped", "external"]
"#;

#[tokio::test]
async fn the_zone_of_the_model_server_decides_and_of_several_the_strictest() {
    let text = chat("an max@example.org");
    let house = House::with_guardrails(BY_ZONE).await;
    house.ask("employee", &text).await;
    assert_eq!(sent(&house, 0), "an max@example.org");

    let house = House::with_guardrails(BY_ZONE).await.in_zone(Zone::Airgapped).await;
    house.ask("employee", &text).await;
    assert_eq!(sent(&house, 0), "an [EMAIL]");

    let house = House::with_guardrails(BY_ZONE).await.and_in_zones(&[Zone::Airgapped]).await;
    house.ask("employee", &text).await;
    assert_eq!(sent(&house, 0), "an [EMAIL]", "it could go to either");

    let house = House::with_guardrails(BY_ZONE).await.and_in_zones(&[Zone::External]).await;
    house.ask("employee", &text).await;
    assert_eq!(sent(&house, 0), "an max@example.org", "an external route is closed");
}

#[tokio::test]
async fn a_rule_in_shadow_only_reports() {
    let house = House::with_guardrails("[[guardrail]]\ntype = \"IBAN\"\nshadow = true\n").await;
    house.upstream.set_script(answer_with("DE89 3704 0044 0532 0130 00"));
    let reply = house.ask("employee", &chat("Konto DE89 3704 0044 0532 0130 00")).await;
    assert_eq!((reply.status, reply.header("x-schleuse-action")), (200, "ALLOWED"));
    assert!(reply.text().contains("3704"));
    let entries = house.entries();
    assert_eq!((&entries[0]["shadow"], entries[0].get("findings")), (&json!({"IBAN": 1}), None));
    assert_eq!((&entries[1]["shadow"], &entries[1]["sensitivity_score"]), (&json!({"IBAN": 2}), &json!(0)));

    house.upstream.set_script(Script::deltas(&["DE89 3704 0044 05", "32 0130 00"], End::Clean));
    let reply = house.ask("employee", &stream("Hallo")).await;
    assert_eq!(reply.streamed_text(), "DE89 3704 0044 0532 0130 00");
    assert_eq!(house.entries().pop().unwrap()["shadow"], json!({"IBAN": 1}));
}

/// A clock that stands at one moment; its monotonic side moves so far at every look.
#[derive(Debug)]
struct Still {
    now: Timestamp,
    step: Duration,
    looks: AtomicU64,
}

impl Clock for Still {
    fn now(&self) -> Timestamp {
        self.now
    }

    fn monotonic(&self) -> Duration {
        self.step.saturating_mul(self.looks.fetch_add(1, Ordering::Relaxed) as u32)
    }
}

fn clock_at(seconds: u64, step: Duration) -> Arc<dyn Clock> {
    Arc::new(Still { now: Timestamp(seconds * 1_000_000), step, looks: AtomicU64::new(0) })
}

#[tokio::test]
async fn an_exception_ends_with_its_last_day() {
    const EXCEPTION: &str = r#"
        [[exception]]
        type = "IBAN"
        group = "payroll"
        path = "/messages/0"
        until = 2027-03-31
        reason = "pays salaries"
        allowed_by = ["A. Weber", "B. Kaya"]
    "#;
    const END: u64 = 1_806_537_600;
    let at = async |seconds: u64| {
        let house = House::with_guardrails(EXCEPTION).await.with_clock(clock_at(seconds, Duration::ZERO));
        house.put_into_groups(&["payroll"]);
        house
    };
    let account = "Konto DE89 3704 0044 0532 0130 00";
    let house = at(END - 1).await;
    assert_eq!(house.ask("employee", &chat(account)).await.status, 200);
    let entries = house.entries();
    assert_eq!(
        (&entries[0]["findings"], &entries[0]["excepted"]),
        (&json!({"IBAN": 1}), &json!({"IBAN": 1}))
    );
    assert_eq!(entries[0]["sensitivity_score"], 0, "{}", entries[0]);
    // At another place, for somebody else, and written evasively it does not hold.
    let later = conversation(&[("user", "Hallo"), ("user", account)]);
    house.ask("employee", &later).await.expect(403, "sensitive_data_detected");
    house.ask("engineer", &chat(account)).await.expect(403, "sensitive_data_detected");
    let hidden = chat(&account.replace(" 0532", " \u{200b}0532"));
    house.ask("employee", &hidden).await.expect(403, "sensitive_data_detected");

    at(END).await.ask("employee", &chat(account)).await.expect(403, "sensitive_data_detected");
}

#[tokio::test]
async fn inspection_that_takes_too_long_denies() {
    let house = House::open().await.with_clock(clock_at(1_800_000_000, Duration::from_secs(9)));
    let reply = house.ask("employee", &chat("Hallo")).await;
    reply.expect(413, "request_too_large");
    house.expect_refusal(&reply, "ERROR", "request_too_large");
}

#[tokio::test]
async fn the_score_counts_equal_values_once_over_all_texts() {
    let house = House::with_guardrails("[[guardrail]]\ntype = \"IBAN\"\naction = \"WARN\"\n").await;
    let score = async |turns: &[(&str, &str)], answer: &str| {
        house.upstream.set_script(answer_with(answer));
        let reply = house.ask("employee", &conversation(turns)).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let mut entries = house.entries();
        let (end, begin) = (entries.pop().unwrap(), entries.pop().unwrap());
        (begin["sensitivity_score"].as_f64().unwrap(), end["sensitivity_score"].as_f64().unwrap())
    };
    let one = ("user", "Konto DE89 3704 0044 0532 0130 00");
    let same = ("user", "de89370400440532013000");
    let other = ("user", "IBAN GB82 WEST 1234 5698 7654 32");
    let (alone, end) = score(&[one], "ja").await;
    assert_eq!(alone, end);
    assert_eq!(score(&[one, same], "DE89 3704 0044 0532 0130 00").await, (alone, alone));
    let (two, _) = score(&[one, other], "ja").await;
    assert!(two > alone, "{two} {alone}");
    assert_eq!(score(&[other, one], "ja").await, (two, two), "whatever the order");
    // What the answer adds counts at the end, streamed or whole.
    assert_eq!(score(&[one], "IBAN GB82 WEST 1234 5698 7654 32").await, (alone, two));
    house.upstream.set_script(Script::deltas(&["IBAN GB82 WEST", " 1234 5698", " 7654 32"], End::Clean));
    house.ask("employee", &stream("Konto DE89 3704 0044 0532 0130 00")).await;
    assert_eq!(house.entries().pop().unwrap()["sensitivity_score"], json!(two));
}

#[tokio::test]
async fn arguments_of_tools_are_read_as_the_document_that_they_are() {
    let call = |arguments: &str| {
        json!({"model": "tiny", "messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": null,
            "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}]}]})
        .to_string()
    };
    let house = House::open().await;
    // What the string itself shows is replaced there, and what else it escapes does no harm.
    let key = "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";
    let shown = json!({"note": "eine\nZeile", "key": key}).to_string();
    let reply = house.ask("employee", &call(&shown)).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let asked = house.upstream.questions().pop().unwrap().json();
    let arguments =
        asked["messages"][1]["tool_calls"][0]["function"]["arguments"].as_str().unwrap().to_owned();
    assert!(arguments.contains("[API_KEY]") && !arguments.contains("ghp_"), "{arguments}");
    // What only the escapes hide is refused.
    let hidden = r#"{"to": "DE89 3704 0044 05\u00332 0130 00"}"#;
    house.ask("employee", &call(hidden)).await.expect(403, "sensitive_data_detected");
}
