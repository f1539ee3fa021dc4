//! A look at all texts of one document, and what is done about what it finds.

use std::time::Duration;

use schleuse_inspect::{Coverage, Inspector, Surrogates, Tally};
use schleuse_types::{Clock, Finding, FindingAction, Label};
use schleuse_wire::json::{Bounds, parse};
use schleuse_wire::{Pointer, TELLINGS, TextVisitor, Turn, telling_path};

use super::guards::Guards;
use crate::Granted;

/// The most findings of one document. With more its inspection ends and the document is refused.
const FINDINGS_MAX: usize = 100_000;
/// How long the inspection of one document may take, looked at between its texts. A text of 8 MiB, the longest there is,
/// takes less.
const DURATION_MAX: Duration = Duration::from_secs(20);
/// The last texts of each role in which values are looked for that are split over several of them.
const JOINED_MAX: usize = 32;

/// The most things that raised a label which are told.
const RAISED_MAX: usize = 8;

/// What raised a label: the type of a finding and where it stands, never its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Raised {
    pub(crate) kind: String,
    pub(crate) path: String,
    pub(crate) label: Label,
}

/// What inspection says about some texts. Never the texts.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) findings: Vec<Finding>,
    /// What rules in shadow found. Nothing is done about it.
    pub(crate) shadow: Vec<Finding>,
    pub(crate) tally: Tally,
    pub(crate) coverage: Coverage,
    /// The lowest label that the texts may carry.
    pub(crate) label: Label,
    /// What raised it; the first of each type at each place, at most [`RAISED_MAX`].
    pub(crate) raised: Vec<Raised>,
    pub(crate) is_blocked: bool,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            findings: Vec::new(),
            shadow: Vec::new(),
            tally: Tally::default(),
            coverage: Coverage::default(),
            label: Label::PUBLIC,
            raised: Vec::new(),
            is_blocked: false,
        }
    }
}

impl Seen {
    /// A finding raises the label of what it stands in.
    pub(in crate::steps) fn raise(&mut self, finding: &Finding, label: Label, path: impl FnOnce() -> String) {
        self.label = self.label.join(&label);
        if self.raised.len() >= RAISED_MAX {
            return;
        }
        let raised = Raised { kind: finding.kind.clone(), path: path(), label };
        if !self.raised.contains(&raised) {
            self.raised.push(raised);
        }
    }
}

/// Why a document was not inspected to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::steps) enum Excess {
    Findings,
    Duration,
}

/// Looks at texts one by one and changes none. Shared by requests and whole replies.
pub(in crate::steps) struct Look<'g> {
    guards: Guards,
    clock: &'g dyn Clock,
    /// On the monotonic clock.
    until: Duration,
    pub(in crate::steps) seen: Seen,
    pub(in crate::steps) excess: Option<Excess>,
    /// What was found in each text that may be rewritten, in the order in which they were seen.
    found: Vec<Vec<Finding>>,
    /// The texts of the conversation: their numbers in `found`, and their places.
    turns: Vec<(usize, String)>,
    /// The texts of a transcript, telling by telling: their numbers in `found`.
    tellings: [Vec<usize>; TELLINGS],
    /// Keys that hold a finding themselves: a path must not repeat them.
    telling_keys: Vec<String>,
    /// Something is blocked that is no text: a key, or a number.
    is_fixed_blocked: bool,
}

impl<'g> Look<'g> {
    pub(in crate::steps) fn new(guards: &Guards, clock: &'g dyn Clock) -> Self {
        Self {
            guards: guards.clone(),
            clock,
            until: clock.monotonic().saturating_add(DURATION_MAX),
            seen: Seen::default(),
            excess: None,
            found: Vec::new(),
            turns: Vec::new(),
            tellings: Default::default(),
            telling_keys: Vec::new(),
            is_fixed_blocked: false,
        }
    }

