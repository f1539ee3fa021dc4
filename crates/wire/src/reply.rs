//! What a model server answers, taken apart and written anew.
//!
//! Only what is known is kept: a field that a model server invents tomorrow does not leave the house unseen. Numbers of
//! tokens (`token_ids`, `prompt_token_ids` …) spell text that nobody inspects, so they are never kept.

mod speech;

use std::fmt::Write as _;

use bytes::Bytes;

use crate::json::{self, Bounds, Object, Value};
use crate::request::{SHORT_NUMBER_BYTES, visit};
use crate::{Pointer, Surface, TextVisitor, sse};

pub use speech::{TELLINGS, as_stream, telling_path};

/// What a reply may cost. Embeddings are long arrays of numbers.
const REPLY_BOUNDS: Bounds = Bounds { depth_max: 64, nodes_max: 8_000_000 };

/// The words of one kind, of one choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Channel {
    Content,
    Reasoning,
    ReasoningContent,
    Refusal,
    /// The text of a completion.
    Text,
    /// Arguments of the tool call with this index, pieces of a JSON document.
    ToolArguments(u32),
    /// The name in the older `function_call`.
    FunctionArguments,
}

/// A piece of text of one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    pub channel: Channel,
    pub text: String,
}

/// How many LLM tokens an answer cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    pub prompt: u64,
    pub completion: u64,
}

/// One event of a streamed answer.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Chunk {
    pub id: Option<String>,
    pub created: Option<i64>,
    pub system_fingerprint: Option<String>,
    pub choices: Vec<ChunkChoice>,
    pub usage: Option<Object>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ChunkChoice {
    pub index: u32,
    pub role: Option<&'static str>,
    pub pieces: Vec<Piece>,
    pub tool_calls: Vec<ToolCallHead>,
    pub function_name: Option<String>,
    pub logprobs: Option<Value>,
    pub finish_reason: Option<String>,
    pub stop_reason: Option<Value>,
}

/// The part of a tool call that names it. Names and ids come whole, never in pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolCallHead {
    pub index: u32,
    pub id: Option<String>,
    pub name: Option<String>,
}

/// What a model server says when it does not answer the question.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UpstreamError {
    pub message: String,
    pub code: Option<String>,
    /// An HTTP status named inside an error event of a stream.
    pub status: Option<u16>,
}

impl UpstreamError {
    /// Reads the error bodies of OpenAI, vLLM (old and new) and FastAPI; anything else gives an empty message.
    pub fn parse(body: &[u8]) -> Self {
        let Ok(Value::Object(body)) = json::parse(body, &Bounds::default()) else {
            return Self::default();
        };
        Self::from_object(&body)
    }

    fn from_object(body: &Object) -> Self {
        let error = match body.get("error") {
            Some(Value::Object(error)) => error,
            Some(Value::String(message)) => {
                return Self { message: message.clone(), ..Self::default() };
            }
            _ => body,
        };
        let text = |name: &str| error.get(name).and_then(Value::as_str).map(str::to_owned);
        let status = error.get("code").and_then(Value::as_i64).and_then(|code| u16::try_from(code).ok());
        Self {
            message: text("message").or_else(|| text("detail")).unwrap_or_default(),
            code: text("code").filter(|code| is_plain(code)),
            status: status.filter(|status| (400..600).contains(status)),
        }
    }
}

/// Why a reply cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplyError {
    /// It is not what its surface promises. Says what is wrong, without any of its text.
    Malformed(&'static str),
    Upstream(UpstreamError),
}

/// Stands for an id that a model server made of what it may not tell.
const WITHHELD: &str = "withheld";

impl Chunk {
    /// Reads the data of one event, as it comes from a model server that was asked ([`Surface::asked_as`]). What the
    /// surface has no place for is left out.
    pub fn parse(surface: Surface, data: &str) -> Result<Self, ReplyError> {
        let mut chunk = Self::read(surface.asked_as(), data)?;
        if surface.is_speech() {
            chunk.choices.retain(|choice| choice.index == 0);
            chunk.choices.iter_mut().for_each(ChunkChoice::keep_words);
        }
        if surface.is_translated() {
            chunk.choices.retain(|choice| choice.index == 0);
            chunk.choices.iter_mut().for_each(ChunkChoice::simplify);
        }
        Ok(chunk)
    }

