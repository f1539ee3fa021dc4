//! Reading the log while it is written: pages from the newest entry backwards, single entries, proofs.

use std::path::{Path, PathBuf};

use memchr::memmem;
use schleuse_tlog::{
    Checkpoint, Hash, ProofFile, TILE_WIDTH, TileCoordinates, TileKind, leaf_hash, prove_consistency,
    prove_inclusion, split_bundle, subtree_hash, verify_inclusion, widths_at,
};
use schleuse_types::Timestamp;
use serde_json::{Map, Value};

use crate::disk::{self, SystemDisk};
use crate::segment::ScanError;
use crate::tiles;
use crate::verify::while_written;
use crate::{ExportError, Format, Log, Verified, VerifyError, wal};

/// Entries on one page at most.
const PAGE_ENTRIES_MAX: usize = 1000;
/// Entries that one call looks at; what lies beyond is reached with the page's cursor. About 15 MB of ordinary ones.
const SCAN_ENTRIES_MAX: u64 = 20_480;
/// How often an index may be looked for anew because its file was outgrown meanwhile.
const ATTEMPTS: u32 = 20;
/// How far a request's entries may lie before the time in its id, in milliseconds: the log takes entries of clocks that
/// are up to ten seconds apart.
const CLOCK_SLACK_MS: u64 = 11_000;

/// Reads the log in a folder. Blocks on the disk; holds one bundle of 256 entries and one page in memory, however long the
/// log is.
///
/// Entries come as they were recorded. They are not hashed again here: [`Reader::prove`] does that for one,
/// [`crate::verify()`] for all.
#[derive(Debug, Clone)]
pub struct Reader {
    dir: PathBuf,
    /// The open log, which has in memory what is not in tiles yet; without it that is read from the segments.
    log: Option<Log>,
}

/// One entry of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub index: u64,
    /// The canonical bytes: a JSON object.
    pub bytes: Vec<u8>,
}

impl Entry {
    /// Its members; empty should the bytes be no JSON object.
    pub fn members(&self) -> Map<String, Value> {
        members(&self.bytes)
    }
}

/// Some of what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Newest first.
    pub entries: Vec<Entry>,
    /// Everything from this index on was looked at; `None` when nothing is left before it. Entries may follow even when
    /// this page is not full, or empty: one call looks at a bounded number.
    pub next: Option<u64>,
}

/// A checkpoint as it lies in the folder, the log's signature checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    pub origin: String,
    pub size: u64,
    pub root: Hash,
    /// The signed note, whole (C2SP tlog-checkpoint).
    pub note: String,
    /// The public key that signed it, as in the file `vkey`.
    pub vkey: String,
}

/// That an entry is in the tree under a checkpoint (RFC 9162 section 2.1.3). Checked before it is given out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InclusionProof {
    pub entry: Entry,
    pub leaf_hash: Hash,
    /// The audit path, nearest sibling first.
    pub path: Vec<Hash>,
    pub checkpoint: SignedCheckpoint,
}

impl InclusionProof {
    /// The same as a file that speaks for itself: with the entry as its extra data.
    pub fn to_file(&self) -> ProofFile {
        ProofFile {
            extra: Some(self.entry.bytes.clone()),
            index: self.entry.index,
            path: self.path.clone(),
            checkpoint: self.checkpoint.note.clone(),
        }
    }
}

/// Which entries are wanted. What is `None` does not matter; all that is given must fit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// As it stands in the log: a pseudonym, where the house keeps pseudonyms.
    pub user: Option<String>,
    pub action: Option<String>,
    /// A level, with any compartments, or a whole label.
    pub label: Option<String>,
    pub route: Option<String>,
    pub model: Option<String>,
    pub request_id: Option<String>,
    pub event: Option<String>,
    pub code: Option<String>,
    /// Among the rules that decided.
    pub rule: Option<String>,
}

impl Filter {
    /// Whether the entry with these canonical bytes is wanted.
    pub fn matches(&self, entry: &[u8]) -> bool {
        let wanted = self.wanted();
        // An entry that does not hold the text anywhere need not be parsed.
        if wanted.is_empty() {
            return true;
        }
        let holds = |text: &str| {
            let written = Value::from(text).to_string();
            let written = written.trim_matches('"').as_bytes();
            memmem::find(entry, written).is_some()
        };
        if !wanted.iter().all(|(_, text)| holds(text)) {
            return false;
        }
        let members = members(entry);
        wanted.into_iter().all(|(name, text)| match members.get(name) {
            Some(Value::String(value)) => value == text || name == "label" && level_of(value) == Some(text),
            Some(Value::Array(values)) => values.iter().any(|value| value.as_str() == Some(text)),
            _ => false,
        })
    }

