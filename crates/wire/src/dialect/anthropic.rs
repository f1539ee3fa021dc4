//! Anthropic's messages (API version 2023-06-01; reference at docs.anthropic.com, 2026-10): a conversation there and back.

use super::{Untranslatable, number, object, text};
use crate::ReplyError;
use crate::json::{self, Bounds, Object, Value};

/// `max_tokens` is required there; without one this many are asked for.
const TOKENS_DEFAULT: i64 = 4096;

/// Fields that mean the same or have a counterpart, and those that may be left out without changing what is answered.
const KNOWN: [&str; 18] = [
    "model",
    "messages",
    "max_tokens",
    "max_completion_tokens",
    "temperature",
    "top_p",
    "top_k",
    "stop",
    "stream",
    "stream_options",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "n",
    "seed",
    "reasoning_effort",
    "include_reasoning",
    "response_format",
];

/// A request for chat completions as a request for a message.
pub(super) fn request(mut body: Object) -> Result<Object, Untranslatable> {
    // A last message of the assistant's is gone on with anyway.
    super::continues(&mut body);
    if let Some((name, _)) = body.iter().find(|(name, _)| !KNOWN.contains(name)) {
        return Err(Untranslatable::new(name));
    }
    if body.get("n").is_some_and(|n| n.as_i64() != Some(1)) {
        return Err(Untranslatable::new("n"));
    }
    let mut out = Object::new();
    let mut keep = |out: &mut Object, ours: &str, theirs: &str| {
        if let Some(value) = body.remove(ours) {
            out.set(theirs, value);
        }
    };
    keep(&mut out, "model", "model");
    out.set("max_tokens", number(TOKENS_DEFAULT));
    keep(&mut out, "max_tokens", "max_tokens");
    keep(&mut out, "max_completion_tokens", "max_tokens");
    for same in ["temperature", "top_p", "top_k", "stream"] {
        keep(&mut out, same, same);
    }
    match body.remove("stop") {
        Some(Value::String(stop)) => out.set("stop_sequences", Value::Array(vec![Value::String(stop)])),
        Some(Value::Array(stops)) => out.set("stop_sequences", Value::Array(stops)),
        _ => {}
    }
    if let Some(Value::Array(tools)) = body.remove("tools") {
        let tools: Result<Vec<Value>, _> = tools.into_iter().map(tool).collect();
        out.set("tools", Value::Array(tools?));
        let parallel = body.get("parallel_tool_calls").and_then(Value::as_bool);
        if let Some(choice) = tool_choice(body.remove("tool_choice"), parallel)? {
            out.set("tool_choice", Value::Object(choice));
        }
    }
    if let Some(Value::Object(mut format)) = body.remove("response_format") {
        match format.get("type").and_then(Value::as_str) {
            Some("text") => {}
            Some("json_schema") => {
                let schema = match format.remove("json_schema") {
                    Some(Value::Object(mut named)) => named.remove("schema"),
                    _ => None,
                };
                let schema = schema.ok_or_else(|| Untranslatable::new("response_format"))?;
                let format = object([("type", text("json_schema")), ("schema", schema)]);
                out.set("output_config", Value::Object(object([("format", Value::Object(format))])));
            }
            _ => return Err(Untranslatable::new("response_format")),
        }
    }
    let Some(Value::Array(messages)) = body.remove("messages") else {
        return Err(Untranslatable::new("messages"));
    };
    let mut turns = Turns::default();
    for (place, message) in messages.into_iter().enumerate() {
        let Value::Object(message) = message else { continue };
        turns.push(message).map_err(|field| Untranslatable::new(format!("messages[{place}].{field}")))?;
    }
    if !turns.system.is_empty() {
        out.set("system", Value::Array(turns.system));
    }
    let messages = turns.turns.into_iter().map(|(role, blocks)| {
        Value::Object(object([("role", text(role)), ("content", Value::Array(blocks))]))
    });
    out.set("messages", Value::Array(messages.collect()));
    Ok(out)
}

