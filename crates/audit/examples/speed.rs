//! How fast the log is, for `./x prove audit`: durable entries by 64 writers, verifying a million, recovering from a kill.
//!
//!     cargo run --release -p schleuse-audit --example speed -- FOLDER [ENTRIES]
//!
//! Needs about 700 MB in the folder for a million entries.

use std::error::Error;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use schleuse_audit::{AuditError, Event, Log, Options, Record, verify};
use schleuse_types::{Clock, OsRandom, Outcome, Secret, SystemClock};
use tokio::task::JoinSet;

const WRITERS: u64 = 64;
const SECONDS: u64 = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let folder = PathBuf::from(words.next().ok_or("name a folder")?);
    let wanted: u64 = words.next().map_or(Ok(1_000_000), |entries| entries.parse())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(measure(folder, wanted))
}

async fn measure(folder: PathBuf, wanted: u64) -> Result<(), Box<dyn Error>> {
    let clock = Arc::new(SystemClock::new());
    let options = || {
        let origin = "schleuse.example/speed".to_owned();
        let seed = Secret::new([7; 32]);
        Options::new(folder.join("audit"), origin, seed, Arc::new(SystemClock::new()), Arc::new(OsRandom))
    };
    let (log, _) = Log::open(options())?;

    let mut writers = JoinSet::new();
    let began = clock.monotonic();
    for writer in 0..WRITERS {
        let (log, clock) = (log.clone(), Arc::clone(&clock));
        writers.spawn(async move {
            let mut took = Vec::new();
            while clock.monotonic().saturating_sub(began) < Duration::from_secs(SECONDS) {
                let before = clock.monotonic();
                log.append(record(writer)).await?;
                took.push(clock.monotonic().saturating_sub(before));
            }
            Ok::<_, AuditError>(took)
        });
    }
    let mut took = Vec::new();
    for each in writers.join_all().await {
        took.extend(each?);
    }
    let seconds = clock.monotonic().saturating_sub(began).as_secs_f64();
    took.sort_unstable();
    let at = |percent: usize| took.get(took.len() * percent / 100).copied().unwrap_or_default();
    println!(
        "proof: {WRITERS} writers: {:.0} durable entries/s, p50 {:.1} ms, p99 {:.1} ms, {} syncs",
        took.len() as f64 / seconds,
        at(50).as_secs_f64() * 1e3,
        at(99).as_secs_f64() * 1e3,
        log.metrics().commits
    );

    fill(&log, wanted).await?;
    log.close().await?;
    drop(log);
    let began = clock.monotonic();
    let verified = verify(&folder.join("audit"))?;
    let seconds = clock.monotonic().saturating_sub(began).as_secs_f64();
    println!("proof: verify: {} entries in {seconds:.2} s", verified.entries());

    // Dropped without a close, as a killed process leaves it: what is not in tiles yet is read from the segments.
    let (log, _) = Log::open(options())?;
    fill(&log, wanted + 20_000).await?;
    drop(log);
    wait_until_left(&folder.join("audit"))?;
    let began = clock.monotonic();
    let (log, recovery) = Log::open(options())?;
    let ms = clock.monotonic().saturating_sub(began).as_millis();
    println!(
        "proof: recovery: {ms} ms for {} entries, {} of them from segments",
        recovery.entries, recovery.replayed
    );
    log.close().await?;
    Ok(())
}

/// The threads of a dropped log finish what they are just writing before they let go of the folder; a killed process does not.
fn wait_until_left(dir: &Path) -> std::io::Result<()> {
    loop {
        match File::open(dir)?.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(5)),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

/// Appends until the log holds so many.
async fn fill(log: &Log, wanted: u64) -> Result<(), AuditError> {
    let mut writers = JoinSet::new();
    for writer in 0..512 {
        let log = log.clone();
        writers.spawn(async move {
            while log.metrics().size < wanted {
                match log.append(record(writer)).await {
                    // Tiles are made beside; whoever writes faster than they are is told so.
                    Err(AuditError::TilesBehind) => tokio::time::sleep(Duration::from_millis(20)).await,
                    appended => drop(appended?),
                }
            }
            Ok::<_, AuditError>(())
        });
    }
    writers.join_all().await.into_iter().collect()
}

/// As long as an ordinary completion.
fn record(writer: u64) -> Record {
    Record {
        request_id: "01JD8ZKX5M3N7Q9R1T2V4W6Y8A".to_owned(),
        user: format!("p:{writer:032x}"),
        prompt_hash: format!("hmac-sha256:{writer:064x}"),
        sensitivity_score: 0.3,
        action: Some(Outcome::Allowed),
        model: "llama-3.3-70b".to_owned(),
        route: Some("local".to_owned()),
        surface: Some("/v1/chat/completions".to_owned()),
        status: Some(200),
        policy: Some(format!("{writer:064x}")),
        pack: Some(format!("{writer:064x}")),
        tokens_in: Some(812),
        tokens_out: Some(344),
        ms: Some(2210),
        ..Record::new(Event::LlmComplete)
    }
}
