//! May they? Decided twice: on what is declared, and again on what was found.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use schleuse_identity::Verified;
use schleuse_policy::{Action, Ask, Circumstances, Inspected, Model, Obligation, Permitted, Question, Stage};
use schleuse_types::{FindingAction, Label, Outcome, Refusal, RefusalCode, Tenant, Text};
use schleuse_upstream::Route;
use schleuse_wire::{Request, invalid_request};

use super::passing::Passing;
use super::{Cleared, Parsed};
use crate::{Entry, Gate};

/// The permission to have a question looked at. Only [`decide`] makes one.
pub struct Asking {
    /// The model as policies see it, for the second decision.
    pub(super) model: Model,
    /// What the asker may have.
    pub(super) clearance: Label,
    _permitted: Permitted,
}

/// A cleared question that may be answered. Only [`decide_again`] makes one.
pub struct Decided {
    pub(super) cleared: Cleared,
    pub(super) _permitted: Permitted,
}

/// May they ask this model on this surface at all?
pub fn decide(gate: &Gate, verified: &Verified, parsed: &Parsed, entry: &Entry) -> Result<Asking, Refusal> {
    let stage = Stage::Asking { declared: parsed.declared.clone() };
    let model = model(gate, &verified.principal().tenant, &parsed.request, entry)?;
    let surface = parsed.request.surface().name();
    let ask =
        Ask { surface: surface.to_owned(), model: model.clone(), stage, clearance: parsed.clearance.clone() };
    let question = Question::new(verified.principal(), Action::Ask(ask), circumstances(gate, entry));
    let decision = gate.policy.decide(&question);
    entry.note_rules(decision.rules());
    let permitted = decision.permit()?;
    let passing = Passing { label: &parsed.declared, clearance: &parsed.clearance, raised: &[] };
    passing.check_clearance(entry, Text::fixed("question", "Frage"))?;
    Ok(Asking { _permitted: permitted, model, clearance: parsed.clearance.clone() })
}

/// May they still, now that findings and label are known? Carries out what the permission demands.
pub async fn decide_again(
    gate: &Arc<Gate>,
    verified: &Verified,
    cleared: Cleared,
    entry: &Entry,
) -> Result<Decided, Refusal> {
    let mut cleared = cleared;
    if cleared.is_opaque() {
        let routes = gate.routes(&entry.tenant(), cleared.request().model(), cleared.request().surface());
        cleared.stay_inside(&routes);
    }
    let seen = cleared.seen();
    let stage = Stage::Answering(Inspected {
        label: cleared.label().clone(),
        findings: seen.findings.iter().map(|finding| finding.kind.clone()).collect::<BTreeSet<_>>(),
        sensitivity: (seen.tally.sensitivity() * 100.0).round() as u8,
        evasive: seen.findings.iter().any(|finding| finding.evasive),
        opaque: seen.coverage.opaque > 0,
    });
    let ask = Ask {
        surface: cleared.request().surface().name().to_owned(),
        model: cleared.model().clone(),
        stage,
        clearance: cleared.clearance().clone(),
    };
    let question = Question::new(verified.principal(), Action::Ask(ask), circumstances(gate, entry));
    let decision = gate.policy.decide(&question);
    entry.note_rules(decision.rules());
    let permitted = decision.permit()?;
    let mut treatments: BTreeMap<String, FindingAction> = BTreeMap::new();
    for obligation in permitted.obligations() {
        match obligation {
            Obligation::Warn => entry.note_outcome(Outcome::Warned),
            Obligation::Treat { kind, action } => {
                treatments.insert(kind.clone(), *action);
            }
            // A question waits for nobody.
            Obligation::FourEyes => return Err(needs_another()),
        }
    }
    if !treatments.is_empty() {
        cleared = cleared.treat(gate, treatments, entry).await?;
    }
    cleared.passing().check_clearance(entry, Text::fixed("question", "Frage"))?;
    Ok(Decided { cleared, _permitted: permitted })
}

/// Whether this person may see the list of models at all.
pub(crate) fn may_list_models(gate: &Gate, verified: &Verified, entry: &Entry) -> Result<(), Refusal> {
    let question = Question::new(verified.principal(), Action::ListModels, circumstances(gate, entry));
    let decision = gate.policy.decide(&question);
    entry.note_rules(decision.rules());
    decision.permit().map(|_| ())
}

/// The model as policies see it: where its first route leads, and the highest label that any of its routes takes.
fn model(gate: &Gate, tenant: &Tenant, request: &Request, entry: &Entry) -> Result<Model, Refusal> {
    let name = request.model();
    let routes = gate.routes(tenant, name, request.surface());
    if routes.is_empty() && !gate.upstreams.routes(tenant, name).is_empty() {
        return Err(takes_no_speech());
    }
    let Some(Route { model, zone, region, .. }) = routes.first() else {
        let unasked = gate.upstreams.unasked(tenant);
        // What a closed upstream serves is not asked: the model may be one of its.
        if unasked.is_closed {
            return Err(super::select::closed());
        }
        let is_unasked = unasked.is_there;
        return Err(if is_unasked { crate::models::not_asked_yet() } else { crate::models::no_such_model() });
    };
    entry.note_model(model);
    Ok(Model {
        name: model.clone(),
        zone: *zone,
        region: region.clone().unwrap_or_default(),
        max_label: Route::widest(&routes),
        tenants: Route::audience(&routes).into_iter().collect(),
    })
}

/// The model is there, and none of its servers is said to take speech.
fn takes_no_speech() -> Refusal {
    let next = Text::fixed(
        "Choose a model for speech, or ask your operator to say `audio = true` of its upstream.",
        "Wählen Sie ein Modell für Gesprochenes, oder bitten Sie den Betrieb, bei seinem Upstream `audio = true` einzutragen.",
    );
    let refusal = invalid_request(
        "No model server of this model takes speech.",
        "Kein Modellserver dieses Modells nimmt Gesprochenes an.",
        "no upstream with audio",
        Some("model"),
    );
    Refusal { next, ..refusal }
}

/// The policy wants a second person where there is none.
fn needs_another() -> Refusal {
    Refusal::new(
        RefusalCode::AccessDenied,
        Text::fixed(
            "A rule of this house permits this question only with somebody else's approval, and a question cannot wait for one.",
            "Eine Regel dieses Hauses erlaubt diese Frage nur mit Genehmigung durch eine zweite Person, und darauf kann eine Frage \
             nicht warten.",
        ),
        Text::fixed(
            "Tell an administrator: `four_eyes` has a meaning for `declassify` only.",
            "Sagen Sie der Administration Bescheid: `four_eyes` hat nur für `declassify` eine Bedeutung.",
        ),
        "a permission to ask has the obligation `four_eyes`",
    )
}

fn circumstances(gate: &Gate, entry: &Entry) -> Circumstances {
    let peer = entry.peer();
    Circumstances {
        loopback: peer.is_loopback(),
        address: Some(peer.address),
        device_known: false,
        demo: gate.is_demo,
    }
}