    fn read(surface: Surface, data: &str) -> Result<Self, ReplyError> {
        let Ok(Value::Object(mut body)) = json::parse(data.as_bytes(), &REPLY_BOUNDS) else {
            return Err(ReplyError::Malformed("an event holds no JSON object"));
        };
        if body.get("error").is_some_and(|error| !error.is_null())
            || body.get("object").and_then(Value::as_str) == Some("error")
        {
            return Err(ReplyError::Upstream(UpstreamError::from_object(&body)));
        }
        let mut chunk = Self {
            id: plain(&mut body, "id"),
            created: body.get("created").and_then(Value::as_i64),
            system_fingerprint: plain(&mut body, "system_fingerprint"),
            choices: Vec::new(),
            usage: match body.remove("usage") {
                Some(Value::Object(usage)) => Some(numbers_only(usage)),
                _ => None,
            },
        };
        let Some(Value::Array(choices)) = body.remove("choices") else {
            return Err(ReplyError::Malformed("an event has no choices"));
        };
        for choice in choices {
            let Value::Object(choice) = choice else {
                return Err(ReplyError::Malformed("a choice is no object"));
            };
            chunk.choices.push(ChunkChoice::parse(surface, choice)?);
        }
        Ok(chunk)
    }

    pub fn usage_counts(&self) -> Option<Usage> {
        self.usage.as_ref().map(usage_counts)
    }

    /// Takes away what stands beside the text and tells what it may not: id, fingerprint, names in the usage, and the
    /// reason of an end, which then is `stop`.
    pub fn withhold_unless(&mut self, is_harmless: impl Fn(&str) -> bool) {
        for text in [&mut self.id, &mut self.system_fingerprint].into_iter().flatten() {
            if !is_harmless(text) {
                WITHHELD.clone_into(text);
            }
        }
        for reason in self.choices.iter_mut().filter_map(|choice| choice.finish_reason.as_mut()) {
            if !is_harmless(reason) {
                "stop".clone_into(reason);
            }
        }
        self.usage.take_if(|usage| !is_harmless(&Value::Object(usage.clone()).to_text()));
    }

    /// The frame of this chunk. `with_usage`: write `"usage":null` where there is none, as OpenAI does when asked.
    pub fn to_frame(&self, surface: Surface, model: &str, with_usage: bool) -> Bytes {
        let mut out = String::with_capacity(320);
        out.push_str("{\"id\":");
        json::write_string(self.id.as_deref().unwrap_or_default(), &mut out);
        out.push_str(match surface {
            Surface::ChatCompletions => ",\"object\":\"chat.completion.chunk\"",
            _ => ",\"object\":\"text_completion\"",
        });
        let _ = write!(out, ",\"created\":{},\"model\":", self.created.unwrap_or_default());
        json::write_string(model, &mut out);
        if let Some(fingerprint) = &self.system_fingerprint {
            out.push_str(",\"system_fingerprint\":");
            json::write_string(fingerprint, &mut out);
        }
        out.push_str(",\"choices\":[");
        for (place, choice) in self.choices.iter().enumerate() {
            if place > 0 {
                out.push(',');
            }
            choice.write(surface, &mut out);
        }
        out.push(']');
        match &self.usage {
            Some(usage) => {
                out.push_str(",\"usage\":");
                json::write_object(usage, &mut out);
            }
            None if with_usage => out.push_str(",\"usage\":null"),
            None => {}
        }
        out.push('}');
        sse::frame(&out)
    }
}

