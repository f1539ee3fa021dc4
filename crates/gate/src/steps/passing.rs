//! Whether a label may pass: the asker's clearance, and the walls between compartments.

use schleuse_types::{Label, Refusal, RefusalCode, Text};

use super::inspect::Raised;
use crate::labels::{Entering, Labels};
use crate::{Entry, Gate};

/// The rules under which the log and the explanations know these refusals.
const CLEARANCE: &str = "clearance";
const WALL: &str = "wall";

/// A label on its way.
pub(super) struct Passing<'a> {
    pub(super) label: &'a Label,
    /// What the asker may have.
    pub(super) clearance: &'a Label,
    /// What raised the label; empty when it was declared.
    pub(super) raised: &'a [Raised],
}

impl Passing<'_> {
    /// Refuses what is beyond the asker's clearance. `what` is the question or the answer, as a sentence calls it.
    pub(super) fn check_clearance(&self, entry: &Entry, what: Text) -> Result<(), Refusal> {
        let Self { label, clearance, raised } = self;
        if label.flows_to(clearance) {
            return Ok(());
        }
        entry.note_rules(&[CLEARANCE.to_owned()]);
        let why = what_raised(raised);
        let (english, german) = (label.to_string(), label.to_german());
        Err(Refusal::new(
            RefusalCode::AccessDenied,
            Text::new(
                format!(
                    "The label of this {} is {english}, and your clearance is {clearance}.{}",
                    what.english, why.english
                ),
                format!(
                    "Die Einstufung dieser {} ist {german}, und Sie dürfen bis {}.{}",
                    what.german,
                    clearance.to_german(),
                    why.german
                ),
            ),
            Text::fixed(
                "Take out what raised the label, or declare a lower one if the text allows it. If you need this label for your \
                 work, ask an administrator for the clearance.",
                "Entfernen Sie, was die Einstufung angehoben hat, oder geben Sie eine niedrigere an, wenn der Text das erlaubt. \
                 Brauchen Sie diese Einstufung für Ihre Arbeit, bitten Sie die Administration um die Freigabe.",
            ),
            format!("label {label} is beyond the clearance {clearance}"),
        ))
    }
}

/// What raised a label, by type and place, as a sentence with a space before it; empty when nothing did.
pub(super) fn what_raised(raised: &[Raised]) -> Text {
    if raised.is_empty() {
        return Text::fixed("", "");
    }
    let list: Vec<String> =
        raised.iter().map(|raised| format!("{} ({}, {})", raised.label, raised.kind, raised.path)).collect();
    let list = list.join("; ");
    Text::new(format!(" It was raised to {list}."), format!(" Angehoben wurde sie auf {list}."))
}

/// Refuses a label that has both sides of a wall, and one with a side whose other side the person has seen. Otherwise the
/// person has seen its compartments from here on, durably.
pub(super) async fn pass_walls(gate: &Gate, entry: &Entry, label: &Label, what: Text) -> Result<(), Refusal> {
    if label.compartments().is_empty() {
        return Ok(());
    }
    if let Some((one, other)) = gate.labels.torn(label) {
        entry.note_rules(&[WALL.to_owned()]);
        return Err(both_sides(&Labels::wall(&one, &other), &what));
    }
    let against = gate.labels.against(label);
    let person = entry.person();
    let entering = Entering {
        person: &person,
        compartments: label.compartments(),
        against: &against,
        now: gate.clock.now(),
    };
    match gate.walls.enter(entering).await {
        Ok(None) => Ok(()),
        Ok(Some(seen)) => {
            entry.note_rules(&[WALL.to_owned()]);
            let closed = label.compartments().iter().find(|name| gate.labels.has_wall(name, &seen));
            let wall = closed.map_or_else(|| format!("`{seen}`"), |closed| Labels::wall(closed, &seen));
            Err(behind_a_wall(&wall, &what))
        }
        Err(error) => Err(Refusal::new(
            RefusalCode::Internal,
            Text::fixed(
                "It could not be noted who reaches this compartment, so nothing was sent on.",
                "Wer diesen Bereich erreicht, konnte nicht festgehalten werden; deshalb wurde nichts weitergegeben.",
            ),
            Text::fixed(
                "Try again shortly; if it goes on, tell your operator.",
                "Versuchen Sie es gleich noch einmal; bleibt es dabei, sagen Sie dem Betrieb Bescheid.",
            ),
            format!("the walls cannot be asked: {error}"),
        )),
    }
}

fn both_sides(wall: &str, what: &Text) -> Refusal {
    Refusal::new(
        RefusalCode::AccessDenied,
        Text::new(
            format!("This {} belongs to both sides of a wall of this house ({wall}).", what.english),
            format!("Diese {} gehört zu beiden Seiten einer Trennwand dieses Hauses ({wall}).", what.german),
        ),
        Text::fixed(
            "Begin a conversation of its own for each side.",
            "Beginnen Sie für jede Seite eine eigene Unterhaltung.",
        ),
        format!("both sides of the wall {wall}"),
    )
}

fn behind_a_wall(wall: &str, what: &Text) -> Refusal {
    Refusal::new(
        RefusalCode::AccessDenied,
        Text::new(
            format!(
                "You have worked on one side of a wall of this house ({wall}), and this {} belongs to the other.",
                what.english
            ),
            format!(
                "Sie haben auf einer Seite einer Trennwand dieses Hauses gearbeitet ({wall}), und diese {} gehört zur anderen.",
                what.german
            ),
        ),
        Text::fixed(
            "Leave it to a colleague who is not on the first side. If you have changed sides, ask the security officer to \
             release you.",
            "Überlassen Sie es Kolleginnen oder Kollegen, die nicht auf der ersten Seite sind. Haben Sie die Seite gewechselt, \
             bitten Sie die Sicherheitsbeauftragten um Ihre Entlassung daraus.",
        ),
        format!("behind the wall {wall}"),
    )
}
