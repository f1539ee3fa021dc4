//! Where the question may go: the label decides.

use schleuse_types::{Label, Refusal, RefusalCode, Text, Zone};
use schleuse_upstream::Route;

use super::{Cleared, Decided};
use crate::{Entry, Gate};

/// A question with the one route that it may take. Only [`select`] makes one.
pub struct Routed {
    pub(super) cleared: Cleared,
    pub(super) route: Route,
}

/// The first healthy route that may carry the label, else the first that may.
pub fn select(gate: &Gate, decided: Decided, entry: &Entry) -> Result<Routed, Refusal> {
    let Decided { mut cleared, _permitted } = decided;
    let label = cleared.label();
    let mut permitted: Vec<Route> = gate
        .upstreams
        .routes(cleared.request().model())
        .into_iter()
        .filter(|route| may_carry(route, label))
        .collect();
    permitted.sort_by_key(|route| !route.healthy);
    let Some(route) = permitted.into_iter().next() else {
        return Err(no_permitted_route(label));
    };
    entry.note_route(&route.replicas.join("+"));
    cleared.choose(route.zone);
    Ok(Routed { cleared, route })
}

/// SECRET goes nowhere, and an external route is closed: no agreement with its processor can be recorded yet.
pub(super) fn may_carry(route: &Route, label: Label) -> bool {
    label != Label::Secret && label <= route.max_label && route.zone != Zone::External
}

fn no_permitted_route(label: Label) -> Refusal {
    let next = match label {
        Label::Secret => Text::fixed(
            "SECRET is answered by no model. If the text is not secret, remove its marking or send a lower label.",
            "GEHEIM beantwortet kein Modell. Ist der Text nicht geheim, entfernen Sie die Kennzeichnung oder senden Sie \
             eine niedrigere Einstufung.",
        ),
        _ => Text::fixed(
            "Choose a model that may take this label, take out what raised it, or ask your operator for a local model \
             with a higher `max_label`.",
            "Wählen Sie ein Modell, das diese Einstufung annehmen darf, entfernen Sie, was sie angehoben hat, oder bitten \
             Sie den Betrieb um ein lokales Modell mit höherem `max_label`.",
        ),
    };
    Refusal::new(
        RefusalCode::NoPermittedRoute,
        Text::new(
            format!("No route to this model may carry the label {label}."),
            format!("Kein Weg zu diesem Modell darf die Einstufung {label} tragen."),
        ),
        next,
        format!("no route for label {label}"),
    )
}
