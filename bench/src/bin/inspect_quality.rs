//! How well and how fast inspection finds what the corpus planted, beside other scanners on the same documents.
//!
//! `inspect_quality --write FOLDER` writes the texts, one JSON string a line, to `FOLDER/texts.jsonl`. Another scanner
//! answers each line in `FOLDER/NAME.jsonl` (see `xtask/tools/peers/peers.py`). `inspect_quality --read FOLDER` scans the
//! same texts, reads those answers and prints the tables in Markdown. Templates are those that nobody tunes on.

use nix::time::{ClockId, clock_gettime};
use schleuse_bench::Failure;
use schleuse_bench::flags::Flags;
use schleuse_corpus::evaluation::{Disturbance, Evaluation, GERMAN, SECRETS, Span, Tally, UNIVERSAL};
use schleuse_corpus::evasion::{self, EVASIONS, Evasion, Tier};
use schleuse_corpus::{Document, Half, Library};
use schleuse_inspect::{Guardrails, Inspector};
use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

const SEED: u64 = 5_000_001;
/// Documents of each kind.
const DOCUMENTS: usize = 100;
const CLEAN_PROMPTS: usize = 4000;
/// Documents for each way of writing.
const EVASIVE: usize = 25;
/// Runs over the same text; the fastest counts, so that a neighbour on the machine does not.
const ROUNDS: usize = 7;
const PROMPT_BYTES: usize = 2048;
/// Characters of one piece of a stream.
const PIECE: usize = 4;
const PEERS: &[&str] = &["presidio", "detect-secrets"];

fn main() -> Result<(), Failure> {
    let flags = Flags::parse(std::env::args().skip(1), &["write", "read", "seed"])?;
    let corpus = Corpus::new(flags.value("seed", SEED)?);
    let write: String = flags.value("write", String::new())?;
    if !write.is_empty() {
        return corpus.write(Path::new(&write));
    }
    let read: String = flags.value("read", String::new())?;
    print!("{}", report(&corpus, Path::new(&read))?);
    Ok(())
}

struct Corpus {
    seed: u64,
    documents: Vec<Document>,
    clean: Vec<Document>,
    evasive: Vec<(&'static Evasion, Document)>,
}

impl Corpus {
    fn new(seed: u64) -> Self {
        let mut library = Library::new(seed, Some(Half::Test));
        let documents = library.documents(DOCUMENTS);
        let clean = library.clean_prompts(CLEAN_PROMPTS);
        let evasive = evasion::documents(&mut library, EVASIVE);
        Self { seed, documents, clean, evasive }
    }

    /// The clean prompts come last: of these a slow scanner may see fewer.
    fn texts(&self) -> impl Iterator<Item = &str> {
        let evasive = self.evasive.iter().map(|(_, document)| document);
        self.documents.iter().chain(evasive).chain(&self.clean).map(|document| document.text.as_str())
    }

