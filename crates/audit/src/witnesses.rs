//! Asking witnesses: after each new checkpoint, beside everything that anybody waits for.

mod door;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use schleuse_tlog::{
    CosignatureVerifier, LogVerifier, Note, Policy, PolicyRefusal, Submission, split_cosignatures,
};
use schleuse_types::Outcome;
use tokio::task::JoinSet;

use crate::dial::{DialError, TlsTrust};
use crate::disk::{Disk, SystemDisk, blocking};
use crate::reader::SignedCheckpoint;
use crate::tiles::{COSIGNED, COSIGNED_UNFINISHED};
use crate::{Event, Log, Reader, Record};

use door::{Answer, Door};

/// Between two looks at whether there is a new checkpoint.
const PACE: Duration = Duration::from_secs(1);
/// A witness that does not answer is asked again after this, and then after twice as long each time.
const REST_MIN: Duration = Duration::from_secs(2);
const REST_MAX: Duration = Duration::from_secs(60);

/// One witness that the log asks.
#[derive(Debug, Clone)]
pub struct WitnessConfig {
    /// Where it takes checkpoints, without `/add-checkpoint`: `https://…`, or `http://…` in a network of one's own.
    pub url: String,
    pub vkey: CosignatureVerifier,
    /// The certificate authorities that its TLS is trusted by; without it, the system's.
    pub ca_file: Option<PathBuf>,
}

impl WitnessConfig {
    /// Whether it could be asked, without asking.
    pub fn check(&self) -> Result<(), DialError> {
        Door::new(&self.url, &self.trust()).map(drop)
    }

    fn trust(&self) -> TlsTrust {
        TlsTrust { ca_file: self.ca_file.clone(), identity: None }
    }
}

/// The witnesses of one log.
pub struct Witnesses {
    log: Log,
    reader: Reader,
    dir: PathBuf,
    key: LogVerifier,
    policy: Policy,
    known: Vec<Known>,
}

/// One witness and how it stands with it.
struct Known {
    vkey: CosignatureVerifier,
    door: Arc<Door>,
    /// The size that it cosigned last, as far as known, and the line by which it did.
    last: u64,
    line: Option<String>,
    state: State,
    /// Looks to let pass before it is asked again, and how many it was last time.
    rest: u32,
    rested: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Unasked,
    Agrees,
    Unreachable,
    /// It has seen another history: this log was rolled back or split, or the witness is wrong.
    Disagrees,
}

/// Why a witness gave no cosignature.
#[derive(Debug)]
enum Trouble {
    Dial(DialError),
    Disagrees(String),
}

impl From<DialError> for Trouble {
    fn from(error: DialError) -> Self {
        Self::Dial(error)
    }
}

/// Why the witnesses of a configuration cannot be asked.
#[derive(Debug)]
pub enum WitnessesError {
    /// A URL, a file of authorities, or the quorum.
    Config(String),
    /// The log's folder cannot be read.
    Log(crate::VerifyError),
}

