//! Checkpoints: what a log says about itself, to be signed as a note (C2SP tlog-checkpoint).

use std::fmt;

use crate::Hash;

/// Origin, size and root of a tree. Extension lines are not used by this log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name; also the name of its key.
    pub origin: String,
    /// How many entries the tree holds.
    pub size: u64,
    pub root: Hash,
}

/// The text is no checkpoint as this log writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckpointError;

impl fmt::Display for CheckpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a checkpoint of three lines: origin, size, root hash")
    }
}

impl std::error::Error for CheckpointError {}

impl Checkpoint {
    /// Reads the text of any log's note: extension lines behind the three are passed over, and none of them is empty.
    pub fn parse_extended(text: &str) -> Result<Self, CheckpointError> {
        let known = text.match_indices('\n').nth(2).and_then(|(at, _)| text.split_at_checked(at + 1));
        let (known, extensions) = known.ok_or(CheckpointError)?;
        if extensions.split_terminator('\n').any(str::is_empty) {
            return Err(CheckpointError);
        }
        Self::parse(known)
    }

    /// Reads the note's text. Accepts exactly what `Display` writes, byte for byte.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let mut lines = text.split_terminator('\n');
        let (Some(origin), Some(size), Some(root), None) =
            (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(CheckpointError);
        };
        let checkpoint = Self {
            origin: origin.to_owned(),
            size: size.parse().map_err(|_| CheckpointError)?,
            root: Hash::parse(root).ok_or(CheckpointError)?,
        };
        if origin.is_empty() || checkpoint.to_string() != text {
            Err(CheckpointError)
        } else {
            Ok(checkpoint)
        }
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}\n{}\n", self.origin, self.size, self.root)
    }
}
