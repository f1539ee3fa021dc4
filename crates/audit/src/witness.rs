//! A witness: keeps the last checkpoint of each log that it watches, and cosigns only what continues it (C2SP tlog-witness).
//!
//! It has to be run by somebody whom the log's keeper cannot command. What it has cosigned is durable before it answers, so
//! that no crash makes it sign two trees of one log that do not continue each other.

mod server;

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use schleuse_tlog::{
    Checkpoint, CosignatureVerifier, Cosigner, LogVerifier, Note, Submission, SubmissionRefusal,
};
use schleuse_types::{Clock, Secret};
use sha2::{Digest, Sha256};

use crate::disk::{self, Disk, SystemDisk};
use crate::mutant::{self, Mutant};

pub use server::serve_witness;

const UNFINISHED: &str = ".unfinished";
const SUFFIX: &str = ".checkpoint";

/// How to open a witness.
pub struct WitnessOptions {
    /// Where it keeps what it has cosigned. Made if its parent exists. To lose it is to forget every log.
    pub dir: PathBuf,
    /// Its name: no white space, no plus sign, such as `witness.works-council.example`.
    pub name: String,
    /// Ed25519 private key, used for nothing else.
    pub seed: Secret<[u8; 32]>,
    /// The logs that it watches, each with another origin.
    pub logs: Vec<LogVerifier>,
    pub clock: Arc<dyn Clock>,
}

/// Why a witness cannot be opened.
#[derive(Debug)]
pub enum WitnessError {
    /// The name cannot stand in a signature line, or two logs have one origin.
    Options(&'static str),
    /// Another process is this witness.
    Locked,
    /// What it has cosigned cannot be read or is damaged, so it must not go on.
    Kept {
        file: String,
        problem: String,
    },
    Io {
        doing: &'static str,
        error: io::Error,
    },
}

impl fmt::Display for WitnessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Options(problem) => f.write_str(problem),
            Self::Locked => f.write_str("another process is this witness"),
            Self::Kept { file, problem } => write!(f, "`{file}`: {problem}"),
            Self::Io { doing, error } => write!(f, "cannot {doing}: {error}"),
        }
    }
}

impl std::error::Error for WitnessError {}

/// Why a witness does not cosign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WitnessRefusal {
    /// For a reason that the protocol knows.
    Protocol(SubmissionRefusal),
    /// What it cosigned could not be made durable; it cosigns nothing more until it is started anew.
    Broken,
}

impl From<SubmissionRefusal> for WitnessRefusal {
    fn from(refusal: SubmissionRefusal) -> Self {
        Self::Protocol(refusal)
    }
}

/// An open witness.
pub struct Witness {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    cosigner: Cosigner,
    logs: Vec<LogVerifier>,
    clock: Arc<dyn Clock>,
    kept: Mutex<Kept>,
    /// The lock on the folder.
    _folder: Option<File>,
}

#[derive(Default)]
struct Kept {
    /// The last cosigned checkpoint of each log, by origin.
    last: BTreeMap<String, Checkpoint>,
    is_broken: bool,
}

