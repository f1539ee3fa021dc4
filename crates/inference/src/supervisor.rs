//! The gateway's side: starts the worker, knows how it is, starts it again.

use crate::gguf::{self, AdapterFacts, Facts, Shapes};
use crate::words::{Line, WORKER_WORD};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use schleuse_types::{Clock, SystemClock};
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// What one embedded engine is.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// The GGUF file.
    pub weights: PathBuf,
    /// The model's name on the wire.
    pub model: String,
    /// At most [`ADAPTERS_MAX`], of different names.
    pub adapters: Vec<AdapterConfig>,
    /// Where the worker listens. The folder becomes private to this user (0700); a stale socket is replaced.
    pub socket: PathBuf,
    /// Threads that compute; all processors without it.
    pub threads: Option<usize>,
    /// Tokens that all running requests share, 256 to 1,048,576. One request gets no more than the model was trained
    /// for.
    pub context_tokens: u32,
    /// Answers in the making at once, 1 to 64.
    pub parallel: u32,
    /// Address space of the worker; from the file's size without it.
    pub memory_max_bytes: Option<u64>,
    /// The binary whose `engine-worker` is [`crate::worker_main`]; normally `/proc/self/exe`.
    pub program: PathBuf,
}

/// Matrices of low rank (LoRA) that are added to those of the weights for requests that name them: `model:name`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdapterConfig {
    /// 1 to 64 of `A-Z a-z 0-9 . _ -`.
    pub name: String,
    /// A GGUF file for the same base. The worker opens it by this path.
    pub file: PathBuf,
}

/// As many adapters as an engine takes.
pub const ADAPTERS_MAX: usize = 16;

/// Why the engine did not start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineError {
    /// A number in the configuration is out of range.
    Config(String),
    /// The model file stands against it; trying again changes nothing.
    Refused(String),
    /// The worker cannot be shut in on this machine, and without that it does not run.
    Unconfined(String),
    /// The worker ended before it was ready.
    Failed(String),
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(why) => write!(f, "the engine's configuration is wrong: {why}"),
            Self::Refused(why) => write!(f, "the engine was refused: {why}"),
            Self::Unconfined(why) => write!(f, "the sandbox of the engine cannot be had: {why}"),
            Self::Failed(why) => write!(f, "the engine did not start: {why}"),
        }
    }
}

impl std::error::Error for EngineError {}

/// How the engine is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineStatus {
    /// The worker loads the weights.
    Starting,
    /// The worker answers.
    Ready,
    /// The worker ended unasked and is started again after `retry_in`.
    Restarting { attempt: u32, reason: String, retry_in: Duration },
    /// It is not started again: the model file stands against it.
    Refused { reason: String },
    /// It is not started again: the worker cannot be shut in on this machine.
    Unconfined { reason: String },
}

impl fmt::Display for EngineStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting => write!(f, "the engine is loading the model"),
            Self::Ready => write!(f, "the engine is ready"),
            Self::Restarting { attempt, reason, retry_in } => {
                write!(
                    f,
                    "the engine ended: {reason}; start {attempt} follows in {} ms",
                    retry_in.as_millis()
                )
            }
            Self::Refused { reason } => write!(f, "the engine does not run: {reason}"),
            Self::Unconfined { reason } => {
                write!(f, "the engine does not run, because its sandbox cannot be had: {reason}")
            }
        }
    }
}

/// A running engine. Dropping it ends the worker; [`Engine::stop`] also waits for its end.
#[derive(Debug)]
pub struct Engine {
    socket: PathBuf,
    shared: Arc<Shared>,
    status: watch::Receiver<State>,
}

#[derive(Debug, Clone, PartialEq)]
enum State {
    Is(EngineStatus),
    /// The supervisor's thread is over.
    Over(EngineStatus),
}

impl State {
    fn status(&self) -> &EngineStatus {
        let (Self::Is(status) | Self::Over(status)) = self;
        status
    }
}