/// The system's words apart, and the turns of user and assistant; what one says in several messages is one turn.
#[derive(Default)]
struct Turns {
    system: Vec<Value>,
    turns: Vec<(&'static str, Vec<Value>)>,
}

impl Turns {
    fn push(&mut self, mut message: Object) -> Result<(), &'static str> {
        let blocks = blocks(message.remove("content"))?;
        match message.get("role").and_then(Value::as_str) {
            Some("system" | "developer") => self.system.extend(blocks),
            Some("user") => self.say("user", blocks),
            Some("tool") => {
                let Some(id) = message.remove("tool_call_id") else { return Err("tool_call_id") };
                let result = object([
                    ("type", text("tool_result")),
                    ("tool_use_id", id),
                    ("content", Value::Array(blocks)),
                ]);
                self.say("user", vec![Value::Object(result)]);
            }
            Some("assistant") => {
                let mut blocks = blocks;
                if let Some(Value::Array(calls)) = message.remove("tool_calls") {
                    for call in calls {
                        blocks.push(tool_use(call).ok_or("tool_calls")?);
                    }
                }
                if blocks.is_empty() {
                    return Ok(());
                }
                self.say("assistant", blocks);
            }
            _ => return Err("role"),
        }
        Ok(())
    }

    fn say(&mut self, role: &'static str, blocks: Vec<Value>) {
        match self.turns.last_mut() {
            Some((last, said)) if *last == role => said.extend(blocks),
            _ => self.turns.push((role, blocks)),
        }
    }
}

fn blocks(content: Option<Value>) -> Result<Vec<Value>, &'static str> {
    let block = |words: Value| Value::Object(object([("type", text("text")), ("text", words)]));
    match content {
        None | Some(Value::Null) => Ok(Vec::new()),
        // An empty block is refused there.
        Some(Value::String(words)) if words.is_empty() => Ok(Vec::new()),
        Some(words @ Value::String(_)) => Ok(vec![block(words)]),
        Some(Value::Array(parts)) => parts
            .into_iter()
            .map(|part| match part {
                Value::Object(mut part) => part.remove("text").map(block).ok_or("content"),
                _ => Err("content"),
            })
            .collect(),
        Some(_) => Err("content"),
    }
}

fn tool(tool: Value) -> Result<Value, Untranslatable> {
    let Value::Object(mut tool) = tool else { return Err(Untranslatable::new("tools")) };
    let Some(Value::Object(mut function)) = tool.remove("function") else {
        return Err(Untranslatable::new("tools"));
    };
    let mut out = Object::new();
    for same in ["name", "description"] {
        if let Some(value) = function.remove(same) {
            out.set(same, value);
        }
    }
    let schema = function.remove("parameters").filter(|schema| matches!(schema, Value::Object(_)));
    out.set("input_schema", schema.unwrap_or_else(|| Value::Object(object([("type", text("object"))]))));
    Ok(Value::Object(out))
}

fn tool_choice(choice: Option<Value>, parallel: Option<bool>) -> Result<Option<Object>, Untranslatable> {
    let mut out = match choice {
        None | Some(Value::Null) if parallel.is_none() => return Ok(None),
        None | Some(Value::Null) => object([("type", text("auto"))]),
        Some(Value::String(word)) => match word.as_str() {
            "auto" => object([("type", text("auto"))]),
            "required" => object([("type", text("any"))]),
            "none" => return Ok(Some(object([("type", text("none"))]))),
            _ => return Err(Untranslatable::new("tool_choice")),
        },
        Some(Value::Object(choice)) => {
            let function = choice.get("function").and_then(Value::as_object);
            let name = function.and_then(|function| function.get("name")).and_then(Value::as_str);
            let name = name.ok_or_else(|| Untranslatable::new("tool_choice"))?;
            object([("type", text("tool")), ("name", text(name))])
        }
        Some(_) => return Err(Untranslatable::new("tool_choice")),
    };
    if let Some(parallel) = parallel {
        out.set("disable_parallel_tool_use", Value::Bool(!parallel));
    }
    Ok(Some(out))
}

/// A call of an earlier answer. Its arguments are a document there, and a text of one here.
fn tool_use(call: Value) -> Option<Value> {
    let Value::Object(mut call) = call else { return None };
    let id = call.remove("id")?;
    let Some(Value::Object(mut function)) = call.remove("function") else { return None };
    let name = function.remove("name")?;
    let input = match function.remove("arguments") {
        Some(Value::String(arguments)) if !arguments.trim().is_empty() => {
            json::parse(arguments.as_bytes(), &Bounds::default())
                .ok()
                .filter(|input| input.as_object().is_some())?
        }
        _ => Value::Object(Object::new()),
    };
    Some(Value::Object(object([("type", text("tool_use")), ("id", id), ("name", name), ("input", input)])))
}

