//! Fits `recognizers/calibration.toml`: how often findings with so much evidence are right.
//!
//! `cargo run --release -p schleuse-corpus --example calibrate [SEED] [DOCUMENTS PER KIND] > recognizers/calibration.toml`.
//! Isotonic regression by pooling adjacent violators, over documents from the half of the templates on which tuning is
//! allowed. What the table is worth on the other half is told on standard error.

use schleuse_corpus::evaluation::{Evaluation, Span};
use schleuse_corpus::{Half, Library, NEUTRAL};
use schleuse_inspect::{Guardrails, Inspector};
use schleuse_types::{Finding, FindingAction};
use std::collections::BTreeSet;

/// Fewer findings make no point of their own.
const POOL_MIN: usize = 200;
/// Findings imagined for each that was seen.
const IMAGINED: f64 = 0.1;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let seed: u64 = arguments.next().map_or(Ok(1), |text| text.parse())?;
    let each: usize = arguments.next().map_or(Ok(400), |text| text.parse())?;
    let inspector = Inspector::new(Guardrails::default())?;
    let nats = evaluate(seed, each, Half::Tune, |text| {
        let explained = inspector.explain(text).into_iter();
        explained.map(|one| (one.finding, one.nats)).collect()
    });
    let pools = fit(nats.scores());
    println!("# How often findings with so much evidence (in nats) are right; straight between the points.");
    println!(
        "# Fitted by isotonic regression on {} findings of {each} made-up documents of each kind, seed {seed}.",
        nats.scores().len()
    );
    println!("version = \"1\"");
    println!("points = [");
    for pool in &pools {
        println!("  [{:.3}, {:.4}],", pool.nats(), pool.share());
    }
    println!("]");
    for half in [Half::Tune, Half::Test] {
        let scored = evaluate(seed + 1, each, half, |text| {
            inspector.scan(text).into_iter().map(|finding| (finding.clone(), finding.score)).collect()
        });
        eprintln!("{half:?}: error with the table that is built in {:.4}", scored.calibration_error());
        for bin in scored.bins() {
            eprintln!("  {:.3} said, {:.3} right, {} findings", bin.score, bin.right, bin.findings);
        }
    }
    eprintln!("sensitivity of documents: error {:.4}", sensitivity_error(&inspector, seed + 1, each));
    Ok(())
}

/// How far, on average over documents of the half that nobody tunes on, the sensitivity said is from the one that the
/// planted values have when each is certain: over ten bins of what was said, as for scores.
fn sensitivity_error(inspector: &Inspector, seed: u64, each: usize) -> f64 {
    let mut library = Library::new(seed, Some(Half::Test));
    let mut documents = library.documents(each);
    documents.extend(library.clean_prompts(each * 4));
    let mut bins = [(0.0_f64, 0.0_f64); 11];
    for document in &documents {
        let mut seen = BTreeSet::new();
        let planted = document.marks.iter().filter(|mark| mark.kind != NEUTRAL);
        let planted =
            planted.filter(|mark| seen.insert((mark.kind, document.text.get(mark.start..mark.end))));
        let certain: Vec<Finding> = planted
            .map(|mark| Finding {
                kind: mark.kind.to_owned(),
                recognizer: String::new(),
                path: String::new(),
                start: mark.start,
                end: mark.end,
                score: 1.0,
                action: FindingAction::Allow,
                evasive: false,
                excepted: false,
            })
            .collect();
        let said = f64::from(inspector.examine(&document.text).tally.sensitivity());
        if let Some((sum, truth)) = bins.get_mut((said * 10.0) as usize) {
            *sum += said;
            *truth += f64::from(Inspector::sensitivity(&certain));
        }
    }
    bins.iter().map(|(said, truth)| (said - truth).abs()).sum::<f64>() / documents.len() as f64
}

fn evaluate(
    seed: u64,
    each: usize,
    half: Half,
    mut look: impl FnMut(&str) -> Vec<(Finding, f32)>,
) -> Evaluation {
    let mut library = Library::new(seed, Some(half));
    let mut documents = library.documents(each);
    documents.extend(library.clean_prompts(each * 4));
    Evaluation::run(&documents, |_, text| {
        let span = |(finding, score): (Finding, f32)| Span { score, ..Span::from(finding) };
        look(text).into_iter().map(span).collect()
    })
}

/// Findings that share one point of the table.
#[derive(Clone, Copy)]
struct Pool {
    sum: f64,
    right: usize,
    count: usize,
}

impl Pool {
    fn nats(&self) -> f64 {
        self.sum / self.count as f64
    }

    /// Made-up documents are kinder than real ones: to the findings that were seen, a tenth as many are imagined that are
    /// right as often as their evidence says. At least a half, as for all findings.
    fn share(&self) -> f64 {
        let said = 1.0 / (1.0 + (-self.nats()).exp());
        let (right, count) = (self.right as f64, self.count as f64);
        ((right + IMAGINED * count * said) / (count * (1.0 + IMAGINED))).max(0.5)
    }

    fn add(&mut self, other: Self) {
        self.sum += other.sum;
        self.right += other.right;
        self.count += other.count;
    }
}

/// Pools that rise, from findings by their evidence.
fn fit(scores: &[(f32, bool)]) -> Vec<Pool> {
    let mut sorted = scores.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut pools: Vec<Pool> = Vec::new();
    for chunk in sorted.chunk_by(|a, b| a.0 == b.0) {
        let right = chunk.iter().filter(|(_, right)| *right).count();
        let sum = chunk.iter().map(|(nats, _)| f64::from(*nats)).sum();
        pools.push(Pool { sum, right, count: chunk.len() });
        while let [.., before, last] = pools.as_mut_slice()
            && (before.share() >= last.share() || before.count < POOL_MIN)
        {
            before.add(*last);
            pools.pop();
        }
    }
    pools
}
