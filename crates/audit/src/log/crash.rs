//! Lives of a log on a disk that dies, and the two laws: no acknowledged entry is lost, nothing is accepted that was
//! never written.

use std::path::Path;
use std::sync::Arc;

use schleuse_tlog::{LogSigner, TILE_WIDTH, TileKind, split_bundle, tiles_of};

use super::recover;
use crate::disk::simulated::{Dice, SimulatedDisk};
use crate::disk::{self, Disk};
use crate::mutant::{self, Mutant};
use crate::verify::{Trust, verify_once};
use crate::wal::SEGMENT_BYTES_MIN;

pub(crate) const DIR: &str = "/log";

#[derive(Debug, Clone, PartialEq, Eq)]
enum Broken {
    Lost,
    Corrupt,
    Unopened(String),
    Unverified(String),
}

pub(crate) fn signer() -> LogSigner {
    LogSigner::new("schleuse.example/audit", &[7; 32]).unwrap()
}

/// Disks that one death may leave, of which each is looked at; the last one is lived on.
const DISKS: u64 = 3;
/// Lives in a row.
const LIVES: u64 = 3;

/// Three lives of a log: in each, commits, tiles and clean ends at random until the machine dies.
fn live_and_die(seed: u64) -> Result<(), Broken> {
    let mut dice = Dice::new(seed);
    let disk = SimulatedDisk::default();
    disk.create_dir(Path::new(DIR)).unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
    let mut disk = disk;
    let mut written: Vec<Vec<u8>> = Vec::new();
    let mut acknowledged = 0;
    for _ in 0..LIVES {
        disk.set_budget(Some(10 + dice.below(250)));
        let was_open = live(&disk, &mut dice, &mut written, &mut acknowledged);
        let mut left = None;
        for _ in 0..DISKS {
            let after = disk.crash(&mut dice);
            let entries = recovered(&after, was_open, &written, acknowledged)?;
            left = Some((after, entries));
        }
        let Some((after, entries)) = left else { break };
        // What was recovered is in tiles and from now on counts as acknowledged.
        acknowledged = entries.len();
        written = entries;
        disk = after;
    }
    Ok(())
}

/// What is found on a disk that a death left, judged by both laws.
fn recovered(
    after: &SimulatedDisk,
    was_open: bool,
    written: &[Vec<u8>],
    acknowledged: usize,
) -> Result<Vec<Vec<u8>>, Broken> {
    let verified = || {
        verify_once(after, Path::new(DIR), false, &Trust::default())
            .map_err(|error| Broken::Unverified(error.to_string()))
    };
    if was_open && verified()?.entries() < acknowledged as u64 {
        return Err(Broken::Lost);
    }
    let opened = recover(Arc::new(after.clone()), Path::new(DIR), SEGMENT_BYTES_MIN, signer());
    let (_, tiles, _) = opened.map_err(|error| Broken::Unopened(error.to_string()))?;
    let entries = entries_in_tiles(after, tiles.size());
    if entries.len() < acknowledged {
        return Err(Broken::Lost);
    }
    if !written.starts_with(&entries) {
        return Err(Broken::Corrupt);
    }
    verified()?;
    Ok(entries)
}

/// Until the first error. Says whether the log was ever open.
fn live(disk: &SimulatedDisk, dice: &mut Dice, written: &mut Vec<Vec<u8>>, acknowledged: &mut usize) -> bool {
    let open = || recover(Arc::new(disk.clone()), Path::new(DIR), SEGMENT_BYTES_MIN, signer());
    let Ok((mut wal, mut tiles, _)) = open() else { return !written.is_empty() };
    let mut pending = Vec::new();
    loop {
        match dice.below(10) {
            0..=6 => {
                let group: Vec<Vec<u8>> = (0..1 + dice.below(6)).map(|_| entry(dice)).collect();
                written.extend(group.iter().cloned());
                if wal.commit(&group).is_err() {
                    return true;
                }
                *acknowledged = written.len();
                pending.extend(group);
            }
            7 | 8 => {
                let shelf = wal.shelf();
                if tiles.integrate(&pending).is_err() {
                    return true;
                }
                pending.clear();
                if shelf.remove_covered(tiles.size()).and_then(|()| shelf.fill()).is_err() {
                    return true;
                }
            }
            _ => {
                if tiles.integrate(&pending).is_err() || wal.shelf().remove_all().is_err() {
                    return true;
                }
                pending.clear();
                let Ok(reopened) = open() else { return true };
                (wal, tiles, _) = reopened;
            }
        }
    }
}

/// Text, as entries are: no zero bytes.
fn entry(dice: &mut Dice) -> Vec<u8> {
    let length = if dice.below(4) == 0 { 1 + dice.below(1500) } else { 1 + dice.below(300) };
    (0..length).map(|_| b' ' + dice.below(90) as u8).collect()
}

pub(crate) fn entries_in_tiles(disk: &SimulatedDisk, size: u64) -> Vec<Vec<u8>> {
    let mut entries = Vec::new();
    for tile in tiles_of(size).filter(|tile| tile.kind == TileKind::Entries) {
        assert_eq!(entries.len() as u64, tile.index * TILE_WIDTH);
        let bytes = disk::read(disk, &Path::new(DIR).join(tile.to_string())).unwrap();
        entries.extend(split_bundle(&bytes).unwrap().into_iter().map(<[u8]>::to_vec));
    }
    entries
}

#[test]
fn no_acknowledged_entry_is_lost_and_no_corrupt_one_accepted() {
    let logs = 560 * crate::proofs::factor();
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get() as u64);
    let broken: Vec<_> = std::thread::scope(|scope| {
        let part = |first: u64| {
            scope.spawn(move || {
                let seeds = (first..logs).step_by(threads as usize);
                seeds
                    .filter_map(|seed| live_and_die(seed).err().map(|broken| (seed, broken)))
                    .collect::<Vec<_>>()
            })
        };
        let parts: Vec<_> = (0..threads).map(part).collect();
        parts.into_iter().flat_map(|part| part.join().unwrap()).collect()
    });
    assert_eq!(broken, []);
    let states = logs * LIVES * DISKS;
    crate::proofs::tell(
        "simulated disk",
        &format!("{states} crash states, 0 acknowledged entries lost, 0 corrupt accepted"),
    );
}

/// The same lives with a defect built in must show it; how many of 500 logs do.
fn check_caught(mutant: Mutant, name: &str, expected: &Broken) {
    let first = mutant::with(mutant, || (0..500).find(|seed| live_and_die(*seed).as_ref() == Err(expected)));
    let first = first.unwrap_or_else(|| panic!("{mutant:?} is not caught"));
    crate::proofs::tell(name, &format!("caught in log {} of 500", first + 1));
}

#[test]
fn an_acknowledgement_before_the_sync_is_caught() {
    check_caught(Mutant::AckBeforeSync, "simulated disk, without the sync", &Broken::Lost);
}

#[test]
fn a_log_without_checksums_is_caught() {
    check_caught(Mutant::NoChecksum, "simulated disk, without the checksum", &Broken::Corrupt);
}
