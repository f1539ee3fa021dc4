//! Answers as OpenAI's responses have them.
//!
//! Source: OpenAI's API reference (responses, streaming events; 2026-10), and vLLM 0.32's own frames.

use bytes::Bytes;
use schleuse_types::{Language, Refusal};

use super::messages::{long, number, object, word};
use super::parts::{Part, Parts, Told};
use crate::json::{Object, Value};
use crate::refusal::render;
use crate::sse;

#[derive(Debug)]
pub(super) struct Response {
    request_id: String,
    model: String,
    created_s: u64,
    /// What of the question is repeated in the answer: numbers and words of the protocol, no texts.
    settings: Object,
    has_begun: bool,
    /// The number of the next event.
    sequence: i64,
}

impl Response {
    pub(super) fn new(model: &str, asked: &Object, request_id: &str, created_s: u64) -> Self {
        let given = |name: &str, usual: Value| asked.get(name).cloned().unwrap_or(usual);
        let effort = asked.get("reasoning").and_then(Value::as_object).and_then(|r| r.get("effort"));
        let reasoning =
            object([("effort", effort.cloned().unwrap_or(Value::Null)), ("summary", Value::Null)]);
        let chosen = asked.get("tool_choice").filter(|choice| choice.as_str().is_some());
        let settings = object([
            ("parallel_tool_calls", given("parallel_tool_calls", Value::Bool(true))),
            ("tool_choice", chosen.cloned().unwrap_or_else(|| word("auto"))),
            ("temperature", given("temperature", Value::Null)),
            ("top_p", given("top_p", Value::Null)),
            ("max_output_tokens", given("max_output_tokens", Value::Null)),
            ("reasoning", Value::Object(reasoning)),
        ]);
        Self {
            request_id: request_id.to_owned(),
            model: model.to_owned(),
            created_s,
            settings,
            has_begun: false,
            sequence: 0,
        }
    }

    pub(super) fn begin(&mut self, frames: &mut Vec<Bytes>) {
        if std::mem::replace(&mut self.has_begun, true) {
            return;
        }
        for kind in ["response.created", "response.in_progress"] {
            let response = self.object("in_progress", Vec::new(), Value::Null, None);
            frames.push(self.event(kind, [("response", Value::Object(response))]));
        }
    }

    pub(super) fn tell(&mut self, told: &Told<'_>, frames: &mut Vec<Bytes>) {
        match *told {
            Told::Opened(place, part) => {
                let item = Value::Object(self.item(part, place, false));
                frames.push(
                    self.event(
                        "response.output_item.added",
                        [("output_index", number(place)), ("item", item)],
                    ),
                );
                if let Some(empty) = content_part(part, "") {
                    frames.push(self.content_event(
                        "response.content_part.added",
                        part,
                        place,
                        "part",
                        empty,
                    ));
                }
            }
            Told::Added(place, part, text) => {
                let kind = match part {
                    Part::Thought(_) => "response.reasoning_text.delta",
                    Part::Text(_) => "response.output_text.delta",
                    Part::Call(_) => "response.function_call_arguments.delta",
                };
                frames.push(self.content_event(kind, part, place, "delta", word(text)));
            }
            Told::Closed(place, part) => {
                let (kind, name, text) = match part {
                    Part::Thought(text) => ("response.reasoning_text.done", "text", text),
                    Part::Text(text) => ("response.output_text.done", "text", text),
                    Part::Call(call) => {
                        ("response.function_call_arguments.done", "arguments", &call.arguments)
                    }
                };
                frames.push(self.content_event(kind, part, place, name, word(text)));
                if let Some(whole) = content_part(part, text) {
                    frames.push(self.content_event("response.content_part.done", part, place, "part", whole));
                }
                let item = Value::Object(self.item(part, place, true));
                frames.push(
                    self.event(
                        "response.output_item.done",
                        [("output_index", number(place)), ("item", item)],
                    ),
                );
            }
        }
    }

    pub(super) fn end(&mut self, parts: &Parts, usage: Option<&Object>, frames: &mut Vec<Bytes>) {
        let response = self.finished(parts, usage);
        let kind = match response.get("status").and_then(Value::as_str) {
            Some("completed") => "response.completed",
            _ => "response.incomplete",
        };
        frames.push(self.event(kind, [("response", Value::Object(response))]));
    }

    pub(super) fn whole(&self, parts: &Parts, usage: Option<&Object>) -> Bytes {
        Bytes::from(Value::Object(self.finished(parts, usage)).to_text())
    }

    /// Clients read an error in one of two places; it stands in both.
    pub(super) fn refuse(&mut self, refusal: &Refusal, request_id: &str, language: Language) -> Bytes {
        let event = object([
            ("type", word("error")),
            ("code", word(refusal.code.code())),
            ("message", word(refusal.message.in_language(language))),
            ("param", refusal.param.as_deref().map_or(Value::Null, word)),
            ("sequence_number", long(self.sequence)),
        ]);
        let event = Value::Object(event).to_text();
        let error = render(refusal, request_id, language);
        let joined = match (event.strip_suffix('}'), error.strip_prefix('{')) {
            (Some(event), Some(error)) => format!("{event},{error}"),
            _ => error,
        };
        sse::named_frame("error", &joined)
    }

    fn finished(&self, parts: &Parts, usage: Option<&Object>) -> Object {
        let output = parts
            .iter()
            .enumerate()
            .map(|(place, part)| Value::Object(self.item(part, place, true)))
            .collect();
        let cut = match parts.finish_reason.as_deref() {
            Some("length") => Some("max_output_tokens"),
            Some("content_filter") => Some("content_filter"),
            _ => None,
        };
        let details = cut.map_or(Value::Null, |reason| Value::Object(object([("reason", word(reason))])));
        let status = if cut.is_some() { "incomplete" } else { "completed" };
        self.object(status, output, details, usage)
    }

