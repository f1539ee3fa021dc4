//! From the bytes of a request to a [`Request`] that cannot hold nonsense.

use std::fmt::Write as _;

use schleuse_types::{Refusal, RefusalCode, Text};

use crate::fields::{self, Disposition, Shape, Why};
use crate::json::{self, Bounds, Number, Object, Value};
use crate::refusal::invalid_request;
use crate::{Pointer, Segment, Surface};

/// What a request may cost.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of the body.
    pub body_bytes_max: usize,
    /// Largest `max_tokens`.
    pub tokens_max: i64,
    pub messages_max: usize,
    pub tools_max: usize,
    pub json: Bounds,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: 8 * 1024 * 1024,
            tokens_max: 131_072,
            messages_max: 4096,
            tools_max: 256,
            json: Bounds::default(),
        }
    }
}

/// A question to a model, parsed whole. Only known fields, each in its shape.
#[derive(Debug, Clone)]
pub struct Request {
    surface: Surface,
    model: String,
    is_stream: bool,
    wants_usage: bool,
    body_bytes: usize,
    body: Object,
}

/// How long the answers to a request may become, in LLM tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerBound {
    /// How many answers a model server makes at most: prompts times choices; 0 for embeddings.
    pub count: u64,
    /// The least length of each, 0 when nothing is asked for.
    pub least: u64,
    /// The greatest length of each, if the asker named one.
    pub most: Option<u64>,
}

/// A text of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn<'r> {
    /// Who said it: `user`, `assistant`, `system`, `tool` …; empty for a prompt.
    pub role: &'r str,
    pub text: &'r str,
}

