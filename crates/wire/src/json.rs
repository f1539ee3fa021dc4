//! A strict JSON parser (RFC 8259) for hostile bytes, and the writer that makes the bytes which go on.
//!
//! Stricter than the RFC where parsers are known to disagree: duplicate keys, lone surrogates, numbers beyond what a
//! double holds, and anything after the document are errors. Numbers keep their text, so nothing is rounded.

use std::fmt;

use compact_str::{CompactString, ToCompactString as _};

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    Array(Vec<Value>),
    Object(Object),
}

/// A number as it was written. INVARIANT: the text obeys the JSON grammar and is finite as a double.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number(CompactString);

impl Number {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn as_f64(&self) -> f64 {
        self.0.parse().unwrap_or(f64::NAN)
    }

    /// The value if it is written as an integer.
    pub fn as_i64(&self) -> Option<i64> {
        self.0.parse().ok()
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Self(value.to_compact_string())
    }
}

/// Members in the order in which they were written. INVARIANT: no key stands twice.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Object(Vec<(CompactString, Value)>);

impl Object {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        self.0.iter_mut().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// Sets a member, in its old place if it has one.
    pub fn set(&mut self, key: &str, value: Value) {
        match self.get_mut(key) {
            Some(place) => *place = value,
            None => self.0.push((CompactString::from(key), value)),
        }
    }

    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let place = self.0.iter().position(|(name, _)| name == key)?;
        Some(self.0.remove(place).1)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&str, &mut Value)> {
        self.0.iter_mut().map(|(name, value)| (name.as_str(), value))
    }

    pub fn retain(&mut self, mut keep: impl FnMut(&str, &mut Value) -> bool) {
        self.0.retain_mut(|(name, value)| keep(name, value));
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl IntoIterator for Object {
    type Item = (CompactString, Value);
    type IntoIter = std::vec::IntoIter<(CompactString, Value)>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl Value {
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Number(number) => number.as_i64(),
            _ => None,
        }
    }

    pub fn as_array(&self) -> Option<&[Value]> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }

    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// What people call this kind of value.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }

    pub fn to_text(&self) -> String {
        let mut out = String::new();
        write(self, &mut out);
        out
    }

    /// Shows every text in it, in the order of the document.
    pub fn visit(&mut self, visitor: &mut dyn crate::TextVisitor) {
        crate::request::visit(self, &mut crate::Pointer::default(), visitor);
    }
}

/// What a document may cost.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Nesting of arrays and objects.
    pub depth_max: usize,
    /// Values and keys altogether.
    pub nodes_max: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { depth_max: 64, nodes_max: 200_000 }
    }
}

/// Why a document was refused, and at which byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonError {
    pub reason: Reason,
    pub offset: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    InvalidUtf8,
    UnexpectedEnd,
    UnexpectedByte,
    TrailingBytes,
    DuplicateKey,
    TooDeep(usize),
    TooManyValues(usize),
    ControlCharacter,
    BadEscape,
    LoneSurrogate,
    BadNumber,
    NumberOutOfRange,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.offset;
        match self.reason {
            Reason::InvalidUtf8 => write!(f, "invalid UTF-8 at byte {at}"),
            Reason::UnexpectedEnd => write!(f, "the JSON document ends too early, at byte {at}"),
            Reason::UnexpectedByte => write!(f, "invalid JSON at byte {at}"),
            Reason::TrailingBytes => write!(f, "bytes after the end of the JSON document, at byte {at}"),
            Reason::DuplicateKey => write!(f, "duplicate key in an object at byte {at}"),
            Reason::TooDeep(max) => write!(f, "nested deeper than {max} levels at byte {at}"),
            Reason::TooManyValues(max) => write!(f, "more than {max} values at byte {at}"),
            Reason::ControlCharacter => write!(f, "unescaped control character in a string at byte {at}"),
            Reason::BadEscape => write!(f, "invalid escape in a string at byte {at}"),
            Reason::LoneSurrogate => write!(f, "lone surrogate in a string at byte {at}"),
            Reason::BadNumber => write!(f, "malformed number at byte {at}"),
            Reason::NumberOutOfRange => write!(f, "number out of range at byte {at}"),
        }
    }
}

impl std::error::Error for JsonError {}

/// Parses one whole document.
pub fn parse(bytes: &[u8], bounds: &Bounds) -> Result<Value, JsonError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| JsonError { reason: Reason::InvalidUtf8, offset: error.valid_up_to() })?;
    let mut parser = Parser { text, bytes: text.as_bytes(), at: 0, nodes: 0, bounds };
    parser.skip_space();
    let value = parser.value(0)?;
    parser.skip_space();
    if parser.at < parser.bytes.len() {
        return parser.fail(Reason::TrailingBytes);
    }
    Ok(value)
}

