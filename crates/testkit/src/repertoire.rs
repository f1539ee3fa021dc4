//! Which recording answers a question.

use serde_json::{Value, json};

use crate::fake_upstream::Seen;
use crate::recording::{RecordedResponse, recording, recording_names};

/// The model and the two adapters that the recorded server had.
pub(crate) const RECORDED_MODELS: [&str; 3] = ["tiny", "lora-a", "lora-b"];

/// The very recording when the question was recorded, otherwise the one whose question has the same shape: path,
/// stream, tools, log probabilities, structure. What cannot be had from a recording as it stands is derived from
/// one, and says so below.
pub(crate) fn choose(question: &Seen, models: &[String]) -> RecordedResponse {
    let body: Value = serde_json::from_slice(&question.body).unwrap_or_default();
    let is_known = match body.get("model").and_then(Value::as_str) {
        Some(model) => models.iter().any(|known| known == model),
        None => true,
    };
    let path = question.path.split('?').next().unwrap_or_default();
    let name = match (question.method.as_str(), path) {
        ("GET", "/health") => return whole("200 OK", ""),
        ("GET", "/version") => "14-version",
        ("GET", "/metrics") => "10-metrics",
        ("GET", "/v1/models") => return list(models),
        ("POST", "/v1/chat/completions" | "/v1/completions" | "/v1/embeddings") if !is_known => {
            "08-error-unknown-model"
        }
        ("POST", _)
            if body.is_object()
                && let Some(name) = recorded_question(path, &body) =>
        {
            name
        }
        ("POST", "/v1/chat/completions") => return chat(&body),
        ("POST", "/v1/completions") => return completion(&body),
        ("POST", "/v1/embeddings") => match body.get("encoding_format").and_then(Value::as_str) {
            Some("base64") => "31-embeddings-base64",
            _ => "30-embeddings",
        },
        ("POST", "/v1/responses") => "11-responses-stream",
        ("POST", "/v1/messages") => "12-anthropic-messages-stream",
        ("POST", "/v1/rerank") => "32-rerank",
        ("POST", "/v1/score") => "33-score",
        ("POST", "/tokenize") => "15-tokenize",
        ("POST", "/v1/load_lora_adapter") => "18-lora-load",
        ("POST", "/v1/unload_lora_adapter") => "22-lora-unload",
        // The recorded 404 for a path that the server does not have.
        _ => "17-embeddings-on-generate-model",
    };
    replay(name)
}

/// The recording of exactly this question. `17` and `19` are left out: the same questions are answered elsewhere.
fn recorded_question(path: &str, body: &Value) -> Option<&'static str> {
    recording_names().filter(|name| !name.starts_with("17-") && !name.starts_with("19-")).find(|name| {
        recording(name).is_some_and(|recording| {
            recording.request.path == path
                && serde_json::from_slice::<Value>(&recording.request.body)
                    .is_ok_and(|recorded| recorded == *body)
        })
    })
}

fn chat(body: &Value) -> RecordedResponse {
    if !body.get("messages").is_some_and(Value::is_array) {
        return replay("13-error-invalid-body");
    }
    let has = |name: &str| body.get(name).is_some_and(|value| !value.is_null() && value != &json!(false));
    let uses_tools = has("tools") && body.get("tool_choice") != Some(&json!("none"));
    let structure = body.get("structured_outputs");
    let is_continuous = body.pointer("/stream_options/continuous_usage_stats") == Some(&json!(true));
    let name = if is_stream(body) {
        if uses_tools && body.get("tool_choice").is_some_and(Value::is_object) {
            "05-chat-tool-named-stream"
        } else if uses_tools {
            "05-chat-tool-required-stream"
        } else if has("logprobs") && is_continuous {
            "16-chat-stream-usage-cont-logprobs"
        } else if has("logprobs") {
            return without_usage_in(replay("16-chat-stream-usage-cont-logprobs"), wants_usage(body));
        } else if wants_usage(body) {
            "03-chat-stream"
        } else {
            // Derived: every recorded stream without tools was asked for usage.
            return without_usage_in(replay("03-chat-stream"), false);
        }
    } else if uses_tools {
        "04-chat-tool-required"
    } else if body.pointer("/response_format/type") == Some(&json!("json_schema")) {
        "06-chat-json-schema"
    } else if structure.is_some_and(|structure| structure.get("regex").is_some()) {
        "23-chat-structured-regex"
    } else if structure.is_some_and(|structure| structure.get("choice").is_some()) {
        "24-chat-guided-choice"
    } else if has("logprobs") {
        "02-chat"
    } else {
        match body.get("model").and_then(Value::as_str) {
            Some("lora-a") => "21b-chat-lora-a",
            Some("lora-b") => "21c-chat-lora-b",
            _ => "21a-chat-tiny",
        }
    };
    replay(name)
}

