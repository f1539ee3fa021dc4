//! Where the question may go: the label decides.

use schleuse_types::{Label, Level, Refusal, RefusalCode, Text, Zone};
use schleuse_upstream::Route;

use super::passing::what_raised;
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
    let label = cleared.label().clone();
    let surface = cleared.request().surface();
    let mut routes = gate.routes(&entry.tenant(), cleared.request().model(), surface);
    if cleared.is_opaque() && cleared.model().zone != Zone::External {
        // Policies decided on a route inside.
        routes.retain(|route| route.zone != Zone::External);
    }
    let mut permitted: Vec<&Route> = routes.iter().filter(|route| may_carry(route, &label)).collect();
    permitted.sort_by_key(|route| !route.healthy);
    let Some(route) = permitted.into_iter().next().cloned() else {
        if routes.iter().any(|route| may_carry_if_open(route, &label) && !route.open) {
            return Err(closed());
        }
        return Err(no_permitted_route(&cleared, &routes, &others(gate, &cleared, entry)));
    };
    entry.note_route(&route.replicas.join("+"));
    cleared.choose(route.zone);
    Ok(Routed { cleared, route })
}

/// SECRET goes nowhere, and nothing goes outside without an agreement that holds.
pub(crate) fn may_carry(route: &Route, label: &Label) -> bool {
    route.open && may_carry_if_open(route, label)
}

fn may_carry_if_open(route: &Route, label: &Label) -> bool {
    label.level() != Level::Secret && label.flows_to(&route.max_label)
}

/// The only ways to the model lead outside, and nobody recorded that they may be taken.
pub(super) fn closed() -> Refusal {
    Refusal::new(
        RefusalCode::NoPermittedRoute,
        Text::fixed(
            "The way to this model leads outside the house and is closed: no processing agreement is recorded that holds.",
            "Der Weg zu diesem Modell führt aus dem Haus und ist geschlossen: Es ist kein gültiger Vertrag zur \
             Auftragsverarbeitung hinterlegt.",
        ),
        Text::fixed(
            "Choose a model inside the house, or ask your operator to record the agreement (`schleuse doctor` says what is \
             missing).",
            "Wählen Sie ein Modell im Haus, oder bitten Sie den Betrieb, den Vertrag zu hinterlegen (`schleuse doctor` \
             nennt, was fehlt).",
        ),
        "the external route is closed",
    )
}

/// The most models that a refusal names.
const NAMED_MAX: usize = 5;

/// Other models that may take the label, of those that the asker's key may use.
fn others(gate: &Gate, cleared: &Cleared, entry: &Entry) -> Vec<String> {
    let tenant = entry.tenant();
    let models = gate.upstreams.models(&tenant).into_iter().map(|model| model.id);
    let takes = |model: &String| {
        gate.routes(&tenant, model, cleared.request().surface())
            .iter()
            .any(|route| may_carry(route, cleared.label()))
            && entry.may_use_model(model)
    };
    models.filter(takes).take(NAMED_MAX).collect()
}

/// What each route takes, as a sentence with a space before it.
fn what_routes_take(routes: &[Route]) -> Text {
    let each = |open: &str, german: bool| {
        let told = routes.iter().take(NAMED_MAX).map(|route| {
            let (name, most) = (route.replicas.join("+"), &route.max_label);
            let most = if german { most.to_german() } else { most.to_string() };
            let zone = if route.zone == Zone::External { open } else { "" };
            format!("`{name}`: {most}{zone}")
        });
        told.collect::<Vec<_>>().join("; ")
    };
    Text::new(
        format!(" Its routes take at most {}.", each(", outside the house", false)),
        format!(" Seine Wege nehmen höchstens {}.", each(", außer Haus", true)),
    )
}

/// Says what would help: what raised the label, what the routes take, and which other models take it.
fn no_permitted_route(cleared: &Cleared, routes: &[Route], others: &[String]) -> Refusal {
    let label = cleared.label();
    let next = match label.level() {
        Level::Secret => Text::fixed(
            "SECRET is answered by no model. If the text is not secret, remove its marking or send a lower label.",
            "GEHEIM beantwortet kein Modell. Ist der Text nicht geheim, entfernen Sie die Kennzeichnung oder senden Sie \
             eine niedrigere Einstufung.",
        ),
        _ if !others.is_empty() => {
            let names = others.join("`, `");
            Text::new(
                format!(
                    "Ask `{names}`, which may take this label, take out what raised it, or ask your operator for a route with a \
                     higher `max_label`."
                ),
                format!(
                    "Fragen Sie `{names}`, das diese Einstufung annehmen darf, entfernen Sie, was sie angehoben hat, oder bitten Sie \
                     den Betrieb um einen Weg mit höherem `max_label`."
                ),
            )
        }
        _ => Text::fixed(
            "Choose a model that may take this label, take out what raised it, or ask your operator for a local model \
             with a higher `max_label`.",
            "Wählen Sie ein Modell, das diese Einstufung annehmen darf, entfernen Sie, was sie angehoben hat, oder bitten \
             Sie den Betrieb um ein lokales Modell mit höherem `max_label`.",
        ),
    };
    let (why, take) = (what_raised(&cleared.seen().raised), what_routes_take(routes));
    Refusal::new(
        RefusalCode::NoPermittedRoute,
        Text::new(
            format!("No route to this model may carry the label {label}.{}{}", why.english, take.english),
            format!(
                "Kein Weg zu diesem Modell darf die Einstufung {} tragen.{}{}",
                label.to_german(),
                why.german,
                take.german
            ),
        ),
        next,
        format!("no route for label {label}"),
    )
}