#[derive(Debug, Default)]
struct Shared {
    inner: Mutex<Inner>,
    stopped: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    /// Set from spawn until just before the process is reaped, so that the number cannot have passed to another.
    worker: Option<u32>,
    stop: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every critical section is a few assignments; none can leave the value half changed.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stop(&self) {
        let mut inner = self.lock();
        inner.stop = true;
        if let Some(pid) = inner.worker.and_then(|pid| i32::try_from(pid).ok()) {
            // It can only fail when the worker has ended by itself.
            let _ended = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        self.stopped.notify_all();
    }
}

impl Engine {
    /// Checks the file, starts the worker and waits until it answers.
    pub async fn start(config: EngineConfig) -> Result<Self, EngineError> {
        check(&config)?;
        let shared = Arc::new(Shared::default());
        let (report, mut status) = watch::channel(State::Is(EngineStatus::Starting));
        let socket = config.socket.clone();
        let supervisor = Supervisor {
            config,
            processors: Processors::current(),
            shared: Arc::clone(&shared),
            report,
            clock: SystemClock::new(),
        };
        // A thread, not a task: the kernel ends the worker when the thread that started it ends.
        std::thread::Builder::new()
            .name("engine-supervisor".to_owned())
            .spawn(move || supervisor.run())
            .map_err(|error| EngineError::Failed(error.to_string()))?;
        let engine = Self { socket, shared, status: status.clone() };
        let begun = status.wait_for(|state| state.status() != &EngineStatus::Starting).await;
        let begun = begun.map(|state| state.status().clone());
        match begun {
            Ok(EngineStatus::Ready | EngineStatus::Starting) => Ok(engine),
            Ok(EngineStatus::Refused { reason }) => Err(EngineError::Refused(reason)),
            Ok(EngineStatus::Unconfined { reason }) => Err(EngineError::Unconfined(reason)),
            Ok(EngineStatus::Restarting { reason, .. }) => {
                engine.stop().await;
                Err(EngineError::Failed(reason))
            }
            Err(_) => Err(EngineError::Failed("its supervisor ended".to_owned())),
        }
    }

    pub fn status(&self) -> EngineStatus {
        self.status.borrow().status().clone()
    }

    /// Where the worker listens.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// The worker's process, while there is one.
    pub fn worker_pid(&self) -> Option<u32> {
        self.shared.lock().worker
    }

    /// Ends the worker at once and waits until it is gone. Drain before.
    pub async fn stop(mut self) {
        self.shared.stop();
        // An error says that the supervisor is gone, which is what is waited for.
        let _over = self.status.wait_for(|state| matches!(state, State::Over(_))).await;
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.shared.stop();
    }
}

fn check(config: &EngineConfig) -> Result<(), EngineError> {
    let wrong = |why: &str| Err(EngineError::Config(why.to_owned()));
    if !(256..=1 << 20).contains(&config.context_tokens) {
        return wrong("`context_tokens` must be from 256 to 1048576");
    }
    if !(1..=64).contains(&config.parallel) {
        return wrong("`parallel` must be from 1 to 64");
    }
    if config.threads.is_some_and(|threads| !(1..=512).contains(&threads)) {
        return wrong("`threads` must be from 1 to 512");
    }
    if config.model.is_empty() || config.model.len() > 256 || config.model.chars().any(char::is_control) {
        return wrong("`model` must be a name of 1 to 256 bytes");
    }
    check_adapters(&config.adapters).map_err(EngineError::Config)
}

/// Whether these can stand beside each other. `Err` says why not; the files are looked at when the engine starts.
pub fn check_adapters(adapters: &[AdapterConfig]) -> Result<(), String> {
    if adapters.len() > ADAPTERS_MAX {
        return Err(format!("there are {} adapters, and at most {ADAPTERS_MAX} are allowed", adapters.len()));
    }
    for (place, AdapterConfig { name, file }) in adapters.iter().enumerate() {
        let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        if !plain || !(1..=64).contains(&name.len()) {
            return Err(format!(
                "the name of an adapter is 1 to 64 letters, digits, `.`, `_` and `-`, not `{name}`"
            ));
        }
        if adapters.iter().take(place).any(|other| other.name == *name) {
            return Err(format!("two adapters are called `{name}`"));
        }
        if file.to_str().is_none() {
            return Err(format!("the path of the adapter `{name}` is not UTF-8"));
        }
    }
    Ok(())
}

/// How one worker's life ended.
enum Ending {
    Refused(String),
    Unconfined(String),
    Crashed(String),
}

struct Supervisor {
    config: EngineConfig,
    processors: Processors,
    shared: Arc<Shared>,
    report: watch::Sender<State>,
    clock: SystemClock,
}

/// The first pause before a new start; it doubles up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// A worker that answered for this long is forgiven its earlier ends.
const STEADY: Duration = Duration::from_secs(60);

impl Supervisor {
    fn run(self) {
        self.processors.keep_one();
        let mut attempt = 0;
        while !self.shared.lock().stop {
            self.say(EngineStatus::Starting);
            let began = self.clock.monotonic();
            match self.run_worker() {
                Ending::Refused(reason) => {
                    tracing::error!(reason, "the engine was refused");
                    self.say(EngineStatus::Refused { reason });
                    break;
                }
                Ending::Unconfined(reason) => {
                    tracing::error!(reason, "the engine's sandbox cannot be had");
                    self.say(EngineStatus::Unconfined { reason });
                    break;
                }
                Ending::Crashed(reason) => {
                    let lived = self.clock.monotonic().saturating_sub(began);
                    attempt = if lived >= STEADY { 1 } else { attempt + 1 };
                    let retry_in = pause(attempt);
                    if !self.shared.lock().stop {
                        tracing::warn!(reason, attempt, "the engine's worker ended");
                    }
                    self.say(EngineStatus::Restarting { attempt, reason, retry_in });
                    self.wait(retry_in);
                }
            }
        }
        let last = self.report.borrow().status().clone();
        // The listener is gone with the worker; its name would only mislead.
        let _absent = std::fs::remove_file(&self.config.socket);
        self.report.send_replace(State::Over(last));
    }