/// Longest text of a number. A double needs at most 17 significant digits; more is an attack or a mistake.
const NUMBER_BYTES_MAX: usize = 64;

/// From here on an object's keys are compared through a sorted index instead of one by one.
const MANY_KEYS: usize = 16;

struct Parser<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    nodes: usize,
    bounds: &'a Bounds,
}

impl Parser<'_> {
    fn fail<T>(&self, reason: Reason) -> Result<T, JsonError> {
        Err(JsonError { reason, offset: self.at })
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn count(&mut self) -> Result<(), JsonError> {
        self.nodes += 1;
        if self.nodes > self.bounds.nodes_max {
            return self.fail(Reason::TooManyValues(self.bounds.nodes_max));
        }
        Ok(())
    }

    fn value(&mut self, depth: usize) -> Result<Value, JsonError> {
        self.count()?;
        match self.peek() {
            None => self.fail(Reason::UnexpectedEnd),
            Some(b'"') => Ok(Value::String(self.string()?)),
            Some(b'{') => self.object(depth + 1),
            Some(b'[') => self.array(depth + 1),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) => self.fail(Reason::UnexpectedByte),
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, JsonError> {
        if self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(word.as_bytes())) {
            self.at += word.len();
            Ok(value)
        } else {
            self.fail(Reason::UnexpectedByte)
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, JsonError> {
        if depth > self.bounds.depth_max {
            return self.fail(Reason::TooDeep(self.bounds.depth_max));
        }
        self.at += 1;
        let mut items = Vec::new();
        self.skip_space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::Array(items));
        }
        loop {
            self.skip_space();
            items.push(self.value(depth)?);
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Value::Array(items));
                }
                None => return self.fail(Reason::UnexpectedEnd),
                Some(_) => return self.fail(Reason::UnexpectedByte),
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, JsonError> {
        if depth > self.bounds.depth_max {
            return self.fail(Reason::TooDeep(self.bounds.depth_max));
        }
        self.at += 1;
        let mut members: Vec<(CompactString, Value)> = Vec::new();
        // Only filled once the object is large, so that a hostile one does not cost quadratic time.
        let mut index: Option<std::collections::HashSet<CompactString>> = None;
        self.skip_space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::Object(Object(members)));
        }
        loop {
            self.skip_space();
            let key_at = self.at;
            match self.peek() {
                Some(b'"') => {}
                None => return self.fail(Reason::UnexpectedEnd),
                Some(_) => return self.fail(Reason::UnexpectedByte),
            }
            self.count()?;
            let key = self.key()?;
            if members.len() == MANY_KEYS {
                index = Some(members.iter().map(|(name, _)| name.clone()).collect());
            }
            let is_duplicate = match &mut index {
                Some(index) => !index.insert(key.clone()),
                None => members.iter().any(|(name, _)| *name == key),
            };
            if is_duplicate {
                return Err(JsonError { reason: Reason::DuplicateKey, offset: key_at });
            }
            self.skip_space();
            match self.peek() {
                Some(b':') => self.at += 1,
                None => return self.fail(Reason::UnexpectedEnd),
                Some(_) => return self.fail(Reason::UnexpectedByte),
            }
            self.skip_space();
            let value = self.value(depth)?;
            members.push((key, value));
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(Value::Object(Object(members)));
                }
                None => return self.fail(Reason::UnexpectedEnd),
                Some(_) => return self.fail(Reason::UnexpectedByte),
            }
        }
    }

    /// At the opening quote.
    fn string(&mut self) -> Result<String, JsonError> {
        self.string_as(str::to_owned)
    }

    /// A key. Keys are short, and short ones need no memory of their own.
    fn key(&mut self) -> Result<CompactString, JsonError> {
        self.string_as(|text| CompactString::from(text))
    }

    /// `make` is given the text whole.
    fn string_as<T>(&mut self, make: impl FnOnce(&str) -> T) -> Result<T, JsonError> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let start = self.at;
            while let Some(byte) = self.peek() {
                if byte == b'"' || byte == b'\\' || byte < 0x20 {
                    break;
                }
                self.at += 1;
            }
            // INVARIANT: both ends stand at an ASCII byte or the end, so they are character boundaries.
            let run = self.text.get(start..self.at).unwrap_or_default();
            match self.peek() {
                None => return self.fail(Reason::UnexpectedEnd),
                Some(b'"') => {
                    self.at += 1;
                    if out.is_empty() {
                        return Ok(make(run));
                    }
                    out.push_str(run);
                    return Ok(make(&out));
                }
                Some(b'\\') => {
                    out.push_str(run);
                    out.push(self.escape()?);
                }
                Some(_) => return self.fail(Reason::ControlCharacter),
            }
        }
    }

    /// At the backslash.
    fn escape(&mut self) -> Result<char, JsonError> {
        let start = self.at;
        self.at += 1;
        let character = match self.peek() {
            None => return self.fail(Reason::UnexpectedEnd),
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                let first = self.hex4()?;
                return match first {
                    0xD800..=0xDBFF => {
                        let has_second = self.bytes.get(self.at..self.at + 2) == Some(b"\\u");
                        if !has_second {
                            return Err(JsonError { reason: Reason::LoneSurrogate, offset: start });
                        }
                        self.at += 2;
                        let second = self.hex4()?;
                        if !(0xDC00..=0xDFFF).contains(&second) {
                            return Err(JsonError { reason: Reason::LoneSurrogate, offset: start });
                        }
                        let code = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
                        char::from_u32(code).ok_or(JsonError { reason: Reason::BadEscape, offset: start })
                    }
                    0xDC00..=0xDFFF => Err(JsonError { reason: Reason::LoneSurrogate, offset: start }),
                    code => {
                        char::from_u32(code).ok_or(JsonError { reason: Reason::BadEscape, offset: start })
                    }
                };
            }
            Some(_) => return Err(JsonError { reason: Reason::BadEscape, offset: start }),
        };
        self.at += 1;
        Ok(character)
    }

    fn hex4(&mut self) -> Result<u32, JsonError> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = match self.peek() {
                None => return self.fail(Reason::UnexpectedEnd),
                Some(byte) => char::from(byte).to_digit(16),
            };
            match digit {
                Some(digit) => code = code << 4 | digit,
                None => return self.fail(Reason::BadEscape),
            }
            self.at += 1;
        }
        Ok(code)
    }

    fn number(&mut self) -> Result<Value, JsonError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits(),
            _ => return self.fail(Reason::BadNumber),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            if !matches!(self.peek(), Some(b'0'..=b'9')) {
                return self.fail(Reason::BadNumber);
            }
            self.digits();
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            if !matches!(self.peek(), Some(b'0'..=b'9')) {
                return self.fail(Reason::BadNumber);
            }
            self.digits();
        }
        if let Some(b'0'..=b'9' | b'.' | b'+' | b'-' | b'a'..=b'z' | b'A'..=b'Z') = self.peek() {
            return self.fail(Reason::BadNumber);
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        let is_finite = text.parse::<f64>().is_ok_and(f64::is_finite);
        if text.len() > NUMBER_BYTES_MAX || !is_finite {
            return Err(JsonError { reason: Reason::NumberOutOfRange, offset: start });
        }
        Ok(Value::Number(Number(text.into())))
    }

    fn digits(&mut self) {
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
    }
}

