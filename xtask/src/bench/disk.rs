//! How long this disk takes to make a small write durable: the wait that an admission cannot undercut.

use crate::Trouble;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

const WRITES: usize = 200;

/// Times of one `fdatasync` after a write of 4 KiB, in microseconds.
pub(super) struct SyncTimes {
    pub(super) p50_us: u128,
    pub(super) p99_us: u128,
}

/// # Errors
/// When the folder cannot be written.
#[expect(clippy::disallowed_methods, reason = "measuring is about the real clock")]
pub(super) fn measure(folder: &Path) -> Result<SyncTimes, Trouble> {
    let path = folder.join("disk");
    let trouble =
        |error: std::io::Error| Trouble::new(format!("`{}` cannot be written: {error}", path.display()));
    let mut file = File::create(&path).map_err(trouble)?;
    let mut times = Vec::new();
    for _ in 0..WRITES {
        let begun = Instant::now();
        file.write_all(&[0; 4096]).and_then(|()| file.sync_data()).map_err(trouble)?;
        times.push(begun.elapsed().as_micros());
    }
    drop(std::fs::remove_file(&path));
    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or(0);
    Ok(SyncTimes { p50_us: at(50), p99_us: at(99) })
}
