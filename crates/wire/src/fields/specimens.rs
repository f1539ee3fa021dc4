//! Questions made from the field table, for tests: for every place that takes a text, one that has a text there.
//!
//! A field or a shape that is new in the table is in every test that walks these, without being named there.

use bytes::Bytes;

use super::{Disposition, Member, Shape, Tagged, Variant, of};
use crate::Surface;
use crate::json::{Number, Object, Value};
use crate::multipart::{Part, render};

/// A question with one text at one place.
#[derive(Debug, Clone, PartialEq)]
pub struct Specimen {
    /// JSON pointer to the text.
    pub pointer: String,
    /// The body.
    pub body: Object,
}

/// The smallest question of a surface. Its texts are `x`.
pub fn least_question(surface: Surface, model: &str) -> Object {
    let mut body = Object::new();
    for field in of(surface).filter(|field| field.is_needed) {
        if let Disposition::Forwarded(shape) = field.disposition {
            body.set(field.name, least(shape));
        }
    }
    body.set("model", word(model));
    body
}

/// Every place of a question on this surface that takes this text.
pub fn with_text(surface: Surface, model: &str, text: &str) -> Vec<Specimen> {
    let mut specimens = Vec::new();
    for field in of(surface) {
        let Disposition::Forwarded(shape) = field.disposition else { continue };
        for (pointer, value) in filled(shape, text) {
            let mut body = least_question(surface, model);
            body.set(field.name, value);
            specimens.push(Specimen { pointer: format!("/{}{pointer}", field.name), body });
        }
    }
    specimens
}

/// The form that a question with a file is sent as; `content` is the file's.
pub fn to_form(body: &Object, content: &[u8]) -> Vec<u8> {
    let mut parts = Vec::new();
    for (name, value) in body.iter() {
        let texts: Vec<String> = match value {
            Value::String(text) => vec![text.clone()],
            Value::Array(items) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            other => vec![other.to_text()],
        };
        parts.extend(texts.into_iter().filter_map(|text| match name {
            "file" => Part::file(name, text, None, Bytes::copy_from_slice(content)).ok(),
            _ => Part::field(name, text).ok(),
        }));
    }
    render(&parts).1
}

/// The smallest value of a shape.
fn least(shape: Shape) -> Value {
    match shape {
        Shape::Flag | Shape::Off(_) => Value::Bool(false),
        Shape::Integer(least, most) => number(0.clamp(least, most)),
        Shape::Number(..) | Shape::TokenCap => number(1),
        Shape::Text
        | Shape::Name(_)
        | Shape::Texts(_)
        | Shape::Prompt
        | Shape::Any
        | Shape::Model
        | Shape::File => word("x"),
        Shape::Word(words) => word(words.first().copied().unwrap_or_default()),
        Shape::Integers(_) | Shape::Tools => Value::Array(Vec::new()),
        Shape::Numbers(_) | Shape::AnyObject | Shape::StreamOptions => Value::Object(Object::new()),
        Shape::Array(item, count, _) => Value::Array(vec![least(*item); count]),
        Shape::Either(shapes) => shapes.first().map_or(Value::Null, |shape| least(*shape)),
        Shape::Object(members) => Value::Object(least_members(members)),
        Shape::Tagged(tagged) => variants(tagged)
            .next()
            .map_or(Value::Null, |(tag, members)| Value::Object(tagged_object(tagged, tag, members))),
        Shape::Messages => Value::Array(vec![message([("content", word("x"))], "user")]),
    }
}

/// Values of a shape with the text in them, each with the pointer to it.
fn filled(shape: Shape, text: &str) -> Vec<(String, Value)> {
    let here = || vec![(String::new(), word(text))];
    let inside = |value: Value, pointer: &str| vec![(pointer.to_owned(), value)];
    match shape {
        Shape::Text | Shape::File => here(),
        Shape::Name(most) if text.len() <= most => here(),
        Shape::Texts(_) | Shape::Prompt => {
            [here(), inside(Value::Array(vec![word("x"), word(text)]), "/1")].concat()
        }
        Shape::AnyObject => any_object(text),
        Shape::Any => [here(), any_object(text)].concat(),
        Shape::Array(item, ..) => filled(*item, text)
            .into_iter()
            .map(|(pointer, value)| (format!("/0{pointer}"), Value::Array(vec![value])))
            .collect(),
        Shape::Either(shapes) => shapes.iter().flat_map(|shape| filled(*shape, text)).collect(),
        Shape::Object(members) => filled_members(least_members(members), members, text),
        Shape::Tagged(tagged) => variants(tagged)
            .flat_map(|(tag, members)| filled_members(tagged_object(tagged, tag, members), members, text))
            .collect(),
        Shape::Tools => filled_tools(text),
        Shape::Messages => filled_messages(text),
        // INVARIANT: nothing of the asker's own words fits into any of these.
        Shape::Flag
        | Shape::Off(_)
        | Shape::Integer(..)
        | Shape::Number(..)
        | Shape::TokenCap
        | Shape::Name(_)
        | Shape::Word(_)
        | Shape::Integers(_)
        | Shape::Numbers(_)
        | Shape::StreamOptions
        | Shape::Model => Vec::new(),
    }
}