impl ChunkChoice {
    fn parse(surface: Surface, mut body: Object) -> Result<Self, ReplyError> {
        let mut choice = Self {
            index: index(&body)?,
            finish_reason: plain(&mut body, "finish_reason"),
            stop_reason: body.remove("stop_reason").filter(|reason| !reason.is_null()),
            logprobs: body.remove("logprobs").filter(|logprobs| !logprobs.is_null()).map(without_token_ids),
            ..Self::default()
        };
        if surface == Surface::Completions {
            if let Some(Value::String(text)) = body.remove("text") {
                choice.pieces.push(Piece { channel: Channel::Text, text });
            }
            return Ok(choice);
        }
        let Some(Value::Object(mut delta)) = body.remove("delta") else {
            return Err(ReplyError::Malformed("a choice has no delta"));
        };
        choice.role = delta.get("role").and_then(Value::as_str).map(role);
        for (name, channel) in MESSAGE_CHANNELS {
            if let Some(Value::String(text)) = delta.remove(name) {
                choice.pieces.push(Piece { channel, text });
            }
        }
        if let Some(Value::Array(calls)) = delta.remove("tool_calls") {
            for call in calls {
                let Value::Object(mut call) = call else {
                    return Err(ReplyError::Malformed("a tool call is no object"));
                };
                let index = index(&call)?;
                let mut function = match call.remove("function") {
                    Some(Value::Object(function)) => function,
                    _ => Object::new(),
                };
                let head = ToolCallHead {
                    index,
                    id: text(&mut call, "id").filter(|id| !id.is_empty()),
                    name: text(&mut function, "name").filter(|name| !name.is_empty()),
                };
                if head.id.is_some() || head.name.is_some() {
                    choice.tool_calls.push(head);
                }
                if let Some(arguments) = text(&mut function, "arguments") {
                    choice.pieces.push(Piece { channel: Channel::ToolArguments(index), text: arguments });
                }
            }
        }
        if let Some(Value::Object(mut function)) = delta.remove("function_call") {
            choice.function_name = text(&mut function, "name").filter(|name| !name.is_empty());
            if let Some(arguments) = text(&mut function, "arguments") {
                choice.pieces.push(Piece { channel: Channel::FunctionArguments, text: arguments });
            }
        }
        Ok(choice)
    }

    /// Leaves what was said. The end of a stretch of speech is not the end of the transcript.
    fn keep_words(&mut self) {
        self.pieces.retain(|piece| piece.channel == Channel::Content);
        *self = Self { index: self.index, pieces: std::mem::take(&mut self.pieces), ..Self::default() };
    }

    /// Leaves what every surface has a place for: one kind of thought, one text, and calls.
    fn simplify(&mut self) {
        self.logprobs = None;
        let has_reasoning = self.pieces.iter().any(|piece| piece.channel == Channel::Reasoning);
        self.pieces.retain(|piece| {
            let is_repeated = has_reasoning && piece.channel == Channel::ReasoningContent;
            !piece.text.is_empty() && !is_repeated
        });
        for piece in &mut self.pieces {
            piece.channel = match piece.channel {
                Channel::ReasoningContent => Channel::Reasoning,
                Channel::Refusal => Channel::Content,
                other => other,
            };
        }
        // Thoughts come before the text that they lead to, whatever the order of the members.
        self.pieces.sort_by_key(|piece| piece.channel != Channel::Reasoning);
    }

    /// True when writing it would tell the asker nothing.
    pub fn is_empty(&self) -> bool {
        self.role.is_none()
            && self.pieces.is_empty()
            && self.tool_calls.is_empty()
            && self.function_name.is_none()
            && self.logprobs.is_none()
            && self.finish_reason.is_none()
    }

    fn write(&self, surface: Surface, out: &mut String) {
        let _ = write!(out, "{{\"index\":{}", self.index);
        if surface == Surface::Completions {
            out.push_str(",\"text\":");
            let text = self.pieces.iter().find(|piece| piece.channel == Channel::Text);
            json::write_string(text.map_or("", |piece| piece.text.as_str()), out);
        } else {
            out.push_str(",\"delta\":");
            self.write_delta(out);
        }
        out.push_str(",\"logprobs\":");
        match &self.logprobs {
            Some(logprobs) => json::write(logprobs, out),
            None => out.push_str("null"),
        }
        out.push_str(",\"finish_reason\":");
        match &self.finish_reason {
            Some(reason) => json::write_string(reason, out),
            None => out.push_str("null"),
        }
        if let Some(reason) = &self.stop_reason {
            out.push_str(",\"stop_reason\":");
            json::write(reason, out);
        }
        out.push('}');
    }

