//! Anthropic's messages as a chat.

use super::{
    AssistantTurn, content, copy, copy_as, function_tool, json_schema_format, message, named_function,
    object, objects, text, text_part, word,
};
use crate::json::{Object, Value};

pub(crate) fn to_chat(body: &Object) -> Object {
    let mut chat = Object::new();
    copy(body, &["model"], &mut chat);
    let messages = messages(body);
    let is_begun = is_begun(body);
    chat.set("messages", Value::Array(messages));
    if is_begun {
        chat.set("add_generation_prompt", Value::Bool(false));
        chat.set("continue_final_message", Value::Bool(true));
    }
    let tools = tools(body);
    if !tools.is_empty() {
        chat.set("tools", Value::Array(tools));
        choose_tool(body, &mut chat);
    }
    copy(body, &["max_tokens", "temperature", "top_p", "top_k", "stream"], &mut chat);
    copy_as(body, "stop_sequences", &mut chat, "stop");
    if body
        .get("thinking")
        .and_then(Value::as_object)
        .is_some_and(|thinking| text(thinking, "type") == "disabled")
    {
        chat.set("include_reasoning", Value::Bool(false));
    }
    let config = body.get("output_config").and_then(Value::as_object);
    if let Some(config) = config {
        copy_as(config, "effort", &mut chat, "reasoning_effort");
    }
    let format = config.and_then(|config| config.get("format")).or_else(|| body.get("output_format"));
    if let Some(schema) = format.and_then(Value::as_object).and_then(|format| format.get("schema")) {
        let schema =
            object([("name", word("answer")), ("schema", schema.clone()), ("strict", Value::Bool(true))]);
        chat.set("response_format", json_schema_format(schema));
    }
    chat
}

/// What a model server is asked when only the length of a question is wanted.
pub(crate) fn to_tokenize(body: &Object) -> Object {
    let mut question = Object::new();
    copy(body, &["model"], &mut question);
    question.set("messages", Value::Array(messages(body)));
    let tools = tools(body);
    if !tools.is_empty() {
        question.set("tools", Value::Array(tools));
    }
    question
}

/// Whether the last message is the beginning of the answer.
fn is_begun(body: &Object) -> bool {
    let Some(last) = objects(body, "messages").last() else { return false };
    text(last, "role") == "assistant" && objects(last, "content").all(|block| text(block, "type") == "text")
}

fn messages(body: &Object) -> Vec<Value> {
    let mut messages = Vec::new();
    if let Some(system) = body.get("system") {
        messages.push(Value::Object(message("system", content(Some(system)))));
    }
    for said in objects(body, "messages") {
        match (text(said, "role"), said.get("content")) {
            (role, Some(Value::String(whole))) => messages.push(Value::Object(message(role, word(whole)))),
            ("assistant", _) => assistant(said, &mut messages),
            _ => user(said, &mut messages),
        }
    }
    messages
}

/// What tools returned stands between what a person said; in a chat each has a message of its own.
fn user(said: &Object, messages: &mut Vec<Value>) {
    let mut parts = Vec::new();
    for block in objects(said, "content") {
        if text(block, "type") == "tool_result" {
            end_user(&mut parts, messages);
            let mut result = message("tool", content(block.get("content")));
            copy_as(block, "tool_use_id", &mut result, "tool_call_id");
            messages.push(Value::Object(result));
        } else {
            parts.push(text_part(text(block, "text")));
        }
    }
    end_user(&mut parts, messages);
}

fn end_user(parts: &mut Vec<Value>, messages: &mut Vec<Value>) {
    if !parts.is_empty() {
        messages.push(Value::Object(message("user", Value::Array(std::mem::take(parts)))));
    }
}

fn assistant(said: &Object, messages: &mut Vec<Value>) {
    let mut turn = AssistantTurn::default();
    let mut parts = Vec::new();
    for block in objects(said, "content") {
        match text(block, "type") {
            "thinking" => turn.thoughts.push(text(block, "thinking").to_owned()),
            "tool_use" => {
                let arguments = block.get("input").map(Value::to_text).unwrap_or_default();
                turn.call(text(block, "id"), text(block, "name"), Value::String(arguments));
            }
            _ => parts.push(text_part(text(block, "text"))),
        }
    }
    if !parts.is_empty() {
        turn.content = Some(Value::Array(parts));
    } else if turn.is_empty() {
        turn.content = Some(word(""));
    }
    turn.end(messages);
}

fn tools(body: &Object) -> Vec<Value> {
    objects(body, "tools").map(|tool| function_tool(tool, "input_schema")).collect()
}

fn choose_tool(body: &Object, chat: &mut Object) {
    let Some(choice) = body.get("tool_choice").and_then(Value::as_object) else { return };
    let chosen = match text(choice, "type") {
        "any" => word("required"),
        "tool" => named_function(text(choice, "name")),
        other => word(other),
    };
    chat.set("tool_choice", chosen);
    if choice.get("disable_parallel_tool_use").and_then(Value::as_bool) == Some(true) {
        chat.set("parallel_tool_calls", Value::Bool(false));
    }
}
