//! What a log sends its witnesses, and how a witness judges it (C2SP tlog-witness, `add-checkpoint`).

use std::fmt;

use crate::note::is_signature_line;
use crate::proof_file::decimal;
use crate::{Checkpoint, Hash, LogVerifier, Note, NoteError, verify_consistency};

/// The longest body of `add-checkpoint` that is read, in bytes.
pub const SUBMISSION_BYTES_MAX: usize = 72 * 1024;

/// The body of `add-checkpoint`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// The size of the tree that the witness cosigned last, 0 where it has seen none.
    pub old_size: u64,
    /// That the new tree begins with the old one; empty where `old_size` is 0.
    pub proof: Vec<Hash>,
    /// The signed note of the new checkpoint.
    pub checkpoint: String,
}

/// Why a witness does not cosign. Each stands for one HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubmissionRefusal {
    /// 400: not of this form, or the old size is beyond the new one.
    Malformed,
    /// 404: no log with this origin is watched.
    UnknownLog,
    /// 403: not signed by the log's key.
    Unsigned,
    /// 409: the last cosigned tree has this size, or that size and another root.
    Conflict { size: u64 },
    /// 422: the new tree does not begin with the old one.
    Inconsistent,
}

impl SubmissionRefusal {
    /// The HTTP status that the protocol gives it.
    pub fn status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::UnknownLog => 404,
            Self::Unsigned => 403,
            Self::Conflict { .. } => 409,
            Self::Inconsistent => 422,
        }
    }
}

impl fmt::Display for SubmissionRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("the request is malformed"),
            Self::UnknownLog => f.write_str("the witness does not know the log"),
            Self::Unsigned => f.write_str("the checkpoint is not signed by the log's key"),
            Self::Conflict { size } => write!(f, "the witness last cosigned another tree, of {size} entries"),
            Self::Inconsistent => f.write_str("the tree does not continue the one that was cosigned last"),
        }
    }
}

impl std::error::Error for SubmissionRefusal {}

impl Submission {
    /// Reads exactly what `Display` writes.
    pub fn parse(text: &str) -> Result<Self, SubmissionRefusal> {
        let parsed = || {
            let (head, checkpoint) = text.split_once("\n\n")?;
            let mut lines = head.split('\n');
            let old_size = decimal(lines.next()?.strip_prefix("old ")?)?;
            let proof: Vec<Hash> = lines.map(Hash::parse).collect::<Option<_>>()?;
            (proof.len() <= 63).then(|| Self { old_size, proof, checkpoint: checkpoint.to_owned() })
        };
        if text.len() > SUBMISSION_BYTES_MAX {
            return Err(SubmissionRefusal::Malformed);
        }
        parsed().ok_or(SubmissionRefusal::Malformed)
    }

    /// The checkpoint to cosign, should everything be right. `log` gives the key of the log with an origin, `last` the
    /// checkpoint that was cosigned last for it; whoever calls this lets nobody else in between here and keeping the answer.
    pub fn examine<'a>(
        &self,
        log: impl FnOnce(&str) -> Option<&'a LogVerifier>,
        last: impl FnOnce(&str) -> Option<Checkpoint>,
    ) -> Result<Checkpoint, SubmissionRefusal> {
        use SubmissionRefusal::{Conflict, Inconsistent, Malformed, UnknownLog, Unsigned};
        let note = Note::parse(&self.checkpoint).map_err(|_| Malformed)?;
        let new = Checkpoint::parse_extended(note.text).map_err(|_| Malformed)?;
        let key = log(&new.origin).ok_or(UnknownLog)?;
        key.verify(&note).map_err(|error| match error {
            NoteError::Unsigned | NoteError::Signature => Unsigned,
            _ => Malformed,
        })?;
        if self.old_size > new.size {
            return Err(Malformed);
        }
        let last = last(&new.origin);
        let (old_size, old_root) = last.map_or((0, Hash::of_empty_tree()), |last| (last.size, last.root));
        if self.old_size != old_size || (old_size == new.size && old_root != new.root) {
            return Err(Conflict { size: old_size });
        }
        let is_consistent = match old_size {
            0 => self.proof.is_empty(),
            _ => verify_consistency(&self.proof, old_size, &old_root, new.size, &new.root),
        };
        if is_consistent { Ok(new) } else { Err(Inconsistent) }
    }
}

impl fmt::Display for Submission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old_size)?;
        for hash in &self.proof {
            writeln!(f, "{hash}")?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

/// The signature lines of a witness's answer, each with its line feed; `None` where it holds anything else, or nothing.
pub fn split_cosignatures(answer: &str) -> Option<Vec<&str>> {
    let lines: Vec<&str> = answer.split_inclusive('\n').collect();
    (!lines.is_empty() && lines.iter().all(|line| is_signature_line(line))).then_some(lines)
}

#[cfg(test)]
mod tests;