fn any_object(text: &str) -> Vec<(String, Value)> {
    let mut inner = Object::new();
    inner.set("k", Value::Array(vec![word(text)]));
    let mut outer = Object::new();
    outer.set("k", word(text));
    vec![("/k".to_owned(), Value::Object(outer)), ("/k/0".to_owned(), Value::Object(inner))]
}

fn filled_members(least: Object, members: &'static [Member], text: &str) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for member in members {
        let Disposition::Forwarded(shape) = member.disposition else { continue };
        for (pointer, value) in filled(shape, text) {
            let mut object = least.clone();
            object.set(member.name, value);
            all.push((format!("/{}{pointer}", member.name), Value::Object(object)));
        }
    }
    all
}

fn variants(tagged: &'static Tagged) -> impl Iterator<Item = (&'static str, &'static [Member])> {
    tagged.variants.iter().filter_map(|(tag, variant)| match variant {
        Variant::Members(members) => Some((*tag, *members)),
        Variant::Refused(_) => None,
    })
}

fn tagged_object(tagged: &Tagged, tag: &str, members: &'static [Member]) -> Object {
    let mut object = least_members(members);
    object.set(tagged.by, word(tag));
    object
}

fn least_members(members: &'static [Member]) -> Object {
    let mut object = Object::new();
    for member in members.iter().filter(|member| member.is_needed) {
        if let Disposition::Forwarded(shape) = member.disposition {
            object.set(member.name, least(shape));
        }
    }
    object
}

/// Tools of a chat, whose shape is no table.
fn filled_tools(text: &str) -> Vec<(String, Value)> {
    let tool = |name: &str, value: Value| {
        let mut function = Object::new();
        function.set("name", word("f"));
        function.set(name, value);
        let mut tool = Object::new();
        tool.set("type", word("function"));
        tool.set("function", Value::Object(function));
        Value::Array(vec![Value::Object(tool)])
    };
    let mut all = vec![
        ("/0/function/name".to_owned(), tool("name", word(text))),
        ("/0/function/description".to_owned(), tool("description", word(text))),
    ];
    all.extend(
        any_object(text)
            .into_iter()
            .map(|(pointer, value)| (format!("/0/function/parameters{pointer}"), tool("parameters", value))),
    );
    all
}

/// Messages of a chat, whose shape is no table.
fn filled_messages(text: &str) -> Vec<(String, Value)> {
    let part = |kind: &str| {
        let mut part = Object::new();
        part.set("type", word(kind));
        part.set(kind, word(text));
        Value::Array(vec![Value::Object(part)])
    };
    let call = |id: &str, name: &str, arguments: &str| {
        let mut function = Object::new();
        function.set("name", word(name));
        function.set("arguments", word(arguments));
        let mut call = Object::new();
        call.set("id", word(id));
        call.set("type", word("function"));
        call.set("function", Value::Object(function));
        Value::Array(vec![Value::Object(call)])
    };
    let mut function = Object::new();
    function.set("name", word("f"));
    function.set("arguments", word(text));
    [
        ("content", "user", word(text), ""),
        ("content", "user", part("text"), "/0/text"),
        ("content", "assistant", part("refusal"), "/0/refusal"),
        ("content", "assistant", part("thinking"), "/0/thinking"),
        ("name", "user", word(text), ""),
        ("tool_call_id", "tool", word(text), ""),
        ("refusal", "assistant", word(text), ""),
        ("reasoning", "assistant", word(text), ""),
        ("reasoning_content", "assistant", word(text), ""),
        ("tool_calls", "assistant", call(text, "f", "{}"), "/0/id"),
        ("tool_calls", "assistant", call("c", text, "{}"), "/0/function/name"),
        ("tool_calls", "assistant", call("c", "f", text), "/0/function/arguments"),
        ("function_call", "assistant", Value::Object(function), "/arguments"),
    ]
    .into_iter()
    .map(|(name, role, value, pointer)| {
        let message = message([("content", word("x")), (name, value)], role);
        (format!("/0/{name}{pointer}"), Value::Array(vec![message]))
    })
    .collect()
}

fn message<const N: usize>(members: [(&str, Value); N], role: &str) -> Value {
    let mut message = Object::new();
    message.set("role", word(role));
    for (name, value) in members {
        message.set(name, value);
    }
    Value::Object(message)
}

fn word(text: &str) -> Value {
    Value::String(text.to_owned())
}

fn number(number: i64) -> Value {
    Value::Number(Number::from(number))
}
