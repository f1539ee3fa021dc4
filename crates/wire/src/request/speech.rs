//! Speech as it comes in a form: one file beside fields of text.

use std::fmt;

use bytes::Bytes;
use schleuse_types::Refusal;

use super::{Limits, Request, too_large};
use crate::fields::{self, Disposition, Shape};
use crate::json::{self, Bounds as JsonBounds, Object, Value};
use crate::multipart::{Bounds, Form, Part};
use crate::refusal::invalid_request;
use crate::{Surface, Untranslatable};

/// Bytes of all fields of a form beside its file.
pub(super) const FIELDS_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of a file's name.
const NAME_BYTES_MAX: usize = 255;

/// What cannot be inspected: it goes on as it came, to places that may have it.
#[derive(Clone)]
pub(super) struct Attachment(pub(super) Bytes);

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Request {
    /// Parses a form. Its texts are read into the same shapes as a document's; its file is only carried.
    pub(super) fn parse_form(surface: Surface, body: &Bytes, limits: &Limits) -> Result<Self, Refusal> {
        let most = Self::bytes_max(surface, limits);
        let mut form = Form::parse(body, &Bounds { body_bytes_max: most, ..Bounds::default() })?;
        let mut request = Self {
            surface,
            model: String::new(),
            is_stream: false,
            wants_usage: false,
            body_bytes: 0,
            body: Object::new(),
            attachment: None,
        };
        if let Some(file) = form.take(FILE)? {
            request.take_file(file, limits)?;
        }
        let rest: usize = form.parts().iter().map(|part| part.bytes().len()).sum();
        if rest > FIELDS_BYTES_MAX {
            return Err(too_large(FIELDS_BYTES_MAX));
        }
        request.body_bytes = rest;
        for field in fields::of(surface) {
            let value = match field.disposition {
                Disposition::Forwarded(Shape::Array(item, ..)) => {
                    let mut parts = form.take_all(field.name);
                    parts.extend(form.take_all(field.name.trim_end_matches("[]")));
                    let items: Result<Vec<Value>, Refusal> =
                        parts.iter().map(|part| Ok(value(*item, part.text()?))).collect();
                    items.map(|items| (!items.is_empty()).then_some(Value::Array(items)))?
                }
                Disposition::Forwarded(shape) => match form.take(field.name)? {
                    Some(part) => Some(value(shape, part.text()?)),
                    None => None,
                },
                Disposition::Dropped | Disposition::Refused(_) => {
                    (!form.take_all(field.name).is_empty()).then_some(Value::Bool(true))
                }
            };
            if let Some(value) = value {
                request.take_field(field.name, value, limits)?;
            }
        }
        let known: Vec<&'static str> = fields::of(surface).map(|field| field.name).collect();
        form.refuse_rest(&known)?;
        request.check_whole(limits)?;
        request.check_format()?;
        Ok(request)
    }

    fn take_file(&mut self, file: Part, limits: &Limits) -> Result<(), Refusal> {
        let name = file.filename().unwrap_or_default();
        // Some clients send the whole path.
        let name = name.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
        if name.is_empty() || name.len() > NAME_BYTES_MAX {
            return Err(invalid_request(
                format!("The field `{FILE}` must be a file with a name of 1 to {NAME_BYTES_MAX} bytes."),
                format!(
                    "Das Feld `{FILE}` muss eine Datei mit einem Namen von 1 bis {NAME_BYTES_MAX} Bytes sein."
                ),
                "no file in the form",
                Some(FILE),
            ));
        }
        if file.bytes().is_empty() {
            return Err(invalid_request(
                format!("The file in `{FILE}` is empty."),
                format!("Die Datei in `{FILE}` ist leer."),
                "empty file",
                Some(FILE),
            ));
        }
        if file.bytes().len() > limits.file_bytes_max {
            return Err(too_large(limits.file_bytes_max).with_param(FILE));
        }
        self.body.set(FILE, Value::String(name));
        self.attachment = Some(Attachment(file.into_bytes()));
        Ok(())
    }

    /// A stream has no place for times.
    fn check_format(&self) -> Result<(), Refusal> {
        let format = self.format();
        if self.is_stream && !matches!(format, "json" | "text") {
            return Err(invalid_request(
                "With `stream`, `response_format` must be json or text.",
                "Mit `stream` muss `response_format` json oder text sein.",
                "a stream with times",
                Some("response_format"),
            ));
        }
        if self.body.get(GRANULARITIES).is_some() && format != "verbose_json" {
            return Err(invalid_request(
                format!("`{GRANULARITIES}` needs the `response_format` verbose_json."),
                format!("`{GRANULARITIES}` braucht das `response_format` verbose_json."),
                "times without verbose_json",
                Some(GRANULARITIES),
            ));
        }
        Ok(())
    }

    /// In which form the asker wants a transcript.
    pub(crate) fn format(&self) -> &str {
        self.body.get("response_format").and_then(Value::as_str).unwrap_or("json")
    }

    /// What goes along without having been inspected, if anything does.
    pub fn attached(&self) -> Option<&Bytes> {
        self.attachment.as_ref().map(|attachment| &attachment.0)
    }

    /// The form that goes on; `None` of what is no form. A model server is asked for plain text or for times in JSON,
    /// whatever the asker wants: what is inspected is one form, and the others are written from it.
    pub fn to_form(&self) -> Option<Result<Vec<Part>, Untranslatable>> {
        let attachment = self.attachment.as_ref()?;
        Some(self.parts(attachment))
    }

    fn parts(&self, attachment: &Attachment) -> Result<Vec<Part>, Untranslatable> {
        let unsayable = |name: &str| Untranslatable { field: name.to_owned() };
        let field = |name: &str, text: String| Part::field(name, text).map_err(|_| unsayable(name));
        let mut parts = Vec::new();
        for (name, value) in self.body.iter() {
            match value {
                Value::String(text) if name == FILE => {
                    let (kind, bytes) = (content_type(text).to_owned(), attachment.0.clone());
                    parts.push(Part::file(FILE, text, Some(kind), bytes).map_err(|_| unsayable(FILE))?);
                }
                Value::String(_) if name == "response_format" => {}
                Value::String(text) => parts.push(field(name, text.clone())?),
                Value::Array(items) => {
                    for item in items.iter().filter_map(Value::as_str) {
                        parts.push(field(name, item.to_owned())?);
                    }
                }
                other => parts.push(field(name, other.to_text())?),
            }
        }
        let asked = if matches!(self.format(), "json" | "text") { "json" } else { "verbose_json" };
        parts.push(field("response_format", asked.to_owned())?);
        Ok(parts)
    }
}

