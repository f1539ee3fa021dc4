use proptest::prelude::*;
use schleuse_types::{Language, Refusal, RefusalCode, Text};
use serde_json::{Value, json};

use super::Renderer;
use crate::{Chunk, Limits, Request, Surface, WholeReply};

fn renderer(surface: Surface) -> Renderer {
    let body = match surface {
        Surface::Responses => r#"{"model":"m","input":"x","temperature":0.5,"max_output_tokens":9}"#,
        Surface::CountTokens => r#"{"model":"m","messages":[{"role":"user","content":"x"}]}"#,
        _ => r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"x"}]}"#,
    };
    let request = Request::parse(surface, body.as_bytes(), &Limits::default()).unwrap();
    Renderer::new(&request, "01J", 5)
}

/// Named events as clients read them.
fn events(frames: &[bytes::Bytes]) -> Vec<(String, Value)> {
    let text: String = frames.iter().map(|frame| std::str::from_utf8(frame).unwrap()).collect();
    text.split_terminator("\n\n")
        .map(|frame| {
            let (name, data) = frame.split_once('\n').unwrap();
            let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
            let name = name.strip_prefix("event: ").unwrap().to_owned();
            assert_eq!(data["type"], name.as_str());
            (name, data)
        })
        .collect()
}

/// The events of a stream of chat deltas; the last chunk has the reason of its end, and the usage follows.
fn streamed(surface: Surface, deltas: &[Value], finish: &str) -> Vec<(String, Value)> {
    let mut renderer = renderer(surface);
    let mut frames = Vec::new();
    let mut take = |choice: Value| {
        let data = json!({"id": "c", "created": 1, "choices": [choice]}).to_string();
        let chunk = Chunk::parse(surface, &data).unwrap();
        renderer.take(&chunk, &mut frames).unwrap();
    };
    for delta in deltas {
        take(json!({"index": 0, "delta": delta, "finish_reason": null}));
    }
    take(json!({"index": 0, "delta": {}, "finish_reason": finish}));
    let usage = json!({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}}).to_string();
    renderer.take_usage(Chunk::parse(surface, &usage).unwrap());
    frames.extend(renderer.end());
    events(&frames)
}

