//! Entry bundles: up to 256 entries, each behind a big-endian `u16` length (C2SP tlog-tiles, "Log Entries").

use std::fmt;

/// The longest entry that fits its length prefix.
pub const ENTRY_BYTES_MAX: usize = 65_535;

/// Why bytes are no bundle, or an entry does not fit into one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BundleError {
    TooLong,
    Cut,
}

impl fmt::Display for BundleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "an entry is longer than 65535 bytes",
            Self::Cut => "an entry bundle ends inside an entry",
        })
    }
}

impl std::error::Error for BundleError {}

/// Adds one entry to the end of a bundle.
pub fn push_entry(bundle: &mut Vec<u8>, entry: &[u8]) -> Result<(), BundleError> {
    let length = u16::try_from(entry.len()).map_err(|_| BundleError::TooLong)?;
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
    Ok(())
}

/// The entries of a bundle, in order.
pub fn split_bundle(mut bundle: &[u8]) -> Result<Vec<&[u8]>, BundleError> {
    let mut entries = Vec::new();
    while !bundle.is_empty() {
        let (length, rest) = bundle.split_first_chunk::<2>().ok_or(BundleError::Cut)?;
        let (entry, rest) =
            rest.split_at_checked(usize::from(u16::from_be_bytes(*length))).ok_or(BundleError::Cut)?;
        entries.push(entry);
        bundle = rest;
    }
    Ok(entries)
}