/// A message as a chat completion.
pub(super) fn reply(mut body: Object) -> Result<String, ReplyError> {
    if body.get("type").and_then(Value::as_str) == Some("error") {
        return Ok(Value::Object(body).to_text());
    }
    let Some(Value::Array(blocks)) = body.remove("content") else {
        return Err(ReplyError::Malformed("the message has no content"));
    };
    let (mut content, mut reasoning, mut calls) = (String::new(), String::new(), Vec::new());
    for block in blocks {
        let Value::Object(mut block) = block else {
            return Err(ReplyError::Malformed("a block of the message is no object"));
        };
        match block.get("type").and_then(Value::as_str) {
            Some("text") => content.push_str(block.get("text").and_then(Value::as_str).unwrap_or_default()),
            Some("thinking") => {
                reasoning.push_str(block.get("thinking").and_then(Value::as_str).unwrap_or_default());
            }
            Some("tool_use") => {
                let arguments = block.remove("input").unwrap_or(Value::Object(Object::new())).to_text();
                let function = object([
                    ("name", block.remove("name").unwrap_or(Value::Null)),
                    ("arguments", text(arguments)),
                ]);
                calls.push(Value::Object(object([
                    ("id", block.remove("id").unwrap_or(Value::Null)),
                    ("type", text("function")),
                    ("function", Value::Object(function)),
                ])));
            }
            // Sealed reasoning, and what tools of the provider's own would answer: nobody here can inspect it.
            _ => {}
        }
    }
    let mut message = object([("role", text("assistant")), ("content", text(content))]);
    if !reasoning.is_empty() {
        message.set("reasoning_content", text(reasoning));
    }
    if !calls.is_empty() {
        message.set("tool_calls", Value::Array(calls));
    }
    let choice = object([
        ("index", number(0)),
        ("message", Value::Object(message)),
        ("finish_reason", finish_reason(body.get("stop_reason"))),
    ]);
    let mut out = object([
        ("id", body.remove("id").unwrap_or(Value::Null)),
        ("object", text("chat.completion")),
        ("created", number(0)),
        ("choices", Value::Array(vec![Value::Object(choice)])),
    ]);
    if let Some(Value::Object(usage)) = body.get("usage") {
        let (prompt, completion) = (input_tokens(usage), tokens(usage, "output_tokens"));
        out.set("usage", Value::Object(usage_of(prompt, completion)));
    }
    Ok(Value::Object(out).to_text())
}

fn finish_reason(stop: Option<&Value>) -> Value {
    match stop.and_then(Value::as_str) {
        None => Value::Null,
        Some("max_tokens" | "model_context_window_exceeded") => text("length"),
        Some("tool_use") => text("tool_calls"),
        Some("refusal") => text("content_filter"),
        Some(_) => text("stop"),
    }
}

fn tokens(usage: &Object, name: &str) -> i64 {
    usage.get(name).and_then(Value::as_i64).unwrap_or_default()
}

/// What was read anew, from a cache and into one: all of it stood in the question.
fn input_tokens(usage: &Object) -> i64 {
    ["input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"]
        .into_iter()
        .fold(0, |sum: i64, name| sum.saturating_add(tokens(usage, name)))
}

fn usage_of(prompt: i64, completion: i64) -> Object {
    object([
        ("prompt_tokens", number(prompt)),
        ("completion_tokens", number(completion)),
        ("total_tokens", number(prompt.saturating_add(completion))),
    ])
}

/// A streamed message, event by event.
#[derive(Debug, Default)]
pub(super) struct Stream {
    id: String,
    prompt: i64,
    completion: i64,
    /// The number of each call among the calls, by the number of its block; `None` for a block that is no call.
    calls: Vec<Option<i64>>,
}

