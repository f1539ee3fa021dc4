//! A tenth of what `./x bench inspect` measures, as floors that only rise. On templates that nobody tunes on.

use schleuse_corpus::evaluation::{Disturbance, Evaluation, GERMAN, Span, UNIVERSAL};
use schleuse_corpus::evasion::{self, Tier};
use schleuse_corpus::{Document, Half, Library};
use schleuse_inspect::{Guardrails, Inspector};
use std::sync::OnceLock;

const SEED: u64 = 20_261_121;

#[expect(clippy::unwrap_used, reason = "the built-in packs compile, or no test here means anything")]
fn scan(_: usize, text: &str) -> Vec<Span> {
    static INSPECTOR: OnceLock<Inspector> = OnceLock::new();
    let inspector = INSPECTOR.get_or_init(|| Inspector::new(Guardrails::default()).unwrap());
    inspector.scan(text).into_iter().map(Span::from).collect()
}

#[track_caller]
fn check(what: &str, reached: f64, floor: f64) {
    println!("{what}: {reached:.4}, floor {floor}");
    assert!(reached >= floor, "{what}: {reached:.4} is below the floor of {floor}");
}

#[test]
fn planted_values_are_found_and_little_else() {
    let documents = Library::new(SEED, Some(Half::Test)).documents(40);
    let evaluation = Evaluation::run(&documents, scan);
    check("German numbers, F1", evaluation.pool(GERMAN).f1(), 0.985);
    check("IBAN, card and e-mail, F1", evaluation.pool(UNIVERSAL).f1(), 0.99);
    check("secrets, F1", evaluation.secrets.f1(), 0.98);
    check("calibration", 1.0 - evaluation.calibration_error(), 0.95);
}

#[test]
fn clean_prompts_go_through() {
    let prompts = Library::new(SEED, Some(Half::Test)).clean_prompts(1500);
    let disturbance = Disturbance::run(&prompts, scan);
    check("clean prompts of 1,000 that are not blocked", 1000.0 - disturbance.blocked_per_thousand(), 997.0);
    check("clean prompts of 1,000 that stay as they are", 1000.0 - disturbance.touched_per_thousand(), 990.0);
}

#[test]
fn values_that_are_written_otherwise_are_found_too() {
    let made = evasion::documents(&mut Library::new(SEED, Some(Half::Test)), 12);
    let recall = |tier: Tier| {
        let of_tier = made.iter().filter(|(evasion, _)| evasion.tier == tier);
        let documents: Vec<Document> = of_tier.map(|(_, document)| document.clone()).collect();
        evasion::recall(&Evaluation::run(&documents, scan))
    };
    check("accidental ways of writing, recall", recall(Tier::Accidental), 0.98);
    check("simple intent, recall", recall(Tier::Simple), 0.97);
}