    fn wanted(&self) -> Vec<(&'static str, &str)> {
        let all = [
            ("user", &self.user),
            ("action", &self.action),
            ("label", &self.label),
            ("route", &self.route),
            ("model", &self.model),
            ("request_id", &self.request_id),
            ("event", &self.event),
            ("code", &self.code),
            ("rules", &self.rule),
        ];
        all.into_iter().filter_map(|(name, text)| Some((name, text.as_deref()?))).collect()
    }
}

/// The level of a label with compartments.
fn level_of(label: &str) -> Option<&str> {
    label.split_once("//").map(|(level, _)| level)
}

impl Reader {
    /// Reads the log in `dir`, whoever writes it.
    pub fn open(dir: &Path) -> Result<Self, VerifyError> {
        let reader = Self { dir: dir.to_owned(), log: None };
        reader.checkpoint()?;
        Ok(reader)
    }

    pub(crate) fn beside(dir: PathBuf, log: Log) -> Self {
        Self { dir, log: Some(log) }
    }

    /// How many entries there are.
    pub fn size(&self) -> Result<u64, VerifyError> {
        Ok(self.tail()?.end())
    }

    /// The newest entries that fit, at most `limit` of them (and at most 1000), all before index `before`.
    pub fn newest(&self, filter: &Filter, before: Option<u64>, limit: usize) -> Result<Page, VerifyError> {
        self.newest_of(before, limit, &mut |entry| filter.matches(&entry.bytes))
    }

    /// [`Self::newest`] for whatever `is_wanted` says.
    pub fn newest_of(
        &self,
        before: Option<u64>,
        limit: usize,
        is_wanted: &mut dyn FnMut(&Entry) -> bool,
    ) -> Result<Page, VerifyError> {
        let tail = self.tail()?;
        let limit = limit.clamp(1, PAGE_ENTRIES_MAX);
        let mut high = before.unwrap_or(u64::MAX).min(tail.end());
        let stop = high.saturating_sub(SCAN_ENTRIES_MAX);
        let mut entries = Vec::new();
        while high > stop {
            let low = ((high - 1) / TILE_WIDTH * TILE_WIDTH).max(stop);
            let mut chunk = self.chunk(&tail, low, high)?;
            while let Some(entry) = chunk.pop() {
                high = entry.index;
                if is_wanted(&entry) {
                    entries.push(entry);
                    if entries.len() == limit {
                        return Ok(Page { entries, next: (high > 0).then_some(high) });
                    }
                }
            }
        }
        Ok(Page { entries, next: (high > 0).then_some(high) })
    }

    /// The entries of a range, oldest first: at most 1000, fewer at the end of the log.
    pub fn entries(&self, range: std::ops::Range<u64>) -> Result<Vec<Entry>, VerifyError> {
        let tail = self.tail()?;
        let end = range.end.min(tail.end()).min(range.start.saturating_add(PAGE_ENTRIES_MAX as u64));
        let mut entries = Vec::new();
        let mut low = range.start;
        while low < end {
            let high = ((low / TILE_WIDTH + 1) * TILE_WIDTH).min(end);
            entries.extend(self.chunk(&tail, low, high)?);
            low = high;
        }
        Ok(entries)
    }

    /// One entry; `None` when the log is not that long.
    pub fn entry(&self, index: u64) -> Result<Option<Entry>, VerifyError> {
        Ok(self.entries(index..index.saturating_add(1))?.pop())
    }