/// Sees every piece of text that a document would carry on.
pub trait TextVisitor {
    /// A string value; may be rewritten.
    fn text(&mut self, at: &Pointer<'_>, text: &mut String);
    /// Text that cannot be rewritten without changing what the document means: a key, or a long number.
    fn fixed(&mut self, at: &Pointer<'_>, text: &str);
}

impl Request {
    /// Parses a body. The refusal names the field and what was expected of it.
    pub fn parse(surface: Surface, body: &[u8], limits: &Limits) -> Result<Self, Refusal> {
        if body.len() > limits.body_bytes_max {
            return Err(too_large(limits.body_bytes_max));
        }
        let value = json::parse(body, &limits.json).map_err(|error| {
            invalid_request(
                format!("The body is not valid: {error}."),
                format!("Der Inhalt der Anfrage ist ungültig: {error}."),
                "body is not strict JSON",
                None,
            )
        })?;
        let Value::Object(members) = value else {
            return Err(invalid_request(
                format!("The body must be a JSON object, not {}.", value.kind()),
                "Der Inhalt der Anfrage muss ein JSON-Objekt sein.",
                "body is not an object",
                None,
            ));
        };
        let mut request = Self {
            surface,
            model: String::new(),
            is_stream: false,
            wants_usage: false,
            body_bytes: body.len(),
            body: Object::new(),
        };
        for (name, value) in members {
            request.take_field(&name, value, limits)?;
        }
        request.check_whole(limits)?;
        Ok(request)
    }

    pub fn surface(&self) -> Surface {
        self.surface
    }

    /// The model that was asked for, as the asker named it.
    pub fn model(&self) -> &str {
        &self.model
    }

    pub fn is_stream(&self) -> bool {
        self.is_stream
    }

    /// How long the body was that was parsed, in bytes.
    pub fn body_bytes(&self) -> usize {
        self.body_bytes
    }

    /// Whether the asker wants the chunk with the usage.
    pub fn wants_usage(&self) -> bool {
        self.wants_usage
    }

    /// Shows every text that would go upstream, in the order of the document.
    pub fn visit(&mut self, visitor: &mut dyn TextVisitor) {
        let mut at = Pointer::default();
        for (name, value) in self.body.iter_mut() {
            // INVARIANT: a top-level name stands in the table, so it is no text of the asker's.
            if name == "model" {
                continue;
            }
            at.push(Segment::Key(name));
            visit(value, &mut at, visitor);
            at.pop();
        }
    }

    /// What was said, in the order in which [`Request::visit`] shows it: the texts at places of which
    /// [`Pointer::is_turn`] is true.
    pub fn turns(&self) -> Vec<Turn<'_>> {
        let mut turns = Vec::new();
        for (name, value) in self.body.iter() {
            let Some(items) = value.as_array() else { continue };
            match name {
                "messages" => {
                    for message in items {
                        let role = member(message, "role").and_then(Value::as_str).unwrap_or_default();
                        let turn = |text| Turn { role, text };
                        match member(message, "content") {
                            Some(Value::String(text)) => turns.push(turn(text)),
                            Some(Value::Array(parts)) => {
                                let texts = parts.iter().filter_map(|part| member(part, "text")?.as_str());
                                turns.extend(texts.map(turn));
                            }
                            _ => {}
                        }
                    }
                }
                "prompt" | "input" => {
                    turns.extend(items.iter().filter_map(Value::as_str).map(|text| Turn { role: "", text }));
                }
                _ => {}
            }
        }
        turns
    }

    /// The text with which a conversation began: the first message of a user, or the prompt. Later turns of the same
    /// conversation send it again.
    pub fn first_question(&self) -> Option<&str> {
        let text = match self.surface {
            Surface::ChatCompletions => {
                let messages = self.body.get("messages").and_then(Value::as_array)?;
                let is_user =
                    |message: &&Value| member(message, "role").and_then(Value::as_str) == Some("user");
                member(messages.iter().find(is_user)?, "content")?
            }
            Surface::Completions => self.body.get("prompt")?,
            Surface::Embeddings => return None,
        };
        match text {
            Value::String(text) => Some(text),
            Value::Array(parts) => {
                let first = parts.first()?;
                first.as_str().or_else(|| member(first, "text").and_then(Value::as_str))
            }
            _ => None,
        }
    }

    /// How long the answers may become, as far as the request says.
    pub fn answer_bound(&self) -> AnswerBound {
        let number = |name: &str| self.body.get(name).and_then(Value::as_i64).map(i64::unsigned_abs);
        let prompts = match self.surface {
            Surface::ChatCompletions => 1,
            Surface::Completions => {
                self.body.get("prompt").and_then(Value::as_array).map_or(1, |prompts| prompts.len() as u64)
            }
            Surface::Embeddings => 0,
        };
        let choices = number("n").max(number("best_of")).unwrap_or(1);
        AnswerBound {
            count: prompts.saturating_mul(choices),
            least: number("min_tokens").unwrap_or_default(),
            // Model servers differ in which of the two they obey when both are there.
            most: number("max_tokens").max(number("max_completion_tokens")),
        }
    }

    /// Makes every answer end after so many LLM tokens at the latest.
    pub fn cap_answers(&mut self, tokens: u64) {
        let cap = i64::try_from(tokens).unwrap_or(i64::MAX);
        let mut is_named = false;
        for name in ["max_tokens", "max_completion_tokens"] {
            if let Some(named) = self.body.get(name).and_then(Value::as_i64) {
                is_named = true;
                self.body.set(name, Value::Number(Number::from(named.min(cap))));
            }
        }
        if !is_named {
            self.body.set("max_tokens", Value::Number(Number::from(cap)));
        }
    }

    /// Whether the model may think without its thoughts being shown, so that its text does not tell what it cost.
    pub fn hides_reasoning(&self) -> bool {
        self.body.get("include_reasoning").and_then(Value::as_bool) == Some(false)
    }

    /// The document that goes on, with the house's own stream options.
    pub fn to_upstream(&self) -> String {
        if !self.is_stream {
            return self.to_text();
        }
        let mut body = self.body.clone();
        // The log wants the number of tokens, whether or not the asker does.
        let mut options = match body.remove("stream_options") {
            Some(Value::Object(options)) => options,
            _ => Object::new(),
        };
        options.set("include_usage", Value::Bool(true));
        body.set("stream_options", Value::Object(options));
        let mut out = String::with_capacity(1024);
        json::write_object(&body, &mut out);
        out
    }

    /// The document as asked, for its hash.
    pub fn to_text(&self) -> String {
        let mut out = String::with_capacity(1024);
        json::write_object(&self.body, &mut out);
        out
    }

    fn take_field(&mut self, name: &str, value: Value, limits: &Limits) -> Result<(), Refusal> {
        let Some(field) = fields::find(self.surface, name) else {
            return Err(unknown_field(name, fields::nearest(self.surface, name), None));
        };
        let shape = match field.disposition {
            Disposition::Dropped => return Ok(()),
            Disposition::Refused(_) if value.is_null() => return Ok(()),
            Disposition::Refused(why) => return Err(refused_field(name, why)),
            Disposition::Forwarded(_) if value.is_null() => return Ok(()),
            Disposition::Forwarded(shape) => shape,
        };
        let mut value = value;
        check_shape(name, shape, &mut value, limits)?;
        match field.name {
            "model" => self.model = value.as_str().unwrap_or_default().to_owned(),
            "stream" => self.is_stream = value.as_bool() == Some(true),
            "stream_options" => {
                let wanted = value.as_object().and_then(|options| options.get("include_usage"));
                self.wants_usage = wanted.and_then(Value::as_bool) == Some(true);
            }
            _ => {}
        }
        self.body.set(field.name, value);
        Ok(())
    }

    fn check_whole(&mut self, limits: &Limits) -> Result<(), Refusal> {
        let needed = match self.surface {
            Surface::ChatCompletions => "messages",
            Surface::Completions => "prompt",
            Surface::Embeddings => "input",
        };
        for name in ["model", needed] {
            if self.body.get(name).is_none() {
                return Err(invalid_request(
                    format!("The field `{name}` is missing."),
                    format!("Das Feld `{name}` fehlt."),
                    "required field missing",
                    Some(name),
                ));
            }
        }
        if !self.is_stream {
            self.body.remove("stream_options");
            self.wants_usage = false;
        }
        if let (Some(choices), Some(candidates)) =
            (self.body.get("n").and_then(Value::as_i64), self.body.get("best_of").and_then(Value::as_i64))
            && candidates < choices
        {
            return Err(invalid_request(
                "`best_of` must not be smaller than `n`.",
                "`best_of` darf nicht kleiner als `n` sein.",
                "best_of below n",
                Some("best_of"),
            ));
        }
        if let Some(least) = self.body.get("min_tokens").and_then(Value::as_i64)
            && least > limits.tokens_max
        {
            return Err(out_of_range("min_tokens", "0", &limits.tokens_max.to_string()));
        }
        Ok(())
    }
}

/// Longest number text that is not inspected. Nothing sensitive that a recognizer knows is shorter than ten digits.
const SHORT_NUMBER_BYTES: usize = 9;

/// Shows every text of `value`.
pub(crate) fn visit<'a>(value: &'a mut Value, at: &mut Pointer<'a>, visitor: &mut dyn TextVisitor) {
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::Number(number) => {
            if number.as_str().len() > SHORT_NUMBER_BYTES {
                visitor.fixed(at, number.as_str());
            }
        }
        Value::String(text) => visitor.text(at, text),
        Value::Array(items) => {
            for (place, item) in items.iter_mut().enumerate() {
                at.push(Segment::Index(place));
                visit(item, at, visitor);
                at.pop();
            }
        }
        Value::Object(object) => {
            for (name, member) in object.iter_mut() {
                at.push(Segment::Key(name));
                visitor.fixed(at, name);
                visit(member, at, visitor);
                at.pop();
            }
        }
    }
}

