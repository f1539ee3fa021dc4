//! The bytes of a write-ahead segment: how groups are laid out, read back, and judged when they are broken.
//!
//! A segment is filled with zeros when it is made. Its first sector is a header; then come groups, each written with one
//! write and made durable by one sync. A group begins and ends on a boundary of 512 bytes:
//!
//! ```text
//! frames      len u32 LE · first 8 bytes of SHA-256(chain · len · entry) · entry, 1 to 65535 bytes
//! end         FF FF FF FF
//! zeros       so that the footer ends the sector
//! footer      magic · group · first index · count · sectors · chain · first 16 bytes of SHA-256 over these
//! ```
//!
//! The chain is the last full digest, carried from frame to frame, group to group and segment to segment, so a frame can
//! be neither changed nor moved nor left out without breaking all that follow.
//!
//! **Torn or tampered.** Only the last group can be unsynced when the machine dies, and of an unsynced group each sector
//! is either there or still zero. So a group is *torn* only if nothing of a later group follows and a sector of it is
//! all zeros. Broken bytes without a missing sector, a valid later footer, bytes beyond the longest group, and sectors
//! that no group would leave (mostly zeros, no footer) are *tampering*. What this cannot tell: somebody who zeroes whole
//! sectors of the last group, or recomputes all checksums, before a signed checkpoint covers it (about a second): until
//! then the entries are only as safe as the folder.

use std::io;

use sha2::{Digest, Sha256};

use crate::disk::DiskFile;

pub(crate) const SECTOR: usize = 512;
/// The longest group in bytes.
pub(crate) const GROUP_BYTES_MAX: usize = 1 << 20;
/// The longest entry in bytes.
pub(crate) const ENTRY_BYTES_MAX: usize = schleuse_tlog::ENTRY_BYTES_MAX;
const HEADER_MAGIC: &[u8; 8] = b"SCHLWAL\x01";
const FOOTER_MAGIC: &[u8; 8] = b"SCHLGRP\x01";
const FOOTER_BYTES: usize = 80;
const FRAME_HEAD: usize = 12;
const END: u32 = u32::MAX;
/// An inner sector of a group holds text; fewer bytes than this that are not zero are no such sector.
const DENSE: usize = 200;

/// What the next group continues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Position {
    chain: [u8; 32],
    /// The number of the next group, from 1.
    group: u64,
    /// The index of the next entry.
    pub(crate) index: u64,
}

impl Position {
    /// Where a fresh write-ahead log begins, behind `index` entries that are in tiles.
    pub(crate) fn fresh(index: u64) -> Self {
        let chain = Sha256::new().chain_update(HEADER_MAGIC).chain_update(index.to_le_bytes()).finalize();
        Self { chain: chain.into(), group: 1, index }
    }
}

/// The header sector of a segment whose first group continues `position`.
pub(crate) fn encode_header(number: u64, position: &Position, segment_bytes: u64) -> Vec<u8> {
    let mut header = Vec::with_capacity(SECTOR);
    header.extend_from_slice(HEADER_MAGIC);
    header.extend_from_slice(&number.to_le_bytes());
    header.extend_from_slice(&position.index.to_le_bytes());
    header.extend_from_slice(&position.group.to_le_bytes());
    header.extend_from_slice(&segment_bytes.to_le_bytes());
    header.extend_from_slice(&position.chain);
    let check = Sha256::digest(&header);
    header.extend_from_slice(&check);
    header.resize(SECTOR, 0);
    header
}

/// How many bytes a group of entries with these lengths takes.
pub(crate) fn group_bytes(entry_lengths: impl Iterator<Item = usize>) -> usize {
    group_bytes_for(entry_lengths.map(|length| FRAME_HEAD + length).sum())
}

/// The same, from the sum of the frames' lengths.
pub(crate) fn group_bytes_for(frames: usize) -> usize {
    (frames + 4 + FOOTER_BYTES).next_multiple_of(SECTOR)
}

/// What one entry adds to a group before rounding.
pub(crate) fn frame_bytes(entry: &[u8]) -> usize {
    FRAME_HEAD + entry.len()
}

