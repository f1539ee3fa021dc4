//! What was decided about whom, by pseudonym: the security officer's view of the log.

use schleuse_audit::{Entry, Filter};
use schleuse_types::{Refusal, Text};
use schleuse_wire::query::Query;
use schleuse_wire::{Reply, invalid_request};
use serde_json::{Map, Value, json};

use crate::answer::{both, milliseconds, nothing_there, ok};
use crate::call::Call;
use crate::explanation::explain;

/// What counts as a decision when no event is asked for: how requests ended. Their admissions stand beside them only in
/// the view of one request.
const ENDS: [&str; 3] = ["llm.complete", "llm.refuse", "access.deny"];
/// Everything that this view ever shows.
const SHOWN: [&str; 5] = ["llm.complete", "llm.refuse", "access.deny", "llm.admit", "auth.failures"];

pub(crate) const LIMIT: usize = 50;
pub(crate) const LIMIT_MAX: usize = 500;

/// `GET /api/decisions`.
pub(crate) async fn list(call: &Call) -> Result<Reply, Refusal> {
    let wanted = Wanted::read(&call.query)?;
    let (before, limit) = (call.query.number("before")?, call.query.limit(LIMIT, LIMIT_MAX)?);
    call.note_reading("decisions").await?;
    let page =
        call.read(move |reader| reader.newest_of(before, limit, &mut |entry| wanted.matches(&entry.bytes)));
    let page = page.await?;
    let decisions: Vec<_> = page.entries.iter().map(decision).collect();
    Ok(ok(&json!({"decisions": decisions, "next": page.next})))
}

/// `GET /api/decisions/{request_id}`.
pub(crate) async fn of_request(call: &Call) -> Result<Reply, Refusal> {
    let id = call.id.clone();
    let mut entries = call.read(move |reader| reader.of_request(&id)).await?;
    entries.retain(|entry| is_one_of(&SHOWN, &entry.members()));
    if entries.is_empty() {
        return Err(no_such_request());
    }
    call.note_reading(&format!("request {}", call.id)).await?;
    let explanation = explain(&call.console.policy, &entries);
    let decisions: Vec<_> = entries.iter().map(decision).collect();
    Ok(ok(&json!({
        "entries": decisions,
        "explanation": {
            "happened": both(&explanation.happened),
            "why": both(&explanation.why),
            "next": both(&explanation.next),
        },
    })))
}

pub(crate) fn no_such_request() -> Refusal {
    nothing_there(Text::fixed(
        "There is no request with this id in the audit log.",
        "Im Prüfprotokoll steht keine Anfrage mit dieser Id.",
    ))
}

/// Which entries are wanted as decisions.
pub(crate) struct Wanted(Filter);

impl Wanted {
    pub(crate) fn read(query: &Query) -> Result<Self, Refusal> {
        let filter = filter(query);
        match &filter.event {
            Some(event) if !SHOWN.contains(&event.as_str()) => {
                let names = SHOWN.join("`, `");
                Err(invalid_request(
                    format!("There is no decision of the event `{event}`; there is `{names}`."),
                    format!("Entscheidungen der Art `{event}` gibt es nicht; es gibt `{names}`."),
                    "no decision event",
                    Some("event"),
                ))
            }
            _ => Ok(Self(filter)),
        }
    }

    pub(crate) fn matches(&self, entry: &[u8]) -> bool {
        self.0.matches(entry)
            && (self.0.event.is_some()
                || ENDS.iter().any(|event| {
                    Filter { event: Some((*event).to_owned()), ..Filter::default() }.matches(entry)
                }))
    }
}

/// The filter that a query asks for.
pub(crate) fn filter(query: &Query) -> Filter {
    let text = |name| query.text(name).map(str::to_owned);
    Filter {
        user: text("user"),
        action: text("action"),
        label: text("label"),
        route: text("route"),
        model: text("model"),
        request_id: text("request_id"),
        event: text("event"),
        code: text("code"),
        rule: text("rule"),
    }
}

fn is_one_of(events: &[&str], members: &Map<String, Value>) -> bool {
    members.get("event").and_then(Value::as_str).is_some_and(|event| events.contains(&event))
}

/// An entry as the page shows it: never a text, never where somebody came from.
pub(crate) fn decision(entry: &Entry) -> Value {
    let mut members = entry.members();
    let mut take = |name: &str| members.remove(name).unwrap_or_default();
    let timestamp = take("timestamp");
    let texts = |value: Value| if value.is_array() { value } else { json!([]) };
    let counts = |value: Value| if value.is_object() { value } else { json!({}) };
    json!({
        "index": entry.index,
        "timestamp": milliseconds(timestamp.as_str().unwrap_or_default()),
        "event": take("event"),
        "request_id": take("request_id"),
        "user": take("user"),
        "role": take("role"),
        "action": take("action"),
        "model": take("model"),
        "label": take("label"),
        "route": take("route"),
        "surface": take("surface"),
        "status": take("status"),
        "code": take("code"),
        "rules": texts(take("rules")),
        "findings": counts(take("findings")),
        "excepted": counts(take("excepted")),
        "shadow": counts(take("shadow")),
        "evasive": take("evasive"),
        "coverage": take("coverage"),
        "sensitivity": take("sensitivity_score"),
        "tokens_in": take("tokens_in"),
        "tokens_out": take("tokens_out"),
        "ms": take("ms"),
    })
}
