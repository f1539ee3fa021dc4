//! Providers' interfaces as they publish them: what a question must look like there, and an echo in their own words.
//!
//! A question that demands a call of a function gets one, with the asker's last text as the argument `said`.
//!
//! Sources: vLLM's protocol classes (0.32); the API references of OpenAI (chat completions), Microsoft (Azure OpenAI, interface v1), Mistral and Anthropic
//! (messages, version 2023-06-01), read in 2026-10. A question that breaks the contract gets the provider's own error.

use serde_json::{Value, json};

use crate::fake_upstream::Seen;
use crate::{repertoire, speech};

/// Whose contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contract {
    /// vLLM's interface, without a key.
    OpenAiCompatible,
    OpenAi,
    AzureOpenAi,
    Mistral,
    Anthropic,
}

/// The key that every one of them takes.
pub const PROVIDER_KEY: &str = "provider-key-0001";

const OPENAI: &[&str] = &[
    "messages",
    "model",
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "metadata",
    "n",
    "parallel_tool_calls",
    "presence_penalty",
    "reasoning_effort",
    "response_format",
    "seed",
    "service_tier",
    "stop",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
];
/// What vLLM knows beside OpenAI's fields, as far as the house uses it.
const COMPATIBLE: &[&str] = &[
    "add_generation_prompt",
    "cache_salt",
    "chat_template_kwargs",
    "continue_final_message",
    "include_reasoning",
    "max_tokens",
    "min_p",
    "repetition_penalty",
    "structured_outputs",
    "top_k",
];
const MISTRAL: &[&str] = &[
    "model",
    "messages",
    "temperature",
    "top_p",
    "max_tokens",
    "stream",
    "stop",
    "random_seed",
    "response_format",
    "tools",
    "tool_choice",
    "presence_penalty",
    "frequency_penalty",
    "n",
    "parallel_tool_calls",
    "safe_prompt",
];
const ANTHROPIC: &[&str] = &[
    "model",
    "messages",
    "max_tokens",
    "system",
    "stop_sequences",
    "stream",
    "temperature",
    "top_p",
    "top_k",
    "tools",
    "tool_choice",
    "metadata",
    "thinking",
    "output_config",
];

impl Contract {
    /// What is wrong with a question: status and message.
    pub fn violation(self, question: &Seen) -> Option<(u16, String)> {
        let counts = match self {
            Self::Anthropic => Some("/v1/messages/count_tokens"),
            Self::OpenAiCompatible => Some("/tokenize"),
            Self::OpenAi | Self::AzureOpenAi | Self::Mistral => None,
        };
        let is_count = Some(question.path.as_str()) == counts;
        let (path, key) = match self {
            Self::OpenAiCompatible => ("/v1/chat/completions", Some(PROVIDER_KEY.to_owned())),
            Self::OpenAi | Self::Mistral => (
                "/v1/chat/completions",
                question.header("authorization").map(|key| key.replacen("Bearer ", "", 1)),
            ),
            Self::AzureOpenAi => {
                ("/openai/v1/chat/completions", question.header("api-key").map(str::to_owned))
            }
            Self::Anthropic => ("/v1/messages", question.header("x-api-key").map(str::to_owned)),
        };
        let of_speech = match self {
            Self::OpenAiCompatible | Self::OpenAi => Some("/v1/audio/"),
            Self::AzureOpenAi => Some("/openai/v1/audio/"),
            Self::Anthropic | Self::Mistral => None,
        };
        let is_speech = of_speech.is_some_and(|folder| question.path.starts_with(folder))
            && speech::is_speech(&question.path);
        if question.method != "POST" || !is_speech && (question.path != path && !is_count) {
            return Some((404, format!("no such path: {} {}", question.method, question.path)));
        }
        if key.as_deref() != Some(PROVIDER_KEY) {
            return Some((401, "invalid key".to_owned()));
        }
        if self == Self::Anthropic && question.header("anthropic-version") != Some("2023-06-01") {
            return Some((400, "anthropic-version: header is required".to_owned()));
        }
        if is_speech {
            return speech::violation(self, question).map(|message| (400, message));
        }
        let body: Value = serde_json::from_slice(&question.body).unwrap_or_default();
        let Some(fields) = body.as_object() else { return Some((400, "the body is no object".to_owned())) };
        let (known, more): (_, &[&str]) = match self {
            Self::OpenAiCompatible => (OPENAI, COMPATIBLE),
            Self::OpenAi | Self::AzureOpenAi => (OPENAI, &[]),
            Self::Mistral => (MISTRAL, &[]),
            Self::Anthropic => (ANTHROPIC, &[]),
        };
        let is_known = |name: &str| known.contains(&name) || more.contains(&name);
        if let Some(unknown) = fields.keys().find(|name| !is_known(name)) {
            return Some((400, format!("unknown field {unknown}")));
        }
        let wrong = match self {
            Self::Anthropic => messages_violation(&body, is_count),
            Self::Mistral => chat_violation(&body).or_else(|| mistral_violation(&body)),
            _ => chat_violation(&body),
        };
        wrong.map(|message| (400, message))
    }

