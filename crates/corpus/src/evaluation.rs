//! How well a scanner finds what was planted.

use crate::document::Document;
use crate::slot::NEUTRAL;
use schleuse_types::{Finding, FindingAction};
use std::collections::BTreeMap;

/// What a scanner says that it found.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// Bytes of the text.
    pub start: usize,
    pub end: usize,
    /// One of the fixed type names.
    pub kind: String,
    pub score: f32,
    /// Which rule says so.
    pub rule: String,
    /// By default the text would be refused.
    pub blocks: bool,
    /// By default something would be replaced, or the text be refused.
    pub touches: bool,
}

impl From<Finding> for Span {
    fn from(finding: Finding) -> Self {
        Self {
            start: finding.start,
            end: finding.end,
            blocks: finding.action == FindingAction::Block,
            touches: finding.action.is_protective(),
            kind: finding.kind,
            score: finding.score,
            rule: finding.recognizer,
        }
    }
}

/// German numbers with a structure of their own.
pub const GERMAN: &[&str] = &[
    "DE_STEUER_ID",
    "DE_STEUERNUMMER",
    "DE_SVNR",
    "DE_KVNR",
    "DE_PERSONALAUSWEIS",
    "DE_REISEPASS",
    "DE_FUEHRERSCHEIN",
    "DE_KFZ",
    "DE_LANR",
    "DE_BSNR",
    "DE_HANDELSREGISTER",
];
/// What nobody needs a country for.
pub const UNIVERSAL: &[&str] = &["IBAN", "CREDIT_CARD", "EMAIL"];
/// Credentials. Which of these a value is called matters less than that it is found.
pub const SECRETS: &[&str] =
    &["API_KEY", "PASSWORD", "SECRET", "PRIVATE_KEY", "JWT", "CONNECTION_STRING", "URL_CREDENTIALS"];

/// Counts of one type or of several together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Planted values that a finding of their type overlaps.
    pub found: usize,
    /// Planted values whose finding has the same first and last byte.
    pub exact: usize,
    pub missed: usize,
    /// Findings that overlap a planted value of their type.
    pub right: usize,
    pub wrong: usize,
}

impl Tally {
    pub fn precision(&self) -> f64 {
        ratio(self.right, self.right + self.wrong)
    }

    pub fn recall(&self) -> f64 {
        ratio(self.found, self.found + self.missed)
    }

    /// Recall that counts only findings with the right first and last byte.
    pub fn exact_recall(&self) -> f64 {
        ratio(self.exact, self.found + self.missed)
    }

    pub fn f1(&self) -> f64 {
        let (precision, recall) = (self.precision(), self.recall());
        if precision + recall == 0.0 { 0.0 } else { 2.0 * precision * recall / (precision + recall) }
    }

    fn add(&mut self, other: &Self) {
        self.found += other.found;
        self.exact += other.exact;
        self.missed += other.missed;
        self.right += other.right;
        self.wrong += other.wrong;
    }
}

/// One when there is nothing to divide by: nothing was asked, so nothing is wrong.
fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

/// Something that was missed or found wrongly, to look at.
#[derive(Debug, Clone)]
pub struct Mistake {
    pub missed: bool,
    pub group: &'static str,
    pub kind: String,
    /// The rule, of a wrong finding.
    pub rule: String,
    pub score: f32,
    /// The text with the value between brackets.
    pub context: String,
}

/// What a scanner did on a set of documents.
#[derive(Debug, Default)]
pub struct Evaluation {
    /// A finding must have the very type that was planted.
    pub by_type: BTreeMap<String, Tally>,
    /// Any credential for any credential.
    pub secrets: Tally,
    /// Score and truth of every finding of [`CALIBRATED`] types.
    scores: Vec<(f32, bool)>,
    pub mistakes: Vec<Mistake>,
}

impl Evaluation {
    /// Scans every document and counts.
    pub fn run(documents: &[Document], mut scan: impl FnMut(usize, &str) -> Vec<Span>) -> Self {
        let mut evaluation = Self::default();
        for (at, document) in documents.iter().enumerate() {
            let spans = scan(at, &document.text);
            evaluation.count(document, &spans);
        }
        evaluation
    }

