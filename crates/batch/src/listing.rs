//! Lists as clients page through them, and the small pieces of documents.

use schleuse_types::Refusal;
use schleuse_wire::invalid_request;
use schleuse_wire::json::{Number, Object, Value};

/// One page of `rows`, which are in the order in which they are told.
///
/// # Errors
/// `after` is the id of none of them.
pub(crate) fn page<R>(
    rows: Vec<R>,
    after: Option<&str>,
    limit: usize,
    id: impl Fn(&R) -> &str,
    to_json: impl Fn(&R) -> Object,
) -> Result<Object, Refusal> {
    let from = match after {
        None => 0,
        Some(after) => {
            let place = rows.iter().position(|row| id(row) == after).ok_or_else(|| {
                invalid_request(
                    "The parameter `after` is not the id of anything in this list.",
                    "Der Parameter `after` ist nicht die Id von etwas in dieser Liste.",
                    "unknown `after`",
                    Some("after"),
                )
            })?;
            place + 1
        }
    };
    let rest = rows.get(from..).unwrap_or_default();
    let shown = rest.get(..limit.min(rest.len())).unwrap_or_default();
    let edge = |row: Option<&R>| optional_text(row.map(&id));
    let mut out = Object::new();
    out.set("object", text("list"));
    out.set("data", Value::Array(shown.iter().map(|row| Value::Object(to_json(row))).collect()));
    out.set("first_id", edge(shown.first()));
    out.set("last_id", edge(shown.last()));
    out.set("has_more", Value::Bool(shown.len() < rest.len()));
    Ok(out)
}

pub(crate) fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

pub(crate) fn optional_text(value: Option<&str>) -> Value {
    value.map_or(Value::Null, text)
}

pub(crate) fn number(number: u64) -> Value {
    Value::Number(Number::from(i64::try_from(number).unwrap_or(i64::MAX)))
}
