//! Who stands on which side of a wall between compartments, and how they are released.

use schleuse_audit::Event;
use schleuse_types::{Refusal, Text};
use schleuse_wire::{Reply, invalid_request};
use serde_json::json;

use crate::answer::{done, from_store, nothing_there, ok, time};
use crate::body::Body;
use crate::call::Call;

/// `GET /api/walls`: who has reached which compartment, by pseudonym.
pub(crate) async fn list(call: &Call) -> Result<Reply, Refusal> {
    let console = &call.console;
    let rows = console.store.reached_compartments().await.map_err(|error| from_store(&error))?;
    call.note_reading("walls").await?;
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            json!({
                "person": console.pseudonyms.name(&row.person),
                "compartment": row.compartment,
                "reached": time(row.reached),
            })
        })
        .collect();
    Ok(ok(&json!({"reached": rows})))
}

/// `POST /api/walls/release` `{"person", "compartment", "reason"}`: the person, by id or pseudonym, may reach the other side.
pub(crate) async fn release(call: &Call) -> Result<Reply, Refusal> {
    let console = &call.console;
    let mut body = Body::read(&call.body)?;
    let (person, compartment) = (body.text("person")?, body.text("compartment")?);
    // The reason is for whoever writes it to think about. It may quote what is confidential, so only its length is kept.
    let reason = body.text("reason")?.trim().chars().count();
    body.finish()?;
    if reason == 0 {
        return Err(invalid_request(
            "`reason` is empty; say why this person may change sides.",
            "`reason` ist leer; sagen Sie, warum diese Person die Seite wechseln darf.",
            "no reason",
            Some("reason"),
        ));
    }
    let rows = console.store.reached_compartments().await.map_err(|error| from_store(&error))?;
    let row = rows.into_iter().find(|row| {
        row.compartment == compartment
            && (row.person == person || console.pseudonyms.name(&row.person) == person)
    });
    let row = row.ok_or_else(|| {
        nothing_there(Text::fixed(
            "This person has not reached this compartment.",
            "Diese Person hat diesen Bereich nicht erreicht.",
        ))
    })?;
    let mut record = call.entry(Event::WallRelease);
    record.subject = Some(console.pseudonyms.name(&row.person));
    record.change = Some(format!("compartment={} reason_characters={reason}", row.compartment));
    let releasing = async {
        let released = console.store.release_compartment(&row.person, &row.compartment).await;
        released.map(drop).map_err(|error| from_store(&error))
    };
    call.change(record, releasing).await?;
    Ok(done())
}
