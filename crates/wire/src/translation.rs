//! A question of one surface, written as the chat that a model server is asked.
//!
//! Text for text: what stands in a chat's text stood, whole and alone, in one text of the asker's document, so it was
//! inspected as it is. Only thoughts of one turn are put together, because a chat has one place for them.

mod messages;
mod responses;

use crate::json::{Object, Value};

pub(crate) use messages::{to_chat as messages_to_chat, to_tokenize};
pub(crate) use responses::to_chat as responses_to_chat;

/// A rerank whose documents are all strings, as vLLM has it; `None` where they are.
pub(crate) fn with_plain_documents(body: &Object) -> Option<Object> {
    objects(body, "documents").next()?;
    let documents = body.get("documents").and_then(Value::as_array).unwrap_or_default();
    let plain = documents.iter().map(|document| match document {
        Value::Object(document) => word(text(document, "text")),
        other => other.clone(),
    });
    let documents = Value::Array(plain.collect());
    let mut question = body.clone();
    question.set("documents", documents);
    Some(question)
}

/// Between two thoughts of one turn.
const BETWEEN_THOUGHTS: &str = "\n\n";

fn word(text: &str) -> Value {
    Value::String(text.to_owned())
}

fn object(members: impl IntoIterator<Item = (&'static str, Value)>) -> Object {
    let mut object = Object::new();
    for (name, value) in members {
        object.set(name, value);
    }
    object
}

/// Takes members over that both documents have.
fn copy(from: &Object, names: &[&str], to: &mut Object) {
    for name in names {
        if let Some(value) = from.get(name) {
            to.set(name, value.clone());
        }
    }
}

fn copy_as(from: &Object, name: &str, to: &mut Object, new_name: &str) {
    if let Some(value) = from.get(name) {
        to.set(new_name, value.clone());
    }
}

fn text<'v>(object: &'v Object, name: &str) -> &'v str {
    object.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn objects<'v>(object: &'v Object, name: &str) -> impl Iterator<Item = &'v Object> {
    object.get(name).and_then(Value::as_array).unwrap_or_default().iter().filter_map(Value::as_object)
}

fn message(role: &str, content: Value) -> Object {
    object([("role", word(role)), ("content", content)])
}

fn text_part(text: &str) -> Value {
    Value::Object(object([("type", word("text")), ("text", word(text))]))
}

/// A string, or its parts as a chat has them.
fn content(value: Option<&Value>) -> Value {
    match value {
        Some(Value::Array(parts)) => {
            Value::Array(parts.iter().filter_map(Value::as_object).map(content_part).collect())
        }
        Some(Value::String(text)) => word(text),
        _ => word(""),
    }
}

fn content_part(part: &Object) -> Value {
    match part.get("refusal") {
        Some(refusal) => Value::Object(object([("type", word("refusal")), ("refusal", refusal.clone())])),
        None => text_part(text(part, "text")),
    }
}

/// What an assistant said in one turn, until something else is said.
#[derive(Default)]
struct AssistantTurn {
    thoughts: Vec<String>,
    content: Option<Value>,
    calls: Vec<Value>,
}

impl AssistantTurn {
    fn call(&mut self, id: &str, name: &str, arguments: Value) {
        let function = object([("name", word(name)), ("arguments", arguments)]);
        let call = [("id", word(id)), ("type", word("function")), ("function", Value::Object(function))];
        self.calls.push(Value::Object(object(call)));
    }

    fn is_empty(&self) -> bool {
        self.thoughts.is_empty() && self.content.is_none() && self.calls.is_empty()
    }

    /// Ends the turn: one message of a chat, if anything was said.
    fn end(&mut self, messages: &mut Vec<Value>) {
        if self.is_empty() {
            return;
        }
        let turn = std::mem::take(self);
        let mut message = message("assistant", turn.content.unwrap_or(Value::Null));
        if !turn.thoughts.is_empty() {
            message.set("reasoning", Value::String(turn.thoughts.join(BETWEEN_THOUGHTS)));
        }
        if !turn.calls.is_empty() {
            message.set("tool_calls", Value::Array(turn.calls));
        }
        messages.push(Value::Object(message));
    }
}

fn function_tool(tool: &Object, parameters: &str) -> Value {
    let mut function = Object::new();
    copy(tool, &["name", "description"], &mut function);
    copy_as(tool, parameters, &mut function, "parameters");
    copy(tool, &["strict"], &mut function);
    Value::Object(object([("type", word("function")), ("function", Value::Object(function))]))
}

fn named_function(name: &str) -> Value {
    let function = Value::Object(object([("name", word(name))]));
    Value::Object(object([("type", word("function")), ("function", function)]))
}

fn json_schema_format(schema: Object) -> Value {
    Value::Object(object([("type", word("json_schema")), ("json_schema", Value::Object(schema))]))
}

#[cfg(test)]
mod tests;
