//! The `.tlog-proof` file: that one entry is in the tree under one checkpoint, for whoever has neither log nor network
//! (C2SP tlog-proof).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::{Accepted, Hash, Policy, PolicyRefusal, leaf_hash, verify_inclusion};

/// The longest proof that is read, in bytes: the longest entry as extra data, 63 hashes and a note.
pub const PROOF_FILE_BYTES_MAX: usize = 256 * 1024;
const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";

/// One proof. What is in it is not checked before [`ProofFile::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofFile {
    /// Here the entry's own bytes, so that the file speaks for itself. Believed only once its hash is in the tree.
    pub extra: Option<Vec<u8>>,
    /// Which entry, counted from 0.
    pub index: u64,
    /// The audit path, nearest sibling first.
    pub path: Vec<Hash>,
    /// The signed note, whole, with the cosignatures of witnesses where there are any.
    pub checkpoint: String,
}

/// Why a proof is none, or proves nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProofFileError {
    /// Not such a file, with the first part that is wrong.
    Form(&'static str),
    /// Neither in the file nor beside it.
    NoEntry,
    /// The checkpoint is not what the policy accepts.
    Checkpoint(PolicyRefusal),
    /// The signatures are right, but this entry is not at this place in that tree.
    NotIncluded,
}

impl fmt::Display for ProofFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form(what) => write!(f, "not a `.tlog-proof` file: {what}"),
            Self::NoEntry => f.write_str("the proof does not hold its entry, and none is given beside it"),
            Self::Checkpoint(refusal) => refusal.fmt(f),
            Self::NotIncluded => {
                f.write_str("the entry is not in the signed tree: it was changed, or the proof was")
            }
        }
    }
}

impl std::error::Error for ProofFileError {}

impl ProofFile {
    /// Reads exactly what `Display` writes.
    pub fn parse(text: &str) -> Result<Self, ProofFileError> {
        use ProofFileError::Form;
        if text.len() > PROOF_FILE_BYTES_MAX {
            return Err(Form("it is longer than 256 KiB"));
        }
        let (head, checkpoint) = text.split_once("\n\n").ok_or(Form("it holds no checkpoint"))?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(FIRST_LINE) {
            return Err(Form("its first line is another"));
        }
        let mut extra = None;
        if let Some(data) = lines.peek().and_then(|line| line.strip_prefix("extra ")) {
            extra = Some(STANDARD.decode(data).map_err(|_| Form("its extra data is not base64"))?);
            lines.next();
        }
        let index = lines.next().and_then(|line| line.strip_prefix("index ")).and_then(decimal);
        let index = index.ok_or(Form("it names no index"))?;
        let path: Vec<Hash> =
            lines.map(Hash::parse).collect::<Option<_>>().ok_or(Form("a line of the path is no hash"))?;
        if path.len() > 63 {
            return Err(Form("its path is longer than any tree is high"));
        }
        Ok(Self { extra, index, path, checkpoint: checkpoint.to_owned() })
    }

    /// Checks everything: the checkpoint by `policy`, then the path of `entry`, or of the extra data where that is `None`.
    pub fn verify(&self, entry: Option<&[u8]>, policy: &Policy) -> Result<Accepted, ProofFileError> {
        let entry = entry.or(self.extra.as_deref()).ok_or(ProofFileError::NoEntry)?;
        let accepted = policy.accept(&self.checkpoint).map_err(ProofFileError::Checkpoint)?;
        let (size, root) = (accepted.checkpoint.size, &accepted.checkpoint.root);
        if verify_inclusion(&self.path, self.index, &leaf_hash(entry), size, root) {
            Ok(accepted)
        } else {
            Err(ProofFileError::NotIncluded)
        }
    }
}

impl fmt::Display for ProofFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST_LINE}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", STANDARD.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in &self.path {
            writeln!(f, "{hash}")?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

/// Digits without a sign and without leading zeros.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests;