/// Derived: the recorded stream with only as many choices as were asked for and with usage when asked for, and for a
/// question without a stream its pieces put together.
fn completion(body: &Value) -> RecordedResponse {
    let count = body.get("n").and_then(Value::as_u64).unwrap_or(1);
    let index = |event: &Value| event.pointer("/choices/0/index").and_then(Value::as_u64);
    let mut response = replay("07-completions-stream-n2");
    response
        .chunks
        .retain(|chunk| event(chunk).is_none_or(|event| index(&event).is_none_or(|index| index < count)));
    let events: Vec<Value> = response.chunks.iter().filter_map(|chunk| event(chunk)).collect();
    let usage =
        json!({"prompt_tokens": 2, "total_tokens": 2 + events.len(), "completion_tokens": events.len()});
    let first = events.first().cloned().unwrap_or_default();
    let head = |choices: Value| {
        let member = |name: &str| first.get(name).cloned().unwrap_or_default();
        json!({"id": member("id"), "object": "text_completion", "created": member("created"), "model": member("model"), "choices": choices, "usage": usage})
    };
    if is_stream(body) {
        if wants_usage(body) {
            let at = response.chunks.len().saturating_sub(1);
            response.chunks.insert(at, format!("data: {}\n\n", head(json!([]))).into_bytes());
        }
        return response;
    }
    let choices: Vec<Value> = (0..count.min(2))
        .map(|choice| {
            let text: String = events
                .iter()
                .filter(|event| index(event) == Some(choice))
                .filter_map(|event| event.pointer("/choices/0/text").and_then(Value::as_str))
                .collect();
            json!({"index": choice, "text": text, "logprobs": null, "finish_reason": "length", "stop_reason": null, "prompt_logprobs": null})
        })
        .collect();
    whole("200 OK", &head(json!(choices)).to_string())
}

/// Takes `usage` out of the events, and the closing event that holds nothing else unless `keeps_last`.
fn without_usage_in(mut response: RecordedResponse, keeps_last: bool) -> RecordedResponse {
    let is_last = |event: &Value| event.get("choices").and_then(Value::as_array).is_some_and(Vec::is_empty);
    response.chunks.retain(|chunk| keeps_last || !event(chunk).is_some_and(|event| is_last(&event)));
    for chunk in &mut response.chunks {
        if let Some(mut event) = event(chunk)
            && !is_last(&event)
            && event.as_object_mut().is_some_and(|members| members.remove("usage").is_some())
        {
            *chunk = format!("data: {event}\n\n").into_bytes();
        }
    }
    response
}

pub(crate) fn is_stream(body: &Value) -> bool {
    body.get("stream") == Some(&json!(true))
}

pub(crate) fn wants_usage(body: &Value) -> bool {
    body.pointer("/stream_options/include_usage") == Some(&json!(true))
}

/// The JSON of one `data:` line.
fn event(chunk: &[u8]) -> Option<Value> {
    serde_json::from_slice(chunk.strip_prefix(b"data: ")?).ok()
}

/// As recorded for the recorded models; made up in the same shape for others.
fn list(models: &[String]) -> RecordedResponse {
    if models == ["tiny"] {
        return replay("01-models");
    }
    if models == RECORDED_MODELS {
        return replay("20-models-with-lora");
    }
    let data: Vec<Value> = models
        .iter()
        .map(|id| json!({"id": id, "object": "model", "created": 1_795_207_724, "owned_by": "vllm", "root": id, "parent": null, "max_model_len": 2048}))
        .collect();
    whole("200 OK", &json!({"object": "list", "data": data}).to_string())
}

fn replay(name: &str) -> RecordedResponse {
    match recording(name) {
        Some(recording) => recording.response,
        None => whole("500 Internal Server Error", &format!("there is no recording `{name}`")),
    }
}

fn whole(status: &str, body: &str) -> RecordedResponse {
    let length = body.len().to_string();
    let headers = vec![
        ("content-type".to_owned(), "application/json".to_owned()),
        ("content-length".to_owned(), length.clone()),
    ];
    let head =
        format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n");
    RecordedResponse {
        status: status.get(..3).and_then(|digits| digits.parse().ok()).unwrap_or_default(),
        headers,
        head: head.into_bytes(),
        chunks: if body.is_empty() { Vec::new() } else { vec![body.as_bytes().to_vec()] },
        is_chunked: false,
    }
}

