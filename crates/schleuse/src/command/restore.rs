//! `schleuse restore`: a data folder out of a backup. Everything is checked before anything is put in place.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{
    DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, lchown,
};
use std::path::{Component, Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use schleuse_audit::{Event, Log, Options, Record};
use schleuse_store::Store;
use schleuse_types::{Clock as _, OsRandom, Outcome, SystemClock};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::Restore;
use super::backup::archive::{DATA, FORMAT, HEAD, MANIFEST, Manifest, TAIL_BYTES, digest_of, hex, tail};
use crate::data::{DataFolder, SecretName};
use crate::failure::{Doing as _, Failure};

/// What it exits with when everything is in place, but the log in it was not intact.
const EXIT_WRONG: u8 = 4;
const HEAD_BYTES_MAX: u64 = 64 * 1024;
/// A house with ten million entries has forty thousand tiles, and one of them a line of 200 bytes.
const MANIFEST_BYTES_MAX: u64 = 1 << 30;
/// What the zeros behind a segment may add.
const SEGMENT_BYTES_MAX: u64 = 4096 << 20;

pub(super) fn run(arguments: &Restore) -> Result<ExitCode, Failure> {
    let target = check_target(&arguments.data)?;
    let mut file = File::open(&arguments.from)
        .map_err(|error| Failure::usage(format!("cannot read `{}`: {error}", arguments.from.display())))?;
    let created = check_whole(&mut file).map_err(|broken| broken.at(&arguments.from))?;

    let staging = stage(&target)?;
    let restored = fill(&mut file, &staging, &arguments.from).and_then(|restored| {
        put_in_place(&staging, &target)?;
        Ok(restored)
    });
    let _ = fs::remove_dir_all(&staging);
    let restored = restored?;

    let shown = arguments.data.display();
    println!(
        "{shown} is restored from a backup of {created}: {} files, every digest is right.",
        restored.files
    );
    if let Some(store) = restored.store {
        println!(
            "Store: {} people, {} keys; {} sessions were ended, everybody signs in again.",
            store.people, store.keys, store.ended
        );
    }
    let code = finish_log(&target, &created);
    hand_over(&target)?;
    let code = code?;
    println!("What happened after {created} is not in it. Before people come in again:");
    println!("  revoke once more the keys, and block the people, whose right has ended since;");
    println!(
        "  keep the audit log of the lost folder if it can still be read: it is the proof of what came later;"
    );
    println!(
        "  a checkpoint that was handed out since is larger than this log, and will rightly not fit its future."
    );
    Ok(code)
}

/// Verifies the log, says what was found, and has the log itself tell of the restore: whoever reads it later, or holds a
/// checkpoint that does not fit it, finds the reason in it.
fn finish_log(target: &Path, created: &str) -> Result<ExitCode, Failure> {
    let audit = target.join("audit");
    if !audit.join("checkpoint").exists() {
        println!("Audit log: none in this backup.");
        return Ok(ExitCode::SUCCESS);
    }
    let verified = match schleuse_audit::verify(&audit) {
        Ok(verified) => verified,
        Err(error) => {
            eprintln!(
                "schleuse: the folder is restored, but its audit log was not intact when it was backed up: {error}"
            );
            return Ok(ExitCode::from(EXIT_WRONG));
        }
    };
    println!(
        "Audit log: intact, {} entries, {} of them under the signed checkpoint with root {}.",
        verified.entries(),
        verified.sealed,
        verified.root
    );
    let data = DataFolder::existing(target)?;
    let index = super::runtime()?.block_on(note_restore(&data, &verified.origin, created))?;
    println!("Entry {index} of it, the newest, says that it was restored.");
    Ok(ExitCode::SUCCESS)
}

/// Records the restore as the first entry that is new; its index.
async fn note_restore(data: &DataFolder, origin: &str, created: &str) -> Result<u64, Failure> {
    let doing = "the folder is restored, but its audit log cannot be continued";
    if !data.path().join("secrets").join(SecretName::AuditSigning.file()).exists() {
        return Err(Failure::new(format!("{doing}: the key that signs it was not in the backup")));
    }
    let (seed, clock) = (data.secret(SecretName::AuditSigning)?, Arc::new(SystemClock::new()));
    let mut options = Options::new(data.audit(), origin.to_owned(), seed, clock, Arc::new(OsRandom));
    // For one entry; the house makes its own again.
    options.segment_bytes = 64 * 1024;
    let (log, _) = Log::open(options).doing(doing)?;
    let record = Record {
        action: Some(Outcome::Allowed),
        source: Some(format!("backup of {created}")),
        ..Record::new(Event::Other("house.restore"))
    };
    let index = log.append(record).await.doing(doing);
    log.close().await.doing(doing)?;
    index
}

/// What root restores belongs to whoever has the folder above, who is to run the house.
fn hand_over(target: &Path) -> Result<(), Failure> {
    if !nix::unistd::Uid::effective().is_root() {
        return Ok(());
    }
    let above = target.parent().unwrap_or(Path::new("/"));
    let doing = || format!("cannot give `{}` to the owner of the folder above", target.display());
    let owner = fs::metadata(above).doing(doing())?;
    let mut left = vec![target.to_owned()];
    while let Some(path) = left.pop() {
        lchown(&path, Some(owner.uid()), Some(owner.gid())).doing(doing())?;
        if path.symlink_metadata().doing(doing())?.is_dir() {
            for entry in fs::read_dir(&path).doing(doing())? {
                left.push(entry.doing(doing())?.path());
            }
        }
    }
    Ok(())
}

/// The whole path of a folder that is not there yet, or is empty.
fn check_target(data: &Path) -> Result<PathBuf, Failure> {
    let shown = data.display();
    let running = DataFolder::existing(data).is_ok_and(|data| data.is_running());
    if running {
        return Err(Failure::usage(format!("a house is running on `{shown}`"))
            .next("stop it, and name another folder or move this one away"));
    }
    match data.symlink_metadata() {
        Ok(metadata) if !metadata.is_dir() => {
            return Err(Failure::usage(format!("`{shown}` is no folder")));
        }
        Ok(_) => {
            let mut inside = fs::read_dir(data).doing(format!("cannot read `{shown}`"))?;
            if inside.next().is_some() {
                return Err(Failure::usage(format!(
                    "`{shown}` is not empty, and a restore never replaces anything"
                ))
                .next("name another folder, or move what is there away"));
            }
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(Failure::new(format!("cannot read `{shown}`: {error}"))),
    }
    let whole = std::path::absolute(data).doing(format!("cannot use `{shown}`"))?;
    match (whole.parent(), whole.file_name()) {
        (Some(parent), Some(_)) if parent.is_dir() => Ok(whole),
        (Some(parent), Some(_)) => Err(Failure::usage(format!("there is no folder `{}`", parent.display()))),
        _ => Err(Failure::usage(format!("`{shown}` cannot be a data folder"))),
    }
}

/// A new folder beside the target, for its owner only.
fn stage(target: &Path) -> Result<PathBuf, Failure> {
    let mut name = std::ffi::OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(format!(".{}.part", std::process::id()));
    let staging = target.with_file_name(name);
    // What a restore with the same process id left that was killed.
    let _ = fs::remove_dir_all(&staging);
    let made = DirBuilder::new().mode(0o700).create(&staging);
    made.doing(format!("cannot make the folder `{}`", staging.display()))?;
    Ok(staging)
}

/// What is wrong with a backup.
#[derive(Debug)]
enum Broken {
    /// Not made by `schleuse backup`.
    Foreign,
    /// Made by a newer program.
    Newer {
        format: u64,
        made_by: String,
    },
    /// Shorter than it was, or changed.
    Damaged,
    /// Whole, but with something in it that no backup has.
    Crafted(String),
    Unreadable(io::Error),
    /// The folder beside the target cannot be written.
    Unwritable(io::Error),
}

impl Broken {
    fn at(self, path: &Path) -> Failure {
        let shown = path.display();
        match self {
            Self::Foreign => Failure::new(format!("`{shown}` is no backup of a house; nothing was written")),
            Self::Newer { format, made_by } => Failure::new(format!(
                "`{shown}` has the format {format}, made by schleuse {made_by}; this schleuse reads formats up to {FORMAT}; \
                 nothing was written"
            ))
            .next("restore it with the schleuse that made it, or with a newer one"),
            Self::Damaged => Failure::new(format!(
                "`{shown}` is truncated or damaged: its seal does not fit its content; nothing was written"
            ))
            .next("take another copy of it, or an older backup"),
            Self::Crafted(what) => Failure::new(format!(
                "`{shown}` was not made by schleuse: {what}; nothing was written"
            )),
            Self::Unreadable(error) => Failure::new(format!("cannot read `{shown}`: {error}; nothing was written")),
            Self::Unwritable(error) => Failure::new(format!("cannot write beside the new folder: {error}; nothing was put in place")),
        }
    }
}

fn crafted<T>(what: impl Into<String>) -> Result<T, Broken> {
    Err(Broken::Crafted(what.into()))
}

/// Checks that every byte is as it was written; when that was.
fn check_whole(file: &mut File) -> Result<String, Broken> {
    let length = file.metadata().map_err(Broken::Unreadable)?.len();
    file.seek(SeekFrom::Start(0)).map_err(Broken::Unreadable)?;
    let created = read_head(file)?;
    let content = length.checked_sub(TAIL_BYTES).ok_or(Broken::Damaged)?;
    file.seek(SeekFrom::Start(0)).map_err(Broken::Unreadable)?;
    let digest = digest_of(file, content).map_err(Broken::Unreadable)?;
    let expected = tail(digest).map_err(Broken::Unreadable)?;
    let mut found = vec![0; expected.len()];
    match file.read_exact_at(&mut found, content) {
        Ok(()) if found == expected => Ok(created),
        Ok(()) => Err(Broken::Damaged),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Err(Broken::Damaged),
        Err(error) => Err(Broken::Unreadable(error)),
    }
}

/// The first entry says who made the file; a newer format is refused by it alone, whatever follows.
fn read_head(file: &mut File) -> Result<String, Broken> {
    let mut archive = tar::Archive::new(&mut *file);
    let mut entries = archive.entries().map_err(|_| Broken::Foreign)?.raw(true);
    let Some(Ok(mut entry)) = entries.next() else { return Err(Broken::Foreign) };
    if entry.path_bytes().as_ref() != HEAD.as_bytes() || entry.size() > HEAD_BYTES_MAX {
        return Err(Broken::Foreign);
    }
    let mut text = Vec::new();
    entry.read_to_end(&mut text).map_err(|_| Broken::Foreign)?;
    let head: Value = serde_json::from_slice(&text).map_err(|_| Broken::Foreign)?;
    let word =
        |name: &str| head.get(name).and_then(Value::as_str).map(|text| text.escape_debug().to_string());
    let format = head.get("format").and_then(Value::as_u64).ok_or(Broken::Foreign)?;
    if format > FORMAT {
        return Err(Broken::Newer { format, made_by: word("schleuse").unwrap_or_default() });
    }
    word("created").ok_or(Broken::Foreign)
}

struct Restored {
    files: usize,
    store: Option<RestoredStore>,
}

struct RestoredStore {
    people: usize,
    keys: usize,
    /// Sessions: which of them were revoked since, nobody knows.
    ended: u64,
}

/// Writes everything into the staging folder and checks it there.
fn fill(file: &mut File, staging: &Path, from: &Path) -> Result<Restored, Failure> {
    let files = unpack(file, staging).map_err(|broken| broken.at(from))?;
    let store = staging.join("store.sqlite");
    let store = if store.exists() { Some(super::runtime()?.block_on(check_store(&store))?) } else { None };
    Ok(Restored { files, store })
}

/// Opens the store, which brings an older one forward and refuses a newer one, and ends all sessions.
async fn check_store(path: &Path) -> Result<RestoredStore, Failure> {
    let now = SystemClock::new().now();
    let store = Store::open(path, now).await.doing("the store in the backup")?;
    let checked = async {
        let (people, keys) = (store.people().await?.len(), store.keys().await?.len());
        Ok(RestoredStore { people, keys, ended: store.revoke_all_sessions(now).await? })
    };
    let checked: Result<_, schleuse_store::StoreError> = checked.await;
    store.close().await.doing("the store in the backup")?;
    checked.doing("the store in the backup")
}

fn unpack(file: &mut File, staging: &Path) -> Result<usize, Broken> {
    let length = file.metadata().map_err(Broken::Unreadable)?.len();
    file.seek(SeekFrom::Start(0)).map_err(Broken::Unreadable)?;
    let mut archive = tar::Archive::new((&mut *file).take(length.saturating_sub(TAIL_BYTES)));
    // Raw: no header of an entry speaks for another one, so what stands in the archive is what is here.
    let entries = archive.entries().map_err(Broken::Unreadable)?.raw(true);
    let mut found: BTreeMap<String, (u64, String)> = BTreeMap::new();
    let mut manifest = None;
    for (number, entry) in entries.enumerate() {
        let mut entry =
            entry.map_err(|error| Broken::Crafted(format!("an entry cannot be read ({error})")))?;
        let name = std::str::from_utf8(&entry.path_bytes()).map(str::to_owned);
        let Ok(name) = name else { return crafted("a name in it is not UTF-8") };
        let shown = name.escape_debug().to_string();
        if entry.header().entry_type() != tar::EntryType::Regular {
            return crafted(format!("`{shown}` is no plain file"));
        }
        if manifest.is_some() {
            return crafted(format!("`{shown}` follows the list of files"));
        }
        if number == 0 {
            continue;
        }
        if name == MANIFEST {
            let mut text = Vec::new();
            let read = (&mut entry).take(MANIFEST_BYTES_MAX).read_to_end(&mut text);
            read.map_err(Broken::Unreadable)?;
            manifest = Some(
                Manifest::parse(&text)
                    .ok_or_else(|| Broken::Crafted("its list of files cannot be read".to_owned()))?,
            );
            continue;
        }
        let Some(path) = name.strip_prefix(DATA).filter(|path| is_plain(path)) else {
            return crafted(format!("`{shown}` is no path in a data folder"));
        };
        if found.contains_key(path) {
            return crafted(format!("`{shown}` is in it twice"));
        }
        let written = write(&mut entry, staging, path)?;
        found.insert(path.to_owned(), written);
    }
    let Some(manifest) = manifest else { return crafted("it has no list of files") };
    compare(&manifest, &found)?;
    finish(&manifest, staging).map_err(Broken::Unwritable)?;
    Ok(found.len())
}

/// A relative path of ordinary names, written in the one way there is to write it.
fn is_plain(path: &str) -> bool {
    let parts: Vec<Component<'_>> = Path::new(path).components().collect();
    let again: Vec<&str> = parts
        .iter()
        .filter_map(|part| match part {
            Component::Normal(name) => name.to_str(),
            _ => None,
        })
        .collect();
    !path.is_empty() && again.len() == parts.len() && again.join("/") == path && !path.contains('\0')
}

/// Writes one file; its length and digest. Nothing that is there is written to: names are made, not opened.
fn write(content: &mut impl Read, staging: &Path, path: &str) -> Result<(u64, String), Broken> {
    let target = staging.join(path);
    if let Some(parent) = target.parent() {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(parent);
        made.map_err(|_| Broken::Crafted(format!("`{}` is below a file", path.escape_debug())))?;
    }
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&target);
    let mut file = match file {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return crafted(format!("`{}` is file and folder", path.escape_debug()));
        }
        Err(error) => return Err(Broken::Unwritable(error)),
    };
    let mut hash = Sha256::new();
    let mut piece = vec![0; 64 * 1024];
    let mut length = 0;
    loop {
        let read = content.read(&mut piece).map_err(Broken::Unreadable)?;
        let read = piece.get(..read).unwrap_or_default();
        if read.is_empty() {
            return Ok((length, hex(&hash.finalize())));
        }
        file.write_all(read).map_err(Broken::Unwritable)?;
        hash.update(read);
        length += read.len() as u64;
    }
}

