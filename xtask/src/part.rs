//! A process that takes part in a measurement or a proof and ends with it.

use crate::Trouble;
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How long a house may take until it is ready, in steps of [`STEP`].
const STEPS: u32 = 400;
const STEP: Duration = Duration::from_millis(50);

/// A running process with the address that it serves.
pub(crate) struct Part {
    child: Child,
    /// `HOST:PORT` on the loopback interface.
    pub(crate) address: String,
    /// The key to ask with; empty where none is needed.
    pub(crate) key: String,
    /// The key of the role that may not ask.
    pub(crate) auditor_key: String,
}

impl Part {
    /// Starts a tool of the bench, which prints `listening on ADDRESS` first.
    ///
    /// # Errors
    /// When it does not start or says something else.
    pub(crate) fn tool(program: &Path, arguments: &[&str]) -> Result<Self, Trouble> {
        let trouble = |why: &str| Trouble::new(format!("`{}` {why}", program.display()));
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child =
            command.spawn().map_err(|error| trouble(&format!("could not be started: {error}")))?;
        let output = child.stdout.take();
        let mut part = Self { child, address: String::new(), key: String::new(), auditor_key: String::new() };
        let mut line = String::new();
        let output = output.ok_or_else(|| trouble("has no standard output"))?;
        BufReader::new(output).read_line(&mut line).map_err(|error| trouble(&error.to_string()))?;
        let address = line
            .trim()
            .strip_prefix("listening on ")
            .ok_or_else(|| trouble("did not say where it listens"))?;
        part.address = address.to_owned();
        Ok(part)
    }

    /// Starts `schleuse demo` in `folder` with a configuration file and waits until it is ready.
    ///
    /// # Errors
    /// When it ends early or is not ready in time; its words are in `house.log`.
    pub(crate) fn house(schleuse: &Path, folder: &Path, settings: &Path) -> Result<Self, Trouble> {
        let log = folder.join("house.log");
        let ready = folder.join("ready.json");
        let trouble = |why: &str| Trouble::new(format!("the house {why}; see `{}`", log.display()));
        let file = File::create(&log).map_err(|error| trouble(&format!("has no log: {error}")))?;
        let errors = file.try_clone().map_err(|error| trouble(&format!("has no log: {error}")))?;
        let mut command = Command::new(schleuse);
        command.args(["demo", "--listen", "127.0.0.1:0", "--data"]).arg(folder.join("data"));
        command.arg("--ready-file").arg(&ready).arg("--config").arg(settings);
        command.stdin(Stdio::null()).stdout(file).stderr(errors);
        let child = command.spawn().map_err(|error| trouble(&format!("could not be started: {error}")))?;
        let mut part = Self { child, address: String::new(), key: String::new(), auditor_key: String::new() };
        for _ in 0..STEPS {
            let told = std::fs::read_to_string(&ready).ok();
            if let Some((address, key, auditor_key)) = told.as_deref().and_then(invitation) {
                part.address = address;
                part.key = key;
                part.auditor_key = auditor_key;
                return Ok(part);
            }
            if part.child.try_wait().is_ok_and(|ended| ended.is_some()) {
                return Err(trouble("ended before it was ready"));
            }
            std::thread::sleep(STEP);
        }
        Err(trouble("was not ready in 20 s"))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Resident memory now, in millions of bytes; NaN when the kernel does not tell.
    pub(crate) fn resident_mb(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes = line.and_then(|rest| rest.trim().strip_suffix("kB")?.trim().parse::<f64>().ok());
        kibibytes.map_or(f64::NAN, |kibibytes| kibibytes * 1024.0 / 1e6)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        end(&mut self.child, Duration::from_secs(15));
    }
}

/// Asks a process to end, waits, and makes it end when it does not.
pub(crate) fn end(child: &mut Child, patience: Duration) {
    drop(Command::new("kill").args(["-TERM", &child.id().to_string()]).status());
    let mut waited = Duration::ZERO;
    while waited < patience {
        if child.try_wait().is_ok_and(|ended| ended.is_some()) {
            return;
        }
        std::thread::sleep(STEP);
        waited += STEP;
    }
    drop(child.kill());
    drop(child.wait());
}

/// Address, an engineer's and the auditor's key out of a house's ready file.
fn invitation(ready: &str) -> Option<(String, String, String)> {
    let ready: Value = serde_json::from_str(ready).ok()?;
    let url = ready.get("url")?.as_str()?;
    let address = url.strip_prefix("http://")?.trim_end_matches('/');
    let key = |role: &str| Some(ready.get("keys")?.get(role)?.as_str()?.to_owned());
    Some((address.to_owned(), key("engineer")?, key("auditor")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ready_file_invites() {
        let ready = r#"{"url":"http://127.0.0.1:8080/","admin":"http://127.0.0.1:9","keys":{"engineer":"sk-x","auditor":"sk-y"}}"#;
        let expected = ("127.0.0.1:8080".to_owned(), "sk-x".to_owned(), "sk-y".to_owned());
        assert_eq!(invitation(ready), Some(expected));
        assert_eq!(invitation(r#"{"url":"http://127.0.0.1:8080"}"#), None);
        assert_eq!(invitation(""), None);
    }
}
