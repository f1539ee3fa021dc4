//! The running log: a queue, the thread that commits, and the thread that makes tiles.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use schleuse_tlog::LogSigner;
use schleuse_types::{Clock, Random, Secret, Timestamp};
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::disk::{Disk, SystemDisk};
use crate::error::is_space;
use crate::feed::{Appended, FEED_ENTRIES, Feed};
use crate::metrics::{Counters, LogMetrics};
use crate::reader::{Entry, Reader};
use crate::record::{Event, Record};
use crate::segment;
use crate::tiles::Tiles;
use crate::wal::{SEGMENT_BYTES_MIN, Shelf, Wal};
use crate::{AuditError, VerifyError};

/// Entries in one commit.
const GROUP_ENTRIES_MAX: usize = 4096;
/// Entries that make tiles due at once.
const TILES_DUE_ENTRIES: usize = 256;
/// The longest time that an entry waits for its tile.
const TILES_DUE: Duration = Duration::from_secs(1);
/// Rest between two rounds of tiles, so that they do not fight the commits for the disk.
const TILES_REST: Duration = Duration::from_millis(200);
/// Committed entries that may wait for tiles, in memory. About 60 MB of ordinary ones.
const TILES_BEHIND_MAX: usize = 100_000;
/// How far the clock may run behind the last entry.
const CLOCK_STEP_MAX_MICROS: u64 = 10_000_000;
/// How long to wait for a process that is just ending.
const LOCK_ATTEMPTS: u32 = 40;

/// How to open a log.
pub struct Options {
    /// The log's own folder, such as `DIR/audit`. Made if its parent exists.
    pub dir: PathBuf,
    /// The log's name: no white space, no plus sign, such as `schleuse.example/audit`.
    pub origin: String,
    /// Size of a segment in bytes, at least 16 KiB, a multiple of 512. Two of them lie on disk.
    pub segment_bytes: u64,
    /// Entries that may wait for their commit.
    pub queue: usize,
    /// Ed25519 private key. The caller keeps it outside the folder.
    pub signing_seed: Secret<[u8; 32]>,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
}

impl Options {
    /// Segments of 256 MiB and a queue of 16384 entries.
    pub fn new(
        dir: PathBuf,
        origin: String,
        signing_seed: Secret<[u8; 32]>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        Self { dir, origin, segment_bytes: 256 << 20, queue: 16_384, signing_seed, clock, random }
    }
}

/// What opening a log found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Entries in the log.
    pub entries: u64,
    /// Of these, taken from segments because the last process did not end cleanly.
    pub replayed: u64,
    /// Bytes of a group that never became durable and was cut off. None of its entries was acknowledged.
    pub torn_bytes: u64,
    /// The last process did not close the log: it was killed, or stopped writing after a fault.
    pub was_cut: bool,
}

/// An open log. Clones are the same log; the last one to go stops the threads without finishing tiles (the next open
/// does), so call [`Log::close`] for a clean end.
#[derive(Clone)]
pub struct Log {
    queue: mpsc::Sender<Command>,
    shared: Arc<Shared>,
}

enum Command {
    Append { entry: Vec<u8>, reply: oneshot::Sender<Result<u64, AuditError>> },
    Close,
}

/// Known to all three: callers, committer, integrator. No lock is held while another is taken, or over IO.
struct Shared {
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    counters: Counters,
    /// The latest time of any entry in this process, in microseconds.
    latest: AtomicU64,
    condition: Mutex<Condition>,
    backlog: Mutex<Backlog>,
    backlog_changed: Condvar,
    /// What is written now, for whoever listens. Only the committer sends, so the order is that of the log.
    feed: broadcast::Sender<Arc<Appended>>,
    dir: PathBuf,
    /// The lock on the folder. Gone once the log is closed.
    folder: Mutex<Option<File>>,
    closed: tokio::sync::watch::Sender<Option<Result<(), AuditError>>>,
}

#[derive(Default)]
struct Condition {
    /// Why nothing is written any more.
    poison: Option<Arc<str>>,
    is_closing: bool,
    /// No segment or tile can be written for want of space.
    lacks_space: bool,
    /// Refused entries that the log itself will record.
    outage: Option<Outage>,
}