    fn write_delta(&self, out: &mut String) {
        let mut delta = Object::new();
        if let Some(role) = self.role {
            delta.set("role", Value::String(role.to_owned()));
        }
        for (name, channel) in MESSAGE_CHANNELS {
            if let Some(piece) = self.pieces.iter().find(|piece| piece.channel == channel) {
                delta.set(name, Value::String(piece.text.clone()));
            }
        }
        let mut calls: Vec<(u32, Object, Object)> = Vec::new();
        for head in &self.tool_calls {
            let mut call = Object::new();
            let mut function = Object::new();
            if let Some(id) = &head.id {
                call.set("id", Value::String(id.clone()));
                call.set("type", Value::String("function".to_owned()));
            }
            if let Some(name) = &head.name {
                function.set("name", Value::String(name.clone()));
            }
            calls.push((head.index, call, function));
        }
        for piece in &self.pieces {
            if let Channel::ToolArguments(index) = piece.channel {
                let arguments = Value::String(piece.text.clone());
                match calls.iter_mut().find(|(place, ..)| *place == index) {
                    Some((_, _, function)) => function.set("arguments", arguments),
                    None => {
                        let mut function = Object::new();
                        function.set("arguments", arguments);
                        calls.push((index, Object::new(), function));
                    }
                }
            }
        }
        if !calls.is_empty() {
            let calls = calls.into_iter().map(|(index, mut call, function)| {
                call.set("index", Value::Number(json::Number::from(i64::from(index))));
                call.set("function", Value::Object(function));
                Value::Object(call)
            });
            delta.set("tool_calls", Value::Array(calls.collect()));
        }
        let arguments = self.pieces.iter().find(|piece| piece.channel == Channel::FunctionArguments);
        if self.function_name.is_some() || arguments.is_some() {
            let mut function = Object::new();
            if let Some(name) = &self.function_name {
                function.set("name", Value::String(name.clone()));
            }
            if let Some(piece) = arguments {
                function.set("arguments", Value::String(piece.text.clone()));
            }
            delta.set("function_call", Value::Object(function));
        }
        json::write_object(&delta, out);
    }
}

const MESSAGE_CHANNELS: [(&str, Channel); 4] = [
    ("content", Channel::Content),
    ("reasoning", Channel::Reasoning),
    ("reasoning_content", Channel::ReasoningContent),
    ("refusal", Channel::Refusal),
];

/// An answer that came in one piece.
#[derive(Debug, Clone, PartialEq)]
pub struct WholeReply {
    body: Object,
    /// Of an answer whose `data` was found to be numbers and base 64.
    has_vectors: bool,
    /// Of an answer that tells the same words several times.
    is_transcript: bool,
}

impl WholeReply {
    /// Reads a body. `model` is what the asker called the model; `now` stands in for a missing `created`.
    pub fn parse(surface: Surface, bytes: &[u8], model: &str) -> Result<Self, ReplyError> {
        let Ok(Value::Object(body)) = json::parse(bytes, &REPLY_BOUNDS) else {
            return Err(ReplyError::Malformed("the reply is no JSON object"));
        };
        if body.get("error").is_some_and(|error| !error.is_null()) {
            return Err(ReplyError::Upstream(UpstreamError::from_object(&body)));
        }
        let mut kept = match surface.asked_as() {
            Surface::Embeddings => embeddings(body)?,
            Surface::Rerank => ranking(body)?,
            Surface::Score => scores(body)?,
            Surface::Tokenize => token_count(&body)?,
            asked @ (Surface::Transcriptions | Surface::Translations) => speech::transcript(asked, body)?,
            asked @ (Surface::ChatCompletions
            | Surface::Completions
            // INVARIANT: no question is asked as one of these.
            | Surface::Messages
            | Surface::CountTokens
            | Surface::Responses) => completion(asked, body)?,
        };
        kept.set("model", Value::String(model.to_owned()));
        let mut reply = Self {
            body: kept,
            has_vectors: surface.asked_as() == Surface::Embeddings,
            is_transcript: surface.is_speech(),
        };
        if surface.is_translated() {
            reply.remove_logprobs();
            reply.simplify();
        }
        Ok(reply)
    }

