//! What the question holds: every text in it is inspected, and what must not go on is taken out or refused.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;

use schleuse_inspect::{Inspector, SurrogateKey, Surrogates};
use schleuse_policy::Model;
use schleuse_types::{Finding, FindingAction, Label, Outcome, Refusal, RefusalCode, Text};
use schleuse_wire::{Pointer, Request, TextVisitor};

use super::{Asking, Parsed};
use crate::{Entry, Gate};

/// A question whose every text was inspected. Only [`inspect`] makes one.
pub struct Cleared {
    request: Request,
    model: Model,
    /// What question and answer are inspected with.
    inspector: Inspector,
    /// What stands in the question instead of names and numbers, to be turned back in the answer.
    surrogates: Surrogates,
    label: Label,
    findings: Vec<Finding>,
    sensitivity: f32,
    is_opaque: bool,
}

impl Cleared {
    pub(crate) fn request(&self) -> &Request {
        &self.request
    }

    pub(super) fn model(&self) -> &Model {
        &self.model
    }

    /// Makes the answers end after so many LLM tokens. A number of the house's own needs no inspection.
    pub(super) fn cap_answers(&mut self, tokens: u64) {
        self.request.cap_answers(tokens);
    }

    /// What the answer is inspected with.
    pub(super) fn answer_inspector(&self) -> Inspector {
        self.inspector.for_answers()
    }

    pub(super) fn surrogates(&self) -> &Surrogates {
        &self.surrogates
    }

    pub(crate) fn label(&self) -> Label {
        self.label
    }

    pub(crate) fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Whether a part of the question could not be read.
    pub(super) fn is_opaque(&self) -> bool {
        self.is_opaque
    }

    pub(crate) fn sensitivity(&self) -> f32 {
        self.sensitivity
    }

    /// Inspects again with stricter actions for some types, as a permission demanded; the answer too is inspected so.
    pub(super) fn treat(
        &mut self,
        treatments: &BTreeMap<String, FindingAction>,
        entry: &Entry,
    ) -> Result<(), Refusal> {
        self.inspector = self.inspector.stricter(treatments);
        let seen = guarded(|| look(&self.inspector, &mut self.request, &mut self.surrogates))?;
        self.label = self.label.join(seen.label);
        entry.note_label(self.label);
        conclude(&seen, entry)
    }
}

/// Inspects every text of the question. Refuses what is blocked, replaces in place, raises the label.
pub fn inspect(gate: &Gate, parsed: Parsed, asking: Asking, entry: &Entry) -> Result<Cleared, Refusal> {
    let Parsed { mut request, declared } = parsed;
    let inspector = gate.inspector.current();
    entry.note_pack(inspector.pack_digest());
    // Turns of one conversation begin with the same question, so the same value keeps its surrogate.
    let conversation = request.first_question().unwrap_or_default().as_bytes();
    let key = SurrogateKey::derive(gate.surrogate_secret.expose(), &entry.person(), conversation);
    let mut surrogates = Surrogates::new(key);
    let seen = guarded(|| look(&inspector, &mut request, &mut surrogates))?;
    let label = declared.join(seen.label);
    let sensitivity = Inspector::sensitivity(&seen.findings);
    entry.note_label(label);
    entry.note_sensitivity(sensitivity);
    entry.note_findings(&seen.findings, "request");
    conclude(&seen, entry)?;
    let is_opaque = seen.is_opaque;
    let Looked { findings, .. } = seen;
    Ok(Cleared {
        request,
        model: asking.model,
        inspector,
        surrogates,
        label,
        findings,
        sensitivity,
        is_opaque,
    })
}

fn conclude(seen: &Looked, entry: &Entry) -> Result<(), Refusal> {
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
    std::panic::catch_unwind(AssertUnwindSafe(inspection)).map_err(|_| {
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
    })
}

struct Looked {
    findings: Vec<Finding>,
    label: Label,
    is_blocked: bool,
    is_opaque: bool,
}

/// Inspects every text before the first one is rewritten, so that a name found in one is replaced in all.
fn look(inspector: &Inspector, request: &mut Request, surrogates: &mut Surrogates) -> Looked {
    let mut look = Look::new(inspector);
    request.visit(&mut look);
    if !look.is_blocked && look.rewrites() {
        if look.findings.iter().any(|finding| finding.action == FindingAction::Pseudonymize) {
            request.visit(&mut Learn { found: look.found.iter(), surrogates });
        }
        request.visit(&mut Rewrite { found: look.found.iter(), inspector, surrogates });
    }
    Looked {
        findings: look.findings,
        label: look.label,
        is_blocked: look.is_blocked,
        is_opaque: look.is_opaque,
    }
}

/// Looks at texts one by one and changes none. Shared by requests and whole replies.
pub(super) struct Look<'a> {
    inspector: &'a Inspector,
    pub(super) findings: Vec<Finding>,
    pub(super) label: Label,
    pub(super) is_blocked: bool,
    /// A part of some text could not be read.
    is_opaque: bool,
    /// What was found in each text that may be rewritten, in the order in which they were seen.
    found: Vec<Vec<Finding>>,
    /// Keys that hold a finding themselves: a path must not repeat them.
    telling_keys: Vec<String>,
}