fn member<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    value.as_object().and_then(|object| object.get(name))
}

/// A 413.
pub fn too_large(bytes_max: usize) -> Refusal {
    Refusal::new(
        RefusalCode::RequestTooLarge,
        Text::new(
            format!("The request is larger than {bytes_max} bytes."),
            format!("Die Anfrage ist größer als {bytes_max} Bytes."),
        ),
        Text::fixed("Send less text at once.", "Senden Sie weniger Text auf einmal."),
        "body too large",
    )
}

/// How much of a stranger's name an answer repeats.
fn shown(name: &str) -> String {
    name.chars().take(64).filter(|character| !character.is_control()).collect()
}

fn unknown_field(name: &str, nearest: Option<&str>, place: Option<&str>) -> Refusal {
    let name = shown(name);
    let mut english = format!("Unknown field `{name}`");
    let mut german = format!("Unbekanntes Feld `{name}`");
    if let Some(place) = place {
        let _ = write!(english, " in {place}");
        let _ = write!(german, " in {place}");
    }
    if let Some(nearest) = nearest {
        let _ = write!(english, "; did you mean `{nearest}`?");
        let _ = write!(german, "; meinten Sie `{nearest}`?");
    } else {
        english.push('.');
        german.push('.');
    }
    invalid_request(english, german, "unknown field", Some(&name))
}