/// Appends the group of `entries`, which are not empty, and says where the next one continues.
pub(crate) fn encode_group(out: &mut Vec<u8>, position: &Position, entries: &[Vec<u8>]) -> Position {
    let start = out.len();
    let mut chain = position.chain;
    for entry in entries {
        chain = link(&chain, entry);
        out.extend_from_slice(&length_u32(entry).to_le_bytes());
        out.extend(chain.iter().take(8));
        out.extend_from_slice(entry);
    }
    let total = group_bytes_for(out.len() - start);
    out.extend_from_slice(&END.to_le_bytes());
    out.resize(start + total - FOOTER_BYTES, 0);
    let next = Position { chain, group: position.group + 1, index: position.index + entries.len() as u64 };
    out.extend_from_slice(&footer(position, &next, total));
    next
}

/// What a segment holds.
#[derive(Debug)]
pub(crate) struct Scan {
    /// Whether anything was ever written here.
    pub(crate) used: bool,
    /// Where the next group goes; 0 when the header is not there either.
    pub(crate) end: u64,
    pub(crate) position: Position,
    /// Bytes behind `end` that a torn group left; 0 when all is zero there.
    pub(crate) torn_bytes: u64,
}

/// Why a segment cannot be read.
#[derive(Debug)]
pub(crate) enum ScanError {
    Io(io::Error),
    /// The entry at or behind which bytes are not what was written, and what is wrong.
    Wrong(u64, &'static str),
}

impl From<io::Error> for ScanError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// What a reader knows before it opens a segment.
pub(crate) struct Expected<'a> {
    pub(crate) number: u64,
    /// Where the segment before ended; nothing when this is the first.
    pub(crate) previous: Option<&'a Position>,
    /// Entries below this index are under a signed checkpoint, so no group of theirs can be torn.
    pub(crate) sealed: u64,
    /// Whether a writer may be at work: then a broken group is read again before it is judged.
    pub(crate) live: bool,
}

/// Takes an entry and its index.
pub(crate) type Visit<'a> = dyn FnMut(u64, &[u8]) -> Result<(), ScanError> + 'a;

/// Reads a segment and hands every entry with its index to `visit`.
pub(crate) fn scan(
    file: &dyn DiskFile,
    expected: &Expected<'_>,
    visit: &mut Visit<'_>,
) -> Result<Scan, ScanError> {
    let length = file.length()?;
    let mut window = Window { file, length, start: 0, bytes: Vec::new() };
    let header = window.at(0, SECTOR)?.to_vec();
    let fresh = || expected.previous.cloned().unwrap_or_else(|| Position::fresh(expected.sealed));
    if header.iter().all(|byte| *byte == 0) {
        let torn_bytes = judge_tail(&mut window, 0, &fresh(), Broken::default(), expected)?;
        return Ok(Scan { used: torn_bytes > 0, end: 0, position: fresh(), torn_bytes });
    }
    let mut position = decode_header(&header, expected, length)?;
    let mut end = SECTOR as u64;
    loop {
        let mut attempts = if expected.live { 40 } else { 0 };
        let clean = |position| Ok(Scan { used: true, end, position, torn_bytes: 0 });
        let broken = loop {
            let mut entries = Vec::new();
            match parse_group(window.at(end, GROUP_BYTES_MAX)?, &position, &mut entries) {
                Ok((total, next)) => {
                    for (index, entry) in (position.index..).zip(entries) {
                        visit(index, entry)?;
                    }
                    (position, end) = (next, end + total as u64);
                    break None;
                }
                Err(broken) if attempts == 0 => break Some(broken),
                Err(_) => {
                    attempts -= 1;
                    window.forget();
                    // Judged from this one look: the next one might see a group that was written in between.
                    if position.index >= expected.sealed && window.is_zero_from(end)? {
                        return clean(position);
                    }
                    window.forget();
                    std::thread::sleep(std::time::Duration::from_millis(5));
                }
            }
        };
        if let Some(broken) = broken {
            let torn_bytes = judge_tail(&mut window, end, &position, broken, expected)?;
            return Ok(Scan { used: true, end, position, torn_bytes });
        }
    }
}

