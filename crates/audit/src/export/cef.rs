//! Entries in ArcSight's Common Event Format.

use serde_json::{Map, Value};

use super::{microseconds, text};

/// Names of the custom fields, each with its label, and the member that stands in it.
const CUSTOM: [(&str, &str); 6] = [
    ("cs1", "model"),
    ("cs2", "label"),
    ("cs3", "prompt_hash"),
    ("cs4", "rules"),
    ("cs5", "findings"),
    ("cs6", "route"),
];

/// `CEF:0|vendor|product|version|event|event|severity|fields`, without a line feed. The index of the entry is `cn1`, so that
/// a gap is seen.
pub(super) fn line(index: u64, entry: &Map<String, Value>) -> String {
    let event = head(text(entry, "event"));
    let severity = match text(entry, "action") {
        "BLOCKED" | "DENIED" => 6,
        "ERROR" => 5,
        "WARNED" => 3,
        _ => 1,
    };
    let version = env!("CARGO_PKG_VERSION");
    let mut out = format!("CEF:0|Schleuse|Schleuse|{version}|{event}|{event}|{severity}|");
    let mut field = |name: &str, value: &str| {
        if !value.is_empty() {
            if !out.ends_with('|') {
                out.push(' ');
            }
            out.push_str(name);
            out.push('=');
            extension(value, &mut out);
        }
    };
    field("rt", &(microseconds(text(entry, "timestamp")) / 1000).to_string());
    field("cn1Label", "index");
    field("cn1", &index.to_string());
    for (name, member) in [
        ("externalId", "request_id"),
        ("suser", "user"),
        ("spriv", "role"),
        ("act", "action"),
        ("request", "surface"),
        ("reason", "code"),
        ("src", "source"),
        ("duser", "subject"),
        ("msg", "change"),
        ("dvchost", "node"),
    ] {
        let value = text(entry, member);
        // `src` is an address; a credential's id has a field that takes any text.
        let name = if name == "src" && value.parse::<std::net::IpAddr>().is_err() {
            "sourceServiceName"
        } else {
            name
        };
        field(name, value);
    }
    for (name, member) in [("cnt", "count"), ("in", "tokens_in"), ("out", "tokens_out")] {
        field(name, &entry.get(member).map(Value::to_string).unwrap_or_default());
    }
    for (name, member) in [("cn2", "status"), ("cn3", "ms"), ("cfp1", "sensitivity_score")] {
        if let Some(Value::Number(number)) = entry.get(member) {
            field(&format!("{name}Label"), member);
            field(name, &number.to_string());
        }
    }
    for (name, member) in CUSTOM {
        let value = match entry.get(member) {
            Some(Value::String(text)) => text.clone(),
            None | Some(Value::Null) => continue,
            Some(other) => other.to_string(),
        };
        if !value.is_empty() {
            field(&format!("{name}Label"), member);
            field(name, &value);
        }
    }
    out
}

/// A value before the last bar, where bars and backslashes are escaped and a line feed has no place.
fn head(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '|' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// A value behind it, where equals signs, backslashes and line feeds are escaped.
fn extension(value: &str, out: &mut String) {
    for c in value.chars() {
        match c {
            '=' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::line;

    #[track_caller]
    fn check(entry: Value, expected: &str) {
        let Value::Object(entry) = entry else { panic!("no object") };
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(line(17, &entry), format!("CEF:0|Schleuse|Schleuse|{version}|{expected}"));
    }

    #[test]
    fn an_entry_is_one_line_with_its_index() {
        check(
            json!({"event": "llm.refuse", "action": "BLOCKED", "timestamp": "2026-11-20T20:48:44.123456Z", "user": "p:00",
                "request_id": "01JD", "model": "llama", "findings": {"IBAN": 2}, "rules": ["a"], "sensitivity_score": 0.85,
                "status": 403, "source": "k:1", "prompt_hash": "", "tokens_in": 12}),
            "llm.refuse|llm.refuse|6|rt=1795207724123 cn1Label=index cn1=17 externalId=01JD suser=p:00 act=BLOCKED \
             sourceServiceName=k:1 in=12 cn2Label=status cn2=403 cfp1Label=sensitivity_score cfp1=0.85 cs1Label=model \
             cs1=llama cs4Label=rules cs4=[\"a\"] cs5Label=findings cs5={\"IBAN\":2}",
        );
    }

    #[test]
    fn nothing_breaks_out_of_its_field() {
        check(
            json!({"event": "a|b\\c\nd", "change": "x=1 act=ALLOWED\nCEF:0|x", "source": "127.0.0.1"}),
            "a\\|b\\\\c d|a\\|b\\\\c d|1|rt=0 cn1Label=index cn1=17 src=127.0.0.1 msg=x\\=1 act\\=ALLOWED\\nCEF:0|x",
        );
    }
}