fn refused_field(name: &str, why: Why) -> Refusal {
    invalid_request(
        format!("The field `{name}` is refused: {}.", why.english()),
        format!("Das Feld `{name}` wird abgelehnt: {}.", why.german()),
        "refused field",
        Some(name),
    )
}

fn wrong_shape(name: &str, expected_english: &str, expected_german: &str) -> Refusal {
    invalid_request(
        format!("The field `{name}` must be {expected_english}."),
        format!("Das Feld `{name}` muss {expected_german} sein."),
        "field of the wrong shape",
        Some(name),
    )
}

fn out_of_range(name: &str, least: &str, most: &str) -> Refusal {
    invalid_request(
        format!("The field `{name}` must be between {least} and {most}."),
        format!("Das Feld `{name}` muss zwischen {least} und {most} liegen."),
        "field out of range",
        Some(name),
    )
}

fn too_many(name: &str, most: usize) -> Refusal {
    invalid_request(
        format!("The field `{name}` has more than {most} items."),
        format!("Das Feld `{name}` hat mehr als {most} Einträge."),
        "too many items",
        Some(name),
    )
}

fn check_shape(name: &str, shape: Shape, value: &mut Value, limits: &Limits) -> Result<(), Refusal> {
    match shape {
        Shape::Any => Ok(()),
        Shape::AnyObject => match value {
            Value::Object(_) => Ok(()),
            _ => Err(wrong_shape(name, "an object", "ein Objekt")),
        },
        Shape::Flag => match value {
            Value::Bool(_) => Ok(()),
            _ => Err(wrong_shape(name, "true or false", "true oder false")),
        },
        Shape::Integer(least, most) => check_integer(name, value, least, most),
        Shape::TokenCap => check_integer(name, value, 1, limits.tokens_max),
        Shape::Number(least, most) => match value {
            Value::Number(number) if (least..=most).contains(&number.as_f64()) => Ok(()),
            Value::Number(_) => Err(out_of_range(name, &least.to_string(), &most.to_string())),
            _ => Err(wrong_shape(name, "a number", "eine Zahl")),
        },
        Shape::Text => match value {
            Value::String(_) => Ok(()),
            _ => Err(wrong_shape(name, "a string", "eine Zeichenkette")),
        },
        Shape::Texts(most) => match value {
            Value::String(_) => Ok(()),
            Value::Array(items) if items.len() > most => Err(too_many(name, most)),
            Value::Array(items) if items.iter().all(|item| matches!(item, Value::String(_))) => Ok(()),
            _ => Err(wrong_shape(
                name,
                "a string or an array of strings",
                "eine Zeichenkette oder eine Liste davon",
            )),
        },
        Shape::Word(words) => match value {
            Value::String(word) if words.contains(&word.as_str()) => Ok(()),
            _ => Err(wrong_shape(
                name,
                &format!("one of {}", words.join(", ")),
                &format!("eines von {}", words.join(", ")),
            )),
        },
        Shape::Integers(most) => match value {
            Value::Array(items) if items.len() > most => Err(too_many(name, most)),
            Value::Array(items) if items.iter().all(|item| item.as_i64().is_some()) => Ok(()),
            _ => Err(wrong_shape(name, "an array of whole numbers", "eine Liste ganzer Zahlen")),
        },
        Shape::Numbers(most) => match value {
            Value::Object(members) if members.len() > most => Err(too_many(name, most)),
            Value::Object(members) if members.iter().all(|(_, item)| matches!(item, Value::Number(_))) => {
                Ok(())
            }
            _ => Err(wrong_shape(name, "an object of numbers", "ein Objekt aus Zahlen")),
        },
        Shape::Model => match value {
            Value::String(model) if (1..=256).contains(&model.len()) => Ok(()),
            _ => {
                Err(wrong_shape(name, "a string of 1 to 256 bytes", "eine Zeichenkette von 1 bis 256 Bytes"))
            }
        },
        Shape::Prompt => check_prompt(name, value),
        Shape::StreamOptions => check_stream_options(value),
        Shape::Tools => check_tools(value, limits),
        Shape::Messages => check_messages(value, limits),
    }
}

