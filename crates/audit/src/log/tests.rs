use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use schleuse_types::{OsRandom, Outcome, Random, Secret, SystemClock, Timestamp};

use super::{Log, Options, crash};
use crate::disk::Disk;
use crate::disk::simulated::{Dice, Fault, SimulatedDisk};
use crate::mutant::{self, Mutant};
use crate::verify::{Trust, verify_once};
use crate::{AuditError, Event, Format, Record, export, verify};

pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("schleuse-audit-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn options(folder: &Folder) -> Options {
    let mut options = Options::new(
        folder.0.join("audit"),
        "schleuse.example/audit".to_owned(),
        Secret::new([7; 32]),
        Arc::new(SystemClock::new()),
        Arc::new(OsRandom),
    );
    options.segment_bytes = 64 * 1024;
    options
}

fn record(number: u64) -> Record {
    Record {
        request_id: format!("REQ{number}"),
        user: "p:0011".to_owned(),
        action: Some(Outcome::Allowed),
        model: "m".to_owned(),
        sensitivity_score: 0.3,
        prompt_hash: "hmac-sha256:00".to_owned(),
        ..Record::new(Event::LlmAdmit)
    }
}

/// Appends `count` entries from many tasks at once; their indices in order of submission.
async fn append_many(log: &Log, from: u64, count: u64) -> Vec<Result<u64, AuditError>> {
    let mut tasks = tokio::task::JoinSet::new();
    for number in from..from + count {
        let log = log.clone();
        tasks.spawn(async move { (number, log.append(record(number)).await) });
    }
    let mut results: Vec<_> = tasks.join_all().await;
    results.sort_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}

fn lines(folder: &Folder) -> Vec<serde_json::Value> {
    let mut out = Vec::new();
    let count = export(&folder.0.join("audit"), Format::Jsonl, &mut out).unwrap();
    let lines: Vec<_> = out
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    assert_eq!(lines.len() as u64, count);
    lines
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_appended_is_exported_and_verified_while_open_and_after_a_clean_close() {
    let folder = Folder::new();
    let dir = folder.0.join("audit");
    let (log, recovery) = Log::open(options(&folder)).unwrap();
    assert_eq!(recovery, super::Recovery::default());
    for round in 0..3 {
        let mut indices: Vec<u64> =
            append_many(&log, round * 700, 700).await.into_iter().map(Result::unwrap).collect();
        indices.sort_unstable();
        assert_eq!(indices, (round * 700..(round + 1) * 700).collect::<Vec<_>>());
        let verified = verify(&dir).unwrap();
        assert!(verified.is_live);
        assert_eq!(verified.entries(), (round + 1) * 700);
        assert_eq!(lines(&folder).len() as u64, (round + 1) * 700);
    }
    log.close().await.unwrap();
    log.close().await.unwrap();
    assert!(matches!(log.append(record(0)).await, Err(AuditError::Closed)));
    let verified = verify_when_left(&dir);
    assert_eq!(
        (verified.sealed, verified.unsealed, verified.torn_bytes, verified.is_live),
        (2100, 0, 0, false)
    );
    assert_eq!(std::fs::read_dir(dir.join("wal")).unwrap().count(), 0);
    let exported = lines(&folder);
    for (index, line) in exported.iter().enumerate() {
        assert_eq!(line["index"], index as u64);
        for name in ["timestamp", "user", "prompt_hash", "sensitivity_score", "action", "model", "request_id"]
        {
            assert!(line.get(name).is_some(), "{name}");
        }
    }
    let (log, recovery) = Log::open(options(&folder)).unwrap();
    assert_eq!((recovery.entries, recovery.replayed, recovery.was_cut), (2100, 0, false));
    assert_eq!(log.append(record(1)).await.unwrap(), 2100);
    drop(log);
    let (_log, recovery) = Log::open(options(&folder)).unwrap();
    assert_eq!((recovery.entries, recovery.was_cut), (2101, true));
}

/// Verifies once nobody holds the folder. A process that another test is just starting has a copy of the lock until it
/// has become another program.
fn verify_when_left(dir: &std::path::Path) -> crate::Verified {
    for _ in 0..500 {
        let verified = verify(dir).unwrap();
        if !verified.is_live {
            return verified;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("the log is still held five seconds after it was closed");
}

/// A clock that stands where it is put.
struct SetClock(AtomicU64);

impl schleuse_types::Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }
    fn monotonic(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::Relaxed))
    }
}

struct NoRandom;

