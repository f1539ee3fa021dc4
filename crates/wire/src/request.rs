//! From the bytes of a request to a [`Request`] that cannot hold nonsense.

mod speech;

use bytes::Bytes;
use schleuse_types::{Refusal, RefusalCode, Text};

use crate::fields::{self, Disposition};
use crate::json::{self, Bounds, Number, Object, Value};
use crate::refusal::invalid_request;
use crate::shape::{Place, check_shape, missing, out_of_range, refused_field, unknown_field};
use crate::{Pointer, Segment, Surface, translation};

/// What a request may cost.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of the body.
    pub body_bytes_max: usize,
    /// Bytes of the one file of a form, which no other surface takes.
    pub file_bytes_max: usize,
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
            // OpenAI's limit, and vLLM's.
            file_bytes_max: 25 * 1024 * 1024,
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
    /// Of a form.
    attachment: Option<speech::Attachment>,
}

/// How long the answers to a request may become, in LLM tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerBound {
    /// How many answers a model server makes at most: prompts times choices; 0 where none makes text.
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
    /// Parses a body as its surface has it: a document, or a form with a file, of which nothing is copied.
    pub fn read(surface: Surface, body: &Bytes, limits: &Limits) -> Result<Self, Refusal> {
        if surface.is_speech() {
            return Self::parse_form(surface, body, limits);
        }
        Self::parse(surface, body, limits)
    }

    /// Bytes that a body of this surface may have.
    pub fn bytes_max(surface: Surface, limits: &Limits) -> usize {
        match surface.is_speech() {
            true => limits.file_bytes_max.saturating_add(speech::FIELDS_BYTES_MAX),
            false => limits.body_bytes_max,
        }
    }

    /// Parses a document. The refusal names the field and what was expected of it.
    pub fn parse(surface: Surface, body: &[u8], limits: &Limits) -> Result<Self, Refusal> {
        if surface.is_speech() {
            return Self::parse_form(surface, &Bytes::copy_from_slice(body), limits);
        }
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
            attachment: None,
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

    /// Whether the same question gets the same answer again: nothing is drawn by chance. Of a conversation that says
    /// `temperature` 0, and of everything that is no conversation.
    pub fn is_repeatable(&self) -> bool {
        match self.surface.asked_as() {
            // What is heard may differ from one time to the next.
            Surface::Transcriptions | Surface::Translations => false,
            Surface::ChatCompletions | Surface::Completions => {
                matches!(self.body.get("temperature"), Some(Value::Number(number)) if number.as_f64() == 0.0)
            }
            _ => true,
        }
    }

    /// How long the body was that was parsed, in bytes; of a form, its fields without its file.
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
        let mut at = Pointer::default();
        for (name, value) in self.body.iter() {
            at.push(Segment::Key(name));
            let role = if matches!(name, "system" | "instructions") { "system" } else { "" };
            collect_turns(value, &mut at, role, &mut turns);
            at.pop();
        }
        turns
    }

    /// The text with which a conversation began: the first message of a user, or the prompt. Later turns of the same
    /// conversation send it again.
    pub fn first_question(&self) -> Option<&str> {
        match self.surface {
            Surface::ChatCompletions | Surface::Messages | Surface::CountTokens | Surface::Tokenize => {
                self.first_turn_of_a_user()
            }
            Surface::Completions => {
                let prompt = self.body.get("prompt")?;
                prompt.as_str().or_else(|| prompt.as_array()?.first()?.as_str())
            }
            Surface::Responses => match self.body.get("input")? {
                Value::String(input) => Some(input),
                _ => self.first_turn_of_a_user(),
            },
            Surface::Embeddings
            | Surface::Rerank
            | Surface::Score
            | Surface::Transcriptions
            | Surface::Translations => None,
        }
    }

    fn first_turn_of_a_user(&self) -> Option<&str> {
        self.turns().iter().find(|turn| turn.role == "user").map(|turn| turn.text)
    }

    /// How long the answers may become, as far as the request says.
    pub fn answer_bound(&self) -> AnswerBound {
        let number = |name: &str| self.body.get(name).and_then(Value::as_i64).map(i64::unsigned_abs);
        let prompts = match self.body.get("prompt").and_then(Value::as_array) {
            _ if !self.surface.is_generative() => 0,
            Some(prompts) => prompts.len() as u64,
            None => 1,
        };
        let choices = number("n").max(number("best_of")).unwrap_or(1);
        AnswerBound {
            count: prompts.saturating_mul(choices),
            least: number("min_tokens").unwrap_or_default(),
            // Model servers differ in which of them they obey when several are there.
            most: LENGTHS.into_iter().filter_map(number).max(),
        }
    }

    /// Makes every answer end after so many LLM tokens at the latest.
    pub fn cap_answers(&mut self, tokens: u64) {
        let cap = i64::try_from(tokens).unwrap_or(i64::MAX);
        let mut is_named = false;
        for name in LENGTHS {
            if let Some(named) = self.body.get(name).and_then(Value::as_i64) {
                is_named = true;
                self.body.set(name, Value::Number(Number::from(named.min(cap))));
            }
        }
        if !is_named {
            let name = if self.surface == Surface::Responses { "max_output_tokens" } else { "max_tokens" };
            self.body.set(name, Value::Number(Number::from(cap)));
        }
    }

    /// Whether the model may think without its thoughts being shown, so that its text does not tell what it cost.
    pub fn hides_reasoning(&self) -> bool {
        let thinking =
            self.body.get("thinking").and_then(Value::as_object).and_then(|thinking| thinking.get("type"));
        self.body.get("include_reasoning").and_then(Value::as_bool) == Some(false)
            || thinking.and_then(Value::as_str) == Some("disabled")
    }

    /// Whether the documents of a ranking go back to whoever sent them.
    pub(crate) fn wants_documents(&self) -> bool {
        self.body.get("return_documents").and_then(Value::as_bool) != Some(false)
    }

    /// The fields as asked, as far as inspection left them.
    pub(crate) fn asked(&self) -> &Object {
        &self.body
    }

    /// The document that goes on (of a form, its fields without the file), as its model server is asked ([`Surface::asked_as`]), with the house's own stream
    /// options.
    pub fn to_upstream(&self) -> String {
        self.outgoing(None)
    }

    /// The same for a model server that calls the model by another name.
    pub fn to_upstream_as(&self, model: &str) -> String {
        self.outgoing(Some(model))
    }

    fn outgoing(&self, model: Option<&str>) -> String {
        let translated = match self.surface {
            Surface::ChatCompletions
            | Surface::Completions
            | Surface::Embeddings
            | Surface::Score
            | Surface::Transcriptions
            | Surface::Translations
            | Surface::Tokenize => None,
            Surface::Rerank => translation::with_plain_documents(&self.body),
            Surface::Messages => Some(translation::messages_to_chat(&self.body)),
            Surface::CountTokens => Some(translation::to_tokenize(&self.body)),
            Surface::Responses => Some(translation::responses_to_chat(&self.body)),
        };
        let goes_as_it_is = !self.is_stream || (translated.is_none() && self.surface.is_speech());
        if translated.is_none() && model.is_none() && goes_as_it_is {
            return self.to_text();
        }
        let mut body = translated.unwrap_or_else(|| self.body.clone());
        if let Some(model) = model {
            body.set("model", Value::String(model.to_owned()));
        }
        if goes_as_it_is {
            return Value::Object(body).to_text();
        }
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
        check_shape(&Place::Field(field.name), shape, &mut value, limits)?;
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
        let mut needed = fields::of(self.surface).filter(|field| field.is_needed);
        let is_there = |name: &str| self.body.get(name).is_some();
        let is_given = |name: &str| {
            is_there(name) || fields::other_names(self.surface, name).iter().any(|other| is_there(other))
        };
        if let Some(field) = needed.find(|field| !is_given(field.name)) {
            return Err(missing(field.name));
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

/// The fields that bound how long an answer may become.
const LENGTHS: [&str; 3] = ["max_tokens", "max_completion_tokens", "max_output_tokens"];

/// Longest number text that is not inspected. Nothing sensitive that a recognizer knows is shorter than ten digits.
pub(crate) const SHORT_NUMBER_BYTES: usize = 9;

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

/// The same walk as [`visit`], to the texts that were said. Whoever is named next to a text or around it said it.
fn collect_turns<'r>(value: &'r Value, at: &mut Pointer<'r>, role: &'r str, turns: &mut Vec<Turn<'r>>) {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
        Value::String(text) => {
            if at.is_turn() {
                turns.push(Turn { role, text });
            }
        }
        Value::Array(items) => {
            for (place, item) in items.iter().enumerate() {
                at.push(Segment::Index(place));
                collect_turns(item, at, role, turns);
                at.pop();
            }
        }
        Value::Object(object) => {
            let named = object.get("role").and_then(Value::as_str);
            let role = match object.get("type").and_then(Value::as_str) {
                Some("tool_result" | "function_call_output") => "tool",
                Some("reasoning") => "assistant",
                _ => named.unwrap_or(role),
            };
            for (name, member) in object.iter() {
                at.push(Segment::Key(name));
                collect_turns(member, at, role, turns);
                at.pop();
            }
        }
    }
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

#[cfg(test)]
mod tests;