/// Takes whole numbers that are written as such, and those written with a zero fraction (`12.0`), as some clients do.
fn check_integer(name: &str, value: &mut Value, least: i64, most: i64) -> Result<(), Refusal> {
    let Value::Number(number) = value else {
        return Err(wrong_shape(name, "a whole number", "eine ganze Zahl"));
    };
    let whole = number.as_i64().or_else(|| {
        let float = number.as_f64();
        // Exact: below 2^53 every whole double is its integer.
        (float.fract() == 0.0 && float.abs() < 9.0e15).then_some(float as i64)
    });
    match whole {
        Some(whole) if (least..=most).contains(&whole) => {
            *number = Number::from(whole);
            Ok(())
        }
        Some(_) => Err(out_of_range(name, &least.to_string(), &most.to_string())),
        None if number.as_f64().fract() == 0.0 => {
            Err(out_of_range(name, &least.to_string(), &most.to_string()))
        }
        None => Err(wrong_shape(name, "a whole number", "eine ganze Zahl")),
    }
}

fn check_prompt(name: &str, value: &Value) -> Result<(), Refusal> {
    match value {
        Value::String(_) => Ok(()),
        Value::Array(items) if items.is_empty() => Err(wrong_shape(
            name,
            "a string or a list of strings, not an empty list",
            "ein Text oder eine nicht leere Liste von Texten",
        )),
        Value::Array(items) if items.len() > 2048 => Err(too_many(name, 2048)),
        Value::Array(items) if items.iter().all(|item| matches!(item, Value::String(_))) => Ok(()),
        Value::Array(items)
            if items.iter().any(|item| matches!(item, Value::Number(_) | Value::Array(_))) =>
        {
            Err(invalid_request(
                format!(
                    "The field `{name}` holds token numbers, which cannot be inspected; send text instead \
                     (in LangChain: `check_embedding_ctx_length=False`)."
                ),
                format!(
                    "Das Feld `{name}` enthält Token-Nummern, die nicht geprüft werden können; senden Sie Text \
                     (in LangChain: `check_embedding_ctx_length=False`)."
                ),
                "token ids instead of text",
                Some(name),
            ))
        }
        _ => Err(wrong_shape(name, "a string or an array of strings", "ein Text oder eine Liste von Texten")),
    }
}

