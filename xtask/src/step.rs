//! Running a command as one step: what it is called, how long it took, and what it said when it failed.

use crate::{Trouble, place};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How often a silent step says that it is still running.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// Lines of a failed step's log that are shown, from its beginning and from its end.
const HEAD_LINES: usize = 12;
const TAIL_LINES: usize = 20;

/// A command with a name and a clock.
pub(crate) struct Step {
    name: String,
    begun: Instant,
}

impl Step {
    /// Says that the step begins.
    #[expect(
        clippy::disallowed_methods,
        reason = "build steps are timed by the real clock; nothing is tested with it"
    )]
    pub(crate) fn begin(name: impl Into<String>) -> Self {
        let name = name.into();
        eprintln!("» {name}");
        Self { name, begun: Instant::now() }
    }

    /// Says that the step is done, with its seconds.
    pub(crate) fn done(self) {
        eprintln!("✓ {} ({} s)", self.name, self.begun.elapsed().as_secs());
    }

    fn failed(self, why: &str) -> Trouble {
        Trouble::new(format!("{} failed after {} s: {why}", self.name, self.begun.elapsed().as_secs()))
    }
}

/// Runs a command whose own output is the progress.
///
/// # Errors
/// When it cannot be started or ends with anything but success.
pub(crate) fn show(name: &str, command: &mut Command) -> Result<(), Trouble> {
    let step = Step::begin(name);
    match command.stdin(Stdio::null()).status() {
        Ok(status) if status.success() => {
            step.done();
            Ok(())
        }
        Ok(status) => Err(step.failed(&status.to_string())),
        Err(error) => Err(step.failed(&could_not_start(command, &error))),
    }
}

/// Runs a command with its output in a log; every ten seconds a line says that it still runs, and when it fails the end of
/// the log is shown.
///
/// # Errors
/// When it cannot be started or ends with anything but success.
pub(crate) fn quiet(name: &str, log: &Path, command: &mut Command) -> Result<(), Trouble> {
    if let Some(folder) = log.parent() {
        place::make_folder(folder)?;
    }
    let open = || File::create(log).and_then(|file| Ok((file.try_clone()?, file)));
    let (output, errors) = open()
        .map_err(|error| Trouble::new(format!("log `{}` cannot be written: {error}", log.display())))?;
    let step = Step::begin(name);
    let mut child = match command.stdin(Stdio::null()).stdout(output).stderr(errors).spawn() {
        Ok(child) => child,
        Err(error) => return Err(step.failed(&could_not_start(command, &error))),
    };
    let (ended, waiting) = mpsc::channel::<()>();
    let status = std::thread::scope(|scope| {
        let step = &step;
        scope.spawn(move || {
            while let Err(mpsc::RecvTimeoutError::Timeout) = waiting.recv_timeout(HEARTBEAT) {
                eprintln!("  … {} ({} s)", step.name, step.begun.elapsed().as_secs());
            }
        });
        let status = child.wait();
        // Hanging up ends the heartbeat.
        drop(ended);
        status
    });
    match status {
        Ok(status) if status.success() => {
            step.done();
            Ok(())
        }
        Ok(status) => {
            let text = std::fs::read_to_string(log).unwrap_or_default();
            let lines = text.lines().count();
            // The cause stands at the beginning (npm) or at the end (apt, pip).
            for (index, line) in text.lines().enumerate() {
                if index < HEAD_LINES || index + TAIL_LINES >= lines {
                    eprintln!("  | {line}");
                } else if index == HEAD_LINES {
                    eprintln!("  | …");
                }
            }
            Err(step.failed(&format!("{status}; the whole log is in `{}`", log.display())))
        }
        Err(error) => Err(step.failed(&error.to_string())),
    }
}

/// Runs a command, shows its standard output as it comes, and hands every line of it to `each`.
///
/// The result is whether the command ended with success; a command that cannot be started is an error.
pub(crate) fn listen(name: &str, command: &mut Command, mut each: impl FnMut(&str)) -> Result<bool, Trouble> {
    let step = Step::begin(name);
    let mut child = match command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn() {
        Ok(child) => child,
        Err(error) => return Err(step.failed(&could_not_start(command, &error))),
    };
    if let Some(output) = child.stdout.take() {
        let mut terminal = std::io::stdout().lock();
        for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
            // A test may print any bytes; they are passed on as they are, and only what is text can be counted.
            drop(terminal.write_all(&line).and_then(|()| terminal.write_all(b"\n")));
            if let Ok(text) = std::str::from_utf8(&line) {
                each(text);
            }
        }
    }
    match child.wait() {
        Ok(status) if status.success() => {
            step.done();
            Ok(true)
        }
        Ok(status) => {
            eprintln!("x: {}", step.failed(&status.to_string()));
            Ok(false)
        }
        Err(error) => Err(step.failed(&error.to_string())),
    }
}

/// What a command prints, when it succeeds; `None` when it is missing, fails, or prints something that is not text.
pub(crate) fn answer(program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> Option<String> {
    let output =
        Command::new(program).args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    if !output.status.success() {
        return None;
    }
    String::from_utf8(output.stdout).ok().map(|text| text.trim().to_owned())
}

/// Whether a program of this name is on the path.
pub(crate) fn on_path(program: &str) -> bool {
    find(program).is_some()
}

/// Where a program of this name is on the path.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Cargo, as it started this tool, working in the checkout.
pub(crate) fn cargo(place: &place::Place) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(&place.root).env("CARGO_TARGET_DIR", &place.target);
    // What `cargo run` told this tool about itself must not reach the builds that it starts.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"]
            .iter()
            .any(|own| name.starts_with(own))
        {
            command.env_remove(name.as_ref());
        }
    }
    command
}

fn could_not_start(command: &Command, error: &std::io::Error) -> String {
    format!("`{}` could not be started: {error}", command.get_program().to_string_lossy())
}
