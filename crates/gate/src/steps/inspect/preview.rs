//! What inspection would say about a text that is not asked yet.

use schleuse_types::{Finding, Label, Principal, Refusal};
use schleuse_wire::{Pointer, Segment, Surface, TextVisitor as _};

use super::guards::Surroundings;
use super::look::Look;
use super::{exceeded, guarded, zones};
use crate::Gate;

/// What a question with a text would be found to hold. Never the text.
#[derive(Debug, Clone, PartialEq)]
pub struct Preview {
    /// Offsets are bytes of the text.
    pub findings: Vec<Finding>,
    /// What the question would be labelled.
    pub label: Label,
    /// It would be refused.
    pub is_blocked: bool,
}

/// Looks at a text as the walk looks at a question of one message: with the recognizers, guardrails and exceptions that
/// would count if this person asked it under this label, of this model or of the default one. Refuses a text that the walk
/// would not inspect to its end. Takes a while for a long text; nothing is kept, recorded or sent.
pub fn preview(
    gate: &Gate,
    asker: &Principal,
    model: Option<&str>,
    label: &Label,
    mut text: String,
) -> Result<Preview, Refusal> {
    let default = || gate.upstreams.models(&asker.tenant).into_iter().next().map(|model| model.id);
    let model = model.map(str::to_owned).or_else(default).unwrap_or_default();
    let zones = zones(gate, &asker.tenant, &model, Surface::ChatCompletions, label);
    let inspector = gate.inspector.current();
    let around = Surroundings::new(inspector, asker.groups.clone(), zones, gate.clock.now().seconds());
    let mut place = Pointer::default();
    for segment in [Segment::Key("messages"), Segment::Index(0), Segment::Key("content")] {
        place.push(segment);
    }
    let (seen, label) = around.settle(label, |guards| {
        let mut look = Look::new(guards, &*gate.clock);
        guarded(|| look.text(&place, &mut text))?;
        if let Some(excess) = look.excess {
            return Err(exceeded(excess));
        }
        let raised = look.seen.label.clone();
        Ok((look.seen, raised))
    })?;
    Ok(Preview { findings: seen.findings, label, is_blocked: seen.is_blocked })
}