    fn write(&self, folder: &Path) -> Result<(), Failure> {
        let mut lines = String::new();
        for text in self.texts() {
            lines.push_str(&serde_json::to_string(text)?);
            lines.push('\n');
        }
        std::fs::create_dir_all(folder)?;
        Ok(std::fs::write(folder.join("texts.jsonl"), lines)?)
    }
}

/// One scanner's answers to all texts, in their order, as far as it came.
struct Answers {
    name: String,
    spans: Vec<Vec<Span>>,
    megabytes_per_second: f64,
}

impl Answers {
    fn of(&self, at: usize) -> Vec<Span> {
        self.spans.get(at).cloned().unwrap_or_default()
    }
}

fn ours(inspector: &Inspector, corpus: &Corpus) -> Answers {
    let spans =
        corpus.texts().map(|text| inspector.scan(text).into_iter().map(Span::from).collect()).collect();
    Answers { name: "Schleuse".to_owned(), spans, megabytes_per_second: speed(inspector, corpus) }
}

/// What another scanner wrote; none when it was not run.
fn peer(folder: &Path, name: &str) -> Result<Option<Answers>, Failure> {
    let Ok(lines) = std::fs::read_to_string(folder.join(format!("{name}.jsonl"))) else { return Ok(None) };
    let mut answers = Answers { name: name.to_owned(), spans: Vec::new(), megabytes_per_second: 0.0 };
    for line in lines.lines() {
        let line: Value = serde_json::from_str(line)?;
        if let Some(spans) = line.get("spans").and_then(Value::as_array) {
            answers.spans.push(spans.iter().filter_map(peer_span).collect());
        } else if let (Some(bytes), Some(seconds)) =
            (line.get("bytes").and_then(Value::as_f64), line.get("seconds").and_then(Value::as_f64))
        {
            answers.megabytes_per_second = bytes / seconds.max(f64::MIN_POSITIVE) / 1e6;
        }
    }
    Ok(Some(answers))
}

fn peer_span(span: &Value) -> Option<Span> {
    let number =
        |at: usize| span.get(at).and_then(Value::as_u64).and_then(|number| usize::try_from(number).ok());
    let kind = match span.get(2).and_then(Value::as_str)? {
        "IBAN_CODE" => "IBAN",
        "EMAIL_ADDRESS" => "EMAIL",
        "PHONE_NUMBER" => "PHONE",
        "DE_TAX_ID" => "DE_STEUER_ID",
        "DE_TAX_NUMBER" => "DE_STEUERNUMMER",
        "DE_SOCIAL_SECURITY" => "DE_SVNR",
        "DE_HEALTH_INSURANCE" => "DE_KVNR",
        "DE_ID_CARD" => "DE_PERSONALAUSWEIS",
        "DE_PASSPORT" => "DE_REISEPASS",
        "DE_VAT_ID" => "VAT_ID",
        other => other,
    };
    // It has no actions: what we block by default would be blocked there as well.
    let blocks = matches!(kind, "IBAN" | "CREDIT_CARD")
        || GERMAN.contains(&kind) && !matches!(kind, "DE_KFZ" | "DE_LANR" | "DE_BSNR" | "DE_HANDELSREGISTER");
    Some(Span {
        start: number(0)?,
        end: number(1)?,
        kind: kind.to_owned(),
        score: span.get(3).and_then(Value::as_f64).unwrap_or(1.0) as f32,
        rule: String::new(),
        blocks,
        touches: blocks || SECRETS.contains(&kind),
    })
}

fn report(corpus: &Corpus, folder: &Path) -> Result<String, Failure> {
    let inspector = Inspector::new(Guardrails::default()).map_err(|error| error.to_string())?;
    let mut all = vec![ours(&inspector, corpus)];
    for name in PEERS {
        all.extend(peer(folder, name)?);
    }
    let bytes: usize = corpus.texts().map(str::len).sum();
    let mut page = String::new();
    writeln!(
        page,
        "{} documents of ten kinds, {} clean prompts, {} evasive texts, {:.1} MB; seed {}, templates that nobody tunes on.\n",
        corpus.documents.len(),
        corpus.clean.len(),
        corpus.evasive.len(),
        bytes as f64 / 1e6,
        corpus.seed
    )?;
    let evaluations: Vec<Evaluation> = all
        .iter()
        .map(|answers| Evaluation::run(scanned(&corpus.documents, answers, 0), |at, _| answers.of(at)))
        .collect();
    summary(&mut page, corpus, &all, &evaluations)?;
    types(&mut page, &all, &evaluations)?;
    evasions(&mut page, corpus, &all)?;
    cost(&mut page, &inspector, corpus)?;
    Ok(page)
}

/// The documents that a scanner came to, when the first has the number `first`.
fn scanned<'d>(documents: &'d [Document], answers: &Answers, first: usize) -> &'d [Document] {
    let came = answers.spans.len().saturating_sub(first).min(documents.len());
    documents.get(..came).unwrap_or_default()
}

