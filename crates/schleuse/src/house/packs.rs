//! Recognizers and terms of a house's own: read from files, and read again whenever these change.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use schleuse_audit::{Event, Record};
use schleuse_gate::{Gate, Labels};
use schleuse_inspect::{Guardrails, Inspector, Pack};
use schleuse_types::{Outcome, Secret};
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use crate::config::Inspection;
use crate::failure::{Doing as _, Failure};

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Largest pack or list of terms, and the most of them.
const PACK_BYTES_MAX: u64 = 4 * 1024 * 1024;
const PACKS_MAX: usize = 64;

/// Where the recognizers come from, beside those that are built in.
#[derive(Debug, Clone)]
pub struct Packs {
    inspection: Inspection,
    guardrails: Guardrails,
    value_key: Option<Arc<Secret<Vec<u8>>>>,
    /// Where known: the compartments to which a rule may raise a label.
    labels: Option<Labels>,
}

/// What tells whether files changed: name, length and time of each pack.
type Fingerprint = Vec<(PathBuf, u64, Option<SystemTime>)>;

/// An inspector, and what it was made of beside the guardrails: name, version and checksum of each pack.
pub(super) struct Loaded {
    pub(super) inspector: Inspector,
    pub(super) packs: Vec<String>,
}

impl Packs {
    pub fn new(inspection: Inspection, guardrails: Guardrails) -> Self {
        Self { inspection, guardrails, value_key: None, labels: None }
    }

    /// The same, where exceptions for single values count.
    #[must_use]
    pub fn with_value_key(mut self, key: &Secret<[u8; 32]>) -> Self {
        self.value_key = Some(Arc::new(Secret::new(key.expose().to_vec())));
        self
    }

    /// The same, where rules that raise to a compartment which the house does not have are refused.
    #[must_use]
    pub fn with_labels(mut self, labels: Labels) -> Self {
        self.labels = Some(labels);
        self
    }

    /// Whether the house has anything of its own.
    pub(super) fn are_own(&self) -> bool {
        self.are_files() || self.guardrails != Guardrails::default()
    }

    /// Whether anything can change while the house runs.
    pub(super) fn are_files(&self) -> bool {
        self.inspection.packs.is_some() || self.inspection.terms.is_some()
    }

    /// Reads and compiles the packs and runs their examples.
    ///
    /// # Errors
    /// A pack that cannot be read, says something impossible, or fails an example of its own; and guardrails that do
    /// not fit.
    pub fn load(&self) -> Result<Inspector, Failure> {
        self.load_named().map(|loaded| loaded.inspector)
    }

    pub(super) fn load_named(&self) -> Result<Loaded, Failure> {
        let mut own = Vec::new();
        for (path, bytes, _) in self.files()? {
            if bytes > PACK_BYTES_MAX {
                return Err(Failure::new(format!("`{}` is larger than 4 MiB", path.display())));
            }
            let text = std::fs::read_to_string(&path).doing(format!("cannot read `{}`", path.display()))?;
            let name = path.file_stem().map(|name| name.display().to_string()).unwrap_or_default();
            // What ends so is a list of terms for inspection, whatever its file is called.
            own.push((if is_pack(&path) { name } else { format!("{name}.csv") }, text));
        }
        let mut packs = vec![format!("built-in {}", Pack::built_in().doing("recognizers")?.digest())];
        let own: Vec<(&str, &str)> = own.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let inspector = if own.is_empty() {
            Inspector::new(self.guardrails.clone()).doing("the guardrails cannot be used")?
        } else {
            let pack = Pack::with_own(&own).doing("the recognizers of the house cannot be used")?;
            Inspector::with_pack(Arc::new(pack), self.guardrails.clone())
                .doing("the guardrails cannot be used")?
        };
        for rule in inspector.pack().rules() {
            if let (Some(labels), Some(label)) = (&self.labels, &rule.label) {
                let checked = labels.check(label);
                checked
                    .map_err(|message| Failure::new(format!("label of the rule `{}`: {message}", rule.id)))?;
            }
        }
        for (name, text) in own {
            let hex: String = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
            let head = inspector.pack().heads().iter().find(|head| head.id == name);
            let version = head.map(|head| head.version.as_str()).filter(|version| !version.is_empty());
            let version = version.map(|version| format!(" {version}")).unwrap_or_default();
            packs.push(format!("{name}{version} sha256:{hex}"));
        }
        let inspector = match &self.value_key {
            Some(key) => inspector.with_value_key(Arc::clone(key)),
            None => inspector,
        };
        Ok(Loaded { inspector, packs })
    }