    fn count(&mut self, document: &Document, spans: &[Span]) {
        let mistakes = std::mem::take(&mut self.mistakes);
        let mut mistakes = mistakes;
        for mark in document.marks.iter().filter(|mark| mark.kind != NEUTRAL) {
            let tally = self.by_type.entry(mark.kind.to_owned()).or_default();
            let overlapping = |span: &&Span| span.start < mark.end && mark.start < span.end;
            let same: Vec<&Span> =
                spans.iter().filter(overlapping).filter(|span| span.kind == mark.kind).collect();
            let is_secret = SECRETS.contains(&mark.kind);
            let any = is_secret
                && spans.iter().filter(overlapping).any(|span| SECRETS.contains(&span.kind.as_str()));
            if same.is_empty() {
                tally.missed += 1;
            } else {
                tally.found += 1;
            }
            let exact = same.iter().any(|span| (span.start, span.end) == (mark.start, mark.end));
            tally.exact += usize::from(exact);
            if is_secret {
                self.secrets.found += usize::from(any);
                self.secrets.missed += usize::from(!any);
                self.secrets.exact += usize::from(exact);
            }
            if same.is_empty() {
                let instead: Vec<&str> =
                    spans.iter().filter(overlapping).map(|span| span.kind.as_str()).collect();
                mistakes.push(Mistake {
                    missed: true,
                    group: document.group,
                    kind: mark.kind.to_owned(),
                    rule: instead.join("+"),
                    score: 0.0,
                    context: context(&document.text, mark.start, mark.end),
                });
            }
        }
        for span in spans {
            let overlapping = |kind_fits: &dyn Fn(&str) -> bool| {
                document
                    .marks
                    .iter()
                    .any(|mark| mark.start < span.end && span.start < mark.end && kind_fits(mark.kind))
            };
            let right = overlapping(&|kind| kind == span.kind);
            let is_secret = SECRETS.contains(&span.kind.as_str());
            let right_secret = is_secret && overlapping(&|kind| SECRETS.contains(&kind));
            if !right && !right_secret && overlapping(&|kind| kind == NEUTRAL) {
                continue;
            }
            let tally = self.by_type.entry(span.kind.clone()).or_default();
            tally.right += usize::from(right);
            tally.wrong += usize::from(!right);
            if is_secret {
                self.secrets.right += usize::from(right_secret);
                self.secrets.wrong += usize::from(!right_secret);
            }
            self.scores.push((span.score, right || right_secret));
            if !right {
                mistakes.push(Mistake {
                    missed: false,
                    group: document.group,
                    kind: span.kind.clone(),
                    rule: span.rule.clone(),
                    score: span.score,
                    context: context(&document.text, span.start, span.end),
                });
            }
        }
        self.mistakes = mistakes;
    }

    /// Several types together.
    pub fn pool(&self, kinds: &[&str]) -> Tally {
        let mut pooled = Tally::default();
        for (_, tally) in self.by_type.iter().filter(|(kind, _)| kinds.contains(&kind.as_str())) {
            pooled.add(tally);
        }
        pooled
    }

    /// Expected calibration error over ten bins of equal width (Guo et al., 2017): how far, on average over the findings, a
    /// score is from the share of findings with such a score that are right.
    pub fn calibration_error(&self) -> f64 {
        let mut error = 0.0;
        for bin in self.bins() {
            error += (bin.score - bin.right).abs() * bin.findings as f64;
        }
        error / (self.scores.len().max(1)) as f64
    }

    /// Score and truth of every finding.
    pub fn scores(&self) -> &[(f32, bool)] {
        &self.scores
    }

    /// The ten bins; those without findings are left out.
    pub fn bins(&self) -> Vec<Bin> {
        (0..10_u8)
            .filter_map(|number| {
                let (low, high) = (f32::from(number) / 10.0, f32::from(number + 1) / 10.0);
                let inside = |score: f32| (low < score || number == 0) && score <= high;
                let of_bin: Vec<&(f32, bool)> =
                    self.scores.iter().filter(|(score, _)| inside(*score)).collect();
                let findings = of_bin.len();
                (findings > 0).then(|| Bin {
                    findings,
                    score: of_bin.iter().map(|(score, _)| f64::from(*score)).sum::<f64>() / findings as f64,
                    right: of_bin.iter().filter(|(_, right)| *right).count() as f64 / findings as f64,
                })
            })
            .collect()
    }
}

/// Findings of about the same score.
#[derive(Debug, Clone, Copy)]
pub struct Bin {
    pub findings: usize,
    /// Mean of their scores.
    pub score: f64,
    /// Share of those that are right.
    pub right: f64,
}

