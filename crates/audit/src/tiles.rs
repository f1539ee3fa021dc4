//! Tiles, entry bundles and the checkpoint on disk.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use schleuse_tlog::{
    Checkpoint, Hash, LogSigner, LogVerifier, Note, TileCoordinates, TileKind, Tree, leaf_hash, push_entry,
    split_bundle, widths_at,
};

use crate::disk::{self, Disk};
use crate::{AuditError, VerifyError};

pub(crate) const CHECKPOINT: &str = "checkpoint";
pub(crate) const VKEY: &str = "vkey";
/// The newest checkpoint that enough witnesses have cosigned, with their signatures. Behind `checkpoint` by a moment; not
/// there in a log without witnesses.
pub(crate) const COSIGNED: &str = "checkpoint.cosigned";
/// As [`UNFINISHED`], for [`COSIGNED`], which another thread writes.
pub(crate) const COSIGNED_UNFINISHED: &str = ".unfinished-cosigned";
/// The one unfinished file there may be, renamed when it is whole and durable. A leftover means nothing.
pub(crate) const UNFINISHED: &str = ".unfinished";

/// The writer of tiles. Owned by one thread.
pub(crate) struct Tiles {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    signer: LogSigner,
    tree: Tree,
    /// The last, partial entry bundle.
    bundle: Vec<u8>,
}

impl Tiles {
    /// Opens the tree in `dir`, or begins one there if the folder holds none.
    pub(crate) fn open(disk: Arc<dyn Disk>, dir: &Path, signer: LogSigner) -> Result<Self, AuditError> {
        let vkey = format!("{}\n", signer.verifier());
        let listed = disk.list(dir).map_err(AuditError::io("list the audit log's folder"))?;
        let there = |name: &str| listed.iter().any(|(listed, _)| listed == name);
        let mut tiles = Self { disk, dir: dir.to_owned(), signer, tree: Tree::new(), bundle: Vec::new() };
        if there(UNFINISHED) {
            let removed = tiles.disk.remove(&dir.join(UNFINISHED));
            removed.map_err(AuditError::io("remove an unfinished file of the audit log"))?;
        }
        if !there(VKEY) {
            if there(CHECKPOINT) || there("tile") {
                return Err(VerifyError::file(VKEY, "the file is missing").into());
            }
            tiles
                .replace(VKEY, vkey.as_bytes())
                .map_err(AuditError::io("write the audit log's public key"))?;
        } else if disk::read(&*tiles.disk, &dir.join(VKEY))
            .map_err(AuditError::io("read the audit log's public key"))?
            != vkey.as_bytes()
        {
            return Err(AuditError::Key);
        }
        if !there(CHECKPOINT) {
            if there("tile") {
                return Err(VerifyError::file(CHECKPOINT, "the file is missing").into());
            }
            tiles
                .write_checkpoint(&Tree::new())
                .map_err(AuditError::io("write the audit log's checkpoint"))?;
            return Ok(tiles);
        }
        let checkpoint = read_checkpoint(&*tiles.disk, dir, &tiles.signer.verifier())?;
        tiles.load_edge(&checkpoint)?;
        tiles.prune_near(checkpoint.size).map_err(AuditError::io("remove outgrown tiles"))?;
        Ok(tiles)
    }

    pub(crate) fn size(&self) -> u64 {
        self.tree.size()
    }

