//! Everybody's sessions, for whoever manages people.

use std::time::Duration;

use schleuse_audit::Event;
use schleuse_store::SessionRow;
use schleuse_types::{Refusal, Text, Timestamp};
use schleuse_wire::Reply;
use serde_json::json;

use crate::answer::{done, from_store, nothing_there, ok, time};
use crate::call::Call;
use crate::people::{LIST_MAX, newest_first, page};

/// `GET /api/sessions`: those that count now, newest first.
pub(crate) async fn list(call: &Call) -> Result<Reply, Refusal> {
    let limit = call.query.limit(LIST_MAX, LIST_MAX)?;
    let now = call.console.clock.now();
    let mut sessions = call.console.store.sessions().await.map_err(|error| from_store(&error))?;
    sessions.retain(|session| is_open(session, now));
    let (sessions, next) = page(sessions, call.query.text("before"), limit, |session| {
        newest_first(session.created, &session.id)
    });
    let sessions: Vec<_> = sessions
        .iter()
        .map(|session| {
            json!({
                "id": session.id,
                "person": session.person,
                "role": session.role.as_str(),
                "method": session.method,
                "created": time(session.created),
                "last_seen": time(session.last_seen),
                "expires": time(session.expires),
                "agent": session.agent,
            })
        })
        .collect();
    Ok(ok(&json!({"sessions": sessions, "next": next})))
}

/// `DELETE /api/sessions/{id}`: its streams end within a second.
pub(crate) async fn revoke(call: &Call) -> Result<Reply, Refusal> {
    let console = &call.console;
    let sessions = console.store.sessions().await.map_err(|error| from_store(&error))?;
    let session = sessions.into_iter().find(|session| session.id == call.id).ok_or_else(|| {
        nothing_there(Text::fixed("There is no such session.", "Diese Sitzung gibt es nicht."))
    })?;
    if session.revoked.is_none() {
        let mut record = call.entry(Event::SessionEnd);
        record.subject = Some(session.id.clone());
        record.change = Some(format!("person={}", console.pseudonyms.name(&session.person)));
        let now = console.clock.now();
        let revoking = async {
            console.store.revoke_session(&session.id, now).await.map_err(|error| from_store(&error))?;
            console.identity.end_session(&session.id, now);
            Ok(())
        };
        call.change(record, revoking).await?;
    }
    Ok(done())
}

/// Whether the session still counts, as far as the store knows of its last use.
pub(crate) fn is_open(session: &SessionRow, now: Timestamp) -> bool {
    let idle_until = session.last_seen.plus(Duration::from_micros(session.idle_micros));
    session.revoked.is_none() && session.expires > now && idle_until > now
}