    /// The entries of the request with this id, oldest first; none when there is no such request, or it is no id. Finds the
    /// place by the time in the id and looks on from there, at most 20,480 entries far or until the request is over.
    pub fn of_request(&self, id: &str) -> Result<Vec<Entry>, VerifyError> {
        let Some(began) = milliseconds_of(id) else { return Ok(Vec::new()) };
        let tail = self.tail()?;
        let from = began.saturating_sub(CLOCK_SLACK_MS);
        let mut low = self.first_since(&tail, from)?;
        let end = tail.end().min(low.saturating_add(SCAN_ENTRIES_MAX));
        let filter = Filter { request_id: Some(id.to_string()), ..Filter::default() };
        let mut found = Vec::new();
        while low < end {
            let high = ((low / TILE_WIDTH + 1) * TILE_WIDTH).min(end);
            for entry in self.chunk(&tail, low, high)? {
                if !filter.matches(&entry.bytes) {
                    continue;
                }
                let members = entry.members();
                let event = members.get("event").and_then(Value::as_str);
                let is_last = matches!(event, Some("llm.complete" | "llm.refuse"));
                found.push(entry);
                if is_last {
                    return Ok(found);
                }
            }
            low = high;
        }
        Ok(found)
    }

    /// The newest checkpoint. Entries behind it get one within about a second.
    pub fn checkpoint(&self) -> Result<SignedCheckpoint, VerifyError> {
        self.patiently(|| {
            let key = tiles::read_vkey(&SystemDisk, &self.dir)?;
            let (checkpoint, note) = tiles::read_signed_checkpoint(&SystemDisk, &self.dir, &key)?;
            let Checkpoint { origin, size, root } = checkpoint;
            Ok(SignedCheckpoint { origin, size, root, note, vkey: key.to_string() })
        })
    }

    /// The newest checkpoint that enough witnesses have cosigned, with their signatures, which are not checked here; `None`
    /// in a log that has none.
    pub fn cosigned_checkpoint(&self) -> Result<Option<SignedCheckpoint>, VerifyError> {
        self.patiently(|| {
            let key = tiles::read_vkey(&SystemDisk, &self.dir)?;
            let cosigned = tiles::read_cosigned(&SystemDisk, &self.dir, &key)?;
            Ok(cosigned.map(|(Checkpoint { origin, size, root }, note)| SignedCheckpoint {
                origin,
                size,
                root,
                note,
                vkey: key.to_string(),
            }))
        })
    }

    /// Proves that an entry is in the tree: under the newest cosigned checkpoint if that covers it, else under the newest
    /// one. `None` when no checkpoint covers it (yet).
    pub fn prove(&self, index: u64) -> Result<Option<InclusionProof>, VerifyError> {
        self.patiently(|| {
            // The cosigned one first, so that it is never ahead of the other.
            let cosigned = self.cosigned_checkpoint()?;
            let newest = self.checkpoint()?;
            let held = newest.size;
            let checkpoint = match cosigned {
                Some(cosigned) if cosigned.size > held => {
                    return Err(VerifyError::file(tiles::COSIGNED, "it covers more than the log holds"));
                }
                Some(cosigned) if index < cosigned.size => cosigned,
                _ => newest,
            };
            if index >= checkpoint.size {
                return Ok(None);
            }
            let mut node = |level, place| self.node(held, level, place);
            let path = ask_nodes(&mut node, |node| prove_inclusion(index, checkpoint.size, node))?;
            let entry = self.bundle(held, index, index + 1)?.pop();
            let entry = entry.ok_or_else(|| VerifyError::file("tile", "the entry is missing"))?;
            let leaf_hash = leaf_hash(&entry.bytes);
            if !verify_inclusion(&path, index, &leaf_hash, checkpoint.size, &checkpoint.root) {
                return Err(VerifyError::entry("tile", index, "the entry is not under the signed root"));
            }
            Ok(Some(InclusionProof { entry, leaf_hash, path, checkpoint }))
        })
    }

    /// Proves that the tree under the newest checkpoint begins with the one of `old` entries; `old` at least 1. `None`
    /// when the log is shorter than that.
    pub(crate) fn continuation(
        &self,
        old: u64,
        checkpoint: &SignedCheckpoint,
    ) -> Result<Option<Vec<Hash>>, VerifyError> {
        if old == 0 || old > checkpoint.size {
            return Ok(None);
        }
        self.patiently(|| {
            let held = self.checkpoint()?.size;
            let mut node = |level, place| self.node(held, level, place);
            ask_nodes(&mut node, |node| prove_consistency(old, checkpoint.size, node)).map(Some)
        })
    }

    /// Checks every byte of the log; see [`crate::verify()`]. Holds 32 bytes per entry in memory.
    pub fn verify(&self) -> Result<Verified, VerifyError> {
        crate::verify(&self.dir)
    }