impl fmt::Display for WitnessesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(problem) => f.write_str(problem),
            Self::Log(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for WitnessesError {}

impl Witnesses {
    /// `quorum` of these witnesses must have cosigned a checkpoint before it is published as cosigned.
    pub fn new(log: Log, quorum: usize, configs: &[WitnessConfig]) -> Result<Self, WitnessesError> {
        let reader = log.reader();
        let checkpoint = reader.checkpoint().map_err(WitnessesError::Log)?;
        let key = LogVerifier::parse(&checkpoint.vkey)
            .map_err(|error| WitnessesError::Config(error.to_string()))?;
        let vkeys = configs.iter().map(|config| config.vkey.clone()).collect();
        let policy = Policy::of_witnesses(key.clone(), quorum, vkeys)
            .map_err(|error| WitnessesError::Config(error.to_string()))?;
        let mut known = Vec::new();
        for config in configs {
            let door = Door::new(&config.url, &config.trust())
                .map_err(|error| WitnessesError::Config(format!("`{}`: {error}", config.url)))?;
            let (vkey, door) = (config.vkey.clone(), Arc::new(door));
            known.push(Known { vkey, door, last: 0, line: None, state: State::Unasked, rest: 0, rested: 0 });
        }
        Ok(Self { dir: log.dir().to_owned(), log, reader, key, policy, known })
    }

    /// Asks for as long as it is polled. Nobody waits for it.
    pub async fn run(mut self) {
        let mut published = 0;
        loop {
            tokio::time::sleep(PACE).await;
            if self.log.metrics().tree_size == published {
                continue;
            }
            match self.round().await {
                Ok(Some(size)) => published = size,
                Ok(None) => {}
                Err(problem) => tracing::error!(problem, "cannot publish a cosigned checkpoint"),
            }
        }
    }

    /// Asks every witness that is not resting to cosign the newest checkpoint; the size of the cosigned one, once enough
    /// have.
    pub(crate) async fn round(&mut self) -> Result<Option<u64>, String> {
        let reader = self.reader.clone();
        let checkpoint = blocking(move || reader.checkpoint()).await?;
        let mut asked = JoinSet::new();
        let mut cosigned = checkpoint.note.clone();
        for (place, known) in self.known.iter_mut().enumerate() {
            if let Some(line) = known.line.as_ref().filter(|_| known.last == checkpoint.size) {
                cosigned.push_str(line);
                continue;
            }
            if known.rest > 0 {
                known.rest -= 1;
                continue;
            }
            let question = Question {
                reader: self.reader.clone(),
                checkpoint: checkpoint.clone(),
                key: self.key.clone(),
                vkey: known.vkey.clone(),
                door: Arc::clone(&known.door),
            };
            let last = known.last;
            asked.spawn(async move { (place, question.ask(last).await) });
        }
        let mut alarms = Vec::new();
        while let Some(answered) = asked.join_next().await {
            let Ok((place, answer)) = answered else { continue };
            let Some(known) = self.known.get_mut(place) else { continue };
            match answer {
                Ok(line) => {
                    cosigned.push_str(&line);
                    (known.last, known.line) = (checkpoint.size, Some(line));
                    known.agrees();
                }
                Err(trouble) => alarms.extend(known.has_trouble(&trouble)),
            }
        }
        for witness in alarms {
            // The log says so itself, so that it cannot be kept from whoever reads it.
            let record = Record {
                action: Some(Outcome::Error),
                subject: Some(witness),
                count: Some(checkpoint.size),
                ..Record::new(Event::WitnessConflict)
            };
            if let Err(error) = self.log.append(record).await {
                tracing::error!(%error, "a witness's disagreement could not be recorded");
            }
        }
        match self.policy.accept(&cosigned) {
            Ok(_) => {
                let dir = self.dir.clone();
                blocking(move || publish(&dir, &cosigned)).await?;
                self.log.set_cosigned(checkpoint.size);
                Ok(Some(checkpoint.size))
            }
            Err(PolicyRefusal::Quorum { .. }) => Ok(None),
            Err(refusal) => Err(refusal.to_string()),
        }
    }
}

impl Known {
    fn agrees(&mut self) {
        (self.rest, self.rested) = (0, 0);
        if std::mem::replace(&mut self.state, State::Agrees) != State::Agrees {
            tracing::info!(witness = self.vkey.name(), "a witness cosigns the audit log");
        }
    }

    /// Lets it rest, and says once what is wrong; its name when that is an alarm.
    fn has_trouble(&mut self, trouble: &Trouble) -> Option<String> {
        let (least, most) = (REST_MIN.as_secs(), REST_MAX.as_secs());
        let longer = u64::from(self.rested).saturating_mul(2).clamp(least, most);
        self.rested = u32::try_from(longer).unwrap_or(u32::MAX);
        self.rest = self.rested;
        let witness = self.vkey.name();
        match trouble {
            Trouble::Dial(error) => {
                if std::mem::replace(&mut self.state, State::Unreachable) != State::Unreachable {
                    tracing::warn!(witness, %error, "a witness does not cosign the audit log");
                }
                None
            }
            Trouble::Disagrees(problem) => {
                let before = std::mem::replace(&mut self.state, State::Disagrees);
                (before != State::Disagrees).then(|| {
                    tracing::error!(
                        witness,
                        problem,
                        "a witness has seen another history of the audit log: was it rolled back?"
                    );
                    witness.to_owned()
                })
            }
        }
    }
}

/// One witness and one checkpoint.
struct Question {
    reader: Reader,
    checkpoint: SignedCheckpoint,
    key: LogVerifier,
    vkey: CosignatureVerifier,
    door: Arc<Door>,
}

impl Question {
    /// The witness's signature line, checked.
    async fn ask(&self, last: u64) -> Result<String, Trouble> {
        let size = self.checkpoint.size;
        let mut old = last;
        // The first answer may be how far the witness is.
        for _ in 0..2 {
            let submission = self.submission(old).await?;
            match self.door.add_checkpoint(submission).await? {
                Answer::Cosigned(text) => return Ok(self.known_line(&text)?),
                Answer::Conflict(theirs) if theirs > size => {
                    let problem = format!("it has cosigned {theirs} entries, and the log holds {size}");
                    return Err(Trouble::Disagrees(problem));
                }
                Answer::Conflict(theirs) if theirs == old => {
                    let problem = format!("it has cosigned another tree of {theirs} entries");
                    return Err(Trouble::Disagrees(problem));
                }
                Answer::Conflict(theirs) => old = theirs,
                Answer::Inconsistent => {
                    let problem = format!("the log does not continue its tree of {old} entries");
                    return Err(Trouble::Disagrees(problem));
                }
            }
        }
        Err(DialError::Answer("it says another size each time".to_owned()).into())
    }

    async fn submission(&self, old: u64) -> Result<String, DialError> {
        let mut proof = Vec::new();
        if old > 0 && old < self.checkpoint.size {
            let (reader, checkpoint) = (self.reader.clone(), self.checkpoint.clone());
            let made = blocking(move || reader.continuation(old, &checkpoint)).await;
            proof = made.map_err(DialError::Answer)?.unwrap_or_default();
        }
        Ok(Submission { old_size: old, proof, checkpoint: self.checkpoint.note.clone() }.to_string())
    }

    /// The first line of an answer that is a right cosignature by this witness's key.
    fn known_line(&self, answer: &str) -> Result<String, DialError> {
        let wrong = || DialError::Answer("its answer holds no right cosignature by its key".to_owned());
        let lines = split_cosignatures(answer).ok_or_else(wrong)?;
        let is_right = |line: &&str| {
            let note = format!("{}{line}", self.checkpoint.note);
            Note::parse(&note)
                .is_ok_and(|note| self.key.verify(&note).is_ok() && self.vkey.verify(&note).is_ok())
        };
        lines.into_iter().find(is_right).map(str::to_owned).ok_or_else(wrong)
    }
}

/// Puts the cosigned checkpoint in place, whole and durable.
fn publish(dir: &std::path::Path, note: &str) -> std::io::Result<()> {
    let unfinished = dir.join(COSIGNED_UNFINISHED);
    let file = SystemDisk.create(&unfinished)?;
    file.write_at(0, note.as_bytes())?;
    file.sync()?;
    SystemDisk.rename(&unfinished, &dir.join(COSIGNED))?;
    SystemDisk.sync_dir(dir)
}

#[cfg(test)]
mod tests;
