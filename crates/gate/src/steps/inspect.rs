//! What the question holds: every text in it is inspected, and what must not go on is taken out or refused.

mod guards;
mod look;
mod preview;
mod tellings;

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use schleuse_inspect::{Direction, SurrogateKey, Surrogates};
use schleuse_policy::Model;
use schleuse_types::{Finding, FindingAction, Label, Outcome, Refusal, RefusalCode, Tenant, Text, Zone};
use schleuse_upstream::Route;
use schleuse_wire::{Request, Surface};

pub(super) use guards::{Guards, Surroundings};
pub(super) use look::{Excess, Look, hidden_in_arguments};
pub(crate) use look::{Raised, Seen};
pub use preview::{Preview, preview};

use super::passing::Passing;
use super::select::may_carry;
use super::{Asking, Parsed};
use crate::{Entry, Gate, Granted};

/// A question whose every text was inspected. Only [`inspect`] makes one.
pub struct Cleared {
    request: Request,
    model: Model,
    /// What the guardrails for question and answer depend on.
    around: Surroundings,
    /// What stands in the question instead of names and numbers, to be turned back in the answer.
    surrogates: Surrogates,
    label: Label,
    /// What the asker may have.
    clearance: Label,
    seen: Seen,
    granted: Option<Granted>,
    /// Something would be blocked that is granted to pass: the release is used up before anything leaves.
    is_released: bool,
}

impl Cleared {
    pub(crate) fn request(&self) -> &Request {
        &self.request
    }

    pub(super) fn model(&self) -> &Model {
        &self.model
    }

    /// Whether something goes along that nobody could read.
    pub(super) fn is_opaque(&self) -> bool {
        self.seen.coverage.opaque > 0
    }

    /// What nobody could read stays inside the house where one of the model's routes does: policies decide on that one.
    pub(super) fn stay_inside(&mut self, routes: &[Route]) {
        if let Some(route) = routes.iter().find(|route| route.zone != Zone::External) {
            self.model.zone = route.zone;
            self.model.region = route.region.clone().unwrap_or_default();
        }
    }

    /// Makes the answers end after so many LLM tokens. A number of the house's own needs no inspection.
    pub(super) fn cap_answers(&mut self, tokens: u64) {
        self.request.cap_answers(tokens);
    }

    /// Where the model server stands that was chosen: it decides how the answer is inspected.
    pub(super) fn choose(&mut self, zone: Zone) {
        self.around.choose(zone);
    }

    /// What the answer is inspected with.
    pub(super) fn answer_guards(&self) -> Guards {
        self.around.guards(Direction::Answer, &self.label)
    }

    pub(super) fn surrogates(&self) -> &Surrogates {
        &self.surrogates
    }

    pub(crate) fn label(&self) -> &Label {
        &self.label
    }

    /// What the asker may have.
    pub(super) fn clearance(&self) -> &Label {
        &self.clearance
    }

    pub(super) fn passing(&self) -> Passing<'_> {
        Passing { label: &self.label, clearance: &self.clearance, raised: &self.seen.raised }
    }

    pub(super) fn seen(&self) -> &Seen {
        &self.seen
    }

    /// The release without which nothing of this may leave.
    pub(super) fn released(&self) -> Option<&Granted> {
        self.granted.as_ref().filter(|_| self.is_released)
    }

    /// Inspects again with stricter actions for some types, as a permission demanded; the answer too is inspected so.
    pub(super) async fn treat(
        mut self,
        gate: &Arc<Gate>,
        treatments: BTreeMap<String, FindingAction>,
        entry: &Entry,
    ) -> Result<Self, Refusal> {
        let (gate, entry) = (Arc::clone(gate), entry.clone());
        aside(self.request.body_bytes(), move || {
            self.around.demand(&treatments);
            let (request, surrogates) = (&mut self.request, &mut self.surrogates);
            let granted = self.granted.as_ref();
            let (seen, label, is_released) =
                look(&gate, &self.around, &self.label, request, surrogates, granted)?;
            self.is_released |= is_released;
            entry.note_label(label.clone());
            self.label = label;
            conclude(&seen, &entry)?;
            Ok(self)
        })
        .await
    }
}

/// Inspects every text of the question. Refuses what is blocked, replaces in place, raises the label.
pub async fn inspect(
    gate: &Arc<Gate>,
    parsed: Parsed,
    asking: Asking,
    entry: &Entry,
) -> Result<Cleared, Refusal> {
    let (gate, entry) = (Arc::clone(gate), entry.clone());
    let granted = gate.released(entry.release(), &entry.person(), &parsed.request).await?;
    aside(parsed.request.body_bytes(), move || inspect_here(&gate, parsed, asking, granted, &entry)).await
}

