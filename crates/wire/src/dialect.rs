//! How the interfaces of providers differ from the one in which the house asks: what goes out is written in theirs, and what
//! comes back is written as chat completions again, so that one inspection sees all answers.
//!
//! Nothing of a text changes here: strings move from one place of a document to another, whole.

mod anthropic;
mod infill;
mod speech;

use schleuse_types::Infill;

use crate::json::{self, Bounds, Object, Value};
use crate::multipart::Part;
use crate::{ReplyError, Surface};

/// What a reply may cost.
const REPLY_BOUNDS: Bounds = Bounds { depth_max: 64, nodes_max: 8_000_000 };

/// The interface of a model server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// As the house asks.
    OpenAiCompatible,
    /// OpenAI's own, and Azure's: `max_completion_tokens`, and `store`.
    OpenAi,
    /// Mistral's: `max_tokens` and `random_seed`, no `stream_options`.
    Mistral,
    /// Anthropic's messages.
    Anthropic,
}

/// Something of a request has no counterpart at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untranslatable {
    pub field: String,
}

impl Untranslatable {
    fn new(field: impl Into<String>) -> Self {
        Self { field: field.into() }
    }
}

impl Dialect {
    /// The body of a question as this interface has it. `stores_nothing`: the provider is told to keep neither question nor
    /// answer, where there is a word for that. `infill`: who writes `prompt` and `suffix` as the model was taught to read them.
    ///
    /// # Errors
    /// Names the field that cannot be said there.
    pub fn outgoing(
        self,
        surface: Surface,
        body: String,
        stores_nothing: bool,
        infill: Infill,
    ) -> Result<String, Untranslatable> {
        if self == Self::OpenAiCompatible {
            return if surface == Surface::Completions { infill::write(body, infill) } else { Ok(body) };
        }
        let Ok(Value::Object(mut body)) = json::parse(body.as_bytes(), &REPLY_BOUNDS) else {
            return Err(Untranslatable::new("the document"));
        };
        let is_chat = surface == Surface::ChatCompletions;
        if surface == Surface::Tokenize && self != Self::Anthropic {
            // None of them counts without answering.
            return Err(Untranslatable::new(Surface::CountTokens.path()));
        }
        match self {
            Self::OpenAiCompatible => {}
            Self::OpenAi => {
                forget_thoughts(&mut body);
                if continues(&mut body) {
                    return Err(Untranslatable::new("continue_final_message"));
                }
                if let Some(most) = body.remove("max_tokens").filter(|_| is_chat)
                    && body.get("max_completion_tokens").is_none()
                {
                    body.set("max_completion_tokens", most);
                }
                if is_chat && stores_nothing {
                    body.set("store", Value::Bool(false));
                }
            }
            Self::Mistral => {
                forget_thoughts(&mut body);
                continue_by_prefix(&mut body);
                number_calls(&mut body);
                body.remove("stream_options");
                for (ours, theirs) in [("max_completion_tokens", "max_tokens"), ("seed", "random_seed")] {
                    if let Some(value) = body.remove(ours) {
                        body.set(theirs, value);
                    }
                }
            }
            Self::Anthropic if is_chat => body = anthropic::request(body)?,
            Self::Anthropic if surface == Surface::Tokenize => {
                body = anthropic::request(body)?;
                body.remove("max_tokens");
            }
            Self::Anthropic => return Err(Untranslatable::new(surface.path())),
        }
        let mut out = String::new();
        json::write_object(&body, &mut out);
        Ok(out)
    }

    /// The fields of a form as this interface has them.
    ///
    /// # Errors
    /// Names the field that cannot be said there.
    pub fn outgoing_form(
        self,
        surface: Surface,
        mut parts: Vec<Part>,
        is_stream: bool,
    ) -> Result<Vec<Part>, Untranslatable> {
        let known: &[&str] = match (self, surface) {
            (Self::OpenAiCompatible, _) => {
                // The log wants the number of tokens, whether or not the asker does.
                if is_stream && let Ok(part) = Part::field("stream_include_usage", "true") {
                    parts.push(part);
                }
                return Ok(parts);
            }
            (Self::OpenAi, Surface::Transcriptions) => &OPENAI_TRANSCRIPTION,
            (Self::OpenAi, Surface::Translations) => &OPENAI_TRANSLATION,
            _ => return Err(Untranslatable::new(surface.path())),
        };
        match parts.iter().find(|part| !known.contains(&part.name())) {
            Some(part) => Err(Untranslatable::new(part.name())),
            None => Ok(parts),
        }
    }