    /// Leaves what every surface has a place for: one choice, and of it one kind of thought.
    fn simplify(&mut self) {
        let Some(Value::Array(choices)) = self.body.get_mut("choices") else { return };
        choices.truncate(1);
        let messages = choices.iter_mut().filter_map(|choice| match choice {
            Value::Object(choice) => choice.get_mut("message"),
            _ => None,
        });
        for message in messages {
            if let Value::Object(message) = message
                && let Some(thought) = message.remove("reasoning_content")
                && message.get("reasoning").is_none()
            {
                message.set("reasoning", thought);
            }
        }
    }

    /// The same answer as one chunk of a stream would bring it.
    pub(crate) fn to_chunk(&self) -> Result<Chunk, ReplyError> {
        let mut chunk = Chunk::default();
        for choice in self.body.get("choices").and_then(Value::as_array).unwrap_or_default() {
            let Value::Object(mut choice) = choice.clone() else { continue };
            let Some(Value::Object(mut delta)) = choice.remove("message") else { continue };
            if let Some(Value::Array(calls)) = delta.get_mut("tool_calls") {
                for (place, call) in calls.iter_mut().enumerate() {
                    if let Value::Object(call) = call {
                        let place = i64::try_from(place).unwrap_or(i64::MAX);
                        call.set("index", Value::Number(json::Number::from(place)));
                    }
                }
            }
            choice.set("delta", Value::Object(delta));
            let mut choice = ChunkChoice::parse(Surface::ChatCompletions, choice)?;
            choice.simplify();
            chunk.choices.push(choice);
        }
        Ok(chunk)
    }

    pub(crate) fn usage(&self) -> Option<&Object> {
        self.body.get("usage").and_then(Value::as_object)
    }

    /// Of an answer to [`Surface::Tokenize`].
    pub(crate) fn token_count(&self) -> Option<i64> {
        self.body.get("count").and_then(Value::as_i64)
    }

    /// Shows every text that a person or program could read out of the answer.
    pub fn visit(&mut self, visitor: &mut dyn TextVisitor) {
        let mut at = Pointer::default();
        for (name, value) in self.body.iter_mut() {
            // INVARIANT: what is left out was made here, or is looked at by `withhold_unless`.
            let is_made_here = matches!(name, "object" | "created" | "model");
            let is_withheld = matches!(name, "id" | "system_fingerprint" | "usage");
            if is_made_here || is_withheld || (self.has_vectors && name == "data") {
                continue;
            }
            at.push(crate::Segment::Key(name));
            visit(value, &mut at, visitor);
            at.pop();
        }
    }

    /// Takes away what stands beside the text and tells what it may not: id, fingerprint, and names in the usage.
    pub fn withhold_unless(&mut self, is_harmless: impl Fn(&str) -> bool) {
        for name in ["id", "system_fingerprint"] {
            if let Some(Value::String(text)) = self.body.get_mut(name)
                && !is_harmless(text)
            {
                WITHHELD.clone_into(text);
            }
        }
        if let Some(Value::Object(usage)) = self.body.get_mut("usage")
            && !is_harmless(&Value::Object(usage.clone()).to_text())
        {
            self.body.remove("usage");
        }
    }

    /// Takes the probabilities of single tokens away: they spell the text in another way.
    pub fn remove_logprobs(&mut self) {
        if let Some(Value::Array(choices)) = self.body.get_mut("choices") {
            for choice in choices {
                if let Value::Object(choice) = choice
                    && choice.get("logprobs").is_some()
                {
                    choice.set("logprobs", Value::Null);
                }
            }
        }
    }

    pub fn has_logprobs(&self) -> bool {
        let choices = self.body.get("choices").and_then(Value::as_array).unwrap_or_default();
        choices
            .iter()
            .filter_map(Value::as_object)
            .any(|choice| choice.get("logprobs").is_some_and(|logprobs| !logprobs.is_null()))
    }

