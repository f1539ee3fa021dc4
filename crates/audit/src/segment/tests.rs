use std::path::Path;

use super::{
    Expected, GROUP_BYTES_MAX, Position, SECTOR, Scan, ScanError, encode_group, encode_header, scan,
};
use crate::disk::simulated::SimulatedDisk;
use crate::disk::{Disk, DiskFile};

/// A segment with groups of these many entries of 200 bytes; the file, and where each group begins and the last ends.
fn segment(length: u64, groups: &[usize]) -> (Box<dyn DiskFile>, Vec<u64>) {
    let disk = SimulatedDisk::default();
    let file = disk.create(Path::new("/1")).unwrap();
    let mut position = Position::fresh(5);
    let mut bytes = encode_header(3, &position, length);
    let mut starts = vec![bytes.len() as u64];
    for count in groups {
        let entries = vec![vec![b'x'; 200]; *count];
        position = encode_group(&mut bytes, &position, &entries);
        starts.push(bytes.len() as u64);
    }
    bytes.resize(length as usize, 0);
    file.write_at(0, &bytes).unwrap();
    (file, starts)
}

fn read(file: &dyn DiskFile, sealed: u64) -> Result<(Scan, u64), ScanError> {
    let mut entries = 0;
    let expected = Expected { number: 3, previous: None, sealed, live: false };
    scan(file, &expected, &mut |_, _| {
        entries += 1;
        Ok(())
    })
    .map(|scan| (scan, entries))
}

/// Zeroes sectors; expects so many entries and torn bytes, or tampering.
fn check(groups: &[usize], sealed: u64, zeroed: &[u64], expected: Option<(u64, u64)>) {
    let (file, _) = segment(64 * 1024, groups);
    for sector in zeroed {
        file.write_at(sector * SECTOR as u64, &[0; SECTOR]).unwrap();
    }
    let result = read(&*file, sealed).map(|(scan, entries)| (entries, scan.torn_bytes)).ok();
    assert_eq!(result, expected, "{groups:?} sealed {sealed} zeroed {zeroed:?}");
}

#[test]
fn only_the_last_group_can_be_torn() {
    // A group of 8 takes 8 * 212 + 4 + 80 bytes: 4 sectors. Sector 0 is the header.
    check(&[8, 8], 5, &[], Some((16, 0)));
    check(&[8, 8], 5, &[5], Some((8, 2048)));
    check(&[8, 8], 5, &[6], Some((8, 2048)));
    check(&[8, 8], 5, &[8], Some((8, 1536)));
    check(&[8, 8], 5, &[5, 6, 7, 8], Some((8, 0)));
    check(&[8, 8], 5, &[6, 8], Some((8, 1536)));
    // Missing sectors before a later group are no tear.
    check(&[8, 8], 5, &[2], None);
    check(&[8, 8], 5, &[4], None);
    check(&[8, 8, 8], 5, &[6], None);
    check(&[8, 8, 8], 5, &[5, 6, 7, 8], None);
    // What a checkpoint covers cannot be torn.
    check(&[8, 8], 14, &[6], None);
    // The header goes with the first group, and with it alone.
    check(&[8], 5, &[0], Some((0, 2560)));
    check(&[8, 8], 5, &[0], None);
}

#[test]
fn a_group_fits_or_the_segment_ends() {
    let (file, starts) = segment(64 * 1024, &[1, 2, 3, 50, 1]);
    let (scan, entries) = read(&*file, 5).unwrap();
    assert_eq!((entries, scan.end, scan.position.index), (57, *starts.last().unwrap(), 62));
    assert!(starts.iter().all(|start| start % SECTOR as u64 == 0));
}

#[test]
fn segments_longer_than_the_window_are_read_to_their_end() {
    let groups = [4000, 4000, 4000, 4000, 1];
    let (file, _) = segment(8 << 20, &groups);
    assert_eq!(read(&*file, 5).unwrap().1, 16_001);
    // Dense bytes without a footer, too far behind the last group to belong to the next.
    let (_, starts) = segment(8 << 20, &groups);
    file.write_at(starts.last().unwrap() + GROUP_BYTES_MAX as u64, &[b'x'; SECTOR]).unwrap();
    assert!(matches!(read(&*file, 5), Err(ScanError::Wrong(16_006, _))));
}

#[test]
fn a_segment_knows_its_number_and_length_and_place() {
    let (file, _) = segment(64 * 1024, &[1]);
    let expected = |number, sealed| Expected { number, previous: None, sealed, live: false };
    let mut ignore = |_, _: &[u8]| Ok(());
    assert!(scan(&*file, &expected(3, 5), &mut ignore).is_ok());
    assert!(scan(&*file, &expected(4, 5), &mut ignore).is_err());
    // Entries 3 and 4 are neither in tiles nor here.
    assert!(scan(&*file, &expected(3, 3), &mut ignore).is_err());
    file.write_at(64 * 1024, &[0]).unwrap();
    assert!(scan(&*file, &expected(3, 5), &mut ignore).is_err());
}