    /// Lifts the blocks in the newest text of the conversation, if that is all that a release was granted for and nothing
    /// else is blocked. Says whether it did.
    pub(super) fn lift(&mut self, granted: &Granted, label: &Label) -> bool {
        let Some((number, path)) = self.turns.last().cloned().filter(|_| !self.is_fixed_blocked) else {
            return false;
        };
        let Some(lifted) = granted.lift(&self.seen, &path, label) else { return false };
        self.seen.findings = lifted;
        self.seen.is_blocked = false;
        for finding in self.found.get_mut(number).into_iter().flatten() {
            if finding.action == FindingAction::Block {
                finding.action = FindingAction::Warn;
            }
        }
        true
    }

    /// Whether something that was found is to be replaced.
    pub(in crate::steps) fn rewrites(&self) -> bool {
        self.seen.findings.iter().any(|finding| finding.action.replaces())
    }

    /// Makes surrogates of what was found, in the document that was looked at.
    pub(super) fn learning<'l>(&'l self, surrogates: &'l mut Surrogates) -> Learn<'l> {
        Learn { found: self.found.iter(), surrogates }
    }

    /// Replaces what was found, in the document that was looked at.
    pub(in crate::steps) fn rewriting<'l>(&'l self, surrogates: &'l mut Surrogates) -> Rewrite<'l> {
        Rewrite { found: self.found.iter(), inspector: self.guards.inspector(), surrogates }
    }

