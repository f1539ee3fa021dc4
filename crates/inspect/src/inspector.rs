//! The inspector: packs and guardrails, ready to look at text.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use schleuse_types::{Finding, FindingAction, Label, Secret};
use sha2::{Digest as _, Sha256};

use crate::byte_scanner::{BLOCK, ByteScanner};
use crate::engine::{Frontier, LOOK_BEHIND};
use crate::guardrails::{GuardrailError, Guardrails};
use crate::kind;
use crate::pack::{Pack, Views};
use crate::resolver::{Hit, Resolver};
use crate::scope::Scope;
use crate::score::{EVASION, Explanation, Tally, value_of};
use crate::text::{floor_character, range};
use crate::treatment::{Treatment, Treatments};
use crate::view::{Coverage, Kept, MARGIN, Zones};
use crate::window::Window;

/// Findings with a lower score are not reported.
pub const MIN_SCORE: f32 = 0.5;

/// Finds what guardrails speak about. Cheap to clone; share it between threads.
#[derive(Debug, Clone)]
pub struct Inspector {
    pack: Arc<Pack>,
    treatments: Arc<Treatments>,
    /// That of the scope in force.
    treatment: Arc<Treatment>,
    /// What [`Inspector::stricter`] demanded, by type.
    least: Option<Arc<BTreeMap<String, FindingAction>>>,
    for_answers: bool,
    value_key: Option<Arc<Secret<Vec<u8>>>>,
    /// Only the plain text is read.
    plain: bool,
    digest: Arc<str>,
}

/// What one text holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Examination {
    /// By their start, none overlapping another.
    pub findings: Vec<Finding>,
    /// What rules in shadow found. Calls for nothing.
    pub shadow: Vec<Finding>,
    /// What the findings say about the sensitivity of the text.
    pub tally: Tally,
    /// How much of the text was seen.
    pub coverage: Coverage,
}

/// What several texts hold together that none of them holds alone.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Joined {
    /// For each text the parts of values in it, by their start, flagged evasive.
    pub parts: Vec<Vec<Finding>>,
    /// What the values say about the sensitivity of the texts.
    pub tally: Tally,
}

impl Inspector {
    /// The built-in packs under the given guardrails.
    pub fn new(guardrails: Guardrails) -> Result<Self, GuardrailError> {
        let pack = Pack::built_in().map_err(GuardrailError::Pack)?;
        Self::with_pack(pack, guardrails)
    }

    /// Packs of the caller's own, under the given guardrails.
    ///
    /// # Errors
    /// A guardrail or exception names a rule or tag that no pack has.
    pub fn with_pack(pack: Arc<Pack>, guardrails: Guardrails) -> Result<Self, GuardrailError> {
        let digest = format!("{}\n{}\n", pack.digest(), guardrails.digest());
        let hex: String = Sha256::digest(digest).iter().map(|byte| format!("{byte:02x}")).collect();
        let treatments = Arc::new(Treatments::new(&pack, guardrails)?);
        let treatment = treatments.in_scope(&pack.rules, &Scope::default());
        Ok(Self {
            pack,
            treatments,
            treatment,
            least: None,
            for_answers: false,
            value_key: None,
            plain: false,
            digest: Arc::from(format!("sha256:{hex}")),
        })
    }

    /// The same, where exceptions for single values count: `key` is that of [`crate::exception_value`].
    #[must_use]
    pub fn with_value_key(&self, key: Arc<Secret<Vec<u8>>>) -> Self {
        Self { value_key: Some(key), ..self.clone() }
    }

    /// The same for texts of one scope: guardrails with conditions and exceptions count where they are met. What
    /// [`Inspector::stricter`] and [`Inspector::for_answers`] said stays. Cheap: each different outcome is worked out once.
    #[must_use]
    pub fn for_scope(&self, scope: &Scope<'_>) -> Self {
        if !self.treatments.depend_on_scope() {
            return self.clone();
        }
        let mut treatment = self.treatments.in_scope(&self.pack.rules, scope);
        if let Some(least) = &self.least {
            treatment = Arc::new(treatment.stricter(&self.pack.rules, least));
        }
        if self.for_answers {
            treatment = Arc::new(treatment.for_answers());
        }
        Self { treatment, ..self.clone() }
    }