/// What is there must be what the list says, and nothing else.
fn compare(manifest: &Manifest, found: &BTreeMap<String, (u64, String)>) -> Result<(), Broken> {
    for (path, row) in &manifest.files {
        let shown = path.escape_debug();
        let Some((length, digest)) = found.get(path) else {
            return crafted(format!("`{shown}` is missing"));
        };
        if (*length, digest) != (row.stored, &row.sha256) {
            return crafted(format!("`{shown}` is not what the list says"));
        }
        let may_grow = path.starts_with("audit/wal/") && row.length <= SEGMENT_BYTES_MAX;
        if row.length != row.stored && !(may_grow && row.length > row.stored) {
            return crafted(format!("`{shown}` has a length that it cannot have"));
        }
    }
    if let Some(path) = found.keys().find(|path| !manifest.files.contains_key(*path)) {
        return crafted(format!("`{}` is not in its list", path.escape_debug()));
    }
    if let Some(path) = manifest.folders.keys().find(|path| !path.is_empty() && !is_plain(path)) {
        return crafted(format!("`{}` is no path in a data folder", path.escape_debug()));
    }
    if !manifest.folders.contains_key("secrets") {
        return crafted("it holds no secrets of a house");
    }
    Ok(())
}

/// Lengths, modes, and everything durable. Folders last and from the inside out: one may be closed to writing.
fn finish(manifest: &Manifest, staging: &Path) -> io::Result<()> {
    for (path, row) in &manifest.files {
        let file = OpenOptions::new().write(true).open(staging.join(path))?;
        if row.length > row.stored {
            file.set_len(row.length)?;
        }
        file.set_permissions(fs::Permissions::from_mode(row.mode))?;
        file.sync_all()?;
    }
    for path in manifest.folders.keys().filter(|path| !path.is_empty()) {
        DirBuilder::new().recursive(true).mode(0o700).create(staging.join(path))?;
    }
    for (path, mode) in manifest.folders.iter().rev() {
        let folder = staging.join(path);
        fs::set_permissions(&folder, fs::Permissions::from_mode(*mode))?;
        File::open(&folder)?.sync_all()?;
    }
    Ok(())
}

/// One step: the folder is there as a whole or not at all. An empty folder in its place gives way.
fn put_in_place(staging: &Path, target: &Path) -> Result<(), Failure> {
    fs::rename(staging, target).map_err(|error| {
        let shown = target.display();
        Failure::new(format!("cannot put `{shown}` in place: {error}; nothing was written"))
            .next("it must be absent or empty, and no disk of its own: name a folder on that disk")
    })?;
    let parent = target.parent().unwrap_or(Path::new("/"));
    File::open(parent).and_then(|parent| parent.sync_all()).doing("cannot make the folder durable")
}

#[cfg(test)]
mod tests;