const FILE: &str = "file";
const GRANULARITIES: &str = "timestamp_granularities[]";

/// The text of a field as the value that its shape takes. What is none stays a text, and is refused as such.
fn value(shape: Shape, text: &str) -> Value {
    let number = || match json::parse(text.trim().as_bytes(), &JsonBounds::default()) {
        Ok(number @ Value::Number(_)) => Some(number),
        _ => None,
    };
    let value = match shape {
        Shape::Flag | Shape::Off(_) => match text {
            "true" | "True" | "1" => Some(Value::Bool(true)),
            "false" | "False" | "0" => Some(Value::Bool(false)),
            _ => None,
        },
        Shape::Integer(..) | Shape::Number(..) | Shape::TokenCap => number(),
        _ => None,
    };
    value.unwrap_or_else(|| Value::String(text.to_owned()))
}

/// By the ending of the name, which is what model servers go by as well. The asker's own word for it is not repeated: nobody
/// inspected it.
fn content_type(name: &str) -> &'static str {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    match ending.as_deref() {
        Some("mp3" | "mpga" | "mpeg") => "audio/mpeg",
        Some("mp4" | "m4a") => "audio/mp4",
        Some("wav") => "audio/wav",
        Some("flac") => "audio/flac",
        Some("ogg" | "oga" | "opus") => "audio/ogg",
        Some("webm") => "audio/webm",
        _ => "application/octet-stream",
    }
}