    /// The same where one of several scopes will hold and it is not known which: for each rule the strictest action of
    /// all, in shadow or excepted only where it is so in all. Without a scope nothing changes.
    #[must_use]
    pub fn for_any_scope<'s>(&self, scopes: impl IntoIterator<Item = Scope<'s>>) -> Self {
        let each = scopes.into_iter().map(|scope| self.for_scope(&scope).treatment);
        let strictest = each.reduce(|one, other| {
            if Arc::ptr_eq(&one, &other) || one == other { one } else { Arc::new(one.strictest(&other)) }
        });
        Self { treatment: strictest.unwrap_or_else(|| Arc::clone(&self.treatment)), ..self.clone() }
    }

    /// Whether both treat every finding in the same way.
    pub fn treats_like(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.treatment, &other.treatment) || self.treatment == other.treatment
    }

    /// Whether some exception is bound to a place, so that the path of a text makes a difference.
    pub fn depends_on_path(&self) -> bool {
        self.treatments.depend_on_path()
    }

    /// The same packs, where findings of the named types are treated at least as strictly as said, and none of them is
    /// excepted. Never less strictly.
    #[must_use]
    pub fn stricter(&self, actions: &BTreeMap<String, FindingAction>) -> Self {
        let mut least = self.least.as_deref().cloned().unwrap_or_default();
        for (name, action) in actions {
            let known = least.entry(name.clone()).or_insert(*action);
            *known = (*known).max(*action);
        }
        let treatment = Arc::new(self.treatment.stricter(&self.pack.rules, actions));
        Self { treatment, least: Some(Arc::new(least)), ..self.clone() }
    }

    /// The same packs for answers: what would be pseudonymised on its way to a model is only reported on its way to the
    /// asker, who is the one to read it.
    #[must_use]
    pub fn for_answers(&self) -> Self {
        let treatment = Arc::new(self.treatment.for_answers());
        Self { treatment, for_answers: true, ..self.clone() }
    }

    /// The same without the views against evasion: to measure what they cost.
    #[doc(hidden)]
    #[must_use]
    pub fn without_views(&self) -> Self {
        Self { plain: true, ..self.clone() }
    }

    /// `sha256:` and the hash of the packs and the guardrails in use: what decides what is found and what is done about it.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// That of the packs alone; changes whenever a rule changes.
    pub fn pack_digest(&self) -> &str {
        self.pack.digest()
    }

    /// The packs in use.
    pub fn pack(&self) -> &Pack {
        &self.pack
    }

    /// The action in force for the findings of a rule; `None` when no pack has it.
    pub fn action_of(&self, rule: &str) -> Option<FindingAction> {
        let index = self.pack.rules.iter().position(|known| known.id == rule)?;
        self.treatment.actions.get(index).copied()
    }

    /// The types that these packs recognise, sorted, each once.
    pub fn types(&self) -> Vec<&str> {
        let mut types: Vec<&str> = self.pack.rules.iter().map(|rule| rule.kind.name).collect();
        types.sort_unstable();
        types.dedup();
        types
    }

    /// All findings in one string with a score of at least [`MIN_SCORE`], by their start, none overlapping another.
    ///
    /// Offsets are bytes of `text`; `path` is empty. Of two that overlap the stricter action wins, then the higher
    /// score, then the longer. A BLOCK or REDACT finding covers all bytes of the BLOCK and REDACT findings that it won
    /// over.
    pub fn scan(&self, text: &str) -> Vec<Finding> {
        let (hits, _) = self.hits(text);
        hits.iter().map(|hit| self.finding(hit)).collect()
    }

    /// What [`Inspector::scan`] finds, what rules in shadow find, and how sensitive the text is.
    pub fn examine(&self, text: &str) -> Examination {
        let (hits, progress) = self.hits(text);
        Examination {
            findings: hits.iter().map(|hit| self.finding(hit)).collect(),
            shadow: progress.shadow.iter().map(|hit| self.finding(hit)).collect(),
            tally: progress.tally,
            coverage: Coverage::of(text.as_bytes(), progress.zones.decoded, progress.zones.opaque),
        }
    }

    /// What [`Inspector::scan`] finds in each text of one conversation and role, in order, and the parts of values that
    /// are split over two to five of them: each part is a finding of its own text, flagged evasive.
    ///
    /// Only the last 512 bytes of a text and the first 512 of the next take part, and only types that a check digit or a
    /// prefix speaks for. A part may overlap another finding of its text, of another type.
    pub fn scan_joined(&self, texts: &[&str]) -> Vec<Vec<Finding>> {
        let mut found: Vec<Vec<Finding>> = texts.iter().map(|text| self.scan(text)).collect();
        let own: Vec<&[Finding]> = found.iter().map(Vec::as_slice).collect();
        let joined = self.join(texts, &own);
        for (found, parts) in found.iter_mut().zip(joined.parts) {
            found.extend(parts);
            found.sort_by_key(|finding| (finding.start, finding.end));
        }
        found
    }

    /// The parts that [`Inspector::scan_joined`] adds to `found`, which is what each text holds by itself.
    pub fn join(&self, texts: &[&str], found: &[&[Finding]]) -> Joined {
        crate::view::join::parts(self, texts, found)
    }

    /// What [`Inspector::scan`] finds, with the evidence behind each score.
    pub fn explain(&self, text: &str) -> Vec<Explanation> {
        let (hits, _) = self.hits(text);
        hits.iter()
            .map(|hit| Explanation {
                finding: self.finding(hit),
                terms: hit.odds.terms(),
                nats: hit.odds.sum(),
            })
            .collect()
    }

    pub(crate) fn hits(&self, text: &str) -> (Vec<Hit>, Progress) {
        let (mut hits, mut progress) = (Vec::new(), Progress::default());
        progress.advance(self, text.as_bytes(), true, &mut hits);
        (hits, progress)
    }

    /// The lowest label that a text with this finding may carry: of a classification marking whose action is
    /// RAISE_LABEL, or of any rule that names one; and that to which a guardrail raises.
    pub fn lowest_label(&self, finding: &Finding) -> Option<Label> {
        if finding.action < FindingAction::RaiseLabel {
            return None;
        }
        let index = self.pack.rules.iter().position(|rule| rule.id == finding.recognizer)?;
        let of_rule = self.pack.rules.get(index).and_then(|rule| rule.label.clone());
        let labels = of_rule.into_iter().chain(self.treatment.raises(index).cloned());
        labels.reduce(|one, other| one.join(&other))
    }

    /// How sensitive a text with these findings is, 0 to 1, rounded to two decimals, when no two of them show the same
    /// value and none is a marking. [`Inspector::examine`] knows better, because it sees the text.
    ///
    /// The order of findings does not matter, and no finding lowers the result. An unknown type counts with severity
    /// 0.5.
    pub fn sensitivity(findings: &[Finding]) -> f32 {
        let mut tally = Tally::default();
        for (finding, value) in findings.iter().zip(0..) {
            let (name, severity) =
                kind::find(&finding.kind).map_or(("", 0.5), |kind| (kind.name, kind.severity));
            tally.add(name, severity, finding.score, value);
        }
        tally.sensitivity()
    }

    /// The text with every finding replaced whose action says so: REDACT by the name of its type, as in `[API_KEY]`,
    /// MASK by its last four characters behind asterisks, PSEUDONYMIZE without a map like REDACT.
    ///
    /// `findings` are those of [`Inspector::scan`] on the same text. A finding whose offsets do not fit the text, or
    /// overlap an earlier one, is skipped.
    ///
    /// What is put in is no finding of a second look. Values that were glued together may be: of `IBAN1IBAN2` without
    /// anything between, the first look sees one.
    pub fn redact(&self, text: &str, findings: &[Finding]) -> String {
        let mut redact: Vec<&Finding> = findings.iter().filter(|f| f.action.replaces()).collect();
        redact.sort_by_key(|finding| finding.start);
        let mut redacted = String::with_capacity(text.len());
        let mut shown = 0;
        for finding in redact {
            let (Some(before), Some(found)) =
                (text.get(shown..finding.start), text.get(finding.start..finding.end))
            else {
                continue;
            };
            redacted.push_str(before);
            redacted.push_str(&replacement(&finding.kind, finding.action, found));
            shown = finding.end;
        }
        redacted.push_str(text.get(shown..).unwrap_or_default());
        redacted
    }

    /// A window for one text channel: one choice, one kind of delta.
    pub fn window(&self) -> Window {
        Window::new(self.clone())
    }

    /// A scanner for one file of any size.
    pub fn byte_scanner(&self) -> ByteScanner {
        ByteScanner::new(self.clone(), BLOCK)
    }

    /// A scanner that gathers so many bytes before it looks at them; a small block tells findings sooner and costs more.
    pub fn byte_scanner_of(&self, block: usize) -> ByteScanner {
        ByteScanner::new(self.clone(), block)
    }

    /// Counts final hits towards the sensitivity of their text.
    pub(crate) fn count(&self, hits: &[Hit], tally: &mut Tally) {
        for hit in hits {
            let Some(rule) = self.pack.rules.get(hit.rule) else { continue };
            if self.is_excepted(hit) {
                continue;
            }
            let score = self.pack.calibration.score(hit.odds.sum());
            tally.add(rule.kind.name, rule.severity, score, hit.value);
            if hit.action >= FindingAction::RaiseLabel {
                tally.raise_floor(rule.floor);
            }
        }
    }

    /// An exception took the action that the guardrails called for.
    fn is_excepted(&self, hit: &Hit) -> bool {
        hit.action == FindingAction::Allow
            && self.treatment.actions.get(hit.rule).is_some_and(|action| *action > FindingAction::Allow)
    }

    /// The hit's rule looks at this view.
    pub(crate) fn counts(&self, hit: &Hit, view: Views) -> bool {
        self.pack.rules.get(hit.rule).is_some_and(|rule| rule.views.contains(view))
    }

    /// Completes the hits of one pass over `text`, which hold positions in it: what they found, and how sure that is
    /// where it was hidden, and whether an exception covers it. Gives the hits of rules in shadow apart.
    pub(crate) fn weigh(&self, text: &[u8], view: Views, hits: &mut Vec<Hit>) -> Vec<Hit> {
        let rule = |hit: &Hit| self.pack.rules.get(hit.rule);
        hits.retain(|hit| self.counts(hit, view));
        for hit in hits.iter_mut() {
            hit.value = value_of(range(text, hit.start, hit.end));
            if hit.evasive {
                hit.odds.evasion = EVASION;
                hit.score = hit.odds.score();
            } else if self.treatment.has_exceptions
                && let Some(rule) = rule(hit)
            {
                let key = self.value_key.as_deref().map(|key| key.expose().as_slice());
                if self.treatment.excepts(hit.rule, rule, range(text, hit.start, hit.end), key) {
                    hit.action = FindingAction::Allow;
                }
            }
        }
        hits.extract_if(.., |hit| self.treatment.shadow.get(hit.rule) == Some(&true)).collect()
    }

    /// Drops the hits of views that the plain text gave too, also where they did not count.
    fn drop_known(&self, hits: &mut Vec<Hit>, uncounted: &[Hit]) {
        if !hits.iter().any(|hit| hit.evasive) {
            return;
        }
        let key = |hit: &Hit| (hit.start, hit.end, self.kind_of(hit));
        let plain: BTreeSet<_> = hits.iter().chain(uncounted).filter(|hit| !hit.evasive).map(key).collect();
        hits.retain(|hit| !hit.evasive || !plain.contains(&key(hit)));
    }

    /// The type that a hit is of.
    pub(crate) fn kind_of(&self, hit: &Hit) -> &'static str {
        self.pack.rules.get(hit.rule).map_or("", |rule| rule.kind.name)
    }

    pub(crate) fn pass(&self, text: &[u8], at_end: bool, hits: &mut Vec<Hit>) -> Frontier {
        let mut frontier =
            self.pack.engine.pass(&self.pack.rules, &self.treatment.actions, text, at_end, hits);
        if self.treatment.has_exceptions {
            // What an exception covers counts among the other hits, although its rule protects while it is open.
            frontier.other = frontier.other.min(frontier.protected);
        }
        frontier
    }

    pub(crate) fn finding(&self, hit: &Hit) -> Finding {
        let rule = self.pack.rules.get(hit.rule);
        Finding {
            kind: rule.map(|rule| rule.kind.name.to_owned()).unwrap_or_default(),
            recognizer: rule.map(|rule| rule.id.clone()).unwrap_or_default(),
            path: String::new(),
            start: hit.start,
            end: hit.end,
            score: self.pack.calibration.score(hit.odds.sum()),
            action: hit.action,
            evasive: hit.evasive,
            excepted: self.is_excepted(hit),
        }
    }
}

