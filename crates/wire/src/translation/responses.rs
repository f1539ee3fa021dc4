//! OpenAI's responses as a chat.

use super::{
    AssistantTurn, content, copy, copy_as, function_tool, json_schema_format, message, named_function,
    object, objects, text, word,
};
use crate::json::{Object, Value};

pub(crate) fn to_chat(body: &Object) -> Object {
    let mut chat = Object::new();
    copy(body, &["model"], &mut chat);
    chat.set("messages", Value::Array(messages(body)));
    let tools: Vec<Value> = objects(body, "tools").map(|tool| function_tool(tool, "parameters")).collect();
    if !tools.is_empty() {
        chat.set("tools", Value::Array(tools));
        match body.get("tool_choice") {
            Some(Value::Object(choice)) => chat.set("tool_choice", named_function(text(choice, "name"))),
            _ => copy(body, &["tool_choice"], &mut chat),
        }
        copy(body, &["parallel_tool_calls"], &mut chat);
    }
    copy_as(body, "max_output_tokens", &mut chat, "max_tokens");
    copy(body, &["temperature", "top_p", "stream"], &mut chat);
    if let Some(reasoning) = body.get("reasoning").and_then(Value::as_object) {
        copy_as(reasoning, "effort", &mut chat, "reasoning_effort");
    }
    let text_form = body.get("text").and_then(Value::as_object);
    if let Some(format) = text_form.and_then(|form| form.get("format")).and_then(Value::as_object) {
        match text(format, "type") {
            "json_schema" => {
                let mut schema = Object::new();
                copy(format, &["name", "schema", "description", "strict"], &mut schema);
                chat.set("response_format", json_schema_format(schema));
            }
            "json_object" => {
                chat.set("response_format", Value::Object(object([("type", word("json_object"))])));
            }
            _ => {}
        }
    }
    chat
}

fn messages(body: &Object) -> Vec<Value> {
    let mut messages = Vec::new();
    if let Some(Value::String(instructions)) = body.get("instructions") {
        messages.push(Value::Object(message("system", word(instructions))));
    }
    if let Some(Value::String(input)) = body.get("input") {
        messages.push(Value::Object(message("user", word(input))));
    }
    let mut turn = AssistantTurn::default();
    for item in objects(body, "input") {
        match text(item, "type") {
            "reasoning" => {
                if turn.content.is_some() || !turn.calls.is_empty() {
                    turn.end(&mut messages);
                }
                let thoughts = if objects(item, "content").next().is_some() { "content" } else { "summary" };
                turn.thoughts.extend(objects(item, thoughts).map(|part| text(part, "text").to_owned()));
            }
            "function_call" => {
                let arguments = item.get("arguments").cloned().unwrap_or_else(|| word("{}"));
                turn.call(text(item, "call_id"), text(item, "name"), arguments);
            }
            "function_call_output" => {
                turn.end(&mut messages);
                let mut result = message("tool", content(item.get("output")));
                copy_as(item, "call_id", &mut result, "tool_call_id");
                messages.push(Value::Object(result));
            }
            _ if text(item, "role") == "assistant" => {
                if turn.content.is_some() || !turn.calls.is_empty() {
                    turn.end(&mut messages);
                }
                turn.content = Some(content(item.get("content")));
            }
            _ => {
                turn.end(&mut messages);
                messages.push(Value::Object(message(text(item, "role"), content(item.get("content")))));
            }
        }
    }
    turn.end(&mut messages);
    if messages.is_empty() {
        // Nothing but empty thoughts.
        messages.push(Value::Object(message("assistant", word(""))));
    }
    messages
}