    fn object(&self, status: &str, output: Vec<Value>, incomplete: Value, usage: Option<&Object>) -> Object {
        let format = object([("type", word("text"))]);
        let mut response = object([
            ("id", Value::String(format!("resp_{}", self.request_id))),
            ("object", word("response")),
            ("created_at", long(i64::try_from(self.created_s).unwrap_or(i64::MAX))),
            ("status", word(status)),
            ("background", Value::Bool(false)),
            ("error", Value::Null),
            ("incomplete_details", incomplete),
            ("instructions", Value::Null),
            ("metadata", Value::Object(Object::new())),
            ("model", word(&self.model)),
            ("output", Value::Array(output)),
            ("previous_response_id", Value::Null),
            ("store", Value::Bool(false)),
            ("text", Value::Object(object([("format", Value::Object(format))]))),
            ("tools", Value::Array(Vec::new())),
            ("truncation", word("disabled")),
            ("usage", usage.map_or(Value::Null, |usage| Value::Object(cost(usage)))),
            ("user", Value::Null),
        ]);
        for (name, value) in self.settings.iter() {
            response.set(name, value.clone());
        }
        response
    }

    fn item_id(&self, part: &Part, place: usize) -> String {
        let prefix = match part {
            Part::Thought(_) => "rs",
            Part::Text(_) => "msg",
            Part::Call(_) => "fc",
        };
        format!("{prefix}_{}_{place}", self.request_id)
    }

    /// An item of the output, with its texts once it `is_whole`.
    fn item(&self, part: &Part, place: usize, is_whole: bool) -> Object {
        let id = Value::String(self.item_id(part, place));
        let status = word(if is_whole { "completed" } else { "in_progress" });
        let content = |text: &str| {
            let part = content_part(part, text).filter(|_| is_whole);
            Value::Array(part.into_iter().collect())
        };
        match part {
            Part::Thought(text) => object([
                ("id", id),
                ("type", word("reasoning")),
                ("status", status),
                ("summary", Value::Array(Vec::new())),
                ("content", content(text)),
            ]),
            Part::Text(text) => object([
                ("id", id),
                ("type", word("message")),
                ("status", status),
                ("role", word("assistant")),
                ("content", content(text)),
            ]),
            Part::Call(call) => {
                let own_id = || Value::String(format!("call_{}_{place}", self.request_id));
                object([
                    ("id", id),
                    ("type", word("function_call")),
                    ("status", status),
                    ("call_id", call.id.as_deref().map_or_else(own_id, word)),
                    ("name", word(&call.name)),
                    ("arguments", word(if is_whole { &call.arguments } else { "" })),
                ])
            }
        }
    }

    fn content_event(
        &mut self,
        kind: &'static str,
        part: &Part,
        place: usize,
        name: &'static str,
        value: Value,
    ) -> Bytes {
        let id = Value::String(self.item_id(part, place));
        match part {
            Part::Call(call) if name == "arguments" => self.event(
                kind,
                [("item_id", id), ("output_index", number(place)), ("name", word(&call.name)), (name, value)],
            ),
            Part::Call(_) => {
                self.event(kind, [("item_id", id), ("output_index", number(place)), (name, value)])
            }
            Part::Thought(_) => self.event(
                kind,
                [
                    ("item_id", id),
                    ("output_index", number(place)),
                    ("content_index", number(0)),
                    (name, value),
                ],
            ),
            Part::Text(_) if name == "part" => self.event(
                kind,
                [
                    ("item_id", id),
                    ("output_index", number(place)),
                    ("content_index", number(0)),
                    (name, value),
                ],
            ),
            Part::Text(_) => self.event(
                kind,
                [
                    ("item_id", id),
                    ("output_index", number(place)),
                    ("content_index", number(0)),
                    (name, value),
                    ("logprobs", Value::Array(Vec::new())),
                ],
            ),
        }
    }

    fn event<const N: usize>(&mut self, kind: &'static str, members: [(&'static str, Value); N]) -> Bytes {
        let mut event = object([("type", word(kind)), ("sequence_number", long(self.sequence))]);
        self.sequence += 1;
        for (name, value) in members {
            event.set(name, value);
        }
        sse::named_frame(kind, &Value::Object(event).to_text())
    }
}

/// The one part of an item's content; calls have none.
fn content_part(part: &Part, text: &str) -> Option<Value> {
    match part {
        Part::Thought(_) => {
            Some(Value::Object(object([("type", word("reasoning_text")), ("text", word(text))])))
        }
        Part::Text(_) => Some(Value::Object(object([
            ("type", word("output_text")),
            ("text", word(text)),
            ("annotations", Value::Array(Vec::new())),
            ("logprobs", Value::Array(Vec::new())),
        ]))),
        Part::Call(_) => None,
    }
}

fn cost(usage: &Object) -> Object {
    let count = |object: &Object, name| object.get(name).and_then(Value::as_i64).unwrap_or_default();
    let detail =
        |of: &str, name| usage.get(of).and_then(Value::as_object).map_or(0, |object| count(object, name));
    let (input, output) = (count(usage, "prompt_tokens"), count(usage, "completion_tokens"));
    let cached = detail("prompt_tokens_details", "cached_tokens");
    let thought = detail("completion_tokens_details", "reasoning_tokens");
    object([
        ("input_tokens", long(input)),
        ("input_tokens_details", Value::Object(object([("cached_tokens", long(cached))]))),
        ("output_tokens", long(output)),
        ("output_tokens_details", Value::Object(object([("reasoning_tokens", long(thought))]))),
        ("total_tokens", long(input.saturating_add(output))),
    ])
}