    /// An error in the provider's own shape.
    pub(crate) fn error(self, status: u16, message: &str) -> String {
        match self {
            Self::Anthropic => {
                json!({"type": "error", "error": {"type": "invalid_request_error", "message": message}}).to_string()
            }
            _ => json!({"error": {"message": message, "type": "invalid_request_error", "param": null, "code": status.to_string()}})
                .to_string(),
        }
    }
}

fn chat_violation(body: &Value) -> Option<String> {
    let messages = body.get("messages").and_then(Value::as_array)?;
    let wrong = messages.iter().position(|message| {
        let role = message.get("role").and_then(Value::as_str);
        !matches!(role, Some("system" | "developer" | "user" | "assistant" | "tool"))
    });
    wrong.map(|place| format!("messages[{place}] has no role"))
}

/// Identifiers of calls are nine letters and digits there.
fn mistral_violation(body: &Value) -> Option<String> {
    let messages = body.get("messages").and_then(Value::as_array)?;
    let calls = messages.iter().filter_map(|message| message.get("tool_calls")?.as_array()).flatten();
    let ids =
        calls.map(|call| call.get("id")).chain(messages.iter().map(|message| message.get("tool_call_id")));
    let is_good = |id: &str| id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let wrong = ids.flatten().filter_map(Value::as_str).find(|id| !is_good(id));
    wrong.map(|id| format!("Tool call id was {id} but must be a-z, A-Z, 0-9, with a length of 9."))
}

/// The function that a question demands a call of, by OpenAI's or Anthropic's words.
pub(crate) fn demanded(body: &Value) -> Option<String> {
    let choice = body.get("tool_choice")?;
    let named = choice.pointer("/function/name").or_else(|| choice.get("name"));
    let is_any = matches!(choice.as_str().or_else(|| choice.get("type")?.as_str()), Some("required" | "any"));
    let first = || body.pointer("/tools/0/function/name").or_else(|| body.pointer("/tools/0/name"));
    let name = named.or_else(|| first().filter(|_| is_any))?;
    name.as_str().map(str::to_owned)
}

fn messages_violation(body: &Value, is_count: bool) -> Option<String> {
    match (body.get("max_tokens"), is_count) {
        (Some(_), true) => return Some("max_tokens: extra inputs are not permitted".to_owned()),
        (Some(most), false) if most.is_u64() => {}
        (_, false) => return Some("max_tokens: field required".to_owned()),
        (None, true) => {}
    }
    if body.get("temperature").and_then(Value::as_f64).is_some_and(|t| !(0.0..=1.0).contains(&t)) {
        return Some("temperature: range 0..1".to_owned());
    }
    let messages = body.get("messages").and_then(Value::as_array).filter(|messages| !messages.is_empty());
    let Some(messages) = messages else { return Some("messages: at least one is required".to_owned()) };
    let mut called: Vec<&str> = Vec::new();
    for (place, message) in messages.iter().enumerate() {
        let role = message.get("role").and_then(Value::as_str).unwrap_or_default();
        if !matches!(role, "user" | "assistant") || place == 0 && role != "user" {
            return Some(format!("messages.{place}.role: unexpected role {role}"));
        }
        let blocks = message.get("content").and_then(Value::as_array).cloned().unwrap_or_default();
        let text = message.get("content").and_then(Value::as_str).unwrap_or_default();
        if blocks.is_empty() && text.is_empty() {
            return Some(format!("messages.{place}: text content blocks must be non-empty"));
        }
        let of_kind = |kind: &'static str, name: &'static str| {
            let blocks =
                blocks.iter().filter(move |block| block.get("type").and_then(Value::as_str) == Some(kind));
            blocks
                .filter_map(move |block| block.get(name).and_then(Value::as_str).map(str::to_owned))
                .collect::<Vec<_>>()
        };
        if of_kind("text", "text").iter().any(String::is_empty) {
            return Some(format!("messages.{place}: text content blocks must be non-empty"));
        }
        let answered = of_kind("tool_result", "tool_use_id");
        if let Some(missing) = called.iter().find(|call| !answered.iter().any(|answer| answer == *call)) {
            return Some(format!("messages.{place}: no tool_result for {missing}"));
        }
        called.clear();
        called.extend(message.get("content").and_then(Value::as_array).into_iter().flatten().filter_map(
            |block| {
                let is_call = block.get("type").and_then(Value::as_str) == Some("tool_use");
                block.get("id").and_then(Value::as_str).filter(|_| is_call)
            },
        ));
    }
    None
}

