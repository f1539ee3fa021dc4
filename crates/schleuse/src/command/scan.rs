//! `schleuse scan`: the gateway's inspection on files of any size, streamed.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use schleuse_inspect::{Guardrails, Inspector, Scope};
use schleuse_types::{Clock as _, Finding, SystemClock};

use super::Scan;
use crate::config::Inspection;
use crate::failure::{Doing as _, Failure};
use crate::house::Packs;

/// What it exits with when something was found.
const EXIT_FINDINGS: u8 = 3;
const PIECE_BYTES: usize = 256 * 1024;
/// Pieces of one file whose findings wait to be reported.
const PIECES_WAITING_MAX: usize = 16;

pub(super) fn run(arguments: &Scan) -> Result<ExitCode, Failure> {
    let guardrails = match &arguments.guardrails {
        None => Guardrails::default(),
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|error| Failure::usage(format!("cannot read `{}`: {error}", path.display())))?;
            Guardrails::parse(&text)
                .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?
        }
    };
    if arguments.paths.is_empty() {
        return Err(Failure::usage("name files or folders to scan, or `-` for standard input"));
    }
    let inspection = Inspection { packs: arguments.packs.clone(), terms: arguments.terms.clone() };
    let packs = Packs::new(inspection, guardrails);
    let inspector = packs.load().map_err(|failure| failure.exit_code(2))?;
    let mut jobs = Vec::new();
    for path in &arguments.paths {
        gather(path, &mut jobs)?;
    }
    scan(&inspector, &jobs, arguments.json)
}

/// One file, or standard input.
struct Job {
    path: PathBuf,
    bytes: u64,
}

/// A file, standard input, or everything below a folder in the order of names. Links inside folders are not followed.
fn gather(path: &Path, jobs: &mut Vec<Job>) -> Result<(), Failure> {
    if path == Path::new("-") {
        jobs.push(Job { path: path.to_owned(), bytes: 0 });
        return Ok(());
    }
    let about = std::fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    if !about.is_dir() {
        jobs.push(Job { path: path.to_owned(), bytes: about.len() });
        return Ok(());
    }
    let entries = std::fs::read_dir(path).map_err(|error| unreadable(path, &error))?;
    let mut inner: Vec<PathBuf> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
    inner.sort();
    for path in inner {
        let kind = std::fs::symlink_metadata(&path).map_err(|error| unreadable(&path, &error))?;
        if kind.is_file() || kind.is_dir() {
            gather(&path, jobs)?;
        }
    }
    Ok(())
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::usage(format!("cannot read `{}`: {error}", path.display()))
}

/// Scans several files at once and reports them in their order.
fn scan(inspector: &Inspector, jobs: &[Job], json: bool) -> Result<ExitCode, Failure> {
    let progress = ProgressBar::new(jobs.iter().map(|job| job.bytes).sum());
    progress.set_draw_target(ProgressDrawTarget::stderr_with_hz(8));
    progress.set_style(
        ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta}")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let next = AtomicUsize::new(0);
    let workers = thread::available_parallelism().map_or(1, usize::from).min(jobs.len());
    // A queue for each file: whoever is ahead waits until those before are reported, so memory stays bounded.
    let (senders, receivers): (Vec<_>, Vec<_>) =
        jobs.iter().map(|_| sync_channel::<Found>(PIECES_WAITING_MAX)).unzip();
    let senders: Vec<Mutex<Option<SyncSender<Found>>>> =
        senders.into_iter().map(|sender| Mutex::new(Some(sender))).collect();
    let done = thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some((job, sender)) = take(jobs, &senders, &next) {
                    scan_job(inspector, job, &progress, &sender);
                }
            });
        }
        let reported = report_all(jobs, receivers, json, &progress);
        // After a failure nobody takes another file.
        if reported.is_err() {
            next.store(jobs.len(), Ordering::Relaxed);
        }
        reported
    });
    progress.finish_and_clear();
    Ok(if done? == 0 { ExitCode::SUCCESS } else { ExitCode::from(EXIT_FINDINGS) })
}

