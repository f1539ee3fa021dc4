//! Checking a log without trusting whoever wrote it: nothing but the folder and its `vkey`.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Duration;

use schleuse_tlog::{
    Checkpoint, Hash, LogVerifier, Policy, TILE_WIDTH, TileCoordinates, TileKind, Tree, leaf_hash,
    split_bundle, subtree_hash, tiles_of,
};

use crate::disk::{self, Disk, SystemDisk};
use crate::segment::ScanError;
use crate::tiles::{self, CHECKPOINT, COSIGNED, COSIGNED_UNFINISHED, UNFINISHED, VKEY};
use crate::wal;

/// What a whole log says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The log's name.
    pub origin: String,
    /// Entries under the signed checkpoint.
    pub sealed: u64,
    /// Entries behind them that are durable in segments but not yet in tiles.
    pub unsealed: u64,
    /// The root hash of the signed checkpoint, base64.
    pub root: String,
    /// Bytes that a house which was killed did not finish: a last group that never became durable, so that none of its
    /// entries was acknowledged, or a tile that was not in place yet. The next start removes them.
    pub torn_bytes: u64,
    /// Whether a house was writing the log meanwhile.
    pub is_live: bool,
    /// The newest cosigned checkpoint, where there is one.
    pub cosigned: Option<Cosigned>,
}

/// What witnesses have signed of a log. Its tree is the beginning of the log's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosigned {
    /// Entries under it.
    pub size: u64,
    /// Which of the witnesses that [`Trust`] names, and when, in seconds since 1970. Empty where it names none.
    pub by: Vec<(String, u64)>,
}

/// What whoever checks a log brings along instead of believing the folder.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// The log's public key; without it, the one in the folder.
    pub key: Option<LogVerifier>,
    /// The witnesses of which enough must have cosigned.
    pub witnesses: Option<Policy>,
    /// A signed checkpoint that was kept elsewhere: the log must continue it.
    pub seen: Option<String>,
}

impl Verified {
    /// All entries.
    pub fn entries(&self) -> u64 {
        self.sealed + self.unsealed
    }
}

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyError {
    /// The file, below the log's folder.
    pub file: String,
    /// The first entry that is wrong or from which on nothing can be read.
    pub entry: Option<u64>,
    pub problem: String,
}

impl VerifyError {
    pub(crate) fn file(file: &str, problem: &str) -> Self {
        Self { file: file.to_owned(), entry: None, problem: problem.to_owned() }
    }

    pub(crate) fn entry(file: &str, entry: u64, problem: &str) -> Self {
        Self { file: file.to_owned(), entry: Some(entry), problem: problem.to_owned() }
    }

    pub(crate) fn io(file: &str, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::file(file, "the file is missing"),
            _ => Self { file: file.to_owned(), entry: None, problem: format!("cannot be read: {error}") },
        }
    }
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(entry) = self.entry {
            write!(f, "entry {entry} in ")?;
        }
        write!(f, "`{}`: {}", self.file, self.problem)
    }
}

impl std::error::Error for VerifyError {}

/// Checks every byte of the log in `dir`: the key, the checkpoint's signature, every entry, every tile, every segment.
///
/// Works while a house writes. Holds 32 bytes per entry in memory.
pub fn verify(dir: &Path) -> Result<Verified, VerifyError> {
    verify_trusting(dir, &Trust::default())
}

/// The same, and that the log is the one that the checker knows: by its key, its witnesses, or an earlier checkpoint.
pub fn verify_trusting(dir: &Path, trust: &Trust) -> Result<Verified, VerifyError> {
    while_written(dir, |is_live| verify_once(&SystemDisk, dir, is_live, trust))
}