/// The last text of the user in Anthropic's words: a whole message, or the events of a stream in pieces.
pub(crate) fn message(question: &Seen, pieces: impl Fn(&str) -> Vec<String>) -> Result<String, Vec<String>> {
    let body: Value = serde_json::from_slice(&question.body).unwrap_or_default();
    let blocks = body.get("messages").and_then(Value::as_array).and_then(|all| all.last());
    let blocks = blocks.and_then(|message| message.get("content")).and_then(Value::as_array);
    let said: String =
        blocks.into_iter().flatten().filter_map(|block| block.get("text").and_then(Value::as_str)).collect();
    let model = body.get("model").and_then(Value::as_str).unwrap_or_default();
    let pieces = match demanded(&body) {
        Some(_) => pieces(&json!({"said": said}).to_string()),
        None => pieces(&said),
    };
    let usage = json!({"input_tokens": said.split_whitespace().count(), "output_tokens": pieces.len()});
    let demanded = demanded(&body);
    let (end, block, empty) = match &demanded {
        Some(name) => {
            let block =
                |input: Value| json!({"type": "tool_use", "id": "toolu_01ec", "name": name, "input": input});
            ("tool_use", block(json!({"said": said})), block(json!({})))
        }
        None => ("end_turn", json!({"type": "text", "text": said}), json!({"type": "text", "text": ""})),
    };
    let head = |content: Value, stop: Value| {
        json!({"id": "msg_00000000000000ec", "type": "message", "role": "assistant", "model": model,
               "content": content, "stop_reason": stop, "stop_sequence": null, "usage": usage})
    };
    if !repertoire::is_stream(&body) {
        return Ok(head(json!([block]), json!(end)).to_string());
    }
    let mut events = vec![
        json!({"type": "message_start", "message": head(json!([]), Value::Null)}),
        json!({"type": "content_block_start", "index": 0, "content_block": empty}),
        json!({"type": "ping"}),
    ];
    events.extend(pieces.iter().map(|piece| {
        let delta = match &demanded {
            Some(_) => json!({"type": "input_json_delta", "partial_json": piece}),
            None => json!({"type": "text_delta", "text": piece}),
        };
        json!({"type": "content_block_delta", "index": 0, "delta": delta})
    }));
    events.extend([
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": end, "stop_sequence": null}, "usage": {"output_tokens": pieces.len()}}),
        json!({"type": "message_stop"}),
    ]);
    let frame = |event: &Value| {
        format!("event: {}\ndata: {event}\n\n", event.get("type").and_then(Value::as_str).unwrap_or_default())
    };
    Err(events.iter().map(frame).collect())
}

#[cfg(test)]
mod tests {
    use super::{Contract, PROVIDER_KEY};
    use crate::Seen;

    fn check(contract: Contract, path: &str, header: &str, body: &str, expected: Option<&str>) {
        let mut headers = vec![("anthropic-version".to_owned(), "2023-06-01".to_owned())];
        let value = header.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned()));
        headers.extend(value);
        let seen = Seen { method: "POST".into(), path: path.into(), headers, body: body.as_bytes().to_vec() };
        let violation = contract.violation(&seen).map(|(status, message)| format!("{status} {message}"));
        assert_eq!(violation.as_deref(), expected, "{contract:?} {body}");
    }

    #[test]
    fn a_contract_is_kept_or_broken() {
        let user = r#"{"model":"m","max_tokens":5,"messages":[{"role":"user","content":[{"type":"text","text":"a"}]}]}"#;
        let bearer = format!("authorization: Bearer {PROVIDER_KEY}");
        check(Contract::Mistral, "/v1/chat/completions", &bearer, user, None);
        check(Contract::OpenAi, "/v1/chat/completions", &bearer, user, Some("400 unknown field max_tokens"));
        check(
            Contract::OpenAi,
            "/v1/chat/completions",
            "authorization: Bearer x",
            user,
            Some("401 invalid key"),
        );
        check(
            Contract::AzureOpenAi,
            "/v1/chat/completions",
            &bearer,
            user,
            Some("404 no such path: POST /v1/chat/completions"),
        );
        let key = format!("x-api-key: {PROVIDER_KEY}");
        check(Contract::Anthropic, "/v1/messages", &key, user, None);
        let called = r#"{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{}}]},{"role":"user","content":"b"}]}"#;
        check(
            Contract::Mistral,
            "/v1/chat/completions",
            &bearer,
            r#"{"model":"m","messages":[{"role":"tool","tool_call_id":"c1","content":"a"}]}"#,
            Some("400 Tool call id was c1 but must be a-z, A-Z, 0-9, with a length of 9."),
        );
        check(
            Contract::Anthropic,
            "/v1/messages",
            &key,
            called,
            Some("400 messages.2: no tool_result for t"),
        );
        let empty = r#"{"model":"m","max_tokens":5,"messages":[{"role":"assistant","content":"a"}]}"#;
        check(
            Contract::Anthropic,
            "/v1/messages",
            &key,
            empty,
            Some("400 messages.0.role: unexpected role assistant"),
        );
    }
}
