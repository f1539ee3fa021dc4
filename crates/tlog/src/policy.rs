//! Which logs and witnesses somebody trusts, and how many witnesses are enough (C2SP tlog-policy).

use std::fmt;

use crate::note::NoteError;
use crate::{Checkpoint, CosignatureVerifier, LogVerifier, Note};

/// Bytes and lines of a policy at most.
const POLICY_BYTES_MAX: usize = 64 * 1024;
const LINES_MAX: usize = 256;

/// Trusted logs, known witnesses, and the quorum of them that a checkpoint needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<LogVerifier>,
    witnesses: Vec<CosignatureVerifier>,
    quorum: Quorum,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Quorum {
    Nobody,
    /// Its place among the witnesses.
    Witness(usize),
    /// So many of these.
    Group(usize, Vec<Quorum>),
}

/// A checkpoint that a policy accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    pub checkpoint: Checkpoint,
    /// Names of the known witnesses that cosigned it, and when, in seconds since 1970.
    pub cosigned: Vec<(String, u64)>,
}

/// The text is no policy; `line` counts from 1 and is 0 where no line is to blame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyError {
    pub line: usize,
    pub problem: String,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.problem),
            line => write!(f, "line {line}: {}", self.problem),
        }
    }
}

impl std::error::Error for PolicyError {}

/// Why a checkpoint is not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicyRefusal {
    /// Not a signed note, or not a checkpoint.
    Form(&'static str),
    /// By none of the trusted logs.
    UnknownLog,
    /// A signature by the key with this name is wrong.
    Signature(String),
    /// Fewer witnesses than needed; these did.
    Quorum { cosigned: Vec<String> },
}

impl fmt::Display for PolicyRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form(what) => write!(f, "the checkpoint is not readable: {what}"),
            Self::UnknownLog => f.write_str("the checkpoint is not signed by a trusted log's key"),
            Self::Signature(name) => write!(f, "the signature of `{name}` on the checkpoint is wrong"),
            Self::Quorum { cosigned } if cosigned.is_empty() => {
                f.write_str("no known witness has cosigned the checkpoint")
            }
            Self::Quorum { cosigned } => {
                write!(f, "too few witnesses have cosigned the checkpoint: only {}", cosigned.join(", "))
            }
        }
    }
}

impl std::error::Error for PolicyRefusal {}

impl Policy {
    /// One log, and no witness needed.
    pub fn of_log(log: LogVerifier) -> Self {
        Self { logs: vec![log], witnesses: Vec::new(), quorum: Quorum::Nobody }
    }

    /// One log, and `needed` of these witnesses; no two of them with one key, and `needed` from 0 to their number.
    pub fn of_witnesses(
        log: LogVerifier,
        needed: usize,
        witnesses: Vec<CosignatureVerifier>,
    ) -> Result<Self, PolicyError> {
        let wrong = |problem: &str| PolicyError { line: 0, problem: problem.to_owned() };
        if needed > witnesses.len() {
            return Err(wrong("more witnesses are needed than are named"));
        }
        for (place, witness) in witnesses.iter().enumerate() {
            if witnesses.iter().take(place).any(|other| other.key_bytes() == witness.key_bytes()) {
                return Err(wrong("two witnesses have one key"));
            }
        }
        let all = (0..witnesses.len()).map(Quorum::Witness).collect();
        let quorum = if needed == 0 { Quorum::Nobody } else { Quorum::Group(needed, all) };
        Ok(Self { logs: vec![log], witnesses, quorum })
    }

    /// Reads a policy of at most 64 KiB. URLs in it are for others and not looked at.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let mut reader = PolicyReader::default();
        if text.len() > POLICY_BYTES_MAX || text.lines().count() > LINES_MAX {
            return Err(PolicyError { line: 0, problem: "longer than 64 KiB or 256 lines".to_owned() });
        }
        for (number, line) in (1..).zip(text.split('\n')) {
            reader.line(line).map_err(|problem| PolicyError { line: number, problem })?;
        }
        let quorum = reader.quorum.ok_or(PolicyError { line: 0, problem: "no `quorum` line".to_owned() })?;
        Ok(Self { logs: reader.logs, witnesses: reader.witnesses, quorum })
    }

    /// The same with another log as the only trusted one.
    #[must_use]
    pub fn for_log(self, log: LogVerifier) -> Self {
        Self { logs: vec![log], ..self }
    }

    pub fn logs(&self) -> &[LogVerifier] {
        &self.logs
    }

    /// How many witnesses it knows.
    pub fn witnesses(&self) -> usize {
        self.witnesses.len()
    }

    /// Checks a signed note: by a trusted log, readable, and cosigned by the quorum. Signatures by unknown keys do not count.
    pub fn accept(&self, note: &str) -> Result<Accepted, PolicyRefusal> {
        let note = Note::parse(note).map_err(|_| PolicyRefusal::Form("not a signed note"))?;
        let checkpoint =
            Checkpoint::parse_extended(note.text).map_err(|_| PolicyRefusal::Form("not a checkpoint"))?;
        let mut is_signed = false;
        for log in self.logs.iter().filter(|log| log.name() == checkpoint.origin) {
            match log.verify(&note) {
                Ok(()) => is_signed = true,
                Err(NoteError::Unsigned) => {}
                Err(_) => return Err(PolicyRefusal::Signature(log.name().to_owned())),
            }
        }
        if !is_signed {
            return Err(PolicyRefusal::UnknownLog);
        }
        let mut has_signed = vec![false; self.witnesses.len()];
        let mut cosigned = Vec::new();
        for (witness, has_signed) in self.witnesses.iter().zip(&mut has_signed) {
            match witness.verify(&note) {
                Ok(seconds) => {
                    cosigned.push((witness.name().to_owned(), seconds));
                    *has_signed = true;
                }
                Err(NoteError::Unsigned) => {}
                Err(_) => return Err(PolicyRefusal::Signature(witness.name().to_owned())),
            }
        }
        if self.quorum.is_met(&has_signed) {
            Ok(Accepted { checkpoint, cosigned })
        } else {
            let cosigned = cosigned.into_iter().map(|(name, _)| name).collect();
            Err(PolicyRefusal::Quorum { cosigned })
        }
    }
}