impl Random for NoRandom {
    fn fill(&self, _: &mut [u8]) -> std::io::Result<()> {
        Err(std::io::Error::other("empty"))
    }
}

/// A log on a simulated disk.
fn simulated(queue: usize) -> (Log, SimulatedDisk, Arc<SetClock>) {
    let disk = SimulatedDisk::default();
    disk.create_dir(Path::new(crash::DIR)).unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
    let clock = Arc::new(SetClock(AtomicU64::new(1_795_207_724_000_000)));
    let mut options = Options::new(
        PathBuf::from(crash::DIR),
        "schleuse.example/audit".to_owned(),
        Secret::new([7; 32]),
        clock.clone(),
        Arc::new(OsRandom),
    );
    options.segment_bytes = crate::wal::SEGMENT_BYTES_MIN;
    options.queue = queue;
    let (log, _) = Log::open_on(Arc::new(disk.clone()), options, None).unwrap();
    (log, disk, clock)
}

/// Appends one after the other until one is refused.
async fn append_until_refused(log: &Log) -> (u64, AuditError) {
    for number in 0..100_000 {
        if let Err(error) = log.append(record(number)).await {
            return (number, error);
        }
    }
    panic!("never refused");
}

async fn until_ready(log: &Log) {
    for _ in 0..1000 {
        if log.is_ready() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never ready: {:?}", log.readiness());
}

/// The members `event`, `source` and `count` of the outages in a closed log.
fn outages(disk: &SimulatedDisk, size: u64) -> Vec<(String, u64)> {
    crash::entries_in_tiles(disk, size)
        .iter()
        .map(|entry| serde_json::from_slice::<serde_json::Value>(entry).unwrap())
        .filter(|entry| entry["event"] == "log.outage")
        .map(|entry| (entry["source"].as_str().unwrap().to_owned(), entry["count"].as_u64().unwrap()))
        .collect()
}

#[tokio::test]
async fn a_full_queue_refuses_and_the_outage_is_recorded() {
    let (log, disk, _) = simulated(8);
    let stalled = disk.stall();
    let mut answers = vec![log.submit(&record(0)).unwrap()];
    // Whoever commits takes that one and waits for the disk; after that nothing leaves the queue.
    while log.metrics().queue_depth > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let error = loop {
        match log.submit(&record(0)) {
            Ok(answer) => answers.push(answer),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, AuditError::QueueFull), "{error}");
    assert!(matches!(log.append(record(0)).await, Err(AuditError::QueueFull)));
    assert!(matches!(log.append(record(0)).await, Err(AuditError::QueueFull)));
    assert_eq!(log.readiness().unwrap_err(), "the audit queue is full");
    drop(stalled);
    let accepted = answers.len() as u64;
    for answer in answers {
        answer.await.unwrap().unwrap();
    }
    until_ready(&log).await;
    log.append(record(0)).await.unwrap();
    log.close().await.unwrap();
    let size = log.metrics().size;
    assert_eq!(size, accepted + 2);
    assert_eq!(outages(&disk, size), [("queue full".to_owned(), 2)]);
    assert_eq!(log.metrics().refused, 2);
}

#[tokio::test]
async fn without_space_entries_are_refused_until_there_is_space_again() {
    let (log, disk, _) = simulated(64);
    log.append(record(0)).await.unwrap();
    disk.set_fault(Some(Fault::NoSpace));
    let (_, error) = append_until_refused(&log).await;
    assert!(matches!(error, AuditError::NoSpace), "{error}");
    assert!(!log.is_ready());
    disk.set_fault(None);
    until_ready(&log).await;
    log.append(record(0)).await.unwrap();
    log.close().await.unwrap();
    let outages = outages(&disk, log.metrics().size);
    assert_eq!(outages.iter().map(|(why, _)| why.as_str()).collect::<Vec<_>>(), ["no space"]);
    verify_once(&disk, Path::new(crash::DIR), false, &Trust::default()).unwrap();
}

const FULL_DISK: &str = "SCHLEUSE_AUDIT_FULL_DISK";

/// The same on a real file system that is full: a tmpfs of 600 KiB, in a mount namespace of the test's own.
#[test]
fn a_full_file_system_refuses_entries_until_there_is_space_again() {
    if let Some(folder) = std::env::var_os(FULL_DISK) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        return runtime
            .unwrap()
            .block_on(fill_disk(std::mem::ManuallyDrop::new(Folder(PathBuf::from(folder)))));
    }
    let folder = Folder::new();
    let mut unshare = Command::new("unshare");
    unshare.args(["--user", "--map-root-user", "--mount", "sh", "-ec"]);
    unshare.arg("mount -t tmpfs -o size=600k none \"$1\"; shift; exec \"$@\"").arg("sh").arg(&folder.0);
    unshare.arg(std::env::current_exe().unwrap()).args(["--exact", "--nocapture"]);
    unshare.arg("log::tests::a_full_file_system_refuses_entries_until_there_is_space_again");
    let output = unshare.env(FULL_DISK, &folder.0).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && said.contains("refused by a full disk"), "{said}");
}

