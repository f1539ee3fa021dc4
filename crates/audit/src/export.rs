//! The log as lines for other programs.

pub(crate) mod cef;
pub(crate) mod ocsf;
pub(crate) mod otlp;
pub(crate) mod syslog;

use std::fmt;
use std::io::{self, Write};
use std::path::Path;

use schleuse_tlog::{TILE_WIDTH, TileCoordinates, TileKind, split_bundle, widths_at};
use serde_json::{Map, Value};

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
    /// ArcSight Common Event Format, version 0.
    Cef,
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
        let line = self.format.line(index, entry);
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

impl Format {
    /// One line, with its line feed; `None` for what is no JSON object.
    pub(crate) fn line(self, index: u64, entry: &[u8]) -> Option<Vec<u8>> {
        let mut line = match self {
            Self::Jsonl => return jsonl_line(index, entry),
            Self::Ocsf => serde_json::to_vec(&ocsf::event(index, &members(entry)?)).ok()?,
            Self::Cef => cef::line(index, &members(entry)?).into_bytes(),
        };
        line.push(b'\n');
        Some(line)
    }

    /// As a configuration and the command line write it.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "jsonl" => Some(Self::Jsonl),
            "ocsf" => Some(Self::Ocsf),
            "cef" => Some(Self::Cef),
            _ => None,
        }
    }
}

fn members(entry: &[u8]) -> Option<Map<String, Value>> {
    serde_json::from_slice(entry).ok()
}

/// A text of an entry; empty where there is none.
fn text<'a>(entry: &'a Map<String, Value>, name: &str) -> &'a str {
    entry.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Microseconds since 1970 of a timestamp as the log writes it, `YYYY-MM-DDThh:mm:ss.ffffffZ`; 0 for anything else.
fn microseconds(timestamp: &str) -> u64 {
    let number =
        |from: usize, to: usize| timestamp.get(from..to).and_then(|digits| digits.parse::<u64>().ok());
    let parts = (|| {
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let (hour, minute, second, micro) =
            (number(11, 13)?, number(14, 16)?, number(17, 19)?, number(20, 26)?);
        // Days from civil, with years that begin in March.
        let (year, month) = if month > 2 { (year, month - 3) } else { (year.checked_sub(1)?, month + 9) };
        let days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day;
        let days = days.checked_sub(719_469)?;
        Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000_000 + micro)
    })();
    parts.unwrap_or(0)
}

#[cfg(test)]
mod tests;