fn check_stream_options(value: &mut Value) -> Result<(), Refusal> {
    let Value::Object(options) = value else {
        return Err(wrong_shape("stream_options", "an object", "ein Objekt"));
    };
    for (name, member) in options.iter() {
        match name {
            "include_usage" | "continuous_usage_stats" | "include_obfuscation" => {
                if !matches!(member, Value::Bool(_) | Value::Null) {
                    return Err(wrong_shape(
                        &format!("stream_options.{name}"),
                        "true or false",
                        "true oder false",
                    ));
                }
            }
            _ => {
                let known = ["include_usage", "continuous_usage_stats", "include_obfuscation"];
                let nearest = fields::nearest_of(known.into_iter(), name);
                return Err(unknown_field(name, nearest, Some("`stream_options`")));
            }
        }
    }
    // Obfuscation pads chunks against a watcher of lengths outside; between gateway and model server it means nothing.
    options.retain(|name, member| name != "include_obfuscation" && !member.is_null());
    Ok(())
}

fn check_tools(value: &Value, limits: &Limits) -> Result<(), Refusal> {
    let Value::Array(tools) = value else {
        return Err(wrong_shape("tools", "an array", "eine Liste"));
    };
    if tools.len() > limits.tools_max {
        return Err(too_many("tools", limits.tools_max));
    }
    for (place, tool) in tools.iter().enumerate() {
        let kind = tool.as_object().and_then(|tool| tool.get("type")).and_then(Value::as_str);
        let function = tool.as_object().and_then(|tool| tool.get("function")).and_then(Value::as_object);
        let name = function.and_then(|function| function.get("name")).and_then(Value::as_str);
        if kind != Some("function") || name.is_none_or(|name| name.is_empty() || name.len() > 128) {
            return Err(wrong_shape(
                &format!("tools[{place}]"),
                "a tool of type `function` with a name of 1 to 128 bytes",
                "ein Werkzeug der Art `function` mit einem Namen von 1 bis 128 Bytes",
            ));
        }
    }
    Ok(())
}

const ROLES: [&str; 6] = ["system", "developer", "user", "assistant", "tool", "function"];

/// Fields of a message. `true`: forwarded; `false`: dropped (answers that clients send back carry them).
const MESSAGE_FIELDS: [(&str, bool); 16] = [
    ("role", true),
    ("content", true),
    ("name", true),
    ("tool_calls", true),
    ("tool_call_id", true),
    ("function_call", true),
    ("refusal", true),
    ("reasoning", true),
    ("reasoning_content", true),
    ("annotations", false),
    ("id", false),
    ("index", false),
    ("metadata", false),
    ("provider_specific_fields", false),
    ("cache_control", false),
    ("audio", false),
];

fn check_messages(value: &mut Value, limits: &Limits) -> Result<(), Refusal> {
    let Value::Array(messages) = value else {
        return Err(wrong_shape("messages", "an array", "eine Liste"));
    };
    if messages.is_empty() {
        return Err(wrong_shape(
            "messages",
            "an array with at least one message",
            "eine Liste mit mindestens einer Nachricht",
        ));
    }
    if messages.len() > limits.messages_max {
        return Err(too_many("messages", limits.messages_max));
    }
    for (place, message) in messages.iter_mut().enumerate() {
        let Value::Object(message) = message else {
            return Err(wrong_shape(&format!("messages[{place}]"), "an object", "ein Objekt"));
        };
        check_message(place, message)?;
    }
    Ok(())
}

