//! Who is asking.

use schleuse_identity::Verified;
use schleuse_types::Refusal;
use schleuse_wire::Arrival;

use crate::{Entry, Gate};

/// Checks the credential against the house's own table. Nothing is parsed before.
pub fn verify(gate: &Gate, arrival: &Arrival, entry: &Entry) -> Result<Verified, Refusal> {
    let credential = arrival.credential.as_ref().map(|credential| credential.expose().as_str());
    let verified = gate.identity.verify(credential, gate.clock.now())?;
    entry.note_principal(&verified);
    Ok(verified)
}
