use super::{Chunk, ReplyError, UpstreamError, WholeReply};
use crate::Surface;

fn check_chunk(surface: Surface, data: &str, expected: &str) {
    let chunk = Chunk::parse(surface, data).unwrap();
    let frame = chunk.to_frame(surface, "m", false);
    assert_eq!(std::str::from_utf8(&frame).unwrap(), format!("data: {expected}\n\n"));
}

#[test]
fn chunks_are_written_anew() {
    check_chunk(
        Surface::ChatCompletions,
        r#"{"id":"c-1","object":"x","created":5,"model":"secret-name","choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],"prompt_token_ids":[1,2],"prompt_text":"x"}"#,
        r#"{"id":"c-1","object":"chat.completion.chunk","created":5,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]}"#,
    );
    check_chunk(
        Surface::ChatCompletions,
        r#"{"id":"c","created":5,"choices":[{"index":0,"delta":{"tool_calls":[{"id":"t","type":"function","index":0,"function":{"name":"f","arguments":"{"}}]},"finish_reason":null,"token_ids":[1]}]}"#,
        r#"{"id":"c","object":"chat.completion.chunk","created":5,"model":"m","choices":[{"index":0,"delta":{"tool_calls":[{"id":"t","type":"function","index":0,"function":{"name":"f","arguments":"{"}}]},"logprobs":null,"finish_reason":null}]}"#,
    );
    check_chunk(
        Surface::ChatCompletions,
        r#"{"id":"c","created":5,"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"function":{"arguments":"}"}}]},"finish_reason":null}]}"#,
        r#"{"id":"c","object":"chat.completion.chunk","created":5,"model":"m","choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"function":{"arguments":"}"}}]},"logprobs":null,"finish_reason":null}]}"#,
    );
    check_chunk(
        Surface::Completions,
        r#"{"id":"c","created":5,"choices":[{"index":1,"text":" a","finish_reason":"stop","stop_reason":"x"}]}"#,
        r#"{"id":"c","object":"text_completion","created":5,"model":"m","choices":[{"index":1,"text":" a","logprobs":null,"finish_reason":"stop","stop_reason":"x"}]}"#,
    );
    check_chunk(
        Surface::ChatCompletions,
        r#"{"id":"c","created":5,"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4,"note":"x"}}"#,
        r#"{"id":"c","object":"chat.completion.chunk","created":5,"model":"m","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}"#,
    );
}

#[test]
fn an_error_inside_a_stream_is_an_error() {
    let error = |message: &str, code: Option<&str>, status| {
        Err(ReplyError::Upstream(UpstreamError {
            message: message.to_owned(),
            code: code.map(str::to_owned),
            status,
        }))
    };
    let check = |data: &str, expected: Result<Chunk, ReplyError>| {
        assert_eq!(Chunk::parse(Surface::ChatCompletions, data), expected, "{data}");
    };
    check(r#"{"error":{"message":"m","type":"t","code":400}}"#, error("m", None, Some(400)));
    check(r#"{"error":{"message":"m","code":"bad words here"}}"#, error("m", None, None));
    check(r#"{"object":"error","message":"m","code":"c"}"#, error("m", Some("c"), None));
    check(r#"{"error":"m"}"#, error("m", None, None));
    check("[]", Err(ReplyError::Malformed("an event holds no JSON object")));
    check("{}", Err(ReplyError::Malformed("an event has no choices")));
}

#[test]
fn whole_replies_are_written_anew() {
    let check = |surface, body: &str, expected: &str| {
        let reply = WholeReply::parse(surface, body.as_bytes(), "m").unwrap();
        assert_eq!(std::str::from_utf8(&reply.to_bytes()).unwrap(), expected);
    };
    check(
        Surface::ChatCompletions,
        r#"{"id":"c","object":"o","created":5,"model":"x","choices":[{"index":0,"message":{"role":"assistant","content":"a","refusal":null,"annotations":null,"audio":null,"tool_calls":[],"token_ids":[3]},"logprobs":null,"finish_reason":"stop","token_ids":[1]}],"usage":{"prompt_tokens":1},"prompt_token_ids":[1],"kv_transfer_params":null}"#,
        r#"{"id":"c","object":"chat.completion","created":5,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"a","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":1}}"#,
    );
    check(
        Surface::Embeddings,
        r#"{"id":"e","object":"list","data":[{"index":0,"object":"embedding","embedding":[0.25,-1e-3]}],"usage":{"prompt_tokens":1,"total_tokens":1}}"#,
        r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.25,-1e-3]}],"model":"m","usage":{"prompt_tokens":1,"total_tokens":1}}"#,
    );
    check(
        Surface::Rerank,
        r#"{"id":"score-1","model":"x","usage":{"prompt_tokens":12,"total_tokens":12},"results":[{"index":1,"document":{"text":"a cat","multi_modal":null},"relevance_score":0.8013358116149902},{"index":0,"document":"b","relevance_score":-12.3456789}],"note":"x"}"#,
        r#"{"id":"score-1","model":"m","usage":{"prompt_tokens":12,"total_tokens":12},"results":[{"index":1,"document":{"text":"a cat"},"relevance_score":0.801336},{"index":0,"document":{"text":"b"},"relevance_score":-12.34568}]}"#,
    );
    check(
        Surface::Score,
        r#"{"id":"score-1","object":"o","created":5,"model":"x","data":[{"index":0,"object":"score","score":1e-7,"note":"x"}],"usage":{"prompt_tokens":2}}"#,
        r#"{"id":"score-1","object":"list","created":5,"model":"m","data":[{"index":0,"object":"score","score":0.000000}],"usage":{"prompt_tokens":2}}"#,
    );
    let hidden = br#"{"data":[{"index":0,"embedding":"hello there"}]}"#;
    assert_eq!(
        WholeReply::parse(Surface::Embeddings, hidden, "m"),
        Err(ReplyError::Malformed("an embedding is neither numbers nor base64"))
    );
}

#[test]
fn error_bodies_of_several_dialects_are_read() {
    let check = |body: &str, message: &str, code: Option<&str>| {
        let error = UpstreamError::parse(body.as_bytes());
        assert_eq!((error.message.as_str(), error.code.as_deref()), (message, code), "{body}");
    };
    check(
        r#"{"error":{"message":"m","type":"t","param":null,"code":"context_length_exceeded"}}"#,
        "m",
        Some("context_length_exceeded"),
    );
    check(r#"{"detail":"Not Found"}"#, "Not Found", None);
    check(r#"{"object":"error","message":"m","code":404}"#, "m", None);
    check("<html>", "", None);
}