    /// A whole answer, written as the house reads it.
    ///
    /// # Errors
    /// When it is not what the provider's interface promises.
    pub fn incoming(self, surface: Surface, bytes: &[u8]) -> Result<Option<String>, ReplyError> {
        if self != Self::Anthropic || !matches!(surface, Surface::ChatCompletions | Surface::Tokenize) {
            return Ok(None);
        }
        match json::parse(bytes, &REPLY_BOUNDS) {
            Ok(Value::Object(mut body)) if surface == Surface::Tokenize => {
                let count = body.remove("input_tokens").unwrap_or(Value::Null);
                Ok(Some(Value::Object(object([("count", count)])).to_text()))
            }
            Ok(Value::Object(body)) => anthropic::reply(body).map(Some),
            _ => Err(ReplyError::Malformed("the reply is no JSON object")),
        }
    }

    /// Reads the events of a streamed answer.
    pub fn events(self, surface: Surface) -> Events {
        Events(match self {
            _ if surface.is_speech() => Foreign::Speech(speech::Stream::default()),
            Self::Anthropic => Foreign::Anthropic(Box::default()),
            Self::OpenAiCompatible | Self::OpenAi | Self::Mistral => Foreign::None,
        })
    }
}

/// The events of one streamed answer, written as the house reads them.
#[derive(Debug)]
pub struct Events(Foreign);

#[derive(Debug)]
enum Foreign {
    None,
    Anthropic(Box<anthropic::Stream>),
    Speech(speech::Stream),
}

impl Events {
    /// Whether events are to be put through [`Events::take`]; if not, they are as the house reads them.
    pub fn is_foreign(&self) -> bool {
        !matches!(self.0, Foreign::None)
    }

    /// The events that one event of the provider stands for, each the data of a chat chunk, or `[DONE]`.
    ///
    /// # Errors
    /// When the event is not what the provider's interface promises.
    pub fn take(&mut self, data: &str) -> Result<Vec<String>, ReplyError> {
        let stream = match &mut self.0 {
            Foreign::None => return Ok(vec![data.to_owned()]),
            Foreign::Speech(stream) => return stream.take(data),
            Foreign::Anthropic(stream) => stream,
        };
        match json::parse(data.as_bytes(), &REPLY_BOUNDS) {
            Ok(Value::Object(event)) => stream.take(event),
            _ => Err(ReplyError::Malformed("an event holds no JSON object")),
        }
    }
}

const OPENAI_TRANSCRIPTION: [&str; 9] = [
    "file",
    "model",
    "prompt",
    "language",
    "response_format",
    "timestamp_granularities[]",
    "chunking_strategy",
    "stream",
    "temperature",
];
const OPENAI_TRANSLATION: [&str; 5] = ["file", "model", "prompt", "response_format", "temperature"];

/// Takes out what an assistant thought in earlier turns, for which these providers have no place.
fn forget_thoughts(body: &mut Object) {
    body.remove("include_reasoning");
    let Some(Value::Array(messages)) = body.get_mut("messages") else { return };
    for message in messages {
        if let Value::Object(message) = message {
            message.retain(|name, _| !matches!(name, "reasoning" | "reasoning_content"));
        }
    }
}

/// Whether the last message is to be gone on with; takes out the words of the house for it.
fn continues(body: &mut Object) -> bool {
    let is_continued = body.get("continue_final_message").and_then(Value::as_bool) == Some(true);
    if is_continued {
        body.remove("continue_final_message");
        body.remove("add_generation_prompt");
    }
    is_continued
}

/// An answer that is begun already is a `prefix` at Mistral.
fn continue_by_prefix(body: &mut Object) {
    if continues(body)
        && let Some(Value::Array(messages)) = body.get_mut("messages")
        && let Some(Value::Object(last)) = messages.last_mut()
    {
        last.set("prefix", Value::Bool(true));
    }
}

/// Identifiers of calls are nine letters and digits at Mistral. Those that are not get others, the same for a call and its
/// result.
fn number_calls(body: &mut Object) {
    let mut known: Vec<String> = Vec::new();
    let mut number = |id: &mut Value| {
        let Value::String(id) = id else { return };
        if id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return;
        }
        let place = known.iter().position(|known| known == id).unwrap_or(known.len());
        if place == known.len() {
            known.push(id.clone());
        }
        *id = format!("call{place:05}");
    };
    let Some(Value::Array(messages)) = body.get_mut("messages") else { return };
    for message in messages {
        let Value::Object(message) = message else { continue };
        if let Some(Value::Array(calls)) = message.get_mut("tool_calls") {
            for call in calls {
                if let Value::Object(call) = call
                    && let Some(id) = call.get_mut("id")
                {
                    number(id);
                }
            }
        }
        if let Some(id) = message.get_mut("tool_call_id") {
            number(id);
        }
    }
}

