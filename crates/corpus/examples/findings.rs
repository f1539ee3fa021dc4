//! Prints every finding on the corpus with its evidence, so that two versions of the recognizers can be compared.
//!
//! `cargo run --release -p schleuse-corpus --example findings [SEED] [DOCUMENTS PER KIND]`.

use std::io::Write as _;

use schleuse_corpus::{Library, evasion};
use schleuse_inspect::{Guardrails, Inspector};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let seed = arguments.next().map_or(Ok(1), |text| text.parse())?;
    let each = arguments.next().map_or(Ok(100), |text| text.parse())?;
    let inspector = Inspector::new(Guardrails::default())?;
    let mut library = Library::new(seed, None);
    let mut texts: Vec<String> = library.documents(each).into_iter().map(|document| document.text).collect();
    texts.extend(library.clean_prompts(each * 20).into_iter().map(|document| document.text));
    texts.extend(evasion::documents(&mut library, each / 4).into_iter().map(|(_, document)| document.text));
    // All together, so that what stands far apart meets.
    texts.push(texts.join("\n"));
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for (number, text) in texts.iter().enumerate() {
        for found in inspector.explain(text) {
            let finding = found.finding;
            writeln!(
                out,
                "{number} {}..{} {} {} {:?} evasive {} nats {} {:?}",
                finding.start,
                finding.end,
                finding.kind,
                finding.recognizer,
                finding.action,
                finding.evasive,
                found.nats,
                found.terms
            )?;
        }
        let seen = inspector.examine(text);
        writeln!(out, "{number} shadow {:?} {:?} {}", seen.shadow, seen.coverage, seen.tally.sensitivity())?;
    }
    Ok(())
}
