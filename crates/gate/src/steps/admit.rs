//! The admission: durable before a byte leaves.

use schleuse_identity::Verified;
use schleuse_types::{Refusal, Text};

use super::inspect::not_released;
use super::passing::pass_walls;
use super::{Cleared, Reserved};
use crate::{Entry, Gate};
use schleuse_upstream::Route;

/// A question whose admission is on disk. Only [`admit`] makes one, and only it may go to a model.
pub struct Admitted {
    pub(super) cleared: Cleared,
    pub(super) route: Route,
}

/// Writes the admission and waits until it is durable.
pub async fn admit(
    gate: &Gate,
    verified: Verified,
    reserved: Reserved,
    entry: &Entry,
) -> Result<Admitted, Refusal> {
    // The key could have been revoked while the body was on its way.
    if !verified.is_still_valid(gate.clock.now()) {
        return Err(verified.watch().ended().await.refusal());
    }
    let Reserved { cleared, route } = reserved;
    // Before anything is durable: a wall that closes has let nothing through.
    pass_walls(gate, entry, cleared.label(), Text::fixed("question", "Frage")).await?;
    if let Some(granted) = cleared.released() {
        // Used up first: should the log refuse the entry, nothing has left, and somebody agrees again.
        if !gate.redeem(granted, &entry.person(), &route.replicas).await? {
            return Err(not_released());
        }
        entry.note_released(granted.told(&gate.pseudonyms.name(&granted.approver)));
    }
    entry.admit().await?;
    Ok(Admitted { cleared, route })
}