impl<'a> Look<'a> {
    pub(super) fn new(inspector: &'a Inspector) -> Self {
        Self {
            inspector,
            findings: Vec::new(),
            label: Label::Public,
            is_blocked: false,
            is_opaque: false,
            found: Vec::new(),
            telling_keys: Vec::new(),
        }
    }

    /// Whether something that was found is to be replaced.
    pub(super) fn rewrites(&self) -> bool {
        self.findings.iter().any(|finding| finding.action.replaces())
    }

    /// Replaces what was found, in the document that was looked at.
    pub(super) fn rewriting<'l>(&'l self, surrogates: &'l mut Surrogates) -> Rewrite<'l> {
        Rewrite { found: self.found.iter(), inspector: self.inspector, surrogates }
    }

    fn scan(&mut self, text: &str) -> Vec<Finding> {
        let found = self.inspector.scan(text);
        for finding in &found {
            self.is_blocked |= finding.action == FindingAction::Block;
            if finding.action >= FindingAction::RaiseLabel
                && let Some(lowest) = self.inspector.lowest_label(finding)
            {
                self.label = self.label.join(lowest);
            }
        }
        found
    }

    fn keep(&mut self, found: Vec<Finding>, at: &Pointer<'_>) {
        if found.is_empty() {
            return;
        }
        let path = self.path(at);
        self.findings.extend(found.into_iter().map(|mut finding| {
            finding.path.clone_from(&path);
            finding
        }));
    }
}

impl TextVisitor for Look<'_> {
    fn text(&mut self, at: &Pointer<'_>, text: &mut String) {
        let found = self.scan(text);
        self.found.push(found.clone());
        self.keep(found, at);
        if at.last_key() == Some("arguments") {
            self.arguments(at, text);
        }
    }

    fn fixed(&mut self, at: &Pointer<'_>, text: &str) {
        let found = self.scan(text);
        if found.is_empty() {
            return;
        }
        // A key or a number cannot be replaced without changing what the document means: refused instead.
        if found.iter().any(|finding| finding.action.is_protective()) {
            self.is_blocked = true;
            if at.last_key() == Some(text) {
                self.telling_keys.push(text.to_owned());
            }
        }
        self.keep(found, at);
    }
}

impl Look<'_> {
    /// The place as a refusal tells it, with `*` for a key that is itself what was found.
    fn path(&self, at: &Pointer<'_>) -> String {
        let mut shown = at.clone();
        for key in &self.telling_keys {
            shown.hide_key(key);
        }
        shown.to_string()
    }

    /// Arguments of a tool call are a JSON document inside a string: its escapes could hide what the string does not
    /// show. What is found only there is refused, with the whole string as its place.
    fn arguments(&mut self, at: &Pointer<'_>, text: &str) {
        use schleuse_wire::json::{Bounds, parse};
        if !text.contains('\\') {
            return;
        }
        let Ok(mut document) = parse(text.as_bytes(), &Bounds::default()) else {
            return;
        };
        let mut inner = Look::new(self.inspector);
        document.visit(&mut inner);
        self.label = self.label.join(inner.label);
        let is_hidden = |finding: &Finding| finding.action.is_protective();
        let mut hidden: Vec<Finding> = inner.findings.into_iter().filter(is_hidden).collect();
        if hidden.is_empty() {
            return;
        }
        for finding in &mut hidden {
            finding.start = 0;
            finding.end = text.len();
            finding.action = FindingAction::Block;
        }
        self.is_blocked = true;
        self.keep(hidden, at);
    }
}

/// Makes the surrogates of all texts before the first one is rewritten.
struct Learn<'a> {
    found: std::slice::Iter<'a, Vec<Finding>>,
    surrogates: &'a mut Surrogates,
}

impl TextVisitor for Learn<'_> {
    fn text(&mut self, _at: &Pointer<'_>, text: &mut String) {
        self.surrogates.learn(text, self.found.next().map_or(&[], Vec::as_slice));
    }

    fn fixed(&mut self, _at: &Pointer<'_>, _text: &str) {}
}

/// Replaces what was found, text by text in the order in which they were looked at.
pub(super) struct Rewrite<'a> {
    found: std::slice::Iter<'a, Vec<Finding>>,
    inspector: &'a Inspector,
    surrogates: &'a mut Surrogates,
}

impl TextVisitor for Rewrite<'_> {
    fn text(&mut self, _at: &Pointer<'_>, text: &mut String) {
        let found = self.found.next().map_or(&[][..], Vec::as_slice);
        if !self.surrogates.is_empty() {
            *text = self.surrogates.replace(text, found);
        } else if found.iter().any(|finding| finding.action.replaces()) {
            *text = self.inspector.redact(text, found);
        }
    }

    fn fixed(&mut self, _at: &Pointer<'_>, _text: &str) {}
}

/// The refusal of the third document: its first words are fixed.
pub(super) fn blocked(findings: &[Finding]) -> Refusal {
    let told: Vec<Finding> =
        findings.iter().filter(|finding| finding.action.is_protective()).cloned().collect();
    let mut kinds: Vec<&str> = told.iter().map(|finding| finding.kind.as_str()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let kinds = kinds.join(", ");
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