/// Runs `work`, and again if it fails while a house writes: it may have looked at two moments.
pub(crate) fn while_written<T>(
    dir: &Path,
    mut work: impl FnMut(bool) -> Result<T, VerifyError>,
) -> Result<T, VerifyError> {
    let mut attempts = 20;
    let mut last: Option<(VerifyError, u32)> = None;
    loop {
        let is_live = is_written(dir);
        let error = match work(is_live) {
            Err(error) if attempts > 0 && (is_live || is_written(dir)) => error,
            result => return result,
        };
        // A race shows another face each time; damage shows the same.
        let times = last.filter(|(before, _)| *before == error).map_or(1, |(_, times)| times + 1);
        if times == 5 {
            return Err(error);
        }
        last = Some((error, times));
        attempts -= 1;
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Whether a writer holds the folder's lock.
fn is_written(dir: &Path) -> bool {
    // The lock taken here is gone with the file at the end of the expression.
    File::open(dir)
        .is_ok_and(|folder| matches!(folder.try_lock_shared(), Err(std::fs::TryLockError::WouldBlock)))
}

pub(crate) fn verify_once(
    disk: &dyn Disk,
    dir: &Path,
    is_live: bool,
    trust: &Trust,
) -> Result<Verified, VerifyError> {
    let reader = Reader { disk, dir };
    let key = tiles::read_vkey(disk, dir)?;
    if trust.key.as_ref().is_some_and(|known| *known != key) {
        return Err(VerifyError::file(VKEY, "the log has another key than the one that was given"));
    }
    // Before the newest one, which is never behind it.
    let cosigned = tiles::read_cosigned(disk, dir, &key)?;
    let checkpoint = tiles::read_checkpoint(disk, dir, &key)?;
    let size = checkpoint.size;
    // Partial tiles and segments may go at any moment while a house writes, so they are read first.
    let mut early = BTreeMap::new();
    for tile in tiles_of(size).filter(|tile| !tile.is_full()) {
        early.insert(tile, reader.read(&tile.to_string())?);
    }
    let mut in_segments: Vec<(u64, Hash)> = Vec::new();
    let segments = wal::read_segments(disk, &dir.join("wal"), size, is_live, &mut |index, entry| {
        in_segments.push((index, leaf_hash(entry)));
        Ok::<(), ScanError>(())
    })?;
    let mut torn_bytes = segments.iter().map(|segment| segment.scan.torn_bytes).sum();
    if let (false, Ok(file)) = (is_live, disk.open(&dir.join(UNFINISHED))) {
        torn_bytes += file.length().map_err(|error| VerifyError::io(UNFINISHED, &error))?;
    }

    let mut leaves: Vec<Hash> = Vec::new();
    for tile in tiles_of(size).filter(|tile| tile.kind == TileKind::Entries) {
        let path = tile.to_string();
        let bytes = match early.get(&tile) {
            Some(bytes) => bytes.clone(),
            None => reader.read(&path)?,
        };
        let first = tile.index * TILE_WIDTH;
        let entries =
            split_bundle(&bytes).map_err(|error| VerifyError::entry(&path, first, &error.to_string()))?;
        if entries.len() as u64 != tile.width {
            return Err(VerifyError::entry(&path, first, "the bundle holds another number of entries"));
        }
        leaves.extend(entries.into_iter().map(leaf_hash));
    }
    let mut earlier = Vec::new();
    let by = match (&cosigned, &trust.witnesses) {
        (Some((_, note)), Some(policy)) => {
            let accepted = policy.clone().for_log(key.clone()).accept(note);
            accepted.map_err(|refusal| VerifyError::file(COSIGNED, &refusal.to_string()))?.cosigned
        }
        (None, Some(_)) => return Err(VerifyError::file(COSIGNED, "the file is missing")),
        (_, None) => Vec::new(),
    };
    if let Some((checkpoint, _)) = &cosigned {
        earlier.push((COSIGNED, "the cosigned", checkpoint.clone()));
    }
    if let Some(note) = &trust.seen {
        let seen = Policy::of_log(key).accept(note);
        let seen = seen.map_err(|refusal| VerifyError::file("the kept checkpoint", &refusal.to_string()))?;
        earlier.push((CHECKPOINT, "the kept", seen.checkpoint));
    }
    let continued = check_earlier(&earlier, &leaves);
    let proven = continued.as_ref().map_or_else(|error| error.entry.unwrap_or(0), |proven| *proven);
    // First what names the entry most exactly.
    check_leaves(&reader, &checkpoint, &leaves, &early, proven)?;
    continued?;

    for (index, hash) in in_segments {
        match leaves.get(usize::try_from(index).unwrap_or(usize::MAX)) {
            Some(leaf) if *leaf != hash => {
                return Err(VerifyError::entry("wal", index, "the entry differs from the one in tiles"));
            }
            Some(_) => {}
            None if index == leaves.len() as u64 => leaves.push(hash),
            None => return Err(VerifyError::entry("wal", leaves.len() as u64, "the entry is missing")),
        }
    }
    if !is_live {
        check_leftovers(&reader, size, &leaves)?;
    }
    Ok(Verified {
        origin: checkpoint.origin,
        sealed: size,
        unsealed: leaves.len() as u64 - size,
        root: checkpoint.root.to_string(),
        torn_bytes,
        is_live,
        cosigned: cosigned.map(|(checkpoint, _)| Cosigned { size: checkpoint.size, by }),
    })
}

/// That the log continues trees which others hold; up to which entry that proves it.
fn check_earlier(earlier: &[(&str, &str, Checkpoint)], leaves: &[Hash]) -> Result<u64, VerifyError> {
    let mut sorted: Vec<_> = earlier.iter().collect();
    sorted.sort_by_key(|(_, _, checkpoint)| checkpoint.size);
    let mut proven = 0;
    for (file, whose, checkpoint) in sorted {
        let begin = usize::try_from(checkpoint.size).ok().and_then(|size| leaves.get(..size));
        let Some(begin) = begin else {
            let problem =
                format!("{whose} checkpoint covers {} entries, the log holds fewer", checkpoint.size);
            return Err(VerifyError::entry(file, leaves.len() as u64, &problem));
        };
        if subtree_hash(begin) != checkpoint.root {
            let problem =
                format!("the log does not continue {whose} checkpoint: from this entry on none is proven");
            return Err(VerifyError::entry(file, proven, &problem));
        }
        proven = checkpoint.size;
    }
    Ok(proven)
}

struct Reader<'a> {
    disk: &'a dyn Disk,
    dir: &'a Path,
}

impl Reader<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, VerifyError> {
        disk::read(self.disk, &self.dir.join(path)).map_err(|error| VerifyError::io(path, &error))
    }
}

