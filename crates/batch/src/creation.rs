//! What somebody says who begins a batch.

use std::time::Duration;

use bytes::Bytes;
use schleuse_types::{Refusal, Text};
use schleuse_wire::fields::nearest_of;
use schleuse_wire::json::{self, Bounds, Object, Value};
use schleuse_wire::{Surface, invalid_request};

use crate::batch::ENDPOINTS;
use crate::refusals::{missing, wrong};
use crate::upload::check_kept;

/// Largest body: sixteen pairs of metadata with room to spare.
pub(crate) const BODY_BYTES_MAX: usize = 64 * 1024;
const BOUNDS: Bounds = Bounds { depth_max: 8, nodes_max: 128 };
/// OpenAI's bounds of metadata: pairs, and characters of a key and a value.
const PAIRS_MAX: usize = 16;
const KEY_CHARACTERS_MAX: usize = 64;
const VALUE_CHARACTERS_MAX: usize = 512;
const KNOWN: [&str; 5] =
    ["input_file_id", "endpoint", "completion_window", "metadata", "output_expires_after"];

#[derive(Debug)]
pub(crate) struct Creation {
    pub(crate) input: String,
    pub(crate) endpoint: Surface,
    pub(crate) metadata: Option<Object>,
    pub(crate) output_kept: Option<Duration>,
}

impl Creation {
    pub(crate) fn read(body: &Bytes, kept_max: Duration) -> Result<Self, Refusal> {
        let value = json::parse(body, &BOUNDS).map_err(|error| {
            invalid_request(
                format!("The body is not valid: {error}."),
                format!("Der Inhalt der Anfrage ist ungültig: {error}."),
                "body is not strict JSON",
                None,
            )
        })?;
        let Value::Object(mut fields) = value else {
            return Err(invalid_request(
                format!("The body must be a JSON object, not {}.", value.kind()),
                "Der Inhalt der Anfrage muss ein JSON-Objekt sein.",
                "body is not an object",
                None,
            ));
        };
        if let Some((name, _)) = fields.iter().find(|(name, _)| !KNOWN.contains(name)) {
            return Err(unknown(name));
        }
        let input = take_text(&mut fields, "input_file_id")?;
        let endpoint = read_endpoint(&take_text(&mut fields, "endpoint")?)?;
        if take_text(&mut fields, "completion_window")? != "24h" {
            return Err(wrong(
                "completion_window",
                "The field `completion_window` must be `24h`.".to_owned(),
                "Das Feld `completion_window` muss `24h` sein.".to_owned(),
            ));
        }
        let metadata = match fields.remove("metadata") {
            None | Some(Value::Null) => None,
            Some(Value::Object(pairs)) if are_pairs(&pairs) => Some(pairs),
            Some(_) => {
                return Err(wrong(
                    "metadata",
                    format!(
                        "The field `metadata` must be an object of at most {PAIRS_MAX} texts, with keys of at most \
                         {KEY_CHARACTERS_MAX} and values of at most {VALUE_CHARACTERS_MAX} characters."
                    ),
                    format!(
                        "Das Feld `metadata` muss ein Objekt von höchstens {PAIRS_MAX} Texten sein, mit Schlüsseln von \
                         höchstens {KEY_CHARACTERS_MAX} und Werten von höchstens {VALUE_CHARACTERS_MAX} Zeichen."
                    ),
                ));
            }
        };
        let output_kept = match fields.remove("output_expires_after") {
            None | Some(Value::Null) => None,
            Some(Value::Object(after)) => {
                let seconds = after.get("seconds").and_then(Value::as_i64);
                let seconds = seconds.and_then(|seconds| u64::try_from(seconds).ok());
                let anchor = after.get("anchor").and_then(Value::as_str);
                Some(check_kept(anchor, seconds, kept_max)?)
            }
            Some(_) => {
                return Err(wrong(
                    "output_expires_after",
                    "The field `output_expires_after` must be an object.".to_owned(),
                    "Das Feld `output_expires_after` muss ein Objekt sein.".to_owned(),
                ));
            }
        };
        Ok(Self { input, endpoint, metadata, output_kept })
    }
}

