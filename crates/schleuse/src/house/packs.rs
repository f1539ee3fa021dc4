//! Recognizers of a house's own: read from a folder, and read again whenever it changes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use schleuse_audit::{Event, Record};
use schleuse_gate::Gate;
use schleuse_inspect::{Guardrails, Inspector, Pack};
use schleuse_types::Outcome;
use tokio_util::sync::CancellationToken;

use crate::failure::{Doing as _, Failure};

/// How often the folder is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Largest pack, and the most packs of a folder.
const PACK_BYTES_MAX: u64 = 4 * 1024 * 1024;
const PACKS_MAX: usize = 64;

/// Where the recognizers come from, beside those that are built in.
#[derive(Debug, Clone)]
pub struct Packs {
    folder: Option<PathBuf>,
    guardrails: Guardrails,
}

/// What tells whether a folder changed: name, length and time of each pack.
type Fingerprint = Vec<(PathBuf, u64, Option<SystemTime>)>;

impl Packs {
    pub fn new(folder: Option<PathBuf>, guardrails: Guardrails) -> Self {
        Self { folder, guardrails }
    }

    /// Reads and compiles the packs and runs their examples.
    ///
    /// # Errors
    /// A pack that cannot be read, says something impossible, or fails an example of its own; and guardrails that do
    /// not fit.
    pub fn load(&self) -> Result<Inspector, Failure> {
        let Some(folder) = &self.folder else {
            return Inspector::new(self.guardrails.clone()).doing("the guardrails cannot be used");
        };
        let mut packs = Vec::new();
        for (path, bytes, _) in read_folder(folder)? {
            if bytes > PACK_BYTES_MAX {
                return Err(Failure::new(format!("`{}` is larger than 4 MiB", path.display())));
            }
            let text = std::fs::read_to_string(&path).doing(format!("cannot read `{}`", path.display()))?;
            let name = path.file_stem().map(|name| name.display().to_string()).unwrap_or_default();
            packs.push((name, text));
        }
        let packs: Vec<(&str, &str)> =
            packs.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let pack = Pack::with_own(&packs)
            .doing(format!("the recognizers in `{}` cannot be used", folder.display()))?;
        Inspector::with_pack(Arc::new(pack), self.guardrails.clone()).doing("the guardrails cannot be used")
    }

    fn fingerprint(&self) -> Option<Fingerprint> {
        read_folder(self.folder.as_deref()?).ok()
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
            let replaced = tokio::task::spawn_blocking(move || live.replace(|| packs.load())).await;
            let is_replaced = match replaced {
                Ok(Ok(_)) => {
                    let digest = gate.inspector.current().pack_digest().to_owned();
                    tracing::info!(digest, "changed recognizers are in force");
                    true
                }
                Ok(Err(failure)) => {
                    tracing::error!(reason = %failure.message, "changed recognizers were refused; the old ones stay");
                    false
                }
                Err(_) => {
                    tracing::error!("changed recognizers could not be read; the old ones stay");
                    false
                }
            };
            let mut record = Record::new(Event::ConfigLoad);
            record.action = Some(if is_replaced { Outcome::Allowed } else { Outcome::Error });
            record.pack = Some(gate.inspector.current().pack_digest().to_owned());
            record.source = Some("recognizers".to_owned());
            if let Err(error) = gate.log.append(record).await {
                tracing::error!(%error, "a change of recognizers could not be recorded");
            }
        }
    }
}

/// The `*.toml` files of a folder by their names.
fn read_folder(folder: &Path) -> Result<Fingerprint, Failure> {
    let cannot = || format!("cannot read `{}`", folder.display());
    let mut packs = Vec::new();
    for entry in std::fs::read_dir(folder).doing(cannot())? {
        let path = entry.doing(cannot())?.path();
        if path.extension().is_some_and(|ending| ending == "toml") {
            let about = std::fs::metadata(&path).doing(format!("cannot read `{}`", path.display()))?;
            packs.push((path, about.len(), about.modified().ok()));
        }
    }
    if packs.len() > PACKS_MAX {
        return Err(Failure::new(format!("`{}` holds more than {PACKS_MAX} packs", folder.display())));
    }
    packs.sort();
    Ok(packs)
}