    pub fn usage_counts(&self) -> Option<Usage> {
        self.body.get("usage").and_then(Value::as_object).map(usage_counts)
    }

    /// The same without the documents of a ranking.
    pub(crate) fn without_documents(&self) -> Self {
        let mut kept = self.clone();
        if let Some(Value::Array(results)) = kept.body.get_mut("results") {
            for result in results {
                if let Value::Object(result) = result {
                    result.remove("document");
                }
            }
        }
        kept
    }

    pub fn to_bytes(&self) -> Bytes {
        let mut out = String::with_capacity(1024);
        json::write_object(&self.body, &mut out);
        Bytes::from(out)
    }
}

fn completion(surface: Surface, mut body: Object) -> Result<Object, ReplyError> {
    let mut kept = Object::new();
    if let Some(id) = plain(&mut body, "id") {
        kept.set("id", Value::String(id));
    }
    let object = if surface == Surface::ChatCompletions { "chat.completion" } else { "text_completion" };
    kept.set("object", Value::String(object.to_owned()));
    kept.set("created", body.remove("created").filter(|v| v.as_i64().is_some()).unwrap_or(Value::Null));
    kept.set("model", Value::Null);
    let Some(Value::Array(choices)) = body.remove("choices") else {
        return Err(ReplyError::Malformed("the reply has no choices"));
    };
    let choices: Result<Vec<Value>, ReplyError> = choices
        .into_iter()
        .map(|choice| match choice {
            Value::Object(choice) => whole_choice(surface, choice).map(Value::Object),
            _ => Err(ReplyError::Malformed("a choice is no object")),
        })
        .collect();
    kept.set("choices", Value::Array(choices?));
    if let Some(Value::Object(usage)) = body.remove("usage") {
        kept.set("usage", Value::Object(numbers_only(usage)));
    }
    if let Some(fingerprint) = plain(&mut body, "system_fingerprint") {
        kept.set("system_fingerprint", Value::String(fingerprint));
    }
    Ok(kept)
}

fn whole_choice(surface: Surface, mut body: Object) -> Result<Object, ReplyError> {
    let mut kept = Object::new();
    kept.set("index", Value::Number(json::Number::from(i64::from(index(&body)?))));
    if surface == Surface::Completions {
        let Some(text) = text(&mut body, "text") else {
            return Err(ReplyError::Malformed("a choice has no text"));
        };
        kept.set("text", Value::String(text));
    } else {
        let Some(Value::Object(message)) = body.remove("message") else {
            return Err(ReplyError::Malformed("a choice has no message"));
        };
        kept.set("message", Value::Object(whole_message(message)));
    }
    kept.set("logprobs", body.remove("logprobs").map_or(Value::Null, without_token_ids));
    let reason = plain(&mut body, "finish_reason");
    kept.set("finish_reason", reason.map_or(Value::Null, Value::String));
    if let Some(reason) = body.remove("stop_reason").filter(|reason| !reason.is_null()) {
        kept.set("stop_reason", reason);
    }
    Ok(kept)
}

fn whole_message(mut message: Object) -> Object {
    let mut kept = Object::new();
    let sender = message.get("role").and_then(Value::as_str).map_or("assistant", role);
    kept.set("role", Value::String(sender.to_owned()));
    kept.set("content", text(&mut message, "content").map_or(Value::Null, Value::String));
    kept.set("refusal", text(&mut message, "refusal").map_or(Value::Null, Value::String));
    for name in ["reasoning", "reasoning_content"] {
        if let Some(reasoning) = text(&mut message, name) {
            kept.set(name, Value::String(reasoning));
        }
    }
    if let Some(Value::Array(calls)) = message.remove("tool_calls")
        && !calls.is_empty()
    {
        let calls = calls.into_iter().filter_map(|call| match call {
            Value::Object(call) => Some(Value::Object(whole_tool_call(call))),
            _ => None,
        });
        kept.set("tool_calls", Value::Array(calls.collect()));
    }
    if let Some(Value::Object(function)) = message.remove("function_call") {
        kept.set("function_call", Value::Object(called_function(function)));
    }
    kept
}

