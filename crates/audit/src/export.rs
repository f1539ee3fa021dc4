//! The log as lines for other programs.

use std::fmt;
use std::io::{self, Write};
use std::path::Path;

use schleuse_tlog::{TILE_WIDTH, TileCoordinates, TileKind, split_bundle, widths_at};
use serde_json::{Map, Value, json};

use crate::disk::{self, Disk, SystemDisk};
use crate::segment::ScanError;
use crate::{VerifyError, tiles, verify, wal};

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The entry as it was recorded, with its `index` in front.
    Jsonl,
    /// OCSF 1.1, class 6003 API Activity.
    Ocsf,
}

/// Why an export ended early. Lines written before are whole and right.
#[derive(Debug)]
pub enum ExportError {
    /// The log cannot be read.
    Log(VerifyError),
    /// The output cannot be written.
    Output(io::Error),
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log(_) => f.write_str("cannot read the audit log"),
            Self::Output(_) => f.write_str("cannot write the export"),
        }
    }
}

impl std::error::Error for ExportError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Log(error) => Some(error),
            Self::Output(error) => Some(error),
        }
    }
}

/// Writes every durable entry of the log in `dir` as one line, in order; how many.
///
/// Works while a house writes. Checks the checkpoint's signature, but not every hash: that is what [`crate::verify()`] does.
pub fn export(dir: &Path, format: Format, out: &mut dyn Write) -> Result<u64, ExportError> {
    let mut output = Output { out, format, next: 0, failed: None };
    // Entries never change, so an attempt that fails because files moved is continued where it stopped.
    let result = verify::while_written(dir, |is_live| export_from(&SystemDisk, dir, is_live, &mut output));
    match (output.failed, result) {
        (Some(error), _) => Err(ExportError::Output(error)),
        (None, Err(error)) => Err(ExportError::Log(error)),
        (None, Ok(())) => Ok(output.next),
    }
}

struct Output<'a> {
    out: &'a mut dyn Write,
    format: Format,
    /// The index of the next line.
    next: u64,
    failed: Option<io::Error>,
}

impl Output<'_> {
    /// Writes an entry, unless it was written already. False once the output is broken.
    fn entry(&mut self, path: &str, index: u64, entry: &[u8]) -> Result<bool, VerifyError> {
        if index < self.next {
            return Ok(true);
        }
        if index > self.next {
            return Err(VerifyError::entry(path, self.next, "the entry is missing"));
        }
        let line = match self.format {
            Format::Jsonl => jsonl_line(index, entry),
            Format::Ocsf => ocsf_line(index, entry),
        };
        let line = line.ok_or_else(|| VerifyError::entry(path, index, "not a JSON object"))?;
        self.failed = self.out.write_all(&line).err();
        self.next += 1;
        Ok(self.failed.is_none())
    }
}

fn export_from(
    disk: &dyn Disk,
    dir: &Path,
    is_live: bool,
    output: &mut Output<'_>,
) -> Result<(), VerifyError> {
    if output.failed.is_some() {
        return Ok(());
    }
    let checkpoint = tiles::read_checkpoint(disk, dir, &tiles::read_vkey(disk, dir)?)?;
    let (full, partial) = widths_at(0, checkpoint.size);
    // The last bundle first: it may be outgrown by the time the others are read.
    let last_tile = TileCoordinates { kind: TileKind::Entries, index: full, width: partial };
    let last = if partial > 0 { read(disk, dir, last_tile)? } else { Vec::new() };
    // The segments behind it for the same reason.
    let mut behind: Vec<(u64, Vec<u8>)> = Vec::new();
    wal::read_segments(disk, &dir.join("wal"), checkpoint.size, is_live, &mut |index, entry| {
        if index >= checkpoint.size {
            behind.push((index, entry.to_vec()));
        }
        Ok::<(), ScanError>(())
    })?;
    for index in output.next / TILE_WIDTH..full {
        let tile = TileCoordinates { kind: TileKind::Entries, index, width: TILE_WIDTH };
        let bytes = read(disk, dir, tile)?;
        if !bundle(output, tile, &bytes)? {
            return Ok(());
        }
    }
    if !bundle(output, last_tile, &last)? {
        return Ok(());
    }
    for (index, entry) in behind {
        if !output.entry("wal", index, &entry)? {
            return Ok(());
        }
    }
    output.failed = output.out.flush().err();
    Ok(())
}

