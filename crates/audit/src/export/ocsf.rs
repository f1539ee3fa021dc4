//! Entries as OCSF events.

use serde_json::{Map, Value, json};

use super::{microseconds, text};

/// An entry as OCSF 1.1 class 6003. What OCSF has no place for stands under `unmapped`, where OCSF wants it; the members
/// that every export must carry stand at the top as well.
pub(super) fn event(index: u64, entry: &Map<String, Value>) -> Value {
    let text = |name: &str| text(entry, name);
    let (activity, activity_name) = match text("event") {
        "llm.admit" | "llm.complete" | "llm.refuse" | "key.create" | "session.create" | "person.create" => {
            (1, "Create")
        }
        "config.load" | "log.read" | "log.export" | "log.verify" => (2, "Read"),
        "person.change" | "person.block" | "person.unblock" | "upstream.drain" | "upstream.undrain" => {
            (3, "Update")
        }
        "key.revoke" | "session.end" => (4, "Delete"),
        _ => (99, "Other"),
    };
    let (status_id, status) = match text("action") {
        "BLOCKED" | "DENIED" | "ERROR" => (2, "Failure"),
        "" => (0, "Unknown"),
        _ => (1, "Success"),
    };
    let (severity_id, severity) = match text("action") {
        "BLOCKED" | "DENIED" => (3, "Medium"),
        "ERROR" | "WARNED" => (2, "Low"),
        _ => (1, "Informational"),
    };
    let mut line = json!({
        "activity_id": activity,
        "activity_name": activity_name,
        "actor": {"user": {"uid": text("user")}},
        "api": {"operation": text("event"), "request": {"uid": text("request_id")}, "service": {"name": "schleuse"}},
        "category_name": "Application Activity",
        "category_uid": 6,
        "class_name": "API Activity",
        "class_uid": 6003,
        "metadata": {
            "product": {"name": "Schleuse", "vendor_name": "Schleuse"},
            "profiles": [],
            "sequence": index,
            "uid": index.to_string(),
            "version": "1.1.0",
        },
        "severity": severity,
        "severity_id": severity_id,
        "src_endpoint": {"name": text("source")},
        "status": status,
        "status_id": status_id,
        "time": microseconds(text("timestamp")) / 1000,
        "type_name": format!("API Activity: {activity_name}"),
        "type_uid": 600_300 + activity,
        "unmapped": entry,
        "index": index,
    });
    if let Value::Object(line) = &mut line {
        for name in ["timestamp", "user", "prompt_hash", "sensitivity_score", "action", "model", "request_id"]
        {
            line.insert(name.to_owned(), entry.get(name).cloned().unwrap_or_default());
        }
        if let Some(code) = entry.get("code").or_else(|| entry.get("status")) {
            line.insert(
                "status_code".to_owned(),
                code.as_str().map_or_else(|| code.to_string(), str::to_owned).into(),
            );
        }
        if let Some(ms) = entry.get("ms") {
            line.insert("duration".to_owned(), ms.clone());
        }
    }
    line
}
