//! The events of a streamed transcript, of OpenAI and of vLLM, as events of a chat.

use super::{REPLY_BOUNDS, number, object, text};
use crate::ReplyError;
use crate::json::{self, Object, Value};

/// What came so far.
#[derive(Debug, Default)]
pub(super) struct Stream {
    has_text: bool,
}

impl Stream {
    /// vLLM writes chunks as of a chat, one after another for each stretch of the speech, and `[DONE]`; OpenAI events with a
    /// `type`, of which the last one says everything again.
    pub(super) fn take(&mut self, data: &str) -> Result<Vec<String>, ReplyError> {
        if data == "[DONE]" {
            return Ok(vec![data.to_owned()]);
        }
        let Ok(Value::Object(mut event)) = json::parse(data.as_bytes(), &REPLY_BOUNDS) else {
            return Err(ReplyError::Malformed("an event holds no JSON object"));
        };
        match event.get("type").and_then(Value::as_str) {
            Some("transcript.text.delta") => {
                let Some(Value::String(delta)) = event.remove("delta") else {
                    return Err(ReplyError::Malformed("a delta has no text"));
                };
                self.has_text = true;
                Ok(vec![delta_of(delta)])
            }
            Some("transcript.text.done") => {
                let Some(Value::String(said)) = event.remove("text") else {
                    return Err(ReplyError::Malformed("a transcript ends without its text"));
                };
                let mut events = Vec::new();
                if !self.has_text {
                    events.push(delta_of(said));
                }
                if let Some(Value::Object(usage)) = event.remove("usage") {
                    let cost = Value::Object(cost(&usage));
                    events.push(
                        Value::Object(object([("choices", Value::Array(Vec::new())), ("usage", cost)]))
                            .to_text(),
                    );
                }
                events.push("[DONE]".to_owned());
                Ok(events)
            }
            // Times and speakers have no place in what the house gives out of a stream.
            Some(kind) if kind.starts_with("transcript.") => Ok(Vec::new()),
            _ => Ok(vec![data.to_owned()]),
        }
    }
}

fn delta_of(said: String) -> String {
    let choice = object([("index", number(0)), ("delta", Value::Object(object([("content", text(said))])))]);
    Value::Object(object([("choices", Value::Array(vec![Value::Object(choice)]))])).to_text()
}

/// In the words of a chat; seconds stay seconds.
fn cost(usage: &Object) -> Object {
    let mut cost = Object::new();
    let names = [("input_tokens", "prompt_tokens"), ("output_tokens", "completion_tokens")];
    for (theirs, ours) in names.into_iter().chain([("total_tokens", "total_tokens"), ("seconds", "seconds")])
    {
        if let Some(count @ Value::Number(_)) = usage.get(theirs) {
            cost.set(ours, count.clone());
        }
    }
    cost
}