impl Quorum {
    fn is_met(&self, has_signed: &[bool]) -> bool {
        match self {
            Self::Nobody => true,
            Self::Witness(place) => has_signed.get(*place).copied().unwrap_or(false),
            Self::Group(needed, members) => {
                members.iter().filter(|member| member.is_met(has_signed)).count() >= *needed
            }
        }
    }
}

#[derive(Default)]
struct PolicyReader {
    logs: Vec<LogVerifier>,
    witnesses: Vec<CosignatureVerifier>,
    /// Names that a group or the quorum may use, and whether a group has used them.
    names: Vec<(String, Quorum, bool)>,
    quorum: Option<Quorum>,
}

impl PolicyReader {
    fn line(&mut self, line: &str) -> Result<(), String> {
        if line.chars().any(|c| c.is_ascii_control() && c != '\t') {
            return Err("a control character".to_owned());
        }
        let words: Vec<&str> = line.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
        match words.as_slice() {
            [] => Ok(()),
            [first, ..] if first.starts_with('#') => Ok(()),
            ["log", key] | ["log", key, _] => self.log(key),
            ["witness", name, key] | ["witness", name, key, _] => self.witness(name, key),
            ["group", name, needed, members @ ..] if !members.is_empty() => self.group(name, needed, members),
            ["quorum", name] => self.quorum(name),
            [first, ..] => Err(format!("`{first}` is unknown, or words are missing")),
        }
    }

    fn log(&mut self, key: &str) -> Result<(), String> {
        let log = LogVerifier::parse(key).map_err(|_| format!("`{key}` is no key of a log"))?;
        if self.logs.iter().any(|other| other.key_bytes() == log.key_bytes()) {
            return Err("a log with this key is named before".to_owned());
        }
        self.logs.push(log);
        Ok(())
    }

    fn witness(&mut self, name: &str, key: &str) -> Result<(), String> {
        let witness =
            CosignatureVerifier::parse(key).map_err(|_| format!("`{key}` is no key of a witness"))?;
        if self.witnesses.iter().any(|other| other.key_bytes() == witness.key_bytes()) {
            return Err("a witness with this key is named before".to_owned());
        }
        self.name(name, Quorum::Witness(self.witnesses.len()))?;
        self.witnesses.push(witness);
        Ok(())
    }

    fn group(&mut self, name: &str, needed: &str, members: &[&str]) -> Result<(), String> {
        let needed = match needed {
            "all" => members.len(),
            "any" => 1,
            number => crate::proof_file::decimal(number).and_then(|n| usize::try_from(n).ok()).unwrap_or(0),
        };
        if !(1..=members.len()).contains(&needed) {
            return Err(format!("a group needs `any`, `all` or 1 to {} of its members", members.len()));
        }
        let mut quorums = Vec::new();
        for member in members {
            let known = self.names.iter_mut().find(|(known, _, _)| known == member);
            let (_, quorum, is_used) = known.ok_or_else(|| format!("`{member}` is not defined before"))?;
            if std::mem::replace(is_used, true) {
                return Err(format!("`{member}` is a member already"));
            }
            quorums.push(quorum.clone());
        }
        self.name(name, Quorum::Group(needed, quorums))
    }

    fn quorum(&mut self, name: &str) -> Result<(), String> {
        let known = self.names.iter().find(|(known, _, _)| known == name);
        let quorum = match name {
            "none" => Quorum::Nobody,
            _ => known
                .map(|(_, quorum, _)| quorum.clone())
                .ok_or_else(|| format!("`{name}` is not defined before"))?,
        };
        if self.quorum.replace(quorum).is_some() {
            return Err("a second `quorum` line".to_owned());
        }
        Ok(())
    }

    fn name(&mut self, name: &str, quorum: Quorum) -> Result<(), String> {
        if name == "none" || self.names.iter().any(|(known, _, _)| known == name) {
            return Err(format!("`{name}` is taken"));
        }
        self.names.push((name.to_owned(), quorum, false));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