async fn fill_disk(folder: std::mem::ManuallyDrop<Folder>) {
    let (log, _) = Log::open(options(&folder)).unwrap();
    log.append(record(0)).await.unwrap();
    let ballast = folder.0.join("ballast");
    let full = std::fs::write(&ballast, vec![1; 600 * 1024]).unwrap_err();
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    let (accepted, error) = append_until_refused(&log).await;
    assert!(matches!(error, AuditError::NoSpace), "{error}");
    assert!(!log.is_ready());
    std::fs::remove_file(&ballast).unwrap();
    until_ready(&log).await;
    let index = log.append(record(1)).await.unwrap();
    assert!(index > accepted);
    log.close().await.unwrap();
    let lines = lines(&folder);
    assert!(lines.len() as u64 > accepted + 2);
    assert!(lines.iter().any(|line| line["event"] == "log.outage" && line["source"] == "no space"));
    println!("{accepted} entries, then refused by a full disk");
}

/// A fault after which nothing may ever be written again, and nothing acknowledged before may be lost.
async fn check_poison(break_it: impl FnOnce(&SimulatedDisk), expected: &str) {
    let (log, disk, _) = simulated(64);
    let mut acknowledged = 0;
    for number in 0..5 {
        acknowledged = log.append(record(number)).await.unwrap() + 1;
    }
    break_it(&disk);
    let (more, error) = append_until_refused(&log).await;
    assert!(matches!(&error, AuditError::Poisoned(problem) if problem.contains(expected)), "{error}");
    assert!(!log.is_ready());
    disk.set_fault(None);
    assert!(matches!(log.append(record(9)).await, Err(AuditError::Poisoned(_))));
    // What is durable can still be read, whether or not it got into tiles, and stays so: the thread that makes tiles
    // has its turn at least twice meanwhile.
    for _ in 0..25 {
        assert_eq!(log.size(), acknowledged + more);
        tokio::time::sleep(super::TILES_DUE / 10).await;
    }
    assert!(log.close().await.is_err());
    assert_eq!(log.unsealed(0, u64::MAX).last().map(|entry| entry.index), Some(acknowledged + more - 1));
    let after = disk.crash(&mut Dice::new(1));
    let opened = super::recover(
        Arc::new(after.clone()),
        Path::new(crash::DIR),
        crate::wal::SEGMENT_BYTES_MIN,
        crash::signer(),
    );
    assert!(opened.unwrap().2.entries >= acknowledged + more);
}

#[tokio::test]
async fn after_a_failed_sync_nothing_is_written_again() {
    check_poison(|disk| disk.set_fault(Some(Fault::SyncFails)), "input/output error").await;
}

#[tokio::test]
async fn after_a_failed_write_nothing_is_written_again() {
    check_poison(|disk| disk.set_fault(Some(Fault::WriteFails)), "input/output error").await;
}

#[tokio::test]
async fn an_unlinked_segment_is_noticed_at_the_next_entry() {
    let (log, disk, _) = simulated(64);
    log.append(record(0)).await.unwrap();
    disk.unlink(&Path::new(crash::DIR).join("wal/000001.seg"));
    let error = log.append(record(1)).await.unwrap_err();
    assert_eq!(error.to_string(), "the audit log stopped writing: the active segment was unlinked");
    assert!(!log.is_ready());
}

#[tokio::test]
async fn a_clock_that_steps_back_stops_the_log_until_it_is_right_again() {
    let (log, disk, clock) = simulated(64);
    log.append(record(0)).await.unwrap();
    clock.0.fetch_sub(9_000_000, Ordering::Relaxed);
    log.append(record(1)).await.unwrap();
    clock.0.fetch_sub(2_000_000, Ordering::Relaxed);
    assert!(matches!(log.append(record(2)).await, Err(AuditError::ClockStep)));
    assert!(!log.is_ready());
    clock.0.fetch_add(11_000_000, Ordering::Relaxed);
    log.append(record(3)).await.unwrap();
    log.close().await.unwrap();
    assert_eq!(outages(&disk, log.metrics().size), [("clock step".to_owned(), 1)]);
}