    fn say(&self, status: EngineStatus) {
        self.report.send_replace(State::Is(status));
    }

    fn wait(&self, pause: Duration) {
        let inner = self.shared.lock();
        let _woken = self.shared.stopped.wait_timeout_while(inner, pause, |inner| !inner.stop);
    }

    /// One worker from its start to its end.
    fn run_worker(&self) -> Ending {
        let opened = open_weights(&self.config.weights).and_then(|(weights, facts, shapes)| {
            Ok((weights, adapters_bytes(&self.config, &facts, &shapes)?, facts))
        });
        let (weights, adapters_bytes, facts) = match opened {
            Ok(opened) => opened,
            Err(why) => return Ending::Refused(why),
        };
        let memory = match memory_max(&self.config, &facts, &weights, adapters_bytes) {
            Ok(memory) => memory,
            Err(error) => return Ending::Crashed(error.to_string()),
        };
        let listener = match listen(&self.config.socket) {
            Ok(listener) => listener,
            Err(error) => {
                let socket = self.config.socket.display();
                return Ending::Crashed(format!("no socket at `{socket}`: {error}"));
            }
        };
        let mut command =
            worker_command(&self.config, &self.processors, memory, OwnedFd::from(listener), weights);
        let mut child = {
            // Under the lock, so that a stop either prevents the start or finds the worker.
            let mut inner = self.shared.lock();
            if inner.stop {
                return Ending::Crashed("it was stopped".to_owned());
            }
            match command.spawn() {
                Ok(child) => {
                    inner.worker = Some(child.id());
                    child
                }
                Err(error) => return Ending::Crashed(format!("the worker cannot be started: {error}")),
            }
        };
        let said = child.stderr.take().and_then(|pipe| self.listen_to(pipe));
        // The pipe is closed: the worker has ended or is about to. Its number is not used from here on.
        self.shared.lock().worker = None;
        let _ended = child.kill();
        let ended = match child.wait() {
            Ok(status) => in_words(status),
            Err(error) => error.to_string(),
        };
        match said {
            Some(Line::Refused(why)) => Ending::Refused(why),
            Some(Line::Unconfined(why)) => Ending::Unconfined(why),
            Some(Line::Failed(why)) => Ending::Crashed(why),
            Some(Line::Other(why)) => Ending::Crashed(format!("{ended} ({why})")),
            _ => Ending::Crashed(ended),
        }
    }

    /// Listens until the worker closes its end; answers its last word.
    fn listen_to(&self, pipe: impl Read) -> Option<Line> {
        let mut last = None;
        let mut lines = BufReader::new(pipe);
        loop {
            let mut line = Vec::new();
            match lines.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return last,
                Ok(_) => {}
            }
            match Line::parse(String::from_utf8(line).unwrap_or_default().trim_end()) {
                Line::Ready { vocabulary, context_tokens } => {
                    tracing::info!(vocabulary, context_tokens, "the engine is ready");
                    self.say(EngineStatus::Ready);
                }
                // Native code may print anything; only its own assertions are known to hold nothing of a prompt.
                Line::Other(text) if !text.contains("GGML_ASSERT(") => {}
                word => last = Some(word),
            }
        }
    }
}

