//! The write-ahead log: segments on disk, one group at a time.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::disk::{Disk, DiskFile};
use crate::mutant::{self, Mutant};
use crate::segment::{self, Expected, GROUP_BYTES_MAX, Position, SECTOR, ScanError, Visit};
use crate::{AuditError, VerifyError};

/// A segment that must hold at least its header and one short group.
pub(crate) const SEGMENT_BYTES_MIN: u64 = 16 * 1024;

/// The writer's end. Owned by one thread.
pub(crate) struct Wal {
    shelf: Arc<Shelf>,
    active: Option<Segment>,
    position: Position,
}

/// What the thread that makes tiles does with segments: keeps a spare one ready and removes those that it has covered.
pub(crate) struct Shelf {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    segment_bytes: u64,
    stock: Mutex<Stock>,
}

struct Stock {
    spare: Option<Segment>,
    /// Full segments: number, and the index behind their last entry.
    full: Vec<(u64, u64)>,
    next_number: u64,
}

struct Segment {
    number: u64,
    file: Box<dyn DiskFile>,
    /// Its size in bytes; a house that was given another size meanwhile keeps to it.
    length: u64,
    /// Where the next group goes; 0 in a spare one.
    end: u64,
}

/// What opening found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) torn_bytes: u64,
}

impl Wal {
    /// Opens the segments in `dir`, hands every entry to `visit`, cuts a torn tail off, and makes durable what is there.
    ///
    /// `sealed` is the size of the tree under the last checkpoint.
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        dir: &Path,
        segment_bytes: u64,
        sealed: u64,
        visit: &mut Visit<'_>,
    ) -> Result<(Self, Found), AuditError> {
        let segments = read_segments(&*disk, dir, sealed, false, visit)?;
        let mut found = Found::default();
        let mut position = Position::fresh(sealed);
        let mut active = None;
        let mut full = Vec::new();
        let mut next_number = 1;
        // Newest first, so that a crash in between leaves no gap. Never used, or torn before their first group was whole:
        // they are made anew, so that their length is right.
        for segment in segments.iter().rev().filter(|segment| segment.scan.end == 0) {
            found.torn_bytes += segment.scan.torn_bytes;
            disk.remove(&segment_path(dir, segment.number))
                .map_err(AuditError::io("remove an unused segment of the audit log"))?;
        }
        for segment in segments.into_iter().filter(|segment| segment.scan.end > 0) {
            next_number = segment.number + 1;
            let path = segment_path(dir, segment.number);
            let file = disk.open(&path).map_err(AuditError::io("open a segment of the audit log"))?;
            if segment.scan.torn_bytes > 0 {
                found.torn_bytes += segment.scan.torn_bytes;
                wipe(&*file, segment.scan.end, segment.scan.torn_bytes)
                    .map_err(AuditError::io("cut the torn end off a segment of the audit log"))?;
            }
            // After a crash of the process alone the last group may not have reached the disk yet.
            file.sync().map_err(AuditError::io("sync a segment of the audit log"))?;
            let length = file.length().map_err(AuditError::io("measure a segment of the audit log"))?;
            let opened = Segment { number: segment.number, file, length, end: segment.scan.end };
            if let Some(before) = active.replace(opened) {
                full.push((before.number, position.index));
            }
            position = segment.scan.position;
        }
        disk.sync_dir(dir).map_err(AuditError::io("sync the folder of the audit log's segments"))?;
        let stock = Mutex::new(Stock { spare: None, full, next_number });
        let shelf = Arc::new(Shelf { disk, dir: dir.to_owned(), segment_bytes, stock });
        Ok((Self { shelf, active, position }, found))
    }

    pub(crate) fn shelf(&self) -> Arc<Shelf> {
        Arc::clone(&self.shelf)
    }

    /// The index of the next entry.
    pub(crate) fn next_index(&self) -> u64 {
        self.position.index
    }

    /// The longest group in bytes that fits a segment.
    pub(crate) fn group_bytes_max(&self) -> usize {
        let room = usize::try_from(self.shelf.segment_bytes).unwrap_or(usize::MAX) - SECTOR;
        room.min(GROUP_BYTES_MAX)
    }

    /// Makes room for a group of this length: takes the next segment if the active one is too full.
    ///
    /// Fails without harm: nothing was written that counts.
    pub(crate) fn reserve(&mut self, group_bytes: usize) -> io::Result<()> {
        let fits = |active: &Segment| active.end + group_bytes as u64 <= active.length;
        if self.active.as_ref().is_some_and(fits) {
            return Ok(());
        }
        let next = self.shelf.take_spare()?;
        if let Some(before) = self.active.replace(next) {
            self.shelf.locked().full.push((before.number, self.position.index));
        }
        Ok(())
    }

    /// Writes `entries` as one group and syncs it; the index of the first. After an error nothing may be written again.
    pub(crate) fn commit(&mut self, entries: &[Vec<u8>]) -> io::Result<u64> {
        self.reserve(segment::group_bytes(entries.iter().map(Vec::len)))?;
        let Some(active) = self.active.as_mut() else { return Err(io::Error::other("no active segment")) };
        if !active.file.is_linked()? {
            return Err(io::Error::other("the active segment was unlinked"));
        }
        let mut bytes = Vec::new();
        if active.end == 0 {
            bytes = segment::encode_header(active.number, &self.position, active.length);
        }
        let next = segment::encode_group(&mut bytes, &self.position, entries);
        if !mutant::is_on(Mutant::AckBeforeWrite) {
            active.file.write_at(active.end, &bytes)?;
        }
        if !mutant::is_on(Mutant::AckBeforeSync) {
            active.file.sync()?;
        }
        active.end += bytes.len() as u64;
        let first = self.position.index;
        self.position = next;
        Ok(first)
    }
}