struct Outage {
    began: Duration,
    refused: u64,
    why: &'static str,
}

/// Committed entries on their way into tiles. Every durable entry is in tiles under the checkpoint, or here.
#[derive(Default)]
struct Backlog {
    /// The index of the first entry of `taken`; as many are in tiles.
    first: u64,
    /// Entries that the integrator has taken but not finished.
    taken: Arc<Vec<Vec<u8>>>,
    /// Entries behind these.
    entries: Vec<Vec<u8>>,
    end: Option<End>,
}

impl Backlog {
    fn len(&self) -> usize {
        self.taken.len() + self.entries.len()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// Everything into tiles, segments away.
    Clean,
    /// Stop at once; the next open finishes.
    Abrupt,
}

impl Log {
    /// Opens the log in `options.dir`, or begins one there. Reads what the last process left, makes it durable and puts
    /// it into tiles. Blocks on the disk.
    pub fn open(options: Options) -> Result<(Self, Recovery), AuditError> {
        let disk = Arc::new(SystemDisk);
        let made = disk.create_dir(&options.dir);
        let parent = options.dir.parent().filter(|parent| !parent.as_os_str().is_empty());
        let made = made.and_then(|()| disk.sync_dir(parent.unwrap_or(Path::new("."))));
        made.map_err(AuditError::io("make the audit log's folder"))?;
        let folder = lock(&options.dir)?;
        Self::open_on(disk, options, Some(folder))
    }

    fn open_on(
        disk: Arc<dyn Disk>,
        options: Options,
        folder: Option<File>,
    ) -> Result<(Self, Recovery), AuditError> {
        if options.segment_bytes < SEGMENT_BYTES_MIN
            || !options.segment_bytes.is_multiple_of(segment::SECTOR as u64)
        {
            return Err(AuditError::Options("a segment has at least 16384 bytes, in multiples of 512"));
        }
        if options.queue == 0 {
            return Err(AuditError::Options("the audit queue holds at least one entry"));
        }
        let signer = LogSigner::new(&options.origin, options.signing_seed.expose()).map_err(|_| {
            AuditError::Options("the audit log's origin is empty or holds white space or a plus sign")
        })?;
        let (wal, tiles, recovery) = recover(disk, &options.dir, options.segment_bytes, signer)?;

        let (queue, commands) = mpsc::channel(options.queue);
        let shared = Arc::new(Shared {
            clock: options.clock,
            random: options.random,
            counters: Counters::default(),
            latest: AtomicU64::new(0),
            condition: Mutex::default(),
            backlog: Mutex::new(Backlog { first: recovery.entries, ..Backlog::default() }),
            backlog_changed: Condvar::new(),
            feed: broadcast::Sender::new(FEED_ENTRIES),
            dir: options.dir,
            folder: Mutex::new(folder),
            closed: tokio::sync::watch::Sender::new(None),
        });
        shared.counters.size.store(recovery.entries, Relaxed);
        shared.counters.tree_size.store(recovery.entries, Relaxed);
        let shelf = wal.shelf();
        start("audit-tiles", {
            let shared = Arc::clone(&shared);
            move || Integrator { tiles, shelf, shared }.run()
        })?;
        start("audit-commit", {
            let shared = Arc::clone(&shared);
            move || Committer { wal, commands, shared }.run()
        })?;
        Ok((Self { queue, shared }, recovery))
    }

    /// Records an entry; its index. Durable when this returns `Ok`. After an error the entry may or may not be in the
    /// log, but what it was to allow must not happen.
    pub async fn append(&self, record: Record) -> Result<u64, AuditError> {
        let answer = self.submit(&record).inspect_err(|error| self.shared.count_refusal(error))?;
        // A dropped reply means that the committer is gone.
        answer.await.unwrap_or(Err(AuditError::Closed))
    }

    fn submit(&self, record: &Record) -> Result<oneshot::Receiver<Result<u64, AuditError>>, AuditError> {
        self.shared.check()?;
        let now = self.shared.now()?;
        let entry = self.shared.encode(record, now)?;
        let (reply, answer) = oneshot::channel();
        self.queue.try_send(Command::Append { entry, reply }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => AuditError::QueueFull,
            mpsc::error::TrySendError::Closed(_) => AuditError::Closed,
        })?;
        Ok(answer)
    }

