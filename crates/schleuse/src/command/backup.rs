//! `schleuse backup`: everything in the data folder, as of one moment, in one file. Works while the house runs.

pub(super) mod archive;

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Read as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use schleuse_store::Store;
use schleuse_tlog::{Checkpoint, Note, TileCoordinates, tiles_of};
use schleuse_types::{Clock as _, SystemClock};

use super::Backup;
use crate::data::DataFolder;
use crate::failure::{Doing as _, Failure};
use archive::Writer;

/// What belongs to a running process, or is copied in a way of its own.
const LEFT_OUT: [&str; 5] = ["run", "audit", "store.sqlite", "store.sqlite-wal", "store.sqlite-shm"];
/// Attempts to see one moment of the audit log while a house writes it, and the pause between two of them.
const ATTEMPTS: u32 = 100;
const PAUSE: Duration = Duration::from_millis(20);

pub(super) fn run(arguments: &Backup) -> Result<ExitCode, Failure> {
    let data = DataFolder::existing(&arguments.data)?;
    let place = Place::choose(data.path(), &arguments.to)?;
    let made = make(&data, &place);
    let _ = fs::remove_file(&place.store);
    if made.is_err() {
        let _ = fs::remove_file(&place.unfinished);
    }
    let made = made?;

    println!("{} is written: {} files, {} bytes.", arguments.to.display(), made.files, made.bytes);
    println!(
        "It holds the secrets of this house: whoever reads it can come in as anybody and sign a log of their own. \
         Keep it where you would keep the house's keys."
    );
    match made.sealed {
        Some(sealed) => println!(
            "Audit log: {sealed} entries under the signed checkpoint, and those that were recorded since."
        ),
        None => println!("Audit log: none yet."),
    }
    println!(
        "Not in it: what lies outside `{}`, such as schleuse.toml and the TLS keys.",
        data.path().display()
    );
    Ok(ExitCode::SUCCESS)
}

/// Where the backup goes, and what is there only until it is whole.
#[derive(Debug)]
struct Place {
    target: PathBuf,
    unfinished: PathBuf,
    /// The copy of the database, until it is in the archive.
    store: PathBuf,
}

impl Place {
    fn choose(data: &Path, to: &Path) -> Result<Self, Failure> {
        let shown = to.display();
        let Some(name) = to.file_name() else {
            return Err(Failure::usage(format!("`{shown}` is no name of a file")));
        };
        let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let parent = parent
            .canonicalize()
            .map_err(|error| Failure::usage(format!("cannot write into `{}`: {error}", parent.display())))?;
        let data = data.canonicalize().doing(format!("cannot read `{}`", data.display()))?;
        if parent.starts_with(&data) {
            return Err(Failure::usage(format!("`{shown}` is inside of what is backed up"))
                .next("name a file on another disk, or at least in another folder"));
        }
        let target = parent.join(name);
        if target.symlink_metadata().is_ok() {
            return Err(Failure::usage(format!(
                "`{shown}` exists already, and a backup never replaces a file"
            ))
            .next("name another file, for example with the date in it"));
        }
        let beside = |ending: &str| {
            let mut beside = name.to_owned();
            beside.push(format!(".{}.{ending}", std::process::id()));
            parent.join(beside)
        };
        Ok(Self { unfinished: beside("part"), store: beside("part-store"), target })
    }

    /// Gives the whole file its name, unless somebody else took it meanwhile.
    fn put_in_place(&self) -> Result<(), Failure> {
        use nix::fcntl::{RenameFlags, renameat2};
        let here = nix::fcntl::AT_FDCWD;
        match renameat2(here, &self.unfinished, here, &self.target, RenameFlags::RENAME_NOREPLACE) {
            // Some file systems of memory sticks and networks cannot; it was looked for above.
            Err(nix::Error::EINVAL | nix::Error::ENOSYS) => {
                fs::rename(&self.unfinished, &self.target).map_err(|error| error.to_string())
            }
            other => other.map_err(|error| error.to_string()),
        }
        .doing(format!("cannot write `{}`", self.target.display()))?;
        let parent = self.target.parent().unwrap_or(Path::new("/"));
        File::open(parent).and_then(|parent| parent.sync_all()).doing("cannot make the backup durable")
    }
}

struct Made {
    files: usize,
    bytes: u64,
    /// Entries under the checkpoint; `None` where no house ever ran.
    sealed: Option<u64>,
}

/// First the store, then the rest, then the log: a key that seals something in the store is there before that, and the
/// log tells at least of everything that is in the store.
fn make(data: &DataFolder, place: &Place) -> Result<Made, Failure> {
    let cannot = || format!("cannot write `{}`", place.unfinished.display());
    let _ = fs::remove_file(&place.unfinished);
    let _ = fs::remove_file(&place.store);
    let out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&place.unfinished);
    let out = BufWriter::with_capacity(1 << 20, out.doing(cannot())?);
    let mut writer = Writer::new(out, &SystemClock::new().now().to_string())?;

    let folder = data.path();
    writer.folder("", mode(folder)?);
    if data.store().exists() {
        super::runtime()?.block_on(Store::copy(&data.store(), &place.store)).doing("the store")?;
        add_file(&mut writer, &place.store, "store.sqlite")?;
    }
    add_folder(&mut writer, folder, "")?;
    let sealed = add_log(&mut writer, &data.audit())?;

    let (out, files, bytes) = writer.finish().doing(cannot())?;
    let out = out.into_inner().map_err(|error| error.into_error()).doing(cannot())?;
    out.sync_all().doing(cannot())?;
    place.put_in_place()?;
    Ok(Made { files, bytes, sealed })
}