impl Shelf {
    /// Makes sure that a spare segment is ready.
    pub(crate) fn fill(&self) -> io::Result<()> {
        let mut stock = self.locked();
        if stock.spare.is_none() {
            stock.spare = Some(self.make(&mut stock)?);
        }
        Ok(())
    }

    /// Removes full segments whose entries are all below `sealed`.
    pub(crate) fn remove_covered(&self, sealed: u64) -> io::Result<()> {
        let covered: Vec<_> = {
            let mut stock = self.locked();
            let count = stock.full.iter().take_while(|(_, end)| *end <= sealed).count();
            stock.full.drain(..count).collect()
        };
        for (number, _) in &covered {
            self.disk.remove(&segment_path(&self.dir, *number))?;
        }
        if covered.is_empty() { Ok(()) } else { self.disk.sync_dir(&self.dir) }
    }

    /// Removes all segments, oldest first. Only when tiles and checkpoint cover everything and nobody writes any more.
    pub(crate) fn remove_all(&self) -> io::Result<()> {
        self.locked().spare = None;
        for (name, _) in self.disk.list(&self.dir)? {
            self.disk.remove(&self.dir.join(name))?;
        }
        self.disk.sync_dir(&self.dir)
    }

    fn take_spare(&self) -> io::Result<Segment> {
        let mut stock = self.locked();
        match stock.spare.take() {
            Some(spare) => Ok(spare),
            None => self.make(&mut stock),
        }
    }

    /// A new segment full of durable zeros: then a commit changes no metadata, which makes its sync cheaper.
    fn make(&self, stock: &mut Stock) -> io::Result<Segment> {
        let number = stock.next_number;
        let path = segment_path(&self.dir, number);
        let made = (|| {
            let file = self.disk.create(&path)?;
            wipe(&*file, 0, self.segment_bytes)?;
            self.disk.sync_dir(&self.dir)?;
            Ok(file)
        })();
        match made {
            Ok(file) => {
                stock.next_number += 1;
                Ok(Segment { number, file, length: self.segment_bytes, end: 0 })
            }
            Err(error) => {
                // Gives back what it took of a full disk. If that fails too, the next try begins with the same file.
                let _ = self.disk.remove(&path);
                Err(error)
            }
        }
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, Stock> {
        self.stock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A segment as it lies on disk.
pub(crate) struct SegmentFound {
    pub(crate) number: u64,
    pub(crate) scan: segment::Scan,
}

/// Reads all segments in order and checks that each continues the one before. The result ends with unused ones.
pub(crate) fn read_segments(
    disk: &dyn Disk,
    dir: &Path,
    sealed: u64,
    live: bool,
    visit: &mut Visit<'_>,
) -> Result<Vec<SegmentFound>, VerifyError> {
    let mut found: Vec<SegmentFound> = Vec::new();
    let mut previous: Option<Position> = None;
    let mut ended = None;
    for (name, _) in disk.list(dir).map_err(|error| VerifyError::io("wal", &error))? {
        let path = format!("wal/{name}");
        let number = parse_segment_name(&name)
            .ok_or_else(|| VerifyError::file(&path, "the file does not belong here"))?;
        if found.last().is_some_and(|before| before.number + 1 != number) {
            return Err(VerifyError::file(&path, "the segment before is missing"));
        }
        let file = disk.open(&dir.join(&name)).map_err(|error| VerifyError::io(&path, &error))?;
        let expected = Expected { number, previous: previous.as_ref(), sealed, live };
        let scan = segment::scan(&*file, &expected, visit).map_err(|error| match error {
            ScanError::Io(error) => VerifyError::io(&path, &error),
            ScanError::Wrong(index, what) => VerifyError::entry(&path, index, what),
        })?;
        if scan.used {
            if let Some(index) = ended {
                return Err(VerifyError::entry(
                    &path,
                    index,
                    "the segment before has room, but this one is used",
                ));
            }
            if scan.torn_bytes > 0 || scan.end == 0 {
                ended = Some(scan.position.index);
            }
            if scan.end > 0 {
                previous = Some(scan.position.clone());
            }
        } else if ended.is_none() {
            ended = Some(scan.position.index);
        }
        found.push(SegmentFound { number, scan });
    }
    if let Some(position) = previous
        && position.index < sealed
    {
        return Err(VerifyError::entry(
            "wal",
            position.index,
            "the entry is in tiles but missing in the segments",
        ));
    }
    Ok(found)
}

fn wipe(file: &dyn DiskFile, from: u64, count: u64) -> io::Result<()> {
    let zeros = vec![0; usize::try_from(count.min(1 << 20)).map_err(io::Error::other)?];
    let mut done = 0;
    while done < count {
        let piece = usize::try_from((count - done).min(1 << 20)).map_err(io::Error::other)?;
        file.write_at(from + done, zeros.get(..piece).unwrap_or_default())?;
        done += piece as u64;
    }
    file.sync()
}

fn segment_path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:06}.seg"))
}

fn parse_segment_name(name: &str) -> Option<u64> {
    let number = name.strip_suffix(".seg")?.parse().ok()?;
    (format!("{number:06}.seg") == name).then_some(number)
}