    /// Everything that is recorded from now on, in order.
    pub fn subscribe(&self) -> Feed {
        Feed::new(self.shared.feed.subscribe(), self.shared.closed.subscribe())
    }

    /// Reads what is recorded, also what is not in tiles yet.
    pub fn reader(&self) -> Reader {
        Reader::beside(self.shared.dir.clone(), self.clone())
    }

    pub(crate) fn set_cosigned(&self, size: u64) {
        self.shared.counters.cosigned.store(size, Relaxed);
    }

    /// The log's own folder.
    pub(crate) fn dir(&self) -> &Path {
        &self.shared.dir
    }

    /// How many entries are durable.
    pub(crate) fn size(&self) -> u64 {
        let backlog = self.shared.backlog();
        backlog.first + backlog.len() as u64
    }

    /// The entries from `from` to `to`, of which the first may be missing because they are in tiles by now.
    pub(crate) fn unsealed(&self, from: u64, to: u64) -> Vec<Entry> {
        let backlog = self.shared.backlog();
        let skipped = usize::try_from(from.saturating_sub(backlog.first)).unwrap_or(usize::MAX);
        let first = from.max(backlog.first);
        let count = usize::try_from(to.saturating_sub(first)).unwrap_or(usize::MAX);
        let entries = backlog.taken.iter().chain(&backlog.entries).skip(skipped).take(count);
        (first..).zip(entries).map(|(index, bytes)| Entry { index, bytes: bytes.clone() }).collect()
    }

    /// `Ok` while entries are accepted; otherwise why not.
    pub fn readiness(&self) -> Result<(), String> {
        self.shared.check().and_then(|()| self.shared.now().map(drop)).map_err(|error| error.to_string())?;
        if self.queue.capacity() == 0 { Err(AuditError::QueueFull.to_string()) } else { Ok(()) }
    }

    /// Whether entries are accepted.
    pub fn is_ready(&self) -> bool {
        self.readiness().is_ok()
    }

    pub fn metrics(&self) -> LogMetrics {
        let waiting = self.queue.max_capacity() - self.queue.capacity();
        self.shared.counters.read(waiting as u64)
    }

    /// Ends the log: what waits is committed, everything goes into tiles under a signed checkpoint, segments go away. All
    /// callers get the same result, later ones too.
    pub async fn close(&self) -> Result<(), AuditError> {
        let is_first = !std::mem::replace(&mut self.shared.condition().is_closing, true);
        if is_first && self.queue.send(Command::Close).await.is_err() {
            return Err(AuditError::Closed);
        }
        let mut closed = self.shared.closed.subscribe();
        let result = closed.wait_for(Option::is_some).await;
        result.map_or(Err(AuditError::Closed), |result| result.clone().unwrap_or(Ok(())))
    }
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log").finish_non_exhaustive()
    }
}

/// Brings a folder into order: torn end cut off, segments' entries in tiles.
pub(crate) fn recover(
    disk: Arc<dyn Disk>,
    dir: &Path,
    segment_bytes: u64,
    signer: LogSigner,
) -> Result<(Wal, Tiles, Recovery), AuditError> {
    let wal_dir = dir.join("wal");
    let names = disk.list(&wal_dir).map_err(AuditError::io("list the audit log's segments"))?;
    let begun = disk.list(dir).map_err(AuditError::io("list the audit log's folder"))?;
    if !names.is_empty() && !begun.iter().any(|(name, _)| name == crate::tiles::CHECKPOINT) {
        return Err(VerifyError::file(crate::tiles::CHECKPOINT, "the file is missing").into());
    }
    let mut tiles = Tiles::open(Arc::clone(&disk), dir, signer)?;
    disk.create_dir(&wal_dir)
        .and_then(|()| disk.sync_dir(dir))
        .map_err(AuditError::io("make the folder of the audit log's segments"))?;
    let sealed = tiles.size();
    let mut replayed = Vec::new();
    let (wal, found) = Wal::open(disk, &wal_dir, segment_bytes, sealed, &mut |index, entry| {
        if index >= sealed {
            replayed.push(entry.to_vec());
        }
        Ok(())
    })?;
    tiles.integrate(&replayed).map_err(AuditError::io("write the audit log's tiles"))?;
    let shelf = wal.shelf();
    shelf
        .remove_covered(tiles.size())
        .and_then(|()| shelf.fill())
        .map_err(AuditError::io("make the next segment of the audit log"))?;
    let recovery = Recovery {
        entries: tiles.size(),
        replayed: replayed.len() as u64,
        torn_bytes: found.torn_bytes,
        // A close leaves no segment.
        was_cut: !names.is_empty(),
    };
    Ok((wal, tiles, recovery))
}

