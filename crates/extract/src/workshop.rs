//! The house's side: starts a worker for each file, gives it the bytes, waits for the text and no longer than it is patient.

use std::io::{Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::document::{Extracted, FILE_BYTES_MAX, Rejected};
use crate::frame::{ANSWERED_BYTES_MAX, EXTENSION_BYTES_MAX, ask, read_answered};
use crate::worker::WORKER_WORD;

/// How long one file may take.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Where files are read.
#[derive(Debug, Clone)]
pub struct Workshop {
    /// The binary whose first argument [`WORKER_WORD`] makes it [`crate::worker_main`]; normally `/proc/self/exe`.
    program: PathBuf,
    patience: Duration,
}

/// Ends the reading of a file early, from another thread. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Recall(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    inner: Mutex<Inner>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    /// Set from spawn until before the process is reaped, so that the number cannot have passed to another.
    worker: Option<Pid>,
    is_recalled: bool,
    is_late: bool,
    is_over: bool,
}

impl Recall {
    /// The worker ends at once; a reading that did not begin does not.
    pub fn recall(&self) {
        let mut inner = self.lock();
        inner.is_recalled = true;
        end(&inner);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every critical section is a few assignments; none can leave the value half changed.
        self.0.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the worker when its time is over.
    fn watch(&self, patience: Duration) {
        let inner = self.lock();
        let waited = self.0.changed.wait_timeout_while(inner, patience, |inner| !inner.is_over);
        let (mut inner, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if !inner.is_over {
            inner.is_late = true;
            end(&inner);
        }
    }
}

fn end(inner: &Inner) {
    if let Some(worker) = inner.worker {
        // It can only fail when the worker has ended by itself.
        let _ended = kill(worker, Signal::SIGKILL);
    }
}

impl Workshop {
    pub fn new(program: PathBuf) -> Self {
        Self { program, patience: PATIENCE }
    }

    /// As [`Self::new`] with another patience, for tests.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Whether workers can be shut in on this machine; why not, if not.
    ///
    /// # Errors
    /// [`Rejected::Unconfined`], or what else kept a worker from reading one word.
    pub fn prove(&self) -> Result<(), Rejected> {
        self.read(b"a", "txt", &Recall::default()).map(drop)
    }

    /// Reads a file in a worker of its own. Blocks its thread until then; the worker ends with the thread.
    ///
    /// `extension` is the ending of the file's name, in small letters and without the dot.
    ///
    /// # Errors
    /// Why the file is not read.
    pub fn read(&self, file: &[u8], extension: &str, recall: &Recall) -> Result<Extracted, Rejected> {
        if file.is_empty() {
            return Err(Rejected::Empty);
        }
        if file.len() > FILE_BYTES_MAX {
            return Err(Rejected::TooLarge);
        }
        // Longer ones are of no kind that is known.
        let extension = if extension.len() > EXTENSION_BYTES_MAX { "unknown" } else { extension };
        let mut child = self.start(recall)?;
        let (to, from) = (child.stdin.take(), child.stdout.take());
        let (Some(mut to), Some(from)) = (to, from) else { return Err(Rejected::Died) };
        let asked = ask(extension, file);
        let answered = std::thread::scope(|scope| {
            scope.spawn(|| recall.watch(self.patience));
            scope.spawn(move || {
                // A worker that ended early does not read to the end; its answer says why.
                let _broken = to.write_all(&asked);
            });
            let mut answered = Vec::new();
            let limit = u64::try_from(ANSWERED_BYTES_MAX).unwrap_or(u64::MAX);
            let heard = from.take(limit).read_to_end(&mut answered);
            let mut inner = recall.lock();
            inner.is_over = true;
            // Whatever it still does, it has said what counts.
            end(&inner);
            inner.worker = None;
            drop(inner);
            recall.0.changed.notify_all();
            heard.map(|_| answered)
        });
        let _status = child.wait();
        let inner = recall.lock();
        if inner.is_recalled {
            return Err(Rejected::Cancelled);
        }
        if inner.is_late {
            return Err(Rejected::TooLong);
        }
        answered.ok().and_then(|answered| read_answered(&answered)).unwrap_or(Err(Rejected::Died))
    }

    fn start(&self, recall: &Recall) -> Result<Child, Rejected> {
        let mut command = Command::new(&self.program);
        command
            .arg(WORKER_WORD)
            .arg(std::process::id().to_string())
            .env_clear()
            .current_dir("/")
            // Ctrl-C in a terminal goes to the house, which drains first.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // A panic's words may hold text of the file.
            .stderr(Stdio::null());
        // Under the lock, so that a recall either prevents the start or finds the worker.
        let mut inner = recall.lock();
        if inner.is_recalled {
            return Err(Rejected::Cancelled);
        }
        let child = command.spawn().map_err(|error| Rejected::Unconfined(format!("no worker: {error}")))?;
        inner.worker = i32::try_from(child.id()).ok().map(Pid::from_raw);
        Ok(child)
    }

    /// Starts a worker that seals its sandbox, tries to break out in every way it knows, and ends. One row for each attempt: its
    /// name, and whether it was denied.
    ///
    /// # Errors
    /// When the worker cannot be started.
    pub fn prove_sandbox(&self) -> std::io::Result<Vec<(String, bool)>> {
        let output = Command::new(&self.program)
            .arg(WORKER_WORD)
            .arg(std::process::id().to_string())
            .arg("prove")
            .env_clear()
            .stdin(Stdio::null())
            .output()?;
        let said = String::from_utf8(output.stderr).unwrap_or_default();
        let rows = said.lines().filter_map(|line| match line.split_once(' ')? {
            ("denied", name) => Some((name.to_owned(), true)),
            ("ESCAPED", name) => Some((name.to_owned(), false)),
            _ => None,
        });
        Ok(rows.collect())
    }
}