fn object<const N: usize>(members: [(&str, Value); N]) -> Object {
    let mut object = Object::new();
    for (name, value) in members {
        object.set(name, value);
    }
    object
}

fn text(text: impl Into<String>) -> Value {
    Value::String(text.into())
}

fn number(number: i64) -> Value {
    Value::Number(json::Number::from(number))
}

#[cfg(test)]
mod tests {
    use schleuse_types::Infill;

    use super::Dialect;
    use crate::Surface;

    fn check(dialect: Dialect, body: &str, expected: &str) {
        let got = dialect.outgoing(Surface::ChatCompletions, body.to_owned(), true, Infill::Server);
        let got = got.unwrap_or_else(|error| format!("no {}", error.field));
        assert_eq!(got, expected, "{dialect:?} {body}");
    }

    #[test]
    fn thoughts_stay_and_beginnings_are_said_as_there() {
        let body = r#"{"model":"m","include_reasoning":false,"add_generation_prompt":false,"continue_final_message":true,"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b","reasoning":"c"}]}"#;
        check(
            Dialect::Mistral,
            body,
            r#"{"model":"m","messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b","prefix":true}]}"#,
        );
        check(
            Dialect::Anthropic,
            body,
            r#"{"model":"m","max_tokens":4096,"messages":[{"role":"user","content":[{"type":"text","text":"a"}]},{"role":"assistant","content":[{"type":"text","text":"b"}]}]}"#,
        );
        check(Dialect::OpenAi, body, "no continue_final_message");
    }

    #[test]
    fn calls_have_identifiers_as_there() {
        let told = |call: &str, result: &str| {
            format!(
                r#"{{"model":"m","messages":[{{"role":"assistant","tool_calls":[{{"id":"{call}"}},{{"id":"a1B2c3D4e"}}]}},{{"role":"tool","tool_call_id":"a1B2c3D4e"}},{{"role":"tool","tool_call_id":"{result}"}}]}}"#
            )
        };
        check(Dialect::Mistral, &told("toolu_01", "toolu_01"), &told("call00000", "call00000"));
        check(Dialect::Mistral, &told("toolu_01", "other"), &told("call00000", "call00001"));
    }

    #[test]
    fn lengths_are_counted_where_a_provider_does() {
        let body = r#"{"model":"m","messages":[{"role":"user","content":"a"}]}"#;
        let asked = Dialect::Anthropic.outgoing(Surface::Tokenize, body.to_owned(), true, Infill::Server);
        assert_eq!(
            asked.as_deref(),
            Ok(r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"a"}]}]}"#)
        );
        let told = Dialect::Anthropic.incoming(Surface::Tokenize, br#"{"input_tokens":7}"#).unwrap();
        assert_eq!(told.as_deref(), Some(r#"{"count":7}"#));
        let refused =
            Dialect::OpenAi.outgoing(Surface::Tokenize, body.to_owned(), true, Infill::Server).unwrap_err();
        assert_eq!(refused.field, "/v1/messages/count_tokens");
    }

    #[test]
    fn limits_and_seeds_are_called_as_there() {
        let body = r#"{"model":"m","max_tokens":7,"seed":1,"stream_options":{"include_usage":true}}"#;
        check(Dialect::OpenAiCompatible, body, body);
        check(
            Dialect::OpenAi,
            body,
            r#"{"model":"m","seed":1,"stream_options":{"include_usage":true},"max_completion_tokens":7,"store":false}"#,
        );
        check(Dialect::Mistral, body, r#"{"model":"m","max_tokens":7,"random_seed":1}"#);
        let embed = r#"{"model":"m","input":"x"}"#;
        assert_eq!(
            Dialect::OpenAi.outgoing(Surface::Embeddings, embed.to_owned(), true, Infill::Server).as_deref(),
            Ok(embed)
        );
        assert_eq!(
            Dialect::Anthropic
                .outgoing(Surface::Embeddings, embed.to_owned(), true, Infill::Server)
                .unwrap_err()
                .field,
            "/v1/embeddings"
        );
    }
}