/// An exclusive lock on the folder itself: it goes with the process, so none can be stale.
fn lock(dir: &Path) -> Result<File, AuditError> {
    let folder = File::open(dir).map_err(AuditError::io("open the audit log's folder"))?;
    for _ in 0..LOCK_ATTEMPTS {
        match folder.try_lock() {
            Ok(()) => return Ok(folder),
            Err(std::fs::TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(50)),
            Err(std::fs::TryLockError::Error(error)) => {
                return Err(AuditError::io("lock the audit log's folder")(error));
            }
        }
    }
    Err(AuditError::Locked)
}

fn start(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), AuditError> {
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work);
    thread.map(drop).map_err(AuditError::io("start a thread for the audit log"))
}

impl Shared {
    fn condition(&self) -> MutexGuard<'_, Condition> {
        self.condition.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn backlog(&self) -> MutexGuard<'_, Backlog> {
        self.backlog.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check(&self) -> Result<(), AuditError> {
        {
            let condition = self.condition();
            if let Some(problem) = &condition.poison {
                return Err(AuditError::Poisoned(Arc::clone(problem)));
            }
            if condition.is_closing {
                return Err(AuditError::Closed);
            }
            if condition.lacks_space {
                return Err(AuditError::NoSpace);
            }
        }
        let backlog = self.backlog();
        if backlog.len() > TILES_BEHIND_MAX { Err(AuditError::TilesBehind) } else { Ok(()) }
    }

    /// The time, unless it runs behind what the log already holds.
    fn now(&self) -> Result<Timestamp, AuditError> {
        let now = self.clock.now();
        let latest = self.latest.fetch_max(now.0, Relaxed);
        if now.0.saturating_add(CLOCK_STEP_MAX_MICROS) < latest {
            Err(AuditError::ClockStep)
        } else {
            Ok(now)
        }
    }

    fn encode(&self, record: &Record, now: Timestamp) -> Result<Vec<u8>, AuditError> {
        let mut salt = [0; 16];
        self.random.fill(&mut salt).map_err(|_| AuditError::NoRandomness)?;
        Ok(record.encode(record.timestamp.unwrap_or(now), &salt))
    }

    fn count_refusal(&self, error: &AuditError) {
        self.counters.refused.fetch_add(1, Relaxed);
        let why = match error {
            AuditError::QueueFull => "queue full",
            AuditError::TilesBehind => "tiles behind",
            AuditError::NoSpace => "no space",
            AuditError::ClockStep => "clock step",
            _ => return,
        };
        let began = self.clock.monotonic();
        let mut condition = self.condition();
        condition.outage.get_or_insert(Outage { began, refused: 0, why }).refused += 1;
    }

    fn poison(&self, problem: &str) {
        tracing::error!(problem, "the audit log stops writing");
        self.condition().poison.get_or_insert_with(|| problem.into());
    }

    fn set_lack_of_space(&self, lacks_space: bool) {
        let before = std::mem::replace(&mut self.condition().lacks_space, lacks_space);
        if before != lacks_space {
            tracing::warn!(lacks_space, "the audit log's space");
        }
    }
}

/// Owns the write-ahead log.
struct Committer {
    wal: Wal,
    commands: mpsc::Receiver<Command>,
    shared: Arc<Shared>,
}

