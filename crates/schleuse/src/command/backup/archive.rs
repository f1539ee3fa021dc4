//! The file that a backup is: a tar archive (POSIX ustar) of plain files, so that any tool can look into it, with three
//! names of its own:
//!
//! ```text
//! schleuse-backup.json   first: format, version of the program, time
//! data/…                 the files of the data folder
//! manifest.json          length, mode and SHA-256 of each file, and the folders
//! seal                   last: SHA-256 of every byte before it
//! ```
//!
//! The seal finds what broke on the way, down to a bit; it is no signature. Whoever may write a backup may write a house.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::failure::{Doing as _, Failure};

/// The newest format that this program reads, and the one that it writes.
pub(in crate::command) const FORMAT: u64 = 1;
pub(in crate::command) const HEAD: &str = "schleuse-backup.json";
pub(in crate::command) const MANIFEST: &str = "manifest.json";
/// What the names of a house's own files begin with.
pub(in crate::command) const DATA: &str = "data/";
const SEAL: &str = "seal";
const BLOCK: usize = 512;
/// Header and content of the seal, and the two empty blocks that end an archive.
pub(in crate::command) const TAIL_BYTES: u64 = 4 * BLOCK as u64;

/// What is known of a file in a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::command) struct FileRow {
    pub mode: u32,
    /// Bytes of the file; what is not stored of them are zeros.
    pub length: u64,
    pub stored: u64,
    /// Of the stored bytes, in hexadecimal digits.
    pub sha256: String,
}

/// The list of everything in a backup, by path below the data folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::command) struct Manifest {
    pub files: BTreeMap<String, FileRow>,
    /// Modes; `""` is the data folder itself.
    pub folders: BTreeMap<String, u32>,
}

impl Manifest {
    fn encode(&self) -> String {
        let files = self.files.iter().map(|(path, row)| {
            json!({ "path": path, "mode": octal(row.mode), "length": row.length, "stored": row.stored, "sha256": row.sha256 })
        });
        let folders = self.folders.iter().map(|(path, mode)| json!({ "path": path, "mode": octal(*mode) }));
        let (files, folders): (Vec<Value>, Vec<Value>) = (files.collect(), folders.collect());
        format!("{}\n", json!({ "files": files, "folders": folders }))
    }

    /// `None` for what no backup says.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(text).ok()?;
        let mut manifest = Self::default();
        for row in value.get("files")?.as_array()? {
            let row = row.as_object()?;
            let file = FileRow {
                mode: mode_of(row)?,
                length: row.get("length")?.as_u64()?,
                stored: row.get("stored")?.as_u64()?,
                sha256: row.get("sha256")?.as_str()?.to_owned(),
            };
            let is_new = manifest.files.insert(row.get("path")?.as_str()?.to_owned(), file).is_none();
            is_new.then_some(())?;
        }
        for row in value.get("folders")?.as_array()? {
            let row = row.as_object()?;
            let is_new =
                manifest.folders.insert(row.get("path")?.as_str()?.to_owned(), mode_of(row)?).is_none();
            is_new.then_some(())?;
        }
        Some(manifest)
    }
}

fn octal(mode: u32) -> String {
    format!("{mode:04o}")
}

/// Only what the nine letters of `ls` say: nothing that runs as somebody else.
fn mode_of(row: &Map<String, Value>) -> Option<u32> {
    let mode = u32::from_str_radix(row.get("mode")?.as_str()?, 8).ok()?;
    (mode <= 0o777).then_some(mode)
}

/// Writes a backup from front to end.
pub(in crate::command) struct Writer<W: Write> {
    out: Hashed<W>,
    manifest: Manifest,
}

impl<W: Write> Writer<W> {
    pub fn new(out: W, created: &str) -> Result<Self, Failure> {
        let head = json!({ "format": FORMAT, "schleuse": env!("CARGO_PKG_VERSION"), "created": created });
        let mut writer =
            Self { out: Hashed { out, hash: Sha256::new(), written: 0 }, manifest: Manifest::default() };
        let head = format!("{head}\n");
        writer.out.entry(HEAD, head.len() as u64, &mut head.as_bytes()).doing("cannot write the backup")?;
        Ok(writer)
    }