/// From this size on, in bytes, a question is inspected beside the tasks that carry other people's streams: it would hold
/// them up for longer than a few milliseconds.
const ASIDE_BYTES: usize = 64 * 1024;

async fn aside<T: Send + 'static>(
    bytes: usize,
    inspection: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    if bytes < ASIDE_BYTES {
        return inspection();
    }
    tokio::task::spawn_blocking(inspection).await.unwrap_or_else(|_| Err(not_inspected()))
}

fn inspect_here(
    gate: &Gate,
    parsed: Parsed,
    asking: Asking,
    granted: Option<Granted>,
    entry: &Entry,
) -> Result<Cleared, Refusal> {
    let Parsed { mut request, declared, clearance: _ } = parsed;
    let inspector = gate.inspector.current();
    entry.note_pack(inspector.digest());
    let zones = zones(gate, &entry.tenant(), request.model(), request.surface(), &declared);
    let around = Surroundings::new(inspector, entry.groups(), zones, gate.clock.now().seconds());
    // Turns of one conversation begin with the same question, so the same value keeps its surrogate.
    let conversation = request.first_question().unwrap_or_default().as_bytes();
    let key = SurrogateKey::derive(gate.surrogate_secret.expose(), &entry.person(), conversation);
    let mut surrogates = Surrogates::new(key);
    let (seen, label, is_released) =
        look(gate, &around, &declared, &mut request, &mut surrogates, granted.as_ref())?;
    entry.note_label(label.clone());
    entry.note_seen(&seen, "request");
    conclude(&seen, entry)?;
    let Asking { model, clearance, .. } = asking;
    Ok(Cleared { request, model, around, surrogates, label, clearance, seen, granted, is_released })
}

/// Where the model servers stand that may be given this label; all of the model's where there is none.
fn zones(gate: &Gate, tenant: &Tenant, model: &str, surface: Surface, label: &Label) -> Vec<Zone> {
    let routes = gate.routes(tenant, model, surface);
    let open = routes.iter().filter(|route| may_carry(route, label)).map(|route| route.zone);
    let mut zones: Vec<Zone> = open.collect();
    if zones.is_empty() {
        zones.extend(routes.iter().map(|route| route.zone));
    }
    zones.sort_unstable();
    zones.dedup();
    zones
}

fn conclude(seen: &Seen, entry: &Entry) -> Result<(), Refusal> {
    if seen.is_blocked {
        return Err(blocked(&seen.findings));
    }
    if let Some(outcome) = outcome(&seen.findings) {
        entry.note_outcome(outcome);
    }
    Ok(())
}

/// What was done about the strictest of these findings.
pub(super) fn outcome(findings: &[Finding]) -> Option<Outcome> {
    match findings.iter().map(|finding| finding.action).max()? {
        FindingAction::Redact | FindingAction::Block => Some(Outcome::Redacted),
        FindingAction::Mask => Some(Outcome::Masked),
        FindingAction::Pseudonymize => Some(Outcome::Pseudonymized),
        FindingAction::Warn | FindingAction::RaiseLabel => Some(Outcome::Warned),
        FindingAction::Allow => None,
    }
}

/// Runs a part of inspection. Should it panic, the request is refused: what was not inspected goes nowhere.
pub(super) fn guarded<T>(inspection: impl FnOnce() -> T) -> Result<T, Refusal> {
    std::panic::catch_unwind(AssertUnwindSafe(inspection)).map_err(|_| not_inspected())
}

fn not_inspected() -> Refusal {
    Refusal::new(
        RefusalCode::Internal,
        Text::fixed(
            "The text could not be inspected, so it was not sent on.",
            "Der Text konnte nicht geprüft werden und wurde deshalb nicht weitergegeben.",
        ),
        Text::fixed(
            "Tell your operator the request id. Asking again will not help.",
            "Nennen Sie dem Betrieb die Anfragenummer. Erneut zu fragen hilft nicht.",
        ),
        "inspection panicked",
    )
}

