//! What files and batches may cost: `[files]`.

use std::time::Duration;

use schleuse_batch::Limits;

use super::reader::{ConfigError, Reader};

pub(super) fn read_files(mut reader: Reader<'_>) -> Result<Limits, ConfigError> {
    let mut limits = Limits::default();
    let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    if let Some(mebibytes) = reader.number("file_mib", 1, 128)? {
        limits.file_bytes_max = size(mebibytes << 20);
    }
    if let Some(mebibytes) = reader.number("person_mib", 1, 65_536)? {
        limits.bytes_max = mebibytes << 20;
    }
    if let Some(mebibytes) = reader.number("answers_mib", 1, 192)? {
        limits.answers_bytes_max = mebibytes << 20;
    }
    for (key, most, place) in [
        ("files", 100_000, &mut limits.files_max),
        ("uploads", 64, &mut limits.uploads_max),
        ("lines", 50_000, &mut limits.lines_max),
        ("batches", 1000, &mut limits.batches_max),
        ("running", 64, &mut limits.running_max),
        ("parallel", 64, &mut limits.parallel_max),
        ("house_parallel", 1024, &mut limits.house_parallel_max),
    ] {
        if let Some(number) = reader.number(key, 1, most)? {
            *place = size(number);
        }
    }
    if let Some(days) = reader.number("keep_days", 1, 365)? {
        limits.kept = Duration::from_secs(days * 24 * 60 * 60);
    }
    reader.finish()?;
    Ok(limits)
}