fn decode_header(header: &[u8], expected: &Expected<'_>, length: u64) -> Result<Position, ScanError> {
    let wrong =
        |what| ScanError::Wrong(expected.previous.map_or(expected.sealed, |previous| previous.index), what);
    let mut numbers = [0_u64; 4];
    let mut chain = [0; 32];
    if let Some((fields, rest)) = header.get(8..).and_then(|rest| rest.split_at_checked(32)) {
        for (number, bytes) in numbers.iter_mut().zip(fields.chunks_exact(8)) {
            *number = bytes.try_into().map_or(0, u64::from_le_bytes);
        }
        chain = rest.first_chunk::<32>().copied().unwrap_or_default();
    }
    let [number, index, group, segment_bytes] = numbers;
    let position = Position { chain, group, index };
    if header != encode_header(number, &position, segment_bytes) {
        return Err(wrong("the segment's header is changed"));
    }
    if number != expected.number {
        return Err(wrong("the segment bears another number"));
    }
    if segment_bytes != length {
        return Err(wrong("the segment's length is changed"));
    }
    match expected.previous {
        Some(previous) if *previous != position => Err(wrong("the segment does not continue the one before")),
        None if index > expected.sealed => Err(wrong("entries are missing between tiles and segments")),
        _ => Ok(position),
    }
}

/// Where a group stopped making sense.
#[derive(Debug, Default)]
struct Broken {
    /// The bytes of the frame that does not fit, counted from the group's start: a piece that is either whole or lacks
    /// a sector.
    frame: Option<(usize, usize)>,
    /// All frames fit, and the group's length is known; padding or footer do not fit.
    total: Option<usize>,
}

fn parse_group<'a>(
    bytes: &'a [u8],
    position: &Position,
    entries: &mut Vec<&'a [u8]>,
) -> Result<(usize, Position), Broken> {
    let mut chain = position.chain;
    let mut rest = bytes;
    loop {
        let start = bytes.len() - rest.len();
        let broken = |length: usize| Broken { frame: Some((start, length)), total: None };
        let (length, after) = rest.split_first_chunk::<4>().ok_or_else(|| broken(rest.len()))?;
        let length = u32::from_le_bytes(*length);
        if length == END && !entries.is_empty() {
            let total = group_bytes_for(start);
            let next =
                Position { chain, group: position.group + 1, index: position.index + entries.len() as u64 };
            let group = bytes.get(start + 4..total).ok_or_else(|| broken(4))?;
            let (padding, end) =
                group.split_at_checked(group.len() - FOOTER_BYTES).ok_or_else(|| broken(4))?;
            let fits = padding.iter().all(|byte| *byte == 0) && end == footer(position, &next, total);
            if fits || crate::mutant::is_on(crate::mutant::Mutant::NoChecksum) {
                return Ok((total, next));
            }
            return Err(Broken { frame: None, total: Some(total) });
        }
        let length = length as usize;
        if length == 0 || length > ENTRY_BYTES_MAX {
            return Err(broken(4));
        }
        let (check, after) = after.split_first_chunk::<8>().ok_or_else(|| broken(rest.len()))?;
        let (entry, after) = after.split_at_checked(length).ok_or_else(|| broken(rest.len()))?;
        chain = link(&chain, entry);
        if !chain.starts_with(check) && !crate::mutant::is_on(crate::mutant::Mutant::NoChecksum) {
            return Err(broken(FRAME_HEAD + length));
        }
        entries.push(entry);
        rest = after;
    }
}

/// Decides whether what stands at and behind `end` is the trace of an unsynced group, and how long that trace is.
fn judge_tail(
    window: &mut Window<'_>,
    end: u64,
    position: &Position,
    broken: Broken,
    expected: &Expected<'_>,
) -> Result<u64, ScanError> {
    let wrong = |what| Err(ScanError::Wrong(position.index, what));
    // The header goes with the first group: where it is missing, frames begin one sector later.
    let frames_at = if end == 0 { SECTOR as u64 } else { end };
    let mut last = None;
    let mut zero_sectors = Vec::new();
    let mut offset = end;
    let mut footer_seen = None;
    while offset < window.length {
        let sector = window.at(offset, SECTOR)?;
        let filled = sector.iter().filter(|byte| **byte != 0).count();
        if filled == 0 {
            zero_sectors.push(offset);
            // Far behind the longest group only the fact that it is zero matters.
            if zero_sectors.len() > 2 * GROUP_BYTES_MAX / SECTOR {
                zero_sectors.truncate(GROUP_BYTES_MAX / SECTOR + 1);
            }
        } else {
            if footer_seen.is_some() {
                return wrong("something stands behind the last group");
            }
            match decode_footer(sector) {
                Some((group, sectors)) => {
                    let start = (offset + SECTOR as u64).checked_sub(sectors * SECTOR as u64);
                    if group != position.group || start != Some(frames_at) {
                        return wrong("the entry is changed or missing, but later ones follow");
                    }
                    footer_seen = Some(offset);
                }
                None if filled < DENSE => return wrong("the unused part of the segment is changed"),
                None => {}
            }
            last = Some(offset);
        }
        offset += SECTOR as u64;
    }
    // Zeros only: the end. Whether it comes too early is for whoever knows the next segment to say.
    let Some(last) = last else { return Ok(0) };
    if position.index < expected.sealed {
        return wrong("the entry is in tiles but changed here");
    }
    if last >= frames_at + GROUP_BYTES_MAX as u64 {
        return wrong("something stands behind the longest possible group");
    }
    let lacks_sector =
        |from: u64, to: u64| zero_sectors.iter().any(|zero| *zero + (SECTOR as u64) > from && *zero < to);
    if footer_seen.is_some() && !lacks_sector(end, last) {
        return wrong("the entry is changed");
    }
    if let Some((start, length)) = broken.frame {
        let from = end + start as u64;
        if !lacks_sector(from, from + length as u64) {
            return wrong("the entry is changed");
        }
    }
    if let Some(total) = broken.total
        && !lacks_sector(end + (total - SECTOR) as u64, end + total as u64)
    {
        return wrong("the end of the group is changed");
    }
    Ok(last + SECTOR as u64 - end)
}

