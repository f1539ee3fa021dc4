//! The embedded engine beside llama.cpp's own HTTP server on the same model file: same threads, same context, same
//! questions at the same temperature, both streamed, both without anything in front.
//!
//! The peer is measured and never a part: nothing is linked with it, and no other task fetches it.

use crate::part::Part;
use crate::place::{self, Place};
use crate::{Trouble, model, step};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const ROUNDS: usize = 3;
/// No further round begins that would probably end after this.
const TIME_MAX: Duration = Duration::from_secs(150);
/// The smallest ratio of ours to theirs.
const RATIO_MIN: f64 = 1.0;
/// LLM tokens of context that all streams share.
const CONTEXT_TOKENS: u64 = 16_384;
const STREAMS_MAX: u64 = 32;

/// A prebuilt wheel with the server that the program `llama-server` is made of. It holds the ggml release that our engine
/// holds (0.26.0), built like ours for AVX2, FMA, F16C and BMI2 with OpenMP and repacking. The package that brings the
/// program itself is source alone, ten minutes of C++ before the first figure.
const PEER: &str = "xllamacpp-2026.10.11549";
const PEER_REQUIREMENT: &str = "xllamacpp==2026.10.11549 --hash=sha256:c54e7d13520ecc989c63dc99d55de3065e2f343a91f43f053d16b5e62077c261\n";
/// How long the peer's threads wait for each other in a busy loop before they sleep: as OpenMP has it for a quiet machine,
/// and as our engine has it. Beside other work the first makes answers up to thirty times slower, so the peer is started
/// twice and in every round the better one counts.
const PEER_SPINS: [&str; 2] = ["300000", "1000"];
/// Flags of `llama-server` as this package spells them. What costs time and helps nobody here is off: the cache of idle
/// prompts, the pages, the log.
const PEER_SCRIPT: &str = "\
import os, signal, sys
folder, model, threads, context, streams, spins = sys.argv[1:]
os.environ['GOMP_SPINCOUNT'] = spins
sys.path.insert(0, folder)
import xllamacpp
params = xllamacpp.CommonParams()
params.model.path = model
params.hostnames, params.port = ['127.0.0.1'], 0
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = int(threads)
params.n_ctx, params.n_parallel, params.kv_unified = int(context), int(streams), True
params.cache_ram_mib, params.ui, params.verbosity = 0, False, 0
server = xllamacpp.Server(params)
print('listening on', server.listening_address.removeprefix('http://'), flush=True)
signal.pause()
";

/// One kind of load on an engine.
struct Shape {
    name: &'static str,
    streams: u64,
    /// About as many LLM tokens per prompt.
    words: u64,
    /// LLM tokens per answer.
    tokens: u64,
}

/// Answers to short prompts, and prompts with answers of one token. Sizes keep a whole run below three minutes on two cores.
const SHAPES: &[Shape] = &[
    Shape { name: "generation", streams: 1, words: 8, tokens: 64 },
    Shape { name: "generation", streams: 8, words: 8, tokens: 32 },
    Shape { name: "generation", streams: STREAMS_MAX, words: 8, tokens: 32 },
    Shape { name: "prompts", streams: 1, words: 512, tokens: 1 },
    Shape { name: "prompts", streams: 8, words: 64, tokens: 1 },
    Shape { name: "prompts", streams: STREAMS_MAX, words: 32, tokens: 1 },
];
const WARM_UP: Shape = Shape { name: "warm-up", streams: 8, words: 32, tokens: 16 };