    /// Looks for values that are split over texts of the same role. `turns` are those of the document.
    pub(super) fn join(&mut self, turns: &[Turn<'_>]) {
        let mut roles: Vec<&str> = turns.iter().map(|turn| turn.role).collect();
        roles.sort_unstable();
        roles.dedup();
        for role in roles {
            let mut said: Vec<(&str, usize, String)> = turns
                .iter()
                .zip(&self.turns)
                .filter(|(turn, _)| turn.role == role)
                .map(|(turn, (number, path))| (turn.text, *number, path.clone()))
                .collect();
            said.drain(..said.len().saturating_sub(JOINED_MAX));
            if said.len() < 2 || self.is_over() {
                continue;
            }
            let texts: Vec<&str> = said.iter().map(|(text, ..)| *text).collect();
            let own: Vec<&[Finding]> = said
                .iter()
                .map(|(_, number, _)| self.found.get(*number).map_or(&[][..], Vec::as_slice))
                .collect();
            let joined = self.guards.inspector().join(&texts, &own);
            self.seen.tally.join(&joined.tally);
            for ((_, number, path), parts) in said.iter().zip(joined.parts) {
                self.weigh(&parts, || path.clone());
                for part in parts {
                    if let Some(found) = self.found.get_mut(*number) {
                        add_part(found, part.clone());
                    }
                    self.seen.findings.push(Finding { path: path.clone(), ..part });
                }
            }
        }
    }

    /// What was found in a text of a transcript.
    pub(super) fn found_in_telling(&self, telling: usize, text: usize) -> Vec<Finding> {
        let number = self.tellings.get(telling).and_then(|texts| texts.get(text));
        number.and_then(|number| self.found.get(*number)).cloned().unwrap_or_default()
    }

    /// Looks at several texts of a transcript as one.
    pub(super) fn examine_joined(&mut self, said: &str) -> Vec<Finding> {
        if self.is_over() {
            return Vec::new();
        }
        let examined = self.guards.inspector().examine(said);
        self.seen.tally.join(&examined.tally);
        examined.findings
    }

    /// Adds what was found elsewhere to a text of a transcript, unless it was found there as well.
    pub(super) fn add_to_telling(&mut self, telling: usize, text: usize, part: Finding) {
        let number = self.tellings.get(telling).and_then(|texts| texts.get(text));
        let Some(found) = number.and_then(|number| self.found.get_mut(*number)) else { return };
        let is_known = |known: &Finding| {
            known.kind == part.kind
                && known.start <= part.start
                && part.end <= known.end
                && known.action >= part.action
        };
        if found.iter().any(is_known) {
            return;
        }
        add_part(found, part.clone());
        let path = telling_path(telling, text);
        self.weigh(std::slice::from_ref(&part), || path.clone());
        self.seen.findings.push(Finding { path, ..part });
    }

    /// Looks at one text, and keeps everything but its findings.
    fn examine(&mut self, at: &Pointer<'_>, text: &str) -> Vec<Finding> {
        if self.is_over() {
            return Vec::new();
        }
        let examined = self.guards.at(|| at.to_string()).examine(text);
        self.seen.tally.join(&examined.tally);
        self.seen.coverage += examined.coverage;
        if !examined.shadow.is_empty() {
            let path = self.path(at);
            let placed = examined.shadow.into_iter();
            self.seen.shadow.extend(placed.map(|finding| Finding { path: path.clone(), ..finding }));
        }
        self.weigh_at(&examined.findings, at);
        examined.findings
    }

    fn is_over(&mut self) -> bool {
        if self.seen.findings.len() > FINDINGS_MAX || self.seen.shadow.len() > FINDINGS_MAX {
            self.excess = Some(Excess::Findings);
        } else if self.clock.monotonic() > self.until {
            self.excess = Some(Excess::Duration);
        }
        self.excess.is_some()
    }

    fn weigh_at(&mut self, found: &[Finding], at: &Pointer<'_>) {
        let shown = if found.is_empty() { String::new() } else { self.path(at) };
        self.weigh(found, || shown.clone());
    }

    fn weigh(&mut self, found: &[Finding], path: impl Fn() -> String) {
        for finding in found {
            self.seen.is_blocked |= finding.action == FindingAction::Block;
            if finding.action >= FindingAction::RaiseLabel
                && let Some(lowest) = self.guards.inspector().lowest_label(finding)
            {
                self.seen.raise(finding, lowest, &path);
            }
        }
    }

    fn keep(&mut self, found: Vec<Finding>, at: &Pointer<'_>) {
        if found.is_empty() {
            return;
        }
        let path = self.path(at);
        self.seen.findings.extend(found.into_iter().map(|finding| Finding { path: path.clone(), ..finding }));
    }

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
    fn arguments(&mut self, at: &Pointer<'_>, text: &str, found: &[Finding]) {
        let mut hidden = hidden_in_arguments(self.guards.inspector(), text, found);
        if hidden.is_empty() {
            return;
        }
        for finding in &mut hidden {
            finding.action = FindingAction::Block;
        }
        self.weigh_at(&hidden, at);
        self.keep(hidden, at);
    }
}

impl TextVisitor for Look<'_> {
    fn text(&mut self, at: &Pointer<'_>, text: &mut String) {
        let found = self.examine(at, text);
        if at.is_turn() {
            let path = self.path(at);
            self.turns.push((self.found.len(), path));
        }
        if let Some(texts) = at.telling().and_then(|telling| self.tellings.get_mut(telling)) {
            texts.push(self.found.len());
        }
        self.keep(found.clone(), at);
        if at.last_key() == Some("arguments") {
            self.arguments(at, text, &found);
        }
        self.found.push(found);
    }

    fn fixed(&mut self, at: &Pointer<'_>, text: &str) {
        let found = self.examine(at, text);
        if found.is_empty() {
            return;
        }
        // A key or a number cannot be replaced without changing what the document means: refused instead.
        if found.iter().any(|finding| finding.action.is_protective()) {
            self.seen.is_blocked = true;
            self.is_fixed_blocked = true;
            if at.last_key() == Some(text) {
                self.telling_keys.push(text.to_owned());
            }
        }
        self.keep(found, at);
    }
}