    /// The files of the house's own by their names.
    fn files(&self) -> Result<Fingerprint, Failure> {
        let Inspection { packs, terms } = &self.inspection;
        let mut files = match packs {
            Some(folder) => read_folder(folder, "toml")?,
            None => Vec::new(),
        };
        match terms {
            Some(path) if path.is_dir() => files.extend(read_folder(path, "csv")?),
            Some(path) => files.push(file(path.clone())?),
            None => {}
        }
        if files.len() > PACKS_MAX {
            return Err(Failure::new(format!(
                "there are more than {PACKS_MAX} packs and lists of terms of the house's own"
            )));
        }
        Ok(files)
    }

    fn fingerprint(&self) -> Option<Fingerprint> {
        self.files().ok()
    }

    /// The entry that says what is in force now.
    pub(super) fn record(inspector: &Inspector, packs: Vec<String>, outcome: Outcome) -> Record {
        let mut record = Record::new(Event::ConfigLoad);
        record.action = Some(outcome);
        record.pack = Some(inspector.digest().to_owned());
        record.packs = packs;
        record.source = Some("recognizers".to_owned());
        record
    }

    /// Puts changed packs into force while the house runs. Packs that cannot be used leave the old ones in force.
    pub(super) async fn watch(self, gate: Arc<Gate>, stop: CancellationToken) {
        let mut known = self.fingerprint();
        while stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
            let now = self.fingerprint();
            if now.is_none() || now == known {
                continue;
            }
            known = now;
            let (packs, live) = (self.clone(), Arc::clone(&gate.inspector));
            let replaced = tokio::task::spawn_blocking(move || {
                let mut names = Vec::new();
                let replaced = live.replace(|| {
                    let loaded = packs.load_named()?;
                    names = loaded.packs;
                    Ok(loaded.inspector)
                });
                replaced.map(|_| names)
            });
            let (names, outcome) = match replaced.await {
                Ok(Ok(names)) => {
                    let digest = gate.inspector.current().digest().to_owned();
                    tracing::info!(digest, "changed recognizers are in force");
                    (names, Outcome::Allowed)
                }
                Ok(Err(failure)) => {
                    let failure: Failure = failure;
                    tracing::error!(reason = %failure.message, "changed recognizers were refused; the old ones stay");
                    (Vec::new(), Outcome::Error)
                }
                Err(_) => {
                    tracing::error!("changed recognizers could not be read; the old ones stay");
                    (Vec::new(), Outcome::Error)
                }
            };
            let record = Self::record(&gate.inspector.current(), names, outcome);
            if let Err(error) = gate.log.append(record).await {
                tracing::error!(%error, "a change of recognizers could not be recorded");
            }
        }
    }
}

fn is_pack(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "toml")
}

/// The files of a folder with this ending, by their names.
fn read_folder(folder: &Path, ending: &str) -> Result<Fingerprint, Failure> {
    let cannot = || format!("cannot read `{}`", folder.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).doing(cannot())? {
        let path = entry.doing(cannot())?.path();
        if path.extension().is_some_and(|known| known == ending) {
            files.push(file(path)?);
        }
    }
    files.sort();
    Ok(files)
}

fn file(path: PathBuf) -> Result<(PathBuf, u64, Option<SystemTime>), Failure> {
    let about = std::fs::metadata(&path).doing(format!("cannot read `{}`", path.display()))?;
    Ok((path, about.len(), about.modified().ok()))
}