fn whole_tool_call(mut call: Object) -> Object {
    let mut kept = Object::new();
    kept.set("id", text(&mut call, "id").map_or(Value::Null, Value::String));
    kept.set("type", Value::String("function".to_owned()));
    if let Some(Value::Object(function)) = call.remove("function") {
        kept.set("function", Value::Object(called_function(function)));
    }
    kept
}

fn called_function(mut function: Object) -> Object {
    let mut kept = Object::new();
    kept.set("name", text(&mut function, "name").map_or(Value::Null, Value::String));
    kept.set("arguments", text(&mut function, "arguments").map_or(Value::Null, Value::String));
    kept
}

fn embeddings(mut body: Object) -> Result<Object, ReplyError> {
    let mut kept = Object::new();
    kept.set("object", Value::String("list".to_owned()));
    let Some(Value::Array(items)) = body.remove("data") else {
        return Err(ReplyError::Malformed("the reply has no data"));
    };
    let mut data = Vec::with_capacity(items.len());
    for item in items {
        let Value::Object(mut item) = item else {
            return Err(ReplyError::Malformed("an embedding is no object"));
        };
        let is_vector = match item.get("embedding") {
            Some(Value::Array(numbers)) => numbers.iter().all(|number| matches!(number, Value::Number(_))),
            Some(Value::String(base64)) => is_base64(base64),
            _ => false,
        };
        if !is_vector {
            return Err(ReplyError::Malformed("an embedding is neither numbers nor base64"));
        }
        let mut embedding = Object::new();
        embedding.set("object", Value::String("embedding".to_owned()));
        embedding.set("index", Value::Number(json::Number::from(i64::from(index(&item)?))));
        embedding.set("embedding", item.remove("embedding").unwrap_or(Value::Null));
        data.push(Value::Object(embedding));
    }
    kept.set("data", Value::Array(data));
    kept.set("model", Value::Null);
    if let Some(Value::Object(usage)) = body.remove("usage") {
        kept.set("usage", Value::Object(numbers_only(usage)));
    }
    Ok(kept)
}

/// The numbers of the tokens spell the text that was asked about, so only how many they are is kept.
fn token_count(body: &Object) -> Result<Object, ReplyError> {
    match body.get("count").and_then(Value::as_i64) {
        Some(count @ 0..) => {
            let mut kept = Object::new();
            kept.set("count", Value::Number(json::Number::from(count)));
            Ok(kept)
        }
        _ => Err(ReplyError::Malformed("the reply has no count")),
    }
}

