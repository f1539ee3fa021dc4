//! Prints what the built-in recognizers miss and find wrongly on the corpus: for those who write recognizers.
//!
//! `cargo run --release -p schleuse-corpus --example mistakes [SEED] [DOCUMENTS PER KIND] [tune|test]`. Without the last,
//! templates of both halves are used; of those for judging alone only the figures are printed. The judgement in `docs/reference/inspection.md` uses only the half that nobody tunes on.

use schleuse_corpus::evaluation::{
    Disturbance, Evaluation, GERMAN, Mistake, SECRETS, Span, Tally, UNIVERSAL,
};
use schleuse_corpus::evasion::{self, EVASIONS, Tier};
use schleuse_corpus::{Document, Half, Library};
use schleuse_inspect::{Guardrails, Inspector};
use std::collections::BTreeMap;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let seed = arguments.next().map_or(Ok(1), |text| text.parse())?;
    let each = arguments.next().map_or(Ok(150), |text| text.parse())?;
    let half = match arguments.next().as_deref() {
        Some("tune") => Some(Half::Tune),
        Some("test") => Some(Half::Test),
        _ => None,
    };
    let inspector = Inspector::new(Guardrails::default())?;
    let scan = |_: usize, text: &str| spans(&inspector, text);
    let mut library = Library::new(seed, half);
    let documents = library.documents(each);
    let bytes: usize = documents.iter().map(|document| document.text.len()).sum();
    println!("{} documents, {bytes} bytes, seed {seed}", documents.len());
    let evaluation = Evaluation::run(&documents, scan);
    row("German numbers", &evaluation.pool(GERMAN));
    row("IBAN, card, e-mail", &evaluation.pool(UNIVERSAL));
    row("secrets, strict type", &evaluation.pool(SECRETS));
    row("secrets, any type", &evaluation.secrets);
    println!("calibration error {:.3}", evaluation.calibration_error());
    for (kind, tally) in &evaluation.by_type {
        row(kind, tally);
    }
    let prompts = library.clean_prompts(each * 20);
    let disturbance = Disturbance::run(&prompts, scan);
    println!(
        "clean prompts: {:.1} of 1,000 blocked, {:.1} touched",
        disturbance.blocked_per_thousand(),
        disturbance.touched_per_thousand()
    );
    let evasive = evasion::documents(&mut library, 40);
    for tier in Tier::ALL {
        let of_tier: Vec<Document> = evasive
            .iter()
            .filter(|(evasion, _)| evasion.tier == tier)
            .map(|(_, document)| document.clone())
            .collect();
        println!(
            "evasions, {}: recall {:.3}",
            tier.name(),
            evasion::recall(&Evaluation::run(&of_tier, scan))
        );
    }
    for evasion in EVASIONS {
        let documents: Vec<Document> = evasive
            .iter()
            .filter(|(of, _)| of.name == evasion.name)
            .map(|(_, document)| document.clone())
            .collect();
        let evaluation = Evaluation::run(&documents, scan);
        println!("   {:<28} {:<14} {:.2}", evasion.name, evasion.tier.name(), evasion::recall(&evaluation));
        if evasion.tier != Tier::Hard && half != Some(Half::Test) {
            for mistake in evaluation.mistakes.iter().filter(|mistake| mistake.missed).take(5) {
                println!("       {} {}", mistake.kind, mistake.context);
            }
        }
    }
    if half == Some(Half::Test) {
        return Ok(());
    }
    show("MISSED, by type", evaluation.mistakes.iter().filter(|mistake| mistake.missed), |mistake| {
        mistake.kind.clone()
    });
    show("WRONGLY FOUND, by rule", evaluation.mistakes.iter().filter(|mistake| !mistake.missed), |mistake| {
        format!("{} ({})", mistake.kind, mistake.rule)
    });
    show("CLEAN PROMPTS TOUCHED, by rule", disturbance.mistakes.iter(), |mistake| {
        format!("{} ({})", mistake.kind, mistake.rule)
    });
    Ok(())
}

fn row(name: &str, tally: &Tally) {
    println!(
        "{name:<24} P {:.3}  R {:.3}  F1 {:.3}  exact R {:.3}  planted {:>5}  missed {:>5}  wrong {:>5}",
        tally.precision(),
        tally.recall(),
        tally.f1(),
        tally.exact_recall(),
        tally.found + tally.missed,
        tally.missed,
        tally.wrong
    );
}

/// Mistakes in groups, the largest group first, a few of each.
fn show<'m>(title: &str, mistakes: impl Iterator<Item = &'m Mistake>, group: impl Fn(&Mistake) -> String) {
    let mut groups: BTreeMap<String, Vec<&Mistake>> = BTreeMap::new();
    for mistake in mistakes {
        groups.entry(group(mistake)).or_default().push(mistake);
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(_, mistakes)| std::cmp::Reverse(mistakes.len()));
    println!("\n== {title}");
    for (name, mistakes) in groups {
        println!("-- {name}: {}", mistakes.len());
        let step = mistakes.len().div_ceil(14).max(1);
        for mistake in mistakes.iter().step_by(step) {
            let instead = if mistake.missed && !mistake.rule.is_empty() {
                format!(" (found as {})", mistake.rule)
            } else {
                String::new()
            };
            let score = if mistake.missed { String::new() } else { format!(" {:.2}", mistake.score) };
            println!("   [{}]{score} {}{instead}", mistake.group, mistake.context);
        }
    }
}

fn spans(inspector: &Inspector, text: &str) -> Vec<Span> {
    inspector.scan(text).into_iter().map(Span::from).collect()
}