/// Characters of a masked finding that stay; of one with fewer than twice as many letters and digits, none.
const SHOWN_BY_MASK: usize = 4;

/// What stands where a finding was replaced.
pub(crate) fn replacement(kind: &str, action: FindingAction, found: &str) -> String {
    if action != FindingAction::Mask {
        return format!("[{kind}]");
    }
    let written: Vec<char> = found.chars().filter(|c| c.is_alphanumeric()).collect();
    let hidden =
        if written.len() < 2 * SHOWN_BY_MASK { written.len() } else { written.len() - SHOWN_BY_MASK };
    "****".chars().chain(written.into_iter().skip(hidden)).collect()
}

/// How far the findings of one text are decided. The caller keeps the text from [`Progress::needed_from`] on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress {
    /// Position in the whole text of the first byte that the caller still keeps.
    pub(crate) base: usize,
    protected: usize,
    other: usize,
    /// Up to here no byte lies in a plain finding that raises the label of its text and is not told yet.
    raising: usize,
    resolver: Resolver,
    /// For the hits of rules in shadow, which meet only each other.
    in_shadow: Resolver,
    /// What rules in shadow found so far.
    pub(crate) shadow: Vec<Hit>,
    /// All findings so far.
    pub(crate) tally: Tally,
    pub(crate) zones: Zones,
}