    /// Writes every entry as a line; see [`crate::export()`].
    pub fn export(&self, format: Format, out: &mut dyn std::io::Write) -> Result<u64, ExportError> {
        crate::export(&self.dir, format, out)
    }

    /// Repeats what failed because a house moved files meanwhile.
    fn patiently<T>(&self, mut work: impl FnMut() -> Result<T, VerifyError>) -> Result<T, VerifyError> {
        while_written(&self.dir, |_| work())
    }

    /// What is not in tiles yet, as far as it must be known before reading.
    fn tail(&self) -> Result<Tail, VerifyError> {
        match &self.log {
            Some(log) => Ok(Tail::Memory { end: log.size() }),
            None => while_written(&self.dir, |is_live| {
                let sealed = self.sealed()?;
                let mut entries = Vec::new();
                let visit = &mut |index, entry: &[u8]| {
                    if index >= sealed {
                        entries.push(Entry { index, bytes: entry.to_vec() });
                    }
                    Ok::<(), ScanError>(())
                };
                wal::read_segments(&SystemDisk, &self.dir.join("wal"), sealed, is_live, visit)?;
                Ok(Tail::Read { sealed, entries })
            }),
        }
    }

    fn sealed(&self) -> Result<u64, VerifyError> {
        let key = tiles::read_vkey(&SystemDisk, &self.dir)?;
        Ok(tiles::read_checkpoint(&SystemDisk, &self.dir, &key)?.size)
    }

    /// The entries from `low` to `high`, which lie in one bundle and all exist.
    fn chunk(&self, tail: &Tail, low: u64, high: u64) -> Result<Vec<Entry>, VerifyError> {
        let behind = match (tail, &self.log) {
            (Tail::Read { sealed, entries }, _) => {
                let skipped = usize::try_from(low.saturating_sub(*sealed)).unwrap_or(usize::MAX);
                let count = usize::try_from(high.saturating_sub(low.max(*sealed))).unwrap_or(usize::MAX);
                entries.iter().skip(skipped).take(count).cloned().collect()
            }
            (Tail::Memory { .. }, Some(log)) => log.unsealed(low, high),
            (Tail::Memory { .. }, None) => Vec::new(),
        };
        let in_tiles = behind.first().map_or(high, |entry| entry.index);
        let mut entries = if low < in_tiles { self.sealed_entries(low, in_tiles)? } else { Vec::new() };
        entries.extend(behind);
        Ok(entries)
    }

    /// Entries of one bundle that are under the checkpoint, whose last bundle is renamed as it grows.
    fn sealed_entries(&self, low: u64, high: u64) -> Result<Vec<Entry>, VerifyError> {
        let last = TileCoordinates { kind: TileKind::Entries, index: low / TILE_WIDTH, width: TILE_WIDTH };
        // A full bundle never changes again, so nothing else need be known of the log.
        if let Ok(bytes) = disk::read(&SystemDisk, &self.dir.join(last.to_string())) {
            return entries_of(last, &bytes, low, high);
        }
        let mut attempts = ATTEMPTS;
        loop {
            match self.sealed().and_then(|size| self.bundle(size, low, high)) {
                Err(_) if attempts > 0 => attempts -= 1,
                result => return result,
            }
        }
    }

    fn bundle(&self, size: u64, low: u64, high: u64) -> Result<Vec<Entry>, VerifyError> {
        let tile = tile_at(TileKind::Entries, 0, low / TILE_WIDTH, size);
        entries_of(tile, &self.read(tile)?, low, high)
    }

    /// The hash over the `2^level` leaves from `place * 2^level` on, in a tree of `size`.
    fn node(&self, size: u64, level: u32, place: u64) -> Result<Hash, VerifyError> {
        let (tile_level, height) = (u8::try_from(level / 8).unwrap_or(u8::MAX), level % 8);
        let first = place << height;
        let tile = tile_at(TileKind::Hashes { level: tile_level }, tile_level, first / TILE_WIDTH, size);
        let hashes = tiles::parse_hashes(&self.read(tile)?);
        let start = usize::try_from(first % TILE_WIDTH).unwrap_or(usize::MAX);
        let nodes = hashes.as_deref().and_then(|hashes| hashes.get(start..start.checked_add(1 << height)?));
        let nodes =
            nodes.ok_or_else(|| VerifyError::file(&tile.to_string(), "the tile's length is changed"))?;
        Ok(subtree_hash(nodes))
    }