/// The processors that this process may use.
#[derive(Debug)]
struct Processors(Vec<usize>);

impl Processors {
    fn current() -> Self {
        let allowed = sched_getaffinity(Pid::from_raw(0)).unwrap_or_default();
        let allowed: Vec<usize> =
            (0..CpuSet::count()).filter(|processor| allowed.is_set(*processor).unwrap_or(false)).collect();
        Self(if allowed.is_empty() { vec![0] } else { allowed })
    }

    /// Leaves the calling thread, and what it starts, one processor. The worker takes the others back at once.
    ///
    /// The OpenMP library of the native code looks at this when it is loaded. If it sees a processor for each thread
    /// it waits for slower threads in a busy loop of about 15 ms; beside other work on the machine that makes an
    /// answer ten times slower. If it sees fewer it waits busily for some 50 µs and then sleeps, which costs nothing
    /// when the machine is idle. The other way to tell it, its environment, is closed: the worker has none.
    fn keep_one(&self) {
        let mut one = CpuSet::new();
        let kept = self
            .0
            .first()
            .map(|first| one.set(*first).and_then(|()| sched_setaffinity(Pid::from_raw(0), &one)));
        if let Some(Err(error)) = kept {
            tracing::warn!(%error, "the engine will be slow beside other work");
        }
    }
}

fn worker_command(
    config: &EngineConfig,
    processors: &Processors,
    memory_max_bytes: u64,
    socket: OwnedFd,
    weights: File,
) -> Command {
    let threads = config.threads.unwrap_or(processors.0.len());
    let list: Vec<String> = processors.0.iter().map(usize::to_string).collect();
    let mut command = Command::new(&config.program);
    command
        .arg(WORKER_WORD)
        .args(["--model", &config.model])
        .args(["--adapters", &adapters_word(&config.adapters)])
        .args(["--context-tokens", &config.context_tokens.to_string()])
        .args(["--parallel", &config.parallel.to_string()])
        .args(["--threads", &threads.to_string()])
        .args(["--processors", &list.join(",")])
        .args(["--memory-max-bytes", &memory_max_bytes.to_string()])
        .args(["--parent", &std::process::id().to_string()])
        .env_clear()
        .current_dir("/")
        // Ctrl-C in a terminal goes to the gateway, which drains first.
        .process_group(0)
        .stdin(socket)
        .stdout(OwnedFd::from(weights))
        .stderr(Stdio::piped());
    command
}

/// Starts a worker that loads the model, seals its sandbox, tries to break out in every way it knows, and ends.
///
/// One row per attempt: its name, and whether it was denied. Blocks for as long as the model takes to load.
pub fn prove_sandbox(config: &EngineConfig) -> Result<Vec<(String, bool)>, EngineError> {
    check(config)?;
    let failed = |error: io::Error| EngineError::Failed(error.to_string());
    let (weights, facts, shapes) = open_weights(&config.weights).map_err(EngineError::Refused)?;
    let adapters_bytes = adapters_bytes(config, &facts, &shapes).map_err(EngineError::Refused)?;
    let memory = memory_max(config, &facts, &weights, adapters_bytes).map_err(failed)?;
    let (socket, _other_end) = std::os::unix::net::UnixStream::pair().map_err(failed)?;
    let mut command = worker_command(config, &Processors::current(), memory, OwnedFd::from(socket), weights);
    let output = command.args(["--prove-sandbox", "true"]).output().map_err(failed)?;
    let mut rows = Vec::new();
    for line in String::from_utf8(output.stderr).unwrap_or_default().lines() {
        match (Line::parse(line), line.split_once(' ')) {
            (Line::Refused(why), _) => return Err(EngineError::Refused(why)),
            (Line::Unconfined(why), _) => return Err(EngineError::Unconfined(why)),
            (Line::Failed(why), _) => return Err(EngineError::Failed(why)),
            (_, Some(("denied", name))) => rows.push((name.to_owned(), true)),
            (_, Some(("ESCAPED", name))) => rows.push((name.to_owned(), false)),
            _ => {}
        }
    }
    if rows.is_empty() {
        return Err(EngineError::Failed(in_words(output.status)));
    }
    Ok(rows)
}

/// Longer lines are cut into several.
const LINE_BYTES_MAX: u64 = 4096;