#[cfg(test)]
mod tests {
    use super::{RECORDED_MODELS, choose};
    use crate::{Seen, recording, recording_names};
    use serde_json::Value;

    fn ask(path: &str, body: &str) -> String {
        let models = RECORDED_MODELS.map(str::to_owned);
        String::from_utf8(choose(&Seen::post(path, body.as_bytes()), &models).wire_pieces().concat()).unwrap()
    }

    fn check(path: &str, body: &str, expected: &str) {
        let expected = recording(expected).unwrap().response.wire_pieces().concat();
        assert_eq!(ask(path, body), String::from_utf8(expected).unwrap(), "{body}");
    }

    #[test]
    fn every_recorded_question_gets_its_own_answer() {
        // The server without adapters did not know these; and 17 and 19 asked what others were answered otherwise.
        for name in
            recording_names().filter(|name| !["01", "17", "19", "34"].iter().any(|not| name.starts_with(not)))
        {
            let recorded = recording(name).unwrap();
            let seen = Seen {
                method: recorded.request.method.clone(),
                path: recorded.request.path.clone(),
                headers: Vec::new(),
                body: recorded.request.body.clone(),
            };
            assert_eq!(choose(&seen, &RECORDED_MODELS.map(str::to_owned)), recorded.response, "{name}");
        }
    }

    #[test]
    fn a_new_question_gets_the_answer_of_the_nearest_shape() {
        let chat = "/v1/chat/completions";
        check(chat, r#"{"model":"tiny","messages":[]}"#, "21a-chat-tiny");
        check(chat, r#"{"model":"lora-b","messages":[]}"#, "21c-chat-lora-b");
        check(chat, r#"{"model":"none","messages":[]}"#, "08-error-unknown-model");
        check(chat, r#"{"model":"tiny","messages":{}}"#, "13-error-invalid-body");
        check(chat, "{", "13-error-invalid-body");
        check(chat, r#"{"model":"tiny","messages":[],"logprobs":true}"#, "02-chat");
        check(chat, r#"{"model":"tiny","messages":[],"tools":[{}]}"#, "04-chat-tool-required");
        check(chat, r#"{"model":"tiny","messages":[],"tools":[{}],"tool_choice":"none"}"#, "21a-chat-tiny");
        let usage = r#""stream":true,"stream_options":{"include_usage":true}"#;
        check(chat, &format!(r#"{{"model":"tiny","messages":[],{usage}}}"#), "03-chat-stream");
        check("/v1/embeddings", r#"{"model":"tiny","input":"x"}"#, "30-embeddings");
        check(
            "/v1/embeddings",
            r#"{"model":"tiny","input":"x","encoding_format":"base64"}"#,
            "31-embeddings-base64",
        );
        check("/v1/nothing", "{}", "17-embeddings-on-generate-model");
    }

    #[test]
    fn usage_is_sent_only_when_asked_for() {
        for extra in ["", r#","logprobs":true"#] {
            let body = format!(r#"{{"model":"tiny","messages":[],"stream":true{extra}}}"#);
            let answer = ask("/v1/chat/completions", &body);
            assert!(
                !answer.contains("usage") && answer.ends_with("data: [DONE]\n\n\r\n0\r\n\r\n"),
                "{answer}"
            );
        }
        let asked = r#"{"model":"tiny","prompt":"x","stream":true,"stream_options":{"include_usage":true}}"#;
        assert!(ask("/v1/completions", asked).contains(r#""choices":[],"#));
        assert!(!ask("/v1/completions", r#"{"model":"tiny","prompt":"x","stream":true}"#).contains("usage"));
    }

    #[test]
    fn a_completion_has_as_many_choices_as_asked_for() {
        let one = ask("/v1/completions", r#"{"model":"tiny","prompt":"x","stream":true}"#);
        assert!(one.contains(r#""index":0"#) && !one.contains(r#""index":1"#));
        let whole = ask("/v1/completions", r#"{"model":"tiny","prompt":"x"}"#);
        let body: Value = serde_json::from_str(whole.split("\r\n\r\n").nth(1).unwrap()).unwrap();
        assert_eq!(body["choices"][0]["text"], " as ch400-gram grammar**:");
        assert_eq!(body["choices"].as_array().unwrap().len(), 1);
    }
}