impl Stream {
    pub(super) fn take(&mut self, mut event: Object) -> Result<Vec<String>, ReplyError> {
        let kind = event.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
        match kind.as_str() {
            "message_start" => {
                let Some(Value::Object(mut message)) = event.remove("message") else {
                    return Err(ReplyError::Malformed("a message begins without one"));
                };
                if let Some(Value::String(id)) = message.remove("id") {
                    self.id = id;
                }
                if let Some(Value::Object(usage)) = message.get("usage") {
                    self.prompt = input_tokens(usage);
                    self.completion = tokens(usage, "output_tokens");
                }
                Ok(vec![
                    self.chunk(object([("role", text("assistant")), ("content", text(""))]), Value::Null),
                ])
            }
            "content_block_start" => self.start(&event),
            "content_block_delta" => self.delta(event),
            "message_delta" => {
                if let Some(Value::Object(usage)) = event.get("usage") {
                    self.completion = tokens(usage, "output_tokens");
                }
                let stop =
                    event.get("delta").and_then(Value::as_object).and_then(|delta| delta.get("stop_reason"));
                Ok(vec![self.chunk(Object::new(), finish_reason(stop))])
            }
            "message_stop" => {
                let mut usage = self.head();
                usage.set("choices", Value::Array(Vec::new()));
                usage.set("usage", Value::Object(usage_of(self.prompt, self.completion)));
                Ok(vec![Value::Object(usage).to_text(), "[DONE]".to_owned()])
            }
            "error" => Ok(vec![Value::Object(event).to_text()]),
            // `ping`, `content_block_stop`, and events of versions to come, which hold nothing that is passed on.
            _ => Ok(Vec::new()),
        }
    }

    fn start(&mut self, event: &Object) -> Result<Vec<String>, ReplyError> {
        let block = event.get("content_block").and_then(Value::as_object);
        let kind = block.and_then(|block| block.get("type")).and_then(Value::as_str);
        let place = place(event)?;
        if place != self.calls.len() {
            return Err(ReplyError::Malformed("the blocks of the message are not in order"));
        }
        let Some(block) = block.filter(|_| kind == Some("tool_use")) else {
            self.calls.push(None);
            return Ok(Vec::new());
        };
        let call = self.calls.iter().flatten().count();
        let call = i64::try_from(call).unwrap_or(i64::MAX);
        self.calls.push(Some(call));
        let named = |name: &str| block.get(name).cloned().unwrap_or(Value::Null);
        let function = object([("name", named("name")), ("arguments", text(""))]);
        let head = object([
            ("index", number(call)),
            ("id", named("id")),
            ("type", text("function")),
            ("function", Value::Object(function)),
        ]);
        let delta = object([("tool_calls", Value::Array(vec![Value::Object(head)]))]);
        Ok(vec![self.chunk(delta, Value::Null)])
    }

    fn delta(&mut self, mut event: Object) -> Result<Vec<String>, ReplyError> {
        let place = place(&event)?;
        let Some(Value::Object(mut delta)) = event.remove("delta") else {
            return Err(ReplyError::Malformed("a delta of the message is none"));
        };
        let kind = delta.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut words = |name: &str| delta.remove(name).filter(|words| words.as_str().is_some());
        let said = match kind.as_str() {
            "text_delta" => words("text").map(|words| object([("content", words)])),
            "thinking_delta" => words("thinking").map(|words| object([("reasoning_content", words)])),
            "input_json_delta" => {
                let call = self.calls.get(place).copied().flatten();
                let call = call.ok_or(ReplyError::Malformed("arguments of a call that did not begin"))?;
                words("partial_json").map(|words| {
                    let function = object([("arguments", words)]);
                    let piece = object([("index", number(call)), ("function", Value::Object(function))]);
                    object([("tool_calls", Value::Array(vec![Value::Object(piece)]))])
                })
            }
            _ => None,
        };
        Ok(said.map(|delta| self.chunk(delta, Value::Null)).into_iter().collect())
    }

    fn head(&self) -> Object {
        object([
            ("id", text(self.id.clone())),
            ("object", text("chat.completion.chunk")),
            ("created", number(0)),
        ])
    }

    fn chunk(&self, delta: Object, finish_reason: Value) -> String {
        let choice =
            object([("index", number(0)), ("delta", Value::Object(delta)), ("finish_reason", finish_reason)]);
        let mut chunk = self.head();
        chunk.set("choices", Value::Array(vec![Value::Object(choice)]));
        Value::Object(chunk).to_text()
    }
}

/// The number of the block that an event belongs to.
fn place(event: &Object) -> Result<usize, ReplyError> {
    let place = event.get("index").and_then(Value::as_i64).and_then(|place| usize::try_from(place).ok());
    place.ok_or(ReplyError::Malformed("an event of the message belongs to no block"))
}

#[cfg(test)]
mod tests;