/// What a piece of a file held, or why it could not be read.
type Found = Result<Vec<Finding>, Failure>;

/// The next file that nobody scans yet, and where its findings go.
fn take<'j>(
    jobs: &'j [Job],
    senders: &[Mutex<Option<SyncSender<Found>>>],
    next: &AtomicUsize,
) -> Option<(&'j Job, SyncSender<Found>)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    let sender = senders.get(index)?.lock().unwrap_or_else(PoisonError::into_inner).take()?;
    Some((jobs.get(index)?, sender))
}

fn scan_job(inspector: &Inspector, job: &Job, progress: &ProgressBar, found: &SyncSender<Found>) {
    let scanned = if job.path == Path::new("-") {
        scan_reader(inspector, io::stdin().lock(), &job.path, progress, found)
    } else {
        File::open(&job.path)
            .map_err(|error| unreadable(&job.path, &error))
            .and_then(|file| scan_reader(inspector, file, &job.path, progress, found))
    };
    if let Err(failure) = scanned {
        // Nobody listens only when another file failed first.
        let _ = found.send(Err(failure));
    }
}

fn scan_reader(
    inspector: &Inspector,
    mut reader: impl Read,
    path: &Path,
    progress: &ProgressBar,
    found: &SyncSender<Found>,
) -> Result<(), Failure> {
    // An exception may be bound to a file, and is over some day.
    let (shown, now) = (path.display().to_string(), SystemClock::new().now().seconds());
    let scope = Scope { path: Some(&shown), now_s: Some(now), ..Scope::default() };
    let mut scanner = inspector.for_scope(&scope).byte_scanner();
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let length = match reader.read(&mut piece) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(unreadable(path, &error)),
        };
        let mut findings = Vec::new();
        match piece.get(..length).filter(|bytes| !bytes.is_empty()) {
            Some(bytes) => scanner.push(bytes, &mut findings),
            None => scanner.finish(&mut findings),
        }
        progress.inc(length as u64);
        if !findings.is_empty() && found.send(Ok(findings)).is_err() {
            return Ok(());
        }
        if length == 0 {
            return Ok(());
        }
    }
}

/// Writes the findings of all files in their order and counts them.
fn report_all(
    jobs: &[Job],
    receivers: Vec<Receiver<Found>>,
    json: bool,
    progress: &ProgressBar,
) -> Result<u64, Failure> {
    let mut out = BufWriter::new(io::stdout());
    let mut count = 0;
    for (job, receiver) in jobs.iter().zip(receivers) {
        for found in receiver {
            let findings = found?;
            count += findings.len() as u64;
            progress
                .suspend(|| -> io::Result<()> {
                    for finding in &findings {
                        report(finding, &job.path, json, &mut out)?;
                    }
                    out.flush()
                })
                .doing("cannot write")?;
        }
    }
    Ok(count)
}

fn report(finding: &Finding, path: &Path, json: bool, out: &mut impl Write) -> io::Result<()> {
    let shown = path.display().to_string();
    if json {
        // Two decimals, as everywhere outside.
        let score = f64::from((finding.score * 100.0).round()) / 100.0;
        let mut line = serde_json::json!({
            "path": shown,
            "type": finding.kind,
            "start": finding.start,
            "end": finding.end,
            "score": score,
            "action": finding.action.as_str(),
            "recognizer": finding.recognizer,
        });
        for (name, is_so) in [("evasive", finding.evasive), ("excepted", finding.excepted)] {
            if is_so && let Some(members) = line.as_object_mut() {
                members.insert(name.to_owned(), true.into());
            }
        }
        return writeln!(out, "{line}");
    }
    writeln!(
        out,
        "{shown}:{}-{}: {} ({:.2}) {} by {}",
        finding.start, finding.end, finding.kind, finding.score, finding.action, finding.recognizer
    )
}
