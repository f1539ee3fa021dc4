//! What each field must look like, and the refusals that say so.

use std::fmt::{self, Display, Write as _};

use schleuse_types::Refusal;

use crate::fields::{self, Disposition, Member, Shape, Tagged, Variant, Why};
use crate::json::{Number, Object, Value};
use crate::refusal::invalid_request;
use crate::request::Limits;

/// How much of a stranger's name an answer repeats.
fn shown(name: &str) -> String {
    name.chars().take(64).filter(|character| !character.is_control()).collect()
}

pub(crate) fn unknown_field(name: &str, nearest: Option<&str>, place: Option<&str>) -> Refusal {
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

pub(crate) fn refused_field(name: impl Display, why: Why) -> Refusal {
    invalid_request(
        format!("The field `{name}` is refused: {}.", why.english()),
        format!("Das Feld `{name}` wird abgelehnt: {}.", why.german()),
        "refused field",
        Some(&name.to_string()),
    )
}

fn wrong_shape(name: impl Display, expected_english: &str, expected_german: &str) -> Refusal {
    invalid_request(
        format!("The field `{name}` must be {expected_english}."),
        format!("Das Feld `{name}` muss {expected_german} sein."),
        "field of the wrong shape",
        Some(&name.to_string()),
    )
}

pub(crate) fn out_of_range(name: impl Display, least: &str, most: &str) -> Refusal {
    invalid_request(
        format!("The field `{name}` must be between {least} and {most}."),
        format!("Das Feld `{name}` muss zwischen {least} und {most} liegen."),
        "field out of range",
        Some(&name.to_string()),
    )
}

fn too_many(name: impl Display, most: usize) -> Refusal {
    invalid_request(
        format!("The field `{name}` has more than {most} items."),
        format!("Das Feld `{name}` hat mehr als {most} Einträge."),
        "too many items",
        Some(&name.to_string()),
    )
}

/// Where a value stands, written as `messages[0].content`; only ever written out for a refusal.
#[derive(Clone, Copy)]
pub(crate) enum Place<'p> {
    Field(&'p str),
    Member(&'p Place<'p>, &'p str),
    Item(&'p Place<'p>, usize),
}

impl Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => f.write_str(name),
            Self::Member(parent, name) => write!(f, "{parent}.{name}"),
            Self::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// Checks a value that is not `null`. What is dropped inside of it is gone afterwards.
pub(crate) fn check_shape(
    name: &Place<'_>,
    shape: Shape,
    value: &mut Value,
    limits: &Limits,
) -> Result<(), Refusal> {
    match shape {
        Shape::Any => Ok(()),
        Shape::AnyObject => match value {
            Value::Object(_) => Ok(()),
            _ => Err(wrong_kind(name, shape)),
        },
        Shape::Flag => match value {
            Value::Bool(_) => Ok(()),
            _ => Err(wrong_kind(name, shape)),
        },
        Shape::Off(why) => match value {
            Value::Bool(false) => Ok(()),
            Value::Bool(true) => Err(refused_field(name, why)),
            _ => Err(wrong_kind(name, shape)),
        },
        Shape::Integer(least, most) => check_integer(name, value, least, most),
        Shape::TokenCap => check_integer(name, value, 1, limits.tokens_max),
        Shape::Number(least, most) => match value {
            Value::Number(number) if (least..=most).contains(&number.as_f64()) => Ok(()),
            Value::Number(_) => Err(out_of_range(name, &least.to_string(), &most.to_string())),
            _ => Err(wrong_kind(name, shape)),
        },
        Shape::Text => match value {
            Value::String(_) => Ok(()),
            _ => Err(wrong_kind(name, shape)),
        },
        Shape::Name(most) => match value {
            Value::String(text) if (1..=most).contains(&text.len()) => Ok(()),
            _ => Err(wrong_kind(name, shape)),
        },
        Shape::Texts(most) => match value {
            Value::String(_) => Ok(()),
            Value::Array(items) if items.len() > most => Err(too_many(name, most)),
            Value::Array(items) if items.iter().all(|item| matches!(item, Value::String(_))) => Ok(()),
            _ => Err(wrong_kind(name, shape)),
        },
        Shape::Word(words) => match value {
            Value::String(word) if words.contains(&word.as_str()) => Ok(()),
            _ => Err(wrong_kind(name, shape)),
        },
        Shape::Integers(most) => match value {
            Value::Array(items) if items.len() > most => Err(too_many(name, most)),
            Value::Array(items) if items.iter().all(|item| item.as_i64().is_some()) => Ok(()),
            _ => Err(wrong_kind(name, shape)),
        },
        Shape::Numbers(most) => match value {
            Value::Object(members) if members.len() > most => Err(too_many(name, most)),
            Value::Object(members) if members.iter().all(|(_, item)| matches!(item, Value::Number(_))) => {
                Ok(())
            }
            _ => Err(wrong_kind(name, shape)),
        },
        Shape::Array(item, least, most) => match value {
            Value::Array(items) if items.len() > most => Err(too_many(name, most)),
            Value::Array(items) if items.len() < least => Err(wrong_shape(
                name,
                "an array with at least one item",
                "eine Liste mit mindestens einem Eintrag",
            )),
            Value::Array(items) => {
                for (place, value) in items.iter_mut().enumerate() {
                    check_shape(&Place::Item(name, place), *item, value, limits)?;
                }
                Ok(())
            }
            _ => Err(wrong_kind(name, shape)),
        },
        Shape::Either(shapes) => match shapes.iter().find(|shape| shape.takes(value)) {
            Some(shape) => check_shape(name, *shape, value, limits),
            None => Err(wrong_kind(name, shape)),
        },
        Shape::Object(members) => match value {
            Value::Object(object) => check_members(name, members, None, object, limits),
            _ => Err(wrong_kind(name, shape)),
        },
        Shape::Tagged(tagged) => match value {
            Value::Object(object) => check_tagged(name, tagged, object, limits),
            _ => Err(wrong_kind(name, shape)),
        },
        Shape::File => match value {
            Value::String(_) => Ok(()),
            _ => Err(wrong_kind(name, shape)),
        },
        Shape::Model => match value {
            Value::String(model) if (1..=256).contains(&model.len()) => Ok(()),
            _ => Err(wrong_kind(name, shape)),
        },
        Shape::Prompt => check_prompt(name, value),
        Shape::StreamOptions => check_stream_options(value),
        Shape::Tools => check_tools(value, limits),
        Shape::Messages => check_messages(value, limits),
    }
}

/// Exactly the members of the table; `tag` is the one that was looked at already.
fn check_members(
    place: &Place<'_>,
    members: &'static [Member],
    tag: Option<&str>,
    object: &mut Object,
    limits: &Limits,
) -> Result<(), Refusal> {
    for (name, value) in object.iter_mut() {
        if tag == Some(name) {
            continue;
        }
        let Some(member) = members.iter().find(|member| member.name == name) else {
            let open = members.iter().filter(|member| !matches!(member.disposition, Disposition::Refused(_)));
            let known = open.map(|member| member.name).chain(tag);
            return Err(unknown_field(name, fields::nearest_of(known, name), Some(&format!("`{place}`"))));
        };
        let at = Place::Member(place, member.name);
        match member.disposition {
            Disposition::Dropped => *value = Value::Null,
            _ if value.is_null() => {}
            Disposition::Refused(why) => return Err(refused_field(at, why)),
            Disposition::Forwarded(shape) => check_shape(&at, shape, value, limits)?,
        }
    }
    object.retain(|_, value| !value.is_null());
    match members.iter().find(|member| member.is_needed && object.get(member.name).is_none()) {
        Some(member) => Err(missing(Place::Member(place, member.name))),
        None => Ok(()),
    }
}

/// An object that one of its members tells apart.
fn check_tagged(
    place: &Place<'_>,
    tagged: &'static Tagged,
    object: &mut Object,
    limits: &Limits,
) -> Result<(), Refusal> {
    let tag = match object.get(tagged.by) {
        None | Some(Value::Null) => tagged.usual.ok_or_else(|| missing(Place::Member(place, tagged.by)))?,
        Some(Value::String(tag)) => tag,
        Some(_) => return Err(wrong_shape(Place::Member(place, tagged.by), "a string", "eine Zeichenkette")),
    };
    match tagged.variants.iter().find(|(known, _)| fields::is_tag(known, tag)) {
        Some((_, Variant::Members(members))) => {
            check_members(place, members, Some(tagged.by), object, limits)
        }
        Some((known, Variant::Refused(why))) => Err(refused_kind(place, tagged.by, known, *why)),
        None => {
            let open: Vec<&str> = tagged
                .variants
                .iter()
                .filter(|(_, variant)| matches!(variant, Variant::Members(_)))
                .map(|(tag, _)| *tag)
                .collect();
            let words = open.join(", ");
            Err(wrong_shape(
                Place::Member(place, tagged.by),
                &format!("one of {words}"),
                &format!("eines von {words}"),
            ))
        }
    }
}

impl Shape {
    /// Whether this shape is the one meant, by the kind of value alone.
    fn takes(self, value: &Value) -> bool {
        match self {
            Self::Any => true,
            Self::Flag | Self::Off(_) => matches!(value, Value::Bool(_)),
            Self::Integer(..) | Self::Number(..) | Self::TokenCap => matches!(value, Value::Number(_)),
            Self::Text | Self::Name(_) | Self::Word(_) | Self::Model | Self::File => {
                matches!(value, Value::String(_))
            }
            Self::Texts(_) | Self::Prompt => matches!(value, Value::String(_) | Value::Array(_)),
            Self::Integers(_) | Self::Array(..) | Self::Tools | Self::Messages => {
                matches!(value, Value::Array(_))
            }
            Self::AnyObject | Self::Numbers(_) | Self::Object(_) | Self::Tagged(_) | Self::StreamOptions => {
                matches!(value, Value::Object(_))
            }
            Self::Either(shapes) => shapes.iter().any(|shape| shape.takes(value)),
        }
    }

    /// What it must be, in both languages.
    fn described(self) -> (String, String) {
        let (english, german) = match self {
            Self::Any => ("any value", "ein beliebiger Wert"),
            Self::Flag => ("true or false", "true oder false"),
            Self::Off(_) => ("false", "false"),
            Self::Integer(..) | Self::TokenCap => ("a whole number", "eine ganze Zahl"),
            Self::Number(..) => ("a number", "eine Zahl"),
            Self::Text => ("a string", "eine Zeichenkette"),
            Self::File => ("a file", "eine Datei"),
            Self::Texts(_) | Self::Prompt => {
                ("a string or an array of strings", "eine Zeichenkette oder eine Liste davon")
            }
            Self::Integers(_) => ("an array of whole numbers", "eine Liste ganzer Zahlen"),
            Self::Numbers(_) => ("an object of numbers", "ein Objekt aus Zahlen"),
            Self::Array(..) | Self::Tools | Self::Messages => ("an array", "eine Liste"),
            Self::AnyObject | Self::Object(_) | Self::Tagged(_) | Self::StreamOptions => {
                ("an object", "ein Objekt")
            }
            Self::Name(most) => {
                return (
                    format!("a string of 1 to {most} bytes"),
                    format!("eine Zeichenkette von 1 bis {most} Bytes"),
                );
            }
            Self::Model => return Self::Name(256).described(),
            Self::Word(words) => {
                let words = words.join(", ");
                return (format!("one of {words}"), format!("eines von {words}"));
            }
            Self::Either(shapes) => {
                let (english, german): (Vec<_>, Vec<_>) =
                    shapes.iter().map(|shape| shape.described()).unzip();
                return (english.join(" or "), german.join(" oder "));
            }
        };
        (english.to_owned(), german.to_owned())
    }
}

fn wrong_kind(name: &Place<'_>, shape: Shape) -> Refusal {
    let (english, german) = shape.described();
    wrong_shape(name, &english, &german)
}

/// A kind of object that is refused, by its name in the table.
fn refused_kind(place: &Place<'_>, by: &str, kind: &str, why: Why) -> Refusal {
    let kind = kind.trim_end_matches('_');
    invalid_request(
        format!("The field `{place}` with the `{by}` `{kind}` is refused: {}.", why.english()),
        format!("Das Feld `{place}` mit dem `{by}` `{kind}` wird abgelehnt: {}.", why.german()),
        "refused kind",
        Some(&place.to_string()),
    )
}

pub(crate) fn missing(name: impl Display) -> Refusal {
    invalid_request(
        format!("The field `{name}` is missing."),
        format!("Das Feld `{name}` fehlt."),
        "required field missing",
        Some(&name.to_string()),
    )
}

/// Takes whole numbers that are written as such, and those written with a zero fraction (`12.0`), as some clients do.
fn check_integer(name: &Place<'_>, value: &mut Value, least: i64, most: i64) -> Result<(), Refusal> {
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

fn check_prompt(name: &Place<'_>, value: &Value) -> Result<(), Refusal> {
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
                Some(&name.to_string()),
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
                        format!("stream_options.{name}"),
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
        if kind != Some("function")
            || name.is_none_or(|name| name.is_empty() || name.len() > fields::TOOL_NAME_MAX)
        {
            return Err(wrong_shape(
                format!("tools[{place}]"),
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
            return Err(wrong_shape(format!("messages[{place}]"), "an object", "ein Objekt"));
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
        return Err(missing(format!("messages[{place}].role")));
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
            return Err(wrong_shape(format!("{field}.text"), "a string", "eine Zeichenkette"));
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
                format!("{field}[{place}]"),
                "a call with `function.name` and `function.arguments` as strings",
                "ein Aufruf mit `function.name` und `function.arguments` als Text",
            ));
        }
    }
    Ok(())
}