    pub fn folder(&mut self, path: &str, mode: u32) {
        self.manifest.folders.insert(path.to_owned(), mode & 0o777);
    }

    /// Stores the first `stored` bytes of `content`; the rest up to `length` are zeros and are not looked at.
    pub fn file(
        &mut self,
        path: &str,
        mode: u32,
        (length, stored): (u64, u64),
        content: &mut dyn Read,
    ) -> io::Result<()> {
        let sha256 = self.out.entry(&format!("{DATA}{path}"), stored, content)?;
        let row = FileRow { mode: mode & 0o777, length, stored, sha256 };
        match self.manifest.files.insert(path.to_owned(), row) {
            None => Ok(()),
            Some(_) => Err(io::Error::other("it is there twice")),
        }
    }

    /// Writes manifest and seal; the output, how many files there are, and bytes in all.
    pub fn finish(mut self) -> io::Result<(W, usize, u64)> {
        let manifest = self.manifest.encode();
        self.out.entry(MANIFEST, manifest.len() as u64, &mut manifest.as_bytes())?;
        let Hashed { mut out, hash, written } = self.out;
        out.write_all(&tail(hash)?)?;
        Ok((out, self.manifest.files.len(), written + TAIL_BYTES))
    }
}

/// What a backup with this content ends with, byte for byte.
pub(in crate::command) fn tail(content: Sha256) -> io::Result<Vec<u8>> {
    let seal = format!("sha256 {}\n", hex(&content.finalize()));
    let mut tail = header(SEAL, seal.len() as u64)?;
    tail.extend_from_slice(seal.as_bytes());
    tail.resize(TAIL_BYTES as usize, 0);
    Ok(tail)
}

pub(in crate::command) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The same header for the same name and length: nothing of this machine's clock and people is in it.
fn header(name: &str, length: u64) -> io::Result<Vec<u8>> {
    let mut header = tar::Header::new_ustar();
    header.set_path(name)?;
    header.set_size(length);
    header.set_mode(0o600);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header.set_entry_type(tar::EntryType::Regular);
    header.set_cksum();
    Ok(header.as_bytes().to_vec())
}

/// An output that knows the digest of everything it was given.
struct Hashed<W: Write> {
    out: W,
    hash: Sha256,
    written: u64,
}

impl<W: Write> Hashed<W> {
    /// Writes an entry with exactly `length` bytes of `content`; their SHA-256.
    fn entry(&mut self, name: &str, length: u64, content: &mut dyn Read) -> io::Result<String> {
        let header = header(name, length)?;
        self.put(&header)?;
        let mut hash = Sha256::new();
        let mut left = length;
        let mut piece = vec![0; 64 * 1024];
        while left > 0 {
            let count = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
            let read = content.read(piece.get_mut(..count).unwrap_or_default())?;
            if read == 0 {
                return Err(io::Error::other("it became shorter while it was read"));
            }
            let read = piece.get(..read).unwrap_or_default();
            hash.update(read);
            self.put(read)?;
            left -= read.len() as u64;
        }
        let padding = length.next_multiple_of(BLOCK as u64) - length;
        self.put(&vec![0; usize::try_from(padding).unwrap_or_default()])?;
        Ok(hex(&hash.finalize()))
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.hash.update(bytes);
        self.written += bytes.len() as u64;
        Ok(())
    }
}

/// The digest of the first `length` bytes of a file, from its beginning.
pub(in crate::command) fn digest_of(file: &mut File, length: u64) -> io::Result<Sha256> {
    let mut hash = Sha256::new();
    let mut content = file.take(length);
    let mut piece = vec![0; 64 * 1024];
    loop {
        match content.read(&mut piece)? {
            0 => return Ok(hash),
            read => hash.update(piece.get(..read).unwrap_or_default()),
        }
    }
}