fn summary(
    page: &mut String,
    corpus: &Corpus,
    all: &[Answers],
    evaluations: &[Evaluation],
) -> Result<(), Failure> {
    row(page, "| |", all.iter().map(|answers| answers.name.clone()))?;
    row(page, "|---|", all.iter().map(|_| "--:".to_owned()))?;
    let f1 = |tally: &Tally| format!("{:.3}", tally.f1());
    let each = |of: &dyn Fn(&Evaluation) -> String| -> Vec<String> { evaluations.iter().map(of).collect() };
    row(page, "| German numbers, F1 |", each(&|one| f1(&one.pool(GERMAN))).into_iter())?;
    row(page, "| IBAN, card, e-mail, F1 |", each(&|one| f1(&one.pool(UNIVERSAL))).into_iter())?;
    row(page, "| secrets, F1 |", each(&|one| f1(&one.secrets)).into_iter())?;
    row(page, "| secrets of the very type, F1 |", each(&|one| f1(&one.pool(SECRETS))).into_iter())?;
    row(
        page,
        "| expected calibration error |",
        each(&|one| format!("{:.3}", one.calibration_error())).into_iter(),
    )?;
    let disturbed: Vec<Disturbance> = all
        .iter()
        .map(|answers| {
            let first = corpus.documents.len() + corpus.evasive.len();
            Disturbance::run(scanned(&corpus.clean, answers, first), |at, _| answers.of(first + at))
        })
        .collect();
    let blocked = disturbed.iter().map(|one| format!("{:.1}", one.blocked_per_thousand()));
    row(page, "| clean prompts blocked, of 1,000 |", blocked)?;
    let touched = disturbed.iter().map(|one| format!("{:.1}", one.touched_per_thousand()));
    row(page, "| clean prompts changed or blocked, of 1,000 |", touched)?;
    for tier in Tier::ALL {
        let recalls = all.iter().map(|answers| {
            recall(corpus, answers, |evasion| evasion.tier == tier)
                .map_or("–".to_owned(), |recall| format!("{recall:.3}"))
        });
        row(page, &format!("| evasions, {}, recall |", tier.name()), recalls)?;
    }
    let speeds = all.iter().map(|answers| format!("{:.3}", answers.megabytes_per_second));
    row(page, "| MB/s of one core |", speeds)?;
    Ok(writeln!(page)?)
}

fn row(page: &mut String, head: &str, cells: impl Iterator<Item = String>) -> Result<(), Failure> {
    page.push_str(head);
    for cell in cells {
        if cell == "--:" { page.push_str("--:|") } else { write!(page, " {cell} |")? }
    }
    page.push('\n');
    Ok(())
}

/// None where the scanner came to no such text.
fn recall(corpus: &Corpus, answers: &Answers, chosen: impl Fn(&Evasion) -> bool) -> Option<f64> {
    let first = corpus.documents.len();
    let (numbers, documents): (Vec<usize>, Vec<Document>) = corpus
        .evasive
        .iter()
        .enumerate()
        .filter(|(at, (evasion, _))| chosen(evasion) && first + at < answers.spans.len())
        .map(|(at, (_, document))| (first + at, document.clone()))
        .unzip();
    let scan = |at: usize, _: &str| numbers.get(at).map(|number| answers.of(*number)).unwrap_or_default();
    (!documents.is_empty()).then(|| evasion::recall(&Evaluation::run(&documents, scan)))
}

fn types(page: &mut String, all: &[Answers], evaluations: &[Evaluation]) -> Result<(), Failure> {
    writeln!(page, "| Type | planted | P | R | F1 | R, to the byte | F1 of {} |", names(all))?;
    writeln!(page, "|---|--:|--:|--:|--:|--:|---|")?;
    let Some((first, others)) = evaluations.split_first() else { return Ok(()) };
    for (kind, tally) in &first.by_type {
        let theirs: Vec<String> = others
            .iter()
            .map(|other| {
                let tally = other.by_type.get(kind).filter(|tally| tally.right > 0);
                tally.map_or("–".to_owned(), |tally| format!("{:.3}", tally.f1()))
            })
            .collect();
        writeln!(
            page,
            "| {kind} | {} | {:.3} | {:.3} | {:.3} | {:.3} | {} |",
            tally.found + tally.missed,
            tally.precision(),
            tally.recall(),
            tally.f1(),
            tally.exact_recall(),
            theirs.join(", ")
        )?;
    }
    Ok(writeln!(page)?)
}

fn names(all: &[Answers]) -> String {
    let others: Vec<&str> = all.iter().skip(1).map(|answers| answers.name.as_str()).collect();
    others.join(", ")
}