/// What happens to prompts in which nothing is planted.
#[derive(Debug, Default)]
pub struct Disturbance {
    pub prompts: usize,
    /// Prompts with a finding that blocks by default.
    pub blocked: usize,
    /// Prompts with a finding that blocks or replaces by default.
    pub touched: usize,
    pub mistakes: Vec<Mistake>,
}

impl Disturbance {
    pub fn run(prompts: &[Document], mut scan: impl FnMut(usize, &str) -> Vec<Span>) -> Self {
        let mut disturbance = Self { prompts: prompts.len(), ..Self::default() };
        for (at, prompt) in prompts.iter().enumerate() {
            let spans = scan(at, &prompt.text);
            disturbance.blocked += usize::from(spans.iter().any(|span| span.blocks));
            disturbance.touched += usize::from(spans.iter().any(|span| span.touches));
            for span in spans.iter().filter(|span| span.touches) {
                disturbance.mistakes.push(Mistake {
                    missed: false,
                    group: prompt.group,
                    kind: span.kind.clone(),
                    rule: span.rule.clone(),
                    score: span.score,
                    context: context(&prompt.text, span.start, span.end),
                });
            }
        }
        disturbance
    }

    pub fn blocked_per_thousand(&self) -> f64 {
        1000.0 * self.blocked as f64 / self.prompts.max(1) as f64
    }

    pub fn touched_per_thousand(&self) -> f64 {
        1000.0 * self.touched as f64 / self.prompts.max(1) as f64
    }
}

/// Characters shown on either side of a mistake.
const AROUND: usize = 48;

/// The value between `⟦` and `⟧` with some text around it, on one line.
pub fn context(text: &str, start: usize, end: usize) -> String {
    let before = text.get(..start).unwrap_or_default();
    let value = text.get(start..end).unwrap_or_default();
    let behind = text.get(end..).unwrap_or_default();
    let skipped = before.chars().count().saturating_sub(AROUND);
    let before: String = before.chars().skip(skipped).collect();
    let behind: String = behind.chars().take(AROUND).collect();
    let shown: String = if value.chars().count() > 90 {
        value.chars().take(90).chain("…".chars()).collect()
    } else {
        value.to_owned()
    };
    format!("{before}⟦{shown}⟧{behind}").replace('\n', "⏎")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slot::Mark;

    fn span(start: usize, end: usize, kind: &str) -> Span {
        Span {
            start,
            end,
            kind: kind.to_owned(),
            score: 0.9,
            rule: String::new(),
            blocks: true,
            touches: true,
        }
    }

    /// Found, missed, right and wrong of one document with an IBAN at 4..8 and a name that is nobody's at 10..14.
    #[track_caller]
    fn check(spans: &[Span], expected: (usize, usize, usize, usize)) {
        let marks = vec![Mark { start: 4, end: 8, kind: "IBAN" }, Mark { start: 10, end: 14, kind: NEUTRAL }];
        let document = Document { group: "mail", text: "0123456789abcdefghij".to_owned(), marks };
        let evaluation = Evaluation::run(&[document], |_, _| spans.to_vec());
        let tally = evaluation.pool(&["IBAN", "PHONE", "PERSON_NAME"]);
        assert_eq!((tally.found, tally.missed, tally.right, tally.wrong), expected);
    }

    #[test]
    fn a_finding_counts_by_overlap_and_type() {
        check(&[span(4, 8, "IBAN")], (1, 0, 1, 0));
        check(&[span(7, 12, "IBAN")], (1, 0, 1, 0));
        check(&[span(8, 10, "IBAN")], (0, 1, 0, 1));
        check(&[span(4, 8, "PHONE")], (0, 1, 0, 1));
        check(&[], (0, 1, 0, 0));
        check(&[span(10, 14, "PERSON_NAME")], (0, 1, 0, 0));
        check(&[span(15, 18, "PERSON_NAME")], (0, 1, 0, 1));
    }

    #[test]
    fn a_scanner_that_is_as_sure_as_it_is_right_has_no_calibration_error() {
        let error = |scores| Evaluation { scores, ..Evaluation::default() }.calibration_error();
        assert!(error((0..100).map(|at| (0.75, at < 75)).collect()) < 1e-6);
        assert!((error((0..100).map(|at| (0.95, at < 50)).collect()) - 0.45).abs() < 1e-6);
    }
}
