//! `schleuse scan`: the gateway's inspection on files of any size, streamed.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use schleuse_inspect::{Guardrails, Inspector};
use schleuse_types::Finding;

use super::Scan;
use crate::failure::{Doing as _, Failure};

/// What it exits with when something was found.
const EXIT_FINDINGS: u8 = 3;
const PIECE_BYTES: usize = 256 * 1024;

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
    let inspector = Inspector::new(guardrails).map_err(Failure::usage)?;
    let mut out = BufWriter::new(io::stdout().lock());
    let mut found = 0_u64;
    for path in &arguments.paths {
        found += scan_path(&inspector, path, arguments.json, &mut out)?;
    }
    out.flush().doing("cannot write")?;
    Ok(if found == 0 { ExitCode::SUCCESS } else { ExitCode::from(EXIT_FINDINGS) })
}

/// A file, standard input, or everything below a folder in the order of names. Links inside folders are not followed.
fn scan_path(inspector: &Inspector, path: &Path, json: bool, out: &mut impl Write) -> Result<u64, Failure> {
    if path == Path::new("-") {
        return scan_reader(inspector, io::stdin().lock(), path, json, out);
    }
    if path.is_dir() {
        let entries = std::fs::read_dir(path).map_err(|error| unreadable(path, &error))?;
        let mut inner: Vec<PathBuf> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
        inner.sort();
        let mut found = 0;
        for path in inner {
            let kind = std::fs::symlink_metadata(&path).map_err(|error| unreadable(&path, &error))?;
            if kind.is_file() || kind.is_dir() {
                found += scan_path(inspector, &path, json, out)?;
            }
        }
        return Ok(found);
    }
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    scan_reader(inspector, file, path, json, out)
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::usage(format!("cannot read `{}`: {error}", path.display()))
}

fn scan_reader(
    inspector: &Inspector,
    mut reader: impl Read,
    path: &Path,
    json: bool,
    out: &mut impl Write,
) -> Result<u64, Failure> {
    let mut scanner = inspector.byte_scanner();
    let mut piece = vec![0; PIECE_BYTES];
    let mut findings = Vec::new();
    let mut found = 0;
    loop {
        let length = match reader.read(&mut piece) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(unreadable(path, &error)),
        };
        match piece.get(..length).filter(|bytes| !bytes.is_empty()) {
            Some(bytes) => scanner.push(bytes, &mut findings),
            None => scanner.finish(&mut findings),
        }
        found += findings.len() as u64;
        for finding in findings.drain(..) {
            report(&finding, path, json, out).doing("cannot write")?;
        }
        if length == 0 {
            return Ok(found);
        }
    }
}

fn report(finding: &Finding, path: &Path, json: bool, out: &mut impl Write) -> io::Result<()> {
    let shown = path.display().to_string();
    if json {
        // Two decimals, as everywhere outside.
        let score = f64::from((finding.score * 100.0).round()) / 100.0;
        let line = serde_json::json!({
            "path": shown,
            "type": finding.kind,
            "start": finding.start,
            "end": finding.end,
            "score": score,
            "action": finding.action.as_str(),
            "recognizer": finding.recognizer,
        });
        return writeln!(out, "{line}");
    }
    writeln!(
        out,
        "{shown}:{}-{}: {} ({:.2}) {} by {}",
        finding.start, finding.end, finding.kind, finding.score, finding.action, finding.recognizer
    )
}