fn whole(surface: Surface, message: &Value, finish: &str) -> Value {
    let reply = json!({"id": "c", "created": 1, "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 4}});
    let reply = WholeReply::parse(surface, reply.to_string().as_bytes(), "m").unwrap();
    serde_json::from_slice(&renderer(surface).whole(&reply).unwrap()).unwrap()
}

/// The message that Anthropic's clients put together from events, which must come in their order.
fn put_together(events: &[(String, Value)]) -> Value {
    let mut message = Value::Null;
    let mut open: Option<(u64, String)> = None;
    for (number, (name, data)) in events.iter().enumerate() {
        assert_eq!(number == 0, name == "message_start");
        assert_eq!(number + 1 == events.len(), name == "message_stop");
        match name.as_str() {
            "message_start" => message = data["message"].clone(),
            "content_block_start" => {
                assert_eq!(open, None);
                let place = data["index"].as_u64().unwrap();
                let blocks = message["content"].as_array_mut().unwrap();
                assert_eq!(place, blocks.len() as u64);
                blocks.push(data["content_block"].clone());
                open = Some((place, String::new()));
            }
            "content_block_delta" => {
                let (place, input) = open.as_mut().unwrap();
                assert_eq!(data["index"], *place);
                let block = message["content"].as_array_mut().unwrap().last_mut().unwrap();
                let delta = &data["delta"];
                let grow = |text: &mut Value, more: &Value| {
                    *text = json!(format!("{}{}", text.as_str().unwrap(), more.as_str().unwrap()));
                };
                match delta["type"].as_str().unwrap() {
                    "text_delta" => grow(&mut block["text"], &delta["text"]),
                    "thinking_delta" => grow(&mut block["thinking"], &delta["thinking"]),
                    "input_json_delta" => input.push_str(delta["partial_json"].as_str().unwrap()),
                    other => panic!("{other}"),
                }
            }
            "content_block_stop" => {
                let (place, input) = open.take().unwrap();
                assert_eq!(data["index"], place);
                let block = message["content"].as_array_mut().unwrap().last_mut().unwrap();
                if !input.is_empty() {
                    block["input"] = serde_json::from_str(&input).unwrap();
                }
            }
            "message_delta" => {
                assert_eq!(open, None);
                for (name, value) in data["delta"].as_object().unwrap() {
                    message[name] = value.clone();
                }
                message["usage"] = data["usage"].clone();
            }
            "message_stop" => {}
            other => panic!("{other}"),
        }
    }
    message
}

/// The response of the last event; the events before must have told the same, piece by piece.
fn followed(events: &[(String, Value)]) -> Value {
    let mut items: Vec<(Value, String)> = Vec::new();
    for (number, (name, data)) in events.iter().enumerate() {
        assert_eq!(data["sequence_number"], number as u64);
        let place = data["output_index"].as_u64().map(|place| usize::try_from(place).unwrap());
        match name.as_str() {
            "response.created" | "response.in_progress" => {
                assert_eq!(data["response"]["status"], "in_progress")
            }
            "response.output_item.added" => {
                assert_eq!(place, Some(items.len()));
                items.push((data["item"].clone(), String::new()));
            }
            "response.output_text.delta"
            | "response.reasoning_text.delta"
            | "response.function_call_arguments.delta" => {
                assert_eq!(place, Some(items.len() - 1));
                items.last_mut().unwrap().1.push_str(data["delta"].as_str().unwrap());
            }
            "response.output_text.done" | "response.reasoning_text.done" => {
                assert_eq!(data["text"], items[place.unwrap()].1.as_str());
            }
            "response.function_call_arguments.done" => {
                assert_eq!(data["arguments"], items[place.unwrap()].1.as_str());
            }
            "response.content_part.added" => assert_eq!(data["part"]["text"], ""),
            "response.content_part.done" => {
                assert_eq!(data["part"]["text"], items[place.unwrap()].1.as_str())
            }
            "response.output_item.done" => {
                let (item, text) = &mut items[place.unwrap()];
                assert_eq!(item["id"], data["item"]["id"]);
                let told = match data["item"]["type"].as_str().unwrap() {
                    "function_call" => &data["item"]["arguments"],
                    _ => &data["item"]["content"][0]["text"],
                };
                assert_eq!(told, text.as_str());
                *item = data["item"].clone();
            }
            "response.completed" | "response.incomplete" => {
                assert_eq!(number + 1, events.len());
                let items: Vec<Value> = items.iter().map(|(item, _)| item.clone()).collect();
                assert_eq!(data["response"]["output"], json!(items));
            }
            other => panic!("{other}"),
        }
    }
    events.last().unwrap().1["response"].clone()
}

fn names(events: &[(String, Value)]) -> Vec<&str> {
    events.iter().map(|(name, _)| name.as_str()).collect()
}

#[test]
fn a_message_is_told_in_anthropics_events() {
    let deltas = [
        json!({"role": "assistant", "content": ""}),
        json!({"reasoning": "th", "reasoning_content": "th"}),
        json!({"reasoning": "ink"}),
        json!({"content": "Hel"}),
        json!({"tool_calls": [{"index": 0, "id": "t", "function": {"name": "f", "arguments": "{\"k\""}}]}),
        json!({"tool_calls": [{"index": 0, "function": {"arguments": ":1}"}}], "content": "lo"}),
    ];
    let told = streamed(Surface::Messages, &deltas, "tool_calls");
    assert_eq!(
        names(&told),
        [
            "message_start",
            "content_block_start",
            "content_block_delta",
            "content_block_delta",
            "content_block_stop",
            "content_block_start",
            "content_block_delta",
            "content_block_delta",
            "content_block_stop",
            "content_block_start",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop",
        ]
    );
    assert_eq!(
        put_together(&told),
        json!({"id": "msg_01J", "type": "message", "role": "assistant", "model": "m",
            "content": [{"type": "thinking", "thinking": "think", "signature": ""}, {"type": "text", "text": "Hello"},
                {"type": "tool_use", "id": "t", "name": "f", "input": {"k": 1}}],
            "stop_reason": "tool_use", "stop_sequence": null, "usage": {"input_tokens": 3, "output_tokens": 4}})
    );
}

#[test]
fn a_response_is_told_in_openais_events() {
    let deltas = [
        json!({"reasoning_content": "think"}),
        json!({"content": "Hel"}),
        json!({"content": "lo"}),
        json!({"tool_calls": [{"index": 0, "id": "t", "function": {"name": "f", "arguments": "{}"}}]}),
    ];
    let told = streamed(Surface::Responses, &deltas, "length");
    assert_eq!(
        names(&told),
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.reasoning_text.delta",
            "response.reasoning_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.output_item.added",
            "response.function_call_arguments.delta",
            "response.function_call_arguments.done",
            "response.output_item.done",
            "response.incomplete",
        ]
    );
    let response = followed(&told);
    assert_eq!(response["incomplete_details"], json!({"reason": "max_output_tokens"}));
    assert_eq!(response["store"], false);
    assert_eq!((&response["temperature"], &response["max_output_tokens"]), (&json!(0.5), &json!(9)));
    assert_eq!(
        response["output"][2],
        json!({"id": "fc_01J_2", "type": "function_call", "status": "completed", "call_id": "t", "name": "f", "arguments": "{}"})
    );
    assert_eq!(response["usage"]["total_tokens"], 7);
}

#[test]
fn an_answer_ends_for_a_reason() {
    let check = |finish: &str, stop: Value, expected: Value| {
        let reply = json!({"choices": [{"index": 0, "message": {"content": "a"}, "finish_reason": finish, "stop_reason": stop}]});
        let reply = WholeReply::parse(Surface::Messages, reply.to_string().as_bytes(), "m").unwrap();
        let message: Value =
            serde_json::from_slice(&renderer(Surface::Messages).whole(&reply).unwrap()).unwrap();
        assert_eq!(json!([message["stop_reason"], message["stop_sequence"]]), expected);
    };
    check("stop", Value::Null, json!(["end_turn", null]));
    check("stop", json!("###"), json!(["stop_sequence", "###"]));
    check("stop", json!(128_001), json!(["end_turn", null]));
    check("length", Value::Null, json!(["max_tokens", null]));
    check("content_filter", Value::Null, json!(["refusal", null]));
    check("something", Value::Null, json!(["end_turn", null]));
}

#[test]
fn arguments_that_are_no_object_become_an_empty_one() {
    for arguments in ["", "{\"k\":", "[1]", "{\"k\":1,\"k\":2}"] {
        let call = json!([{"index": 0, "id": "t", "function": {"name": "f", "arguments": arguments}}]);
        let told = streamed(Surface::Messages, &[json!({"tool_calls": call})], "length");
        assert_eq!(put_together(&told)["content"][0]["input"], json!({}), "{arguments}");
    }
}

#[test]
fn only_a_number_is_told_of_what_was_counted() {
    let reply = br#"{"count":41,"max_model_len":2048,"tokens":[0,3,2739],"token_strs":["x"]}"#;
    let reply = WholeReply::parse(Surface::CountTokens, reply, "m").unwrap();
    let told = renderer(Surface::CountTokens).whole(&reply).unwrap();
    assert_eq!(&*told, br#"{"input_tokens":41}"#);
    assert!(WholeReply::parse(Surface::CountTokens, br#"{"count":-1}"#, "m").is_err());
}

#[test]
fn a_refusal_inside_a_stream_has_the_shape_of_its_surface() {
    let refusal = Refusal::new(
        RefusalCode::SensitiveDataDetected,
        Text::fixed("no", "nein"),
        Text::fixed("next", "weiter"),
        "inside",
    );
    let told = |surface| {
        let mut renderer = renderer(surface);
        let mut frames = Vec::new();
        let chunk = Chunk::parse(surface, r#"{"choices":[{"index":0,"delta":{"content":"a"}}]}"#).unwrap();
        renderer.take(&chunk, &mut frames).unwrap();
        frames.push(renderer.refuse(&refusal, Language::English));
        events(&frames).pop().unwrap().1
    };
    let message = told(Surface::Messages);
    assert_eq!(
        (&message["error"]["type"], &message["error"]["code"]),
        (&json!("permission_error"), &json!("sensitive_data_detected"))
    );
    assert_eq!((&message["request_id"], &message["error"]["next"]), (&json!("01J"), &json!("next")));
    let response = told(Surface::Responses);
    assert_eq!((&response["code"], &response["message"]), (&json!("sensitive_data_detected"), &json!("no")));
    assert_eq!(
        (&response["sequence_number"], &response["error"]["type"]),
        (&json!(5), &json!("policy_violation"))
    );
}

#[test]
fn company_is_kept_in_the_words_of_the_surface() {
    let mut renderer = renderer(Surface::Messages);
    assert!(renderer.keep_alive().starts_with(b": "), "a ping before the message has begun confuses clients");
    let chunk = Chunk::parse(Surface::Messages, r#"{"choices":[]}"#).unwrap();
    renderer.take(&chunk, &mut Vec::new()).unwrap();
    assert_eq!(&*renderer.keep_alive(), b"event: ping\ndata: {\"type\":\"ping\"}\n\n");
}

/// Cuts a text at these places, rounded down to characters.
fn cut(text: &str, cuts: &[usize]) -> Vec<String> {
    let mut places: Vec<usize> =
        cuts.iter().map(|place| text.floor_char_boundary(place % (text.len() + 1))).collect();
    places.extend([0, text.len()]);
    places.sort_unstable();
    places.windows(2).map(|pair| text.get(pair[0]..pair[1]).unwrap().to_owned()).collect()
}

proptest! {
    #[test]
    fn it_does_not_matter_how_a_stream_was_cut(
        thought in "[a-zä\"\\\\ ]{0,12}",
        text in "[a-zß\n ]{0,12}",
        arguments in proptest::collection::vec("\\{(\"k\":\"[a-zü]{0,6}\")?\\}", 0..3),
        cuts in proptest::collection::vec(0_usize..40, 0..6),
        finish in prop_oneof!["stop", "length", "tool_calls"],
    ) {
        let calls: Vec<Value> = arguments
            .iter()
            .enumerate()
            .map(|(place, arguments)| json!({"index": place, "id": format!("t{place}"), "type": "function",
                "function": {"name": "f", "arguments": arguments}}))
            .collect();
        let mut message = json!({"role": "assistant", "content": text, "reasoning": thought});
        if !calls.is_empty() {
            message["tool_calls"] = json!(calls);
        }
        let mut deltas = vec![json!({"role": "assistant", "content": ""})];
        deltas.extend(cut(&thought, &cuts).iter().map(|piece| json!({"reasoning": piece})));
        deltas.extend(cut(&text, &cuts).iter().map(|piece| json!({"content": piece})));
        for (place, arguments) in arguments.iter().enumerate() {
            deltas.push(json!({"tool_calls": [{"index": place, "id": format!("t{place}"), "function": {"name": "f"}}]}));
            deltas.extend(cut(arguments, &cuts).iter().map(|piece| {
                json!({"tool_calls": [{"index": place, "function": {"arguments": piece}}]})
            }));
        }
        let told = put_together(&streamed(Surface::Messages, &deltas, &finish));
        prop_assert_eq!(told, whole(Surface::Messages, &message, &finish));
        let told = followed(&streamed(Surface::Responses, &deltas, &finish));
        prop_assert_eq!(told, whole(Surface::Responses, &message, &finish));
    }
}