impl Committer {
    fn run(mut self) {
        let mut commands = Vec::with_capacity(GROUP_ENTRIES_MAX);
        let mut end = End::Abrupt;
        while end == End::Abrupt && self.commands.blocking_recv_many(&mut commands, GROUP_ENTRIES_MAX) > 0 {
            let mut group = Group::default();
            for command in commands.drain(..) {
                match command {
                    Command::Append { entry, reply } if end == End::Abrupt => {
                        if !group.fits(&entry, self.wal.group_bytes_max()) {
                            self.commit(std::mem::take(&mut group));
                        }
                        group.push(entry, Some(reply));
                    }
                    Command::Append { reply, .. } => answer(reply, Err(AuditError::Closed)),
                    Command::Close => end = End::Clean,
                }
            }
            self.commit(group);
        }
        self.commands.close();
        while let Some(command) = self.commands.blocking_recv() {
            if let Command::Append { reply, .. } = command {
                answer(reply, Err(AuditError::Closed));
            }
        }
        // The active segment is closed before the integrator removes it.
        drop(self.wal);
        self.shared.backlog().end = Some(end);
        self.shared.backlog_changed.notify_one();
    }

    fn commit(&mut self, mut group: Group) {
        if group.entries.is_empty() {
            return;
        }
        if let Some(problem) = self.shared.condition().poison.clone() {
            return group.answer_all(&Err(AuditError::Poisoned(problem)));
        }
        if let Some(outage) = self.shared.condition().outage.take() {
            self.record_outage(&mut group, outage);
        }
        if let Err(error) = self.wal.reserve(group.bytes()) {
            let error = if is_space(error.kind()) {
                self.shared.set_lack_of_space(true);
                AuditError::NoSpace
            } else {
                self.shared.poison(&error.to_string());
                AuditError::Poisoned(error.to_string().into())
            };
            group.replies.iter().flatten().for_each(|_| self.shared.count_refusal(&error));
            return group.answer_all(&Err(error));
        }
        let began = self.shared.clock.monotonic();
        let first = match self.wal.commit(&group.entries) {
            Ok(first) => first,
            Err(error) => {
                self.shared.poison(&error.to_string());
                return group.answer_all(&Err(AuditError::Poisoned(error.to_string().into())));
            }
        };
        let counters = &self.shared.counters;
        counters.count_commit(self.shared.clock.monotonic().saturating_sub(began));
        counters.appended.fetch_add(group.entries.len() as u64, Relaxed);
        counters.size.store(self.wal.next_index(), Relaxed);
        if self.shared.feed.receiver_count() > 0 {
            for (index, entry) in (first..).zip(&group.entries) {
                // An error means that the last listener has just left.
                let _ = self.shared.feed.send(Arc::new(Appended { index, entry: entry.clone() }));
            }
        }
        let mut backlog = self.shared.backlog();
        let before = backlog.entries.len();
        backlog.entries.append(&mut group.entries);
        // Answered only now: whoever has recorded something finds it when reading.
        group.answer_all(&Ok(first));
        // The integrator wakes by itself every second; this tells it of the first entry and of enough entries.
        if before == 0 || (before < TILES_DUE_ENTRIES && backlog.entries.len() >= TILES_DUE_ENTRIES) {
            self.shared.backlog_changed.notify_one();
        }
    }

    /// Puts an entry about refused ones into the group, at its end, if there is room for it.
    fn record_outage(&self, group: &mut Group, outage: Outage) {
        let lasted = self.shared.clock.monotonic().saturating_sub(outage.began);
        let record = Record {
            count: Some(outage.refused),
            ms: Some(u64::try_from(lasted.as_millis()).unwrap_or(u64::MAX)),
            source: Some(outage.why.to_owned()),
            ..Record::new(Event::LogOutage)
        };
        match self.shared.encode(&record, self.shared.clock.now()) {
            Ok(entry) if group.fits(&entry, self.wal.group_bytes_max()) => group.push(entry, None),
            _ => {
                self.shared.condition().outage.get_or_insert(outage);
            }
        }
    }
}

/// Entries for one write and one sync.
#[derive(Default)]
struct Group {
    entries: Vec<Vec<u8>>,
    replies: Vec<Option<oneshot::Sender<Result<u64, AuditError>>>>,
    frames: usize,
}

impl Group {
    fn fits(&self, entry: &[u8], bytes_max: usize) -> bool {
        segment::group_bytes_for(self.frames + segment::frame_bytes(entry)) <= bytes_max
    }

    fn push(&mut self, entry: Vec<u8>, reply: Option<oneshot::Sender<Result<u64, AuditError>>>) {
        self.frames += segment::frame_bytes(&entry);
        self.entries.push(entry);
        self.replies.push(reply);
    }