/// Compares the sealed entries with root and tiles, and finds out which of them is wrong.
fn check_leaves(
    reader: &Reader<'_>,
    checkpoint: &Checkpoint,
    leaves: &[Hash],
    early: &BTreeMap<TileCoordinates, Vec<u8>>,
    proven: u64,
) -> Result<(), VerifyError> {
    let mut tree = Tree::new();
    leaves.iter().for_each(|leaf| tree.push(*leaf, |_, _| ()));
    let is_right = tree.root() == checkpoint.root;
    let levels = levels_over(leaves);
    for tile in tiles_of(checkpoint.size) {
        let TileKind::Hashes { level } = tile.kind else { continue };
        let path = tile.to_string();
        let bytes = match early.get(&tile) {
            Some(bytes) => bytes.clone(),
            None => reader.read(&path)?,
        };
        let expected = nodes_of(&levels, level, tile.index, tile.width).unwrap_or_default();
        if bytes == tiles::tile_bytes(expected) {
            continue;
        }
        let written = tiles::parse_hashes(&bytes).unwrap_or_default();
        let at = expected.iter().zip(&written).take_while(|(a, b)| a == b).count() as u64;
        return Err(match (is_right, level) {
            // The entries give the signed root, so it is the tile that is wrong.
            (true, 0) => VerifyError::entry(&path, tile.index * TILE_WIDTH + at, "the hash is changed"),
            (true, _) => VerifyError::file(&path, "a hash is changed"),
            (false, 0) => {
                let bundle = TileCoordinates { kind: TileKind::Entries, ..tile };
                VerifyError::entry(&bundle.to_string(), tile.index * TILE_WIDTH + at, "the entry is changed")
            }
            (false, _) => VerifyError::file(&path, "the tile does not fit the entries"),
        });
    }
    if is_right {
        Ok(())
    } else {
        // Somebody has recomputed the tiles, without the key. Which entry was changed is known only as far as others have
        // signed an earlier tree.
        let problem =
            "entries and tiles agree, but the signed root is another: from this entry on none is proven";
        Err(VerifyError::entry(CHECKPOINT, proven, problem))
    }
}

/// Every file in the folder must be one that belongs there; what a cut-off round left must hold what the entries give.
fn check_leftovers(reader: &Reader<'_>, size: u64, leaves: &[Hash]) -> Result<(), VerifyError> {
    let known: std::collections::BTreeSet<String> = tiles_of(size).map(|tile| tile.to_string()).collect();
    let levels = levels_over(leaves);
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        let names = reader
            .disk
            .list(&reader.dir.join(&folder))
            .map_err(|error| VerifyError::io(if folder.is_empty() { "." } else { &folder }, &error))?;
        for (name, is_dir) in names {
            let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            if is_dir {
                folders.push(path);
                continue;
            }
            let own = [CHECKPOINT, COSIGNED, VKEY, UNFINISHED, COSIGNED_UNFINISHED];
            if own.contains(&path.as_str()) || path.starts_with("wal/") || known.contains(&path) {
                continue;
            }
            let bytes = reader.read(&path)?;
            let stray = || VerifyError::file(&path, "the file does not belong here");
            let tile = TileCoordinates::parse(&path).ok_or_else(stray)?;
            let level = match tile.kind {
                TileKind::Hashes { level } => level,
                TileKind::Entries => 0,
            };
            let expected = nodes_of(&levels, level, tile.index, tile.width).ok_or_else(stray)?;
            let fits = match tile.kind {
                TileKind::Hashes { .. } => bytes == tiles::tile_bytes(expected),
                TileKind::Entries => split_bundle(&bytes)
                    .is_ok_and(|entries| entries.into_iter().map(leaf_hash).eq(expected.iter().copied())),
            };
            if !fits {
                return Err(VerifyError::file(&path, "an outgrown tile does not fit the entries"));
            }
        }
    }
    Ok(())
}

/// The hashes at the tree's levels 0, 8, 16 and so on, complete ones only.
fn levels_over(leaves: &[Hash]) -> Vec<Vec<Hash>> {
    let width = TILE_WIDTH as usize;
    let mut levels = vec![leaves.to_vec()];
    while let Some(top) = levels.last().filter(|top| top.len() >= width) {
        let next = top.chunks_exact(width).map(subtree_hash).collect();
        levels.push(next);
    }
    levels
}

fn nodes_of(levels: &[Vec<Hash>], level: u8, index: u64, width: u64) -> Option<&[Hash]> {
    let start = usize::try_from(index.checked_mul(TILE_WIDTH)?).ok()?;
    levels.get(usize::from(level))?.get(start..start.checked_add(usize::try_from(width).ok()?)?)
}

#[cfg(test)]
mod tests;