fn footer(position: &Position, next: &Position, total: usize) -> Vec<u8> {
    let mut footer = Vec::with_capacity(FOOTER_BYTES);
    footer.extend_from_slice(FOOTER_MAGIC);
    footer.extend_from_slice(&position.group.to_le_bytes());
    footer.extend_from_slice(&position.index.to_le_bytes());
    // Both fit: a group is at most GROUP_BYTES_MAX long.
    footer.extend_from_slice(&((next.index - position.index) as u32).to_le_bytes());
    footer.extend_from_slice(&((total / SECTOR) as u32).to_le_bytes());
    footer.extend_from_slice(&next.chain);
    let check = Sha256::digest(&footer);
    footer.extend(check.iter().take(16));
    footer
}

/// Group number and sectors of the footer at the end of a sector, if there is a whole one.
fn decode_footer(sector: &[u8]) -> Option<(u64, u64)> {
    let (_, footer) = sector.split_at_checked(sector.len().checked_sub(FOOTER_BYTES)?)?;
    let (fields, check) = footer.split_at_checked(64)?;
    let group = u64::from_le_bytes(fields.get(8..16)?.try_into().ok()?);
    let sectors = u32::from_le_bytes(fields.get(28..32)?.try_into().ok()?);
    let whole = fields.starts_with(FOOTER_MAGIC) && Sha256::digest(fields).starts_with(check);
    whole.then_some((group, u64::from(sectors)))
}

fn link(chain: &[u8; 32], entry: &[u8]) -> [u8; 32] {
    Sha256::new()
        .chain_update(chain)
        .chain_update(length_u32(entry).to_le_bytes())
        .chain_update(entry)
        .finalize()
        .into()
}

fn length_u32(entry: &[u8]) -> u32 {
    // INVARIANT: entries are at most ENTRY_BYTES_MAX long.
    u32::try_from(entry.len()).unwrap_or(END)
}

/// A file seen through a buffer that moves forward.
struct Window<'a> {
    file: &'a dyn DiskFile,
    length: u64,
    start: u64,
    bytes: Vec<u8>,
}

impl Window<'_> {
    /// `count` bytes from `offset` on, fewer at the end of the file.
    fn at(&mut self, offset: u64, count: usize) -> io::Result<&[u8]> {
        let left = usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX);
        let count = count.min(left);
        let held = self.start..=self.start + self.bytes.len() as u64;
        if !held.contains(&offset) || !held.contains(&(offset + count as u64)) {
            self.bytes.resize(left.min(2 * GROUP_BYTES_MAX), 0);
            self.start = offset;
            let read = self.file.read_at(offset, &mut self.bytes)?;
            self.bytes.truncate(read);
        }
        let from = usize::try_from(offset.saturating_sub(self.start)).unwrap_or(usize::MAX);
        self.bytes.get(from..from + count).ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))
    }

    fn forget(&mut self) {
        self.bytes.clear();
    }

    fn is_zero_from(&mut self, mut offset: u64) -> io::Result<bool> {
        while offset < self.length {
            let piece = self.at(offset, GROUP_BYTES_MAX)?;
            if piece.iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            offset += piece.len() as u64;
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