/// `results` of a rerank: documents, each with its place in the question and how well it fits.
fn ranking(mut body: Object) -> Result<Object, ReplyError> {
    let mut kept = Object::new();
    if let Some(id) = plain(&mut body, "id") {
        kept.set("id", Value::String(id));
    }
    kept.set("model", Value::Null);
    if let Some(Value::Object(usage)) = body.remove("usage") {
        kept.set("usage", Value::Object(numbers_only(usage)));
    }
    let Some(Value::Array(items)) = body.remove("results") else {
        return Err(ReplyError::Malformed("the reply has no results"));
    };
    let mut results = Vec::with_capacity(items.len());
    for item in items {
        let Value::Object(mut item) = item else {
            return Err(ReplyError::Malformed("a result is no object"));
        };
        let mut result = Object::new();
        result.set("index", Value::Number(json::Number::from(i64::from(index(&item)?))));
        let text = match item.remove("document") {
            Some(Value::Object(mut document)) => text(&mut document, "text"),
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        if let Some(text) = text {
            let mut document = Object::new();
            document.set("text", Value::String(text));
            result.set("document", Value::Object(document));
        }
        result.set("relevance_score", score(&mut item, "relevance_score")?);
        results.push(Value::Object(result));
    }
    kept.set("results", Value::Array(results));
    Ok(kept)
}

fn scores(mut body: Object) -> Result<Object, ReplyError> {
    let mut kept = Object::new();
    if let Some(id) = plain(&mut body, "id") {
        kept.set("id", Value::String(id));
    }
    kept.set("object", Value::String("list".to_owned()));
    kept.set("created", body.remove("created").filter(|v| v.as_i64().is_some()).unwrap_or(Value::Null));
    kept.set("model", Value::Null);
    let Some(Value::Array(items)) = body.remove("data") else {
        return Err(ReplyError::Malformed("the reply has no data"));
    };
    let mut data = Vec::with_capacity(items.len());
    for item in items {
        let Value::Object(mut item) = item else {
            return Err(ReplyError::Malformed("a score is no object"));
        };
        let mut kept = Object::new();
        kept.set("index", Value::Number(json::Number::from(i64::from(index(&item)?))));
        kept.set("object", Value::String("score".to_owned()));
        kept.set("score", score(&mut item, "score")?);
        data.push(Value::Object(kept));
    }
    kept.set("data", Value::Array(data));
    if let Some(Value::Object(usage)) = body.remove("usage") {
        kept.set("usage", Value::Object(numbers_only(usage)));
    }
    Ok(kept)
}

/// How well something fits.
fn score(item: &mut Object, name: &str) -> Result<Value, ReplyError> {
    let number = match item.remove(name) {
        Some(Value::Number(number)) => rounded(&number),
        _ => None,
    };
    number.ok_or(ReplyError::Malformed("a score is no number"))
}

/// A number of at most nine bytes where it is below 10^8. A longer one would have to be inspected like a text, and says no
/// more.
fn rounded(number: &json::Number) -> Option<Value> {
    let number = number.as_f64();
    let whole_digits = format!("{:.0}", number.trunc()).len();
    let text = format!("{number:.*}", SHORT_NUMBER_BYTES.saturating_sub(whole_digits + 1).min(6));
    json::parse(text.as_bytes(), &REPLY_BOUNDS).ok()
}

fn is_base64(text: &str) -> bool {
    text.len().is_multiple_of(4)
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='))
}

fn index(body: &Object) -> Result<u32, ReplyError> {
    match body.get("index") {
        None => Ok(0),
        Some(value) => value
            .as_i64()
            .and_then(|index| u32::try_from(index).ok())
            .filter(|index| *index < 4096)
            .ok_or(ReplyError::Malformed("an index is out of range")),
    }
}

/// The one known role that it names.
fn role(text: &str) -> &'static str {
    match text {
        "tool" => "tool",
        "user" => "user",
        "system" => "system",
        _ => "assistant",
    }
}

fn text(body: &mut Object, name: &str) -> Option<String> {
    match body.remove(name) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}

/// A short word of the protocol, such as an id or a reason; anything that could be prose is left out.
fn plain(body: &mut Object, name: &str) -> Option<String> {
    text(body, name).filter(|word| is_plain(word))
}

fn is_plain(word: &str) -> bool {
    (1..=128).contains(&word.len())
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':'))
}

/// `usage` and its details: numbers, and objects of numbers.
fn numbers_only(usage: Object) -> Object {
    let mut kept = Object::new();
    for (name, value) in usage {
        if !is_plain(&name) {
            continue;
        }
        match value {
            Value::Number(_) | Value::Null => kept.set(&name, value),
            Value::Object(details) => kept.set(&name, Value::Object(numbers_only(details))),
            _ => {}
        }
    }
    kept
}

fn usage_counts(usage: &Object) -> Usage {
    let count = |name| usage.get(name).and_then(Value::as_i64).and_then(|n| u64::try_from(n).ok());
    Usage {
        prompt: count("prompt_tokens").or_else(|| count("input_tokens")).unwrap_or_default(),
        completion: count("completion_tokens").or_else(|| count("output_tokens")).unwrap_or_default(),
    }
}

/// Drops `token_ids` from log probabilities.
fn without_token_ids(logprobs: Value) -> Value {
    match logprobs {
        Value::Object(mut object) => {
            object.retain(|name, _| {
                matches!(
                    name,
                    "content" | "refusal" | "tokens" | "token_logprobs" | "top_logprobs" | "text_offset"
                )
            });
            Value::Object(object)
        }
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests;
