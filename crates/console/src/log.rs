//! The auditor's view: entries as they were recorded, the checkpoint, proofs, and the check of the whole log.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use schleuse_audit::Event;
use schleuse_types::{Refusal, RefusalCode, Text};
use schleuse_wire::{Reply, internal};
use serde_json::{Value, json};

use crate::answer::{both, busy, nothing_there, ok};
use crate::call::Call;
use crate::complaint;
use crate::decisions::{LIMIT, LIMIT_MAX, filter};

/// `GET /api/audit/entries`.
pub(crate) async fn entries(call: &Call) -> Result<Reply, Refusal> {
    let filter = filter(&call.query);
    let (before, limit) = (call.query.number("before")?, call.query.limit(LIMIT, LIMIT_MAX)?);
    call.note_reading("entries").await?;
    let page = call.read(move |reader| reader.newest(&filter, before, limit)).await?;
    let entries: Vec<_> = page
        .entries
        .iter()
        .map(|entry| json!({"index": entry.index, "record": Value::Object(entry.members())}))
        .collect();
    Ok(ok(&json!({"entries": entries, "next": page.next})))
}

/// `GET /api/audit/checkpoint`.
pub(crate) async fn checkpoint(call: &Call) -> Result<Reply, Refusal> {
    let checkpoint = call.read(|reader| reader.checkpoint()).await?;
    Ok(ok(&json!({
        "origin": checkpoint.origin,
        "size": checkpoint.size,
        "root": checkpoint.root.to_string(),
        "signed_note": checkpoint.note,
        "vkey": checkpoint.vkey,
    })))
}

/// How often, and with which pause, a checkpoint that covers an entry is waited for; one is due within a second.
const COVER_LOOKS: usize = 30;
const COVER_PAUSE: Duration = Duration::from_millis(100);

/// `GET /api/audit/proofs/{index}`. Of an entry that was written just now it waits for the checkpoint that covers it.
pub(crate) async fn proof(call: &Call) -> Result<Reply, Refusal> {
    let Ok(index) = call.id.parse::<u64>() else { return Err(no_such_entry()) };
    call.note_reading("proofs").await?;
    let mut proof = None;
    for _ in 0..COVER_LOOKS {
        let (size, found) = call
            .read(move |reader| {
                let proof = reader.prove(index)?;
                Ok((reader.size()?, proof))
            })
            .await?;
        if found.is_none() && index >= size {
            return Err(no_such_entry());
        }
        proof = found;
        if proof.is_some() {
            break;
        }
        tokio::time::sleep(COVER_PAUSE).await;
    }
    let Some(proof) = proof else { return Err(not_covered_yet()) };
    let path: Vec<_> = proof.path.iter().map(ToString::to_string).collect();
    Ok(ok(&json!({
        "index": index,
        "size": proof.checkpoint.size,
        "leaf_hash": proof.leaf_hash.to_string(),
        "entry": BASE64.encode(&proof.entry.bytes),
        "proof": path,
        "checkpoint": proof.checkpoint.note,
        "vkey": proof.checkpoint.vkey,
    })))
}

/// `POST /api/audit/verify`.
pub(crate) async fn verify(call: &Call) -> Result<Reply, Refusal> {
    crate::body::Body::read(&call.body)?.finish()?;
    let permit = Arc::clone(&call.console.live.verifications).try_acquire_owned().map_err(|_| {
        busy(Text::fixed("The log is being verified just now.", "Das Protokoll wird gerade nachgeprüft."))
    })?;
    call.append(call.entry(Event::LogVerify)).await?;
    let clock = &call.console.clock;
    let began = clock.monotonic();
    let reader = call.console.log.reader();
    let verified = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        reader.verify()
    });
    let verified = verified.await.map_err(|error| internal(format!("verifying ended early: {error}")))?;
    let ms = u64::try_from(clock.monotonic().saturating_sub(began).as_millis()).unwrap_or(u64::MAX);
    Ok(ok(&match verified {
        Ok(verified) => json!({
            "ok": true,
            "entries": verified.entries(),
            "size": verified.sealed,
            "problem": null,
            "ms": ms,
        }),
        Err(error) => json!({
            "ok": false,
            "entries": call.console.log.metrics().size,
            "size": call.console.log.metrics().tree_size,
            "problem": both(&complaint::of_log(&error)),
            "ms": ms,
        }),
    }))
}

fn no_such_entry() -> Refusal {
    nothing_there(Text::fixed("There is no such entry.", "Diesen Eintrag gibt es nicht."))
}

fn not_covered_yet() -> Refusal {
    Refusal::new(
        RefusalCode::NotFound,
        Text::fixed(
            "The entry is durable, but the checkpoint that covers it is not signed yet.",
            "Der Eintrag ist dauerhaft, aber der Prüfpunkt, der ihn umfasst, ist noch nicht unterschrieben.",
        ),
        Text::fixed("Try again in a moment.", "Versuchen Sie es gleich noch einmal."),
        "no checkpoint covers the entry yet",
    )
    .with_retry_after(1)
}