/// What the escapes of a JSON document in a string hide although what was `found` in the string is replaced. Each with
/// the whole string as its place.
pub(in crate::steps) fn hidden_in_arguments(
    inspector: &Inspector,
    arguments: &str,
    found: &[Finding],
) -> Vec<Finding> {
    if !arguments.contains('\\') {
        return Vec::new();
    }
    let Ok(mut document) = parse(inspector.redact(arguments, found).as_bytes(), &Bounds::default()) else {
        return Vec::new();
    };
    let mut hidden = Hidden { inspector, findings: Vec::new() };
    document.visit(&mut hidden);
    for finding in &mut hidden.findings {
        (finding.start, finding.end) = (0, arguments.len());
    }
    hidden.findings
}

/// Finds what must not go on.
struct Hidden<'a> {
    inspector: &'a Inspector,
    findings: Vec<Finding>,
}

impl Hidden<'_> {
    fn see(&mut self, text: &str) {
        let found = self.inspector.scan(text).into_iter();
        self.findings.extend(found.filter(|finding| finding.action.is_protective()));
    }
}

impl TextVisitor for Hidden<'_> {
    fn text(&mut self, _at: &Pointer<'_>, text: &mut String) {
        self.see(text);
    }

    fn fixed(&mut self, _at: &Pointer<'_>, text: &str) {
        self.see(text);
    }
}

/// Adds a part of a split value to what was found in its text. What is to be replaced and overlaps it becomes one with it,
/// as strictly as either.
fn add_part(found: &mut Vec<Finding>, part: Finding) {
    let mut part = part;
    if part.action.replaces() {
        let is_apart =
            |other: &Finding| !other.action.replaces() || other.end <= part.start || part.end <= other.start;
        let (apart, met): (Vec<Finding>, Vec<Finding>) =
            std::mem::take(found).into_iter().partition(is_apart);
        *found = apart;
        for other in met {
            part.start = part.start.min(other.start);
            part.end = part.end.max(other.end);
            if other.action > part.action {
                (part.action, part.kind) = (other.action, other.kind);
            }
        }
    }
    found.push(part);
    found.sort_by_key(|finding| (finding.start, finding.end));
}

/// Makes the surrogates of all texts before the first one is rewritten.
pub(super) struct Learn<'a> {
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
pub(in crate::steps) struct Rewrite<'a> {
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

#[cfg(test)]
mod tests {
    use schleuse_types::{Finding, FindingAction};

    use super::add_part;

    /// Findings as `kind start end action`.
    fn check(
        found: &[(&str, usize, usize, FindingAction)],
        part: (usize, usize),
        expected: &[(&str, usize, usize)],
    ) {
        let finding = |(kind, start, end, action): (&str, usize, usize, FindingAction)| Finding {
            kind: kind.to_owned(),
            recognizer: String::new(),
            path: String::new(),
            start,
            end,
            score: 1.0,
            action,
            evasive: false,
            excepted: false,
        };
        let mut all: Vec<Finding> = found.iter().copied().map(finding).collect();
        add_part(&mut all, finding(("PART", part.0, part.1, FindingAction::Redact)));
        let all: Vec<_> = all.iter().map(|f| (f.kind.as_str(), f.start, f.end)).collect();
        assert_eq!(all, expected, "{found:?} {part:?}");
    }

    #[test]
    fn a_part_is_replaced_whole_whatever_it_overlaps() {
        use FindingAction::{Allow, Block, Mask};
        check(&[], (3, 9), &[("PART", 3, 9)]);
        check(&[("A", 0, 2, Mask)], (3, 9), &[("A", 0, 2), ("PART", 3, 9)]);
        check(&[("A", 0, 4, Mask), ("B", 8, 12, Mask)], (3, 9), &[("PART", 0, 12)]);
        check(&[("A", 0, 4, Allow)], (3, 9), &[("A", 0, 4), ("PART", 3, 9)]);
        check(&[("A", 0, 4, Block)], (3, 9), &[("A", 0, 4), ("PART", 3, 9)]);
    }
}