impl Witness {
    /// Reads what was cosigned. Blocks on the disk.
    pub fn open(options: WitnessOptions) -> Result<Self, WitnessError> {
        let io = |doing| move |error| WitnessError::Io { doing, error };
        SystemDisk.create_dir(&options.dir).map_err(io("make the witness's folder"))?;
        let parent = options.dir.parent().filter(|parent| !parent.as_os_str().is_empty());
        SystemDisk.sync_dir(parent.unwrap_or(Path::new("."))).map_err(io("sync the witness's folder"))?;
        let folder = File::open(&options.dir).map_err(io("open the witness's folder"))?;
        match folder.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => return Err(WitnessError::Locked),
            Err(std::fs::TryLockError::Error(error)) => return Err(io("lock the witness's folder")(error)),
        }
        Self::open_on(Arc::new(SystemDisk), options, Some(folder))
    }

    fn open_on(
        disk: Arc<dyn Disk>,
        options: WitnessOptions,
        folder: Option<File>,
    ) -> Result<Self, WitnessError> {
        let cosigner = Cosigner::new(&options.name, options.seed.expose()).map_err(|_| {
            WitnessError::Options("the witness's name is empty or holds white space or a plus sign")
        })?;
        let mut last = BTreeMap::new();
        for log in &options.logs {
            let file = file_name(log.name());
            match disk::read(&*disk, &options.dir.join(&file)) {
                Ok(bytes) => {
                    let checkpoint = read_kept(&bytes, log)
                        .map_err(|problem| WitnessError::Kept { file, problem: problem.to_owned() })?;
                    if last.insert(log.name().to_owned(), checkpoint).is_some() {
                        return Err(WitnessError::Options("two logs have one origin"));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(WitnessError::Kept { file, problem: error.to_string() }),
            }
        }
        let mut origins: Vec<&str> = options.logs.iter().map(LogVerifier::name).collect();
        origins.sort_unstable();
        origins.dedup();
        if origins.len() != options.logs.len() {
            return Err(WitnessError::Options("two logs have one origin"));
        }
        Ok(Self {
            disk,
            dir: options.dir,
            cosigner,
            logs: options.logs,
            clock: options.clock,
            kept: Mutex::new(Kept { last, is_broken: false }),
            _folder: folder,
        })
    }

    /// Its public key, to be given to logs and to whoever checks them.
    pub fn verifier(&self) -> CosignatureVerifier {
        self.cosigner.verifier()
    }

    /// Answers the body of an `add-checkpoint` with a signature line. Blocks on the disk.
    pub fn add_checkpoint(&self, body: &str) -> Result<String, WitnessRefusal> {
        let submission = Submission::parse(body)?;
        let note = Note::parse(&submission.checkpoint).map_err(|_| SubmissionRefusal::Malformed)?;
        // Held until the checkpoint is durable: nobody else may be judged by the one before.
        let mut kept = self.kept();
        if kept.is_broken {
            return Err(WitnessRefusal::Broken);
        }
        let new = submission.examine(
            |origin| self.logs.iter().find(|log| log.name() == origin),
            |origin| kept.last.get(origin).cloned(),
        );
        let new = new.inspect_err(|refusal| tracing::warn!(%refusal, "a checkpoint is not cosigned"))?;
        if kept.last.get(&new.origin) != Some(&new) {
            if let Err(error) = self.keep(&new.origin, &submission.checkpoint) {
                tracing::error!(%error, "the witness stops cosigning: it cannot keep a checkpoint");
                kept.is_broken = true;
                return Err(WitnessRefusal::Broken);
            }
            kept.last.insert(new.origin.clone(), new);
        }
        Ok(self.cosigner.cosign(note.text, self.clock.now().0 / 1_000_000))
    }

    /// Origin and size of what it cosigned last, for each log of which it has seen anything.
    pub fn last(&self) -> Vec<(String, u64)> {
        self.kept().last.iter().map(|(origin, checkpoint)| (origin.clone(), checkpoint.size)).collect()
    }

    fn keep(&self, origin: &str, note: &str) -> io::Result<()> {
        let unfinished = self.dir.join(UNFINISHED);
        let file = self.disk.create(&unfinished)?;
        file.write_at(0, note.as_bytes())?;
        if mutant::is_on(Mutant::AckBeforeSync) {
            return self.disk.rename(&unfinished, &self.dir.join(file_name(origin)));
        }
        file.sync()?;
        self.disk.rename(&unfinished, &self.dir.join(file_name(origin)))?;
        self.disk.sync_dir(&self.dir)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Origins may hold anything that a file name may not, so the name is their digest.
fn file_name(origin: &str) -> String {
    let digest = Sha256::digest(origin.as_bytes());
    let mut name = String::with_capacity(32 + SUFFIX.len());
    for byte in digest.iter().take(16) {
        for digit in [byte >> 4, byte & 15] {
            name.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
        }
    }
    name + SUFFIX
}

fn read_kept(bytes: &[u8], log: &LogVerifier) -> Result<Checkpoint, &'static str> {
    let text = std::str::from_utf8(bytes).map_err(|_| "not a signed note")?;
    let note = Note::parse(text).map_err(|_| "not a signed note")?;
    log.verify(&note).map_err(|_| "not signed by the log's key")?;
    let checkpoint = Checkpoint::parse_extended(note.text).map_err(|_| "not a checkpoint")?;
    if checkpoint.origin == log.name() { Ok(checkpoint) } else { Err("of another log") }
}

#[cfg(test)]
pub(crate) mod tests;