fn check_message(place: usize, message: &mut Object) -> Result<(), Refusal> {
    for (name, value) in message.iter() {
        let field = format!("messages[{place}].{}", shown(name));
        match (name, value) {
            ("role", Value::String(role)) if ROLES.contains(&role.as_str()) => {}
            ("role", _) => {
                return Err(wrong_shape(
                    &field,
                    &format!("one of {}", ROLES.join(", ")),
                    &format!("eine von {}", ROLES.join(", ")),
                ));
            }
            ("content", Value::String(_) | Value::Null) => {}
            ("content", Value::Array(parts)) => check_parts(&field, parts)?,
            ("content", _) => {
                return Err(wrong_shape(
                    &field,
                    "a string or an array of parts",
                    "ein Text oder eine Liste von Teilen",
                ));
            }
            (
                "name" | "tool_call_id" | "refusal" | "reasoning" | "reasoning_content",
                Value::String(_) | Value::Null,
            ) => {}
            ("name" | "tool_call_id" | "refusal" | "reasoning" | "reasoning_content", _) => {
                return Err(wrong_shape(&field, "a string", "eine Zeichenkette"));
            }
            ("tool_calls", Value::Array(calls)) => check_tool_calls(&field, calls)?,
            ("tool_calls", Value::Null) => {}
            ("tool_calls", _) => return Err(wrong_shape(&field, "an array", "eine Liste")),
            ("audio", value) if !value.is_null() => return Err(refused_field(&field, Why::Opaque)),
            _ => {
                if !MESSAGE_FIELDS.iter().any(|(known, _)| *known == name) {
                    let nearest = fields::nearest_of(MESSAGE_FIELDS.iter().map(|(known, _)| *known), name);
                    return Err(unknown_field(name, nearest, Some(&format!("`messages[{place}]`"))));
                }
            }
        }
    }
    if message.get("role").is_none() {
        let field = format!("messages[{place}].role");
        return Err(invalid_request(
            format!("The field `{field}` is missing."),
            format!("Das Feld `{field}` fehlt."),
            "required field missing",
            Some(&field),
        ));
    }
    let is_assistant = message.get("role").and_then(Value::as_str) == Some("assistant");
    message.retain(|name, value| {
        let is_kept = MESSAGE_FIELDS.iter().any(|(known, kept)| *known == name && *kept);
        is_kept && (!value.is_null() || (name == "content" && is_assistant))
    });
    Ok(())
}

fn check_parts(field: &str, parts: &[Value]) -> Result<(), Refusal> {
    for (place, part) in parts.iter().enumerate() {
        let field = format!("{field}[{place}]");
        let Some(members) = part.as_object() else {
            return Err(wrong_shape(&field, "an object with a `type`", "ein Objekt mit einem `type`"));
        };
        let text = match members.get("type").and_then(Value::as_str) {
            Some("text") => members.get("text"),
            Some("refusal") => members.get("refusal"),
            Some("thinking") => members.get("thinking"),
            Some("image_url" | "input_image" | "input_audio" | "audio_url" | "video_url" | "file") => {
                return Err(refused_field(&field, Why::Opaque));
            }
            _ => {
                return Err(wrong_shape(&field, "a part of type `text`", "ein Teil der Art `text`"));
            }
        };
        if !matches!(text, Some(Value::String(_))) {
            return Err(wrong_shape(&format!("{field}.text"), "a string", "eine Zeichenkette"));
        }
        let known = ["type", "text", "refusal", "thinking", "signature", "cache_control", "annotations"];
        if let Some((name, _)) = members.iter().find(|(name, _)| !known.contains(name)) {
            return Err(unknown_field(
                name,
                fields::nearest_of(known.into_iter(), name),
                Some(&format!("`{field}`")),
            ));
        }
    }
    Ok(())
}

fn check_tool_calls(field: &str, calls: &[Value]) -> Result<(), Refusal> {
    for (place, call) in calls.iter().enumerate() {
        let function = call.as_object().and_then(|call| call.get("function")).and_then(Value::as_object);
        let name = function.and_then(|function| function.get("name")).and_then(Value::as_str);
        let arguments = function.and_then(|function| function.get("arguments"));
        if name.is_none() || !matches!(arguments, None | Some(Value::String(_))) {
            return Err(wrong_shape(
                &format!("{field}[{place}]"),
                "a call with `function.name` and `function.arguments` as strings",
                "ein Aufruf mit `function.name` und `function.arguments` als Text",
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