    fn bytes(&self) -> usize {
        segment::group_bytes_for(self.frames)
    }

    /// Tells everybody the index of their entry, counted from `first`, or the error.
    fn answer_all(&mut self, first: &Result<u64, AuditError>) {
        for (place, reply) in (0..).zip(self.replies.drain(..)) {
            if let Some(reply) = reply {
                answer(reply, first.clone().map(|first| first + place));
            }
        }
    }
}

/// Whoever asked may have left; the entry stands all the same.
fn answer(reply: oneshot::Sender<Result<u64, AuditError>>, result: Result<u64, AuditError>) {
    let _ = reply.send(result);
}

/// Owns the tiles.
struct Integrator {
    tiles: Tiles,
    shelf: Arc<Shelf>,
    shared: Arc<Shared>,
}

impl Integrator {
    fn run(mut self) {
        let mut pending: Arc<Vec<Vec<u8>>> = Arc::default();
        let end = loop {
            let end = self.wait(&mut pending);
            if end == Some(End::Abrupt) {
                break Err(AuditError::Closed);
            }
            if let Some(problem) = self.shared.condition().poison.clone() {
                // What waits stays: it is durable in the segments, and readers find it here.
                if end.is_some() {
                    break Err(AuditError::Poisoned(problem));
                }
                continue;
            }
            match self.round(&mut pending) {
                Ok(()) if end.is_some() => break self.clear(),
                Ok(()) => {}
                Err(error) if error.is_space() && end.is_none() => self.shared.set_lack_of_space(true),
                Err(error) if error.is_space() => break Err(error),
                Err(error) => self.shared.poison(&error.to_string()),
            }
        };
        drop(self.shared.folder.lock().unwrap_or_else(PoisonError::into_inner).take());
        self.shared.closed.send_replace(Some(end));
    }

    /// Waits until tiles are due, a second has passed, or the log ends; takes what there is.
    fn wait(&self, pending: &mut Arc<Vec<Vec<u8>>>) -> Option<End> {
        let backlog = self.wait_until(self.shared.backlog(), TILES_REST, |_| false);
        let is_due = |backlog: &Backlog| backlog.entries.len() >= TILES_DUE_ENTRIES;
        let mut backlog = self.wait_until(backlog, TILES_DUE - TILES_REST, is_due);
        // Given back first, so that nothing is copied unless somebody is reading just now.
        backlog.taken = Arc::default();
        Arc::make_mut(pending).append(&mut backlog.entries);
        backlog.taken = Arc::clone(pending);
        backlog.end
    }

    fn wait_until<'a>(
        &self,
        backlog: MutexGuard<'a, Backlog>,
        time: Duration,
        is_due: impl Fn(&Backlog) -> bool,
    ) -> MutexGuard<'a, Backlog> {
        let waited = self
            .shared
            .backlog_changed
            .wait_timeout_while(backlog, time, |backlog| backlog.end.is_none() && !is_due(backlog));
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn round(&mut self, pending: &mut Arc<Vec<Vec<u8>>>) -> Result<(), AuditError> {
        if !pending.is_empty() {
            self.tiles.integrate(pending).map_err(AuditError::io("write the audit log's tiles"))?;
            // Freed after the lock, which every commit takes.
            let done = {
                let mut backlog = self.shared.backlog();
                backlog.first = self.tiles.size();
                (std::mem::take(&mut backlog.taken), std::mem::take(pending))
            };
            drop(done);
            self.shared.counters.checkpoints.fetch_add(1, Relaxed);
            self.shared.counters.tree_size.store(self.tiles.size(), Relaxed);
        }
        self.shelf
            .remove_covered(self.tiles.size())
            .and_then(|()| self.shelf.fill())
            .map_err(AuditError::io("make the next segment of the audit log"))?;
        self.shared.set_lack_of_space(false);
        Ok(())
    }

    fn clear(&self) -> Result<(), AuditError> {
        self.shelf.remove_all().map_err(AuditError::io("remove the audit log's segments"))
    }
}

#[cfg(test)]
mod crash;
#[cfg(test)]
pub(crate) mod tests;
