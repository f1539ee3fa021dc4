//! Answers and refusals of the console.

use bytes::Bytes;
use schleuse_store::StoreError;
use schleuse_types::{Refusal, RefusalCode, Text, Timestamp};
use schleuse_wire::{Reply, ReplyBody, internal, invalid_request};
use serde_json::{Value, json};

/// An answer of 200 with a document.
pub(crate) fn ok(document: &Value) -> Reply {
    whole(200, document)
}

/// An answer of 201 with a document.
pub(crate) fn created(document: &Value) -> Reply {
    whole(201, document)
}

/// An answer of 204: it is done.
pub(crate) fn done() -> Reply {
    Reply { status: 204, headers: Vec::new(), body: ReplyBody::Whole(Bytes::new()) }
}

fn whole(status: u16, document: &Value) -> Reply {
    Reply { status, headers: Vec::new(), body: ReplyBody::Whole(Bytes::from(document.to_string())) }
}

/// RFC 3339 in UTC with milliseconds.
pub(crate) fn time(time: Timestamp) -> String {
    milliseconds(&time.to_string())
}

/// A time as the log writes it, with microseconds, cut to milliseconds.
pub(crate) fn milliseconds(text: &str) -> String {
    match text.get(..23) {
        Some(start) if text.len() == 27 => format!("{start}Z"),
        _ => text.to_owned(),
    }
}

/// A text in both languages.
pub(crate) fn both(text: &Text) -> Value {
    json!({"en": text.english, "de": text.german})
}

pub(crate) fn no_such_path() -> Refusal {
    Refusal::new(
        RefusalCode::NotFound,
        Text::fixed("This path is not offered here.", "Dieser Pfad wird hier nicht angeboten."),
        Text::fixed(
            "Check the path; the documentation lists every path under `/api`.",
            "Prüfen Sie den Pfad; die Dokumentation nennt jeden Pfad unter `/api`.",
        ),
        "unknown path",
    )
}

pub(crate) fn wrong_method(right: &[&str]) -> Refusal {
    let right = right.join(", ");
    Refusal::new(
        RefusalCode::MethodNotAllowed,
        Text::fixed("This path does not take that method.", "Dieser Pfad kennt diese Methode nicht."),
        Text::new(format!("Use {right}."), format!("Verwenden Sie {right}.")),
        "wrong method",
    )
}

/// There is no such person, key, session, request or entry.
pub(crate) fn nothing_there(what: Text) -> Refusal {
    Refusal::new(
        RefusalCode::NotFound,
        what,
        Text::fixed(
            "Check the id, or look it up in the list.",
            "Prüfen Sie die Id oder schlagen Sie sie in der Liste nach.",
        ),
        "nothing has this id",
    )
}

pub(crate) fn no_such_person() -> Refusal {
    nothing_there(Text::fixed("There is no such person.", "Diese Person gibt es nicht."))
}

/// 403 with the reason why not even this person may do it.
pub(crate) fn denied(message: Text, next: Text, inside: impl Into<String>) -> Refusal {
    Refusal::new(RefusalCode::AccessDenied, message, next, inside)
}

/// Too many at once.
pub(crate) fn busy(message: Text) -> Refusal {
    Refusal::new(
        RefusalCode::RateLimited,
        message,
        Text::fixed("Try again in a moment.", "Versuchen Sie es gleich noch einmal."),
        "too many at once",
    )
    .with_retry_after(5)
}

/// What the store says, in words for whoever asked.
pub(crate) fn from_store(error: &StoreError) -> Refusal {
    match error {
        StoreError::UnknownPerson { .. } => no_such_person(),
        StoreError::PersonExists { .. } => invalid_request(
            "There is already somebody with this name.",
            "Es gibt schon jemanden mit diesem Namen.",
            "person exists",
            Some("name"),
        ),
        StoreError::BadName { .. } => invalid_request(
            "A name has 1 to 128 bytes, no control characters and no blanks around it.",
            "Ein Name hat 1 bis 128 Bytes, keine Steuerzeichen und keine Leerzeichen am Rand.",
            "bad name",
            None,
        ),
        StoreError::BadScope { .. } => invalid_request(
            "A scope is written `models:NAME` or `surface:NAME`.",
            "Ein Umfang wird `models:NAME` oder `surface:NAME` geschrieben.",
            "bad scope",
            Some("scopes"),
        ),
        other => internal(format!("the store: {other}")),
    }
}

pub(crate) fn log_unreadable(error: &impl std::fmt::Display) -> Refusal {
    internal(format!("the audit log cannot be read: {error}"))
}

pub(crate) fn audit_unavailable(error: &schleuse_audit::AuditError) -> Refusal {
    Refusal::new(
        RefusalCode::AuditUnavailable,
        Text::fixed(
            "The audit log takes no entries at the moment, so nothing may be changed or read.",
            "Das Prüfprotokoll nimmt gerade keine Einträge an, deshalb darf nichts geändert oder gelesen werden.",
        ),
        Text::fixed(
            "Try again shortly and tell your operator.",
            "Versuchen Sie es gleich noch einmal und sagen Sie dem Betrieb Bescheid.",
        ),
        format!("audit append failed: {error}"),
    )
    .with_retry_after(5)
}

#[cfg(test)]
mod tests {
    use super::time;
    use schleuse_types::Timestamp;

    #[test]
    fn times_have_milliseconds() {
        assert_eq!(time(Timestamp(1_795_207_724_123_456)), "2026-11-20T20:48:44.123Z");
    }
}