fn pause(attempt: u32) -> Duration {
    PAUSE_MIN.saturating_mul(1 << attempt.saturating_sub(1).min(20)).min(PAUSE_MAX)
}

fn in_words(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (_, Some(signal)) => {
            let name =
                Signal::try_from(signal).map_or_else(|_| signal.to_string(), |signal| signal.to_string());
            format!("the worker was ended by {name}")
        }
        (Some(code), _) => format!("the worker ended with code {code}"),
        _ => "the worker ended".to_owned(),
    }
}

/// Opens the file and checks what was opened, so that nothing can be put in its place in between.
fn open_weights(path: &Path) -> Result<(File, Facts, Shapes), String> {
    let name = path.file_name().map_or_else(|| path.display().to_string(), |name| name.display().to_string());
    let file = File::open(path).map_err(|error| format!("`{name}` cannot be opened: {error}"))?;
    let (facts, shapes) = gguf::check(&file).map_err(|error| format!("{name}: {error}"))?;
    Ok((file, facts, shapes))
}

/// Checks every adapter's file beside the weights', and adds up their bytes. This spares the start of a worker that would
/// refuse; the worker checks again what it opens itself.
fn adapters_bytes(config: &EngineConfig, facts: &Facts, shapes: &Shapes) -> Result<u64, String> {
    let mut bytes: u64 = 0;
    for adapter in &config.adapters {
        let (file, _) = open_adapter(adapter, facts, shapes)?;
        let length =
            file.metadata().map_err(|error| format!("the adapter `{}`: {error}", adapter.name))?.len();
        bytes = bytes.saturating_add(length);
    }
    Ok(bytes)
}

/// Opens an adapter's file and checks what was opened.
pub(crate) fn open_adapter(
    adapter: &AdapterConfig,
    facts: &Facts,
    shapes: &Shapes,
) -> Result<(File, AdapterFacts), String> {
    let AdapterConfig { name, file: path } = adapter;
    let file = File::open(path).map_err(|error| format!("the adapter `{name}` cannot be opened: {error}"))?;
    let found = gguf::check_adapter(&file, facts, shapes);
    let found = found.map_err(|error| format!("the adapter `{name}` is refused: {error}"))?;
    Ok((file, found))
}

/// What the worker is told of the adapters: a list of pairs, name and absolute path.
fn adapters_word(adapters: &[AdapterConfig]) -> String {
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let pair = |adapter: &AdapterConfig| {
        let path = absolute(&adapter.file);
        serde_json::json!([adapter.name, path.to_str()])
    };
    serde_json::Value::Array(adapters.iter().map(pair).collect()).to_string()
}

/// Weights twice (some are rearranged for the processor), adapters twice (read and then copied), the cells, room for computing, and slack for threads.
fn memory_max(config: &EngineConfig, facts: &Facts, weights: &File, adapters_bytes: u64) -> io::Result<u64> {
    const SLACK: u64 = 3 << 30;
    if let Some(bytes) = config.memory_max_bytes {
        return Ok(bytes);
    }
    let cells = facts.cell_bytes.saturating_mul(u64::from(config.context_tokens));
    let outputs = facts.vocabulary.saturating_mul(4 * 4096);
    let weights = weights.metadata()?.len().saturating_mul(2);
    let weights = weights.saturating_add(adapters_bytes.saturating_mul(2));
    Ok(weights.saturating_add(cells).saturating_add(outputs).saturating_add(SLACK))
}

fn listen(socket: &Path) -> io::Result<UnixListener> {
    if let Some(folder) = socket.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let permissions = std::fs::metadata(folder)?.permissions();
        if permissions.mode() & 0o077 != 0 {
            std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
        }
    }
    match std::fs::symlink_metadata(socket) {
        Ok(found) if found.file_type().is_socket() => std::fs::remove_file(socket)?,
        Ok(_) => {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "something other than a socket is there",
            ));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    UnixListener::bind(socket)
}

#[cfg(test)]
mod tests {
    use super::pause;
    use std::time::Duration;

    #[test]
    fn pauses_double_up_to_half_a_minute() {
        let check = |attempt, millis| assert_eq!(pause(attempt), Duration::from_millis(millis));
        check(1, 250);
        check(2, 500);
        check(7, 16_000);
        check(8, 30_000);
        check(u32::MAX, 30_000);
    }
}
