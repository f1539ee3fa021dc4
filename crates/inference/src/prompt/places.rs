//! Placeholders that stand for what people and models wrote while a template is rendered.
//!
//! Private-use characters mark where text goes. They appear neither in a template (checked) nor, as text is put in
//! after rendering, in what was rendered. The edges are white space: a template that trims a text takes them away, and
//! then the text is trimmed in its place. A template that writes a value as JSON marks the place, and then the text is
//! written with JSON's escapes.

use minijinja::value::{Kwargs, Value};
use minijinja::{Error, ErrorKind};
use serde_json::Value as Json;
use serde_json::ser::Formatter;
use std::io;

const BEGIN: char = '\u{f8f0}';
const END: char = '\u{f8f1}';
const EDGE: char = '\u{2003}';
/// Stands before [`END`] once for every time the place was written as JSON.
const QUOTED: char = 'j';

/// True for a template that placeholders would be confused with.
pub(super) fn uses_reserved(source: &str) -> bool {
    source.contains([BEGIN, END, EDGE])
}

/// The texts of one conversation.
#[derive(Debug, Default)]
pub(super) struct Places {
    texts: Vec<String>,
}

impl Places {
    /// What stands for `text` while the template is rendered.
    pub(super) fn put(&mut self, text: &str) -> String {
        // An empty text stays empty: templates ask whether there is one.
        if text.is_empty() {
            return String::new();
        }
        self.texts.push(text.to_owned());
        format!("{EDGE}{BEGIN}{}{END}{EDGE}", self.texts.len() - 1)
    }

    /// A value with a place for every text in it but those that templates compare with, such as `object`.
    pub(super) fn put_value(&mut self, value: &Json) -> Json {
        match value {
            Json::String(text) => Json::String(self.put_word(text)),
            Json::Array(values) => Json::Array(values.iter().map(|value| self.put_value(value)).collect()),
            Json::Object(members) => {
                let place = |(name, value): (&String, &Json)| (self.put_word(name), self.put_value(value));
                Json::Object(members.iter().map(place).collect())
            }
            Json::Null | Json::Bool(_) | Json::Number(_) => value.clone(),
        }
    }

    /// A plain word stays as it is: without brackets it spells no control token.
    pub(super) fn put_word(&mut self, text: &str) -> String {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.$".contains(&byte);
        if text.len() <= WORD_BYTES_MAX && text.bytes().all(plain) { text.to_owned() } else { self.put(text) }
    }

    pub(super) fn text(&self, piece: &Piece) -> String {
        let Piece::Placed { place, quoted, trim_start, trim_end } = piece else { return String::new() };
        let text = self.texts.get(*place).map_or("", String::as_str);
        let text = if *trim_start { text.trim_start() } else { text };
        let mut text = if *trim_end { text.trim_end() } else { text }.to_owned();
        for _ in 0..*quoted {
            let json = Json::String(text).to_string();
            text =
                json.strip_prefix('"').and_then(|json| json.strip_suffix('"')).unwrap_or_default().to_owned();
        }
        text
    }
}

const WORD_BYTES_MAX: usize = 64;
/// Times that a text may be written as JSON within JSON: each can double its length.
const QUOTED_MAX: usize = 3;

/// A piece of what a template wrote.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Template(String),
    Placed { place: usize, quoted: usize, trim_start: bool, trim_end: bool },
}

/// Takes apart what a template wrote. `Err` says what it did to the texts.
pub(super) fn split(rendered: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut stretches = rendered.split(BEGIN);
    let mut before = stretches.next().unwrap_or_default();
    for stretch in stretches {
        let (number, after) = stretch.split_once(END).ok_or("it took a message's content apart")?;
        let place = number.trim_end_matches(QUOTED);
        let quoted = number.len() - place.len();
        if quoted > QUOTED_MAX {
            return Err("it wrote a message's content as JSON too often".to_owned());
        }
        let place = place.parse().map_err(|_| "it changed a message's content".to_owned())?;
        let kept_start = before.strip_suffix(EDGE);
        let kept_end = after.strip_prefix(EDGE);
        pieces.push(Piece::Template(kept_start.unwrap_or(before).to_owned()));
        pieces.push(Piece::Placed {
            place,
            quoted,
            trim_start: kept_start.is_none(),
            trim_end: kept_end.is_none(),
        });
        before = kept_end.unwrap_or(after);
    }
    pieces.push(Piece::Template(before.to_owned()));
    Ok(pieces)
}

/// The filter `tojson` as the reference implementation of chat templates has it: Python's spacing, nothing escaped for
/// HTML. `indent` is the spaces per level.
pub(super) fn tojson(value: &Value, options: Kwargs) -> Result<Value, Error> {
    let indent: Option<usize> = options.get("indent")?;
    // Others say how Python writes; they do not change what is written.
    for ignored in ["ensure_ascii", "separators", "sort_keys"] {
        let _known: Option<Value> = options.get(ignored)?;
    }
    options.assert_all_used()?;
    let failed = |_| Error::new(ErrorKind::InvalidOperation, "a value cannot be written as JSON");
    let mut bytes = Vec::new();
    match indent.map(|indent| " ".repeat(indent.min(8))) {
        Some(indent) => {
            let formatter = serde_json::ser::PrettyFormatter::with_indent(indent.as_bytes());
            let mut writer = serde_json::Serializer::with_formatter(&mut bytes, formatter);
            serde::Serialize::serialize(value, &mut writer).map_err(failed)?;
        }
        None => {
            let mut writer = serde_json::Serializer::with_formatter(&mut bytes, Spaced);
            serde::Serialize::serialize(value, &mut writer).map_err(failed)?;
        }
    }
    let json = String::from_utf8(bytes)
        .map_err(|_| Error::new(ErrorKind::InvalidOperation, "a value cannot be written as JSON"))?;
    Ok(Value::from(json.replace(END, &format!("{QUOTED}{END}"))))
}

/// `{"a": 1, "b": [2, 3]}`, as Python's `json.dumps` writes.
struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}

/// As [`tojson`] writes, for texts that no template renders.
pub(super) fn spaced(value: &Json) -> String {
    let mut bytes = Vec::new();
    let mut writer = serde_json::Serializer::with_formatter(&mut bytes, Spaced);
    match serde::Serialize::serialize(value, &mut writer) {
        Ok(()) => String::from_utf8(bytes).unwrap_or_default(),
        Err(_) => String::new(),
    }
}