fn mode(path: &Path) -> Result<u32, Failure> {
    let metadata = fs::metadata(path).doing(format!("cannot read `{}`", path.display()))?;
    Ok(metadata.permissions().mode())
}

fn add_folder<W: io::Write>(writer: &mut Writer<W>, folder: &Path, below: &str) -> Result<(), Failure> {
    for (name, path) in names(folder)? {
        if below.is_empty() && LEFT_OUT.contains(&name.as_str()) {
            continue;
        }
        let shown = path.display();
        let kind = match fs::symlink_metadata(&path) {
            Ok(metadata) => metadata.file_type(),
            // Only there for a moment, such as a secret that was just being made.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(Failure::new(format!("cannot read `{shown}`: {error}"))),
        };
        let inner = format!("{below}{name}");
        if kind.is_dir() {
            writer.folder(&inner, mode(&path)?);
            add_folder(writer, &path, &format!("{inner}/"))?;
        } else if kind.is_file() {
            add_file(writer, &path, &inner)?;
        } else {
            return Err(Failure::new(format!(
                "`{shown}` is neither a file nor a folder; a backup has no links"
            ))
            .next("put there what it points to, or move it out of the data folder"));
        }
    }
    Ok(())
}

/// What is in a folder, sorted.
fn names(folder: &Path) -> Result<Vec<(String, PathBuf)>, Failure> {
    let read = || -> io::Result<Vec<(String, PathBuf)>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().into_string();
            let name = name.map_err(|name| io::Error::other(format!("the name {name:?} is not UTF-8")))?;
            names.push((name, entry.path()));
        }
        names.sort();
        Ok(names)
    };
    read().doing(format!("cannot read `{}`", folder.display()))
}

fn add_file<W: io::Write>(writer: &mut Writer<W>, path: &Path, name: &str) -> Result<(), Failure> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Failure::new(format!("cannot read `{}`: {error}", path.display()))),
    };
    let metadata = file.metadata().doing(format!("cannot read `{}`", path.display()))?;
    let length = metadata.len();
    let added = writer.file(name, metadata.permissions().mode(), (length, length), &mut file);
    added.doing(format!("cannot back up `{}`", path.display()))
}

/// One moment of an audit log: a checkpoint, and open files that keep what it needs although a house goes on writing.
struct Moment {
    size: u64,
    checkpoint: Vec<u8>,
    /// Tiles that a larger tree outgrows, and which are removed then.
    partial: Vec<(String, Vec<u8>)>,
    /// Oldest first.
    segments: Vec<(String, File)>,
}

/// Adds the log; how many entries its checkpoint covers.
///
/// Full tiles never change. Entries that are not in tiles yet lie in the segments, whose last group may just be written:
/// of that, the copy has a beginning at most, which looks like any write that was cut off.
fn add_log<W: io::Write>(writer: &mut Writer<W>, audit: &Path) -> Result<Option<u64>, Failure> {
    if !audit.is_dir() {
        return Ok(None);
    }
    writer.folder("audit", mode(audit)?);
    if !audit.join("checkpoint").exists() {
        return Ok(None);
    }
    // Read first, so that it is never ahead of the checkpoint. A log without witnesses has none.
    let cosigned = std::fs::read(audit.join("checkpoint.cosigned")).ok();
    let moment = find_moment(audit)?;
    let cannot = |name: &str| format!("cannot back up `{}`", audit.join(name).display());
    let used = used_of_all(&moment.segments, |_| ()).doing(cannot("wal"))?;
    let wal = audit.join("wal");
    if wal.is_dir() {
        writer.folder("audit/wal", mode(&wal)?);
    }
    for ((name, file), stored) in moment.segments.iter().zip(used) {
        if stored == 0 {
            continue;
        }
        let metadata = file.metadata().doing(cannot(name))?;
        let sizes = (metadata.len(), stored);
        let added =
            writer.file(&format!("audit/wal/{name}"), metadata.permissions().mode(), sizes, &mut &*file);
        added.doing(cannot(name))?;
    }
    let vkey = audit.join("vkey");
    add_file(writer, &vkey, "audit/vkey")?;
    let as_vkey = mode(&vkey)?;
    let checkpoint = ("checkpoint".to_owned(), moment.checkpoint);
    let cosigned = cosigned.map(|bytes| ("checkpoint.cosigned".to_owned(), bytes));
    for (name, bytes) in moment.partial.iter().chain([&checkpoint]).chain(&cosigned) {
        add_parents(writer, audit, name)?;
        let sizes = (bytes.len() as u64, bytes.len() as u64);
        writer.file(&format!("audit/{name}"), as_vkey, sizes, &mut bytes.as_slice()).doing(cannot(name))?;
    }
    for tile in tiles_of(moment.size).filter(TileCoordinates::is_full) {
        let name = tile.to_string();
        add_parents(writer, audit, &name)?;
        let path = audit.join(&name);
        if !path.is_file() {
            return Err(Failure::new(format!("the audit log lacks `{name}`"))
                .next(format!("schleuse audit verify --data '{}'", audit.with_file_name("").display())));
        }
        add_file(writer, &path, &format!("audit/{name}"))?;
    }
    Ok(Some(moment.size))
}