    /// Adds entries to the tree: tiles and bundles first, then the checkpoint that covers them. All or nothing: after an
    /// error the old checkpoint stands, and the same entries may be given again.
    pub(crate) fn integrate(&mut self, entries: &[Vec<u8>]) -> io::Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        let old_size = self.tree.size();
        let mut tree = self.tree.clone();
        let mut bundle = self.bundle.clone();
        let mut files: Vec<(TileCoordinates, Vec<u8>)> = Vec::new();
        for entry in entries {
            push_entry(&mut bundle, entry).map_err(io::Error::other)?;
            tree.push(leaf_hash(entry), |tile, hashes| files.push((tile, tile_bytes(hashes))));
            if tree.size().is_multiple_of(schleuse_tlog::TILE_WIDTH) {
                let index = tree.size() / schleuse_tlog::TILE_WIDTH - 1;
                let tile =
                    TileCoordinates { kind: TileKind::Entries, index, width: schleuse_tlog::TILE_WIDTH };
                files.push((tile, std::mem::take(&mut bundle)));
            }
        }
        for level in 0..8 {
            let (index, width) = widths_at(level, tree.size());
            if width > 0 && widths_at(level, old_size) != (index, width) {
                let tile = TileCoordinates { kind: TileKind::Hashes { level }, index, width };
                files.push((tile, tile_bytes(tree.edge(level))));
            }
        }
        if !bundle.is_empty() {
            let (index, width) = widths_at(0, tree.size());
            files.push((TileCoordinates { kind: TileKind::Entries, index, width }, bundle.clone()));
        }
        let mut folders = BTreeSet::new();
        for (tile, bytes) in &files {
            let path = tile.to_string();
            self.create_folders(&path, &mut folders)?;
            self.write_unfinished(bytes)?;
            self.disk.rename(&self.dir.join(UNFINISHED), &self.dir.join(&path))?;
        }
        for folder in &folders {
            self.disk.sync_dir(&self.dir.join(folder))?;
        }
        self.write_checkpoint(&tree)?;
        self.tree = tree;
        self.bundle = bundle;
        // The entries are in. Outgrown files do no harm, and the next open removes them.
        if let Err(error) = self.prune(old_size, self.tree.size()) {
            tracing::warn!(%error, "cannot remove outgrown tiles");
        }
        Ok(())
    }

    fn write_checkpoint(&self, tree: &Tree) -> io::Result<()> {
        let checkpoint =
            Checkpoint { origin: self.signer.name().to_owned(), size: tree.size(), root: tree.root() };
        let note = self.signer.sign(&checkpoint.to_string()).map_err(io::Error::other)?;
        self.replace(CHECKPOINT, note.as_bytes())
    }

    /// Puts a whole, durable file in place of another in the log's own folder.
    fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.write_unfinished(bytes)?;
        self.disk.rename(&self.dir.join(UNFINISHED), &self.dir.join(name))?;
        self.disk.sync_dir(&self.dir)
    }

    fn write_unfinished(&self, bytes: &[u8]) -> io::Result<()> {
        let file = self.disk.create(&self.dir.join(UNFINISHED))?;
        file.write_at(0, bytes)?;
        file.sync()
    }

    /// Makes the folders above `path` and notes every folder whose names change.
    fn create_folders(&self, path: &str, folders: &mut BTreeSet<String>) -> io::Result<()> {
        let Some((parent, _)) = path.rsplit_once('/') else { return Ok(()) };
        if !folders.insert(parent.to_owned()) {
            return Ok(());
        }
        let mut above = String::new();
        for part in parent.split('/') {
            folders.insert(above.clone());
            if !above.is_empty() {
                above.push('/');
            }
            above.push_str(part);
            self.disk.create_dir(&self.dir.join(&above))?;
        }
        Ok(())
    }

    fn load_edge(&mut self, checkpoint: &Checkpoint) -> Result<(), AuditError> {
        let mut edge = Vec::new();
        for level in 0..8 {
            let (index, width) = widths_at(level, checkpoint.size);
            let mut hashes = Vec::new();
            if width > 0 {
                let tile = TileCoordinates { kind: TileKind::Hashes { level }, index, width };
                hashes = self.read_hashes(tile)?;
            }
            edge.push(hashes);
        }
        let tree = Tree::from_edge(checkpoint.size, edge).filter(|tree| tree.root() == checkpoint.root);
        self.tree = tree
            .ok_or_else(|| VerifyError::file("tile", "the last tiles do not give the checkpoint's root"))?;
        let (index, width) = widths_at(0, checkpoint.size);
        if width > 0 {
            let tile = TileCoordinates { kind: TileKind::Entries, index, width };
            let path = tile.to_string();
            self.bundle = self.read(&path)?;
            let entries =
                split_bundle(&self.bundle).map_err(|error| VerifyError::file(&path, &error.to_string()))?;
            if !entries.iter().map(|entry| leaf_hash(entry)).eq(self.tree.edge(0).iter().copied()) {
                return Err(
                    VerifyError::file(&path, "the last entries do not have the recorded hashes").into()
                );
            }
        }
        Ok(())
    }

    fn read_hashes(&self, tile: TileCoordinates) -> Result<Vec<Hash>, AuditError> {
        let path = tile.to_string();
        parse_hashes(&self.read(&path)?)
            .ok_or_else(|| VerifyError::file(&path, "the tile's length is changed").into())
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, VerifyError> {
        disk::read(&*self.disk, &self.dir.join(path)).map_err(|error| VerifyError::io(path, &error))
    }

    /// Removes the partial tiles that growing from `old_size` to `new_size` has outgrown.
    fn prune(&self, old_size: u64, new_size: u64) -> io::Result<()> {
        for (kind, level) in kinds() {
            let (index, width) = widths_at(level, old_size);
            if width > 0 && widths_at(level, new_size) != (index, width) {
                self.prune_tile(kind, index, new_size)?;
            }
        }
        Ok(())
    }

    /// Removes what a round that was cut off may have left: partial tiles within a thousand of the edge.
    fn prune_near(&self, size: u64) -> io::Result<()> {
        for (kind, level) in kinds() {
            let last = widths_at(level, size).0;
            for block in [last.checked_sub(1000), Some(last)].into_iter().flatten() {
                let tile = TileCoordinates { kind, index: block, width: 1 };
                let path = tile.to_string();
                let folder = path.trim_end_matches("/1").rsplit_once('/').map_or("", |(folder, _)| folder);
                for (name, is_dir) in self.disk.list(&self.dir.join(folder))? {
                    let number = name.strip_suffix(".p").and_then(|number| number.parse::<u64>().ok());
                    if let (true, Some(number)) = (is_dir, number) {
                        self.prune_tile(kind, block / 1000 * 1000 + number, size)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Removes all partial forms of one tile except the one that belongs to a tree of `size`.
    fn prune_tile(&self, kind: TileKind, index: u64, size: u64) -> io::Result<()> {
        let level = match kind {
            TileKind::Hashes { level } => level,
            TileKind::Entries => 0,
        };
        let (full, width) = widths_at(level, size);
        let kept = (index == full && width > 0).then(|| width.to_string());
        let path = TileCoordinates { kind, index, width: 1 }.to_string();
        let folder = self.dir.join(path.trim_end_matches("/1"));
        let mut is_empty = true;
        let mut has_changed = false;
        for (name, _) in self.disk.list(&folder)? {
            if Some(&name) == kept.as_ref() {
                is_empty = false;
            } else {
                self.disk.remove(&folder.join(name))?;
                has_changed = true;
            }
        }
        if is_empty && has_changed {
            self.disk.remove_dir(&folder)?;
        }
        Ok(())
    }
}

/// The bytes of a tile of hashes.
pub(crate) fn tile_bytes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

/// The hashes in a tile's bytes; `None` when the length is no multiple of 32.
pub(crate) fn parse_hashes(bytes: &[u8]) -> Option<Vec<Hash>> {
    let hashes = bytes.chunks(Hash::BYTES).map(|chunk| chunk.try_into().ok().map(Hash));
    hashes.collect()
}

/// The public key in a log's folder.
pub(crate) fn read_vkey(disk: &dyn Disk, dir: &Path) -> Result<LogVerifier, VerifyError> {
    let bytes = disk::read(disk, &dir.join(VKEY)).map_err(|error| VerifyError::io(VKEY, &error))?;
    let text = std::str::from_utf8(&bytes).ok().and_then(|text| text.strip_suffix('\n'));
    let text = text.ok_or_else(|| VerifyError::file(VKEY, "not a verifier key"))?;
    LogVerifier::parse(text).map_err(|error| VerifyError::file(VKEY, &error.to_string()))
}

/// The checkpoint in a log's folder, its signature checked.
pub(crate) fn read_checkpoint(
    disk: &dyn Disk,
    dir: &Path,
    key: &LogVerifier,
) -> Result<Checkpoint, VerifyError> {
    read_signed_checkpoint(disk, dir, key).map(|(checkpoint, _)| checkpoint)
}

/// The same with the signed note in which it stands.
pub(crate) fn read_signed_checkpoint(
    disk: &dyn Disk,
    dir: &Path,
    key: &LogVerifier,
) -> Result<(Checkpoint, String), VerifyError> {
    let bytes =
        disk::read(disk, &dir.join(CHECKPOINT)).map_err(|error| VerifyError::io(CHECKPOINT, &error))?;
    let (checkpoint, note) = parse_signed_checkpoint(&bytes, key, CHECKPOINT)?;
    // A line of an unknown key could be changed without anybody noticing, so there must be none.
    if Note::parse(&note).is_ok_and(|note| note.signatures.len() == 1) {
        Ok((checkpoint, note))
    } else {
        Err(VerifyError::file(CHECKPOINT, "more than one signature"))
    }
}

/// The newest cosigned checkpoint, the log's own signature checked; `None` where there is none.
pub(crate) fn read_cosigned(
    disk: &dyn Disk,
    dir: &Path,
    key: &LogVerifier,
) -> Result<Option<(Checkpoint, String)>, VerifyError> {
    match disk::read(disk, &dir.join(COSIGNED)) {
        Ok(bytes) => parse_signed_checkpoint(&bytes, key, COSIGNED).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(VerifyError::io(COSIGNED, &error)),
    }
}

fn parse_signed_checkpoint(
    bytes: &[u8],
    key: &LogVerifier,
    file: &str,
) -> Result<(Checkpoint, String), VerifyError> {
    let wrong = |what: &str| VerifyError::file(file, what);
    let text = std::str::from_utf8(bytes).map_err(|_| wrong("not a signed note"))?;
    let note = Note::parse(text).map_err(|error| wrong(&error.to_string()))?;
    key.verify(&note).map_err(|error| wrong(&error.to_string()))?;
    let checkpoint = Checkpoint::parse(note.text).map_err(|error| wrong(&error.to_string()))?;
    if checkpoint.origin == key.name() {
        Ok((checkpoint, text.to_owned()))
    } else {
        Err(wrong("the origin is not the key's name"))
    }
}

fn kinds() -> impl Iterator<Item = (TileKind, u8)> {
    std::iter::once((TileKind::Entries, 0)).chain((0..8).map(|level| (TileKind::Hashes { level }, level)))
}
