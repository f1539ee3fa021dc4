//! Answers as Anthropic's messages have them.
//!
//! Source: Anthropic's API reference (messages, streaming; 2026-10), and vLLM 0.32's own frames.

use bytes::Bytes;

use super::parts::{Part, Parts, Told};
use crate::json::{Number, Object, Value};
use crate::{WholeReply, sse};

pub(super) const PING: Bytes = Bytes::from_static(b"event: ping\ndata: {\"type\":\"ping\"}\n\n");

#[derive(Debug)]
pub(super) struct Message {
    id: String,
    model: String,
    has_begun: bool,
}

impl Message {
    pub(super) fn new(model: &str, request_id: &str) -> Self {
        Self { id: format!("msg_{request_id}"), model: model.to_owned(), has_begun: false }
    }

    pub(super) fn has_begun(&self) -> bool {
        self.has_begun
    }

    pub(super) fn begin(&mut self, frames: &mut Vec<Bytes>) {
        if std::mem::replace(&mut self.has_begun, true) {
            return;
        }
        // What the question cost is told at the end: a model server says it only then.
        let message = self.object(Vec::new(), Value::Null, Value::Null, None);
        frames.push(event("message_start", [("message", Value::Object(message))]));
    }

    pub(super) fn tell(&mut self, told: &Told<'_>, frames: &mut Vec<Bytes>) {
        frames.extend(match told {
            Told::Opened(place, part) => Some(event(
                "content_block_start",
                [
                    ("index", number(*place)),
                    ("content_block", Value::Object(empty_block(part, &self.id, *place))),
                ],
            )),
            Told::Added(place, part, text) => delta(part, text)
                .map(|delta| event("content_block_delta", [("index", number(*place)), ("delta", delta)])),
            Told::Closed(place, _) => Some(event("content_block_stop", [("index", number(*place))])),
        });
    }

    pub(super) fn end(&self, parts: &Parts, usage: Option<&Object>, frames: &mut Vec<Bytes>) {
        let (reason, sequence) = stop_reason(parts);
        let delta = object([("stop_reason", reason), ("stop_sequence", sequence)]);
        frames.push(event(
            "message_delta",
            [("delta", Value::Object(delta)), ("usage", Value::Object(cost(usage)))],
        ));
        frames.push(event("message_stop", []));
    }

    pub(super) fn whole(&self, parts: &Parts, usage: Option<&Object>) -> Bytes {
        let blocks = parts
            .iter()
            .enumerate()
            .map(|(place, part)| Value::Object(block(part, &self.id, place)))
            .collect();
        let (reason, sequence) = stop_reason(parts);
        Bytes::from(Value::Object(self.object(blocks, reason, sequence, usage)).to_text())
    }

    fn object(&self, content: Vec<Value>, reason: Value, sequence: Value, usage: Option<&Object>) -> Object {
        object([
            ("id", word(&self.id)),
            ("type", word("message")),
            ("role", word("assistant")),
            ("model", word(&self.model)),
            ("content", Value::Array(content)),
            ("stop_reason", reason),
            ("stop_sequence", sequence),
            ("usage", Value::Object(cost(usage))),
        ])
    }
}

/// The answer to a counting. The numbers of the tokens themselves stay behind.
pub(super) fn count(reply: &WholeReply) -> Bytes {
    let count = reply.token_count().unwrap_or_default();
    Bytes::from(Value::Object(object([("input_tokens", long(count))])).to_text())
}

fn block(part: &Part, id: &str, place: usize) -> Object {
    let mut block = empty_block(part, id, place);
    match part {
        Part::Thought(text) => block.set("thinking", word(text)),
        Part::Text(text) => block.set("text", word(text)),
        Part::Call(call) => block.set("input", Value::Object(call.input())),
    }
    block
}

fn empty_block(part: &Part, id: &str, place: usize) -> Object {
    match part {
        Part::Thought(_) => {
            object([("type", word("thinking")), ("thinking", word("")), ("signature", word(""))])
        }
        Part::Text(_) => object([("type", word("text")), ("text", word(""))]),
        Part::Call(call) => object([
            ("type", word("tool_use")),
            ("id", call.id.as_deref().map_or_else(|| Value::String(format!("toolu_{id}_{place}")), word)),
            ("name", word(&call.name)),
            ("input", Value::Object(Object::new())),
        ]),
    }
}

fn delta(part: &Part, text: &str) -> Option<Value> {
    let (kind, name, text) = match part {
        Part::Thought(_) => ("thinking_delta", "thinking", word(text)),
        Part::Text(_) => ("text_delta", "text", word(text)),
        Part::Call(call) => {
            let input = call.input();
            if input.is_empty() {
                return None;
            }
            ("input_json_delta", "partial_json", Value::String(Value::Object(input).to_text()))
        }
    };
    Some(Value::Object(object([("type", word(kind)), (name, text)])))
}

/// Why it ended, and the text at which it was told to end.
fn stop_reason(parts: &Parts) -> (Value, Value) {
    let reason = match (parts.finish_reason.as_deref(), &parts.stopped_at) {
        (Some("length"), _) => "max_tokens",
        (Some("content_filter"), _) => "refusal",
        _ if parts.has_calls() => "tool_use",
        (_, Some(stop)) => return (word("stop_sequence"), word(stop)),
        _ => "end_turn",
    };
    (word(reason), Value::Null)
}

fn cost(usage: Option<&Object>) -> Object {
    let count = |name| usage.and_then(|usage| usage.get(name)).and_then(Value::as_i64).unwrap_or_default();
    object([
        ("input_tokens", long(count("prompt_tokens"))),
        ("output_tokens", long(count("completion_tokens"))),
    ])
}

fn event<const N: usize>(kind: &'static str, members: [(&'static str, Value); N]) -> Bytes {
    let mut event = object([("type", word(kind))]);
    for (name, value) in members {
        event.set(name, value);
    }
    sse::named_frame(kind, &Value::Object(event).to_text())
}

pub(super) fn object<const N: usize>(members: [(&'static str, Value); N]) -> Object {
    let mut object = Object::new();
    for (name, value) in members {
        object.set(name, value);
    }
    object
}

pub(super) fn word(text: &str) -> Value {
    Value::String(text.to_owned())
}

pub(super) fn number(place: usize) -> Value {
    long(i64::try_from(place).unwrap_or(i64::MAX))
}

pub(super) fn long(number: i64) -> Value {
    Value::Number(Number::from(number))
}