/// Prints the rows and tells whether the ratio was reached wherever there was a peer to compare with.
///
/// # Errors
/// When our own engine cannot be started or measured. A missing model or peer is told and is no failure.
#[expect(clippy::disallowed_methods, reason = "measuring is about the real clock")]
pub(super) fn compare(place: &Place, schleuse: &Path, load: &Path, folder: &Path) -> Result<bool, Trouble> {
    let weights = match model::fetch(place) {
        Ok(weights) => weights,
        Err(trouble) => {
            println!("\nthe engine is not measured, for there is no model: {trouble}");
            return Ok(true);
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let peers = start_peers(place, &weights, threads);
    let _house = open(schleuse, folder, &weights, threads)?;
    let socket = folder.join("data/run/engine.sock");
    let ours = socket.to_str().ok_or_else(|| Trouble::new("the path of the engine's socket is not UTF-8"))?;
    println!("\n{threads} threads each, {CONTEXT_TOKENS} tokens of context, SmolLM2-135M-Instruct Q4_1");
    match &peers {
        Ok(_) => {
            println!(
                "llama-server: the server of llama.cpp out of the wheel {PEER}; the better of a busy and a sleepy one"
            );
        }
        Err(trouble) => println!("no llama-server to compare with: {trouble}"),
    }
    let theirs: Vec<&str> = peers.iter().flatten().map(|peer| peer.address.as_str()).collect();

    let begun = Instant::now();
    for address in theirs.iter().copied().chain([ours]) {
        measure(load, address, &WARM_UP, 0)?;
    }
    let mut all: Vec<Vec<Pair>> = SHAPES.iter().map(|_| Vec::new()).collect();
    let mut rounds: u32 = 0;
    let mut seed: u64 = 0;
    // The next round takes about as long as those before it.
    while rounds == 0 || ((rounds as usize) < ROUNDS && begun.elapsed() / rounds * (rounds + 1) <= TIME_MAX) {
        for (shape, pairs) in SHAPES.iter().zip(&mut all) {
            seed += 1;
            let ours = measure(load, ours, shape, seed)?;
            let mut best = None;
            for address in &theirs {
                let theirs = measure(load, address, shape, seed)?;
                best = Some(best.map_or(theirs, |best: f64| best.max(theirs)));
            }
            pairs.push(Pair { ours, theirs: best });
        }
        rounds += 1;
    }
    println!("rounds: {rounds}, one after the other in turn; the middle counts\n");
    println!(
        "{:<10} {:>7} {:>11} {:>18} {:>7} {:>7}",
        "engine", "streams", "ours tok/s", "llama-server tok/s", "ratio", "target"
    );
    let mut reached = true;
    for (shape, pairs) in SHAPES.iter().zip(&all) {
        reached &= row(shape, pairs);
    }
    Ok(reached)
}

/// LLM tokens per second in one round.
struct Pair {
    ours: f64,
    theirs: Option<f64>,
}

fn row(shape: &Shape, pairs: &[Pair]) -> bool {
    let ours = middle(pairs.iter().map(|pair| pair.ours)).unwrap_or(f64::NAN);
    let theirs = middle(pairs.iter().filter_map(|pair| pair.theirs));
    let ratio = middle(pairs.iter().filter_map(|pair| Some(pair.ours / pair.theirs?)));
    let text = |number: Option<f64>, digits: usize| {
        number.map_or_else(|| "–".to_owned(), |number| format!("{number:.digits$}"))
    };
    println!(
        "{:<10} {:>7} {:>11.1} {:>18} {:>7} {:>7}",
        shape.name,
        shape.streams,
        ours,
        text(theirs, 1),
        text(ratio, 2),
        format!("≥ {RATIO_MIN:.1}")
    );
    ratio.is_none_or(|ratio| ratio >= RATIO_MIN)
}

fn middle(figures: impl Iterator<Item = f64>) -> Option<f64> {
    let mut sorted: Vec<f64> = figures.collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

/// Starts a demo house whose engine is asked on its own socket, not through the gate.
fn open(schleuse: &Path, folder: &Path, weights: &Path, threads: usize) -> Result<Part, Trouble> {
    drop(std::fs::remove_dir_all(folder));
    // A string of JSON is one of TOML too, whatever the path holds.
    let settings = format!(
        "[engine]\nweights = {}\nthreads = {threads}\ncontext_tokens = {CONTEXT_TOKENS}\nparallel = {STREAMS_MAX}\n",
        json!(weights.display().to_string())
    );
    let file = folder.join("bench.toml");
    place::write(&file, &settings)?;
    Part::house(schleuse, folder, &file)
}

fn start_peers(place: &Place, weights: &Path, threads: usize) -> Result<Vec<Part>, Trouble> {
    let folder = fetch_peer(place)?.display().to_string();
    let weights = weights.display().to_string();
    let (threads, context, streams) =
        (threads.to_string(), CONTEXT_TOKENS.to_string(), STREAMS_MAX.to_string());
    let start = |spins: &&str| {
        let arguments = ["-c", PEER_SCRIPT, &folder, &weights, &threads, &context, &streams, spins];
        Part::tool(Path::new("python3"), &arguments)
    };
    PEER_SPINS.iter().map(start).collect()
}

fn fetch_peer(place: &Place) -> Result<PathBuf, Trouble> {
    let folder = place.tools.join(PEER);
    if folder.is_dir() {
        return Ok(folder);
    }
    // Beside its final place, so that what is there is whole.
    let work = place.tools.join(format!(".{PEER}-{}", std::process::id()));
    let outcome = install_peer(place, &work).and_then(|()| {
        std::fs::rename(&work, &folder)
            .map_err(|error| Trouble::new(format!("`{}` cannot be made: {error}", folder.display())))
    });
    drop(std::fs::remove_dir_all(&work));
    outcome.map(|()| folder)
}

fn install_peer(place: &Place, work: &Path) -> Result<(), Trouble> {
    let requirement = work.join("requirement.txt");
    place::write(&requirement, PEER_REQUIREMENT)?;
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--no-deps", "--only-binary=:all:", "--require-hashes"]);
    pip.args(["--disable-pip-version-check", "--no-cache-dir", "--no-compile", "--progress-bar=off"]);
    pip.args(["--retries=2", "--timeout=30", "--target"]).arg(work).arg("--requirement").arg(&requirement);
    step::quiet("fetch llama.cpp's server to compare with (34 MB, MIT)", &place.log("peer"), &mut pip)
}

/// LLM tokens per second of all streams together: those written of an answer, those read of a prompt.
fn measure(load: &Path, address: &str, shape: &Shape, seed: u64) -> Result<f64, Trouble> {
    let mut command = Command::new(load);
    command.args(["--to", address, "--streams", &shape.streams.to_string(), "--seed", &seed.to_string()]);
    command.args(["--words", &shape.words.to_string(), "--tokens", &shape.tokens.to_string()]);
    let output =
        command.output().map_err(|error| Trouble::new(format!("the load could not be started: {error}")))?;
    if !output.status.success() {
        let said = String::from_utf8(output.stderr).unwrap_or_default();
        return Err(Trouble::new(format!("the load on the engine at {address} failed: {}", said.trim())));
    }
    read(&String::from_utf8(output.stdout).unwrap_or_default(), shape)
}

/// Reads the line of JSON that the load prints.
fn read(told: &str, shape: &Shape) -> Result<f64, Trouble> {
    let report: Value = serde_json::from_str(told)
        .map_err(|_| Trouble::new("the load printed something that is not JSON"))?;
    let number = |name: &str| {
        let value = report.get(name).and_then(Value::as_f64);
        value.ok_or_else(|| Trouble::new(format!("the load did not tell `{name}`")))
    };
    let (read, written, seconds) = (number("read")?, number("written")?, number("seconds")?);
    let wanted = shape.streams * shape.tokens;
    if written as u64 != wanted || seconds <= 0.0 {
        return Err(Trouble::new(format!("the engine wrote {written} tokens where {wanted} were asked for")));
    }
    Ok(if shape.tokens == 1 { read } else { written } / seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(told: &str, tokens: u64, expected: Option<f64>) {
        let shape = Shape { name: "x", streams: 2, words: 8, tokens };
        assert_eq!(read(told, &shape).ok(), expected, "{told}");
    }

    #[test]
    fn a_report_becomes_tokens_per_second() {
        check(r#"{"read":30,"written":128,"seconds":2.0}"#, 64, Some(64.0));
        check(r#"{"read":1024,"written":2,"seconds":2.0}"#, 1, Some(512.0));
    }

    #[test]
    fn an_answer_of_another_length_is_no_measurement() {
        check(r#"{"read":30,"written":127,"seconds":2.0}"#, 64, None);
        check(r#"{"read":30,"written":128,"seconds":0}"#, 64, None);
        check(r#"{"read":30,"written":128}"#, 64, None);
        check("", 64, None);
    }

    #[test]
    fn a_ratio_below_the_target_is_told() {
        let pairs = |all: &[(f64, Option<f64>)]| -> Vec<Pair> {
            all.iter().map(|(ours, theirs)| Pair { ours: *ours, theirs: *theirs }).collect()
        };
        assert!(row(&WARM_UP, &pairs(&[(10.0, None)])));
        assert!(row(&WARM_UP, &pairs(&[(1.0, Some(9.0)), (3.0, Some(2.0)), (4.0, Some(4.0))])));
        assert!(!row(&WARM_UP, &pairs(&[(1.0, Some(9.0)), (3.0, Some(2.0)), (3.9, Some(4.0))])));
    }

    #[test]
    fn there_is_room_for_every_stream() {
        for shape in SHAPES {
            assert!(
                shape.streams <= STREAMS_MAX
                    && shape.streams * (shape.words + shape.tokens) < CONTEXT_TOKENS / 2
            );
        }
    }
}