#[tokio::test]
async fn without_randomness_there_is_no_entry() {
    let folder = Folder::new();
    let mut options = options(&folder);
    options.random = Arc::new(NoRandom);
    let (log, _) = Log::open(options).unwrap();
    assert!(matches!(log.append(record(0)).await, Err(AuditError::NoRandomness)));
    log.close().await.unwrap();
}

#[tokio::test]
async fn two_houses_cannot_write_one_log_and_another_key_cannot_continue_it() {
    let folder = Folder::new();
    let (log, _) = Log::open(options(&folder)).unwrap();
    assert!(matches!(Log::open(options(&folder)), Err(AuditError::Locked)));
    log.append(record(0)).await.unwrap();
    log.close().await.unwrap();
    let mut other = options(&folder);
    other.signing_seed = Secret::new([8; 32]);
    assert!(matches!(Log::open(other), Err(AuditError::Key)));
    let mut other = options(&folder);
    other.origin = "another.example/audit".to_owned();
    assert!(matches!(Log::open(other), Err(AuditError::Key)));
    for origin in ["", "with space", "a+b"] {
        let mut other = options(&folder);
        other.origin = origin.to_owned();
        assert!(matches!(Log::open(other), Err(AuditError::Options(_))), "{origin}");
    }
    // The folder is unlocked after a close, although the closed log is still held.
    Log::open(options(&folder)).unwrap();
}

const CHILD: &str = "SCHLEUSE_AUDIT_KILLED_CHILD";
const CHILD_MUTANT: &str = "SCHLEUSE_AUDIT_KILLED_MUTANT";
/// Deaths of one log before the next one begins, so that checking it does not take longer and longer.
const DEATHS: u64 = 30;

/// In the child: appends from 16 tasks and says what was acknowledged, until it is killed.
fn append_until_killed() {
    let Some(folder) = std::env::var_os(CHILD) else { return };
    if std::env::var_os(CHILD_MUTANT).is_some() {
        mutant::set_for_good(Mutant::AckBeforeWrite);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let folder = std::mem::ManuallyDrop::new(Folder(PathBuf::from(folder)));
    let (log, _) = Log::open(options(&folder)).unwrap();
    runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..16_u64 {
            let log = log.clone();
            tasks.spawn(async move {
                for round in 0.. {
                    let number = round * 16 + task;
                    let index = log.append(record(number)).await.unwrap();
                    println!("ACK {index} REQ{number}");
                }
            });
        }
        tasks.join_all().await;
    });
}