fn bundle(output: &mut Output<'_>, tile: TileCoordinates, bytes: &[u8]) -> Result<bool, VerifyError> {
    let path = tile.to_string();
    let first = tile.index * TILE_WIDTH;
    let entries =
        split_bundle(bytes).map_err(|error| VerifyError::entry(&path, first, &error.to_string()))?;
    if entries.len() as u64 != tile.width {
        return Err(VerifyError::entry(&path, first, "the bundle holds another number of entries"));
    }
    for (index, entry) in (first..).zip(entries) {
        if !output.entry(&path, index, entry)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn read(disk: &dyn Disk, dir: &Path, tile: TileCoordinates) -> Result<Vec<u8>, VerifyError> {
    let path = tile.to_string();
    disk::read(disk, &dir.join(&path)).map_err(|error| VerifyError::io(&path, &error))
}

/// `{"index":17,` and the entry's own members, untouched.
fn jsonl_line(index: u64, entry: &[u8]) -> Option<Vec<u8>> {
    let members = entry.strip_prefix(b"{").filter(|members| members.ends_with(b"}"))?;
    let mut line = format!("{{\"index\":{index},").into_bytes();
    line.extend_from_slice(members);
    line.push(b'\n');
    Some(line)
}

fn ocsf_line(index: u64, entry: &[u8]) -> Option<Vec<u8>> {
    let Ok(Value::Object(entry)) = serde_json::from_slice(entry) else { return None };
    let mut line = serde_json::to_vec(&ocsf(index, &entry)).ok()?;
    line.push(b'\n');
    Some(line)
}

/// An entry as OCSF 1.1 class 6003. What OCSF has no place for stands under `unmapped`, where OCSF wants it; the members
/// that every export must carry stand at the top as well.
fn ocsf(index: u64, entry: &Map<String, Value>) -> Value {
    let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
    let (activity, activity_name) = match text("event") {
        "llm.admit" | "llm.complete" | "llm.refuse" | "key.create" | "session.create" | "person.create" => {
            (1, "Create")
        }
        "config.load" | "log.read" | "log.export" | "log.verify" => (2, "Read"),
        "person.change" | "person.block" | "person.unblock" | "upstream.drain" | "upstream.undrain" => {
            (3, "Update")
        }
        "key.revoke" | "session.end" => (4, "Delete"),
        _ => (99, "Other"),
    };
    let (status_id, status) = match text("action") {
        "BLOCKED" | "DENIED" | "ERROR" => (2, "Failure"),
        "" => (0, "Unknown"),
        _ => (1, "Success"),
    };
    let (severity_id, severity) = match text("action") {
        "BLOCKED" | "DENIED" => (3, "Medium"),
        "ERROR" | "WARNED" => (2, "Low"),
        _ => (1, "Informational"),
    };
    let mut line = json!({
        "activity_id": activity,
        "activity_name": activity_name,
        "actor": {"user": {"uid": text("user")}},
        "api": {"operation": text("event"), "request": {"uid": text("request_id")}, "service": {"name": "schleuse"}},
        "category_name": "Application Activity",
        "category_uid": 6,
        "class_name": "API Activity",
        "class_uid": 6003,
        "metadata": {
            "product": {"name": "Schleuse", "vendor_name": "Schleuse"},
            "profiles": [],
            "sequence": index,
            "uid": index.to_string(),
            "version": "1.1.0",
        },
        "severity": severity,
        "severity_id": severity_id,
        "src_endpoint": {"name": text("source")},
        "status": status,
        "status_id": status_id,
        "time": milliseconds(text("timestamp")),
        "type_name": format!("API Activity: {activity_name}"),
        "type_uid": 600_300 + activity,
        "unmapped": entry,
        "index": index,
    });
    if let Value::Object(line) = &mut line {
        for name in ["timestamp", "user", "prompt_hash", "sensitivity_score", "action", "model", "request_id"]
        {
            line.insert(name.to_owned(), entry.get(name).cloned().unwrap_or_default());
        }
        if let Some(code) = entry.get("code").or_else(|| entry.get("status")) {
            line.insert(
                "status_code".to_owned(),
                code.as_str().map_or_else(|| code.to_string(), str::to_owned).into(),
            );
        }
        if let Some(ms) = entry.get("ms") {
            line.insert("duration".to_owned(), ms.clone());
        }
    }
    line
}

/// Milliseconds since 1970 of a timestamp as the log writes it, `YYYY-MM-DDThh:mm:ss.ffffffZ`; 0 for anything else.
fn milliseconds(timestamp: &str) -> u64 {
    let number =
        |from: usize, to: usize| timestamp.get(from..to).and_then(|digits| digits.parse::<u64>().ok());
    let parts = (|| {
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let (hour, minute, second, milli) =
            (number(11, 13)?, number(14, 16)?, number(17, 19)?, number(20, 23)?);
        // Days from civil, with years that begin in March.
        let (year, month) = if month > 2 { (year, month - 3) } else { (year.checked_sub(1)?, month + 9) };
        let days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day;
        let days = days.checked_sub(719_469)?;
        Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1000 + milli)
    })();
    parts.unwrap_or(0)
}

#[cfg(test)]
mod tests;
