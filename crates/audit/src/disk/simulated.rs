//! A disk that can die: of what was not synced, each sector of 512 bytes and each change of a name survives at random.
//!
//! Names follow POSIX to the letter: a folder's changes are durable only after a sync of that very folder, and of the
//! unsynced ones a random number survives, in order.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use super::{Disk, DiskFile};

const SECTOR: usize = 512;

/// Numbers that look random and are the same for the same seed (xorshift64*).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// From 0 to `bound - 1`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) % bound
    }

    fn coin(&mut self) -> bool {
        self.below(2) == 1
    }
}

/// What the next operations do instead of what they should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Creating files and writing beyond what was ever written fails for want of space.
    NoSpace,
    /// The next sync fails, forgets what was not durable, and later ones lie (as page caches do).
    SyncFails,
    /// Every write fails.
    WriteFails,
}

#[derive(Clone, Default)]
pub(crate) struct SimulatedDisk(Arc<Mutex<World>>);

#[derive(Clone, Default)]
struct World {
    files: Vec<Contents>,
    names: BTreeMap<PathBuf, Node>,
    durable_names: BTreeMap<PathBuf, Node>,
    /// Changes of names that are not durable, by folder.
    unsynced: BTreeMap<PathBuf, Vec<Change>>,
    /// Operations until the machine dies.
    budget: Option<u64>,
    fault: Option<Fault>,
}

