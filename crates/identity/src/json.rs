//! JSON as issuers must write it: whatever parsers disagree about is refused.
//!
//! Keys that stand twice, also after unescaping, are an error, as are numbers beyond what a double holds, lone surrogates
//! and anything after the document. Nesting is limited by the parser underneath, size by whoever calls.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// A JSON value whose objects have no key twice.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    /// A number that is written as an integer from 0 to 2^64 - 1.
    Natural(u64),
    /// Any other number.
    Number(f64),
    String(String),
    Array(Vec<Self>),
    Object(Object),
}

pub(crate) type Object = BTreeMap<String, Value>;

/// Reads one document that is an object. The error names a place, never what stands there.
pub(crate) fn parse_object(bytes: &[u8]) -> Result<Object, JsonError> {
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(JsonError { offset: 0 }),
        Err(error) => Err(JsonError { offset: error.column() }),
    }
}

impl Value {
    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }

    pub(crate) fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }
}

/// What was read is no JSON object, or one that is not read the same everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct JsonError {
    /// Bytes into the line at which the reader gave up.
    offset: usize,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not an unambiguous JSON object (byte {} of its line)", self.offset)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Natural(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(u64::try_from(value).map_or(Value::Number(value as f64), Value::Natural))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Number(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element()? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Object::new();
        while let Some((key, value)) = members.next_entry()? {
            if object.insert(key, value).is_some() {
                return Err(A::Error::custom("a key stands twice"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::parse_object;

    fn check(text: &str, accepted: bool) {
        assert_eq!(parse_object(text.as_bytes()).is_ok(), accepted, "{text}");
    }

    #[test]
    fn only_unambiguous_objects_are_read() {
        check(r#"{}"#, true);
        check(r#"{"a":[1,-1,1.5,true,null,"x",{"a":2}]}"#, true);
        check(r#"{"a":1,"a":1}"#, false);
        check(r#"{"a":1,"\u0061":2}"#, false);
        check(r#"{"a":{"b":1,"b":2}}"#, false);
        check(r#"{"a":1e400}"#, false);
        check(r#"{"a":"\ud800"}"#, false);
        check(r#"{"a":1} {}"#, false);
        check(r#"{"a":1,}"#, false);
        check("{\"a\":\"\u{0}\"}", false);
        check("\u{feff}{}", false);
        check(r#"[1]"#, false);
        check("", false);
        check(&format!("{}{}", r#"{"a":"#.repeat(200), "}".repeat(200)), false);
    }
}