fn evasions(page: &mut String, corpus: &Corpus, all: &[Answers]) -> Result<(), Failure> {
    row(page, "| Way of writing | Tier |", all.iter().map(|answers| answers.name.clone()))?;
    row(page, "|---|---|", all.iter().map(|_| "--:".to_owned()))?;
    for evasion in EVASIONS {
        let recalls = all.iter().map(|answers| {
            recall(corpus, answers, |other| other.name == evasion.name)
                .map_or("–".to_owned(), |recall| format!("{recall:.2}"))
        });
        row(page, &format!("| {} | {} |", evasion.name, evasion.tier.name()), recalls)?;
    }
    Ok(writeln!(page)?)
}

/// CPU time of this thread so far.
fn now() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map(Duration::from).unwrap_or_default()
}

fn megabytes(bytes: usize, spent: Duration) -> f64 {
    bytes as f64 / spent.as_secs_f64().max(f64::MIN_POSITIVE) / 1e6
}

fn speed(inspector: &Inspector, corpus: &Corpus) -> f64 {
    let texts: Vec<&str> = corpus.texts().collect();
    let bytes = texts.iter().map(|text| text.len()).sum();
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let begun = now();
        for text in &texts {
            std::hint::black_box(inspector.scan(text));
        }
        best = best.min(now().saturating_sub(begun));
    }
    megabytes(bytes, best)
}

fn cost(page: &mut String, inspector: &Inspector, corpus: &Corpus) -> Result<(), Failure> {
    let prompts = prompts(corpus);
    let mut times: Vec<Duration> = prompts
        .iter()
        .map(|prompt| {
            let mut best = Duration::MAX;
            for _ in 0..ROUNDS {
                let begun = now();
                std::hint::black_box(inspector.scan(prompt));
                best = best.min(now().saturating_sub(begun));
            }
            best
        })
        .collect();
    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 100).map_or(0.0, |time| time.as_secs_f64() * 1e6);
    writeln!(
        page,
        "One prompt of 2 KB: p50 {:.0} µs, p99 {:.0} µs ({} prompts, best of {ROUNDS} each).",
        at(50),
        at(99),
        times.len()
    )?;
    let mut held = held_back(inspector, &prompts);
    held.sort_unstable();
    let at = |share: usize| held.get(held.len() * share / 1000).copied().unwrap_or_default();
    let mean = held.iter().sum::<usize>() as f64 / held.len().max(1) as f64;
    writeln!(
        page,
        "Held back of a stream in pieces of {PIECE} characters, bytes: mean {mean:.1}, p50 {}, p90 {}, p99 {}, p99.9 {}.",
        at(500),
        at(900),
        at(990),
        at(999)
    )?;
    Ok(())
}

/// The documents one behind the other, cut into prompts of the same length.
fn prompts(corpus: &Corpus) -> Vec<String> {
    let mut prompts = vec![String::new()];
    for document in &corpus.documents {
        for line in document.text.split_inclusive('\n') {
            if prompts.last().is_none_or(|prompt| prompt.len() >= PROMPT_BYTES) {
                prompts.push(String::new());
            }
            if let Some(prompt) = prompts.last_mut() {
                prompt.push_str(line);
            }
        }
        if let Some(prompt) = prompts.last_mut() {
            prompt.push('\n');
        }
    }
    for prompt in &mut prompts {
        let end = (0..=PROMPT_BYTES.min(prompt.len())).rev().find(|end| prompt.is_char_boundary(*end));
        prompt.truncate(end.unwrap_or_default());
    }
    prompts.retain(|prompt| prompt.len() + 4 >= PROMPT_BYTES);
    prompts
}

/// Bytes held back after each piece, until a prompt is blocked.
fn held_back(inspector: &Inspector, prompts: &[String]) -> Vec<usize> {
    let mut held = Vec::new();
    for prompt in prompts {
        let mut window = inspector.window();
        let characters: Vec<char> = prompt.chars().collect();
        for piece in characters.chunks(PIECE) {
            let piece: String = piece.iter().collect();
            if window.push(&piece).blocked {
                break;
            }
            held.push(window.held());
        }
    }
    held
}
