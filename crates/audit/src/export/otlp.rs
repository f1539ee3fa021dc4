//! Entries as log records of OpenTelemetry, in the JSON of OTLP over HTTP.

use serde_json::{Map, Value, json};

use super::{jsonl_line, members, microseconds, text};
use crate::Entry;

/// Members that the conventions of OpenTelemetry have names for; all others are called `schleuse.` and their name.
const CONVENTIONS: [(&str, &str); 4] = [
    ("model", "gen_ai.request.model"),
    ("tokens_in", "gen_ai.usage.input_tokens"),
    ("tokens_out", "gen_ai.usage.output_tokens"),
    ("user", "enduser.pseudo.id"),
];

/// The body of an `ExportLogsServiceRequest`; `None` when one of the entries is no JSON object.
pub(crate) fn request(origin: &str, entries: &[Entry]) -> Option<Vec<u8>> {
    let records: Option<Vec<Value>> = entries.iter().map(record).collect();
    let resource =
        [attribute("service.name", &json!("schleuse")), attribute("schleuse.audit.origin", &json!(origin))];
    let scope = json!({"name": "schleuse.audit", "version": env!("CARGO_PKG_VERSION")});
    let whole = json!({"resourceLogs": [{
        "resource": {"attributes": resource},
        "scopeLogs": [{"scope": scope, "logRecords": records?}],
    }]});
    serde_json::to_vec(&whole).ok()
}

fn record(entry: &Entry) -> Option<Value> {
    let members = members(&entry.bytes)?;
    let line = jsonl_line(entry.index, &entry.bytes)?;
    let (number, severity) = match text(&members, "action") {
        "ERROR" => (17, "ERROR"),
        "BLOCKED" | "DENIED" | "WARNED" => (13, "WARN"),
        _ => (9, "INFO"),
    };
    // 64-bit numbers are strings in the JSON of protocol buffers.
    let nanoseconds = microseconds(text(&members, "timestamp")).saturating_mul(1000).to_string();
    Some(json!({
        "timeUnixNano": nanoseconds,
        "observedTimeUnixNano": nanoseconds,
        "severityNumber": number,
        "severityText": severity,
        "eventName": format!("schleuse.{}", text(&members, "event")),
        "body": {"stringValue": std::str::from_utf8(&line).ok()?.trim_end()},
        "attributes": attributes(entry.index, &members),
    }))
}

fn attributes(index: u64, members: &Map<String, Value>) -> Vec<Value> {
    let mut attributes = vec![attribute("schleuse.index", &json!(index))];
    for (name, value) in members {
        // Empty where unknown, and said already.
        if value.as_str() == Some("") || matches!(name.as_str(), "timestamp" | "salt" | "v") {
            continue;
        }
        let known = CONVENTIONS.iter().find(|(own, _)| own == name);
        let key = known.map_or_else(|| format!("schleuse.{name}"), |(_, theirs)| (*theirs).to_owned());
        attributes.push(attribute(&key, value));
    }
    attributes
}

fn attribute(key: &str, value: &Value) -> Value {
    json!({"key": key, "value": any_value(value)})
}

fn any_value(value: &Value) -> Value {
    match value {
        Value::String(text) => json!({"stringValue": text}),
        Value::Bool(flag) => json!({"boolValue": flag}),
        Value::Number(number) if number.is_f64() => json!({"doubleValue": number}),
        Value::Number(number) => json!({"intValue": number.to_string()}),
        Value::Array(values) => {
            let values: Vec<Value> = values.iter().map(any_value).collect();
            json!({"arrayValue": {"values": values}})
        }
        Value::Object(members) => {
            let values: Vec<Value> = members.iter().map(|(name, value)| attribute(name, value)).collect();
            json!({"kvlistValue": {"values": values}})
        }
        Value::Null => json!({}),
    }
}