fn add_parents<W: io::Write>(writer: &mut Writer<W>, audit: &Path, name: &str) -> Result<(), Failure> {
    let mut above = Path::new(name).parent();
    while let Some(folder) = above.filter(|folder| !folder.as_os_str().is_empty()) {
        // A partial tile's folder may be gone by now; it had the mode of the others.
        let mode = mode(&audit.join(folder)).or_else(|_| mode(audit))?;
        writer.folder(&format!("audit/{}", folder.display()), mode);
        above = folder.parent();
    }
    Ok(())
}

/// Looks again until the checkpoint was the same before and after: then nothing that it needs was removed in between.
fn find_moment(audit: &Path) -> Result<Moment, Failure> {
    let mut last = None;
    for _ in 0..ATTEMPTS {
        match look(audit, || ()) {
            Ok(Some(moment)) => return Ok(moment),
            Ok(None) => last = None,
            Err(error) => last = Some(error),
        }
        std::thread::sleep(PAUSE);
    }
    let why = last.map_or("it never stood still".to_owned(), |error| error.to_string());
    Err(Failure::new(format!("cannot read the audit log in `{}`: {why}", audit.display()))
        .next("`schleuse audit verify` says what is wrong with it; if nothing is, try again"))
}

/// What was there at one moment; `None` if a house went on meanwhile. `midway` is called before that is judged.
fn look(audit: &Path, midway: impl FnOnce()) -> io::Result<Option<Moment>> {
    let path = audit.join("checkpoint");
    let checkpoint = fs::read(&path)?;
    let size = size_of(&checkpoint).ok_or_else(|| io::Error::other("`checkpoint` cannot be read"))?;
    let mut partial = Vec::new();
    for tile in tiles_of(size).filter(|tile| !tile.is_full()) {
        let name = tile.to_string();
        let bytes = fs::read(audit.join(&name));
        let bytes = bytes.map_err(|error| io::Error::other(format!("`{name}`: {error}")))?;
        partial.push((name, bytes));
    }
    let mut segments = Vec::new();
    let listed = match fs::read_dir(audit.join("wal")) {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        listed => Some(listed?),
    };
    for entry in listed.into_iter().flatten() {
        let entry = entry?;
        let name = entry.file_name().into_string();
        let name = name.map_err(|_| io::Error::other("a segment's name is not UTF-8"))?;
        segments.push((name, File::open(entry.path())?));
    }
    segments.sort_by(|(one, _), (other, _)| one.cmp(other));
    midway();
    let is_still = fs::read(&path)? == checkpoint;
    Ok(is_still.then_some(Moment { size, checkpoint, partial, segments }))
}

fn size_of(checkpoint: &[u8]) -> Option<u64> {
    let note = Note::parse(std::str::from_utf8(checkpoint).ok()?).ok()?;
    Some(Checkpoint::parse(note.text).ok()?.size)
}

/// Up to where each segment is written, while a house may write on. Newest first: then nothing of a newer
/// one is there without all of the older. `before` is called before each.
fn used_of_all(segments: &[(String, File)], mut before: impl FnMut(&str)) -> io::Result<Vec<u64>> {
    let mut used = Vec::with_capacity(segments.len());
    for (name, file) in segments.iter().rev() {
        before(name);
        used.push(used_bytes(file)?);
    }
    used.reverse();
    Ok(used)
}

/// Up to where a segment is written, in whole sectors; the rest of it is zeros.
fn used_bytes(file: &File) -> io::Result<u64> {
    use std::io::{Seek as _, SeekFrom};
    const SECTOR: usize = 512;
    let mut file = file;
    file.seek(SeekFrom::Start(0))?;
    let (mut used, mut at) = (0, 0);
    let (mut piece, zeros) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    loop {
        let mut filled = 0;
        while filled < piece.len() {
            match file.read(piece.get_mut(filled..).unwrap_or_default())? {
                0 => break,
                read => filled += read,
            }
        }
        let read = piece.get(..filled).unwrap_or_default();
        // Compared as a whole first: most of a segment is zeros.
        let is_empty = zeros.get(..filled) == Some(read);
        if let (false, Some(last)) = (is_empty, read.iter().rposition(|byte| *byte != 0)) {
            used = at + (last as u64 + 1).next_multiple_of(SECTOR as u64);
        }
        at += filled as u64;
        if filled < piece.len() {
            file.seek(SeekFrom::Start(0))?;
            return Ok(used.min(at));
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
