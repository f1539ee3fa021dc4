//! Receipts for people: the proof of what the log holds about a request of their own.

use std::sync::Arc;

use schleuse_audit::{Entry, Reader, VerifyError};
use schleuse_gate::Gate;
use schleuse_portal::Receipt;
use schleuse_types::{Principal, Refusal};
use schleuse_wire::internal;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// How many receipts are looked for at once: each reads up to some megabytes of the log.
static LOOKS: Semaphore = Semaphore::const_new(2);

/// The proof of the last entry of a request, if the request is of this person. Finds it by the time in the id, and reads a
/// bounded number of entries from there on.
pub(super) async fn receipt(gate: Arc<Gate>, asker: Principal, id: String) -> Result<Receipt, Refusal> {
    let _look = LOOKS.acquire().await.map_err(|_| internal("receipts are not looked for any more"))?;
    let user = gate.pseudonyms.name(&asker.person);
    let looked = spawn_blocking(move || look(&gate.log.reader(), &id, &user)).await;
    let looked = looked.map_err(|_| internal("looking for a receipt panicked"))?;
    looked.map_err(|error| internal(format!("the log cannot be read for a receipt: {error}")))
}

fn look(reader: &Reader, id: &str, user: &str) -> Result<Receipt, VerifyError> {
    let entries = reader.of_request(id)?;
    let is_theirs = |entry: &Entry| entry.members().get("user").and_then(|name| name.as_str()) == Some(user);
    let Some(last) = entries.last().filter(|_| !user.is_empty() && entries.iter().all(is_theirs)) else {
        return Ok(Receipt::Unknown);
    };
    let proof = reader.prove(last.index)?;
    Ok(proof.map_or(Receipt::Uncovered, |proof| Receipt::File(proof.to_file().to_string())))
}
