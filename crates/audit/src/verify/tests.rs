use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use schleuse_tlog::{LogSigner, LogVerifier};

use super::{Trust, Verified, verify, verify_trusting};
use crate::disk::SystemDisk;
use crate::disk::simulated::Dice;
use crate::log::recover;
use crate::log::tests::Folder;
use crate::wal::SEGMENT_BYTES_MIN;

/// A log of `sealed` entries in tiles and `unsealed` ones in segments; segments go away when nothing is unsealed.
fn make(dir: &Path, sealed: usize, unsealed: usize) {
    make_as(dir, sealed, unsealed, 7, usize::MAX);
}

/// The same by another key, with one entry changed.
fn make_as(dir: &Path, sealed: usize, unsealed: usize, key: u8, changed: usize) {
    fs::create_dir(dir).unwrap();
    let signer = LogSigner::new("schleuse.example/audit", &[key; 32]).unwrap();
    let (mut wal, mut tiles, _) = recover(Arc::new(SystemDisk), dir, SEGMENT_BYTES_MIN, signer).unwrap();
    let shelf = wal.shelf();
    let entries = |from: usize, to: usize| -> Vec<Vec<u8>> {
        let request = |number| if number == changed { "FORGED".to_owned() } else { format!("REQ{number}") };
        (from..to)
            .map(|number| format!("{{\"request_id\":\"{}\",\"v\":1}}", request(number)).into_bytes())
            .collect()
    };
    for start in (0..sealed).step_by(100) {
        let group = entries(start, sealed.min(start + 100));
        wal.commit(&group).unwrap();
        tiles.integrate(&group).unwrap();
        shelf.remove_covered(tiles.size()).unwrap();
        shelf.fill().unwrap();
    }
    if unsealed == 0 {
        drop(wal);
        shelf.remove_all().unwrap();
        return;
    }
    // Groups of different lengths, so that footers stand alone and with frames before them.
    let mut next = sealed;
    let mut step = 1;
    while next < sealed + unsealed {
        let end = (sealed + unsealed).min(next + step);
        wal.commit(&entries(next, end)).unwrap();
        (next, step) = (end, step + 3);
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

/// Whatever was done is noticed; where it was done to entries or their hashes, an entry is named.
fn check(dir: &Path, what: &str) {
    let error =
        verify(dir).map_or_else(|error| error, |verified| panic!("not noticed: {what}: {verified:?}"));
    let is_about_entries = ["tile/entries/", "tile/0/", "wal/"].iter().any(|place| what.contains(place));
    // A file that is gone, cut or not of this log is named itself; so are key and checkpoint, before anything is read by them.
    let words = ["missing", "does not belong", "length", "outgrown", "header"];
    let is_about_file = words.iter().any(|word| error.problem.contains(word))
        || ["checkpoint", "vkey"].contains(&error.file.as_str());
    assert!(error.entry.is_some() || !is_about_entries || is_about_file, "no entry named: {what}: {error}");
}

/// Flips one bit at up to `per_file` places of every file; how many flips.
fn flip_everywhere(dir: &Path, per_file: u64) -> u64 {
    let per_file = per_file * crate::proofs::factor();
    let mut dice = Dice::new(42);
    let mut flips = 0;
    for path in files(dir) {
        let whole = fs::read(&path).unwrap();
        let length = whole.len() as u64;
        let places: Vec<u64> = if length <= per_file {
            (0..length).collect()
        } else {
            [0, length - 1].into_iter().chain((2..per_file).map(|_| dice.below(length))).collect()
        };
        for place in places {
            let mut changed = whole.clone();
            changed[place as usize] ^= 1 << dice.below(8);
            fs::write(&path, changed).unwrap();
            check(dir, &format!("a bit at {place} of {}", path.display()));
            flips += 1;
        }
        fs::write(&path, whole).unwrap();
    }
    flips
}

#[test]
fn one_changed_bit_anywhere_in_a_closed_log_is_noticed() {
    let folder = Folder::new();
    let dir = folder.0.join("audit");
    make(&dir, 777, 0);
    let before = verify(&dir).unwrap();
    assert_eq!((before.sealed, before.unsealed, before.torn_bytes), (777, 0, 0));
    let flips = flip_everywhere(&dir, 60);
    assert!(flips > 500);
    crate::proofs::tell("changed bits in a closed log", &format!("{flips}, all noticed"));
    assert_eq!(verify(&dir).unwrap(), before);
}

#[test]
fn one_changed_bit_anywhere_in_a_killed_log_is_noticed() {
    let folder = Folder::new();
    let dir = folder.0.join("audit");
    make(&dir, 300, 150);
    let before = verify(&dir).unwrap();
    assert_eq!((before.sealed, before.unsealed, before.torn_bytes), (300, 150, 0));
    assert!(files(&dir.join("wal")).len() >= 2);
    let flips = flip_everywhere(&dir, 150);
    assert!(flips > 500);
    crate::proofs::tell("changed bits in a killed log", &format!("{flips}, all noticed"));
    // Every byte of the last group, where a change could pass for a torn write.
    let segment = files(&dir.join("wal"))
        .into_iter()
        .rev()
        .find(|path| fs::read(path).unwrap().iter().any(|byte| *byte != 0))
        .unwrap();
    let whole = fs::read(&segment).unwrap();
    let end = whole.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    for place in end - 1200..end + 20 {
        let mut changed = whole.clone();
        changed[place] ^= 0x10;
        fs::write(&segment, changed).unwrap();
        check(&dir, &format!("a bit at {place} of the last group, which ends at {end}"));
    }
    fs::write(&segment, whole).unwrap();
    assert_eq!(verify(&dir).unwrap(), before);
}

#[test]
fn files_cut_swapped_removed_or_added_are_noticed() {
    let folder = Folder::new();
    let dir = folder.0.join("audit");
    make(&dir, 777, 0);
    let all = files(&dir);
    for path in &all {
        let whole = fs::read(path).unwrap();
        for length in [0, 1, whole.len() / 2, whole.len() - 1] {
            fs::write(path, &whole[..length]).unwrap();
            check(&dir, &format!("{} cut to {length}", path.display()));
        }
        fs::write(path, [&whole[..], b"x"].concat()).unwrap();
        check(&dir, &format!("{} with a byte more", path.display()));
        fs::remove_file(path).unwrap();
        check(&dir, &format!("{} removed", path.display()));
        fs::write(path, whole).unwrap();
    }
    for (place, one) in all.iter().enumerate() {
        for other in &all[place + 1..] {
            let (a, b) = (fs::read(one).unwrap(), fs::read(other).unwrap());
            fs::write(one, &b).unwrap();
            fs::write(other, &a).unwrap();
            check(&dir, &format!("{} and {} swapped", one.display(), other.display()));
            fs::write(one, a).unwrap();
            fs::write(other, b).unwrap();
        }
    }
    for name in ["tile/0/009", "tile/entries/000.p/3", "tile/0/1000", "notes.txt", "wal/000001.seg.bak"] {
        fs::create_dir_all(dir.join(name).parent().unwrap()).unwrap();
        fs::write(dir.join(name), "stray").unwrap();
        check(&dir, &format!("{name} added"));
        fs::remove_file(dir.join(name)).unwrap();
    }
    verify(&dir).unwrap();
}

#[test]
fn the_wrong_entry_is_named() {
    let folder = Folder::new();
    let dir = folder.0.join("audit");
    make(&dir, 777, 5);
    let bundle = dir.join("tile/entries/001");
    let whole = fs::read_to_string(&bundle).unwrap();
    fs::write(&bundle, whole.replace("REQ300", "REQ3o0")).unwrap();
    let error = verify(&dir).unwrap_err();
    assert_eq!(error.to_string(), "entry 300 in `tile/entries/001`: the entry is changed");
    fs::write(&bundle, whole).unwrap();

    let tile = dir.join("tile/0/002");
    let whole = fs::read(&tile).unwrap();
    let mut changed = whole.clone();
    changed[32 * 10] ^= 1;
    fs::write(&tile, changed).unwrap();
    let error = verify(&dir).unwrap_err();
    assert_eq!(error.to_string(), "entry 522 in `tile/0/002`: the hash is changed");
    fs::write(&tile, whole).unwrap();

    let text = fs::read_to_string(dir.join("checkpoint")).unwrap();
    fs::write(dir.join("checkpoint"), text.replace("\n777\n", "\n776\n")).unwrap();
    assert_eq!(verify(&dir).unwrap_err().to_string(), "`checkpoint`: the note's signature is wrong");
    fs::write(dir.join("checkpoint"), text).unwrap();
    assert_eq!(verify(&dir).unwrap().entries(), 782);
}

#[test]
fn a_torn_last_group_is_reported_and_not_an_error() {
    let folder = Folder::new();
    let dir = folder.0.join("audit");
    make(&dir, 256, 51);
    let segments = files(&dir.join("wal"));
    let segment =
        segments.iter().rev().find(|path| fs::read(path).unwrap().iter().any(|byte| *byte != 0)).unwrap();
    let mut bytes = fs::read(segment).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    // The last sector, with the footer, never reached the disk.
    bytes[end - 512..end].fill(0);
    fs::write(segment, bytes).unwrap();
    let Verified { sealed, unsealed, torn_bytes, .. } = verify(&dir).unwrap();
    assert_eq!(sealed, 256);
    assert!(unsealed < 51 && torn_bytes > 0, "{unsealed} {torn_bytes}");
    let signer = LogSigner::new("schleuse.example/audit", &[7; 32]).unwrap();
    let (_, _, recovery) = recover(Arc::new(SystemDisk), &dir, SEGMENT_BYTES_MIN, signer).unwrap();
    assert_eq!((recovery.entries, recovery.torn_bytes), (256 + unsealed, torn_bytes));
    assert_eq!(verify(&dir).unwrap().torn_bytes, 0);
}

#[test]
fn an_unfinished_tile_is_reported_and_removed_by_the_next_start() {
    let folder = Folder::new();
    let dir = folder.0.join("audit");
    make(&dir, 10, 0);
    fs::write(dir.join(".unfinished"), "half").unwrap();
    assert_eq!(verify(&dir).unwrap().torn_bytes, 4);
    let signer = LogSigner::new("schleuse.example/audit", &[7; 32]).unwrap();
    recover(Arc::new(SystemDisk), &dir, SEGMENT_BYTES_MIN, signer).unwrap();
    assert_eq!(verify(&dir).unwrap().torn_bytes, 0);
}

/// Somebody holds the disk, changes entry 300, and computes everything anew that needs no key.
#[test]
fn a_recomputed_log_is_noticed_by_whoever_has_the_key_or_an_earlier_checkpoint() {
    let folder = Folder::new();
    let (dir, forged) = (folder.0.join("audit"), folder.0.join("forged"));
    make(&dir, 777, 0);
    let (checkpoint, vkey) =
        (fs::read_to_string(dir.join("checkpoint")).unwrap(), fs::read_to_string(dir.join("vkey")).unwrap());
    make_as(&forged, 777, 0, 9, 300);
    let verify_with = |trust: &Trust| verify_trusting(&forged, trust).unwrap_err().to_string();
    // With a key of one's own, it is a whole log: of somebody else.
    assert!(verify(&forged).is_ok());
    let key = LogVerifier::parse(vkey.trim()).unwrap();
    let known = Trust { key: Some(key), ..Trust::default() };
    assert_eq!(verify_with(&known), "`vkey`: the log has another key than the one that was given");
    // With the old key beside it, the checkpoint is not that key's.
    let theirs = fs::read_to_string(forged.join("checkpoint")).unwrap();
    fs::write(forged.join("vkey"), &vkey).unwrap();
    assert_eq!(verify_with(&known), "`checkpoint`: the note is not signed by this key");
    // With the old checkpoint, too, entries and tiles do not give its root.
    fs::write(forged.join("checkpoint"), &checkpoint).unwrap();
    let error = verify(&forged).unwrap_err();
    assert_eq!(error.entry, Some(0), "{error}");
    assert!(error.problem.starts_with("entries and tiles agree, but the signed root is another"), "{error}");
    // Whoever kept the checkpoint of a shorter log knows how far nothing was changed.
    let shorter = folder.0.join("shorter");
    make(&shorter, 256, 0);
    let seen = fs::read_to_string(shorter.join("checkpoint")).unwrap();
    let error =
        verify_trusting(&forged, &Trust { seen: Some(seen.clone()), ..Trust::default() }).unwrap_err();
    assert_eq!(error.entry, Some(256), "{error}");
    // Even the log's own key, in the wrong hands, does not help against it.
    let resigned = folder.0.join("resigned");
    make_as(&resigned, 777, 0, 7, 200);
    assert!(verify(&resigned).is_ok());
    let error = verify_trusting(&resigned, &Trust { seen: Some(seen), ..Trust::default() }).unwrap_err();
    assert_eq!(error.entry, Some(0), "{error}");
    assert!(error.problem.contains("does not continue the kept checkpoint"), "{error}");
    assert_ne!(theirs, checkpoint);
    crate::proofs::tell("recomputed logs", "5 of 5 noticed, with the first entry that is not proven");
}
