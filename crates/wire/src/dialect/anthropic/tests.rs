use schleuse_types::Infill;

use crate::{Chunk, Dialect, ReplyError, Surface, WholeReply};

const CHAT: Surface = Surface::ChatCompletions;

fn check(body: &str, expected: &str) {
    let got = Dialect::Anthropic.outgoing(CHAT, body.to_owned(), true, Infill::Server);
    assert_eq!(got.unwrap_or_else(|error| format!("no {}", error.field)), expected, "{body}");
}

#[test]
fn a_conversation_is_said_in_turns() {
    check(
        r#"{"model":"m","messages":[{"role":"system","content":"S"},{"role":"user","content":"a"},{"role":"user","content":[{"type":"text","text":"b"}]},{"role":"assistant","content":"c"}],"stop":"x","n":1}"#,
        r#"{"model":"m","max_tokens":4096,"stop_sequences":["x"],"system":[{"type":"text","text":"S"}],"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},{"role":"assistant","content":[{"type":"text","text":"c"}]}]}"#,
    );
    check(
        r#"{"model":"m","max_tokens":5,"temperature":0.5,"stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"a"}]}"#,
        r#"{"model":"m","max_tokens":5,"temperature":0.5,"stream":true,"messages":[{"role":"user","content":[{"type":"text","text":"a"}]}]}"#,
    );
}

#[test]
fn calls_and_their_results_are_blocks() {
    check(
        r#"{"model":"m","messages":[{"role":"user","content":"a"},{"role":"assistant","content":null,"tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}}]},{"role":"tool","tool_call_id":"1","content":"r"},{"role":"user","content":"b"}],"tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"}}}],"tool_choice":"required","parallel_tool_calls":false}"#,
        r#"{"model":"m","max_tokens":4096,"tools":[{"name":"f","description":"d","input_schema":{"type":"object"}}],"tool_choice":{"type":"any","disable_parallel_tool_use":true},"messages":[{"role":"user","content":[{"type":"text","text":"a"}]},{"role":"assistant","content":[{"type":"tool_use","id":"1","name":"f","input":{"x":1}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"1","content":[{"type":"text","text":"r"}]},{"type":"text","text":"b"}]}]}"#,
    );
}

#[test]
fn a_schema_is_the_form_of_the_answer() {
    check(
        r#"{"model":"m","messages":[],"response_format":{"type":"json_schema","json_schema":{"name":"a","strict":true,"schema":{"type":"object"}}}}"#,
        r#"{"model":"m","max_tokens":4096,"output_config":{"format":{"type":"json_schema","schema":{"type":"object"}}},"messages":[]}"#,
    );
    check(
        r#"{"model":"m","messages":[],"response_format":{"type":"text"}}"#,
        r#"{"model":"m","max_tokens":4096,"messages":[]}"#,
    );
    check(r#"{"model":"m","messages":[],"response_format":{"type":"json_object"}}"#, "no response_format");
}

#[test]
fn what_has_no_counterpart_is_named() {
    check(r#"{"model":"m","messages":[],"logprobs":true}"#, "no logprobs");
    check(r#"{"model":"m","messages":[],"n":2}"#, "no n");
    check(r#"{"model":"m","messages":[{"role":"function","content":"a"}]}"#, "no messages[0].role");
    check(
        r#"{"model":"m","messages":[{"role":"assistant","tool_calls":[{"id":"1","function":{"name":"f","arguments":"[1"}}]}]}"#,
        "no messages[0].tool_calls",
    );
}

#[test]
fn a_message_is_read_as_a_chat_completion() {
    let message = r#"{"id":"msg_1","type":"message","role":"assistant","model":"claude","content":[{"type":"thinking","thinking":"hm","signature":"s"},{"type":"text","text":"Hallo"},{"type":"tool_use","id":"t1","name":"f","input":{"x":"ä"}}],"stop_reason":"tool_use","usage":{"input_tokens":3,"cache_read_input_tokens":4,"output_tokens":5}}"#;
    let chat = Dialect::Anthropic.incoming(CHAT, message.as_bytes()).unwrap().unwrap();
    let reply = WholeReply::parse(CHAT, chat.as_bytes(), "m").unwrap();
    let usage = reply.usage_counts().unwrap();
    assert_eq!((usage.prompt, usage.completion), (7, 5));
    let written = String::from_utf8(reply.to_bytes().to_vec()).unwrap();
    for part in [
        r#""reasoning_content":"hm""#,
        r#""content":"Hallo""#,
        r#""arguments":"{\"x\":\"ä\"}""#,
        r#""finish_reason":"tool_calls""#,
    ] {
        assert!(written.contains(part), "{part} in {written}");
    }
    assert!(!written.contains("signature"), "{written}");
}

/// What was said, the reason of the end, the tokens, and whether it ended.
type Read = (String, String, Option<(u64, u64)>, bool);

/// The events of a stream as the house reads them, joined.
fn read(events: &[&str]) -> Result<Read, ReplyError> {
    let mut foreign = Dialect::Anthropic.events(CHAT);
    assert!(foreign.is_foreign());
    let (mut said, mut reason, mut usage, mut is_done) = (String::new(), String::new(), None, false);
    for event in events {
        for data in foreign.take(event)? {
            if data == "[DONE]" {
                is_done = true;
                continue;
            }
            let chunk = Chunk::parse(CHAT, &data)?;
            usage = chunk.usage_counts().map(|usage| (usage.prompt, usage.completion)).or(usage);
            for choice in chunk.choices {
                for head in choice.tool_calls {
                    said.push_str(&format!("<{} {:?}>", head.index, head.name.unwrap_or_default()));
                }
                said.extend(
                    choice.pieces.into_iter().map(|piece| format!("{:?}={} ", piece.channel, piece.text)),
                );
                reason = choice.finish_reason.unwrap_or(reason);
            }
        }
    }
    Ok((said, reason, usage, is_done))
}

#[test]
fn a_streamed_message_is_read_event_by_event() {
    let read = read(&[
        r#"{"type":"message_start","message":{"id":"msg_1","usage":{"input_tokens":9,"output_tokens":1}}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":""}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"x"}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"ping"}"#,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}"#,
        r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Hallo"}}"#,
        r#"{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}"#,
        r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"x\":"}}"#,
        r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"1}"}}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":12}}"#,
        r#"{"type":"message_stop"}"#,
    ]);
    let (said, reason, usage, is_done) = read.unwrap();
    assert_eq!(
        said,
        "Content= ReasoningContent=hm Content=Hallo <0 \"f\">ToolArguments(0)= ToolArguments(0)={\"x\": ToolArguments(0)=1} "
    );
    assert_eq!((reason.as_str(), usage, is_done), ("tool_calls", Some((9, 12)), true));
}

#[test]
fn an_error_event_is_the_servers_own() {
    let error = r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
    assert!(matches!(read(&[error]), Err(ReplyError::Upstream(error)) if error.message == "Overloaded"));
    for wrong in [
        r#"{"type":"message_start"}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"x"}}"#,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"text"}}"#,
        r#"{"type":"content_block_delta"}"#,
    ] {
        assert!(matches!(read(&[wrong]), Err(ReplyError::Malformed(_))), "{wrong}");
    }
}
