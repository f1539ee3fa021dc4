//! Bodies of requests: read within bounds, strict JSON, nothing unknown.

use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use schleuse_types::Refusal;
use schleuse_wire::fields::nearest_of;
use schleuse_wire::json::{self, Bounds, Object, Value};
use schleuse_wire::{ArrivalBody, invalid_request, too_large};

/// Flat objects with a handful of fields.
const BOUNDS: Bounds = Bounds { depth_max: 8, nodes_max: 64 };

/// The members of a JSON object in which nothing but `known` stands. No body at all counts as an empty object.
pub(crate) async fn read_fields(
    body: ArrivalBody,
    bytes_max: usize,
    known: &[&'static str],
) -> Result<Object, Refusal> {
    read_fields_within(body, bytes_max, known, &BOUNDS).await
}

/// [`read_fields`] of a document that may hold more than a handful of values.
pub(crate) async fn read_fields_within(
    body: ArrivalBody,
    bytes_max: usize,
    known: &[&'static str],
    bounds: &Bounds,
) -> Result<Object, Refusal> {
    let object = read_object(body, bytes_max, bounds).await?;
    if let Some((name, _)) = object.iter().find(|(name, _)| !known.contains(name)) {
        return Err(unknown_field(name, known));
    }
    Ok(object)
}

/// The members of a JSON object. No body at all counts as an empty object.
pub(crate) async fn read_object(
    body: ArrivalBody,
    bytes_max: usize,
    bounds: &Bounds,
) -> Result<Object, Refusal> {
    let bytes = read(body, bytes_max).await?;
    if bytes.is_empty() {
        return Ok(Object::new());
    }
    let value = json::parse(&bytes, bounds).map_err(|error| {
        invalid_request(
            format!("The body is not valid: {error}."),
            format!("Der Inhalt der Anfrage ist ungültig: {error}."),
            "body is not strict JSON",
            None,
        )
    })?;
    let Value::Object(object) = value else {
        return Err(invalid_request(
            format!("The body must be a JSON object, not {}.", value.kind()),
            "Der Inhalt der Anfrage muss ein JSON-Objekt sein.",
            "body is not an object",
            None,
        ));
    };
    Ok(object)
}

async fn read(body: ArrivalBody, bytes_max: usize) -> Result<Bytes, Refusal> {
    match Limited::new(body, bytes_max).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.downcast_ref::<LengthLimitError>().is_some() => Err(too_large(bytes_max)),
        Err(error) => Err(invalid_request(
            "The body of the request did not arrive completely.",
            "Der Inhalt der Anfrage ist nicht vollständig angekommen.",
            "body not readable",
            None,
        )
        .with_inside(error.to_string())),
    }
}

/// A text of 1 to `bytes_max` bytes; None when it is missing or null.
pub(crate) fn take_text(
    object: &mut Object,
    name: &'static str,
    bytes_max: usize,
) -> Result<Option<String>, Refusal> {
    match object.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if (1..=bytes_max).contains(&text.len()) => Ok(Some(text)),
        Some(Value::String(text)) if text.is_empty() => Err(wrong(
            name,
            format!("The field `{name}` must not be empty."),
            format!("Das Feld `{name}` darf nicht leer sein."),
        )),
        Some(Value::String(_)) => Err(wrong(
            name,
            format!("The field `{name}` is longer than {bytes_max} bytes."),
            format!("Das Feld `{name}` ist länger als {bytes_max} Bytes."),
        )),
        Some(other) => Err(wrong(
            name,
            format!("The field `{name}` must be a string, not {}.", other.kind()),
            format!("Das Feld `{name}` muss ein Text sein."),
        )),
    }
}

/// True, false, or None when it is missing or null.
pub(crate) fn take_flag(object: &mut Object, name: &'static str) -> Result<Option<bool>, Refusal> {
    match object.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(flag)),
        Some(other) => Err(wrong(
            name,
            format!("The field `{name}` must be true or false, not {}.", other.kind()),
            format!("Das Feld `{name}` muss true oder false sein."),
        )),
    }
}

/// A whole number from 0 on; None when it is missing or null.
pub(crate) fn take_count(object: &mut Object, name: &'static str) -> Result<Option<u64>, Refusal> {
    let Some(value) = object.remove(name).filter(|value| !value.is_null()) else { return Ok(None) };
    let count = value.as_i64().and_then(|count| u64::try_from(count).ok());
    count.map(Some).ok_or_else(|| {
        wrong(
            name,
            format!("The field `{name}` must be a whole number from 0 on."),
            format!("Das Feld `{name}` muss eine ganze Zahl ab 0 sein."),
        )
    })
}

/// A list of 1 to `count_max` texts, each of 1 to `bytes_max` bytes; None when it is missing or null.
pub(crate) fn take_texts(
    object: &mut Object,
    name: &'static str,
    count_max: usize,
    bytes_max: usize,
) -> Result<Option<Vec<String>>, Refusal> {
    let Some(value) = object.remove(name).filter(|value| !value.is_null()) else { return Ok(None) };
    let refused = || {
        wrong(
            name,
            format!(
                "The field `{name}` must be a list of 1 to {count_max} texts of at most {bytes_max} bytes."
            ),
            format!(
                "Das Feld `{name}` muss eine Liste von 1 bis {count_max} Texten mit höchstens {bytes_max} Bytes sein."
            ),
        )
    };
    let Value::Array(values) = value else { return Err(refused()) };
    let texts: Option<Vec<String>> = values
        .into_iter()
        .map(|value| match value {
            Value::String(text) if (1..=bytes_max).contains(&text.len()) => Some(text),
            _ => None,
        })
        .collect();
    texts.filter(|texts| (1..=count_max).contains(&texts.len())).map(Some).ok_or_else(refused)
}

pub(crate) fn missing(name: &'static str) -> Refusal {
    wrong(name, format!("The field `{name}` is missing."), format!("Das Feld `{name}` fehlt."))
}

pub(crate) fn wrong(name: &'static str, english: String, german: String) -> Refusal {
    invalid_request(english, german, "a field has the wrong shape", Some(name))
}

fn unknown_field(name: &str, known: &[&'static str]) -> Refusal {
    let shown: String = name.chars().take(64).filter(|character| !character.is_control()).collect();
    let (mut english, mut german) =
        (format!("Unknown field `{shown}`"), format!("Unbekanntes Feld `{shown}`"));
    match nearest_of(known.iter().copied(), name) {
        Some(nearest) => {
            english.push_str(&format!("; did you mean `{nearest}`?"));
            german.push_str(&format!("; meinten Sie `{nearest}`?"));
        }
        None => {
            english.push('.');
            german.push('.');
        }
    }
    invalid_request(english, german, "unknown field", Some(&shown))
}