impl Progress {
    /// Looks at `kept`, the text from `base` on, and appends the findings that are final now, by their start.
    pub(crate) fn advance(
        &mut self,
        inspector: &Inspector,
        kept: &[u8],
        at_end: bool,
        findings: &mut Vec<Hit>,
    ) {
        let mut hits = Vec::new();
        // The views look further back than the rules.
        let undecided = self.protected.min(self.other).saturating_sub(LOOK_BEHIND);
        let from = floor_character(kept, undecided.saturating_sub(self.base));
        let text = kept.get(from..).unwrap_or_default();
        let mut frontier = inspector.pass(text, at_end, &mut hits);
        let offset = self.base + from;
        // What is decided is found again and again while text comes in; it is not weighed again.
        let decided = self.protected.min(self.other).saturating_sub(offset);
        hits.retain(|hit| hit.start >= decided);
        let mut uncounted: Vec<Hit> = hits.extract_if(.., |hit| !inspector.counts(hit, Views::RAW)).collect();
        let mut shadow = inspector.weigh(text, Views::RAW, &mut hits);
        for hit in hits.iter_mut().chain(&mut shadow).chain(&mut uncounted) {
            hit.start += offset;
            hit.end += offset;
        }
        frontier.protected += offset;
        frontier.other += offset;
        frontier.raising += offset;
        let decided = Frontier { protected: self.protected, other: self.other, raising: self.raising };
        let seen = Kept { text: kept, base: self.base, at_end, frontier, decided };
        let views = if inspector.plain {
            frontier
        } else {
            self.zones.advance(inspector, seen, &mut hits, &mut shadow)
        };
        inspector.drop_known(&mut hits, &uncounted);
        inspector.drop_known(&mut shadow, &uncounted);
        // Of text that is complete every hit is final, also one that begins at its very end.
        let beyond = usize::from(at_end);
        self.protected = self.protected.max(frontier.protected.min(views.protected));
        self.other = self.other.max(frontier.other.min(views.other));
        let new = findings.len();
        let (protected, other) = (self.protected + beyond, self.other + beyond);
        let later = hits.iter().filter(|hit| hit.action == FindingAction::RaiseLabel && hit.start >= other);
        let later = later.map(|hit| hit.start).min().unwrap_or(usize::MAX);
        self.resolver.advance(hits, protected, other, findings);
        self.raising = frontier.raising.min(later).min(self.resolver.open_raising_start());
        self.in_shadow.advance(shadow, protected, other, &mut self.shadow);
        if let Some(new) = findings.get_mut(new..) {
            new.sort_by_key(|hit| hit.start);
            inspector.count(new, &mut self.tally);
        }
    }

    /// Up to here no byte lies in a BLOCK or REDACT finding that is not decided yet, nor in a plain one that raises the label.
    pub(crate) fn decided(&self) -> usize {
        let protected = self.resolver.open_protected_start().unwrap_or(self.protected).min(self.protected);
        protected.min(self.raising)
    }

    /// Bytes before this are no longer needed to find what is still to be found.
    pub(crate) fn needed_from(&self) -> usize {
        let needed = self.protected.min(self.other).saturating_sub(MARGIN).min(self.zones.needed_from());
        // What is held back for it is still to be shown.
        needed.min(self.raising)
    }
}

#[cfg(test)]
mod tests;