fn take_text(fields: &mut Object, name: &'static str) -> Result<String, Refusal> {
    match fields.remove(name) {
        None | Some(Value::Null) => Err(missing(name)),
        Some(Value::String(text)) => Ok(text),
        Some(other) => Err(wrong(
            name,
            format!("The field `{name}` must be a string, not {}.", other.kind()),
            format!("Das Feld `{name}` muss ein Text sein."),
        )),
    }
}

fn read_endpoint(path: &str) -> Result<Surface, Refusal> {
    ENDPOINTS.into_iter().find(|surface| surface.path() == path).ok_or_else(|| {
        let offered = ENDPOINTS.map(Surface::path).join("`, `");
        let mut refusal = wrong(
            "endpoint",
            format!("The field `endpoint` must be one of `{offered}`."),
            format!("Das Feld `endpoint` muss eines von `{offered}` sein."),
        );
        refusal.next = Text::fixed(
            "Choose one of these, or send the requests one by one.",
            "Wählen Sie eines davon, oder senden Sie die Anfragen einzeln.",
        );
        refusal
    })
}

fn are_pairs(pairs: &Object) -> bool {
    let is_pair = |(key, value): (&str, &Value)| {
        key.chars().count() <= KEY_CHARACTERS_MAX
            && value.as_str().is_some_and(|text| text.chars().count() <= VALUE_CHARACTERS_MAX)
    };
    pairs.len() <= PAIRS_MAX && pairs.iter().all(is_pair)
}

fn unknown(name: &str) -> Refusal {
    let shown: String = name.chars().take(64).filter(|character| !character.is_control()).collect();
    let (english, german) = match nearest_of(KNOWN.iter().copied(), name) {
        Some(nearest) => (format!("; did you mean `{nearest}`?"), format!("; meinten Sie `{nearest}`?")),
        None => (".".to_owned(), ".".to_owned()),
    };
    invalid_request(
        format!("Unknown field `{shown}`{english}"),
        format!("Unbekanntes Feld `{shown}`{german}"),
        "unknown field",
        Some(&shown),
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;

    use super::Creation;

    fn check(change: (&str, &str), expected: &str) {
        let body =
            r#"{"input_file_id":"f","endpoint":"/v1/embeddings","completion_window":"24h","metadata":null}"#;
        let body = body.replace(change.0, change.1);
        let read = match Creation::read(&Bytes::from(body), Duration::from_secs(7200)) {
            Ok(read) => format!("{} {} {:?}", read.input, read.endpoint.path(), read.output_kept),
            Err(refusal) => refusal.message.english.into_owned(),
        };
        assert_eq!(read, expected);
    }

    #[test]
    fn what_a_batch_begins_with_is_read_strictly() {
        check(("", ""), "f /v1/embeddings None");
        check(("null", r#"{"a":"b"}"#), "f /v1/embeddings None");
        check(("\"f\"", "null"), "The field `input_file_id` is missing.");
        check(("\"f\"", "7"), "The field `input_file_id` must be a string, not a number.");
        check(
            ("embeddings", "moderations"),
            "The field `endpoint` must be one of `/v1/chat/completions`, `/v1/completions`, `/v1/embeddings`, `/v1/responses`.",
        );
        check(("24h", "1h"), "The field `completion_window` must be `24h`.");
        check(("metadata", "metadat"), "Unknown field `metadat`; did you mean `metadata`?");
        let metadata = "The field `metadata` must be an object of at most 16 texts, with keys of at most 64 and values of at \
                        most 512 characters.";
        check(("null", r#"{"a":1}"#), metadata);
        check(("null", &format!(r#"{{"a":"{}"}}"#, "x".repeat(513))), metadata);
        let after = |seconds: u32| {
            format!(r#"null,"output_expires_after":{{"anchor":"created_at","seconds":{seconds}}}"#)
        };
        check(("null", &after(3600)), "f /v1/embeddings Some(3600s)");
        check(
            ("null", &after(7201)),
            "`seconds` of `expires_after` must be a whole number from 3600 to 7200: this house keeps no file longer.",
        );
    }
}