/// Writes a value without spaces.
pub fn write(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => out.push_str(number.as_str()),
        Value::String(text) => write_string(text, out),
        Value::Array(items) => {
            out.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Value::Object(object) => write_object(object, out),
    }
}

/// Writes an object without spaces.
pub fn write_object(object: &Object, out: &mut String) {
    out.push('{');
    for (place, (name, value)) in object.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        write_string(name, out);
        out.push(':');
        write(value, out);
    }
    out.push('}');
}

/// Writes a string with quotes; escapes only what RFC 8259 demands.
pub fn write_string(text: &str, out: &mut String) {
    out.push('"');
    let mut rest = text;
    while let Some(place) = rest.bytes().position(|byte| byte == b'"' || byte == b'\\' || byte < 0x20) {
        let (run, tail) = rest.split_at(place);
        out.push_str(run);
        let mut characters = tail.chars();
        match characters.next() {
            Some('"') => out.push_str("\\\""),
            Some('\\') => out.push_str("\\\\"),
            Some('\n') => out.push_str("\\n"),
            Some('\r') => out.push_str("\\r"),
            Some('\t') => out.push_str("\\t"),
            Some(control) => {
                out.push_str("\\u00");
                let code = u32::from(control);
                out.push(char::from_digit(code >> 4, 16).unwrap_or('0'));
                out.push(char::from_digit(code & 15, 16).unwrap_or('0'));
            }
            None => {}
        }
        rest = characters.as_str();
    }
    out.push_str(rest);
    out.push('"');
}

#[cfg(test)]
mod tests;