    fn read(&self, tile: TileCoordinates) -> Result<Vec<u8>, VerifyError> {
        let path = tile.to_string();
        disk::read(&SystemDisk, &self.dir.join(&path)).map_err(|error| VerifyError::io(&path, &error))
    }

    /// The first entry of the bundle in which entries since `milliseconds` begin.
    fn first_since(&self, tail: &Tail, milliseconds: u64) -> Result<u64, VerifyError> {
        let wanted = Timestamp(milliseconds.saturating_mul(1000)).to_string();
        // The first bundle whose first entry is as late as that; the one before may hold the beginning.
        let (mut low, mut high) = (0, tail.end().div_ceil(TILE_WIDTH));
        while low < high {
            let middle = low + (high - low) / 2;
            let index = middle * TILE_WIDTH;
            let first = self.chunk(tail, index, index + 1)?;
            let members = first.first().map(Entry::members).unwrap_or_default();
            let time = members.get("timestamp").and_then(Value::as_str).unwrap_or_default();
            if time < wanted.as_str() { low = middle + 1 } else { high = middle }
        }
        Ok(low.saturating_sub(1) * TILE_WIDTH)
    }
}

/// Lets a prover ask for nodes that may be unreadable.
fn ask_nodes(
    node: &mut dyn FnMut(u32, u64) -> Result<Hash, VerifyError>,
    prove: impl FnOnce(&mut dyn FnMut(u32, u64) -> Option<Hash>) -> Option<Vec<Hash>>,
) -> Result<Vec<Hash>, VerifyError> {
    let mut problem = None;
    let path = prove(&mut |level, place| match node(level, place) {
        Ok(node) => Some(node),
        Err(error) => {
            problem = Some(error);
            None
        }
    });
    path.ok_or_else(|| problem.unwrap_or_else(|| VerifyError::file("tile", "a node is missing")))
}

/// What was known of the entries behind the tiles when a call began.
enum Tail {
    /// In the memory of the open log.
    Memory { end: u64 },
    /// Read from the segments.
    Read { sealed: u64, entries: Vec<Entry> },
}

impl Tail {
    fn end(&self) -> u64 {
        match self {
            Self::Memory { end } => *end,
            Self::Read { sealed, entries } => sealed + entries.len() as u64,
        }
    }
}

/// The tile with this index in a tree of `size`: full, or as wide as that tree has it.
fn tile_at(kind: TileKind, level: u8, index: u64, size: u64) -> TileCoordinates {
    let (full, partial) = widths_at(level, size);
    let width = if index < full { TILE_WIDTH } else { partial };
    TileCoordinates { kind, index, width }
}

fn entries_of(tile: TileCoordinates, bytes: &[u8], low: u64, high: u64) -> Result<Vec<Entry>, VerifyError> {
    let path = tile.to_string();
    let first = tile.index * TILE_WIDTH;
    let entries =
        split_bundle(bytes).map_err(|error| VerifyError::entry(&path, first, &error.to_string()))?;
    let wanted = (first..).zip(entries).filter(|(index, _)| (low..high).contains(index));
    let wanted: Vec<_> = wanted.map(|(index, bytes)| Entry { index, bytes: bytes.to_vec() }).collect();
    if wanted.len() as u64 == high - low {
        Ok(wanted)
    } else {
        Err(VerifyError::entry(&path, low, "the entry is missing"))
    }
}

/// When a request began: the time in its ULID, in milliseconds since 1970; `None` when the text is no ULID.
fn milliseconds_of(id: &str) -> Option<u64> {
    const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let digits = id.bytes().map(|digit| ALPHABET.iter().position(|known| *known == digit));
    let digits: Vec<usize> = digits.collect::<Option<_>>()?;
    let time = digits.iter().take(10).fold(0_u64, |time, digit| time << 5 | *digit as u64);
    (digits.len() == 26 && time < 1 << 48).then_some(time)
}

fn members(entry: &[u8]) -> Map<String, Value> {
    match serde_json::from_slice(entry) {
        Ok(Value::Object(members)) => members,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests;