/// Inspection that was not finished within its bounds denies like any other that did not come to its end.
pub(super) fn exceeded(excess: Excess) -> Refusal {
    let (english, german, inside) = match excess {
        Excess::Findings => (
            "The text holds more findings than can be inspected at once, so it was not sent on.",
            "Der Text enthält mehr Funde, als auf einmal geprüft werden können, und wurde deshalb nicht weitergegeben.",
            "inspection found too much",
        ),
        Excess::Duration => (
            "The text could not be inspected in time, so it was not sent on.",
            "Der Text konnte nicht rechtzeitig geprüft werden und wurde deshalb nicht weitergegeben.",
            "inspection took too long",
        ),
    };
    Refusal::new(
        RefusalCode::RequestTooLarge,
        Text::fixed(english, german),
        Text::fixed("Send less text at once.", "Senden Sie weniger Text auf einmal."),
        inside,
    )
}

/// Inspects every text under the label that the texts themselves raise, and replaces what must not go on. Every text is
/// looked at before the first one is rewritten, so that a name found in one is replaced in all.
fn look(
    gate: &Gate,
    around: &Surroundings,
    label: &Label,
    request: &mut Request,
    surrogates: &mut Surrogates,
    granted: Option<&Granted>,
) -> Result<(Seen, Label, bool), Refusal> {
    let (mut look, label) = around.settle(label, |guards| {
        let mut look = Look::new(guards, &*gate.clock);
        guarded(|| {
            request.visit(&mut look);
            look.join(&request.turns());
        })?;
        if let Some(excess) = look.excess {
            return Err(exceeded(excess));
        }
        let raised = look.seen.label.clone();
        Ok((look, raised))
    })?;
    let is_released = look.seen.is_blocked && granted.is_some_and(|granted| look.lift(granted, &label));
    if !look.seen.is_blocked && look.rewrites() {
        guarded(|| rewrite(&look, request, surrogates))?;
    }
    let mut seen = look.seen;
    // Nobody looked into a file that goes along: it never counts as clean.
    seen.coverage.opaque += request.attached().map_or(0, |file| file.len());
    Ok((seen, label, is_released))
}

fn rewrite(look: &Look<'_>, request: &mut Request, surrogates: &mut Surrogates) {
    if look.seen.findings.iter().any(|finding| finding.action == FindingAction::Pseudonymize) {
        request.visit(&mut look.learning(surrogates));
    }
    request.visit(&mut look.rewriting(surrogates));
}

/// The most findings that a refusal tells one by one.
const TOLD_MAX: usize = 1000;

/// The refusal of the third document: its first words are fixed.
pub(super) fn blocked(findings: &[Finding]) -> Refusal {
    let told = || findings.iter().filter(|finding| finding.action.is_protective());
    let mut kinds: Vec<&str> = told().map(|finding| finding.kind.as_str()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let kinds = kinds.join(", ");
    let told: Vec<Finding> = told().take(TOLD_MAX).cloned().collect();
    Refusal::new(
        RefusalCode::SensitiveDataDetected,
        Text::new(
            format!("BLOCKED: Sensitive data detected ({kinds})."),
            format!("BLOCKED: Sensitive data detected. Schützenswerte Daten gefunden ({kinds})."),
        ),
        Text::fixed(
            "Take the marked passages out or replace them by placeholders, then send the text again.",
            "Entfernen Sie die markierten Stellen oder ersetzen Sie sie durch Platzhalter und senden Sie den Text erneut.",
        ),
        format!("inspection blocked: {kinds}"),
    )
    .with_findings(told)
}

/// What was let pass once is blocked again: it was used meanwhile, is over, or is for other model servers.
pub(super) fn not_released() -> Refusal {
    Refusal::new(
        RefusalCode::SensitiveDataDetected,
        Text::fixed(
            "BLOCKED: Sensitive data detected, and its release was used, is over, or is for another model server.",
            "BLOCKED: Sensitive data detected. Schützenswerte Daten gefunden, und ihre Freigabe ist benutzt, vorbei oder gilt für einen \
             anderen Modellserver.",
        ),
        Text::fixed(
            "Ask for another release, or take the marked passages out.",
            "Bitten Sie um eine neue Freigabe, oder entfernen Sie die markierten Stellen.",
        ),
        "a release could not be used up",
    )
}

#[cfg(test)]
mod tests {
    use super::guarded;

    #[test]
    fn inspection_that_panics_denies() {
        let refusal = guarded(|| -> () { panic!("the text itself") }).expect_err("it panicked");
        assert_eq!(refusal.code.status(), 500);
        assert!(!format!("{refusal}").contains("the text itself"));
        assert_eq!(guarded(|| 1).ok(), Some(1));
    }
}