/// One log that is written, killed and written again: what was acknowledged, and whether all of it is there after each death.
fn live_and_be_killed(test: &str, deaths: u64, dice: &mut Dice, is_mutant: bool) -> Result<u64, String> {
    let folder = Folder::new();
    let dir = folder.0.join("audit");
    let mut acknowledged = BTreeMap::new();
    for _ in 0..deaths {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", test, "--nocapture"]).env(CHILD, &folder.0);
        if is_mutant {
            child.env(CHILD_MUTANT, "1");
        }
        let mut child = child.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut left = 1 + dice.below(900);
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            // The last line may be cut in the middle.
            let line = line.unwrap();
            let mut words = line.split(' ').skip_while(|word| *word != "ACK").skip(1);
            if let (Some(index), Some(request)) = (words.next(), words.next()) {
                acknowledged.insert(index.parse::<u64>().unwrap(), request.to_owned());
            }
            left = left.saturating_sub(1);
            if left == 0 {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        let verified = verify(&dir).map_err(|error| error.to_string())?;
        let last = *acknowledged.last_key_value().unwrap().0;
        if verified.entries() <= last {
            return Err(format!("entry {last} was acknowledged, and there are {}", verified.entries()));
        }
        let lines = lines(&folder);
        for (index, request) in &acknowledged {
            let written = lines[*index as usize]["request_id"].as_str().unwrap();
            if !written.starts_with(request.as_str()) {
                return Err(format!("entry {index} is {written} and not {request}"));
            }
        }
    }
    let (_log, recovery) = Log::open(options(&folder)).unwrap();
    assert!(recovery.entries >= acknowledged.len() as u64);
    Ok(acknowledged.len() as u64)
}

#[test]
fn what_a_killed_process_acknowledged_is_there() {
    append_until_killed();
    let mut dice = Dice::new(7);
    let (mut acknowledged, mut deaths) = (0, 0);
    for _ in 0..crate::proofs::factor() {
        let test = "log::tests::what_a_killed_process_acknowledged_is_there";
        acknowledged += live_and_be_killed(test, DEATHS, &mut dice, false).unwrap();
        deaths += DEATHS;
    }
    assert!(acknowledged > 50 * deaths, "{acknowledged}");
    crate::proofs::tell(
        "kill -9",
        &format!("{deaths} deaths under load, {acknowledged} acknowledged entries, 0 lost"),
    );
}

#[test]
fn a_log_that_acknowledges_before_it_writes_is_caught_by_killing_it() {
    append_until_killed();
    let test = "log::tests::a_log_that_acknowledges_before_it_writes_is_caught_by_killing_it";
    let caught = live_and_be_killed(test, DEATHS, &mut Dice::new(7), true).unwrap_err();
    crate::proofs::tell("kill -9, without the write", &format!("caught: {caught}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_carries_many_entries() {
    let folder = Folder::new();
    let mut options = options(&folder);
    options.segment_bytes = 4 << 20;
    let (log, _) = Log::open(options).unwrap();
    append_many(&log, 0, 3000).await.into_iter().for_each(|result| assert!(result.is_ok()));
    let metrics = log.metrics();
    assert_eq!((metrics.appended, metrics.size, metrics.queue_depth), (3000, 3000, 0));
    assert!(metrics.commits < 1500, "{metrics:?}");
    assert_eq!(metrics.sync_buckets.iter().sum::<u64>(), metrics.commits);
    log.close().await.unwrap();
    assert_eq!(log.metrics().tree_size, 3000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_log_can_be_verified_and_exported() {
    let folder = Folder::new();
    let dir = folder.0.join("audit");
    let (log, _) = Log::open(options(&folder)).unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    let ended = Arc::new(std::sync::atomic::AtomicBool::new(false));
    for _ in 0..32 {
        let (log, ended) = (log.clone(), Arc::clone(&ended));
        tasks.spawn(async move {
            while !ended.load(Ordering::Relaxed) {
                log.append(record(0)).await.unwrap();
            }
        });
    }
    let (mut sizes, mut exported) = (Vec::new(), Vec::new());
    // A loaded machine may let the readers run long before the writers: they read until they have seen the log grow.
    while sizes.len() < 4 || (sizes.last() == sizes.first() && sizes.len() < 1000) {
        let (verified, lines) = tokio::task::block_in_place(|| (verify(&dir), lines(&folder).len() as u64));
        sizes.push(verified.unwrap().entries());
        exported.push(lines);
        tokio::task::yield_now().await;
    }
    ended.store(true, Ordering::Relaxed);
    tasks.join_all().await;
    assert!(
        sizes.is_sorted() && exported.is_sorted() && sizes.last() > sizes.first(),
        "{sizes:?} {exported:?}"
    );
    log.close().await.unwrap();
    assert_eq!(verify(&dir).unwrap().sealed, log.metrics().size);
}

#[tokio::test]
async fn damage_under_a_running_house_is_noticed() {
    let folder = Folder::new();
    let dir = folder.0.join("audit");
    let (log, _) = Log::open(options(&folder)).unwrap();
    for number in 0..5 {
        log.append(record(number)).await.unwrap();
    }
    let segment = dir.join("wal/000001.seg");
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[600] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let error = verify(&dir).unwrap_err();
    assert_eq!((error.file.as_str(), error.entry), ("wal/000001.seg", Some(0)));
    drop(log);
    assert!(matches!(Log::open(options(&folder)), Err(AuditError::Corrupt(_))));
}

#[tokio::test]
async fn another_segment_size_takes_effect_with_the_next_segment() {
    let folder = Folder::new();
    for segment_bytes in [16 * 1024, 128 * 1024, 32 * 1024] {
        let mut options = options(&folder);
        options.segment_bytes = segment_bytes;
        let (log, _) = Log::open(options).unwrap();
        for number in 0..40 {
            log.append(record(number)).await.unwrap();
        }
        drop(log);
        while super::lock(&folder.0.join("audit")).is_err() {}
        assert_eq!(verify(&folder.0.join("audit")).unwrap().torn_bytes, 0);
    }
    let (_, recovery) = Log::open(options(&folder)).unwrap();
    assert_eq!(recovery.entries, 120);
}