#[derive(Clone, Default)]
struct Contents {
    now: Vec<u8>,
    durable: Vec<u8>,
    /// After a failed sync the disk believes that it has what it has not.
    lies: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Node {
    Folder,
    File(usize),
}

#[derive(Clone)]
enum Change {
    Put(PathBuf, Node),
    Move { from: PathBuf, to: PathBuf, node: Node },
    Remove(PathBuf),
}

impl Change {
    fn apply(self, names: &mut BTreeMap<PathBuf, Node>) {
        match self {
            Self::Put(path, node) => {
                names.insert(path, node);
            }
            Self::Move { from, to, node } => {
                names.insert(to, node);
                if names.get(&from) == Some(&node) {
                    names.remove(&from);
                }
            }
            Self::Remove(path) => {
                names.remove(&path);
            }
        }
    }
}

impl World {
    fn spend(&mut self) -> io::Result<()> {
        match &mut self.budget {
            Some(0) => Err(io::Error::other("the machine is dead")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn file(&self, path: &Path) -> io::Result<usize> {
        match self.names.get(path) {
            Some(Node::File(id)) => Ok(*id),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn change(&mut self, path: &Path, change: Change) {
        change.clone().apply(&mut self.names);
        self.unsynced.entry(path.parent().unwrap().to_owned()).or_default().push(change);
    }
}

impl SimulatedDisk {
    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap()
    }

    /// Dies after so many operations that change something.
    pub(crate) fn set_budget(&self, operations: Option<u64>) {
        self.world().budget = operations;
    }

    pub(crate) fn set_fault(&self, fault: Option<Fault>) {
        self.world().fault = fault;
    }

    /// While this is held, every operation waits.
    pub(crate) fn stall(&self) -> impl Sized {
        self.world()
    }

    /// Removes a name while the file stays open.
    pub(crate) fn unlink(&self, path: &Path) {
        self.world().names.remove(path).unwrap();
    }

    /// One of the disks that a crash at this moment may leave.
    pub(crate) fn crash(&self, dice: &mut Dice) -> Self {
        let world = self.world();
        let mut names = world.durable_names.clone();
        for changes in world.unsynced.values() {
            let survivors = dice.below(changes.len() as u64 + 1) as usize;
            for change in &changes[..survivors] {
                change.clone().apply(&mut names);
            }
        }
        // What hangs from a folder that is gone is gone.
        let orphans: Vec<_> = names
            .keys()
            .filter(|path| {
                path.ancestors()
                    .skip(1)
                    .any(|above| above.components().count() > 1 && !names.contains_key(above))
            })
            .cloned()
            .collect();
        names.retain(|path, _| !orphans.contains(path));
        let files = world.files.iter().map(|file| file.after_crash(dice)).collect();
        Self(Arc::new(Mutex::new(World { files, durable_names: names.clone(), names, ..World::default() })))
    }
}

impl Contents {
    fn after_crash(&self, dice: &mut Dice) -> Self {
        if self.now == self.durable {
            return Self { lies: false, ..self.clone() };
        }
        let length = if dice.coin() { self.now.len() } else { self.durable.len() };
        let mut bytes = vec![0; length];
        for (number, sector) in bytes.chunks_mut(SECTOR).enumerate() {
            let from = if !self.lies && dice.coin() { &self.now } else { &self.durable };
            for (place, byte) in sector.iter_mut().enumerate() {
                *byte = from.get(number * SECTOR + place).copied().unwrap_or(0);
            }
        }
        Self { durable: bytes.clone(), now: bytes, lies: false }
    }
}

impl Disk for SimulatedDisk {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        let mut world = self.world();
        world.spend()?;
        if !world.names.contains_key(dir) {
            world.change(dir, Change::Put(dir.to_owned(), Node::Folder));
        }
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<(String, bool)>> {
        let world = self.world();
        let inside = world.names.iter().filter(|(path, _)| path.parent() == Some(dir));
        Ok(inside
            .map(|(path, node)| {
                (path.file_name().unwrap().to_str().unwrap().to_owned(), *node == Node::Folder)
            })
            .collect())
    }

    fn open(&self, file: &Path) -> io::Result<Box<dyn DiskFile>> {
        let id = self.world().file(file)?;
        Ok(Box::new(SimulatedFile { disk: self.clone(), id }))
    }

    fn create(&self, file: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut world = self.world();
        world.spend()?;
        if world.fault == Some(Fault::NoSpace) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let id = match world.file(file) {
            Ok(id) => {
                world.files[id].now.clear();
                id
            }
            Err(_) => {
                world.files.push(Contents::default());
                let id = world.files.len() - 1;
                world.change(file, Change::Put(file.to_owned(), Node::File(id)));
                id
            }
        };
        Ok(Box::new(SimulatedFile { disk: self.clone(), id }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut world = self.world();
        world.spend()?;
        let node = Node::File(world.file(from)?);
        world.change(to, Change::Move { from: from.to_owned(), to: to.to_owned(), node });
        Ok(())
    }

    fn remove(&self, file: &Path) -> io::Result<()> {
        let mut world = self.world();
        world.spend()?;
        world.file(file)?;
        world.change(file, Change::Remove(file.to_owned()));
        Ok(())
    }

    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        let mut world = self.world();
        world.spend()?;
        world.change(dir, Change::Remove(dir.to_owned()));
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut world = self.world();
        world.spend()?;
        for change in world.unsynced.remove(dir).unwrap_or_default() {
            change.apply(&mut world.durable_names);
        }
        Ok(())
    }
}

struct SimulatedFile {
    disk: SimulatedDisk,
    id: usize,
}

impl DiskFile for SimulatedFile {
    fn length(&self) -> io::Result<u64> {
        Ok(self.disk.world().files[self.id].now.len() as u64)
    }

    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<usize> {
        let world = self.disk.world();
        let rest = world.files[self.id].now.get(offset as usize..).unwrap_or_default();
        let count = rest.len().min(bytes.len());
        bytes[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut world = self.disk.world();
        let is_dead = world.spend();
        let fault = world.fault;
        let file = &mut world.files[self.id];
        let end = offset as usize + bytes.len();
        match fault {
            Some(Fault::NoSpace) if end > file.now.len() => return Err(io::ErrorKind::StorageFull.into()),
            Some(Fault::WriteFails) => return Err(io::Error::other("input/output error")),
            _ => {}
        }
        if file.now.len() < end {
            file.now.resize(end, 0);
        }
        // Also the write during which the machine dies may leave its traces.
        file.now[offset as usize..end].copy_from_slice(bytes);
        is_dead
    }

    fn sync(&self) -> io::Result<()> {
        let mut world = self.disk.world();
        world.spend()?;
        let fails = world.fault == Some(Fault::SyncFails);
        if fails {
            world.fault = None;
        }
        let file = &mut world.files[self.id];
        file.lies |= fails;
        if fails {
            return Err(io::Error::other("input/output error"));
        }
        if !file.lies {
            file.durable = file.now.clone();
        }
        Ok(())
    }

    fn is_linked(&self) -> io::Result<bool> {
        Ok(self.disk.world().names.values().any(|node| *node == Node::File(self.id)))
    }
}
