//! What was not inspected is not decided on.

use std::sync::Arc;

use schleuse_gate::{Entry, Gate, steps};
use schleuse_types::Refusal;
use schleuse_wire::Arrival;

pub async fn walk(gate: &Arc<Gate>, arrival: Arrival, entry: &Entry) -> Result<steps::Followed, Refusal> {
    let verified = steps::verify(gate, arrival.presented(), entry).await?;
    let parsed = steps::parse(gate, arrival, &verified, entry).await?;
    let asking = steps::decide(gate, &verified, &parsed, entry)?;
    let decided = steps::decide_again(gate, &verified, parsed, entry).await?;
    let routed = steps::select(gate, decided, entry)?;
    let reserved = steps::reserve(gate, &verified, routed, entry)?;
    let admitted = steps::admit(gate, verified, reserved, entry).await?;
    let asked = steps::ask(gate, admitted, entry).await?;
    steps::reply(gate, asked, entry).await
}

fn main() {}
