//! What is particular to each surface, and what holds on all of them.

use schleuse_testkit::Script;
use serde_json::json;

use crate::house::House;

#[tokio::test]
async fn texts_are_ranked_under_inspection() {
    let house = House::with_guardrails("[[guardrail]]\ntype = \"EMAIL\"\naction = \"REDACT\"\n").await;
    let body =
        json!({"model": "tiny", "query": "an max@example.org", "documents": ["von max@example.org", "b"]});
    house.upstream.set_script(Script::json(
        200,
        json!({"id": "score-1", "model": "x", "usage": {"prompt_tokens": 12, "total_tokens": 12}, "results": [
            {"index": 0, "document": {"text": "eva@example.com"}, "relevance_score": 0.8013358116149902}]})
        .to_string(),
    ));
    let reply = house.ask_at("/v1/rerank", "employee", &body.to_string()).await;
    assert_eq!((reply.status, reply.header("x-schleuse-action")), (200, "REDACTED"), "{}", reply.text());
    let seen = house.upstream.questions().pop().unwrap();
    assert_eq!(seen.path, "/v1/rerank");
    assert!(!seen.json().to_string().contains("max@"), "{}", seen.json());
    let answered = reply.json();
    assert_eq!(
        (&answered["model"], &answered["results"][0]["relevance_score"]),
        (&json!("tiny"), &json!(0.801336))
    );
    assert!(!reply.text().contains("eva@"), "{}", reply.text());
    let entries = house.entries();
    assert_eq!(entries[1]["surface"], "/v1/rerank");
    assert_eq!(entries[1]["tokens_in"], 12);
}

#[tokio::test]
async fn pairs_are_scored() {
    let house = House::open().await;
    let body = json!({"model": "tiny", "text_1": "port", "text_2": ["port 8443", "a cat"]}).to_string();
    let reply = house.ask_at("/v1/score", "employee", &body).await;
    assert_eq!(
        (reply.status, &reply.json()["data"][1]["score"]),
        (200, &json!(0.610482)),
        "{}",
        reply.text()
    );
    let reply =
        house.ask_at("/v1/score", "employee", &body.replace("a cat", "DE89 3704 0044 0532 0130 00")).await;
    reply.expect(403, "sensitive_data_detected");
    assert_eq!(reply.json()["error"]["findings"][0]["path"], "/text_2/1");
}
