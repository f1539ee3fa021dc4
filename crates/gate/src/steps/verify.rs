//! Who is asking.

use schleuse_identity::Verified;
use schleuse_types::{Presented, Refusal};

use crate::{Entry, Gate};

/// Checks the credential against the house's own table. Nothing is parsed before.
pub async fn verify(
    gate: &Gate,
    presented: Option<Presented<'_>>,
    entry: &Entry,
) -> Result<Verified, Refusal> {
    let verified = gate.identity.verify(presented, gate.clock.now()).await?;
    entry.note_principal(&verified);
    // Counted before a body is read: what one person can hold of the house at the same time has an end.
    let running = gate.budgets.enter(verified.principal()).map_err(|exceeded| exceeded.refusal())?;
    entry.hold_running(running);
    Ok(verified)
}
